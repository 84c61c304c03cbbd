"""The recent errors of all workers, and the questions to them."""

from __future__ import annotations

import asyncio
import base64
import socket
from collections.abc import AsyncIterator, Iterator
from typing import Any, cast

import pytest

from pilotlight import messages
from pilotlight.debugger import from_exception, to_json
from pilotlight.supervisor.child import Child, State
from pilotlight.supervisor.desk import MOST_EQUAL, MOST_REPORTS, MOST_REQUESTS, Desk

REQUEST = b"GET / HTTP/1.1\r\n\r\n"


class Worker:
    """What the desk needs of a child."""

    def __init__(self) -> None:
        self.state = State.SERVING
        self.sent: list[dict[str, Any]] = []

    def send(self, body: dict[str, Any]) -> bool:
        self.sent.append(body)
        return True


@pytest.fixture
def worker() -> Worker:
    return Worker()


@pytest.fixture
def desk(worker: Worker) -> Iterator[Desk]:
    with socket.socket() as listening:
        yield Desk(lambda: cast(Child, worker), (listening, False))


def arrive(desk: Desk, worker: Worker, request: bytes | None = None, message: str = "x") -> str:
    report = to_json(from_exception(ValueError(message)))
    kept = None if request is None else base64.b64encode(request).decode()
    desk.arrived(cast(Child, worker), {"report": report, "alive": True, "request": kept})
    return str(report["id"])


def question(report: str = "", kind: str = "evaluate") -> dict[str, Any]:
    return {"kind": kind, "report": report, "frame": 0, "code": "1"}


async def read(events: AsyncIterator[dict[str, Any]]) -> list[dict[str, Any]]:
    return [event async for event in events]


def test_the_last_reports_and_requests_are_kept(desk: Desk, worker: Worker) -> None:
    ids = [arrive(desk, worker, REQUEST, f"x {number}") for number in range(MOST_REPORTS + 5)]
    assert [summary.id for summary in desk.reports()] == ids[: -MOST_REPORTS - 1 : -1]
    assert [desk.repeatable(each) for each in ids[-MOST_REQUESTS - 1 :]] == [False] + [True] * MOST_REQUESTS
    assert desk.report(ids[0]) is None


def test_an_error_that_repeats_leaves_the_others_in_the_list(desk: Desk, worker: Worker) -> None:
    first, other = arrive(desk, worker, REQUEST, "first"), arrive(desk, worker, message="other")
    repeated = [arrive(desk, worker, REQUEST) for _ in range(MOST_REPORTS * 2)]
    listed = desk.reports()
    assert [each.id for each in listed] == [*repeated[: -MOST_EQUAL - 1 : -1], other, first]
    assert {each.count for each in listed[:MOST_EQUAL]} == {MOST_REPORTS * 2}
    assert len({each.group for each in listed}) == 3
    assert desk.repeatable(first)
    assert [desk.repeatable(each) for each in repeated[-MOST_REQUESTS:]] == [False] + [True] * 9
    assert desk.report(repeated[0]) is None


def test_the_newest_of_each_error_stays_the_longest(desk: Desk, worker: Worker) -> None:
    for _ in range(3):
        for number in range(MOST_REPORTS // 2):
            arrive(desk, worker, message=f"x {number}")
    assert len(desk.reports()) == MOST_REPORTS
    ids = [arrive(desk, worker, message=f"y {number}") for number in range(MOST_REPORTS // 2)]
    listed = desk.reports()
    assert len(listed) == MOST_REPORTS == len({each.group for each in listed})
    assert [each.id for each in reversed(listed)][MOST_REPORTS // 2 :] == ids
    assert {each.count for each in listed if each.id not in ids} == {3}


def test_a_report_that_comes_twice_counts_once(desk: Desk, worker: Worker) -> None:
    report = to_json(from_exception(ValueError("x")))
    for _ in range(2):
        desk.died(report)
        (summary,) = desk.reports()
        assert summary.count == 1


def test_frames_are_gone_with_their_worker_or_before(desk: Desk, worker: Worker) -> None:
    first, second = arrive(desk, worker), arrive(desk, worker)
    desk.frames_gone([first, "unknown"])
    assert (desk.alive(first), desk.alive(second)) == (False, True)
    desk.left(cast(Child, worker))
    assert not desk.alive(second)
    assert desk.report(second) is not None


def test_a_question_is_answered_by_the_worker_of_the_report(desk: Desk, worker: Worker) -> None:
    async def main() -> list[dict[str, Any]]:
        reading = asyncio.ensure_future(read(desk.ask(question(arrive(desk, worker)))))
        await asyncio.sleep(0)
        number = worker.sent[0]["number"]
        desk.answered(number, {"type": "output", "text": "a"})
        desk.answered(number + 99, {"type": "output", "text": "somebody else's"})
        desk.answered(number, {"type": "done", "status": "ok"})
        return await reading

    assert [event["type"] for event in asyncio.run(main())] == ["output", "done"]
    assert worker.sent[0]["type"] == messages.QUESTION


def test_a_worker_that_ends_ends_its_answers(desk: Desk, worker: Worker) -> None:
    async def main() -> list[dict[str, Any]]:
        reading = asyncio.ensure_future(read(desk.ask(question())))
        await asyncio.sleep(0)
        desk.left(cast(Child, worker))
        return await reading

    assert [event["type"] for event in asyncio.run(main())] == ["note", "done"]


@pytest.mark.parametrize("state", [State.LOADING, State.DRAINING])
def test_nobody_is_asked_while_nobody_serves(desk: Desk, worker: Worker, state: State) -> None:
    worker.state = state
    events = asyncio.run(read(desk.ask(question())))
    assert [event["type"] for event in events] == ["note", "done"]
    assert worker.sent == []


def test_a_frame_of_an_error_that_is_forgotten_is_gone_though_the_app_runs(desk: Desk) -> None:
    note, done = asyncio.run(read(desk.ask(question("forgotten"))))
    assert note["text"] == "The frames of this error are gone."
    assert done["status"] == "gone"


def test_who_stops_reading_cancels(desk: Desk, worker: Worker) -> None:
    async def main() -> None:
        events = desk.ask(question())
        reading = asyncio.ensure_future(read(events))
        await asyncio.sleep(0)
        reading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reading
        await cast(Any, events).aclose()

    asyncio.run(main())
    assert [each["question"]["kind"] for each in worker.sent] == ["evaluate", "cancel"]


def test_subscribers_are_told(desk: Desk, worker: Worker) -> None:
    async def main() -> list[dict[str, Any]]:
        events = desk.subscribe()
        first = asyncio.ensure_future(anext(events))
        await asyncio.sleep(0)
        report = arrive(desk, worker)
        desk.reloaded()
        desk.left(cast(Child, worker))
        found = [await first, await anext(events), await anext(events)]
        await cast(Any, events).aclose()
        assert found[0] == {"type": "report", "id": report}
        return found

    assert [event["type"] for event in asyncio.run(main())] == ["report", "reloaded", "gone"]


def test_a_request_that_cannot_be_sent_again_is_a_sentence(desk: Desk, worker: Worker) -> None:
    report = arrive(desk, worker)
    events = asyncio.run(read(desk.repeat(report)))
    assert [event["type"] for event in events] == ["note"]

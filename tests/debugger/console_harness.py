"""Questions to the console of a worker, and what it says, for the tests."""

from __future__ import annotations

import contextvars
import queue
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import Any

from pilotlight.debugger.console.consoles import Consoles
from pilotlight.debugger.console.keeper import Contexts, Keeper

LIMIT_SECONDS = 20.0


class Answer:
    """The events of one question, as they come."""

    def __init__(self) -> None:
        self._queue: queue.Queue[dict[str, Any]] = queue.Queue()
        self.events: list[dict[str, Any]] = []

    def say(self, event: dict[str, Any]) -> None:
        self._queue.put(event)

    def next(self) -> dict[str, Any]:
        event = self._queue.get(timeout=LIMIT_SECONDS)
        self.events.append(event)
        return event

    def until(self, type_: str) -> dict[str, Any]:
        while (event := self.next())["type"] != type_:
            assert event["type"] != "done", self.events
        return event

    def whole(self) -> Answer:
        while not self.events or self.events[-1]["type"] != "done":
            self.next()
        assert self._queue.empty()
        return self

    @property
    def status(self) -> str:
        return self.events[-1]["status"]

    @property
    def value(self) -> str:
        """The text of the value that was shown; what came instead, if there is none."""
        values = [event["value"]["text"] for event in self.events if event["type"] == "value"]
        assert len(values) == 1, self.events
        return values[0]

    def printed(self, stream: str = "stdout") -> str:
        return "".join(
            event["text"] for event in self.events if event["type"] == "output" and event["stream"] == stream
        )

    def texts(self, type_: str) -> list[str]:
        return [event["text"] for event in self.events if event["type"] == type_]

    @property
    def error(self) -> str:
        (text,) = self.texts("error")
        return text


class Console:
    """One console, asked as the supervisor would ask it."""

    def __init__(self, consoles: Consoles, report: str, frame: int) -> None:
        self.consoles = consoles
        self._where = {"report": report, "frame": frame}

    def ask(self, code: str, kind: str = "evaluate", **more: Any) -> Answer:
        answer = Answer()
        self.consoles.handle({"kind": kind, "code": code, **self._where, **more}, answer.say)
        return answer

    def run(self, code: str) -> Answer:
        return self.ask(code).whole()

    def value(self, code: str) -> str:
        return self.run(code).value

    def names(self, code: str) -> list[str]:
        answer = self.ask(code, "complete", position=len(code)).whole()
        (event,) = [event for event in answer.events if event["type"] == "names"]
        return event["names"]

    def other(self, frame: int, report: str = "r") -> Console:
        return Console(self.consoles, report, frame)


def frames_of(error: BaseException) -> list[FrameType]:
    """Oldest call first, without the test's own."""
    found = []
    traceback = error.__traceback__
    while traceback is not None:
        found.append(traceback.tb_frame)
        traceback = traceback.tb_next
    return found[1:]


def failing(function: Callable[[], Any]) -> list[FrameType]:
    """The frames of a call that raises."""
    try:
        function()
    except BaseException as error:  # noqa: BLE001 - whatever it raised
        return frames_of(error)
    raise AssertionError("nothing was raised")


@contextmanager
def console_of(
    frames: Sequence[FrameType],
    *,
    contexts: Contexts | None = None,
    fresh: Callable[[], dict[str, Any]] = dict,
    missing: str = "",
    idle_seconds: float = 5.0,
    **more: Any,
) -> Iterator[Console]:
    """A console in the last of `frames`, or the plain one without frames."""
    keeper = Keeper()
    consoles = Consoles(keeper, lambda: (fresh(), missing), idle_seconds=idle_seconds, **more)
    if frames:
        keeper.keep("r", frames, contexts or Contexts(contextvars.copy_context()))
    try:
        yield Console(consoles, "r" if frames else "", len(frames) - 1)
    finally:
        consoles.close()

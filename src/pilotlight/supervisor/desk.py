"""The recent errors of all workers, and the questions that the console asks them: what the debug listener
shows.

Must never run code of the app's, and never keep more than a few reports.
"""

from __future__ import annotations

import asyncio
import base64
import itertools
import socket
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from pilotlight import messages
from pilotlight.supervisor.child import Child, State

if TYPE_CHECKING:
    from pilotlight.debugger.listener.desk import Summary
    from pilotlight.debugger.listener.grouping import Key

MOST_REPORTS = 50
MOST_EQUAL = 10
"""Reports of one error: as many as a worker keeps the frames of, so that none of them loses its console."""
MOST_REQUESTS = 10
"""Requests that can be sent again are kept for the last of them only."""
_MOST_UNREAD = 10_000
"""Events that a listener of ours has not read: it is given up then."""
_NO_WORKER = "The app does not run at the moment. Try again when it has been loaded."
_FRAMES_GONE = "The frames of this error are gone."
_WORKER_ENDED = "The process that was asked is gone: a reload, or a crash, has ended it."


@dataclass(eq=False, slots=True)
class _Group:
    """Equal errors."""

    number: int
    count: int = 0
    """Those included that are kept no more."""


@dataclass(slots=True)
class _Entry:
    """One report."""

    report: dict[str, Any]
    child: Child | None
    """Whose frames they are; None when they are gone."""
    request: bytes | None
    """What asks the same again."""
    summary: Summary | None = None
    group: _Group | None = None
    """Found when it is needed: a first error need not wait for what reads it."""


@dataclass(frozen=True, slots=True)
class _Question:
    """One that has not been answered whole."""

    child: Child
    events: asyncio.Queue[dict[str, Any]]


class Desk:
    """`debugger.desk.Desk` in the supervisor.

    Args:
        current: gives the worker that serves the app, if there is one.
        listening: the app's socket, and whether it speaks TLS.
    """

    def __init__(self, current: Callable[[], Child | None], listening: tuple[socket.socket, bool]) -> None:
        self._current = current
        self._listening = listening
        self._entries: OrderedDict[str, _Entry] = OrderedDict()
        self._groups: dict[Key, _Group] = {}
        self._numbers = itertools.count(1)
        self._questions: dict[int, _Question] = {}
        self._subscribers: set[asyncio.Queue[dict[str, Any]]] = set()

    # What workers say.

    def arrived(self, child: Child, body: dict[str, Any]) -> None:
        """A worker has sent a report."""
        request = body["request"]
        self._add(
            body["report"],
            child if body["alive"] else None,
            None if request is None else base64.b64decode(request),
        )

    def died(self, report: dict[str, Any]) -> None:
        """The supervisor has made a report, of a worker that could not."""
        self._add(report, None, None)

    def frames_gone(self, ids: list[str]) -> None:
        """A worker has let go of the frames of some reports."""
        for report_id in ids:
            if report_id in self._entries:
                self._entries[report_id].child = None

    def answered(self, number: int, event: dict[str, Any]) -> None:
        """A part of an answer."""
        question = self._questions.get(number)
        if question is not None:
            question.events.put_nowait(event)

    def left(self, child: Child) -> None:
        """A worker has ended."""
        gone = False
        for entry in self._entries.values():
            if entry.child is child:
                entry.child, gone = None, True
        for question in self._questions.values():
            if question.child is child:
                _refuse(question.events, _WORKER_ENDED)
        if gone:
            self._tell({"type": "gone"})

    def reloaded(self) -> None:
        """Another worker serves the app."""
        self._tell({"type": "reloaded"})

    def _add(self, report: dict[str, Any], child: Child | None, request: bytes | None) -> None:
        again = self._entries.pop(report["id"], None)
        if again is not None and again.group is not None:
            again.group.count -= 1
        self._entries[report["id"]] = entry = _Entry(report, child, request)
        if len(self._entries) > MOST_EQUAL:
            self._sort()
            self._make_room(entry)
        self._tell({"type": "report", "id": report["id"]})

    def _sort(self) -> None:
        """Finds the group of each report that has none."""
        from pilotlight.debugger.listener.desk import summary_of
        from pilotlight.debugger.listener.grouping import key_of
        from pilotlight.debugger.transport import from_json

        for entry in self._entries.values():
            if entry.group is None:
                whole = from_json(entry.report)
                entry.summary = summary_of(whole)
                entry.group = self._groups.setdefault(key_of(whole), _Group(next(self._numbers)))
                entry.group.count += 1

    def _make_room(self, newest: _Entry) -> None:
        """Keeps the bounds, and the newest of each group as long as they allow."""
        from pilotlight.debugger.listener.grouping import first_to_go

        equal = [name for name, entry in self._entries.items() if entry.group is newest.group]
        for name in equal[:-MOST_EQUAL]:
            del self._entries[name]
        while len(self._entries) > MOST_REPORTS:
            names = list(self._entries)
            del self._entries[names[first_to_go([entry.group for entry in self._entries.values()])]]
        repeatable = [entry for entry in self._entries.values() if entry.request is not None]
        while len(repeatable) > MOST_REQUESTS:
            repeatable.pop(first_to_go([entry.group for entry in repeatable])).request = None
        living = {entry.group for entry in self._entries.values()}
        self._groups = {key: group for key, group in self._groups.items() if group in living}

    # What the debug listener asks.

    def reports(self) -> list[Summary]:
        """See `debugger.desk.Desk`."""
        self._sort()
        return [
            replace(
                entry.summary,
                alive=entry.child is not None,
                group=entry.group.number,
                count=entry.group.count,
            )
            for entry in reversed(self._entries.values())
            if entry.summary is not None and entry.group is not None
        ]

    def report(self, report_id: str) -> dict[str, Any] | None:
        """See `debugger.desk.Desk`."""
        entry = self._entries.get(report_id)
        return None if entry is None else entry.report

    def alive(self, report_id: str) -> bool:
        """See `debugger.desk.Desk`."""
        entry = self._entries.get(report_id)
        return entry is not None and entry.child is not None

    def repeatable(self, report_id: str) -> bool:
        """See `debugger.desk.Desk`."""
        entry = self._entries.get(report_id)
        return entry is not None and entry.request is not None

    async def repeat(self, report_id: str) -> AsyncIterator[dict[str, Any]]:
        """See `debugger.desk.Desk`."""
        entry = self._entries.get(report_id)
        if entry is None or entry.request is None:
            yield {"type": "note", "text": "The request is not kept any more."}
            return
        from pilotlight.supervisor.repeating import repeat

        sock, tls = self._listening
        yield await repeat(entry.request, sock, tls=tls)

    async def ask(self, question: dict[str, Any]) -> AsyncIterator[dict[str, Any]]:
        """See `debugger.desk.Evaluator`."""
        child = self._asked(question["report"])
        events: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        number = next(self._numbers)
        if child is None:
            _refuse(events, _FRAMES_GONE if question["report"] else _NO_WORKER)
        else:
            self._questions[number] = _Question(child, events)
            child.send({"type": messages.QUESTION, "number": number, "question": question})
        done = False
        try:
            while not done:
                event = await events.get()
                done = event["type"] == "done"
                yield event
        finally:
            self._questions.pop(number, None)
            if not done and child is not None and question["kind"] == "evaluate":
                cancel = {**question, "kind": "cancel"}
                child.send({"type": messages.QUESTION, "number": next(self._numbers), "question": cancel})

    async def subscribe(self) -> AsyncIterator[dict[str, Any]]:
        """See `debugger.desk.Desk`."""
        events: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._subscribers.add(events)
        try:
            while events in self._subscribers:
                yield await events.get()
        finally:
            self._subscribers.discard(events)

    def _asked(self, report_id: str) -> Child | None:
        if not report_id:
            child = self._current()
            return child if child is not None and child.state is State.SERVING else None
        entry = self._entries.get(report_id)
        return None if entry is None else entry.child

    def _tell(self, event: dict[str, Any]) -> None:
        for events in list(self._subscribers):
            if events.qsize() > _MOST_UNREAD:
                self._subscribers.discard(events)
            else:
                events.put_nowait(event)


def _refuse(events: asyncio.Queue[dict[str, Any]], sentence: str) -> None:
    events.put_nowait({"type": "note", "text": sentence})
    events.put_nowait({"type": "done", "status": "gone", "seconds": 0.0})

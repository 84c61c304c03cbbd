"""What the debug listener needs of whoever runs the app: recent errors, and somebody who answers questions.

Types, and the pure check of what a browser asks. Must never import what runs the app.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol

if TYPE_CHECKING:
    from pilotlight.debugger.model import Report


MAX_ID_CHARACTERS = 64
QuestionKind = Literal["evaluate", "cancel", "complete", "about"]


@dataclass(frozen=True, slots=True)
class Summary:
    """One line in the list of errors."""

    id: str
    kind: str
    """As `Report.kind`."""
    time: float
    """Seconds since the epoch."""
    title: str
    where: str = ""
    """The request, thread, task or process that it happened in."""
    client: str = ""
    """Who asked; empty where nobody did."""
    alive: bool = False
    """Whether its frames can still be entered."""
    group: int = 0
    """The same for equal errors; see `grouping`."""
    count: int = 1
    """How many of its group there have been, also those that are listed no more."""


def summary_of(report: Report, *, alive: bool = False) -> Summary:
    """The line that stands for a report."""
    request = report.request
    where = report.place or (f"{request.method} {request.url}" if request else "")
    return Summary(
        id=report.id,
        kind=report.kind,
        time=report.time,
        title=report.title()[:300],
        where=where[:300],
        client=request.client if request else "",
        alive=alive,
    )


class Evaluator(Protocol):
    """Answers the console's questions."""

    def ask(self, question: dict[str, Any]) -> AsyncIterator[dict[str, Any]]:
        """The events of the answer, the last of type `done`. Closing the iterator early cancels."""
        ...


class Desk(Evaluator, Protocol):
    """What is known of the app and its errors. Every method is called on the listener's loop."""

    def reports(self) -> list[Summary]:
        """The recent errors of all clients, the newest first."""
        ...

    def report(self, report_id: str) -> dict[str, Any] | None:
        """One report as `transport.to_json` gives it; None if it is not known (any more)."""
        ...

    def alive(self, report_id: str) -> bool:
        """Whether the report's frames can still be entered."""
        ...

    def repeatable(self, report_id: str) -> bool:
        """Whether the request that failed can be sent again."""
        ...

    def repeat(self, report_id: str) -> AsyncIterator[dict[str, Any]]:
        """Sends it again; one event: `{"type": "response", "status": int, "error": str}` with the id of the
        new report if there is one, or `{"type": "note", "text": str}` if it could not be sent.
        """
        ...

    def subscribe(self) -> AsyncIterator[dict[str, Any]]:
        """What happens from now on, until it is closed: `{"type": "report", "id": str}`,
        `{"type": "reloaded"}`, `{"type": "gone"}` (the worker has ended).
        """
        ...


def question_of(body: dict[str, Any], kind: QuestionKind) -> dict[str, Any]:
    """The question in the body of a call, with nothing else in it.

    Raises:
        ValueError: the body is not such a question; says why.
    """
    question: dict[str, Any] = {"kind": kind, "report": report_id_of(body, "report"), "frame": -1}
    question["frame"] = frame_of(body)
    if kind in ("cancel", "about"):
        return question
    code = body.get("code")
    if not isinstance(code, str):
        raise ValueError("`code` must be a text.")
    question["code"] = code
    if kind == "complete":
        question["position"] = _integer(body, "position", len(code), 0, len(code))
    return question


def frame_of(body: dict[str, Any]) -> int:
    """The handle of a frame; -1 for none.

    Raises:
        ValueError: it cannot be one.
    """
    return _integer(body, "frame", -1, -1, 1 << 31)


def report_id_of(body: dict[str, Any], name: str = "id") -> str:
    """The id of a report; empty for none.

    Raises:
        ValueError: it cannot be one.
    """
    value = body.get(name, "")
    if not isinstance(value, str) or len(value) > MAX_ID_CHARACTERS or not value.isascii():
        raise ValueError(f"`{name}` must be the id of a report.")
    if value and not value.replace("-", "").replace("_", "").isalnum():
        raise ValueError(f"`{name}` must be the id of a report.")
    return value


def _integer(body: dict[str, Any], name: str, default: int, least: int, most: int) -> int:
    value = body.get(name, default)
    if type(value) is not int or not least <= value <= most:
        raise ValueError(f"`{name}` must be a whole number from {least} to {most}.")
    return value

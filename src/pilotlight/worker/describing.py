"""What a report says beyond the exception: the request, what happened before, the surroundings; and what is
kept of a request so that it can be sent again. Imported when the first error comes, or in an idle moment.

Must never run code of the app's but for what shows its values.
"""

from __future__ import annotations

import asyncio
import contextvars
import os
from collections.abc import Sequence
from dataclasses import replace
from types import FrameType
from typing import Any

from pilotlight.debugger.console.keeper import Contexts, Keeper
from pilotlight.debugger.model import Kind, Report
from pilotlight.debugger.report.capture import from_exception
from pilotlight.debugger.values import describe  # noqa: F401 - with all that the first report needs
from pilotlight.server.application import RequestInfo
from pilotlight.worker import recording, surroundings
from pilotlight.worker.request_view import view_of

_NOT_REPEATED = frozenset({b"transfer-encoding", b"content-length", b"expect", b"connection"})


def described(
    error: BaseException, kind: Kind, request: RequestInfo | None, place: str, loaded: float
) -> tuple[Report, Sequence[FrameType]]:
    """The whole report of an error that has surfaced here and now, and its live frames.

    Args:
        request: that failed, if there was one.
        place: where it happened, if not while answering.
        loaded: when the code was read; seconds since the epoch.
    """

    def has_changed(file: str) -> bool:
        try:
            return os.stat(file).st_mtime > loaded
        except OSError:
            return False

    frames: list[FrameType] = []
    report = from_exception(error, kind=kind, changed=has_changed, variables=True, keep=frames.extend)
    record = recording.current()
    contexts: Sequence[Any] = () if record is None else record.contexts
    report = replace(
        report,
        place=place or (surroundings.place() if request is None else ""),
        request=None if request is None else view_of(request, contexts, frames),
        timeline=() if record is None else record.timeline(),
        timeline_omitted=0 if record is None else record.dropped,
        environment=surroundings.sections(report.directory),
    )
    return report, frames


def keep(keeper: Keeper, report: Report, frames: Sequence[FrameType]) -> None:
    """Keeps the frames for the console, with the context that the code ran in."""
    record = recording.current()
    context = None if record is None else record.context
    contexts = Contexts(context or contextvars.copy_context(), loop=_running_loop())
    keeper.keep(report.id, frames, contexts)


def repeatable(request: RequestInfo) -> bytes | None:
    """The bytes of a request that asks the same again; None if its body has not been kept whole."""
    if not request.body_complete or len(request.body) != request.body_bytes:
        return None
    lines = [f"{request.method} {request.target} HTTP/1.1".encode("latin-1")]
    lines += [name + b": " + value for name, value in request.headers if name.lower() not in _NOT_REPEATED]
    if request.body_bytes or request.method in ("POST", "PUT", "PATCH"):
        lines.append(b"content-length: %d" % request.body_bytes)
    return b"\r\n".join(lines) + b"\r\n\r\n" + request.body


def _running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None

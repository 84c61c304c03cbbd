"""Errors of the app become reports: made, kept alive for the console, printed, sent to the supervisor, and
answered.

Must never let a report that fails hide the error, and never show more to a client than it may see.
"""

from __future__ import annotations

import asyncio
import base64
import contextvars
import os
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from types import FrameType
from typing import Any

from pilotlight import messages
from pilotlight.console import Console
from pilotlight.debugger.keeper import Contexts, Keeper
from pilotlight.debugger.model import Kind, Report
from pilotlight.debugger.report import from_exception
from pilotlight.debugger.response import error_response
from pilotlight.debugger.text import render_text
from pilotlight.debugger.transport import to_json
from pilotlight.server.application import ErrorResponse, Headers, RequestInfo
from pilotlight.worker import recording, surroundings
from pilotlight.worker.audience import is_direct_local
from pilotlight.worker.request_view import view_of

KEPT_BODY_BYTES = 1024 * 1024
"""Of a request that may be sent again."""
_NOT_REPEATED = frozenset({b"transfer-encoding", b"content-length", b"expect", b"connection"})


@dataclass(frozen=True, slots=True)
class Debugging:
    """What the pages of a worker need to know of the debugger.

    Args:
        url: the root of the debug pages; empty where there are none.
        note: why there are none, and what to do.
        generation: the number of the load that this worker serves.
        editor, mapping: see `debugger.editor`.
        live: a reloader runs.
        show: errors are shown to direct local clients.
    """

    url: str = ""
    note: str = ""
    generation: int = 0
    editor: str = ""
    mapping: tuple[tuple[str, str], ...] = ()
    live: bool = False
    show: bool = False


@dataclass(slots=True)
class Reporter:
    """Makes the reports of one worker.

    Args:
        console: of this process.
        keeper: of the frames; None where no console can ask for them.
        send: to the supervisor; None where there is none.
    """

    console: Console
    debugging: Debugging
    keeper: Keeper | None = None
    send: Callable[[dict[str, Any]], object] | None = None
    process: int = field(default_factory=os.getpid)
    """What the app forks has no connection to the supervisor."""
    loaded: float = field(default_factory=time.time)
    """When the code was read; seconds since the epoch."""

    def report(
        self, error: BaseException, kind: Kind, request: RequestInfo | None = None, place: str = ""
    ) -> Report:
        """As `make`; the supervisor knows it from here on."""
        report = self.make(error, kind, request, place)
        self.publish(report, request)
        return report

    def make(
        self, error: BaseException, kind: Kind, request: RequestInfo | None = None, place: str = ""
    ) -> Report:
        """The report of an error that has surfaced here and now.

        Args:
            request: that failed, if there was one.
            place: where it happened, if not while answering.
        """
        if not self.debugging.show:
            return from_exception(error, kind=kind)
        frames: list[FrameType] = []
        try:
            report = self._detailed(error, kind, request, place, frames)
            self._keep(report, frames)
        except Exception as bug:  # noqa: BLE001 - a bug of ours must not hide the error of the app
            self.console.error(
                f"Pilotlight could not describe this error whole ({type(bug).__name__}: {bug})."
            )
            return from_exception(error, kind=kind)
        return report

    def tell(self, report: Report, what: str) -> None:
        """Prints the traceback.

        Args:
            what: has failed, for the line before it.
        """
        self.console.error(f"{what} failed:")
        self.console.block(render_text(report, color=self.console.color))

    def response(self, report: Report, method: str, headers: Headers, client: str) -> ErrorResponse:
        """The answer to a failed request."""
        said = {name.lower(): value for name, value in headers}
        return ErrorResponse(
            *error_response(
                report,
                said.get(b"accept"),
                method,
                live=self.debugging.live,
                reveal=is_direct_local(client, headers),
                generation=self.debugging.generation if self.debugging.live else None,
                console=_url_for(self.debugging.url, said.get(b"host", b"").decode("latin-1")),
                console_note=self.debugging.note,
                editor=self.debugging.editor,
                mapping=self.debugging.mapping,
            )
        )

    def _detailed(
        self,
        error: BaseException,
        kind: Kind,
        request: RequestInfo | None,
        place: str,
        frames: list[FrameType],
    ) -> Report:
        report = from_exception(
            error, kind=kind, changed=self._has_changed, variables=True, keep=frames.extend
        )
        record = recording.current()
        contexts: Sequence[Any] = () if record is None else record.contexts
        return replace(
            report,
            place=place or (surroundings.place() if request is None else ""),
            request=None if request is None else view_of(request, contexts, frames),
            timeline=() if record is None else record.timeline(),
            timeline_omitted=0 if record is None else record.dropped,
            environment=surroundings.sections(report.directory),
        )

    def _keep(self, report: Report, frames: Sequence[FrameType]) -> None:
        if self.keeper is None:
            return
        record = recording.current()
        context = None if record is None else record.context
        contexts = Contexts(context or contextvars.copy_context(), loop=_running_loop())
        self.keeper.keep(report.id, frames, contexts)

    def publish(self, report: Report, request: RequestInfo | None = None) -> None:
        """Tells the supervisor."""
        if self.send is None or not self.debugging.show or os.getpid() != self.process:
            return
        kept = None if request is None or request.websocket else repeatable(request)
        with suppress(OSError):  # the supervisor is gone; its end is noticed elsewhere
            self.send(
                {
                    "type": messages.REPORT,
                    "report": to_json(report),
                    "alive": self.keeper is not None,
                    "request": None if kept is None else base64.b64encode(kept).decode(),
                }
            )

    def _has_changed(self, file: str) -> bool:
        try:
            return os.stat(file).st_mtime > self.loaded
        except OSError:
            return False


def repeatable(request: RequestInfo) -> bytes | None:
    """The bytes of a request that asks the same again; None if its body has not been kept."""
    if len(request.body) != request.body_bytes:
        return None
    lines = [f"{request.method} {request.target} HTTP/1.1".encode("latin-1")]
    lines += [name + b": " + value for name, value in request.headers if name.lower() not in _NOT_REPEATED]
    if request.body_bytes or request.method in ("POST", "PUT", "PATCH"):
        lines.append(b"content-length: %d" % request.body_bytes)
    return b"\r\n".join(lines) + b"\r\n\r\n" + request.body


def _url_for(url: str, host: str) -> str:
    """The debug pages under the name that the browser uses for the app: a browser keeps what it stores in a
    frame apart for each site, and `localhost` and `127.0.0.1` are two."""
    name = host.rpartition(":")[0] or host
    if not url or name not in ("localhost", "[::1]"):
        return url
    scheme, _, rest = url.partition("://")
    _, colon, behind = rest.partition(":")
    return f"{scheme}://{name}{colon}{behind}"


def _running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None

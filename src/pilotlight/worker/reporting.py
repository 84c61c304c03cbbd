"""Errors of the app become reports: made, kept alive for the console, printed, sent to the supervisor, and
answered.

Must never let a report that fails hide the error, never show more to a client than it may see, and import
nothing that a process without errors does not need.
"""

from __future__ import annotations

import base64
import json
import os
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from pilotlight import messages
from pilotlight.console import Console
from pilotlight.server.application import ErrorResponse, Headers, RequestInfo
from pilotlight.worker.audience import is_allowed_by, is_direct_local, name_of
from pilotlight.worker.shown_files import ShownFiles

if TYPE_CHECKING:
    from pilotlight.debugger.console.keeper import Keeper
    from pilotlight.debugger.model import Kind, Report

KEPT_BODY_BYTES = 1024 * 1024
"""Of a request that may be sent again."""


@dataclass(frozen=True, slots=True)
class Debugging:
    """What the pages of a worker need to know of the debugger.

    Args:
        url: the root of the debug pages; empty where there are none.
        note: why there are none, and what to do.
        generation: of the code that this worker serves.
        editor, mapping: see `debugger.editor`.
        allowed: further host names; see `audience.is_allowed_by`.
        live: a reloader runs.
        show: errors are shown to direct local clients.
    """

    url: str = ""
    note: str = ""
    generation: str = ""
    editor: str = ""
    mapping: tuple[tuple[str, str], ...] = ()
    allowed: tuple[str, ...] = ()
    live: bool = False
    show: bool = False


@dataclass(slots=True)
class Reporter:
    """Makes the reports of one worker.

    Args:
        console: of this process.
        keeper: gives the one of the frames; None where no console can ask for them.
        send: takes a message in JSON to the supervisor; None where there is none.
        shown: told of each page.
    """

    console: Console
    debugging: Debugging
    keeper: Callable[[], Keeper] | None = None
    send: Callable[[str], object] | None = None
    shown: ShownFiles = field(default_factory=ShownFiles)
    process: int = field(default_factory=os.getpid)
    """What the app forks has no connection to the supervisor."""
    loaded: float = field(default_factory=time.time)
    """When the code was read; seconds since the epoch."""

    def report(
        self, error: BaseException, kind: Kind, request: RequestInfo | None = None, place: str = ""
    ) -> Report:
        """As `make`; the supervisor knows it from here on."""
        report = self.make(error, kind, request, place)
        try:
            self.publish(report, request)
        except Exception as bug:  # noqa: BLE001 - a bug of ours must not hide the error of the app
            self.console.error(f"Pilotlight could not list this error ({type(bug).__name__}: {bug}).")
        return report

    def make(
        self, error: BaseException, kind: Kind, request: RequestInfo | None = None, place: str = ""
    ) -> Report:
        """The report of an error that has surfaced here and now.

        Args:
            request: that failed, if there was one.
            place: where it happened, if not while answering.
        """
        from pilotlight.debugger.report.capture import from_exception

        if not self.debugging.show:
            return from_exception(error, kind=kind)
        try:
            from pilotlight.worker import describing

            report, frames = describing.described(error, kind, request, place, self.loaded)
            if self.keeper is not None:
                describing.keep(self.keeper(), report, frames)
        except BaseException as bug:  # noqa: BLE001 - a bug of ours, or SystemExit of what is shown, must not
            # hide the error of the app
            self.console.error(
                f"Pilotlight could not describe this error whole ({type(bug).__name__}: {bug})."
            )
            return from_exception(error, kind=kind)
        return report

    def tell(self, report: Report, what: str) -> None:
        """Prints the traceback, and where there is more. Long runs of library frames are there only, then.

        Args:
            what: has failed, for the line before it.
        """
        from pilotlight.debugger.renderings.text import render_text

        url = self.debugging.url
        self.console.error(f"{what} failed:")
        self.console.block(render_text(report, color=self.console.color, short=bool(url)))
        if url:
            self.console.line(f"All frames, and a console: {url}/report?id={report.id}")
        elif self.debugging.show:
            self.console.line(f"Error id: {report.id}")

    def tell_of_answered(self, report: Report) -> None:
        """Prints where an error is that the app has answered with a page of its own."""
        url = self.debugging.url
        if url:
            kind = report.error.type
            self.console.line(f"{kind}, answered by the app's own page: {url}/report?id={report.id}")

    def response(self, report: Report, method: str, headers: Headers, client: str) -> ErrorResponse:
        """The answer to a failed request."""
        from pilotlight.debugger.renderings.editor import guess_editor
        from pilotlight.debugger.renderings.response import error_response

        said = {name.lower(): value for name, value in headers}
        self.shown.note(report)
        url, note = self._console_for(name_of(said.get(b"host", b"").decode("latin-1")))
        return ErrorResponse(
            *error_response(
                report,
                said.get(b"accept"),
                method,
                live=self.debugging.live,
                reveal=self.reveals(headers, client),
                generation=self.debugging.generation if self.debugging.live else None,
                console=url,
                console_note=note,
                editor=self.debugging.editor or guess_editor(os.environ),
                mapping=self.debugging.mapping,
            )
        )

    def reveals(self, headers: Headers, client: str) -> bool:
        """Whether the client may see more than the error's id."""
        return is_direct_local(client, headers, partial(is_allowed_by, self.debugging.allowed))

    def publish(self, report: Report, request: RequestInfo | None = None) -> None:
        """Tells the supervisor."""
        if self.send is None or not self.debugging.show or os.getpid() != self.process:
            return
        from pilotlight.debugger.transport import to_text
        from pilotlight.worker.describing import repeatable

        kept = None if request is None or request.websocket else repeatable(request)
        alive = self._is_alive(report)
        with suppress(OSError):  # the supervisor is gone; its end is noticed elsewhere
            request_text = "null" if kept is None else f'"{base64.b64encode(kept).decode()}"'
            self.send(
                f'{{"type":"{messages.REPORT}","alive":{json.dumps(alive)},"request":{request_text},'
                f'"report":{to_text(report)}}}'
            )
            if alive and not self._is_alive(report):  # errors at the same time: it was said before this was
                self.send(json.dumps({"type": messages.REPORTS_GONE, "ids": [report.id]}))

    def _is_alive(self, report: Report) -> bool:
        return self.keeper is not None and self.keeper().find(report.id) is not None

    def _console_for(self, host: str) -> tuple[str, str]:
        """The debug pages under the name that the browser uses for the app, and why there are none: a browser
        keeps what it stores in a frame apart for each site, and `localhost` and `127.0.0.1` are two."""
        url, note = self.debugging.url, self.debugging.note
        if url and host == "[::1]":
            return (
                "",
                "The console cannot be shown here: a frame cannot name [::1]. Open the app as localhost.",
            )
        if url and host == "localhost":
            url = url.replace("//127.0.0.1:", "//localhost:", 1)
        return url, note

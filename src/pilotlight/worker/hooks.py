"""What the HTTP engine tells, turned into terminal lines and error pages. Must never let a failing report
break a response."""

from __future__ import annotations

from pilotlight.console import Console
from pilotlight.debugger.report import from_exception
from pilotlight.debugger.response import error_response
from pilotlight.debugger.text import render_text
from pilotlight.server.application import AccessRecord, ErrorResponse, RequestInfo
from pilotlight.worker.audience import is_direct_local


class WorkerHooks:
    """`ServerHooks` of a worker.

    Args:
        console: of this process.
        show_errors: the app's errors are shown to direct local clients.
        live: pages may reload themselves, since a reloader runs.
    """

    def __init__(self, console: Console, *, show_errors: bool, live: bool) -> None:
        self._console = console
        self._show_errors = show_errors
        self._live = live

    def access(self, record: AccessRecord) -> None:
        """Logs a finished request."""
        self._console.access(record)

    def notice(self, message: str) -> None:
        """Shows one line."""
        self._console.line(message)

    def app_error(
        self, error: BaseException, request: RequestInfo | None, response_started: bool
    ) -> ErrorResponse | None:
        """Prints the traceback; the answer is the report for whom it is meant, else None (a plain 500)."""
        report = from_exception(error, kind="background" if request is None else "request")
        failed = (
            f"{request.method} {request.target}" if request is not None else "The app, outside a request,"
        )
        self._console.error(f"{failed} failed:")
        self._console.block(render_text(report, color=self._console.color))
        if not self._show_errors or request is None or response_started:
            return None
        accept = next((value for name, value in request.headers if name.lower() == b"accept"), None)
        return ErrorResponse(
            *error_response(
                report,
                accept,
                request.method,
                live=self._live,
                reveal=is_direct_local(request.client, request.headers),
            )
        )

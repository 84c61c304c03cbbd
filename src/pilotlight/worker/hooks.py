"""What the HTTP engine tells, turned into terminal lines and reports. Must never let a failing report break a
response."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable

from pilotlight.app.frameworks import is_default_error_page, is_news_of_disconnect
from pilotlight.console import Console
from pilotlight.debugger.renderings.heal import STATE_PATH
from pilotlight.server.application import AccessRecord, ErrorResponse, RequestInfo
from pilotlight.worker import recording
from pilotlight.worker.background import report_tasks, report_threads
from pilotlight.worker.last_answer import last_answer, traceback_of
from pilotlight.worker.reporting import Reporter


class WorkerHooks:
    """`ServerHooks` of a worker.

    Args:
        console: of this process.
        reporter: of the app's errors.
        on_first_request: called when the app is about to be called for the first time; by several threads, if
            they are as quick as each other.
    """

    def __init__(
        self, console: Console, reporter: Reporter, on_first_request: Callable[[], None] | None = None
    ) -> None:
        self._console = console
        self._reporter = reporter
        self._records = reporter.debugging.show
        self._on_first_request = on_first_request

    def report_what_no_request_shows(self, loop: asyncio.AbstractEventLoop) -> None:
        """See `background`. Called once, before the app is served on the loop."""
        if self._records:
            report_threads(self._reporter)
            report_tasks(self._reporter, loop)

    def access(self, record: AccessRecord) -> None:
        """Logs a finished request; not the questions that an error page asks."""
        if record.target.partition("?")[0] != STATE_PATH:
            self._console.access(record)

    def notice(self, message: str) -> None:
        """Shows one line."""
        self._console.line(message)

    def request_begins(self) -> None:
        """See `recording`."""
        tell = self._on_first_request
        if tell is not None:
            self._on_first_request = None
            tell()
        if self._records:
            recording.begin()

    def request_ends(self) -> None:
        """See `recording`."""
        if self._records:
            recording.end()

    def noted_error(self) -> BaseException | None:
        """See `recording.note_error`."""
        current = recording.current()
        return None if current is None else current.error

    def answered_error(self, error: BaseException, request: RequestInfo) -> None:
        """Lists it. What the framework has printed of it is enough, and what it has answered stays."""
        current = recording.current()
        if current is not None and current.reported is not error:
            self._reporter.tell_of_answered(self._reporter.report(error, "request", request))

    def is_default_error_page(self, body: bytes) -> bool:
        """What may be replaced by our own page."""
        return self._records and is_default_error_page(body)

    def is_news_of_disconnect(self, error: BaseException) -> bool:
        """What is no error when a WebSocket has ended."""
        return is_news_of_disconnect(error)

    def app_error(
        self, error: BaseException, request: RequestInfo | None, response_started: bool
    ) -> ErrorResponse | None:
        """Prints the traceback; the answer is the report for whom it is meant, else None (a plain 500)."""
        try:
            return self._reported(error, request, response_started)
        except BaseException as bug:  # noqa: BLE001 - whoever asked gets an answer, the terminal the error
            error_id, trace = os.urandom(6).hex(), traceback_of(error)
            self._console.error(
                f"Pilotlight could not report this error ({type(bug).__name__}: {bug}). The app's error, "
                f"with the id {error_id}:"
            )
            self._console.block(trace)
            if request is None or response_started or not self._records:
                return None
            reveal = self._reporter.reveals(request.headers, request.client)
            return last_answer(error_id, trace, reveal=reveal)

    def _reported(
        self, error: BaseException, request: RequestInfo | None, response_started: bool
    ) -> ErrorResponse | None:
        from pilotlight.worker.request_view import masked_target

        current = recording.current()
        if current is not None:
            current.reported = error
        reporter = self._reporter
        if request is None:
            reporter.tell(reporter.report(error, "lifespan"), "The app, outside a request,")
            return None
        target = masked_target(request.target)
        place = f"WebSocket {target}" if request.websocket else ""
        report = reporter.report(error, "request", request, place)
        reporter.tell(report, f"{request.method} {target}")
        if not reporter.debugging.show or response_started:
            return None
        return reporter.response(report, request.method, request.headers, request.client)

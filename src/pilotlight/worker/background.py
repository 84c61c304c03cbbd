"""Errors that no request shows: of threads, and of tasks that nobody waits for.

What the app, the interpreter and asyncio do with them happens as before; a report is made in addition. Must
never print a second time.
"""

from __future__ import annotations

import asyncio
import logging
import re
import threading
from collections.abc import Callable
from typing import Any

from pilotlight.worker.reporting import Reporter

Context = dict[str, Any]

_TASK = re.compile(r"<Task finished name='([^']*)'")


def report_threads(reporter: Reporter) -> None:
    """From now on, also for threads that run already. What the app has put there stays."""
    before: Callable[[Any], object] = threading.excepthook

    def excepthook(failed: Any) -> None:
        try:
            if failed.exc_value is not None and failed.exc_type is not SystemExit:
                thread = failed.thread
                reporter.report(
                    failed.exc_value, "background", place=f"thread {thread.name!r}" if thread else "a thread"
                )
        finally:
            before(failed)

    threading.excepthook = excepthook


def report_tasks(reporter: Reporter, loop: asyncio.AbstractEventLoop) -> None:
    """What reaches the exception handler of a loop.

    That of the app's own loop has a handler, as long as the app sets none of its own. Others come and go
    (`asyncio.run`, async views of WSGI frameworks): of them it is known that asyncio logs it.

    Args:
        loop: that the app is served on.
    """
    _Failures(reporter).listen(loop)


class _Failures:
    def __init__(self, reporter: Reporter) -> None:
        self._reporter = reporter
        self._reported: BaseException | None = None
        """By the handler, which is about to log it as well."""

    def listen(self, loop: asyncio.AbstractEventLoop) -> None:
        if loop.get_exception_handler() is None:
            loop.set_exception_handler(self._handle)
        make: Callable[..., logging.LogRecord] = logging.getLogRecordFactory()

        def noted(*args: Any, **options: Any) -> logging.LogRecord:
            record = make(*args, **options)
            if record.name == "asyncio" and record.levelno == logging.ERROR and record.exc_info:
                self._logged(record)
            return record

        logging.setLogRecordFactory(noted)

    def _handle(self, loop: asyncio.AbstractEventLoop, context: Context) -> None:
        error = context.get("exception")
        try:
            if isinstance(error, Exception):
                self._reported = error
                self._reporter.report(error, "background", place=_place(context))
        finally:
            loop.default_exception_handler(context)
            self._reported = None

    def _logged(self, record: logging.LogRecord) -> None:
        error = record.exc_info[1] if record.exc_info else None
        if isinstance(error, Exception) and error is not self._reported:
            text = str(record.msg)
            task = _TASK.search(text)
            place = text.partition("\n")[0] if task is None else f"task {task[1]!r}"
            self._reporter.report(error, "background", place=place[:200])


def _place(context: Context) -> str:
    """Which task, or what asyncio says of it."""
    task = context.get("task") or context.get("future")
    if isinstance(task, asyncio.Task):
        return f"task {task.get_name()!r}"
    return str(context.get("message", "the event loop"))[:200]

"""Errors that no request shows: of threads, and of tasks that nobody waits for.

What the app, the interpreter and asyncio do with them happens as before; a report is made in addition. Must
never print a second time.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any

from pilotlight.worker.reporting import Reporter

Context = dict[str, Any]


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
    """What reaches the loop's exception handler, as long as the app sets none of its own."""

    def handler(loop: asyncio.AbstractEventLoop, context: Context) -> None:
        error = context.get("exception")
        try:
            if isinstance(error, Exception):
                reporter.report(error, "background", place=_place(context))
        finally:
            loop.default_exception_handler(context)

    if loop.get_exception_handler() is None:
        loop.set_exception_handler(handler)


def _place(context: Context) -> str:
    """Which task, or what asyncio says of it."""
    task = context.get("task") or context.get("future")
    if isinstance(task, asyncio.Task):
        return f"task {task.get_name()!r}"
    return str(context.get("message", "the event loop"))[:200]

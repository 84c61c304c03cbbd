"""Awaiting what was typed: as a task of the app's loop, or of one of the console's own.

Must never raise anything into the app's loop, and never interrupt another task than ours.
"""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections.abc import Callable, Coroutine, Generator
from contextlib import suppress
from types import CoroutineType, TracebackType
from typing import Any

from .threads import Interruptible


class LoopGone(Exception):
    """The app's loop has ended before the task was made."""


class ConsoleInterrupt(BaseException):
    """The end of code that holds up the app's loop. KeyboardInterrupt would end the loop itself."""


class _Carried(Exception):
    """SystemExit or KeyboardInterrupt of the code that was typed, on its way past the loop that they would
    end.
    """

    def __init__(self, error: BaseException) -> None:
        super().__init__()
        self.error = error


class Awaiting:
    """One coroutine that is awaited.

    Args:
        coroutine: made by the code that was typed.
        context: of the evaluation; the task runs in a copy of it.
    """

    def __init__(self, coroutine: CoroutineType[Any, Any, Any], context: contextvars.Context) -> None:
        self._steps = Interruptible(ConsoleInterrupt)
        self._coroutine = _Stepped(coroutine, self._steps)
        self._context = context
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[Any] | None = None
        self._ended = threading.Event()
        self._failed: BaseException | None = None
        self.cancelled = False

    def on_running_loop(self, loop: asyncio.AbstractEventLoop) -> Any:
        """What the coroutine returns, awaited on a loop that runs in another thread.

        Raises:
            LoopGone: it does not run any more.
        """
        self._loop = loop
        try:
            loop.call_soon_threadsafe(self._start)
        except RuntimeError as error:
            self._coroutine.close()
            raise LoopGone from error
        self._ended.wait()
        return self._outcome()

    def on_own_loop(self, loop: asyncio.AbstractEventLoop) -> Any:
        """What the coroutine returns, awaited on a loop that runs in this thread meanwhile."""
        self._loop = loop
        self._start()
        if self._task is not None:
            loop.run_until_complete(asyncio.wait((self._task,)))
        return self._outcome()

    def cancel(self) -> None:
        """Cancels the task. Any thread may call, any number of times."""
        self.cancelled = True
        loop = self._loop
        if loop is not None:
            with suppress(RuntimeError):  # the loop is closed, and the task has ended with it
                loop.call_soon_threadsafe(self._cancel)

    def interrupt(self) -> bool:
        """Interrupts a step that goes on; False: there is none."""
        return self._steps.interrupt()

    def _outcome(self) -> Any:
        if self._failed is not None:
            raise self._failed
        assert self._task is not None
        try:
            return self._task.result()
        except _Carried as carried:
            raise carried.error from None

    def _start(self) -> None:
        assert self._loop is not None
        try:
            # The keyword `context` of `create_task` came with 3.11, and not every task factory takes it.
            self._task = self._context.run(self._loop.create_task, self._coroutine)
        except BaseException as error:  # noqa: BLE001 - it belongs to who awaits, not to the app's loop
            self._failed = error
            self._coroutine.close()
            self._ended.set()
            return
        self._task.add_done_callback(self._end)
        if self.cancelled:
            self._task.cancel()

    def _cancel(self) -> None:
        if self._task is not None:
            self._task.cancel()

    def _end(self, task: asyncio.Task[Any]) -> None:
        self._ended.set()


class _Stepped(Coroutine[Any, Any, Any]):
    """A coroutine each step of which can be interrupted."""

    def __init__(self, coroutine: CoroutineType[Any, Any, Any], steps: Interruptible) -> None:
        self._coroutine = coroutine
        self._steps = steps

    def send(self, value: Any) -> Any:
        return self._step(self._coroutine.send, value)

    def throw(
        self,
        kind: Any,
        value: BaseException | object = None,
        traceback: TracebackType | None = None,
    ) -> Any:
        error = kind if isinstance(kind, BaseException) else value
        return self._step(self._coroutine.throw, kind if error is None else error)

    def _step(self, function: Callable[[Any], Any], argument: Any) -> Any:
        try:
            return self._steps.run(function, argument)
        except (SystemExit, KeyboardInterrupt) as error:
            raise _Carried(error) from None

    def close(self) -> None:
        self._coroutine.close()

    def __await__(self) -> Generator[Any, Any, Any]:
        return self._coroutine.__await__()

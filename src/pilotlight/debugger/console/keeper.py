"""What a console needs of the last few errors: their frames, and the contexts in which they surfaced.

Must never keep more than a few reports alive, never drop one while a lock is held (finalizers of the app run
then), never raise because of what it drops, and never clear a frame that could still run.
"""

from __future__ import annotations

import contextvars
import gc
import sys
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from types import FrameType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import asyncio

MAX_REPORTS = 10
MAX_SECONDS = 600.0
_COLLECTOR_SHARE = 0.2
"""How much of the time may go into looking for cycles that dropped frames are part of."""

_CO_OPTIMIZED = 0x1  # a function (inspect.CO_*)
_BEFORE_313 = sys.version_info < (3, 13)
"""`f_locals` is a copy (PEP 667), and `clear` ends a generator that waits."""
_CO_SUSPENDABLE = 0x20 | 0x80 | 0x200  # generator, coroutine, asynchronous generator (inspect.CO_*)


@dataclass(frozen=True, slots=True)
class Contexts:
    """Where code that is typed later has to run, so that it sees what the failing code saw.

    Args:
        context: a copy, made where the error surfaced.
        enter: such as Flask's app and request contexts, outermost first. They are entered around an
            evaluation and left after it, any number of times.
        loop: the app's.
    """

    context: contextvars.Context = field(default_factory=contextvars.Context)
    enter: tuple[AbstractContextManager[Any], ...] = ()
    loop: asyncio.AbstractEventLoop | None = None


class Kept:
    """The live part of one report.

    Args:
        frames: a console names one by its place here.
        time: when the error was kept, in seconds of the keeper's clock.
    """

    def __init__(self, frames: Sequence[FrameType], contexts: Contexts, time: float) -> None:
        self.frames = tuple(frames)
        self.contexts = contexts
        self.time = time
        self._lock = threading.Lock()
        """Held while contexts are entered and left: that is the app's code, and only of this report."""
        self._users = 0
        self._dropped = False
        self._others: Collection[int] = ()
        self._base: contextvars.Context | None = None
        self._entered: ExitStack | None = None

    @contextmanager
    def active(self) -> Iterator[contextvars.Context]:
        """A context of one's own, in which the report's contexts are entered.

        Evaluations at the same time share what is entered: a context manager such as Flask's can only be
        left in the context in which it was entered. The last one leaves it.
        """
        with self._lock:
            if self._users == 0:
                self._open()
            self._users += 1
            base = self._base
            assert base is not None
            mine = base.copy()
        try:
            yield mine
        finally:
            with self._lock:
                self._users -= 1
                closing = self._close() if self._users == 0 else None
                over = self._dropped and self._users == 0
            if over:
                self._release()
            if closing is not None:
                raise closing

    def drop(self, others: Collection[int]) -> bool:
        """Lets go of the frames, now or when the last evaluation in them has ended.

        Args:
            others: the ids of frames that other reports still need.

        Returns:
            whether something else still holds a frame: a cycle, most probably.
        """
        with self._lock:
            self._dropped, self._others = True, others
            if self._users:
                return False
        return self._release()

    def _release(self) -> bool:
        frames, self.frames = list(self.frames), ()
        return _release(frames, self._others)

    def _open(self) -> None:
        base = self.contexts.context.copy()
        stack = ExitStack()
        try:
            for manager in self.contexts.enter:
                base.run(stack.enter_context, manager)
        except BaseException:
            base.run(stack.close)
            raise
        self._base, self._entered = base, stack

    def _close(self) -> BaseException | None:
        """What leaving raised, if it did; the contexts are left in any case."""
        base, stack = self._base, self._entered
        self._base = self._entered = None
        if base is None or stack is None:
            return None
        try:
            base.run(stack.close)
        except BaseException as error:  # noqa: BLE001 - a teardown function of the app; the caller shows it
            return error
        return None


class Keeper:
    """The last reports, or those of the last minutes, whichever is fewer. Any thread may call.

    Args:
        clock: seconds, monotonic.
    """

    def __init__(
        self,
        *,
        reports: int = MAX_REPORTS,
        seconds: float = MAX_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._reports = reports
        self._seconds = seconds
        self._clock = clock
        self._lock = threading.Lock()
        self._kept: OrderedDict[str, Kept] = OrderedDict()
        self._collector = _Collector()
        self.on_drop: Callable[[str], object] | None = None
        """Called with the id of each report that is gone, outside of any lock."""

    def keep(self, report_id: str, frames: Sequence[FrameType], contexts: Contexts) -> None:
        """Keeps one more report; the oldest one too many is dropped."""
        kept = Kept(frames, contexts, self._clock())
        with self._lock:
            gone = []
            if report_id in self._kept:
                gone.append((report_id, self._kept.pop(report_id)))
            self._kept[report_id] = kept
            while len(self._kept) > self._reports:
                gone.append(self._kept.popitem(last=False))
        del kept
        self._drop(gone)

    def find(self, report_id: str) -> Kept | None:
        """What is kept of a report; None if it is gone."""
        with self._lock:
            return self._kept.get(report_id)

    def frames(self, report_id: str) -> tuple[FrameType, ...] | None:
        """The frames of a report, as they were given; None if they are gone."""
        kept = self.find(report_id)
        return None if kept is None else kept.frames

    def expire(self, now: float | None = None) -> float | None:
        """Drops what is too old.

        Args:
            now: in seconds of the clock; None asks the clock.

        Returns:
            when to call again, in seconds of the clock; None: not before something is kept.
        """
        now = self._clock() if now is None else now
        gone = []
        with self._lock:
            while self._kept:
                first = next(iter(self._kept))
                if self._kept[first].time + self._seconds > now:
                    break
                gone.append(self._kept.popitem(last=False))
            following = next(iter(self._kept.values())).time + self._seconds if self._kept else None
        self._drop(gone)
        return following

    def clear(self) -> None:
        """Drops everything."""
        with self._lock:
            gone = list(self._kept.items())
            self._kept.clear()
        self._drop(gone)

    def _drop(self, gone: list[tuple[str, Kept]]) -> None:
        if not gone:
            return
        with self._lock:
            others = {id(frame) for kept in self._kept.values() for frame in kept.frames}
        held = False
        while gone:
            report_id, kept = gone.pop()
            if self.on_drop is not None:
                self.on_drop(report_id)
            held = kept.drop(others) or held
            del kept
        if held:
            self._collector.collect()


def _release(frames: list[FrameType], others: Collection[int]) -> bool:
    """Empties the frames of calls that have ended, so that a cycle (an exception in a variable of one of its
    own frames, as in Flask's `wsgi_app`) does not keep their values until the collector finds it.

    That of a generator or coroutine which may go on is left alone: clearing it would end it.

    Args:
        frames: emptied. In a call stack the innermost stands last.
        others: the ids of those that are still needed.

    Returns:
        whether something else holds one that was not emptied.
    """
    held = False
    while frames:
        frame = frames.pop()
        if id(frame) in others:
            continue
        if _may_go_on(frame):
            held = held or sys.getrefcount(frame) > 2  # this variable, and the argument
            continue
        try:
            frame.clear()
        except RuntimeError:
            continue  # still running: its variables are the app's
        if _BEFORE_313 and frame.f_code.co_flags & _CO_OPTIMIZED:
            _ = frame.f_locals  # the dictionary that was made when they were shown is emptied, too
    return held


def _may_go_on(frame: FrameType) -> bool:
    """Whether it could be that of a generator or coroutine that waits; never wrong where it says no.

    From Python 3.13 on `clear` itself refuses such a frame. Before, they are told by the instruction at which
    the frame stands: where an exception has ended it, that is none by which a generator is left.
    """
    if not _BEFORE_313 or not frame.f_code.co_flags & _CO_SUSPENDABLE:
        return False
    import opcode

    code, at = frame.f_code.co_code, frame.f_lasti
    if at < 0 or code[at] == opcode.opmap["YIELD_VALUE"]:
        return True
    delegating = opcode.opmap.get("YIELD_FROM")  # 3.10: it stands before the instruction, to repeat it
    return delegating is not None and code[at + 2 : at + 3] == bytes((delegating,))


class _Collector:
    """The garbage collector, run for frames that cannot be emptied, and not all the time."""

    def __init__(self) -> None:
        self._next = 0.0

    def collect(self) -> None:
        began = time.perf_counter()
        if began < self._next or sys.is_finalizing():
            return
        gc.collect()
        ended = time.perf_counter()
        self._next = ended + (ended - began) / _COLLECTOR_SHARE

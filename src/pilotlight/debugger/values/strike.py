"""An exception raised in another thread.

Must never leave anything behind in the interpreter. CPython 3.11 does: while an exception waits for any
thread, and after one that was taken back, a flag of the whole interpreter stays up; and with it up, the next
function that is traced (`breakpoint()`, a coverage tool, a profiler) never begins.
"""

from __future__ import annotations

import sys
from _thread import start_new_thread
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

_FLAG_STAYS_UP = sys.version_info[:2] == (3, 11)


class _Settled(BaseException):
    """Raised and caught by `_settle` alone."""


@dataclass(frozen=True, slots=True)
class Strike:
    """Functions of the interpreter's own.

    Args:
        set_exception: `PyThreadState_SetAsyncExc`.
        this_thread: `PyThread_get_thread_ident`; gevent replaces what Python has under such a name.
    """

    set_exception: Callable[[int, Any], int]
    this_thread: Callable[[], int]


def find_strike() -> Strike:
    """For `raise_in`.

    Raises:
        ImportError, AttributeError: this interpreter has none.
    """
    import ctypes

    # Prototypes of our own: the function objects in `pythonapi` are shared with all who declare arguments.
    setting = ctypes.PYFUNCTYPE(ctypes.c_int, ctypes.c_ulong, ctypes.py_object)
    telling = ctypes.PYFUNCTYPE(ctypes.c_ulong)
    return Strike(
        setting(("PyThreadState_SetAsyncExc", ctypes.pythonapi)),
        telling(("PyThread_get_thread_ident", ctypes.pythonapi)),
    )


def raise_in(strike: Strike, thread: int, exception: Any, alive: Collection[Any] = (True,)) -> None:
    """`exception` in a thread as soon as it runs Python code.

    Args:
        strike: from `find_strike`.
        thread: its identifier.
        exception: a class, or `nothing()` to take back what has not been raised yet.
        alive: when it is empty, nothing is raised. No other thread can run between the look and the strike:
            neither is a call of Python code.
    """
    set_exception = strike.set_exception
    if alive:
        set_exception(thread, exception)
    if _FLAG_STAYS_UP:
        # Nothing that might be traced is called here.
        try:
            start_new_thread(_settle, (strike,))
        except RuntimeError:  # no thread can be started: the next strike settles this one as well
            return


def _settle(strike: Strike) -> None:
    """What a thread raises in itself takes the flag down. That costs the one that was struck nothing: it puts
    the flag up again when it gets hold of the interpreter. On a thread of its own, since in the main thread a
    signal's handler might be struck instead."""
    try:
        if strike.set_exception(strike.this_thread(), _Settled):
            while True:
                strike.this_thread()
    except _Settled:
        return


def nothing() -> Any:
    """What takes back the exception that a thread was to raise."""
    import ctypes

    return ctypes.py_object()

"""An exception raised in another thread.

Must never leave anything behind in the interpreter. CPython 3.11 does: while an exception waits for any
thread, and after one that was taken back, a flag of the whole interpreter stays up; and with it up, the next
function that is traced (`breakpoint()`, a coverage tool, a profiler) never begins.
"""

from __future__ import annotations

import sys
from _thread import get_ident
from collections.abc import Callable, Collection
from typing import Any, TypeAlias

Strike: TypeAlias = Callable[[int, Any], int]
"""The interpreter's own `PyThreadState_SetAsyncExc`."""
_FLAG_STAYS_UP = sys.version_info[:2] == (3, 11)


class _Settled(BaseException):
    """Raised and caught by `raise_in` alone."""


def find_strike() -> Strike:
    """For `raise_in`.

    Raises:
        ImportError, AttributeError: this interpreter has none.
    """
    import ctypes

    # A prototype of our own: the function object in `pythonapi` is shared with all who declare its arguments.
    prototype = ctypes.PYFUNCTYPE(ctypes.c_int, ctypes.c_ulong, ctypes.py_object)
    strike: Strike = prototype(("PyThreadState_SetAsyncExc", ctypes.pythonapi))
    return strike


def raise_in(strike: Strike, thread: int, exception: Any, alive: Collection[Any] = (True,)) -> None:
    """`exception` in a thread as soon as it runs Python code.

    Args:
        strike: from `find_strike`.
        thread: its identifier.
        exception: a class, or `nothing()` to take back what has not been raised yet.
        alive: when it is empty, nothing is raised. No other thread can run between the look and the strike:
            neither is a call of Python code.
    """
    try:
        if alive:
            strike(thread, exception)
        if _FLAG_STAYS_UP:
            # What a thread raises in itself takes the flag down. That costs the one that was struck nothing:
            # it puts the flag up again when it gets hold of the interpreter. Not a function of its own, since
            # it might be traced.
            strike(get_ident(), _Settled)
            while True:
                get_ident()
    except _Settled:
        return


def nothing() -> Any:
    """What takes back the exception that a thread was to raise."""
    import ctypes

    return ctypes.py_object()

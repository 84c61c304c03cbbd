"""Room for Python's frames in one piece.

Since 3.11 CPython keeps the frames of a thread in pieces of memory of 16 KiB. A call that does not fit any
more takes a new piece from the system, and its return gives it back. A loop that calls something just there
does both each time, at some 8 µs: an import of scikit-learn took a fifth longer when it met the end of a
piece, and whether it does is chance. A piece is as large as its first frame needs, and more; so a function
whose frame is said to be large gets a large piece for all that it calls. Memory that is never touched costs
nothing.

Must never change what a function does.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import FunctionType
from typing import Any, TypeVar, cast

Function = TypeVar("Function", bound=Callable[..., Any])
_SLOTS = 1 << 16
"""Of 8 bytes each. CPython takes the next power of two of bytes above that, so as much again is left: enough
for 1,500 calls within one another. Less than 2 MiB in all: a larger piece may become a huge page at once."""


def roomy(function: Function) -> Function:
    """The same function, with room for the frames of all that it calls. To be used once at the bottom of a
    thread's stack.

    Args:
        function: written in Python.
    """
    if sys.version_info >= (3, 11):
        plain = cast(FunctionType, function)
        plain.__code__ = plain.__code__.replace(co_stacksize=_SLOTS)
    return function

"""Ctrl-C while nothing of the user's runs in this process yet: it ends at once.

`KeyboardInterrupt` would be raised wherever the interpreter is; in a callback of a weak reference, of which
imports have many, it is printed and lost, and the server would start after all. Must never be in force while
code of the user's runs.
"""

from __future__ import annotations

import os
import signal

_INTERRUPTED = 130
"""As a shell says it (128 and the number of the signal)."""


def end_at_once() -> None:
    """From here on. What a parent has set (`nohup`), or a script, stays."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _end)


def raise_as_usual() -> None:
    """The user's code is about to run."""
    if signal.getsignal(signal.SIGINT) is _end:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def _end(number: int, frame: object) -> None:
    os._exit(_INTERRUPTED)

"""What a worker imports while nobody waits for it: what only some apps, or only errors, will need.

Must never hold up the order, which is looked for before each import, nor requests: between two imports they
have their turn.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from importlib import import_module

from pilotlight.channel import Channel

_STANDARD = ("codeop", "ctypes", "importlib.util", "pkgutil", "urllib.parse")
"""What the debugger needs of the standard library besides what serving needs. Imported in any case: later a
file of the app's may have the name."""
_OURS = (
    "pilotlight.debugger.report.capture",
    "pilotlight.debugger.renderings.response",
    "pilotlight.debugger.renderings.text",
    "pilotlight.debugger.transport",
    "pilotlight.worker.describing",
    "pilotlight.debugger.suggest.suggestion",
    "pilotlight.debugger.values.variables",
    "pilotlight.debugger.values.variables_template",
    "pilotlight.debugger.renderings.editor",
    "pilotlight.debugger.console.consoles",
)
_AFTER_SECONDS = 0.5
_BETWEEN_SECONDS = 0.02


def import_while_idle(channel: Channel) -> None:
    """Returns when all is imported or the order has come."""
    for name in _STANDARD:
        import_module(name)
    for name in _OURS:
        if channel.is_readable():
            return
        import_module(name)


def import_while_serving(loop: asyncio.AbstractEventLoop) -> Callable[[], None]:
    """Imports on the loop, soon, what has not been imported before: an app may run out of descriptors, and
    then nothing can be imported any more.

    Returns:
        what stops it.
    """
    names = iter(_OURS)
    handle: asyncio.TimerHandle

    def go_on() -> None:
        nonlocal handle
        name = next(names, None)
        if name is not None:
            with suppress(OSError):  # no descriptors already: the first error says so
                import_module(name)
            handle = loop.call_later(_BETWEEN_SECONDS, go_on)

    handle = loop.call_later(_AFTER_SECONDS, go_on)
    return lambda: handle.cancel()  # noqa: PLW0108 - the handle is another one after each step

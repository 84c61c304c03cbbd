"""What a worker imports while it waits for its order: what only some apps, or only errors, will need.

Must never hold up the order: it is looked for before each import.
"""

from __future__ import annotations

from importlib import import_module

from pilotlight.channel import Channel

_STANDARD = ("codeop", "ctypes", "importlib.util", "pkgutil", "urllib.parse")
"""What the debugger needs of the standard library besides what serving needs. Imported in any case: later a
file of the app's may have the name."""
_OURS = (
    "pilotlight.debugger.report",
    "pilotlight.debugger.response",
    "pilotlight.debugger.text",
    "pilotlight.debugger.transport",
    "pilotlight.worker.describing",
    "pilotlight.debugger.consoles",
)


def import_while_idle(channel: Channel) -> None:
    """Returns when all is imported or the order has come."""
    for name in _STANDARD:
        import_module(name)
    for name in _OURS:
        if channel.is_readable():
            return
        import_module(name)

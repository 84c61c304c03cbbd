"""Errors as plain data and as pages: the front door of the room.

Nothing is imported with the package: a process that shows no error pays nothing for it, and imports what it
needs then. Of the standard library that is only what has been imported before (see `worker.idle`), so that a
user's `html.py` or `token.py` cannot stand in front of it. Must never run user code.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .model import Report
    from .renderings.response import error_response
    from .renderings.text import render_text
    from .report.capture import from_exception
    from .report.death import describe_exit, frames_from_faulthandler, from_death
    from .transport import from_json, to_json

__all__ = [
    "Report",
    "describe_exit",
    "error_response",
    "frames_from_faulthandler",
    "from_death",
    "from_exception",
    "from_json",
    "render_text",
    "to_json",
]

_PLACES = {
    "Report": "model",
    "describe_exit": "report.death",
    "error_response": "renderings.response",
    "frames_from_faulthandler": "report.death",
    "from_death": "report.death",
    "from_exception": "report.capture",
    "from_json": "transport",
    "render_text": "renderings.text",
    "to_json": "transport",
}


def __getattr__(name: str) -> Any:
    """What `__all__` names, from its module (PEP 562)."""
    from importlib import import_module

    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_PLACES[name]}"), name)

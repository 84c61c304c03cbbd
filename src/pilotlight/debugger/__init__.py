"""Errors as plain data and as pages: the front door of the room.

Everything that an error page needs is imported with this package, so that it is there before the app's
directory enters `sys.path`, where a user's `html.py` or `token.py` may stand in front of the standard
library. Must never run user code.
"""

from __future__ import annotations

from .death import describe_exit, frames_from_faulthandler, from_death
from .model import Report
from .report import from_exception
from .response import error_response
from .text import render_text
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

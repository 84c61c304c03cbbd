"""Which errors are equal, and which of many is let go first: a page that asks a broken endpoint again and
again must not hide the other errors. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pilotlight.debugger.model import Report

Key = tuple[str, ...]

_ADDRESS = re.compile(r"\b0x[0-9a-fA-F]{4,}\b")
"""In the `repr` of an object: another one each time."""


def key_of(report: Report) -> Key:
    """The same for reports of one error: of one type, with one message, raised at one place.

    The place is the one that is shown first. Which request, thread or task has come there makes no
    difference.
    """
    error = report.error
    syntax, frame = error.syntax, report.focus()
    if syntax is not None:
        place: Key = (syntax.file, str(syntax.line))
    elif frame is not None:
        place = (frame.file, str(frame.line), frame.function)
    else:
        place = ()
    return (report.kind, error.type, _ADDRESS.sub("0x", error.message), *place)


def first_to_go(groups: Sequence[Hashable]) -> int:
    """Which one to let go: the oldest that has a newer equal one, or else the oldest.

    Args:
        groups: what each belongs to, the oldest first; at least one.
    """
    newest = {group: index for index, group in enumerate(groups)}
    return next((index for index, group in enumerate(groups) if newest[group] != index), 0)

"""Files that error pages show and that no reload follows, templates: whether one has changed since.

Only files of reports made here are looked at, whoever asks. Must never read them.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pilotlight.debugger.model import Report, Trace

_MOST_REPORTS = 50
_MOST_FILES = 20
_Stamp = tuple[int, int, int] | None


class ShownFiles:
    """Of the last reports of one worker."""

    def __init__(self) -> None:
        self._stamps: dict[str, dict[str, _Stamp]] = {}

    def note(self, report: Report) -> None:
        """A page is about to show it."""
        files = dict.fromkeys(file for trace in report.chain for file in _templates(trace))
        stamps = {file: _stamp(file) for file in list(files)[:_MOST_FILES]}
        if stamps:
            self._stamps[report.id] = stamps
            if len(self._stamps) > _MOST_REPORTS:
                del self._stamps[next(iter(self._stamps))]

    def are_watched(self, report_id: str) -> bool:
        """Whether there are any of a report."""
        return report_id in self._stamps

    def have_changed(self, report_id: str) -> bool:
        """Whether one of them is another than when the report was noted."""
        return any(_stamp(file) != stamp for file, stamp in self._stamps.get(report_id, {}).items())


def _templates(trace: Trace) -> Iterator[str]:
    files = [frame.file for frame in trace.frames if frame.language != "python"]
    if trace.syntax is not None and not trace.syntax.file.endswith(".py"):
        files.append(trace.syntax.file)
    return filter(os.path.isabs, files)


def _stamp(file: str) -> _Stamp:
    """None where there is none."""
    try:
        found = os.stat(file)
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size

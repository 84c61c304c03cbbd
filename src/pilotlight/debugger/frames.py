"""The calls of a traceback become frames of the report.

Must never keep a live frame unless it numbers it for the console, and then only those that are shown.
"""

from __future__ import annotations

from collections.abc import Sequence
from types import FrameType
from typing import Any

from . import source, stack
from .folding import Folded
from .model import Frame
from .source import AROUND, SourceReader, excerpt_of, split_source
from .stack import Step
from .template_place import TemplatePlace
from .templates import span_in

MAX_KEPT = 200
_TEMPLATE_CHANGED = "The template has changed since it was loaded."


class FrameMaker:
    """Makes the frames of one report.

    Args:
        reader: where source comes from.
        variables: show what the variables held.
        number: keep the live frames, and number them.
    """

    def __init__(self, reader: SourceReader, *, variables: bool, number: bool) -> None:
        self.reader = reader
        self.kept: list[FrameType] = []
        self.whole = True
        """Whether frames get the lines around their own."""
        self._variables = variables
        self._number = number

    def lines(self, step: Step) -> tuple[str, ...] | str:
        """The whole source of the file that a call is in, or why there is none."""
        return self.reader.lines(step.code.co_filename, _loader(step))

    def frames(
        self, steps: Sequence[tuple[int, Step, Folded]], places: dict[int, TemplatePlace]
    ) -> tuple[Frame, ...]:
        """The frames of one exception, oldest first."""
        return tuple(
            self._template(step, folded, places[index]) if index in places else self._python(step, folded)
            for index, step, folded in steps
        )

    def _python(self, step: Step, folded: Folded) -> Frame:
        code, place = step.code, stack.position(step)
        file = code.co_filename
        around = AROUND if self.whole else (0, 0)
        lines = self.lines(step)
        excerpt = self.reader.excerpt(file, place.line, place.end_line, loader=_loader(step), around=around)
        return Frame(
            file=file,
            line=place.line,
            end_line=place.end_line,
            function=code.co_name,
            qualname=getattr(code, "co_qualname", code.co_name),
            module=step.module,
            own=source.is_own(file),
            lines=excerpt.lines,
            first_line=excerpt.first_line,
            span=None if isinstance(lines, str) else stack.span(lines, excerpt, place),
            source_note=excerpt.note,
            repeats=folded.repeats,
            period=folded.period,
            omitted=folded.omitted,
            handle=self._handle(step),
        )

    def _template(self, step: Step, folded: Folded, place: TemplatePlace) -> Frame:
        around = AROUND if self.whole else (0, 0)
        span, note = None, ""
        if place.source is None:
            excerpt = self.reader.excerpt(place.file, place.line, around=around)
            note = _no_template_source(place, excerpt.note)
        else:
            lines = split_source(place.source)
            excerpt = excerpt_of(lines, place.line, None, around)
            span = span_in(place.source, place.position, place.line, excerpt.first_line, excerpt.lines)
            now = self.reader.lines(place.file)
            note = _TEMPLATE_CHANGED if isinstance(now, tuple) and now != lines else ""
        return Frame(
            file=place.file,
            line=place.line,
            end_line=place.line,
            function=place.function,
            qualname=place.function,
            module="",
            own=source.is_own(place.file),
            lines=excerpt.lines,
            first_line=excerpt.first_line,
            span=span,
            source_note=note,
            repeats=folded.repeats,
            period=folded.period,
            omitted=folded.omitted,
            language=place.language,
            handle=self._handle(step),
        )

    def _handle(self, step: Step) -> int:
        if not self._number or len(self.kept) >= MAX_KEPT:
            return -1
        self.kept.append(step.frame)
        return len(self.kept) - 1


def _no_template_source(place: TemplatePlace, note: str) -> str:
    return "The template did not come from a file." if place.file.startswith("<") else note


def _loader(step: Step) -> Any:
    """What imported the module of a call; for those in a zip archive it has the source."""
    return dict.get(step.frame.f_globals, "__loader__")

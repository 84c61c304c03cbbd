"""The calls of a traceback become frames of the report.

Must never keep a live frame unless it numbers it for the console, and then only those that are shown.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from types import FrameType
from typing import TYPE_CHECKING, Any

from pilotlight.debugger.introspection import source, stack
from pilotlight.debugger.introspection.marking import with_span
from pilotlight.debugger.introspection.source import AROUND, Excerpt, SourceReader, excerpt_of, split_source
from pilotlight.debugger.introspection.stack import Step
from pilotlight.debugger.introspection.template_place import TemplatePlace
from pilotlight.debugger.introspection.templates import span_in
from pilotlight.debugger.model import Frame

from .folding import Folded

if TYPE_CHECKING:
    from pilotlight.debugger.values.budget import Budget

MAX_KEPT = 200
MAX_OWN_WITH_VARIABLES = 30
MAX_LIBRARY_WITH_VARIABLES = 3
NEAR = 8
"""How many calls show all their variables; those further from the error show a few."""
MAX_NEAR_VARIABLES, MAX_FAR_VARIABLES = 30, 8
MAX_FAR_VALUES = 60
"""How many values, with those inside of others, one of the further calls shows."""
_TEMPLATE_CHANGED = "The template has changed since it was loaded."


class FrameMaker:
    """Makes the frames of one report.

    Args:
        reader: where source comes from.
        budget: what may be spent on showing what the variables held; None shows none.
        number: keep the live frames, and number them.
    """

    def __init__(self, reader: SourceReader, budget: Budget | None, *, number: bool) -> None:
        self.reader = reader
        self.kept: list[FrameType] = []
        self.whole = True
        """Whether frames get the lines around their own."""
        self._budget = budget
        self._own_left = MAX_OWN_WITH_VARIABLES
        self._library_left = MAX_LIBRARY_WITH_VARIABLES
        self._shown = 0
        self._number = number

    def lines(self, step: Step) -> tuple[str, ...] | str:
        """The whole source of the file that a call is in, or why there is none."""
        return self.reader.lines(step.code.co_filename, _loader(step))

    def frames(
        self, steps: Sequence[tuple[int, Step, Folded]], places: dict[int, TemplatePlace]
    ) -> tuple[Frame, ...]:
        """The frames of one exception, oldest first."""
        made = [
            self._template(step, folded, places[index]) if index in places else self._python(step, folded)
            for index, step, folded in steps
        ]
        if self._budget is not None:
            for at, (index, step, _) in self._worth_variables(steps, made):
                made[at] = self._with_variables(made[at], step, places.get(index), self._budget)
        return tuple(made)

    def _worth_variables(
        self, steps: Sequence[tuple[int, Step, Folded]], made: Sequence[Frame]
    ) -> Iterator[tuple[int, tuple[int, Step, Folded]]]:
        """The innermost of the user's own calls and of those of libraries, the innermost first."""
        for at in range(len(made) - 1, -1, -1):
            if made[at].own and self._own_left:
                self._own_left -= 1
                yield at, steps[at]
            elif not made[at].own and self._library_left:
                self._library_left -= 1
                yield at, steps[at]

    def _with_variables(self, frame: Frame, step: Step, place: TemplatePlace | None, budget: Budget) -> Frame:
        self._shown += 1
        if self._shown <= NEAR:
            return _with_variables(frame, step, place, budget, MAX_NEAR_VARIABLES)
        left, budget.values = budget.values, min(budget.values, MAX_FAR_VALUES)
        given = budget.values
        frame = _with_variables(frame, step, place, budget, MAX_FAR_VARIABLES)
        budget.values = left - (given - budget.values)
        return frame

    def _python(self, step: Step, folded: Folded) -> Frame:
        code, place = step.code, stack.position(step)
        file = code.co_filename
        around = AROUND if self.whole else (0, 0)
        lines = self.lines(step)
        excerpt = self.reader.excerpt(file, place.line, place.end_line, loader=_loader(step), around=around)
        span = None if isinstance(lines, str) else stack.span(lines, excerpt, place)
        if span is not None and not isinstance(lines, str):
            excerpt, span = with_span(excerpt, lines, span)
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
            span=span,
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
            # Whether the file is newer than the load says nothing: engines read a template when it is needed.
            text = self.reader.lines(place.file)
            if isinstance(text, str):
                excerpt = Excerpt(note=text)
            else:
                excerpt = excerpt_of(text, place.line, None, around)
            note = _no_template_source(place, excerpt.note)
        else:
            lines = split_source(place.source)
            excerpt = excerpt_of(lines, place.line, None, around)
            span = span_in(place.source, place.position, place.line, lines)
            if span is not None and excerpt.lines:
                excerpt, span = with_span(excerpt, lines, span)
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


def _with_variables(
    frame: Frame, step: Step, place: TemplatePlace | None, budget: Budget, limit: int
) -> Frame:
    from pilotlight.debugger.values.variables import (  # only for who shows them: they cost start-up
        names_on_line,
        of_frame,
    )
    from pilotlight.debugger.values.variables_template import of_template

    if place is not None:
        shown, omitted = of_template(place, frame.code() or "", budget, limit=limit)
    else:
        used = names_on_line(frame.lines, frame.first_line, frame.line, frame.end_line, frame.span)
        shown, omitted = of_frame(step.frame, used, budget, limit=limit)
    return replace(frame, variables=shown, variables_omitted=omitted)


def _no_template_source(place: TemplatePlace, note: str) -> str:
    return "The template did not come from a file." if place.file.startswith("<") else note


def _loader(step: Step) -> Any:
    """What imported the module of a call; for those in a zip archive it has the source."""
    return dict.get(step.frame.f_globals, "__loader__")

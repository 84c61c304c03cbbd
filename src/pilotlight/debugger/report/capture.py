"""An exception becomes a `Report`.

Must never run user code (no `repr`, no attribute of the user's classes) but for one protected
`str(exception)` and, where variables are asked for, what `values` allows; never keep a frame or an exception
alive unless it is asked to; and never raise because of what an exception holds.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from types import FrameType
from typing import TYPE_CHECKING, Any

from pilotlight.debugger.introspection import exceptions, source, stack, template_missing, templates
from pilotlight.debugger.introspection.exceptions import safe_str, type_name
from pilotlight.debugger.introspection.source import SourceReader
from pilotlight.debugger.introspection.stack import Step
from pilotlight.debugger.introspection.template_place import TemplatePlace
from pilotlight.debugger.model import Frame, Kind, Link, Report, SyntaxPlace, Trace

from .folding import Folded, fold
from .frames import FrameMaker
from .groups import Member, Merger
from .syntaxes import place_of

if TYPE_CHECKING:
    from pilotlight.debugger.values.budget import Budget

__all__ = ["Report", "from_exception", "new_id", "preload", "safe_str", "type_name"]

MAX_CHAIN = 15
MAX_GROUP_WIDTH = 50
MAX_GROUP_DEPTH = 12
MAX_TRACES = 150
# The message is what matters most: it gets more time than a variable.
SECONDS_EACH, SECONDS_FOR_MESSAGES = 0.5, 1.0

_MISTAKES = (NameError, AttributeError, ImportError, KeyError, TypeError)
NO_SUGGESTION = "What was meant could not be looked up"
WHOLE_TRACES = 20
"""How many exceptions are shown with the lines around each call; those after them with its own line alone."""


def from_exception(
    error: BaseException,
    *,
    kind: Kind = "request",
    trim: bool = True,
    changed: Callable[[str], bool] | None = None,
    variables: bool = False,
    keep: Callable[[Sequence[FrameType]], None] | None = None,
) -> Report:
    """The report of an exception.

    Args:
        error: with its traceback, as caught.
        kind: where it came from.
        trim: leave out the frames of this server and of the import system that lead to the user's code.
        changed: whether a file is another than the one that was loaded; asked once for each file.
        variables: show what the variables of the calls held.
        keep: gets the live frames, each at the index that `Frame.handle` gives.
    """
    reader = SourceReader(changed)
    if not variables:
        frames = FrameMaker(reader, None, number=keep is not None)
        chain = _Capture(trim, frames, _Messages(None)).chain(error, 0, [])
    else:
        from pilotlight.debugger.values.budget import Budget  # as in `preload`

        with Budget() as budget, Budget(seconds=SECONDS_FOR_MESSAGES, seconds_each=SECONDS_EACH) as patient:
            frames = FrameMaker(reader, budget, number=keep is not None)
            chain = _Capture(trim, frames, _Messages(patient)).chain(error, 0, [])
    if keep is not None:
        keep(frames.kept)
    return Report(
        id=new_id(),
        kind=kind,
        time=time.time(),
        python=source.python_version(),
        directory=source.working_directory(),
        chain=chain,
    )


def preload() -> None:
    """Imports what `from_exception` would import at the first error.

    It is not imported with this module, because no start should wait for it. Nothing of it can be hidden by
    a module of the app; but an app may run out of descriptors, and then nothing can be imported any more.
    """
    from pilotlight.debugger.suggest import suggestion, template_files  # noqa: F401
    from pilotlight.debugger.values import budget, secrets, variables, variables_template  # noqa: F401


def new_id() -> str:
    """An error id: short enough to read out, too many to guess."""
    return os.urandom(6).hex()


class _Capture:
    """One run over an exception and all that hangs on it."""

    def __init__(self, trim: bool, frames: FrameMaker, messages: _Messages) -> None:
        self._trim = trim
        self._maker = frames
        self._seen: set[int] = set()
        self._made = 0
        self._message = messages.of
        self._merger = Merger(messages.of)

    def chain(self, error: BaseException, depth: int, around: list[Step]) -> tuple[Trace, ...]:
        """An exception and what it came from. `around`: the calls of the group that holds it."""
        errors = exceptions.linked(error, self._seen)
        omitted = 0
        if len(errors) > MAX_CHAIN:
            omitted = len(errors) - MAX_CHAIN
            del errors[MAX_CHAIN - 3 : -3]
        traces = []
        for each, link in errors:
            trace, around = self._trace(each, link, depth, around)
            traces.append(trace)
        if omitted:
            traces[-4] = replace(traces[-4], omitted=omitted)
        return tuple(traces)

    def _trace(
        self, error: BaseException, link: Link, depth: int, around: list[Step]
    ) -> tuple[Trace, list[Step]]:
        self._made += 1
        kind = type(error)
        all_steps = list(stack.steps(exceptions.traceback_of(error)))
        shown = all_steps
        if self._trim:
            shown = stack.trimmed(all_steps, may_be_empty=issubclass(kind, (SyntaxError, ImportError)))
        steps = stack.unshared(shown, around)
        shared = len(shown) - len(steps)
        message, place = self._said(error, all_steps)
        found = templates.find(steps, error)
        if place is not None:  # said once, not as a call too
            wrong = (place.file, place.line)
            steps, found = _without(steps, found, wrong)
        self._maker.whole = self._made <= WHOLE_TRACES
        frames = self._maker.frames(_folded(steps, found), found)
        group, group_omitted = self._members(error, depth, shown)
        tried, suggestion = _about_template(error, all_steps)
        return Trace(
            type=type_name(kind),
            message=_masked(message),
            frames=frames,
            notes=tuple(_masked(note) for note in (*exceptions.notes(error), *tried)),
            suggestion=_masked(suggestion or self._suggestion(error, message, all_steps, frames, found)),
            syntax=place,
            link=link,
            group=group,
            group_omitted=group_omitted,
            shared=shared,
        ), shown

    def _said(self, error: BaseException, steps: list[Step]) -> tuple[str, SyntaxPlace | None]:
        """The message and, if the error is about the text of a file, the place there."""
        if issubclass(type(error), SyntaxError):
            place = place_of(error, self._maker.reader)
            message: Any = exceptions.field(SyntaxError, "msg", error) if place else self._message(error)
            return message if isinstance(message, str) else "<no detail available>", place
        return templates.syntax_place(error, steps, self._maker.reader) or (self._message(error), None)

    def _members(
        self, error: BaseException, depth: int, steps: list[Step]
    ) -> tuple[tuple[tuple[Trace, ...], ...], int]:
        total = len(exceptions.members(error))
        merged: list[Member] = self._merger.merge(error) if total and depth < MAX_GROUP_DEPTH else []
        shown = []
        for member in merged[:MAX_GROUP_WIDTH]:
            if self._made >= MAX_TRACES:
                break
            first, *rest = self.chain(member.error, depth + 1, steps)
            shown.append((replace(first, count=member.times), *rest))
        return tuple(shown), total - sum(chain[0].count for chain in shown)

    def _suggestion(
        self,
        error: BaseException,
        message: str,
        steps: list[Step],
        frames: tuple[Frame, ...],
        places: dict[int, TemplatePlace],
    ) -> str:
        if not (issubclass(type(error), _MISTAKES) or places):
            return ""
        try:
            from pilotlight.debugger.suggest.suggestion import suggest  # as in `preload`

            codes = [frame.code() or "" for frame in frames if frame.language != "python"]
            line, names = (codes[-1], places[max(places)].names) if codes else ("", ())
            lines = self._maker.lines(steps[-1]) if frames and frames[-1].language == "python" else ""
            return suggest(error, message, steps, lines, line, names)
        except Exception as bug:  # noqa: BLE001 - what is only help must not hide the error itself
            return f"({NO_SUGGESTION}: {type_name(type(bug))})"


def _about_template(error: BaseException, steps: list[Step]) -> tuple[tuple[str, ...], str]:
    """Of a template that is not there: where it was looked for, and which one was most likely meant."""
    if not template_missing.is_missing(error):
        return (), ""
    try:
        from pilotlight.debugger.suggest import template_files  # as in `preload`

        missing = template_missing.find(error, steps)
        return template_files.places(missing), template_files.nearest(missing)
    except Exception as bug:  # noqa: BLE001 - what is only help must not hide the error itself
        return (), f"({NO_SUGGESTION}: {type_name(type(bug))})"


class _Messages:
    """The text of each exception, asked for once: its `__str__` may be the user's.

    Args:
        budget: the time that may be spent on code of the app; without it there is no limit.
    """

    def __init__(self, budget: Budget | None) -> None:
        self._budget = budget
        self._known: dict[int, str] = {}

    def of(self, error: BaseException) -> str:
        """The message of an exception."""
        if id(error) not in self._known:
            self._known[id(error)] = self._read(error)
        return self._known[id(error)]

    def _read(self, error: BaseException) -> str:
        if self._budget is None or exceptions.has_plain_text(error):
            return safe_str(error)
        from pilotlight.debugger.values.budget import Refused  # as in `preload`

        try:
            text: str = self._budget.call(lambda: safe_str(error))
        except Refused as refusal:
            return f"<exception str() was too slow: {refusal.note}>"
        return text


def _masked(text: str) -> str:
    from pilotlight.debugger.values.secrets import mask_text  # as in `preload`

    return mask_text(text)


def _without(
    steps: list[Step], found: dict[int, TemplatePlace], wrong: tuple[str, int]
) -> tuple[list[Step], dict[int, TemplatePlace]]:
    """Without the calls that an engine put there for a template that could not be compiled."""
    gone = {index for index, place in found.items() if (place.file, place.line) == wrong}
    kept = [index for index in range(len(steps)) if index not in gone]
    places = {new: found[old] for new, old in enumerate(kept) if old in found}
    return [steps[index] for index in kept], places


def _folded(steps: list[Step], found: dict[int, TemplatePlace]) -> list[tuple[int, Step, Folded]]:
    """The calls that are shown, each with its index, recursion folded to its cycle; a call that was repeated
    is shown as it was the last time, with what its variables held then."""
    keys = [found[index].key() if index in found else step.key() for index, step in enumerate(steps)]
    calls = [(each.at + each.repeats * each.period, each) for each in fold(keys)]
    return [(last, steps[last], each) for last, each in calls]

"""What most likely was meant: the suggestions that the interpreter prints, and more, on every Python.

Must never run user code: names are taken from dictionaries, not from `dir()`, so that no `__dir__`,
`__getattr__` or property runs. Must never guess: where it is not clear, nothing is said.
"""

from __future__ import annotations

from collections.abc import Sequence
from types import FrameType
from typing import Any, NamedTuple

from pilotlight.debugger.introspection.expressions import Expression, failing
from pilotlight.debugger.introspection.stack import Step, position

from .calls import for_call, for_coroutine
from .keys import for_key
from .modules import for_import, for_module_attribute
from .names import for_attribute, for_name, for_none
from .spelling import closest
from .templates import for_undefined, is_undefined

__all__ = ["Failure", "closest", "suggest"]


class Failure(NamedTuple):
    """An exception and the place it was raised at.

    Args:
        message: its text, already read.
        steps: all calls of its traceback, the oldest first.
        lines: the source of the innermost, or why there is none.
        expressions: the expression that failed, or all that may have.
        template_line: the innermost line of a template on the way there.
        template_names: what that template knew, the innermost scope first.
    """

    error: BaseException
    message: str
    steps: Sequence[Step] = ()
    lines: tuple[str, ...] | str = ""
    expressions: Sequence[Expression] = ()
    template_line: str = ""
    template_names: Sequence[dict[Any, Any]] = ()

    @property
    def frame(self) -> FrameType | None:
        """Where it was raised."""
        return self.steps[-1].frame if self.steps else None

    @property
    def line(self) -> int | None:
        """The line at which it was raised."""
        return self.steps[-1].line if self.steps else None


def suggest(
    error: BaseException,
    message: str,
    steps: Sequence[Step],
    lines: tuple[str, ...] | str,
    template_line: str = "",
    template_names: Sequence[dict[Any, Any]] = (),
) -> str:
    """A sentence such as `Did you mean: 'name'?`, or nothing. For the arguments see `Failure`."""
    expressions: list[Expression] = []
    if steps and lines and not isinstance(lines, str):
        in_lambda = steps[-1].code.co_name == "<lambda>"
        expressions = failing(lines, position(steps[-1]), in_lambda=in_lambda)
    return _suggestion(Failure(error, message, steps, lines, expressions, template_line, template_names))


def _suggestion(failure: Failure) -> str:
    kind = type(failure.error)
    if is_undefined(failure.error):
        return for_undefined(failure.message, failure.template_line, failure.template_names)
    if issubclass(kind, NameError):
        return for_name(failure)
    if issubclass(kind, AttributeError):
        return (
            for_coroutine(failure)
            or for_none(failure)
            or for_module_attribute(failure)
            or for_attribute(failure)
        )
    if issubclass(kind, ImportError):
        return for_import(failure)
    if issubclass(kind, KeyError):
        return for_key(failure)
    if issubclass(kind, TypeError):
        return for_coroutine(failure) or for_none(failure) or for_call(failure)
    return ""

"""Executes a module's file in two parts, with a boundary between them where the load may be paused.

The leading part is recorded when it is executed, the whole file when the rest of it is read: so a load that
was paused between the two can go on with a changed rest. Never from bytecode. Must never execute anything of
a file whose parts cannot be told apart: that is left to Python's own way.
"""

from __future__ import annotations

from collections.abc import Callable
from types import CodeType
from typing import Any, ParamSpec, Protocol, TypeVar

from pilotlight.reload.split import Parts, rest_after, split

P = ParamSpec("P")
R = TypeVar("R")
_IMPORT_MACHINERY = "<frozen importlib._bootstrap_external>"
Execute = Callable[[CodeType, dict[str, Any]], object]


def seen_as_import_machinery(function: Callable[P, R]) -> Callable[P, R]:
    """A frame of this function is left out where those of Python's own import are: in tracebacks of what a
    module raises, and in the counting of `warnings.warn(stacklevel=...)`."""
    code: Any = function
    code.__code__ = code.__code__.replace(co_filename=_IMPORT_MACHINERY)
    return function


class HeadChangedError(BaseException):
    """The leading part of a module should not have been executed: it was changed after it had been judged
    unchanged, or the app goes on although the file does not compile. This load is worth nothing. Not an
    `Exception`, so that the app's own handlers let it pass."""

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self.path = path


class Boundaries(Protocol):
    """Who may pause the load at the boundaries of a user module."""

    def before_module(self, path: str) -> bool:
        """The module's file has not been read yet. Returns whether `inside_module` is wanted too."""
        ...

    def inside_module(self, path: str) -> None:
        """The module's leading imports have been executed, and no more of it."""
        ...

    def does_not_compile(self, path: str) -> None:
        """Nothing of such a module should have been executed, and its leading imports have been: the load is
        worth something only if it fails."""
        ...


class Notes(Protocol):
    """Who is told what is read of a module's file."""

    def look_at(self, path: str) -> bytes | None:
        """The content of a file, unrecorded; None if it cannot be read."""
        ...

    def module_head(self, path: str, head: bytes) -> None:
        """The leading part is about to be executed, and nothing else of the file has been read."""
        ...

    def module_file(self, path: str) -> None:
        """The file is about to be read whole."""
        ...


class InParts:
    """The execution in parts, for modules and for scripts alike."""

    def __init__(self, notes: Notes, boundaries: Boundaries) -> None:
        self._notes = notes
        self._boundaries = boundaries

    def wanted(self, path: str) -> bool:
        """Lets the load be paused before the file is read; whether it is to be run in parts."""
        return self._boundaries.before_module(path)

    @seen_as_import_machinery
    def run(self, path: str, names: dict[str, Any], execute: Execute) -> bool:
        """Executes the leading part, lets the load be paused, and executes the rest as it is then.

        Args:
            path: of the source file, as tracebacks are to name it.
            names: the module's globals.
            execute: executes one part.

        Returns:
            False if the file has no parts; nothing has been executed then.

        Raises:
            HeadChangedError: the leading part is another one by now.
            SyntaxError, ValueError: as Python raises them for a file that does not compile.
        """
        parts = self._parts(path)
        if parts is None:
            return False
        self._notes.module_head(path, parts.head)
        execute(parts.head_code, names)
        self._boundaries.inside_module(path)
        self._notes.module_file(path)
        content = self._notes.look_at(path)
        if content == parts.source:
            execute(parts.rest_code, names)
            return True
        try:
            rest = None if content is None else rest_after(content, parts.head, path)
        except (SyntaxError, ValueError):
            self._boundaries.does_not_compile(path)
            raise
        if rest is None:
            raise HeadChangedError(path)
        execute(rest, names)
        return True

    def _parts(self, path: str) -> Parts | None:
        source = self._notes.look_at(path)
        try:
            return None if source is None else split(source, path)
        except (SyntaxError, ValueError):
            return None  # Python's own loader says what is wrong, with its own traceback

"""The names that code typed into a frame sees, and where the names that it assigns go.

Must never evaluate anything, and never write into the app's names but for those that were assigned.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, MutableMapping
from types import FrameType
from typing import Any

WRITES_THROUGH = sys.version_info >= (3, 13)
"""Whether `frame.f_locals` reaches the variables of a running function (PEP 667)."""

_CO_OPTIMIZED = 0x1
_MISSING = object()

COPY_NOTE = (
    "On this Python an assignment does not reach the function's own variables: this console keeps a changed "
    "copy. From Python 3.13 on it reaches them."
)
DELETE_NOTE = "A function's own variable cannot be deleted from outside: it is only hidden in this console."


class Namespace(dict[str, Any]):
    """One dictionary for what are locals, globals and the console's own names: functions, lambdas and
    comprehensions that are typed look their names up as globals, and must find the frame's too.

    The interpreter demands a real dictionary as globals, asks `__getitem__` of a subclass for the names in
    functions and at the top level, and reads the names in class bodies from the dictionary itself. So its
    content is a copy, made anew before each evaluation (`refresh`), and the lookups here are live.

    Args:
        module: the globals of the frame, or of a console that has none.
        frame: whose variables come first; None: there is only the module.
    """

    def __init__(self, module: dict[str, Any], frame: FrameType | None = None) -> None:
        super().__init__()
        self._module = module
        self._variables, self._known = _variables(frame, module)
        self._copied = self._variables is not None and self._known is not None and not WRITES_THROUGH
        self._own: dict[str, Any] = {}
        self._hidden: set[str] = set()
        self._last: Any = _MISSING
        self._declared: frozenset[str] = frozenset()
        self._watched: set[str] = set()
        self._mirror: dict[str, Any] = {}
        self._noted: set[str] = set()
        self._notes: list[str] = []

    @property
    def globals(self) -> dict[str, Any]:
        """What `exec` has to be given as globals: the module's own where there is nothing to merge."""
        return self._module if self._variables is None else self

    def refresh(self, declared: Iterable[str] = (), inner: Iterable[str] = ()) -> None:
        """Before each evaluation.

        Args:
            declared: names that its top level declares `global`.
            inner: names that its functions declare `global`.
        """
        self._declared = frozenset(declared)
        self._watched.update(inner)
        merged = self.visible()
        dict.clear(self)
        dict.update(self, merged)
        dict.__setitem__(self, "__builtins__", self._module.get("__builtins__", __builtins__))
        self._mirror = {name: dict.get(self, name, _MISSING) for name in self._watched}

    def settle(self) -> list[str]:
        """After each evaluation: sentences that the developer has to know."""
        self._flush()
        notes, self._notes = self._notes, []
        return notes

    def remember(self, value: Any) -> None:
        """`_` is this value from now on, unless the app has a name `_`."""
        self._last = value

    def visible(self) -> dict[str, Any]:
        """All names and what they hold; those of builtins left out."""
        merged = {} if self._last is _MISSING else {"_": self._last}
        merged.update(self._module)
        merged.update(self._own)
        if self._variables is not None:
            variables = {name: value for name, value in self._variables.items() if name not in self._hidden}
            merged.update(variables)
        return merged

    def __getitem__(self, name: str) -> Any:
        if self._watched:
            self._flush()
        if name not in self._declared:
            if self._variables is not None and name not in self._hidden and name in self._variables:
                return self._variables[name]
            if name in self._own:
                return self._own[name]
        if name in self._module:
            return self._module[name]
        if name == "_" and self._last is not _MISSING:
            return self._last
        if name == "__builtins__":
            return dict.__getitem__(self, name)
        raise KeyError(name)

    def __setitem__(self, name: str, value: Any) -> None:
        home = self._home(name)
        home[name] = value
        if home is self._variables:
            self._hidden.discard(name)
        dict.__setitem__(self, name, value)
        if name in self._mirror:
            self._mirror[name] = value

    def __delitem__(self, name: str) -> None:
        home = self._home(name)
        if home is self._variables and self._known is not None and not self._copied:
            if name in self._hidden or name not in home:
                raise KeyError(name)
            self._hidden.add(name)
            self._note(DELETE_NOTE)
        else:
            del home[name]
        dict.pop(self, name, None)
        if name in self._mirror:
            self._mirror[name] = _MISSING

    def _home(self, name: str) -> MutableMapping[str, Any]:
        """Where a name lives that is assigned or deleted."""
        if self._variables is None or name in self._declared:
            return self._module
        if self._known is None:
            return self._variables
        if name not in self._known:
            return self._own
        if self._copied:
            self._note(COPY_NOTE)
        return self._variables

    def _flush(self) -> None:
        """`global` in a function writes past `__setitem__`: bring that to the module."""
        for name, before in self._mirror.items():
            now = dict.get(self, name, _MISSING)
            if now is before:
                continue
            self._mirror[name] = now
            if now is _MISSING:
                self._module.pop(name, None)
            else:
                self._module[name] = now

    def _note(self, sentence: str) -> None:
        if sentence not in self._noted:
            self._noted.add(sentence)
            self._notes.append(sentence)


def _variables(
    frame: FrameType | None, module: dict[str, Any]
) -> tuple[MutableMapping[str, Any] | None, frozenset[str] | None]:
    """The frame's own variables, and which names are theirs (None: all, as in a class body)."""
    if frame is None:
        return None, None
    variables: Any = frame.f_locals
    code = frame.f_code
    if not code.co_flags & _CO_OPTIMIZED:
        return (None, None) if variables is module else (variables, None)
    known = frozenset((*code.co_varnames, *code.co_cellvars, *code.co_freevars))
    return (variables if WRITES_THROUGH else dict(variables)), known

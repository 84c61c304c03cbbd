"""A meta path finder in front of the others: it sees what the app imports, and what it looks for in vain.

It finds nothing by itself: it asks the finders behind it in their order, as `import` would, and hands on
their answer. So editable installs, namespace packages, zip archives and other tools' hooks work as before.
Asked again for the name that it is asking about (a hook that walks `sys.meta_path` itself), it steps aside. A
finder that somebody puts in front of it later is served first, as Python does it; the recorder still sees the
files that such a finder's loader opens.

One thing is changed in the answer: a user module's plain `SourceFileLoader` becomes a `FreshSourceLoader`. It
is a subclass with two methods of its own, not a delegate, since others ask `isinstance`
(`importlib.resources`, `pkg_resources` and `inspect` among them), pickle loaders, or call methods that a
delegate would have to guess. It holds no state beyond the name and path of its parent. `__spec__`,
`__file__`, `__cached__`, `runpy`, `importlib.reload` and the module's traceback (no frame of ours is in it)
stay as they are. Loaders of any other type are left alone. At a boundary where the load may be paused inside
the module (`parts`) it becomes a `PausingSourceLoader`.

Bytecode is taken only if it is proven to be of the present source (`bytecode`); otherwise the module is
compiled, and the bytecode written anew.

Must never raise into an import what that import did not raise itself.
"""

from __future__ import annotations

import importlib
import os
import sys
from _thread import get_ident
from collections.abc import Sequence
from functools import partial
from importlib import import_module
from importlib.machinery import ModuleSpec, SourceFileLoader
from types import ModuleType
from typing import Any, Protocol

from pilotlight.reload.bytecode import bytecode_is_proven
from pilotlight.reload.links import follow
from pilotlight.reload.parts import Boundaries, InParts, seen_as_import_machinery
from pilotlight.reload.parts import Notes as NotesOfParts
from pilotlight.reload.userfiles import UserFiles

_execute_as_python_does: Any = import_module("importlib._bootstrap")._call_with_frames_removed


class Notes(NotesOfParts, Protocol):
    """Who is told what was found and what was not."""

    def module_without_package(self, path: str) -> None:
        """A module was found in a file; a package of its name, beside it at `path`, would have won."""
        ...

    def module_missing(self, directory: str, name: str, anywhere: bool) -> None:
        """A directory was searched for a module and did not have it.

        Args:
            anywhere: no other directory had it either, or only bare directories of that name, so that another
                bare directory would have counted.
        """
        ...


class RecordingFinder:
    """The finder. One per process, at the front of `sys.meta_path`."""

    def __init__(self, notes: Notes, users: UserFiles, boundaries: Boundaries | None = None) -> None:
        self._in_parts = None if boundaries is None else InParts(notes, boundaries)
        self._notes = notes
        self._users = users
        self._asking: set[tuple[int, str]] = set()
        self._entries: set[str] = set()
        """Of `sys.path`, in which a user module was found."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """The spec that the finders behind this one give, or None.

        Args:
            fullname: the module's absolute name.
            path: the parent package's `__path__`; None for a top-level module.
            target: the module that `importlib.reload` is about to load again.
        """
        asking = (get_ident(), fullname)
        if asking in self._asking:
            return None
        self._asking.add(asking)
        try:
            spec = self._ask_others(fullname, path, target)
            if not self._noted(fullname, path, spec):
                importlib.invalidate_caches()
                spec = self._ask_others(fullname, path, target)
                self._noted(fullname, path, spec)
        finally:
            self._asking.discard(asking)
        return spec

    def _noted(self, fullname: str, path: Sequence[str] | None, spec: ModuleSpec | None) -> bool:
        """Records what the search has found, or that it has not; as `_note_found`."""
        if spec is None:
            self._note_misses(fullname, path, None)
            return True
        return not (spec.has_location or spec.origin is None) or self._note_found(fullname, path, spec)

    def _ask_others(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None
    ) -> ModuleSpec | None:
        finders: list[Any] = list(sys.meta_path)
        if self in finders:
            del finders[: finders.index(self) + 1]
        for finder in finders:
            # A finder without `find_spec` is left to Python, which asks on when we have no answer.
            find_spec = getattr(finder, "find_spec", None)
            spec: ModuleSpec | None = None if find_spec is None else find_spec(fullname, path, target)
            if spec is not None:
                return spec
        return None

    def _note_found(self, fullname: str, path: Sequence[str] | None, spec: ModuleSpec) -> bool:
        """Records the origin, and the user's directories that were searched before it in vain.

        Returns:
            False if the load was paused here and the origin has gone away meanwhile: the search begins anew.
        """
        origin = spec.origin
        if origin is None:  # a namespace package: any directory with a regular module of that name would win
            self._note_misses(fullname, path, "")
            return True
        # A module of a library's package lies where no directory of the user's comes first.
        if path is None or self._users.owns_file(origin):
            holder = os.path.dirname(origin)
            if spec.submodule_search_locations is not None:
                holder = os.path.dirname(holder)
            self._note_misses(fullname, path, holder)
        if self._users.owns_file(origin):
            if path is None and holder not in self._entries:
                self._entries.add(holder)
                follow(holder)
            if spec.submodule_search_locations is None:
                self._notes.module_without_package(os.path.join(os.path.dirname(origin), _name_in(fullname)))
            return self._prepare(spec, origin)
        return True

    def _prepare(self, spec: ModuleSpec, origin: str) -> bool:
        """Chooses the loader of a user module; all that is done before counts as read before the boundary.

        Returns:
            False if there is no such file any more behind the boundary.
        """
        plain = type(spec.loader) is SourceFileLoader
        if self._in_parts is not None:
            wanted = self._in_parts.wanted(origin)
            if plain and not os.path.isfile(origin):
                return False
            if plain and wanted:
                spec.loader = PausingSourceLoader(spec.name, origin, self._in_parts, self._notes)
                return True
        self._notes.module_file(origin)
        if plain:
            spec.loader = FreshSourceLoader(spec.name, origin)
        return True

    def _note_misses(self, fullname: str, path: Sequence[str] | None, winner: str | None) -> None:
        """Records directories that were searched in vain.

        Args:
            winner: the entry of the path where the search ended; None if the module was not found at all, and
                empty if every entry was searched.
        """
        name = _name_in(fullname)
        entries: list[object] = list(sys.path if path is None else path)
        for entry in entries:
            if not isinstance(entry, str):
                continue
            if entry == winner:
                return
            directory = entry if entry.startswith("/") else os.path.abspath(entry)
            if directory == winner:
                return
            if self._users.owns_directory(directory) or (
                winner is None and self._users.may_be_fixed_by_install(directory)
            ):
                self._notes.module_missing(directory, name, not winner)


def _name_in(fullname: str) -> str:
    """The name that is looked for in the directories of the parent package."""
    return fullname.rpartition(".")[2]


class FreshSourceLoader(SourceFileLoader):
    """Loads a source file, and its bytecode only if that is proven to be of the same source."""

    def get_data(self, path: str) -> bytes:
        """The content of a file.

        Raises:
            OSError: it cannot be read, or it is this module's bytecode and not proven; Python then compiles
                the source.
        """
        if not self._is_own_bytecode(path):
            return super().get_data(path)
        source = os.stat(self.path)
        bytecode = os.stat(path)
        content = super().get_data(path)
        if not bytecode_is_proven(content, bytecode.st_mtime_ns, source.st_ctime_ns):
            raise OSError(f"{path} may be older than {self.path}")
        return content

    def _is_own_bytecode(self, path: object) -> bool:
        if not isinstance(path, str) or not path.endswith(".pyc"):
            return False
        stem = os.path.splitext(os.path.basename(self.path))[0]
        return os.path.basename(path).startswith(stem + ".")


class PausingSourceLoader(FreshSourceLoader):
    """Executes a module in two parts, with a boundary between them."""

    def __init__(self, name: str, path: str, in_parts: InParts, notes: Notes) -> None:
        super().__init__(name, path)
        self._in_parts = in_parts
        self._notes = notes

    def __reduce__(self) -> tuple[object, ...]:
        """What is pickled is a loader for another process, which has no boundaries."""
        return FreshSourceLoader, (self.name, self.path)

    @seen_as_import_machinery
    def exec_module(self, module: ModuleType) -> None:
        """Executes the module; see `InParts.run` for what it raises."""
        if not self._in_parts.run(self.path, module.__dict__, partial(_execute_as_python_does, exec)):
            self._notes.module_file(self.path)
            super().exec_module(module)

"""Watching with inotify: the directories of the files that matter, never trees.

For each dependency the entries that decide about it (`places`) are watched through their directories, so that
a file that is replaced by a rename is still the same to us; directories on the way to it are watched for
their own end only, which is silent otherwise. When something on the way changes, all watches are laid anew
and everything counts as touched.

A save is over when the file is closed, and what is half written need not be looked at. An empty file that
has just been created waits for its `IN_CLOSE_WRITE` for the same reason. Writes are asked for only at the
files that matter themselves (see `contents`), never at their directories: a log file that grows beside them
costs nothing.

Must never judge whether something changed.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Mapping
from importlib.machinery import all_suffixes

from pilotlight.reload.backend import WatchLimitError
from pilotlight.reload.contents import Contents
from pilotlight.reload.dependencies import Dependency
from pilotlight.reload.digest import NOT_REGULAR, never_matters
from pilotlight.reload.inotify import (
    IN_ATTRIB,
    IN_CLOSE_WRITE,
    IN_CREATE,
    IN_DELETE,
    IN_DELETE_SELF,
    IN_IGNORED,
    IN_ISDIR,
    IN_MASK_ADD,
    IN_MODIFY,
    IN_MOVE_SELF,
    IN_MOVED_FROM,
    IN_MOVED_TO,
    IN_ONLYDIR,
    IN_Q_OVERFLOW,
    IN_UNMOUNT,
    Inotify,
    RawEvent,
)
from pilotlight.reload.places import Trace, trace

_NAMES = IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO
_OWN_END = IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR | IN_MASK_ADD
_ENTRIES = _OWN_END | _NAMES | IN_CLOSE_WRITE | IN_ATTRIB
_STRUCTURE = IN_DELETE_SELF | IN_MOVE_SELF | IN_UNMOUNT | IN_IGNORED | IN_Q_OVERFLOW
_ANY = os.sep
"""The entry name under which a listed directory waits for all names."""
_ATTEMPTS = 8


class InotifyBackend:
    """A `Backend` on one inotify instance.

    Raises:
        OSError: see `Inotify`.
    """

    interval: float | None = None

    def __init__(self) -> None:
        self._inotify = Inotify()
        self._dependencies: dict[tuple[str, str], Dependency] = {}
        self._wanted: dict[str, dict[str, set[str]]] = {}
        """Directory, entry name: paths of the dependencies that it decides about."""
        self._watches: dict[str, tuple[int, int]] = {}
        """Directory: watch descriptor and mask."""
        self._directories: dict[int, set[str]] = {}
        """Watch descriptor: the directories it stands for (several, where one is mounted twice)."""
        self._real: dict[str, str] = {}
        """Directory, as dependencies spell it: the real one, where the way and its entries are watched
        already."""
        self._links: set[tuple[str, str]] = set()
        """Directory and name of the links on the way to dependencies."""
        self._removed: set[int] = set()
        """Watches that we ended, whose `IN_IGNORED` is still to come."""
        self._refused: list[tuple[Dependency, WatchLimitError]] = []
        self._contents = Contents(self._inotify)
        self._unclosed: dict[str, None] = {}
        """Paths that were written to since they were last closed."""

    def fileno(self) -> int:
        """Readable when there are events."""
        return self._inotify.fileno()

    def arrives(self, directory: str) -> bool:
        """See `Inotify.arrives`."""
        return self._inotify.arrives(directory)

    def watch(self, dependency: Dependency) -> None:
        """See `Backend`."""
        self._lay(dependency)
        self._dependencies[dependency.kind, dependency.path] = dependency

    def _lay(self, dependency: Dependency) -> None:
        """Watches all that decides about one dependency."""
        self._lay_ways(dependency)
        if dependency.digest is not None:
            self._lay_on_content(dependency)

    def _lay_on_content(self, dependency: Dependency) -> None:
        if dependency.kind not in ("file", "head") or dependency.digest == NOT_REGULAR:
            return
        try:
            self._contents.watch(dependency.path)
        except OSError as error:
            _raise_limit(error)  # else it is gone, or may not be read: its directory tells of it

    def _lay_ways(self, dependency: Dependency) -> None:
        """Watches what leads to it and its name, until that does not change any more while we do so."""
        if self._lay_in_known_directory(dependency):
            return
        before = None
        for _ in range(_ATTEMPTS):
            traces = self._traces(dependency)
            if traces == before:
                self._know_directory(os.path.dirname(dependency.path))
                return
            before = traces
            for one in traces:
                self._follow(one, dependency.path)
            if dependency.kind == "directory" and traces[0].end is not None:
                self._want(traces[0].end, _ANY, dependency.path)

    def _lay_in_known_directory(self, dependency: Dependency) -> bool:
        """The short way, for one more entry of a directory that is watched; False if there may be more to
        it."""
        directory, name = os.path.split(dependency.path)
        real = self._real.get(directory)
        if real is None or dependency.kind == "directory":
            return False
        path = os.path.join(real, name)
        if self._look(path):
            return False
        if dependency.kind == "missing-module" and (os.path.isdir(path) or _linked_module_files(path)):
            return False
        self._want(real, name, dependency.path)
        return True

    def _know_directory(self, directory: str) -> None:
        real = trace(directory, self._look).end
        if real is not None and self._watches.get(real, (0, 0))[1] & _ENTRIES == _ENTRIES:
            self._real[directory] = real

    def _traces(self, dependency: Dependency) -> list[Trace]:
        traces = [trace(dependency.path, self._look)]
        if dependency.kind == "missing-module":
            package = os.path.join(dependency.path, "__init__")
            further = [package, *_linked_module_files(dependency.path), *_linked_module_files(package)]
            traces += [trace(path, self._look) for path in further]
        return traces

    def _look(self, path: str) -> str | None:
        try:
            if stat.S_ISLNK(os.lstat(path).st_mode):
                return os.readlink(path)
        except OSError:
            return None
        return ""

    def _follow(self, way: Trace, path: str) -> None:
        for directory in way.ways:
            self._add(directory, _OWN_END)
        for directory, name in way.places:
            self._want(directory, name, path)
        self._links.update(way.places[:-1])

    def _want(self, directory: str, name: str, path: str) -> None:
        # A file where a directory should be: it decides by being replaced.
        while not self._add(directory, _ENTRIES) and directory != os.sep:
            directory, name = os.path.split(directory)
        self._wanted.setdefault(directory, {}).setdefault(name, set()).add(path)

    def _add(self, directory: str, mask: int) -> bool:
        """Watches a directory, once; False if it is none, or cannot be watched by us."""
        known = self._watches.get(directory)
        if known is not None and known[1] & mask == mask:
            return True
        try:
            watch = self._inotify.add(directory, mask)
        except OSError as error:
            _raise_limit(error)
            return False
        if known is not None and known[0] != watch:
            self._directories.get(known[0], set()).discard(directory)
        self._removed.discard(watch)
        self._watches[directory] = (watch, mask | (known[1] if known is not None else 0))
        self._directories.setdefault(watch, set()).add(directory)
        return True

    def read(self) -> list[str]:
        """See `Backend`."""
        touched: dict[str, None] = {}
        structure = False
        for event in self._inotify.read():
            if event.mask & _STRUCTURE:
                structure = self._structure_changed(event) or structure
                continue
            if event.mask & IN_MODIFY:
                self._written_to(event.watch)
                continue
            for directory in self._directories.get(event.watch, ()):
                names = self._wanted.get(directory, {})
                if event.mask & _NAMES and not never_matters(event.name):
                    touched.update(dict.fromkeys(names.get(_ANY, ())))
                # A module is wanted under its bare name, and comes with a suffix.
                paths = names.get(event.name, set()) | names.get(event.name.partition(".")[0], set())
                if not paths and event.mask & IN_CLOSE_WRITE:
                    paths = _same_file(directory, event.name, names)
                if paths and self._may_lead_elsewhere(directory, event):
                    structure = True
                elif paths and not self._is_unfinished(directory, event):
                    touched.update(dict.fromkeys(paths))
                    self._seen_by_name(paths, event)
        if structure:
            everything = list(dict.fromkeys(path for _, path in self._dependencies))
            self._lay_anew()
            return everything
        return list(touched)

    def _written_to(self, watch: int) -> None:
        """Somebody writes to a file; nothing is known of the end of that."""
        paths = [path for path in self._contents.paths(watch) if self._content_of(path)]
        self._unclosed.update(dict.fromkeys(paths))
        if not paths:
            self._contents.end(watch)

    def _seen_by_name(self, paths: set[str], event: RawEvent) -> None:
        """A file was closed after writing, or another one may have its name."""
        if event.mask & (IN_CLOSE_WRITE | _NAMES):
            for path in paths:
                self._unclosed.pop(path, None)
        if event.mask & (IN_CREATE | IN_MOVED_TO):
            for dependency in filter(None, map(self._content_of, paths)):
                self._lay_on_new_content(dependency)

    def _lay_on_new_content(self, dependency: Dependency) -> None:
        try:
            self._lay_on_content(dependency)
        except WatchLimitError as limit:
            self._refused.append((dependency, limit))

    def _content_of(self, path: str) -> Dependency | None:
        return self._dependencies.get(("file", path)) or self._dependencies.get(("head", path))

    def take_unclosed(self) -> list[str]:
        """See `Backend`."""
        unclosed, self._unclosed = self._unclosed, {}
        return list(unclosed)

    def _structure_changed(self, event: RawEvent) -> bool:
        """Whether a watched directory has ended or moved, or events were lost."""
        if event.mask & IN_IGNORED:
            self._contents.ended(event.watch)
        if event.mask & IN_IGNORED and event.watch in self._removed:
            self._removed.discard(event.watch)
            return False
        return bool(event.mask & IN_Q_OVERFLOW) or event.watch in self._directories

    def _may_lead_elsewhere(self, directory: str, event: RawEvent) -> bool:
        """Whether a directory or a link has come or gone: other watches are needed then."""
        if event.mask & IN_ISDIR or (directory, event.name) in self._links:
            return bool(event.mask & _NAMES)
        return bool(
            event.mask & (IN_CREATE | IN_MOVED_TO) and self._look(os.path.join(directory, event.name))
        )

    def _is_unfinished(self, directory: str, event: RawEvent) -> bool:
        """Whether a file has been created that somebody is about to write."""
        if not event.mask & IN_CREATE or event.mask & IN_ISDIR:
            return False
        try:
            status = os.lstat(os.path.join(directory, event.name))
        except OSError:
            return False
        return stat.S_ISREG(status.st_mode) and status.st_nlink == 1 and status.st_size == 0

    def _lay_anew(self) -> None:
        """Watches everything again, as it lies now, and ends the watches that are not needed any more."""
        old = {watch for watch, _ in self._watches.values()}
        self._watches.clear()
        self._wanted.clear()
        self._real.clear()
        self._links.clear()
        self._directories.clear()
        for dependency in list(self._dependencies.values()):
            self._lay_or_refuse(dependency)
        self._end(old - self._directories.keys())

    def _lay_or_refuse(self, dependency: Dependency) -> None:
        try:
            self._lay(dependency)
        except WatchLimitError as limit:
            del self._dependencies[dependency.kind, dependency.path]
            self._refused.append((dependency, limit))

    def take_refused(self) -> list[tuple[Dependency, WatchLimitError]]:
        """See `Backend`."""
        refused, self._refused = self._refused, []
        return refused

    def forget(self) -> None:
        """See `Backend`. The watches stay until the next ones are laid, since most will be wanted again."""
        self._refused.clear()
        self._dependencies.clear()
        self._wanted.clear()
        self._real.clear()
        self._links.clear()

    def _end(self, watches: set[int]) -> None:
        for watch in watches:
            if self._inotify.remove(watch):
                self._removed.add(watch)

    def close(self) -> None:
        """See `Backend`."""
        self._inotify.close()


def _raise_limit(error: OSError) -> None:
    """Tells the limit of watches from all other reasons why there is none."""
    if error.errno in (errno.ENOSPC, errno.ENOMEM):
        raise WatchLimitError(
            "The limit of inotify watches is reached (sysctl fs.inotify.max_user_watches)"
        ) from None


def _same_file(directory: str, name: str, wanted: Mapping[str, set[str]]) -> set[str]:
    """What is wanted of a file that was written by another of its names (hard links) in one directory."""
    status = _status(os.path.join(directory, name))
    if status is None or status.st_nlink == 1:
        return set()
    paths: set[str] = set()
    for other, concerned in wanted.items():
        there = _status(os.path.join(directory, other))
        if there is not None and os.path.samestat(there, status):
            paths |= concerned
    return paths


def _status(path: str) -> os.stat_result | None:
    try:
        return os.lstat(path)
    except OSError:
        return None


def _linked_module_files(path: str) -> list[str]:
    """The links among the files that may be the module of this name: each could come to lead to a file."""
    return [path + suffix for suffix in all_suffixes() if os.path.islink(path + suffix)]

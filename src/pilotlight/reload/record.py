"""What a load reads, recorded in the process that loads: an audit hook for files, a finder for modules.

The rules:

* Each dependency is reported once, at once, and from inside the call that opens it: a load that crashes, or
  never ends, has reported everything that it read.
* The digest is taken *before* the app reads. If the file changes between the two, what is recorded is older
  than what the app saw, and the worst outcome is a reload too many, never one too few.
* A file that this load itself opened for writing is its product from then on, and no dependency. One that it
  had read or looked for in vain before, and a directory that it had listed and changes, are reported
  (`wrote`), since such an app would be reloaded for ever.
* Recorded are the user's files only (`userfiles`). Bytecode stands for its source.
* Listings that Python's import system and package metadata make of the directories on `sys.path` are not the
  app's: what those look for is recorded by name (`importer`), so that a new file beside the app reloads
  nothing.
* While serving, only modules are recorded, since a module that a view imports stays in memory; templates,
  static files and the like are read anew by the app itself.
* What leaves no audit event is not seen: `os.stat` and `os.path.exists`, and files that C code opens by
  itself.

Must never raise into the app (other than into an import that is about to take stale bytecode), import
anything while recording, or act in a child that the app forks.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from threading import RLock
from types import FrameType
from typing import Any

from pilotlight.reload.bytecode import (
    HEAD,
    IMPORT_MACHINERY,
    importing_source,
    is_unproven,
    possible_sources,
)
from pilotlight.reload.dependencies import ANY_FILE, Dependency
from pilotlight.reload.digest import (
    NOT_REGULAR,
    digest_directory,
    digest_file,
    digest_head,
    find_module_file,
)
from pilotlight.reload.importer import RecordingFinder
from pilotlight.reload.links import FOLLOWED
from pilotlight.reload.naming import absolute, absolute_in, candidates
from pilotlight.reload.parts import Boundaries
from pilotlight.reload.purity import ACTS
from pilotlight.reload.userfiles import UserFiles

_WRITING = os.O_WRONLY | os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_TRUNC
_WRITING_MODES = frozenset("wax+")
_CHANGES_OF_NAMES = {
    "os.rename": ((0, 2), (1, 3)),
    "os.remove": ((0, 1),),
    "os.mkdir": ((0, 2),),
    "os.rmdir": ((0, 1),),
    "os.link": ((1, 3),),
    "os.symlink": ((1, 2),),
}
"""Audit events, which of their arguments are paths that come or go, and which the directories of these."""
_STARTS_OF_PROCESSES = frozenset({"subprocess.Popen", "os.system", "os.posix_spawn", "os.fork", "os.forkpty"})
_DIRECTORY_ONLY = getattr(os, "O_DIRECTORY", 0) | getattr(os, "O_PATH", 0)
_LISTERS_OF_THE_PATH = (
    IMPORT_MACHINERY,
    "/importlib/metadata/__init__.py",
    "/importlib_metadata/__init__.py",
    "/pkg_resources/__init__.py",
)


class Recorder:
    """Records one load. Make one per process, install it before the first user module is imported.

    Args:
        report: called with each dependency, in whatever thread reads it, one call at a time. It must not
            import and should not block for long. An `OSError` from it means that nobody listens any more, and
            ends the recording.
        wrote: called in the same way with the path of what was reported before and is about to be changed,
            each time, also while serving; once with `ANY_FILE`, before the app starts a process.
        acted: called with the audit events that `purity` wants to know of.
        users: which files count; None for those outside this interpreter's library, installed packages and
            Pilotlight.
    """

    def __init__(
        self,
        report: Callable[[Dependency], None],
        users: UserFiles | None = None,
        *,
        wrote: Callable[[str], None] | None = None,
        acted: Callable[[str], None] | None = None,
    ) -> None:
        self._report = report
        self._wrote = wrote
        self._acted = acted
        self._users = users if users is not None else UserFiles.of_this_interpreter()
        self._pid = os.getpid()
        self._serving = False
        self._deaf = False
        self._lock = RLock()
        self._busy = False
        self._settled: set[str] = set()
        """Paths, as the app spells them, of which everything is known."""
        self._read = {ANY_FILE}
        """What was reported, modules apart: files, files that are missing, listed directories."""
        self._listed: set[str] = set()
        self._missing_modules: set[str] = set()
        self._stems: dict[str, frozenset[str]] = {}
        """For each searched directory the names in it, without suffixes, at the first search."""

    def install(self, boundaries: Boundaries | None = None) -> None:
        """Begins to record. An audit hook cannot be removed; `loading_finished` makes it cheap.

        Args:
            boundaries: who may pause the load at user modules.
        """
        sys.meta_path.insert(0, RecordingFinder(self, self._users, boundaries))
        sys.addaudithook(self._make_hook())

    def loading_finished(self) -> None:
        """From now on only modules are recorded."""
        self._serving = True

    def goes_on(self) -> None:
        """This process is a fork of the one that began the load, and goes on with it."""
        self._pid = os.getpid()
        self._read.add(ANY_FILE)

    # The audit hook.

    def _make_hook(self) -> Callable[[str, tuple[Any, ...]], None]:
        """The hook as a closure: it runs for every audit event, so that each attribute look-up counts."""
        settled = self._settled
        acted = self._acted
        foreign = self._users.foreign
        starts_or_acts = _STARTS_OF_PROCESSES | ACTS.keys()
        wanted = {
            "open",
            "os.truncate",
            "os.listdir",
            "os.scandir",
            FOLLOWED,
            *_CHANGES_OF_NAMES,
            *starts_or_acts,
        }

        def hook(event: str, arguments: tuple[Any, ...]) -> None:
            if event not in wanted:  # nearly all: an import of scikit-learn has 60,000 events
                return
            if event == "open":
                path, mode, flags = arguments
                if path.__class__ is str and (path.startswith(foreign) or "/site-packages/" in path):
                    return
                if flags.__class__ is int and flags & _WRITING:
                    self._quietly(self._opened_for_writing, path, mode)
                    return
                if path.__class__ is str and path in settled and not path.endswith(".pyc"):
                    return
                if path.__class__ is str and path.endswith(".pyc"):
                    reader = sys._getframe(0).f_back
                    if reader is not None and reader.f_code is _LOOKING:
                        return
                    source = importing_source(reader)
                    if source is not None:
                        self._bytecode_for(source, path)
                        return
                if not self._serving:
                    self._quietly(self._opened, path, mode, flags)
            elif event in _CHANGES_OF_NAMES:
                for name, directory in _CHANGES_OF_NAMES[event]:
                    self._quietly(self._name_comes_or_goes, arguments[name], arguments[directory])
            elif event == "os.truncate":
                self._quietly(self._truncated, arguments[0])
            elif event in ("os.listdir", "os.scandir") and not self._serving:
                caller = sys._getframe(0).f_back
                if caller is None or not caller.f_code.co_filename.endswith(_LISTERS_OF_THE_PATH):
                    self._quietly(self._listed_by_app, arguments[0])
            elif event == FOLLOWED:
                self._quietly(self._followed, *arguments)
            elif event in starts_or_acts:
                if event in _STARTS_OF_PROCESSES:
                    self._quietly(self._process_starts, sys._getframe(0).f_back)
                if event in ACTS and acted is not None and not self._serving:
                    acted(event)

        return hook

    def _quietly(self, note: Callable[..., None], *arguments: Any) -> None:
        """Runs `note` alone, outside any recording of its own files, and lets nothing escape into the app.

        Other threads wait: none may read a file while its digest is being taken and go on with an older
        content than the one recorded.
        """
        with self._lock:
            if self._busy or self._deaf or os.getpid() != self._pid:
                return
            self._busy = True
            try:
                note(*arguments)
            except (TypeError, ValueError, OSError):
                return  # no path at all, or a working directory that is gone: the app's own call says so
            finally:
                self._busy = False

    def _opened(self, given: Any, mode: Any, flags: Any) -> None:
        path = absolute(given)
        if path is None:
            return
        if isinstance(mode, str) and not _WRITING_MODES.isdisjoint(mode):
            self._opened_for_writing(given, mode)
            return
        if isinstance(flags, int) and flags & _DIRECTORY_ONLY:
            return
        # `os.open` (it has no mode) may be relative to a directory descriptor that the event does not tell.
        if mode is None and not os.path.isabs(os.fspath(given)):
            for possible in filter(self._users.owns_file, candidates(given)):
                self._file(possible, possible, report_missing=False)
        elif self._users.owns_file(path):
            if path.endswith(".pyc"):
                given = path = next(filter(os.path.isfile, possible_sources(path)), path)
            self._file(given, path, report_missing=True)

    def _opened_for_writing(self, given: Any, mode: Any) -> None:
        """While serving as well: what the app has read may be what it writes."""
        paths = candidates(given) if mode is None else [absolute(given)]
        for path in paths:
            self._about_to_write(path)
        if len(paths) == 1 and paths[0] is not None and not self._serving:
            self._settle(given, paths[0])

    def _truncated(self, given: Any) -> None:
        self._about_to_write(absolute(given))

    def _about_to_write(self, path: str | None) -> None:
        if path is not None:
            self._about_to_change(path)
            if not os.path.lexists(path):
                self._about_to_change(os.path.dirname(path))

    def _name_comes_or_goes(self, given: Any, directory: Any) -> None:
        path = absolute_in(given, directory)
        if path is not None:
            self._about_to_change(path)
            self._about_to_change(os.path.dirname(path))

    def _about_to_change(self, path: str) -> None:
        if path in self._read and self._wrote is not None:
            self._try(self._wrote, path)

    def _process_starts(self, caller: FrameType | None) -> None:
        if caller is None or not caller.f_globals.get("__name__", "").startswith("pilotlight."):
            self._about_to_change(ANY_FILE)
            self._read.discard(ANY_FILE)

    def _file(self, given: Any, path: str, *, report_missing: bool) -> None:
        if path in self._settled:
            return
        digest = digest_file(path)
        if digest == NOT_REGULAR:
            return
        if digest is not None:
            self._settle(given, path)
            self._read.add(path)
            self._tell(Dependency("file", path, digest))
        elif report_missing:
            self._settle(given, path)
            self._read.add(path)
            self._tell(Dependency("missing", path))

    def _settle(self, given: Any, path: str) -> None:
        self._settled.add(path)
        if given.__class__ is str and os.path.isabs(given):
            self._settled.add(given)

    def _listed_by_app(self, given: Any) -> None:
        path = absolute(os.curdir if given is None else given)
        if path is None or path in self._listed or not self._users.owns_directory(path):
            return
        self._listed.add(path)
        self._read.add(path)
        digest = digest_directory(path)
        missing = digest is None and not os.path.exists(path)  # else it is a file, and no directory yet
        self._tell(Dependency("missing" if missing else "directory", path, digest))

    def _followed(self, given: str, real: str) -> None:
        path = absolute(given)
        if path is not None and path != real:
            self._tell(Dependency("link", path, real))

    def _tell(self, dependency: Dependency) -> None:
        self._try(self._report, dependency)

    def _try(self, listener: Callable[[Any], None], what: Any) -> None:
        try:
            listener(what)
        except OSError:
            self._deaf = True

    # What the finder notes.

    def module_file(self, path: str) -> None:
        """A user module is about to be loaded from this file."""
        self._quietly(self._module_file, path)

    def _module_file(self, given: str) -> None:
        path = absolute(given)
        if path is not None:
            self._file(given, path, report_missing=True)

    def _bytecode_for(self, source: str, bytecode: str) -> None:
        """Python's own loader, which no finder has replaced (`spec_from_file_location`), is about to take
        bytecode in place of a source. Where that is not proven, it compiles the source instead.

        Raises:
            OSError: the bytecode may be older than its source.
        """
        path = absolute(source)
        if path is not None and not self._users.owns_file(path):
            return
        if path is not None and not self._serving:
            self._quietly(self._module_file, path)
        head = self.look_at(bytecode, HEAD)
        if head is not None and is_unproven(head, bytecode, source):
            raise OSError(f"{bytecode} may be older than {source or 'its source'}")

    def look_at(self, path: str, size: int = -1) -> bytes | None:
        """The content of a file, or its first bytes, unrecorded: what is made of it decides what is
        recorded."""
        with self._lock:
            busy, self._busy = self._busy, True
            try:
                with open(path, "rb") as file:
                    return file.read(size)
            except OSError:
                return None
            finally:
                self._busy = busy

    def module_head(self, path: str, head: bytes) -> None:
        """The leading part of a user module is all that is read of it for now."""
        self._quietly(self._module_head, path, head)

    def _module_head(self, given: str, head: bytes) -> None:
        path = absolute(given)
        if path is not None:
            self._tell(Dependency("head", path, digest_head(head)))

    def module_without_package(self, path: str) -> None:
        """A module was found in a file; a package of its name, beside it at `path`, would have won."""
        if not self._serving:
            self._quietly(self._module_without_package, path)

    def _module_without_package(self, given: str) -> None:
        path = absolute(os.path.join(given, "__init__.py"))
        if path is not None and path not in self._settled and not os.path.exists(path):
            self._settled.add(path)
            self._tell(Dependency("missing", path))

    def module_missing(self, directory: str, name: str, anywhere: bool) -> None:
        """A directory was searched in vain for a module; `anywhere` if all others were as well."""
        if not self._serving:
            self._quietly(self._module_missing, directory, name, anywhere)

    def _module_missing(self, directory: str, name: str, anywhere: bool) -> None:
        path = os.path.join(directory, name)
        if path not in self._missing_modules:
            self._missing_modules.add(path)
            # If there is such a file, a finder passed it over on purpose: its presence is no news.
            if name not in self._stems_in(directory) or find_module_file(path) is None:
                self._tell(Dependency("missing-module", path))
        if not anywhere:
            return
        for appearing in (path, directory):  # the latter may be an archive
            if appearing not in self._settled and not os.path.exists(appearing):
                self._settled.add(appearing)
                self._tell(Dependency("missing", appearing))

    def _stems_in(self, directory: str) -> frozenset[str]:
        """Names in a directory without suffixes. A name that comes later is found by who compares with the
        record."""
        stems = self._stems.get(directory)
        if stems is None:
            try:
                names = os.listdir(directory)
            except OSError:  # not there, or an archive
                names = []
            stems = self._stems[directory] = frozenset(name.partition(".")[0] for name in names)
        return stems


_LOOKING = Recorder.look_at.__code__

"""The supervisor's view of what the app depends on: which paths were touched, and what has really changed.

The owner waits for `fileno()` to become readable (or calls `read_events` every `interval` seconds), then asks
`changed`. Must never decide about reloads, start threads, or read a clock.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import replace

from pilotlight.reload.backend import Backend, WatchLimitError
from pilotlight.reload.dependencies import Dependency
from pilotlight.reload.digest import NOT_REGULAR, digest_directory, digest_file, present_state
from pilotlight.reload.filesystems import FileSystems, Mount
from pilotlight.reload.judge import Change, Exclusions, changes, judge
from pilotlight.reload.polling import PollingBackend

__all__ = ["Change", "Watcher"]


class Watcher:
    """What is watched, with the state that the load saw.

    Args:
        backend: what watches; see `choose.choose_backend`. The watcher closes it.
        extra_files: absolute paths of files or directories that count although the app does not read them.
        exclude_patterns: see `judge.Exclusions`.
        file_systems: tells where changes may come without an event.
    """

    def __init__(
        self,
        backend: Backend,
        *,
        extra_files: Sequence[str] = (),
        exclude_patterns: Iterable[str] = (),
        file_systems: FileSystems | None = None,
    ) -> None:
        self._backend = backend
        self._file_systems = file_systems if file_systems is not None else FileSystems()
        self._polling: PollingBackend | None = None
        """Besides the back end, for what that cannot watch alone."""
        self._limited = False
        self._told: set[Mount] = set()
        self._notes: list[str] = []
        self._excluded = Exclusions(exclude_patterns)
        self._extra_files = tuple(os.path.abspath(path) for path in extra_files)
        self._dependencies: dict[str, dict[str, Dependency]] = {}
        """Path, kind: the dependency."""
        self._accepted: set[tuple[str, str]] = set()
        """Path and kind of those whose present state was accepted."""
        self._add_extra_files()

    def fileno(self) -> int | None:
        """A descriptor that is readable when there are events; None if the back end has none."""
        return self._backend.fileno()

    @property
    def interval(self) -> float | None:
        """Seconds between calls of `read_events`, if some or all places are polled. May change after
        `add`."""
        intervals = [self._backend.interval]
        if self._polling is not None:
            intervals.append(self._polling.interval)
        return min((seconds for seconds in intervals if seconds is not None), default=None)

    def take_note(self) -> str | None:
        """One line for the user, once, when watching has become weaker than it was."""
        notes, self._notes = self._notes, []
        return " ".join(notes) or None

    def add(self, dependency: Dependency) -> Change | None:
        """Watches one thing that the load read.

        Returns:
            the change if it differs already from what the load saw: it was made before the watch was in
            place.
        """
        if dependency.path in self._excluded:
            return None
        self._watch(dependency)
        self._remember(dependency)
        return self._included(judge(dependency, present_state(dependency)))

    def reset(self) -> None:
        """A new load begins: what earlier ones depended on is forgotten. Extra files count as they are
        now."""
        self._dependencies.clear()
        self._accepted.clear()
        self._backend.forget()
        if self._polling is not None:
            self._polling.forget()
        self._file_systems.forget()
        self._add_extra_files()

    def keep(self, dependencies: Iterable[Dependency]) -> None:
        """A load goes on from where it was after it had read these: all others are forgotten.

        What is kept is watched as before, without a gap, and measured by the digests given, unless its state
        has been accepted since. The back end is not told to forget the others: a touch of what is no
        dependency is ignored. Extra files count as they are now, as with `reset`.
        """
        known, accepted = self._dependencies, self._accepted
        self._dependencies, self._accepted = {}, set()
        self._add_extra_files()
        for dependency in dependencies:
            if dependency.path in self._excluded:
                continue
            before = known.get(dependency.path, {}).get(dependency.kind)
            if before is None:
                self._watch(dependency)
            key = (dependency.path, dependency.kind)
            if before is not None and key in accepted:
                self._remember(before)
                self._accepted.add(key)
            else:
                self._remember(dependency)

    def read_events(self) -> list[str]:
        """The paths of dependencies that were touched since the last call; they need not have changed."""
        touched = dict.fromkeys(self._backend.read())
        for dependency, limit in self._backend.take_refused():
            self._poll_for_lack_of_watches(dependency, limit)
        if self._polling is not None:
            touched.update(dict.fromkeys(self._polling.read()))
        return [path for path in touched if path in self._dependencies]

    def take_unclosed(self) -> list[str]:
        """The paths of dependencies that, as the last `read_events` has found, somebody writes to and has not
        closed."""
        return [path for path in self._backend.take_unclosed() if path in self._dependencies]

    def changed(self, paths: Iterable[str] | None = None) -> list[Change]:
        """What differs now, by content, from what the load saw: one change for each dependency. Asking
        changes nothing.

        Args:
            paths: only these, as `read_events` gives them; None for all.
        """
        chosen = self._dependencies.keys() if paths is None else paths
        dependencies = [one for path in chosen for one in self._dependencies.get(path, {}).values()]
        found = changes(dependencies, present_state)
        return [change for change in found if change.path not in self._excluded]

    def dependencies(self) -> list[Dependency]:
        """All that is watched, extra files included."""
        return [one for kinds in self._dependencies.values() for one in kinds.values()]

    def as_it_is(self, dependency: Dependency) -> Dependency:
        """The same dependency in its present state, so that only a later change counts."""
        if dependency.kind in ("missing", "missing-module"):
            return dependency
        return replace(dependency, digest=present_state(dependency))

    def accept(self, paths: Iterable[str]) -> None:
        """Makes the present state of these the one that later changes are measured by."""
        for path in paths:
            for kind, dependency in self._dependencies.get(path, {}).items():
                self._dependencies[path][kind] = self.as_it_is(dependency)
                self._accepted.add((path, kind))

    def close(self) -> None:
        """Ends all watching."""
        self._backend.close()

    def _included(self, change: Change | None) -> Change | None:
        return None if change is None or change.path in self._excluded else change

    def _remember(self, dependency: Dependency) -> None:
        self._dependencies.setdefault(dependency.path, {})[dependency.kind] = dependency
        self._accepted.discard((dependency.path, dependency.kind))

    def _watch(self, dependency: Dependency) -> None:
        try:
            self._backend.watch(dependency)
        except WatchLimitError as limit:
            self._poll_for_lack_of_watches(dependency, limit)
            return
        if isinstance(self._backend, PollingBackend):
            return
        mount = self._file_systems.silent_mount(dependency.path)
        if mount is None:
            return
        self._poll(dependency)
        if mount not in self._told:
            self._told.add(mount)
            self._notes.append(
                f"{mount.point} is a {mount.kind} file system, which does not report all changes: "
                "files there are polled as well."
            )

    def _poll_for_lack_of_watches(self, dependency: Dependency, limit: WatchLimitError) -> None:
        self._poll(dependency)
        if not self._limited:
            self._limited = True
            self._notes.append(f"{limit}: further files are polled.")

    def _poll(self, dependency: Dependency) -> None:
        if self._polling is None:
            self._polling = PollingBackend()
        self._polling.watch(dependency)

    def _add_extra_files(self) -> None:
        for path in self._extra_files:
            self.add(_as_it_is(path))


def _as_it_is(path: str) -> Dependency:
    """An extra file or directory as a dependency, in its present state."""
    digest = digest_file(path)
    if digest is None:
        return Dependency("missing", path)
    if digest == NOT_REGULAR and os.path.isdir(path):
        return Dependency("directory", path, digest_directory(path))
    return Dependency("file", path, digest)

"""The file in which a project keeps its digests, running servers and debug ports: private, replaced whole.

Two servers of one project, and `pilotlight unlock` beside them, may change it at the same time: changes are
made under a lock, and readers always see one whole state. A file or directory that somebody else could write
or read is refused. Must never hold a secret, only digests.
"""

from __future__ import annotations

import json
import os
import stat
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress

from pilotlight.errors import UserError

from .tokens import State, from_json, to_json

_MAX_BYTES = 64 * 1024
_SETTLED_SECONDS = 1.0
"""Files change more often than their time stamps do; what is older than this has a stamp of its own."""
_NO_FOLLOW = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)


def state_directory(environment: Mapping[str, str], platform: str = sys.platform) -> str:
    """Where programs of this user keep what they need again but nobody edits.

    The XDG base directory specification, and its likes on macOS and Windows.
    """
    home = os.path.expanduser("~")
    if platform == "win32":
        base = environment.get("LOCALAPPDATA") or os.path.join(home, "AppData", "Local")
    elif platform == "darwin":
        base = os.path.join(home, "Library", "Application Support")
    else:
        base = environment.get("XDG_STATE_HOME", "")
        if not os.path.isabs(base):  # the specification: a relative path is to be ignored
            base = os.path.join(home, ".local", "state")
    return os.path.join(base, "pilotlight")


def path_of(project: str, environment: Mapping[str, str]) -> str:
    """The file of the project in a directory, however that is spelled."""
    from hashlib import sha256

    name = sha256(os.fsencode(os.path.realpath(project))).hexdigest()[:32]
    return os.path.join(state_directory(environment), "debugger", f"{name}.json")


class StateFile:
    """The state of one project on disk.

    Args:
        path: as `path_of` gives it; its directory and the one above it are made private if they are new.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self._stamp: tuple[int, int, int, int] | None = None
        self._state = State()

    def read(self) -> State:
        """What the file holds now; an empty state where there is none. One `stat` while it is unchanged.

        Raises:
            UserError: it cannot be read, is broken, or is not this user's own.
        """
        try:
            status = os.lstat(self.path)
            stamp = _stamp(status)
            if stamp != self._stamp:
                self._state = self._load()
                settled = time.time() - status.st_mtime > _SETTLED_SECONDS
                self._stamp = stamp if settled else None
        except FileNotFoundError:
            return State()
        except OSError as error:
            raise self._trouble("cannot be read", error) from error
        return self._state

    def change(self, how: Callable[[State], State | None]) -> State | None:
        """Reads, changes and replaces the file while nobody else does.

        Args:
            how: gives the new state, or None to leave the file as it is. Must be quick.

        Returns:
            What `how` gave.

        Raises:
            UserError: as `read`, or the file cannot be written.
        """
        try:
            self._make_directories()
            with self._locked():
                self._stamp = None
                state = how(self.read())
                if state is not None:
                    self._replace(state)
                return state
        except OSError as error:
            raise self._trouble("cannot be written", error) from error

    def _load(self) -> State:
        descriptor = os.open(self.path, os.O_RDONLY | _NO_FOLLOW | getattr(os, "O_NONBLOCK", 0))
        with open(descriptor, "rb") as file:
            _require_private(self.path, os.fstat(descriptor), directory=False)
            _require_private(os.path.dirname(self.path), os.lstat(os.path.dirname(self.path)), directory=True)
            data = file.read(_MAX_BYTES + 1)
        try:
            if len(data) > _MAX_BYTES:
                raise ValueError("it is too large")
            return from_json(json.loads(data))
        except (ValueError, RecursionError) as error:
            raise UserError(
                f"The debugger's file {self.path} is broken; delete it, and unlock your browsers again.",
                status=1,
            ) from error

    def _replace(self, state: State) -> None:
        """Another name first: a reader, or a crash in between, finds the old state or the new one."""
        temporary = f"{self.path}.{os.getpid()}.new"
        with suppress(FileNotFoundError):
            os.unlink(temporary)
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _NO_FOLLOW, 0o600)
        try:
            with open(descriptor, "w", encoding="utf-8") as file:
                json.dump(to_json(state), file, separators=(",", ":"))
            os.replace(temporary, self.path)
        except BaseException:
            with suppress(OSError):
                os.unlink(temporary)
            raise

    @contextmanager
    def _locked(self) -> Iterator[None]:
        descriptor = os.open(f"{self.path}.lock", os.O_RDWR | os.O_CREAT | _NO_FOLLOW, 0o600)
        try:
            _lock(descriptor)
            yield
        finally:
            os.close(descriptor)  # which gives the lock back

    def _make_directories(self) -> None:
        own = os.path.dirname(self.path)
        above = os.path.dirname(own)
        os.makedirs(os.path.dirname(above), exist_ok=True)
        for directory in (above, own):
            with suppress(FileExistsError):
                os.mkdir(directory, 0o700)
            _require_private(directory, os.lstat(directory), directory=True)

    def _trouble(self, what: str, error: OSError) -> UserError:
        reason = error.strerror or type(error).__name__
        return UserError(f"The debugger's file {self.path} {what}: {reason}.", status=1)


def _stamp(status: os.stat_result) -> tuple[int, int, int, int]:
    return status.st_ino, status.st_mtime_ns, status.st_size, status.st_mode


def _require_private(path: str, status: os.stat_result, *, directory: bool) -> None:
    """Refuses what another user may have written, or may read.

    Raises:
        UserError: with the remedy.
    """
    expected = stat.S_ISDIR if directory else stat.S_ISREG
    if not expected(status.st_mode):
        kind = "directory" if directory else "file"
        raise UserError(
            f"{path} is not a {kind}; remove it, so that the debugger can keep its state.", status=1
        )
    if sys.platform == "win32":
        return  # the user's profile is private there, and modes say nothing
    if status.st_uid != os.geteuid():
        raise UserError(
            f"{path} belongs to another user, so the debugger does not use it; remove it, or set "
            "XDG_STATE_HOME to a directory of your own.",
            status=1,
        )
    if status.st_mode & 0o077:
        mode = "700" if directory else "600"
        raise UserError(
            f"{path} is open to other users, so the debugger does not use it; run `chmod {mode} {path}`.",
            status=1,
        )


if sys.platform == "win32":

    def _lock(descriptor: int) -> None:
        import msvcrt

        msvcrt.locking(descriptor, msvcrt.LK_LOCK, 1)

else:

    def _lock(descriptor: int) -> None:
        import fcntl

        fcntl.flock(descriptor, fcntl.LOCK_EX)

"""The listening UNIX socket of `--uds`, and the file that goes with it.

Must never remove a file that is not a socket, nor a socket that somebody listens on.
"""

from __future__ import annotations

import errno
import os
import socket
import stat
from dataclasses import dataclass

from pilotlight.errors import UserError
from pilotlight.settings import Settings

from .binder_trouble import classify

_PROBE_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class SocketFile:
    """The file of a bound UNIX socket."""

    path: str
    """Absolute."""
    identity: tuple[int, int] | None
    """Device and inode: tells our file from a successor's of the same name."""

    def remove(self) -> None:
        """Removes the file if it is still ours."""
        if self.identity is not None and _identity(self.path) == self.identity:
            os.unlink(self.path)


def path_of(settings: Settings) -> str | None:
    """The path from `--uds`, or from a host written as Flask takes it (`unix:///tmp/app.sock`)."""
    if settings.uds is not None:
        return settings.uds
    if settings.host is not None and settings.host.startswith("unix://"):
        return settings.host.removeprefix("unix://")
    return None


def listen(path: str, backlog: int) -> tuple[socket.socket, SocketFile]:
    """A UNIX socket that only this user may connect to: the debugger behind it runs code.

    Raises:
        UserError: the path cannot be had; status 1. Nothing was removed unless it was a stale socket.
    """
    if not path or "\0" in path:
        raise UserError("--uds needs the path of a socket file, such as --uds app.sock.", status=1)
    if not hasattr(socket, "AF_UNIX"):
        raise UserError(
            "This platform has no UNIX sockets: use --host and --port instead of --uds.", status=1
        )
    _clear_stale(path)
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    mask = os.umask(0o177)  # the file is born private; changing its mode afterwards would leave a gap
    try:
        sock.bind(path)
        identity = _identity(path)
        sock.setblocking(False)
        sock.listen(backlog)
    except OSError as error:
        sock.close()
        raise UserError(_uds_trouble(path, error), status=1) from None
    finally:
        os.umask(mask)
    return sock, SocketFile(os.path.abspath(path), identity)


def _uds_trouble(path: str, error: OSError) -> str:
    """One sentence for a socket file that cannot be made."""
    if error.errno is None or error.errno == errno.ENAMETOOLONG:
        size = len(os.fsencode(path))
        return (
            f"The --uds path is too long ({size} bytes; UNIX sockets take about 100): choose a shorter one."
        )
    if error.errno in (errno.ENOENT, errno.ENOTDIR):
        return f"The directory of --uds {path} does not exist: create it, or choose another path."
    if classify(error) == "in use":
        return f"Another process has just created {path}: choose another path for --uds."
    return f"The socket --uds {path} cannot be made ({error.strerror}): choose a directory of your own."


def _clear_stale(path: str) -> None:
    """Removes a socket file that nobody listens on; anything else there is left alone.

    Raises:
        UserError: the file is in use, is not a socket, or cannot be asked.
    """
    try:
        mode = os.lstat(path).st_mode
    except OSError:
        return  # nothing there; what else is wrong with the path, `bind` will tell
    if not stat.S_ISSOCK(mode):
        raise UserError(f"--uds {path} exists and is not a socket: choose another path.", status=1)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(_PROBE_SECONDS)
        try:
            probe.connect(path)
        except (ConnectionRefusedError, FileNotFoundError):
            pass
        except (TimeoutError, BlockingIOError):
            raise UserError(_uds_taken(path), status=1) from None
        except OSError as error:
            reason = error.strerror or str(error)
            raise UserError(
                f"The socket {path} exists and cannot be asked ({reason}): choose another path for --uds.",
                status=1,
            ) from None
        else:
            raise UserError(_uds_taken(path), status=1)
    try:
        os.unlink(path)
    except FileNotFoundError:
        pass
    except OSError as error:
        raise UserError(
            f"The old socket {path} cannot be removed ({error.strerror}): choose another path for --uds.",
            status=1,
        ) from None


def _uds_taken(path: str) -> str:
    return f"Another server listens on the socket {path}: stop it, or choose another path for --uds."


def _identity(path: str) -> tuple[int, int] | None:
    """Device and inode of a file, if it exists."""
    try:
        found = os.lstat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino

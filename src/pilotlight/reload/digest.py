"""The content of files and directories as short strings, so that "has it changed?" is a comparison.

Time stamps are never trusted: a save may keep them, and `touch` changes them without changing anything. The
one exception is a file above `LARGE_FILE`, whose digest is its size, modification time and inode. Must never
block (a FIFO is not opened for reading) and never raise for what the file system does.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from importlib.machinery import all_suffixes

from pilotlight.reload.dependencies import Dependency

# The extension module itself: `hashlib` would load OpenSSL, 3 ms of start-up for nothing.
try:
    from _blake2 import blake2b
except ImportError:  # an interpreter without CPython's own BLAKE2
    from hashlib import blake2b

LARGE_FILE = 4 * 1024 * 1024
"""Bytes. Above this a file is compared by size, `st_mtime_ns` and inode: hashing would be felt at each
load."""

NOT_REGULAR = "not a regular file"
"""The digest of a directory, device, socket or FIFO where a file was expected."""
UNREADABLE = "unreadable"
"""The digest of something that is there and may not be read."""

_DIGEST_SIZE = 16
_NO_HEAD = "0:"
_OPEN_FLAGS = (
    os.O_RDONLY | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
)

_TEMPORARY_PREFIXES = (".#", ".goutputstream-", ".~lock.", ".nfs", ".tmp", "___jb_")
_TEMPORARY_SUFFIXES = (
    "~",
    ".swp",
    ".swo",
    ".swn",
    ".swx",
    ".swpx",
    ".kate-swp",
    ".bck",
    ".pyc",
    ".pyo",
    "___jb_tmp___",
    "___jb_old___",
    "-journal",
    "-wal",
    "-shm",
)
_TEMPORARY_NAMES = frozenset({"__pycache__", "4913", ".DS_Store"})
_CACHE_DIRECTORIES = frozenset({".mypy_cache", ".ruff_cache", ".pytest_cache"})


def never_matters(name: str) -> bool:
    """Whether a name in a directory is a bytecode cache, a file that an editor keeps for itself, or one that
    SQLite keeps beside a database while it is in use.

    `4913` is the file with which Vim tests whether a directory is writable.
    """
    return (
        name in _TEMPORARY_NAMES
        or name in _CACHE_DIRECTORIES
        or name.startswith(_TEMPORARY_PREFIXES)
        or name.endswith(_TEMPORARY_SUFFIXES)
        or (name.startswith("#") and name.endswith("#"))
    )


def digest_bytes(content: bytes) -> str:
    """The digest of a file with this content, up to `LARGE_FILE`."""
    return blake2b(content, digest_size=_DIGEST_SIZE).hexdigest()


def digest_head(head: bytes) -> str:
    """The digest of the beginning of a file, which tells how long that is: `LENGTH:DIGEST`, length in
    bytes."""
    return f"{len(head)}:{digest_bytes(head)}"


def digest_file(path: str) -> str | None:
    """The digest of the file that is at `path` now, symbolic links followed; None if there is none."""
    return _digest(path, _digest_of_whole)


def present_head(path: str, recorded: str) -> str | None:
    """The digest of the beginning of the file that is at `path` now, in the length that was recorded (or of
    all of it, if it has become shorter); None if there is none. Large files are read as well.

    Args:
        path: absolute; symbolic links are followed.
        recorded: an earlier `digest_head`, or what was said of something that is no file.
    """
    length = recorded.partition(":")[0]
    limit = int(length) if length.isdecimal() else 0
    return _digest(path, lambda descriptor, _: digest_head(_read(descriptor, limit)))


def _digest(path: str, of: Callable[[int, os.stat_result], str]) -> str | None:
    """Opens the file and digests it, or says why not."""
    try:
        descriptor = os.open(path, _OPEN_FLAGS)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError):
        return _digest_of_unopened(path)
    try:
        status = os.fstat(descriptor)
        return of(descriptor, status) if stat.S_ISREG(status.st_mode) else NOT_REGULAR
    except OSError:
        return UNREADABLE
    finally:
        os.close(descriptor)


def _digest_of_whole(descriptor: int, status: os.stat_result) -> str:
    if status.st_size > LARGE_FILE:
        return f"large:{status.st_size}:{status.st_mtime_ns}:{status.st_ino}"
    return digest_bytes(_read_all(descriptor, status.st_size))


def _digest_of_unopened(path: str) -> str | None:
    """What to say of a path that `open` refused for another reason than absence."""
    try:
        mode = os.stat(path).st_mode
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return None
    except OSError:  # a loop of links, a name too long, a directory that may not be searched
        return UNREADABLE
    return UNREADABLE if stat.S_ISREG(mode) else NOT_REGULAR


def _read_all(descriptor: int, expected: int) -> bytes:
    """Everything up to the end of file, usually in two calls."""
    chunks = []
    while chunk := os.read(descriptor, max(expected + 1, 65536)):
        chunks.append(chunk)
    return chunks[0] if len(chunks) == 1 else b"".join(chunks)


def _read(descriptor: int, length: int) -> bytes:
    """So many bytes, or all that there are."""
    head = b""
    while len(head) < length and (chunk := os.read(descriptor, length - len(head))):
        head += chunk
    return head


def digest_names(names: list[str]) -> str:
    """The digest of a directory that holds these names, in any order."""
    kept = sorted(name for name in names if not never_matters(name))
    return digest_bytes("\0".join(kept).encode("utf-8", "surrogateescape"))


def digest_directory(path: str) -> str | None:
    """The digest of the names that are in a directory now; None if there is no such directory."""
    try:
        return digest_names(os.listdir(path))
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return None
    except OSError:
        return UNREADABLE


def find_module_file(path: str) -> str | None:
    """The file by which `import` would find the module of this name in this directory now.

    Args:
        path: directory and module name, as in a `missing-module` dependency.
    """
    stems = [path]
    if os.path.isdir(path):
        stems.insert(0, os.path.join(path, "__init__"))
    suffixes = all_suffixes()
    return next(
        (stem + suffix for stem in stems for suffix in suffixes if os.path.isfile(stem + suffix)),
        None,
    )


def present_state(dependency: Dependency) -> str | None:
    """What is there now, to be compared with `dependency.digest`.

    For a file, head or directory this is its digest; for a link, where it leads; for what was missing, the
    path that has appeared. None: nothing is there.
    """
    if dependency.kind == "file":
        return digest_file(dependency.path)
    if dependency.kind == "head":
        return present_head(dependency.path, dependency.digest or _NO_HEAD)
    if dependency.kind == "directory":
        return digest_directory(dependency.path)
    if dependency.kind == "link":
        return os.path.realpath(dependency.path) if os.path.exists(dependency.path) else None
    if dependency.kind == "missing":
        return dependency.path if os.path.exists(dependency.path) else None
    return find_module_file(dependency.path)

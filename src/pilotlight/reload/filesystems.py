"""Which file systems keep silent about changes that are made elsewhere: on a network server, on the host of a
virtual machine, in the process behind a FUSE mount.

Linux reports (inotify) what goes through its own kernel, on any file system; what another machine does to the
same files comes without an event. No trial can show that from here, so that the type decides. The table of
mounts is read once, when the first path is asked about. Must never change anything in a file system.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass

_SILENT = frozenset(
    {
        *(
            "9p",
            "acfs",
            "afs",
            "beegfs",
            "ceph",
            "cifs",
            "coda",
            "drvfs",
            "fakeowner",
            "gfs2",
            "glusterfs",
            "gpfs",
        ),
        *("lustre", "ncpfs", "nfs", "nfs3", "nfs4", "ocfs2", "orangefs", "osxfs", "panfs", "prl_fs", "pvfs2"),
        *("smb2", "smb3", "smbfs", "vboxsf", "virtiofs", "vmhgfs", "wslfs"),
    }
)
"""Shared over a network, or between a virtual machine and its host (`fakeowner` is Docker Desktop's)."""
_LOCAL_FUSE = frozenset({"fuse.fuse-overlayfs", "fuse.lxcfs"})
"""Layers over local files that nobody writes to behind their back."""
_MOUNTS = "/proc/self/mountinfo"


@dataclass(frozen=True, slots=True)
class Mount:
    """One mounted file system.

    Args:
        device: as `st_dev` of the files in it (btrfs shows others there; it is local).
        point: the directory where it is mounted.
        kind: its type, `ext4` or `fuse.sshfs`.
    """

    device: int
    point: str
    kind: str


def is_silent(kind: str) -> bool:
    """Whether files on this type of file system may change without an event.

    FUSE counts (`fuse`, `fuse.sshfs`, ...), since what is behind it is not known; `fuseblk`, a local disk,
    does not. Overlays (containers) report what is done through them, and count as local.
    """
    if kind == "fuse" or kind.startswith("fuse."):
        return kind not in _LOCAL_FUSE
    return kind in _SILENT


def parse_mounts(text: str) -> list[Mount]:
    """The mounts in what `/proc/self/mountinfo` says (proc_pid_mountinfo(5)); other lines are left out.

    Args:
        text: with the kernel's escapes (`\\040` for a space).
    """
    mounts = []
    for line in text.splitlines():
        place, _, rest = line.partition(" - ")
        fields, kinds = place.split(" "), rest.split(" ")
        major, _, minor = fields[2].partition(":") if len(fields) > 4 else ("", "", "")
        if major.isdigit() and minor.isdigit() and kinds[0]:
            device = os.makedev(int(major), int(minor))
            mounts.append(Mount(device, _without_escapes(fields[4]), kinds[0]))
    return mounts


def _without_escapes(point: str) -> str:
    """The kernel writes space, tab, line feed and backslash as three octal digits."""
    for character in " \t\n\\":  # the backslash last: what it gives must not be read again
        point = point.replace(f"\\{ord(character):03o}", character)
    return point


class FileSystems:
    """Says of paths whether they lie where changes may come without an event.

    Args:
        read: gives the text of `/proc/self/mountinfo`; empty where there is none.
    """

    def __init__(self, read: Callable[[], str] | None = None) -> None:
        self._read = read if read is not None else _read_mounts
        self._silent: dict[int, list[Mount]] | None = None
        """Device: where it is mounted."""

    def silent_mount(self, path: str) -> Mount | None:
        """The silent file system in which a path lies, or would lie; None for any other.

        Args:
            path: absolute; symbolic links are followed.
        """
        if self._silent is None:
            self._silent = {}
            for mount in parse_mounts(self._read()):
                if is_silent(mount.kind):
                    self._silent.setdefault(mount.device, []).append(mount)
        if not self._silent:
            return None
        mounts = self._silent.get(_device(path))
        if mounts is None:
            return None
        real = os.path.realpath(path)
        around = [mount for mount in mounts if real.startswith(mount.point.rstrip(os.sep) + os.sep)]
        return max(around or mounts, key=lambda mount: len(mount.point))

    def forget(self) -> None:
        """Something may have been mounted since: the table is read again."""
        self._silent = None


def _device(path: str) -> int:
    """Of what is there, or of the nearest directory above; -1 if that cannot be told."""
    while True:
        try:
            return os.stat(path).st_dev
        except (FileNotFoundError, NotADirectoryError):
            above = os.path.dirname(path)
        except (OSError, ValueError):
            return -1
        if above == path:
            return -1
        path = above


def _read_mounts() -> str:
    try:
        with open(_MOUNTS, encoding="utf-8", errors="surrogateescape") as file:
            return file.read()
    except OSError:  # not Linux, or no /proc: nothing is known to be silent
        return ""

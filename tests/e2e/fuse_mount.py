"""Runs a command with a directory mounted through FUSE, as a share of another machine is: who writes to the
backing directory makes no event in the mount.

    unshare --user --map-root-user --mount python fuse_mount.py BACKING MOUNT_POINT COMMAND...

The mount is read-only, caches nothing, is seen by the command and its children alone (a mount namespace), and
ends with the command. The protocol is that of `linux/fuse.h`, version 7.31, as far as reading needs it.
"""

from __future__ import annotations

import ctypes
import errno
import os
import signal
import stat
import struct
import sys

MS_RDONLY, MS_NOSUID, MS_NODEV = 1, 2, 4
PR_SET_PDEATHSIG = 1
LOOKUP, FORGET, GETATTR, READLINK, OPEN, READ, STATFS, RELEASE = 1, 2, 3, 5, 14, 15, 17, 18
INIT, OPENDIR, READDIR, RELEASEDIR, INTERRUPT, BATCH_FORGET = 26, 27, 28, 29, 36, 42
SILENT = (FORGET, INTERRUPT, BATCH_FORGET)
FOPEN_DIRECT_IO = 1
REQUEST = struct.Struct("=IIQQIIIHH")
ANSWER = struct.Struct("=IiQ")
ATTRIBUTES = struct.Struct("=6Q10I")
LARGEST_REQUEST = 1 << 20


class Share:
    """Answers the kernel's requests about one backing directory. Nodes are paths that were looked up."""

    def __init__(self, backing: str) -> None:
        self.paths = {1: backing}
        self.nodes = {backing: 1}

    def answer(self, operation: int, node: int, body: bytes) -> bytes:
        if operation == INIT:
            return struct.pack("=4I2H2I2H2I12H", 7, 31, 0, 0, 0, 0, 4096, 1, 1, 0, 0, 0, *[0] * 12)
        path = self.paths[node]
        if operation == LOOKUP:
            return self.entry(os.path.join(path, os.fsdecode(body.rstrip(b"\0"))))
        if operation == GETATTR:
            return struct.pack("=QII", 0, 0, 0) + self.attributes(path)
        if operation == READLINK:
            return os.fsencode(os.readlink(path))
        if operation in (OPEN, OPENDIR):
            os.lstat(path)
            return struct.pack("=QII", 0, FOPEN_DIRECT_IO if operation == OPEN else 0, 0)
        if operation == READ:
            _, offset, size = struct.unpack_from("=QQI", body)
            with open(path, "rb") as file:
                file.seek(offset)
                return file.read(size)
        if operation == READDIR:
            _, offset, size = struct.unpack_from("=QQI", body)
            return self.listing(path, offset, size)
        if operation == STATFS:
            return struct.pack("=5Q4I6I", 0, 0, 0, 0, 0, 4096, 255, 4096, 0, *[0] * 6)
        if operation in (RELEASE, RELEASEDIR):
            return b""
        raise OSError(errno.ENOSYS, "not needed for reading")

    def entry(self, path: str) -> bytes:
        attributes = self.attributes(path)
        node = self.nodes.setdefault(path, len(self.nodes) + 1)
        self.paths[node] = path
        return struct.pack("=4Q2I", node, 0, 0, 0, 0, 0) + attributes

    def attributes(self, path: str) -> bytes:
        status = os.lstat(path)
        times = (status.st_atime_ns, status.st_mtime_ns, status.st_ctime_ns)
        seconds = (time // 10**9 for time in times)
        parts = (time % 10**9 for time in times)
        sizes = (status.st_ino, status.st_size, status.st_blocks)
        return ATTRIBUTES.pack(*sizes, *seconds, *parts, status.st_mode, status.st_nlink, 0, 0, 0, 4096, 0)

    def listing(self, path: str, offset: int, size: int) -> bytes:
        data = b""
        with os.scandir(path) as entries:
            ordered = sorted(entries, key=lambda entry: entry.name)
        for number, entry in enumerate(ordered[offset:], offset + 1):
            name = os.fsencode(entry.name)
            kind = stat.S_IFMT(entry.stat(follow_symlinks=False).st_mode) >> 12
            record = struct.pack("=QQII", entry.inode(), number, len(name), kind) + name
            record += b"\0" * (-len(record) % 8)
            if len(data) + len(record) > size:
                break
            data += record
        return data


def serve(device: int, share: Share) -> None:
    """Until the file system is no longer mounted anywhere."""
    while True:
        try:
            request = os.read(device, LARGEST_REQUEST)
        except OSError as error:
            if error.errno in (errno.EINTR, errno.ENOENT):  # a request that was taken back
                continue
            return
        _, operation, unique, node, *_ = REQUEST.unpack_from(request)
        if operation in SILENT:
            continue
        number, body = 0, b""
        try:
            body = share.answer(operation, node, request[REQUEST.size :])
        except OSError as error:
            number = error.errno or errno.EIO
        try:
            os.write(device, ANSWER.pack(ANSWER.size + len(body), -number, unique) + body)
        except OSError as error:
            if error.errno != errno.ENOENT:
                raise


def main(backing: str, point: str, *command: str) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    device = os.open("/dev/fuse", os.O_RDWR)
    options = f"fd={device},rootmode=40000,user_id={os.getuid()},group_id={os.getgid()}"
    flags = MS_RDONLY | MS_NOSUID | MS_NODEV
    if libc.mount(b"share", os.fsencode(point), b"fuse.share", flags, options.encode()):
        number = ctypes.get_errno()
        sys.exit(f"{point}: {os.strerror(number)}")
    parent = os.getpid()
    if os.fork() == 0:
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        if os.getppid() == parent:
            serve(device, Share(backing))
        os._exit(0)
    os.chdir(point)
    os.execvp(command[0], command)


if __name__ == "__main__":
    main(*sys.argv[1:])

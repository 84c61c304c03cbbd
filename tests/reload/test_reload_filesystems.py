"""File systems that keep silent, and systems that do: tables, the probe, and what polling costs."""

from __future__ import annotations

import os
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pilotlight.reload import choose, filesystems, polling
from pilotlight.reload.dependencies import Dependency
from pilotlight.reload.digest import digest_file
from pilotlight.reload.filesystems import FileSystems, Mount, is_silent, parse_mounts
from pilotlight.reload.inotify import Inotify, RawEvent
from pilotlight.reload.inotify_backend import InotifyBackend
from pilotlight.reload.polling import PollingBackend
from pilotlight.reload.watch import Watcher

LIMIT = 5.0


@pytest.mark.parametrize(
    ("kind", "silent"),
    [
        *((kind, True) for kind in ("nfs", "nfs4", "cifs", "smb3", "9p", "virtiofs")),
        *((kind, True) for kind in ("vboxsf", "prl_fs", "drvfs")),
        *((f"fuse.{kind}", True) for kind in ("sshfs", "osxfs", "grpcfuse", "vmhgfs-fuse", "rclone")),
        *(("fuse", True), ("fakeowner", True)),
        *((kind, False) for kind in ("ext4", "btrfs", "xfs", "zfs", "tmpfs")),
        *((kind, False) for kind in ("overlay", "f2fs", "fuseblk", "vfat")),
        *((kind, False) for kind in ("fuse.fuse-overlayfs", "fusectl", "nfsd", "")),
    ],
)  # fmt: skip
def test_types(kind: str, silent: bool) -> None:
    assert is_silent(kind) is silent


MOUNTS = r"""22 28 0:21 / /proc rw,relatime shared:13 - proc proc rw
28 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw,discard
40 28 0:52 / /mnt/c rw,noatime - 9p C:\134 rw,dirsync,aname=drvfs;path=C:\
41 28 0:53 /Users /home/me/My\040Project\134040 rw,nosuid - fuse.sshfs me@host:/ rw,user_id=0
42 28 0:54 / /srv/nfs rw shared:5 master:2 propagate_from:1 - nfs4 server:/export rw,vers=4.2
a line that is none
43 28 0:x / /broken rw - nfs server:/ rw
"""


def test_the_table_of_mounts() -> None:
    assert parse_mounts(MOUNTS) == [
        Mount(os.makedev(0, 21), "/proc", "proc"),
        Mount(os.makedev(254, 0), "/", "ext4"),
        Mount(os.makedev(0, 52), "/mnt/c", "9p"),
        Mount(os.makedev(0, 53), "/home/me/My Project\\040", "fuse.sshfs"),
        Mount(os.makedev(0, 54), "/srv/nfs", "nfs4"),
    ]


@given(st.text(st.sampled_from(" -:/\\0123456789 abc\n")))
def test_no_text_upsets_it(text: str) -> None:
    parse_mounts(text)


def test_the_table_of_this_machine_has_the_root() -> None:
    mounts = parse_mounts(Path("/proc/self/mountinfo").read_text())
    assert any(mount.point == "/" for mount in mounts)
    assert any(mount.device == os.stat("/proc").st_dev and mount.kind == "proc" for mount in mounts)


def mounted(path: Path, *points: object, kind: str = "nfs4") -> FileSystems:
    """As if the file system of `path` were of this type, mounted at these points."""
    device = os.stat(path).st_dev
    place = f"{os.major(device)}:{os.minor(device)}"
    text = "".join(f"1 0 {place} / {point} rw - {kind} x rw\n".replace("\\", "\\134") for point in points)
    return FileSystems(lambda: text)


def test_a_path_is_on_the_mount_that_is_nearest(tmp_path: Path) -> None:
    systems = mounted(tmp_path, "/", tmp_path, tmp_path / "other")
    deep = tmp_path / "not" / "yet" / "there.py"
    (tmp_path / "other").mkdir()
    (tmp_path / "link").symlink_to("other")
    for path, point in [
        (tmp_path / "a.py", tmp_path),
        (deep, tmp_path),
        (tmp_path / "link" / "a.py", tmp_path / "other"),
    ]:
        found = systems.silent_mount(str(path))
        assert found is not None
        assert found.point == str(point)
    assert systems.silent_mount("/proc/self/status") is None
    assert systems.silent_mount("/\0") is None


def test_local_files_are_not_even_looked_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: str) -> int:
        raise AssertionError(path)

    reads = []

    def read() -> str:
        reads.append(1)
        return MOUNTS.replace("9p", "ext4").replace("fuse.sshfs", "xfs").replace("nfs", "xfs")

    monkeypatch.setattr(filesystems, "_device", refuse)
    systems = FileSystems(read)
    assert reads == []
    for _ in range(3):
        assert systems.silent_mount(str(tmp_path)) is None
    assert reads == [1]
    systems.forget()
    assert systems.silent_mount(str(tmp_path)) is None
    assert reads == [1, 1]


def test_what_lies_on_a_silent_file_system_is_polled_as_well(tmp_path: Path) -> None:
    path = tmp_path / "a.py"
    path.write_text("old")
    watcher = Watcher(InotifyBackend(), file_systems=mounted(tmp_path, tmp_path))
    try:
        assert watcher.interval is None
        watcher.add(Dependency("file", "/proc/self/status", digest_file("/proc/self/status")))
        assert watcher.interval is None
        watcher.add(Dependency("file", str(path), digest_file(str(path))))
        assert watcher.interval is not None
        note = watcher.take_note()
        assert note is not None
        assert str(tmp_path) in note
        assert "nfs4" in note
        watcher.reset()
        watcher.add(Dependency("file", str(path), digest_file(str(path))))
        assert watcher.take_note() is None  # once is enough
        assert watcher._polling is not None
        path.write_text("newer")
        assert watcher._polling.read() == [str(path)]
        watcher.keep([Dependency("file", str(path), digest_file(str(path)))])
        path.write_text("newest")
        assert watcher._polling.read() == [str(path)]
    finally:
        watcher.close()


def test_the_probe_hears_events_and_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = tmp_path.stat()
    inotify = Inotify()
    try:
        assert inotify.arrives(str(tmp_path))
        assert inotify.arrives(str(tmp_path / "gone"))  # cannot be told
        assert inotify.read() == []
        assert not any(
            line.startswith("inotify")
            for line in Path(f"/proc/self/fdinfo/{inotify.fileno()}").read_text().splitlines()
        )
    finally:
        inotify.close()
    after = tmp_path.stat()
    assert (after.st_mtime_ns, after.st_ctime_ns) == (before.st_mtime_ns, before.st_ctime_ns)
    assert list(tmp_path.iterdir()) == []


def test_where_no_event_arrives_files_are_polled(monkeypatch: pytest.MonkeyPatch) -> None:
    def nothing(self: Inotify) -> list[RawEvent]:
        return []

    before = len(os.listdir("/proc/self/fd"))
    monkeypatch.setattr(Inotify, "read", nothing)
    backend, note = choose.choose_backend()
    assert isinstance(backend, PollingBackend)
    assert note is not None
    assert "reports nothing" in note
    assert "polled" in note
    assert len(os.listdir("/proc/self/fd")) == before


def test_polling_is_done_in_slices(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A slow file system must not hold up the loop that asks."""
    paths = [tmp_path / f"{number}.py" for number in range(100)]
    backend = PollingBackend()
    for path in paths:
        path.write_text("old")
        backend.watch(Dependency("file", str(path), "x"))
    looks = []
    look = polling._look
    clock = [0.0]

    def slow_look(path: str) -> polling._Look:
        looks.append(path)
        clock[0] += 0.02
        return look(path)

    monkeypatch.setattr(polling, "_look", slow_look)
    monkeypatch.setattr(
        polling, "time", SimpleNamespace(monotonic=lambda: clock[0], thread_time=time.thread_time)
    )
    for path in paths:
        path.write_text("newer")
    seen: set[str] = set()
    rounds = 0
    while len(seen) < len(paths):
        before = len(looks)
        seen.update(backend.read())
        rounds += 1
        assert 0 < len(looks) - before <= 3
        assert rounds < 100
    assert len(looks) == len(set(looks)) == len(paths)


def test_two_saves_within_a_tick_of_the_clock(tmp_path: Path) -> None:
    """On a file system whose clock is coarse the second leaves the same time stamps."""
    path = tmp_path / "a.py"
    path.write_text("1")
    backend = PollingBackend()
    backend.watch(Dependency("file", str(path), "x"))
    assert backend.read() == []
    path.write_text("22")
    assert backend.read() == [str(path)]
    assert backend.read() == [str(path)]  # it could have been saved again
    backend.forget()
    backend.watch(Dependency("file", str(path), "x"))
    assert backend.read() == [str(path)]


@pytest.mark.parametrize("becomes", ["empty", "gone"])
def test_what_may_be_half_a_save_is_looked_at_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, becomes: str
) -> None:
    clock = [0.0]
    monkeypatch.setattr(
        polling, "time", SimpleNamespace(monotonic=lambda: clock[0], thread_time=time.thread_time)
    )
    path = tmp_path / "a.py"
    path.write_text("old")
    backend = PollingBackend()
    backend.watch(Dependency("file", str(path), "x"))

    def begin_to_save() -> None:
        path.write_text("") if becomes == "empty" else path.unlink()

    begin_to_save()
    assert backend.read() == []
    assert backend.read() == []  # no time has passed
    clock[0] += backend.interval
    path.write_text("new")
    assert backend.read() == [str(path)]
    clock[0] += 10
    begin_to_save()
    assert backend.read() == []
    clock[0] += backend.interval
    assert backend.read() == [str(path)]  # it is meant


def test_polling_a_thousand_files_takes_less_than_a_hundredth_of_a_core(tmp_path: Path) -> None:
    backend = PollingBackend()
    for number in range(1000):
        path = tmp_path / f"module_{number}.py"
        path.write_text("x = 1\n")
        backend.watch(Dependency("file", str(path), "x"))
    shares = []
    for _ in range(5):
        started = time.thread_time()
        assert backend.read() == []
        shares.append((time.thread_time() - started) / backend.interval)
    assert min(shares) < 0.01  # whatever the machine: a slower one looks less often
    assert backend.interval < LIMIT

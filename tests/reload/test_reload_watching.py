"""Real saves, in the ways of real editors, seen through each back end."""

from __future__ import annotations

import os
import select
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pilotlight.reload import choose
from pilotlight.reload.backend import Backend
from pilotlight.reload.dependencies import Dependency
from pilotlight.reload.digest import digest_directory, digest_file, digest_head
from pilotlight.reload.inotify import Inotify
from pilotlight.reload.inotify_backend import InotifyBackend
from pilotlight.reload.judge import Change
from pilotlight.reload.polling import PollingBackend
from pilotlight.reload.watch import Watcher
from pilotlight.reload.watchfiles_backend import WatchfilesBackend

LIMIT = 5.0
QUIET = 0.15

BACKENDS: dict[str, Callable[[], Backend]] = {
    "inotify": InotifyBackend,
    "polling": PollingBackend,
    "watchfiles": WatchfilesBackend,
}


@pytest.fixture(params=BACKENDS)
def watcher(request: pytest.FixtureRequest) -> Iterator[Watcher]:
    watcher = Watcher(BACKENDS[request.param]())
    yield watcher
    watcher.close()


@pytest.fixture
def on_inotify() -> Iterator[Watcher]:
    watcher = Watcher(InotifyBackend())
    yield watcher
    watcher.close()


def wait(watcher: Watcher, seconds: float) -> list[str]:
    """Touched paths, as soon as there are any."""
    deadline = time.monotonic() + seconds
    while (left := deadline - time.monotonic()) > 0:
        descriptor = watcher.fileno()
        if descriptor is not None:
            select.select([descriptor], [], [], left)
        else:
            time.sleep(0.02)  # such a back end has nothing to wait for
        touched = watcher.read_events()
        if touched:
            return touched
    return []


def await_change(watcher: Watcher) -> list[Change]:
    deadline = time.monotonic() + LIMIT
    while time.monotonic() < deadline:
        found = watcher.changed(wait(watcher, deadline - time.monotonic()))
        if found:
            return found
    raise AssertionError("no change was seen")


def told(changes: list[Change | None] | list[Change]) -> list[tuple[str, str] | None]:
    """Path and kind of each."""
    return [None if change is None else (change.path, change.kind) for change in changes]


def assert_nothing(watcher: Watcher) -> None:
    deadline = time.monotonic() + QUIET
    while time.monotonic() < deadline:
        assert watcher.changed(wait(watcher, deadline - time.monotonic())) == []


def file(path: Path) -> Dependency:
    return Dependency("file", str(path), digest_file(str(path)))


def write_in_place(path: Path) -> None:
    path.write_text("new")


def truncate_then_write(path: Path) -> None:
    with path.open("w") as stream:
        stream.flush()
        os.fsync(stream.fileno())
        time.sleep(0.05)
        stream.write("new")


def atomic_rename(path: Path) -> None:
    temporary = path.with_suffix(".tmp")
    temporary.write_text("new")
    temporary.replace(path)


def delete_and_create(path: Path) -> None:
    path.unlink()
    path.write_text("new")


def dance_of_vim(path: Path) -> None:
    probe = path.parent / "4913"
    probe.touch()
    probe.unlink()
    backup = path.with_name(path.name + "~")
    path.rename(backup)
    path.write_text("new")
    backup.unlink()


def older_time(path: Path) -> None:
    path.write_text("new")
    os.utime(path, (1, 1))


def same_time_and_size(path: Path) -> None:
    status = path.stat()
    path.write_text("OLD")
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def hard_link(path: Path) -> None:
    other = path.with_suffix(".other")
    other.write_text("new")
    path.unlink()
    os.link(other, path)


def with_sed(path: Path) -> None:
    subprocess.run(["sed", "-i", "s/old/new/", str(path)], check=True, timeout=LIMIT)


SAVES = [write_in_place, truncate_then_write, atomic_rename, delete_and_create, dance_of_vim, older_time,
         same_time_and_size, hard_link, with_sed]  # fmt: skip


@pytest.mark.parametrize("save", SAVES)
def test_a_save_is_seen(watcher: Watcher, tmp_path: Path, save: Callable[[Path], None]) -> None:
    path = tmp_path / "a.py"
    path.write_text("old")
    assert watcher.add(file(path)) is None
    save(path)
    assert await_change(watcher)[0].path == str(path)
    assert told(watcher.changed()) == [(str(path), "edited")]


def touch(path: Path) -> None:
    path.touch()


def chmod(path: Path) -> None:
    path.chmod(0o600)


def read(path: Path) -> None:
    path.read_text()


def same_content(path: Path) -> None:
    path.write_text("old")


def bytecode(path: Path) -> None:
    cache = path.parent / "__pycache__"
    cache.mkdir()
    (cache / "a.cpython-311.pyc").touch()


def unrelated(path: Path) -> None:
    (path.parent / "other.py").write_text("new")


@pytest.mark.parametrize("act", [touch, chmod, read, same_content, bytecode, unrelated])
def test_what_is_no_change(watcher: Watcher, tmp_path: Path, act: Callable[[Path], None]) -> None:
    path = tmp_path / "a.py"
    path.write_text("old")
    watcher.add(file(path))
    act(path)
    assert_nothing(watcher)
    path.write_text("new")  # and it is still watched
    assert told(await_change(watcher)) == [(str(path), "edited")]


def test_deleted_and_back(watcher: Watcher, tmp_path: Path) -> None:
    path = tmp_path / "a.py"
    path.write_text("old")
    watcher.add(file(path))
    path.unlink()
    assert told(await_change(watcher)) == [(str(path), "deleted")]
    path.write_text("old")
    assert wait(watcher, LIMIT)
    assert watcher.changed() == []


def test_a_missing_file_in_a_missing_directory(watcher: Watcher, tmp_path: Path) -> None:
    path = tmp_path / "instance" / "deep" / "config.toml"
    assert watcher.add(Dependency("missing", str(path))) is None
    watcher.read_events()
    path.parent.parent.mkdir()
    wait(watcher, 1.0)
    path.parent.mkdir()
    wait(watcher, 1.0)
    path.write_text("x")
    assert told(await_change(watcher)) == [(str(path), "created")]


@pytest.mark.parametrize("name", ["views.py", "views.abi3.so", "views/__init__.py"])
def test_a_missing_module_appears(watcher: Watcher, tmp_path: Path, name: str) -> None:
    assert watcher.add(Dependency("missing-module", str(tmp_path / "views"))) is None
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    path.write_text("x = 1")
    assert told(await_change(watcher)) == [(str(path), "created")]


def test_a_name_in_a_listed_directory(watcher: Watcher, tmp_path: Path) -> None:
    watcher.add(Dependency("directory", str(tmp_path), digest_directory(str(tmp_path))))
    (tmp_path / ".a.py.swp").touch()
    assert_nothing(watcher)
    (tmp_path / "a.py").touch()
    assert told(await_change(watcher)) == [(str(tmp_path), "edited")]


def test_an_edit_before_the_watch_is_found_by_add(watcher: Watcher, tmp_path: Path) -> None:
    path = tmp_path / "a.py"
    path.write_text("old")
    recorded = file(path)
    path.write_text("new")
    assert told([watcher.add(recorded)]) == [(str(path), "edited")]
    path.unlink()
    assert told([watcher.add(recorded)]) == [(str(path), "deleted")]
    (tmp_path / "m.py").touch()
    found = watcher.add(Dependency("missing-module", str(tmp_path / "m")))
    assert told([found]) == [(str(tmp_path / "m.py"), "created")]
    assert found is not None
    assert found.dependency == Dependency("missing-module", str(tmp_path / "m"))


def test_a_directory_is_deleted_and_made_again(watcher: Watcher, tmp_path: Path) -> None:
    path = tmp_path / "one" / "pkg" / "a.py"
    path.parent.mkdir(parents=True)
    path.write_text("old")
    watcher.add(file(path))
    shutil.rmtree(tmp_path / "one")
    assert told(await_change(watcher)) == [(str(path), "deleted")]
    path.parent.mkdir(parents=True)
    wait(watcher, 1.0)
    path.write_text("new")
    assert told(await_change(watcher)) == [(str(path), "edited")]


def test_a_directory_on_the_way_is_renamed(watcher: Watcher, tmp_path: Path) -> None:
    path = tmp_path / "one" / "pkg" / "a.py"
    path.parent.mkdir(parents=True)
    path.write_text("old")
    watcher.add(file(path))
    (tmp_path / "one").rename(tmp_path / "two")
    assert told(await_change(watcher)) == [(str(path), "deleted")]
    other = tmp_path / "three" / "pkg"
    other.mkdir(parents=True)
    (other / "a.py").write_text("new")
    (tmp_path / "three").rename(tmp_path / "one")
    assert told(await_change(watcher)) == [(str(path), "edited")]
    path.write_text("old")
    assert wait(watcher, LIMIT)
    assert watcher.changed() == []


def test_a_link_is_turned(watcher: Watcher, tmp_path: Path) -> None:
    for version in ("v1", "v2"):
        (tmp_path / version).mkdir()
        (tmp_path / version / "a.py").write_text(version)
    link = tmp_path / "current"
    link.symlink_to("v1")
    path = link / "a.py"
    watcher.add(file(path))
    (tmp_path / "next").symlink_to("v2")
    (tmp_path / "next").replace(link)
    assert told(await_change(watcher)) == [(str(path), "edited")]
    (tmp_path / "v2" / "a.py").write_text("v1")
    assert wait(watcher, LIMIT)
    assert watcher.changed() == []
    (tmp_path / "v2" / "a.py").write_text("v3")
    assert told(await_change(watcher)) == [(str(path), "edited")]


def test_a_linked_file_is_edited_where_it_lies(watcher: Watcher, tmp_path: Path) -> None:
    (tmp_path / "store").mkdir()
    target = tmp_path / "store" / "real.py"
    target.write_text("old")
    link = tmp_path / "a.py"
    link.symlink_to(target)
    watcher.add(file(link))
    atomic_rename(target)
    assert told(await_change(watcher)) == [(str(link), "edited")]


def test_a_directory_becomes_a_link(watcher: Watcher, tmp_path: Path) -> None:
    path = tmp_path / "pkg" / "a.py"
    path.parent.mkdir()
    path.write_text("old")
    watcher.add(file(path))
    (tmp_path / "pkg").rename(tmp_path / "moved")
    (tmp_path / "pkg").symlink_to("moved")
    wait(watcher, 1.0)
    assert watcher.changed() == []
    (tmp_path / "moved" / "a.py").write_text("new")
    assert told(await_change(watcher)) == [(str(path), "edited")]


def test_reset_forgets_and_watches_anew(watcher: Watcher, tmp_path: Path) -> None:
    path = tmp_path / "a.py"
    path.write_text("old")
    watcher.add(file(path))
    watcher.reset()
    path.write_text("new")
    assert_nothing(watcher)
    assert watcher.changed() == []
    assert watcher.add(file(path)) is None
    path.write_text("newer")
    assert told(await_change(watcher)) == [(str(path), "edited")]


def test_what_is_kept_is_measured_by_what_the_earlier_load_saw(watcher: Watcher, tmp_path: Path) -> None:
    kept, forgotten, fresh = (tmp_path / name for name in ("kept.py", "forgotten.py", "fresh.py"))
    for path in (kept, forgotten, fresh):
        path.write_text("old")
    recorded = file(kept)
    watcher.add(recorded)
    watcher.add(file(forgotten))
    kept.write_text("new")
    watcher.keep([recorded, file(fresh)])
    assert watcher.dependencies() == [recorded, file(fresh)]
    assert told(await_change(watcher)) == [(str(kept), "edited")]
    kept.write_text("old")
    assert str(kept) in wait(watcher, LIMIT)
    assert watcher.changed() == []
    forgotten.write_text("new")
    assert_nothing(watcher)
    fresh.write_text("new")
    assert told(await_change(watcher)) == [(str(fresh), "edited")]


def test_what_was_accepted_stays_so_when_it_is_kept(on_inotify: Watcher, tmp_path: Path) -> None:
    path = tmp_path / "stamp.txt"
    path.write_text("old")
    recorded = file(path)
    on_inotify.add(recorded)
    path.write_text("new")
    on_inotify.accept([str(path)])
    for _ in range(2):
        on_inotify.keep([recorded])
        assert on_inotify.changed() == []
    on_inotify.reset()
    assert told([on_inotify.add(recorded)]) == [(str(path), "edited")]


def test_keeping_lays_no_watch_anew(
    monkeypatch: pytest.MonkeyPatch, on_inotify: Watcher, tmp_path: Path
) -> None:
    path = tmp_path / "a.py"
    path.write_text("old")
    recorded = file(path)
    on_inotify.add(recorded)

    def refuse(self: Inotify, path: str, mask: int) -> int:
        raise AssertionError(path)

    monkeypatch.setattr(Inotify, "add", refuse)
    on_inotify.keep([recorded])
    path.write_text("new")
    assert told(await_change(on_inotify)) == [(str(path), "edited")]


def test_extra_files_count_as_they_are_when_something_is_kept(tmp_path: Path) -> None:
    extra, kept = tmp_path / "extra.toml", tmp_path / "kept.py"
    extra.write_text("1")
    kept.write_text("1")
    recorded = file(kept)
    watcher = Watcher(InotifyBackend(), extra_files=[str(extra)], exclude_patterns=["*/excluded.py"])
    try:
        watcher.add(recorded)
        extra.write_text("2")
        watcher.keep([recorded, Dependency("file", str(tmp_path / "excluded.py"), "stale")])
        assert watcher.changed() == []
        extra.write_text("3")
        assert told(await_change(watcher)) == [(str(extra), "edited")]
    finally:
        watcher.close()


def test_what_changed_only_behind_its_head(watcher: Watcher, tmp_path: Path) -> None:
    path = tmp_path / "a.py"
    path.write_text("import os\nx = 1\n")
    head = Dependency("head", str(path), digest_head(b"import os\n"))
    whole = file(path)
    assert watcher.add(head) is None
    assert watcher.add(whole) is None
    path.write_text("import os\nx = 2\n")
    assert [change.dependency for change in await_change(watcher)] == [whole]
    path.write_text("import sys\nx = 2\n")
    assert wait(watcher, LIMIT)
    assert [change.dependency for change in watcher.changed()] == [head, whole]


def test_extra_files_and_exclusions(tmp_path: Path) -> None:
    extra, excluded, absent = (tmp_path / name for name in ("extra.toml", "no.toml", "absent.toml"))
    extra.write_text("1")
    excluded.write_text("1")
    watcher = Watcher(
        InotifyBackend(), extra_files=[str(extra), str(absent), str(excluded)], exclude_patterns=["*/no.toml"]
    )
    try:
        assert watcher.add(Dependency("file", str(excluded), "stale")) is None
        excluded.write_text("2")
        assert_nothing(watcher)
        extra.write_text("2")
        assert told(await_change(watcher)) == [(str(extra), "edited")]
        watcher.reset()
        assert watcher.changed() == []
        absent.touch()
        assert told(await_change(watcher)) == [(str(absent), "created")]
    finally:
        watcher.close()


def test_a_half_written_new_file_is_not_looked_at(on_inotify: Watcher, tmp_path: Path) -> None:
    path = tmp_path / "a.py"
    on_inotify.add(Dependency("missing", str(path)))
    with path.open("w") as stream:
        assert wait(on_inotify, QUIET) == []
        stream.write("x")
    assert told(await_change(on_inotify)) == [(str(path), "created")]


def test_no_directory_is_listed_that_the_app_has_not_listed(
    watcher: Watcher, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever else lies beside the app: 100,000 files cost what none does."""
    (tmp_path / "a.py").write_text("old")
    (tmp_path / "listed").mkdir()
    listings: list[str] = []
    list_directory = os.listdir

    def note(path: str) -> list[str]:
        listings.append(path)
        return list_directory(path)

    def refuse(*arguments: object, **options: object) -> None:
        raise AssertionError(arguments)

    monkeypatch.setattr(os, "listdir", note)
    monkeypatch.setattr(os, "scandir", refuse)
    monkeypatch.setattr(os, "walk", refuse)
    listed = Dependency("directory", str(tmp_path / "listed"), digest_directory(str(tmp_path / "listed")))
    others = [file(tmp_path / "a.py"), Dependency("missing", str(tmp_path / "gone" / "b.toml"))]
    modules = [Dependency("missing-module", str(tmp_path / name)) for name in ("x", "y")]
    for dependency in (listed, *others, *modules):
        watcher.add(dependency)
    (tmp_path / "a.py").write_text("new")
    assert (str(tmp_path / "a.py"), "edited") in told(await_change(watcher))
    watcher.changed()
    assert set(listings) == {listed.path}


def test_lost_events_touch_everything(on_inotify: Watcher, tmp_path: Path) -> None:
    path = tmp_path / "a.py"
    path.write_text("old")
    on_inotify.add(file(path))
    names = [tmp_path / "x", tmp_path / "y"]
    limit = int(Path("/proc/sys/fs/inotify/max_queued_events").read_text())
    if limit > 100_000:
        pytest.skip("the queue is too long to be filled in a test")
    for number in range(limit // 2 + 10):
        os.close(os.open(names[number % 2], os.O_CREAT | os.O_WRONLY))
    path.write_text("new")
    assert told(await_change(on_inotify)) == [(str(path), "edited")]
    path.write_text("old")
    assert wait(on_inotify, LIMIT)
    assert on_inotify.changed() == []


def test_the_descriptor_is_closed_on_exec_and_given_back() -> None:
    backend = InotifyBackend()
    descriptor = backend.fileno()
    assert os.readlink(f"/proc/self/fd/{descriptor}") == "anon_inode:inotify"
    assert not os.get_inheritable(descriptor)
    assert not os.get_blocking(descriptor)
    backend.close()
    backend.close()
    assert backend.fileno() == -1


def test_a_full_limit_of_watches_falls_back_to_polling(
    monkeypatch: pytest.MonkeyPatch, on_inotify: Watcher, tmp_path: Path
) -> None:
    paths = [tmp_path / "a" / "a.py", tmp_path / "b" / "b.py"]
    for path in paths:
        path.parent.mkdir()
        path.write_text("old")
    on_inotify.add(file(paths[0]))
    assert on_inotify.interval is None

    def refuse(self: Inotify, path: str, mask: int) -> int:
        raise OSError(28, "No space left on device", path)

    monkeypatch.setattr(Inotify, "add", refuse)
    on_inotify.add(file(paths[1]))
    assert on_inotify.interval is not None
    note = on_inotify.take_note()
    assert note is not None
    assert "max_user_watches" in note
    assert on_inotify.take_note() is None
    paths[1].write_text("newer")
    deadline = time.monotonic() + LIMIT
    while not on_inotify.read_events() and time.monotonic() < deadline:
        time.sleep(0.02)  # polled: there is nothing to wait for
    assert told(on_inotify.changed()) == [(str(paths[1]), "edited")]


def test_a_limit_that_is_reached_when_watches_are_laid_anew(
    monkeypatch: pytest.MonkeyPatch, on_inotify: Watcher, tmp_path: Path
) -> None:
    moved, other = tmp_path / "moved" / "a.py", tmp_path / "b.py"
    moved.parent.mkdir()
    for path in (moved, other):
        path.write_text("old")
        on_inotify.add(file(path))
    add = Inotify.add

    def refuse(self: Inotify, path: str, mask: int) -> int:
        if path.startswith(str(moved.parent)):
            raise OSError(28, "No space left on device", path)
        return add(self, path, mask)

    monkeypatch.setattr(Inotify, "add", refuse)
    shutil.copytree(moved.parent, tmp_path / "copy")
    shutil.rmtree(moved.parent)
    (tmp_path / "copy").rename(moved.parent)
    assert set(wait(on_inotify, LIMIT)) >= {str(moved)}
    assert on_inotify.changed() == []
    assert on_inotify.interval is not None
    assert "max_user_watches" in str(on_inotify.take_note())
    moved.write_text("newer")
    assert told(on_inotify.changed(on_inotify.read_events())) == [(str(moved), "edited")]
    other.write_text("newer")
    assert (str(other), "edited") in told(await_change(on_inotify))


FEW_DESCRIPTORS = """
import os, resource
from pilotlight.reload import choose, polling
from pilotlight.reload import inotify_backend
choose.choose_backend()[0].close()  # all is imported
_, most = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (os.open(os.curdir, os.O_RDONLY), most))
backend, note = choose.choose_backend()
print(type(backend).__name__, note)
"""


def test_without_a_descriptor_left_files_are_polled() -> None:
    arguments = [sys.executable, "-c", FEW_DESCRIPTORS]
    done = subprocess.run(arguments, capture_output=True, text=True, timeout=LIMIT, check=True)
    assert done.stdout.startswith("PollingBackend")
    assert "ulimit -n" in done.stdout


def test_without_inotify_files_are_polled(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: Inotify) -> None:
        raise OSError(24, "Too many open files")

    monkeypatch.setattr(Inotify, "__init__", refuse)
    backend, note = choose._on_linux()
    assert isinstance(backend, PollingBackend)
    assert note is not None
    assert "max_user_instances" in note


def test_the_usual_choice_needs_no_words() -> None:
    backend, note = choose.choose_backend()
    assert note is None
    backend.close()

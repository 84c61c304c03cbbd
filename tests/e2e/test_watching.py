"""What makes an app reload, and what does not: real editors, real mounts, real limits, real checkouts."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest
from harness import Serve, ServerProcess, pilotlight

pytestmark = pytest.mark.thorough

LIMIT = 20.0
FUSE_MOUNT = Path(__file__).with_name("fuse_mount.py")
UNSHARE = shutil.which("unshare")

APP = """
import os
from flask import Flask

app = Flask(__name__)
{extra}

@app.route("/")
def index():
    return "{greeting}"


@app.route("/pid")
def pid():
    return str(os.getpid())
"""


LISTING = "listed = os.listdir(os.curdir)"


def source(greeting: str, extra: str = "") -> str:
    return APP.format(greeting=greeting, extra=extra)


def running(serve: Serve, extra: str = "", **files: str) -> ServerProcess:
    server = serve(
        "--app", "hello", "run", "--debug", files={"hello.py": source("one", extra), **files}
    )  # fmt: skip
    assert server.get("/").text == "one"
    return server


def reloads(server: ServerProcess) -> int:
    return server.output.count("Reloaded")


def wait_for_reload(server: ServerProcess, before: int) -> None:
    """The line comes a moment after the answer."""
    server.wait_for_output("(?s)" + "Reloaded.*" * (before + 1))


def becomes(server: ServerProcess, text: str) -> None:
    server.wait_until_response(lambda response: response.text == text)


# Saves.


def vim(path: Path, text: str) -> None:
    vim_command = shutil.which("vim")
    if vim_command is None:
        pytest.skip("Vim is not installed")
    keys = [f"exe '%s/one/{text}/'", "write", "quit"]
    arguments = [vim_command, "-u", "NONE", "-es", *(part for key in keys for part in ("-c", key)), str(path)]
    subprocess.run(arguments, check=True, timeout=LIMIT, stdin=subprocess.DEVNULL)


def vim_with_backup(path: Path, text: str) -> None:
    """Vim's other way (`backupcopy=no`): a probe, the old file becomes the backup, a new one is written."""
    probe = path.with_name("4913")
    probe.touch()
    probe.unlink()
    path.rename(path.with_name(path.name + "~"))
    path.write_text(source(text))
    path.with_name(path.name + "~").unlink()


def vs_code(path: Path, text: str) -> None:
    """In place: truncated when it is opened, written when the disk has time."""
    with path.open("w") as stream:
        time.sleep(0.1)  # the pause is what is tested
        stream.write(source(text))


def slow_in_place(path: Path, text: str) -> None:
    """In several writes, none of which is a program."""
    with path.open("w") as stream:
        for line in source(text).splitlines(keepends=True):
            stream.write(line)
            stream.flush()
            time.sleep(0.005)  # the pause is what is tested


def pycharm(path: Path, text: str) -> None:
    """Safe write: a temporary file, and two renames."""
    temporary, old = (path.with_name(f"{path.name}___jb_{part}___") for part in ("tmp", "old"))
    temporary.write_text(source(text))
    path.rename(old)
    temporary.rename(path)
    old.unlink()


def emacs(path: Path, text: str) -> None:
    """A lock, an automatic save, a backup copy, and then in place."""
    lock = path.with_name(f".#{path.name}")
    lock.symlink_to("me@host.1:1")
    automatic = path.with_name(f"#{path.name}#")
    automatic.write_text(source(text))
    shutil.copy(path, path.with_name(path.name + "~"))
    path.write_text(source(text))
    automatic.unlink()
    lock.unlink()


def nano(path: Path, text: str) -> None:
    """A lock in Vim's manner, and in place."""
    lock = path.with_name(f".{path.name}.swp")
    lock.write_text("b0nano")
    path.write_text(source(text))
    lock.unlink()


def gedit(path: Path, text: str) -> None:
    temporary = path.with_name(".goutputstream-A1B2C3")
    temporary.write_text(source(text))
    temporary.rename(path)


def sed(path: Path, text: str) -> None:
    subprocess.run(["sed", "-i", f"s/one/{text}/", str(path)], check=True, timeout=LIMIT)


def copy_with_older_times(path: Path, text: str) -> None:
    """`cp -p`, `tar x` and `rsync -t` bring a file with the time that it had elsewhere."""
    new = path.with_name("elsewhere")
    new.write_text(source(text))
    os.utime(new, (1_000_000_000, 1_000_000_000))
    shutil.copy2(new, path)


def same_time_and_size(path: Path, text: str) -> None:
    status = path.stat()
    path.write_text(source(text))
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


EDITORS = [vim, vim_with_backup, vs_code, slow_in_place, pycharm, emacs, nano, gedit, sed,
           copy_with_older_times, same_time_and_size]  # fmt: skip


def test_every_way_to_save_is_one_reload_without_an_error(serve: Serve) -> None:
    server = running(serve)
    for save in EDITORS:
        mark = server.mark()
        save(server.cwd / "hello.py", "two")
        server.wait_until_response(lambda response: response.text != "one")
        assert server.get("/").text == "two", save.__name__
        server.write("hello.py", source("one"))
        becomes(server, "one")
        server.wait_for_output("(?s)Reloaded.*Reloaded", after=mark)
        assert server.output.count("Reloaded", mark) == 2, save.__name__
        assert "could not be loaded" not in server.output, save.__name__


def touch(path: Path) -> None:
    path.touch()


def cat(path: Path) -> None:
    subprocess.run(["cat", str(path)], check=True, timeout=LIMIT, stdout=subprocess.DEVNULL)


def chmod(path: Path) -> None:
    path.chmod(0o600)
    path.chmod(0o644)


def same_content(path: Path) -> None:
    path.write_text(path.read_text())


def same_content_renamed(path: Path) -> None:
    temporary = path.with_name(f"{path.name}___jb_tmp___")
    temporary.write_text(path.read_text())
    temporary.replace(path)


def bytecode(path: Path) -> None:
    subprocess.run([sys.executable, "-m", "compileall", "-q", "-f", str(path)], check=True, timeout=LIMIT)


def temporary_files_of_editors(path: Path) -> None:
    names = (
        ".hello.py.swp",
        ".hello.py.swx",
        "4913",
        "hello.py~",
        "#hello.py#",
        ".#hello.py",
        ".goutputstream-X",
    )
    for name in names:
        path.with_name(name).write_text("x")
    for name in names:
        path.with_name(name).unlink()


def checkers(path: Path) -> None:
    """Type checkers, linters and test runners leave their caches beside the sources."""
    for name in (".mypy_cache", ".ruff_cache", ".pytest_cache"):
        path.with_name(name).mkdir()
        (path.with_name(name) / "x").write_text("x")


def renamed_and_back(path: Path) -> None:
    path.rename(path.with_name("hello.py~"))
    path.with_name("hello.py~").rename(path)


NOTHING = [touch, cat, chmod, same_content, same_content_renamed, bytecode, temporary_files_of_editors,
           checkers]  # fmt: skip


def test_what_changes_no_content_is_no_reload(serve: Serve) -> None:
    """Nor does a directory that the app has listed count what editors and caches leave in it."""
    assert_nothing(running(serve, LISTING), NOTHING)


def test_a_file_that_is_renamed_and_back_is_no_reload(serve: Serve) -> None:
    assert_nothing(running(serve), [renamed_and_back] * 5)


def assert_nothing(server: ServerProcess, acts: list[Callable[[Path], None]]) -> None:
    first = server.get("/pid").text
    for act in acts:
        act(server.cwd / "hello.py")
        assert server.get("/pid").text == first, act.__name__
    server.write("hello.py", source("two"))  # and it is still watched
    becomes(server, "two")
    wait_for_reload(server, 0)
    assert reloads(server) == 1


# Environment files.


def test_keys_of_environment_files_are_added_changed_and_removed(serve: Serve) -> None:
    show = '",".join(os.environ.get(name, "-") for name in ("A", "B", "C", "D"))'
    app = source("one").replace('"one"', show)
    server = serve(
        "--app", "hello", "run", "--debug", files={"hello.py": app, ".env": "A=1\n"}, env={"D": "own"}
    )
    assert server.get("/").text == "1,-,-,own"
    steps: list[tuple[str, str | None, str]] = [
        (".env", "A=1\nB=2\n", "1,2,-,own"),  # added
        (".env", "A=3\nB=2\n", "3,2,-,own"),  # changed
        (".env", "B=2\n", "-,2,-,own"),  # removed
        (".flaskenv", "B=low\nC=4\n", "-,2,4,own"),  # a new file, over which `.env` wins
        (".env", None, "-,low,4,own"),  # the file is deleted
        (".flaskenv", "D=file\n", "-,-,-,own"),  # what was there at the start is never overwritten
        (".flaskenv", None, "-,-,-,own"),
    ]
    for name, text, expected in steps:
        if text is None:
            (server.cwd / name).unlink()
        else:
            server.write(name, text)
        becomes(server, expected)


# Bursts.


@contextmanager
def asking(server: ServerProcess) -> Iterator[list[tuple[int, str]]]:
    """Asks without pause, and collects status and text of every answer."""
    answers: list[tuple[int, str]] = []
    over = threading.Event()
    finished = threading.Event()

    def ask() -> None:
        while not over.is_set():
            response = server.get("/", timeout=LIMIT)
            answers.append((response.status, response.text[:300]))
        finished.set()  # not reached if a connection was refused or broken

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        yield answers
    finally:
        over.set()
        thread.join(LIMIT)
    assert finished.is_set()


PARTS = 300
CONSISTENT = """
import importlib
from flask import Flask

versions = {importlib.import_module(f"parts.m{number:03}").VERSION for number in range(PARTS)}
assert len(versions) == 1, f"half a checkout: {versions}"
app = Flask(__name__)


@app.route("/")
def index():
    return str(*versions)
"""


def parts(version: int, count: int) -> dict[str, str]:
    return {f"parts/m{number:03}.py": f"VERSION = {version}\n" for number in range(count)}


def consistent(serve: Serve, count: int) -> ServerProcess:
    app = CONSISTENT.replace("PARTS", str(count))
    server = serve(
        "--app", "hello", "run", "--debug",
        files={"hello.py": app, "parts/__init__.py": "", **parts(1, count)},
    )  # fmt: skip
    assert server.get("/").text == "1"
    return server


def assert_no_half_state(answers: list[tuple[int, str]], texts: set[str]) -> None:
    odd = [answer for answer in answers if answer[0] != 200 or answer[1] not in texts]
    assert odd == []


def test_three_hundred_files_in_two_and_a_half_seconds(serve: Serve) -> None:
    server = consistent(serve, PARTS)
    with asking(server) as answers:
        started = time.monotonic()
        for number, (name, text) in enumerate(parts(2, PARTS).items(), 1):
            server.write(name, text)
            time.sleep(max(0.0, started + 2.5 * number / PARTS - time.monotonic()))
        becomes(server, "2")
    assert_no_half_state(answers, {"1", "2"})
    assert 1 <= reloads(server) <= 2


def git(directory: Path, *arguments: str) -> None:
    identity = ["-c", "user.name=me", "-c", "user.email=me@example.com", "-c", "commit.gpgsign=false"]
    subprocess.run(
        ["git", *identity, *arguments], cwd=directory, check=True, timeout=LIMIT, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )  # fmt: skip


@pytest.mark.skipif(shutil.which("git") is None, reason="Git is not installed")
def test_a_checkout_of_another_branch(serve: Serve, tmp_path: Path) -> None:
    count = 60
    for version, branch in ((2, "two"), (1, "one")):
        if not (tmp_path / ".git").exists():
            git(tmp_path, "init", "-q", "-b", "base")
            git(tmp_path, "commit", "-q", "--allow-empty", "-m", "empty")
        git(tmp_path, "checkout", "-q", "-b", branch, "base")
        files = {
            "parts/__init__.py": "",
            "hello.py": CONSISTENT.replace("PARTS", str(count)),
            **parts(version, count),
        }
        for name, text in files.items():
            path = tmp_path / name
            path.parent.mkdir(exist_ok=True)
            path.write_text(text)
        git(tmp_path, "add", "-A")
        git(tmp_path, "commit", "-q", "-m", branch)
    server = serve("--app", "hello", "run", "--debug")
    assert server.get("/").text == "1"
    with asking(server) as answers:
        for turn in range(3):
            before = reloads(server)
            git(tmp_path, "checkout", "-q", "one" if turn % 2 else "two")
            becomes(server, "1" if turn % 2 else "2")
            wait_for_reload(server, before)
            assert 1 <= reloads(server) - before <= 2
    assert_no_half_state(answers, {"1", "2"})


def test_a_formatter_that_rewrites_after_the_save(serve: Serve) -> None:
    server = running(serve)
    for number in range(5):
        before = reloads(server)
        server.write("hello.py", source(f"raw {number}"))
        time.sleep(0.06)  # black takes its time to start
        server.write("hello.py", source(f"formatted {number}"))
        becomes(server, f"formatted {number}")
        wait_for_reload(server, before)
        assert 1 <= reloads(server) - before <= 2


def test_a_change_during_a_load_abandons_it(serve: Serve) -> None:
    """The load would take ten minutes: no answer before it is abandoned."""
    server = running(serve)
    for number in range(3):
        mark = server.mark()
        server.write("hello.py", source("late", "print('loading', flush=True); import time; time.sleep(600)"))
        server.wait_for_output("^loading", after=mark)
        server.write("hello.py", source(f"version {number}"))
        becomes(server, f"version {number}")


# Where events do not arrive.


def shared(serve: Serve, tmp_path: Path, **files: str) -> tuple[ServerProcess, Path]:
    """The app on a mount whose files are changed by somebody else than this kernel: the backing directory."""
    backing, point = tmp_path / "backing", tmp_path / "mounted"
    point.mkdir()
    for name, text in files.items():
        path = backing / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    mount = [sys.executable, str(FUSE_MOUNT), str(backing), str(point)]
    command = pilotlight("--app", "hello", "run", "--debug")
    return serve(command=[*in_namespace("--mount"), *mount, *command]), backing


def in_namespace(*kinds: str) -> list[str]:
    assert UNSHARE is not None
    return [UNSHARE, "--user", "--map-root-user", *kinds]


def can_unshare(*command: str) -> bool:
    if UNSHARE is None:
        return False
    arguments = [*in_namespace("--mount"), *(command or ("true",))]
    return subprocess.run(arguments, capture_output=True, timeout=LIMIT, check=False).returncode == 0


def can_mount() -> bool:
    return os.access("/dev/fuse", os.R_OK | os.W_OK) and can_unshare()


needs_namespaces = pytest.mark.skipif(not can_unshare(), reason="user namespaces are not to be had here")


@pytest.mark.skipif(not can_mount(), reason="FUSE mounts in user namespaces are not to be had here")
def test_files_on_a_share_are_polled_and_one_line_says_so(serve: Serve, tmp_path: Path) -> None:
    server, backing = shared(
        serve, tmp_path, **{"hello.py": source("one", "import part"), "part.py": "x = 1\n", ".env": "A=1\n"}
    )
    assert server.get("/").text == "one"
    server.wait_for_output(
        rf"^.*{re.escape(str(tmp_path / 'mounted'))} is a fuse\.share file system.*polled.*$"
    )
    first = server.get("/pid").text
    (backing / "hello.py").touch()
    (backing / "part.py").write_text("x = 1\n")
    for number in range(4):
        text = source(f"version {number}", "import part")
        temporary = backing / "temporary"
        if number % 2:
            temporary.write_text(text)
            temporary.replace(backing / "hello.py")
        else:
            (backing / "hello.py").write_text(text)
        becomes(server, f"version {number}")
    assert server.get("/pid").text != first
    show = source("one").replace('"one"', 'os.environ["A"]')
    (backing / "hello.py").write_text(show)
    becomes(server, "1")
    (backing / ".env").write_text("A=2\n")
    becomes(server, "2")
    (backing / "hello.py").write_text("import absent\n" + show)
    server.wait_until_response(lambda response: response.status == 500)
    (backing / "absent.py").write_text("")
    becomes(server, "2")
    assert server.output.count("polled") == 1


LIMITED = 'echo "$1" > "/proc/sys/user/$0"; shift; exec "$@"'


def limited(name: str, value: int, *command: str) -> list[str]:
    """A command in a user namespace that grants so many of something (namespaces(7))."""
    return [*in_namespace(), "sh", "-c", LIMITED, name, str(value), *command]


@needs_namespaces
@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("max_inotify_instances", 0, "max_user_instances"),
        ("max_inotify_watches", 0, "max_user_watches"),
        ("max_inotify_watches", 1, "max_user_watches"),
    ],
)
def test_limits_of_inotify_make_it_poll_and_one_line_says_so(
    serve: Serve, name: str, value: int, told: str
) -> None:
    files = {"hello.py": source("one", "from sub import deep"), "sub/deep.py": "x = 1\n"}
    server = serve(command=limited(name, value, *pilotlight("--app", "hello", "run", "--debug")), files=files)
    assert server.get("/").text == "one"
    server.write("hello.py", source("two", "from sub import deep"))
    becomes(server, "two")
    first = server.get("/pid").text
    server.write("sub/deep.py", "x = 22\n")
    server.wait_until_response(lambda response: response.text != first, "/pid")
    assert server.output.count(told) == 1
    assert server.output.count("polled") == 1
    assert "Traceback" not in server.output


# Cost.


def watches(server: ServerProcess) -> int:
    """How many inotify watches the command has."""
    count = 0
    for number in os.listdir(f"/proc/{server.pid}/fd"):
        if os.readlink(f"/proc/{server.pid}/fd/{number}") == "anon_inode:inotify":
            info = Path(f"/proc/{server.pid}/fdinfo/{number}").read_text()
            count += sum(line.startswith("inotify wd:") for line in info.splitlines())
    return count


def test_unrelated_files_cost_nothing(serve: Serve, tmp_path: Path) -> None:
    """As many watches with 100,000 files beside the app as without, and not one event of theirs."""
    server = running(serve)
    alone = watches(server)
    server.terminate()
    server.wait_for_exit()
    modules = tmp_path / "node_modules"
    template = modules / "template"
    template.mkdir(parents=True)
    for number in range(1000):
        (template / f"{number}.js").touch()
    for number in range(99):
        (modules / str(number)).mkdir()
        for name in os.listdir(template):
            os.link(template / name, modules / str(number) / name)
    server = running(serve)
    assert 0 < watches(server) == alone
    supervisor = psutil.Process(server.pid)
    deadline = time.monotonic() + LIMIT
    while len(server.children()) < 2 and time.monotonic() < deadline:
        time.sleep(0.05)  # the next worker is started in advance; no event tells of it
    server.get("/")
    before = supervisor.num_ctx_switches().voluntary
    for number in range(50):
        (modules / str(number) / "new.js").write_text("x")
        (modules / str(number) / "0.js").unlink()
    assert supervisor.num_ctx_switches().voluntary - before <= 20
    server.write("hello.py", source("two"))
    becomes(server, "two")
    assert reloads(server) == 1
    assert watches(server) == alone

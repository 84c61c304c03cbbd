"""The supervisor's terminal on real pseudo-terminals, alone and under a shell with job control."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import shutil
import signal
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from pilotlight.supervisor.terminal import HELP, Key, Terminal, parse_key

LIMIT = 20.0

SUPERVISOR = """
import asyncio, os, signal, sys
from pilotlight.supervisor.terminal import Terminal

def say(text):
    os.write(1, (text + "\\n").encode())

def on_key(key):
    say(f"KEY {key.name}")
    if "lend-on-reload" in sys.argv and key.name == "RELOAD":
        terminal.lend()
        say(f"LENT-READ {os.read(0, 100)!r}")
        terminal.take_back()
    if key.name == "QUIT":
        done.set()

async def main():
    global terminal, done
    done = asyncio.Event()
    loop = asyncio.get_running_loop()
    terminal = Terminal(loop, on_key, say, on_hangup=done.set)
    terminal.start()
    loop.add_signal_handler(signal.SIGCONT, terminal.look)
    loop.add_signal_handler(signal.SIGTERM, done.set)
    loop.add_signal_handler(signal.SIGHUP, lambda: None)
    commands = sys.argv[1:]
    if "lend" in commands:
        terminal.lend()
    if "worker" in commands:
        terminal.lend()
        process = await asyncio.create_subprocess_exec(sys.executable, "-c", WORKER)
        say(f"WORKER {process.pid}")
        await process.wait()
        terminal.take_back()
    say(f"READY pid={os.getpid()} keys={terminal.reads_keys}")
    await done.wait()
    terminal.close()
    terminal.close()
    try:
        say("CLOSED")
    except OSError:
        pass  # hung up
    with open(sys.argv[-1], "w") as end:
        end.write("closed")

WORKER = '''
import os, tty
tty.setraw(0)
os.write(1, b"RAW")
os.read(0, 1)
os.kill(os.getpid(), 9)
'''
asyncio.run(main())
"""
TAKE = """
import fcntl, os, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execvp(sys.argv[1], sys.argv[1:])
"""


class Screen:
    """The user's side of a pseudo-terminal with one process as its session leader."""

    def __init__(self, command: list[str], *, controlling: bool = True) -> None:
        self.master, self.slave = pty.openpty()
        self.text = ""
        self.before = termios.tcgetattr(self.slave)
        start = [sys.executable, "-c", TAKE, *command] if controlling else command
        self.process = subprocess.Popen(
            start,
            stdin=self.slave,
            stdout=self.slave,
            stderr=self.slave,
            start_new_session=True,
            env={
                **os.environ,
                "PS1": "prompt> ",
                "TERM": "dumb",
                "HISTFILE": "",
                "BASH_SILENCE_DEPRECATION_WARNING": "1",
            },
        )

    def type(self, text: str) -> None:
        os.write(self.master, text.encode())

    def wait_for(self, pattern: str) -> re.Match[str]:
        """Reads until the pattern has appeared; what lies before its end is forgotten."""
        limit = time.monotonic() + LIMIT
        while (found := re.search(pattern, self.text)) is None:
            assert select.select([self.master], [], [], max(0, limit - time.monotonic()))[0], (
                f"{pattern!r} did not appear in {self.text!r}"
            )
            self.text += os.read(self.master, 4096).decode("utf-8", "replace")
        self.text = self.text[found.end() :]
        return found

    def silent(self, seconds: float) -> str:
        """What appears within that time: for things that must not happen."""
        limit = time.monotonic() + seconds
        while select.select([self.master], [], [], max(0, limit - time.monotonic()))[0]:
            self.text += os.read(self.master, 4096).decode("utf-8", "replace")
        return self.text

    def close(self) -> None:
        if self.process.poll() is None:
            for process in psutil.Process(self.process.pid).children(recursive=True):
                process.kill()
        self.process.kill()
        self.process.wait(LIMIT)
        os.close(self.slave)
        if self.master >= 0:
            os.close(self.master)


@pytest.fixture
def program(tmp_path: Path) -> list[str]:
    file = tmp_path / "supervisor_side.py"
    file.write_text(SUPERVISOR)
    return [sys.executable, str(file)]


@pytest.fixture
def end_file(tmp_path: Path) -> Path:
    return tmp_path / "end"


class Screens:
    """Opens screens and closes them with the test."""

    def __init__(self) -> None:
        self.open: list[Screen] = []

    def __call__(self, command: list[str], *, controlling: bool = True) -> Screen:
        self.open.append(Screen(command, controlling=controlling))
        return self.open[-1]


@pytest.fixture
def screens() -> Iterator[Screens]:
    opened = Screens()
    yield opened
    for screen in opened.open:
        screen.close()


def wait_until(condition: object, what: str) -> None:
    limit = time.monotonic() + LIMIT
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < limit, what
        time.sleep(0.02)


@pytest.mark.parametrize(
    ("line", "key"),
    [
        ("r\n", Key.RELOAD),
        ("R", Key.RELOAD),
        ("  o \r\n", Key.OPEN),
        ("q", Key.QUIT),
        ("h\n", Key.HELP),
        ("", None),
        ("\n", None),
        ("rr", None),
        ("quit", None),
        ("u", None),
        ("x", None),
        ("\x1b[A", None),
        ("\ufffd", None),
        ("RELOAD", None),
    ],
)
def test_a_line_means_a_key(line: str, key: Key | None) -> None:
    assert parse_key(line) is key


def test_keys_are_read_and_everything_else_gets_one_line_of_help(
    program: list[str], screens: Screens, end_file: Path
) -> None:
    screen = screens([*program, str(end_file)])
    screen.wait_for("keys=True")
    screen.type("r\no\n")
    screen.wait_for("KEY RELOAD")
    screen.wait_for("KEY OPEN")
    for line in ("h", "", "hello world", "x", "r r", "\xff"):
        screen.type(line + "\n")
        screen.wait_for(re.escape(HELP))
    screen.type("q\n")
    screen.wait_for("KEY QUIT")
    screen.wait_for("CLOSED")
    assert screen.process.wait(LIMIT) == 0
    assert termios.tcgetattr(screen.slave) == screen.before


def test_control_d_is_neither_the_end_nor_a_busy_loop(
    program: list[str], screens: Screens, end_file: Path
) -> None:
    screen = screens([*program, str(end_file)])
    screen.wait_for("keys=True")
    screen.type("\x04")
    started = cpu_seconds(screen.process.pid)
    assert "KEY" not in screen.silent(0.5)
    assert cpu_seconds(screen.process.pid) - started < 0.2
    screen.type("r\n")
    screen.wait_for("KEY RELOAD")


def cpu_seconds(pid: int) -> float:
    times = psutil.Process(pid).cpu_times()
    return times.user + times.system


def test_while_lent_not_a_byte_is_read(program: list[str], screens: Screens, end_file: Path) -> None:
    screen = screens([*program, "lend", str(end_file)])
    screen.wait_for("keys=False")
    screen.type("r\nq\n")
    assert "KEY" not in screen.silent(0.5)
    assert screen.process.poll() is None
    # Both lines are still there for whoever owns the terminal.
    flags = fcntl.fcntl(screen.slave, fcntl.F_GETFL)
    fcntl.fcntl(screen.slave, fcntl.F_SETFL, flags | os.O_NONBLOCK)
    assert os.read(screen.slave, 100) == b"r\n"
    assert os.read(screen.slave, 100) == b"q\n"


def test_type_ahead_belongs_to_the_worker_that_borrows_next(
    program: list[str], screens: Screens, end_file: Path
) -> None:
    screen = screens([*program, "lend-on-reload", str(end_file)])
    screen.wait_for("keys=True")
    screen.type("r\np 1 + 1\no\n")
    screen.wait_for("KEY RELOAD")
    screen.wait_for(r"LENT-READ b'p 1 \+ 1\\n'")
    screen.wait_for("KEY OPEN")


def test_settings_are_restored_when_a_worker_dies_in_a_raw_prompt(
    program: list[str], screens: Screens, end_file: Path
) -> None:
    screen = screens([*program, "worker", str(end_file)])
    screen.wait_for("RAW")
    assert termios.tcgetattr(screen.slave) != screen.before
    screen.type("x")
    screen.wait_for("keys=True")
    assert termios.tcgetattr(screen.slave) == screen.before
    screen.type("r\n")
    screen.wait_for("KEY RELOAD")


def test_settings_are_restored_at_the_end(program: list[str], screens: Screens, end_file: Path) -> None:
    screen = screens([*program, str(end_file)])
    screen.wait_for("keys=True")
    changed = termios.tcgetattr(screen.slave)
    changed[3] &= ~(termios.ECHO | termios.ICANON)
    termios.tcsetattr(screen.slave, termios.TCSANOW, changed)
    screen.process.send_signal(signal.SIGTERM)
    screen.wait_for("CLOSED")
    assert termios.tcgetattr(screen.slave) == screen.before


def test_a_program_that_edits_lines_itself_is_not_robbed(
    program: list[str], screens: Screens, end_file: Path
) -> None:
    screen = screens([*program, str(end_file)])
    screen.wait_for("keys=True")
    changed = termios.tcgetattr(screen.slave)
    changed[3] &= ~(termios.ECHO | termios.ICANON)
    termios.tcsetattr(screen.slave, termios.TCSANOW, changed)
    screen.type("q")
    assert "KEY" not in screen.silent(0.3)
    assert os.read(screen.slave, 10) == b"q"


def test_a_closed_window_is_told_once(program: list[str], screens: Screens, end_file: Path) -> None:
    screen = screens([*program, str(end_file)])
    screen.wait_for("keys=True")
    os.close(screen.master)
    screen.master = -1
    assert screen.process.wait(LIMIT) == 0
    assert end_file.read_text() == "closed"


@pytest.mark.parametrize("kind", ["closed", "null", "pipe", "file", "foreign terminal"])
def test_without_a_terminal_of_ours_there_are_no_keys(
    kind: str, program: list[str], end_file: Path, tmp_path: Path
) -> None:
    command = [*program, str(end_file)]
    ends: list[int] = []
    stdin: int = subprocess.DEVNULL
    if kind == "closed":
        command = ["/bin/sh", "-c", 'exec "$@" <&-', "sh", *command]
    elif kind == "pipe":
        stdin, writer = os.pipe()
        os.write(writer, b"r\nq\n")
        ends = [stdin, writer]
    elif kind == "file":
        (tmp_path / "input").write_text("r\nq\n")
        stdin = os.open(tmp_path / "input", os.O_RDONLY)
        ends = [stdin]
    elif kind == "foreign terminal":
        master, stdin = pty.openpty()
        os.write(master, b"r\nq\n")
        ends = [master, stdin]
    process = subprocess.Popen(
        command, stdin=stdin, stdout=subprocess.PIPE, start_new_session=True, text=True
    )
    try:
        assert process.stdout is not None
        assert "keys=False" in process.stdout.readline()
        started = cpu_seconds(process.pid)
        assert not select.select([process.stdout], [], [], 0.5)[0]
        assert cpu_seconds(process.pid) - started < 0.2
        process.terminate()
        rest = process.communicate(timeout=LIMIT)[0]
        assert rest == "CLOSED\n"
    finally:
        process.kill()
        process.wait(LIMIT)
        if process.stdout is not None:
            process.stdout.close()
        for fd in ends:
            os.close(fd)


@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash for job control")
def test_a_background_job_is_not_stopped_and_has_keys_after_fg(
    program: list[str], screens: Screens, end_file: Path
) -> None:
    screen = screens(["bash", "--norc", "--noprofile", "-i"])
    screen.wait_for("prompt> ")
    line = " ".join([*program, str(end_file)])
    screen.type(f"{line} &\n")
    job = psutil.Process(int(screen.wait_for(r"READY pid=(\d+) keys=False")[1]))
    # What is typed now is the shell's.
    screen.type("echo shell-$((40+2))\n")
    screen.wait_for("shell-42")
    screen.type("r\n")
    screen.wait_for("r: command not found|r: .*not found")
    assert job.status() != psutil.STATUS_STOPPED
    busy = cpu_seconds(job.pid)
    screen.silent(0.5)
    assert cpu_seconds(job.pid) - busy < 0.2

    screen.type("fg\n")
    screen.wait_for(re.escape(line.split()[0]))
    wait_until(lambda: job_is_in_front(screen, job), "the job did not come to the front")
    screen.type("r\n")
    screen.wait_for("KEY RELOAD")

    screen.type("\x1a")
    screen.wait_for("Stopped")
    wait_until(lambda: job.status() == psutil.STATUS_STOPPED, "Ctrl-Z did not stop the job")
    screen.type("bg\n")
    wait_until(lambda: job.status() != psutil.STATUS_STOPPED, "bg did not continue the job")
    screen.type("echo again-$((40+3))\n")
    screen.wait_for("again-43")
    screen.type("o\n")
    screen.wait_for("o: .*not found")
    assert job.status() != psutil.STATUS_STOPPED
    assert "KEY" not in screen.silent(1.2)

    screen.type("fg\n")
    wait_until(lambda: job_is_in_front(screen, job), "the job did not come back to the front")
    screen.type("o\n")
    screen.wait_for("KEY OPEN")
    screen.type("q\n")
    screen.wait_for("CLOSED")
    screen.wait_for("prompt> ")
    screen.type("echo back-$((40+4))\n")
    screen.wait_for("back-44")


def job_is_in_front(screen: Screen, job: psutil.Process) -> bool:
    """Of the terminal's own view: the group that would get its Ctrl-C."""
    return os.getpgid(job.pid) == foreground_of(job)


def foreground_of(job: psutil.Process) -> int:
    """`tpgid` of proc(5); elsewhere ps has it."""
    found = subprocess.run(
        ["ps", "-o", "tpgid=", "-p", str(job.pid)], capture_output=True, text=True, timeout=LIMIT
    )
    return int(found.stdout)


def test_a_job_in_the_background_leaves_the_settings_of_the_shell_alone(
    program: list[str], screens: Screens, end_file: Path
) -> None:
    screen = screens(["bash", "--norc", "--noprofile", "-i"])
    screen.wait_for("prompt> ")
    screen.type(" ".join([*program, str(end_file)]) + " &\n")
    pid = int(screen.wait_for(r"READY pid=(\d+) keys=False")[1])
    screen.type("\n")
    screen.wait_for("prompt> ")
    settings = termios.tcgetattr(screen.slave)
    os.kill(pid, signal.SIGTERM)
    screen.wait_for("CLOSED")
    wait_until(end_file.exists, "the job did not end")
    assert termios.tcgetattr(screen.slave) == settings


def test_nothing_is_done_before_the_start() -> None:
    terminal = Terminal(None, lambda key: None, print)  # type: ignore[arg-type]
    terminal.look()
    terminal.lend()
    terminal.take_back()
    terminal.close()
    assert not terminal.reads_keys

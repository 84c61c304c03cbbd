"""A port that is taken, as the user meets it: without a terminal, and in a dialogue on a pseudo-terminal."""

from __future__ import annotations

import os
import pty
import re
import select
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pilotlight.errors import UserError
from pilotlight.settings import Settings
from pilotlight.supervisor import port_dialogue
from pilotlight.supervisor.binder import AddressInUse
from pilotlight.supervisor.port_dialogue import free_port_near
from pilotlight.supervisor.ports import bind_or_explain
from ports import free_port

LIMIT = 20.0
HOLDER = """
import signal, socket, sys
if "stubborn" in sys.argv:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
sock = socket.create_server(("127.0.0.1", int(sys.argv[1])))
print(sock.getsockname()[1], flush=True)
sys.stdin.read()
"""
SERVER = """
import os, sys
from pilotlight.errors import UserError
from pilotlight.settings import Settings
from pilotlight.supervisor import port_lookup
from pilotlight.supervisor.ports import bind_or_explain

class Screen:
    def block(self, text):
        os.write(1, text.encode() + b"\\n")

port_lookup.stop.__defaults__ = (0.5,) if "hurry" in sys.argv else port_lookup.stop.__defaults__
try:
    bound = bind_or_explain(Settings(port=int(sys.argv[1])), Screen())
except UserError as error:
    Screen().block(f"ENDED {error.status} {error.message}")
    sys.exit(error.status)
Screen().block(f"BOUND {bound.port} {len(bound.sockets)}")
bound.close()
"""
TAKE = """
import fcntl, os, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execvp(sys.argv[1], sys.argv[1:])
"""

Hold = Callable[..., tuple[int, "subprocess.Popen[str]"]]


class Silent:
    """A screen that nobody looks at."""

    def block(self, text: str) -> None:
        raise AssertionError("without a terminal nothing is shown but the error")


@pytest.fixture
def hold() -> Iterator[Hold]:
    started: list[subprocess.Popen[str]] = []

    def start(*arguments: str) -> tuple[int, subprocess.Popen[str]]:
        process = subprocess.Popen(
            [sys.executable, "-c", HOLDER, str(free_port()), *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        assert process.stdout is not None
        return int(process.stdout.readline()), process

    yield start
    for process in started:
        process.kill()
        process.communicate(timeout=LIMIT)


class Dialogue:
    """The command on a terminal of its own."""

    def __init__(self, *arguments: str) -> None:
        self.master, slave = pty.openpty()
        self.text = ""
        self.process = subprocess.Popen(
            [sys.executable, "-c", TAKE, sys.executable, "-c", SERVER, *arguments],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
        )
        os.close(slave)

    def wait_for(self, pattern: str) -> re.Match[str]:
        limit = time.monotonic() + LIMIT
        while (found := re.search(pattern, self.text)) is None:
            assert select.select([self.master], [], [], max(0, limit - time.monotonic()))[0], self.text
            try:
                self.text += os.read(self.master, 4096).decode()
            except OSError:
                raise AssertionError(f"{pattern!r} is not in {self.text!r}") from None
        self.text = self.text[found.end() :]
        return found

    def type(self, text: str) -> None:
        os.write(self.master, text.encode())

    def close(self) -> None:
        self.process.kill()
        self.process.wait(LIMIT)
        os.close(self.master)


@pytest.fixture
def dialogue() -> Iterator[Callable[..., Dialogue]]:
    opened: list[Dialogue] = []

    def start(*arguments: str) -> Dialogue:
        opened.append(Dialogue(*arguments))
        return opened[-1]

    yield start
    for one in opened:
        one.close()


def test_without_a_terminal_all_is_said_and_nothing_asked(hold: Hold) -> None:
    port, process = hold()
    with pytest.raises(UserError) as caught:
        bind_or_explain(Settings(port=port), Silent())
    assert caught.value.status == 1
    assert f"pid {process.pid}" in caught.value.message
    assert f"`kill {process.pid}`" in caught.value.message
    free = re.search(r"--port (\d+), which is free", caught.value.message)
    assert free is not None
    for host in ("127.0.0.1", "::1"):
        with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as sock:
            sock.bind((host, int(free[1])))


@pytest.mark.parametrize("stdin", [subprocess.DEVNULL, subprocess.PIPE])
def test_the_command_does_not_wait_without_a_terminal(stdin: int, hold: Hold) -> None:
    port, _ = hold()
    process = subprocess.Popen(
        [sys.executable, "-c", SERVER, str(port)], stdin=stdin, stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.wait(LIMIT) == 1
        assert process.stdout is not None
        assert "ENDED 1 Port" in process.stdout.read()
    finally:
        process.kill()
        process.communicate(timeout=LIMIT)


def test_use_the_other_port(hold: Hold, dialogue: Callable[..., Dialogue]) -> None:
    port, process = hold()
    user = dialogue(str(port))
    user.wait_for(rf"Port {port} is already in use: \S+ \(pid {process.pid}\)")
    offered = user.wait_for(r"u  use port (\d+)")[1]
    user.wait_for("Your choice: ")
    user.type("x\n")
    user.wait_for("Please answer with one of: u, s, q")
    user.type("u\n")
    user.wait_for(f"BOUND {offered} 2")
    assert user.process.wait(LIMIT) == 0
    assert process.poll() is None


def test_stop_the_other_process_after_a_yes(hold: Hold, dialogue: Callable[..., Dialogue]) -> None:
    port, process = hold()
    user = dialogue(str(port))
    user.wait_for("Your choice: ")
    user.type("s\n")
    user.wait_for(rf"Stop pid {process.pid} \(y/N\)\? ")
    user.type("\n")
    user.wait_for("Your choice: ")
    assert process.poll() is None
    user.type("s\n")
    user.wait_for(r"\(y/N\)\? ")
    user.type("y\n")
    user.wait_for(f"BOUND {port} 2")
    assert process.wait(LIMIT) == -15


def test_a_process_that_does_not_end(hold: Hold, dialogue: Callable[..., Dialogue]) -> None:
    port, process = hold("stubborn")
    user = dialogue(str(port), "hurry")
    user.wait_for("Your choice: ")
    user.type("s\n")
    user.wait_for(r"\(y/N\)\? ")
    user.type("y\n")
    user.wait_for(rf"pid {process.pid} has not ended within .* `kill -9 {process.pid}`")
    user.wait_for("Your choice: ")
    user.type("q\n")
    user.wait_for("ENDED 1 Nothing was started")
    assert process.poll() is None


@pytest.mark.parametrize(
    "keys", ["\n", "q\n", "Q\n", "\x04", "\x03"], ids=["enter", "q", "Q", "eof", "ctrl-c"]
)
def test_quit(keys: str, hold: Hold, dialogue: Callable[..., Dialogue]) -> None:
    port, process = hold()
    user = dialogue(str(port))
    user.wait_for("Your choice: ")
    user.type(keys)
    user.wait_for(f"ENDED 1 Nothing was started: port {port} is in use")
    assert user.process.wait(LIMIT) == 1
    assert process.poll() is None


def test_a_free_port_needs_no_diagnosis() -> None:
    code = (
        "import sys\n"
        "from pilotlight.settings import Settings\n"
        "from pilotlight.supervisor.ports import bind_or_explain\n"
        "bind_or_explain(Settings(port=0), None).close()\n"
        "print('psutil' in sys.modules, 'pilotlight.supervisor.port_dialogue' in sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=LIMIT)
    assert done.stdout == "False False\n", done.stderr


@pytest.mark.parametrize(("port", "found"), [(4999, 5000), (5059, 5062), (5999, 6001), (6664, 6670)])
def test_browsers_accept_the_port_that_is_offered(
    port: int, found: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(port_dialogue, "is_free", lambda settings, candidate: True)
    assert free_port_near(Settings(), port) == found


def test_when_all_ports_nearby_are_taken_the_kernel_chooses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(port_dialogue, "is_free", lambda settings, candidate: False)
    found = free_port_near(Settings(), 65535)
    assert found is not None
    assert found > 1024


def test_a_unix_socket_is_no_matter_for_a_dialogue(tmp_path: Path) -> None:
    path = tmp_path / "app.sock"
    first = bind_or_explain(Settings(uds=str(path)), Silent())
    try:
        with pytest.raises(UserError) as caught:
            bind_or_explain(Settings(uds=str(path)), Silent())
        assert not isinstance(caught.value, AddressInUse)
    finally:
        first.close()

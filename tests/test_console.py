from __future__ import annotations

import contextlib
import io
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pilotlight.console import Console, duration, sanitize, sanitize_block, size, wants_color
from pilotlight.server.application import AccessRecord

RECORD = AccessRecord("127.0.0.1:40000", "GET", "/users?page=2", "1.1", 200, 0.00123, 3456)
any_text = st.text(st.characters(codec=None))


class Terminal(io.StringIO):
    """A stream without descriptor that counts its writes."""

    def __init__(self, *, tty: bool = False) -> None:
        super().__init__()
        self.writes = 0
        self.tty = tty

    def write(self, text: str) -> int:
        self.writes += 1
        return super().write(text)

    def isatty(self) -> bool:
        return self.tty


def console_and_terminal(*, tty: bool = False, quiet: bool = False) -> tuple[Console, Terminal]:
    terminal = Terminal(tty=tty)
    return Console.for_stream(terminal, quiet=quiet, environment={}), terminal


def speak(console: Console) -> None:
    """Everything that a console can say."""
    console.banner(
        app="hello:app", debug=True, urls=["http://localhost:5000/"], versions=["CPython"], version="1.0"
    )
    console.line("a line")
    console.warning("a warning")
    console.error("an error")
    console.reload("hello.py", 0.034)
    console.block("a\nb")
    console.access(RECORD)


@given(any_text)
def test_nothing_invisible_gets_through(text: str) -> None:
    clean = sanitize(text)
    assert clean.isprintable()
    assert clean.encode("utf-8").decode("utf-8") == clean
    assert sanitize(clean) == clean


@given(any_text)
def test_a_block_keeps_only_line_feeds_tabs_and_on_demand_colours(text: str) -> None:
    assert all(c.isprintable() or c in "\n\t" for c in sanitize_block(text))
    with_colors = sanitize_block(f"{text}\x1b[1;31mred\x1b[0m{text}", keep_colors=True)
    assert "\x1b[1;31mred\x1b[0m" in with_colors
    rest = re.sub(r"\x1b\[[0-9;]*m", "", with_colors)
    assert all(c.isprintable() or c in "\n\t" for c in rest)


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("/users/é/漢字", "/users/é/漢字"),
        ("\x1b]0;title\x07", r"\x1b]0;title\x07"),
        ("a\r\nb\tc", r"a\r\nb\tc"),
        ("\x9b31m", r"\x9b31m"),
        ("\u202egpj.exe", r"\u202egpj.exe"),
        ("\u2028", r"\u2028"),
        ("\udc80", r"\udc80"),
        ("\U000e0001", r"\U000e0001"),
    ],
)
def test_what_is_made_visible(text: str, clean: str) -> None:
    assert sanitize(text) == clean


@given(any_text, any_text, any_text, st.integers(100, 599))
def test_a_request_is_one_line_whatever_the_client_sent(
    method: str, target: str, client: str, status: int
) -> None:
    console, terminal = console_and_terminal()
    console.access(replace(RECORD, method=method, target=target, client=client, status=status))
    line = terminal.getvalue()
    assert line.count("\n") == 1
    assert line[:-1].isprintable()
    assert len(line.encode()) < 4096


@given(any_text)
def test_a_forged_line_in_a_message_is_indented(text: str) -> None:
    console, terminal = console_and_terminal()
    console.error(text)
    first, *rest = terminal.getvalue()[:-1].split("\n")
    assert first.startswith("Error: ")
    assert all(line == "" or line.startswith("  ") for line in rest)


def test_requests_are_aligned() -> None:
    console, _ = console_and_terminal()
    lines = [
        console.access_line(RECORD),
        console.access_line(replace(RECORD, method="OPTIONS", status=404, seconds=12.5, response_bytes=0)),
        console.access_line(replace(RECORD, seconds=0.25, response_bytes=123_456_789)),
    ]
    assert len({line.index("/users") for line in lines}) == 1
    assert re.fullmatch(r"\d\d:\d\d:\d\d 200 GET       1\.2 ms   3\.5 kB  /users\?page=2\n", lines[0])


def test_cut_responses_and_other_machines_are_marked() -> None:
    console, _ = console_and_terminal()
    line = console.access_line(replace(RECORD, complete=False, client="192.168.1.5:3000"))
    assert line.endswith("/users?page=2  cut short  from 192.168.1.5:3000\n")
    assert "from" not in console.access_line(replace(RECORD, client="[::1]:99"))


@pytest.mark.parametrize(
    ("variables", "tty", "color"),
    [
        ({}, True, True),
        ({}, False, False),
        ({"NO_COLOR": "1"}, True, False),
        ({"NO_COLOR": ""}, True, True),
        ({"FORCE_COLOR": "1"}, False, True),
        ({"FORCE_COLOR": "1", "NO_COLOR": "1"}, True, False),
        ({"TERM": "dumb"}, True, False),
        ({"TERM": "dumb", "FORCE_COLOR": "1"}, True, True),
    ],
)
def test_when_colours_are_shown(variables: dict[str, str], tty: bool, color: bool) -> None:
    assert wants_color(Terminal(tty=tty), variables) is color


def test_without_a_terminal_there_is_no_escape_sequence() -> None:
    console, terminal = console_and_terminal()
    speak(console)
    assert "\x1b" not in terminal.getvalue()
    colored, terminal = console_and_terminal(tty=True)
    speak(colored)
    assert re.sub(r"\x1b\[[0-9;]*m", "", terminal.getvalue()).replace("\n", "").isprintable()
    assert "\x1b[32m200\x1b[0m" in terminal.getvalue()


def test_quiet_drops_banner_and_requests_only() -> None:
    console, terminal = console_and_terminal(quiet=True)
    speak(console)
    said = terminal.getvalue()
    assert "hello:app" not in said
    assert "/users" not in said
    assert "Warning: a warning\n" in said
    assert "Error: an error\n" in said


def test_the_banner_fits_a_terminal_and_says_what_matters() -> None:
    console, terminal = console_and_terminal()
    console.banner(
        app="hello:app",
        debug=True,
        urls=["http://localhost:5000/"],
        versions=["Litestar 2.25.0", "CPython 3.13.1"],
        version="0.1.0",
        notes=["Press h and Enter for help."],
    )
    text = terminal.getvalue()
    assert all(len(line) <= 80 for line in text.splitlines())
    for part in (
        "hello:app",
        "Debug mode on",
        "http://localhost:5000/",
        "CPython 3.13.1",
        "Litestar 2.25.0",
        "Gunicorn",
    ):
        assert part in text
    assert "development only" in text
    assert "Press h" in text
    assert len(text.splitlines()) <= 10


def test_each_message_is_one_write(monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[bytes] = []

    def write(descriptor: int, data: bytes) -> int:
        written.append(bytes(data))
        return len(data)

    with open(os.devnull, "w") as stream:
        console = Console.for_stream(stream, environment={})
        with monkeypatch.context() as patch:
            patch.setattr(os, "write", write)
            speak(console)
    assert len(written) == 7
    assert all(data.endswith(b"\n") for data in written)


def test_a_fork_writes_nothing_twice() -> None:
    program = (
        "import os, sys\nfrom pilotlight.console import Console\nconsole = Console.for_process()\n"
        "console.line('before')\npid = os.fork()\nconsole.line('child' if pid == 0 else 'parent')\n"
        "pid and os.waitpid(pid, 0)\n"
    )
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=30)
    assert sorted(result.stderr.splitlines()) == ["before", "child", "parent"]
    assert result.stdout == ""


@contextlib.contextmanager
def pipe_console(*, blocking: bool = True) -> Iterator[tuple[Console, int, int]]:
    reader, writer = os.pipe()
    os.set_blocking(writer, blocking)
    with os.fdopen(writer, "w", closefd=False) as stream:
        yield Console.for_stream(stream, environment={}), reader, writer
    for descriptor in (reader, writer):
        with contextlib.suppress(OSError):
            os.close(descriptor)


def test_a_broken_pipe_does_no_harm() -> None:
    with pipe_console() as (console, reader, _):
        os.close(reader)
        speak(console)


def test_a_closed_descriptor_does_no_harm() -> None:
    with pipe_console() as (console, _, writer):
        os.close(writer)
        speak(console)


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
def test_a_full_disk_does_no_harm() -> None:
    with open("/dev/full", "w") as stream:
        speak(Console.for_stream(stream, environment={}))


def test_a_reader_that_takes_nothing_costs_a_moment_and_no_more() -> None:
    with pipe_console(blocking=False) as (console, reader, writer):
        with contextlib.suppress(BlockingIOError):
            while os.write(writer, b"x" * 4096):
                pass
        console.line("lost")
        os.set_blocking(reader, False)
        while len(os.read(reader, 1 << 20)) == 1 << 20:
            pass
        console.line("seen")
        assert os.read(reader, 100) == b"seen\n"


def test_a_long_message_reaches_a_reader_that_is_slow() -> None:
    text = "long line\n" * 50_000
    with pipe_console(blocking=False) as (console, reader, writer):
        child = os.fork()
        if child == 0:
            os.close(writer)
            count = 0
            while data := os.read(reader, 65536):
                count += len(data)
            os._exit(0 if count == len(text) else 1)
        console.block(text)
        os.close(writer)
        assert os.waitpid(child, 0)[1] == 0


def test_no_standard_error_at_all_and_closed_streams() -> None:
    speak(Console.for_stream(None, environment={}))
    closed = io.StringIO()
    console = Console.for_stream(closed, environment={})
    closed.close()
    speak(console)


def test_what_the_encoding_lacks_is_escaped(tmp_path: os.PathLike[str]) -> None:
    path = os.path.join(tmp_path, "log")
    with open(path, "w", encoding="ascii") as stream:
        Console.for_stream(stream, environment={}).line("/é/漢")
    with open(path, "rb") as file:
        assert file.read() == b"/\\xe9/\\u6f22\n"


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (0, "0.0 ms"),
        (0.00044, "0.4 ms"),
        (0.00996, "10 ms"),
        (0.0123, "12 ms"),
        (0.9996, "1.00 s"),
        (1.254, "1.25 s"),
        (185, "3 min 5 s"),
    ],
)
def test_durations(seconds: float, shown: str) -> None:
    assert duration(seconds) == shown


@pytest.mark.parametrize(
    ("count", "shown"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 kB"),
        (999_949, "999.9 kB"),
        (999_950, "1.0 MB"),
        (5 * 10**9, "5.0 GB"),
    ],
)
def test_sizes(count: int, shown: str) -> None:
    assert size(count) == shown

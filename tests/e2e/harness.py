"""Drives a real server command: a subprocess in a directory, on a free port, with its output collected.

Every wait has a limit and ends at once when the process does. Leaving the context ends the process and every
descendant by pid, and complains about processes that the server left behind. Must never depend on how the
server works inside.
"""

from __future__ import annotations

import fcntl
import os
import pty
import re
import signal
import socket
import ssl
import struct
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol
from urllib.parse import urlsplit

import psutil
from commands import pilotlight, python, script, write_atomically, write_in_place
from exchange import Response, exchange
from process_tree import MARKER, ProcessTree, describe
from transcript import Stream, Transcript

__all__ = [
    "Response",
    "Serve",
    "ServerProcess",
    "pilotlight",
    "python",
    "script",
    "write_atomically",
    "write_in_place",
]

DEFAULT_TIMEOUT = 20.0
"""Seconds; generous, because the machines that run tests are slow and shared."""
STOP_TIMEOUT = 15.0
"""Seconds from a polite signal to the end of the command (5 are promised, but for machines that are busy)."""
SURVIVOR_TIMEOUT = 10.0
"""Seconds from the end of the command to the end of its last descendant (2 are promised, as above)."""

ANY_URL = re.compile(r"https?://(?:127\.0\.0\.1|\[::1\]|localhost):\d+")
"""How the banner shows where the server listens."""

_STRIPPED = ("FLASK_", "PILOTLIGHT_", "WERKZEUG_", "UVICORN_", "PYTHON")
_TAKE_TERMINAL = """
import fcntl, os, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execvp(sys.argv[1], sys.argv[1:])
"""
"""Makes standard input the controlling terminal, then becomes the command (same pid). A program of its own,
since `preexec_fn` is not safe in a process with threads."""


class ServerProcess:
    """A command that runs in a directory until the context is left.

    Args:
        command: what to run: see `pilotlight`, `script` and `python`.
        cwd: where to run it.
        env: variables to set (or, with None as the value, to remove) on top of the test's own environment,
            from which every Flask, Pilotlight and Python variable has been removed.
        terminal: run it on a pseudo terminal of its own (80 x 24) instead of pipes, as a user sees it; see
            `send` and `expect`.
        survivors_expected: the test starts processes that are meant to outlive the server.
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        cwd: Path,
        env: Mapping[str, str | None] | None = None,
        terminal: bool = False,
        survivors_expected: bool = False,
    ) -> None:
        self.command = list(command)
        self.cwd = cwd
        self._changes = dict(env or {})
        self._terminal = terminal
        self._survivors_expected = survivors_expected
        self._tree = ProcessTree()
        self._transcript = Transcript()
        self._threads: list[threading.Thread] = []
        self._master = -1
        self._expected = 0
        self._process: subprocess.Popen[bytes] | None = None
        self._url: str | None = None

    # ------------------------------------------------------------------ life

    def __enter__(self) -> ServerProcess:
        if self._terminal:
            self._start_on_terminal()
        else:
            self._start_on_pipes()
        self._tree.root = self._popen.pid
        self._start_thread(self._wait_for_end)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        complaints = self._end()
        heading, end = f"--- {' '.join(self.command)}", f"--- status {self._popen.returncode}"
        sys.stderr.write(f"{heading}\n{self.output}\n{end}\n")  # pytest shows it if the test failed
        if complaints and kind is None:
            raise AssertionError("; ".join(complaints))

    def _environment(self) -> dict[str, str]:
        environment = {name: value for name, value in os.environ.items() if not name.startswith(_STRIPPED)}
        for name, value in {**self._changes, MARKER: self._tree.mark}.items():
            if value is None:
                environment.pop(name, None)
            else:
                environment[name] = value
        return environment

    def _start_on_pipes(self) -> None:
        self._process = subprocess.Popen(
            self.command,
            cwd=self.cwd,
            env=self._environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        assert self._process.stdout is not None
        assert self._process.stderr is not None
        self._start_thread(self._transcript.collect, "stdout", self._process.stdout.fileno())
        self._start_thread(self._transcript.collect, "stderr", self._process.stderr.fileno())

    def _start_on_terminal(self) -> None:
        self._master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        environment = {"TERM": "xterm-256color", **self._environment()}
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-S", "-c", _TAKE_TERMINAL, *self.command],
                cwd=self.cwd,
                env=environment,
                stdin=slave,
                stdout=slave,
                stderr=slave,
                start_new_session=True,
            )
        finally:
            os.close(slave)
        self._start_thread(self._transcript.collect, "terminal", self._master)

    def _start_thread(self, target: Callable[..., None], *arguments: object) -> None:
        thread = threading.Thread(target=target, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _wait_for_end(self) -> None:
        self._popen.wait()
        for thread in self._threads[:-1]:  # a survivor may hold the pipe open: do not wait for that
            thread.join(1)
        self._transcript.end()

    def _end(self) -> list[str]:
        """End everything; returns what the server did wrong while it ended."""
        complaints = []
        if self._popen.poll() is None:
            self._popen.terminate()
            try:
                self._popen.wait(STOP_TIMEOUT)
            except subprocess.TimeoutExpired:
                complaints.append(f"the server did not end within {STOP_TIMEOUT:g} s of SIGTERM")
        survivors = self.wait_for_descendants(SURVIVOR_TIMEOUT) if not complaints else []
        if survivors and not self._survivors_expected:
            complaints.append(f"processes were left behind: {[describe(process) for process in survivors]}")
        self._tree.kill_descendants()
        self._popen.kill()
        self._popen.wait(STOP_TIMEOUT)
        for thread in self._threads:
            thread.join(STOP_TIMEOUT)
        self._transcript.close()
        for pipe in (self._popen.stdout, self._popen.stderr):
            if pipe is not None:
                pipe.close()
        if self._master >= 0:
            os.close(self._master)
            self._master = -1
        return complaints

    # ------------------------------------------------------------- processes

    @property
    def _popen(self) -> subprocess.Popen[bytes]:
        assert self._process is not None, "use the server as a context manager"
        return self._process

    @property
    def pid(self) -> int:
        return self._popen.pid

    @property
    def running(self) -> bool:
        return self._popen.poll() is None

    def children(self) -> list[psutil.Process]:
        """Every living process that descends from the command, orphans included, itself excluded."""
        return self._tree.descendants()

    def wait_for_descendants(self, timeout: float = DEFAULT_TIMEOUT) -> list[psutil.Process]:
        """Wait until no descendant is left; those that still live when the time is over are returned."""
        return self._tree.wait_until_gone(timeout)

    def signal(self, number: int) -> None:
        """Send a signal to the command alone."""
        self._popen.send_signal(number)

    def interrupt(self) -> None:
        """What Ctrl-C in a terminal does: SIGINT for every process of the group."""
        os.killpg(self.pid, signal.SIGINT)

    def terminate(self) -> None:
        """SIGTERM for the command alone."""
        self._popen.terminate()

    def kill(self) -> None:
        """`kill -9` of the command alone."""
        self._popen.kill()

    def wait_for_exit(self, timeout: float = DEFAULT_TIMEOUT) -> int:
        """The exit status of the command (negative: the signal that ended it), with all its output read."""
        try:
            status = self._popen.wait(timeout)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"the command still runs after {timeout:g} s") from None
        with self._transcript.changed:
            self._transcript.changed.wait_for(lambda: self._transcript.ended, 3)
        return status

    # ---------------------------------------------------------------- output

    @property
    def output(self) -> str:
        """Everything written so far, on whatever stream, in order of arrival."""
        return self._written()

    @property
    def stdout(self) -> str:
        return self._written("stdout")

    @property
    def stderr(self) -> str:
        return self._written("stderr")

    def _written(self, *streams: Stream) -> str:
        self._transcript.catch_up()
        return self._transcript.text(*streams)

    def mark(self) -> int:
        """The present end of the output, for `wait_for_output(..., after=mark)`."""
        return len(self.output)

    def wait_for_output(
        self, pattern: str | re.Pattern[str], timeout: float = DEFAULT_TIMEOUT, *, after: int = 0
    ) -> re.Match[str]:
        """Wait until the output from position `after` on matches an expression (`re.search`, multi-line)."""
        expression = re.compile(pattern, re.MULTILINE) if isinstance(pattern, str) else pattern
        transcript = self._transcript
        deadline = time.monotonic() + timeout
        with transcript.changed:
            while True:
                match = expression.search(transcript.text(), after)
                if match:
                    return match
                if transcript.ended:
                    status = self._popen.returncode
                    raise AssertionError(f"the command ended (status {status}) before {expression.pattern!r}")
                if time.monotonic() >= deadline:
                    raise AssertionError(f"no output matched {expression.pattern!r} within {timeout:g} s")
                transcript.changed.wait(max(0, deadline - time.monotonic()))

    # -------------------------------------------------------------- terminal

    def send(self, text: str) -> None:
        """Type on the terminal: `send("r\\n")`, or `send("\\x03")` for Ctrl-C."""
        assert self._terminal, "only a process on a terminal can be typed to"
        os.write(self._master, text.encode())

    def expect(self, pattern: str | re.Pattern[str], timeout: float = DEFAULT_TIMEOUT) -> re.Match[str]:
        """Like `wait_for_output`, from the end of what was expected last."""
        match = self.wait_for_output(pattern, timeout, after=self._expected)
        self._expected = match.end()
        return match

    def terminal_settings(self) -> list[Any]:
        """The present settings of the terminal (`termios.tcgetattr`)."""
        assert self._terminal, "only a process on a terminal has terminal settings"
        return termios.tcgetattr(self._master)

    # --------------------------------------------------------------- network

    @property
    def url(self) -> str:
        """Where the server says that it listens, without a slash at the end. Waits for the banner."""
        if self._url is None:
            self._url = self.wait_for_output(ANY_URL).group()
        return self._url

    @property
    def host(self) -> str:
        return urlsplit(self.url).hostname or ""

    @property
    def port(self) -> int:
        return urlsplit(self.url).port or 0

    def connect(self, timeout: float = DEFAULT_TIMEOUT) -> socket.socket:
        """A connected TCP socket, for exchanges that no HTTP client would make."""
        return socket.create_connection((self.host, self.port), timeout)

    def raw(self, data: bytes, *, timeout: float = DEFAULT_TIMEOUT, half_close: bool = False) -> bytes:
        """Send these bytes, and return everything up to the end of the connection.

        Args:
            data: bytes of one or more requests; the last should ask for `Connection: close`.
            timeout: seconds for the whole exchange's silent parts.
            half_close: shut the sending side down after the data.
        """
        with self.connect(timeout) as sock:
            sock.sendall(data)
            if half_close:
                sock.shutdown(socket.SHUT_WR)
            received = []
            while chunk := sock.recv(65536):
                received.append(chunk)
        return b"".join(received)

    def request(
        self,
        method: str,
        path: str = "/",
        *,
        body: bytes | str | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: float = DEFAULT_TIMEOUT,
        context: ssl.SSLContext | None = None,
    ) -> Response:
        """One request on a connection of its own; see `exchange` for the errors."""
        return exchange(
            self.url + path, method, body=body, headers=headers or {}, timeout=timeout, context=context
        )

    def get(
        self,
        path: str = "/",
        *,
        headers: Mapping[str, str] | None = None,
        timeout: float = DEFAULT_TIMEOUT,
        context: ssl.SSLContext | None = None,
    ) -> Response:
        """One GET; see `request`."""
        return self.request("GET", path, headers=headers, timeout=timeout, context=context)

    def wait_until_response(
        self,
        predicate: Callable[[Response], bool],
        path: str = "/",
        *,
        headers: Mapping[str, str] | None = None,
        timeout: float = DEFAULT_TIMEOUT,
    ) -> Response:
        """Ask until the answer pleases.

        While a reload is on, the request itself waits in the server's backlog; a refused or broken connection
        is an error at once, since no reload may cause one.
        """
        deadline = time.monotonic() + timeout
        while True:
            response = self.get(path, headers=headers, timeout=timeout)
            if predicate(response):
                return response
            if time.monotonic() > deadline:
                raise AssertionError(
                    f"no response was as expected within {timeout:g} s; the last: {response.text[:2000]}"
                )
            time.sleep(0.01)  # the old code still answers: leave it and the watcher some air

    # ----------------------------------------------------------------- files

    def write(self, path: str | Path, text: str, *, atomic: bool = True) -> None:
        """Save a file (relative to the server's directory) as an editor does: by renaming, or in place."""
        save = write_atomically if atomic else write_in_place
        save(self.cwd / path, text)


class Serve(Protocol):
    """The fixture `serve`."""

    def __call__(
        self,
        *arguments: str,
        command: Sequence[str] | None = None,
        files: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        env: Mapping[str, str | None] | None = None,
        terminal: bool = False,
        survivors_expected: bool = False,
    ) -> ServerProcess: ...

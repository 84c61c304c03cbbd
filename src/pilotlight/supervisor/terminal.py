"""The supervisor's side of the terminal: keys, each followed by Enter, and settings that outlive the workers.

The terminal is shared with the shell, and with the app when it runs a debugger or asks for input. So this
must never read a byte unless our process group is in the foreground, nobody has borrowed the terminal, and a
line waits; must never change a flag of the shared descriptor 0; and must never stop the process by touching
the terminal from the background.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import Enum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import asyncio

LOOK_SECONDS = 1.0
"""How often a process in the background looks whether it is in the foreground again."""

HELP = "Keys, each followed by Enter: r reloads, o opens the browser, q quits."

_LINE_BYTES = 4096  # more than a terminal takes for one line


class Key(Enum):
    """What a line typed into the terminal asks for. The letter u is reserved."""

    RELOAD = "r"
    OPEN = "o"
    QUIT = "q"
    HELP = "h"


def parse_key(line: str) -> Key | None:
    """The key that a line means; None for an empty line, several letters, or an unknown one."""
    try:
        return Key(line.strip().lower())
    except ValueError:
        return None


class _State(Enum):
    """Who may read the terminal."""

    ABSENT = "there is no terminal, or it is gone, or we have closed"
    WATCHING = "we do"
    WAITING = "somebody else does for now: the shell, or a program that has switched the terminal to raw"
    LENT = "a worker does, which asked for it"


class Terminal:
    """Reads keys from the controlling terminal while it is ours.

    Args:
        loop: the running loop; everything here is called on its thread.
        on_key: told of each key except `HELP`, which is answered here.
        say: shows one line to the user.
        on_hangup: told once when the terminal has gone away (its window was closed).
        stdin: the descriptor of standard input.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        on_key: Callable[[Key], None],
        say: Callable[[str], None],
        *,
        on_hangup: Callable[[], None] | None = None,
        stdin: int = 0,
    ) -> None:
        self._loop = loop
        self._on_key = on_key
        self._say = say
        self._on_hangup = on_hangup
        self._stdin = stdin
        self._state = _State.ABSENT
        self._tty = -1
        self._settings: list[Any] | None = None
        self._timer: asyncio.TimerHandle | None = None

    @property
    def reads_keys(self) -> bool:
        """Whether keys work now: the banner mentions them only then."""
        return self._state is _State.WATCHING

    def start(self) -> None:
        """Saves the settings and begins to read keys; does nothing unless standard input is our own terminal.

        To be called before the first worker starts, which could change the settings.
        """
        if sys.platform == "win32" or _foreground_group(self._stdin) is None:
            return
        try:
            # A description of our own can be non-blocking; the flag on descriptor 0 would be seen by the
            # shell and the worker. /dev/tty can be opened by everyone, but kqueue cannot wait on it.
            name = "/dev/tty" if sys.platform == "linux" else os.ttyname(self._stdin)
            self._tty = os.open(name, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
        except OSError as error:
            self._say(f"The terminal cannot be opened ({error.strerror}), so keys do not work here.")
            return
        self._state = _State.WAITING
        self.look()

    def look(self) -> None:
        """Sees who has the terminal now. To be called on SIGCONT; in the background it calls itself."""
        if self._state not in (_State.WAITING, _State.WATCHING):
            return
        if not self._is_foreground():
            self._wait()
            return
        if self._state is _State.WATCHING:
            return
        current = _get_settings(self._tty)
        if current is None or (self._settings is not None and not _is_line_based(current)):
            self._wait()
            return
        # Saved anew each time we come to the front: the user may have called `stty` in the meantime.
        self._settings = current
        if _is_line_based(current):
            self._watch()
        else:
            self._wait()

    def lend(self) -> None:
        """From here on every byte of standard input is left to a worker. May be called twice."""
        if self._state is not _State.ABSENT:
            self._stop_reading()
            self._state = _State.LENT

    def take_back(self) -> None:
        """Restores the settings and reads keys again.

        To be called when a worker returns the terminal, and whenever one has ended, lent or not: it may have
        died in the middle of a prompt.
        """
        if self._state is _State.ABSENT:
            return
        self.restore()
        if self._state is _State.LENT:
            self._state = _State.WAITING
            self.look()

    def restore(self) -> None:
        """Gives the terminal the settings it had, if it is ours to change and somebody has changed them."""
        if self._settings is None or not self._is_foreground():
            return
        current = _get_settings(self._tty)
        if current is None or current == self._settings:
            return
        import termios

        # The shell may take the foreground between the question and the deed: that must not stop us.
        with _blocked(signal.SIGTTOU):
            try:
                # Not TCSADRAIN: output that is held by Ctrl-S would hold us too.
                termios.tcsetattr(self._tty, termios.TCSANOW, self._settings)
            except termios.error:
                return  # hung up: there is nothing left to restore

    def close(self) -> None:
        """Restores the settings and lets go of the terminal. May be called twice."""
        if self._state is _State.ABSENT:
            return
        self._stop_reading()
        self.restore()
        self._state = _State.ABSENT
        os.close(self._tty)
        self._tty = -1

    # Transitions

    def _watch(self) -> None:
        self._stop_reading()
        self._state = _State.WATCHING
        self._loop.add_reader(self._tty, self._readable)

    def _wait(self) -> None:
        """Reads nothing, and looks again later: no busy loop over input that is the shell's."""
        self._stop_reading()
        self._state = _State.WAITING
        self._timer = self._loop.call_later(LOOK_SECONDS, self.look)

    def _stop_reading(self) -> None:
        if self._state is _State.WATCHING:
            self._loop.remove_reader(self._tty)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _hang_up(self) -> None:
        self._stop_reading()
        self._state = _State.ABSENT
        os.close(self._tty)
        self._tty = -1
        if self._on_hangup is not None:
            self._on_hangup()

    # Reading

    def _readable(self) -> None:
        """A line waits. It is read only if it is still meant for us."""
        if _foreground_group(self._tty) is None:
            self._hang_up()
            return
        settings = _get_settings(self._tty)
        if not self._is_foreground() or settings is None or not _is_line_based(settings):
            self._wait()
            return
        with _blocked(signal.SIGTTIN):
            try:
                line = os.read(self._tty, _LINE_BYTES)  # one line at most: the rest may be for a worker
            except BlockingIOError:
                return  # another process took it
            except OSError:
                self._wait()  # the shell took the foreground at this moment
                return
        if not line:  # Ctrl-D, which means nothing here
            self._wait()
            return
        self._answer(line)

    def _answer(self, line: bytes) -> None:
        key = parse_key(line.decode("utf-8", "replace"))
        if key is None or key is Key.HELP:
            self._say(HELP)
        else:
            self._on_key(key)

    def _is_foreground(self) -> bool:
        return _foreground_group(self._tty) == os.getpgrp()


def _foreground_group(fd: int) -> int | None:
    """The process group that the terminal obeys; None if it is not our controlling terminal."""
    try:
        return os.tcgetpgrp(fd)
    except OSError:
        return None


def _get_settings(fd: int) -> list[Any] | None:
    """The terminal's settings; None when it is gone."""
    import termios  # not on Windows

    try:
        return termios.tcgetattr(fd)
    except termios.error:
        return None


def _is_line_based(settings: list[Any]) -> bool:
    """Whether the terminal gives whole lines. A program that edits lines itself has switched that off."""
    import termios

    return bool(settings[3] & termios.ICANON)


@contextmanager
def _blocked(number: signal.Signals) -> Iterator[None]:
    """Keeps an access to the terminal from the background from stopping the process.

    Reading fails then (EIO), setting succeeds (POSIX.1-2017 11.1.4). Blocked for a moment rather than ignored
    for good: children would inherit that.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {number})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)

"""Unlocking a browser: one-time keys become tokens, and tokens are recognised. Also: who serves where.

The one object that the listener, the supervisor and `pilotlight unlock` share a project's state through.
Must never write a secret to disk or to a log.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from contextlib import suppress

from . import tokens
from .statefile import StateFile, path_of
from .tokens import Server, State

_CLOCK_SLACK_SECONDS = 2.0


class Keyring:
    """The keys of one project.

    Args:
        file: where its state is kept.
        clock: seconds since the epoch.
    """

    def __init__(self, file: StateFile, clock: Callable[[], float] = time.time) -> None:
        self._file = file
        self._clock = clock

    @classmethod
    def of_project(cls, project: str, environment: Mapping[str, str] | None = None) -> Keyring:
        """The keys of the project in a directory."""
        return cls(StateFile(path_of(project, os.environ if environment is None else environment)))

    def new_link(self, server: str) -> str:
        """A link that unlocks one browser, once, within ten minutes. Links given before count no more.

        Args:
            server: the root of the server's debug pages, as it was registered.

        Raises:
            UserError: the state cannot be kept.
        """
        return f"{server}/unlock#{self.new_key(server)}"

    def new_key(self, server: str) -> str:
        """The key of `new_link` alone."""
        key = _secret()
        now = self._clock()
        self._file.change(lambda state: tokens.with_key(state, tokens.digest_of(key), server, now))
        return key

    def exchange(self, key: str, server: str) -> str | None:
        """The token for a one-time key, which is then used up; None for a key that is not good.

        Wrong keys take no lock, so no flood of them keeps anybody waiting.

        Raises:
            UserError: the state cannot be kept.
        """
        digest, now = tokens.digest_of(key), self._clock()
        if not tokens.opens(self._file.read(), digest, server, now):
            return None
        token = _secret()
        token_digest = tokens.digest_of(token)
        changed = self._file.change(lambda state: tokens.exchange(state, digest, server, token_digest, now))
        return None if changed is None else token

    def accepts(self, token: str) -> bool:
        """Whether a browser with this token is unlocked.

        Raises:
            UserError: the state cannot be read.
        """
        return tokens.accepts(self._file.read(), tokens.digest_of(token), self._clock())

    def register(self, url: str, *, address: str = "", port: int = 0) -> None:
        """This process serves its debug pages there.

        Args:
            url: the root of the pages, without a slash at the end.
            address: what the app is served at; the debug port is remembered for it.
            port: the debug port.

        Raises:
            UserError: the state cannot be kept.
        """
        server = Server(os.getpid(), url, self._clock())

        def registered(state: State) -> State:
            changed = tokens.with_server(state, server, _alive(state))
            return tokens.with_port(changed, address, port) if address else changed

        self._file.change(registered)

    def unregister(self) -> None:
        """This process serves no more. A state that cannot be written any more is no reason not to end."""
        from pilotlight.errors import UserError

        with suppress(UserError):
            self._file.change(lambda state: tokens.without_server(state, os.getpid()))

    def servers(self) -> list[Server]:
        """The servers of this project that run now.

        Raises:
            UserError: the state cannot be read.
        """
        return _alive(self._file.read())

    def last_port(self, address: str) -> int:
        """The debug port that the app at this address had last; 0 if it had none.

        Raises:
            UserError: the state cannot be read.
        """
        return dict(self._file.read().ports).get(address, 0)


def _secret() -> str:
    return tokens.secret_of(os.urandom(tokens.SECRET_BYTES))


def _alive(state: State) -> list[Server]:
    return [server for server in state.servers if _is_alive(server)]


def _is_alive(server: Server) -> bool:
    """Whether the process that wrote this is there: its number may have been given to a younger one."""
    import psutil

    try:
        return bool(psutil.Process(server.pid).create_time() <= server.since + _CLOCK_SLACK_SECONDS)
    except psutil.NoSuchProcess:
        return False
    except psutil.AccessDenied:
        return True

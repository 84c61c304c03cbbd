"""Tokens, one-time keys and running servers of one project: pure rules over what is kept on disk.

Only digests are kept: whoever reads the file can neither unlock a browser nor speak as one. Must never do I/O
or look at the clock.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from base64 import urlsafe_b64encode
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

SECRET_BYTES = 32
TOKEN_SECONDS = 14 * 24 * 3600
KEY_SECONDS = 10 * 60
MAX_TOKENS = 20
MAX_SERVERS = 16
MAX_PORTS = 16
VERSION = 1

_SECRET = re.compile(r"[A-Za-z0-9_-]{43}\Z", re.ASCII)
_DIGEST = re.compile(r"[0-9a-f]{64}\Z", re.ASCII)


@dataclass(frozen=True, slots=True)
class Pass:
    """The digest of a secret, and until when (seconds since the epoch) it counts."""

    digest: str
    until: float
    server: str = ""
    """For a one-time key: the URL of the server that it is for."""


@dataclass(frozen=True, slots=True)
class Server:
    """A server that runs, or did when it wrote this down."""

    pid: int
    url: str
    """The root of its debug pages, without a slash at the end."""
    since: float
    """Seconds since the epoch."""


@dataclass(frozen=True, slots=True)
class State:
    """What one project keeps."""

    tokens: tuple[Pass, ...] = ()
    """The oldest first."""
    keys: tuple[Pass, ...] = ()
    """One for each server at most."""
    servers: tuple[Server, ...] = ()
    ports: tuple[tuple[str, int], ...] = ()
    """The debug port that each app address had last."""


def secret_of(random: bytes) -> str:
    """A secret as it travels: 43 characters for 256 random bits."""
    return urlsafe_b64encode(random).rstrip(b"=").decode("ascii")


def digest_of(secret: str) -> str:
    """SHA-256, enough for a secret that nobody can guess; empty for what cannot be a secret."""
    if not _SECRET.match(secret):
        return ""
    return hashlib.sha256(secret.encode("ascii")).hexdigest()


def accepts(state: State, digest: str, now: float) -> bool:
    """Whether a token with this digest is good. Takes as long for every digest."""
    return _matches(state.tokens, digest, now) is not None


def opens(state: State, digest: str, server: str, now: float) -> bool:
    """Whether a one-time key with this digest is good for the server."""
    return _matches((key for key in state.keys if key.server == server), digest, now) is not None


def with_key(state: State, digest: str, server: str, now: float) -> State:
    """A new one-time key for a server; the one before it counts no more."""
    kept = [key for key in state.keys if key.server != server and key.until > now]
    return replace(state, keys=(*kept[-MAX_SERVERS + 1 :], Pass(digest, now + KEY_SECONDS, server)))


def exchange(state: State, digest: str, server: str, token_digest: str, now: float) -> State | None:
    """The key is used up, and a token takes its place; None if the key is not good."""
    if not opens(state, digest, server, now):
        return None
    tokens = [token for token in state.tokens if token.until > now]
    return replace(
        state,
        keys=tuple(key for key in state.keys if key.server != server),
        tokens=(*tokens[-MAX_TOKENS + 1 :], Pass(token_digest, now + TOKEN_SECONDS)),
    )


def with_server(state: State, server: Server, alive: Iterable[Server]) -> State:
    """A server has begun; of the others only those stay that are alive."""
    others = [each for each in alive if each.url != server.url and each.pid != server.pid]
    return replace(state, servers=(*others[-MAX_SERVERS + 1 :], server))


def without_server(state: State, pid: int) -> State:
    """A server has ended; a key that was made for it is worth nothing."""
    gone = {each.url for each in state.servers if each.pid == pid}
    return replace(
        state,
        servers=tuple(each for each in state.servers if each.pid != pid),
        keys=tuple(key for key in state.keys if key.server not in gone),
    )


def with_port(state: State, address: str, port: int) -> State:
    """The debug port to try first when the app is served at this address again."""
    others = [each for each in state.ports if each[0] != address]
    return replace(state, ports=(*others[-MAX_PORTS + 1 :], (address, port)))


def _matches(passes: Iterable[Pass], digest: str, now: float) -> Pass | None:
    found = None
    for each in passes:
        same = hmac.compare_digest(each.digest.encode(), digest.encode())
        if same and now < each.until:
            found = each
    return found


def to_json(state: State) -> dict[str, Any]:
    """The state as it is written."""
    return {
        "version": VERSION,
        "tokens": [{"digest": each.digest, "until": each.until} for each in state.tokens],
        "keys": [{"digest": each.digest, "until": each.until, "server": each.server} for each in state.keys],
        "servers": [{"pid": each.pid, "url": each.url, "since": each.since} for each in state.servers],
        "ports": dict(state.ports),
    }


def from_json(body: Any) -> State:
    """The state again.

    Raises:
        ValueError: this was not written by `to_json`.
    """
    try:
        if body["version"] != VERSION:
            raise ValueError(f"version {body['version']!r} is not known")
        return State(
            tokens=tuple(Pass(_digest(each["digest"]), float(each["until"])) for each in body["tokens"]),
            keys=tuple(
                Pass(_digest(each["digest"]), float(each["until"]), str(each["server"]))
                for each in body["keys"]
            ),
            servers=tuple(
                Server(int(each["pid"]), str(each["url"]), float(each["since"])) for each in body["servers"]
            ),
            ports=tuple((str(address), int(port)) for address, port in body["ports"].items()),
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"not a state: {error!r}") from error


def _digest(value: Any) -> str:
    if not isinstance(value, str) or not _DIGEST.match(value):
        raise ValueError("not a digest")
    return value

"""What the server looks at before the app gets a request: the name under which it was asked, and paths of our
own.

A page of a hostile site can make its own name point at this machine, and then ask the app as if it were of
the same origin; so only names that cannot be anybody's are answered in debug mode. Must never let the app
run.
"""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Iterable, Mapping
from functools import partial

from pilotlight.debugger.renderings.heal import STATE_PATH
from pilotlight.server.application import (
    DetachedConnection,
    Elsewhere,
    ErrorResponse,
    Headers,
    Later,
    RequestFacts,
    Screened,
)
from pilotlight.worker.audience import is_allowed_by, is_direct_local, name_of
from pilotlight.worker.shown_files import ShownFiles

_STATE_PATH = STATE_PATH.encode()
_OUR_PATHS = b"/.well-known/pilotlight/"
_MOST_KNOWN = 64
_NEWS_SECONDS = 25.0
"""How long an error page is kept waiting for news: less than what browsers and proxies grant an answer."""
_LOOK_SECONDS = 1.0
"""The same for a page that shows files which are only looked at when it asks."""


class Screen:
    """Judges each request of one worker.

    Args:
        allowed: further names, in lower case; one with a dot in front stands for all below it.
        generation: of the code that is served; None while a failure is served in its place.
        failure: the id of that failure's report.
        debug_path: under which the debugger is asked on the app's port; empty where it has one of its own.
        to_debugger: takes the connections that ask for it.
        shown: files of the error pages of this worker.
    """

    def __init__(
        self,
        allowed: Iterable[str],
        generation: str | None,
        debug_path: str = "",
        to_debugger: Callable[[DetachedConnection], None] | None = None,
        failure: str | None = None,
        shown: ShownFiles | None = None,
    ) -> None:
        self._allowed = frozenset(allowed)
        self._state = {"generation": generation, "error": failure}
        self._shown = shown or ShownFiles()
        self._debug_path = f"{debug_path}/".encode()
        self._elsewhere = Elsewhere(to_debugger) if debug_path and to_debugger is not None else None
        self._machine: frozenset[str] | None = None
        self._known: set[bytes] = set()
        """Values of Host that are right."""

    def __call__(self, request: RequestFacts, client: str) -> Screened:
        """The answer in place of the app's; None lets the request pass."""
        headers = request.headers
        for name, value in headers:
            if name == b"host":
                if value not in self._known and (refusal := self._judge(value)) is not None:
                    return refusal
                break
        if self._elsewhere is not None and request.raw_path.startswith(self._debug_path):
            return self._elsewhere
        if request.raw_path.startswith(_OUR_PATHS):
            return self._ours(request, client)
        return None

    def _judge(self, host: bytes) -> ErrorResponse | None:
        name = name_of(host.decode("latin-1"))
        if self._machine is None and not is_nobodys(name):
            self._machine = frozenset(_names_of_this_machine())
        if not (is_nobodys(name) or name in (self._machine or ()) or is_allowed_by(self._allowed, name)):
            return _plain(
                403,
                f"The host name {name[:200]!a} is not known to this development server. If it is yours, "
                f"start the server with --allowed-host {name[:200] if name.isascii() else 'NAME'}",
            )
        if len(self._known) < _MOST_KNOWN:
            self._known.add(host)
        return None

    def _ours(self, request: RequestFacts, client: str) -> ErrorResponse | Later:
        if not is_direct_local(client, request.headers, partial(is_allowed_by, self._allowed)):
            return _plain(404, "There is nothing here.")
        if request.raw_path == _STATE_PATH and request.method == "GET":
            return self._tell_state(request.target)
        return _plain(404, "There is nothing here.")

    def _tell_state(self, target: bytes) -> ErrorResponse | Later:
        """See `STATE_PATH`."""
        pairs = (pair.partition("=") for pair in target.partition(b"?")[2].decode("latin-1").split("&"))
        known = {name: value for name, _, value in pairs}
        changed = self._shown.have_changed(known.get("of", ""))
        answer = _answer(200, b"application/json", json.dumps({**self._state, "changed": changed}).encode())
        if changed or self._is_news(known):
            return answer
        return Later(answer, _LOOK_SECONDS if self._shown.are_watched(known.get("of", "")) else _NEWS_SECONDS)

    def _is_news(self, known: Mapping[str, str]) -> bool:
        """For whoever has said what is known there."""
        if self._state["error"] is not None:
            return known.get("not") != self._state["error"]
        return known.get("after") != self._state["generation"]


def is_nobodys(name: str) -> bool:
    """Whether no site can make this name point here: an address, or a name for this machine alone (RFC
    6761)."""
    if name == "localhost" or name.endswith(".localhost") or not name:
        return True
    if name.startswith("["):
        return name.endswith("]")
    return name.replace(".", "").isdigit()


def _names_of_this_machine() -> Iterable[str]:
    """Its own name, and that in the local network (RFC 6762)."""
    name = socket.gethostname().lower()
    short = name.partition(".")[0]
    return (name, short, f"{short}.local")


def _plain(status: int, sentence: str) -> ErrorResponse:
    return _answer(status, b"text/plain; charset=utf-8", f"{sentence}\n".encode())


def _answer(status: int, content_type: bytes, body: bytes) -> ErrorResponse:
    headers: Headers = [
        (b"Content-Type", content_type),
        (b"Content-Length", b"%d" % len(body)),
        (b"Cache-Control", b"no-store"),
        (b"X-Content-Type-Options", b"nosniff"),
    ]
    return ErrorResponse(status, headers, body)

"""The debugger's own pages in the supervisor: their sockets, who may see them, and the link that unlocks a
browser. Must never import HTTP before somebody connects."""

from __future__ import annotations

import asyncio
import base64
import os
import socket
from collections.abc import Iterable
from contextlib import suppress
from typing import TYPE_CHECKING

from pilotlight.console import Console
from pilotlight.errors import UserError
from pilotlight.settings import Settings

if TYPE_CHECKING:
    from pilotlight.debugger.listener.desk import Desk
    from pilotlight.debugger.listener.keyring import Keyring
    from pilotlight.debugger.listener.listener import DebugListener
    from pilotlight.debugger.model import Report

SAME_PATH = "/.pilotlight-debugger-"


class Debugging:
    """The door to the debugger.

    Args:
        settings: with the port that the app has.
        app_urls: where the app is served, the best first.
    """

    def __init__(self, settings: Settings, app_urls: Iterable[str], console: Console) -> None:
        self._settings = settings
        self._app_urls = tuple(app_urls)
        self._console = console
        self._sockets: tuple[socket.socket, ...] = ()
        self._keyring: Keyring | None = None
        self._listener: DebugListener | None = None
        self._opening: str | None = None
        """The file that unlocks the browser that we open."""
        self.url = ""
        """The root of the pages; empty where there are none."""
        self.note = ""
        """Why there are none, and what to do."""

    def open(self) -> None:
        """Takes the port.

        Raises:
            UserError: the port that was asked for cannot be had.
        """
        if not self._settings.debugger:
            return
        if self._settings.editor is not None:
            _check_editor(self._settings.editor)
        from pilotlight.debugger.listener.keyring import Keyring

        try:
            keyring = Keyring.of_project(os.getcwd())
            last = keyring.last_port(self._app_urls[0])
        except UserError as error:
            self.note = f"There is no console. {error.message}"
            self._console.warning(self.note)
            return
        if self._settings.debug_port == "same":
            self._share_port()
        else:
            self._take_port(int(self._settings.debug_port or 0), last)
        if self.url:
            self._register(keyring)

    def _register(self, keyring: Keyring) -> None:
        """Tells `pilotlight unlock` of this server."""
        port = self._sockets[0].getsockname()[1] if self._sockets else 0
        try:
            keyring.register(self.url, address=self._app_urls[0] if port else "", port=port)
        except UserError as error:
            self.url, self.note = "", f"There is no console. {error.message}"
            self._console.warning(self.note)
        else:
            self._keyring = keyring

    def _take_port(self, wanted: int, last: int) -> None:
        from pilotlight.debugger.listener.binding import bind_loopback, port_of

        self._sockets = bind_loopback(wanted, last)
        self.url = f"http://127.0.0.1:{port_of(self._sockets)}"

    def _share_port(self) -> None:
        app = self._app_urls[0]
        if not app.startswith("http://"):
            self.note = (
                "There is no console: --debug-port same needs plain HTTP on a port. Leave it out, and the "
                "debugger has a port of its own."
            )
            self._console.warning(self.note)
            return
        port = self._settings.port
        self.url = f"http://127.0.0.1:{port}{SAME_PATH}{os.urandom(16).hex()}"

    def start(self, loop: asyncio.AbstractEventLoop, desk: Desk) -> None:
        """Serves from now on."""
        if self._keyring is None:
            return
        from pilotlight.debugger.listener.listener import DebugListener

        self._listener = DebugListener(
            desk,
            self._keyring,
            self.url,
            self._sockets,
            app_origins=self._app_origins(),
            allowed_hosts=self._settings.allowed_hosts,
            render=self._render,
            app_url=self._app_urls[0],
        )
        self._listener.start(loop)

    def link(self) -> str:
        """A fresh one-time link; empty where there are no pages."""
        if self._keyring is None:
            return ""
        try:
            return self._keyring.new_link(self.url)
        except UserError as error:
            self._console.warning(f"The console cannot be unlocked. {error.message}")
            return ""

    def opening(self, link: str) -> str:
        """What unlocks a browser and then shows the app: a file that only this user can read, since the
        arguments of a command can be read by others. Empty where there is nothing to unlock.

        Args:
            link: as `link` gave it.
        """
        if not link or _is_confined():
            return ""
        from pilotlight.debugger.listener.statefile import state_directory

        path = os.path.join(state_directory(os.environ), f"open-{os.getpid()}.html")
        text = (
            '<!doctype html><meta charset="utf-8"><meta name="referrer" content="no-referrer">'
            f'<meta http-equiv="refresh" content="0;url={link}&amp;app"><title>Pilotlight</title>'
        )
        try:
            with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
                file.write(text)
        except OSError as error:
            self._console.line(f"--open cannot unlock the browser ({error.strerror}: {path}).")
            return ""
        self._opening = path
        return f"file://{path}"

    def adopt(self, descriptor: int, data: str) -> None:
        """A connection to the app's port has asked for our pages.

        Args:
            data: what was read from it already, in base64.
        """
        sock = socket.socket(fileno=descriptor)
        if self._listener is None:
            sock.close()
        else:
            self._listener.adopt(sock, base64.b64decode(data))

    def close(self) -> None:
        """Nobody is served any more."""
        if self._listener is not None:
            self._listener.close()
        else:
            for sock in self._sockets:
                sock.close()
        if self._keyring is not None:
            self._keyring.unregister()
        if self._opening is not None:
            with suppress(OSError):  # somebody has tidied up
                os.unlink(self._opening)

    def _app_origins(self) -> list[str]:
        """Under which names a page of the app may show the console in a frame."""
        settings = self._settings
        scheme = "https" if settings.cert is not None else "http"
        names = (
            "127.0.0.1",
            "localhost",
            "*.localhost",
            *settings.allowed_hosts,
        )  # an IPv6 address is no CSP source
        return [f"{scheme}://{name}:{settings.port}" for name in names if not name.startswith(".")]

    def _render(self, report: Report, nonce: str) -> bytes:
        from pilotlight.debugger.renderings.editor import guess_editor
        from pilotlight.debugger.renderings.page import render_page

        pairs = (each.partition("=") for each in self._settings.path_mappings)
        return render_page(
            report,
            nonce=nonce,
            editor=self._settings.editor or guess_editor(os.environ),
            mapping=tuple((here, there) for here, _, there in pairs),
        )


def _is_confined() -> bool:
    """Whether the browser may be a snap, which reads no hidden directories: it is sent to the app alone."""
    return any(os.path.isdir(f"/snap/{name}") for name in ("firefox", "chromium"))


def _check_editor(editor: str) -> None:
    from pilotlight.debugger.renderings.editor import refusal

    sentence = refusal(editor)
    if sentence:
        raise UserError(f"--editor: {sentence}")

"""What is shown and opened when the server is ready. Must never be needed for serving."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from pilotlight import __version__
from pilotlight.console import Console
from pilotlight.settings import Settings

_KEYS = "Keys, then Enter: r reload, o open browser, q quit, h help. Ctrl-C stops."
_NO_DEBUGGER = "The debugger is off, so errors are shown here alone: --debugger turns it on."
_NO_KEYS = "Ctrl-C stops. In debug mode it would also reload the app whenever you save."


@dataclass(frozen=True, slots=True)
class Greeting:
    """The banner, and the browser if it is wanted.

    Args:
        urls: where the server listens, the best first.
        unlock_link: gives the link that unlocks a browser for the debugger; empty where there is none.
        no_console: why there is no console, and what to do, if that has not been said yet.
        unlocking: makes of that link what the browser is to open, if we open it; empty for the app alone.
    """

    console: Console
    settings: Settings
    urls: Sequence[str]
    unlock_link: Callable[[], str] = str
    unlocking: Callable[[str], str] = str
    no_console: str = ""

    def show(self, name: str, framework: str | None, framework_version: str | None) -> None:
        """The app `name` is ready."""
        python = f"{_implementation()} {'.'.join(map(str, sys.version_info[:3]))}"
        link = self.unlock_link()
        made_with = [f"{framework} {framework_version or ''}".rstrip()] if framework else []
        self.console.banner(
            app=name,
            debug=self.settings.debug,
            urls=self.urls,
            versions=[*made_with, python],
            version=__version__,
            notes=(*self._debugger(link), *(self._hints() if _is_typed_to() else ())),
        )
        if self.settings.open_browser:
            self.open_browser(self.unlocking(link) if link else "")

    def _debugger(self, link: str) -> Sequence[str]:
        """How to use it, or why it cannot be used."""
        if link:
            return ("Debugger: this link, opened once, unlocks your browser.", f"  {link}")
        if self.settings.debugger:
            return (self.no_console,) if self.no_console else ()
        return (_NO_DEBUGGER,) if self.settings.debug else ()

    def open_browser(self, first: str = "") -> None:
        """Opens the user's browser, or says that it could not. Returns at once: the command in `BROWSER` may
        run as long as its window is open, and what calls this has a server to attend to.

        Args:
            first: what is opened in place of the app, and leads to it.
        """
        from threading import Thread

        url = self.urls[0]
        if url.startswith("unix:"):
            self.console.line("A UNIX socket cannot be opened in a browser.")
            return
        Thread(target=self._open, args=(first or url, url), name="browser", daemon=True).start()

    def _open(self, first: str, url: str) -> None:
        import webbrowser

        if not webbrowser.open(first):
            self.console.line(f"No browser could be started; open {url} yourself.")

    def _hints(self) -> Sequence[str]:
        if self.settings.reload:
            return (_KEYS,)
        return () if self.settings.debug else (_NO_KEYS,)


def _is_typed_to() -> bool:
    return sys.stdin is not None and not sys.stdin.closed and sys.stdin.isatty()


def _implementation() -> str:
    return {"cpython": "CPython", "pypy": "PyPy"}.get(sys.implementation.name, sys.implementation.name)

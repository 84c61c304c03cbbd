"""What is shown and opened when the server is ready. Must never be needed for serving."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass

from pilotlight import __version__
from pilotlight.console import Console
from pilotlight.settings import Settings


@dataclass(frozen=True, slots=True)
class Greeting:
    """The banner, and the browser if it is wanted.

    Args:
        urls: where the server listens, the best first.
    """

    console: Console
    settings: Settings
    urls: Sequence[str]

    def show(self, name: str, framework: str | None, framework_version: str | None) -> None:
        """The app `name` is ready."""
        made_with = f" ({framework} {framework_version or ''}".rstrip() + ")" if framework else ""
        self.console.banner(
            app=f"{name}{made_with}",
            debug=self.settings.debug,
            urls=self.urls,
            interpreter=f"{_implementation()} {'.'.join(map(str, sys.version_info[:3]))}",
            version=__version__,
            notes=("Type h and Enter for help.",) if self._has_keys() else (),
        )
        if self.settings.open_browser:
            self.open_browser()

    def open_browser(self) -> None:
        """Opens the user's browser, or says that it could not."""
        import webbrowser

        url = self.urls[0]
        if url.startswith("unix:"):
            self.console.line("A UNIX socket cannot be opened in a browser.")
        elif not webbrowser.open(url):
            self.console.line(f"No browser could be started; open {url} yourself.")

    def _has_keys(self) -> bool:
        return self.settings.reload and sys.stdin is not None and sys.stdin.isatty()


def _implementation() -> str:
    return {"cpython": "CPython", "pypy": "PyPy"}.get(sys.implementation.name, sys.implementation.name)

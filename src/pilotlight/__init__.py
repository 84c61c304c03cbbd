"""Pilotlight: a development server for Python web apps. The public API and nothing else."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ["__version__", "run"]
__version__ = "0.1.0"


def run(app: object, **options: Any) -> None:
    """Serves an app for local development, until it is interrupted. Put the call into a main block.

    With `debug=True` (or `reload=True`) the script is run again as `__main__` in a process of its own, and
    once more for each change; this call then does not return.

    Args:
        app: a WSGI or ASGI application, or an import string such as `"hello:app"`.
        **options: the options of `pilotlight run` by their names: `host`, `port`, `debug`, `reload`,
        `debugger`, `cert`,
            `key`, `uds`, `with_threads`, `extra_files`, `exclude_patterns`, `open`, `quiet`, ...; and
            `on_reload_error`: `"page"` (default) shows a failed reload in the browser, `"exit"` ends the
            process instead.

    Raises:
        SystemExit: an option is wrong or the address is taken; the reason has been printed.
    """
    try:
        from pilotlight.launch import run as launch

        launch(app, **options)
    except KeyboardInterrupt:  # before the server has its own way to end
        raise SystemExit(130) from None

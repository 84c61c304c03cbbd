"""Loading and serving in one process, without supervisor or reloader. Must never fork or spawn."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import threading
from collections.abc import Callable, Sequence

from pilotlight.app.load import LoadedApp, load_app
from pilotlight.app.runcalls import ignoring
from pilotlight.app.trim import trim_loader_frames
from pilotlight.console import Console
from pilotlight.debugger.renderings.text import render_text
from pilotlight.debugger.report.capture import from_exception
from pilotlight.errors import UserError
from pilotlight.server.application import Application
from pilotlight.server.engine import LifespanFailed, Server, new_event_loop
from pilotlight.settings import Settings
from pilotlight.worker.configuration import debugging_of, server_config
from pilotlight.worker.hooks import WorkerHooks
from pilotlight.worker.opening import open_up
from pilotlight.worker.reporting import Reporter
from pilotlight.worker.screen import Screen
from pilotlight.worker.serving import close_loop, waiting_for

STOP_GRACE_SECONDS = 2.0
NO_CONSOLE = "There is no console, since the reloader is off: --reload (in code: reload=True) turns it on."


def load_target(settings: Settings, console: Console) -> LoadedApp | None:
    """Loads the app that the settings name; None after its failure has been printed.

    Raises:
        UserError: the app was not found.
    """
    try:
        with ignoring(console.warning):
            loaded = load_app(settings.app, app_dir=settings.app_dir, debug=settings.debug)
    except UserError:
        raise
    except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever the user's code raises is shown
        show_failure(error, console)
        return None
    for warning in loaded.warnings:
        console.warning(warning)
    return loaded


def show_failure(error: BaseException, console: Console) -> None:
    """Prints the traceback without our frames."""
    trim_loader_frames(error)
    console.block(render_text(from_exception(error), color=console.color))


class Stop:
    """A wish for the end of the server, from any thread and at any time, also before it has started."""

    def __init__(self) -> None:
        self._wanted = False
        self._tell: Callable[[], object] | None = None

    def request(self) -> None:
        """Wishes it."""
        self._wanted = True
        if self._tell is not None:
            self._tell()

    def to(self, tell: Callable[[], object]) -> None:
        """Who is told, at once if it has been wished already."""
        self._tell = tell
        if self._wanted:
            tell()


class Alone:
    """One process that serves until it is interrupted."""

    def __init__(
        self,
        settings: Settings,
        console: Console,
        sockets: Sequence[socket.socket],
        context: object = None,
        stop: Stop | None = None,
    ) -> None:
        screen = Screen(settings.allowed_hosts, "alone") if settings.debugger else None
        self._config = server_config(settings, context, console.line, screen)
        self._settings = settings
        self._console = console
        self._sockets = [sock.dup() for sock in sockets]
        self._stop = stop or Stop()

    def apply_environment(self) -> None:
        """What the `.env` files add, and the debug mode, become this process's environment."""
        os.environ.update(self._settings.app_environment(os.environ))

    def serve(self, application: Application, ready: Callable[[], None]) -> int:
        """Serves until SIGINT or SIGTERM, or (outside the main thread) for ever; returns the exit status.

        Args:
            ready: called once connections are accepted.
        """
        debugging = debugging_of(self._settings, "", NO_CONSOLE, "alone")
        hooks = WorkerHooks(self._console, Reporter(self._console, debugging))
        if self._settings.debugger:
            open_up(application)
        server = Server(application, self._config, hooks)
        loop = new_event_loop()
        asyncio.set_event_loop(loop)
        hooks.report_what_no_request_shows(loop)
        try:
            loop.run_until_complete(self._serve(loop, server, ready))
        except LifespanFailed as error:
            shown = error.to_show()
            if shown is error:
                self._console.error(error.message)
            else:
                show_failure(shown, self._console)
            return 1
        finally:
            self._stop.to(lambda: None)  # the loop can be told no more
            close_loop(loop)
        self._console.line("Stopped.")
        return 0

    async def _serve(
        self, loop: asyncio.AbstractEventLoop, server: Server, ready: Callable[[], None]
    ) -> None:
        stop = asyncio.Event()

        def on_signal(number: int) -> None:
            if stop.is_set() and number == signal.SIGINT:
                os._exit(130)
            stop.set()

        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                loop.add_signal_handler(number, on_signal, number)
        self._stop.to(lambda: loop.call_soon_threadsafe(stop.set))
        starting = asyncio.ensure_future(server.start(self._sockets))
        stopping = asyncio.ensure_future(stop.wait())
        await asyncio.wait([starting, stopping], return_when=asyncio.FIRST_COMPLETED)
        if not starting.done():
            return
        starting.result()
        ready()
        await stopping
        await server.shutdown(STOP_GRACE_SECONDS, lambda count: self._console.line(waiting_for(count)))

"""One worker from its start message to its end: load, then serve the app or what kept it from loading.

Runs in the worker's main thread. Must never import what the user's app shadows after the app's directory is
on `sys.path`: everything of ours is imported here, before the load.
"""

from __future__ import annotations

import atexit
import base64
import faulthandler
import os
import signal
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from json.encoder import encode_basestring
from typing import TYPE_CHECKING, Any

from pilotlight import messages
from pilotlight.app.frameworks import console_in, preload_known
from pilotlight.app.load import LoadedApp, adopt_app, load_app
from pilotlight.app.runcalls import RunCall, ignoring, intercepting
from pilotlight.app.script import ScriptTarget, run_as_main
from pilotlight.app.trim import trim_loader_frames
from pilotlight.channel import Channel
from pilotlight.console import Console
from pilotlight.errors import UserError
from pilotlight.framestack import roomy
from pilotlight.reload.checkpoint import Checkpointer
from pilotlight.reload.dependencies import Dependency
from pilotlight.reload.freshness import Freshness
from pilotlight.reload.parts import HeadChangedError, InParts
from pilotlight.reload.purity import Purity, open_descriptors
from pilotlight.reload.record import Recorder
from pilotlight.reload.userfiles import UserFiles
from pilotlight.server.application import Application, DetachedConnection, ServerConfig
from pilotlight.server.engine import LifespanFailed, preload
from pilotlight.worker.configuration import config_of_stand_in, debugging_of, server_config
from pilotlight.worker.consoling import Consoling, Start
from pilotlight.worker.ending import end_in_spite_of_threads, flush_standard_streams
from pilotlight.worker.failure import application_for
from pilotlight.worker.forking import Forks
from pilotlight.worker.hooks import WorkerHooks
from pilotlight.worker.idle import import_while_idle
from pilotlight.worker.lease import TerminalLease
from pilotlight.worker.opening import open_up
from pilotlight.worker.order import StartOrder
from pilotlight.worker.pausing import Pauser
from pilotlight.worker.prefault import Prefault
from pilotlight.worker.reporting import Reporter
from pilotlight.worker.screen import Screen
from pilotlight.worker.serving import Serving
from pilotlight.worker.shown_files import ShownFiles
from pilotlight.worker.signals import LoadAbandoned, die_with, prepare_for_loading, reset_in_fork

if TYPE_CHECKING:
    from pilotlight.debugger.model import Kind, Report

_LATEST = 0.5
"""Seconds that an ended worker waits for word that its successor is ready."""
_BUSY_SECONDS = 0.25
"""For so long after a load there are better uses for the processor than to prepare the next one."""
_LATE = 5
"""How much nicer an ended worker is: it gives way to its successor, and still ends soon on a busy machine."""


class ChannelLost(BaseException):
    """The supervisor cannot be told any more; not an `Exception`, so that the app's handlers let it pass."""


@roomy
def run(channel: Channel) -> int:
    """Waits for the start message and does what it says; returns the exit status."""
    preload()
    import_while_idle(channel)
    message = channel.receive()
    if message is None:
        return 0
    order = StartOrder.from_message(message)
    prepare_for_loading()
    die_with(order.lifeline)
    _log_crashes_to(order.crash_log)
    forks = Forks(reset_in_fork)
    _apply(order.environment)
    with suppress(OSError):  # it is gone, and the app's import will say so
        os.chdir(order.directory)
    atexit.register(_tell_finished, channel)  # first registered, so it runs last
    status = 1
    try:
        Worker(channel, order, forks).run()
        status = 0
    except LoadAbandoned:
        pass
    except ChannelLost:
        Console.for_process(quiet=False).error(
            "The app has closed descriptors that are not its own (os.closerange?), so it cannot be served."
        )
    finally:
        end_in_spite_of_threads(status)
    return status


class Worker:
    """A load and the serving that follows. `run` is called once."""

    def __init__(self, channel: Channel, order: StartOrder, forks: Forks) -> None:
        self._channel = channel
        self._forks = forks
        self._order = order
        self._settings = order.settings
        self._console = Console.for_process(quiet=order.settings.quiet)
        self._lease = TerminalLease(channel)
        self._users = UserFiles.of_this_interpreter()
        self._prefault = Prefault() if order.checkpoints else None
        self._checkpointer = None if self._prefault is None else self._make_checkpointer(self._prefault)
        purity = self._checkpointer.purity if self._checkpointer is not None else None
        self._recorder = Recorder(
            self._report_dependency,
            self._users,
            wrote=self._report_writing,
            acted=purity.note if purity is not None else None,
        )
        self._run = os.urandom(4).hex()
        """A page that was left open may be asking the server that was started after its own."""
        self._freshness = Freshness(order.word, order.notices, order.number)
        self._consoling = Consoling(channel.send, self._plain_console) if order.settings.debugger else None
        self._shown = ShownFiles()
        self._application: Application | None = None
        self._loaded = False
        self._served = False
        self._own()
        self._pid = os.getpid()

    def run(self) -> None:
        """Loads and serves what the order names."""
        kind = self._order.target["kind"]
        if kind == "report":
            from pilotlight.debugger.transport import from_json

            self._serve_report(from_json(self._order.target["report"]), self._reporter())
            return
        if sys.stdin is not None and sys.stdin.isatty():
            self._lease.install()
        self._recorder.install(self._checkpointer)
        try:
            if kind == "script":
                self._run_script()
            else:
                self._load_and_serve()
        except (LoadAbandoned, ChannelLost):
            raise
        except HeadChangedError as error:
            self._tell({"type": messages.HEAD_CHANGED, "path": error.path})
            self._channel.receive()  # the end: another load takes the place of this one
        except BaseException as error:
            if self._served or os.getpid() != self._pid:  # a process that the app forked ends as it likes
                raise
            self._fail(error)

    def _load_and_serve(self) -> None:
        started = time.monotonic()
        with ignoring(self._console.warning):
            loaded = load_app(self._settings.app, app_dir=self._settings.app_dir, debug=self._settings.debug)
        for warning in loaded.warnings:
            self._console.warning(warning)
        self._announce(loaded, time.monotonic() - started)
        self._serve(loaded.application)

    def _run_script(self) -> None:
        given = self._order.target["script"]
        target = ScriptTarget(**{**given, "argv": tuple(given["argv"])})
        started = time.monotonic()

        def serve_here(call: RunCall) -> None:
            if self._served:
                return  # a second call: the end of the server is the end of all that the script would serve
            if threading.current_thread() is not threading.main_thread():
                self._console.warning(
                    f"{call.source}() at {call.file}:{call.line} serves nothing: with the reloader, only the "
                    "call in the main thread does."
                )
                return
            if isinstance(call.app, str):
                loaded = load_app(call.app, app_dir=self._settings.app_dir, debug=self._settings.debug)
            else:
                loaded = adopt_app(call.app, name=target.display, debug=self._settings.debug)
            self._announce(loaded, time.monotonic() - started)
            context = call.options.get("cert")
            self._serve(loaded.application, None if isinstance(context, str) else context)

        sys.path.insert(0, "")  # what `run_as_main` replaces, as the interpreter would have put it there
        with intercepting(serve_here):
            run_as_main(target, self._in_parts())
        if not self._served:
            raise UserError(
                f"{target.path_or_name} ended and started no server; call pilotlight.run(app) at its end.",
                status=1,
            )

    def _announce(self, loaded: LoadedApp, seconds: float) -> None:
        self._recorder.loading_finished()
        if self._checkpointer is not None:
            self._checkpointer.after_load()
        self._tell(
            {
                "type": messages.LOADED,
                "name": loaded.name,
                "framework": loaded.framework,
                "version": loaded.framework_version() if self._order.first else None,
                "seconds": seconds,
            }
        )
        self._loaded = True

    def _make_checkpointer(self, prefault: Prefault) -> Checkpointer:
        order = self._order
        purity = Purity(open_descriptors(), self._users)
        self._pauser = Pauser(
            self._channel, self._forks, order.lifeline, order.crash_log, self, purity, prefault
        )
        return Checkpointer(self._pause, self._say_no_checkpoints, frozenset(order.hot), purity)

    def _pause(self, place: str, seconds: float) -> None:
        """Imports beforehand what every copy would import again."""
        preload_known()
        self._pauser(place, seconds)

    def _in_parts(self) -> InParts | None:
        return None if self._checkpointer is None else InParts(self._recorder, self._checkpointer)

    def _say_no_checkpoints(self, reason: str) -> None:
        self._tell({"type": messages.NO_CHECKPOINTS, "reason": reason})

    def moved(self, lifeline: int, crash_log: int) -> None:
        """See `pausing.Listener`."""
        self._pid = os.getpid()
        _log_crashes_to(crash_log)
        self._recorder.goes_on()
        self._lease.goes_on()
        self._own()
        if self._checkpointer is not None:
            self._checkpointer.goes_on()
            self._checkpointer.purity.goes_on((self._channel.fileno(), lifeline, crash_log))

    def waits(self) -> None:
        """See `pausing.Listener`."""
        self._channel.wait(_BUSY_SECONDS)
        if self._settings.debugger:
            import_while_idle(self._channel)
        if self._prefault is not None:
            self._prefault.populate(self._channel.is_readable)

    def begins(self, number: int, hot: frozenset[str]) -> None:
        """See `pausing.Listener`."""
        self._freshness.number = number
        self._order = replace(self._order, first=False, number=number)
        if self._checkpointer is not None:
            self._checkpointer.begins(hot)

    def _own(self) -> None:
        """What the app forks must not have."""
        self._forks.own([self._channel.fileno(), *(sock.fileno() for sock in self._order.sockets)])

    def _serve(self, application: Application, context: object = None) -> None:
        self._application = application
        serving = self._serving(context)
        if self._settings.debugger:
            open_up(application)
        try:
            serving.run(application, self._order.sockets)
        except LifespanFailed:
            prepare_for_loading()  # its failure is about to be served
            raise
        self._served = True

    def _serving(self, context: object = None) -> Serving:
        notice = self._console.line if self._order.first else None
        config = server_config(self._settings, context, notice, self._screen(self._generation))
        return self._serving_with(config, self._reporter())

    def _serving_with(self, config: ServerConfig, reporter: Reporter) -> Serving:
        hooks = WorkerHooks(self._console, reporter, self._freshness.request_begins)
        when_idle = _nothing if self._prefault is None else self._prefault.learn
        return Serving(self._channel, self._lease, config, hooks, self._freshness, self._consoling, when_idle)

    def _reporter(self) -> Reporter:
        consoling = self._consoling
        debugging = debugging_of(
            self._settings, self._order.debug_url, self._order.debug_note, self._generation
        )
        return Reporter(
            self._console,
            debugging,
            None if consoling is None else consoling.keeper,
            self._channel.send_encoded,
            self._shown,
        )

    @property
    def _generation(self) -> str:
        """Of the code that is served: unlike that of any other load."""
        return f"{self._order.number}-{self._run}"

    def _screen(self, generation: str | None, failure: str | None = None) -> Screen | None:
        if not self._settings.debugger:
            return None
        _, slash, path = self._order.debug_url.partition("://")[2].partition("/")
        return Screen(
            self._settings.allowed_hosts, generation, slash + path, self._to_debugger, failure, self._shown
        )

    def _to_debugger(self, connection: DetachedConnection) -> None:
        """It has asked for the debugger on the app's own port."""
        with connection.sock:
            data = base64.b64encode(connection.data).decode()
            self._tell({"type": messages.DEBUG_CONNECTION, "data": data}, [connection.sock.fileno()])

    def _plain_console(self) -> Start:
        """Of the console without an error."""
        application = self._application
        if application is None:
            return lambda: ({}, ""), (), False
        names, contexts = console_in(application.callable)
        return names, contexts, application.interface == "asgi"

    def _fail(self, error: BaseException) -> None:
        """Tells the supervisor; its answer is to serve the failure, or the end of the channel."""
        if self._checkpointer is not None:
            self._checkpointer.end()
        kind: Kind = "load"
        if isinstance(error, LifespanFailed):
            kind, error = "lifespan", error.to_show()
        trim_loader_frames(error)
        reporter = self._reporter()
        report = reporter.make(error, kind)
        flush_standard_streams()
        from pilotlight.debugger.renderings.text import render_text

        if isinstance(error, UserError):
            text, status, sentence = error.message, error.status, True
        else:
            text, status, sentence = render_text(report, color=self._console.color), 1, False
        self._recorder.loading_finished()
        self._tell({"type": messages.FAILED, "text": text, "sentence": sentence, "status": status})
        answer = self._channel.receive()
        if answer is not None and answer.body["type"] == messages.SERVE_FAILURE:
            reporter.publish(report)
            self._serve_report(report, reporter)

    def _serve_report(self, report: Report, reporter: Reporter) -> None:
        config = config_of_stand_in(self._settings, self._console.line, self._screen(None, report.id))
        application = application_for(report, reporter)
        self._serving_with(config, reporter).run(application, self._order.sockets)
        self._served = True

    def _report_dependency(self, dependency: Dependency) -> None:
        """The app's imports may have left next to no room on the stack, so the JSON is written here."""
        late = self._freshness.reads_late() if self._loaded else 0
        path = encode_basestring(dependency.path)
        digest = "null" if dependency.digest is None else encode_basestring(dependency.digest)
        self._channel.send_encoded(
            f'{{"type":"{messages.DEPENDENCY}","late":{late},"kind":"{dependency.kind}",'
            f'"path":{path},"digest":{digest}}}'
        )

    def _report_writing(self, path: str) -> None:
        self._channel.send({"type": messages.WRITING, "path": path})

    def _tell(self, body: dict[str, Any], descriptors: Sequence[int] = ()) -> None:
        try:
            self._channel.send(body, descriptors)
        except OSError:
            raise ChannelLost from None


def _tell_finished(channel: Channel) -> None:
    """The interpreter's own end may take as long as a load, which has better use for the processor."""
    with suppress(OSError):  # the supervisor is gone too
        channel.send({"type": messages.FINISHED})
        channel.wait(_LATEST)
        os.nice(_LATE)


def _nothing() -> None:
    pass


def _log_crashes_to(descriptor: int) -> None:
    """A fatal signal writes the Python stacks to `descriptor`; so does, on demand, the last real-time
    signal, which no app uses (where the platform has it)."""
    faulthandler.enable(descriptor, all_threads=True)
    on_demand = getattr(signal, "SIGRTMAX", None)
    if on_demand is not None:
        faulthandler.register(on_demand, descriptor, all_threads=True)


def _apply(environment: dict[str, str | None]) -> None:
    for name, value in environment.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value

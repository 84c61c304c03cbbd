"""The supervisor's loop: every event comes off one queue, and each is passed to whom it concerns.

The processes are replaced, the sockets never: while no worker accepts, the kernel's backlog holds new
connections, and connections that a draining worker hands over are parked here. Must never run user code.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable
from typing import Any

from pilotlight import messages
from pilotlight.channel import LOST, close_received
from pilotlight.console import Console
from pilotlight.reload.dependencies import ANY_FILE, Dependency
from pilotlight.settings import Settings
from pilotlight.supervisor.answering import Answering
from pilotlight.supervisor.autopsy import read_crash_log
from pilotlight.supervisor.binder import Bound
from pilotlight.supervisor.changes import ChangeWatch
from pilotlight.supervisor.child import Child, CommandLine, State
from pilotlight.supervisor.debugging import Debugging
from pilotlight.supervisor.desk import Desk
from pilotlight.supervisor.ending import GRACE_SECONDS, Ending
from pilotlight.supervisor.events import Changed, Due, Ended, Event, Pressed, Said, Signalled
from pilotlight.supervisor.failures import Failures
from pilotlight.supervisor.lending import Lending
from pilotlight.supervisor.loads import Loads, Orders
from pilotlight.supervisor.mishaps import Mishaps
from pilotlight.supervisor.parking import Parking
from pilotlight.supervisor.processes import Processes
from pilotlight.supervisor.reloads import Reloads
from pilotlight.supervisor.terminal import Key, Terminal
from pilotlight.supervisor.wires import Wires

STANDBY_SECONDS = 0.5
"""After a worker is ready: when the next one is started in advance."""
PROMPT_GAP_SECONDS = 0.3
"""Between two prompts of one debugger session."""


class Supervisor:
    """Runs workers one after another on sockets that stay.

    Args:
        target: what a worker loads; see `worker.order.StartOrder`.
        bound: the listening sockets; closed by the caller.
        environment: called before each load from scratch: what `.env` files say now.
        greet: called once, when the first worker is ready, with the app's name, its framework and the
            framework's version.
        debugging: open, and closed by the caller.
    """

    def __init__(
        self,
        settings: Settings,
        target: dict[str, Any],
        bound: Bound,
        command: CommandLine,
        console: Console,
        *,
        environment: Callable[[], dict[str, str | None]],
        greet: Callable[[str, str | None, str | None], None],
        open_browser: Callable[[], None],
        debugging: Debugging,
    ) -> None:
        self._settings = settings
        self._debugging = debugging
        self._orders = Orders(settings, target, bound, environment, debugging.url, debugging.note)
        self._command = command
        self._console = console
        self._greet = greet
        self._open_browser = open_browser
        self._parking = Parking(console.line)
        self._loaded: dict[str, Any] = {}
        """What the last load has said of the app."""
        self._told: set[str] = set()
        """What was said about checkpoints and need not be said again."""
        self._exit_status: int | None = None

    @property
    def served(self) -> bool:
        """After `run`: whether the app has ever been."""
        return self._loads.served

    def run(self, early: Child | None = None) -> int:
        """Returns the command's exit status, when all children are gone. `early` is a worker spawned in
        advance."""
        return asyncio.run(self._main(early))

    async def _main(self, early: Child | None) -> int:
        loop = asyncio.get_running_loop()
        self._loop = loop
        self._events: asyncio.Queue[Event] = asyncio.Queue()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGCHLD, signal.SIGCONT):
            loop.add_signal_handler(number, self._post, Signalled(number))
        self._terminal = Terminal(loop, self._on_key, self._console.line, on_hangup=self._on_hangup)
        self._lending = Lending(self._terminal, self._console.line, self._prompt_ended, self._resume)
        self._answering = Answering(self._tell_of_trust)
        self._watch = ChangeWatch(self._settings, loop, self._on_settled, self._console.line, self._answering)
        self._assemble(Wires(loop, self._post, self._console.error), early)
        try:
            self._terminal.start()
            self._loads.begin("start")
            self._debugging.start(loop, self._desk)
            self._post(Signalled(signal.SIGCHLD))  # a worker may have ended before the signal had a handler
            while self._exit_status is None or self._processes:
                self._handle_safely(await self._events.get())
                self._wires.flush_later(self._processes)
        finally:
            self._watch.close()
            self._answering.close()
            self._terminal.close()
        return self._exit_status

    def _assemble(self, wires: Wires, early: Child | None) -> None:
        self._wires = wires
        self._processes = Processes(self._command, wires, self._post, early)
        self._ending = Ending(self._processes, self._later)
        self._desk = Desk(
            lambda: self._loads.current, (self._orders.bound.sockets[0], self._settings.cert is not None)
        )
        self._loads = Loads(
            self._orders,
            self._processes,
            self._ending,
            self._watch,
            self._answering,
            self._console,
            self._later,
            self._on_bad_environment,
        )
        self._mishaps = Mishaps(self._loads, self._console, self._later, self._stop, self._kill_all)
        self._reloads = Reloads(self._loads, self._watch, self._answering, self._lending, self._console.line)
        self._failures = Failures(
            self._loads,
            self._processes,
            self._watch,
            self._answering,
            self._console,
            self._desk.died,
            ends_server=self._settings.on_reload_error == "exit",
            stop=self._stop,
            later=self._later,
        )

    # Sources of events.

    def _post(self, event: Event) -> None:
        self._events.put_nowait(event)

    def _on_key(self, key: Key) -> None:
        self._post(Pressed(key))

    def _on_hangup(self) -> None:
        self._post(Signalled(signal.SIGTERM))

    def _on_settled(self) -> None:
        self._post(Changed())

    def _later(self, seconds: float, event: Due) -> None:
        self._loop.call_later(seconds, self._post, event)

    def _handle_safely(self, event: Event) -> None:
        try:
            self._handle(event)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is told, and the state begins anew
            self._mishaps.happened(error)

    def _handle(self, event: Event) -> None:
        match event:
            case Said():
                self._on_message(event.child, event.message.body, event.message.descriptors)
            case Ended():
                self._on_end(event.child, event.status)
            case Changed():
                if self._exit_status is None:
                    self._reloads.changed()
            case Pressed():
                self._on_pressed(event.key)
            case Signalled():
                self._on_signal(event.number)
            case Due():
                self._on_due(event.what, event.child)

    # What workers say.

    def _on_message(self, child: Child, body: dict[str, Any], descriptors: tuple[int, ...]) -> None:
        kind = body["type"]
        child.heard = True
        if kind in (messages.REPORT, messages.REPORTS_GONE, messages.EVENT, messages.DEBUG_CONNECTION):
            self._on_debugging(child, body, descriptors)
        elif kind == messages.CONNECTION:
            self._parking.take_in(body["data"], descriptors[0])
            self._parking.give_to(self._processes.accepting())
        elif kind == messages.TERMINAL_WANTED:
            self._lending.lend(child)
        elif kind == messages.TERMINAL_RETURNED:
            self._lending.prompt_over(child)
        elif kind == messages.HELLO:
            self._processes.introduced(child, body["pid"], descriptors[0])
            self._loads.introduced(child)
        elif kind == messages.CHILD_ENDED:
            self._processes.copy_ended(body["pid"], body["status"])
        elif kind == messages.WAITING:
            child.waits = True
            self._watch.look()
            self._tell_of_trust()
        elif kind in (messages.STREAMING, messages.FINISHED):
            child.finished = True
            if kind == messages.FINISHED and (self._exit_status is not None or self._loads.under_way is None):
                child.send({"type": messages.SUCCEEDED})
            self._loads.predecessor_gone()
        elif kind == messages.WRITING and body["path"] != ANY_FILE:
            self._watch.writing(body["path"])  # one that is about to end writes as well
        elif child is self._loads.current or child.is_notice:
            self._on_progress(child, body, descriptors)
        else:
            close_received(descriptors)  # of a copy that nobody wants any more

    def _on_debugging(self, child: Child, body: dict[str, Any], descriptors: tuple[int, ...]) -> None:
        if body["type"] == messages.REPORT:
            self._desk.arrived(child, body)
        elif body["type"] == messages.REPORTS_GONE:
            self._desk.frames_gone(body["ids"])
        elif body["type"] == messages.EVENT:
            self._desk.answered(body["number"], body["event"])
        elif descriptors[0] != LOST:
            self._debugging.adopt(descriptors[0], body["data"])

    def _on_progress(self, child: Child, body: dict[str, Any], descriptors: tuple[int, ...]) -> None:
        kind = body["type"]
        if kind == messages.DEPENDENCY:
            self._loads.read(child, Dependency(body["kind"], body["path"], body["digest"]))
            if body["late"]:
                self._answering.note(body["late"])
        elif kind == messages.PAUSED:
            copy = self._loads.paused(child, body["place"], body["seconds"], descriptors)
            if copy is not None:
                self._lending.goes_on(child, copy)
                if self._exit_status is not None:
                    self._ending.stop(copy)
        elif kind == messages.NO_CHECKPOINTS:
            self._tell_once(body["reason"])
        elif kind == messages.HEAD_CHANGED:
            self._loads.begin(os.path.relpath(body["path"]), (Dependency("head", body["path"]),))
        elif kind == messages.WRITING:
            self._watch.writing(body["path"])
        elif kind == messages.LOADED:
            self._loaded = body
            self._loads.reached("load")
            self._answering.appoint(child.number)
        elif kind == messages.FAILED:
            self._failures.load_failed(child, body)
            self._lending.take_back(child)
        elif kind == messages.READY and child.state in (State.LOADING, State.FAILED):
            self._on_ready(child)

    def _on_ready(self, child: Child) -> None:
        self._lending.take_back(child)
        if child.state is State.LOADING:
            child.state = State.SERVING
        if child.is_notice:
            self._let_accept(child)
            return
        self._ending.retire_notices()
        self._watch.load_finished()
        self._mishaps.recovered()
        self._later(STANDBY_SECONDS, Due("standby"))
        load = self._loads.over()
        first = not self._loads.served
        if load is not None and not first:  # before the first request's line
            if child.state is State.SERVING:
                self._console.reload(load.reason, self._loads.last_seconds)
            self._loads.explain(load)
        self._let_accept(child)
        self._ending.end_finished()
        if load is not None and not first:
            self._desk.reloaded()
        if load is not None and first:
            self._loads.served = True
            self._greet(self._loaded["name"], self._loaded["framework"], self._loaded["version"])

    def _let_accept(self, child: Child) -> None:
        child.accepts = True
        child.send({"type": messages.ACCEPT})
        self._parking.give_to(child)

    def _on_bad_environment(self, text: str) -> None:
        self._failures.bad_environment(text)

    def _tell_of_trust(self) -> None:
        """To those whose requests wait for that."""
        for child in self._processes:
            if child.waits and self._answering.may_answer(child.number):
                child.waits = False
                child.send({"type": messages.FRESH})

    def _tell_once(self, text: str) -> None:
        if text not in self._told:
            self._told.add(text)
            self._console.line(text)

    # How workers end.

    def _on_end(self, child: Child, status: int) -> None:
        if child.state is State.ENDED:
            return
        state = child.state
        stacks = read_crash_log(child)
        self._parking.take_back_from(child)
        self._processes.remove(child)
        self._lending.after_end_of(child)
        self._desk.left(child)
        if self._exit_status is not None:
            return
        if self._loads.is_waiting(child):
            self._loads.lost_waiting()
            self._failures.ended_before_it_began(status, stacks)
        elif state is State.PAUSED:
            self._loads.lost_checkpoint(child)
        elif state is State.DRAINING:
            self._loads.predecessor_gone()
        elif child is self._loads.current and child.is_copy and child.pid is None:
            self._loads.current = None  # its checkpoint was gone before it could fork
            self._failures.ended_before_it_began(status, stacks)
        elif child is self._loads.current:
            self._loads.current = None
            self._watch.load_finished()
            if not child.heard:
                self._watch.keep_watching()
            self._failures.ended(child, state, status, stacks)
        elif child.is_notice:
            self._failures.report_ended(status)

    def _end_mute(self, child: Child) -> None:
        """A worker that has closed its channel can be neither asked nor ordered any more."""
        if child.reaped or (child.state in (State.DRAINING, State.STOPPING) and not child.is_copy):
            return
        if child.is_copy and (child.pid is None or child.state is not State.SERVING):
            self._processes.gone(child, -signal.SIGKILL)  # whoever would report its end is gone itself
            return
        self._console.error(
            "The app has closed descriptors that are not its own (os.closerange?), so its process is ended."
        )
        child.kill()

    # Keys, time and the end.

    def _reload(self, reason: str) -> None:
        if self._exit_status is None:
            self._reloads.wanted(reason)

    def _resume(self, reason: str) -> None:
        if self._exit_status is None:
            self._reloads.resume(reason)

    def _prompt_ended(self, child: Child) -> None:
        self._later(PROMPT_GAP_SECONDS, Due("prompt over", child))

    def _on_pressed(self, key: Key) -> None:
        if key is Key.RELOAD:
            self._reload("the app")
        elif key is Key.OPEN:
            self._open_browser()
        elif key is Key.QUIT:
            self._stop(0)

    def _on_due(self, what: str, child: Child | None) -> None:
        if what == "standby":
            self._loads.prepare_next()
        elif what == "retry" and not self._loads.served:
            self._stop(1)
        elif what == "retry":
            self._loads.retry()
        elif what == "anew":
            self._loads.begin("the app")
        elif child is not None and child.state is not State.ENDED:
            self._on_child_due(what, child)

    def _on_child_due(self, what: str, child: Child) -> None:
        if what == "predecessor" and self._loads.is_waiting(child):
            self._loads.start_waiting()
        elif what == "drained" and self._lending.has(child):
            self._later(GRACE_SECONDS, Due("drained", child))
        elif what in ("drained", "stopped"):
            self._end_late(what, child)
        elif what == "failed" and child is self._loads.current:
            self._failures.tell_of_failed_load(child)
        elif what == "mute":
            self._end_mute(child)
        elif what == "prompt over":
            self._lending.take_back_unless_prompting(child)
        elif what == "slow":
            self._failures.slow(child, has_terminal=self._lending.has(child))
        elif what == "stacks":
            self._failures.tell_of_slow_load(child)

    def _end_late(self, what: str, child: Child) -> None:
        if what == "drained" and not child.finished:
            self._console.line(
                "A worker was still busy long after its successor was called, and is ended with what it did."
            )
        child.kill()

    def _on_signal(self, number: int) -> None:
        if number == signal.SIGCHLD:
            self._processes.reap()
        elif number == signal.SIGCONT:
            self._terminal.look()
        elif number == signal.SIGHUP:
            self._reload("the app (SIGHUP)")
        elif self._exit_status is None:
            self._stop(0)
        elif number == signal.SIGINT:
            self._kill_all(130)

    def _stop(self, status: int) -> None:
        """Ends the server, politely."""
        if self._exit_status is None:
            self._exit_status = status
            self._loads.end()
            self._ending.stop_all()
            self._post(Due("stopping"))

    def _kill_all(self, status: int) -> None:
        """Ends the server at once."""
        self._exit_status = status
        self._loads.end()
        self._ending.kill_all()

"""The supervisor's loop: every event comes off one queue, and all state is here.

The processes are replaced, the sockets never: while no worker accepts, the kernel's backlog holds new
connections, and connections that a draining worker hands over are parked here. Must never run user code.
"""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from pilotlight import messages
from pilotlight.channel import LOST
from pilotlight.console import Console
from pilotlight.errors import UserError
from pilotlight.reload.dependencies import Dependency
from pilotlight.settings import Settings
from pilotlight.supervisor.answering import Answering
from pilotlight.supervisor.autopsy import (
    ask_for_stacks,
    death_report,
    describe_end,
    describe_error,
    error_report,
    read_crash_log,
)
from pilotlight.supervisor.binder import Bound
from pilotlight.supervisor.changes import ChangeWatch
from pilotlight.supervisor.child import Child, CommandLine, State, spawn
from pilotlight.supervisor.events import Changed, Due, Ended, Event, Pressed, Said, Signalled
from pilotlight.supervisor.explanation import Explanation
from pilotlight.supervisor.frequency import Frequency
from pilotlight.supervisor.lending import Lending
from pilotlight.supervisor.line import Line
from pilotlight.supervisor.parking import Parking
from pilotlight.supervisor.reaping import become_subreaper, checkpoints_obstacle, reap
from pilotlight.supervisor.terminal import Key, Terminal
from pilotlight.supervisor.wires import Wires

GRACE_SECONDS = 5.0
"""Requests in flight at a reload may take this long; breakpoints do not count."""
STOP_GRACE_SECONDS = 2.0
STOP_KILL_SECONDS = 4.5
PREDECESSOR_SECONDS = 0.25
"""How long a load waits for the worker before it to be gone, so that both do not hold the app's own
resources."""
DRAIN_KILL_SECONDS = GRACE_SECONDS + 3.0
CHECKPOINT_KILL_SECONDS = 0.1
STANDBY_SECONDS = 0.5
"""After a worker is ready: when the next one is started in advance."""
SLOW_LOAD_SECONDS = 5.0
PROMPT_GAP_SECONDS = 0.3
"""Between two prompts of one debugger session."""
CRASHES_IN_A_ROW = 3
CRASH_WINDOW_SECONDS = 10.0
RETRY_SECONDS = 1.0
"""Until a process that could not be started is tried again."""


@dataclass(slots=True)
class Load:
    """The reload in progress, for the line that tells of it."""

    reason: str
    started: float
    number: int
    first: bool
    explanation: Explanation


class Supervisor:
    """Runs workers one after another on sockets that stay.

    Args:
        target: what a worker loads; see `worker.order.StartOrder`.
        bound: the listening sockets; closed by the caller.
        environment: called before each load: what `.env` files say now.
        greet: called once, when the first worker is ready, with the app's name, its framework and the
        framework's version.
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
    ) -> None:
        self._settings = settings
        self._target = target
        self._bound = bound
        self._command = command
        self._console = console
        self._environment = environment
        self._greet = greet
        self._open_browser = open_browser
        self._children: list[Child] = []
        self._line = Line(self._adopt)
        self._checkpoints = settings.reload_engine != "restart" and checkpoints_obstacle() is None
        self._early_ends: dict[int, int] = {}
        """Statuses of copies that have ended before they were known."""
        self._told: set[str] = set()
        """What was said about checkpoints and need not be said again."""
        self._current: Child | None = None
        self._standby: Child | None = None
        self._waiting: Child | None = None
        """Made for the next load, which waits for the predecessor's end."""
        self._load: Load | None = None
        self._number = 0
        """Of the last load, or of the last report in place of one."""
        self.served = False
        self._last_load_seconds = 0.0
        self._parking = Parking()
        self._crashes = Frequency(CRASHES_IN_A_ROW, CRASH_WINDOW_SECONDS)
        self._blunders = Frequency(CRASHES_IN_A_ROW, CRASH_WINDOW_SECONDS)
        self._refused = False
        """The system did not let us start a process, and will be asked again."""
        self._directory = os.getcwd()
        self._exit_status: int | None = None

    def run(self, early: Child | None = None) -> int:
        """Returns the command's exit status, when all children are gone. `early` is a worker spawned in
        advance."""
        self._standby = early
        if early is not None:
            self._children.append(early)
        return asyncio.run(self._main())

    async def _main(self) -> int:
        loop = asyncio.get_running_loop()
        self._loop = loop
        self._events: asyncio.Queue[Event] = asyncio.Queue()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGCHLD, signal.SIGCONT):
            loop.add_signal_handler(number, self._post, Signalled(number))
        self._terminal = Terminal(loop, self._on_key, self._console.line, on_hangup=self._on_hangup)
        self._lending = Lending(self._terminal, self._console.line, self._prompt_ended, self._reload)
        self._wires = Wires(loop, self._post, self._console.error)
        self._answering = Answering(self._tell_of_trust)
        self._watch = ChangeWatch(self._settings, loop, self._on_settled, self._console.line, self._answering)
        try:
            self._terminal.start()
            self._prepare_checkpoints()
            if self._standby is not None:
                self._wires.connect(self._standby)
            self._begin_load("start")
            self._post(Signalled(signal.SIGCHLD))  # a worker may have ended before the signal had a handler
            while self._exit_status is None or self._children:
                self._handle_safely(await self._events.get())
                self._wires.flush_later(self._children)
        finally:
            self._watch.close()
            self._answering.close()
            self._terminal.close()
        return self._exit_status

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
        """A bug of ours must not cost the developer the server, nor go on for ever."""
        try:
            self._handle(event)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is told, and the state begins anew
            self._console.error(
                f"Pilotlight has a bug: {describe_error(error)}. Please report it. The app is loaded anew."
            )
            if self._blunders.exceeded_at(time.monotonic()):
                self._kill_all(1)
            else:
                self._later(RETRY_SECONDS, Due("anew"))

    def _handle(self, event: Event) -> None:
        match event:
            case Said():
                self._on_message(event.child, event.message.body, event.message.descriptors)
            case Ended():
                self._on_end(event.child, event.status)
            case Changed():
                self._on_changed()
            case Pressed():
                self._on_pressed(event.key)
            case Signalled():
                self._on_signal(event.number)
            case Due():
                self._on_due(event.what, event.child)

    # Loads.

    def _prepare_checkpoints(self) -> None:
        obstacle = checkpoints_obstacle()
        if obstacle is None and self._checkpoints:
            become_subreaper()
        elif obstacle is not None and self._settings.reload_engine == "checkpoint":
            self._console.warning(f"There are no checkpoints here: {obstacle}. Reloads begin from scratch.")

    def _begin_load(self, reason: str, changed: Sequence[Dependency] | None = None) -> None:
        """Ends what is there, and goes on from the last checkpoint at which nothing of what changed had been
        read, or from scratch.

        Args:
            changed: what the last load had read and is different now; None for a load from scratch anyway.
        """
        here = self._return_to_directory()
        position = self._position(changed) if here else None
        self._discard_waiting()
        fresh = self._take_standby() or self._try_to_spawn() if position is None else None
        if position is None and fresh is None:
            return
        self._number += 1
        now = time.monotonic()
        place = None if position is None else self._line.place(position)
        explanation = Explanation(now, None if changed is None else tuple(changed), place)
        self._load = Load(reason, now, self._number, not self.served, explanation)
        self._answering.appoint_nobody()
        self._retire_all()
        for child in self._line.cut_after(position):
            if child.state is State.PAUSED:
                self._end_checkpoint(child)
        self._watch.begin_load(None if position is None else self._line.reads())
        self._waiting = fresh or self._line.resume(self._number)
        if self._waiting is None:
            self._begin_load(reason)
            return
        if not here:
            self._watch.add(Dependency("missing", self._directory))
        if self._predecessors():
            self._later(PREDECESSOR_SECONDS, Due("predecessor"))
        else:
            self._start_waiting()

    def _position(self, changed: Sequence[Dependency] | None) -> int | None:
        """The checkpoint to go on from; None for a load from scratch."""
        if changed is None or not self._checkpoints:
            return None
        self._line.edited(changed)
        return self._line.deepest_before(changed)

    def _discard_waiting(self) -> None:
        """Another load takes the place of the one that has not begun."""
        child, self._waiting = self._waiting, None
        if child is None:
            return
        if child.is_copy:
            self._end_checkpoint(child)
        else:
            self._standby = child

    def _end_checkpoint(self, child: Child) -> None:
        """Not at once: the processor has something better to do while a load goes on."""
        child.state = State.DRAINING
        child.finished = True  # it has not run anything since it was paused
        self._later(CHECKPOINT_KILL_SECONDS, Due("drained", child))

    def _retire_all(self) -> None:
        """Whoever loads is killed at once; whoever serves is drained."""
        for child in self._children:
            if child.state is State.LOADING:
                child.kill()
                child.state = State.DRAINING
            elif child.state in (State.SERVING, State.FAILED):
                self._drain(child)
        self._current = None

    def _drain(self, child: Child) -> None:
        child.drain(GRACE_SECONDS)
        self._later(DRAIN_KILL_SECONDS, Due("drained", child))

    def _return_to_directory(self) -> bool:
        """A checkout may remove the directory that we were started in and make it anew.

        Returns:
            False while it is gone.
        """
        try:
            os.chdir(self._directory)
        except OSError:
            return False
        return True

    def _predecessors(self) -> list[Child]:
        """Those that may still run the app's code."""
        return [
            child
            for child in self._children
            if child.state is State.DRAINING and not child.finished and not child.is_notice
        ]

    def _take_standby(self) -> Child | None:
        standby, self._standby = self._standby, None
        return standby

    def _spawn(self) -> Child:
        child = spawn(self._command)
        self._adopt(child)
        return child

    def _adopt(self, child: Child) -> None:
        """A child is ours from now on."""
        self._children.append(child)
        self._wires.connect(child)

    def _try_to_spawn(self) -> Child | None:
        """None after the system's refusal has been told: then there will be another try, with what serves
        still in place."""
        try:
            child = self._spawn()
        except OSError as error:
            if not self._refused:
                self._refused = True
                self._console.error(
                    f"No process can be started for the app ({error.strerror}). Trying again every second."
                )
                self._later(RETRY_SECONDS, Due("retry"))
            return None
        self._refused = False
        return child

    def _start_waiting(self) -> None:
        child = self._waiting
        if child is None or self._exit_status is not None or not (child.is_copy or self._order_load(child)):
            return
        self._reached("end of the one before")
        self._waiting = None
        if child.is_copy:
            child.go()
        self._current = child
        self._watch_for_slowness(child)

    def _watch_for_slowness(self, child: Child) -> None:
        load = self._load
        if load is not None:
            due = load.started + max(SLOW_LOAD_SECONDS, 3 * self._last_load_seconds)
            self._later(max(0.0, due - time.monotonic()), Due("slow", child))

    def _order_load(self, child: Child) -> bool:
        """Orders a load from scratch; False if the environment does not allow one."""
        assert self._load is not None
        try:
            environment = self._environment()
        except (UserError, OSError) as error:
            self._on_bad_environment(error)
            return False
        self._order(child, self._load.number, self._target, environment)
        self._line.begin(child)
        return True

    def _on_bad_environment(self, error: UserError | OSError) -> None:
        """Nothing can be loaded until what `.env` files say, or where they are, has been mended."""
        text = error.message if isinstance(error, UserError) else f"{self._directory}: {error.strerror}."
        self._console.error(text)
        self._load = None
        self._standby, self._waiting = self._waiting, None
        if self.served:
            self._serve_notice(error_report(UserError(text)))
        else:
            self._stop(1)

    def _order(
        self, child: Child, number: int, target: dict[str, Any], environment: dict[str, str | None]
    ) -> None:
        noticing = self._watch.descriptor
        shared = [self._answering.descriptor] if noticing is None else [self._answering.descriptor, noticing]
        child.start(
            self._settings.to_json(),
            target,
            environment,
            self._directory,
            [*shared, *(sock.fileno() for sock in self._bound.sockets)],
            first=not self.served,
            number=number,
            noticed=noticing is not None,
            checkpoints=self._checkpoints and not child.is_notice,
            hot=self._line.hot,
        )

    def _serve_notice(self, report: dict[str, Any]) -> None:
        """A worker that answers with a report of ours, while no worker with the app can."""
        self._retire_notices()
        child = self._take_standby() or self._try_to_spawn()
        if child is not None:
            child.is_notice = True
            self._number += 1
            self._order(child, self._number, {"kind": "report", "report": report}, {})
            self._answering.appoint(self._number)

    # What workers say.

    def _on_message(self, child: Child, body: dict[str, Any], descriptors: tuple[int, ...]) -> None:
        kind = body["type"]
        child.heard = True
        if kind == messages.CONNECTION:
            self._park(body["data"], descriptors[0])
        elif kind == messages.TERMINAL_WANTED:
            self._lending.lend(child)
        elif kind == messages.TERMINAL_RETURNED:
            self._lending.prompt_over(child)
        elif kind == messages.HELLO:
            self._on_hello(child, body["pid"], descriptors[0])
        elif kind == messages.CHILD_ENDED:
            self._on_copy_ended(body["pid"], body["status"])
        elif kind == messages.WAITING:
            child.waits = True
            self._watch.look()
            self._tell_of_trust()
        elif kind in (messages.STREAMING, messages.FINISHED):
            child.finished = True
            self._on_predecessor_gone()
        elif child is self._current or child.is_notice:
            self._on_progress(child, body, descriptors)
        else:
            for descriptor in descriptors:
                if descriptor != LOST:
                    os.close(descriptor)  # of a copy that nobody wants any more

    def _on_hello(self, child: Child, pid: int, handle: int) -> None:
        child.introduced(pid, handle)
        if child in (self._current, self._waiting):
            self._reached("fork")
        status = self._early_ends.pop(pid, None)
        if status is not None:
            self._gone(child, status)

    def _on_copy_ended(self, pid: int, status: int) -> None:
        child = next((one for one in self._children if one.pid == pid and not one.reaped), None)
        if child is None:
            self._early_ends[pid] = status
        else:
            self._gone(child, status)

    def _on_progress(self, child: Child, body: dict[str, Any], descriptors: tuple[int, ...]) -> None:
        kind = body["type"]
        if kind == messages.DEPENDENCY:
            dependency = Dependency(body["kind"], body["path"], body["digest"])
            self._line.read(child, dependency)
            if self._load is not None:
                self._load.explanation.read(dependency)
            self._watch.add(dependency)
            if body["late"]:
                self._answering.note(body["late"])
        elif kind == messages.PAUSED:
            self._on_paused(child, body["place"], body["seconds"], descriptors)
        elif kind == messages.NO_CHECKPOINTS:
            self._tell_once(body["reason"])
        elif kind == messages.HEAD_CHANGED:
            self._begin_load(os.path.relpath(body["path"], self._directory))
        elif kind == messages.WRITING:
            self._watch.writing(body["path"])
        elif kind == messages.LOADED:
            self._loaded = body
            self._reached("load")
            self._answering.appoint(child.number)
        elif kind == messages.FAILED:
            self._on_failed(child, body)
        elif kind == messages.READY and child.state in (State.LOADING, State.FAILED):
            self._on_ready(child)

    def _on_paused(self, child: Child, place: str, seconds: float, descriptors: tuple[int, ...]) -> None:
        self._reached("load")
        copy = self._line.paused(child, place, seconds, descriptors)
        if copy is None:
            self._begin_load(self._load.reason if self._load else "the app")
            return
        self._current = copy
        if self._exit_status is not None:
            self._stop_child(copy)
            return
        surplus = self._line.surplus()
        if surplus is not None:
            self._end_checkpoint(surplus)
        self._watch_for_slowness(copy)

    def _reached(self, what: str) -> None:
        if self._load is not None and self._settings.explain_reload:
            self._load.explanation.reached(what, time.monotonic())

    def _explain(self, load: Load) -> None:
        if self._settings.explain_reload:
            load.explanation.reached("start of serving", time.monotonic())
            for line in load.explanation.lines(self._directory):
                self._console.line(f"  {line}")

    def _tell_once(self, text: str) -> None:
        if text not in self._told:
            self._told.add(text)
            self._console.line(text)

    def _on_failed(self, child: Child, body: dict[str, Any]) -> None:
        child.state = State.FAILED
        child.failure = body
        self._tell_of_failure(child)

    def _tell_of_failure(self, child: Child) -> None:
        """Not while a further change is about to be acted on: what failed is then the half of a save."""
        unsettled = self._watch.unsettled_for() if self.served else 0.0
        if unsettled:
            self._later(unsettled, Due("failed", child))
            return
        body = child.failure
        show = self._console.error if body["sentence"] else self._console.block
        show(body["text"])
        self._lending.take_back(child)
        if not self.served or self._settings.on_reload_error == "exit":
            self._stop(body["status"] if not self.served else 1)
            return
        self._console.error("The app could not be loaded; the browser shows why. Waiting for the fix.")
        self._answering.appoint(child.number)
        child.send({"type": messages.SERVE_FAILURE})

    def _on_ready(self, child: Child) -> None:
        self._lending.take_back(child)
        if child.state is State.LOADING:
            child.state = State.SERVING
        child.accepts = True
        child.send({"type": messages.ACCEPT})
        self._send_parked()
        if child.is_notice:
            return
        self._retire_notices()
        self._watch.load_finished()
        self._later(STANDBY_SECONDS, Due("standby"))
        load, self._load = self._load, None
        if load is None or child.state is State.FAILED:
            return
        self._last_load_seconds = time.monotonic() - load.started
        if load.first:
            self.served = True
            self._greet(self._loaded["name"], self._loaded["framework"], self._loaded["version"])
        else:
            self._console.reload(load.reason, self._last_load_seconds)
            self._explain(load)

    def _retire_notices(self) -> None:
        for other in self._children:
            if other.is_notice and other.state in (State.LOADING, State.SERVING):
                self._drain(other)

    def _park(self, data: str, descriptor: int) -> None:
        if descriptor == LOST:
            self._console.line("A connection was lost in the reload: too many files are open.")
            return
        self._parking.take_in(data, descriptor)
        self._send_parked()

    def _send_parked(self) -> None:
        """To the one that serves now, if there is one."""
        child = next((child for child in self._children if child.accepts), None)
        if child is not None:
            self._parking.give_to(child)

    def _tell_of_trust(self) -> None:
        """To those whose requests wait for that."""
        for child in self._children:
            if child.waits and self._answering.may_answer(child.number):
                child.waits = False
                child.send({"type": messages.FRESH})

    # How workers end.

    def _reap(self) -> None:
        for child, status in reap(self._children):
            self._gone(child, status)

    def _gone(self, child: Child, status: int) -> None:
        """A process has ended."""
        if child.reaped:
            return
        child.reaped = True
        child.accepts = False
        self._wires.read_rest(child)
        self._post(Ended(child, status))

    def _on_end(self, child: Child, status: int) -> None:
        if child.state is State.ENDED:
            return
        self._children.remove(child)
        stacks = read_crash_log(child)
        self._wires.disconnect(child)
        self._parking.take_back_from(child)
        state = child.state
        child.close()
        self._lending.after_end_of(child)
        if self._standby is child:
            self._standby = None
        if self._exit_status is not None:
            return
        if state is State.PAUSED:
            self._line.ended(child)
        elif state is State.DRAINING:
            self._on_predecessor_gone()
        elif child is self._waiting:
            self._waiting = None
            self._on_unexpected_end(
                State.LOADING if self._crashes.exceeded_at(time.monotonic()) else state, status, stacks
            )
        elif child is self._current:
            self._current = None
            if not child.heard:
                self._watch.keep_watching()
            self._on_unexpected_end(state, status, stacks)
        elif child.is_notice:
            self._console.error(describe_end(status, "showing what is wrong with the app"))

    def _on_predecessor_gone(self) -> None:
        if not self._predecessors():
            self._start_waiting()

    def _on_unexpected_end(self, state: State, status: int, stacks: str) -> None:
        if state is State.STANDBY:  # it had not begun, so nothing is wrong with the app
            self._begin_load(self._load.reason if self._load else "the app")
            return
        description = describe_end(status, "loading the app" if state is State.LOADING else "serving")
        self._console.error(description)
        if stacks:
            self._console.block(stacks)
        if state is State.LOADING and (not self.served or self._settings.on_reload_error == "exit"):
            self._stop(1)
        elif state is State.LOADING or self._crashes.exceeded_at(time.monotonic()):
            self._load = None
            self._serve_notice(death_report(description, stacks))
        else:
            self._begin_load("after the crash", ())

    # Changes.

    def _on_changed(self) -> None:
        changes = self._watch.take()
        if changes is None or self._exit_status is not None:
            return
        if changes.own_doing:
            self._console.line(
                f"{changes} is written by the app each time it is loaded: no reload for that any more."
            )
        else:
            self._answering.appoint_nobody()
            self._reload(str(changes), changes.dependencies)

    def _reload(self, reason: str, changed: Sequence[Dependency] | None = None) -> None:
        """Begins a load, unless a debugger has the terminal."""
        if self._exit_status is None and not self._lending.postpones(reason):
            self._begin_load(reason, changed)

    def _prompt_ended(self, child: Child) -> None:
        self._later(PROMPT_GAP_SECONDS, Due("prompt over", child))

    # Keys, time and the end.

    def _on_pressed(self, key: Key) -> None:
        if key is Key.RELOAD:
            self._reload("the app")
        elif key is Key.OPEN:
            self._open_browser()
        elif key is Key.QUIT:
            self._stop(0)

    def _on_due(self, what: str, child: Child | None) -> None:
        if what == "predecessor":
            self._start_waiting()
        elif what == "standby":
            self._prepare_standby()
        elif what == "retry":
            self._retry()
        elif what == "anew" and self._exit_status is None:
            self._begin_load("the app")
        elif child is not None and child.state is not State.ENDED:
            self._on_child_due(what, child)

    def _on_child_due(self, what: str, child: Child) -> None:
        if what == "drained" and self._lending.has(child):
            self._later(GRACE_SECONDS, Due("drained", child))
        elif what in ("drained", "stopped"):
            child.kill()
        elif what == "failed" and child is self._current:
            self._tell_of_failure(child)
        elif what == "mute":
            self._end_mute(child)
        elif what == "prompt over":
            self._lending.take_back_unless_prompting(child)
        elif what == "slow" and self._lending.has(child):
            self._later(SLOW_LOAD_SECONDS, Due("slow", child))
        elif what == "slow" and child is self._current and child.state is State.LOADING:
            if ask_for_stacks(child):
                self._later(0.1, Due("stacks", child))
        elif what == "stacks" and child is self._current and child.state is State.LOADING:
            self._tell_of_slow_load(child, read_crash_log(child))

    def _tell_of_slow_load(self, child: Child, stacks: str) -> None:
        seconds = time.monotonic() - (self._load.started if self._load else 0)
        description = f"The app has been loading for {seconds:.0f} s and has not finished."
        self._console.line(f"{description} It is here now:")
        self._console.block(stacks)
        if self.served and not any(other.is_notice for other in self._children):
            self._serve_notice(death_report(description, stacks))

    def _end_mute(self, child: Child) -> None:
        """A worker that has closed its channel can be neither asked nor ordered any more."""
        if child.reaped or (child.state in (State.DRAINING, State.STOPPING) and not child.is_copy):
            return
        if child.is_copy and (child.pid is None or child.state is not State.SERVING):
            self._gone(child, -signal.SIGKILL)  # whoever would report its end is gone itself
            return
        self._console.error(
            "The app has closed descriptors that are not its own (os.closerange?), so its process is ended."
        )
        child.kill()

    def _retry(self) -> None:
        if not self._refused or self._exit_status is not None:
            return
        self._begin_load("the app")
        if self._refused:
            self._later(RETRY_SECONDS, Due("retry"))

    def _prepare_standby(self) -> None:
        current = self._current
        busy = self._checkpoints or self._standby or self._waiting or self._exit_status is not None
        if not busy and current is not None and current.state in (State.SERVING, State.FAILED):
            with suppress(OSError):  # it will be told when the process is needed
                self._standby = self._spawn()

    def _on_signal(self, number: int) -> None:
        if number == signal.SIGCHLD:
            self._reap()
        elif number == signal.SIGCONT:
            self._terminal.look()
        elif number == signal.SIGHUP:
            self._reload("the app (SIGHUP)")
        elif self._exit_status is None:
            self._stop(0)
        elif number == signal.SIGINT:
            self._kill_all(130)

    def _stop(self, status: int) -> None:
        """Ends all workers, politely first."""
        if self._exit_status is not None:
            return
        self._exit_status = status
        for child in self._children:
            self._stop_child(child)
        self._post(Due("stopping"))

    def _stop_child(self, child: Child) -> None:
        if child.state in (State.DRAINING, State.PAUSED):
            child.kill()
        else:
            child.stop(STOP_GRACE_SECONDS)
        self._later(STOP_KILL_SECONDS, Due("stopped", child))

    def _kill_all(self, status: int) -> None:
        """Ends all workers at once."""
        self._exit_status = status
        for child in self._children:
            child.kill()

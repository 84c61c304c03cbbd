"""Starting from code: `pilotlight.run` in a main block, and unmodified scripts whose own run call is
answered by us.

With reload the script's process is replaced by a clean supervisor (same pid, none of the app in it), which
runs the script again as `__main__` in its workers. Must never run the app's code twice in one process.
"""

from __future__ import annotations

import atexit
import os
import signal
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal, NoReturn

from pilotlight.app.load import LoadedApp, adopt_app, load_app
from pilotlight.app.runcalls import RunCall, RunPolicy, current_policy, intercepting
from pilotlight.app.script import (
    ScriptTarget,
    detect_script,
    has_safe_path,
    run_as_main,
    script_for_file,
    starting_environment,
)
from pilotlight.console import Console
from pilotlight.errors import UserError
from pilotlight.launch.greeting import Greeting
from pilotlight.launch.interrupts import raise_as_usual
from pilotlight.launch.resume import replace_process
from pilotlight.launch.start import bind
from pilotlight.settings import Settings
from pilotlight.settings.options import OPTIONS
from pilotlight.settings.resolve import Resolved
from pilotlight.settings.sources import from_call
from pilotlight.worker.alone import Stop, show_failure
from pilotlight.worker.configuration import CONTEXT_OF_SCRIPT


def run_from_code(app: object, options: Mapping[str, Any]) -> None:
    """What `pilotlight.run` does, wherever it is called."""
    policy = current_policy()
    if policy is not None:
        _answer(policy, app, dict(options))
        return
    console = Console.for_process(quiet=False)
    try:
        _run(app, options, _Origin.of_process(), console)
    except UserError as error:
        _exit_with(error, console)


@dataclass(frozen=True, slots=True)
class _Origin:
    """How to run the script again as it was run first.

    Args:
        script: None if there is none.
        environment: the variables that the script found.
    """

    script: ScriptTarget | None
    environment: Mapping[str, str]

    @classmethod
    def of_process(cls) -> _Origin:
        """Of the script that is this process's own."""
        return cls(detect_script(), starting_environment())


def _answer(policy: RunPolicy, app: object, options: dict[str, Any]) -> None:
    """The call comes while a worker loads the app, or is the one that a script in a worker is run for."""
    frame = sys._getframe(1)
    while frame.f_back is not None and frame.f_globals.get("__name__", "").partition(".")[0] == "pilotlight":
        frame = frame.f_back
    file, line = frame.f_code.co_filename, frame.f_lineno
    if policy.on_run is None:
        policy.ignore("pilotlight.run()", file, line)
    else:
        policy.on_run(RunCall(app, options, OWN_CALL, file, line, in_loop=_loop_is_running()))


def run_unmodified(kind: Literal["file", "module"], name: str, arguments: Sequence[str]) -> int:
    """Runs a script as `__main__` in this process; its run call (`app.run()`, `uvicorn.run()`, ...) becomes
    ours."""
    if kind == "file":
        target = replace(script_for_file(name, tuple(arguments)), directory=os.getcwd())
    else:
        target = ScriptTarget("module", name, tuple(arguments), os.getcwd(), os.getcwd())
    origin = _Origin(target, dict(os.environ))
    console = Console.for_process(quiet=False)

    asked: list[RunCall] = []

    def serve(call: RunCall) -> None:
        asked.append(call)
        if call.ignored:
            console.warning(
                f"{call.source}() is answered by Pilotlight, where {_without_meaning(call.ignored)}."
            )
        try:
            options = call.options
            if call.source != OWN_CALL:  # which has the names of the options already
                options = {_KEYS[field]: value for field, value in options.items()}
            _run(call.app, options, origin, console)
        except UserError as error:
            _exit_with(error, console)

    try:
        raise_as_usual()
        with intercepting(serve):
            run_as_main(target)
        if not asked:
            console.line(
                f"{target.display} has ended and started no server. "
                f"To serve the app in it: `pilotlight run {name} --debug`."
            )
    except UserError:
        raise
    except Exception as error:  # noqa: BLE001 - whatever the script raises is shown, as the interpreter would
        show_failure(error, console)
        return 1
    return 0


_KEYS = {option.target: option.key for option in OPTIONS}
_CHILD_SECONDS = 2.0
OWN_CALL = "pilotlight.run"


def _without_meaning(names: Sequence[str]) -> str:
    *others, last = names
    return f"{', '.join(others)} and {last} have no meaning" if others else f"{last} has no meaning"


def _run(app: object, options: Mapping[str, Any], origin: _Origin, console: Console) -> None:
    named = {"app": app} if isinstance(app, str) else {}
    context = _context_in(options)
    if context is not None:
        options = {**options, "cert": None}
    resolved = from_call(**{**options, **named})
    console = Console.for_process(quiet=resolved.settings.quiet)
    _tell(resolved, console)
    settings = resolved.settings
    if context is not None:
        settings = replace(settings, cert=CONTEXT_OF_SCRIPT)
    if isinstance(app, str) and settings.app_dir is None and not has_safe_path():
        settings = replace(settings, app_dir=os.path.abspath(sys.path[0] or "."))
    if settings.reload:
        obstacle = _obstacle_to_reload(app, origin.script, context)
        if obstacle is None:
            _supervise(app, settings, origin)
        console.warning(f"Serving without the reloader: {obstacle}")
        settings = replace(settings, reload=False)
    name = origin.script.display if origin.script is not None else "app"
    _serve_here(app, name, settings, context, console)


def _context_in(options: Mapping[str, Any]) -> object:
    """The `ssl.SSLContext` among the options; None if the certificate is given otherwise, or not at all.

    Raises:
        UserError: it is neither a name nor a context.
    """
    cert = options.get("cert")
    if cert is None or isinstance(cert, str | os.PathLike):
        return None
    ssl = sys.modules.get("ssl")
    if ssl is None or not isinstance(cert, ssl.SSLContext):
        raise UserError(
            f"cert is a value of type {type(cert).__name__}, but must be 'adhoc', a file (key: its key), "
            "or an ssl.SSLContext."
        )
    return cert


def _obstacle_to_reload(app: object, script: ScriptTarget | None, context: object) -> str | None:
    """Why the script cannot be run again, as a sentence; None if it can."""
    if "ipykernel" in sys.modules:
        return "a notebook cannot be run again from its start."
    if threading.current_thread() is not threading.main_thread():
        return "run() was not called in the main thread."
    if _loop_is_running():
        return "run() was called inside a running event loop."
    if script is None:
        return "there is no script file that could be run again (an interactive session or standard input)."
    if context is not None and isinstance(app, str):
        return "an app that is given by name is loaded in another process, where cert must be a name too."
    if sys.gettrace() is not None or "pydevd" in sys.modules:
        return "a debugger or tracer follows this process, and would be lost."
    if not sys.executable:
        return "this Python does not know how to start another one."
    if sys.platform == "win32":
        return "it needs UNIX sockets between processes, which Windows lacks."
    return None


def _supervise(app: object, settings: Settings, origin: _Origin) -> NoReturn:
    """Never returns: this process becomes the supervisor."""
    # The supervisor must not inherit what this run of the script holds: it gets its end as at any other exit.
    _end_child_processes()
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            stream.flush()
    if isinstance(app, str):  # the script is not run again: what it has set is for the app
        replace_process(settings, {"kind": "app"}, "", os.environ)
    assert origin.script is not None
    target = {"kind": "script", "script": asdict(origin.script)}
    replace_process(settings, target, origin.script.directory, origin.environment)


def _end_child_processes() -> None:
    """Those of `multiprocessing`, which the script starts again; at an exit they would be waited for."""
    processes = sys.modules.get("multiprocessing.process")
    children = processes.active_children() if processes is not None else []
    for child in children:
        child.terminate()
    for child in children:
        child.join(_CHILD_SECONDS)
        if child.is_alive():
            child.kill()


def _serve_here(app: object, name: str, settings: Settings, context: object, console: Console) -> None:
    """Blocks until the server is stopped."""
    if not _loop_is_running():
        _serve(app, name, settings, context, console, Stop())
        return
    # A thread cannot run a second loop while the first one runs.
    stop = Stop()
    failures: list[BaseException] = []

    def serve() -> None:
        try:
            _serve(app, name, settings, context, console, stop)
        except BaseException as error:  # noqa: BLE001 - raised again in the caller's thread
            failures.append(error)

    thread = threading.Thread(target=serve, name="pilotlight", daemon=True)
    thread.start()
    with _signals_request(stop):
        thread.join()
    if failures:
        raise failures[0]


@contextmanager
def _signals_request(stop: Stop) -> Iterator[None]:
    """SIGINT and SIGTERM end the server in the other thread. Does nothing outside the main thread, which
    alone gets them."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {
        number: signal.signal(number, lambda *_: stop.request()) for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _serve(app: object, name: str, settings: Settings, context: object, console: Console, stop: Stop) -> None:
    from pilotlight.worker.alone import NO_CONSOLE, Alone

    bound, settings = bind(settings, console, in_code=True)
    try:
        os.environ.update(settings.app_environment(os.environ))
        loaded = _loaded(app, name, settings)
        alone = Alone(settings, console, bound.sockets, context, stop)
        greeting = Greeting(console, settings, bound.urls, no_console=NO_CONSOLE)
        status = alone.serve(
            loaded.application,
            lambda: greeting.show(loaded.name, loaded.framework, loaded.framework_version()),
        )
    finally:
        bound.close()
    if status != 0:
        sys.exit(status)


def _loaded(app: object, name: str, settings: Settings) -> LoadedApp:
    if isinstance(app, str):
        return load_app(app, app_dir=settings.app_dir, debug=settings.debug)
    return adopt_app(app, name=name, debug=settings.debug)


def _tell(resolved: Resolved, console: Console) -> None:
    for note in resolved.notes if not resolved.settings.quiet else ():
        console.line(note)
    for warning in resolved.warnings:
        console.warning(warning)


def _loop_is_running() -> bool:
    asyncio = sys.modules.get("asyncio")
    return asyncio is not None and asyncio._get_running_loop() is not None


def _exit_with(error: UserError, console: Console) -> NoReturn:
    console.error(error.message)
    sys.exit(error.status)

"""Starting from code: `pilotlight.run` in a main block, and unmodified scripts whose own run call is
answered by us.

With reload the script's process is replaced by a clean supervisor (same pid, none of the app in it), which
runs the script again as `__main__` in its workers. Must never run the app's code twice in one process.
"""

from __future__ import annotations

import atexit
import os
import sys
import threading
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any, Literal, NoReturn

from pilotlight.app.load import LoadedApp, adopt_app, load_app
from pilotlight.app.runcalls import RunCall, RunPolicy, current_policy, intercepting
from pilotlight.app.script import ScriptTarget, detect_script, run_as_main, script_for_file
from pilotlight.console import Console
from pilotlight.errors import UserError
from pilotlight.launch.greeting import Greeting
from pilotlight.launch.resume import replace_process
from pilotlight.launch.start import bind
from pilotlight.settings import Settings
from pilotlight.settings.options import OPTIONS
from pilotlight.settings.resolve import Resolved
from pilotlight.settings.sources import from_call
from pilotlight.worker.alone import show_failure
from pilotlight.worker.configuration import CONTEXT_OF_SCRIPT


def run_from_code(app: object, options: Mapping[str, Any]) -> None:
    """What `pilotlight.run` does, wherever it is called."""
    policy = current_policy()
    if policy is not None:
        _answer(policy, app, dict(options))
        return
    console = Console.for_process(quiet=False)
    try:
        _run(app, options, detect_script(), console)
    except UserError as error:
        _exit_with(error, console)


def _answer(policy: RunPolicy, app: object, options: dict[str, Any]) -> None:
    """The call comes while a worker loads the app, or is the one that a script in a worker is run for."""
    frame = sys._getframe(1)
    while frame.f_back is not None and frame.f_globals.get("__name__", "").partition(".")[0] == "pilotlight":
        frame = frame.f_back
    file, line = frame.f_code.co_filename, frame.f_lineno
    if policy.on_run is None:
        policy.ignore("pilotlight.run()", file, line)
    else:
        policy.on_run(RunCall(app, options, "pilotlight.run", file, line, in_loop=_loop_is_running()))


def run_unmodified(kind: Literal["file", "module"], name: str, arguments: Sequence[str]) -> int:
    """Runs a script as `__main__` in this process; its run call (`app.run()`, `uvicorn.run()`, ...) becomes
    ours."""
    if kind == "file":
        target = script_for_file(name, tuple(arguments))
    else:
        target = ScriptTarget("module", name, tuple(arguments), os.getcwd())
    console = Console.for_process(quiet=False)

    def serve(call: RunCall) -> None:
        if call.ignored:
            console.warning(
                f"{call.source}() is answered by Pilotlight, where {_listed(call.ignored)} has no meaning."
            )
        try:
            _run(call.app, {_KEYS[field]: value for field, value in call.options.items()}, target, console)
        except UserError as error:
            _exit_with(error, console)

    try:
        with intercepting(serve):
            run_as_main(target)
    except UserError:
        raise
    except Exception as error:  # noqa: BLE001 - whatever the script raises is shown, as the interpreter would
        show_failure(error, console)
        return 1
    return 0


_KEYS = {option.target: option.key for option in OPTIONS}


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names)


def _run(app: object, options: Mapping[str, Any], script: ScriptTarget | None, console: Console) -> None:
    named = {"app": app} if isinstance(app, str) else {}
    context = options.get("cert")
    if context is not None and not isinstance(context, str | os.PathLike):
        options = {**options, "cert": None}
    else:
        context = None
    resolved = from_call(**{**options, **named})
    console = Console.for_process(quiet=resolved.settings.quiet)
    _tell(resolved, console)
    settings = resolved.settings
    if context is not None:
        settings = replace(settings, cert=CONTEXT_OF_SCRIPT)
    if isinstance(app, str) and settings.app_dir is None:
        settings = replace(settings, app_dir=os.path.abspath(sys.path[0] or "."))
    if settings.reload:
        obstacle = _obstacle_to_reload(script)
        if obstacle is None:
            _supervise(app, settings, script)
        console.warning(f"Serving without the reloader: {obstacle}")
        settings = replace(settings, reload=False)
    _serve_here(app, settings, context, console)


def _obstacle_to_reload(script: ScriptTarget | None) -> str | None:
    """Why the script cannot be run again, as the end of a sentence; None if it can."""
    if "ipykernel" in sys.modules:
        return "a notebook cannot be run again from its start."
    if threading.current_thread() is not threading.main_thread():
        return "run() was not called in the main thread."
    if _loop_is_running():
        return "run() was called inside a running event loop."
    if script is None:
        return "there is no script file that could be run again (an interactive session or standard input)."
    if sys.platform == "win32":
        return "it needs UNIX sockets between processes, which Windows lacks."
    return None


def _supervise(app: object, settings: Settings, script: ScriptTarget | None) -> NoReturn:
    """Never returns: this process becomes the supervisor."""
    target: dict[str, Any] = {"kind": "app"}
    if not isinstance(app, str):
        assert script is not None
        target = {"kind": "script", "script": asdict(script)}
    # The supervisor must not inherit what this run of the script holds: it gets its end as at any other exit.
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            stream.flush()
    replace_process(settings, target)


def _serve_here(app: object, settings: Settings, context: object, console: Console) -> None:
    """Blocks until the server is stopped."""
    if _loop_is_running():
        thread = threading.Thread(
            target=_serve, args=(app, settings, context, console), name="pilotlight", daemon=True
        )
        thread.start()
        thread.join()
    else:
        _serve(app, settings, context, console)


def _serve(app: object, settings: Settings, context: object, console: Console) -> None:
    from pilotlight.worker.alone import Alone

    bound, settings = bind(settings, console)
    try:
        alone = Alone(settings, console, bound.sockets, context)
        alone.apply_environment()
        loaded = _loaded(app, settings)
        greeting = Greeting(console, settings, bound.urls)
        status = alone.serve(
            loaded.application,
            lambda: greeting.show(loaded.name, loaded.framework, loaded.framework_version),
        )
    finally:
        bound.close()
    if status != 0:
        sys.exit(status)


def _loaded(app: object, settings: Settings) -> LoadedApp:
    if isinstance(app, str):
        return load_app(app, app_dir=settings.app_dir, debug=settings.debug)
    return adopt_app(app, debug=settings.debug)


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

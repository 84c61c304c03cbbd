"""Starting from code: `pilotlight.run` in a main block, and unmodified scripts whose own run call is answered by us.

With reload the script's process is replaced by a clean supervisor (same pid, none of the app in it), which runs the script
again as `__main__` in its workers. Must never run the app's code twice in one process.
"""

from __future__ import annotations

import atexit
import os
import sys
import threading
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, NoReturn

from pilotlight.app.load import LoadedApp, load_app, load_object
from pilotlight.app.runcalls import RunCall, current_policy, intercepting
from pilotlight.app.script import ScriptTarget, detect_script, script_from_arguments, run_as_main
from pilotlight.console import Console
from pilotlight.errors import UserError
from pilotlight.launch.resume import replace_process
from pilotlight.launch.greeting import Greeting
from pilotlight.launch.start import bind, tell
from pilotlight.settings.resolve import Resolved
from pilotlight.settings.sources import from_call


def run_from_code(app: object, options: Mapping[str, Any]) -> None:
    """What `pilotlight.run` does, wherever it is called."""
    policy = current_policy()
    if policy is not None:
        policy.answer("pilotlight.run", app, dict(options))
        return
    console = Console.for_process(quiet=False)
    try:
        _run(app, options, detect_script(), console)
    except UserError as error:
        _exit_with(error, console)


def run_unmodified(arguments: Sequence[str]) -> int:
    """Runs a script as `__main__` in this process; its run call (`app.run()`, `uvicorn.run()`, ...) becomes ours."""
    target = script_from_arguments(arguments)
    console = Console.for_process(quiet=False)

    def serve(call: RunCall) -> None:
        for warning in call.warnings:
            console.warning(warning)
        try:
            _run(call.app, call.options, target, console)
        except UserError as error:
            _exit_with(error, console)

    with intercepting(serve):
        run_as_main(target)
    return 0


def _run(app: object, options: Mapping[str, Any], script: ScriptTarget | None, console: Console) -> None:
    named = {"app": app} if isinstance(app, str) else {}
    resolved = from_call(**{**options, **named})
    console = Console.for_process(quiet=resolved.settings.quiet)
    tell(resolved, console)
    settings = resolved.settings
    if isinstance(app, str) and settings.app_dir is None:
        settings = replace(settings, app_dir=os.path.abspath(sys.path[0] or "."))
    if settings.reload:
        obstacle = _obstacle_to_reload(script)
        if obstacle is None:
            _supervise(app, replace_settings(resolved, settings), script, console)
        console.warning(f"Serving without the reloader: {obstacle}")
        settings = replace(settings, reload=False)
    _serve_here(app, replace_settings(resolved, settings), console)


def replace_settings(resolved: Resolved, settings: Any) -> Resolved:
    """The same resolution with other settings."""
    return replace(resolved, settings=settings)


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


def _supervise(app: object, resolved: Resolved, script: ScriptTarget | None, console: Console) -> NoReturn:
    """Never returns: this process becomes the supervisor."""
    target: dict[str, Any] = {"kind": "app"}
    if not isinstance(app, str):
        assert script is not None
        target = {"kind": "script", "script": script.to_json()}
    # The supervisor must not inherit what this run of the script holds: it gets its end as at any other exit.
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            stream.flush()
    replace_process(resolved.settings, target)


def _serve_here(app: object, resolved: Resolved, console: Console) -> None:
    """Blocks until the server is stopped."""
    if _loop_is_running():
        thread = threading.Thread(target=_serve, args=(app, resolved, console), name="pilotlight", daemon=True)
        thread.start()
        thread.join()
    else:
        _serve(app, resolved, console)


def _serve(app: object, resolved: Resolved, console: Console) -> None:
    from pilotlight.worker.alone import Alone

    settings = resolved.settings
    bound, settings = bind(settings, console)
    try:
        alone = Alone(settings, console, bound.sockets)
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


def _loaded(app: object, settings: Any) -> LoadedApp:
    if isinstance(app, str):
        return load_app(app, app_dir=settings.app_dir, debug=settings.debug)
    return load_object(app, debug=settings.debug)


def _loop_is_running() -> bool:
    asyncio = sys.modules.get("asyncio")
    return asyncio is not None and asyncio._get_running_loop() is not None


def _exit_with(error: UserError, console: Console) -> NoReturn:
    console.error(error.message)
    sys.exit(error.status)

"""The command line: what was typed in, settings (or a script) out. Must never import the app.

The first word decides: an option or `run` leads to the command, a `.py` file or `-m` to a script that is
run as `__main__`, anything else is an app to serve.
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from dataclasses import dataclass

from pilotlight.console import Console
from pilotlight.errors import UserError
from pilotlight.launch.early import is_script

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any, NoReturn

    import click

    from pilotlight.launch.early import EarlyWorker

_FRAMEWORKS = ("Flask", "Werkzeug", "Quart", "Django", "FastAPI", "Starlette", "Litestar", "Falcon", "Bottle")

_HELP = """A development server for Python web apps: saves are live at once, errors are shown in the browser.

\b
  pilotlight run hello.py --debug     serve the app in hello.py, with reload
  pilotlight hello.py                 run the script; its own app.run() uses this server
  pilotlight unlock                   print a link that lets a browser use the debugger
  pilotlight run --help               all options
"""


@dataclass(frozen=True, slots=True)
class Script:
    """A script to run as `__main__`.

    Args:
        path: the file.
        arguments: what follows it on the command line.
    """

    path: str
    arguments: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Module:
    """A module to run as `__main__`, as `python -m` does."""

    name: str
    arguments: tuple[str, ...]


def main(arguments: Sequence[str] | None = None, early: EarlyWorker | None = None) -> NoReturn:
    """The `pilotlight` command. Ends the process with its status: 2 for wrong usage.

    Args:
        arguments: without the name of the command; None takes those of this process.
        early: a worker that may have been started in advance.
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    console = Console.for_process()
    try:
        status = _run(words, console, early)
    except UserError as error:
        console.error(error.message)
        status = error.status
    except KeyboardInterrupt:
        status = 130
    sys.exit(status)


def script_of(words: Sequence[str]) -> Script | Module | None:
    """The script that a command line asks for; None when it asks for something else. Needs no option parser.

    Raises:
        UserError: `-m` without a name.
    """
    if not words:
        return None
    first, *rest = words
    if first == "-m":
        if not rest:
            raise UserError("-m needs the name of a module to run.")
        return Module(rest[0], tuple(rest[1:]))
    if first.startswith("-m") and not first.startswith("--"):
        return Module(first[2:], tuple(rest))
    if is_script(first):
        return Script(first, tuple(rest))
    return None


def _run(words: list[str], console: Console, early: EarlyWorker | None) -> int:
    if words[:1] == ["unlock"]:
        from pilotlight import unlock_command

        return unlock_command.run(words[1:], console)
    script = script_of(words)
    if script is None:
        return _command(words, console, early)
    from pilotlight import launch

    if isinstance(script, Module):
        return launch.run_module(script.name, script.arguments) or 0
    if not os.path.isfile(script.path):
        raise UserError(f"There is no file {script.path}.")
    return launch.run_script(script.path, script.arguments) or 0


def _command(words: list[str], console: Console, early: EarlyWorker | None) -> int:
    import click

    from pilotlight import command
    from pilotlight.settings.sources import from_command_line

    try:
        outer, inner = _parse(words)
    except click.exceptions.Exit as end:
        return end.exit_code
    except BrokenPipeError:
        _drop_standard_output()
        return 1
    except click.ClickException as error:
        return command.fail(error, console)
    resolved = from_command_line(command.merge(outer, inner))
    return command.start(resolved, Console.for_process(quiet=resolved.settings.quiet), early)


def _parse(words: list[str]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The values before and after the command `run`, which may be left out."""
    import click

    from pilotlight import command

    outer = click.Command(
        "pilotlight",
        params=[*command.parameters(hidden=True), _version_option()],
        help=_HELP,
        epilog="The options of run may also stand before it, and run itself may be left out.",
        options_metavar="[OPTIONS] [run] [APP]",
        context_settings={"allow_extra_args": True, "allow_interspersed_args": False},
    )
    if not words:
        click.echo(outer.get_help(click.Context(outer, info_name="pilotlight")))
        raise click.exceptions.Exit(0)
    context = outer.make_context("pilotlight", words)
    rest = context.args
    if rest and is_script(rest[0]):
        raise UserError(
            f"Options before a script have no effect, since {rest[0]} chooses its own: to serve the "
            f"app in it with these options, use `pilotlight run {rest[0]}`."
        )
    if rest and rest[0] == "run":
        del rest[0]
    run = command.OptionsCommand("run", params=command.run_parameters(), help=command.RUN_HELP)
    inner = run.make_context("run", rest, parent=context, allow_extra_args=True)
    if inner.args:
        raise UserError(
            f"Only one app can be served, but {inner.params['target']!r} and {inner.args[0]!r} were given; "
            "the commands are `run` and `unlock`."
        )
    return context.params, inner.params


def _drop_standard_output() -> None:
    """Its reader has gone (`--help | head -1`): what is still buffered must not fail once more at the end."""
    with suppress(BrokenPipeError):
        sys.stdout.close()


def _version_option() -> click.Option:
    import click

    def show(context: click.Context, _: click.Parameter, wanted: bool) -> None:
        if wanted:
            click.echo(versions())
            context.exit()

    return click.Option(
        ["--version"],
        is_flag=True,
        is_eager=True,
        expose_value=False,
        callback=show,
        help="Show the versions of Pilotlight, Python and the frameworks that are installed.",
    )


def versions() -> str:
    """One line each: Pilotlight, Python, and the frameworks found, without importing them."""
    import platform

    from pilotlight import __version__

    lines = [f"Pilotlight {__version__}", f"{platform.python_implementation()} {platform.python_version()}"]
    installed = {name: _version_of(name) for name in _FRAMEWORKS}
    return "\n".join([*lines, *(f"{name} {version}" for name, version in installed.items() if version)])


def _version_of(distribution: str) -> str | None:
    from importlib import metadata

    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None

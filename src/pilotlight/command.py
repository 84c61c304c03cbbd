"""The table of options as parameters of a click command, shared by our own command line and Flask's.

click only splits the command line and lays out the help: every value is read and checked by `settings`, so
that a mistake has the same message wherever it was made.
"""

from __future__ import annotations

import click

from pilotlight.errors import UserError
from pilotlight.settings.options import BASIC, MORE, OPTIONS, Option

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from pilotlight.console import Console
    from pilotlight.launch.early import EarlyWorker
    from pilotlight.settings.resolve import Resolved

RUN_HELP = """Serve an app and show it in the browser.

\b
  pilotlight run hello.py --debug     the app in hello.py, with reload
  pilotlight run hello:create_app     what the factory in hello returns
  pilotlight run                      the app in wsgi.py, app.py, main.py, ...

This server is for development only; to deploy, use Gunicorn, Uvicorn or another server.
"""


def parameters(*, hidden: bool = False) -> list[click.Parameter]:
    """Every option of the table as a click option.

    Args:
        hidden: accepted, but not shown in the help.
    """
    return [_parameter(option, hidden) for option in OPTIONS]


def run_parameters() -> list[click.Parameter]:
    """What `run` takes: every option, and the app as an argument."""
    return [*parameters(), click.Argument(["target"], required=False, metavar="[APP]")]


def format_options(command: click.Command, ctx: click.Context, formatter: click.HelpFormatter) -> None:
    """The options for the help: what a newcomer needs first, the rest after it."""
    groups: dict[str, list[tuple[str, str]]] = {BASIC: [], MORE: []}
    group_of = {option.key: option.group for option in OPTIONS}
    for parameter in command.get_params(ctx):
        record = None if isinstance(parameter, click.Argument) else parameter.get_help_record(ctx)
        if record is not None:
            groups[group_of.get(parameter.name or "", MORE)].append(record)
    for title, records in groups.items():
        with formatter.section(title):
            formatter.write_dl(records, col_max=26)


class OptionsCommand(click.Command):
    """A command whose help shows the options in groups."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """See the function of this name."""
        format_options(self, ctx, formatter)


def merge(outer: dict[str, Any], inner: dict[str, Any]) -> dict[str, Any]:
    """The values given before and after `run`, by option key; the later wins, lists are joined.

    Raises:
        UserError: the app was named twice, differently.
    """
    values = {option.key: _later(option, outer.get(option.key), inner.get(option.key)) for option in OPTIONS}
    named = [app for app in (outer.get("app"), inner.get("app"), inner.get("target")) if app is not None]
    if len(set(named)) > 1:
        raise UserError(
            f"The app is named twice, as {named[0]!r} and as {named[-1]!r}: use --app or the argument."
        )
    values["app"] = named[0] if named else None
    return values


def start(resolved: Resolved, console: Console, early: EarlyWorker | None = None) -> int:
    """Say what there is to say about the settings, then serve until the user ends it.

    Args:
        early: a worker that may have been started in advance.

    Returns:
        The exit status.
    """
    from pilotlight import launch

    for warning in resolved.warnings:
        console.warning(warning)
    if not resolved.settings.quiet:
        for note in resolved.notes:
            console.line(note)
    return launch.start(resolved.settings, early) or 0


def fail(error: UserError | click.ClickException, console: Console) -> int:
    """Show an error of the user without traceback.

    Returns:
        The exit status.
    """
    if isinstance(error, UserError):
        console.error(error.message)
        return error.status
    message = error.format_message()
    if isinstance(error, click.BadOptionUsage) and error.option_name == "-h":
        message = "-h is short for --host and needs an address; for help there is --help."
    console.error(message)
    return error.exit_code


def _later(option: Option, first: Any, second: Any) -> Any:
    if option.is_list:
        return [*(first or ()), *(second or ())]
    return first if second is None else second


def _parameter(option: Option, hidden: bool) -> click.Option:
    kind: dict[str, Any] = {}
    if option.kind == "switch":
        kind = {"is_flag": True}
    elif option.is_list:
        kind = {"type": str, "multiple": True, "metavar": option.metavar}
    else:
        kind = {"type": str, "metavar": option.metavar}
    # The environment is read by `settings`, in its own order.
    return click.Option(
        [*option.flags, option.key],
        help=option.help,
        default=None,
        allow_from_autoenv=False,
        hidden=hidden,
        **kind,
    )

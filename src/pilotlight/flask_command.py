"""`flask run` as this server: the command that the entry point group `flask.commands` offers to Flask.

Every `flask` command imports this module, so it imports nothing but click, which Flask has imported
already; the options come when `run` itself is asked for. Must never load the app: that is the worker's task.
"""

from __future__ import annotations

import os
import sys

import click

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from pilotlight.settings.resolve import Source


class RunCommand(click.Command):
    """The `run` command. Its parameters are made on first use."""

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        """The options of the table, as in our own command."""
        if not self.params:
            from pilotlight.command import RUN_HELP, run_parameters

            self.params = run_parameters()
            self.help = RUN_HELP.replace("pilotlight run ", "flask run ")
        return super().get_params(ctx)

    def format_help(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The help, which needs the parameters first."""
        self.get_params(ctx)
        super().format_help(ctx, formatter)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Grouped, as in our own command."""
        from pilotlight.command import format_options

        format_options(self, ctx, formatter)

    def invoke(self, ctx: click.Context) -> Any:
        """Serve until the user ends it, and end the command with the server's status."""
        ctx.exit(serve(ctx))


def serve(ctx: click.Context) -> int:
    """Resolve the settings from Flask's group options, the environment and our own options, and start.

    Args:
        ctx: the context of `run`; its object is Flask's `ScriptInfo`.

    Returns:
        The exit status.
    """
    from pilotlight import command
    from pilotlight.console import Console
    from pilotlight.errors import UserError

    console = Console.for_process()
    try:
        resolved = _resolve(ctx)
        return command.start(resolved, Console.for_process(quiet=resolved.settings.quiet))
    except UserError as error:
        return command.fail(error, console)


def app_of_factory(create_app: Any) -> str:
    """The import string for the function of a `FlaskGroup(create_app=...)`.

    Raises:
        UserError: it is not a function of a module, so no other process can find it.
    """
    from pilotlight.errors import UserError

    name = getattr(create_app, "__qualname__", "")
    module = getattr(create_app, "__module__", None)
    if (
        not name.isidentifier()
        or module is None
        or getattr(sys.modules.get(module), name, None) is not create_app
    ):
        raise UserError(
            "The create_app of this command's FlaskGroup is not a function at the top level of a module, so "
            "it cannot be loaded again after a change; PILOTLIGHT_FLASK=0 runs Flask's own server."
        )
    if module == "__main__":
        return f"{os.path.abspath(sys.modules[module].__file__ or '')}:{name}()"
    return f"{module}:{name}()"


def _resolve(ctx: click.Context) -> Any:
    from pilotlight.command import merge
    from pilotlight.settings.resolve import command_line
    from pilotlight.settings.sources import (
        gather,
        read_environment_files,
        skips_environment_files,
        without_files,
    )

    outer = _group_values(ctx)
    first = command_line(merge(outer, ctx.params), os.getcwd())
    load_defaults = getattr(ctx.obj, "load_dotenv_defaults", True) and not skips_environment_files(os.environ)
    env_file = outer.get("env_file")
    files = read_environment_files(first.base, _existing(first, env_file), defaults=load_defaults)
    real = without_files(os.environ, files)
    resolved = gather(first, real)
    # Flask has put the values of the files into this process. A worker gets them from `settings`, as they are
    # when it starts; here they would outlive their line in the file.
    for name in os.environ.keys() - real.keys():
        del os.environ[name]
    return resolved


def _existing(first: Source, env_file: str | None) -> str | None:
    if env_file is None:
        return None
    path = os.path.join(first.base, env_file)
    return path if os.path.isfile(path) else None


def _group_values(ctx: click.Context) -> dict[str, Any]:
    """What was given to Flask's own options before `run`, by option key. What came from the environment is
    left to `settings`, which knows the order of the sources.
    """
    info, parent = ctx.obj, ctx.parent
    values: dict[str, Any] = {}
    if getattr(info, "create_app", None) is not None:
        values["app"] = app_of_factory(info.create_app)
    if parent is None:
        return values
    if "app" not in values and _was_typed(parent, "app"):
        values["app"] = info.app_import_path
    if _was_typed(parent, "debug"):
        values["debug"] = os.environ.get("FLASK_DEBUG") == "1"
    if _was_typed(parent, "env_file"):
        values["env_file"] = _typed_env_file(parent)
    return values


def _was_typed(ctx: click.Context, name: str) -> bool:
    return ctx.get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE


def _typed_env_file(ctx: click.Context) -> str | None:
    """The value of `-e` before `run`. Flask does not keep it: its parser splits the command line again."""
    try:
        values, _, _ = ctx.command.make_parser(ctx).parse_args(sys.argv[1:])
    except click.ClickException:
        # Not the command line of this context (a test runner's, a group inside another command): Flask has
        # read the file, only a later change of it cannot be noticed.
        return None
    value = values.get("env_file")
    return value if isinstance(value, str) else None


def _command() -> click.Command:
    if os.environ.get("PILOTLIGHT_FLASK", "").lower() in ("0", "false", "no", "off"):
        from flask.cli import run_command as flasks_own

        return flasks_own  # type: ignore[no-any-return]
    return RunCommand("run", short_help="Run the development server of Pilotlight.")


run_command = _command()
"""What the entry point gives to Flask: our command, or with `PILOTLIGHT_FLASK=0` Flask's own."""

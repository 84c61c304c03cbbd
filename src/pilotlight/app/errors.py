"""What can go wrong between `--app` and a callable that can be served: a class for each case.

Must never be raised for an exception that the user's own code raised: that one propagates as itself.
"""

from __future__ import annotations

from collections.abc import Sequence

from pilotlight.errors import UserError


def command(app: str) -> str:
    """The command line that serves `app`, quoted for a shell."""
    import shlex

    return f"pilotlight --app {shlex.quote(app)} run"


def listed(names: Sequence[str]) -> str:
    """`a`, `b` and `c`, for a sentence."""
    quoted = [f"`{name}`" for name in names]
    if len(quoted) < 2:
        return "".join(quoted)
    return f"{', '.join(quoted[:-1])} and {quoted[-1]}"


def did_you_mean(name: str, known: Sequence[str]) -> str | None:
    """The known name that `name` is most likely a misspelling of."""
    import difflib

    close = difflib.get_close_matches(name, known, n=1, cutoff=0.7)
    return close[0] if close else None


class AppError(UserError):
    """The app could not be found or is nothing that can be served.

    Args:
        message: one or two sentences.
        looked_at: absolute paths that were looked at and were not there; creating one may be the fix.
    """

    def __init__(self, message: str, *, looked_at: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.looked_at = tuple(looked_at)


class InvalidTarget(AppError):
    """`--app` does not have one of the forms that are understood."""

    def __init__(self, text: str, why: str) -> None:
        super().__init__(
            f"--app {text!r} cannot be understood: {why}. "
            'Use a form like `hello`, `hello:app`, `hello:create_app("dev", debug=True)` '
            "or `path/to/hello.py`."
        )


class NothingToServe(AppError):
    """No `--app`, and none of the well-known files."""

    def __init__(
        self, directory: str, tried: Sequence[str], looked_at: Sequence[str], suggestion: str | None
    ) -> None:
        example = suggestion or "hello"
        super().__init__(
            f"There is no app to serve: none of {listed(tried)} is in {directory}. "
            f"Name your app: `{command(example)}`.",
            looked_at=looked_at,
        )


class ModuleMissing(AppError):
    """No module of that name can be imported."""

    def __init__(self, module: str, directory: str, suggestion: str | None, looked_at: Sequence[str]) -> None:
        hint = (
            f"Did you mean `{command(suggestion)}`?"
            if suggestion
            else "Is it another directory? See --app-dir."
        )
        super().__init__(
            f"There is no module `{module}`, neither in {directory} nor installed. {hint}",
            looked_at=looked_at,
        )


class FileMissing(AppError):
    """The path does not exist."""

    def __init__(self, path: str, suggestion: str | None) -> None:
        hint = f" Did you mean `{command(suggestion)}`?" if suggestion else " Check the path given to --app."
        super().__init__(f"There is no file or directory {path}.{hint}", looked_at=(path,))


class NotImportable(AppError):
    """The path exists, but Python could not import it."""

    def __init__(self, path: str, why: str) -> None:
        super().__init__(f"{path} cannot be imported: {why}.")


class ModuleShadowed(AppError):
    """Another module has the same name."""

    def __init__(self, module: str, wanted: str, found: str) -> None:
        super().__init__(
            f"`{module}` is meant to be {wanted}, but Python finds another module of that name first: "
            f"{found}. Rename your file."
        )


class AppNotInOtherModule(AppError):
    """The name was found, but far from the user's directory, and has no app."""

    def __init__(self, module: str, found: str, directory: str, looked_at: Sequence[str]) -> None:
        super().__init__(
            f"There is no app in `{module}`: there is no such module in {directory}, "
            f"so Python found another one: {found}. Check the name, or say where yours is with --app-dir.",
            looked_at=looked_at,
        )


class AttributeMissing(AppError):
    """The module has no such attribute."""

    def __init__(self, where: str, attribute: str, suggestion: str | None) -> None:
        hint = (
            f"Did you mean `{command(suggestion)}`?"
            if suggestion
            else f"Check the name after the colon in {where}."
        )
        super().__init__(f"There is no `{attribute}` in {where}. {hint}")


class NoAppFound(AppError):
    """The module was imported, and holds no app."""

    def __init__(self, where: str, suggestion: str | None, rejected: str | None) -> None:
        reason = f" ({rejected})" if rejected else ""
        hint = (
            f"Did you mean `{command(suggestion)}`?"
            if suggestion
            else "Name it: `pilotlight --app module:name run`."
        )
        super().__init__(
            f"There is no app in {where}: looked for `app`, `application`, an instance of a known framework, "
            f"`create_app` and `make_app`{reason}. {hint}"
        )


class SeveralApps(AppError):
    """More than one app, and none has a name that decides."""

    def __init__(self, where: str, label: str, names: Sequence[str]) -> None:
        super().__init__(
            f"There are several apps in {where}: {listed(names)}. "
            f"Say which one: `{command(f'{label}:{names[0]}')}`."
        )


class FactoryArguments(AppError):
    """A factory cannot be called with what it was given.

    Args:
        typed: the call that the user wrote; None if there was none.
    """

    def __init__(self, where: str, signature: str, why: str, example: str, typed: str | None) -> None:
        if typed is None:
            what = f"`{where}{signature}` cannot be called: {why}. Give its arguments"
        else:
            what = f"`{typed}` does not fit `{where}{signature}`: {why}. Use"
        super().__init__(f"{what}: `{command(example)}`.")


class NotAFactory(AppError):
    """Something was to be called that cannot be."""

    def __init__(self, where: str, kind: str, example: str) -> None:
        super().__init__(
            f"`{where}` is not a factory but {kind}. Leave out the parentheses: `{command(example)}`."
        )


class AsyncFactory(AppError):
    """A factory that is a coroutine function."""

    def __init__(self, where: str) -> None:
        super().__init__(
            f"`{where}` is an `async def` factory, and an app is loaded before there is an event loop. "
            "Make it a plain `def`, and do what has to be awaited in the app's lifespan or start-up handler."
        )


class FactoryResult(AppError):
    """A factory returned something that is no app."""

    def __init__(self, where: str, result: object) -> None:
        if result is None:
            message = f"`{where}` returned None instead of an app. Is a `return app` missing at its end?"
        else:
            message = f"`{where}` returned {a_kind_of(result)}, which is neither a WSGI nor an ASGI app."
        super().__init__(message)


class NotAnApp(AppError):
    """Neither WSGI nor ASGI, by its signature."""

    def __init__(self, where: str, why: str) -> None:
        super().__init__(f"`{where}` cannot be served: {why}.")


class Asgi2App(AppError):
    """A double callable of the time before ASGI 3."""

    def __init__(self, where: str) -> None:
        super().__init__(
            f"`{where}` is an ASGI 2 app (called with the scope alone), which is not supported. "
            "Make it ASGI 3, `async def app(scope, receive, send)`, "
            "or wrap it with `asgiref.compatibility.guarantee_single_callable`."
        )


class UnsupportedFramework(AppError):
    """A framework that speaks neither WSGI nor ASGI."""

    def __init__(self, where: str, framework: str, advice: str) -> None:
        super().__init__(f"`{where}` is an app of {framework}, which is neither WSGI nor ASGI. {advice}")


class DjangoProjectError(AppError):
    """A Django project that cannot be started as it is."""


def a_kind_of(value: object) -> str:
    """What a value is, without asking the value itself."""
    if isinstance(value, type):
        return f"the class `{value.__name__}`"
    return f"an object of type `{type(value).__name__}`"

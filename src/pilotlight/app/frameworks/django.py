"""Django's handlers: `mysite.wsgi:application`, `mysite.asgi:application`, and the router of Channels."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Any, cast

from pilotlight.app.django import completed
from pilotlight.server.application import Application

from . import Note, is_instance

NAME = "Django"
DISTRIBUTION = "django"


def is_app(candidate: object) -> bool:
    """Whether it is a handler of Django, or the router of Channels in front of one."""
    return is_instance(candidate, "django.core.handlers.wsgi", "WSGIHandler") or _is_asgi(candidate)


def application(candidate: object, where: str, debug: bool | None) -> Application:
    """The handler with static files in front and its views loaded. `DEBUG` is for the settings to say."""
    return completed(Application("asgi" if _is_asgi(candidate) else "wsgi", cast(Any, candidate)))


def _is_asgi(candidate: object) -> bool:
    return is_instance(candidate, "django.core.handlers.asgi", "ASGIHandler") or is_instance(
        candidate, "channels.routing", "ProtocolTypeRouter"
    )


def console_names(app: Any) -> dict[str, Any]:
    """As `manage.py shell` has them (from Django 5.2 on, also a project's own choice; the models before), and
    the settings."""
    names: dict[str, Any] = {"settings": import_module("django.conf").settings}
    apps = import_module("django.apps").apps
    if not apps.models_ready:
        return names
    management = import_module("django.core.management")
    provider = management.get_commands()["shell"]
    shell = provider if not isinstance(provider, str) else management.load_command_class(provider, "shell")
    if hasattr(shell, "get_namespace"):
        return {**names, **shell.get_namespace(verbosity=0)}
    return {**names, **{each.__name__: each for each in reversed(apps.get_models())}}


def let_errors_out(app: Any, note: Note) -> None:
    """Django's own switch for that, where its page for developers would be shown; `handler500` of a project
    stays."""
    settings = import_module("django.conf").settings
    if settings.DEBUG:
        settings.DEBUG_PROPAGATE_EXCEPTIONS = True
        return

    def noted(**_: object) -> None:
        error = sys.exc_info()[1]
        if error is not None:
            note(error)

    import_module("django.core.signals").got_request_exception.connect(noted, weak=False)

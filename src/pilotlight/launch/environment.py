"""The variables that a worker gets on top of the supervisor's own environment, as the `.env` files are
now."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace

from pilotlight.settings import Settings
from pilotlight.settings.sources import read_environment_files, skips_environment_files


class EnvironmentOverlay:
    """Re-reads the `.env` files before each load, so that an edit to them takes effect.

    Args:
        warn: told of lines without effect; not of those of the first load, which are the settings' own.
    """

    def __init__(self, settings: Settings, warn: Callable[[str], None]) -> None:
        self._settings = settings
        self._warn = warn
        self._known: tuple[str, ...] | None = None

    def now(self) -> dict[str, str | None]:
        """What to set, by name. The supervisor's own environment is the real one, and wins."""
        real = dict(os.environ)
        files = read_environment_files(
            os.getcwd(), self._settings.env_file, defaults=not skips_environment_files(real)
        )
        self._tell_news(files.warnings)
        added = {name: value for name, value in files.values.items() if name not in real}
        current = replace(self._settings, environment=tuple(sorted(added.items())))
        wanted = current.app_environment(real)
        return {name: value for name, value in wanted.items() if real.get(name) != value}

    def _tell_news(self, warnings: tuple[str, ...]) -> None:
        known = warnings if self._known is None else self._known
        for warning in warnings:
            if warning not in known:
                self._warn(warning)
        self._known = warnings

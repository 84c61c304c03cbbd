"""The variables that a worker gets on top of the supervisor's own environment, as the `.env` files are
now."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace

from pilotlight.settings import Settings
from pilotlight.settings.sources import read_environment_files, skips_environment_files


@dataclass(frozen=True, slots=True)
class EnvironmentOverlay:
    """Re-reads the `.env` files before each load, so that an edit to them takes effect."""

    settings: Settings

    def now(self) -> dict[str, str | None]:
        """What to set, by name. The supervisor's own environment is the real one, and wins."""
        real = dict(os.environ)
        files = read_environment_files(
            os.getcwd(), self.settings.env_file, defaults=not skips_environment_files(real)
        )
        added = {name: value for name, value in files.values.items() if name not in real}
        current = replace(self.settings, environment=tuple(sorted(added.items())))
        wanted = current.app_environment(real)
        return {name: value for name, value in wanted.items() if real.get(name) != value}

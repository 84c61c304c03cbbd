"""One frozen `Settings`: every option declared once for command line, code, environment and pyproject.toml.

`model` is the result, `options` the table, `values` reads one value, `resolve` joins the sources, `sources`
reads the files. Must never import the app, the server or anything else of ours but `errors`.
"""

from __future__ import annotations

from pilotlight.settings.model import Settings

__all__ = ["Settings"]

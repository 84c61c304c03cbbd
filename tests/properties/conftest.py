"""The tests here drive the real command with the harness of `tests/e2e`."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

_E2E = Path(__file__).resolve().parent.parent / "e2e"
if str(_E2E) not in sys.path:
    sys.path.insert(0, str(_E2E))

_specification = importlib.util.spec_from_file_location("e2e_fixtures", _E2E / "conftest.py")
assert _specification is not None
assert _specification.loader is not None
_fixtures = importlib.util.module_from_spec(_specification)
_specification.loader.exec_module(_fixtures)

home = _fixtures.home
serve = _fixtures.serve

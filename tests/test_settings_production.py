"""Where the debugger has to be asked for by name."""

from __future__ import annotations

from pathlib import Path

import pytest

from pilotlight.settings.production import production_sign
from pilotlight.settings.resolve import Given, Source
from pilotlight.settings.sources import gather


@pytest.mark.parametrize(
    ("variables", "word"),
    [
        ({"KUBERNETES_SERVICE_HOST": "10.0.0.1"}, "Kubernetes"),
        ({"DYNO": "web.1"}, "Heroku"),
        ({"APP_ENV": "Production"}, "APP_ENV"),
        ({"KUBERNETES_SERVICE_HOST": "10.0.0.1", "CODESPACES": "true"}, ""),
        ({"ENV": "/home/me/.shinit"}, ""),
        ({"APP_ENV": "development"}, ""),
        ({"KUBERNETES_SERVICE_HOST": ""}, ""),
        ({}, ""),
    ],
)
def test_signs(variables: dict[str, str], word: str) -> None:
    sign = production_sign(variables, optimized=False)
    assert word in sign
    assert bool(sign) == bool(word)


def test_optimized_bytecode_is_a_sign() -> None:
    assert production_sign({}, optimized=True) == "Python runs with -O"


@pytest.mark.parametrize("explicit", [True, False])
def test_the_debugger_is_on_only_if_it_was_asked_for_by_name(tmp_path: Path, explicit: bool) -> None:
    values = {"debug": Given(True, "--debug")} | ({"debugger": Given(True, "--debugger")} if explicit else {})
    resolved = gather(Source(values, str(tmp_path)), {"DYNO": "web.1"})
    assert resolved.settings.debugger is explicit
    assert resolved.settings.reload
    assert [warning for warning in resolved.warnings if "--debugger" in warning] == [
        warning for warning in resolved.warnings if not explicit
    ]
    assert bool(resolved.warnings) is not explicit

"""The command suggested for a factory left out its keyword-only arguments, and failed like the first."""

from __future__ import annotations

from pathlib import Path

import pytest

from pilotlight.app.errors import FactoryArguments
from pilotlight.app.load import load_app


def test_suggested_command_names_them_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "needs_arguments.py").write_text(
        "def create_app(name, *, debug, color='red'):\n    raise AssertionError('not called')\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(FactoryArguments) as caught:
        load_app("needs_arguments:create_app", app_dir=str(tmp_path))
    assert 'needs_arguments:create_app("name", debug="debug")' in caught.value.message

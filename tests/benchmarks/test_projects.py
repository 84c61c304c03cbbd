"""What the servers serve: the promised sizes, and apps that work."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from contenders import APPS
from failing import DEPTH
from projects import clutter, lay_out
from saving import FIRST, editing, style_of


def test_heavy_package_has_sixty_modules_most_of_which_import_the_core(tmp_path: Path) -> None:
    root = lay_out("heavy", tmp_path)
    sources = [path.read_text() for path in root.rglob("*.py")]
    for source in sources:
        ast.parse(source)
    assert len(sources) == 60
    assert sum("from heavy import core" in source for source in sources) >= 50


def test_every_edited_file_has_the_first_version(tmp_path: Path) -> None:
    roots = {
        app.folder: lay_out(app.folder, tmp_path)
        for app in {app.folder: app for app in APPS.values()}.values()
    }
    for app in APPS.values():
        assert FIRST in (roots[app.folder] / app.edited).read_text()


def test_django_project_answers(tmp_path: Path) -> None:
    program = (
        "import site_config.wsgi; from django.test import Client; print(Client().get('/shop/42/').content)"
    )
    command = [sys.executable, "-c", program.replace("Client()", "Client(headers={'host': 'localhost'})")]
    answer = subprocess.run(
        command, cwd=lay_out("django", tmp_path), capture_output=True, text=True, timeout=60
    )
    assert "shop 42: version 0" in answer.stdout, answer.stderr


def test_views_fail_as_deep_as_they_say(tmp_path: Path) -> None:
    program = """
import traceback, failing_app
failing_app.app.testing = True
client = failing_app.app.test_client()
assert client.get("/").json["version"] == "version 0"
for target in ("/deep/3", "/recursion"):
    try:
        client.get(target)
    except (KeyError, RecursionError) as error:
        names = [frame.name for frame in traceback.extract_tb(error.__traceback__)]
        print(type(error).__name__, sum(name.startswith(("deep", "step", "descend")) for name in names))
"""
    command = [sys.executable, "-c", program]
    answer = subprocess.run(
        command, cwd=lay_out("failing", tmp_path), capture_output=True, text=True, timeout=60
    )
    (deep, depth), (recursion, calls) = (line.split() for line in answer.stdout.splitlines())
    assert (deep, depth, recursion) == ("KeyError", str(DEPTH), "RecursionError"), answer.stderr
    assert int(calls) > 900


def test_clutter_counts(tmp_path: Path) -> None:
    clutter(tmp_path, 250)
    assert sum(path.is_file() for path in tmp_path.rglob("*")) == 250


def test_saves_differ_in_version_and_length_and_the_first_comes_back(tmp_path: Path) -> None:
    path = tmp_path / "app.py"
    path.write_text('VERSION = "version 0"\n')
    texts = []
    with editing(path) as source:
        for number in range(1, 4):
            source.save(number)
            texts.append(path.read_text())
    assert [f'"version {number}"' in text for number, text in enumerate(texts, 1)] == [True] * 3
    assert len({len(text) for text in texts}) == 3
    assert {style_of(number) for number in range(1, 4)} == {"rename", "write"}
    assert path.read_text() == 'VERSION = "version 0"\n'
    assert [each.name for each in tmp_path.iterdir()] == ["app.py"]


def test_a_file_without_version_is_no_source(tmp_path: Path) -> None:
    path = tmp_path / "app.py"
    path.write_text("pass\n")
    with pytest.raises(ValueError, match="does not hold"), editing(path):
        pass

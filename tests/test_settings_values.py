"""The values of single options."""

from __future__ import annotations

import pytest

from pilotlight.debugger.renderings import editor
from pilotlight.errors import UserError
from pilotlight.settings.options import BY_KEY
from pilotlight.settings.values import EDITORS, read


def value(key: str, given: object) -> object:
    return read(BY_KEY[key], given, "--x", "/base")


@pytest.mark.parametrize(
    ("key", "given", "read_as"),
    [
        ("debug_port", "same", "same"),
        ("debug_port", "6000", 6000),
        ("debug_port", 0, 0),
        ("allowed_host", ["Dev.Example.test."], ("dev.example.test",)),
        ("allowed_host", ".example.test", (".example.test",)),
        ("editor", "VSCode", "vscode"),
        ("editor", "mine://open?f={file}", "mine://open?f={file}"),
        ("path_mapping", ["/app=/home/me/project"], ("/app=/home/me/project",)),
    ],
)
def test_what_is_right(key: str, given: object, read_as: object) -> None:
    assert value(key, given) == read_as


@pytest.mark.parametrize(
    ("key", "given", "word"),
    [
        ("debug_port", "other", "port number"),
        ("debug_port", 70000, "from 0 to 65535"),
        ("allowed_host", "http://x", "without scheme"),
        ("allowed_host", "x:80", "host name"),
        ("editor", "vi", "must be one of vscode"),
        ("editor", "{file}", "must be one of"),
        ("path_mapping", "/app", "two directories"),
        ("path_mapping", "=/app", "two directories"),
    ],
)
def test_what_is_wrong(key: str, given: object, word: str) -> None:
    with pytest.raises(UserError, match=word):
        value(key, given)


def test_the_editors_are_those_that_the_error_page_knows() -> None:
    assert set(EDITORS) == set(editor.EDITORS)

"""Links into editors: encoded exactly, mapped out of containers, never a script."""

from __future__ import annotations

import re
from urllib.parse import unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pilotlight.debugger.renderings.editor import EDITORS, editor_title, editor_url, guess_editor, refusal

TABLE = [
    ("vscode", "/srv/app/shop.py", 8, 21, "vscode://file/srv/app/shop.py:8:21"),
    ("cursor", "/srv/a b/ü#?.py", 1, 1, "cursor://file/srv/a%20b/%C3%BC%23%3F.py:1:1"),
    ("zed", "/srv/shop.py", 8, 21, "zed://file/srv/shop.py:8:21"),
    ("pycharm", "/srv/a&line=9/x.py", 8, 2, "pycharm://open?file=/srv/a%26line%3D9/x.py&line=8"),
    ("sublime", "/srv/shop.py", 8, 2, "subl://open?url=file:///srv/shop.py&line=8&column=2"),
    ("vscode", "C:\\work\\shop.py", 8, 1, "vscode://file/C:/work/shop.py:8:1"),
    ("vscode", "/srv/100%/{line}.py", 3, 1, "vscode://file/srv/100%25/%7Bline%7D.py:3:1"),
    ("vscode", "/srv/shop.py", None, 0, "vscode://file/srv/shop.py:1:1"),
    ("my://x?f={file}&l={line}", "/srv/shop.py", 8, 21, "my://x?f=/srv/shop.py&l=8"),
    ("http://localhost:63342/api/file{file}:{line}", "/a.py", 8, 1, "http://localhost:63342/api/file/a.py:8"),
    ("", "/srv/shop.py", 8, 1, None),
    ("vscode", "<string>", 8, 1, None),
    ("vscode", "relative.py", 8, 1, None),
    ("vscode", "/srv/\ud800.py", 8, 1, None),
]


@pytest.mark.parametrize(("editor", "file", "line", "column", "url"), TABLE)
def test_urls(editor: str, file: str, line: int | None, column: int, url: str | None) -> None:
    assert editor_url(editor, file, line, column) == url


@pytest.mark.parametrize(
    "template",
    [
        "javascript:alert('{file}')",
        "JavaScript:{file}",
        "data:text/html,{file}",
        "vbscript:{file}",
        "blob:{file}",
        "about:{file}",
        "view-source:{file}",
        "java\nscript:{file}",
        " javascript:{file}",
        "\x01javascript:{file}",
        "{file}",
        "//evil/{file}",
        "my://open",
        "my://{file}/{user}",
        "my://{file} {line}",
        "my://é{file}",
        "emacs-nobody-knows",
    ],
)
def test_refused_templates(template: str) -> None:
    assert refusal(template)
    assert editor_url(template, "/srv/shop.py", 1) is None


@pytest.mark.parametrize(
    ("file", "mapping", "path"),
    [
        ("/app/shop.py", (("/app", "/home/me/shop"),), "/home/me/shop/shop.py"),
        ("/app/shop.py", (("/app/", "/home/me/shop/"),), "/home/me/shop/shop.py"),
        ("/application/shop.py", (("/app", "/home/me"),), "/application/shop.py"),
        ("/app/lib/x.py", (("/app", "/home/a"), ("/app/lib", "/home/b")), "/home/b/x.py"),
        ("/app/lib/x.py", (("/app/lib", "/home/b"), ("/app", "/home/a")), "/home/b/x.py"),
        ("/app/shop.py", (("/app", "C:\\work"),), "/C:/work/shop.py"),
        ("/x.py", (("/", "/host"),), "/host/x.py"),
    ],
)
def test_paths_of_containers(file: str, mapping: tuple[tuple[str, str], ...], path: str) -> None:
    assert editor_url("vscode", file, 3, 1, mapping) == f"vscode://file{path}:3:1"


@given(st.sampled_from(sorted(EDITORS)), st.text(max_size=30), st.integers(1, 10**6))
def test_any_file_name_stays_a_name(editor: str, name: str, line: int) -> None:
    url = editor_url(editor, f"/{name}", line)
    if url is None:
        return
    assert re.fullmatch(r"[!-~]+", url)
    assert not set("\"'<>\\{}") & set(url)
    assert urlsplit(url).scheme == EDITORS[editor].partition(":")[0]
    assert f"/{name}" in unquote(url)


def test_names() -> None:
    assert (editor_title("vscode"), editor_title("my://{file}")) == ("VS Code", "your editor")
    assert all(refusal(name) is None and editor_title(name) != "your editor" for name in EDITORS)


@pytest.mark.parametrize(
    ("environment", "editor"),
    [
        ({"TERM_PROGRAM": "vscode"}, "vscode"),
        ({"TERM_PROGRAM": "vscode", "CURSOR_TRACE_ID": "x"}, "cursor"),
        ({"TERM_PROGRAM": "zed"}, "zed"),
        ({"TERMINAL_EMULATOR": "JetBrains-JediTerm"}, "pycharm"),
        ({"TERM_PROGRAM": "iTerm.app"}, ""),
        ({}, ""),
    ],
)
def test_the_editor_of_the_terminal(environment: dict[str, str], editor: str) -> None:
    assert guess_editor(environment) == editor

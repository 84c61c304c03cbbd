"""Links that open a file in the developer's editor: from a name or a template to a URL.

Pure. Must never give a link that runs script in the page or shows a document: the file's name comes from the
app, the template from the command line.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

PathMapping = tuple[tuple[str, str], ...]
"""Pairs of the path where the app runs (in a container, on another machine) and where the editor finds it."""

EDITORS = {
    "vscode": "vscode://file{file}:{line}:{column}",
    "vscode-insiders": "vscode-insiders://file{file}:{line}:{column}",
    "vscodium": "vscodium://file{file}:{line}:{column}",
    "cursor": "cursor://file{file}:{line}:{column}",
    "windsurf": "windsurf://file{file}:{line}:{column}",
    "zed": "zed://file{file}:{line}:{column}",
    "pycharm": "pycharm://open?file={file}&line={line}",
    "idea": "idea://open?file={file}&line={line}",
    "sublime": "subl://open?url=file://{file}&line={line}&column={column}",
    "textmate": "txmt://open?url=file://{file}&line={line}&column={column}",
    "emacs": "emacs://open?url=file://{file}&line={line}&column={column}",
}
"""What the editors (and their URL handlers) document; `{file}` begins with a slash, columns count from 1."""

_TITLES = {
    "vscode": "VS Code",
    "vscode-insiders": "VS Code",
    "vscodium": "VSCodium",
    "cursor": "Cursor",
    "windsurf": "Windsurf",
    "zed": "Zed",
    "pycharm": "PyCharm",
    "idea": "IntelliJ IDEA",
    "sublime": "Sublime Text",
    "textmate": "TextMate",
    "emacs": "Emacs",
}
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):[!-~]*")
_PLACEHOLDER = re.compile(r"\{(\w*)\}")
# Schemes that browsers treat themselves; an editor never is behind them.
_REFUSED = frozenset({"javascript", "data", "vbscript", "blob", "about", "view-source", "filesystem"})
_DRIVE = re.compile(r"[A-Za-z]:[\\/]")
_UNRESERVED = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~/")


def editor_url(
    editor: str, file: str, line: int | None, column: int = 1, mapping: PathMapping = ()
) -> str | None:
    """The URL that opens a place, or None where there is nothing to open or no editor that may be used.

    Args:
        editor: a name of `EDITORS`, a template with `{file}`, `{line}` and `{column}`, or empty.
        file: an absolute path where the app runs; what is no file (`<string>`) has no link.
        line: from 1; None opens the file at its beginning.
        column: from 1.
        mapping: the longest matching pair replaces the beginning of the path.
    """
    if not editor or refusal(editor) is not None:
        return None
    path = _absolute(_mapped(file, mapping))
    if path is None:
        return None
    values = {"file": path, "line": str(line or 1), "column": str(max(column, 1))}
    template = EDITORS.get(editor, editor)
    return _PLACEHOLDER.sub(lambda found: values[found.group(1)], template)


def refusal(editor: str) -> str | None:
    """Why this editor cannot be used, as a sentence; None if it can."""
    if editor in EDITORS:
        return None
    names = ", ".join(sorted(EDITORS))
    scheme = _SCHEME.fullmatch(editor)
    if scheme is None:
        return f"{editor!r} is neither a known editor ({names}) nor a URL template such as 'my-editor://open?file={{file}}&line={{line}}'."
    if scheme.group(1).lower() in _REFUSED:
        return f"A link to {scheme.group(1)}: would run in the page instead of opening an editor."
    unknown = set(_PLACEHOLDER.findall(editor)) - {"file", "line", "column"}
    if unknown or "{file}" not in editor:
        return (
            f"The template {editor!r} needs {{file}}; beside it only {{line}} and {{column}} have a meaning."
        )
    return None


def editor_title(editor: str) -> str:
    """The name to show: `VS Code`, or `your editor` for a template."""
    return _TITLES.get(editor, "your editor")


def guess_editor(environment: Mapping[str, str]) -> str:
    """The editor in whose terminal the command was started; empty when nothing says so."""
    program = environment.get("TERM_PROGRAM", "")
    if program == "vscode":
        return "cursor" if environment.get("CURSOR_TRACE_ID") else "vscode"
    if program == "zed" or environment.get("ZED_TERM"):
        return "zed"
    if environment.get("TERMINAL_EMULATOR") == "JetBrains-JediTerm":
        return "pycharm"
    return ""


def _mapped(file: str, mapping: PathMapping) -> str:
    best = ("", "")
    for inside, outside in mapping:
        stem = inside.rstrip("/\\")
        below = file.startswith(stem) and file[len(stem) : len(stem) + 1] in ("/", "\\", "")
        if below and len(stem) >= len(best[0]):
            best = (stem, outside)
    if not best[1]:
        return file
    return best[1].rstrip("/\\") + file[len(best[0]) :]


def _absolute(path: str) -> str | None:
    """The path for a URL: with forward slashes, a leading one, and percent-encoded."""
    drive = ""
    if _DRIVE.match(path):
        drive, path = f"/{path[0]}:", path[2:].replace("\\", "/")
    elif path.startswith("\\\\"):  # a share
        path = path.replace("\\", "/")
    elif not path.startswith("/"):
        return None
    try:
        encoded = path.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:  # no file has such a name
        return None
    return drive + "".join(chr(byte) if byte in _UNRESERVED else f"%{byte:02X}" for byte in encoded)

"""Source lines as the file is now, and which files are the user's own.

Must never run user code, never read anything but a regular file or a member of a zip archive, and never
fail: what cannot be read has a sentence instead. `linecache` may be stale, so it is read for what is in no
file only (generated code, the cells of a notebook), and is never asked to load anything.
"""

from __future__ import annotations

import os
import re
import stat
import sys
from collections.abc import Callable
from typing import Any, NamedTuple

MAX_FILE_BYTES = 4 * 1024 * 1024
MAX_LINE_CHARACTERS = 400
AROUND = (5, 4)
CHANGED = "The file has changed since it was loaded: these may not be the lines that ran."
_NO_FILE = "The code did not come from a file."
_FROZEN = "The code is built into the interpreter."

_COOKIE = re.compile(rb"^[ \t\f]*#.*?coding[:=][ \t]*([-\w.]+)")  # PEP 263
_BLANK = re.compile(rb"^[ \t\f]*(?:#.*)?$")
_BOM = b"\xef\xbb\xbf"

_STANDARD_LIBRARY = tuple(
    {
        directory + os.sep
        for directory in (os.path.dirname(os.__file__), os.path.dirname(os.path.realpath(os.__file__)))
    }
)
_INSTALLED = (f"{os.sep}site-packages{os.sep}", f"{os.sep}dist-packages{os.sep}")
_PILOTLIGHT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))) + os.sep
_IMPORT_SYSTEM = ("<frozen importlib", "<frozen runpy", "<frozen zipimport")
_IMPORT_FILES = tuple(
    directory + name for directory in _STANDARD_LIBRARY for name in (f"importlib{os.sep}", "runpy.py")
)


def is_pilotlight(file: str) -> bool:
    """Whether the file is one of this server's own."""
    return file.startswith(_PILOTLIGHT)


def is_import_system(file: str) -> bool:
    """Whether the file belongs to the interpreter's import machinery or to `python -m`."""
    return file.startswith(_IMPORT_SYSTEM) or file.startswith(_IMPORT_FILES)


def is_standard_library(file: str) -> bool:
    """Whether the file came with the interpreter."""
    if file.startswith("<frozen "):
        return True
    return file.startswith(_STANDARD_LIBRARY) and not any(part in file for part in _INSTALLED)


def is_own(file: str) -> bool:
    """Whether the file is the user's: neither installed, nor the interpreter's, nor this server's."""
    return not (is_standard_library(file) or is_pilotlight(file) or any(part in file for part in _INSTALLED))


def decode_source(data: bytes) -> str:
    """Python source as text by the rules of PEP 263; what cannot be decoded is replaced, never an error."""
    if data.startswith(_BOM):
        return data[len(_BOM) :].decode("utf-8", "replace")
    encoding = "utf-8"
    for line in re.split(rb"\r\n|\r|\n", data[:1024], maxsplit=2)[:2]:
        cookie = _COOKIE.match(line)
        if cookie:
            encoding = cookie.group(1).decode("ascii", "replace")
            break
        if not _BLANK.match(line):
            break
    try:
        return data.decode(encoding, "replace")
    except (LookupError, ValueError):  # unknown, or not an encoding of text
        return data.decode("utf-8", "replace")


def split_source(text: str) -> tuple[str, ...]:
    """Lines as the compiler counts them: form feeds and Unicode separators end no line."""
    return tuple(text.replace("\r\n", "\n").replace("\r", "\n").split("\n"))


class Excerpt(NamedTuple):
    """Lines around a place, or a sentence that says why there are none."""

    lines: tuple[str, ...] = ()
    first_line: int = 1
    note: str = ""


class SourceReader:
    """Reads each file once. Make a new one for each report, so that no line is older than the report.

    Args:
        changed: whether a file is another than the one that was loaded.
    """

    def __init__(self, changed: Callable[[str], bool] | None = None) -> None:
        self._files: dict[str, tuple[str, ...] | str] = {}
        self._notes: dict[str, str] = {}
        self._changed = changed

    def lines(self, file: str, loader: object = None) -> tuple[str, ...] | str:
        """All lines of a file, or the sentence that says why there are none.

        Args:
            file: as the code names it.
            loader: what imported its module; asked only if it is the standard library's own for zip archives.
        """
        if file not in self._files:
            self._files[file] = _read(file, loader)
        return self._files[file]

    def note(self, file: str) -> str:
        """Why what is read may not be what ran; empty if all is well."""
        if file not in self._notes:
            changed = self._changed is not None and not file.startswith("<") and self._changed(file)
            self._notes[file] = CHANGED if changed else ""
        return self._notes[file]

    def excerpt(
        self,
        file: str,
        line: int | None,
        end_line: int | None = None,
        *,
        loader: object = None,
        around: tuple[int, int] = AROUND,
    ) -> Excerpt:
        """The lines around a place in a file; see `excerpt_of`."""
        if line is None or line < 1:
            return Excerpt(note="The interpreter did not record the line.")
        lines = self.lines(file, loader)
        if isinstance(lines, str):
            return Excerpt(note=lines)
        found = excerpt_of(lines, line, end_line, around)
        return found if found.note else found._replace(note=self.note(file))


def excerpt_of(
    lines: tuple[str, ...], line: int, end_line: int | None = None, around: tuple[int, int] = AROUND
) -> Excerpt:
    """The lines from some before to some after a place (`around`); of a long place the start."""
    before, after = around
    if line < 1 or line > len(lines) or (line == len(lines) and not lines[-1]):
        return Excerpt(note=f"The file has changed since it ran: it has no line {line} any more.")
    last = min(max(end_line or line, line), line + 12) + after
    first = max(line - before, 1)
    note = ""
    if not lines[line - 1].strip():
        note = "The file has changed since it ran: this line is empty now."
    while first < line and not lines[first - 1].strip():
        first += 1
    shown = lines[first - 1 : last]
    while shown and not shown[-1].strip() and first + len(shown) - 1 > line:
        shown = shown[:-1]
    return Excerpt(tuple(clip(each) for each in shown), first, note)


def clip(line: str) -> str:
    """The beginning of a line that is too long to be shown whole."""
    return line if len(line) <= MAX_LINE_CHARACTERS else line[:MAX_LINE_CHARACTERS] + "…"


def _read(file: str, loader: object = None) -> tuple[str, ...] | str:
    if file.startswith("<"):
        return _cached(file) or (_FROZEN if file.startswith("<frozen ") else _NO_FILE)
    try:
        if not stat.S_ISREG(os.stat(file).st_mode):
            return "The source is not a regular file."
        with open(file, "rb") as stream:
            data = stream.read(MAX_FILE_BYTES + 1)
    except FileNotFoundError:
        return _cached(file) or "The file is not there any more."
    except NotADirectoryError:
        found = _from_archive(file, loader)
        if isinstance(found, str):
            return found
        data = found
    except (OSError, ValueError) as error:
        return f"The file cannot be read: {error}."
    if len(data) > MAX_FILE_BYTES:
        return "The file is too large to be shown."
    if b"\0" in data:
        return "The file is not text."
    return split_source(decode_source(data))


_ANYBODYS = ("<string>", "<stdin>")
"""Names that all kinds of code share; Python 3.13 keeps the text of its own `-c` under the first."""


def _cached(name: str) -> tuple[str, ...] | None:
    """What `linecache` was given for generated code or a notebook's cell, if anybody uses it."""
    if name in _ANYBODYS:
        return None
    module = sys.modules.get("linecache")
    known = vars(module).get("cache") if type(module) is type(sys) else None
    entry = dict.get(known, name) if type(known) is dict else None
    if (
        type(entry) is not tuple or len(entry) != 4 or entry[1] is not None
    ):  # an entry with a time is of a file
        return None
    lines = entry[2]
    if type(lines) not in (list, tuple) or any(type(line) is not str for line in lines):
        return None
    text = "".join(lines)
    return split_source(text) if 0 < len(text) <= MAX_FILE_BYTES else None


def _from_archive(file: str, loader: object) -> bytes | str:
    """A module in a zip archive, by the standard library's loader; any other would be user code."""
    kind: Any = getattr(sys.modules.get("zipimport"), "zipimporter", None)
    get_data: Any = getattr(kind, "get_data", None)
    if get_data is None or type(loader) is not kind:
        return "The file is not there any more."
    try:
        data = get_data(loader, file)
    except Exception as error:  # noqa: BLE001 - a damaged archive has many ways to fail
        return f"The file cannot be read from its archive: {error}."
    return data if type(data) is bytes else "The file cannot be read from its archive."


def character_column(line: str, byte_column: int) -> int | None:
    """The column in characters of a column in UTF-8 bytes (what PEP 657 records); None behind the line."""
    if line.isascii():
        return byte_column if byte_column <= len(line) else None
    before = line[:byte_column].encode("utf-8", "surrogatepass")
    return len(before[:byte_column].decode("utf-8", "ignore")) if byte_column <= len(before) else None


def working_directory() -> str:
    """Where paths are relative to; empty if the directory is gone."""
    try:
        return os.getcwd()
    except OSError:
        return ""


def python_version() -> str:
    """The running interpreter, for the foot of a page."""
    return f"{sys.implementation.name} {sys.version_info[0]}.{sys.version_info[1]}.{sys.version_info[2]}"

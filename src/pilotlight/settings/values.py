"""One value of one option: from what a source gives (text, or a typed value of TOML or code) to what
`Settings` holds.

Pure: paths are joined to the directory that the source names, never looked up. Errors name the
place of the value.
"""

from __future__ import annotations

import os
import re
from os import PathLike

from pilotlight.errors import UserError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from pilotlight.settings.options import Option

_FALSE = frozenset({"0", "false", "no", "off", "n", "f"})
_TRUE = frozenset({"1", "true", "yes", "on", "y", "t"})
_HOST_NAME = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_.-]*[A-Za-z0-9_.])?")
_IPV6 = re.compile(r"[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*(%[\w.-]+)?")
_IMPORT_NAME = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*[.:][^\W\d]\w*")
_CERTIFICATE_SUFFIXES = (".pem", ".crt", ".cer", ".cert", ".key", ".der")
EDITORS = (
    "vscode",
    "vscode-insiders",
    "vscodium",
    "cursor",
    "windsurf",
    "zed",
    "pycharm",
    "idea",
    "sublime",
    "textmate",
    "emacs",
)
"""Those that `debugger.editor` knows."""
_SOCKET_PATH_BYTES = 103
"""The shortest limit of `sun_path` among the systems we run on, without its final zero byte."""


def read(option: Option, value: Any, place: str, base: str) -> Any:
    """The value as `Settings` holds it.

    Args:
        option: the option that the value is for.
        value: text, or a typed value.
        place: where the value was given, for messages (`--port`, `PILOTLIGHT_PORT`).
        base: the directory that a relative path is relative to, absolute.

    Raises:
        UserError: the value does not fit; the message is one sentence that begins with the place.
    """
    if isinstance(value, PathLike) and option.kind not in (
        "switch",
        "port",
        "debug-port",
        "host",
        "choice",
    ):
        value = os.fspath(value)
    match option.kind:
        case "switch":
            return _switch(option, value, place)
        case "port":
            return _port(value, place)
        case "files":
            return tuple(_path(item, place, base) for item in _items(value, place))
        case "patterns":
            return tuple(_items(value, place))
        case "debug-port":
            return "same" if value == "same" else _port(value, place)
        case "host-names":
            return tuple(_host_name(item, place) for item in _items(value, place, ","))
        case "mappings":
            return tuple(_mapping(item, place) for item in _items(value, place))
    text = _text(value, place)
    match option.kind:
        case "host":
            return _host(text, place)
        case "file" | "directory":
            return _path(text, place, base)
        case "socket":
            return _socket(text, place, base)
        case "certificate":
            return _certificate(text, place, base)
        case "choice":
            if text not in option.choices:
                raise UserError(f"{place} is {text!r}, but only {' or '.join(option.choices)} is possible.")
        case "editor":
            return _editor(text, place)
    return text


def _text(value: object, place: str) -> str:
    if not isinstance(value, str):
        raise UserError(f"{place} must be text, not {describe(value)}.")
    if not value.strip():
        raise UserError(f"{place} is empty.")
    if "\0" in value:
        raise UserError(f"{place} contains a zero byte.")
    return value


def _switch(option: Option, value: object, place: str) -> bool:
    if isinstance(value, bool):
        return value
    if not isinstance(value, str):
        raise UserError(f"{place} must be true or false, not {describe(value)}.")
    word = value.strip().lower()
    if word in _FALSE:
        return False
    # Flask takes any other text in FLASK_DEBUG for true.
    if word in _TRUE or (option.name == "debug" and place.startswith("FLASK_")):
        return True
    raise UserError(f"{place} is {value!r}, but must be 1 or 0 (or true, yes, on, false, no, off).")


def _port(value: object, place: str) -> int:
    if isinstance(value, str):
        digits = value.strip()
        if digits.isascii() and digits.lstrip("+-").isdigit() and len(digits) < 20:
            value = int(digits)
    if not isinstance(value, int) or isinstance(value, bool):
        raise UserError(f"{place} must be a port number, not {describe(value)}.")
    if not 0 <= value <= 65535:
        raise UserError(f"{place} is {value}, but a port is a number from 0 to 65535 (0 takes a free one).")
    return value


def _host(text: str, place: str) -> str:
    """A host name or an address; `localhost` stays, `resolve` turns it into both families."""
    if text.startswith("unix://"):
        return text
    if "://" in text or "/" in text:
        name = text.partition("://")[2] or text
        bare = name.partition("/")[0].partition(":")[0]
        hint = f", like {bare!r}" if _HOST_NAME.fullmatch(bare) else ""
        raise UserError(
            f"{place} is {text!r}, but must be a host name or address alone, without scheme and path{hint}."
        )
    bare = text[1:-1] if text.startswith("[") and text.endswith("]") else text
    if _IPV6.fullmatch(bare):
        if bare.count(":") > 1:
            return bare
        name, _, port = text.rpartition(":")
        raise UserError(
            f"{place} is {text!r}, but must not contain the port: use --host {name or 'HOST'} --port {port}."
        )
    if ":" in text:
        name, _, port = text.rpartition(":")
        raise UserError(
            f"{place} is {text!r}, but must not contain the port: use --host {name} --port {port or 'PORT'}."
        )
    if text == "*":
        raise UserError(f"{place} is '*'; to listen on all addresses use 0.0.0.0 or '::'.")
    if not _HOST_NAME.fullmatch(text):
        # Names in other alphabets are left to the resolver, which knows IDNA.
        if not text.isascii() and text.isprintable() and not any(c.isspace() for c in text):
            return text
        raise UserError(f"{place} is {text!r}, which is neither a host name nor an address.")
    return text


def _host_name(text: str, place: str) -> str:
    """A name in lower case; one that begins with a dot stands for all below it."""
    name = text.strip().lower().rstrip(".")
    if not _HOST_NAME.fullmatch(name.removeprefix(".")):
        raise UserError(
            f"{place} is {text!r}, but must be a host name like 'dev.example.test' (or '.example.test' for "
            "all names below it), without scheme and port."
        )
    return name


def _mapping(text: str, place: str) -> str:
    here, equals, there = text.partition("=")
    if not equals or not here.strip() or not there.strip():
        raise UserError(
            f"{place} is {text!r}, but must be two directories, like /app=/home/me/project: as the app calls "
            "it, then as the editor does."
        )
    return text


def _editor(text: str, place: str) -> str:
    """A known name, or a link with `{file}` in it; which links are refused is the business of whoever makes
    them."""
    if text.lower() in EDITORS:
        return text.lower()
    if "{file}" in text and "://" in text:
        return text
    raise UserError(
        f"{place} is {text!r}, but must be one of {', '.join(EDITORS)}, or a link like "
        "'myeditor://open?file={file}&line={line}'."
    )


def _path(value: object, place: str, base: str) -> str:
    text = _text(os.fspath(value) if isinstance(value, PathLike) else value, place)
    return os.path.normpath(os.path.join(base, os.path.expanduser(text)))


def _socket(text: str, place: str, base: str) -> str:
    path = _path(text, place, base)
    if len(os.fsencode(path)) > _SOCKET_PATH_BYTES:
        raise UserError(
            f"{place} is {len(os.fsencode(path))} bytes long as a full path ({path}), but the path of a UNIX "
            f"socket has at most {_SOCKET_PATH_BYTES}."
        )
    return path


def _certificate(text: str, place: str, base: str) -> str:
    if text.lower() == "adhoc":
        return "adhoc"
    if _IMPORT_NAME.fullmatch(text) and not text.lower().endswith(_CERTIFICATE_SUFFIXES):
        return text
    return _path(text, place, base)


def _items(value: object, place: str, separator: str = os.pathsep) -> list[str]:
    """The parts of a list option: a list, or text separated by the system's path separator."""
    if isinstance(value, (str, PathLike)):
        value = [value]
    if not isinstance(value, (list, tuple)):
        raise UserError(f"{place} must be a list of texts, not {describe(value)}.")
    items: list[str] = []
    for entry in value:
        text = os.fspath(entry) if isinstance(entry, PathLike) else entry
        if not isinstance(text, str):
            raise UserError(f"{place} must be a list of texts, but contains {describe(text)}.")
        if "\0" in text:
            raise UserError(f"{place} contains a zero byte.")
        items.extend(part for part in text.split(separator) if part.strip())
    return items


def describe(value: object) -> str:
    """A value for a message: short, with its type where that is what is wrong."""
    if value is None:
        return "None"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return f"the number {value}"
    if isinstance(value, str):
        return repr(value) if len(value) <= 60 else repr(value[:57] + "...")
    if isinstance(value, (list, tuple)):
        return "a list"
    if isinstance(value, dict):
        return "a table"
    return f"a value of type {type(value).__name__}"

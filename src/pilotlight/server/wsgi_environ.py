"""From the head of a request to the environ of a WSGI app (PEP 3333).

Must never let a client set a variable that is not a header's.
"""

from __future__ import annotations

import sys
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from pilotlight.server.head import RequestHead, percent_decoded

if TYPE_CHECKING:
    from pilotlight.server.connection import Connection


class FileWrapper:
    """`wsgi.file_wrapper`: the blocks of a file-like object (PEP 3333, "Optional Platform-Specific File
    Handling")."""

    def __init__(self, filelike: Any, block_size: int = 64 * 1024) -> None:
        self._filelike = filelike
        self._block_size = block_size
        if hasattr(filelike, "close"):
            self.close = filelike.close

    def __iter__(self) -> FileWrapper:
        return self

    def __next__(self) -> bytes:
        data: bytes = self._filelike.read(self._block_size)
        if data:
            return data
        raise StopIteration


def environ_of(connection: Connection, head: RequestHead, body: Any) -> dict[str, Any]:
    """The environ of a request (PEP 3333, "environ Variables").

    Args:
        connection: where it came from.
        head: its head.
        body: `wsgi.input`.
    """
    base = connection.environ_base
    if base is None:
        base = connection.environ_base = _environ_base(connection)
    environ = base.copy()
    environ["REQUEST_METHOD"] = head.method
    script, path = split_root(connection.shared.config.root_path, percent_decoded(head.raw_path))
    environ["SCRIPT_NAME"] = script
    environ["PATH_INFO"] = path
    environ["QUERY_STRING"] = head.query.decode("latin-1")
    environ["RAW_URI"] = environ["REQUEST_URI"] = head.target.decode("latin-1")
    environ["SERVER_PROTOCOL"] = "HTTP/1.1" if head.version == "1.1" else "HTTP/1.0"
    environ["wsgi.input"] = body
    for name, value in head.headers:
        key = _environ_key(name)
        if key is None:
            continue
        text = value.decode("latin-1")
        if key in environ and key.startswith("HTTP_"):
            text = f"{environ[key]}{'; ' if key == 'HTTP_COOKIE' else ','}{text}"
        environ[key] = text
    return environ


def split_root(root: str, path: bytes) -> tuple[str, str]:
    """SCRIPT_NAME and PATH_INFO. A path with and a path without the prefix (a proxy took it off) mean the
    same."""
    text = path.decode("latin-1")
    if not root:
        return "", text
    prefix = root.rstrip("/").encode("utf-8").decode("latin-1")
    if text == prefix or text.startswith(prefix + "/"):
        text = text[len(prefix) :]
    return prefix, text


@lru_cache(maxsize=256)
def _environ_key(name: bytes) -> str | None:
    """The environ's key for a header name; None for one that could be taken for another (an underscore for a
    dash)."""
    if b"_" in name:
        return None
    key = name.decode("ascii").upper().replace("-", "_")
    return key if key in ("CONTENT_TYPE", "CONTENT_LENGTH") else "HTTP_" + key


def _environ_base(connection: Connection) -> dict[str, Any]:
    """What stays the same for all requests of a connection."""
    shared = connection.shared
    host, port = connection.server or ("localhost", None)
    client, client_port = connection.client or ("", "")
    return {
        "SERVER_NAME": host,
        "SERVER_PORT": str(port if port is not None else 443 if connection.scheme == "https" else 80),
        "SERVER_SOFTWARE": "pilotlight",
        "REMOTE_ADDR": client,
        "REMOTE_PORT": str(client_port),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": connection.scheme,
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": shared.config.threads,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
        "wsgi.input_terminated": True,
        "wsgi.file_wrapper": FileWrapper,
        **shared.config.environ,
    }

"""The connection scope of a request (ASGI 3, HTTP specification 2.4). Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pilotlight.server.head import RequestHead, percent_decoded

if TYPE_CHECKING:
    from pilotlight.server.connection import Connection

_VERSIONS = {"version": "3.0", "spec_version": "2.4"}


def http_scope(connection: Connection, head: RequestHead) -> dict[str, Any]:
    """The connection scope of a request; a WebSocket's has the same base."""
    shared = connection.shared
    path = percent_decoded(head.raw_path).decode("utf-8", "replace")
    raw_path = head.raw_path
    root = shared.config.root_path.rstrip("/")
    if root and path != root and not path.startswith(root + "/"):
        path = root + path
        raw_path = root.encode("utf-8") + raw_path
    scope: dict[str, Any] = {
        "type": "http",
        "asgi": _VERSIONS.copy(),
        "http_version": head.version,
        "method": head.method,
        "scheme": connection.scheme,
        "path": path,
        "raw_path": raw_path,
        "query_string": head.query,
        "root_path": root,
        "headers": head.headers,
        "client": connection.client,
        "server": connection.server,
        "extensions": {},
    }
    if shared.lifespan_state is not None:
        scope["state"] = shared.lifespan_state.copy()
    return scope

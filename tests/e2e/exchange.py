"""One HTTP exchange, complete or an error: the plainest client that there is.

Must never retry, follow a redirect or keep a connection: a test sees what the server did.
"""

from __future__ import annotations

import http.client
import json
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit


@dataclass(frozen=True)
class Response:
    """A complete answer."""

    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode("utf-8", "replace")

    def json(self) -> Any:
        return json.loads(self.body)


def exchange(
    url: str,
    method: str,
    *,
    body: bytes | str | None,
    headers: Mapping[str, str],
    timeout: float,
    context: ssl.SSLContext | None,
) -> Response:
    """Send one request on a connection of its own.

    Raises:
        OSError: the connection was refused, reset or silent for longer than `timeout` seconds.
        http.client.HTTPException: what came back is not a complete response.
    """
    parts = urlsplit(url)
    connection: http.client.HTTPConnection
    if parts.scheme == "https":
        connection = http.client.HTTPSConnection(parts.netloc, timeout=timeout, context=context)
    else:
        connection = http.client.HTTPConnection(parts.netloc, timeout=timeout)
    try:
        connection.request(
            method, parts._replace(scheme="", netloc="").geturl(), body=body, headers=dict(headers)
        )
        answer = connection.getresponse()
        return Response(answer.status, answer.headers, answer.read())
    finally:
        connection.close()

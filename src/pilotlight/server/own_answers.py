"""What the server answers by itself: requests that cannot be understood, and `OPTIONS *`.

Pure: bytes and a line for the log. Must never repeat anything of the request.
"""

from __future__ import annotations

from dataclasses import dataclass

from pilotlight.server.application import AccessRecord, ErrorResponse
from pilotlight.server.head import BadRequest, RequestHead, request_line
from pilotlight.server.response import ServerHeaders, plain_response, whole_response

OPTIONS_ANSWER = ErrorResponse(204, [(b"allow", b"GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS")], b"")
"""`OPTIONS *` asks about the server, not about the app (RFC 9110 9.3.7)."""


@dataclass(frozen=True, slots=True)
class OwnAnswer:
    """A whole response.

    Args:
        data: its bytes.
        record: for the access log.
        closes: it says that the connection ends.
    """

    data: bytes
    record: AccessRecord
    closes: bool


def refusal(error: BadRequest, request: bytes, client: str, fixed: ServerHeaders) -> OwnAnswer:
    """The answer to a request that cannot be understood; nothing behind it can be either.

    Args:
        error: what is wrong with it.
        request: its beginning, as far as it has been read.
        client: the client's name for the log.
        fixed: the headers of every response.
    """
    method, target = request_line(request)
    answer = plain_response(error.status, f"{error.reason}\n")
    return _own_answer(answer, fixed, client, method, target, "1.1", closes=True)


def own_answer(
    head: RequestHead, answer: ErrorResponse, client: str, fixed: ServerHeaders, *, stays: bool
) -> OwnAnswer:
    """An answer to a request that the app does not get.

    Args:
        head: of the request; with a body the connection is closed.
        answer: what is answered.
        client: the client's name for the log.
        fixed: the headers of every response.
        stays: whether the server could keep the connection.
    """
    closes = not stays or not head.keep_alive or head.has_body
    target = head.target.decode("latin-1")
    return _own_answer(answer, fixed, client, head.method, target, head.version, closes=closes)


def _own_answer(
    answer: ErrorResponse,
    fixed: ServerHeaders,
    client: str,
    method: str,
    target: str,
    version: str,
    *,
    closes: bool,
) -> OwnAnswer:
    with_body = method != "HEAD"
    data = whole_response(answer, fixed, with_body=with_body, close=closes)
    size = len(answer.body) if with_body else 0
    return OwnAnswer(data, AccessRecord(client, method, target, version, answer.status, 0.0, size), closes)

"""An ASGI app's HTTP request and response (ASGI 3, HTTP specification 2.4), run as a task on the loop.

Must never cancel the app because the client left: the app learns it from `receive` and `send`.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

from pilotlight.server.application import AccessRecord
from pilotlight.server.head import RequestHead
from pilotlight.server.keeping import REST_SECONDS, KeptBody, request_info
from pilotlight.server.response import ResponseHead, asgi_head, plain_response, whole_response
from pilotlight.server.scope import http_scope

if TYPE_CHECKING:
    from pilotlight.server.connection import Connection

_PIECE = 256 * 1024
_JOIN = 64 * 1024
_HOLD_SECONDS = 1.0
"""How long an error page of a framework waits for the error."""


class ClientDisconnected(OSError):
    """Raised by `send` when the client is gone (ASGI HTTP specification 2.4)."""


class AsgiExchange:
    """One request to an ASGI app.

    Args:
        connection: where it came from.
        head: the request's head.
        body: the body, or its beginning.
        body_complete: whether `body` is all of it.
    """

    __slots__ = (
        "_abandoned",
        "_app_head",
        "_body",
        "_body_bytes",
        "_body_complete",
        "_body_given",
        "_body_paused",
        "_chunked",
        "_connection",
        "_done",
        "_gone",
        "_held",
        "_held_more",
        "_keep_alive",
        "_kept",
        "_scope",
        "_task",
        "_waiter",
        "_write_waiter",
        "began",
        "head",
        "head_sent",
    )

    def __init__(self, connection: Connection, head: RequestHead, body: bytes, body_complete: bool) -> None:
        self.head = head
        self.head_sent = False
        self._connection = connection
        self.began = time.perf_counter()
        self._body: bytes | bytearray = body
        self._body_complete = body_complete
        self._body_given = False
        self._body_paused = False
        self._app_head: ResponseHead | None = None
        self._chunked = False
        self._keep_alive = head.keep_alive
        self._body_bytes = 0
        self._done = False
        """The response is complete, or cut."""
        self._gone = False
        self._abandoned = False
        self._held: bytes | None = None
        """The body, so far, of an error page that may be replaced."""
        self._held_more = False
        self._kept = KeptBody(connection.shared.config.keep_body_bytes, body, body_complete)
        self._scope: dict[str, Any] = {}
        self._task: asyncio.Task[None] | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._write_waiter: asyncio.Future[None] | None = None

    # --- what the connection calls

    def start(self) -> None:
        """Start the app's task."""
        shared = self._connection.shared
        shared.exchanges.add(self)
        self._task = shared.loop.create_task(self._run())

    def feed_body(self, data: bytes, complete: bool) -> None:
        """More of the request's body."""
        if type(self._body) is bytes:
            self._body = bytearray(self._body)
        self._body += data
        self._kept.add(data, complete)
        self._body_complete = complete
        if len(self._body) > self._connection.shared.limits.body_buffer_bytes:
            self._body_paused = True
            self._connection.pause_body()
        self._wake()

    def disconnected(self) -> None:
        """The client is gone, or has closed its side."""
        self._gone = True
        self._wake()
        self.writable()

    def writable(self) -> None:
        """The client has read."""
        waiter, self._write_waiter = self._write_waiter, None
        if waiter is not None and not waiter.done():
            waiter.set_result(None)

    def abandon(self) -> None:
        """The server goes away: end the app's task."""
        self._abandoned = True
        if self._task is not None:
            self._task.cancel()

    @property
    def is_event_stream(self) -> bool:
        """Whether a response that may never end has begun."""
        return self.head_sent and self._app_head is not None and self._app_head.event_stream

    def _wake(self) -> None:
        waiter, self._waiter = self._waiter, None
        if waiter is not None and not waiter.done():
            waiter.set_result(None)

    # --- the app's side

    async def _run(self) -> None:
        connection = self._connection
        shared = connection.shared
        shared.hooks.request_begins()
        try:
            self._scope = http_scope(connection, self.head)
            await shared.application.callable(self._scope, self._receive, self._send)
            self._release()
            noted = shared.hooks.noted_error()
            if noted is not None and self._app_head is not None and self._app_head.status >= 500:
                shared.hooks.answered_error(
                    noted, request_info(connection, self.head, self._scope, self._kept)
                )
            if not self._done and not connection.gone:
                text = "stopped before its response was complete" if self.head_sent else "sent no response"
                raise RuntimeError(f"The ASGI app returned but {text}.")
        except asyncio.CancelledError as error:
            if not self._abandoned:  # the app's own
                await self._fail(error)
            elif not self._done and not connection.gone:
                connection.abort()
        except BaseException as error:  # noqa: BLE001 - an app may even exit: the server stays
            await self._fail(error)
        finally:
            self._release()
            if not self._done:
                self._finish(complete=False)
            self._scope = {}
            shared.hooks.request_ends()
            shared.exchanges.discard(self)
            self._task = None
            if shared.draining:
                shared.on_change()

    async def _receive(self) -> dict[str, Any]:
        """ASGI `receive`."""
        connection = self._connection
        while not self._done:
            if not self._body_given and (self._body or self._body_complete):
                body = bytes(self._body)
                self._body = b""
                self._body_given = self._body_complete
                if self._body_paused:
                    self._body_paused = False
                    connection.resume_body()
                return {"type": "http.request", "body": body, "more_body": not self._body_complete}
            if self._gone or connection.gone:
                break
            if not self._body_complete:
                connection.send_continue()
            self._waiter = connection.shared.loop.create_future()
            await self._waiter
        return {"type": "http.disconnect"}

    async def _send(self, message: dict[str, Any]) -> None:
        """ASGI `send`."""
        connection = self._connection
        if connection.gone and not self._done:
            raise ClientDisconnected("The client is gone.")
        kind = message["type"]
        head = self._app_head
        if head is None:
            if kind != "http.response.start":
                raise RuntimeError(f"The ASGI app sent {kind!r} where 'http.response.start' must come first.")
            self._app_head = asgi_head(message["status"], message.get("headers", ()))
            return
        if kind != "http.response.body":
            raise RuntimeError(f"The ASGI app sent {kind!r} where 'http.response.body' must come.")
        if self._done:
            if connection.gone:
                return
            raise RuntimeError("The ASGI app sent a body after its response was complete.")
        body = message.get("body", b"")
        if type(body) is not bytes:
            body = bytes(body)
        more = message.get("more_body", False)
        if head.status == 500 and not self.head_sent and await self._hold(body, more):
            return
        self._write(head, body, more) if len(body) <= _JOIN else await self._write_large(head, body, more)
        if not more:
            self._complete(head)
        elif connection.write_paused:
            await self._drained()

    async def _hold(self, body: bytes, more: bool) -> bool:
        """Whether this is a page that the framework has for every error: then that error follows at once."""
        shared = self._connection.shared
        if self._held is not None:
            self._held += body
        elif shared.hooks.is_default_error_page(body):
            self._held = body
            shared.loop.call_later(_HOLD_SECONDS, self._release)
        else:
            return False
        self._held_more = more
        error = None if more else shared.hooks.noted_error()
        if error is not None:  # it is not raised any more, so nothing is to be waited for
            await self._fail(error)
        return True

    def _release(self) -> None:
        """No error has followed."""
        head, body = self._app_head, self._held
        self._held = None
        if body is not None and head is not None and not self._done and not self._connection.gone:
            self._write(head, body, self._held_more)
            if not self._held_more:
                self._complete(head)

    async def _rest_of_body(self) -> None:
        """The app does not want it any more; the report does. See `keeping`."""
        connection = self._connection
        deadline = time.perf_counter() + REST_SECONDS
        while self._kept.lacks_rest(self.head) and not (self._gone or connection.gone):
            self._body = b""
            if self._body_paused:
                self._body_paused = False
                connection.resume_body()
            waiter = self._waiter = connection.shared.loop.create_future()
            await asyncio.wait([waiter], timeout=max(deadline - time.perf_counter(), 0))
            if not waiter.done():
                return

    async def _drained(self) -> None:
        connection = self._connection
        while connection.write_paused and not connection.gone:
            if self._write_waiter is None:
                self._write_waiter = connection.shared.loop.create_future()
            await self._write_waiter
        if connection.gone:
            raise ClientDisconnected("The client is gone.")

    def _write(self, head: ResponseHead, body: bytes, more: bool) -> None:
        """Send a small block, in one write with the head and the final chunk."""
        prefix = b"" if self.head_sent else self._make_head(head, len(body), more)
        if body:
            body = self._fitting(head, body)
        if self._chunked:
            chunk = b"%x\r\n%b\r\n" % (len(body), body) if body else b""
            data = b"".join((prefix, chunk, b"" if more else b"0\r\n\r\n"))
        else:
            data = prefix + body if prefix else body
        if data:
            self._connection.write(data)

    async def _write_large(self, head: ResponseHead, body: bytes, more: bool) -> None:
        """Send a large block in pieces, as the client reads them."""
        connection = self._connection
        if not self.head_sent:
            connection.write(self._make_head(head, len(body), more))
        body = self._fitting(head, body)
        if body and self._chunked:
            connection.write(b"%x\r\n" % len(body))
        view = memoryview(body)
        for start in range(0, len(view), _PIECE):
            connection.write(view[start : start + _PIECE])
            if connection.write_paused:
                await self._drained()
        if self._chunked:
            connection.write((b"\r\n" if body else b"") + (b"" if more else b"0\r\n\r\n"))

    def _fitting(self, head: ResponseHead, body: bytes) -> bytes:
        """What of `body` may be sent."""
        if self.head.method == "HEAD" or head.bodiless:
            return b""
        if 0 <= head.content_length < self._body_bytes + len(body):
            self._connection.shared.hooks.notice(
                f"{self._label()}: the app sent more than the {head.content_length} bytes it had announced; "
                "the rest is dropped."
            )
            body = body[: head.content_length - self._body_bytes]
        self._body_bytes += len(body)
        return body

    def _make_head(self, head: ResponseHead, size: int, more: bool) -> bytes:
        """The bytes of the head; decides how the body is framed."""
        connection = self._connection
        self.head_sent = True
        modern = self.head.version == "1.1"
        if head.close or connection.closes_after:
            self._keep_alive = False
        framing = b""
        if head.content_length < 0 and not head.bodiless and self.head.method != "HEAD":
            if not more:
                framing = b"Content-Length: %d\r\n" % size
            elif modern:
                self._chunked = True
                framing = b"Transfer-Encoding: chunked\r\n"
            else:
                self._keep_alive = False
        ending = b"\r\n"
        if not self._keep_alive:
            ending = b"Connection: close\r\n\r\n"
        elif not modern:
            ending = b"Connection: keep-alive\r\n\r\n"
        return b"".join(
            (head.line, head.block, connection.shared.fixed_headers.for_head(head), framing, ending)
        )

    def _complete(self, head: ResponseHead) -> None:
        short = self._body_bytes < head.content_length and not head.bodiless and self.head.method != "HEAD"
        if short:
            self._connection.shared.hooks.notice(
                f"{self._label()}: the app announced {head.content_length} bytes "
                f"and sent only {self._body_bytes}."
            )
        self._finish(complete=not short)

    def _finish(self, complete: bool) -> None:
        self._done = True
        connection = self._connection
        head = self._app_head
        record = AccessRecord(
            connection.client_name,
            self.head.method,
            self.head.target.decode("latin-1"),
            self.head.version,
            head.status if head is not None and self.head_sent else 499,
            time.perf_counter() - self.began,
            self._body_bytes,
            complete,
        )
        if complete or connection.gone:
            connection.finish(self, record, self._keep_alive)
        else:
            connection.shared.hooks.access(record)
            connection.close()  # without the final chunk: the client sees that something is missing
        self._wake()

    async def _fail(self, error: BaseException) -> None:
        """The app raised: send an error response if nothing has been sent yet."""
        connection = self._connection
        shared = connection.shared
        if (connection.gone or self._done) and _caused_by_disconnect(error):
            return
        await self._rest_of_body()
        request = request_info(connection, self.head, self._scope, self._kept)
        answer = shared.hooks.app_error(error, request, self.head_sent)
        if answer is None:
            self._release()
        self._held = None
        if self._done or self.head_sent or connection.gone:
            return
        if answer is None:
            answer = plain_response(500, "Internal Server Error\n")
        if connection.closes_after:
            self._keep_alive = False
        with_body = self.head.method != "HEAD"
        self._app_head = ResponseHead(answer.status, b"")
        self._body_bytes = len(answer.body) if with_body else 0
        self.head_sent = True
        connection.write(
            whole_response(answer, shared.fixed_headers, with_body=with_body, close=not self._keep_alive)
        )
        self._finish(complete=True)

    def _label(self) -> str:
        return f"{self.head.method} {self.head.target.decode('latin-1')}"


def _caused_by_disconnect(error: BaseException) -> bool:
    """Whether the app failed only because `send` had told it that the client is gone."""
    pending: list[BaseException | None] = [error]
    seen: set[int] = set()
    while pending:
        one = pending.pop()
        if one is None or id(one) in seen:
            continue
        seen.add(id(one))
        if isinstance(one, ClientDisconnected):
            return True
        pending += [one.__cause__, one.__context__, *getattr(one, "exceptions", ())]
    return False

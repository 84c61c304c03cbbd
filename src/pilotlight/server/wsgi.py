"""A WSGI app's request and response (PEP 3333), run on a thread of the pool.

The app's side runs on the pool thread and talks to the connection through the mailbox alone. Must never
touch the transport from that thread, and never keep more of a response in memory than the limits say.
"""

from __future__ import annotations

import io
import threading
import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from pilotlight.server.application import AccessRecord
from pilotlight.server.head import RequestHead
from pilotlight.server.keeping import REST_SECONDS, KeptBody, request_info
from pilotlight.server.response import ResponseHead, plain_response, whole_response, wsgi_head
from pilotlight.server.wsgi_body import BodyStream, ClientDisconnected
from pilotlight.server.wsgi_environ import environ_of

if TYPE_CHECKING:
    from pilotlight.server.connection import Connection

_PIECE = 256 * 1024
"""Larger blocks are written in pieces of this size."""
_JOIN = 64 * 1024
"""Up to this size copying a block behind the head is cheaper than a second write."""


class WsgiExchange:
    """One request to a WSGI app.

    Args:
        connection: where it came from.
        head: the request's head.
        body: the body, or its beginning.
        body_complete: whether `body` is all of it.
    """

    __slots__ = (
        "_app_head",
        "_body",
        "_body_bytes",
        "_chunked",
        "_connection",
        "_delivered",
        "_environ",
        "_failed",
        "_keep_alive",
        "_kept",
        "_posted",
        "_reported_excess",
        "_stream",
        "_wakeup",
        "began",
        "head",
        "head_sent",
    )

    def __init__(self, connection: Connection, head: RequestHead, body: bytes, body_complete: bool) -> None:
        self.head = head
        self.head_sent = False
        self._connection = connection
        self.began = time.perf_counter()
        self._body = body
        self._kept = KeptBody(connection.shared.config.keep_body_bytes, body, body_complete)
        self._environ: dict[str, Any] = {}
        self._stream = None if body_complete else BodyStream(self, body)
        self._app_head: ResponseHead | None = None
        self._chunked = False
        self._keep_alive = head.keep_alive
        self._body_bytes = 0
        self._failed = False
        self._reported_excess = False
        self._posted = 0  # bytes given to the mailbox; written by the thread alone
        self._delivered = 0  # bytes given to the transport; written by the loop alone
        self._wakeup: threading.Event | None = None

    # --- the loop's side

    def start(self) -> None:
        """Queue the request for the pool."""
        shared = self._connection.shared
        exchanges = shared.exchanges
        exchanges.add(self)
        shared.pool.submit(self)
        if len(exchanges) > shared.pool.size:
            shared.pool.watch()

    def feed_body(self, data: bytes, complete: bool) -> None:
        """More of the request's body."""
        self._kept.add(data, complete)
        if self._stream is not None and self._stream.feed(data, complete):
            self._connection.pause_body()

    def disconnected(self) -> None:
        """The client is gone, or has closed its side."""
        if self._stream is not None:
            self._stream.fail()
        self.writable()

    def writable(self) -> None:
        """The thread may go on writing."""
        if self._wakeup is not None:
            self._wakeup.set()

    def abandon(self) -> None:
        """A thread cannot be stopped; it notices the disconnect when it writes."""

    @property
    def is_event_stream(self) -> bool:
        """Whether a response that may never end has begun."""
        return self.head_sent and self._app_head is not None and self._app_head.event_stream

    @property
    def buffer_limit(self) -> int:
        """Bytes after which the faster side waits."""
        return self._connection.shared.limits.body_buffer_bytes

    def _deliver(self, data: bytes | memoryview) -> None:
        self._connection.write(data)
        self._delivered += len(data)
        if self._wakeup is not None:
            self._wakeup.set()

    def _end(self, record: AccessRecord) -> None:
        connection = self._connection
        shared = connection.shared
        shared.exchanges.discard(self)
        if not record.complete and not connection.gone and self.head_sent:
            shared.hooks.access(record)
            connection.close()  # without the final chunk: the client sees that something is missing
        else:
            connection.finish(self, record, self._keep_alive)
        if shared.draining:
            shared.on_change()

    # --- the thread's side

    def ask_for_body(self) -> None:
        """The app waits for the body."""
        connection = self._connection
        connection.shared.mailbox.post(lambda _: connection.send_continue(), None)

    def resume_body(self) -> None:
        """The app has read most of what is there."""
        connection = self._connection
        connection.shared.mailbox.post(lambda _: connection.resume_body(), None)

    def run(self) -> None:
        """Run the app and send what it answers. Never raises."""
        hooks = self._connection.shared.hooks
        hooks.request_begins()
        try:
            self._run_app()
            noted = hooks.noted_error()
            if noted is not None and self._app_head is not None and self._app_head.status >= 500:
                self._wait_for_rest_of_body()
                hooks.answered_error(
                    noted, request_info(self._connection, self.head, self._environ, self._kept)
                )
        except ClientDisconnected:
            self._failed = True
        except BaseException as error:  # noqa: BLE001 - a view may even exit: the server stays
            self._fail(error)
        hooks.request_ends()
        head = self._app_head
        self._connection.shared.mailbox.post(
            self._end,
            AccessRecord(
                self._connection.client_name,
                self.head.method,
                self.head.target.decode("latin-1"),
                self.head.version,
                head.status if head is not None else 499,
                time.perf_counter() - self.began,
                self._body_bytes,
                not self._failed,
            ),
        )

    def _run_app(self) -> None:
        application = self._connection.shared.application.callable
        stream = self._stream
        body = io.BytesIO(self._body) if stream is None else io.BufferedReader(stream, 64 * 1024)
        self._body = b""
        self._environ = environ = environ_of(self._connection, self.head, body)
        result: Iterable[bytes] = application(environ, self._start_response)
        try:
            if type(result) in (list, tuple):
                self._send_known(list(result))
            else:
                for block in result:
                    if block:
                        self._send_block(block)
            self._finish_body()
        finally:
            close = getattr(result, "close", None)
            if close is not None:
                close()

    def _start_response(
        self, status: str, headers: list[tuple[str, str]], exc_info: Any = None
    ) -> Callable[[bytes], None]:
        """PEP 3333's `start_response`."""
        if exc_info:
            try:
                if self.head_sent:
                    raise exc_info[1].with_traceback(exc_info[2])
            finally:
                exc_info = None
        elif self._app_head is not None:
            raise RuntimeError("start_response() was called a second time without exc_info (PEP 3333).")
        if type(headers) is not list:
            raise TypeError(
                f"The headers given to start_response() must be a list, not {type(headers).__name__}."
            )
        self._app_head = wsgi_head(status, headers)
        return self._write_callable

    def _write_callable(self, data: bytes) -> None:
        if data:
            self._send_block(data)

    def _send_known(self, blocks: list[bytes]) -> None:
        """All of the body is there: if the app did not say its length, we can."""
        for block in blocks:
            if not isinstance(block, bytes):
                raise TypeError(f"A WSGI response must consist of bytes, not {type(block).__name__}.")
        body = blocks[0] if len(blocks) == 1 else b"".join(blocks)
        head = self._app_head
        length_unsaid = (
            head is not None and not self.head_sent and head.content_length < 0 and not head.bodiless
        )
        if head is not None and length_unsaid and (body or self.head.method != "HEAD"):
            head.content_length = len(body)
            head.block += b"Content-Length: %d\r\n" % len(body)
        if body:
            self._send_block(body)

    def _send_block(self, block: bytes) -> None:
        if not isinstance(block, bytes):
            raise TypeError(f"A WSGI response must consist of bytes, not {type(block).__name__}.")
        head = self._app_head
        if head is None:
            raise RuntimeError("The app sent a body before it called start_response().")
        prefix = b"" if self.head_sent else self._make_head(head)
        if self.head.method == "HEAD" or head.bodiless:
            block = b""
        elif 0 <= head.content_length < self._body_bytes + len(block):
            self._report_excess(head)
            block = block[: head.content_length - self._body_bytes]
        size = len(block)
        self._body_bytes += size
        if not size:
            if prefix:
                self._post(prefix)
        elif self._chunked:
            if size <= _JOIN:
                self._post(b"%b%x\r\n%b\r\n" % (prefix, size, block))
            else:
                self._post(b"%b%x\r\n" % (prefix, size))
                self._post_large(block)
                self._post(b"\r\n")
        elif size <= _JOIN:
            self._post(prefix + block if prefix else block)
        else:
            if prefix:
                self._post(prefix)
            self._post_large(block)

    def _finish_body(self) -> None:
        head = self._app_head
        if head is None:
            raise RuntimeError("The app returned without calling start_response().")
        if not self.head_sent:
            if head.content_length < 0 and not head.bodiless and self.head.method != "HEAD":
                head.content_length = 0
                head.block += b"Content-Length: 0\r\n"
            self._post(self._make_head(head))
        elif self._chunked:
            self._post(b"0\r\n\r\n")
        if self._body_bytes < head.content_length and not head.bodiless and self.head.method != "HEAD":
            self._failed = True
            self._keep_alive = False
            self._connection.shared.mailbox.post(
                self._connection.shared.hooks.notice,
                f"{self._label()}: the app announced {head.content_length} bytes "
                f"and sent only {self._body_bytes}.",
            )

    def _report_excess(self, head: ResponseHead) -> None:
        if not self._reported_excess:
            self._reported_excess = True
            self._connection.shared.mailbox.post(
                self._connection.shared.hooks.notice,
                f"{self._label()}: the app sent more than the {head.content_length} bytes it had announced; "
                "the rest is dropped.",
            )

    def _make_head(self, head: ResponseHead) -> bytes:
        """The bytes of the head; decides how the body is framed."""
        connection = self._connection
        self.head_sent = True
        framing = b""
        modern = self.head.version == "1.1"
        if connection.closes_after:
            self._keep_alive = False
        if head.content_length < 0 and not head.bodiless and self.head.method != "HEAD":
            if modern:
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

    def _post_large(self, block: bytes) -> None:
        view = memoryview(block)
        for start in range(0, len(view), _PIECE):
            self._post(view[start : start + _PIECE])

    def _post(self, data: bytes | memoryview) -> None:
        """Have the loop write `data`; wait while too much is under way.

        Raises:
            ClientDisconnected: nobody reads it any more.
        """
        connection = self._connection
        if connection.gone:
            raise ClientDisconnected("The client is gone.")
        if self._posted - self._delivered > _PIECE or connection.write_paused:
            self._wait_for_client()
        self._posted += len(data)
        connection.shared.mailbox.post(self._deliver, data)

    def _wait_for_client(self) -> None:
        connection = self._connection
        if self._wakeup is None:
            self._wakeup = threading.Event()
        while self._posted - self._delivered > _PIECE or connection.write_paused:
            self._wakeup.clear()
            if connection.gone:
                raise ClientDisconnected("The client is gone.")
            if self._posted - self._delivered > _PIECE or connection.write_paused:
                self._wakeup.wait()

    def _wait_for_rest_of_body(self) -> None:
        """The app does not want it any more; the report does. See `keeping`."""
        deadline = time.perf_counter() + REST_SECONDS
        while self._stream is not None and self._kept.lacks_rest(self.head):
            if not self._stream.skip(max(deadline - time.perf_counter(), 0)):
                return

    def _fail(self, error: BaseException) -> None:
        """The app raised: send an error response if nothing has been sent yet."""
        connection = self._connection
        shared = connection.shared
        self._wait_for_rest_of_body()
        answer = shared.hooks.app_error(
            error, request_info(connection, self.head, self._environ, self._kept), self.head_sent
        )
        self._environ = {}
        del error
        if self.head_sent or connection.gone:
            self._failed = True
            return
        if answer is None:
            answer = plain_response(500, "Internal Server Error\n")
        if connection.closes_after:
            self._keep_alive = False
        with_body = self.head.method != "HEAD"
        data = whole_response(answer, shared.fixed_headers, with_body=with_body, close=not self._keep_alive)
        self._app_head = ResponseHead(answer.status, b"")
        self._body_bytes = len(answer.body) if with_body else 0
        self.head_sent = True
        shared.mailbox.post(self._deliver, data)

    def _label(self) -> str:
        return f"{self.head.method} {self.head.target.decode('latin-1')}"

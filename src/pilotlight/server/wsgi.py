"""A WSGI app's request and response (PEP 3333), run on a thread of the pool.

The app's side runs on the pool thread and talks to the connection through the mailbox alone. Must never
touch the transport from that thread, and never keep more of a response in memory than the limits say.
"""

from __future__ import annotations

import io
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from pilotlight.server.application import AccessRecord
from pilotlight.server.head import RequestHead, percent_decoded
from pilotlight.server.response import ResponseHead, plain_response, whole_response, wsgi_head

if TYPE_CHECKING:
    from pilotlight.server.connection import Connection

_PIECE = 256 * 1024
"""Larger blocks are written in pieces of this size."""
_JOIN = 64 * 1024
"""Up to this size copying a block behind the head is cheaper than a second write."""


class ClientDisconnected(ConnectionError):
    """The client is gone; raised inside the app when it reads the body or writes the response."""


class BodyStream(io.RawIOBase):
    """The body of a request as a pool thread reads it while it arrives.

    Args:
        exchange: whose body it is.
        first: what arrived with the head.
    """

    def __init__(self, exchange: WsgiExchange, first: bytes) -> None:
        self._exchange = exchange
        self._ready = threading.Condition()
        self._pieces: deque[memoryview] = deque()
        self._size = 0
        self._complete = False
        self._broken = False
        self._paused = False
        if first:
            self._pieces.append(memoryview(first))
            self._size = len(first)

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Wait for bytes; 0 at the end of the body.

        Raises:
            ClientDisconnected: the client went away before the end of the body.
        """
        with self._ready:
            if not self._pieces and not self._complete:
                self._exchange.ask_for_body()
            while not self._pieces:
                if self._broken:
                    raise ClientDisconnected("The client went away before it had sent the whole body.")
                if self._complete:
                    return 0
                self._ready.wait()
            piece = self._pieces[0]
            count = min(len(piece), len(buffer))
            buffer[:count] = piece[:count]
            if count == len(piece):
                self._pieces.popleft()
            else:
                self._pieces[0] = piece[count:]
            self._size -= count
            if self._paused and self._size <= self._exchange.buffer_limit // 2:
                self._paused = False
                self._exchange.resume_body()
            return count

    def feed(self, data: bytes, complete: bool) -> bool:
        """Loop: more of the body. True when reading should pause."""
        with self._ready:
            if data:
                self._pieces.append(memoryview(data))
                self._size += len(data)
            self._complete = complete
            self._ready.notify()
            if self._size > self._exchange.buffer_limit and not self._paused:
                self._paused = True
                return True
            return False

    def fail(self) -> None:
        """Loop: the rest of the body will not come."""
        with self._ready:
            self._broken = not self._complete
            self._ready.notify()


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
        "_began",
        "_body",
        "_body_bytes",
        "_chunked",
        "_connection",
        "_delivered",
        "_failed",
        "_keep_alive",
        "_posted",
        "_reported_excess",
        "_stream",
        "_wakeup",
        "head",
        "head_sent",
    )

    def __init__(self, connection: Connection, head: RequestHead, body: bytes, body_complete: bool) -> None:
        self.head = head
        self.head_sent = False
        self._connection = connection
        self._began = time.perf_counter()
        self._body = body
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
        try:
            self._run_app()
        except ClientDisconnected:
            self._failed = True
        except BaseException as error:  # noqa: BLE001 - a view may even exit: the server stays
            self._fail(error)
        head = self._app_head
        self._connection.shared.mailbox.post(
            self._end,
            AccessRecord(
                self._connection.client_name,
                self.head.method,
                self.head.target.decode("latin-1"),
                self.head.version,
                head.status if head is not None else 499,
                time.perf_counter() - self._began,
                self._body_bytes,
                not self._failed,
            ),
        )

    def _run_app(self) -> None:
        application = self._connection.shared.application.callable
        result: Iterable[bytes] = application(self._environ(), self._start_response)
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

    def _fail(self, error: BaseException) -> None:
        """The app raised: send an error response if nothing has been sent yet."""
        connection = self._connection
        shared = connection.shared
        answer = shared.hooks.app_error(error, connection.request_info(self.head), self.head_sent)
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

    def _environ(self) -> dict[str, Any]:
        connection = self._connection
        base = connection.environ_base
        if base is None:
            base = connection.environ_base = _environ_base(connection)
        head = self.head
        environ = base.copy()
        environ["REQUEST_METHOD"] = head.method
        script, path = split_root(connection.shared.config.root_path, percent_decoded(head.raw_path))
        environ["SCRIPT_NAME"] = script
        environ["PATH_INFO"] = path
        environ["QUERY_STRING"] = head.query.decode("latin-1")
        environ["RAW_URI"] = environ["REQUEST_URI"] = head.target.decode("latin-1")
        environ["SERVER_PROTOCOL"] = "HTTP/1.1" if head.version == "1.1" else "HTTP/1.0"
        environ["wsgi.input"] = (
            io.BytesIO(self._body) if self._stream is None else io.BufferedReader(self._stream, 64 * 1024)
        )
        self._body = b""
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
    }

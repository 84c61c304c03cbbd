"""WebSocket messages in and out of bytes (RFC 6455 5 to 7): a thin, lazy face over wsproto's framing.

Pure: no sockets, no loop. Must never parse ahead of its caller: each call of `next` yields one event, so that
what has arrived but is not wanted yet stays as compact as it came.
"""

from __future__ import annotations

from dataclasses import dataclass

from wsproto.connection import Connection, ConnectionState, ConnectionType
from wsproto.events import BytesMessage, CloseConnection, TextMessage
from wsproto.events import Ping as PingFrame
from wsproto.events import Pong as PongFrame
from wsproto.frame_protocol import CloseReason

from pilotlight.server.websocket_deflate import DeflateParameters, MessagePayload

NO_STATUS = 1005
ABNORMAL = 1006

_FAILURES = {
    CloseReason.PROTOCOL_ERROR: "protocol error",
    CloseReason.INVALID_FRAME_PAYLOAD_DATA: "invalid payload data",
    CloseReason.MESSAGE_TOO_BIG: "message too big",
}


@dataclass(frozen=True, slots=True)
class Message:
    """A whole message. `size` is what it took on arrival, in bytes, after inflation."""

    data: str | bytes
    size: int


@dataclass(frozen=True, slots=True)
class Ping:
    """The client wants a pong with the same payload."""

    payload: bytes


@dataclass(frozen=True, slots=True)
class Pong:
    """The answer to one of our pings, or an unsolicited sign of life."""


@dataclass(frozen=True, slots=True)
class Closed:
    """The client's close frame. `answer` is ours, ready to send; empty when ours went first."""

    code: int
    reason: str
    answer: bytes


@dataclass(frozen=True, slots=True)
class Failed:
    """The client broke the protocol or a limit. Nothing that it sends is understood any more."""

    code: int
    reason: str


Event = Message | Ping | Pong | Closed | Failed


def is_close_code(code: int) -> bool:
    """Whether a close frame may carry this code (RFC 6455 7.4 and the IANA registry of close codes)."""
    return code in (1000, 1001, 1002, 1003) or 1007 <= code <= 1014 or 3000 <= code <= 4999


class Framing:
    """The server's side of one open WebSocket.

    Args:
        message_limit: bytes that a message may have, after inflation; a bigger one fails with 1009.
        deflate: the agreed `permessage-deflate`, if any.
    """

    def __init__(self, message_limit: int, deflate: DeflateParameters | None = None) -> None:
        self._connection = Connection(ConnectionType.SERVER, [MessagePayload(message_limit, deflate)])
        self._limit = message_limit
        self._partial = bytearray()
        self._deaf = False

    @property
    def close_sent(self) -> bool:
        """Whether our close frame has been made: no other frame may follow."""
        return self._connection.state is not ConnectionState.OPEN

    def feed(self, data: bytes) -> None:
        """Takes what arrived; it is dropped when nothing more can be understood."""
        if not self._deaf:
            self._connection.receive_data(data)

    def next(self) -> Event | None:
        """The next event; None until more bytes are fed. `Closed` and `Failed` are the last ones."""
        if self._deaf:
            return None
        for event in self._connection.events():
            if isinstance(event, (TextMessage, BytesMessage)):
                message = self._assemble(event.data, event.message_finished)
                if message is not None:
                    return message
            elif isinstance(event, PingFrame):
                return Ping(bytes(event.payload))
            elif isinstance(event, PongFrame):
                return Pong()
            elif isinstance(event, CloseConnection):
                return self._ended(event)
        return None

    def _assemble(self, data: str | bytes | bytearray, finished: bool) -> Message | None:
        """Collects fragments as bytes: a list of them could outweigh the message many times over."""
        if finished and not self._partial:
            whole = data if isinstance(data, str) else bytes(data)
            size = len(whole) if not isinstance(whole, str) or whole.isascii() else len(whole.encode())
            return Message(whole, size)
        self._partial += data.encode() if isinstance(data, str) else data
        if not finished:
            return None
        collected = bytes(self._partial)
        self._partial = bytearray()
        return Message(collected.decode() if isinstance(data, str) else collected, len(collected))

    def _ended(self, event: CloseConnection) -> Closed | Failed:
        self._deaf = True
        self._partial = bytearray()
        state = self._connection.state
        if state is ConnectionState.REMOTE_CLOSING:
            answer = self._connection.send(event.response())
            return Closed(int(event.code), event.reason or "", answer)
        if state is ConnectionState.CLOSED:
            return Closed(int(event.code), event.reason or "", b"")
        return Failed(int(event.code), _FAILURES.get(CloseReason(event.code), "protocol error"))

    def message(self, data: str | bytes) -> bytes:
        """The frame of a message.

        Raises:
            UnicodeEncodeError: a text has lone surrogates; nothing has been sent.
        """
        return self._connection.send(TextMessage(data) if isinstance(data, str) else BytesMessage(data))

    def ping(self) -> bytes:
        """A ping frame."""
        return self._connection.send(PingFrame())

    def pong(self, payload: bytes) -> bytes:
        """The pong frame that answers a ping."""
        return self._connection.send(PongFrame(payload))

    def close(self, code: int, reason: str = "") -> bytes:
        """A close frame; a reason that does not fit a control frame is cut. Sent once: see `close_sent`."""
        return self._connection.send(CloseConnection(code, reason))

"""What happens to the payload of each WebSocket frame: the message size limit and `permessage-deflate` (RFC
7692).

Pure: no sockets, no loop. Must never hold more of a message than the limit allows, however well it was
compressed: the limit is handed to zlib itself, so a small frame cannot inflate into a large string first and
be refused afterwards.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from dataclasses import dataclass

from wsproto.extensions import Extension
from wsproto.frame_protocol import CloseReason, FrameDecoder, FrameProtocol, Opcode, RsvBits

_NAME = "permessage-deflate"
_WINDOW_BITS = 15
_SYNC_FLUSH_TAIL = b"\x00\x00\xff\xff"
_BYTES_AFTER_FINAL_BLOCK = 1  # the octet that RFC 7692 7.2.3.4 asks a sender to append
_WORTH_COMPRESSING = 256
_NO_RSV = RsvBits(False, False, False)
_RSV1 = RsvBits(True, False, False)


@dataclass(frozen=True, slots=True)
class DeflateParameters:
    """What server and client agreed on (RFC 7692 7.1)."""

    server_no_context_takeover: bool = False
    client_no_context_takeover: bool = False
    server_max_window_bits: int | None = None

    def header(self) -> bytes:
        """The value of the answer's `Sec-WebSocket-Extensions`."""
        parts = [_NAME]
        if self.server_no_context_takeover:
            parts.append("server_no_context_takeover")
        if self.client_no_context_takeover:
            parts.append("client_no_context_takeover")
        if self.server_max_window_bits is not None:
            parts.append(f"server_max_window_bits={self.server_max_window_bits}")
        return "; ".join(parts).encode("ascii")


def negotiate_deflate(offers: Iterable[str]) -> DeflateParameters | None:
    """The first offer that can be met; None when there is none, and messages then travel as they are.

    Args:
        offers: the elements of the client's `Sec-WebSocket-Extensions`, in its order of preference.
    """
    for offer in offers:
        parameters = _accept(offer)
        if parameters is not None:
            return parameters
    return None


def _accept(offer: str) -> DeflateParameters | None:
    """One offer; RFC 7692 7.1 has it declined for an unknown, repeated or wrongly valued parameter."""
    name, *items = (part.strip() for part in offer.split(";"))
    if name.lower() != _NAME:
        return None
    seen: dict[str, str | None] = {}
    for item in items:
        key, equals, value = item.partition("=")
        key = key.strip().lower()
        if key in seen:
            return None
        seen[key] = value.strip().strip('"') if equals else None
    server_no_takeover = _flag(seen, "server_no_context_takeover")
    client_no_takeover = _flag(seen, "client_no_context_takeover")
    server_bits = seen.pop("server_max_window_bits", "15")
    # Every client window fits the 15 bits that we inflate with: this one is only checked, never answered.
    client_bits = seen.pop("client_max_window_bits", None)
    if seen or server_no_takeover is None or client_no_takeover is None:
        return None
    if server_bits is None or not _is_window(server_bits, 9):  # zlib cannot make a raw stream with 8 bits
        return None
    if client_bits is not None and not _is_window(client_bits, 8):
        return None
    bits = int(server_bits)
    return DeflateParameters(server_no_takeover, client_no_takeover, bits if bits < _WINDOW_BITS else None)


def _flag(seen: dict[str, str | None], name: str) -> bool | None:
    """Whether a parameter without value was given; None when it came with one."""
    if name not in seen:
        return False
    return True if seen.pop(name) is None else None


def _is_window(text: str, smallest: int) -> bool:
    return (
        len(text) <= 2
        and text.isascii()
        and text.isdecimal()
        and not text.startswith("0")
        and (smallest <= int(text) <= _WINDOW_BITS)
    )


class MessagePayload(Extension):
    """Counts, and inflates or deflates, the payload of messages. One per connection, hooked into wsproto's
    framing.

    Args:
        limit: bytes that one message may have, after inflation.
        deflate: what was agreed on; None refuses compressed frames.
    """

    name = _NAME

    def __init__(self, limit: int, deflate: DeflateParameters | None) -> None:
        self._limit = limit
        self._deflate = deflate
        self._in_control_frame = False
        self._compressed = False
        self._size = 0
        self._after_final_block = 0
        self._inflater: zlib._Decompress | None = None
        self._deflater: zlib._Compress | None = None

    def enabled(self) -> bool:
        """wsproto asks whether the hooks are to be called."""
        return True

    def offer(self) -> bool | str:
        """A server never offers."""
        return False

    def frame_inbound_header(
        self, proto: FrameDecoder | FrameProtocol, opcode: Opcode, rsv: RsvBits, payload_length: int
    ) -> CloseReason | RsvBits:
        """Judges a frame by its header. wsproto may ask twice about the same header: nothing is counted
        here."""
        self._in_control_frame = opcode.iscontrol()
        if self._in_control_frame:
            return _NO_RSV
        if opcode is not Opcode.CONTINUATION:
            self._compressed = rsv.rsv1
            self._size = 0
            self._after_final_block = 0
        elif rsv.rsv1:  # only the first frame of a message says that it is compressed (RFC 7692 6.1)
            return CloseReason.PROTOCOL_ERROR
        if not self._compressed and self._size + payload_length > self._limit:
            return CloseReason.MESSAGE_TOO_BIG
        return _NO_RSV if self._deflate is None else _RSV1

    def frame_inbound_payload_data(
        self, proto: FrameDecoder | FrameProtocol, data: bytes
    ) -> bytes | CloseReason:
        """Some bytes of the current frame."""
        if self._in_control_frame:
            return data
        if self._compressed:
            return self._inflate(data)
        self._size += len(data)
        return data

    def frame_inbound_complete(
        self, proto: FrameDecoder | FrameProtocol, fin: bool
    ) -> bytes | CloseReason | None:
        """The end of a frame; at the end of a message the tail that the sender cut off is put back (RFC 7692
        7.2.2)."""
        if self._in_control_frame or not fin or not self._compressed:
            return None
        rest: bytes | CloseReason = b""
        if self._inflater is not None and not self._inflater.eof:
            rest = self._inflate(_SYNC_FLUSH_TAIL)
        if self._deflate is not None and self._deflate.client_no_context_takeover:
            self._inflater = None
        if self._inflater is not None and self._inflater.eof:
            self._inflater = None
        return rest

    def _inflate(self, data: bytes) -> bytes | CloseReason:
        """Inflates up to one byte more than the message may still have: that byte proves that it is too
        big."""
        if self._inflater is None:
            self._inflater = zlib.decompressobj(-_WINDOW_BITS)
        if self._inflater.eof:
            self._after_final_block += len(data)
        else:
            allowed = self._limit - self._size
            try:
                inflated = self._inflater.decompress(data, allowed + 1)
            except zlib.error:
                return CloseReason.INVALID_FRAME_PAYLOAD_DATA
            if len(inflated) > allowed:
                return CloseReason.MESSAGE_TOO_BIG
            self._size += len(inflated)
            self._after_final_block = len(self._inflater.unused_data)
            if self._after_final_block <= _BYTES_AFTER_FINAL_BLOCK or not self._inflater.eof:
                return inflated
        if self._after_final_block > _BYTES_AFTER_FINAL_BLOCK:
            return CloseReason.INVALID_FRAME_PAYLOAD_DATA
        return b""

    def frame_outbound(
        self, proto: FrameDecoder | FrameProtocol, opcode: Opcode, rsv: RsvBits, data: bytes, fin: bool
    ) -> tuple[RsvBits, bytes]:
        """Deflates a message that is worth it. Messages leave in one frame: a continuation is never seen
        here."""
        if self._deflate is None or opcode.iscontrol() or len(data) < _WORTH_COMPRESSING:
            return rsv, data
        if self._deflater is None:
            bits = self._deflate.server_max_window_bits or _WINDOW_BITS
            self._deflater = zlib.compressobj(zlib.Z_BEST_SPEED, zlib.DEFLATED, -bits)
        deflated = self._deflater.compress(data) + self._deflater.flush(zlib.Z_SYNC_FLUSH)
        if self._deflate.server_no_context_takeover:
            self._deflater = None
        return RsvBits(True, rsv.rsv2, rsv.rsv3), deflated[: -len(_SYNC_FLUSH_TAIL)]

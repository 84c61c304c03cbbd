"""Frames and messages, without a socket: fragmentation, limits, compression, and what breaks the protocol."""

from __future__ import annotations

import tracemalloc
import zlib
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from websocket_harness import frame
from wsproto.connection import Connection, ConnectionType
from wsproto.events import BytesMessage, TextMessage
from wsproto.extensions import PerMessageDeflate

from pilotlight.server.websocket_deflate import DeflateParameters, negotiate_deflate
from pilotlight.server.websocket_framing import (
    Closed,
    Event,
    Failed,
    Framing,
    Message,
    Ping,
    Pong,
    is_close_code,
)

TEXT, BINARY, CONTINUATION, CLOSE, PING, PONG = 1, 2, 0, 8, 9, 10


def events(framing: Framing, *chunks: bytes) -> list[Event]:
    found = []
    for chunk in chunks:
        framing.feed(chunk)
        while (event := framing.next()) is not None:
            found.append(event)
    return found


def deflated(data: bytes, *, final: bool = False) -> bytes:
    compressor = zlib.compressobj(9, zlib.DEFLATED, -15)
    if final:
        return compressor.compress(data) + compressor.flush(zlib.Z_FINISH)
    return (compressor.compress(data) + compressor.flush(zlib.Z_SYNC_FLUSH))[:-4]


@dataclass(frozen=True)
class Sent:
    data: str | bytes
    cuts: tuple[int, ...]


messages = st.builds(
    Sent,
    st.one_of(st.text(max_size=300), st.binary(max_size=300)),
    st.tuples(st.integers(0, 400), st.integers(0, 400)),
)


@given(st.lists(messages, max_size=5), st.data(), st.booleans())
@settings(deadline=None)
def test_messages_survive_any_fragmentation(sent: list[Sent], data: st.DataObject, compress: bool) -> None:
    """Cut into frames anywhere (inside characters too), with pings between, and into reads anywhere."""
    wire = b""
    for message in sent:
        raw = message.data.encode() if isinstance(message.data, str) else message.data
        payload = deflated(raw) if compress else raw
        first, second = sorted(min(cut, len(payload)) for cut in message.cuts)
        opcode = TEXT if isinstance(message.data, str) else BINARY
        wire += frame(opcode, payload[:first], fin=False, rsv=4 if compress else 0)
        wire += frame(PING, b"still there?") + frame(CONTINUATION, payload[first:second], fin=False)
        wire += frame(CONTINUATION, payload[second:])
    framing = Framing(2000, DeflateParameters(client_no_context_takeover=True) if compress else None)
    chunks = []
    while wire:
        size = data.draw(st.integers(1, max(1, len(wire))))
        chunks.append(wire[:size])
        wire = wire[size:]
    found = events(framing, *chunks)
    assert [event.data for event in found if isinstance(event, Message)] == [message.data for message in sent]
    assert sum(isinstance(event, Ping) for event in found) == len(sent)
    assert not any(isinstance(event, (Failed, Closed)) for event in found)


@given(st.binary(max_size=200), st.booleans())
@settings(deadline=None)
def test_no_bytes_make_it_raise(garbage: bytes, compress: bool) -> None:
    framing = Framing(1000, DeflateParameters() if compress else None)
    events(framing, garbage)
    for event in events(framing, frame(TEXT, b"more")):
        assert isinstance(event, (Message, Ping, Pong, Closed, Failed))


@pytest.mark.parametrize("takeover", [True, False])
def test_compressed_both_ways_with_another_implementation(takeover: bool) -> None:
    agreed = DeflateParameters(not takeover, not takeover)
    extension = PerMessageDeflate()
    extension.finalize(agreed.header().decode())
    client, framing = Connection(ConnectionType.CLIENT, [extension]), Framing(10_000, agreed)
    for number in range(5):
        text = f"message {number} " * 50
        (arrived,) = events(framing, client.send(TextMessage(text)))
        assert arrived == Message(text, len(text))
        reply = framing.message(text.encode())
        assert len(reply) < len(text)
        client.receive_data(reply)
        assert (
            b"".join(event.data for event in client.events() if isinstance(event, BytesMessage))
            == text.encode()
        )


@pytest.mark.parametrize(
    ("wire", "code"),
    [
        (frame(3), 1002),
        (frame(TEXT, b"a", rsv=4), 1002),
        (frame(TEXT, b"a", rsv=2), 1002),
        (frame(TEXT, b"a", mask=False), 1002),
        (frame(CONTINUATION, b"a"), 1002),
        (frame(TEXT, b"a", fin=False) + frame(TEXT, b"b"), 1002),
        (frame(PING, b"a", fin=False), 1002),
        (frame(PING, b"a" * 126), 1002),
        (frame(CLOSE, b"a"), 1002),
        (frame(CLOSE, b"\x03\xed"), 1002),  # 1005 must not be sent
        (frame(CLOSE, b"\x03\xe8\xff"), 1007),
        (frame(TEXT, b"\xff"), 1007),
        (frame(TEXT, b"\xe2\x82"), 1007),
        (frame(TEXT, b"\xed\xa0\x80"), 1007),
        (frame(TEXT, b"\xce", fin=False) + frame(CONTINUATION, b"a"), 1007),
        (frame(BINARY, b"a" * 101), 1009),
        (frame(TEXT, "é".encode() * 51), 1009),
        (frame(BINARY, b"a" * 60, fin=False) + frame(CONTINUATION, b"a" * 41), 1009),
        (b"\x82\xff" + (1 << 62).to_bytes(8, "big"), 1009),  # announced only
    ],
)
def test_what_breaks_the_protocol(wire: bytes, code: int) -> None:
    framing = Framing(100)
    (*_, last) = events(framing, wire)
    assert isinstance(last, Failed)
    assert last.code == code
    assert events(framing, frame(TEXT, b"more")) == []
    assert framing.close(last.code, last.reason)


def test_the_limit_itself_is_allowed() -> None:
    for deflate in (None, DeflateParameters()):
        for wire in (
            frame(BINARY, b"a" * 100),
            frame(BINARY, b"a" * 99, fin=False) + frame(CONTINUATION, b"a"),
        ):
            assert events(Framing(100, deflate), wire) == [Message(b"a" * 100, 100)]
    assert events(Framing(100, DeflateParameters()), frame(BINARY, deflated(b"a" * 100), rsv=4))


@pytest.mark.parametrize("excess", [1, 2, 3, 50_000])
@pytest.mark.parametrize("cut", [0, 3, 10])
def test_a_compressed_message_over_the_limit(excess: int, cut: int) -> None:
    payload = deflated(b"a" * (100 + excess))
    framing = Framing(100, DeflateParameters())
    wire = frame(BINARY, payload[:cut], fin=False, rsv=4) + frame(CONTINUATION, payload[cut:])
    (failed,) = events(framing, wire)
    assert failed == Failed(1009, "message too big")


def test_a_zip_bomb_takes_no_memory() -> None:
    bomb = deflated(b"\0" * (200 * 1024 * 1024))
    assert len(bomb) < 300_000
    wire = frame(BINARY, bomb, rsv=4)
    framing = Framing(1024 * 1024, DeflateParameters())
    tracemalloc.start()
    try:
        (failed,) = events(framing, wire)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert failed == Failed(1009, "message too big")
    assert peak < 8 * 1024 * 1024


def test_empty_fragments_and_one_byte_fragments_take_no_memory() -> None:
    framing = Framing(1024 * 1024)
    wire = frame(TEXT, "€".encode(), fin=False)
    part = (frame(CONTINUATION, "€".encode(), fin=False) + frame(CONTINUATION, fin=False)) * 1000
    tracemalloc.start()
    try:
        for chunk in (wire, *[part] * 30):
            assert events(framing, chunk) == []
        held = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    assert held < 500_000  # 30,001 characters as single strings would take more than 2 MB
    (message,) = events(framing, frame(CONTINUATION))
    assert message == Message("€" * 30_001, 90_003)


def test_a_message_is_parsed_only_when_asked_for() -> None:
    """Sixteen small frames that inflate to a megabyte each: one at a time."""
    wire = frame(BINARY, deflated(b"\0" * 1024 * 1024), rsv=4) * 16
    framing = Framing(1024 * 1024, DeflateParameters(client_no_context_takeover=True))
    tracemalloc.start()
    try:
        framing.feed(wire)
        first = framing.next()
        held = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    assert isinstance(first, Message)
    assert held < 3 * 1024 * 1024
    assert len(events(framing, b"")) == 15


class TestFinalBlocks:
    """RFC 7692 7.2.3.4: a sender may end each message with a final block and one octet behind it."""

    def test_one_is_understood(self) -> None:
        framing = Framing(1000, DeflateParameters())
        for text in ("first" * 20, "second"):
            wire = frame(TEXT, deflated(text.encode(), final=True) + b"\0", rsv=4)
            assert events(framing, wire) == [Message(text, len(text))]

    def test_what_follows_it_is_not_collected(self) -> None:
        framing = Framing(1000, DeflateParameters())
        wire = frame(TEXT, deflated(b"x", final=True), fin=False, rsv=4)
        assert events(framing, wire) == []
        assert events(framing, frame(CONTINUATION, b"y" * 100_000)) == [Failed(1007, "invalid payload data")]

    def test_in_one_frame(self) -> None:
        framing = Framing(1000, DeflateParameters())
        wire = frame(TEXT, deflated(b"x", final=True) + b"yy", rsv=4)
        assert events(framing, wire) == [Failed(1007, "invalid payload data")]


def test_compressed_garbage_and_text() -> None:
    assert events(Framing(1000, DeflateParameters()), frame(BINARY, b"\xff\xff\xff", rsv=4)) == [
        Failed(1007, "invalid payload data")
    ]
    assert events(Framing(1000, DeflateParameters()), frame(TEXT, deflated(b"\xff"), rsv=4)) == [
        Failed(1007, "invalid payload data")
    ]
    continued = frame(TEXT, deflated(b"ab"), fin=False, rsv=4) + frame(CONTINUATION, b"c", rsv=4)
    assert events(Framing(1000, DeflateParameters()), continued) == [Failed(1002, "protocol error")]


@pytest.mark.parametrize(
    ("payload", "code", "reason"),
    [(b"", 1005, ""), (b"\x03\xe8bye", 1000, "bye"), (b"\x0f\xa0", 4000, "")],
)
def test_the_close_frame_of_the_client_is_answered_with_its_code(
    payload: bytes, code: int, reason: str
) -> None:
    (closed,) = events(Framing(100), frame(CLOSE, payload))
    assert isinstance(closed, Closed)
    assert (closed.code, closed.reason) == (code, reason)
    assert closed.answer[2:4] == payload[:2]


def test_the_answer_to_our_close_frame() -> None:
    framing = Framing(100)
    assert framing.close(1000, "é" * 100)[:2] == bytes((0x88, 2 + 122))  # cut between characters
    assert framing.close_sent
    found = events(framing, frame(TEXT, b"late") + frame(CLOSE, b"\x03\xe8"))
    assert found == [Message("late", 4), Closed(1000, "", b"")]


@pytest.mark.parametrize(
    ("offers", "answer"),
    [
        (["permessage-deflate"], b"permessage-deflate"),
        (["permessage-deflate; client_max_window_bits"], b"permessage-deflate"),
        (["Permessage-Deflate; client_max_window_bits=8"], b"permessage-deflate"),
        (
            ['permessage-deflate; server_max_window_bits="10"'],
            b"permessage-deflate; server_max_window_bits=10",
        ),
        (
            ["permessage-deflate; server_no_context_takeover; client_no_context_takeover"],
            b"permessage-deflate; server_no_context_takeover; client_no_context_takeover",
        ),
        (["permessage-deflate; server_max_window_bits=8", "permessage-deflate"], b"permessage-deflate"),
        (["x-webkit-deflate-frame", "permessage-deflate; unknown"], None),
        (["permessage-deflate; server_max_window_bits"], None),
        (["permessage-deflate; server_max_window_bits=16"], None),
        (["permessage-deflate; server_max_window_bits=١٢"], None),
        (["permessage-deflate; server_max_window_bits=010"], None),
        (["permessage-deflate; client_max_window_bits=7"], None),
        (["permessage-deflate; client_no_context_takeover=1"], None),
        (["permessage-deflate; client_no_context_takeover; client_no_context_takeover"], None),
        (["permessage-deflate; "], None),
        ([], None),
    ],
)
def test_negotiation(offers: list[str], answer: bytes | None) -> None:
    agreed = negotiate_deflate(offers)
    assert (agreed.header() if agreed is not None else None) == answer


def test_a_smaller_window_is_kept() -> None:
    framing = Framing(100, negotiate_deflate(["permessage-deflate; server_max_window_bits=9"]))
    data = bytes(range(256)) * 20
    sent = framing.message(data)
    inflater = zlib.decompressobj(-9)
    assert inflater.decompress(sent[4:] + b"\0\0\xff\xff") == data


@pytest.mark.parametrize(
    ("code", "allowed"),
    [
        *[(code, False) for code in (999, 1004, 1005, 1006, 1015, 2999, 5000)],
        *[(code, True) for code in (1000, 1012, 3000, 4999)],
    ],
)
def test_close_codes(code: int, allowed: bool) -> None:
    assert is_close_code(code) is allowed

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pilotlight.server.framing import ChunkedFraming, LengthFraming
from pilotlight.server.head import BadRequest


def feed(framing, data: bytes, cuts: list[int] = ()) -> tuple[bytes, bytes]:
    """All of `data`, cut at the given places; the body and what is left over."""
    body = rest = b""
    places = sorted({0, len(data), *(cut % (len(data) + 1) for cut in cuts)})
    for start, end in pairwise(places):
        if framing.complete:
            rest += data[start:end]
        else:
            piece, left = framing.feed(data[start:end])
            body += piece
            rest += left
    return body, rest


@given(st.binary(max_size=50), st.binary(max_size=20), st.lists(st.integers(0, 100), max_size=6))
def test_length(body: bytes, rest: bytes, cuts: list[int]) -> None:
    framing = LengthFraming(len(body))
    assert feed(framing, body + rest, cuts) == (body, rest)
    assert framing.complete
    assert framing.remaining == 0


@given(
    st.lists(
        st.tuples(st.binary(min_size=1, max_size=30), st.sampled_from([b"", b";a", b' ; b="c"'])), max_size=5
    ),
    st.sampled_from([b"", b"X: y\r\n", b"A: b\r\nC:\r\n"]),
    st.binary(max_size=20),
    st.lists(st.integers(0, 300), max_size=8),
)
def test_chunked(chunks: list[tuple[bytes, bytes]], trailers: bytes, rest: bytes, cuts: list[int]) -> None:
    wire = b"".join(b"%x%b\r\n%b\r\n" % (len(data), extension, data) for data, extension in chunks)
    wire += b"0\r\n" + trailers + b"\r\n"
    framing = ChunkedFraming()
    assert feed(framing, wire + rest, cuts) == (b"".join(data for data, _ in chunks), rest)
    assert framing.complete


@pytest.mark.parametrize(
    "wire",
    [
        b"5\nhello\r\n0\r\n\r\n",
        b"5\r\nhello\n0\r\n\r\n",
        b"5\r\nhelloX\r\n0\r\n\r\n",
        b"5\r\nhello0\r\n\r\n",
        b"-5\r\nhello\r\n",
        b"+5\r\nhello\r\n",
        b"0x5\r\nhello\r\n",
        b" 5\r\nhello\r\n",
        b"5 \r\nhello\r\n",
        b"5_0\r\nhello\r\n",
        b"\r\nhello\r\n",
        b"g\r\n",
        b"1234567890abcdef0\r\n",
        b"5;\x00\r\nhello\r\n",
        b"5;a\rb\r\nhello\r\n",
        b"5\r\r\nhello\r\n",
        b"0\r\n folded\r\n\r\n",
        b"0\r\nno colon\r\n\r\n",
        b"0\r\nX: a\x00\r\n\r\n",
        b"0\r\nX: y\n\r\n",
        b"0;" + b"a" * 5000,
        b"0\r\n" + b"X: y\r\n" * 5000 + b"\r\n",
        b"".join(b"1;" + b"a" * 100 + b"\r\nx\r\n" for _ in range(300)) + b"0\r\n\r\n",
    ],
)
@pytest.mark.parametrize("step", [1, 7, 100_000])
def test_broken_chunks_are_refused(wire: bytes, step: int) -> None:
    with pytest.raises(BadRequest):
        feed(ChunkedFraming(), wire, list(range(0, len(wire), step)))

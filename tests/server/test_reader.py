from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pilotlight.server.application import Limits
from pilotlight.server.head import BadRequest, HeadParser
from pilotlight.server.reader import RequestReader

LIMITS = Limits(body_buffer_bytes=100, header_bytes=1000)
GET = b"GET /a HTTP/1.1\r\nHost: x\r\n\r\n"


def post(*headers: bytes) -> bytes:
    return b"POST /a HTTP/1.1\r\nHost: x\r\n" + b"".join(line + b"\r\n" for line in headers) + b"\r\n"


SMALL = post(b"Content-Length: 4")
LARGE = post(b"Content-Length: 101")
CHUNKED = post(b"Transfer-Encoding: chunked")
CAUTIOUS = post(b"Content-Length: 4", b"Expect: 100-continue")


def reader(*, collects: bool = True, kept: bytes = b"") -> RequestReader:
    return RequestReader(HeadParser(LIMITS), LIMITS, collects=collects, kept=kept)


@pytest.mark.parametrize(
    ("data", "collects", "given_out", "phase"),
    [
        (b"", True, False, "idle"),
        (b"\r\n", True, False, "idle"),
        (b"\r\n\r\n" + GET, True, True, "idle"),
        (b"\r", True, False, "head"),
        (GET[:-1], True, False, "head"),
        (GET, True, True, "idle"),
        (GET + GET, True, True, "idle"),
        (SMALL, True, False, "body"),
        (SMALL + b"abc", True, False, "body"),
        (SMALL + b"abcd", True, True, "idle"),
        (SMALL + b"abcd" + GET[:5], True, True, "idle"),
        (SMALL, False, True, "idle"),
        (LARGE, True, True, "idle"),
        (CHUNKED, True, True, "idle"),
        (CAUTIOUS, True, True, "idle"),
    ],
)
def test_what_is_enough(data: bytes, collects: bool, given_out: bool, phase: str) -> None:
    one = reader(collects=collects)
    assert (one.feed(data) is not None) is given_out
    assert one.phase == phase
    assert one.unread == data.removeprefix(b"\r\n").removeprefix(b"\r\n")


@given(st.data())
def test_it_does_not_matter_how_the_bytes_come(data: st.DataObject) -> None:
    whole = data.draw(
        st.sampled_from([GET, SMALL + b"abcd", LARGE, CHUNKED, CAUTIOUS, b"\r\n" + SMALL + b"abcd"])
    )
    cuts = sorted(data.draw(st.lists(st.integers(0, len(whole)), max_size=5)))
    parts = [whole[start:end] for start, end in zip([0, *cuts], [*cuts, len(whole)], strict=True)]
    one = reader()
    for part in parts[:-1]:
        if one.feed(part) is not None:  # the last parts are empty
            break
    else:
        assert one.feed(parts[-1]) is not None
    assert one.buffer == whole.removeprefix(b"\r\n")
    assert one.buffer[: one.end].endswith(b"\r\n\r\n")


@given(st.integers(0, len(SMALL) + 4))
def test_another_reader_goes_on_where_the_first_has_stopped(cut: int) -> None:
    whole = SMALL + b"abcd"
    first = reader()
    first.feed(whole[:cut])
    second = reader(kept=first.unread)
    head = second.feed(whole[cut:])
    assert head is not None
    assert head.content_length == 4
    assert second.buffer == whole


def test_a_head_that_was_not_taken_is_given_out_again() -> None:
    one = reader()
    first = one.feed(GET + b"rest")
    again = one.feed(b"")
    assert first is not None
    assert again is not None
    assert again.target == first.target
    assert one.buffer == GET + b"rest"


@pytest.mark.parametrize("data", [b"GET /\x00 HTTP/1.1\r\n\r\n", b"x" * 2000, b"\x16\x03\x01\r\n\r\n"])
def test_what_is_no_request_is_refused(data: bytes) -> None:
    with pytest.raises(BadRequest):
        reader().feed(data)

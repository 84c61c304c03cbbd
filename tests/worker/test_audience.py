from __future__ import annotations

import pytest

from pilotlight.worker.audience import is_direct_local

HOST = (b"Host", b"localhost:5000")


@pytest.mark.parametrize(
    ("client", "headers", "expected"),
    [
        ("127.0.0.1", [HOST], True),
        ("127.8.8.8", [HOST], True),
        ("::1", [(b"host", b"[::1]:5000")], True),
        ("::ffff:127.0.0.1", [HOST], True),
        ("", [HOST], True),  # a UNIX socket
        ("127.0.0.1", [], True),  # HTTP/1.0
        ("127.0.0.1", [(b"host", b"127.0.0.1")], True),
        ("127.0.0.1", [(b"host", b"App.LocalHost:80")], True),
        ("192.168.1.7", [HOST], False),
        ("::2", [HOST], False),
        ("::ffff:10.0.0.1", [HOST], False),
        # A tunnel or proxy on this machine.
        ("127.0.0.1", [HOST, (b"X-Forwarded-For", b"8.8.8.8")], False),
        ("127.0.0.1", [HOST, (b"x-forwarded-proto", b"https")], False),
        ("127.0.0.1", [HOST, (b"Forwarded", b"for=8.8.8.8")], False),
        ("127.0.0.1", [HOST, (b"Via", b"1.1 proxy")], False),
        ("127.0.0.1", [HOST, (b"CF-Connecting-IP", b"8.8.8.8")], False),
        ("127.0.0.1", [(b"host", b"abc.tunnel.example")], False),
        # A page whose name was rebound to this machine, or one that only looks like it.
        ("127.0.0.1", [(b"host", b"localhost.example")], False),
        ("127.0.0.1", [(b"host", b"127.0.0.1.example:5000")], False),
        ("127.0.0.1", [(b"host", b"localhost@example")], False),
        ("127.0.0.1", [HOST, (b"host", b"example")], False),
        ("127.0.0.1", [HOST, HOST], False),
        ("127.0.0.1", [(b"host", b"")], False),
    ],
)
def test_only_direct_local_clients_may_read_errors(
    client: str, headers: list[tuple[bytes, bytes]], expected: bool
) -> None:
    assert is_direct_local(client, headers) is expected

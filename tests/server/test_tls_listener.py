"""The TLS port over real sockets: handshakes, plain HTTP, silence, garbage, and that nothing is left open."""

from __future__ import annotations

import asyncio
import functools
import os
import shutil
import socket
import ssl
import stat
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest
import trustme
from hypothesis import given
from hypothesis import strategies as st
from websocket_harness import LOOPS, Recorder, run

from pilotlight.server.tls import load_context
from pilotlight.server.tls_listener import TLSListener, TLSTiming, handshake_advice, plain_answer

both_loops = pytest.mark.parametrize("loop", list(LOOPS))
QUICK = TLSTiming(first_byte=20, handshake=20, plain=0.5)


class Hello(asyncio.Protocol):
    """Answers everything with a greeting, and ends."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.transport.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 6\r\n\r\nhello\n")  # type: ignore[attr-defined]
        self.transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        self.transport.close()  # Python 3.10 warns otherwise


class Port:
    """A TLS port, its authority and what it said."""

    def __init__(self, folder: Path) -> None:
        self.authority = trustme.CA()
        self.authority.cert_pem.write_to_path(folder / "ca.pem")
        leaf = self.authority.issue_cert("localhost", "127.0.0.1")
        leaf.private_key_and_cert_chain_pem.write_to_path(folder / "leaf.pem")
        self.folder = folder
        self.context = load_context(str(folder / "leaf.pem"), None)
        self.recorder = Recorder()
        self.listener: TLSListener
        self.socket = socket.create_server(("127.0.0.1", 0), backlog=512)
        self.number = self.socket.getsockname()[1]

    @functools.cached_property
    def trusting(self) -> ssl.SSLContext:
        """A client's. One for all, since each reads the system's authorities anew."""
        context = ssl.create_default_context()
        self.authority.configure_trust(context)
        context.set_alpn_protocols(["h2", "http/1.1"])
        return context

    async def greet(self) -> bytes:
        """A well-behaved client."""
        reader, writer = await asyncio.wait_for(
            asyncio.open_connection("127.0.0.1", self.number, ssl=self.trusting, server_hostname="localhost"),
            10,
        )
        assert writer.get_extra_info("ssl_object").selected_alpn_protocol() == "http/1.1"
        writer.write(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        answer = await asyncio.wait_for(reader.read(), 10)
        writer.close()
        with suppress(ConnectionError, ssl.SSLError):
            await writer.wait_closed()
        return answer

    async def plain(self, data: bytes) -> bytes:
        """What a client that sends `data` without TLS gets back."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.number)
        writer.write(data)
        answer = await asyncio.wait_for(reader.read(), 10)
        writer.close()
        await writer.wait_closed()
        return answer


def distrust(number: int) -> None:
    """A handshake by a client that knows nothing of our authority."""
    with socket.create_connection(("127.0.0.1", number), timeout=10) as sock:
        ssl.create_default_context().wrap_socket(sock, server_hostname="localhost")


def descriptors() -> int:
    """Open sockets of this process. (An event loop opens other descriptors for itself, when it likes.)"""
    count = 0
    for number in range(1024):
        with suppress(OSError):
            count += stat.S_ISSOCK(os.fstat(number).st_mode)
    return count


async def until_descriptors(number: int) -> None:
    """The kernel's and the loop's last steps of closing take a few rounds."""
    for _ in range(300):
        if descriptors() <= number:
            return
        await asyncio.sleep(0.01)
    raise AssertionError(f"{descriptors() - number} sockets are left open")


@asynccontextmanager
async def listening(folder: Path, timing: TLSTiming = QUICK) -> AsyncIterator[Port]:
    port = Port(folder)
    loop = asyncio.get_running_loop()
    await loop.run_in_executor(
        None, lambda: None
    )  # what the loop opens once is open before anything is counted
    before = descriptors()
    port.listener = TLSListener(loop, port.context, Hello, port.recorder, timing)
    port.listener.listen([port.socket])
    try:
        yield port
    finally:
        port.listener.close()
        await port.listener.wait_closed()
        await until_descriptors(before)
        port.socket.close()


@both_loops
class TestConnections:
    def test_a_client_that_trusts_us(self, loop: str, tmp_path: Path) -> None:
        async def main() -> None:
            async with listening(tmp_path) as port:
                for _ in range(3):
                    assert (await port.greet()).endswith(b"hello\n")
            assert port.recorder.notices == []

        run(main(), loop)

    def test_many_at_once(self, loop: str, tmp_path: Path) -> None:
        async def main() -> None:
            async with listening(tmp_path) as port:
                answers = await asyncio.gather(*(port.greet() for _ in range(50)))
                assert all(answer.endswith(b"hello\n") for answer in answers)

        run(main(), loop)

    def test_silent_connections_block_nobody(self, loop: str, tmp_path: Path) -> None:
        async def main() -> None:
            async with listening(tmp_path) as port:
                silent = [socket.create_connection(("127.0.0.1", port.number)) for _ in range(200)]
                half = [socket.create_connection(("127.0.0.1", port.number)) for _ in range(20)]
                for sock in half:
                    sock.sendall(b"\x16\x03\x01\x02\x00\x01")  # the beginning of a hello, and no more
                started = asyncio.get_running_loop().time()
                assert (await port.greet()).endswith(b"hello\n")
                assert asyncio.get_running_loop().time() - started < 5
                port.listener.close()
                await port.listener.wait_closed()
                for sock in (*silent, *half):
                    sock.settimeout(10)
                    with suppress(ConnectionResetError):
                        assert sock.recv(1) == b""
                    sock.close()
            assert port.recorder.notices == []

        run(main(), loop)

    @pytest.mark.parametrize("begun", [b"", b"\x16\x03\x01"])
    def test_patience_ends(self, loop: str, tmp_path: Path, begun: bytes) -> None:
        async def main() -> None:
            timing = TLSTiming(first_byte=0.2, handshake=0.2)
            async with listening(tmp_path, timing) as port:
                with suppress(ConnectionResetError):
                    assert await port.plain(begun) == b""
            assert port.recorder.notices == []

        run(main(), loop)

    def test_clients_that_leave_early(self, loop: str, tmp_path: Path) -> None:
        async def main() -> None:
            async with listening(tmp_path) as port:
                for data in (b"", b"\x16", b"\x16\x03\x01\x02\x00\x01", b"GET"):
                    for reset in (False, True):
                        sock = socket.create_connection(("127.0.0.1", port.number))
                        sock.sendall(data)
                        if reset:
                            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                        sock.close()
                assert (await port.greet()).endswith(b"hello\n")
            assert [notice for notice in port.recorder.notices if "plain HTTP" not in notice] == []

        run(main(), loop)

    def test_a_client_that_does_not_trust_us_is_explained_once(self, loop: str, tmp_path: Path) -> None:
        async def main() -> None:
            async with listening(tmp_path) as port:
                # asyncio's own client leaves without the alert that browsers, curl and this one send.
                for _ in range(3):
                    with pytest.raises(ssl.SSLCertVerificationError):
                        await asyncio.get_running_loop().run_in_executor(None, distrust, port.number)
                while not port.recorder.notices:
                    await asyncio.sleep(0.01)
                assert (await port.greet()).endswith(b"hello\n")
            (notice,) = port.recorder.notices
            assert "refused this server's certificate" in notice

        run(main(), loop)

    @pytest.mark.parametrize("garbage", [b"\x16\x03\x01\x00\x05hello", b"\x16\xff\xff\xff\xff" + bytes(500)])
    def test_a_broken_hello(self, loop: str, tmp_path: Path, garbage: bytes) -> None:
        async def main() -> None:
            async with listening(tmp_path) as port:
                for _ in range(2):
                    with suppress(ConnectionResetError):
                        await port.plain(garbage)
                assert (await port.greet()).endswith(b"hello\n")
            (notice,) = port.recorder.notices
            assert notice.startswith("A TLS handshake failed: ")

        run(main(), loop)

    def test_neither_tls_nor_http(self, loop: str, tmp_path: Path) -> None:
        async def main() -> None:
            async with listening(tmp_path) as port:
                with suppress(ConnectionResetError):
                    assert await port.plain(b"\x00\x01\x02\r\n\r\n") == b""
            (notice,) = port.recorder.notices
            assert "neither TLS nor HTTP" in notice

        run(main(), loop)


@both_loops
class TestPlainHTTP:
    def test_it_is_told_where_to_go(self, loop: str, tmp_path: Path) -> None:
        async def main() -> None:
            async with listening(tmp_path) as port:
                for _ in range(2):
                    answer = await port.plain(b"GET /a?b HTTP/1.1\r\nHost: localhost:5000\r\n\r\n")
                    assert answer.startswith(b"HTTP/1.1 400 ")
                    assert b"speaks HTTPS" in answer
                    assert b"https://localhost:5000/ " in answer
            (notice,) = port.recorder.notices
            assert f"https://127.0.0.1:{port.number}/" in notice

        run(main(), loop)

    @pytest.mark.parametrize("data", [b"GET / HTTP/1.1\r\nX: " + b"a" * 50_000, b"GET / HT"])
    def test_a_head_that_does_not_end(self, loop: str, tmp_path: Path, data: bytes) -> None:
        async def main() -> None:
            async with listening(tmp_path) as port:
                answer = await port.plain(data)
                assert f"https://127.0.0.1:{port.number}/".encode() in answer

        run(main(), loop)

    def test_an_upload_does_not_lose_the_answer(self, loop: str, tmp_path: Path) -> None:
        async def main() -> None:
            async with listening(tmp_path) as port:
                head = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3000000\r\n\r\n"
                assert b"https://x/" in await port.plain(head + bytes(3_000_000))

        run(main(), loop)


@both_loops
class TestLeaving:
    def test_silent_connections_move_to_another_listener(self, loop: str, tmp_path: Path) -> None:
        async def main() -> None:
            async with listening(tmp_path) as port:
                reader, writer = await asyncio.open_connection("127.0.0.1", port.number)
                while not port.listener._silent:
                    await asyncio.sleep(0.01)
                detached = port.listener.detach()
                assert [connection.data for connection in detached] == [b""]
                running = asyncio.get_running_loop()
                other = TLSListener(running, port.context, Hello, port.recorder, QUICK)
                other.listen([port.socket])
                other.adopt(detached[0].sock)
                writer.write(b"GET / HTTP/1.1\r\nHost: moved\r\n\r\n")
                assert b"https://moved/" in await reader.read()
                assert (await port.greet()).endswith(b"hello\n")
                writer.close()
                await writer.wait_closed()
                other.close()
                await other.wait_closed()

        run(main(), loop)

    def test_after_close_nothing_is_accepted_and_others_may(self, loop: str, tmp_path: Path) -> None:
        async def main() -> None:
            async with listening(tmp_path) as port:
                port.listener.close()
                port.listener.close()
                waiting = asyncio.ensure_future(port.greet())
                sock = await asyncio.get_running_loop().sock_accept(port.socket)
                sock[0].close()
                with pytest.raises((OSError, ssl.SSLError)):
                    await waiting

        run(main(), loop)

    def test_out_of_descriptors(self, loop: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        import resource

        async def main() -> None:
            async with listening(tmp_path) as port:
                clients = [socket.socket() for _ in range(30)]
                soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
                resource.setrlimit(resource.RLIMIT_NOFILE, (max(sock.fileno() for sock in clients) + 5, hard))
                try:
                    for sock in clients:
                        sock.connect(("127.0.0.1", port.number))
                    while not port.recorder.notices:
                        await asyncio.sleep(0.01)
                finally:
                    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
                    for sock in clients:
                        sock.close()
                assert (await port.greet()).endswith(b"hello\n")
            assert "too many open files" in port.recorder.notices[0]

        run(main(), loop)


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_curl(tmp_path: Path) -> None:
    async def main() -> None:
        async with listening(tmp_path) as port:

            async def curl(*arguments: str) -> tuple[int | None, bytes]:
                process = await asyncio.create_subprocess_exec(
                    "curl", "-sS", "--noproxy", "*", *arguments,
                    stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
                )  # fmt: skip
                output, _ = await asyncio.wait_for(process.communicate(), 20)
                return process.returncode, output

            url = f"//localhost:{port.number}/"
            resolve = ("-4", "--cacert", str(tmp_path / "ca.pem"))
            assert await curl(*resolve, "https:" + url) == (0, b"hello\n")
            status, output = await curl("-4", "https:" + url)
            assert (status, output) == (60, b"")
            status, output = await curl("-4", "http:" + url)
            assert status == 0
            assert f"https:{url}".encode() in output

    run(main())


class TestPlainAnswer:
    @pytest.mark.parametrize(
        "host", ["localhost", "localhost:5000", "127.0.0.1:1", "[::1]:5000", "box.local", "a-b.example:65535"]
    )
    def test_a_harmless_host_is_used(self, host: str) -> None:
        request = f"GET / HTTP/1.1\r\nHost: {host}\r\n\r\n".encode()
        assert f"https://{host}/".encode() in plain_answer(request, "here:1")

    @pytest.mark.parametrize(
        "host",
        [b"", b"<script>", b"a/b", b"a@b", b"a b", b"a:b", b"a\x1b[1m", b"\xc3\xa9", b"a" * 254, b"[::1"],
    )
    def test_another_is_not_repeated(self, host: bytes) -> None:
        answer = plain_answer(b"GET / HTTP/1.1\r\nhost:\t" + host + b"\r\n\r\n", "here:1")
        assert b"https://here:1/" in answer
        assert len(host) < 3 or host not in answer

    @given(st.binary(max_size=300))
    def test_nothing_breaks_the_response(self, request: bytes) -> None:
        answer = plain_answer(b"GET " + request, "here:1")
        head, _, body = answer.partition(b"\r\n\r\n")
        assert b"Content-Length: %d" % len(body) in head
        assert body.isascii()
        assert body.count(b"\n") == 1

    def test_head_has_no_body(self) -> None:
        assert plain_answer(b"HEAD / HTTP/1.1\r\n\r\n", "here:1").endswith(b"\r\n\r\n")


def test_advice_is_given_only_where_it_helps() -> None:
    assert handshake_advice(ConnectionResetError()) is None
    assert handshake_advice(ConnectionAbortedError("SSL handshake is taking longer")) is None
    assert handshake_advice(ssl.SSLEOFError()) is None
    error = ssl.SSLError()
    error.reason = "TLSV1_ALERT_UNKNOWN_CA"
    assert "refused" in str(handshake_advice(error))
    error.reason = "UNSUPPORTED_PROTOCOL"
    assert "no common version" in str(handshake_advice(error))

"""200 MB up and down, in a process of its own whose memory is measured."""

from __future__ import annotations

import socket
import subprocess
import sys
import textwrap
import time

import pytest
from http_harness import WAIT, Client, get

SIZE = 200_000_000
ALLOWED = 20_000_000

SERVER = textwrap.dedent(
    """
    import asyncio, socket, sys
    from pilotlight.server.application import Application, ServerConfig
    from pilotlight.server.engine import Server, new_event_loop

    SIZE = int(sys.argv[2])

    def wsgi(environ, start_response):
        if environ["PATH_INFO"] == "/up":
            total = 0
            while data := environ["wsgi.input"].read(65536):
                total += len(data)
            start_response("200 OK", [])
            return [str(total).encode()]
        start_response("200 OK", [("Content-Length", str(SIZE))] if environ["PATH_INFO"] == "/length" else [])
        return (b"x" * 100_000 for _ in range(SIZE // 100_000))

    async def asgi(scope, receive, send):
        assert scope["type"] == "http"
        headers = [(b"content-length", str(SIZE).encode())] if scope["path"] == "/length" else []
        if scope["path"] == "/up":
            total, more = 0, True
            while more:
                message = await receive()
                total, more = total + len(message["body"]), message["more_body"]
                await asyncio.sleep(0)
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": str(total).encode()})
            return
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        for _ in range(SIZE // 100_000):
            await send({"type": "http.response.body", "body": b"x" * 100_000, "more_body": True})
        await send({"type": "http.response.body"})

    class Hooks:
        def access(self, record): pass
        def notice(self, message): print(message, file=sys.stderr)
        def request_begins(self): pass
        def noted_error(self): return None
        def request_ends(self): pass
        def is_default_error_page(self, body): return False
        def app_error(self, error, request, started): raise error


    async def main():
        sock = socket.create_server(("127.0.0.1", 0))
        app = {"wsgi": wsgi, "asgi": asgi}[sys.argv[1]]
        server = Server(Application(sys.argv[1], app), ServerConfig(), Hooks())
        print(sock.getsockname()[1], flush=True)
        await server.start([sock])
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
        await server.shutdown(0)

    loop = {"uvloop": new_event_loop, "asyncio": asyncio.new_event_loop}[sys.argv[3]]()
    loop.run_until_complete(main())
    """
)


def peak(process: subprocess.Popen[str]) -> int:
    """The most memory that the process has had, in bytes."""
    with open(f"/proc/{process.pid}/status") as status:
        return next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmHWM"))


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize("loop", ["uvloop", "asyncio"])
@pytest.mark.parametrize("interface", ["wsgi", "asgi"])
def test_large_bodies_take_little_memory(interface: str, loop: str) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", SERVER, interface, str(SIZE), loop],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            address = ("127.0.0.1", int(process.stdout.readline()))
            with Client(socket.create_connection(address, WAIT)) as client:
                client.send(get("/up", "Content-Length: 3", method="POST") + b"abc")
                assert client.response().body == b"3"
                before = peak(process)
                client.send(get("/up", f"Content-Length: {SIZE}", method="POST"))
                for _ in range(SIZE // 1_000_000):
                    client.send(b"x" * 1_000_000)
                assert client.response().body == str(SIZE).encode()
                assert peak(process) - before < ALLOWED
                client.send(get("/up", "Transfer-Encoding: chunked", method="POST"))
                for _ in range(SIZE // 1_000_000):
                    client.send(b"%x\r\n%b\r\n" % (1_000_000, b"x" * 1_000_000))
                client.send(b"0\r\n\r\n")
                assert client.response().body == str(SIZE).encode()
                assert peak(process) - before < ALLOWED
                client.send(get("/length"))
                time.sleep(0.3)  # the app could run ahead of a client that does not read
                assert peak(process) - before < ALLOWED
                while client.line():
                    pass
                received = len(client.buffer)
                while received < SIZE:
                    received += len(client.sock.recv(1_000_000))
                assert received == SIZE
            with Client(socket.create_connection(address, WAIT)) as client:
                client.send(get("/chunked", "Connection: close"))
                received = 0
                while data := client.sock.recv(1_000_000):
                    received += len(data)
                assert received > SIZE
            assert peak(process) - before < ALLOWED
        finally:
            process.stdin.close()
            process.wait(WAIT)
    assert process.returncode == 0

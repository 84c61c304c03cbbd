"""The engine with its two neighbours: TLS and WebSocket, together."""

from __future__ import annotations

import asyncio
import socket
import ssl
import threading
import time

import trustme
from http_harness import WAIT, Client, get, running
from test_handover import drain, named
from websockets.asyncio.client import connect as connect_asynchronously
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect


def contexts() -> tuple[ssl.SSLContext, ssl.SSLContext]:
    authority = trustme.CA()
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("localhost").configure_cert(server)
    client = ssl.create_default_context()
    authority.configure_trust(client)
    return server, client


async def echo(scope, receive, send):
    assert scope["type"] == "websocket"
    await receive()
    await send({"type": "websocket.accept"})
    while (message := await receive())["type"] == "websocket.receive":
        await send({"type": "websocket.send", "text": f"{scope['path']} {scope['scheme']} {message['text']}"})


def test_websocket_and_its_end_when_the_server_drains() -> None:
    with running(echo, "asgi") as server:
        with connect(f"ws://127.0.0.1:{server.address[1]}/chat?x=1") as websocket:
            websocket.send("hello")
            assert websocket.recv(WAIT) == "/chat ws hello"
            began = time.monotonic()
            ended: list[ConnectionClosed] = []

            def listen() -> None:
                try:
                    websocket.recv(WAIT)
                except ConnectionClosed as error:
                    ended.append(error)

            listener = threading.Thread(target=listen)
            listener.start()
            drain(server, None)
            listener.join(WAIT)
            assert time.monotonic() - began < 5
            assert ended[0].rcvd is not None
            assert ended[0].rcvd.code == 1012
        server.hooks.assert_no_error()


def test_https_and_wss() -> None:
    server_context, client_context = contexts()
    with running(echo, "asgi", ssl_context=server_context) as server:
        assert asyncio.run(echoed(server, client_context)) == "/s wss hello"
    with running(named("x"), ssl_context=server_context) as server:
        sock = client_context.wrap_socket(tcp(server), server_hostname="localhost")
        with Client(sock) as client:
            client.send(get("/1") + get("/2"))
            assert client.response().body == b"x/1 "
            assert client.response().body == b"x/2 "
            began = time.monotonic()
            drain(server, server)  # cannot move: is closed cleanly, and not waited for
            assert time.monotonic() - began < 5
            assert client.rest() == b""


async def echoed(server, context: ssl.SSLContext) -> str | bytes:
    # Not by the client with threads: one reads while another sends, and OpenSSL may lose what is sent then.
    url = f"wss://localhost:{server.address[1]}/s"
    async with connect_asynchronously(url, ssl=context, sock=tcp(server)) as websocket:
        await websocket.send("hello")
        return await asyncio.wait_for(websocket.recv(), WAIT)


def tcp(server) -> socket.socket:
    return socket.create_connection(server.address, WAIT)


def test_plain_http_on_the_tls_port() -> None:
    server_context, _ = contexts()
    with running(named("x"), ssl_context=server_context) as server, server.connect() as client:
        client.send(get("/"))
        assert client.response().status == 400
        server.hooks.wait_for(lambda: server.hooks.notices)

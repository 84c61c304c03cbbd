"""WebSockets over real sockets: with the `websockets` client, with raw bytes, and with real frameworks."""

from __future__ import annotations

import asyncio
import socket
import ssl
import time
import tracemalloc
import zlib
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import trustme
from fastapi import Depends, FastAPI, WebSocket, WebSocketException
from websocket_harness import LOOPS, QUICK, UPGRADE, Door, RawClient, echo, frame, run, serving
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from pilotlight.server.application import ErrorResponse, Limits
from pilotlight.server.tls import load_context
from pilotlight.server.tls_listener import TLSListener
from pilotlight.server.websocket import Timing
from pilotlight.server.websocket_session import WebSocketClosed

pytestmark = pytest.mark.parametrize("loop", list(LOOPS))


class App:
    """An app made of one function that talks after `websocket.connect`; remembers what it received."""

    def __init__(self, talk: Any) -> None:
        self.talk = talk
        self.scope: dict[str, Any] = {}
        self.received: list[dict[str, Any]] = []
        self.error: BaseException | None = None
        self.done = asyncio.Event()

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        self.scope = scope

        async def remembering() -> dict[str, Any]:
            message: dict[str, Any] = await receive()
            self.received.append(message)
            return message

        try:
            assert (await receive())["type"] == "websocket.connect"
            await self.talk(remembering, send)
        except BaseException as error:
            self.error = error
            raise
        finally:
            self.done.set()

    async def ended(self) -> None:
        await asyncio.wait_for(self.done.wait(), 10)


ACCEPT = {"type": "websocket.accept"}


async def until_disconnect(receive: Any, send: Any) -> None:
    await send(ACCEPT)
    while (await receive())["type"] != "websocket.disconnect":
        pass


async def echo_on(receive: Any, send: Any) -> None:
    await send(ACCEPT)
    while (message := await receive())["type"] == "websocket.receive":
        await send({**message, "type": "websocket.send"})


class TestConversation:
    def test_text_and_bytes_of_all_sizes(self, loop: str) -> None:
        async def main() -> None:
            async with serving(echo) as server:
                async with connect(server.url + "/ws", max_size=None) as client:
                    for size in (0, 1, 125, 126, 65535, 65536, 3_000_000):
                        for message in ("é" * (size // 2), bytes(size)):
                            await client.send(message)
                            assert await client.recv() == message
                assert client.close_code == 1000
                await server.all_gone()
            (record,) = server.recorder.records
            assert (record.method, record.target, record.status, record.client) == (
                "GET",
                "/ws",
                101,
                "127.0.0.1",
            )
            assert server.recorder.errors == []

        run(main(), loop)

    def test_many_messages_at_once_keep_their_order(self, loop: str) -> None:
        async def main() -> None:
            async with serving(echo) as server, connect(server.url) as client:
                expected = [str(number) for number in range(2000)]
                sending = asyncio.gather(*map(client.send, expected))
                assert [await client.recv() for _ in expected] == expected
                await sending

        run(main(), loop)

    def test_compression_is_negotiated_and_can_be_declined(self, loop: str) -> None:
        async def main() -> None:
            async with serving(echo) as server:
                async with connect(server.url) as client:
                    assert client.response is not None
                    assert client.response.headers["Sec-WebSocket-Extensions"].startswith(
                        "permessage-deflate"
                    )
                    await client.send("compress me " * 1000)
                    assert await client.recv() == "compress me " * 1000
                async with connect(server.url, compression=None) as client:
                    assert client.response is not None
                    assert "Sec-WebSocket-Extensions" not in client.response.headers

        run(main(), loop)

    def test_scope_subprotocol_and_headers(self, loop: str) -> None:
        async def talk(receive: Any, send: Any) -> None:
            headers = [(b"x-answer", b"42"), (b"set-cookie", b"a=1"), (b"set-cookie", b"b=2")]
            await send({**ACCEPT, "subprotocol": "v2", "headers": headers})
            await receive()

        async def main() -> None:
            app = App(talk)
            async with serving(app) as server:
                url = server.url + "/a%20b?q=%C3%A9"
                async with connect(
                    url, subprotocols=["v1", "v2"], additional_headers={"X-Ask": "1"}
                ) as client:  # type: ignore[list-item]
                    assert client.subprotocol == "v2"
                    assert client.response is not None
                    assert client.response.headers["X-Answer"] == "42"
                    assert client.response.headers.get_all("Set-Cookie") == ["a=1", "b=2"]
                await app.ended()
            scope = app.scope
            assert (scope["type"], scope["scheme"], scope["path"]) == ("websocket", "ws", "/a b")
            assert (scope["raw_path"], scope["query_string"]) == (b"/a%20b", b"q=%C3%A9")
            assert scope["subprotocols"] == ["v1", "v2"]
            assert (b"x-ask", b"1") in scope["headers"]
            assert "websocket.http.response" in scope["extensions"]
            assert "method" not in scope

        run(main(), loop)

    def test_what_the_client_sends_with_its_handshake_is_not_lost(self, loop: str) -> None:
        async def main() -> None:
            async with serving(echo) as server:
                client = await RawClient.connect(server)
                client.writer.write(frame(1, b"early"))
                assert (await client.head()).startswith(b"HTTP/1.1 101 ")
                assert await client.frame() == (0x81, b"early")
                await client.close()

        run(main(), loop)

    def test_a_ping_is_answered(self, loop: str) -> None:
        async def main() -> None:
            async with serving(App(until_disconnect)) as server, connect(server.url) as client:
                assert await asyncio.wait_for(await client.ping(b"hello"), 10) >= 0

        run(main(), loop)


class TestClosing:
    def test_the_client_closes(self, loop: str) -> None:
        async def main() -> None:
            app = App(until_disconnect)
            async with serving(app) as server:
                client = await connect(server.url)
                await client.close(3001, "enough")
                await app.ended()
                await server.all_gone()
            assert app.received == [{"type": "websocket.disconnect", "code": 3001, "reason": "enough"}]
            assert server.recorder.errors == []

        run(main(), loop)

    def test_the_client_vanishes(self, loop: str) -> None:
        async def main() -> None:
            app = App(until_disconnect)
            async with serving(app) as server:
                client = await RawClient.connect(server)
                await client.head()
                client.writer.write(frame(1, b"last words"))
                client.writer.close()
                await app.ended()
                await server.all_gone()
            assert [message.get("text") for message in app.received] == ["last words", None]
            assert app.received[-1]["code"] == 1006

        run(main(), loop)

    @pytest.mark.parametrize(
        ("sent", "code", "reason"), [({}, 1000, ""), ({"code": 4321, "reason": "why"}, 4321, "why")]
    )
    def test_the_app_closes(self, loop: str, sent: dict[str, Any], code: int, reason: str) -> None:
        async def talk(receive: Any, send: Any) -> None:
            await send(ACCEPT)
            await send({"type": "websocket.close", **sent})
            await receive()

        async def main() -> None:
            app = App(talk)
            async with serving(app) as server:
                async with connect(server.url) as client:
                    with pytest.raises(ConnectionClosed):
                        await client.recv()
                assert (client.close_code, client.close_reason) == (code, reason)
                await server.all_gone()
            assert app.received == [{"type": "websocket.disconnect", "code": code, "reason": reason}]

        run(main(), loop)

    def test_the_app_returns(self, loop: str) -> None:
        async def talk(receive: Any, send: Any) -> None:
            await send(ACCEPT)
            await send({"type": "websocket.send", "text": "all"})

        async def main() -> None:
            async with serving(App(talk)) as server:
                async with connect(server.url) as client:
                    assert [message async for message in client] == ["all"]
                assert client.close_code == 1000
                await server.all_gone()
            assert server.recorder.errors == []

        run(main(), loop)

    def test_a_client_that_does_not_answer_the_close_frame_is_not_waited_for(self, loop: str) -> None:
        async def talk(receive: Any, send: Any) -> None:
            await send(ACCEPT)

        async def main() -> None:
            async with serving(App(talk), timing=Timing(close=0.2)) as server:
                client = await RawClient.connect(server)
                await client.head()
                assert await client.close_code() == 1000
                await server.all_gone()
                await client.close()

        run(main(), loop)

    def test_sending_to_a_client_that_left_raises_oserror_and_is_no_error(self, loop: str) -> None:
        async def talk(receive: Any, send: Any) -> None:
            await send(ACCEPT)
            assert (await receive())["type"] == "websocket.disconnect"
            await send({"type": "websocket.send", "text": "too late"})

        async def main() -> None:
            app = App(talk)
            async with serving(app) as server:
                async with connect(server.url):
                    pass
                await server.all_gone()
            assert isinstance(app.error, OSError)
            assert isinstance(app.error, WebSocketClosed)
            assert server.recorder.errors == []

        run(main(), loop)

    def test_sending_after_ones_own_close_is_an_error(self, loop: str) -> None:
        async def talk(receive: Any, send: Any) -> None:
            await send(ACCEPT)
            await send({"type": "websocket.close"})
            await send({"type": "websocket.send", "text": "too late"})

        async def main() -> None:
            app = App(talk)
            async with serving(app) as server:
                async with connect(server.url) as client:
                    await client.wait_closed()
                await server.all_gone()
            assert isinstance(app.error, OSError)
            assert [error[0] for error in server.recorder.errors] == [app.error]

        run(main(), loop)

    def test_receiving_again_after_the_disconnect_is_an_error(self, loop: str) -> None:
        async def talk(receive: Any, send: Any) -> None:
            await send(ACCEPT)
            while True:
                await receive()

        async def main() -> None:
            app = App(talk)
            async with serving(app) as server:
                async with connect(server.url):
                    pass
                await server.all_gone()
            assert isinstance(app.error, RuntimeError)

        run(main(), loop)


class TestRefusing:
    def test_closing_before_accepting_is_403(self, loop: str) -> None:
        async def talk(receive: Any, send: Any) -> None:
            await send({"type": "websocket.close", "code": 4000})
            await receive()

        async def main() -> None:
            app = App(talk)
            async with serving(app) as server:
                with pytest.raises(InvalidStatus) as caught:
                    await connect(server.url)
                assert caught.value.response.status_code == 403
                await server.all_gone()
            assert app.received[0]["type"] == "websocket.disconnect"
            assert [record.status for record in server.recorder.records] == [403]
            assert server.recorder.errors == []

        run(main(), loop)

    def test_a_response_of_the_apps_own(self, loop: str) -> None:
        async def talk(receive: Any, send: Any) -> None:
            headers = [(b"content-type", b"text/plain"), (b"www-authenticate", b"Basic")]
            await send({"type": "websocket.http.response.start", "status": 401, "headers": headers})
            await send({"type": "websocket.http.response.body", "body": b"who ", "more_body": True})
            await send({"type": "websocket.http.response.body", "body": b"are you?"})

        async def main() -> None:
            async with serving(App(talk)) as server:
                with pytest.raises(InvalidStatus) as caught:
                    await connect(server.url)
                response = caught.value.response
                assert response.status_code == 401
                assert response.headers["WWW-Authenticate"] == "Basic"
                assert response.body == b"who are you?"
                await server.all_gone()
            (record,) = server.recorder.records
            assert (record.status, record.response_bytes, record.complete) == (401, 12, True)

        run(main(), loop)

    def test_a_response_that_breaks_off(self, loop: str) -> None:
        async def talk(receive: Any, send: Any) -> None:
            await send({"type": "websocket.http.response.start", "status": 401})
            await send({"type": "websocket.http.response.body", "body": b"part", "more_body": True})
            raise ZeroDivisionError

        async def main() -> None:
            async with serving(App(talk)) as server:
                client = await RawClient.connect(server)
                assert b" 401 " in await client.head()
                with suppress(ConnectionResetError):  # an end as rude as this one is allowed too
                    assert b"0\r\n\r\n" not in await client.end()
                await server.all_gone()
                await client.close()
            assert server.recorder.errors[0][2] is True
            (record,) = server.recorder.records
            assert record.complete is False

        run(main(), loop)

    @pytest.mark.parametrize(
        ("line", "status"),
        [
            (b"sec-websocket-version: 12", b"426"),
            (b"sec-websocket-key: bad", b"400"),
            (b"x-other: 1", b"400"),
        ],
    )
    def test_a_bad_handshake(self, loop: str, line: bytes, status: bytes) -> None:
        async def app(scope: Any, receive: Any, send: Any) -> None:
            raise AssertionError("the app must not be called")

        async def main() -> None:
            name = line.split(b":")[0] if not line.startswith(b"x-") else b"sec-websocket-key"
            lines = [kept for kept in UPGRADE if not kept.startswith(name)] + [line]
            async with serving(app) as server:
                client = await RawClient.connect(server, lines=lines)
                answer = await client.end()
                assert answer.startswith(b"HTTP/1.1 " + status)
                assert b"Connection: close" in answer
                await server.all_gone()
                await client.close()
            assert [record.status for record in server.recorder.records] == [int(status)]

        run(main(), loop)

    def test_a_client_that_leaves_before_the_answer(self, loop: str) -> None:
        async def talk(receive: Any, send: Any) -> None:
            assert (await receive())["code"] == 1006
            await send(ACCEPT)

        async def main() -> None:
            app = App(talk)
            async with serving(app) as server:
                client = await RawClient.connect(server)
                await server.connection()
                await client.close()
                await app.ended()
                await server.all_gone()
            assert isinstance(app.error, WebSocketClosed)
            assert server.recorder.records == []
            assert server.recorder.errors == []

        run(main(), loop)


class TestErrorsOfTheApp:
    def test_before_accepting(self, loop: str) -> None:
        async def talk(receive: Any, send: Any) -> None:
            raise ZeroDivisionError

        async def main() -> None:
            async with serving(App(talk)) as server:
                server.recorder.answer = ErrorResponse(
                    500, [(b"content-type", b"text/html")], b"<h1>report</h1>"
                )
                with pytest.raises(InvalidStatus) as caught:
                    await connect(server.url + "/ws?a=1")
                assert caught.value.response.status_code == 500
                assert caught.value.response.body == b"<h1>report</h1>"
                await server.all_gone()
            ((error, request, started),) = server.recorder.errors
            assert isinstance(error, ZeroDivisionError)
            assert request is not None
            assert (request.target, request.scheme, started) == ("/ws?a=1", "ws", False)

        run(main(), loop)

    def test_after_accepting(self, loop: str) -> None:
        async def talk(receive: Any, send: Any) -> None:
            await send(ACCEPT)
            raise SystemExit(3)  # must not end the server either

        async def main() -> None:
            async with serving(App(talk)) as server:
                async with connect(server.url) as client:
                    with pytest.raises(ConnectionClosed):
                        await client.recv()
                assert client.close_code == 1011
                await server.all_gone()
            ((error, _, started),) = server.recorder.errors
            assert isinstance(error, SystemExit)
            assert started is True

        run(main(), loop)

    def test_returning_without_an_answer(self, loop: str) -> None:
        async def talk(receive: Any, send: Any) -> None:
            pass

        async def main() -> None:
            async with serving(App(talk)) as server:
                with pytest.raises(InvalidStatus) as caught:
                    await connect(server.url)
                assert caught.value.response.status_code == 500
                await server.all_gone()
            assert "without accepting" in str(server.recorder.errors[0][0])

        run(main(), loop)

    @pytest.mark.parametrize(
        "sent",
        [
            [{"type": "websocket.send", "text": "a"}],
            [ACCEPT, ACCEPT],
            [ACCEPT, {"type": "websocket.http.response.start", "status": 400}],
            [ACCEPT, {"type": "websocket.send"}],
            [ACCEPT, {"type": "websocket.send", "text": "a", "bytes": b"b"}],
            [ACCEPT, {"type": "websocket.send", "text": b"a"}],
            [ACCEPT, {"type": "websocket.send", "bytes": "a"}],
            [ACCEPT, {"type": "websocket.send", "text": "\ud800"}],
            [ACCEPT, {"type": "websocket.close", "code": 999}],
            [ACCEPT, {"type": "http.response.start", "status": 200}],
            [{**ACCEPT, "subprotocol": "not-offered"}],
            [{**ACCEPT, "headers": [(b"x", b"a\r\nb: c")]}],
        ],
    )
    def test_messages_that_do_not_fit(self, loop: str, sent: list[dict[str, Any]]) -> None:
        async def talk(receive: Any, send: Any) -> None:
            for message in sent[:-1]:
                await send(message)
            with pytest.raises((RuntimeError, ValueError, TypeError)):
                await send(sent[-1])
            if len(sent) == 1:
                await send(ACCEPT)
            await send({"type": "websocket.send", "text": "still well"})

        async def main() -> None:
            async with serving(App(talk)) as server, connect(server.url) as client:
                assert await client.recv() == "still well"
            assert server.recorder.errors == []

        run(main(), loop)


class TestHostileClients:
    @pytest.mark.parametrize(
        ("wire", "code"),
        [
            (frame(1, b"a", mask=False), 1002),
            (frame(3), 1002),
            (frame(1, b"\xff"), 1007),
            (frame(2, bytes(1001)), 1009),
            (frame(2, bytes(600), fin=False) + frame(0, bytes(600)), 1009),
        ],
    )
    def test_what_breaks_the_protocol(self, loop: str, wire: bytes, code: int) -> None:
        async def main() -> None:
            app = App(until_disconnect)
            limits = Limits(websocket_message_bytes=1000, linger_seconds=0.5)
            async with serving(app, limits) as server:
                client = await RawClient.connect(server)
                await client.head()
                client.writer.write(wire)
                assert await client.close_code() == code
                await app.ended()
                await client.close()
                await server.all_gone()
            assert app.received[-1]["code"] == code
            assert server.recorder.errors == []

        run(main(), loop)

    def test_a_client_in_the_middle_of_a_large_message_reads_the_close_frame(self, loop: str) -> None:
        async def main() -> None:
            async with serving(App(until_disconnect), Limits(websocket_message_bytes=100_000)) as server:
                client = await connect(server.url, compression=None)
                with pytest.raises(ConnectionClosed):  # noqa: PT012 (either may be the one that notices)
                    await client.send(bytes(20_000_000))
                    await client.recv()
                await client.wait_closed()
                assert client.close_code == 1009

        run(main(), loop)

    def test_a_zip_bomb(self, loop: str) -> None:
        async def main() -> None:
            compressor = zlib.compressobj(9, zlib.DEFLATED, -15)
            bomb = compressor.compress(bytes(100 * 1024 * 1024)) + compressor.flush(zlib.Z_SYNC_FLUSH)
            async with serving(App(until_disconnect)) as server:
                client = await RawClient.connect(server, b"sec-websocket-extensions: permessage-deflate")
                assert b"permessage-deflate" in await client.head()
                wire = frame(2, bomb[:-4], rsv=4)
                tracemalloc.start()
                try:
                    client.writer.write(wire)
                    assert await client.close_code() == 1009
                    peak = tracemalloc.get_traced_memory()[1]
                finally:
                    tracemalloc.stop()
                await client.close()
            assert peak < 45 * 1024 * 1024  # the limit is 16 MiB, and zlib doubles its buffer as it goes

        run(main(), loop)

    def test_a_client_that_pings_and_never_reads(self, loop: str) -> None:
        """Pongs are owed, not heaped up: once it reads, it gets the latest."""

        async def main() -> None:
            flood = frame(9, b"x" * 125) * 500
            async with serving(App(until_disconnect)) as server:
                client = await RawClient.connect(server)
                await client.head()
                client.writer.transport.pause_reading()
                connection = await server.connection()
                sent = 0
                while sent < 20_000_000:
                    client.writer.write(flood)
                    await client.writer.drain()
                    sent += len(flood)
                assert connection._transport.get_write_buffer_size() < 300_000
                client.writer.write(frame(9, b"latest"))
                client.writer.transport.resume_reading()
                while (await client.frame())[1] != b"latest":
                    pass
                await client.close()

        run(main(), loop)


class TestBackPressure:
    def test_a_client_is_not_read_while_the_app_does_not_receive(self, loop: str) -> None:
        async def main() -> None:
            go = asyncio.Event()
            total = 0

            async def talk(receive: Any, send: Any) -> None:
                nonlocal total
                await send(ACCEPT)
                await go.wait()
                while (message := await receive())["type"] == "websocket.receive":
                    total += len(message["bytes"])

            app = App(talk)
            async with serving(app) as server:
                client = await RawClient.connect(server)
                await client.head()
                message = frame(2, bytes(60_000))
                count = 500

                async def feed() -> None:
                    for _ in range(count):
                        client.writer.write(message)
                        await client.writer.drain()

                feeding = asyncio.ensure_future(feed())
                connection = await server.connection()
                while connection._reading:
                    await asyncio.sleep(0.01)
                assert not feeding.done()
                assert connection._inbox_bytes < 400_000
                go.set()
                await feeding
                client.writer.write(frame(8, b"\x03\xe8"))
                await app.ended()
                await client.close()
            assert total == count * 60_000

        run(main(), loop)

    def test_messages_that_wait_are_received_after_the_client_has_gone(self, loop: str) -> None:
        async def main() -> None:
            go = asyncio.Event()

            async def talk(receive: Any, send: Any) -> None:
                await send(ACCEPT)
                await go.wait()
                while (await receive())["type"] == "websocket.receive":
                    pass

            app = App(talk)
            async with serving(app) as server:
                client = await RawClient.connect(server)
                await client.head()
                connection = await server.connection()
                client.writer.write(frame(2, b"small") * 500 + frame(8, b"\x03\xe9"))
                while connection._reading:
                    await asyncio.sleep(0.01)
                client.writer.transport.abort()
                go.set()
                await app.ended()
            assert len(app.received) == 501
            assert app.received[-1]["code"] == 1001

        run(main(), loop)

    def test_send_waits_for_a_client_that_does_not_read(self, loop: str) -> None:
        async def main() -> None:
            sent = 0

            async def talk(receive: Any, send: Any) -> None:
                nonlocal sent
                await send(ACCEPT)
                for _ in range(400):
                    await send({"type": "websocket.send", "bytes": bytes(100_000)})
                    sent += 1

            async with serving(App(talk)) as server:
                client = await RawClient.connect(server)
                await client.head()
                client.writer.transport.pause_reading()
                connection = await server.connection()
                while connection._writable.is_set():
                    await asyncio.sleep(0.01)
                assert sent < 400
                assert connection._transport.get_write_buffer_size() < 500_000
                client.writer.transport.resume_reading()
                for _ in range(400):
                    assert len((await client.frame())[1]) == 100_000
                await client.close()

        run(main(), loop)

    def test_a_send_that_waits_is_released_when_the_client_leaves(self, loop: str) -> None:
        async def talk(receive: Any, send: Any) -> None:
            await send(ACCEPT)
            while True:
                await send({"type": "websocket.send", "bytes": bytes(100_000)})

        async def main() -> None:
            app = App(talk)
            async with serving(app) as server:
                client = await RawClient.connect(server)
                await client.head()
                client.writer.transport.pause_reading()
                connection = await server.connection()
                while connection._writable.is_set():
                    await asyncio.sleep(0.01)
                client.writer.transport.abort()
                await app.ended()
                await server.all_gone()
            assert isinstance(app.error, WebSocketClosed)
            assert server.recorder.errors == []

        run(main(), loop)


class TestKeepAlive:
    def test_a_silent_client_is_given_up(self, loop: str) -> None:
        async def main() -> None:
            app = App(until_disconnect)
            async with serving(app, timing=Timing(ping=0.2, moment=0.2)) as server:
                client = await RawClient.connect(server)
                await client.head()
                assert await client.frame() == (0x89, b"")
                assert await client.close_code() == 1011
                await app.ended()
                await server.all_gone()
                await client.close()
            assert app.received[-1]["code"] == 1006

        run(main(), loop)

    def test_a_client_that_answers_stays(self, loop: str) -> None:
        async def main() -> None:
            async with serving(echo, timing=Timing(ping=0.1, moment=0.2)) as server:
                client = await RawClient.connect(server)
                await client.head()
                for _ in range(5):
                    assert await client.frame() == (0x89, b"")
                    client.writer.write(frame(10))
                client.writer.write(frame(1, b"here"))
                while (answer := await client.frame())[0] == 0x89:
                    client.writer.write(frame(10))
                assert answer == (0x81, b"here")
                await client.close()

        run(main(), loop)

    def test_time_that_the_server_slept_does_not_count(self, loop: str) -> None:
        """As at a breakpoint: the pong has long arrived, but nobody could read it."""

        async def main() -> None:
            app = App(until_disconnect)
            async with serving(app, timing=Timing(ping=0.3, moment=0.2)) as server:
                client = await RawClient.connect(server)
                await client.head()
                assert await client.frame() == (0x89, b"")
                client.writer.write(frame(10))
                time.sleep(1.5)  # blocks the loop on purpose
                assert await client.frame() == (0x89, b"")
                assert not app.done.is_set()
                await client.close()

        run(main(), loop)


class TestLeaving:
    @pytest.mark.parametrize(("method", "code"), [("close_for_reload", 1012), ("close_for_shutdown", 1001)])
    def test_an_open_websocket(self, loop: str, method: str, code: int) -> None:
        async def main() -> None:
            app = App(until_disconnect)
            async with serving(app) as server, connect(server.url) as client:
                getattr(await server.connection(), method)()
                with pytest.raises(ConnectionClosed):
                    await client.recv()
                assert client.close_code == code
                await server.all_gone(QUICK.moment + 1)
            assert app.received[-1]["code"] == code
            assert server.recorder.errors == []

        run(main(), loop)

    def test_a_client_and_an_app_that_do_not_react(self, loop: str) -> None:
        async def talk(receive: Any, send: Any) -> None:
            await send(ACCEPT)
            await asyncio.sleep(3600)

        async def main() -> None:
            app = App(talk)
            async with serving(app) as server:
                client = await RawClient.connect(server)
                await client.head()
                (await server.connection()).close_for_reload()
                await server.all_gone()
                await client.close()
            assert isinstance(app.error, asyncio.CancelledError)

        run(main(), loop)

    def test_a_handshake_that_is_answered_in_time(self, loop: str) -> None:
        async def main() -> None:
            go = asyncio.Event()

            async def talk(receive: Any, send: Any) -> None:
                await go.wait()
                await until_disconnect(receive, send)

            async with serving(App(talk)) as server:
                client = await RawClient.connect(server)
                (await server.connection()).close_for_reload()
                go.set()
                assert b" 101 " in await client.head()
                assert await client.close_code() == 1012
                await client.close()
                await server.all_gone()

        run(main(), loop)

    def test_a_handshake_that_is_not(self, loop: str) -> None:
        async def talk(receive: Any, send: Any) -> None:
            await asyncio.sleep(3600)

        async def main() -> None:
            async with serving(App(talk)) as server:
                client = await RawClient.connect(server)
                (await server.connection()).close_for_reload()
                assert b" 503 " in await client.head()
                await client.close()
                await server.all_gone()
            assert server.recorder.errors == []

        run(main(), loop)


class TestOverTLS:
    @pytest.mark.parametrize(("size", "code"), [(1000, 1000), (300_000, 1009)])
    def test_wss(self, loop: str, tmp_path: Path, size: int, code: int) -> None:
        async def main() -> None:
            app = App(echo_on)
            authority = trustme.CA()
            authority.issue_cert("localhost").private_key_and_cert_chain_pem.write_to_path(
                tmp_path / "leaf.pem"
            )
            client_context = ssl.create_default_context()
            authority.configure_trust(client_context)
            limits = Limits(websocket_message_bytes=100_000, linger_seconds=0.5)
            async with serving(app, limits) as server:
                bound = socket.create_server(("localhost", 0))
                listener = TLSListener(
                    asyncio.get_running_loop(),
                    load_context(str(tmp_path / "leaf.pem"), None),
                    lambda: Door(server),
                    server.recorder,
                )
                listener.listen([bound])
                url = f"wss://localhost:{bound.getsockname()[1]}/ws"
                client = await connect(url, ssl=client_context, compression=None)
                await client.send(bytes(size))
                if code == 1000:
                    assert await client.recv() == bytes(size)
                    await client.close()
                await asyncio.wait_for(client.wait_closed(), 10)
                assert client.close_code == code
                await server.all_gone()
                listener.close()
                await listener.wait_closed()
                bound.close()
            assert app.scope["scheme"] == "wss"
            assert server.recorder.notices == []

        run(main(), loop)


def fastapi_loop() -> Any:
    app = FastAPI()

    @app.websocket("/ws")
    async def talk(socket: WebSocket) -> None:
        await socket.accept()
        while True:
            await socket.send_text(await socket.receive_text())

    return app


def quart_loop() -> Any:
    from quart import Quart, websocket

    app = Quart("quart_loop")

    @app.websocket("/ws")
    async def talk() -> None:
        while True:
            await websocket.send(await websocket.receive())

    return app


def litestar_loop() -> Any:
    import litestar

    @litestar.websocket("/ws")
    async def talk(socket: litestar.WebSocket[Any, Any, Any]) -> None:
        await socket.accept()
        while True:
            await socket.send_text(await socket.receive_text())

    talk.fn.__annotations__["socket"] = litestar.WebSocket
    return litestar.Litestar([talk])


def falcon_loop() -> Any:
    import falcon.asgi

    class Talk:
        async def on_websocket(self, request: Any, socket: Any) -> None:
            await socket.accept()
            while True:
                await socket.send_text(await socket.receive_text())

    app = falcon.asgi.App()
    app.add_route("/ws", Talk())
    return app


MESSAGE_LOOPS = {
    "fastapi": fastapi_loop,
    "quart": quart_loop,
    "litestar": litestar_loop,
    "falcon": falcon_loop,
}


class TestFrameworks:
    def test_starlette(self, loop: str) -> None:
        from starlette.applications import Starlette
        from starlette.responses import PlainTextResponse
        from starlette.routing import WebSocketRoute
        from starlette.websockets import WebSocketDisconnect

        codes = []

        async def talk(socket: WebSocket) -> None:
            if "deny" in socket.query_params:
                await socket.send_denial_response(PlainTextResponse("not you", 418))
                return
            await socket.accept(subprotocol="chat", headers=[(b"x-a", b"1")])
            try:
                while True:
                    await socket.send_json({"got": await socket.receive_json()})
            except WebSocketDisconnect as gone:
                codes.append((gone.code, gone.reason))

        async def main() -> None:
            async with serving(Starlette(routes=[WebSocketRoute("/ws", talk)])) as server:
                async with connect(server.url + "/ws", subprotocols=["chat"]) as client:  # type: ignore[list-item]
                    await client.send('{"a": 1}')
                    assert await client.recv() == '{"got":{"a":1}}'
                    await client.close(4001, "bye")
                await server.all_gone()
                with pytest.raises(InvalidStatus) as caught:
                    await connect(server.url + "/ws?deny")
                assert (caught.value.response.status_code, caught.value.response.body) == (418, b"not you")
                with pytest.raises(InvalidStatus) as caught:
                    await connect(server.url + "/nowhere")
                assert caught.value.response.status_code == 403
            assert codes == [(4001, "bye")]
            assert server.recorder.errors == []

        run(main(), loop)

    @pytest.mark.parametrize("framework", ["fastapi", "quart", "litestar", "falcon"])
    @pytest.mark.parametrize("who", ["client", "client without a word", "server"])
    def test_a_handler_that_only_waits_for_messages(self, loop: str, framework: str, who: str) -> None:
        """As in the tutorials: what leaves the loop when the WebSocket ends is no error."""
        if framework in ("litestar", "falcon"):
            pytest.importorskip(framework)

        async def main() -> None:
            async with serving(MESSAGE_LOOPS[framework]()) as server:
                async with connect(server.url + "/ws") as client:
                    await client.send("x")
                    assert await client.recv() == "x"
                    if who == "server":
                        (await server.connection()).close_for_reload()
                    elif who == "client without a word":
                        client.transport.abort()
                await server.all_gone()
            assert server.recorder.errors == []
            assert [record.status for record in server.recorder.records] == [101]

        run(main(), loop)

    def test_another_exception_after_the_client_has_left(self, loop: str) -> None:
        from starlette.websockets import WebSocketDisconnect

        app = FastAPI()

        @app.websocket("/ws")
        async def talk(socket: WebSocket) -> None:
            await socket.accept()
            try:
                await socket.receive_text()
            except WebSocketDisconnect:
                raise LookupError("in the farewell") from None

        async def main() -> None:
            async with serving(app) as server:
                async with connect(server.url + "/ws"):
                    pass
                await server.all_gone()
            ((error, _, _),) = server.recorder.errors
            assert isinstance(error, LookupError)

        run(main(), loop)

    def test_the_exception_of_a_disconnect_without_one(self, loop: str) -> None:
        from starlette.websockets import WebSocketDisconnect

        app = FastAPI()

        @app.websocket("/ws")
        async def talk(socket: WebSocket) -> None:
            await socket.accept()
            raise WebSocketDisconnect

        async def main() -> None:
            async with serving(app) as server:
                async with connect(server.url + "/ws") as client:
                    with pytest.raises(ConnectionClosed):
                        await client.recv()
                await server.all_gone()
            assert len(server.recorder.errors) == 1

        run(main(), loop)

    def test_fastapi(self, loop: str) -> None:
        app = FastAPI()

        def user(name: str = "") -> str:
            if not name:
                raise WebSocketException(code=1008, reason="who?")
            return name

        @app.websocket("/items/{number}")
        async def talk(websocket: WebSocket, number: int, name: str = Depends(user)) -> None:
            await websocket.accept()
            async for text in websocket.iter_text():
                await websocket.send_text(f"{name} {number} {text}")

        async def main() -> None:
            async with serving(app) as server:
                async with connect(server.url + "/items/7?name=ann") as client:
                    await client.send("x")
                    assert await client.recv() == "ann 7 x"
                await server.all_gone()
                with pytest.raises(InvalidStatus) as caught:
                    await connect(server.url + "/items/7")
                assert caught.value.response.status_code == 403
            assert server.recorder.errors == []

        run(main(), loop)

    def test_quart(self, loop: str) -> None:
        from quart import Quart, abort, websocket

        app = Quart(__name__)
        ended = []

        @app.websocket("/ws")
        async def talk() -> None:
            try:
                while True:
                    await websocket.send(f"echo {await websocket.receive()}")
            except asyncio.CancelledError:
                ended.append(True)
                raise

        @app.websocket("/no")
        async def no() -> None:
            abort(401)

        async def main() -> None:
            async with serving(app) as server:
                async with connect(server.url + "/ws") as client:
                    await client.send("x")
                    assert await client.recv() == "echo x"
                await server.all_gone()
                with pytest.raises(InvalidStatus) as caught:
                    await connect(server.url + "/no")
                assert caught.value.response.status_code == 401
            assert ended
            assert server.recorder.errors == []

        run(main(), loop)

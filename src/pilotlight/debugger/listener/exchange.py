"""One connection to the debug listener: one request, judged before anything else, and its answer.

A connection carries one request only, so nothing that follows a refused one is ever read as another. Imported
when the first connection comes. Must never hand a body to a call before the head has passed the gate and its
token was found good.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

import h11

from pilotlight.errors import UserError

from . import answers, console_page, gate, list_page, report_page, unlock_page
from .answers import Answer
from .calls import CALLS, UNLOCK_PATH, Office
from .gate import Asked, Refusal, Rules

IDLE_SECONDS = 60.0
KEEP_ALIVE_SECONDS = 20.0
_LINGER_SECONDS = 1.0
_LINGER_BYTES = 256 * 1024
_PAGES = {
    "/": list_page.render,
    "/report": report_page.render,
    "/console": console_page.render,
    "/unlock": unlock_page.render,
}


class Exchange:
    """One request and its answer.

    Args:
        reader: where the request comes from; what was read before is in it already.
        writer: where the answer goes.
        rules: what this connection may ask for.
        office: what the calls work with.
        app_origins: whose pages may show the console in a frame.
    """

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        rules: Rules,
        office: Office,
        app_origins: tuple[str, ...],
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._rules = rules
        self._office = office
        self._app_origins = app_origins
        self._http = h11.Connection(h11.SERVER, max_incomplete_event_size=gate.MAX_HEAD_BYTES)
        self._bodiless = False
        self.proven = False
        """Whether a good token has come: such a connection is not closed to make room for others."""

    async def run(self) -> None:
        """From the first byte to the end of the connection. A client that goes away is no error."""
        with suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.TimeoutError):
            try:
                result = await asyncio.wait_for(self._result(), IDLE_SECONDS)
            except asyncio.TimeoutError:
                result = answers.refused(Refusal(408, "The request did not arrive in time."))
            if isinstance(result, Answer):
                await self._send(result)
            else:
                await self._stream(result)
            await self._linger()

    async def _result(self) -> Answer | AsyncIterator[dict[str, Any]]:
        asked = await self._head()
        if isinstance(asked, Refusal):
            return answers.refused(asked)
        refusal = gate.judge(asked, self._rules)
        if refusal is not None:
            return answers.refused(refusal)
        path = asked.target.partition(b"?")[0].decode("ascii")
        if not path.startswith(f"{self._rules.prefix}/"):
            return answers.refused(Refusal(404, "There is no such page."))
        path = path.removeprefix(self._rules.prefix)
        if path in _PAGES:
            return self._page(path, asked)
        if path in CALLS:
            return await self._call(path, asked)
        return answers.refused(Refusal(404, "There is no such page."))

    async def _head(self) -> Asked | Refusal:
        try:
            head = await self._reader.readuntil(b"\r\n\r\n")
        except asyncio.LimitOverrunError:
            return Refusal(
                431,
                f"The headers have more than {gate.MAX_HEAD_BYTES // 1024} KiB; delete this machine's "
                "cookies in the browser.",
            )
        refusal = gate.judge_head(head)
        if refusal is not None:
            return refusal
        self._http.receive_data(head)
        try:
            request = self._http.next_event()
        except h11.RemoteProtocolError:
            return Refusal(400, "This is not a request of HTTP/1.1.")
        if not isinstance(request, h11.Request):
            return Refusal(400, "This is not a request of HTTP/1.1.")
        self._bodiless = request.method == b"HEAD"
        peer, local = (self._writer.get_extra_info(name) for name in ("peername", "sockname"))
        return Asked(
            request.method,
            request.target,
            tuple(request.headers),
            peer=str(peer[0]) if peer else "",
            local=str(local[0]) if local else "",
        )

    def _page(self, path: str, asked: Asked) -> Answer:
        refusal = gate.judge_page(asked)
        if refusal is not None:
            return answers.refused(refusal)
        nonce = os.urandom(16).hex()
        html = _PAGES[path](nonce, self._rules.prefix)
        return answers.page(
            html,
            nonce,
            ancestors=self._app_origins if path == "/console" else None,
            frames=path == "/report",
        )

    async def _call(self, path: str, asked: Asked) -> Answer | AsyncIterator[dict[str, Any]]:
        refusal = gate.judge_call(asked)
        if refusal is not None:
            return answers.refused(refusal)
        try:
            if path != UNLOCK_PATH:
                if not self._office.keyring.accepts(gate.token_of(asked)):
                    return answers.refused(gate.LOCKED)
                self.proven = True
            body = await self._reader.readexactly(int(asked.values(b"content-length")[0]))
            return CALLS[path](self._office, _object_of(body))
        except ValueError as error:
            return answers.refused(Refusal(400, f"The question is not understood: {error}"))
        except UserError as error:
            return answers.refused(Refusal(503, error.message))

    async def _send(self, whole: Answer) -> None:
        self._write(
            h11.Response(status_code=whole.status, reason=whole.reason, headers=list(whole.headers)),
            h11.Data(data=b"" if self._bodiless else whole.body or b""),
            h11.EndOfMessage(),
        )
        await self._flush()

    async def _stream(self, events: AsyncIterator[dict[str, Any]]) -> None:
        """One line for each event, sent at once, until the last one or until the client is gone."""
        head = answers.stream()
        self._write(h11.Response(status_code=head.status, reason=head.reason, headers=list(head.headers)))
        await self._flush()
        gone = asyncio.ensure_future(self._reader.read(1))
        following: asyncio.Future[dict[str, Any] | None] | None = None
        try:
            while True:
                if following is None:
                    following = asyncio.ensure_future(_next(events))
                either: set[asyncio.Future[Any]] = {following, gone}
                await asyncio.wait(either, timeout=KEEP_ALIVE_SECONDS, return_when=asyncio.FIRST_COMPLETED)
                if gone.done():
                    return  # it has closed its side, or sends what nobody asked for
                line = b"\n"  # so that a client that is gone without a word is noticed
                if following.done():
                    event, following = following.result(), None
                    if event is None:
                        self._write(h11.EndOfMessage())
                        await self._flush()
                        return
                    line = json.dumps(event, separators=(",", ":")).encode() + b"\n"
                self._write(h11.Data(data=line))
                await self._flush()
        finally:
            await _end(gone)
            if following is not None:
                await _end(following)
            close = getattr(events, "aclose", None)
            if close is not None:
                await close()

    def _write(self, *events: Any) -> None:
        for event in events:
            data = self._http.send(event)
            if data:
                self._writer.write(data)

    async def _flush(self) -> None:
        """Waits for a slow client, but not for ever: what is unsent is bounded by the transport's limit."""
        await asyncio.wait_for(self._writer.drain(), IDLE_SECONDS)

    async def _linger(self) -> None:
        """RFC 9112 9.6: closed at once, a client that still sends would lose the answer to a reset."""
        try:
            self._writer.write_eof()
        except OSError:
            return  # it has reset the connection: nothing is left to wait for
        left = _LINGER_BYTES
        with suppress(asyncio.TimeoutError):
            while left > 0:
                data = await asyncio.wait_for(self._reader.read(left), _LINGER_SECONDS)
                if not data:
                    return
                left -= len(data)


async def _next(events: AsyncIterator[dict[str, Any]]) -> dict[str, Any] | None:
    """The next event; None when there is none any more."""
    try:
        return await events.__anext__()
    except StopAsyncIteration:
        return None


async def _end(future: asyncio.Future[Any]) -> None:
    """Cancelled, and its outcome taken, whatever it is."""
    future.cancel()
    await asyncio.wait({future})
    if not future.cancelled():
        future.exception()


def _object_of(body: bytes) -> dict[str, Any]:
    """The JSON object in a body.

    Raises:
        ValueError: it is none.
    """
    try:
        value = json.loads(body.decode("utf-8"))
    except (ValueError, RecursionError):
        raise ValueError("the body is not JSON.") from None
    if not isinstance(value, dict):
        raise ValueError("the body is not a JSON object.")
    return value

"""What an ASGI app sees of one WebSocket: scope, `receive` and `send` (the ASGI specification, "WebSocket",
2.5).

Holds the state of the conversation with the app and nothing of the transport. Must never let a message
through that does not fit that state: the app gets an exception that says what was expected.
"""

from __future__ import annotations

import enum
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Protocol

from pilotlight.server.application import Application, ErrorResponse, Headers, RequestInfo, ServerHooks
from pilotlight.server.response import ServerHeaders, plain_response
from pilotlight.server.websocket_deflate import DeflateParameters, negotiate_deflate
from pilotlight.server.websocket_framing import ABNORMAL, NO_STATUS, Message, is_close_code
from pilotlight.server.websocket_handshake import Denial, Handshake, acceptance

_NORMAL = 1000
_INTERNAL_ERROR = 1011
_TLS_FAILED = 1015
_SCHEMES = {"http": "ws", "https": "wss"}


class WebSocketClosed(OSError):
    """`send` was called on a closed WebSocket (ASGI: "a server-specific subclass of OSError")."""


@dataclass(frozen=True, slots=True)
class Disconnect:
    """How a WebSocket ended, for the app."""

    code: int
    reason: str


@dataclass(frozen=True, slots=True)
class Request:
    """The request that asks for the WebSocket."""

    scope: dict[str, Any]
    target: str
    client: str

    @classmethod
    def from_http(cls, scope_base: dict[str, Any]) -> Request:
        """Takes what the HTTP protocol knows and makes a WebSocket's scope of it."""
        scope = {key: value for key, value in scope_base.items() if key not in ("method", "extensions")}
        scope["type"] = "websocket"
        scope["scheme"] = _SCHEMES.get(scope["scheme"], scope["scheme"])
        scope["extensions"] = {"websocket.http.response": {}}
        target = scope["raw_path"].decode("latin-1")
        if scope["query_string"]:
            target += "?" + scope["query_string"].decode("latin-1")
        client = scope.get("client")
        return cls(scope, target, str(client[0]) if client else "")

    @property
    def headers(self) -> Headers:
        """The request's headers, names in lower case."""
        return [(bytes(name), bytes(value)) for name, value in self.scope["headers"]]

    @property
    def http_version(self) -> str:
        """For the access log."""
        return str(self.scope["http_version"])

    def info(self, scope: dict[str, Any]) -> RequestInfo:
        """For the error report; `scope` as the app has left it."""
        return RequestInfo(
            "GET",
            self.target,
            self.headers,
            self.client,
            self.scope["scheme"],
            self.http_version,
            environ=scope,
            websocket=True,
        )


class Wire(Protocol):
    """What a session needs of its connection."""

    @property
    def ended(self) -> Disconnect | None:
        """How the WebSocket ended, or None while messages can be sent."""

    async def receive(self) -> Message | Disconnect:
        """The next message, or how the WebSocket ended."""
        ...

    async def write(self, data: bytes) -> None:
        """Sends bytes as they are, with back pressure."""

    async def send_message(self, data: str | bytes) -> None:
        """Sends one message, with back pressure."""

    async def open(self, response: bytes, deflate: DeflateParameters | None) -> None:
        """Answers the handshake with 101."""

    def refuse(self, response: ErrorResponse) -> None:
        """Answers the handshake with an ordinary response."""

    def refused(self, status: int, body_bytes: int, *, complete: bool) -> None:
        """The handshake has been answered by `write`."""

    def close(self, code: int, reason: str) -> None:
        """Sends a close frame and waits for the client's."""

    def abort(self) -> None:
        """Ends the connection at once."""


class _Phase(enum.Enum):
    """Where the conversation with the app is. Names are for messages."""

    CONNECTING = "before the handshake is answered"
    OPEN = "while the WebSocket is open"
    DENYING = "while a response in place of the WebSocket is being sent"
    DONE = "after the app has closed the WebSocket"


class Session:
    """One call of the app for one WebSocket.

    Args:
        application: the ASGI app.
        hooks: told of its errors.
        request: what it is called with.
        handshake: the checked request.
        fixed: the server's own headers.
        wire: the connection.
    """

    def __init__(
        self,
        application: Application,
        hooks: ServerHooks,
        request: Request,
        handshake: Handshake,
        fixed: ServerHeaders,
        wire: Wire,
    ) -> None:
        self._application = application
        self._hooks = hooks
        self._request = request
        self._handshake = handshake
        self._fixed = fixed
        self._wire = wire
        self._phase = _Phase.CONNECTING
        self._denial: Denial | None = None
        self._connect_told = False
        self._disconnect_told = False
        self._scope = {**request.scope, "subprotocols": list(handshake.subprotocols)}

    async def run(self) -> None:
        """Calls the app and deals with how it ends. Raises nothing but what cancels it."""
        self._hooks.request_begins()
        try:
            await self._application.callable(self._scope, self.receive, self.send)
        except WebSocketClosed as error:
            if (
                self._phase is _Phase.DONE
            ):  # the app's own mistake; otherwise the client left, which is no error
                self._failed(error)
        except (Exception, SystemExit) as error:  # noqa: BLE001 (whatever the app raises is reported, and ends here)
            if self._wire.ended is None or not self._tells_of_disconnect(error):
                self._failed(error)
        else:
            self._returned()
        finally:
            self._hooks.request_ends()

    def _failed(self, error: BaseException) -> None:
        response = self._hooks.app_error(
            error, self._request.info(self._scope), self._phase is not _Phase.CONNECTING
        )
        if self._phase is _Phase.CONNECTING and self._wire.ended is None:
            self._wire.refuse(response or plain_response(500, "Internal Server Error\n"))
        elif self._phase is _Phase.DENYING:
            self._cut_denial()
        elif self._phase is _Phase.OPEN:
            self._wire.close(_INTERNAL_ERROR, "internal error")
        self._phase = _Phase.DONE

    def _returned(self) -> None:
        """The app is done. An open WebSocket has then served its purpose: 1000, as for a handler that closes
        it."""
        if self._phase is _Phase.OPEN:
            self._wire.close(_NORMAL, "")
        elif self._phase is _Phase.CONNECTING and self._wire.ended is None:
            self._failed(RuntimeError("The app returned without accepting or closing the WebSocket."))
        elif self._phase is _Phase.DENYING and self._wire.ended is None:
            self._failed(
                RuntimeError("The app returned without finishing its response to the WebSocket's handshake.")
            )

    def _cut_denial(self) -> None:
        assert self._denial is not None
        if self._wire.ended is None:
            self._wire.refused(self._denial.status, self._denial.body_bytes, complete=False)
            self._wire.abort()

    async def receive(self) -> dict[str, Any]:
        """The ASGI `receive`.

        Raises:
            RuntimeError: the app was already told that the WebSocket is closed. (To answer again and again
            would turn a
                loop that ignores it into one that never ends.)
        """
        if not self._connect_told:
            self._connect_told = True
            return {"type": "websocket.connect"}
        if self._disconnect_told:
            raise RuntimeError("receive() was called after 'websocket.disconnect': the WebSocket is closed.")
        event = await self._wire.receive()
        if isinstance(event, Disconnect):
            self._disconnect_told = True
            return {"type": "websocket.disconnect", "code": event.code, "reason": event.reason}
        if isinstance(event.data, str):
            return {"type": "websocket.receive", "text": event.data}
        return {"type": "websocket.receive", "bytes": event.data}

    async def send(self, message: dict[str, Any]) -> None:
        """The ASGI `send`.

        Raises:
            WebSocketClosed: the WebSocket is closed.
            RuntimeError: the message does not fit the state of the WebSocket.
            ValueError, TypeError: its content cannot be sent.
        """
        if self._phase is _Phase.DONE:
            raise WebSocketClosed(f"{message['type']!r} was sent after the app had closed the WebSocket.")
        if self._wire.ended is not None:
            raise WebSocketClosed(f"{message['type']!r} was sent, but the WebSocket is closed.")
        handler = self._HANDLERS.get((self._phase, message["type"]))
        if handler is None:
            expected = ", ".join(repr(kind) for phase, kind in self._HANDLERS if phase is self._phase)
            raise RuntimeError(
                f"{message['type']!r} cannot be sent {self._phase.value}; what can is {expected}."
            )
        await handler(self, message)

    async def _accept(self, message: dict[str, Any]) -> None:
        deflate = negotiate_deflate(self._handshake.extensions)
        response = acceptance(
            self._handshake,
            message.get("subprotocol"),
            deflate.header() if deflate is not None else None,
            [(bytes(name), bytes(value)) for name, value in message.get("headers") or ()],
        )
        self._phase = _Phase.OPEN
        await self._wire.open(response, deflate)

    async def _reject(self, message: dict[str, Any]) -> None:
        self._phase = _Phase.DONE
        self._wire.refuse(plain_response(403, "The WebSocket was refused.\n"))

    async def _deny(self, message: dict[str, Any]) -> None:
        self._denial = Denial(message["status"], message.get("headers") or (), self._fixed)
        self._phase = _Phase.DENYING

    async def _deny_body(self, message: dict[str, Any]) -> None:
        assert self._denial is not None
        data = self._denial.body(bytes(message.get("body", b"")), bool(message.get("more_body", False)))
        await self._wire.write(data)
        if self._denial.complete:
            self._phase = _Phase.DONE
            self._wire.refused(self._denial.status, self._denial.body_bytes, complete=True)

    async def _message(self, message: dict[str, Any]) -> None:
        data, text = message.get("bytes"), message.get("text")
        if (data is None) == (text is None):
            raise ValueError("'websocket.send' needs exactly one of 'bytes' and 'text'.")
        if text is not None:
            if not isinstance(text, str):
                raise TypeError(f"The 'text' of 'websocket.send' must be a str, not {type(text).__name__}.")
            await self._wire.send_message(text)
        else:
            if not isinstance(data, (bytes, bytearray, memoryview)):
                raise TypeError(f"The 'bytes' of 'websocket.send' must be bytes, not {type(data).__name__}.")
            await self._wire.send_message(bytes(data))

    async def _close(self, message: dict[str, Any]) -> None:
        code = int(message.get("code") or _NORMAL)
        if code in (NO_STATUS, ABNORMAL, _TLS_FAILED):  # an app that passes on how another WebSocket ended
            code = _NORMAL
        if not is_close_code(code):
            raise ValueError(
                f"{code} is not a close code (RFC 6455 7.4.2): 1000, or 3000 to 4999 for the app's own."
            )
        self._phase = _Phase.DONE
        self._wire.close(code, message.get("reason") or "")

    def _tells_of_disconnect(self, error: BaseException) -> bool:
        """Whether a handler was left by nothing but the news that its WebSocket has ended."""
        members = getattr(error, "exceptions", None)  # of the task groups in which some frameworks run it
        if isinstance(members, tuple) and members:
            return all(map(self._tells_of_disconnect, members))
        return isinstance(error, WebSocketClosed) or self._hooks.is_news_of_disconnect(error)

    _HANDLERS: dict[tuple[_Phase, str], Callable[[Session, dict[str, Any]], Awaitable[None]]] = {  # noqa: RUF012
        (_Phase.CONNECTING, "websocket.accept"): _accept,
        (_Phase.CONNECTING, "websocket.close"): _reject,
        (_Phase.CONNECTING, "websocket.http.response.start"): _deny,
        (_Phase.DENYING, "websocket.http.response.body"): _deny_body,
        (_Phase.OPEN, "websocket.send"): _message,
        (_Phase.OPEN, "websocket.close"): _close,
    }

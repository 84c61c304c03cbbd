"""The loop of a worker: runs the HTTP engine and does what the channel says. Must never decide about reloads.

The one place that knows how a served app comes to its end: a successor (`DRAIN`), the end of the server
(`STOP`), or the end of the supervisor (end of file).
"""

from __future__ import annotations

import asyncio
import base64
import functools
import os
import socket
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from pilotlight import messages
from pilotlight.channel import LOST, Channel, Message
from pilotlight.server.application import Application, DetachedConnection, ServerConfig
from pilotlight.server.engine import Server, new_event_loop
from pilotlight.worker.consoling import Consoling
from pilotlight.worker.hooks import WorkerHooks
from pilotlight.worker.lease import TerminalLease
from pilotlight.worker.signals import LoadAbandoned, prepare_for_serving, prepare_for_the_end

LIFESPAN_SECONDS = 2.0
_IDLE_SECONDS = 0.5


class Serving:
    """Serves one application until the supervisor says otherwise.

    Args:
        channel: to the supervisor.
        lease: of the terminal, which may have read messages that are ours.
        is_fresh: asked before each request; one for which it says no waits.
        consoling: answers `QUESTION`s; None without a debugger.
        when_idle: called on the loop, soon after the start of serving.
    """

    def __init__(
        self,
        channel: Channel,
        lease: TerminalLease,
        config: ServerConfig,
        hooks: WorkerHooks,
        is_fresh: Callable[[], bool],
        consoling: Consoling | None,
        when_idle: Callable[[], None],
    ) -> None:
        self._channel = channel
        self._lease = lease
        self._config = config
        self._hooks = hooks
        self._is_fresh = is_fresh
        self._consoling = consoling
        self._when_idle = when_idle
        self._started = False
        self._asked = False
        """The supervisor owes us word that we may answer, or a successor."""

    def run(self, application: Application, sockets: list[socket.socket]) -> None:
        """Returns when the app has been shut down.

        Raises:
            LifespanFailed: the app refused to start.
            LoadAbandoned: the end was wished before it had started.
        """
        loop = new_event_loop()
        asyncio.set_event_loop(loop)
        self._hooks.report_what_no_request_shows(loop)
        main = loop.create_task(self._serve(loop, application, sockets))
        # A handler that raises would be raised into whatever callback runs, and be lost there.
        prepare_for_serving(functools.partial(loop.call_soon_threadsafe, self._end_politely, main))
        try:
            loop.run_until_complete(main)
        except asyncio.CancelledError:
            raise LoadAbandoned from None
        finally:
            prepare_for_the_end()
            close_loop(loop)

    async def _serve(
        self, loop: asyncio.AbstractEventLoop, application: Application, sockets: list[socket.socket]
    ) -> None:
        server = Server(application, self._config, self._hooks)
        self._orders: asyncio.Queue[dict[str, Any] | None] = asyncio.Queue()
        self._server = server
        server.admit = self._admit
        await server.prepare()
        self._started = True
        if self._consoling is not None:
            self._consoling.begin()
        self._lease.wake_with(self._take_kept)
        loop.add_reader(self._channel.fileno(), self._read_channel)
        idle = loop.call_later(_IDLE_SECONDS, self._when_idle)
        try:
            self._channel.send({"type": messages.READY})
            self._take_kept()
            self._read_channel()  # what came together with an earlier message does not make it readable
            order = await self._orders.get()
            if order is not None and order["type"] == messages.ACCEPT:
                await server.listen(sockets)
                order = await self._orders.get()
            if order is not None and order["type"] == messages.DRAIN:
                await server.drain(order["grace"], self._hand_over, self._tell_of_streams)
                await server.shutdown(0)
            else:
                await server.shutdown(
                    order["grace"] if order is not None else 0,
                    lambda count: self._hooks.notice(waiting_for(count)),
                )
        finally:
            idle.cancel()
            loop.remove_reader(self._channel.fileno())
            if self._consoling is not None:
                self._consoling.close()

    def _read_channel(self) -> None:
        for message in self._channel.receive_ready():
            self._obey(message)
        if self._channel.at_end:
            self._orders.put_nowait(None)

    def _admit(self) -> bool:
        if self._is_fresh():
            return True
        if not self._asked:
            self._asked = True
            self._channel.send({"type": messages.WAITING})
        return False

    def _end_politely(self, main: asyncio.Task[None]) -> None:
        if self._started:
            self._orders.put_nowait({"type": messages.STOP, "grace": 0})
        else:
            main.cancel()

    def _take_kept(self) -> None:
        while self._lease.kept:
            self._obey(self._lease.kept.popleft())

    def _obey(self, message: Message) -> None:
        kind = message.body["type"]
        if kind == messages.ADOPT:
            self._adopt(message)
        elif kind == messages.FRESH:
            self._asked = False
            self._server.ask_again()
        elif kind == messages.QUESTION and self._consoling is not None:
            self._consoling.handle(message.body)
        elif kind == messages.TERMINAL_LENT:
            self._lease.lent()
        else:
            self._orders.put_nowait(message.body)

    def _adopt(self, message: Message) -> None:
        (descriptor,) = message.descriptors
        if descriptor == LOST:
            self._hooks.notice("A connection was lost in the reload: too many files are open.")
            return
        connection = socket.socket(fileno=descriptor)
        self._server.adopt(DetachedConnection(connection, base64.b64decode(message.body["data"])))

    def _tell_of_streams(self) -> None:
        with suppress(OSError):  # the supervisor is gone; its end is noticed elsewhere
            self._channel.send({"type": messages.STREAMING})

    def _hand_over(self, connection: DetachedConnection) -> None:
        with connection.sock:
            try:
                self._channel.send(
                    {"type": messages.CONNECTION, "data": base64.b64encode(connection.data).decode()},
                    [connection.sock.fileno()],
                )
            except OSError as error:
                self._hooks.notice(
                    f"A connection could not be handed over ({os.strerror(error.errno or 0)}); it is closed."
                )


def waiting_for(requests: int) -> str:
    """What is said when the server could end but for `requests`."""
    what = "1 request" if requests == 1 else f"{requests} requests"
    return f"Waiting for {what} to end; Ctrl-C again ends it now."


def close_loop(loop: asyncio.AbstractEventLoop) -> None:
    """Ends what the app left on the loop: tasks are cancelled, asynchronous generators closed; a blocked
    executor thread is left to the end of the process."""
    try:
        tasks = asyncio.all_tasks(loop)
        for task in tasks:
            task.cancel()
        if tasks:
            loop.run_until_complete(asyncio.wait(tasks, timeout=LIFESPAN_SECONDS))
        loop.run_until_complete(asyncio.wait_for(loop.shutdown_asyncgens(), LIFESPAN_SECONDS))
    finally:
        asyncio.set_event_loop(None)
        loop.close()

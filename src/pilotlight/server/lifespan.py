"""The ASGI lifespan: the app's start-up before the first request, and its shutdown after the last.

Must never raise anything but `LifespanFailed` for what the app does.
"""

from __future__ import annotations

import asyncio
from typing import Any, Literal

from pilotlight.errors import UserError
from pilotlight.server.application import Application, ServerHooks

_VERSIONS = {"version": "3.0", "spec_version": "2.0"}


class LifespanFailed(UserError):
    """The app said that it cannot start. The cause is the exception with which it then ended, if it did.

    Args:
        message: what it gave with `lifespan.startup.failed`; often a traceback.
    """

    def __init__(self, message: str) -> None:
        said = f": {message}" if message else "."
        super().__init__(f"The app's lifespan start-up failed{said}", status=1)

    def to_show(self) -> BaseException:
        """The app's own exception, of which the message would be a copy; else this one, whose calls are
        nobody's but ours."""
        return self.__cause__ or self.with_traceback(None)


class Lifespan:
    """Runs the app's lifespan in one task of its own.

    Args:
        application: the ASGI app.
        hooks: told of errors that come after the start-up.
    """

    def __init__(self, application: Application, hooks: ServerHooks) -> None:
        self._application = application
        self._hooks = hooks
        self._phase: Literal["starting", "running", "stopping", "abandoned", "over"] = "starting"
        self._received = False
        self._failure: LifespanFailed | None = None
        self._state: dict[str, Any] = {}
        self._progress = asyncio.Event()
        self._stop = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> dict[str, Any] | None:
        """Run the start-up; the state that requests get a copy of, or None when the app has no lifespan.

        Raises:
            LifespanFailed: the app refused to start.
        """
        self._task = asyncio.get_running_loop().create_task(self._run())
        await self._progress.wait()
        if self._failure is not None:
            raise self._failure
        return self._state if self._phase == "running" else None

    async def stop(self) -> None:
        """Run the shutdown, and wait for its end."""
        if self._phase != "running" or self._task is None:
            return
        self._phase = "stopping"
        self._progress.clear()
        self._stop.set()
        await self._progress.wait()
        await self._task

    async def _run(self) -> None:
        scope = {"type": "lifespan", "asgi": _VERSIONS.copy(), "state": self._state}
        try:
            await self._application.callable(scope, self._receive, self._send)
        except asyncio.CancelledError:
            raise
        except BaseException as error:  # noqa: BLE001 - the app's, whatever it is
            self._judge(error)
        finally:
            if self._phase == "starting":
                self._phase = "over"
            self._progress.set()

    def _judge(self, error: BaseException) -> None:
        if self._failure is not None:
            self._failure.__cause__ = error
        elif self._phase == "starting":
            # An app without lifespan raises at the scope; so says the specification. One that had asked for
            # the event
            # may have failed in earnest, so its developer is told.
            if self._received or isinstance(error, SystemExit):
                self._hooks.notice(
                    f"The app raised {type(error).__name__} during its lifespan start-up: {error}. "
                    "It is served without lifespan."
                )
        else:
            self._hooks.app_error(error, None, response_started=False)

    async def _receive(self) -> dict[str, Any]:
        if not self._received:
            self._received = True
            return {"type": "lifespan.startup"}
        try:
            await self._stop.wait()
        except asyncio.CancelledError:  # the end of the server came in between
            self._phase = "abandoned"
            raise
        return {"type": "lifespan.shutdown"}

    async def _send(self, message: dict[str, Any]) -> None:
        kind = message["type"]
        if kind == "lifespan.startup.complete" and self._phase == "starting":
            self._phase = "running"
            self._progress.set()
        elif kind == "lifespan.startup.failed" and self._phase == "starting":
            self._failure = LifespanFailed(str(message.get("message", "")))
        elif kind == "lifespan.shutdown.complete" and self._phase == "stopping":
            self._phase = "over"
            self._progress.set()
        elif kind == "lifespan.shutdown.failed" and self._phase == "stopping":
            self._phase = "over"
            self._hooks.notice(f"The app's lifespan shutdown failed: {message.get('message', '')}")
            self._progress.set()
        elif self._phase != "abandoned":
            raise RuntimeError(f"The ASGI app sent {kind!r} out of turn in its lifespan.")

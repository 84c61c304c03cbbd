"""The lifespan of an app that is left in the middle of it."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, suppress
from typing import Any

from indifferent_hooks import Indifferent
from starlette.applications import Starlette

from pilotlight.server.application import Application
from pilotlight.server.lifespan import Lifespan


class Hooks(Indifferent):
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.told: list[object] = []

    def access(self, record: object) -> None:
        self.told.append(record)

    def notice(self, message: str) -> None:
        self.told.append(message)

    def app_error(self, error: BaseException, request: object, response_started: bool) -> None:
        self.told.append(error)


def test_an_app_that_is_cancelled_before_it_is_served_is_no_error() -> None:
    """What Ctrl-C does between the app's start-up and the first request."""
    ended: list[str] = []

    @asynccontextmanager
    async def lifespan(app: Starlette) -> Any:
        try:
            yield
        finally:
            ended.append("ended")

    async def main(hooks: Hooks) -> None:
        lifespan_of_app = Lifespan(Application("asgi", Starlette(lifespan=lifespan)), hooks)
        await lifespan_of_app.start()
        (task,) = asyncio.all_tasks() - {asyncio.current_task()}
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task

    hooks = Hooks()
    asyncio.run(main(hooks))
    assert hooks.told == []
    assert ended == ["ended"]

"""A FastAPI app with a lifespan, a WebSocket and a stream of server-sent events."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI, WebSocket, WebSocketDisconnect
from fastapi.responses import StreamingResponse


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    app.state.started = time.monotonic()
    yield


app = FastAPI(lifespan=lifespan)


@app.get("/")
async def index() -> dict[str, float]:
    return {"seconds_up": round(time.monotonic() - app.state.started, 3)}


async def ticks(seconds: float) -> AsyncIterator[str]:
    for number in range(1_000_000):
        yield f"id: {number}\ndata: tick {number}\n\n"
        await asyncio.sleep(seconds)


@app.get("/events")
async def events(seconds: float = 1.0) -> StreamingResponse:
    return StreamingResponse(
        ticks(seconds), media_type="text/event-stream", headers={"Cache-Control": "no-store"}
    )


@app.websocket("/echo")
async def echo(socket: WebSocket) -> None:
    await socket.accept()
    try:
        while True:
            await socket.send_text(await socket.receive_text())
    except WebSocketDisconnect:
        return

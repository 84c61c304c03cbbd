"""Threads of an executor that wait for work do not delay the end."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from harness import Serve

APP = """
import asyncio, atexit, concurrent.futures, pathlib, time

atexit.register(pathlib.Path("log.txt").write_text, "atexit")
pool = concurrent.futures.ThreadPoolExecutor()
pool.submit(time.time).result()


async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        raise RuntimeError("no lifespan")
    await asyncio.to_thread(time.time)
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"hello"})
"""


@pytest.mark.parametrize("mode", ["--debug", "--no-debug"])
def test_ends_within_a_second(serve: Serve, mode: str) -> None:
    server = serve("--app", "hello", "run", mode, files={"hello.py": APP})
    assert server.get("/").text == "hello"
    started = time.monotonic()
    server.terminate()
    assert server.wait_for_exit(5) == 0
    assert time.monotonic() - started < 0.9
    assert (Path(server.cwd) / "log.txt").read_text() == "atexit"

"""Threads of an executor that wait for work do not delay the end."""

from __future__ import annotations

from pathlib import Path

import pytest
from harness import Serve

APP = """
import asyncio, atexit, concurrent.futures, pathlib, threading, time


def last_words():
    waiting = [thread.name for thread in threading.enumerate()[1:] if not thread.daemon]
    pathlib.Path("log.txt").write_text(f"atexit, {waiting}")


atexit.register(last_words)
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
def test_the_end_waits_for_none_of_them(serve: Serve, mode: str) -> None:
    server = serve("--app", "hello", "run", mode, files={"hello.py": APP})
    assert server.get("/").text == "hello"
    server.terminate()
    assert server.wait_for_exit() == 0
    assert (Path(server.cwd) / "log.txt").read_text() == "atexit, []"

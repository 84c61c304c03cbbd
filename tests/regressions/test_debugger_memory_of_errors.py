"""Many errors with large variables: only the last few stay alive, in the worker and in the list.

Before Python 3.13 the dictionary that shows a frame's variables kept them after the frame had been emptied.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from debug_client import DebugClient
from harness import Serve

MOST_KEPT = 10

CLASS = """
class Large:
    alive = 0
    def __init__(self):
        Large.alive += 1
        self.content = bytearray(1_000_000)
    def __del__(self):
        Large.alive -= 1
"""
FLASK = f"""{CLASS}
from flask import Flask
app = Flask(__name__)
@app.get("/")
def index():
    return str(Large.alive)
@app.get("/fail")
def fail():
    data = Large()
    try:
        raise ValueError("seen")
    except ValueError as error:
        kept = error
    raise kept
"""
FASTAPI = f"""{CLASS}
import asyncio
from fastapi import FastAPI
from fastapi.responses import PlainTextResponse
app = FastAPI()
@app.get("/")
async def index():
    return PlainTextResponse(str(Large.alive))
@app.get("/fail")
async def fail():
    data = Large()
    await asyncio.sleep(0)
    await deeper(data)
async def deeper(data):
    error = ValueError("seen")
    await asyncio.sleep(0)
    raise error
"""


@pytest.mark.parametrize("source", [FLASK, FASTAPI], ids=["flask", "fastapi"])
def test_only_the_last_errors_keep_their_variables(serve: Serve, source: str) -> None:
    server = serve("--app", "hello", "run", "--debug", files={"hello.py": source})
    for _ in range(40):
        assert server.get("/fail", headers={"Accept": "text/html"}).status == 500
    assert int(server.get("/").text) <= MOST_KEPT + 1


def test_errors_at_the_same_time_are_not_said_to_be_alive_for_ever(serve: Serve) -> None:
    server = serve("--app", "hello", "run", "--debug", files={"hello.py": FLASK})
    client = DebugClient.of(server)
    with ThreadPoolExecutor(20) as pool:
        assert set(pool.map(lambda _: server.get("/fail").status, range(100))) == {500}
    for _ in range(MOST_KEPT):
        server.get("/fail")
    alive = [report["alive"] for report in client.reports()]
    assert alive == [True] * MOST_KEPT + [False] * (len(alive) - MOST_KEPT)

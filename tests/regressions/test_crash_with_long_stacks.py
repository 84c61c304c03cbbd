"""A worker that crashes with more stacks to tell than a pipe holds still ends, and is replaced."""

from __future__ import annotations

import threading

from harness import Serve

APP = """
import ctypes, threading, time
from flask import Flask

app = Flask(__name__)
deep = threading.Semaphore(0)


def dive(depth):
    if depth:
        return dive(depth - 1)
    deep.release()
    time.sleep(600)


@app.route("/")
def index():
    return "hello"


@app.route("/crash")
def crash():
    for _ in range(60):
        threading.Thread(target=dive, args=(98,), daemon=True).start()
    for _ in range(60):
        deep.acquire()
    return str(ctypes.string_at(0))
"""


def test_crash_is_reported_and_the_worker_replaced(serve: Serve) -> None:
    server = serve("--app", "hello", "run", "--debug", files={"hello.py": APP})
    assert server.get("/").text == "hello"
    with server.connect() as client:
        client.sendall(b"GET /crash HTTP/1.1\r\nHost: localhost\r\n\r\n")
        server.wait_for_output("SIGSEGV")
        server.wait_for_output(r"Reloaded|Restarted|after the crash")
    assert server.get("/").text == "hello"
    assert threading.active_count() < 50

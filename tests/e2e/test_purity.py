"""What an app does while it is loaded that no copy of the process would survive: one line says which line of
it did what, earlier checkpoints stay good, and the app is as after a fresh start."""

from __future__ import annotations

import re
import sys
import textwrap

import pytest
from explained import saved
from harness import Serve

APP = """
from flask import Flask
import first
import culprit
import later
app = Flask(__name__)

@app.route("/")
def index():
    return f"{later.VALUE} {first.COUNT} {culprit.state()}"
"""
FIRST = """
COUNT = 1
print("EXECUTED first", flush=True)
"""
LATER = """
import first
VALUE = "one"
"""


def since(line: int) -> str:
    """Pythons before 3.12 do not tell where a thread is started."""
    return rf", since .*culprit\.py:{line}," if sys.version_info >= (3, 12) else ","


CULPRITS = {
    "thread": (
        """
        import threading
        stop = threading.Event()
        thread = threading.Thread(target=stop.wait, args=(600,), daemon=True, name="worker bee")
        thread.start()

        def state():
            return thread.is_alive()
        """,
        r"The app runs a thread \(worker bee\)" + since(5),
        "True",
    ),
    "pool of threads": (
        """
        import concurrent.futures
        pool = concurrent.futures.ThreadPoolExecutor(1)
        NUMBER = pool.submit(lambda: 7).result()

        def state():
            return pool.submit(lambda: NUMBER).result()
        """,
        r"The app runs a thread \(ThreadPoolExecutor.*\)" + since(4),
        "7",
    ),
    "subprocess": (
        """
        import subprocess, sys
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
        import atexit
        atexit.register(child.kill)

        def state():
            return child.poll()
        """,
        r"The app has started a process, since .*culprit\.py:3,",
        "None",
    ),
    "multiprocessing": (
        """
        import multiprocessing, time
        child = multiprocessing.get_context("fork").Process(target=time.sleep, args=(600,), daemon=True)
        child.start()

        def state():
            return child.is_alive()
        """,
        r"The app has started a process, since .*culprit\.py:4,",
        "True",
    ),
    "socket": (
        """
        import socket
        ours, theirs = socket.socketpair()

        def state():
            ours.send(b"x")
            return theirs.recv(10).decode()
        """,
        r"The app holds a socket open, since .*culprit\.py:3,",
        "x",
    ),
    "sqlite": (
        """
        import sqlite3
        database = sqlite3.connect("data.db", check_same_thread=False)
        database.execute("create table if not exists t (x)")

        def state():
            return database.execute("select count(*) from t").fetchone()[0]
        """,
        r"The app holds .*data\.db open, since .*culprit\.py:3,",
        "0",
    ),
    "file for writing": (
        """
        file = open("out.txt", "w")

        def state():
            return file.write("x")
        """,
        r"The app holds .*out\.txt open",
        "1",
    ),
    "event loop": (
        """
        import asyncio
        loop = asyncio.new_event_loop()

        def state():
            return loop.is_running()
        """,
        r"The app holds .* open",
        "False",
    ),
}


@pytest.mark.parametrize("name", CULPRITS)
def test_what_ends_the_checkpoints(serve: Serve, name: str) -> None:
    code, line, state = CULPRITS[name]
    files = {"hello.py": APP, "first.py": FIRST, "later.py": LATER, "culprit.py": textwrap.dedent(code)}
    server = serve("--app", "hello", "run", "--debug", "--explain-reload", files=files)
    assert server.get("/").text == f"one 1 {state}"
    for number in range(3):
        response, reload = saved(server, "later.py", LATER.replace("one", f"version {number}"))
        assert response.text == f"version {number} 1 {state}"
        assert {"culprit.py", "later.py"} <= set(reload.read)
    assert reload.place is not None, "earlier checkpoints are good"
    assert server.output.count("so a reload begins before that.") == 1, "it is said once"
    assert re.search(line, server.output)
    assert "Traceback" not in server.output

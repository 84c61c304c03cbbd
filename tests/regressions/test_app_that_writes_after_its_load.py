"""An app that writes what its load has read, in its lifespan or later on, was reloaded for ever."""

from __future__ import annotations

import time

import pytest
from harness import Serve, ServerProcess

from pilotlight.supervisor.authorship import AT_ONCE

LIFESPAN = """
import os, subprocess, time
import stamp


def write():
    {write}


async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        await receive()
        write()
        await send({{"type": "lifespan.startup.complete"}})
        await receive()
        await send({{"type": "lifespan.shutdown.complete"}})
        return
    await send({{"type": "http.response.start", "status": 200, "headers": []}})
    await send({{"type": "http.response.body", "body": f"{{stamp.TEXT}} one".encode()}})
"""
THREAD = """
import os, threading, time
from flask import Flask
import stamp
app = Flask(__name__)


def write():
    time.sleep({seconds})
    {write}


threading.Thread(target=write, daemon=True).start()


@app.route("/")
def index():
    return f"{{stamp.TEXT}} one"
"""
STAMP = "TEXT = open('stamp.txt').read().strip()\n"
NOW = "str(time.time_ns())"
WRITES = {
    "relative": f"open('stamp.txt', 'w').write({NOW})",
    "absolute": f"open(os.path.abspath('stamp.txt'), 'w').write({NOW})",
    "descriptor": (
        f"f = os.open('stamp.txt', os.O_WRONLY | os.O_TRUNC); os.write(f, {NOW}.encode()); os.close(f)"
    ),
    "directory": (
        "d = os.open('.', os.O_RDONLY); f = os.open('stamp.txt', os.O_WRONLY | os.O_TRUNC, dir_fd=d);"
        f" os.write(f, {NOW}.encode()); os.close(f)"
    ),
    "elsewhere": (
        "d = os.open('.', os.O_RDONLY); os.chdir('/');"
        " f = os.open('stamp.txt', os.O_WRONLY | os.O_TRUNC, dir_fd=d);"
        f" os.write(f, {NOW}.encode()); os.close(f)"
    ),
    "renamed": f"open('new', 'w').write({NOW}); os.replace('new', 'stamp.txt')",
    "renamed in a directory": (
        f"open('new', 'w').write({NOW}); d = os.open('.', os.O_RDONLY); os.chdir('/');"
        " os.replace('new', 'stamp.txt', src_dir_fd=d, dst_dir_fd=d)"
    ),
    "line by line": f"[open('stamp.txt', 'a').write({NOW}) for _ in range(20)]",
}
PROCESSES = {
    "subprocess": "subprocess.run('date +%N > stamp.txt', shell=True)",
    "system": "os.system('date +%N > stamp.txt')",
}
NAMED = r"^stamp\.txt is written by the app each time"
MOST = 5


def served_and_settled(server: ServerProcess) -> None:
    assert server.get("/").text.endswith(" one")
    server.wait_for_output(NAMED)
    assert server.output.count("Reloaded") <= MOST
    assert server.get("/").text.endswith(" one")


def still_reloads_for_the_user(server: ServerProcess) -> None:
    mark = server.mark()
    server.write("stamp.txt", "by hand")
    assert server.get("/").text == "by hand one"
    server.wait_for_output(r"Reloaded.*stamp\.txt", after=mark)
    server.write("hello.py", (server.cwd / "hello.py").read_text().replace(" one", " two"))
    server.wait_until_response(lambda response: response.text.endswith(" two"))
    assert server.output.count("is written by the app") == 1
    assert server.output.count("Reloaded") <= MOST + 2


@pytest.mark.parametrize(
    ("engine", "write"),
    [
        *(("checkpoint", write) for write in [*WRITES, *PROCESSES]),
        ("restart", "relative"),
        ("restart", "system"),
    ],
    indirect=["engine"],
)
def test_a_write_in_the_lifespan(serve: Serve, write: str) -> None:
    code = LIFESPAN.format(write={**WRITES, **PROCESSES}[write])
    files = {"hello.py": code, "stamp.py": STAMP, "stamp.txt": "0"}
    server = serve("--app", "hello", "run", "--debug", files=files)
    served_and_settled(server)
    time.sleep(2 * AT_ONCE)  # somebody who saves as quickly as the app writes is taken for it
    still_reloads_for_the_user(server)


@pytest.mark.parametrize("engine", ["checkpoint", "restart"], indirect=True)
def test_code_that_the_lifespan_writes(serve: Serve) -> None:
    write = "open('stamp.py', 'w').write(f'TEXT = {time.time_ns()}')"
    files = {"hello.py": LIFESPAN.format(write=write), "stamp.py": "TEXT = 0\n"}
    server = serve("--app", "hello", "run", "--debug", files=files)
    assert server.get("/").text.endswith(" one")
    server.wait_for_output(r"^stamp\.py is written by the app each time")
    assert server.output.count("Reloaded") <= MOST


@pytest.mark.parametrize(
    ("engine", "write", "seconds"),
    [
        ("checkpoint", "relative", 0.1),
        ("checkpoint", "renamed", 1.3),
        ("checkpoint", "absolute", 1.3),
        ("restart", "relative", 1.3),
    ],
    indirect=["engine"],
)
def test_a_write_by_a_thread_long_after(serve: Serve, write: str, seconds: float) -> None:
    code = THREAD.format(write=WRITES[write], seconds=seconds)
    files = {"hello.py": code, "stamp.py": STAMP, "stamp.txt": "0"}
    server = serve("--app", "hello", "run", "--debug", files=files)
    served_and_settled(server)
    still_reloads_for_the_user(server)


LOG = """
import logging
from flask import Flask
import stamp
app = Flask(__name__)
logging.basicConfig(filename="stamp.txt", level=logging.INFO)
logging.info("started")


@app.route("/")
def index():
    logging.info("asked")
    return f"{len(stamp.TEXT) > 100} one"
"""


@pytest.mark.parametrize("engine", ["checkpoint", "restart"], indirect=True)
def test_a_log_that_is_read(serve: Serve) -> None:
    files = {"hello.py": LOG, "stamp.py": STAMP, "stamp.txt": "0"}
    server = serve("--app", "hello", "run", "--debug", files=files)
    for number in range(8):
        assert server.get("/").text.endswith(" one")
        server.write("late.txt", str(number))
    assert server.output.count("Reloaded") <= MOST


COUNTER = """
from flask import Flask
app = Flask(__name__)
count = int(open("count.txt").read())


@app.route("/")
def index():
    return str(count)


@app.route("/write/<int:number>")
def write(number):
    with open("count.txt", "w") as file:
        file.write(str(number))
    return "written"
"""


@pytest.mark.parametrize("engine", ["checkpoint", "restart"], indirect=True)
def test_saves_between_the_writes_of_the_app_count(serve: Serve) -> None:
    server = serve("--app", "hello", "run", "--debug", files={"hello.py": COUNTER, "count.txt": "0"})
    for number in range(1, 8):
        assert server.get(f"/write/{number}").text == "written"
        server.wait_for_output(rf"(Reloaded[^\n]*count\.txt[^$]*){{{min(number, 4)}}}|written by the app")
    server.wait_for_output(r"^count\.txt is written by the app")
    for number in range(100, 110):
        server.get(f"/write/{number}")
        server.get("/")  # is answered when the write has been judged
        server.write("count.txt", f"{number}00")
        assert server.get("/").text == f"{number}00"

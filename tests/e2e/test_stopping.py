"""Every kind of end: the app's own ends run, all processes are gone, nothing is printed but one line."""

from __future__ import annotations

import os
import signal
import threading
import time
from pathlib import Path

import pytest
from harness import Serve, ServerProcess

APP = """
import atexit, pathlib, threading, time
from contextlib import asynccontextmanager
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse, StreamingResponse
from starlette.routing import Route
import asyncio

log = pathlib.Path(__file__).with_name("log.txt")

def note(text):
    with log.open("a") as file:
        file.write(text + "\\n")

atexit.register(note, "atexit")

@asynccontextmanager
async def lifespan(app):
    note("startup")
    yield
    note("shutdown")

async def index(request):
    return PlainTextResponse("hello")

async def slow(request):
    await asyncio.sleep(600)

async def stream(request):
    async def events():
        while True:
            yield b"data: tick\\n\\n"
            await asyncio.sleep(0.05)
    return StreamingResponse(events(), media_type="text/event-stream")

async def thread(request):
    threading.Thread(target=time.sleep, args=(600,)).start()
    return PlainTextResponse("started")

app = Starlette(
    routes=[Route("/", index), Route("/slow", slow), Route("/stream", stream), Route("/thread", thread)],
    lifespan=lifespan,
)
"""
MODES = pytest.mark.parametrize("mode", ["--debug", "--no-debug"])


def running(serve: Serve, mode: str) -> ServerProcess:
    server = serve("--app", "hello", "run", mode, files={"hello.py": APP})
    assert server.get("/").text == "hello"
    return server


def finished(server: ServerProcess) -> int:
    status = server.wait_for_exit()
    assert server.wait_for_descendants() == []
    assert "Traceback" not in server.output
    assert server.output.rstrip().splitlines()[-1] == "Stopped."
    return status


def log_of(server: ServerProcess) -> list[str]:
    return (Path(server.cwd) / "log.txt").read_text().split()


@MODES
@pytest.mark.parametrize("how", ["interrupt", "terminate"])
def test_idle_server_ends_within_a_second(serve: Serve, mode: str, how: str) -> None:
    server = running(serve, mode)
    getattr(server, how)()
    assert finished(server) == 0
    assert "Waiting for" not in server.output
    assert log_of(server) == ["startup", "shutdown", "atexit"]


@MODES
@pytest.mark.parametrize("path", ["/slow", "/stream"])
def test_busy_server_ends_within_five_seconds(serve: Serve, mode: str, path: str) -> None:
    server = running(serve, mode)
    with server.connect() as client:
        client.sendall(b"GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n" % path.encode())
        server.get("/")  # the request above has arrived before this one
        server.interrupt()
        assert finished(server) == 0
    assert server.output.count("Waiting for 1 request to end; Ctrl-C again ends it now.") == (path == "/slow")
    assert server.output.count(f"GET {path} was still running after") == (path == "/slow")
    assert log_of(server) == ["startup", "shutdown", "atexit"]


@MODES
def test_thread_that_never_ends_does_not_keep_the_server(serve: Serve, mode: str) -> None:
    server = running(serve, mode)
    assert server.get("/thread").text == "started"
    server.interrupt()
    assert finished(server) == 0
    assert log_of(server) == ["startup", "shutdown", "atexit"]


@MODES
def test_second_interrupt_is_immediate(serve: Serve, mode: str) -> None:
    server = running(serve, mode)
    with server.connect() as client:
        client.sendall(b"GET /slow HTTP/1.1\r\nHost: localhost\r\n\r\n")
        server.get("/")
        server.interrupt()
        time.sleep(0.2)  # two interrupts at the same instant are one signal
        server.interrupt()
        server.wait_for_exit()
    assert "GET /slow was still running" not in server.output, "its time was not waited for"
    assert server.wait_for_descendants() == []
    assert "Traceback" not in server.output


WAYS_TO_BE_BUSY = {
    "idle": "",
    "python loop": "while True: pass",
    "C loop": "sum(range(10**12))",
    "sleep": "__import__('time').sleep(600)",
}


@pytest.mark.parametrize("busy", WAYS_TO_BE_BUSY)
def test_killed_supervisor_leaves_nothing_behind(serve: Serve, busy: str) -> None:
    source = (
        "from flask import Flask\napp = Flask(__name__)\n\n@app.route('/')\ndef index():\n"
        "    return 'hello'\n\n"
        f"@app.route('/busy')\ndef busy():\n    {WAYS_TO_BE_BUSY[busy] or 'pass'}\n    return ''\n"
    )
    server = serve("--app", "hello", "run", "--debug", files={"hello.py": source})
    assert server.get("/").text == "hello"
    with server.connect() as client:
        if WAYS_TO_BE_BUSY[busy]:
            client.sendall(b"GET /busy HTTP/1.1\r\nHost: localhost\r\n\r\n")
            time.sleep(0.3)  # nothing tells from outside that a loop has begun
        server.kill()
        assert server.wait_for_exit() == -signal.SIGKILL
        assert server.wait_for_descendants() == []


@pytest.mark.parametrize("busy", ["while True: pass", "sum(range(10**12))", "import time; time.sleep(600)"])
def test_killed_supervisor_takes_a_loading_worker_with_it(serve: Serve, busy: str) -> None:
    server = serve(
        "--app", "hello", "run", "--debug", files={"hello.py": f"print('loading', flush=True)\n{busy}\n"}
    )
    server.wait_for_output("loading")
    server.kill()
    server.wait_for_exit()
    assert server.wait_for_descendants() == []


@pytest.mark.parametrize("busy", ["while True: pass", "sum(range(10**12))", "import time; time.sleep(600)"])
def test_interrupt_while_loading(serve: Serve, busy: str) -> None:
    server = serve(
        "--app", "hello", "run", "--debug", files={"hello.py": f"print('loading', flush=True)\n{busy}\n"}
    )
    server.wait_for_output("loading")
    server.interrupt()
    server.wait_for_exit()
    assert server.wait_for_descendants() == []
    assert "Traceback" not in server.output


def test_interrupt_during_start_up_prints_no_traceback(serve: Serve) -> None:
    for delay in (0, 0.02, 0.04, 0.06, 0.1, 0.15, 0.2):
        server = serve("--app", "hello", "run", "--debug", files={"hello.py": APP})
        while not server.children():  # before that it is the interpreter that starts, not we
            assert server.running
        time.sleep(delay)
        server.interrupt()
        server.wait_for_exit()
        assert server.wait_for_descendants() == []
        assert "Traceback" not in server.output


def test_worker_that_is_killed_is_replaced(serve: Serve) -> None:
    source = (
        "import os\nfrom flask import Flask\napp = Flask(__name__)\n\n@app.route('/')\ndef index():\n"
        "    return str(os.getpid())\n\n@app.route('/crash')\ndef crash():\n    os.kill(os.getpid(), 11)\n"
    )
    server = serve("--app", "hello", "run", "--debug", files={"hello.py": source})
    first = server.get("/").text
    with server.connect() as client:
        client.sendall(b"GET /crash HTTP/1.1\r\nHost: localhost\r\n\r\n")
        server.wait_for_output("SIGSEGV")
    second = server.get("/").text
    assert second.isdigit()
    assert second != first


def test_requests_in_flight_finish_at_the_end(serve: Serve) -> None:
    source = (
        "import time\nfrom flask import Flask\napp = Flask(__name__)\n\n@app.route('/')\ndef index():\n"
        "    time.sleep(1)\n    return 'complete'\n"
    )
    server = serve("--app", "hello", "run", "--debug", files={"hello.py": source})
    server.url  # noqa: B018  waits for the banner
    answers: list[str] = []
    client = threading.Thread(target=lambda: answers.append(server.get("/").text))
    client.start()
    time.sleep(0.4)
    os.kill(server.pid, signal.SIGTERM)
    client.join(5)
    assert answers == ["complete"]
    assert finished(server) == 0

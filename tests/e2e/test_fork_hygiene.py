"""A process that goes on from a checkpoint is as one that has run from the beginning: nothing twice, nothing
shared, nothing left behind; and whoever kills parts of it costs a reload, never the server."""

from __future__ import annotations

import http.client
import json
import os
import signal
import textwrap
import time
from contextlib import suppress

import psutil
import pytest
from explained import reload_after, saved
from harness import Serve, ServerProcess

HELPER = """
import asyncio, atexit, logging, os, random, secrets, signal, sys, tempfile, threading, uuid, weakref

sys.stdout.write("[written once]")
atexit.register(lambda: print("ATEXIT in", os.getpid(), flush=True))
logging.basicConfig(filename="app.log", level=logging.INFO)
local = threading.local()
local.value = "kept"
main_thread = threading.main_thread()
lock = threading.RLock()
lock.acquire()
signal.signal(signal.SIGUSR1, lambda number, frame: None)
handler = signal.getsignal(signal.SIGUSR1)

class Thing:
    pass

thing = Thing()
weakref.finalize(thing, lambda: print("FINALIZED in", os.getpid(), flush=True))
"""
VIEWS = """
import gc
import helper
TEXT = "one"
helper.lock.release()
"""
APP = """
from flask import Flask
import helper
{seed}
import views
from helper import *
NUMBERS = [random.random(), secrets.token_hex(), uuid.uuid4().hex, uuid.uuid1().hex,
           tempfile.mkdtemp(), random.gauss(0, 1), os.getpid()]
MAIN = threading.main_thread()
FACTS = dict(
    local=local.value,
    main=MAIN is main_thread is threading.current_thread() and MAIN.native_id == os.getpid(),
    handler=signal.getsignal(signal.SIGUSR1) is handler,
    frozen=views.gc.get_freeze_count() > 0,
)
app = Flask(__name__)

@app.route("/")
def index():
    logging.info("from %s", os.getpid())
    with lock:
        return dict(FACTS, text=views.TEXT, numbers=NUMBERS, pid=os.getpid())

@app.route("/pool")
def pool():
    import multiprocessing
    with multiprocessing.get_context("fork").Pool(1) as pool:
        return str(pool.map(abs, [-3])[0])

@app.route("/kill/<which>/<int:number>")
def kill(which, number):
    os.kill(os.getppid() if which == "parent" else os.getpid(), number)
    return "killed"
"""


def running(serve: Serve, seed: str = "") -> ServerProcess:
    files = {"hello.py": APP.replace("{seed}", seed), "helper.py": HELPER, "views.py": VIEWS, "spare.py": ""}
    return serve("--app", "hello", "run", "--debug", "--explain-reload", files=files)


def versions(server: ServerProcess, count: int) -> list[dict[str, object]]:
    """What the app says of itself after each of some reloads, all but the first from inside `views.py`."""
    answers = []
    for number in range(count):
        response, reload = saved(server, "views.py", VIEWS.replace("one", f"version {number}"))
        answers.append(json.loads(response.text))
        assert answers[-1]["text"] == f"version {number}"
        assert reload.place is not None
        if number:
            assert reload.place == "inside views.py, after its imports"
    return answers


def test_random_things_differ_and_the_rest_is_whole(serve: Serve) -> None:
    server = running(serve)
    answers = [json.loads(server.get("/").text), *versions(server, 4)]
    for column in zip(*(answer["numbers"] for answer in answers), strict=True):
        assert len(set(column)) == len(answers), column
    for answer in answers:
        assert answer["local"] == "kept"
        assert answer["main"] is True
        assert answer["handler"] is True
        assert answer["frozen"] is True
    assert server.get("/pool").text == "3"
    log = (server.cwd / "app.log").read_text()
    assert all(f"from {answer['pid']}" in log for answer in answers)


def test_a_seeded_sequence_is_that_of_a_fresh_start(serve: Serve) -> None:
    import random

    expected = random.Random(42)
    numbers = [expected.random(), expected.gauss(0, 1)]
    server = running(serve, "helper.random.seed(42)")
    for answer in [json.loads(server.get("/").text), *versions(server, 3)]:
        assert [answer["numbers"][0], answer["numbers"][5]] == numbers


def test_what_was_printed_and_registered_before_a_checkpoint(serve: Serve) -> None:
    server = running(serve)
    pids = [json.loads(server.get("/").text)["pid"]]
    pids += [answer["pid"] for answer in versions(server, 3)]
    server.terminate()
    server.wait_for_exit()
    assert server.output.count("[written once]") <= 2, (
        "`helper` was executed once, or twice at the first edit"
    )
    for pid in pids:
        assert server.output.count(f"ATEXIT in {pid}") == 1
        assert server.output.count(f"FINALIZED in {pid}") == 1
    assert server.output.count("ATEXIT in") == len(pids)


def test_sixty_reloads_leave_nothing(serve: Serve) -> None:
    server = running(serve)
    json.loads(server.get("/").text)
    supervisor = psutil.Process(server.pid)
    versions(server, 10)
    settle(server)
    before = (len(server.children()), supervisor.num_fds(), supervisor.memory_info().rss)
    checkpoints = {process.pid for process in server.children()}
    versions(server, 50)
    settle(server)
    after = (len(server.children()), supervisor.num_fds(), supervisor.memory_info().rss)
    assert after[0] <= before[0]
    assert after[1] <= before[1] + 2
    assert after[2] <= before[2] + 2 * 1024 * 1024
    assert not [one for one in family(supervisor) if one.status() == psutil.STATUS_ZOMBIE]
    kept = [one for one in server.children() if one.pid in checkpoints]
    assert kept, "the first checkpoints are still there"
    assert all(one.num_fds() < 25 for one in server.children())


def family(supervisor: psutil.Process) -> list[psutil.Process]:
    return supervisor.children(recursive=True)


def settle(server: ServerProcess) -> None:
    """Until the predecessor of the worker has ended and the next copy is made."""
    deadline = time.monotonic() + 10
    last, since = -1, time.monotonic()
    while time.monotonic() < deadline:
        now = len(server.children())
        if now != last:
            last, since = now, time.monotonic()
        elif time.monotonic() - since > 1:
            return
        time.sleep(0.05)


def wait_for_text(server: ServerProcess, text: str) -> None:
    """A process that is killed takes the connections with it that it has accepted; no other is lost."""
    losses = 0
    while True:
        try:
            server.wait_until_response(lambda response: text in response.text)
            return
        except (ConnectionError, http.client.HTTPException):  # noqa: PERF203 - a few times
            losses += 1
            assert losses <= 3


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM], ids=str)
def test_any_process_may_be_killed(serve: Serve, number: int) -> None:
    """Each of the tree but the supervisor, one after the other: the next save is served all the same."""
    server = running(serve)
    server.get("/")
    versions(server, 2)
    settle(server)
    for index in range(len(server.children())):
        victims = sorted(server.children(), key=lambda process: process.pid)
        if index < len(victims):
            with suppress(ProcessLookupError):  # one that has just ended by itself
                os.kill(victims[index].pid, number)
        server.write("views.py", VIEWS.replace("one", f"after {index}"))
        wait_for_text(server, f"after {index}")
    assert "Traceback" not in server.output


def test_a_view_that_kills_its_parent(serve: Serve) -> None:
    server = running(serve)
    server.get("/")
    versions(server, 2)
    assert server.get("/kill/parent/9").text == "killed"
    assert server.get("/").status == 200
    server.write("views.py", VIEWS.replace("one", "later"))
    assert json.loads(server.get("/").text)["text"] == "later"
    assert "Traceback" not in server.output


def test_a_stopped_checkpoint(serve: Serve) -> None:
    """SIGSTOP for all that is paused; whether the next save is served then, or once they go on."""
    server = running(serve)
    worker = json.loads(server.get("/").text)["pid"]
    paused = [process.pid for process in server.children() if process.pid != worker]
    for pid in paused:
        os.kill(pid, signal.SIGSTOP)
    server.write("views.py", VIEWS.replace("one", "later"))
    for pid in paused:
        os.kill(pid, signal.SIGCONT)
    assert json.loads(server.get("/").text)["text"] == "later"


@pytest.mark.parametrize("how", ["kill -9", "Ctrl-C"])
def test_nothing_stays_behind(serve: Serve, how: str) -> None:
    server = running(serve)
    server.get("/")
    versions(server, 2)
    assert len(server.children()) >= 3
    if how == "kill -9":
        server.kill()
    else:
        server.interrupt()
    server.wait_for_exit()
    assert server.wait_for_descendants() == []


ENDINGS = {
    "sys.exit": "import sys; sys.exit(3)",
    "os._exit": "import os; os._exit(3)",
    "segfault": "import os; os.kill(os.getpid(), 11)",
    "recursion": "def f(): f()\nf()",
    "gone from sys.modules": "import sys; del sys.modules[__name__]",
    "endless loop": "while True: pass",
    "fork": "import os\npid = os.fork()\nif not pid: os._exit(0)\nos.waitpid(pid, 0)",
    "closerange": "import os; os.closerange(3, 256)",
    "reload": "import importlib, spare; importlib.reload(spare)",
    "import in a thread": "import threading\nt = threading.Thread(target=__import__, args=('json.tool',))\n"
    "t.start()\nt.join()",
}


@pytest.mark.parametrize("name", ENDINGS)
def test_a_module_that_does_the_worst_and_is_mended(serve: Serve, name: str) -> None:
    server = running(serve)
    server.get("/")
    versions(server, 2)
    mark = server.mark()
    server.write("views.py", VIEWS + textwrap.dedent(ENDINGS[name]) + "\n")
    if name != "endless loop":
        assert server.get("/").status in (200, 500)
    server.write("views.py", VIEWS.replace("one", "mended"))
    assert json.loads(server.get("/").text)["text"] == "mended"
    assert reload_after(server, mark).place is not None or name == "closerange"


def test_a_prompt_while_loading_is_no_end_of_reloads(serve: Serve) -> None:
    """What was lent to a process that has become a checkpoint since comes back from its copy."""
    files = {"hello.py": APP.replace("{seed}", ""), "helper.py": HELPER, "views.py": VIEWS}
    server = serve("--app", "hello", "run", "--debug", "--explain-reload", files=files, terminal=True)
    assert server.get("/").status == 200
    server.write("views.py", VIEWS + "breakpoint()\nTEXT += '!'\n")
    server.expect(r"\(Pdb\)")
    server.send("c\n")
    assert json.loads(server.get("/").text)["text"] == "one!"
    server.write("views.py", VIEWS.replace("one", "later"))
    assert json.loads(server.get("/").text)["text"] == "later"

"""Code that was interrupted, or could not be, leaves an interpreter in which everything else works as before.

CPython 3.11 runs in circles in the first traced function (`breakpoint()`, a coverage tool, a profiler) as
long as an exception waits for any thread. So each case has a process of its own, which would never end.
"""

from __future__ import annotations

import subprocess
import sys

import pytest

TRACED = """
def traced():
    return "went on"

sys.setprofile(lambda *_: None)
print(traced())
sys.setprofile(None)
sys.settrace(lambda *_: None)
print(traced())
sys.settrace(None)
"""
CASES = {
    "a repr that waits": """
import sys, time
from pilotlight.debugger.values.deadline import Helper
assert not Helper().run(lambda: time.sleep(1000), 0.01).in_time
""",
    "a repr that resists": """
import sys
from pilotlight.debugger.values.deadline import Helper
def resist():
    while True:
        try:
            while True:
                len("")
        except BaseException:
            pass
assert not Helper().run(resist, 0.01).in_time
""",
    "a console's code that waits": """
import sys, threading, time
from pilotlight.debugger.console.threads import Interruptible
inside = threading.Event()
def wait():
    inside.set()
    time.sleep(1000)
code = Interruptible(KeyboardInterrupt)
threading.Thread(target=code.run, args=(wait,), daemon=True).start()
inside.wait()
assert code.interrupt()
""",
    "a console's code that was cancelled": """
import sys, threading
from pilotlight.debugger.console.threads import Interruptible
inside, ended = threading.Event(), []
def loop():
    inside.set()
    while True:
        len("")
code = Interruptible(KeyboardInterrupt)
def run():
    try:
        code.run(loop)
    except KeyboardInterrupt:
        ended.append("cancelled")
thread = threading.Thread(target=run)
thread.start()
inside.wait()
assert code.interrupt()
thread.join()
assert ended == ["cancelled"]
""",
}


TRACED_THROUGHOUT = (
    "import sys, threading\nthreading.settrace(lambda *_: None)\nsys.settrace(lambda *_: None)\n"
)


@pytest.mark.parametrize("before", ["", TRACED_THROUGHOUT], ids=["traced later", "traced throughout"])
@pytest.mark.parametrize("case", CASES)
def test_what_is_traced_goes_on(case: str, before: str) -> None:
    program = before + CASES[case] + TRACED
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=30)
    assert (ended.stdout, ended.returncode) == ("went on\nwent on\n", 0), ended.stderr


def test_every_one_of_two_that_were_struck_at_once_is_hit() -> None:
    program = """
import threading
from pilotlight.debugger.values.strike import find_strike, raise_in

class Struck(Exception):
    pass

def runs():
    try:
        running.release()
        while True:
            len("")
    except Struck:
        hit.append("runs")

def waits():
    try:
        running.release()
        gate.acquire(timeout=0.5)
        len("")
    except Struck:
        hit.append("waits")

strike, hit, running, gate = find_strike(), [], threading.Semaphore(0), threading.Semaphore(0)
threads = [threading.Thread(target=target) for target in (runs, waits, runs, waits)]
for thread in threads:
    thread.start()
for thread in threads:
    running.acquire()
for thread in threads:
    raise_in(strike, thread.ident, Struck)
for thread in threads:
    thread.join()
print(sorted(hit))
"""
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=30)
    assert ended.stdout == "['runs', 'runs', 'waits', 'waits']\n", ended.stderr


def test_a_thread_is_known_by_the_interpreter_s_name_for_it() -> None:
    """In an app that gevent has patched `get_ident` names a greenlet: what waited for a strike on it hung."""
    patched = "import _thread\n_thread.get_ident = lambda: 4711\n"
    program = """
import time
from pilotlight.debugger.values.strike import find_strike, raise_in
raise_in(find_strike(), 1, SystemExit)
until = time.monotonic() + 20
while _thread._count() and time.monotonic() < until:
    time.sleep(0.01)
print(_thread._count())
"""
    for code, expected in (
        (patched + program, "0\n"),
        (patched + CASES["a repr that waits"] + TRACED, "went on\nwent on\n"),
    ):
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
        assert (done.stdout, done.returncode) == (expected, 0), done.stderr


def test_no_signal_s_handler_is_struck() -> None:
    program = """
import signal, time
from pilotlight.debugger.values.strike import find_strike, raise_in

begun, ended = 0, 0

def handler(number, frame):
    global begun, ended
    begun += 1
    for _ in range(20):
        len("")
    ended += 1

signal.signal(signal.SIGALRM, handler)
signal.setitimer(signal.ITIMER_REAL, 0.00005, 0.00005)
strike, until = find_strike(), time.monotonic() + 1.5
while time.monotonic() < until:
    raise_in(strike, 1, SystemExit)
signal.setitimer(signal.ITIMER_REAL, 0)
assert begun > 100
print(begun - ended)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert (done.stdout, done.returncode) == ("0\n", 0), done.stderr

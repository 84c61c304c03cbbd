"""A worker that ends already is not disturbed by a signal, and says nothing of it: whoever ends a group of
processes sends each of them one, and the supervisor another."""

from __future__ import annotations

import subprocess
import sys

import pytest
from harness import Serve

APP = """
import atexit, os, signal

def end():
    os.kill(os.getpid(), signal.SIGTERM)
    print("cleaned up", flush=True)

atexit.register(end)
{act}
"""
ACTS = {
    "abandoned": "os.kill(os.getpid(), signal.SIGTERM)",
    "failed": "1 / 0",
}
SIGNALS_ALL_THE_TIME = """
import atexit, os, signal, time
from pilotlight.channel import Channel
from pilotlight.worker.ending import end_in_spite_of_threads
from pilotlight.worker.lifecycle import _tell_finished
from pilotlight.worker.signals import prepare_for_loading

def begin():
    signal.setitimer(signal.ITIMER_REAL, 0.01, 0.01)

def signalled(*_):
    global count
    count += 1
    os.kill(os.getpid(), signal.SIGTERM)

def end():
    signal.setitimer(signal.ITIMER_REAL, 0)
    assert count > 10, count

count = 0
channel, other = Channel.pair()
prepare_for_loading()
signal.signal(signal.SIGALRM, signalled)
atexit.register(end)
atexit.register(_tell_finished, channel)
atexit.register(begin)
end_in_spite_of_threads()
"""


@pytest.mark.parametrize("act", ACTS)
def test_cleaning_up_is_not_cut_short(serve: Serve, act: str) -> None:
    server = serve("--app", "hello", "run", "--debug", files={"hello.py": APP.format(act=ACTS[act])})
    server.wait_for_output("cleaned up")
    server.terminate()
    server.wait_for_exit()
    assert "Exception ignored" not in server.output
    assert "LoadAbandoned" not in server.output


def test_the_wait_for_a_successor() -> None:
    done = subprocess.run(
        [sys.executable, "-c", SIGNALS_ALL_THE_TIME], capture_output=True, text=True, timeout=30, check=False
    )
    assert (done.stderr, done.returncode) == ("", 0)

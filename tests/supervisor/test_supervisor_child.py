"""A child that does not listen never holds its parent up."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterator

import pytest

from pilotlight import messages
from pilotlight.channel import Channel
from pilotlight.supervisor.child import Child


@pytest.fixture
def deaf() -> Iterator[tuple[Child, Channel]]:
    """A child whose process never reads its channel, and the other end of that channel."""
    channel, theirs = Channel.pair()
    pid = os.posix_spawn(sys.executable, [sys.executable, "-c", "import time; time.sleep(60)"], os.environ)
    lifeline, write = os.pipe()
    crash, crash_write = os.pipe()
    child = Child(pid, channel, write, crash)
    other = Channel(theirs)
    yield child, other
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    child.close()
    other.close()
    os.close(lifeline)
    os.close(crash_write)


def test_sending_to_a_child_that_does_not_read_returns(deaf: tuple[Child, Channel]) -> None:
    child, other = deaf
    reading, writing = os.pipe()

    def send() -> None:
        for number in range(3000):
            child.send({"type": messages.ADOPT, "data": "x" * 1000, "number": number}, [reading])

    thread = threading.Thread(target=send, daemon=True)
    thread.start()
    thread.join(10)
    assert not thread.is_alive()
    os.close(reading)
    numbers = []
    while len(numbers) < 3000:
        child.flush()
        for message in other.receive_ready():
            numbers.append(message.body["number"])
            for descriptor in message.descriptors:
                os.close(descriptor)
    assert numbers == list(range(3000))
    os.close(writing)

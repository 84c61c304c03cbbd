"""Copies that are made in advance, with real channels whose other ends the test holds."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator

import pytest

from pilotlight import messages
from pilotlight.channel import Channel, close_received
from pilotlight.supervisor.child import Child, State
from pilotlight.supervisor.line import Line


class Process:
    """A child of the supervisor, and the end of its channel that the process has."""

    def __init__(self) -> None:
        channel, theirs = Channel.pair()
        self.its_end = Channel(theirs)
        self.child = Child(None, channel, *os.pipe())
        self.child.state = State.LOADING

    def orders(self) -> int:
        """How often it was told to fork."""
        os.set_blocking(self.its_end.fileno(), False)
        count = 0
        while self.its_end.is_readable():
            message = self.its_end.receive()
            assert message is not None
            assert message.body["type"] == messages.CONTINUE
            close_received(message.descriptors)
            count += 1
        return count

    def close(self) -> None:
        self.its_end.close()
        self.child.close()


class Scene:
    """A line of processes of which the first begins a load."""

    def __init__(self) -> None:
        self.copies: list[Child] = []
        self.line = Line(self.copies.append)
        self.process = Process()
        self.line.begin(self.process.child)

    def pause(self, place: str) -> None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        theirs.close()
        self.line.paused(self.process.child, place, 0.1, (ours.detach(), *os.pipe()))

    def close(self) -> None:
        for child in self.copies:
            child.close()
        self.process.close()


@pytest.fixture
def scene() -> Iterator[Scene]:
    made = Scene()
    yield made
    made.close()


def test_before_the_first_edit_the_newest_module_has_a_copy_that_waits(scene: Scene) -> None:
    scene.pause("inside /app.py, after its imports")
    scene.line.prepare()
    spare = scene.copies[-1]
    assert scene.process.orders() == 1
    scene.line.prepare()
    assert scene.line.cut_after(0) == [scene.copies[0]]
    assert scene.line.take_useless_spare() is None
    assert scene.line.resume() is spare
    assert scene.process.orders() == 0


def test_there_is_no_guess_without_such_a_module(scene: Scene) -> None:
    scene.pause("before /app.py")
    scene.line.prepare()
    assert scene.process.orders() == 0


def test_a_guess_that_was_wrong_is_given_back(scene: Scene) -> None:
    scene.pause("inside /app.py, after its imports")
    scene.line.prepare()
    spare = scene.copies[-1]
    scene.line.cut_after(None)
    assert scene.line.take_useless_spare() is spare
    assert scene.line.take_useless_spare() is None

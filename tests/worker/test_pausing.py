"""A checkpoint that reaps its copies."""

from __future__ import annotations

import os
import signal
import sys
from contextlib import suppress
from typing import Any, cast

from pilotlight import messages
from pilotlight.channel import Channel, Message
from pilotlight.worker.forking import Forks
from pilotlight.worker.pausing import Pauser
from pilotlight.worker.prefault import Prefault


class BusyChannel:
    """Another child ends each time that something is sent, while it is sent."""

    def __init__(self) -> None:
        self.sending = False
        self.left = 3
        self.ended: list[int] = []

    def send(self, body: dict[str, Any], descriptors: object = ()) -> None:
        assert not self.sending  # a real channel would wait for itself
        self.sending = True
        self.ended.append(body["pid"])
        if self.left:
            self.left -= 1
            end_a_child()
        self.sending = False


def end_a_child() -> None:
    # Not by a fork: one within the handler would begin in the middle of another, whose hooks hold locks.
    pid = os.posix_spawn(sys.executable, [sys.executable, "-S", "-c", ""], os.environ)
    with suppress(ChildProcessError):  # the handler of its signal was quicker
        os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)


def test_a_child_that_ends_while_another_is_told_of_is_told_of_next() -> None:
    channel = BusyChannel()
    forks, listener, purity = cast(Forks, None), cast(Any, None), cast(Any, None)
    pauser = Pauser(cast(Channel, channel), forks, 0, 0, listener, purity, Prefault())
    before = signal.signal(signal.SIGCHLD, pauser._reap)
    try:
        end_a_child()
        pauser._reap(signal.SIGCHLD, None)
    finally:
        signal.signal(signal.SIGCHLD, before)
    assert len(channel.ended) == 4


class Steps:
    """A channel and a listener that write down what happens to them."""

    def __init__(self) -> None:
        self.taken: list[str] = []

    def waits(self) -> None:
        self.taken.append("waits")

    def receive(self) -> Message:
        self.taken.append("receives")
        return Message({"type": messages.GO, "number": 2, "hot": []})


def test_a_copy_made_in_advance_may_use_its_time_before_it_is_told_to_go_on() -> None:
    steps = Steps()
    forks, purity = cast(Forks, None), cast(Any, None)
    pauser = Pauser(cast(Channel, steps), forks, 0, 0, cast(Any, steps), purity, Prefault())
    assert pauser._wait_for_go()["number"] == 2
    assert steps.taken == ["waits", "receives"]

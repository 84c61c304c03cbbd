"""The threads that run WSGI apps. Must never start a thread before the first job, so that a fork before
serving is safe.

Python threads that compute take the interpreter lock from each other, so few threads are faster than many,
as long as none of them is blocked. The pool therefore begins with one thread and grows only when jobs have
really waited while the threads were not computing.
"""

from __future__ import annotations

import asyncio
import threading
import time
from queue import SimpleQueue
from typing import Protocol

from pilotlight.framestack import roomy

_TICK = 0.005
"""Seconds between two looks at a queue that has jobs waiting."""
_BUSY_SHARE = 0.7
"""Above this share of a processor the threads are computing, and more of them would not help."""
_PATIENCE = 10
"""Ticks without any job started after which even computing threads get help, so that no request starves."""
_SURPLUS_SECONDS = 5.0
"""How long threads beyond the first are kept after they were last needed."""


class Job(Protocol):
    """One request to be run on a thread."""

    def run(self) -> None:
        """Run it; must not raise."""


class ThreadPool:
    """Runs jobs in the order they came, on as few threads as keep up.

    Args:
        loop: whose thread calls `submit` and watches the queue.
        limit: the most threads there may be.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, limit: int) -> None:
        self._loop = loop
        self._limit = limit
        self._queue: SimpleQueue[Job | None] = SimpleQueue()
        self._lock = threading.Lock()
        self._threads = 0
        self._started = 0
        self._surplus_until = 0.0
        self._watch: asyncio.TimerHandle | None = None
        self._seen = (0, 0.0, 0.0)
        self._stalled_ticks = 0
        self._closed = False

    @property
    def size(self) -> int:
        """How many threads there are."""
        return self._threads

    def submit(self, job: Job) -> None:
        """Queue a job. Called on the loop's thread only."""
        self._queue.put(job)
        if not self._threads:
            self._grow(1)
        elif self._watch is None and self._threads < self._limit and self._queue.qsize() > 1:
            self._begin_watch()

    def watch(self) -> None:
        """A job has been submitted while others were in flight: see to it that it does not wait for long."""
        if self._watch is None and self._threads < self._limit:
            self._begin_watch()

    def close(self) -> None:
        """Let the threads end when they have nothing left to do. Does not wait for them: they are daemons."""
        self._closed = True
        if self._watch is not None:
            self._watch.cancel()
            self._watch = None
        for _ in range(self._threads):
            self._queue.put(None)

    def _begin_watch(self) -> None:
        self._seen = (self._started, time.process_time(), time.monotonic())
        self._stalled_ticks = 0
        self._watch = self._loop.call_later(_TICK, self._look)

    def _look(self) -> None:
        self._watch = None
        waiting = self._queue.qsize()
        if not waiting or self._closed or self._threads >= self._limit:
            return
        started, cpu, clock = self._seen
        self._seen = (self._started, time.process_time(), time.monotonic())
        if started != self._started:
            self._stalled_ticks = 0
        else:
            self._stalled_ticks += 1
            blocked = self._seen[1] - cpu < _BUSY_SHARE * (self._seen[2] - clock)
            if blocked or self._stalled_ticks >= _PATIENCE:
                self._stalled_ticks = 0
                self._grow(min(waiting, self._threads, self._limit - self._threads) if blocked else 1)
        self._watch = self._loop.call_later(_TICK, self._look)

    def _grow(self, count: int) -> None:
        self._surplus_until = time.monotonic() + _SURPLUS_SECONDS
        for _ in range(count):
            with self._lock:
                self._threads += 1
            threading.Thread(target=self._work, name="pilotlight-wsgi", daemon=True).start()

    @roomy
    def _work(self) -> None:
        queue = self._queue
        while True:
            job = queue.get()
            if job is None:
                break
            self._started += 1  # a lost update between threads only delays a look
            job.run()
            del job
            if self._threads > 1 and time.monotonic() > self._surplus_until and self._retire():
                return
        with self._lock:
            self._threads -= 1

    def _retire(self) -> bool:
        with self._lock:
            if self._threads > 1 and not self._queue.qsize():
                self._threads -= 1
                return True
        return False

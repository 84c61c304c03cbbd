from __future__ import annotations

import asyncio
import threading
import time

from pilotlight.server.pool import ThreadPool


class Blocking:
    def __init__(self, release: threading.Event) -> None:
        self.release = release
        self.started = threading.Event()

    def run(self) -> None:
        self.started.set()
        assert self.release.wait(20)


class Spinning:
    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.done = threading.Event()

    def run(self) -> None:
        end = time.thread_time() + self.seconds
        while time.thread_time() < end:
            pass
        self.done.set()


async def until(condition) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.002)


def test_grows_while_threads_are_blocked_up_to_the_limit() -> None:
    async def main() -> None:
        release = threading.Event()
        pool = ThreadPool(asyncio.get_running_loop(), 5)
        assert pool.size == 0
        jobs = [Blocking(release) for _ in range(8)]
        for job in jobs:
            pool.submit(job)
        pool.watch()
        await until(lambda: pool.size == 5)
        await until(lambda: all(job.started.is_set() for job in jobs[:5]))
        await asyncio.sleep(0.05)
        assert pool.size == 5
        assert not any(job.started.is_set() for job in jobs[5:])
        release.set()
        await until(lambda: all(job.started.is_set() for job in jobs))
        pool.close()
        await until(lambda: pool.size == 0)

    asyncio.run(main())


def test_computing_threads_get_no_company_at_once_but_nobody_starves() -> None:
    async def main() -> None:
        pool = ThreadPool(asyncio.get_running_loop(), 5)
        release = threading.Event()
        release.set()
        long = Spinning(1.0)
        pool.submit(long)
        waiting = Blocking(release)
        pool.submit(waiting)
        pool.watch()
        await until(waiting.started.is_set)
        assert not long.done.is_set()
        assert pool.size == 2
        pool.close()
        await until(lambda: pool.size == 0)

    asyncio.run(main())


def test_submitting_while_everyone_sleeps_wakes_someone() -> None:
    async def main() -> None:
        pool = ThreadPool(asyncio.get_running_loop(), 1)
        release = threading.Event()
        release.set()
        for _ in range(3):
            job = Blocking(release)
            pool.submit(job)
            await until(job.started.is_set)
        assert pool.size == 1
        pool.close()

    asyncio.run(main())

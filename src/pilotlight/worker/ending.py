"""The end of a process that has run the app: `atexit` runs whatever the app left behind. Must never wait for
long."""

from __future__ import annotations

import atexit
import os
import sys
import threading
import time
from contextlib import suppress

from pilotlight.worker.signals import prepare_for_the_end

_THREAD_JOIN_SECONDS = 1.0


def end_in_spite_of_threads(status: int = 0) -> None:
    """Returns when the interpreter can end by itself; otherwise ends the process here.

    The interpreter waits for threads before it runs `atexit`; a thread that never ends must not keep that
    from happening.

    Args:
        status: exit status if the process is ended here.
    """
    prepare_for_the_end()
    deadline = time.monotonic() + _THREAD_JOIN_SECONDS
    others = [t for t in threading.enumerate() if t is not threading.main_thread() and not t.daemon]
    if others:
        _release_idle_executors()
    for thread in others:
        thread.join(max(0.0, deadline - time.monotonic()))
    if any(thread.is_alive() for thread in others):
        atexit._run_exitfuncs()
        flush_standard_streams()
        os._exit(status)


def _release_idle_executors() -> None:
    """Threads of `concurrent.futures` that wait for work end when the interpreter says that it ends, which it
    does only in the wait that `end_in_spite_of_threads` avoids. Said aside, since it waits for busy ones
    too."""
    callbacks = list(getattr(threading, "_threading_atexits", ()))

    def tell() -> None:
        for callback in reversed(callbacks):
            callback()

    threading.Thread(target=tell, daemon=True).start()


def flush_standard_streams() -> None:
    """What the app printed must be out before the process may be ended from outside."""
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            with suppress(Exception):  # closed, its reader gone, or the app's own kind of stream
                stream.flush()

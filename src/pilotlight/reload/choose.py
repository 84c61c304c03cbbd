"""Which back end watches on this machine: the one place where that is decided."""

from __future__ import annotations

import errno
import os
import sys

from pilotlight.reload.backend import Backend


def choose_backend() -> tuple[Backend, str | None]:
    """The best back end that can be had, and one line for the user if it is not the usual one."""
    return _on_linux() if sys.platform.startswith("linux") else _elsewhere()


def _on_linux() -> tuple[Backend, str | None]:
    from pilotlight.reload.inotify_backend import InotifyBackend

    try:
        backend = InotifyBackend()
    except OSError as error:
        return _polling(f"inotify is not available: {_reason(error)}")
    if backend.arrives(os.curdir):
        return backend, None
    backend.close()
    return _polling("inotify is there but reports nothing (a sandbox, or a compatibility layer?)")


def _reason(error: OSError) -> str:
    """inotify_init(2) has one error number for two limits."""
    if error.errno != errno.EMFILE:
        return error.strerror or str(error)
    try:
        os.close(os.open(os.curdir, os.O_RDONLY))
    except OSError:
        return "this process has as many open files as it may (ulimit -n)"
    return "the limit of instances is reached (sysctl fs.inotify.max_user_instances)"


def _elsewhere() -> tuple[Backend, str | None]:
    try:
        from pilotlight.reload.watchfiles_backend import WatchfilesBackend
    except ImportError:
        return _polling("The package watchfiles is not installed")
    return WatchfilesBackend(), None


def _polling(reason: str) -> tuple[Backend, str]:
    from pilotlight.reload.polling import PollingBackend

    return PollingBackend(), f"{reason}. Files are polled for changes, which is a little slower."

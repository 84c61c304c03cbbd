"""Which back end watches on this machine: the one place where that is decided."""

from __future__ import annotations

import errno
import sys

from pilotlight.reload.backend import Backend


def choose_backend() -> tuple[Backend, str | None]:
    """The best back end that can be had, and one line for the user if it is not the usual one."""
    return _on_linux() if sys.platform.startswith("linux") else _elsewhere()


def _on_linux() -> tuple[Backend, str | None]:
    from pilotlight.reload.inotify_backend import InotifyBackend

    try:
        return InotifyBackend(), None
    except OSError as error:
        reason = error.strerror
        if error.errno == errno.EMFILE:
            reason = "the limit of instances is reached (sysctl fs.inotify.max_user_instances)"
        return _polling(f"inotify is not available: {reason}")


def _elsewhere() -> tuple[Backend, str | None]:
    try:
        from pilotlight.reload.watchfiles_backend import WatchfilesBackend
    except ImportError:
        return _polling("The package watchfiles is not installed")
    return WatchfilesBackend(), None


def _polling(reason: str) -> tuple[Backend, str]:
    from pilotlight.reload.polling import PollingBackend

    return PollingBackend(), f"{reason}. Files are polled for changes, which is a little slower."

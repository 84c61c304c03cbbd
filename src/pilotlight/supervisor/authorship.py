"""Who has written a file: the app or somebody else. Judged by order: the app announces each opening for
writing before it opens, and one opening makes one new content. A new content that was not announced is
somebody else's. A state machine; times and contents are passed in.

Where that cannot be told, as when both write within a few milliseconds, it is somebody else's work if there
are more new contents than announcements: a reload too many is better than a save that is lost.

All times are seconds of one monotonic clock. Must never read a clock or the disk.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

AT_ONCE = 0.02
"""Of several openings in a row, some contents may never be seen. For so long after the last one the
announcements that are left over still count."""
UNUSED = 5.0
"""For so long does an announcement count that nothing has followed: a call that failed, or a place that is
polled."""


@dataclass(slots=True)
class _Account:
    announced: int = 0
    last: float = float("-inf")
    """When the app announced the last one."""
    followed: bool = False
    """Something was seen since."""
    news: int = 0
    """New contents that were not judged yet."""
    content: str = ""


class Authorship:
    """Of all files that loads have read."""

    def __init__(self) -> None:
        self._accounts: dict[str, _Account] = {}

    def announced(self, path: str, now: float, *, loading: bool) -> None:
        """The app is about to open it for writing, or to give it to a name.

        Args:
            loading: unused announcements do not grow old.
        """
        account = self._account(path, now, loading)
        account.announced += 1
        account.last = now
        account.followed = False

    def seen(self, path: str, content: str, now: float, *, loading: bool) -> None:
        """It was touched.

        Args:
            content: what tells it from other contents; empty if it is what the load has read.
        """
        if path not in self._accounts:
            return
        account = self._account(path, now, loading)
        account.followed = True
        if content != account.content:
            account.content = content
            account.news += 1

    def is_apps(self, path: str) -> bool:
        """Whether all contents since the last judgement are the app's."""
        account = self._accounts.get(path)
        return account is not None and 0 < account.announced >= account.news

    def is_writer(self, path: str) -> bool:
        """Whether the app has ever announced that it writes this. Of others nothing is taken down."""
        return path in self._accounts

    def judged(self, path: str) -> None:
        """A verdict uses up what it is based on."""
        account = self._accounts.get(path)
        if account is not None:
            account.announced = max(account.announced - account.news, 0)
            account.news = 0

    def accepted(self, paths: Iterable[str]) -> None:
        """What they hold now is what changes are measured by from here on."""
        for path in paths:
            account = self._accounts.get(path)
            if account is not None:
                account.content = ""

    def begin_load(self) -> None:
        """What was seen until now is what the load reads."""
        for account in self._accounts.values():
            account.content = ""
            account.announced = max(account.announced - account.news, 0)
            account.news = 0

    def _account(self, path: str, now: float, loading: bool) -> _Account:
        account = self._accounts.setdefault(path, _Account())
        since = now - account.last
        if (account.followed and since > AT_ONCE) or (since > UNUSED and not loading):
            account.announced = min(account.announced, account.news)
        return account

"""From touched files to "reload now": joins the watcher, the burst rule and the loop's clock. Must never
start a reload itself."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from pilotlight.reload.burst import Burst
from pilotlight.reload.choose import choose_backend
from pilotlight.reload.dependencies import ANY_FILE, Dependency
from pilotlight.reload.digest import UNREADABLE, present_state
from pilotlight.reload.links import logical_directory
from pilotlight.reload.unclosed import Unclosed
from pilotlight.reload.watch import Change, Watcher
from pilotlight.settings import Settings
from pilotlight.supervisor.answering import Answering
from pilotlight.supervisor.authorship import Authorship

_ENVIRONMENT_FILES = (".env", ".flaskenv")
OWN_DOINGS_IN_A_ROW = 4
"""How often an app may change what it has read, before that counts as a loop."""
SETTLING_SECONDS = 0.02
"""Between two looks at changes that are about to be acted on."""
OWN_DOING_SECONDS = 1.0
"""After a load: what a process of the app's has changed while it loaded is still the load's."""


@dataclass(frozen=True, slots=True)
class Changes:
    """What has changed, settled.

    Args:
        paths: absolute, each once; of its own doings only those that the user need be told of.
        dependencies: what the load had read and is different now.
        own_doing: the app itself made these changes, as it does at each load; they have been accepted.
    """

    paths: tuple[str, ...]
    dependencies: tuple[Dependency, ...]
    own_doing: bool = False

    def __str__(self) -> str:
        """`hello.py and 2 more`, relative to the current directory where that is shorter."""
        first, *more = self.paths
        try:
            relative = os.path.relpath(first)
        except OSError:  # the current directory is gone
            relative = first
        shown = relative if len(relative) < len(first) else first
        if relative == os.curdir:
            shown = f"the directory {os.path.basename(first)}"
        return f"{shown} and {len(more)} more" if more else shown


class ChangeWatch:
    """Tells its owner when there are changes to act on.

    Args:
        on_settled: called on the loop's thread, when `take` has something to give.
        say: shows one line to the user.
        answering: told when something was touched, and when that was no change.
    """

    def __init__(
        self,
        settings: Settings,
        loop: asyncio.AbstractEventLoop,
        on_settled: Callable[[], None],
        say: Callable[[str], None],
        answering: Answering,
    ) -> None:
        backend, note = choose_backend()
        if note is not None:
            say(note)
        self._watcher = Watcher(
            backend,
            extra_files=(*settings.extra_files, *_environment_files(settings)),
            exclude_patterns=settings.exclude_patterns,
        )
        self._loop = loop
        self._on_settled = on_settled
        self._say = say
        self._answering = answering
        self._burst = Burst()
        self._unclosed = Unclosed()
        self._pending: dict[str, None] = {}
        """Touched paths whose change has been seen and not yet been taken."""
        self._written: set[str] = set()
        """What this load has read and then written; `ANY_FILE` if it has started a process."""
        self._touched: set[str] = set()
        """What was touched, by whomever, before this load was ready."""
        self._touched_late: set[str] = set()
        """And since."""
        self._authorship = Authorship()
        self._products: dict[str, float] = {}
        """What was found to be written at each load, and how many seconds at most after that."""
        self._products_read: set[str] = set()
        """Those of them that this load has read: what has written them until now follows upon that."""
        self._own_doings = 0
        """In a row."""
        self._own_until = float("inf")
        self._ready_since = float("inf")
        self._earlier: list[Dependency] = []
        """What the load before this one had read."""
        self._timer: asyncio.TimerHandle | None = None
        self._poll: asyncio.TimerHandle | None = None
        self._quiet: asyncio.TimerHandle | None = None
        descriptor = self._watcher.fileno()
        if descriptor is not None:
            loop.add_reader(descriptor, self.look)
        self._poll_again()

    def begin_load(self, kept: Iterable[Dependency] | None = None) -> None:
        """What earlier loads read no longer matters.

        Args:
            kept: what the load that is continued has read already; None if it begins from scratch.
        """
        self._earlier = self._watcher.dependencies() or self._earlier
        if not self._is_loading():
            self._forget_products_of_the_past()
        self._products_read.clear()
        self._authorship.begin_load()
        self._written.clear()
        self._touched.clear()
        self._touched_late.clear()
        self._own_until = self._ready_since = float("inf")
        if kept is None:
            self._watcher.reset()
        else:
            self._watcher.keep(kept)
        self._pending.clear()
        self._cancel_timer()
        self._burst.acted(self._loop.time())
        self._answering.trust()

    def _forget_products_of_the_past(self) -> None:
        """Those that the load has read and nobody has written, although there was time to do so."""
        lived = self._loop.time() - self._ready_since
        unwritten = self._products_read - self._written - self._touched
        gone = [path for path in unwritten if lived >= 2 * self._products[path]]
        for path in gone:
            del self._products[path]
        self._own_doings = 0 if gone else self._own_doings

    def keep_watching(self) -> None:
        """The load ended before it read anything: a change of what the earlier one had read may mend it."""
        for dependency in self._earlier:
            self.add(self._watcher.as_it_is(dependency))

    def await_return(self) -> None:
        """The load has failed: what an earlier one had read and is gone now may be what is missing, although
        nobody has tried to open it (`os.path.exists`)."""
        known = {dependency.path for dependency in self._watcher.dependencies()}
        for dependency in self._earlier:
            path = dependency.path
            looked_for = dependency.kind in ("missing", "missing-module")
            if not looked_for and path not in known and not os.path.exists(path):
                gone = self._watcher.as_it_is(dependency)
                # A link to itself is no return; what has come back since is one.
                self.add(gone if gone.digest == UNREADABLE else replace(gone, digest=None))

    def load_finished(self) -> None:
        """What the app writes a while after this moment is no longer written by loading, and what others
        write from this moment on."""
        if self._is_loading():
            self.look()
            self._ready_since = self._loop.time()
            self._own_until = self._ready_since + OWN_DOING_SECONDS

    def _is_loading(self) -> bool:
        return self._own_until == float("inf")

    def writing(self, path: str) -> None:
        """The app is about to write a file that it has read; or `ANY_FILE`, by a process of its own."""
        if path != ANY_FILE:
            self._authorship.announced(path, self._loop.time(), loading=self._is_loading())
        elif not self._is_loading():
            return
        self._written.add(path)

    def add(self, dependency: Dependency) -> None:
        """A load has read something."""
        if dependency.path in self._products:
            self._products_read.add(dependency.path)
        change = self._watcher.add(dependency)
        self._pass_on_note()
        if change is not None:
            if self._is_loading():
                self._touched.add(dependency.path)
            self._attribute([dependency.path], [change])
            self._noticed([dependency.path], [change])

    def take(self) -> Changes | None:
        """What differs now from what the load saw, among what was noticed; None if it has gone back to
        that."""
        self._answering.doubt()
        latest = self._look_only()
        looked_at = list(self._pending)
        changes = self._watcher.changed(looked_at)
        self._attribute(latest, changes)
        if self._waits_for_word(latest, changes):
            self._settle_soon()
            return None
        self._pending.clear()
        self._cancel_timer()
        self._burst.acted(self._loop.time())
        judged = self._judged(changes) if changes else None
        for path in {*looked_at, *(judged.paths if judged is not None else ())}:
            self._authorship.judged(path)
        if judged is None or judged.own_doing:
            self._answering.trust()
        return judged

    def _attribute(self, touched: Sequence[str], changes: Sequence[Change]) -> None:
        """Takes down what the app's own files hold now, if that is not the middle of a save."""
        contents = dict.fromkeys(touched, "")
        for change in changes:
            path, dependency = change.path, change.dependency
            if change.unfinished and dependency.kind != "directory":
                contents.pop(path, None)
            elif self._authorship.is_writer(path):
                content = f"{dependency.kind} {present_state(dependency)} "
                contents[path] = contents.get(path, "") + content
        for path, content in contents.items():
            self._authorship.seen(path, content, self._loop.time(), loading=self._is_loading())

    def _waits_for_word(self, latest: Sequence[str], changes: Sequence[Change]) -> bool:
        """Whether the app may have written this very moment what only its next message tells."""
        others = [change.path for change in changes if not self._may_be_own(change.path)]
        return bool(others) and all(path in latest and self._authorship.is_writer(path) for path in others)

    def _judged(self, changes: Sequence[Change]) -> Changes:
        paths = tuple(dict.fromkeys(change.path for change in changes))
        own = all(map(self._may_be_own, paths))
        self._own_doings = self._own_doings + 1 if own else 0
        if not own or (self._own_doings <= OWN_DOINGS_IN_A_ROW and not self._products.keys() >= {*paths}):
            return Changes(paths, tuple(change.dependency for change in changes))
        news = tuple(path for path in paths if path not in self._products)
        delay = max(0.0, self._loop.time() - self._ready_since)
        for path in paths:
            self._products[path] = max(delay, self._products.get(path, 0.0))
        self._products_read.update(paths)
        self._watcher.accept(paths)
        self._authorship.accepted(paths)
        return Changes(news, (), own_doing=True)

    def _may_be_own(self, path: str) -> bool:
        """What the app writes itself it announces. Of what processes of the app's write nothing is known but
        the time. So code is never taken for theirs: somebody may save it as quickly as it is loaded."""
        if self._authorship.is_apps(path):
            return True
        if ANY_FILE not in self._written or self._loop.time() >= self._own_until:
            return False
        return path in self._touched and path not in self._touched_late and not path.endswith(".py")

    def close(self) -> None:
        """Ends the watching."""
        descriptor = self._watcher.fileno()
        if descriptor is not None:
            self._loop.remove_reader(descriptor)
        for timer in (self._timer, self._poll, self._quiet):
            if timer is not None:
                timer.cancel()
        self._watcher.close()

    @property
    def descriptor(self) -> int | None:
        """Readable while something was touched and not yet looked at; None if there is none."""
        return self._watcher.fileno()

    def unsettled_for(self) -> float:
        """Seconds until it is known whether what has been loaded is what somebody meant to save; 0 if it is:
        files that are saved together, one after the other, do not go together for a moment."""
        self.look()
        calm = self._burst.calm - self._loop.time()
        return max(calm, SETTLING_SECONDS) if self._pending else max(calm, 0.0)

    def look(self) -> None:
        """Takes the notices that are pending."""
        self._answering.doubt()
        touched = self._read_events()
        changes = self._watcher.changed(touched) if touched else []
        self._attribute(touched, changes)
        if changes:
            self._noticed(touched, changes)
        elif not self._pending:
            self._answering.trust()

    def _look_only(self) -> list[str]:
        """What has happened up to this moment belongs to the changes that are taken now."""
        touched = self._read_events()
        self._pending.update(dict.fromkeys(touched))
        return touched

    def _read_events(self) -> list[str]:
        touched = self._watcher.read_events()
        touched += self._written_and_quiet(touched)
        (self._touched if self._is_loading() else self._touched_late).update(touched)
        self._pass_on_note()
        return touched

    def _written_and_quiet(self, closed: list[str]) -> list[str]:
        """What somebody has written to a while ago, and not closed since. Not what the app itself may be
        writing: that counts when it is closed. Nor what is empty: it is about to be written."""
        now = self._loop.time()
        self._unclosed.closed(closed)
        self._unclosed.written(set(self._watcher.take_unclosed()) - self._written, now)
        quiet = self._unclosed.take_quiet(now)
        if self._quiet is not None:
            self._quiet.cancel()
        due = self._unclosed.due
        self._quiet = None if due is None else self._loop.call_at(due, self.look)
        return [path for path in quiet if not any(one.unfinished for one in self._watcher.changed([path]))]

    def _pass_on_note(self) -> None:
        """Watching may have become weaker: by polling, which has to be done from now on."""
        note = self._watcher.take_note()
        if note is not None:
            self._say(note)
            self._poll_again()

    def _noticed(self, paths: list[str], changes: list[Change]) -> None:
        self._pending.update(dict.fromkeys(paths))
        self._answering.doubt()
        now = self._loop.time()
        vanished = all(change.unfinished for change in changes)
        due = self._burst.changed(now, vanished=vanished)
        self._cancel_timer()
        if due <= now:
            self._settle_soon()
        else:
            self._timer = self._loop.call_at(due, self._on_settled)

    def _settle_soon(self) -> None:
        """Not at once: what the app said before it wrote a file arrives in this round of the loop or in the
        next."""
        self._loop.call_soon(self._loop.call_soon, self._on_settled)

    def _cancel_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _poll_again(self) -> None:
        """Places that cannot be watched are looked at from time to time."""
        if self._poll is not None:
            self._poll.cancel()
            self._poll = None
        interval = self._watcher.interval
        if interval is not None:
            self._poll = self._loop.call_later(interval, self._poll_now)

    def _poll_now(self) -> None:
        self.look()
        self._poll_again()


def _environment_files(settings: Settings) -> tuple[str, ...]:
    """Those that were read, and those that would be if they were there, or if a link led elsewhere."""
    here = logical_directory()
    missing = tuple(os.path.join(here, name) for name in _ENVIRONMENT_FILES)
    return tuple(dict.fromkeys((*settings.environment_files, *missing)))

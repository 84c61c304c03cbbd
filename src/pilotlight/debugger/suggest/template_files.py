"""Where a template was looked for that is not there, and which one there is was most likely meant.

Looks at the disk, for a bounded time, and at names only. Must never ask a template engine.
"""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Iterable, Iterator

from pilotlight.debugger.introspection.source import is_own
from pilotlight.debugger.introspection.template_missing import Folder, Missing, Tried

from .spelling import closest

MAX_PLACES = 20
MAX_ENTRIES = 2_000
MAX_SECONDS = 0.02


def places(missing: Missing) -> tuple[str, ...]:
    """A line for each place that was tried."""
    lines = tuple(dict.fromkeys(f"Tried: {each.text}{_why(each)}" for each in missing.tried[:MAX_PLACES]))
    more = len(missing.tried) - MAX_PLACES
    return (*lines, f"Tried: {more} more places") if more > 0 else lines


def _why(place: Tried) -> str:
    if place.why:
        return f" ({place.why})"
    if place.folder and not os.path.isdir(place.folder):
        return f" (there is no folder {place.folder})"
    return ""


def nearest(missing: Missing) -> str:
    """A sentence such as `Did you mean: 'base.html'?`, or nothing.

    That is the only file of the user's with this name that is in another folder, or the name that is spelled
    most like it.
    """
    folders = sorted(dict.fromkeys(missing.folders), key=lambda folder: not is_own(folder.path))
    known = dict(_files(folders))
    known.update(dict.fromkeys(missing.others, True))
    for name in missing.names:
        base = name.rpartition("/")[2]
        elsewhere = [each for each, own in known.items() if own and each.rpartition("/")[2] == base]
        if name in elsewhere:  # it is there, but cannot be read
            return ""
        best = elsewhere[0] if len(elsewhere) == 1 else _spelled(name, known)
        if best:
            return f"Did you mean: '{best}'?"
    return ""


def _spelled(name: str, known: Iterable[str]) -> str:
    """Among those in the folder of the name first, where long names can be compared too."""
    folder, slash, base = name.rpartition("/")
    known = sorted(known, key=lambda each: abs(len(each) - len(name)))  # not all of very many are compared
    beside = [each[len(folder + slash) :] for each in known if each.rpartition("/")[0] == folder]
    best = closest(base, beside)
    return folder + slash + best if best else closest(name, known) or ""


def _files(folders: Iterable[Folder]) -> Iterator[tuple[str, bool]]:
    """The names of templates, and whether they are the user's own: those nearest to the folders first."""
    waiting = deque((folder.path, folder.prefix, is_own(folder.path)) for folder in folders)
    end, left = time.monotonic() + MAX_SECONDS, MAX_ENTRIES
    while waiting:
        path, prefix, own = waiting.popleft()
        try:
            entries = os.scandir(path)
        except (OSError, ValueError):  # it is not there, or not to be read: then there is nothing in it
            continue
        with entries:
            for entry in entries:
                left -= 1
                if left < 0 or time.monotonic() > end:
                    return
                if entry.name.startswith("."):
                    continue
                if entry.is_dir(follow_symlinks=False):
                    waiting.append((entry.path, f"{prefix}{entry.name}/", own))
                else:
                    yield prefix + entry.name, own

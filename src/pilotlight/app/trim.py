"""Tracebacks without the frames of the loader: the user reads the frames of the app, not ours.

Must never drop a frame of the user's, and never changes the exception itself.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from types import TracebackType

_OURS = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "")
_IMPORT_MACHINERY = frozenset(
    {"<frozen importlib._bootstrap>", "<frozen importlib._bootstrap_external>", "<frozen runpy>"}
)
_IMPORTLIB = os.path.join(os.path.dirname(os.__file__), "importlib", "")


def trim_loader_frames(error: BaseException) -> None:
    """Take the loader's frames (ours and importlib's) out of an error and of everything that led to it.

    At the head every such frame goes; further down only frames of ours go, with the frames of importlib
    beside them (where an import hook of ours stood between two modules of the user). Call it where the error
    is caught: each frame it then passes through is added again.
    """
    for one in _chain(error):
        one.__traceback__ = _trimmed(one.__traceback__)


def _chain(error: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    waiting: list[BaseException | None] = [error]
    while waiting:
        one = waiting.pop()
        if one is None or id(one) in seen:
            continue
        seen.add(id(one))
        yield one
        waiting += [one.__cause__, one.__context__]
        group = getattr(one, "exceptions", None)
        if isinstance(group, tuple):
            waiting += [part for part in group if isinstance(part, BaseException)]


def _trimmed(traceback: TracebackType | None) -> TracebackType | None:
    frames = list(_frames(traceback))
    kept: list[TracebackType] = []
    position = 0
    while position < len(frames):
        end = position
        while end < len(frames) and _is_loader(frames[end]):
            end += 1
        run = frames[position:end]
        if kept and not any(_is_ours(frame) for frame in run):
            kept += run
        if end < len(frames):
            kept.append(frames[end])
        position = end + 1
    following: TracebackType | None = None
    for frame in reversed(kept):
        frame.tb_next = following
        following = frame
    return following


def _frames(traceback: TracebackType | None) -> Iterator[TracebackType]:
    while traceback is not None:
        yield traceback
        traceback = traceback.tb_next


def _is_loader(frame: TracebackType) -> bool:
    file = frame.tb_frame.f_code.co_filename
    return file in _IMPORT_MACHINERY or file.startswith((_OURS, _IMPORTLIB))


def _is_ours(frame: TracebackType) -> bool:
    return frame.tb_frame.f_code.co_filename.startswith(_OURS)


def user_frames(traceback: TracebackType | None) -> list[TracebackType]:
    """The frames that are neither ours nor importlib's."""
    return [frame for frame in _frames(traceback) if not _is_loader(frame)]

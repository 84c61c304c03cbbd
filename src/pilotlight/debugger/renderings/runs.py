"""Runs of library frames in a stack: which of them a short form leaves out, and how they are named.

Pure. Must never leave out a frame of the user's own, or anything of a stack that has none.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby

from pilotlight.debugger.model import Frame, Report, Trace

_SHORTEST = 3
_NAMES = 4


def parts(frames: tuple[Frame, ...]) -> Iterator[tuple[bool, tuple[Frame, ...]]]:
    """The stack in its order: pieces, and whether they are left out.

    After the user's innermost frame two library frames stay: the one that it called, and the one that raised.
    """
    runs = [(own, tuple(run)) for own, run in groupby(frames, key=lambda frame: frame.own)]
    has_own = any(own for own, _ in runs)
    for number, (own, run) in enumerate(runs):
        kept = 1 if number == len(runs) - 1 else 0
        middle = run[kept : len(run) - kept]
        if own or not has_own or len(middle) < _SHORTEST or any(_stands_for_more(frame) for frame in run):
            yield False, run
            continue
        yield False, run[:kept]
        yield True, middle
        yield False, run[len(run) - kept :]


def leaves_out(report: Report) -> bool:
    """Whether anything of the report is left out in this way."""
    stacks = (*_stacks(report.chain), *(stack.frames for stack in report.threads))
    return any(left_out for stack in stacks for left_out, _ in parts(stack))


def packages(frames: tuple[Frame, ...]) -> str:
    """The names of the packages of these frames, in the order in which they come."""
    names = list(dict.fromkeys(each.module.partition(".")[0] or _file_name(each) for each in frames))
    if len(names) > _NAMES:
        return f"{', '.join(names[:_NAMES])} and others"
    return " and ".join(filter(None, (", ".join(names[:-1]), *names[-1:])))


def _stands_for_more(frame: Frame) -> bool:
    """Its note speaks of frames that are not there, or of those before it."""
    return bool(frame.repeats or frame.omitted)


def _file_name(frame: Frame) -> str:
    return frame.file.rpartition("/")[2]


def _stacks(traces: tuple[Trace, ...]) -> Iterator[tuple[Frame, ...]]:
    for trace in traces:
        yield trace.frames
        for member in trace.group:
            yield from _stacks(member)

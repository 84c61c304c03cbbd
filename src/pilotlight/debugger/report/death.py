"""A worker that died becomes a `Report`: killed by a signal, gone with an exit status, or stuck.

Must never guess an exception where there was none: what is known is the way the process ended and what it
left behind.
"""

from __future__ import annotations

import re
import signal
import time

from pilotlight.debugger.introspection.source import SourceReader, is_own, python_version, working_directory
from pilotlight.debugger.model import Frame, Kind, Report, ThreadStack, Trace, shorten

from .capture import new_id

MAX_DETAIL_CHARACTERS = 16_000
MAX_THREADS = 32
MAX_FRAMES = 64

_THREAD = re.compile(r"^(Current thread|Thread) (0x[0-9a-fA-F]+)(?: \[(.*)\])? \(most recent call first\):")
_FRAME = re.compile(r'^  File "(.*)", line (\d+|\?\?\?) in (.*)$')
_ESCAPE = re.compile(r"\\(?:x([0-9a-f]{2})|u([0-9a-f]{4})|U([0-9a-f]{8}))")

_SIGNAL_HINTS = {
    "SIGSEGV": "a bug in a C extension, or a wild pointer in ctypes",
    "SIGBUS": "a truncated memory map, or a bug in a C extension",
    "SIGABRT": "a C library called abort()",
    "SIGKILL": "often the system's out-of-memory killer",
    "SIGILL": "a C extension built for another processor",
    "SIGFPE": "an arithmetic fault in a C extension",
}


def describe_exit(returncode: int, doing: str = "loading the app") -> str:
    """One sentence on how a process ended.

    Args:
        returncode: as `subprocess` gives it: the exit status, or minus the number of the signal.
        doing: what the process was about, to go behind "while".
    """
    if returncode >= 0:
        return f"The app's process ended by itself with exit status {returncode} while {doing}."
    try:
        name = signal.Signals(-returncode).name
    except ValueError:
        name = f"signal {-returncode}"
    hint = _SIGNAL_HINTS.get(name)
    return f"The app's process was killed by {name} while {doing}{f' ({hint})' if hint else ''}."


def from_death(description: str, detail_text: str = "", *, kind: Kind = "death") -> Report:
    """The report of a process that cannot report itself.

    Args:
        description: one sentence, such as `describe_exit` gives.
        detail_text: what it wrote last; stacks in the form of `faulthandler` become frames.
        kind: where it came from.
    """
    from pilotlight.debugger.values.secrets import mask_text  # nobody dies on a good day

    reader = SourceReader()
    threads = tuple(
        ThreadStack(stack.name, tuple(_with_source(frame, reader) for frame in stack.frames))
        for stack in frames_from_faulthandler(detail_text)
    )
    return Report(
        id=new_id(),
        kind=kind,
        time=time.time(),
        python=python_version(),
        directory=working_directory(),
        chain=(
            Trace(
                type="",
                message=mask_text(shorten(description, 2_000)),
                frames=threads[0].frames if threads else (),
            ),
        ),
        detail=mask_text(_last(detail_text)),
        threads=threads[1:],
    )


def frames_from_faulthandler(text: str) -> tuple[ThreadStack, ...]:
    """The stacks in a dump of `faulthandler`, each with its oldest call first; first the thread that died.

    Where the dump does not say that one died, the main thread stands first. The dump lists the newest thread
    first and does not name the main one: it is the last that did not start in `threading`.
    """
    stacks: list[tuple[str, list[Frame]]] = []
    died: int | None = None
    fatal = "Fatal Python error: " in text
    for line in text.splitlines():
        thread = _THREAD.match(line)
        if thread:
            if fatal and thread.group(1) == "Current thread":
                died = len(stacks)
            name = thread.group(3) or f"thread {thread.group(2)}"
            stacks.append((_unescape(name), []))
            continue
        frame = _FRAME.match(line)
        if frame and stacks and len(stacks[-1][1]) < MAX_FRAMES:
            stacks[-1][1].append(_frame(*frame.groups()))
    found = [ThreadStack(name, tuple(reversed(frames))) for name, frames in stacks]
    if died is not None and _started_by_threading(found[died]):
        first = found.pop(died)
        return (first, *found[: MAX_THREADS - 1])
    main = next(
        (each for each in reversed(found) if not _started_by_threading(each)), found[-1] if found else None
    )
    if main is None:
        return ()
    others = [each for each in found if each is not main]
    return (ThreadStack("main thread", main.frames), *others[: MAX_THREADS - 1])


def _started_by_threading(stack: ThreadStack) -> bool:
    return bool(stack.frames) and stack.frames[0].function in ("_bootstrap", "Thread._bootstrap")


def _frame(file: str, line: str, function: str) -> Frame:
    file, function = _unescape(file), _unescape(function)
    number = int(line) if line.isdigit() else None
    return Frame(
        file=file,
        line=number,
        end_line=number,
        function=function,
        qualname=function,
        module="",
        own=is_own(file),
    )


def _with_source(frame: Frame, reader: SourceReader) -> Frame:
    excerpt = reader.excerpt(frame.file, frame.line)
    return Frame(
        file=frame.file,
        line=frame.line,
        end_line=frame.end_line,
        function=frame.function,
        qualname=frame.qualname,
        module=frame.module,
        own=frame.own,
        lines=excerpt.lines,
        first_line=excerpt.first_line,
        source_note=excerpt.note,
    )


def _unescape(text: str) -> str:
    """`faulthandler` writes ASCII only and escapes the rest."""
    return _ESCAPE.sub(
        lambda found: _character(int(found.group(1) or found.group(2) or found.group(3), 16)), text
    )


def _character(number: int) -> str:
    return chr(number) if number <= 0x10FFFF else "\ufffd"


def _last(text: str) -> str:
    if len(text) <= MAX_DETAIL_CHARACTERS:
        return text
    return f"... ({len(text) - MAX_DETAIL_CHARACTERS} characters before)\n{text[-MAX_DETAIL_CHARACTERS:]}"

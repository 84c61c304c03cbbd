"""What is printed while something is evaluated, and the ways to the terminal that are closed to it.

`sys.stdout`, `sys.stderr`, `sys.stdin`, `builtins.input` and `sys.breakpointhook` are exchanged while at
least one evaluation runs, and tell by a context variable who calls. Must never hold up who prints, never
catch what other threads and tasks of the app print, and never leave anything exchanged behind.
"""

from __future__ import annotations

import builtins
import codecs
import contextvars
import io
import itertools
import operator
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import Any

BATCH_SECONDS = 0.05
BATCH_CHARACTERS = 8 * 1024
MAX_CHARACTERS = 1024 * 1024
CUT_NOTE = "It printed more than 1 MiB: the rest is not shown."

Say = Callable[[dict[str, Any]], object]


class ConsoleRefusal(RuntimeError):
    """Something that would wait for a person at a terminal, where there is none."""


class Output:
    """What one evaluation prints. Whoever runs the evaluation calls `flush` every `BATCH_SECONDS`.

    Args:
        say: takes the events; must not block.
    """

    def __init__(self, say: Say) -> None:
        self._say = say
        self._parts: deque[tuple[str, str]] = deque()
        self._lock = threading.Lock()
        """Held while batches are said, which keeps them in order. Never held by what prints."""
        self._written = 0
        self._cut = False
        self._closed = False

    @property
    def open(self) -> bool:
        """Whether the evaluation goes on."""
        return not self._closed

    def write(self, stream: str, text: str) -> None:
        """Takes what was printed. Does no harm if it is interrupted at any point, and waits for nobody."""
        left = MAX_CHARACTERS - self._written
        self._written += len(text)
        self._cut = self._cut or len(text) > left
        if left > 0 and text:
            self._parts.append((stream, text[:left]))

    def flush(self) -> None:
        """Says what has come so far. Not for code that may be interrupted."""
        with self._lock:
            for stream, text in _batches(self._parts):
                self._say({"type": "output", "stream": stream, "text": text})

    def close(self) -> None:
        """Says the rest; what is printed from now on goes where it always went."""
        self._closed = True
        self.flush()
        if self._cut:
            self._say({"type": "note", "text": CUT_NOTE})


def _batches(parts: deque[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    """What stands in `parts` now: neighbours of one stream joined, cut to the size of a batch."""
    waiting = [parts.popleft() for _ in range(len(parts))]
    for stream, same in itertools.groupby(waiting, key=operator.itemgetter(0)):
        text = _printable("".join(part for _, part in same))
        for start in range(0, len(text), BATCH_CHARACTERS):
            yield stream, text[start : start + BATCH_CHARACTERS]


def _printable(text: str) -> str:
    """Without lone surrogates, which no encoding of text carries."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


class Streams:
    """The exchange of the process's streams, as long as anything is evaluated.

    One for each process.
    """

    def __init__(self) -> None:
        self._route: contextvars.ContextVar[Output | None] = contextvars.ContextVar("console", default=None)
        self._lock = threading.Lock()
        self._users = 0
        self._saved: tuple[Any, ...] = ()
        self._ours: tuple[Any, ...] = ()

    def acquire(self, context: contextvars.Context, output: Output) -> None:
        """From now on what is printed in `context`, and in tasks made in it, goes to `output`."""
        with self._lock:
            if self._users == 0:
                self._saved = _current()
                stdout, stderr, stdin, ask, debug = self._saved
                self._ours = (
                    _Printed(stdout, "stdout", self._output),
                    _Printed(stderr, "stderr", self._output),
                    _Asked(stdin, self._output),
                    _refusing(ask, self._output, INPUT_REFUSED),
                    _refusing(debug, self._output, BREAKPOINT_REFUSED),
                )
                _exchange(self._ours)
            self._users += 1
        context.run(self._route.set, output)

    def release(self) -> None:
        """The end of one evaluation: all is as it was before the first, or as the others need it."""
        with self._lock:
            self._users -= 1
            _exchange(self._ours if self._users else self._saved)
            if not self._users:
                self._saved = self._ours = ()

    def _output(self) -> Output | None:
        output = self._route.get()
        return output if output is not None and output.open else None


INPUT_REFUSED = (
    "input() is refused in the console: nobody could type the answer, and the server would wait for it. "
    "Assign the value to a name instead."
)
STDIN_REFUSED = "Reading sys.stdin is refused in the console: the server would wait for somebody to type."
BREAKPOINT_REFUSED = (
    "breakpoint() is refused in the console: it would stop the server at a terminal. "
    "Evaluate what you want to see right here, or send the request again."
)

_Route = Callable[[], "Output | None"]


def _current() -> tuple[Any, ...]:
    return sys.stdout, sys.stderr, sys.stdin, builtins.input, sys.breakpointhook


def _exchange(values: tuple[Any, ...]) -> None:
    sys.stdout, sys.stderr, sys.stdin, builtins.input, sys.breakpointhook = values


def _refusing(original: Callable[..., Any], route: _Route, sentence: str) -> Callable[..., Any]:
    def refusing(*arguments: Any, **keywords: Any) -> Any:
        if route() is not None:
            raise ConsoleRefusal(sentence)
        return original(*arguments, **keywords)

    return refusing


class _Printed(io.TextIOBase):
    """A stream for printing: an evaluation's own, or else the one that stood here before."""

    def __init__(self, original: Any, name: str, route: _Route) -> None:
        self._original = original
        self._name = name
        self._route = route

    def write(self, text: str) -> int:
        output = self._route()
        if output is None:
            return 0 if self._original is None else int(self._original.write(text))
        output.write(self._name, str.__str__(text))  # a TypeError for all that is no text, as streams have it
        return len(text)

    def writelines(self, lines: Iterable[Any]) -> None:
        for line in lines:
            self.write(line)

    def flush(self) -> None:
        if self._route() is None and self._original is not None:
            self._original.flush()

    def isatty(self) -> bool:
        return self._route() is None and self._original is not None and bool(self._original.isatty())

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return _of(self._original).fileno()  # type: ignore[no-any-return]

    def close(self) -> None:
        if self._route() is None and self._original is not None:
            self._original.close()

    def __del__(self) -> None:
        """Not `close`, as the base class has it: the stream is not ours."""

    @property
    def buffer(self) -> Any:
        output = self._route()
        return _of(self._original).buffer if output is None else _Bytes(output, self._name)

    @property
    def encoding(self) -> Any:  # type: ignore[override]
        return getattr(self._original, "encoding", "utf-8")

    @property
    def errors(self) -> Any:  # type: ignore[override]
        return getattr(self._original, "errors", "strict")

    def __getattr__(self, name: str) -> Any:
        return getattr(_of(self._original), name)


class _Bytes(io.RawIOBase):
    """`sys.stdout.buffer` of an evaluation."""

    def __init__(self, output: Output, name: str) -> None:
        self._output = output
        self._name = name
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self._output.write(self._name, self._decoder.decode(bytes(data)))
        return len(data)


class _Asked:
    """Standard input: refused to evaluations, and for all others the one that stood here before."""

    def __init__(self, original: Any, route: _Route) -> None:
        self._original = original
        self._route = route

    def __getattr__(self, name: str) -> Any:
        if self._route() is None:
            return getattr(_of(self._original), name)
        if name == "isatty":
            return _no
        if name == "close":  # what `exit()` does before it raises SystemExit
            return _nothing
        if name in _READING:
            raise ConsoleRefusal(STDIN_REFUSED)
        return getattr(_of(self._original), name)

    def __iter__(self) -> Any:
        if self._route() is not None:
            raise ConsoleRefusal(STDIN_REFUSED)
        return iter(_of(self._original))


_READING = frozenset({"read", "readline", "readlines", "buffer", "fileno", "detach", "__next__"})


def _no() -> bool:
    return False


def _nothing() -> None:
    return None


def _of(original: Any) -> Any:
    if original is None:
        raise io.UnsupportedOperation("this process has no such stream")
    return original

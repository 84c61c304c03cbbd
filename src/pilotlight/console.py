"""What the terminal shows: banner, access log, warnings, errors, reloads.

Each message is one write to the descriptor, so that lines of several processes never mix and a fork never has
buffered text to write twice. Everything that others could have chosen (paths, exception texts, file names) is
made harmless first. Must never raise: a terminal that is gone is no reason to stop serving.
"""

from __future__ import annotations

import os
import sys
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Protocol, TextIO

    class AccessRecord(Protocol):
        """A finished request; see `server.application.AccessRecord`."""

        @property
        def client(self) -> str:
            """Address and port of the client."""
            ...

        @property
        def method(self) -> str:
            """As the client sent it."""
            ...

        @property
        def target(self) -> str:
            """Path and query as the client sent them."""
            ...

        @property
        def status(self) -> int:
            """Of the response."""
            ...

        @property
        def seconds(self) -> float:
            """From the request to the end of the response."""
            ...

        @property
        def response_bytes(self) -> int:
            """Of the response's body."""
            ...

        @property
        def complete(self) -> bool:
            """False when the response was cut short."""
            ...

    class Sink(Protocol):
        """Where text goes. Must not raise when the other end is gone."""

        def write(self, text: str) -> None:
            """Write all of it at once."""


RED = "31"
GREEN = "32"
YELLOW = "33"
CYAN = "36"
BOLD = "1"
DIM = "2"
DEPLOYMENT = "For development only; to deploy, use Gunicorn, Uvicorn or another server."
_STATUS_STYLES = {1: CYAN, 2: GREEN, 3: CYAN, 4: YELLOW, 5: f"{BOLD};{RED}"}
_LOCAL_CLIENTS = ("127.", "::1", "[::1]", "::ffff:127.", "unix")
_TARGET_CHARACTERS = 800
"""Longer ones are cut: a line stays below the 4,096 bytes that a pipe takes at once (POSIX PIPE_BUF)."""
_WRITE_PATIENCE_SECONDS = 0.2


class Console:
    """The terminal of one process.

    Args:
        sink: where the text goes.
        color: whether escape sequences for colours are written.
        quiet: no banner, no access log; all else is shown.
    """

    def __init__(self, sink: Sink, *, color: bool = False, quiet: bool = False) -> None:
        self.color = color
        self.quiet = quiet
        self._sink = sink
        self._second = -1
        self._clock = ""

    @classmethod
    def for_process(cls, *, quiet: bool = False, environment: Mapping[str, str] | None = None) -> Console:
        """The console on the standard error of this process: standard output belongs to the app."""
        return cls.for_stream(sys.stderr, quiet=quiet, environment=environment)

    @classmethod
    def for_stream(
        cls, stream: TextIO | None, *, quiet: bool = False, environment: Mapping[str, str] | None = None
    ) -> Console:
        """The console on a stream; None (no standard error at all) shows nothing."""
        variables = os.environ if environment is None else environment
        if stream is None:
            return cls(_Nowhere(), quiet=quiet)
        return cls(_sink_for(stream), color=wants_color(stream, variables), quiet=quiet)

    def banner(
        self,
        *,
        app: str,
        debug: bool,
        urls: Sequence[str],
        versions: Sequence[str],
        version: str,
        notes: Sequence[str] = (),
    ) -> None:
        """Says what runs, where, and that it is for development only.

        Args:
            app: as the user knows it (`hello:app`).
            debug: whether debug mode is on.
            urls: one line each; terminals make them clickable.
            versions: what it runs on, such as `Flask 3.1.3` and `CPython 3.13.1`.
            version: ours.
            notes: further lines.
        """
        if self.quiet:
            return
        name, served = self._style("Pilotlight", f"{BOLD};{YELLOW}"), self._style(sanitize(app), BOLD)
        lines = ["", f"  {name} {self._style(sanitize(version), DIM)} serves {served}", ""]
        lines += [f"    {self._style(sanitize(url), CYAN)}" for url in urls]
        mode = self._style(f"Debug mode {'on' if debug else 'off'}", YELLOW if debug else DIM)
        rest = "".join([f", {sanitize(one)}" for one in versions])
        lines += ["", f"  {mode}{self._style(rest, DIM)}"]
        lines += [f"  {self._style(sanitize(note), DIM)}" for note in (DEPLOYMENT, *notes)]
        self._sink.write("\n".join([*lines, "", ""]))

    def line(self, text: str) -> None:
        """One line of information."""
        self._sink.write(f"{sanitize(text)}\n")

    def warning(self, text: str) -> None:
        """Something that the user should look at, but that does not stop anything."""
        self._labelled("Warning: ", YELLOW, text)

    def error(self, text: str) -> None:
        """Something that failed: what, where, what to do next."""
        self._labelled("Error: ", RED, text)

    def block(self, text: str) -> None:
        """Several lines as they are, such as a traceback. On a terminal with colours its own survive;
        all other control characters are made visible.
        """
        clean = sanitize_block(text, keep_colors=self.color)
        self._sink.write(clean if clean.endswith("\n") else f"{clean}\n")

    def reload(self, reason: str, seconds: float) -> None:
        """A reload has succeeded.

        Args:
            reason: which file changed, or who asked.
            seconds: what it took, from the notice of the change to the first process that answers.
        """
        what = self._style("Reloaded", GREEN)
        self._sink.write(f"{what} in {duration(seconds)} ({sanitize(reason)})\n")

    def access(self, record: AccessRecord) -> None:
        """One line for a finished request: the columns first, then the path, which may be long."""
        if not self.quiet:
            self._sink.write(self.access_line(record))

    def access_line(self, record: AccessRecord) -> str:
        """The line for a request, aligned, with its line feed."""
        status = record.status
        shown_status = f"{status:3}"
        if self.color:
            shown_status = f"\x1b[{_STATUS_STYLES.get(status // 100, BOLD)}m{shown_status}\x1b[0m"
        target = sanitize(record.target)
        if len(target) > _TARGET_CHARACTERS:
            target = f"{target[:_TARGET_CHARACTERS]}…"
        method = record.method
        if not (method.isascii() and method.isalpha() and len(method) <= 20):
            method = sanitize(method)[:20]
        tail = "" if record.complete else "  cut short"
        if not record.client.startswith(_LOCAL_CLIENTS) and record.client:
            tail = f"{tail}  from {sanitize(record.client)[:60]}"
        took = duration(record.seconds)
        sent = size(record.response_bytes)
        return f"{self._time()} {shown_status} {method:<7} {took:>8} {sent:>8}  {target}{tail}\n"

    def _time(self) -> str:
        now = int(time.time())
        if now != self._second:
            self._second = now
            self._clock = time.strftime("%H:%M:%S", time.localtime(now))
        return self._clock

    def _labelled(self, label: str, style: str, text: str) -> None:
        """A message whose further lines are indented: none of them can pass for a line of another kind."""
        first, *rest = text.split("\n")
        lines = [f"{self._style(label, style)}{sanitize(first)}"]
        lines += [f"  {sanitize(line)}".rstrip() for line in rest]
        self._sink.write("\n".join(lines) + "\n")

    def _style(self, text: str, style: str) -> str:
        return f"\x1b[{style}m{text}\x1b[0m" if self.color else text


def sanitize(text: str) -> str:
    """The text on one line with everything invisible made visible: control characters, escape sequences, C1,
    line breaks, bidirectional controls (Unicode TR 36, 2.10), lone surrogates.
    """
    if text.isprintable():
        return text
    return "".join([c if c.isprintable() else _visible(c) for c in text])


def sanitize_block(text: str, *, keep_colors: bool = False) -> str:
    """As `sanitize`, but line feeds and tabs stay, and on demand the sequences that only change colours
    (ECMA-48 SGR).
    """
    if not keep_colors or "\x1b[" not in text:
        return "\n".join(["\t".join(map(sanitize, line.split("\t"))) for line in text.split("\n")])
    import re

    pieces = re.split(r"(\x1b\[[0-9;]*m)", text)
    return "".join(
        [piece if index % 2 else sanitize_block(piece) for index, piece in enumerate(pieces)],
    )


def wants_color(stream: TextIO, variables: Mapping[str, str]) -> bool:
    """Whether to write colours: `NO_COLOR`, then `FORCE_COLOR`, then `TERM=dumb`, then whether it is one
    (no-color.org, force-color.org: any text that is not empty counts).
    """
    if variables.get("NO_COLOR"):
        return False
    if variables.get("FORCE_COLOR"):
        return True
    if variables.get("TERM") == "dumb":
        return False
    try:
        return stream.isatty()
    except (AttributeError, ValueError, OSError):  # No such method, closed, or its descriptor is.
        return False


def duration(seconds: float) -> str:
    """A time that was measured, readable: `0.4 ms`, `12 ms`, `1.25 s`, `3 min 5 s`."""
    if seconds < 0.00995:
        return f"{seconds * 1000:.1f} ms"
    if seconds < 0.9995:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 59.995:
        return f"{seconds:.2f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s"


def size(count: int) -> str:
    """A number of bytes, readable: `512 B`, `3.4 kB`, `12 MB` (powers of 1,000)."""
    if count < 1000:
        return f"{count} B"
    if count < 999_950:
        return f"{count / 1000:.1f} kB"
    if count < 999_950_000:
        return f"{count / 1_000_000:.1f} MB"
    return f"{count / 1_000_000_000:.1f} GB"


def _visible(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")


class _Nowhere:
    """A process without standard error."""

    def write(self, text: str) -> None:
        """Drop it."""


class _DescriptorSink:
    """Writes to a descriptor, past the buffers of the stream."""

    def __init__(self, descriptor: int, encoding: str) -> None:
        self._descriptor = descriptor
        self._encoding = encoding

    def write(self, text: str) -> None:
        """One write for the whole text; more only when the system takes a part (a TTY that does not block).

        A reader that takes nothing for a while loses the text: serving does not wait for it.
        """
        rest = text.encode(self._encoding, "backslashreplace")
        deadline = 0.0
        try:
            while rest := rest[self._write_some(rest) :]:
                deadline = deadline or time.monotonic() + _WRITE_PATIENCE_SECONDS
                if not self._becomes_writable(deadline - time.monotonic()):
                    return
        except OSError:
            # Closed, a broken pipe, a full disk: there is nowhere left to say so.
            return

    def _write_some(self, data: bytes) -> int:
        try:
            return os.write(self._descriptor, data)
        except BlockingIOError:
            return 0

    def _becomes_writable(self, seconds: float) -> bool:
        import select

        if seconds <= 0:
            return False
        poll = select.poll()
        poll.register(self._descriptor, select.POLLOUT)
        return bool(poll.poll(seconds * 1000))


class _StreamSink:
    """Writes to a stream that has no descriptor (a notebook's, or one in memory)."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> None:
        """Write and flush at once."""
        encoding = getattr(self._stream, "encoding", None) or "utf-8"
        try:
            self._stream.write(text.encode(encoding, "backslashreplace").decode(encoding))
            self._stream.flush()
        except (OSError, ValueError):  # ValueError: the stream is closed.
            return


def _sink_for(stream: TextIO) -> Sink:
    if sys.platform == "win32":  # Its console takes text, not bytes.
        return _StreamSink(stream)
    try:
        descriptor = stream.fileno()
    except (AttributeError, OSError, ValueError):  # Not a file, or closed.
        return _StreamSink(stream)
    return _DescriptorSink(descriptor, getattr(stream, "encoding", None) or "utf-8")

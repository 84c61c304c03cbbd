"""Messages and descriptors between two processes of ours, over one UNIX stream socket pair.

A message is a JSON object behind a four-byte big-endian length; descriptors travel beside it by `SCM_RIGHTS`
and arrive with the message that they were sent with. Must never interpret a message, and never import
another of ours.
"""

from __future__ import annotations

import array
import json
import os
import select
import socket
import struct
import threading
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

_LENGTH = struct.Struct("!I")
_MAX_MESSAGE = 64 * 1024 * 1024
_MAX_DESCRIPTORS = 64
_DESCRIPTOR_SIZE = array.array("i").itemsize
_CLOSE_ON_EXEC = getattr(socket, "MSG_CMSG_CLOEXEC", 0)
_READS_AT_ONCE = 16
LOST = -1
"""Stands for a descriptor that could not be received, because the process has as many open as it may."""


def close_received(descriptors: Sequence[int]) -> None:
    """Closes descriptors of a message that nobody wants."""
    for descriptor in descriptors:
        if descriptor != LOST:
            os.close(descriptor)


class ChannelError(Exception):
    """The other side sent something that is not a message: a bug, or not one of our processes."""


@dataclass(frozen=True, slots=True)
class Message:
    """One message and the descriptors that came with it, each perhaps `LOST`. The receiver owns them."""

    body: dict[str, Any]
    descriptors: tuple[int, ...] = ()


@dataclass(slots=True)
class _Inbox:
    """Bytes and descriptors that have arrived and are not yet a whole message."""

    buffer: bytearray = field(default_factory=bytearray)
    descriptors: deque[int] = field(default_factory=deque)

    def take(self) -> Message | None:
        """The next whole message, if there is one."""
        if len(self.buffer) < _LENGTH.size:
            return None
        (length,) = _LENGTH.unpack_from(self.buffer)
        if length > _MAX_MESSAGE:
            raise ChannelError(f"a message of {length} bytes is announced; the limit is {_MAX_MESSAGE}")
        end = _LENGTH.size + length
        if len(self.buffer) < end:
            return None
        envelope = json.loads(bytes(self.buffer[_LENGTH.size : end]))
        del self.buffer[:end]
        taken = (self.descriptors.popleft() if self.descriptors else LOST for _ in range(envelope["fds"]))
        return Message(envelope["body"], tuple(taken))


@dataclass(slots=True)
class _Unsent:
    """A message, or what is left of it, that the kernel has not taken yet. Owns its descriptors."""

    rest: memoryview
    message: Message


def encode(body: dict[str, Any], descriptor_count: int = 0) -> bytes:
    """A message as it travels. The count lets the receiver give each message its own descriptors."""
    payload = json.dumps(
        {"fds": descriptor_count, "body": body}, separators=(",", ":"), ensure_ascii=False
    ).encode("utf-8", "surrogatepass")
    return _LENGTH.pack(len(payload)) + payload


class Channel:
    """One end. `send` and `receive` wait, `post` and `receive_ready` do not.

    An end uses one of the two ways to send, never both.
    """

    def __init__(self, sock: socket.socket) -> None:
        self._sock = _without_timeout(sock)
        self._inbox = _Inbox()
        self._sending = threading.Lock()
        self._outbox: deque[_Unsent] = deque()
        self.at_end = False

    @classmethod
    def pair(cls) -> tuple[Channel, socket.socket]:
        """A channel and the socket of its other end, for the child."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        return cls(ours), theirs

    def fileno(self) -> int:
        """The descriptor to wait on for reading."""
        return self._sock.fileno()

    def send(self, body: dict[str, Any], descriptors: Sequence[int] = ()) -> None:
        """Sends one message; the caller keeps its own copies of the descriptors.

        Raises:
            OSError: the other side is gone (`BrokenPipeError`) or the socket failed.
        """
        data = memoryview(encode(body, len(descriptors)))
        rights = descriptors
        with self._sending:
            while data:
                sent = self._send_some(data, rights)
                if sent:
                    data, rights = data[sent:], ()
                else:
                    self._wait_until(select.POLLOUT)

    def send_encoded(self, body: str) -> None:
        """As `send`, for a body that is JSON already. Needs next to no room on the stack: no function that is
        written in Python is called, unless it has to wait.

        Raises:
            OSError: as `send`.
        """
        payload = f'{{"fds":0,"body":{body}}}'.encode("utf-8", "surrogatepass")
        data = memoryview(_LENGTH.pack(len(payload)) + payload)
        with self._sending:
            while data:
                try:
                    data = data[self._sock.send(data, socket.MSG_DONTWAIT) :]
                except BlockingIOError:  # noqa: PERF203 - one turn, unless the kernel is full
                    self._wait_until(select.POLLOUT)

    def post(self, body: dict[str, Any], descriptors: Sequence[int] = ()) -> None:
        """Sends one message, or keeps it (with copies of the descriptors) until `flush` can: never waits.

        Raises:
            OSError: the other side is gone (`BrokenPipeError`) or the socket failed; the message is lost.
        """
        data = memoryview(encode(body, len(descriptors)))
        sent = 0 if self._outbox else self._send_some(data, descriptors)
        if sent < len(data):
            kept = () if sent else tuple(os.dup(descriptor) for descriptor in descriptors)
            self._outbox.append(_Unsent(data[sent:], Message(body, kept)))

    @property
    def has_unsent(self) -> bool:
        """Whether `flush` is to be called when the channel is writable."""
        return bool(self._outbox)

    def flush(self) -> None:
        """Sends what `post` has kept, as far as the kernel takes it.

        Raises:
            OSError: as `post`.
        """
        while self._outbox:
            first = self._outbox[0]
            sent = self._send_some(first.rest, first.message.descriptors)
            if not sent:
                return
            for descriptor in first.message.descriptors:
                os.close(descriptor)
            first.message = Message(first.message.body)
            first.rest = first.rest[sent:]
            if not first.rest:
                self._outbox.popleft()

    def take_unsent(self) -> list[Message]:
        """The messages that will never be sent; whoever takes them owns the descriptors."""
        unsent = [one.message for one in self._outbox]
        self._outbox.clear()
        return unsent

    def _send_some(self, data: memoryview, descriptors: Sequence[int]) -> int:
        """How many bytes the kernel has taken, the descriptors with the first of them; 0 if it is full."""
        try:
            return self._sock.sendmsg([data], _rights(descriptors), socket.MSG_DONTWAIT)
        except BlockingIOError:
            return 0

    def receive(self) -> Message | None:
        """Waits for the next message; None at end of file."""
        while True:
            message = self._inbox.take()
            if message is not None:
                return message
            if self.at_end or not self._read(0):
                return None

    def receive_ready(self, *, everything: bool = False) -> list[Message]:
        """Messages that can be had without waiting. Sets `at_end` when the other side is gone.

        Args:
            everything: otherwise others get a turn after a lot of messages, and the channel stays readable.
        """
        reads = 0
        while not self.at_end and (everything or reads < _READS_AT_ONCE) and self._read(socket.MSG_DONTWAIT):
            reads += 1
        messages = []
        while (message := self._inbox.take()) is not None:
            messages.append(message)
        return messages

    def _read(self, flags: int) -> bool:
        """Reads once; False at end of file or when nothing is there."""
        space = socket.CMSG_SPACE(_MAX_DESCRIPTORS * _DESCRIPTOR_SIZE)
        if not flags & socket.MSG_DONTWAIT:
            self._wait_until(select.POLLIN)
        try:
            data, ancillary, received_flags, _ = self._sock.recvmsg(256 * 1024, space, flags | _CLOSE_ON_EXEC)
        except BlockingIOError:
            return False
        except ConnectionResetError:
            data, ancillary, received_flags = b"", [], 0
        for level, kind, payload in ancillary:
            if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
                received = array.array("i")
                received.frombytes(payload[: len(payload) - len(payload) % _DESCRIPTOR_SIZE])
                self._inbox.descriptors.extend(received)
        if received_flags & socket.MSG_CTRUNC:
            self._inbox.descriptors.append(LOST)
        if not data:
            self.at_end = True
            return False
        self._inbox.buffer += data
        return True

    def is_readable(self) -> bool:
        """Whether something has arrived, or the other side is gone."""
        return bool(self._inbox.buffer) or self._wait_until(select.POLLIN, 0)

    def _wait_until(self, event: int, seconds: float | None = None) -> bool:
        """Event loops make the descriptors that they watch non-blocking, so a call that may wait does it
        here."""
        poll = select.poll()
        poll.register(self._sock, event)
        return bool(poll.poll(None if seconds is None else seconds * 1000))

    def wait(self, seconds: float) -> None:
        """Waits until something has arrived, or the other side is gone, but not for longer."""
        self._wait_until(select.POLLIN, seconds)

    def connect_anew(self, sock: socket.socket) -> None:
        """Goes on over another socket, in a fork: what has arrived on the old one is the parent's."""
        self._sock.close()
        self._sock = _without_timeout(sock)
        self._inbox = _Inbox()
        self._sending = threading.Lock()
        self.at_end = False

    def close(self) -> None:
        """Closes this end; the other side sees end of file."""
        self._sock.close()


def _without_timeout(sock: socket.socket) -> socket.socket:
    """The app may have called `socket.setdefaulttimeout`: Python would then wait although the kernel is told
    not to."""
    sock.settimeout(None)
    return sock


def _rights(descriptors: Sequence[int]) -> list[tuple[int, int, Any]]:
    if not descriptors:
        return []
    return [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", descriptors))]

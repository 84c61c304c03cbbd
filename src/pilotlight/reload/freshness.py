"""May this process answer a request with the code that it has? Asked before each request, so it costs about a
microsecond.

The kernel queues the notice of a save before the save returns to the editor. So a request that was sent
after it finds either the notice still pending, or the supervisor at work on it: before the supervisor takes
notices it clears a word in shared memory, and it writes the number of a load there only when everything that
this load read is watched and nothing of it has changed. What a load reads later, because a view imports a
module, is watched only when the supervisor has taken note of it: a second word says of how much it has.

The other direction is one bit for each load: whether its code has ever been given a request. It outlives the
process that wrote it, however that ended.

Must never take a notice itself, and never wait.
"""

from __future__ import annotations

import mmap
import os
import select

_SIZE = mmap.PAGESIZE
NOBODY = 0
"""No load has this number."""
_FIRST_ASKED = 2
_ASKED = _SIZE // 4 - _FIRST_ASKED
"""So many loads can be told from each other by their places."""


class Word:
    """What supervisor and workers tell each other without a system call on either side. The supervisor writes
    whose code counts, and how many things that were read late are watched; a worker, that it was asked.

    Args:
        descriptor: of a file in memory; see `create`. It stays open as long as the word is to be passed on.
    """

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        self._memory = mmap.mmap(descriptor, _SIZE)
        self._words = memoryview(self._memory).cast("I")

    @classmethod
    def create(cls) -> Word:
        """A new one that says `NOBODY`, and that nothing was read late.

        Raises:
            OSError: there is no memory or descriptor for it.
        """
        if hasattr(os, "memfd_create"):
            descriptor = os.memfd_create("pilotlight", os.MFD_CLOEXEC)
        else:
            import tempfile

            descriptor, name = tempfile.mkstemp(prefix="pilotlight-")
            os.unlink(name)
        os.ftruncate(descriptor, _SIZE)
        return cls(descriptor)

    @property
    def value(self) -> int:
        """The number of the load that may answer. An aligned word is read and written whole."""
        return self._words[0]

    @value.setter
    def value(self, number: int) -> None:
        self._words[0] = number

    @property
    def noted(self) -> int:
        """How many of the things that the load has read late are watched. The first thing is number 1."""
        return self._words[1]

    @noted.setter
    def noted(self, count: int) -> None:
        self._words[1] = count

    def note_request(self, number: int) -> None:
        """The code of this load is given a request."""
        self._words[_place(number)] = number

    def was_asked(self, number: int) -> bool:
        """Whether the code of this load has been given a request."""
        return self._words[_place(number)] == number

    def close(self) -> None:
        """Gives back memory and descriptor."""
        self._words.release()
        self._memory.close()
        os.close(self.descriptor)


def _place(number: int) -> int:
    """Each load has its own: a predecessor may still be given requests."""
    return _FIRST_ASKED + number % _ASKED


class Freshness:
    """The check in a worker.

    Args:
        word: the supervisor's.
        notices: descriptor that is readable while notices of changes are pending; None where changes are
            found by polling, so that a request in the seconds before that may still see the old code.
        number: of the load whose code this process has.
    """

    __slots__ = ("_late", "_poll", "_word", "_words", "number")

    def __init__(self, word: Word, notices: int | None, number: int) -> None:
        self.number = number
        self._late = 0
        self._word = word
        self._words = word._words
        self._poll = select.poll()
        if notices is not None:
            self._poll.register(notices, select.POLLIN)

    def __call__(self) -> bool:
        """Whether a request may be answered here. First the notices, then the word: the supervisor clears the
        word before it takes a notice."""
        for _, event in self._poll.poll(0):
            if event & select.POLLIN:  # and not POLLNVAL: the app has closed what is not its own
                return False
        words = self._words
        return words[0] == self.number and words[1] == self._late

    def request_begins(self) -> None:
        """The first request is about to be given to the code."""
        self._word.note_request(self.number)

    def reads_late(self) -> int:
        """Something that belongs to the code is about to be read while this process serves, and is unwatched:
        until the supervisor has noted it, no request may be answered.

        Called before the reading, by one thread at a time.

        Returns:
            its number, for the supervisor.
        """
        self._late += 1
        return self._late

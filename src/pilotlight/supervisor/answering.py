"""Which load's code may answer requests: kept in a word that workers read (`reload.freshness`). Must never
decide whether something has changed.

Nobody may answer while it is in doubt whether a change has been noticed; the load that is appointed may when
the doubt is over.
"""

from __future__ import annotations

from collections.abc import Callable

from pilotlight.reload.freshness import NOBODY, Word


class Answering:
    """The supervisor's side of the word.

    Args:
        on_trust: called when the appointed load may answer, after it could not.
    """

    def __init__(self, on_trust: Callable[[], None]) -> None:
        self._word = Word.create()
        self._on_trust = on_trust
        self._appointed = NOBODY
        self._doubted = False

    @property
    def descriptor(self) -> int:
        """For the workers."""
        return self._word.descriptor

    def appoint(self, number: int) -> None:
        """All that this load has read is watched, so that a change of it raises doubt."""
        if number != self._appointed:
            self._word.value = NOBODY
            self._word.noted = 0
        self._appointed = number
        self._write()

    def appoint_nobody(self) -> None:
        """The code that was loaded last is not that of the files any more."""
        self._appointed = NOBODY
        self._write()

    def doubt(self) -> None:
        """Something was touched; whether it has changed is about to be judged."""
        self._doubted = True
        self._write()

    def trust(self) -> None:
        """What was touched has not changed."""
        self._doubted = False
        self._write()

    def note(self, late: int) -> None:
        """The thing of this number, which the appointed load has read late, is watched too."""
        self._word.noted = late

    def may_answer(self, number: int) -> bool:
        """Whether the code of this load may answer now."""
        return number != NOBODY and self._word.value == number

    def was_asked(self, number: int) -> bool:
        """Whether the code of this load has been given a request."""
        return self._word.was_asked(number)

    def close(self) -> None:
        """Gives back the word."""
        self._word.close()

    def _write(self) -> None:
        before, now = self._word.value, NOBODY if self._doubted else self._appointed
        self._word.value = now
        if now not in (NOBODY, before):
            self._on_trust()

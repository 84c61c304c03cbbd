"""The numbers of `random` in a copy of a process: the app's own sequence if the app has seeded the generator,
others than in every other copy if it has not.

Python seeds the generator of the module `random` anew in each forked child. For an app that never seeds, that
is what a fresh start would do too. One that has called `random.seed(42)` before the fork must go on with the
numbers that follow from 42, as in a fresh start.

Nothing tells that the generator was seeded, so it is put in a state that we know: with a seed from the
system, after one call of `gauss`. That leaves the second number of the pair in the generator, and the app
cannot seed without removing that very object. Where it is gone because the app has used it, the state is
compared with those that our seed leads to.

Not covered: generators of the app's own (`random.Random()`), and those of libraries (NumPy): they are copied
as they are. Must never change the numbers that a seed leads to.
"""

from __future__ import annotations

import os
import random
from typing import Any

_SEED_BYTES = 32
_WORDS = 624
"""Size of the generator's state (Mersenne Twister 19937), in words of 32 bits."""
_MOST_STEPS = 400
"""How often the whole state may have been renewed by draws (624 words each) until it is taken for the app's
own; a few milliseconds."""
_MARK_BITS = 64
"""Of a block of words, by which it is recognised."""


class Randomness:
    """Of one process and its copies.

    Args:
        generator: what seeds itself anew in a forked child.
    """

    def __init__(self, generator: random.Random) -> None:
        self._generator: Any = generator  # whose `gauss_next` type checkers do not know
        self._state: Any = None
        self._begin()

    @classmethod
    def of_this_process(cls) -> Randomness:
        """That of the functions in `random`."""
        return cls(random._inst)

    def keep(self) -> None:
        """The process is about to fork."""
        self._state = self._generator.getstate() if self._is_seeded() else None

    def goes_on(self) -> None:
        """This process is a copy."""
        if self._state is None:
            self._begin()
        else:
            self._generator.setstate(self._state)

    def _begin(self) -> None:
        self._seed = int.from_bytes(os.urandom(_SEED_BYTES), "little")
        self._generator.seed(self._seed)
        self._generator.gauss(0.0, 1.0)
        self._left: float | None = self._generator.gauss_next

    def _is_seeded(self) -> bool:
        if self._generator.gauss_next is self._left:
            return False
        if self._state is not None:  # it was already at the fork before
            return True
        ours = random.Random(self._seed)
        ours.gauss(0.0, 1.0)
        return not _leads_to(ours, self._generator)


def _leads_to(first: random.Random, later: random.Random) -> bool:
    """Whether draws alone bring one generator to the state of another; both are left as they are."""
    mark = _from_start_of_block(later).getrandbits(_MARK_BITS)
    blocks = _from_start_of_block(first)
    return any(blocks.getrandbits(32 * _WORDS) % (1 << _MARK_BITS) == mark for _ in range(_MOST_STEPS))


def _from_start_of_block(generator: random.Random) -> random.Random:
    """A generator that gives all words of the present block, drawn or not, then those of the next ones."""
    version, (*words, _), _ = generator.getstate()
    copy = random.Random()
    copy.setstate((version, (*words, 0), None))
    return copy

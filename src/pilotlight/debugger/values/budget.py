"""What one page may spend on values: time for code of the app, and how many values it shows.

Must never keep anything of the app alive after it is closed.
"""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter
from types import TracebackType
from typing import Any

from pilotlight.debugger.introspection.anatomy import type_name
from pilotlight.debugger.model import Value

from .deadline import Helper

SECONDS_EACH = 0.050
SECONDS_PER_PAGE = 0.150
VALUES_PER_PAGE = 2_500
VALUES_PER_VARIABLE = 150


class Refused(Exception):
    """Code of the app gave nothing that can be shown; the message says why, in one sentence."""

    def __init__(self, note: str, *, evaluated: bool = True) -> None:
        super().__init__(note)
        self.note = note
        self.evaluated = evaluated


class Budget:
    """The means of one page. Use it as a context manager, so that its helper thread ends with the page.

    Args:
        seconds: for all calls of the app's code together.
        seconds_each: for one call.
        values: how many values the page may show, with those inside of others.
    """

    def __init__(
        self,
        *,
        seconds: float = SECONDS_PER_PAGE,
        seconds_each: float = SECONDS_EACH,
        values: int = VALUES_PER_PAGE,
    ) -> None:
        self.values = values
        self._seconds = seconds
        self._seconds_each = seconds_each
        self._helper = Helper()
        self._known: dict[int, tuple[object, Value, int]] = {}
        self.shapes: dict[int, tuple[type, Any]] = {}
        """What was found out about a type, by its identity (a metaclass may redefine its hash)."""

    def __enter__(self) -> Budget:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Ends the helper thread and forgets all objects."""
        self._helper.close()
        self._known.clear()
        self.shapes.clear()

    def allowance(self) -> int:
        """How many values the next variable may show."""
        return max(min(VALUES_PER_VARIABLE, self.values // 8), 1)

    def known(self, value: object) -> tuple[Value, int] | None:
        """What was shown of the same object before, on this page, and how many values that was."""
        found = self._known.get(id(value))
        return (found[1], found[2]) if found is not None else None

    def remember(self, value: object, shown: Value, size: int) -> None:
        """Keeps what is shown of an object until the page is done."""
        self._known[id(value)] = (value, shown, size)

    def call(self, function: Callable[[], Any]) -> Any:
        """The result of code of the app.

        Raises:
            Refused: it failed, took too long, or there is no time left for it.
        """
        if self._seconds <= 0.001:
            raise Refused("Not evaluated: the time for this page was used up.", evaluated=False)
        limit = min(self._seconds_each, self._seconds)
        started = perf_counter()
        try:
            outcome = self._helper.run(function, limit)
        except RuntimeError:
            raise Refused("Not evaluated: no thread could be started for it.", evaluated=False) from None
        finally:
            self._seconds -= perf_counter() - started
        if not outcome.in_time:
            raise Refused(f"Its repr took longer than {limit * 1000:.0f} ms; {outcome.note}.")
        if outcome.error is not None:
            raise Refused(f"Its repr raised {type_name(outcome.error)}.")
        return outcome.result

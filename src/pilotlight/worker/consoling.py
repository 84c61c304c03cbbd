"""The console's side of a worker: what keeps the frames of errors alive, and answers questions about them.

Must never have a thread before the first question, and costs nothing where there is no debugger.
"""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from typing import Any

from pilotlight import messages
from pilotlight.worker.idle import import_while_serving

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pilotlight.debugger.console.consoles import Consoles
    from pilotlight.debugger.console.keeper import Keeper

_LOOKS_SECONDS = 60.0
Start = tuple[Callable[[], tuple[dict[str, Any], str]], tuple[AbstractContextManager[Any], ...], bool]
"""What makes the names (and a sentence on what is missing), contexts to be in, and whether code that awaits
runs on the app's loop."""


class Consoling:
    """The consoles of one worker.

    Args:
        send: to the supervisor.
        plain: what the console without an error begins with.
    """

    def __init__(self, send: Callable[[dict[str, Any]], object], plain: Callable[[], Start]) -> None:
        self._send = send
        self._plain = plain
        self._consoles: Consoles | None = None
        self._expiry: asyncio.TimerHandle | None = None
        self._keeper: Keeper | None = None
        self._stop_importing: Callable[[], None] | None = None

    def keeper(self) -> Keeper:
        """Made when the first error comes."""
        if self._keeper is None:
            from pilotlight.debugger.console.keeper import Keeper

            self._keeper = Keeper()
            self._keeper.on_drop = self._dropped
        return self._keeper

    def handle(self, body: dict[str, Any]) -> None:
        """A `QUESTION`, on the loop's thread. Its answer may come from any."""
        number = body["number"]
        consoles = self._consoles
        if consoles is None:
            from pilotlight.debugger.console.consoles import Consoles
            from pilotlight.debugger.console.keeper import Contexts

            loop = asyncio.get_running_loop()
            keeper = self.keeper()

            def contexts() -> Contexts:
                _, enter, on_loop = self._plain()
                return Contexts(contextvars.Context(), enter, loop if on_loop else None)

            def names() -> tuple[dict[str, Any], str]:
                make, _, _ = self._plain()
                return make()

            consoles = self._consoles = Consoles(
                keeper,
                names,
                fresh_contexts=contexts,
            )
            keeper.on_drop = self._and_tell(keeper.on_drop)
        consoles.handle(
            body["question"],
            lambda event: self._tell({"type": messages.EVENT, "number": number, "event": event}),
        )

    def begin(self) -> None:
        """The worker serves, on the loop that runs here."""
        self._stop_importing = import_while_serving(asyncio.get_running_loop())
        self._expire()

    def close(self) -> None:
        """The worker ends."""
        if self._consoles is not None:
            self._consoles.close()
        if self._expiry is not None:
            self._expiry.cancel()
        if self._stop_importing is not None:
            self._stop_importing()
        if self._keeper is not None:
            self._keeper.on_drop = None
            self._keeper.clear()

    def _expire(self) -> None:
        """Frames that are too old go also when no further error comes."""
        if self._keeper is not None:
            self._keeper.expire()
        self._expiry = asyncio.get_running_loop().call_later(_LOOKS_SECONDS, self._expire)

    def _and_tell(self, other: Callable[[str], object] | None) -> Callable[[str], None]:
        def dropped(report: str) -> None:
            if other is not None:
                other(report)
            self._dropped(report)

        return dropped

    def _dropped(self, report: str) -> None:
        self._tell({"type": messages.REPORTS_GONE, "ids": [report]})

    def _tell(self, body: dict[str, Any]) -> None:
        with suppress(OSError):  # the supervisor is gone; its end is noticed elsewhere
            self._send(body)

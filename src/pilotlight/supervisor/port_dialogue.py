"""What happens when a port is taken: an explanation, and on a terminal an offer.

Must never stop a process without a yes, and never wait for an answer that nobody can give.
"""

from __future__ import annotations

import os
import sys
import time
from dataclasses import replace
from typing import Protocol

from pilotlight.errors import UserError
from pilotlight.settings import Settings

from . import port_diagnosis, port_lookup
from .binder import AddressInUse, Bound, bind, is_free
from .binder_addresses import addresses_of, plain_host
from .port_facts import Conflict, Holder

_NEARBY = 20
# Browsers refuse these (WHATWG Fetch, "bad port").
_REFUSED_BY_BROWSERS = frozenset(
    (1719, 1720, 1723, 2049, 3659, 4045, 4190, 5060, 5061, 6000, 6566, *range(6665, 6670), 6679, 6697, 10080)
)


class Interaction(Protocol):
    """A user who can answer."""

    def say(self, text: str) -> None:
        """Shows some lines."""

    def ask(self, question: str) -> str | None:
        """One line from the user; None at the end of input and on Ctrl-C."""


class Screen(Protocol):
    """Where text is shown; see `console.Console`."""

    def block(self, text: str) -> None:
        """Shows lines as they are."""


class TerminalInteraction:
    """The terminal on standard input, before the server runs."""

    def __init__(self, screen: Screen) -> None:
        self._screen = screen

    @staticmethod
    def is_possible() -> bool:
        """Whether somebody sees a question and may answer it: a job in the background would be stopped."""
        try:
            if not (os.isatty(0) and os.isatty(2)):
                return False
            return sys.platform == "win32" or os.tcgetpgrp(0) == os.getpgrp()
        except OSError:
            return False

    def say(self, text: str) -> None:
        """Shows some lines."""
        self._screen.block(text)

    def ask(self, question: str) -> str | None:
        """Reads one line and no more: what is typed ahead is for the server."""
        try:
            os.write(2, question.encode())
            line = os.read(0, 4096)
        except (KeyboardInterrupt, OSError):
            line = b""
        if not line:
            self._screen.block("")
            return None
        return line.decode("utf-8", "replace").strip().lower()


def resolve(
    settings: Settings, taken: AddressInUse, interaction: Interaction | None, *, in_code: bool
) -> Bound:
    """Explains who holds the port; with somebody to ask, offers the ways out. `in_code` as in `Conflict`.

    Raises:
        UserError: nobody can be asked (with the whole explanation), or the user quits; status 1.
    """
    conflict = examine(settings, taken, in_code=in_code)
    if interaction is None:
        raise UserError(port_diagnosis.explanation(conflict), status=1)
    interaction.say(port_diagnosis.explanation(conflict))
    while True:
        settings = _choose(settings, conflict, interaction)
        try:
            return bind(settings)
        except AddressInUse as again:
            conflict = examine(settings, again, in_code=in_code)
            interaction.say(port_diagnosis.explanation(conflict))


def examine(settings: Settings, taken: AddressInUse, *, in_code: bool) -> Conflict:
    """Finds out all that the explanation needs."""
    addresses = addresses_of(plain_host(settings.host), settings.port)
    wanted = tuple(address.host for address in addresses)
    occupation = port_lookup.occupation_of(taken.port, wanted)
    return Conflict(
        host=taken.host,
        wanted=wanted,
        port=taken.port,
        holders=occupation.holders,
        free_port=free_port_near(settings, taken.port),
        used_by_client=occupation.used_by_client,
        directory=os.getcwd(),
        now=time.time(),
        platform=sys.platform,
        in_code=in_code,
    )


def free_port_near(settings: Settings, port: int) -> int | None:
    """The next port that can be had on every wanted address, and that browsers accept; tried, not guessed."""
    for candidate in range(port + 1, min(port + 1 + _NEARBY, 65536)):
        if candidate not in _REFUSED_BY_BROWSERS and is_free(settings, candidate):
            return candidate
    try:
        anywhere = bind(replace(settings, port=0))
    except UserError:
        return None
    anywhere.close()
    return anywhere.port


def _choose(settings: Settings, conflict: Conflict, interaction: Interaction) -> Settings:
    """Asks until there is something to try.

    Raises:
        UserError: the user quits.
    """
    holder = port_diagnosis.stoppable(conflict)
    offers = _offers(conflict, holder)
    question = "\n".join([*(f"  {letter}  {text}" for letter, text in offers.items()), "Your choice: "])
    while True:
        answer = interaction.ask(question)
        if answer == "u" and conflict.free_port is not None:
            return replace(settings, port=conflict.free_port)
        if answer == "s" and holder is not None:
            if _stop(holder, interaction):
                return settings
        elif answer in (None, "", "q"):
            raise UserError(f"Nothing was started: port {conflict.port} is in use.", status=1)
        else:
            interaction.say(f"Please answer with one of: {', '.join(offers)}.")


def _offers(conflict: Conflict, holder: Holder | None) -> dict[str, str]:
    offers = {}
    if conflict.free_port is not None:
        offers["u"] = f"use port {conflict.free_port}"
    if holder is not None:
        offers["s"] = f"stop pid {holder.pid} and use port {conflict.port}"
    return {**offers, "q": "quit (Enter)"}


def _stop(holder: Holder, interaction: Interaction) -> bool:
    """Stops the holder after a yes; whether it is gone."""
    if interaction.ask(f"Stop pid {holder.pid} (y/N)? ") not in ("y", "yes"):
        return False
    outcome = port_lookup.stop(holder)
    if outcome == "not permitted":
        interaction.say(f"You are not permitted to stop pid {holder.pid}.")
    elif outcome == "still there":
        interaction.say(
            f"pid {holder.pid} has not ended within {port_lookup.STOP_SECONDS:.0f} s; `kill -9 {holder.pid}` "
            "would end it for sure."
        )
    return outcome == "ended"

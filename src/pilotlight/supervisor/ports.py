"""From settings to listening sockets, with an explanation when another process has the port.

The happy path costs nothing: what diagnoses a conflict is imported when there is one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pilotlight.settings import Settings

from .binder import AddressInUse, Bound, bind

if TYPE_CHECKING:
    from .port_dialogue import Screen


def bind_or_explain(settings: Settings, screen: Screen, *, in_code: bool = False) -> Bound:
    """Like `binder.bind`; on a terminal the user is asked what to do about a port that is taken.

    The result may have another port than the settings.

    Args:
        in_code: a call in a script has given the settings.

    Raises:
        UserError: the address cannot be had, or the user quits; status 1.
    """
    try:
        return bind(settings)
    except AddressInUse as error:
        taken = error
    from .port_dialogue import TerminalInteraction, resolve

    interaction = TerminalInteraction(screen) if TerminalInteraction.is_possible() else None
    return resolve(settings, taken, interaction, in_code=in_code)

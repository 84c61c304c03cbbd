"""How a page that shows an error finds out that it may be gone. Pure.

Must never make a page ask the app itself about a failed request: asking would run it again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from pilotlight.debugger.model import Kind


STATE_PATH = "/.well-known/pilotlight/state"
"""On the app's origin, answered without the app: `{"generation": NAME, "error": null}`, or while a failure is
served in place of the app `{"generation": null, "error": ID}`.

With the query `after=NAME&not=ID` the answer waits for a generation other than NAME or a failure other than
ID; either may be missing. With `of=ID` it also tells, as `changed`, whether a template has changed that the
page of this report shows: no reload follows that.
"""


@dataclass(frozen=True, slots=True)
class HealPlan:
    """What the page does by itself.

    `replace`: it waits for anything else to be served, and loads itself again; for errors that stand in place
    of the app. `reload`: it waits until another generation is served and loads itself again. `resend`: it
    waits for the same, and then shows a button that sends the request again. `none`: nothing.
    """

    kind: Literal["none", "replace", "reload", "resend"] = "none"
    generation: str = ""
    """Of the code that failed."""


NEVER = HealPlan()


def heal_plan(kind: Kind, method: str, *, live: bool, generation: str | None = None) -> HealPlan:
    """The plan for an error's page.

    Args:
        kind: of the report.
        method: of the request that the page answers. Nothing but a GET is repeated unasked.
        live: a reloader runs.
        generation: of the code that failed, as `STATE_PATH` tells it; None where nobody serves that path.
    """
    if not live:
        return NEVER
    if kind != "request" and method == "GET":
        return HealPlan("replace")
    if generation is None or method == "HEAD":
        return NEVER
    return HealPlan("reload" if method == "GET" else "resend", generation)

"""The API of the debug pages: one function for each path, body in, answer out.

Called only after the gate has let the request through and, `unlock` excepted, its token was found good. Must
never be reachable otherwise.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

from pilotlight.debugger.model import Frame, Report, Trace

from .answers import Answer, json_of, refused
from .desk import Desk, frame_of, question_of, report_id_of
from .gate import Refusal
from .keyring import Keyring

Events = AsyncIterator[dict[str, Any]]
Render = Callable[[Report, str], bytes]
_NONCE = re.compile(r"[0-9a-f]{32}\Z")
_SPENT = Refusal(
    403,
    "This link does not unlock anything: each works once, for ten minutes, until a newer one is made. Run "
    "`pilotlight unlock` in the directory of the project for a fresh one.",
)


@dataclass(frozen=True, slots=True)
class Office:
    """What the calls work with.

    Args:
        url: the root of the debug pages as it was registered, without a slash at the end.
        render: a report as a page, with the nonce for its style and script.
        app_url: where the app is.
    """

    desk: Desk
    keyring: Keyring
    url: str
    render: Render
    app_url: str = ""


def rendered(report: Report, nonce: str) -> bytes:
    """The error's page without any link to an editor."""
    from pilotlight.debugger.renderings.page import render_page

    return render_page(report, nonce=nonce)


Call = Callable[[Office, dict[str, Any]], "Answer | Events"]


def unlock(office: Office, body: dict[str, Any]) -> Answer:
    """A one-time key for a token. The only call that needs none.

    Storage belongs to an origin, and to the site that a frame is shown in, so a browser that is unlocked as
    127.0.0.1 is sent on to unlock itself as localhost, too: the app may be open under either name.
    """
    key = body.get("key")
    token = office.keyring.exchange(key, office.url) if isinstance(key, str) else None
    if token is None:
        return refused(_SPENT)
    following = ""
    root = "http://127.0.0.1:"
    if body.get("host") == "127.0.0.1" and office.url.startswith(root):
        link = office.keyring.new_link(office.url)
        following = f"http://localhost:{link.removeprefix(root)}"
    return json_of({"token": token, "next": following, "app": office.app_url})


def reports(office: Office, body: dict[str, Any]) -> Answer:
    """The list of errors."""
    return json_of({"reports": [asdict(each) for each in office.desk.reports()]})


def report(office: Office, body: dict[str, Any]) -> Answer:
    """One report as a page, with the nonce that its style and script need in ours, and its frames."""
    from pilotlight.debugger.transport import from_json

    nonce = body.get("nonce")
    if not isinstance(nonce, str) or not _NONCE.match(nonce):
        raise ValueError("`nonce` must be that of the page.")
    report_id = report_id_of(body)
    found = office.desk.report(report_id)
    if found is None:
        return refused(Refusal(404, "This error is not remembered any more; the newer ones are in the list."))
    whole = from_json(found)
    html = office.render(whole, nonce).decode("utf-8", "replace")
    alive = office.desk.alive(report_id)
    frames = [
        {"handle": frame.handle, "label": f"{frame.qualname}, {frame.file.rpartition('/')[2]}:{frame.line}"}
        for trace in whole.chain
        for frame in reversed(trace.frames)
        if frame.handle >= 0
    ]
    return json_of(
        {
            "title": whole.title(),
            "html": html,
            "alive": alive,
            "frames": frames if alive else [],
            "repeatable": office.desk.repeatable(report_id),
        }
    )


def alive(office: Office, body: dict[str, Any]) -> Answer:
    """Whether a report's frames can still be entered, what it reports, and where one of its frames is."""
    report_id, handle = report_id_of(body), frame_of(body)
    found = office.desk.report(report_id) if report_id else None
    if found is None:
        return json_of({"alive": office.desk.alive(report_id), "title": "", "place": ""})
    from pilotlight.debugger.transport import from_json

    whole = from_json(found)
    frames = (frame for frame in _frames(whole.chain) if frame.handle == handle >= 0)
    place = next((_place(frame, whole.directory) for frame in frames), "")
    return json_of({"alive": office.desk.alive(report_id), "title": whole.title(), "place": place})


def _frames(chain: tuple[Trace, ...]) -> Iterator[Frame]:
    """All frames of a chain, those of exception groups too."""
    for trace in chain:
        yield from trace.frames
        for member in trace.group:
            yield from _frames(member)


def _place(frame: Frame, directory: str) -> str:
    """Function, file and line."""
    file = frame.file.removeprefix(directory.rstrip("/") + "/") if directory else frame.file
    return f"{frame.qualname}, {file}" if frame.line is None else f"{frame.qualname}, {file}:{frame.line}"


def repeat(office: Office, body: dict[str, Any]) -> Events:
    """Sends the request again that failed."""
    return office.desk.repeat(report_id_of(body))


def evaluate(office: Office, body: dict[str, Any]) -> Events:
    """Runs code; the events of the console as they come."""
    return office.desk.ask(question_of(body, "evaluate"))


def cancel(office: Office, body: dict[str, Any]) -> Events:
    """Interrupts what runs."""
    return office.desk.ask(question_of(body, "cancel"))


def complete(office: Office, body: dict[str, Any]) -> Events:
    """Names that fit."""
    return office.desk.ask(question_of(body, "complete"))


def about(office: Office, body: dict[str, Any]) -> Events:
    """Which names the console begins with."""
    return office.desk.ask(question_of(body, "about"))


def events(office: Office, body: dict[str, Any]) -> Events:
    """What happens from now on."""
    return office.desk.subscribe()


UNLOCK_PATH = "/api/unlock"
CALLS: dict[str, Call] = {
    UNLOCK_PATH: unlock,
    "/api/reports": reports,
    "/api/report": report,
    "/api/alive": alive,
    "/api/repeat": repeat,
    "/api/evaluate": evaluate,
    "/api/cancel": cancel,
    "/api/complete": complete,
    "/api/about": about,
    "/api/events": events,
}

"""A report as a complete HTTP response, whatever happens: page, text or JSON, bare text, a constant.

Must never raise, and must never show more than the error id to a client that may not see the report.
"""

from __future__ import annotations

import os
import re

from pilotlight.debugger.model import Report

from .editor import PathMapping
from .headers import NO_CONTENT_POLICY, TEXT, Headers, error_headers
from .heal import HealPlan, heal_plan
from .negotiate import Form, choose
from .page import render_concealed_page, render_page
from .page_frames import Surroundings
from .plain_answer import render_answer
from .problem import MEDIA_TYPE, render_concealed_json, render_json
from .text import render_text

_CONSOLE = re.compile(r"https?://(?:[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?(?:/[A-Za-z0-9._~-]+)*")


def error_response(
    report: Report,
    accept: bytes | None,
    method: str,
    *,
    live: bool = False,
    reveal: bool = True,
    generation: str | None = None,
    console: str = "",
    console_note: str = "",
    editor: str = "",
    mapping: PathMapping = (),
) -> tuple[int, Headers, bytes]:
    """Status, headers and body for a failed request.

    Args:
        report: what happened.
        accept: the request's `Accept` header.
        method: the request's method. Only a page that answers a GET loads itself again. The body is always
            whole: leaving it out of the answer to a HEAD is the server's task, as for every response.
        live: a reloader runs, so the page waits for the moment to load itself again: see
            `heal.heal_plan`.
        reveal: False for a client that is not local: it gets one sentence and the error id.
        generation: of the code that failed, if `heal.STATE_PATH` is served.
        console: the origin of the debug listener; empty when there is none.
        console_note: why there is none, and what to do.
        editor: a name or a template, see `editor.editor_url`.
        mapping: of paths, for the editor.
    """
    form = choose(accept)
    if not reveal:
        content_type, body = _concealed(report, form)
        return 500, error_headers(report.id, content_type, NO_CONTENT_POLICY, len(body)), body
    heal = heal_plan(report.kind, method, live=live, generation=generation)
    content_type, policy, body = _rendered(
        report, form, heal, Surroundings(console, console_note, editor, mapping)
    )
    headers = error_headers(report.id, content_type, policy, len(body))
    if console and policy is not NO_CONTENT_POLICY:
        # A page that opened this one cannot reach into it while it has a console inside.
        headers.append((b"Cross-Origin-Opener-Policy", b"same-origin"))
    return 500, headers, body


def _rendered(report: Report, form: Form, heal: HealPlan, around: Surroundings) -> tuple[bytes, bytes, bytes]:
    """Content type, policy and body: the chosen form, else text, else a constant; each says what failed."""
    failed = {"html": "page", "json": "JSON form", "text": "text form"}[form]
    debug_url = f"{around.console}/report?id={report.id}" if around.console else ""
    try:
        if form == "html":
            nonce = os.urandom(16).hex()
            policy = _page_policy(nonce, around.console, sends_again=heal.kind == "resend")
            page = render_page(
                report,
                nonce=nonce,
                heal=heal,
                console=around.console,
                console_note=around.console_note,
                editor=around.editor,
                mapping=around.mapping,
            )
            return b"text/html; charset=utf-8", policy, page
        if form == "json":
            return MEDIA_TYPE, NO_CONTENT_POLICY, render_json(report, debug_url=debug_url)
        answer = render_answer(report, debug_url=debug_url, console_note=around.console_note)
        return TEXT, NO_CONTENT_POLICY, answer.encode("utf-8", "backslashreplace")
    except Exception as first:  # noqa: BLE001 - a bug of ours must not hide the error of the app
        kind = type(first).__name__
        reason = f"Pilotlight could not render the {failed} of this error ({kind}); here is its text."
    try:
        body = f"{reason}\n\n{render_text(report)}".encode("utf-8", "backslashreplace")
    except Exception as second:  # noqa: BLE001
        body = _LAST_RESORT % type(second).__name__.encode("ascii", "replace")
    return TEXT, NO_CONTENT_POLICY, body


_LAST_RESORT = (
    b"500 Internal Server Error\n\nThe app failed, and Pilotlight could not render the error (%s). "
    b"Look at the terminal for the traceback.\n"
)


def _concealed(report: Report, form: Form) -> tuple[bytes, bytes]:
    sentence = "The server could not answer this request; the developer finds the details under the error id"
    if form == "json":
        return MEDIA_TYPE, render_concealed_json(report.id)
    if form == "html":
        return b"text/html; charset=utf-8", render_concealed_page(f"{sentence} {report.id}.")
    return TEXT, f"500 Internal Server Error\n\n{sentence} {report.id}.\n".encode()


def _page_policy(nonce: str, console: str, *, sends_again: bool) -> bytes:
    """Nothing but the page's own style and script, which may ask its own origin whether the error is gone,
    and the console of the debug listener in a frame.

    Raises:
        ValueError: the console is no origin (with an optional path) of HTTP; it could add to the policy.
    """
    if console and _CONSOLE.fullmatch(console) is None:
        raise ValueError(f"{console!r} is not the origin of a debug listener")
    parts = (
        "default-src 'none'",
        f"style-src 'nonce-{nonce}'",
        f"script-src 'nonce-{nonce}'",
        "connect-src 'self'",
        f"frame-src {_frame_source(console)}",
        "base-uri 'none'",
        "frame-ancestors 'none'",
        # To load the answer to a form again is to send the form again, and what comes back may lead anywhere.
        *(() if sends_again else ("form-action 'none'",)),
    )
    return "; ".join(parts).encode()


def _frame_source(console: str) -> str:
    """Where frames may come from: a path in the policy would have to match exactly or end with a slash."""
    if not console:
        return "'none'"
    return console + "/" if console.count("/") > 2 else console

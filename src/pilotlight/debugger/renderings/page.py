"""A report as one HTML page that needs nothing else: no file, no network, no JavaScript to be read.

Pure. Everything that comes from the app is written through `markup.escaped`.
"""

from __future__ import annotations

from collections.abc import Iterator

from pilotlight.debugger.model import Report

from .assets import STYLE
from .detail import fitted
from .editor import PathMapping
from .heal import NEVER, HealPlan
from .markdown import markdown_parts
from .markup import escaped
from .page_frames import LINKS, FrameView, Surroundings, headline
from .page_request import environment_part, request_part, timeline_part
from .scripts import HEAL_SCRIPT, PAGE_SCRIPT

MAX_PAGE_BYTES = 78 * 1024
_FRAME_OF_PAGE = 2 * 1024
"""What is neither counted nor said more precisely: the head, the headline, the bar, the help."""

_KINDS = {
    "request": "Error while answering a request",
    "load": "The app could not be loaded",
    "lifespan": "The app's start-up or shutdown failed",
    "background": "Error outside a request",
    "death": "The app's process died",
    "slow": "The app is still loading",
}
_HEALING = {
    "replace": "This page loads itself again as soon as the error is gone.",
    "reload": "This page loads itself again after the next reload.",
    "resend": "After the next reload you can send the same request again here.",
}
_KEYS = (
    ("j", "next frame"),
    ("k", "previous frame"),
    ("o", "open or close it"),
    ("l", "open or close library frames"),
    ("e", "open in the editor"),
    ("`", "console"),
    ("c", "copy as Markdown"),
    ("?", "this help"),
)


def render_page(
    report: Report,
    *,
    nonce: str = "",
    heal: HealPlan = NEVER,
    console: str = "",
    console_note: str = "",
    editor: str = "",
    mapping: PathMapping = (),
) -> bytes:
    """The page, in UTF-8.

    Args:
        report: what happened.
        nonce: of the response's content security policy, for the style and the script.
        heal: how the page finds out that the error may be gone.
        console: the origin of the debug listener, such as `http://127.0.0.1:5999`; empty when there is none.
        console_note: one sentence that says why there is no console and what to do.
        editor: a name or a template for links into an editor, see `editor.editor_url`.
        mapping: of paths where the app runs to paths where the editor runs.
    """
    mark = f' nonce="{escaped(nonce)}"' if nonce else ""
    surroundings = Surroundings(console, console_note, editor, mapping)
    healing = (
        "" if heal.kind == "none" else f' data-heal={heal.kind} data-generation="{escaped(heal.generation)}"'
    )
    script = PAGE_SCRIPT + ("" if heal.kind == "none" else HEAL_SCRIPT)
    parts = [
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n',
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n',
        '<meta name="color-scheme" content="light dark">\n<meta name="robots" content="noindex">\n',
        f"<title>{escaped(report.title())}</title>\n<style{mark}>{STYLE}</style>\n</head>\n",
        f'<body data-error-id="{escaped(report.id)}"{healing}>\n',
        *_body(report, surroundings, heal, MAX_PAGE_BYTES - len(STYLE) - len(script) - _FRAME_OF_PAGE),
        f"<script{mark}>{script}</script>\n</body>\n</html>\n",
    ]
    return "".join(parts).encode("utf-8", "backslashreplace")


def render_concealed_page(sentence: str) -> bytes:
    """What a client that may not see the report gets: one sentence, in the browser's own style."""
    return (
        '<!doctype html>\n<html lang="en">\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width">\n<title>Internal Server Error</title>\n'
        f"<h1>Internal Server Error</h1>\n<p>{escaped(sentence)}</p>\n</html>\n"
    ).encode()


def _body(whole: Report, surroundings: Surroundings, heal: HealPlan, room: int) -> Iterator[str]:
    plain = "".join(_plain(whole))
    report = fitted(whole, room - len(plain))
    view = FrameView(report, surroundings)
    yield "<main>\n"
    yield from _head(report, view)
    yield from _healing(heal)
    yield view.first(report)
    if surroundings.console_note and not surroundings.console:
        yield f"<p class=quiet id=console-note>{escaped(surroundings.console_note)}</p>\n"
    yield _bar(report, surroundings)
    yield "<div id=stack>\n"
    yield from view.chain(report.chain, 2)
    for stack in report.threads:
        yield f"<section class=linked><p class=link>{escaped(stack.name)}</p>\n"
        yield from view.stack(stack.frames, 2, 0)
        yield "</section>\n"
    yield "</div>\n"
    if report.request is not None:
        yield from request_part(report.request)
    if report.timeline:
        yield from timeline_part(report)
    if report.environment:
        yield from environment_part(report.environment)
    yield plain
    yield "</main>\n"
    yield f"<footer>Pilotlight · {escaped(report.python)} · error id {escaped(report.id)}</footer>\n"
    yield _help()


def _head(report: Report, view: FrameView) -> Iterator[str]:
    yield f"<header>\n<p class=kind>{_KINDS[report.kind]}"
    if report.request is not None:
        method, target = escaped(report.request.method), escaped(_target(report.request.url))
        yield f" <span class=ask><b>{method}</b> {target}</span>"
    elif report.place:
        yield f" <span class=ask>{escaped(report.place)}</span>"
    yield f"</p>\n{headline(report.error, 1)}"
    for index, trace in enumerate(report.chain[1:2], 1):
        frame = trace.frames[-1] if trace.frames else None
        where = f" in {view.place(frame.file, frame.line)}" if frame is not None else ""
        error = f"<a href=#e{index}>{escaped(trace.first_line())}</a>"
        yield f"<p class=why>{LINKS[trace.link]} {error}{where}</p>\n"
    yield "</header>\n"


def _target(url: str) -> str:
    """Path and query of a URL."""
    rest = url.partition("://")[2] or url
    slash = rest.find("/")
    return rest[slash:] if slash >= 0 else url


def _healing(heal: HealPlan) -> Iterator[str]:
    if heal.kind == "none":
        return
    yield f"<p class=live id=live role=status hidden>{_HEALING[heal.kind]}</p>\n"
    if heal.kind == "resend":
        yield "<p><button type=button id=again class=main hidden>Send the request again</button></p>\n"
    yield "<noscript><p class=live>Reload this page after the fix.</p></noscript>\n"


def _bar(report: Report, surroundings: Surroundings) -> str:
    """What can be done with the report, and where its parts are."""
    parts = ["<nav class=bar aria-label='This error'>"]
    for form, title in (("markdown", "Copy as Markdown"), ("text", "as text"), ("curl", "as curl")):
        if form != "curl" or (report.request is not None and report.request.curl):
            label = "" if form == "markdown" else f' aria-label="Copy {title}"'
            parts.append(f"<button type=button data-copy={form}{label} hidden>{title}</button>")
    parts.append("<span class=jump>")
    if report.request is not None:
        parts.append("<a href=#request>Request</a>")
    if report.timeline:
        parts.append("<a href=#timeline>Timeline</a>")
    if report.environment:
        parts.append("<a href=#environment>Environment</a>")
    parts.append("<a href=#plain>Text</a>")
    if surroundings.console:
        parts.append(f'<a href="{escaped(surroundings.console)}/" target=_blank rel=noopener>All errors</a>')
    parts.append("</span>")
    parts.append(
        "<button type=button id=keys aria-haspopup=dialog aria-label='Keyboard' hidden><kbd>?</kbd></button>"
    )
    parts.append("<span class=gone id=said role=status></span></nav>\n")
    return "".join(parts)


def _plain(report: Report) -> Iterator[str]:
    if report.detail:
        yield "<section class=plain><h2 class=title>What the process wrote last</h2>"
        yield f"<pre tabindex=0>{escaped(report.detail)}</pre></section>\n"
    before, text, after = markdown_parts(report)
    yield "<section id=plain class=plain><details><summary><h2>Traceback as text</h2></summary>"
    yield f"<pre id=text tabindex=0>{escaped(text)}</pre></details>\n"
    yield f"<pre id=before hidden>{escaped(before)}</pre><pre id=after hidden>{escaped(after)}</pre>"
    yield "</section>\n"


def _help() -> str:
    rows = "".join(f"<dt><kbd>{key}</kbd><dd>{meaning}" for key, meaning in _KEYS)
    return (
        "<dialog id=help aria-labelledby=help-title><h2 id=help-title>Keyboard</h2>"
        f"<dl>{rows}</dl><button type=button id=close>Close</button></dialog>\n"
    )

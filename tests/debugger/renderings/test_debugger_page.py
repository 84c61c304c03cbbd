"""The page as markup: what it says, its headings, colours and size; and the other forms of a rich report."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from typing import Any

import pytest
from rich_reports import deep_report, library, own, rich_report

from pilotlight.debugger.model import Frame, Span, Trace, Value
from pilotlight.debugger.renderings import page_values
from pilotlight.debugger.renderings.assets import STYLE
from pilotlight.debugger.renderings.detail import fitted, weight
from pilotlight.debugger.renderings.page import render_page
from pilotlight.debugger.renderings.response import error_response

CONSOLE = "http://127.0.0.1:5999"
LIMIT = 46 * 1024


class Document(HTMLParser):
    """The page's headings, ids, links and text, without its style and scripts."""

    def __init__(self, page: bytes) -> None:
        super().__init__()
        self.headings: list[int] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.text = ""
        self._hidden = False
        self.feed(page.decode())
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        self._hidden = tag in ("style", "script")
        if re.fullmatch("h[1-6]", tag):
            self.headings.append(int(tag[1]))
        if "id" in values:
            self.ids.append(values["id"])
        if "href" in values:
            self.links.append(values["href"])

    def handle_endtag(self, tag: str) -> None:
        self._hidden = False

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            self.text += data


def group_report() -> Any:
    leaf = Trace("ValueError", "bad row", (own("load", 8, 3, None, -1),), count=998)
    inner = Trace("ExceptionGroup", "inner (2)", group=((leaf,), (replace(leaf, message="other\nlines"),)))
    return rich_report(
        chain=(Trace("ExceptionGroup", "outer", shared=2, group=((inner, leaf),), group_omitted=4),)
    )


def test_the_page_tells_everything() -> None:
    page = Document(render_page(rich_report(), editor="vscode", console=CONSOLE))
    for said in (
        "POST /checkout?from=basket",
        "TypeError: unsupported operand type(s)",
        "`discount` is None here.",
        "raised while handling KeyError: 'SPRING' in shop.py:14",
        "40 items",
        "38 more",
        "masked because of its name",
        "not evaluated",
        "repr took over 50 ms",
        "4,000 long",
        "3 library frames of flask",
        "route /checkout → shop.checkout",
        "body of 27 bytes",
        "the app has no secret key",
        "30 log records · 10 queries in 7.0 ms",
        "3 earlier records left out.",
        "SELECT orders.id",
        "commit",
        "curl -X POST",
        "Traceback (most recent call last):",
        "error id 0123456789ab",
    ):
        assert said in page.text, said


@pytest.mark.parametrize(
    ("value", "about"),
    [
        (Value("'tea'", "str"), ""),
        (Value("'tea'…", "str", length=4_000), "4,000 long"),
        (Value("Title('tea')…", "shop.Title", length=4_000), "4,000 long"),
        (Value("'tea'", "shop.Title"), "shop.Title"),
        (Value("[1, 2]", "list", "container"), ""),
        (Value("[1, …]", "list", "container", 40, (), 38), "40 items"),
        (Value("Rows([1])", "shop.rows.Rows", "container"), ""),
        (Value("Decimal('1.5')", "decimal.Decimal"), ""),
        (Value("int(3)", "shop.Liar"), "shop.Liar"),
        (Value("<shop.Basket object at 0x7f>", "shop.Basket"), ""),
        (Value("<Request 'http://x/' [GET]>", "flask.wrappers.Request"), ""),
        (Value("<function total>", "function"), ""),
        (
            Value("<LocalProxy>", "werkzeug.local.LocalProxy", "lazy", note="A proxy: not resolved."),
            "A proxy: not resolved.",
        ),
    ],
)
def test_nothing_is_said_of_a_value_that_its_text_says(value: Value, about: str) -> None:
    said = re.findall("<small>(.*?)</small>", page_values.value(value))
    assert said == ([about] if about else [])


@pytest.mark.parametrize("make", [rich_report, deep_report, group_report])
def test_headings_ids_and_links(make: Any) -> None:
    page = Document(render_page(make(), editor="vscode", console=CONSOLE))
    assert page.headings[0] == 1
    assert page.headings.count(1) == 1
    steps = zip(page.headings, page.headings[1:], strict=False)
    assert all(after <= before + 1 for before, after in steps), page.headings
    assert len(set(page.ids)) == len(page.ids)
    inside = {link[1:] for link in page.links if link.startswith("#")}
    assert inside <= set(page.ids)
    outside = {link for link in page.links if not link.startswith("#")}
    assert all(link.startswith(("vscode://file/", f"{CONSOLE}/")) for link in outside)


def test_groups_tell_counts_and_what_is_shared() -> None:
    text = Document(render_page(group_report())).text
    assert "998 times" in text
    assert "and 4 more" in text
    assert "2 outer calls left out: the same as in the exception above." in text


def test_the_console_is_offered_only_where_there_is_one() -> None:
    page = Document(render_page(rich_report(), console=CONSOLE, console_note="No."))
    consoles = [link for link in page.links if "/console?" in link]
    assert consoles == [f"{CONSOLE}/console?report=0123456789ab&frame={number}" for number in (1, 0, 2)]
    assert "No." not in page.text
    page = Document(render_page(rich_report(), console_note="No console: run <pilotlight unlock>."))
    assert page.text.count("No console: run <pilotlight unlock>.") == 1
    assert not [link for link in page.links if "console" in link]


def test_the_policy_and_the_opener() -> None:
    headers = dict(error_response(rich_report(), b"text/html", "POST", console=CONSOLE)[1])
    assert f"frame-src {CONSOLE};" in headers[b"Content-Security-Policy"].decode()
    assert headers[b"Cross-Origin-Opener-Policy"] == b"same-origin"
    headers = dict(error_response(rich_report(), b"text/html", "POST")[1])
    assert b"frame-src 'none';" in headers[b"Content-Security-Policy"]
    secret = f"{CONSOLE}/.well-known/pilotlight/abc"
    headers = dict(error_response(rich_report(), b"text/html", "POST", console=secret)[1])
    assert f"frame-src {secret}/;" in headers[b"Content-Security-Policy"].decode()


@pytest.mark.parametrize(
    ("method", "generation", "live", "forms"),
    [
        ("POST", "1", True, True),
        ("GET", "1", True, False),
        ("POST", None, True, False),
        ("POST", "1", False, False),
    ],
)
def test_forms_are_forbidden_but_where_one_is_sent_again(
    method: str, generation: str | None, live: bool, forms: bool
) -> None:
    _, headers, _ = error_response(rich_report(), b"text/html", method, live=live, generation=generation)
    assert (b"form-action 'none'" not in dict(headers)[b"Content-Security-Policy"]) is forms


@pytest.mark.parametrize(
    "console", ["javascript:1", "http://a; script-src *", "http://a b", "//a", "http://a/<", "http://a,b"]
)
def test_what_is_no_origin_never_reaches_the_policy(console: str) -> None:
    _, headers, body = error_response(rich_report(), b"text/html", "GET", console=console)
    assert b"could not render the page" in body
    assert b"script-src" not in dict(headers)[b"Content-Security-Policy"]


def test_the_text_for_curl() -> None:
    _, _, body = error_response(rich_report(), b"*/*", "POST", console=CONSOLE)
    text = body.decode()
    parts = [
        "POST http://127.0.0.1:5000/checkout?from=basket\n",
        "Traceback (most recent call last):",
        "TypeError: unsupported operand type(s) for *: 'float' and 'NoneType'. `discount` is None here.\n",
        "Variables in total (shop.py:8):\n",
        "    discount = None\n",
        "    api_key  = ********  (masked because of its name)\n",
        "Error id: 0123456789ab\n",
        f"All frames, details and console: {CONSOLE}/report?id=0123456789ab\n",
    ]
    places = [text.index(part) for part in parts]
    assert places == sorted(places)
    assert "console" not in error_response(rich_report(), b"*/*", "POST")[2].decode()
    _, _, body = error_response(rich_report(), b"*/*", "POST", console_note="No console: see --debugger.")
    assert body.decode().endswith("No console: see --debugger.\n")


def test_the_json_of_a_rich_report() -> None:
    problem = json.loads(error_response(rich_report(), b"application/json", "POST", console=CONSOLE)[2])
    assert problem["instance"] == f"{CONSOLE}/report?id=0123456789ab"
    request = problem["request"]
    assert (request["method"], request["route"]) == ("POST", "/checkout → shop.checkout")
    assert request["form"][:2] == [{"name": "item", "value": "tea"}, {"name": "item", "value": "cake"}]
    assert problem["timeline"][1]["took"] == 0.0007
    assert problem["environment"]["versions"][1] == {"name": "Flask", "value": "3.1.0"}
    frames = problem["exceptions"][0]["frames"]
    assert frames[-1]["variables"][1] == {"name": "discount", "value": "None", "type": "NoneType"}
    assert "variables" not in frames[0]
    assert problem["exceptions"][1]["relation"] == "context"


def recursion() -> Any:
    lines = tuple(f"    return self.walk(node, depth + {number}, key='name')" for number in range(11))
    frames = tuple(
        own(f"walk_{number}", 8, 3, Span(8, 20, 8, 37), number, lines=lines)
        if number < 61
        else own("walk", 8, 3, None, -1, repeats=936, period=1, lines=lines)
        for number in range(64)
    )
    return rich_report(chain=(Trace("RecursionError", "maximum recursion depth exceeded", frames),))


def calls(count: int = 40) -> Any:
    """All of them the user's own."""
    frames = tuple(own(f"step_{number}", 8, 3, Span(8, 20, 8, 37), number) for number in range(count))
    return rich_report(chain=(Trace("TypeError", "no", frames),))


@pytest.mark.parametrize(
    ("make", "limit"), [(deep_report, 80), (calls, 80), (recursion, 100), (rich_report, 60)]
)
def test_size(make: Any, limit: int) -> None:
    page = render_page(make(), nonce="a" * 32, editor="vscode", console=CONSOLE)
    assert len(page) <= limit * 1024


def test_a_large_report_keeps_every_frame_and_the_first_screen() -> None:
    report = recursion()
    small = fitted(report, LIMIT)
    assert len(small.error.frames) == len(report.error.frames)
    assert small.focus() == report.focus()
    for frame in small.error.frames:
        assert frame.code() == report.error.frames[0].lines[5]
        assert frame.span is None or frame.first_line <= frame.span.line < frame.first_line + len(frame.lines)


def test_far_library_frames_lose_their_detail_first() -> None:
    frames = fitted(deep_report(), LIMIT).error.frames
    apart = [
        frame
        for before, frame, after in zip(frames, frames[1:], frames[2:], strict=False)
        if not any(each.own for each in (before, frame, after))
    ]
    assert apart
    assert all(not frame.variables and len(frame.lines) <= 3 for frame in apart[:-3])
    newest = [frame for frame in frames if frame.own][-10:]
    assert all(len(frame.variables) == 7 for frame in newest)


def detail(frame: Frame) -> tuple[int, int]:
    return len(frame.variables), len(frame.lines)


@pytest.mark.parametrize("limit", [28, 32, 40, 46, 52, 64, 72])
def test_as_much_detail_as_fits_stays(limit: int) -> None:
    """28 calls of the user's own: what is left free is less than what the next frame would have needed."""
    report = calls(28)
    frames = report.error.frames
    small = fitted(report, limit * 1024)
    full = weight(rich_report(chain=(Trace("", "", frames[:1]),))) - weight(
        rich_report(chain=(Trace("", ""),))
    )
    assert weight(report) > 72 * 1024
    assert limit * 1024 - full < weight(small) <= limit * 1024
    kept = [detail(frame) for frame in small.error.frames]
    assert kept[-1] == detail(frames[-1])
    assert kept == sorted(kept)  # the nearer, the more


def test_the_library_frame_of_the_first_screen_stays_whole() -> None:
    frames = tuple(library(f"call_{number}", 100 + number) for number in range(40))
    small = fitted(rich_report(chain=(Trace("TypeError", "no", frames),)), 1)
    assert small.focus() == frames[-1]
    assert {detail(frame) for frame in small.error.frames[:-1]} == {(0, 1)}


def test_each_stack_keeps_the_detail_of_its_end() -> None:
    frames = tuple(own(f"step_{number}", 8, 3, None, number) for number in range(16))
    leaf = Trace("ValueError", "leaf", frames)
    small = fitted(rich_report(chain=(Trace("ExceptionGroup", "all", frames, group=((leaf,),)), leaf)), LIMIT)
    error, cause = small.chain
    for trace in (error, error.group[0][0], cause):
        assert [frame.function for frame in trace.frames] == [frame.function for frame in frames]
        assert detail(trace.frames[-1]) == detail(frames[-1])
        assert detail(trace.frames[0]) < detail(frames[0])


def test_the_page_says_where_variables_are_left_out() -> None:
    assert "7 variables left out." in Document(render_page(calls(60))).text
    assert "5 further variables left out." in Document(render_page(calls(30))).text


def test_a_template_is_tinted_as_one() -> None:
    frame = Frame(
        "/srv/shop/templates/cart.html", 2, "template 'cart.html'", "template 'cart.html'", "", True,
        lines=("<ul>", "{% for item in items %}{{ item.price|round(2) }}{# no #}"),
        language="jinja",
    )  # fmt: skip
    page = render_page(rich_report(chain=(Trace("KeyError", "'x'", (frame,)),))).decode()
    assert "<i class=k>for</i> item <i class=k>in</i> items" in page
    assert "<i class=d>|round</i>(<i class=n>2</i>)" in page
    assert "<i class=c>{# no #}</i>" in page
    assert "&lt;ul&gt;" in page


def themes() -> dict[str, dict[str, str]]:
    light, dark = STYLE.split("@media (prefers-color-scheme:dark)", 1)
    found = [
        dict(re.findall(r"--(\w+):(#[0-9a-f]{3,6})\b", part)) for part in (light, dark.partition("}}")[0])
    ]
    return {"light": found[0], "dark": {**found[0], **found[1]}}


def luminance(color: str) -> float:
    """WCAG 2.1, relative luminance."""
    digits = color[1:] if len(color) == 7 else "".join(each * 2 for each in color[1:])
    parts = [int(digits[at : at + 2], 16) / 255 for at in (0, 2, 4)]
    linear = [part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


CODE_INKS = ("ink", "number", "comment", "string", "keyword", "digit", "accent")
PAIRS = [
    *((ink, ground) for ink in ("ink", "soft", "accent", "warn", "digit") for ground in ("bg", "card")),
    *((ink, ground) for ink in CODE_INKS for ground in ("code", "here")),
    *((ink, "mark") for ink in ("ink", "string", "keyword", "digit")),
    ("ink", "good"),
    ("card", "accent"),
]


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_contrast(theme: str) -> None:
    colors = themes()[theme]
    for ink, ground in PAIRS:
        high, low = sorted((luminance(colors[ink]), luminance(colors[ground])), reverse=True)
        assert (high + 0.05) / (low + 0.05) >= 4.5, (ink, ground)

"""The complete response: headers, the page's safety, what is concealed, and the three levels of fallback."""

from __future__ import annotations

import json
import re
import sys
from dataclasses import replace
from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pilotlight.debugger import Report, error_response, from_exception
from pilotlight.debugger.model import (
    Frame,
    Item,
    Moment,
    Pair,
    RequestView,
    Section,
    Span,
    SyntaxPlace,
    ThreadStack,
    Trace,
    Value,
    ValueKind,
    Variable,
)
from pilotlight.debugger.renderings import response
from pilotlight.debugger.transport import from_json, to_json

VALUE_KINDS: tuple[ValueKind, ...] = ("plain", "container", "masked", "lazy", "broken")
HTML, TEXT, JSON = b"text/html", b"text/plain", b"application/json"


def sample(**changes: Any) -> Report:
    body: dict[str, Any] = {
        "id": "0123456789ab",
        "kind": "load",
        "time": 1.0,
        "python": "cpython 3.13.1",
        "directory": "/srv/app",
        "chain": (Trace("NameError", "name 'x' is not defined", suggestion="Did you mean: 'y'?"),),
    }
    return Report(**{**body, **changes})


def everywhere(text: str) -> Report:
    """A report with the same text at every place that can hold one."""
    values = tuple(
        Variable(text, Value(text, text, kind, 9, (Item(text, Value(text, text, note=text)),), 1, text))
        for kind in VALUE_KINDS
    )
    section = Section(text, (Pair(text, text),), 1, text)
    empty = Section(text, note=text)
    frame = Frame(
        text,
        1,
        text,
        text,
        text,
        True,
        1,
        (text, f"  {text}"),
        1,
        Span(1, 0, 1, 1),
        source_note=text,
        repeats=2,
        variables=values,
        variables_omitted=1,
        handle=1,
    )
    template = replace(frame, language="jinja")
    library = Frame(text, 1, text, text, text, False, 1, (text,), 1)
    member = Trace(text, text, (frame,), (text,), text)
    place = SyntaxPlace(text, 1, text, 0, 1, (text,), 1)
    error = Trace(
        text, text, (library, frame, template, library), (text,), text, None, "", 1, ((member,),), 1
    )
    broken = Trace(text, text, (), (text,), text, place, "cause")
    return sample(
        chain=(error, broken),
        detail=text,
        threads=(ThreadStack(text, (frame,)),),
        python=text,
        directory="",
        place=text,
        request=RequestView(text, text, text, text, (section, empty), 1, text),
        timeline=(
            Moment(0.1, "log", text, text, text),
            Moment(0.2, "sql", text, text, took=0.1),
        ),
        environment=(section,),
    )


class Tags(HTMLParser):
    """What a browser would make of a page: its tags with their attributes, and its text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, tuple[str, ...]]] = []
        self.values: list[str] = []
        self.links: list[tuple[str, list[str]]] = []
        self.text = ""
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, tuple(name for name, _ in attrs)))
        self.values += [value or "" for _, value in attrs]
        links = [value or "" for name, value in attrs if name == "href"]
        if links:
            self.links.append((tag, links))

    def handle_data(self, data: str) -> None:
        self.text += data


def page_of(report: Report, **options: Any) -> str:
    links = {
        "editor": "my://open?{file}",
        "console": "http://127.0.0.1:5999",
        "console_note": "none",
        **options,
    }
    status, headers, body = error_response(report, HTML, "GET", **links)
    assert status == 500
    assert dict(headers)[b"Content-Type"] == b"text/html; charset=utf-8"
    return body.decode()


XSS = [
    "<script>alert(1)</script>",
    "</style><script>alert(1)</script>",
    "</title><img src=x onerror=alert(1)>",
    '" onmouseover="alert(1)',
    "' onfocus='alert(1)' autofocus '",
    "</pre></code></details><iframe src=javascript:alert(1)>",
    "<!--",
    "-->",
    "]]>",
    "<![CDATA[",
    "&lt;script&gt;",
    "&#60;script&#62;",
    "<svg/onload=alert(1)>",
    "\x00<script\x00>",
    "\x1b]0;title\x07",
    "\u202e<b>",
    "\udcff",
    "<plaintext>",
    "<base href=//evil.example>",
    '<meta http-equiv="refresh" content="0;url=//evil.example">',
    "javascript:alert(1)",
    "${1}",
    "{{1}}",
    "<\n/script>",
]


@pytest.mark.parametrize("hostile", XSS)
def test_hostile_text_stays_text(hostile: str) -> None:
    harmless = Tags(page_of(everywhere(re.sub(r"[^./\s]", "x", hostile))))
    tags = Tags(page_of(everywhere(hostile)))
    tint = ("i", ("class",))
    assert [tag for tag in tags.tags if tag != tint] == [tag for tag in harmless.tags if tag != tint]
    if hostile.isprintable():
        assert tags.text.count(hostile) >= 60


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=40))
def test_any_text_stays_text(text: str) -> None:
    allowed = {tag for tag, _ in Tags(page_of(everywhere("x" * 200))).tags} | {"code", "i"}
    tags = Tags(page_of(everywhere(text)))
    assert {tag for tag, _ in tags.tags} <= allowed
    assert not any(name.startswith("on") for _, names in tags.tags for name in names)
    plain = error_response(everywhere(text), TEXT, "GET")[2].decode()
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", plain)
    assert json.loads(error_response(everywhere(text), JSON, "GET")[2])["exceptions"][0]["message"] == text


texts = st.text(st.characters(blacklist_categories=()), max_size=30)
numbers = st.integers(0, 10**6)
spans = st.none() | st.builds(Span, numbers, numbers, numbers, numbers)
frames = st.builds(
    Frame,
    texts,
    st.none() | numbers,
    texts,
    texts,
    texts,
    st.booleans(),
    st.none() | numbers,
    st.lists(texts, max_size=3).map(tuple),
    numbers,
    spans,
    texts,
    numbers,
    numbers,
    numbers,
)
places = st.none() | st.builds(
    SyntaxPlace,
    texts,
    numbers,
    texts,
    st.none() | numbers,
    st.none() | numbers,
    st.lists(texts, max_size=2).map(tuple),
)
links = st.sampled_from(["", "cause", "context"])


def traces_with(members: st.SearchStrategy[Any]) -> st.SearchStrategy[Trace]:
    return st.builds(
        Trace,
        texts,
        texts,
        st.lists(frames, max_size=3).map(tuple),
        st.lists(texts, max_size=2).map(tuple),
        texts,
        places,
        links,
        numbers,
        members,
        numbers,
    )


traces = traces_with(st.just(()))
nested = traces_with(st.lists(st.lists(traces, min_size=1, max_size=2).map(tuple), max_size=2).map(tuple))
reports = st.builds(
    Report,
    texts,
    st.sampled_from(["request", "load", "lifespan", "background", "death"]),
    st.floats(0, 1e10),
    texts,
    texts,
    st.lists(nested, min_size=1, max_size=2).map(tuple),
    texts,
    st.lists(st.builds(ThreadStack, texts, st.lists(frames, max_size=2).map(tuple)), max_size=2).map(tuple),
)


@settings(max_examples=50, deadline=None)
@given(reports)
def test_json_round_trip_is_exact_and_every_rendering_holds(report: Report) -> None:
    assert from_json(json.loads(json.dumps(to_json(report)))) == report
    for accept in (HTML, TEXT, JSON):
        body = error_response(report, accept, "GET", live=True)[2]
        assert b"could not render" not in body


@settings(max_examples=30, deadline=None)
@given(reports, st.integers(2_500, 20_000))
def test_json_is_as_small_as_asked(report: Report, limit: int) -> None:
    data = to_json(report, limit)
    assert len(json.dumps(data, separators=(",", ":"))) <= limit
    assert from_json(data).id == report.id


@pytest.mark.parametrize(
    "data", [{}, [], None, 5, {"chain": []}, {"chain": [{}]}, {"chain": [], "threads": []}]
)
def test_what_is_no_report_is_a_value_error(data: Any) -> None:
    with pytest.raises(ValueError):
        from_json(data)


@pytest.mark.parametrize("accept", [HTML, TEXT, JSON, None])
@pytest.mark.parametrize("reveal", [True, False])
@pytest.mark.parametrize("method", ["GET", "POST", "HEAD"])
def test_headers(accept: bytes | None, reveal: bool, method: str) -> None:
    status, pairs, body = error_response(sample(), accept, method, live=True, reveal=reveal)
    headers = dict(pairs)
    assert status == 500
    assert len(headers) == len(pairs)
    assert headers[b"Content-Length"] == str(len(body)).encode()
    assert headers[b"X-Error-Id"] == b"0123456789ab"
    assert headers[b"Cache-Control"] == b"no-store"
    assert headers[b"X-Content-Type-Options"] == b"nosniff"
    assert headers[b"Referrer-Policy"] == b"no-referrer"
    assert headers[b"X-Frame-Options"] == b"DENY"
    assert b"default-src 'none'" in headers[b"Content-Security-Policy"]
    assert b"unsafe" not in headers[b"Content-Security-Policy"]
    assert b"frame-ancestors 'none'" in headers[b"Content-Security-Policy"]


def test_the_policy_allows_only_this_page() -> None:
    _, headers, body = error_response(sample(), HTML, "GET")
    policy = dict(headers)[b"Content-Security-Policy"].decode()
    (nonce,) = set(re.findall(r"'nonce-([0-9a-f]{32})'", policy))
    assert body.decode().count(f'nonce="{nonce}"') == 2
    assert nonce not in dict(error_response(sample(), HTML, "GET")[1])[b"Content-Security-Policy"].decode()
    tags = Tags(body.decode())
    used = {name for _, names in tags.tags for name in names}
    assert not used & {"src", "action", "style", "srcset", "formaction", "ping"}
    assert not any(name.startswith("on") for name in used)
    assert {value[0] for tag, values in tags.links for value in values} == {"#"}
    assert not re.search(r"url\(|@import", body.decode())


@pytest.mark.parametrize(
    ("kind", "method", "live", "heals"),
    [
        ("load", "GET", True, True),
        ("death", "GET", True, True),
        ("load", "GET", False, False),
        ("load", "POST", True, False),
        ("request", "GET", True, False),  # asking again would run the app again
    ],
)
def test_which_page_heals(kind: Any, method: str, live: bool, heals: bool) -> None:
    page = error_response(sample(kind=kind), HTML, method, live=live)[2].decode()
    assert ("location.reload" in page) is heals
    assert ("<noscript>" in page) is heals


def test_the_title_and_the_first_screen() -> None:
    page = page_of(sample())
    title = re.search("<title>(.*)</title>", page)
    assert title is not None
    assert title.group(1) == "NameError: name &#39;x&#39; is not defined. Did you mean: &#39;y&#39;?"


@pytest.mark.parametrize("accept", [HTML, TEXT, JSON])
def test_a_stranger_learns_the_id_and_nothing_else(accept: bytes) -> None:
    report = everywhere("secret-in-the-report")
    body = error_response(report, accept, "GET", reveal=False)[2]
    assert b"secret" not in body
    assert report.id.encode() in body


def test_the_problem_details() -> None:
    try:
        raise ValueError("x")
    except ValueError as error:
        report = from_exception(error)
    _, headers, body = error_response(report, JSON, "GET")
    assert dict(headers)[b"Content-Type"] == b"application/problem+json"
    problem = json.loads(body)
    assert problem["status"] == 500
    assert problem["detail"] == "ValueError: x"
    assert problem["error_id"] == report.id
    (frame,) = problem["exceptions"][0]["frames"]
    assert frame["file"] == __file__
    assert frame["code"] == 'raise ValueError("x")'


def test_when_the_page_fails_the_text_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any, **__: Any) -> bytes:
        raise RecursionError("page")

    monkeypatch.setattr(response, "render_page", fail)
    _, headers, body = error_response(sample(), HTML, "GET")
    assert dict(headers)[b"Content-Type"] == b"text/plain; charset=utf-8"
    assert body.startswith(
        b"Pilotlight could not render the page of this error (RecursionError); here is its text."
    )
    assert b"NameError: name 'x' is not defined" in body
    monkeypatch.setattr(response, "render_json", fail)
    assert b"could not render the JSON form" in error_response(sample(), JSON, "GET")[2]
    monkeypatch.setattr(response, "render_answer", fail)
    body = error_response(sample(), TEXT, "GET")[2]
    assert b"could not render the text form" in body
    assert b"NameError: name 'x' is not defined" in body
    monkeypatch.setattr(response, "render_text", fail)
    for accept in (HTML, JSON, TEXT):
        _, headers, body = error_response(sample(), accept, "GET")
        assert b"Pilotlight could not render the error (RecursionError)" in body
        assert dict(headers)[b"Content-Length"] == str(len(body)).encode()


def test_a_deep_recursion_gives_a_small_page() -> None:
    def dig(depth: int) -> None:
        if depth:
            dig(depth - 1)
        raise ValueError(depth)

    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(5_000)
    try:
        dig(3_000)
    except ValueError as error:
        report = from_exception(error)
    finally:
        sys.setrecursionlimit(limit)
    assert len(page_of(report)) < 40_000

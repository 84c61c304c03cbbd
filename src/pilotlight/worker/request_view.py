"""The request that failed, as the report shows it. Must never run code of the app's, and never show a
secret."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any
from urllib.parse import parse_qsl, unquote_plus

from pilotlight.debugger.model import Pair, RequestView, Section
from pilotlight.debugger.renderings.text import visible
from pilotlight.debugger.values.describe import Budget, describe
from pilotlight.debugger.values.secrets import MARK, is_secret_cookie, is_secret_name, mask_text
from pilotlight.server.application import RequestInfo
from pilotlight.worker.route import Route, route_of, session_of

MOST_PAIRS = 60
MOST_CHARACTERS = 500
MOST_BODY_SHOWN = 64 * 1024
MOST_BODY_IN_COMMAND = 10_000
_ESCAPES = {"\\": "\\\\", "'": "\\'", "\r": "\\r", "\n": "\\n", "\t": "\\t"}


def view_of(request: RequestInfo, contexts: Sequence[Any], frames: Iterable[Any]) -> RequestView:
    """What is shown of a request.

    Args:
        contexts: what the framework has left; see `recording.PRESERVE_CONTEXT`.
        frames: of the calls that have failed, the innermost last.
    """
    headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in request.headers]
    by_name = {name.lower(): value for name, value in headers}
    path, _, query = masked_target(request.target).partition("?")
    host = by_name.get("host", "localhost")
    url = f"{request.scheme}://{host}{path}" if path.startswith("/") else path
    url = mask_text(f"{url}?{query}" if query else url)
    route = route_of(request.environ, contexts, frames)
    sections = [
        _section("Query", parse_qsl(request.target.partition("?")[2], keep_blank_values=True)),
        *_route_sections(route),
        *_body_sections(request, by_name.get("content-type", "")),
        _section("Headers", [(_title(name), value) for name, value in headers if name.lower() != "cookie"]),
        _section("Cookies", _cookies(by_name.get("cookie", "")), is_secret_cookie),
        _session(session_of(request.environ, contexts, frames)),
    ]
    return RequestView(
        method=request.method,
        url=url,
        client=request.client,
        route=route.text,
        sections=tuple(section for section in sections if section.pairs or section.note),
        body_bytes=request.body_bytes,
        curl=_curl(request, url, headers),
    )


def masked_target(target: str) -> str:
    """A request's target without the secrets in its query."""
    path, mark, query = target.partition("?")
    return mask_text(path + mark + "&".join(map(_masked_part, query.split("&"))))


def _shown(name: str, value: str, is_secret: Callable[[str], bool] = is_secret_name) -> str:
    if is_secret(name):
        return MARK
    value = mask_text(value)
    return value if len(value) <= MOST_CHARACTERS else f"{value[:MOST_CHARACTERS]}..."


def _section(
    title: str, pairs: Sequence[tuple[str, str]], is_secret: Callable[[str], bool] = is_secret_name
) -> Section:
    shown = tuple(Pair(name[:200], _shown(name, value, is_secret)) for name, value in pairs[:MOST_PAIRS])
    return Section(title, shown, max(len(pairs) - MOST_PAIRS, 0))


def _route_sections(route: Route) -> Iterable[Section]:
    if route.arguments:
        yield Section("Route", tuple(_described(route.arguments)))


def _session(session: Mapping[Any, Any]) -> Section:
    return Section("Session", tuple(_described(session)), max(len(session) - MOST_PAIRS, 0))


def _described(values: Mapping[Any, Any]) -> Iterable[Pair]:
    """Never by a method of the mapping's own class."""
    items = list(dict.items(values)) if isinstance(values, dict) else []
    with Budget() as budget:
        for key, value in items[:MOST_PAIRS]:
            name = key if type(key) is str else describe(key, budget=budget).text
            yield Pair(name[:200], describe(value, name=name, budget=budget).text)


def _cookies(header: str) -> list[tuple[str, str]]:
    parts = (part.strip().partition("=") for part in header.split(";"))
    return [(name, value) for name, _, value in parts if name]


def _body_sections(request: RequestInfo, content_type: str) -> Iterable[Section]:
    body = request.body
    if not body:
        if not request.body_complete:
            note = f"Not all of it has come: {request.body_bytes} bytes before the request failed."
            yield Section("Body", note=note)
        elif request.body_bytes:
            yield Section("Body", note=f"{request.body_bytes} bytes, too many to be kept.")
        return
    kind = content_type.partition(";")[0].strip().lower()
    if len(body) > MOST_BODY_SHOWN and kind != "multipart/form-data":
        yield Section("Body", note=f"{len(body)} bytes, too many to be shown.")
    elif kind == "application/x-www-form-urlencoded":
        yield _section("Form", parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True))
    elif kind == "multipart/form-data":
        yield _section("Form", _parts(body, content_type))
    elif kind == "application/json" or kind.endswith("+json"):
        yield _json_section(body)
    else:
        text = body.decode("utf-8", "replace")
        yield _section("Body", [(kind or "bytes", text if text.isprintable() else repr(body[:200]))])


def _json_section(body: bytes) -> Section:
    try:
        data = json.loads(body)
    except ValueError as error:
        return Section("JSON", note=f"The body is not JSON: {error}.")
    pairs = data if type(data) is dict else {"": data}
    return Section("JSON", tuple(_described(pairs)), max(len(pairs) - MOST_PAIRS, 0))


def _parts(body: bytes, content_type: str) -> list[tuple[str, str]]:
    """Names and texts of the parts of a form (RFC 7578); a file is named only."""
    _, found, boundary = content_type.partition("boundary=")
    boundary = boundary.partition(";")[0].strip().strip('"')
    if not found or not boundary:
        return []
    pairs = []
    for part in body.split(b"--" + boundary.encode("latin-1", "replace"))[1:-1][:MOST_PAIRS]:
        head, _, content = part.partition(b"\r\n\r\n")
        about = head.decode("utf-8", "replace")
        name, file = _parameter(about, "name"), _parameter(about, "filename")
        content = content.removesuffix(b"\r\n")
        text = f"file {file!r}, {len(content)} bytes" if file else content.decode("utf-8", "replace")
        pairs.append((name, text))
    return pairs


def _parameter(text: str, name: str) -> str:
    return text.partition(f' {name}="')[2].partition('"')[0]


def _masked_part(part: str) -> str:
    name, equals, _ = part.partition("=")
    return f"{name}={MARK}" if equals and is_secret_name(unquote_plus(name)) else part


def _title(name: str) -> str:
    return "-".join(part.capitalize() for part in name.split("-"))


_UNSAID = frozenset(
    {"host", "content-length", "connection", "accept-encoding", "transfer-encoding", "expect"}
)


def _curl(request: RequestInfo, url: str, headers: Sequence[tuple[str, str]]) -> str:
    """A command that sends the same again, but for its secrets. A body that cannot stand in it is the content
    of a file that the command names, so that it fails instead of sending something else."""
    words = ["curl"]
    if request.method != ("POST" if request.body_bytes else "GET"):
        words += ["-X", request.method]
    for name, value in headers:
        lowered = name.lower()
        if lowered in _UNSAID or lowered.startswith("sec-"):
            continue
        words += ["-H", _quoted(f"{_title(name)}: {_shown(name, value)}")]
    text = _text_of(request)
    if text is not None:
        words += ["--data-raw", _quoted(mask_text(text))]
    elif request.body_bytes:
        words += ["--data-binary", f"@body-of-{request.body_bytes}-bytes"]
    return " ".join([*words, _quoted(url)])


def _text_of(request: RequestInfo) -> str | None:
    """The body, if it can be an argument of a command."""
    if not request.body or len(request.body) > MOST_BODY_IN_COMMAND or b"\0" in request.body:
        return None
    try:
        return request.body.decode()
    except UnicodeDecodeError:
        return None


def _quoted(text: str) -> str:
    """For a shell: nothing of it is interpreted. What could not be copied from a page is written as bash
    and zsh read it (POSIX.1-2024 2.2.4, dollar-single-quotes)."""
    if visible(text) == text:
        return "'" + text.replace("'", "'\\''") + "'"
    return "$'" + "".join(map(_escaped, text)) + "'"


def _escaped(character: str) -> str:
    if character in _ESCAPES:
        return _ESCAPES[character]
    if visible(character) == character:
        return character
    return "".join(f"\\x{byte:02x}" for byte in character.encode("utf-8", "surrogatepass"))

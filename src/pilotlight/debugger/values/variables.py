"""Which variables of a frame are shown, and in which order.

Those on the marked line first, then the arguments, then the rest. Attributes on the line (`self.total`) are
variables of their own where the object stores them: no property is ever run. Must never change a frame.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from keyword import iskeyword
from types import FrameType, MemberDescriptorType
from typing import Any

from pilotlight.debugger.introspection import anatomy
from pilotlight.debugger.model import Role, Span, Variable

from .budget import Budget
from .describe import describe
from .secrets import is_secret_name
from .written import is_code, is_maskable, is_proxy, masked

MAX_NAMES = 40
MAX_ATTRIBUTES = 3
MAX_MODULE_VARIABLES = 5
_OPTIMIZED = 1  # CO_OPTIMIZED: a function, whose locals are not a dictionary
_VARARGS, _VARKEYWORDS = 4, 8

_TOKEN = (
    r"\#.*"
    r"|(?P<prefix>(?<!\w)[A-Za-z]{0,2})(?P<quote>\"\"\"|'''|\"|')"
    r"|(?P<name>(?<![\w.])[^\W\d]\w*(?:[ \t]*\.[ \t]*[^\W\d]\w*)*)"
)
_REPLACEMENT = r"\{\{|\{([^{}]*(?:\{[^{}]*\}[^{}]*)*)\}?"
_CONVERSION = r"![rsa](?=:|$)"
_MISSING = object()


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    """Not before the first use: the patterns would cost the start of the server some milliseconds."""
    return re.compile(pattern)


def names_on_line(
    lines: tuple[str, ...],
    first_line: int,
    line: int | None,
    end_line: int | None = None,
    span: Span | None = None,
) -> tuple[str, ...]:
    """The names that the marked code uses, those of the marked span first, each in order of appearance.

    Args:
        lines: source around it, as in `model.Frame`.
        first_line: the number of the first of `lines`.
        line: where the marked code begins; None if that is not known.
        end_line: where it ends.
        span: the failing expression.

    Returns:
        Names such as `user` and dotted ones such as `self.total`; whether they exist is not known.
    """
    if line is None:
        return ()
    names: dict[str, None] = {}
    if span is not None:
        names.update(dict.fromkeys(_names("\n".join(_within(lines, first_line, span)))))
    start = max(line - first_line, 0)
    text = "\n".join(lines[start : max(end_line or line, line) - first_line + 1])
    names.update(dict.fromkeys(_names(text)))
    return tuple(names)[:MAX_NAMES]


def _within(lines: tuple[str, ...], first_line: int, span: Span) -> Iterable[str]:
    for number in range(span.line, span.end_line + 1):
        if not first_line <= number < first_line + len(lines):
            continue
        text = lines[number - first_line]
        end = span.end_column if number == span.end_line else len(text)
        yield text[span.column if number == span.line else 0 : end]


def _names(code: str, depth: int = 0) -> list[str]:
    """Names in a piece of source that may begin or end anywhere."""
    found: list[str] = []
    position = 0
    while len(found) < MAX_NAMES:
        token = _compiled(_TOKEN).search(code, position)
        if token is None:
            break
        position = token.end()
        quote = token.group("quote")
        if quote:
            end = _string_end(code, position, quote)
            if "f" in token.group("prefix").lower() and depth < 2:
                for part in _compiled(_REPLACEMENT).finditer(code[position:end]):
                    found.extend(_names(_compiled(_CONVERSION).sub("", part.group(1) or ""), depth + 1))
            position = min(end + len(quote), len(code))
        elif token.group("name"):
            found.extend(_prefixes(token.group("name")))
    return found


def _string_end(code: str, position: int, quote: str) -> int:
    """Where a string ends: its quote, or the end of the line if it has only one."""
    while position < len(code):
        if code[position] == "\\":
            position += 2
        elif code.startswith(quote, position) or (len(quote) == 1 and code[position] == "\n"):
            return position
        else:
            position += 1
    return len(code)


def _prefixes(dotted: str) -> Iterable[str]:
    """`a.b.c` gives `a`, `a.b` and `a.b.c`."""
    if dotted.isidentifier():  # as most are
        return () if iskeyword(dotted) else (dotted,)
    parts = [part.strip() for part in dotted.split(".")]
    if iskeyword(parts[0]) or not all(part.isidentifier() for part in parts):
        return ()
    return [".".join(parts[:count]) for count in range(1, min(len(parts), MAX_ATTRIBUTES) + 1)]


def of_frame(
    frame: FrameType, names: Iterable[str], budget: Budget, *, limit: int = 30
) -> tuple[tuple[Variable, ...], int]:
    """The variables of a frame that are shown, and how many more there are.

    Args:
        frame: of the app, read and not changed.
        names: what the marked line uses, as `names_on_line` gives.
        budget: of the page.
        limit: how many are shown at most.
    """
    chosen = _chosen(frame, tuple(names))
    shown = tuple(
        Variable(name, _describe(name, value, budget), role) for name, value, role in chosen[:limit]
    )
    return shown, max(len(chosen) - limit, 0)


def _describe(name: str, value: Any, budget: Budget) -> Any:
    # The name that counts is the last: `self.password`. Of `password.value` the first counts too.
    if any(is_secret_name(part) for part in name.split(".")) and is_maskable(value):
        return masked(value)
    return describe(value, budget=budget)


def _chosen(frame: FrameType, names: tuple[str, ...]) -> list[tuple[str, Any, Role]]:
    known = _locals(frame)
    code = frame.f_code
    used: list[tuple[str, Any, Role]] = []
    for name in names:
        value = _resolve(name, known, frame.f_globals)
        if value is not _MISSING:
            used.append((name, value, "used"))
    # Data first; the sort keeps the order otherwise.
    used.sort(key=lambda each: is_code(each[1]) or is_proxy(each[1]))
    seen = {name for name, _, _ in used}
    if not code.co_flags & _OPTIMIZED and frame.f_locals is frame.f_globals:
        others = [
            name
            for name in reversed(known)
            if _is_shown(name, known[name], seen) and not is_proxy(known[name])
        ]
        return used + [(name, known[name], "local") for name in others[:MAX_MODULE_VARIABLES]]
    arguments = [name for name in _arguments(frame) if name in known and _is_shown(name, known[name], seen)]
    seen.update(arguments)
    rest = [name for name in known if _is_shown(name, known[name], seen)]
    rest.sort(key=lambda name: is_proxy(known[name]))
    return [
        *used,
        *((name, known[name], "argument") for name in arguments),
        *((name, known[name], "local") for name in rest),
    ]


def _locals(frame: FrameType) -> dict[str, Any]:
    """A copy of the frame's variables; empty where they are in a mapping of the app's own."""
    held: Any = frame.f_locals
    if anatomy.is_a(held, dict):
        return {name: value for name, value in dict.items(held) if type(name) is str}
    if type(held).__name__ == "FrameLocalsProxy":  # 3.13 on
        return {name: value for name, value in held.items() if type(name) is str}
    return {}


def _arguments(frame: FrameType) -> tuple[str, ...]:
    code = frame.f_code
    if not code.co_flags & _OPTIMIZED:
        return ()
    count = code.co_argcount + code.co_kwonlyargcount
    count += bool(code.co_flags & _VARARGS) + bool(code.co_flags & _VARKEYWORDS)
    return code.co_varnames[:count]


def _is_shown(name: str, value: Any, seen: set[str]) -> bool:
    return name not in seen and not _is_dunder(name) and name.isidentifier() and not is_code(value)


def _is_dunder(name: str) -> bool:
    return name.startswith("__") and name.endswith("__")


def _resolve(dotted: str, known: dict[str, Any], scope: dict[str, Any]) -> Any:
    """What a name on the line stands for; nothing that a property or a proxy would have to make."""
    first, *attributes = dotted.split(".")
    if _is_dunder(first):
        return _MISSING
    value = known[first] if first in known else dict.get(scope, first, _MISSING)
    for name in attributes:
        if value is _MISSING:
            break
        value = _stored(value, name)
    return value


def _stored(value: Any, name: str) -> Any:
    """An attribute that the object stores itself, and that nothing in its class stands in front of."""
    if _is_dunder(name) or anatomy.is_a(value, type):
        return _MISSING
    _, in_class = anatomy.lookup(type(value), name)
    if type(in_class) is property:
        return _MISSING
    if type(in_class) is MemberDescriptorType:
        return anatomy.attribute(value, name, _MISSING)
    return dict.get(anatomy.instance_dictionary(value), name, _MISSING)

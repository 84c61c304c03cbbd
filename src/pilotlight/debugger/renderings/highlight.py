"""Which pieces of source to tint: comments, strings, keywords, numbers, definitions.

Pure, and only for the eye: it works line by line on an excerpt whose beginning is unknown, so it may be
wrong about the inside of a long string. Must never change the text.
"""

from __future__ import annotations

import re
from keyword import iskeyword
from typing import Literal

Token = tuple[int, int, str]
Language = Literal["python", "jinja", "django"]

_TOKEN = (
    r"(?P<c>\#.*)"
    r"|(?P<t>[A-Za-z]{0,2}(?:\"\"\"|'''))"
    r"|(?P<s>\b[A-Za-z]{0,2}(?:\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*')"
    r"|\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*')"
    r"|(?P<d>(?<=def\ )\w+|(?<=class\ )\w+|^\s*@[\w.]+)"
    r"|(?P<w>[^\W\d]\w*)"
    r"|(?P<n>\d[\w.]*)"
)

# What both template languages share: a comment, a tag with its name, an expression; the rest is text.
_TEMPLATE_TAG = r"(?P<c>\{\#.*?\#\})|(?P<open>\{%[-+]?\s*)(?P<k>\w+)|(?P<expression>\{\{)"
_TEMPLATE_TOKEN = (
    r"(?P<end>[-+]?[%}]\})|(?P<s>\"[^\"]*\"|'[^']*')|(?P<d>\|\s*\w+)|(?P<w>[^\W\d]\w*)|(?P<n>\d[\w.]*)"
)
_TEMPLATE_WORDS = frozenset(
    {
        "in",
        "if",
        "else",
        "and",
        "or",
        "not",
        "is",
        "with",
        "as",
        "by",
        "from",
        "import",
        "True",
        "False",
        "None",
    }
)


def highlight(lines: tuple[str, ...], language: Language = "python") -> list[list[Token]]:
    """For each line its tokens as (start, end, kind): c comment, s string, k keyword, n number, d
    definition.
    """
    if language != "python":
        return [_template_line(line) for line in lines]
    token = re.compile(_TOKEN)  # cached by `re`; not compiled before the first page
    found = []
    quote = ""
    for line in lines:
        tokens, quote = _line(token, line, quote)
        found.append(tokens)
    return found


def _template_line(line: str) -> list[Token]:
    tokens: list[Token] = []
    position = 0
    while True:
        found = re.compile(_TEMPLATE_TAG).search(line, position)
        if found is None:
            return tokens
        position = found.end()
        if found.lastgroup == "c":
            tokens.append((*found.span(), "c"))
            continue
        if found.group("k") is not None:
            tokens.append((*found.span("k"), "k"))
        position = _template_expression(line, position, tokens)


def _template_expression(line: str, position: int, tokens: list[Token]) -> int:
    """Adds the tokens up to the end of the tag, and returns where that is."""
    for found in re.compile(_TEMPLATE_TOKEN).finditer(line, position):
        kind = found.lastgroup or ""
        if kind == "end":
            return found.end()
        if kind != "w":
            tokens.append((*found.span(), kind))
        elif found.group() in _TEMPLATE_WORDS:
            tokens.append((*found.span(), "k"))
    return len(line)


def _line(token: re.Pattern[str], line: str, quote: str) -> tuple[list[Token], str]:
    """The tokens of a line, and the triple quote that is still open at its end."""
    tokens: list[Token] = []
    position = 0
    start = 0
    while True:
        if quote:
            end = line.find(quote, position)
            if end < 0:
                if line:
                    tokens.append((start, len(line), "s"))
                return tokens, quote
            position = end + len(quote)
            tokens.append((start, position, "s"))
            quote = ""
        match = token.search(line, position)
        if match is None:
            return tokens, ""
        start, position = match.span()
        kind = match.lastgroup or ""
        if kind == "t":
            quote = match.group()[-3:]
        elif kind == "w":
            if iskeyword(match.group()):
                tokens.append((start, position, "k"))
        else:
            tokens.append((start, position, kind))

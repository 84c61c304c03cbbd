"""Which pieces of Python source to tint: comments, strings, keywords, numbers, definitions.

Pure, and only for the eye: it works line by line on an excerpt whose beginning is unknown, so it may be
wrong about the inside of a long string. Must never change the text.
"""

from __future__ import annotations

import re
from keyword import iskeyword

Token = tuple[int, int, str]

_TOKEN = (
    r"(?P<c>\#.*)"
    r"|(?P<t>[A-Za-z]{0,2}(?:\"\"\"|'''))"
    r"|(?P<s>\b[A-Za-z]{0,2}(?:\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*')"
    r"|\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*')"
    r"|(?P<d>(?<=def\ )\w+|(?<=class\ )\w+|^\s*@[\w.]+)"
    r"|(?P<w>[^\W\d]\w*)"
    r"|(?P<n>\d[\w.]*)"
)


def highlight(lines: tuple[str, ...]) -> list[list[Token]]:
    """For each line its tokens as (start, end, kind): c comment, s string, k keyword, n number, d
    definition.
    """
    token = re.compile(_TOKEN)  # cached by `re`; not compiled before the first page
    found = []
    quote = ""
    for line in lines:
        tokens, quote = _line(token, line, quote)
        found.append(tokens)
    return found


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

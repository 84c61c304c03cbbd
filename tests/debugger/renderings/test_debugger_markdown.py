"""The Markdown to paste: what matters first, and nothing of the app is markup."""

from __future__ import annotations

import re
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st
from rich_reports import rich_report

from pilotlight.debugger.model import Value, Variable
from pilotlight.debugger.renderings.markdown import markdown_parts, render_markdown
from pilotlight.debugger.renderings.text import render_text


def test_what_it_tells_and_in_which_order() -> None:
    text = render_markdown(rich_report())
    parts = [
        "## ``TypeError: unsupported operand",
        "- Request: `POST http://127.0.0.1:5000/checkout?from=basket`",
        "- Versions: `CPython 3.13.1, Flask 3.1.0, SQLAlchemy 2.0.36`",
        "raised while handling `KeyError: 'SPRING'`",
        "### `shop.py:8` in `total`",
        ">  8      return amount - amount * discount / 100",
        "discount = None",
        "api_key = ********",
        "### `shop.py:15` in `checkout`",
        "<details><summary>Traceback</summary>",
        "Traceback (most recent call last):",
        "</details>",
    ]
    places = [text.index(part) for part in parts]
    assert places == sorted(places)
    before, traceback, after = markdown_parts(rich_report())
    assert (before + traceback + after, traceback) == (text, render_text(rich_report()))


def outside_fences(text: str) -> str:
    """What a renderer would take as markup: neither in fences nor in code spans."""
    kept: list[str] = []
    fence = ""
    for line in text.split("\n"):
        found = re.match("(`{3,})", line)
        if fence:
            if line == fence:
                fence = ""
        elif found:
            fence = found.group(1)
        else:
            kept.append(re.sub(r"(?<!`)(`+)(?!`).*?(?<!`)\1(?!`)", "", line))
    assert not fence
    return "\n".join(kept)


@settings(max_examples=150, deadline=None)
@given(st.text(alphabet="`~#<>\n \\[]()!*_a@", max_size=60))
def test_nothing_of_the_app_is_markup(hostile: str) -> None:
    report = rich_report()
    frame = replace(
        report.error.frames[-1],
        file=f"{hostile}.py",
        qualname=hostile,
        lines=tuple(hostile.split("\n")),
        variables=(Variable(f"n{hostile}", Value(hostile, note=hostile)),),
    )
    harmless = replace(
        report, chain=(replace(report.error, frames=(replace(frame, qualname="x", file="x"),)),)
    )
    report = replace(
        report,
        chain=(replace(report.error, message=hostile, frames=(frame,), notes=(hostile,)),),
        place=hostile,
    )
    expected = outside_fences(render_markdown(harmless))
    found = outside_fences(render_markdown(report)).replace("- Where: \n", "")
    assert found == expected

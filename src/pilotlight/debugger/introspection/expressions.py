"""The expression that failed, as a tree, and what the values in it are.

The interpreter says exactly which expression it was from 3.11 on; before, all expressions of the line are
candidates. Must never run user code: names, attributes and items are looked up by `peek`. The parser is the
interpreter's own builtin module, which no file of an app can stand in front of.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from types import FrameType
from typing import TYPE_CHECKING, Any, NamedTuple

from . import peek
from .peek import UNKNOWN
from .stack import Position

if TYPE_CHECKING:
    import _ast

MAX_CHARACTERS = 2_000
MAX_NODES = 300
MAX_SHOWN_CHARACTERS = 60

# The parser warns about such text, by code that an app may have replaced.
_WARNS = re.compile(r"\\|[0-9](?:and|else|for|if|in|is|or|not)\b")


class Expression(NamedTuple):
    """A piece of the failing line.

    Args:
        node: its tree.
        text: what it was parsed from.
        exact: it is the very expression that failed, not just one in its line.
    """

    node: _ast.expr
    text: str
    exact: bool

    def source(self, node: _ast.AST) -> str:
        """A part of it as it is written, if that is short enough to be quoted."""
        line, end_line = getattr(node, "lineno", 0), getattr(node, "end_lineno", 0)
        lines = self.text.split("\n")
        if line != end_line or not 0 < line <= len(lines):
            return ""
        start, end = getattr(node, "col_offset", 0), getattr(node, "end_col_offset", 0)
        found = lines[line - 1].encode()[start:end].decode("utf-8", "replace")
        return found if len(found) <= MAX_SHOWN_CHARACTERS else ""


def failing(lines: tuple[str, ...] | str, place: Position, *, in_lambda: bool = False) -> list[Expression]:
    """The expression that failed, or all of its line where the interpreter does not say which.

    Args:
        lines: the whole source.
        place: where in it.
        in_lambda: it failed inside a `lambda`, which may be only a part of the line.
    """
    if isinstance(lines, str) or place.line is None or not 0 < place.line <= len(lines):
        return []
    if place.column is not None:
        tree = _parsed(_cut(lines, place), "eval")
        if tree is not None:
            return [Expression(tree[0], tree[1], exact=True)]
    return _in_line(lines[place.line - 1].strip(), in_lambda)


def _cut(lines: tuple[str, ...], place: Position) -> str:
    line, end_line = place.line or 1, min(place.end_line or 1, len(lines))
    part = [each.encode("utf-8", "surrogatepass") for each in lines[line - 1 : end_line]]
    if not part:
        return ""
    part[-1] = part[-1][: place.end_column]
    part[0] = part[0][place.column :]
    return b"\n".join(part).decode("utf-8", "ignore")


def _parsed(text: str, mode: str) -> tuple[Any, str] | None:
    """The tree of an expression or a statement; None where it is neither, or the parser would warn."""
    import _ast  # builtin; made when first asked for

    if not text.strip() or len(text) > MAX_CHARACTERS or _WARNS.search(text):
        return None
    if mode == "eval":
        text = f"({text}\n)"
    try:
        tree: Any = compile(text, "<excerpt>", mode, _ast.PyCF_ONLY_AST, dont_inherit=True)
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        return None
    return (tree.body if mode == "eval" else tree), text


def _in_line(line: str, in_lambda: bool) -> list[Expression]:
    """All expressions of a line, also of one that begins a block or is a part of a longer statement."""
    import _ast

    branch = re.sub(r"^elif\b", "if", line)
    for text in (line, branch + " pass", line + "\ndef _(): pass", f"({line}\n)", f"_({line}\n)"):
        tree = _parsed(text, "exec")
        if tree is not None:
            nodes = list(_walk(tree[0], not in_lambda))
            if in_lambda:
                bodies = [node.body for node in nodes if isinstance(node, _ast.Lambda)]
                nodes = [node for body in bodies for node in _walk(body, True)]
            return [Expression(node, text, exact=False) for node in nodes if isinstance(node, _ast.expr)]
    return []


def _walk(tree: Any, skip_functions: bool) -> Iterator[Any]:
    """Every node, the outer ones first. What is in a function runs at another time than what is around it."""
    import _ast

    waiting = [tree]
    count = 0
    while waiting and count < MAX_NODES:
        node = waiting.pop(0)
        count += 1
        yield node
        if skip_functions and isinstance(node, (_ast.Lambda, _ast.FunctionDef, _ast.AsyncFunctionDef)):
            continue
        for name in node._fields:
            value = getattr(node, name, None)
            if isinstance(value, _ast.AST):
                waiting.append(value)
            elif isinstance(value, list):
                waiting.extend(each for each in value if isinstance(each, _ast.AST))


def value_of(node: Any, frame: FrameType) -> Any:
    """What an expression gives, as far as that can be told without running code; else `UNKNOWN`."""
    import _ast

    if isinstance(node, _ast.Constant):
        return node.value
    if isinstance(node, _ast.Name):
        return peek.name_value(frame, node.id)
    if isinstance(node, _ast.Attribute):
        owner = value_of(node.value, frame)
        return UNKNOWN if owner is UNKNOWN else peek.attribute_value(owner, mangled(node.attr, frame))
    if isinstance(node, _ast.Subscript):
        owner, key = value_of(node.value, frame), value_of(node.slice, frame)
        return UNKNOWN if owner is UNKNOWN or key is UNKNOWN else peek.item_value(owner, key)
    return UNKNOWN


def mangled(name: str, frame: FrameType) -> str:
    """A private name of a class as it is stored; only where the interpreter knows the class (3.11 on)."""
    if not name.startswith("__") or name.endswith("__"):
        return name
    owner = getattr(frame.f_code, "co_qualname", "").rpartition(".")[0].rpartition(".")[2].lstrip("_")
    return f"_{owner}{name}" if owner and owner != "<locals>" else name

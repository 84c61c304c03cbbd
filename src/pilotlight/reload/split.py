"""A module's source as two code objects: its leading docstring, imports and `__future__`s, and the rest.

The rest of a module that is being edited can then be executed alone, in a process that has executed the
leading part and stopped there, as long as the leading part is still the same, byte for byte. Pure. Must never
execute anything.

Why it is exact: the leading part ends with a whole logical line, so no later text can change what it means;
the two parts share globals, file name, line numbers and `__future__` flags; the second is kept from having a
docstring of its own."""

from __future__ import annotations

import _ast as ast
from dataclasses import dataclass
from types import CodeType
from typing import Any

_OPTIONAL_FEATURES = frozenset({"annotations", "barry_as_FLUFL"})
"""Of `__future__`: the others say nothing any more, or are refused by the compiler."""


@dataclass(frozen=True, slots=True)
class Parts:
    """A module in two parts.

    Args:
        source: the whole.
        head: the bytes of the leading part; the source begins with them.
        head_code: to be executed first.
        rest_code: to be executed in the same globals.
    """

    source: bytes
    head: bytes
    head_code: CodeType
    rest_code: CodeType


def split(source: bytes, path: str) -> Parts | None:
    """The parts of a source, or None if it has no leading import.

    Args:
        source: the file's bytes.
        path: for tracebacks.

    Raises:
        SyntaxError, ValueError: as `compile` raises for the whole source.
    """
    try:
        return _split(source, path)
    except RecursionError:  # an expression so deep that it exists as code, and not as a tree
        return None


def _split(source: bytes, path: str) -> Parts | None:
    tree = _parsed(source, path)
    count = _leading(tree.body)
    if count == 0 or count == len(tree.body):
        return None
    head = _head_bytes(source, tree, count)
    if head is None:
        return None
    _refuse_what_only_the_whole_shows(source, tree.body[count:], path)
    flags = _future_flags(tree.body)
    head_code = _compiled(tree.body[:count], flags, path)
    return Parts(
        source, head, head_code, _compiled(_behind(tree.body[:count], tree.body[count:]), flags, path)
    )


def rest_after(source: bytes, head: bytes, path: str) -> CodeType | None:
    """The code of a source of which `head` has been executed already, without that; None if it does not begin
    with that head.

    Raises:
        SyntaxError, ValueError: as `compile` raises for the whole source.
    """
    if not source.startswith(head):
        return None
    try:
        return _rest_after(source, head, path)
    except RecursionError:
        return None


def _rest_after(source: bytes, head: bytes, path: str) -> CodeType:
    tree = _parsed(source, path)
    lines = head.count(b"\n")
    count = sum((statement.end_lineno or 0) <= lines for statement in tree.body)
    rest = tree.body[count:]
    _refuse_what_only_the_whole_shows(source, rest, path)
    return _compiled(_behind(tree.body[:count], rest), _future_flags(tree.body), path)


def _refuse_what_only_the_whole_shows(source: bytes, rest: list[ast.stmt], path: str) -> None:
    """Some statements are right or wrong by what stands before them: a late `__future__` import, a `global`
    at the module's level."""
    if any(map(_depends_on_before, rest)):
        compile(source, path, "exec", dont_inherit=True)


def _depends_on_before(node: ast.AST) -> bool:
    if isinstance(node, ast.Global) or (isinstance(node, ast.ImportFrom) and node.module == "__future__"):
        return True
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.expr):
        return False
    return any(
        _depends_on_before(child) for name in node._fields for child in _nodes(getattr(node, name, None))
    )


def _nodes(value: Any) -> list[ast.AST]:
    values = value if isinstance(value, list) else [value]
    return [one for one in values if isinstance(one, ast.AST)]


def _leading(body: list[ast.stmt]) -> int:
    """How many statements at the start are a docstring or imports; 0 if there is no import among them."""
    count = imports = 0
    for position, statement in enumerate(body):
        if isinstance(statement, ast.Import | ast.ImportFrom):
            imports += not (isinstance(statement, ast.ImportFrom) and statement.module == "__future__")
        elif not (position == 0 and _is_string(statement)):
            break
        count += 1
    return count if imports else 0


def _is_string(statement: ast.stmt) -> bool:
    return (
        isinstance(statement, ast.Expr)
        and isinstance(statement.value, ast.Constant)
        and isinstance(statement.value.value, str)
    )


def _head_bytes(source: bytes, tree: ast.Module, count: int) -> bytes | None:
    """The lines of the first `count` statements; None if one of them shares its last line with the next
    statement, or the source has line ends by which Python and we might count differently."""
    last = tree.body[count - 1].end_lineno or 0
    if tree.body[count].lineno <= last or b"\r" in source or b"\f" in source:
        return None
    lines = source.splitlines(keepends=True)
    head = b"".join(lines[:last])
    return head if head.count(b"\n") == last else None


def _behind(head: list[ast.stmt], rest: list[ast.stmt]) -> list[ast.stmt]:
    """The rest as it stands behind the leading part, which is compiled and never executed.

    The compiler has to know which names are imported: it gives a call of `module.function` other line numbers
    than a call of a method. And a string at the start of the rest is no docstring.
    """
    if not rest:
        return []
    place: Any = {
        name: getattr(head[-1], name) for name in ("lineno", "col_offset", "end_lineno", "end_col_offset")
    }
    imports: list[ast.stmt] = [
        statement
        for statement in head
        if isinstance(statement, ast.Import)
        or (isinstance(statement, ast.ImportFrom) and statement.module != "__future__")
    ]
    return [ast.If(ast.Constant(False, **place), imports, [], **place), *rest]


def _parsed(source: bytes, path: str) -> ast.Module:
    """As `ast.parse`, without the milliseconds that the import of `ast` takes."""
    tree: Any = compile(source, path, "exec", ast.PyCF_ONLY_AST, dont_inherit=True)
    return tree  # type: ignore[no-any-return]


def _compiled(body: list[ast.stmt], flags: int, path: str) -> CodeType:
    module = ast.Module(body=body, type_ignores=[])
    code: Any = compile(module, path, "exec", flags=flags, dont_inherit=True)
    return code  # type: ignore[no-any-return]


def _future_flags(body: list[ast.stmt]) -> int:
    import __future__

    flags = 0
    for statement in body:
        if isinstance(statement, ast.ImportFrom) and statement.module == "__future__":
            for alias in statement.names:
                if alias.name in _OPTIONAL_FEATURES:
                    flags |= getattr(__future__, alias.name).compiler_flag
    return flags

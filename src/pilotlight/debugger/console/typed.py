"""What was typed becomes code that can run: whole or not yet, statements and a last expression.

Pure. Must never run or import anything, and never touch the frame it is for.
"""

from __future__ import annotations
import __future__

import ast
import codeop
from dataclasses import dataclass
from types import CodeType, FrameType

_FUTURES = 0
for _name in __future__.all_feature_names:
    _FUTURES |= getattr(__future__, _name).compiler_flag
# Not public, but all that `codeop` itself knows: the second tells input that breaks off from a wrong one.
_BREAKING_OFF: int = getattr(codeop, "PyCF_DONT_IMPLY_DEDENT", 0) | getattr(
    codeop, "PyCF_ALLOW_INCOMPLETE_INPUT", 0
)
_COMPOUND = (
    ast.If,
    ast.For,
    ast.While,
    ast.With,
    ast.Try,
    ast.FunctionDef,
    ast.ClassDef,
    ast.AsyncFunctionDef,
    ast.AsyncFor,
    ast.AsyncWith,
    ast.Match,
    *((ast.TryStar,) if hasattr(ast, "TryStar") else ()),
)


@dataclass(frozen=True, slots=True)
class Input:
    """One complete input.

    Args:
        statements: None where there are none. Awaitable when its flags say CO_COROUTINE.
        expression: the last one, whose value is shown.
        global_names: declared `global` at the top level.
        inner_globals: declared `global` in functions and classes.
    """

    statements: CodeType | None
    expression: CodeType | None
    global_names: frozenset[str]
    inner_globals: frozenset[str]


def future_flags(frame: FrameType) -> int:
    """The `__future__` statements under which the code of a frame was compiled."""
    return frame.f_code.co_flags & _FUTURES


def is_incomplete(source: str) -> bool:
    """Whether more lines have to follow, by the rules of `codeop`: an open bracket, string or block.

    A compound statement ends with an empty line, as at Python's own prompt.
    """
    try:
        tree = ast.parse(source)
    except SyntaxError:
        return _breaks_off(source)
    except (ValueError, RecursionError, MemoryError):
        return False
    if not tree.body or not isinstance(tree.body[-1], _COMPOUND):
        return False
    lines = source.split("\n")
    return len(lines) < 2 or bool(lines[-1].strip())


def _breaks_off(source: str) -> bool:
    # Not `codeop.compile_command`: it changes the process's warning filters while it runs.
    flags = ast.PyCF_ONLY_AST | _BREAKING_OFF
    try:
        compile(source, "<console>", "exec", flags, True)
    except SyntaxError as error:
        return "incomplete input" in str(error)
    except (ValueError, RecursionError, MemoryError):
        return False
    return False


def parse(source: str, filename: str, flags: int = 0) -> Input:
    """The code of a complete input.

    Args:
        filename: under which its lines are looked up in tracebacks.
        flags: of `__future__` statements that hold.

    Raises:
        SyntaxError, ValueError, OverflowError, RecursionError: as `compile` does.
    """
    tree = compile(source, filename, "exec", ast.PyCF_ONLY_AST | flags, True)
    assert isinstance(tree, ast.Module)
    globals_ = _Globals()
    globals_.visit(tree)
    expression: ast.expr | None = None
    if tree.body and isinstance(last := tree.body[-1], ast.Expr):
        expression = last.value
        tree.body.pop()
    flags |= ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
    return Input(
        compile(tree, filename, "exec", flags, True) if tree.body else None,
        None if expression is None else compile(ast.Expression(expression), filename, "eval", flags, True),
        frozenset(globals_.outer),
        frozenset(globals_.inner),
    )


class _Globals(ast.NodeTransformer):
    """Takes the `global` statements of the top level out, since its names are looked up one by one."""

    def __init__(self) -> None:
        self.outer: set[str] = set()
        self.inner: set[str] = set()
        self._depth = 0

    def visit_Global(self, node: ast.Global) -> ast.stmt:
        if self._depth:
            self.inner.update(node.names)
            return node
        self.outer.update(node.names)
        return ast.copy_location(ast.Pass(), node)

    def _nested(self, node: ast.AST) -> ast.AST:
        self._depth += 1
        self.generic_visit(node)
        self._depth -= 1
        return node

    visit_FunctionDef = visit_AsyncFunctionDef = visit_ClassDef = _nested

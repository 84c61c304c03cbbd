"""A place in a template, as data. Types only."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple


class TemplatePlace(NamedTuple):
    """A place in a template, and what the template knew there.

    Args:
        function: the template or its block, as a traceback would name a function.
        source: the whole template, where the engine still has it; else it is read from the file.
        position: where the tag stands, in characters of the source from 0.
        names: the innermost scope first.
    """

    file: str
    line: int
    function: str
    language: Literal["jinja", "django"]
    source: str | None = None
    position: tuple[int, int] | None = None
    names: tuple[dict[Any, Any], ...] = ()

    def key(self) -> tuple[str, int, str]:
        """Equal for the same place."""
        return self.file, self.line, self.function


class Wrong(NamedTuple):
    """A syntax error in a template. `tag` is the text of the failing tag, where the engine tells it."""

    message: str
    file: str
    line: int
    source: str | None = None
    tag: str | None = None

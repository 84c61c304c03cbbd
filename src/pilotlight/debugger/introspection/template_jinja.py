"""Jinja2's part in a traceback: the calls of compiled templates, and its syntax errors.

Jinja2 rewrites the tracebacks it sees, so that a template's call has the template's file and line; where it
did not (a stream, a template rendered by hand), the line is looked up in the table that the compiled template
holds. Must never run a method of the engine.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from .anatomy import instance_dictionary
from .exceptions import arguments, attribute, is_named
from .peek import is_plain_scope, local
from .stack import Step
from .template_place import TemplatePlace, Wrong

_RENDERERS = ("flask.templating", "quart.templating")  # their `render_template_string` still has the source
_MISSING_TYPE = "MissingType"


def places(steps: Sequence[Step]) -> dict[int, TemplatePlace]:
    """The calls of templates, by their index."""
    found = {}
    source: str | None = None
    for index, step in enumerate(steps):
        known = step.frame.f_globals
        if dict.get(known, "__jinja_exception__") is not None:
            found[index] = _rewritten(step, source)
        elif dict.get(known, "__jinja_template__") is not None and type(dict.get(known, "debug_info")) is str:
            found[index] = _compiled(step, source)
        elif step.code.co_name == "render_template_string" and step.module in _RENDERERS:
            given = local(step.frame, "source")
            source = given if type(given) is str else None
    return found


def syntax_error(error: BaseException) -> Wrong | None:
    """A `TemplateSyntaxError` of Jinja2, with its place."""
    if not is_named(type(error), "jinja2.exceptions", "TemplateSyntaxError"):
        return None
    line, told = attribute(error, "lineno"), arguments(error)
    if type(line) is not int or not told or type(told[0]) is not str:
        return None
    file, name, source = attribute(error, "filename"), attribute(error, "name"), attribute(error, "source")
    file = next((each for each in (file, name) if type(each) is str and each != "<unknown>"), "<template>")
    return Wrong(told[0], file, line, source if type(source) is str else None)


def _rewritten(step: Step, source: str | None) -> TemplatePlace:
    """A call that Jinja2 has put in the place of the real one; its locals are what the template knew."""
    file, function = step.code.co_filename, step.code.co_name
    if not function.startswith("block "):
        function = f"template '{_short(file)}'"
    known: Any = step.frame.f_locals
    names = (known,) if type(known) is dict else ()
    return TemplatePlace(file, step.line or 1, function, "jinja", _source(file, source), None, names)


def _compiled(step: Step, source: str | None) -> TemplatePlace:
    known = step.frame.f_globals
    file, name, function = step.code.co_filename, dict.get(known, "name"), step.code.co_name
    if function.startswith("block_"):
        function = f"block {function[6:]!r}"
    else:
        function = f"template '{name if type(name) is str else _short(file)}'"
    line = _template_line(dict.get(known, "debug_info", ""), step.line or 1)
    return TemplatePlace(file, line, function, "jinja", _source(file, source), None, _names(step))


def _source(file: str, given: str | None) -> str | None:
    return given if file.startswith("<") else None


def _template_line(table: str, line: int) -> int:
    """By the table `template=compiled&...`, both rising: the last entry that is not behind the line."""
    found = 1
    for entry in table.split("&"):
        here, _, there = entry.partition("=")
        if not there.isdigit() or not here.isdigit() or int(there) > line:
            break
        found = int(here)
    return found


def _names(step: Step) -> tuple[dict[Any, Any], ...]:
    """Loop variables and such (`l_<depth>_<name>`), then the context that the template was given."""
    loops: dict[Any, Any] = {}
    depths: dict[str, int] = {}
    locals_now: Any = step.frame.f_locals
    for key, value in locals_now.items() if is_plain_scope(locals_now) else ():
        if type(key) is not str or not key.startswith("l_") or type(value).__name__ == _MISSING_TYPE:
            continue
        depth, _, name = key[2:].partition("_")
        if name and depth.isdigit() and int(depth) >= depths.get(name, 0):
            loops[name], depths[name] = value, int(depth)
    context = local(step.frame, "context")
    own = _slot(context, "vars"), _slot(context, "parent")
    return (loops, *(each for each in own if type(each) is dict))


def _slot(context: Any, name: str) -> Any:
    """An attribute of Jinja2's own context, read from its dictionary."""
    if not is_named(type(context), "jinja2.runtime", "Context"):
        return None
    return instance_dictionary(context).get(name)


def _short(file: str) -> str:
    """The name by which the app most likely knows the template."""
    _, found, name = file.replace(os.sep, "/").rpartition("/templates/")
    return name if found else os.path.basename(file)

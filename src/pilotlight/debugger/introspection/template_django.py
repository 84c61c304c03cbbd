"""Django's part in a traceback: the nodes of a template that were being rendered, and its syntax errors.

Django renders by walking a tree: each node's `render_annotated` is a call on the stack, and the node knows
its template and line. Of the nodes of one template that stand inside each other the innermost is shown; an
included or extended template is a level of its own. Must never run a method of the engine.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .anatomy import instance_dictionary, module_of, mro
from .exceptions import arguments, attribute, is_named, plain
from .peek import local
from .stack import Step
from .template_place import TemplatePlace, Wrong

_TAGS = "django.template.defaulttags"
_LOADER_TAGS = "django.template.loader_tags"


def places(steps: Sequence[Step], error: BaseException) -> dict[int, TemplatePlace]:
    """The innermost node of each template on the stack, by the index of its call."""
    found: dict[int, TemplatePlace] = {}
    sources: dict[int, str] = {}
    last: tuple[int, Any] | None = None
    block = ""
    scopes: list[dict[Any, Any]] = []
    for index, step in enumerate(steps):
        name = step.code.co_name
        if name == "render":
            scopes = [*_scope_of(step), *scopes]
        elif name in ("render_annotated", "_render", "compile_nodelist"):
            this = local(step.frame, "self")
            known = attributes_of(this)
            origin = known.get("origin")
            if origin is None:
                continue
            if name != "render_annotated":
                source = known.get("source")
                if type(source) is str:
                    sources[id(origin)] = source
                if name == "_render":
                    block = ""
                if name == "_render" or is_syntax_error(error):
                    continue
                place = _place(origin, attribute(error, "token"), "", sources, ())
            else:
                # Only the innermost of the nodes that stand inside each other in one template is shown.
                if last is not None and last[1] is origin:
                    found.pop(last[0], None)
                names = (*scopes, *_names(local(step.frame, "context")))
                place = _place(origin, known.get("token"), block, sources, names)
                last = (index, origin)
                if is_named(type(this), _LOADER_TAGS, "BlockNode"):
                    block = text_of(known.get("name"))
            if place is not None:
                found[index] = place
    return found


def is_syntax_error(error: BaseException) -> bool:
    """Whether it is Django's `TemplateSyntaxError`."""
    return is_named(type(error), "django.template.exceptions", "TemplateSyntaxError")


def syntax_error(error: BaseException, steps: Sequence[Step]) -> Wrong | None:
    """A `TemplateSyntaxError` of Django, with its place."""
    if not is_syntax_error(error):
        return None
    token = attribute(error, "token")
    compiling = [step for step in steps if step.code.co_name == "compile_nodelist"]
    if token is None or not compiling:
        return None
    template = attributes_of(local(compiling[-1].frame, "self"))
    place = _place(template.get("origin"), token, "", {}, ())
    if place is None:
        return None
    told, source, contents = arguments(error), template.get("source"), attributes_of(token).get("contents")
    return Wrong(
        _message(told),
        place.file,
        place.line,
        source if type(source) is str else None,
        contents if type(contents) is str else None,
    )


def _message(told: tuple[Any, ...]) -> str:
    """Of a syntax error that may have been made from another exception."""
    if not told:
        return ""
    if type(told[0]) is str:
        return told[0]
    inner = arguments(told[0]) if issubclass(type(told[0]), BaseException) else ()
    return inner[0] if inner and type(inner[0]) is str else ""


def _place(
    origin: Any, token: Any, block: str, sources: dict[int, str], names: tuple[dict[Any, Any], ...]
) -> TemplatePlace | None:
    where, tag = attributes_of(origin), attributes_of(token)
    file, line, position = where.get("name"), tag.get("lineno"), tag.get("position")
    if file is None or type(line) is not int:
        return None
    file = text_of(file)
    short = where.get("template_name")
    function = f"block '{block}'" if block else f"template '{text_of(short) if short else file}'"
    if type(position) is not tuple or len(position) != 2 or any(type(each) is not int for each in position):
        position = None
    return TemplatePlace(file, line, function, "django", sources.get(id(origin)), position, names)


def _scope_of(step: Step) -> list[dict[Any, Any]]:
    """What a loop, a `with` or an `include` gave to the nodes in it; the context has forgotten it by now."""
    this = local(step.frame, "self")
    if is_named(type(this), _TAGS, "WithNode") or is_named(type(this), _LOADER_TAGS, "IncludeNode"):
        values = local(step.frame, "values")
        return [values] if type(values) is dict else []
    if not is_named(type(this), _TAGS, "ForNode"):
        return []
    names: Any = attributes_of(this).get("loopvars")
    if type(names) not in (list, tuple):
        return []
    item = local(step.frame, "item")
    items: Any = [item] if len(names) == 1 else item
    return [dict(zip(names, items, strict=False))] if type(items) in (list, tuple) else []


def _names(context: Any) -> tuple[dict[Any, Any], ...]:
    scopes = attributes_of(context).get("dicts")
    if type(scopes) is not list:
        return ()
    # A scope may be Django's `ContextDict`, which changes nothing of a dictionary but how it is made.
    known = [each if type(each) is dict else _copied(each) for each in reversed(scopes)]
    return tuple(each for each in known if each)


def _copied(scope: Any) -> dict[Any, Any]:
    if not is_named(type(scope), "django.template.context", "ContextDict"):
        return {}
    return dict(dict.items(scope))


def text_of(value: Any) -> str:
    """A file's name as text; Django keeps some of them as paths."""
    if issubclass(type(value), str):
        return plain(value)
    import os  # here for `fspath` alone, which runs no code of the app: the type is the standard library's

    return os.fspath(value) if type(value).__module__ in ("pathlib", "pathlib._local") else "<unknown source>"


def attributes_of(thing: Any) -> dict[str, Any]:
    """What an object of Django holds, without asking it."""
    if not any(module_of(base).startswith("django.") for base in mro(type(thing))):
        return {}
    return instance_dictionary(thing)

"""Variables and tables of the page. A container opens as nested `<details>`, without any script. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from pilotlight.debugger.model import Pair, Section, Value, Variable

from .markup import counted, escaped, note

_SHOWN = 8
_PLAIN_TYPES = frozenset(
    {
        "str",
        "int",
        "float",
        "bool",
        "NoneType",
        "bytes",
        "complex",
        "type",
        "list",
        "dict",
        "tuple",
        "set",
        "function",
        "module",
        "method",
        "builtin_function_or_method",
    }
)
"""Types that can be told from how their values are written."""


def variables(items: tuple[Variable, ...], omitted: int = 0) -> str:
    """What a frame's names held: the ones that the failing line used first, long lists folded."""
    if not items and not omitted:
        return ""
    # A list that is hardly longer than what is shown is not worth a click.
    shown = items if len(items) <= _SHOWN + 2 else items[:_SHOWN]
    rest = items[len(shown) :]
    html = _list(shown) if shown else ""
    if rest:
        title = counted(len(rest), "more variable")
        html += f"<details class=rest><summary>{title}</summary>{_list(rest)}</details>"
    if omitted:
        html += note(f"{counted(omitted, 'further variable' if items else 'variable')} left out.")
    return f"<div class=variables>{html}</div>\n"


def pairs(items: Iterable[Pair]) -> str:
    """A table of names and texts."""
    rows = [f"<dt>{escaped(item.name)}<dd><code>{escaped(item.value)}</code>" for item in items]
    return f"<dl class=vars>{''.join(rows)}</dl>"


def section(each: Section, *, is_open: bool) -> str:
    """A table with a title that opens it."""
    if not each.pairs and not each.omitted:
        return f"<p class=empty><b>{escaped(each.title)}</b> {escaped(each.note or 'none')}</p>\n"
    opened = " open" if is_open else ""
    more = note(f"{each.omitted:,} more left out.") if each.omitted else ""
    why = note(each.note) if each.note else ""
    return (
        f"<details class=table{opened}><summary>{escaped(each.title)} "
        f"<small>{len(each.pairs) + each.omitted}</small></summary>{why}{pairs(each.pairs)}{more}</details>\n"
    )


def _list(items: tuple[Variable, ...]) -> str:
    rows = [
        f"<dt{' class=used' if item.role == 'used' else ''}>{escaped(item.name)}<dd>{value(item.value)}"
        for item in items
    ]
    return f"<dl class=vars>{''.join(rows)}</dl>"


def value(each: Value) -> str:
    """One value; what is not shown as it is looks different and says why."""
    kind = "" if each.kind in ("plain", "container") else f" class={each.kind}"
    text = f"<code{kind}>{escaped(each.text)}</code>{_about(each)}"
    if not each.items and not each.omitted:
        return text
    items = "".join(f"<dt>{escaped(item.key) or '·'}<dd>{value(item.value)}" for item in each.items)
    more = note(f"{each.omitted:,} more") if each.omitted else ""
    return f"<details><summary>{text}</summary><dl class=vars>{items}</dl>{more}</details>"


def _tells_type(each: Value) -> bool:
    """Whether the text begins with the name of the type, as in `Decimal('1')` or `<shop.Cart object at ...>`,
    or needs no name.
    """
    if not each.type or each.type in _PLAIN_TYPES:
        return True
    last = each.type.rpartition(".")[2]
    return each.text.startswith((f"{last}(", f"<{last} ", f"<{last}>", f"<{each.type} ", f"<{each.type}>"))


def _about(each: Value) -> str:
    words = []
    if not _tells_type(each):
        words.append(escaped(each.type))
    if each.length is not None:
        words.append(f"{each.length:,} long" if each.kind == "plain" else counted(each.length, "item"))
    if each.note:
        words.append(escaped(each.note))
    return f" <small>{' · '.join(words)}</small>" if words else ""

"""Which variables of a frame are shown, and in which order."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from types import FrameType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pilotlight.debugger.introspection.template_place import TemplatePlace
from pilotlight.debugger.model import Span, Variable
from pilotlight.debugger.values.describe import Budget
from pilotlight.debugger.values.secrets import MARK
from pilotlight.debugger.values.variables import names_on_line, of_frame
from pilotlight.debugger.values.variables_template import of_template

SHIPPING = 5


def failing_frame(function: Callable[[], Any]) -> FrameType:
    try:
        function()
    except Exception as error:  # noqa: BLE001 - whatever it raised
        traceback = error.__traceback__
        assert traceback is not None
        while traceback.tb_next is not None:
            traceback = traceback.tb_next
        return traceback.tb_frame
    raise AssertionError("nothing was raised")


def shown(frame: FrameType, *names: str, limit: int = 30) -> tuple[tuple[Variable, ...], int]:
    with Budget(seconds=60, seconds_each=20) as budget:  # on a machine that has much to do
        return of_frame(frame, names, budget, limit=limit)


LINES = [
    ("total = price + tax", ["total", "price", "tax"]),
    ("return self.cart.total * rate", ["self", "self.cart", "self.cart.total", "rate"]),
    ("user.name.upper().strip()", ["user", "user.name", "user.name.upper"]),
    ("a.b.c.d", ["a", "a.b", "a.b.c"]),
    ("f('no' \"no\" b'no', 3, 0x1f, 1e5)  # no", ["f"]),
    ("f'{user!r:>{width}} {{no}} no'", ["user", "width"]),
    ("rf'''{a} \n {b.c}'''", ["a", "b", "b.c"]),
    ("if x and not y or None is z: raise", ["x", "y", "z"]),
    ("'it\\'s no' + x", ["x"]),
    ("f(a)[b](c).d", ["f", "a", "b", "c"]),
    ("größe + naïve", ["größe", "naïve"]),
    ("'never closed + x", []),
    ("", []),
    ("f'{never closed", ["never", "closed"]),
]


@pytest.mark.parametrize(("line", "expected"), LINES)
def test_names_in_a_line(line: str, expected: list[str]) -> None:
    lines = ("before = 1", *line.split("\n"), "after = 1")
    names = names_on_line(lines, 10, 11, 11 + line.count("\n"))
    assert list(names) == expected


def test_names_of_the_span_come_first() -> None:
    line = "result = first(a) + second(b)"
    span = Span(3, line.index("second"), 3, len(line))
    assert names_on_line((line,), 3, 3, span=span) == ("second", "b", "result", "first", "a")
    assert names_on_line((line,), 3, None) == ()
    assert names_on_line((), 3, 3) == ()
    assert names_on_line((line,), 3, 99) == ()


@given(st.lists(st.text(max_size=80), max_size=5), st.integers(-3, 9))
def test_any_text_gives_names(lines: list[str], line: int) -> None:
    for name in names_on_line(tuple(lines), 1, line):
        assert all(part.isidentifier() for part in name.split("."))


def test_names_of_a_long_line_take_linear_time() -> None:
    started = time.process_time()
    for piece in ("f'{", "a.", "'", "f'{{", "a ."):
        names_on_line((piece * 100_000,), 1, 1)
    assert time.process_time() - started < 3


def test_used_then_arguments_then_the_rest() -> None:
    def function(first: int, second: int = 2, *rest: int, word: int = 3, **words: int) -> None:
        import os  # noqa: F401 - a module among the locals

        def inner() -> None: ...

        local = first + SHIPPING
        db_password = "hunter2"
        _ = db_password
        raise ValueError(local, second)

    frame = failing_frame(lambda: function(1, 4, 5, key=6))
    variables, omitted = shown(frame, "ValueError", "local", "second", "missing")
    assert [(each.name, each.role) for each in variables] == [
        ("local", "used"),
        ("second", "used"),
        ("first", "argument"),
        ("word", "argument"),
        ("rest", "argument"),
        ("words", "argument"),
        ("db_password", "local"),
        ("_", "local"),
    ]
    assert omitted == 0
    texts = {each.name: each.value.text for each in variables}
    assert texts["db_password"] == MARK
    assert (texts["local"], texts["rest"], texts["words"]) == ("6", "(5,)", "{'key': 6}")
    variables, omitted = shown(frame, "local", limit=3)
    assert ([each.name for each in variables], omitted) == (["local", "first", "second"], 5)


def test_globals_and_code_are_shown_only_if_used() -> None:
    def function() -> None:
        value = SHIPPING
        raise ValueError(value)

    frame = failing_frame(function)
    names = [each.name for each in shown(frame)[0]]
    assert names == ["value"]
    variables = shown(frame, "failing_frame", "SHIPPING", "sys", "len", "value")[0]
    assert [each.name for each in variables] == ["SHIPPING", "value", "failing_frame", "sys"]


def test_attributes_that_are_stored_and_no_others() -> None:
    class Meta:
        __slots__ = ("slot",)

    class Order:
        def __init__(self) -> None:
            self.total = 5
            self.api_key = "hunter2"
            self.meta = Meta()
            self.meta.slot = 7

        @property
        def tax(self) -> int:
            raise AssertionError("a property was run")

        def __getattr__(self, name: str) -> int:
            raise AssertionError("asked for an attribute")

        def fail(self) -> None:
            raise ValueError(self.total)

    frame = failing_frame(Order().fail)
    names = ("self", "self.total", "self.tax", "self.api_key", "self.meta.slot", "self.no", "self.__dict__")
    variables = {each.name: each.value.text for each in shown(frame, *names)[0]}
    assert list(variables) == ["self", "self.total", "self.api_key", "self.meta.slot"]
    assert (variables["self.total"], variables["self.api_key"], variables["self.meta.slot"]) == (
        "5",
        MARK,
        "7",
    )


def test_a_module_shows_little_and_a_class_body_its_names() -> None:
    module = "\n".join(f"name_{number} = {number}" for number in range(30)) + "\nprint(name_3 + missing)"
    frame = failing_frame(lambda: exec(compile(module, "<m>", "exec"), {"__name__": "m"}))
    variables, _ = shown(frame, "print", "name_3", "missing")
    assert variables[0].name == "name_3"
    assert len(variables) == 6
    body = "class Body:\n    first = 1\n    second = missing"
    frame = failing_frame(lambda: exec(compile(body, "<m>", "exec"), {"__name__": "m"}))
    assert [each.name for each in shown(frame, "second", "missing")[0]] == ["first"]


def test_flask_s_proxies_come_last_and_are_no_variables_of_a_module() -> None:
    known: dict[str, Any] = {}
    source = "from flask import g, request, session\ncount = 1\nrequest, count, 1 / 0\n"
    module = failing_frame(lambda: exec(compile(source, "m", "exec"), known))
    names = [(each.name, each.role) for each in shown(module, "request", "count")[0]]
    assert names == [("count", "used"), ("request", "used")]

    def view(user: Any = known["g"]) -> None:
        session = known["session"]
        total = 1
        1 / 0  # noqa: B018
        print(session, total)

    names = [(each.name, each.role) for each in shown(failing_frame(view))[0]]
    assert names[0] == ("user", "argument")
    assert names[-1] == ("session", "local")
    assert ("total", "local") in names


def test_a_namespace_of_the_apps_own_is_not_asked() -> None:
    class Namespace(dict):  # type: ignore[type-arg]
        def items(self) -> Any:
            raise AssertionError("asked")

    frame = failing_frame(lambda: exec("visible = 1\nraise ValueError", {}, Namespace()))
    assert [each.name for each in shown(frame)[0]] == ["visible"]


def test_comprehensions_and_closures() -> None:
    def function(rate: int) -> list[int]:
        factor = 2
        return [number * factor * rate // 0 for number in (1, 2)]

    frame = failing_frame(lambda: function(3))
    texts = {each.name: each.value.text for each in shown(frame, "number", "factor", "rate")[0]}
    assert (texts["factor"], texts["rate"]) == ("2", "3")
    if sys.version_info < (3, 12):  # later ones forget the variable of a comprehension that fails (PEP 709)
        assert texts["number"] == "1"
    assert not any(name.startswith(".") for name in texts)


def test_a_template_shows_its_own_variables_before_those_of_the_framework() -> None:
    names = ({"request": 1, "session": 2, "items": [], "title": "x", "g": 3}, {"item": None})
    place = TemplatePlace("cart.html", 4, "template 'cart.html'", "jinja", names=names)
    with Budget() as budget:
        variables, _ = of_template(place, "{{ item.count }}", budget)
        assert [each.name for each in variables] == ["item", "items", "title", "request", "session"]
        variables, _ = of_template(place, "{{ request.path }}", budget)
    assert [each.name for each in variables] == ["request", "items", "title", "item", "session"]


def test_reading_changes_nothing() -> None:
    def function() -> int:
        value = [1]
        with Budget() as budget:
            of_frame(sys._getframe(), ("value",), budget)
            value = [1, 2]
            of_frame(sys._getframe(), ("value",), budget)
        return len(value)

    assert function() == 2

"""The walker over values: bounded, masked, and whole whatever a value does."""

from __future__ import annotations

import _thread
import collections
import contextvars
import dataclasses
import datetime
import decimal
import enum
import functools
import json
import subprocess
import sys
import threading
import time
import types
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pilotlight.debugger.model import Value
from pilotlight.debugger.values.deadline import Helper
from pilotlight.debugger.values.describe import Budget, describe
from pilotlight.debugger.values.secrets import MARK


@pytest.fixture
def budget() -> Iterator[Budget]:
    """Patient: what is not too slow must not seem so on a machine that has much to do."""
    with Budget(seconds=60, seconds_each=20) as made:
        yield made


def text(value: Any) -> str:
    with Budget(seconds=60, seconds_each=20) as budget:
        return describe(value, budget=budget).text


def whole(value: Value) -> Iterator[Value]:
    yield value
    for item in value.items:
        yield from whole(item.value)


@dataclasses.dataclass
class Settings:
    host: str
    password: str
    attempts: int = 3
    internal: str = dataclasses.field(default="not shown", repr=False)


class Point(NamedTuple):
    x: int
    y: int


class Colour(enum.Enum):
    RED = 1


class Renamed(dict):  # type: ignore[type-arg]
    pass


@dataclasses.dataclass(slots=True)
class Slotted:
    zeta: int
    alpha: int


SIMPLE = [
    ("abc", "'abc'"),
    ("it's", '"it\'s"'),
    (b"ab\xff", "b'ab\\xff'"),
    (bytearray(b"x"), "bytearray(b'x')"),
    (12, "12"),
    (1.5, "1.5"),
    (True, "True"),
    (None, "None"),
    (..., "Ellipsis"),
    (1j, "1j"),
    (range(3), "range(0, 3)"),
    (slice(1, None), "slice(1, None, None)"),
    ([1, "a", [2]], "[1, 'a', [2]]"),
    ((1,), "(1,)"),
    ((), "()"),
    (set(), "set()"),
    ({1}, "{1}"),
    (frozenset(), "frozenset()"),
    (frozenset({1}), "frozenset({1})"),
    ({"a": {1: None}}, "{'a': {1: None}}"),
    (collections.OrderedDict(a=1), "OrderedDict({'a': 1})"),
    (collections.Counter("aab"), "Counter({'a': 2, 'b': 1})"),
    (collections.deque([1]), "deque([1])"),
    (types.MappingProxyType({"a": 1}), "mappingproxy({'a': 1})"),
    ({"a": 1}.keys(), "dict_keys(['a'])"),
    ({"a": 1}.items(), "dict_items([('a', 1)])"),
    (Renamed(a=1), "Renamed({'a': 1})"),
    (Point(1, 2), "Point(x=1, y=2)"),
    (Slotted(1, 2), "Slotted(zeta=1, alpha=2)"),
    (types.SimpleNamespace(a=1), "SimpleNamespace(a=1)"),
    (ValueError("no", 3), "ValueError('no', 3)"),
    (functools.partial(print, 1, end=""), "partial(<built-in function print>, 1, end='')"),
    (len, "<built-in function len>"),
    (Point, "<class 'test_debugger_values.Point'>"),
    (json, "<module 'json'>"),
    (Colour.RED, "<Colour.RED: 1>"),
    (datetime.date(2024, 5, 6), "datetime.date(2024, 5, 6)"),
    (datetime.datetime(2024, 5, 6), "datetime.datetime(2024, 5, 6, 0, 0)"),
    (datetime.time(7, tzinfo=datetime.timezone.utc), "datetime.time(7, 0, tzinfo=datetime.timezone.utc)"),
    (decimal.Decimal("1.50"), "Decimal('1.50')"),
    ("\ud800\x00\u202e", "'\\ud800\\x00\\u202e'"),
]


@pytest.mark.parametrize(("value", "expected"), SIMPLE, ids=lambda each: str(type(each).__name__))
def test_how_values_are_written(value: Any, expected: str) -> None:
    assert text(value) == expected


def test_a_container_has_items(budget: Budget) -> None:
    shown = describe({"a": [1, 2], "b": 3}, budget=budget)
    assert (shown.kind, shown.type, shown.omitted) == ("container", "dict", 0)
    assert [item.key for item in shown.items] == ["'a'", "'b'"]
    assert shown.items[0].value.items[1].value.text == "2"


def test_limits(budget: Budget) -> None:
    shown = describe(list(range(1_000_000)), budget=budget)
    assert (len(shown.items), shown.omitted, shown.length) == (20, 999_980, 1_000_000)
    assert len(shown.text) <= 200
    shown = describe("ä" * 100_000_000, budget=budget)
    assert len(shown.text) < 210
    assert shown.length == 100_000_000
    assert text([[[[[[]]]]]]) == "[[[[[…]]]]]"
    assert text(10**100_000) == "<int of 332,193 bits>"
    assert text(-(1 << 5_000)) == "<int of 5,001 bits>"


LENGTHS: list[tuple[Any, int | None]] = [
    ("abcd", None),
    ("", None),
    ("x" * 200, None),
    ("x" * 201, 201),
    (b"abcd", None),
    (b"x" * 500, 500),
    (bytearray(b"x" * 500), 500),
    ([], None),
    ([1, 2, 3], None),
    ({"a": 1}, None),
    (list(range(21)), 21),
    (["x" * 90] * 3, 3),  # the line has no room for all of them
    ("postgres://ada:hunter2@localhost/shop", None),
    ("eyJhbGciOiJIUzI1NiJ9." + "eyJzdWIiOiIxMjM0NTY3ODkwIn0" * 200 + ".dBjftJeZ4CVPmB92K27uhbUJU1p1r", None),
]


@pytest.mark.parametrize(("value", "length"), LENGTHS, ids=lambda each: str(type(each).__name__))
def test_a_length_is_told_where_not_all_is_shown(budget: Budget, value: Any, length: int | None) -> None:
    assert describe(value, budget=budget).length == length


def test_what_contains_itself(budget: Budget) -> None:
    ring: list[Any] = [1]
    ring.append({"ring": ring})
    shown = describe(ring, budget=budget)
    assert shown.text == "[1, {'ring': [...]}]"
    assert shown.items[1].value.items[0].value.note == "It contains itself."

    class Node:
        def __init__(self) -> None:
            self.me = self

    assert describe(Node(), budget=budget).items[0].value.items == ()


def test_every_member_gets_its_share(budget: Budget) -> None:
    wide = {name: [[[0] * 20] * 20] * 20 for name in "abcdefgh"}
    shown = describe(wide, budget=budget)
    assert [item.key for item in shown.items] == [f"'{name}'" for name in "abcdefgh"]
    assert all(item.value.items for item in shown.items)
    assert len(list(whole(shown))) <= 160


def test_one_page_shows_so_many_values_and_no_more(budget: Budget) -> None:
    large = [{str(number): [number] * 20 for number in range(20)} for _ in range(20)]
    shown = [describe([*large, index], budget=budget) for index in range(300)]
    assert sum(len(list(whole(each))) for each in shown) < 3_000
    assert shown[-1].kind == "lazy"
    assert "too many values" in shown[-1].note


def test_secrets_by_name(budget: Budget) -> None:
    value = {
        "db": {"password": ["hunter2", {"x": "hunter2"}], "host": "h", "password_set": True, "token": None},
        b"authorization": b"hunter2",
        "headers": [(b"cookie", b"hunter2"), ("X-Api-Key", "hunter2"), (b"host", b"h")],
        "settings": Settings("h", "hunter2"),
        "space": types.SimpleNamespace(secret="hunter2"),
        "partial": functools.partial(print, api_key="hunter2"),
    }
    shown = describe(value, budget=budget)
    assert "hunter2" not in json.dumps(asdict(shown))
    database = shown.items[0].value.items
    assert [item.value.text for item in database] == [MARK, "'h'", "True", "None"]
    assert database[0].value == Value(MARK, "list", "masked")
    assert "hunter2" not in repr(describe({"password": "hunter2", "b": 1}.values(), budget=budget))
    assert "not shown" not in repr(shown)


@pytest.mark.parametrize("secret", ["hunter2", 1234, ["a"], {"a": 1}, b"x", object()])
def test_a_secret_says_nothing_of_itself_but_its_type(budget: Budget, secret: Any) -> None:
    shown = describe(secret, name="db_password", budget=budget)
    assert shown == Value(MARK, type(secret).__name__, "masked")


def test_secrets_by_form(budget: Budget) -> None:
    for value in (
        ["postgres://u:hunter2@h/d"],
        {"postgres://u:hunter2@h/d": 1},
        b"password=hunter2",
        ValueError("password='hunter2'"),
        "x" * 150 + "password=hunter2" * 10,
        "x" * 195 + " password=hunter2",
    ):
        assert "hunter" not in json.dumps(asdict(describe(value, budget=budget)))

    class Printed:
        def __repr__(self) -> str:
            return "<Printed password='hunter2' and https://u:hunter2@h/>"

    shown = describe(Printed(), budget=budget)
    assert shown.text == f"<Printed password='{MARK}' and https://u:{MARK}@h/>"


def test_attributes_of_an_object_of_the_users_own(budget: Budget) -> None:
    class Order:
        def __init__(self) -> None:
            self.number = 3
            self.card_token = "hunter2"

        @property
        def total(self) -> int:
            raise AssertionError("a property was run")

    shown = describe(Order(), budget=budget)
    assert [(item.key, item.value.text) for item in shown.items] == [(".number", "3"), (".card_token", MARK)]
    assert "Order object at 0x" in shown.text


# What misbehaves.


def evil(**methods: Any) -> Any:
    return type("Evil", (), methods)()


def raising(error: type[BaseException]) -> Any:
    def method(*_: Any, **__: Any) -> Any:
        raise error("on purpose")

    return method


def endless(*_: Any, **__: Any) -> Any:
    while True:
        pass


def endless_and_swallowing(*_: Any) -> Any:
    while True:
        try:
            while True:
                len("")
        except BaseException:  # noqa: BLE001, PERF203 - the trap itself
            len("")


@pytest.mark.parametrize("error", [ValueError, SystemExit, KeyboardInterrupt, GeneratorExit, MemoryError])
def test_a_repr_that_raises(budget: Budget, error: type[BaseException]) -> None:
    shown = describe(evil(__repr__=raising(error)), budget=budget)
    assert (shown.kind, shown.note) == ("broken", f"Its repr raised {error.__name__}.")
    assert "Evil object at 0x" in shown.text


def test_a_repr_that_recurses_or_lies(budget: Budget) -> None:
    def recursive(self: Any) -> str:
        return repr(self)

    class Text(str):
        def __getitem__(self, key: Any) -> Any:
            raise AssertionError("asked")

    assert describe(evil(__repr__=recursive), budget=budget).note == "Its repr raised RecursionError."
    assert describe(evil(__repr__=lambda self: 3), budget=budget).note == "Its repr raised TypeError."
    assert describe(evil(__repr__=lambda self: Text("ok")), budget=budget).text == "ok"
    shown = describe(evil(__repr__=lambda self: "x" * 100_000_000), budget=budget)
    assert len(shown.text) <= 200
    shown = describe(evil(__repr__=lambda self: "a\r\n   b\x00\ud800\u202e\x1b[31m"), budget=budget)
    assert shown.text == "a b\\x00\\ud800\\u202e\\x1b[31m"


def test_a_repr_that_changes_what_is_walked(budget: Budget) -> None:
    held: dict[Any, Any] = {}

    def change(self: Any) -> str:
        held.clear()
        held.update(dict.fromkeys(range(1_000)))
        return "changed"

    held.update({index: evil(__repr__=change) for index in range(20)})
    shown = describe(held, budget=budget)
    assert (shown.kind, len(shown.items)) == ("container", 20)


def test_traps_are_not_stepped_in(budget: Budget) -> None:
    trap = raising(AssertionError)

    class Meta(type):
        __getattribute__ = trap
        __eq__ = trap
        __hash__ = trap
        __repr__ = trap
        __instancecheck__ = trap
        __subclasscheck__ = trap

    names = (
        "__getattribute__",
        "__getattr__",
        "__eq__",
        "__hash__",
        "__len__",
        "__iter__",
        "__bool__",
        "__str__",
    )
    scope = dict.fromkeys(names, trap) | {"__class__": property(trap), "__dict__": property(trap)}
    evil_type = Meta("Evil", (), scope)
    for value in (object.__new__(evil_type), evil_type, [object.__new__(evil_type)]):
        shown = describe(value, budget=budget)
        assert shown.kind in ("plain", "container")
        assert "Evil" in shown.text
    for base in (dict, list, tuple, set, frozenset, str, bytes, int, float, collections.deque):
        value = base.__new__(Meta("Sub", (base,), scope))
        assert describe(value, budget=budget).kind in ("plain", "container")


def test_a_type_that_only_has_the_name_of_a_quick_one() -> None:
    class Zone(datetime.tzinfo):
        __repr__ = endless

        def utcoffset(self, when: Any) -> datetime.timedelta:
            return datetime.timedelta(0)

    fake = type("Decimal", (), {"__module__": "decimal", "__repr__": endless})()
    for value in (datetime.datetime(2024, 5, 6, tzinfo=Zone()), fake):
        with Budget() as budget:
            shown = describe(value, budget=budget)  # not in the assertion, which would ask for its repr
        assert shown.kind == "broken"


def test_a_class_that_says_it_is_another(budget: Budget) -> None:
    liar = evil(__class__=property(lambda self: dict), __repr__=lambda self: "liar")
    shown = describe(liar, budget=budget)
    assert (shown.text, shown.type.endswith("Evil")) == ("liar", True)
    nameless = type("X", (), {"__module__": 3, "__qualname__": "Y"})()
    assert describe(nameless, budget=budget).text.startswith("<Y object")


@pytest.mark.parametrize("method", [endless, endless_and_swallowing])
def test_a_repr_without_end(method: Any) -> None:
    started = time.perf_counter()
    with Budget() as budget:
        shown = describe([evil(__repr__=method), 1], budget=budget)
    assert time.perf_counter() - started < 20, "it has an end"
    assert shown.items[0].value.kind == "broken"
    assert "longer than 50 ms" in shown.items[0].value.note
    assert shown.items[1].value.text == "1"
    started_cpu = time.process_time()
    time.sleep(0.3)
    assert time.process_time() - started_cpu < 0.2, "nothing goes on in the background"


def test_a_repr_that_waits() -> None:
    lock = _thread.allocate_lock()
    lock.acquire()
    ended = threading.Event()

    def wait(self: Any) -> str:
        try:
            lock.acquire()
        finally:
            ended.set()
        return "late"

    with Budget() as budget:
        shown = describe(evil(__repr__=wait), budget=budget)
    assert shown.kind == "broken"
    assert "waits for something" in shown.note
    assert not ended.is_set()
    lock.release()
    assert ended.wait(10), "its thread goes on, and ends"


def test_the_time_of_a_page_is_limited() -> None:
    started = time.perf_counter()
    with Budget() as budget:
        shown = [
            describe(evil(__repr__=lambda self: time.sleep(0.2) or "late"), budget=budget) for _ in range(20)
        ]
    assert time.perf_counter() - started < 3.5, "less than all of them would take"
    assert shown[0].kind == "broken"
    assert (shown[-1].kind, shown[-1].note) == (
        "lazy",
        "Not evaluated: the time for this page was used up.",
    )


def test_a_repr_sees_the_context_of_the_caller(budget: Budget) -> None:
    variable = contextvars.ContextVar("variable", default="outside")
    variable.set("inside")
    assert describe(evil(__repr__=lambda self: variable.get()), budget=budget).text == "inside"


def test_the_same_object_is_asked_once(budget: Budget) -> None:
    asked: list[int] = []

    def count(self: Any) -> str:
        asked.append(1)
        return "counted"

    value = evil(__repr__=count)
    for held in (value, [value], {"a": value}, value):
        describe(held, budget=budget)
    assert len(asked) == 1


THREADS = """
import _thread, time
from pilotlight.debugger.values.describe import Budget, describe

class Asked:
    def __repr__(self):
        return "asked"

with Budget(seconds=60, seconds_each=20) as budget:
    describe({"a": [1, "b", object()]}, budget=budget)
    assert _thread._count() == 0
    assert describe(Asked(), budget=budget).text == "asked"
    assert _thread._count() == 1
deadline = time.monotonic() + 30
while _thread._count() and time.monotonic() < deadline:
    time.sleep(0.001)
assert _thread._count() == 0
"""


def test_no_thread_before_it_is_needed_and_none_after() -> None:
    subprocess.run([sys.executable, "-c", THREADS], timeout=60, check=True)


def test_nothing_is_kept_alive() -> None:
    import gc
    import weakref

    class Held:
        def __repr__(self) -> str:
            return "held"

    held = Held()
    reference = weakref.ref(held)
    with Budget() as budget:
        describe([held], budget=budget)
    del held
    gc.collect()
    assert reference() is None


def test_what_runs_too_long_is_struck_and_nothing_else() -> None:
    helper = Helper()
    outcome = helper.run(endless, 0.02)
    assert (outcome.in_time, outcome.note) == (False, "it was stopped")
    assert helper.run(lambda: 5, 1).result == 5
    helper.close()


def test_a_container_that_another_thread_changes() -> None:
    held: dict[int, int] = {}
    stop = threading.Event()

    def change() -> None:
        number = 0
        while not stop.is_set():
            number += 1
            held[number % 500] = number
            if number % 500 == 0:
                held.clear()

    thread = threading.Thread(target=change)
    thread.start()
    try:
        for _ in range(200):
            with Budget() as budget:
                assert describe([held], budget=budget).kind == "container"
    finally:
        stop.set()
        thread.join()


def test_a_large_subclass_with_a_repr_is_walked(budget: Budget) -> None:
    class Large(dict):  # type: ignore[type-arg]
        __repr__ = raising(AssertionError)

    shown = describe(Large(dict.fromkeys(range(10_000))), budget=budget)
    assert (shown.kind, shown.length) == ("container", 10_000)


def test_importing_it_starts_and_imports_little() -> None:
    unwanted = {"asyncio", "ctypes", "inspect", "threading", "tokenize", "ast"}
    code = (
        "import re, dataclasses, collections, sys; before = set(sys.modules); import _thread;"
        "import pilotlight.debugger.values.variables;"
        "new = {each.partition('.')[0] for each in set(sys.modules) - before} - {'pilotlight'};"
        "print(*sorted(new), _thread._count())"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    *new, threads = done.stdout.split()
    assert threads == "0"
    assert not unwanted & set(new)


leaves = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=300) | st.binary(max_size=300)
)
keys = (
    st.text(max_size=20)
    | st.integers()
    | st.binary(max_size=5)
    | st.sampled_from(["password", "apiKey", "Cookie"])
)
nested = st.recursive(
    leaves,
    lambda inner: (
        st.lists(inner, max_size=30)
        | st.lists(inner, max_size=30).map(tuple)
        | st.lists(inner, max_size=30).map(collections.deque)
        | st.dictionaries(keys, inner, max_size=30)
        | st.dictionaries(keys, inner, max_size=30).map(collections.OrderedDict)
    ),
    max_leaves=40,
)


@settings(deadline=None)
@given(nested)
def test_anything_builtin_is_shown_and_bounded(value: Any) -> None:
    with Budget() as budget:
        shown = describe(value, budget=budget)
    values = list(whole(shown))
    assert len(values) <= 160
    for each in values:
        assert len(each.text) <= 220
        assert len(each.items) <= 20
        assert each.text.isprintable()
    json.dumps(asdict(shown)).encode()


@settings(deadline=None)
@given(nested, nested, st.sampled_from(["password", "X-Api-Key", "client_secret", b"cookie"]))
def test_no_secret_under_its_name_is_ever_shown(outer: Any, inner: Any, key: Any) -> None:
    secret = "Zq9-do-not-show-Zq9"
    value = [{"a": outer}, {key: [inner, secret, {"x": secret}]}, (key, secret), outer]
    with Budget() as budget:
        assert secret not in json.dumps(asdict(describe(value, budget=budget)))

"""Completion: which names, and that nothing of the app is called."""

from __future__ import annotations

import time  # noqa: F401 - its names are completed
import types
from collections.abc import Iterator
from typing import Any

import pytest
from console_harness import Console, console_of, failing

CALLED: list[str] = []


class Trap:
    """Tells of everything that is called of it."""

    plain = 1

    def __init__(self) -> None:
        self.held = "value"

    def __getattribute__(self, name: str) -> Any:
        CALLED.append(f"__getattribute__ {name}")
        return object.__getattribute__(self, name)

    def __getattr__(self, name: str) -> Any:
        CALLED.append(f"__getattr__ {name}")
        raise AttributeError(name)

    def __dir__(self) -> list[str]:
        CALLED.append("__dir__")
        return ["from_dir"]

    def __eq__(self, other: object) -> bool:
        CALLED.append("__eq__")
        return False

    def __hash__(self) -> int:
        return hash("held")

    @property
    def computed(self) -> Any:
        CALLED.append("computed")
        return self

    def method(self) -> None: ...

    @staticmethod
    def static() -> None: ...


class Meta(type):
    def __getattribute__(cls, name: str) -> Any:
        CALLED.append(f"Meta {name}")
        return type.__getattribute__(cls, name)

    def __dir__(cls) -> list[str]:
        CALLED.append("Meta.__dir__")
        return []


class WithMeta(metaclass=Meta):
    class_level = 1


class Slotted:
    __slots__ = ("empty", "filled")

    def __init__(self) -> None:
        self.filled = "text"


class FalseDict:
    @property
    def __dict__(self) -> Any:  # type: ignore[override]
        CALLED.append("__dict__")
        return {"lie": 1}

    seen = 1


def broken() -> None:
    trap, kind, slotted, lying = Trap(), WithMeta, Slotted(), FalseDict()
    mapping = {"first": 1, "it's": 2, "nested": {"deep": [1, "text"]}, 5: 6, trap: 7}
    module = types.ModuleType("made")
    module.inside = 1  # type: ignore[attr-defined]
    _private = many = {f"key{number}": number for number in range(500)}
    raise ValueError(kind, slotted, lying, mapping, module, many)


@pytest.fixture
def console() -> Iterator[Console]:
    with console_of(failing(broken)) as console:
        CALLED.clear()
        yield console
        assert CALLED == []


def test_names_of_the_frame_builtins_and_keywords(console: Console) -> None:
    assert console.names("sl") == ["slice", "slotted"]
    assert console.names("lamb") == ["lambda"]
    assert console.names("Tra") == ["Trap"]
    assert console.names("nothing_like_it") == []


def test_private_names_come_last(console: Console) -> None:
    names = console.names("trap.")
    assert names[:5] == ["computed", "held", "method", "plain", "static"]
    assert names[-1].startswith("__")


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("trap.he", ["held"]),
        ("trap.comp", ["computed"]),
        ("trap.computed.he", []),
        ("trap.from_d", []),
        ("trap.held.upp", ["upper"]),
        ("trap.method.__na", ["__name__"]),
        ("kind.class_l", ["class_level"]),
        ("slotted.fil", ["filled"]),
        ("slotted.filled.upp", ["upper"]),
        ("slotted.empty.upp", []),
        ("lying.l", []),
        ("lying.se", ["seen"]),
        ("module.ins", ["inside"]),
        ("mapping['", ["first", "it\\'s", "nested"]),
        ('mapping["it', ["it's"]),
        ("mapping['nested']['d", ["deep"]),
        ("mapping['nested']['deep'][1].upp", ["upper"]),
        ("mapping.ke", ["keys"]),
        ("[].app", ["append"]),
        ("'text'.upp", ["upper"]),
        ("time.mono", ["monotonic", "monotonic_ns"]),
        ("from time import mono", ["monotonic", "monotonic_ns"]),
        ("len.__na", ["__name__"]),
        ("trap .he", ["held"]),
        ("unknown.a", []),
    ],
)
def test_attributes_and_keys(console: Console, code: str, expected: list[str]) -> None:
    assert console.names(code) == expected


def test_names_that_the_console_made(console: Console) -> None:
    console.run("my_own = {'a_key': 1}")
    CALLED.clear()
    assert console.names("my_o") == ["my_own"]
    assert console.names("my_own['") == ["a_key"]


def test_it_is_bounded(console: Console) -> None:
    assert len(console.names("many['")) == 100
    console.run("import sys\nhuge = {f'key{n}': n for n in range(200_000)}")
    assert console.names("huge['") == []


def test_it_does_not_wait_for_what_runs(console: Console) -> None:
    answer = console.ask("while True: pass\n")
    assert console.names("sl") == ["slice", "slotted"]
    console.ask("", "cancel")
    assert answer.whole().status == "cancelled"


def test_it_is_fast(console: Console) -> None:
    console.names("sl")
    took = []
    for code in ("s", "sys.modul", "trap.", "mapping['", "from sys import m") * 4:
        answer = console.ask(code, "complete", position=len(code)).whole()
        took.append(answer.events[-1]["seconds"])
    assert min(took) < 0.02, "the others may have waited for the machine"


def test_questions_that_make_no_sense(console: Console) -> None:
    assert console.ask("a", "complete", position="x").whole().status == "error"
    assert console.ask("a", "sing").whole().status == "error"
    assert console.ask("a", "complete", position=-5).whole().status == "ok"
    assert console.ask("a", "complete", position=500).whole().status == "ok"
    assert console.ask(5).whole().status == "error"  # type: ignore[arg-type]

"""Did you mean: on every Python, without running user code."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Callable
from typing import Any

import pytest

from pilotlight.debugger import from_exception
from pilotlight.debugger.suggest import closest


class Box:
    """Something to get the names of wrong."""

    __slots__ = ("colour",)

    def open_lid(self) -> None: ...

    def fail(self) -> None:
        open_lid()  # noqa: F821


class Listing:
    """Something that fails when it is listed."""

    def __init__(self) -> None:
        self.weight = 1

    def __dir__(self) -> Any:
        raise RuntimeError("listed")


def local_name() -> None:
    user_name = "x"
    print(usr_name, user_name)  # noqa: F821


def builtin_name() -> None:
    pritn("x")  # noqa: F821


def import_name() -> None:
    from json import dumpz  # noqa: F401


CASES: list[tuple[Callable[[], Any], str]] = [
    (local_name, "Did you mean: 'user_name'?"),
    (builtin_name, "Did you mean: 'print'?"),
    (import_name, "Did you mean: 'dump'?"),
    (lambda: Box().opn_lid, "Did you mean: 'open_lid'?"),  # type: ignore[attr-defined]
    (lambda: Box().color, "Did you mean: 'colour'?"),  # type: ignore[attr-defined]
    (lambda: Box().fail(), "Did you mean: 'self.open_lid'?"),
    (lambda: sys.pth, "Did you mean: 'path'?"),  # type: ignore[attr-defined]
    (lambda: fractions.Fraction, "Did you forget to import 'fractions'?"),  # type: ignore[name-defined]  # noqa: F821
    (lambda: "".splitt, "Did you mean: 'split'?"),  # type: ignore[attr-defined]
    (lambda: Box().entirely_different, ""),  # type: ignore[attr-defined]
    (lambda: {}["k"], ""),
]


@pytest.mark.parametrize(("case", "sentence"), CASES)
def test_suggestions(case: Callable[[], Any], sentence: str) -> None:
    with pytest.raises(Exception) as caught:
        case()
    assert from_exception(caught.value).error.suggestion == sentence
    if sys.version_info >= (3, 12):
        printed = "".join(traceback.format_exception(caught.value)).splitlines()[-1]
        assert from_exception(caught.value).error.headline().rstrip("?") == printed.rstrip("?")


def test_names_come_from_dictionaries_not_from_the_object() -> None:
    with pytest.raises(AttributeError) as caught:
        Listing().wieght  # type: ignore[attr-defined]  # noqa: B018
    assert from_exception(caught.value).error.suggestion == "Did you mean: 'weight'?"


def test_lying_attributes_are_survived() -> None:
    error = AttributeError("x")
    error.name, error.obj = 5, object()  # type: ignore[assignment]
    assert from_exception(error).error.suggestion == ""
    error.name, error.obj = "colr", Box
    assert from_exception(error).error.suggestion == "Did you mean: 'colour'?"


@pytest.mark.parametrize(
    ("wrong", "names", "best"),
    [
        ("a", ["b"], None),
        ("", ["b"], None),
        ("x" * 41, ["x" * 40], None),
        ("nmae", ["name", "nme"], "nme"),
        ("Name", ["name"], "name"),
        ("abc", ["abc"], None),
        ("abc", [5, "abd"], "abd"),
    ],
)
def test_closest(wrong: str, names: list[Any], best: str | None) -> None:
    assert closest(wrong, names) == best

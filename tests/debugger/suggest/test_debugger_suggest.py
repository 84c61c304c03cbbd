"""Did you mean: on every Python, without running user code, and never a guess."""

# The mistakes are meant:
# ruff: noqa: B018, F522, F524, F821, F823, F841, PLE0643, PLW0108, UP031

from __future__ import annotations

import asyncio
import collections
import contextlib
import datetime
import importlib
import importlib.util
import os
import re
import sys
import traceback
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import flask
import flask.sessions
import pytest
import quart
import werkzeug.local
from hypothesis import given
from hypothesis import strategies as st

from pilotlight.debugger import from_exception
from pilotlight.debugger.report.capture import NO_SUGGESTION
from pilotlight.debugger.suggest.spelling import closest

WE_SAY_KEYWORDS = sys.version_info < (3, 13)  # from then on the message has it

total = 1


class Box:
    """Something to get the names of wrong."""

    __slots__ = ("colour",)

    def open_lid(self) -> None: ...

    def fail(self) -> None:
        open_lid()

    def fill(self, *, colour: str = "", weight: int = 0) -> None: ...

    def without_self() -> None: ...  # type: ignore[misc]


class Listing:
    """Something that fails when it is listed."""

    def __init__(self) -> None:
        self.weight = 1

    def __dir__(self) -> Any:
        raise RuntimeError("listed")


def local_name() -> None:
    user_name = "x"
    print(usr_name, user_name)


def builtin_name() -> None:
    pritn("x")


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
    (lambda: fractions.Fraction, "Did you forget to import 'fractions'?"),  # type: ignore[name-defined]
    (lambda: "".splitt, "Did you mean: 'split'?"),  # type: ignore[attr-defined]
    (lambda: Box().entirely_different, ""),  # type: ignore[attr-defined]
]


@pytest.mark.parametrize(("case", "sentence"), CASES)
def test_suggestions_of_the_interpreter(case: Callable[[], Any], sentence: str) -> None:
    error = raised(case)
    assert from_exception(error).error.suggestion == sentence
    if sys.version_info >= (3, 12):
        printed = "".join(traceback.format_exception(error)).splitlines()[-1]
        assert from_exception(error).error.headline().rstrip("?") == printed.rstrip("?")


def raised(case: Callable[[], Any]) -> Exception:
    with pytest.raises(Exception) as caught:
        case()
    return caught.value


def said(case: Callable[[], Any]) -> str:
    return from_exception(raised(case)).error.suggestion


class Settings:
    def __init__(self) -> None:
        self.values = {"debug": True, "secret": 1}
        self.owner: Any = None

    def find(self, _: str) -> Any:
        return None

    @property
    def touched(self) -> Any:
        raise AssertionError("a property ran")


class Mapping(dict):  # type: ignore[type-arg]
    def keys(self) -> Any:
        raise AssertionError("a method of the app ran")


class OwnLookup(dict):  # type: ignore[type-arg]
    def __getitem__(self, key: Any) -> Any:
        if dict.__contains__(self, key):
            return dict.__getitem__(self, key)
        raise KeyError(repr(key))


def key_of_local() -> None:
    row = {"user_name": 1, "e_mail": 2}
    row["usr_name"]


def key_in_a_longer_expression() -> None:
    row = {"user_name": 1}
    print("x", len([1, 2]), row["usr_name"] + 1)


def key_by_a_computed_name() -> None:
    row, name = {"user_name": 1}, "USR_NAME"
    row[name.lower()]


def key_of_an_attribute() -> None:
    settings = Settings()
    settings.values["debgu"]


def key_deep() -> None:
    rows = [{"a": {"colour": 1}}]
    rows[0]["a"]["color"]


def key_of_another_type() -> None:
    rows = {"1": "x"}
    rows[1]  # type: ignore[index]


def key_of_another_type_2() -> None:
    rows = {1: "x"}
    rows["1"]  # type: ignore[index]


def key_deleted() -> None:
    row = {"colour": 1}
    del row["color"]


def key_popped() -> None:
    row = {"colour": 1}
    row.pop("color")


def key_of_a_set() -> None:
    names = {"colour"}
    names.remove("color")


def key_in_a_format() -> None:
    "{color}".format(colour=1)


def key_in_a_percent_format() -> None:
    row = {"colour": 1}
    print("%(color)s" % row)


def key_in_an_if() -> None:
    row = {"colour": 1}
    if row["color"]:
        pass


def key_in_a_long_statement() -> None:
    row = {"colour": 1}
    print(
        1,
        row["color"],
        2,
    )


def key_of_a_subclass() -> None:
    Mapping(colour=1)["color"]


def key_of_a_local_subclass() -> None:
    mapping = Mapping(colour=1)
    mapping["color"]


def key_of_an_own_lookup() -> None:
    mapping = OwnLookup(colour=1)
    mapping["color"]


def key_of_an_ordered_dictionary() -> None:
    mapping = collections.OrderedDict(colour=1)
    mapping["color"]


def key_of_a_property() -> None:
    settings = Settings()
    settings.touched["x"]


def key_of_nothing_like_it() -> None:
    row = {"colour": 1}
    row["entirely different"]


def key_raised_by_hand() -> None:
    row = {"colour": 1}
    if row:
        raise KeyError("color")


def key_of_the_environment() -> None:
    os.environ["PILOTLIGHT_TEST_COLUOR"]


KEYS = [
    (key_of_local, "Did you mean: 'user_name'?"),
    (key_in_a_longer_expression, "Did you mean: 'user_name'?"),
    (key_by_a_computed_name, "Did you mean: 'user_name'?"),
    (key_of_an_attribute, "Did you mean: 'debug'?"),
    (key_deep, "Did you mean: 'colour'?"),
    (key_of_another_type, "Did you mean: '1', a string?"),
    (key_of_another_type_2, "Did you mean: 1, an integer?"),
    (key_deleted, "Did you mean: 'colour'?"),
    (key_popped, "Did you mean: 'colour'?"),
    (key_of_a_set, "Did you mean: 'colour'?"),
    (key_in_a_format, "Did you mean: 'colour'?"),
    (key_in_a_percent_format, "Did you mean: 'colour'?"),
    (key_in_an_if, "Did you mean: 'colour'?"),
    (key_in_a_long_statement, "Did you mean: 'colour'?"),
    (key_of_a_subclass, ""),
    (key_of_a_local_subclass, "Did you mean: 'colour'?"),
    (key_of_an_own_lookup, "Did you mean: 'colour'?"),
    (key_of_an_ordered_dictionary, "Did you mean: 'colour'?"),
    (key_of_nothing_like_it, ""),
    (key_raised_by_hand, ""),
    (lambda: {}["k"], ""),
    (lambda: [1, 2, 3][5], ""),
]


@pytest.mark.parametrize(("case", "sentence"), KEYS)
def test_keys(case: Callable[[], Any], sentence: str) -> None:
    assert said(case) == sentence


def test_keys_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PILOTLIGHT_TEST_COLOUR", "x")
    assert said(key_of_the_environment) == "Did you mean: 'PILOTLIGHT_TEST_COLOUR'?"


def lookup_in_the_session() -> None:
    flask.session["usr"]


def lookup_in_quarts_session() -> None:
    quart.session["usr"]


class OwnSession(flask.sessions.SecureCookieSession):
    """As an extension may have one."""

    def keys(self) -> Any:
        raise AssertionError("a method of the app ran")

    __iter__ = __len__ = keys


class OwnSessions(flask.sessions.SecureCookieSessionInterface):
    session_class = OwnSession


@pytest.mark.parametrize("sessions", [flask.sessions.SecureCookieSessionInterface, OwnSessions])
def test_keys_of_the_session_of_flask(sessions: Any) -> None:
    """The context of the request is gone when the error comes to the server."""
    app = flask.Flask(__name__)
    app.secret_key = "x"
    app.session_interface = sessions()
    app.testing = True

    @app.route("/")
    def index() -> str:
        flask.session["user"] = 1
        lookup_in_the_session()
        return ""

    assert said(lambda: app.test_client().get("/")) == "Did you mean: 'user'?"


def test_keys_of_the_session_of_flask_in_a_context_that_still_is() -> None:
    app = flask.Flask(__name__)
    app.secret_key = "x"
    with app.test_request_context():
        flask.session["user"] = 1
        assert said(lookup_in_the_session) == "Did you mean: 'user'?"
    assert said(lookup_in_the_session) == ""


def test_keys_of_the_session_of_quart() -> None:
    app = quart.Quart(__name__)
    app.secret_key = "x"
    app.testing = True

    @app.route("/")
    async def index() -> str:
        quart.session["user"] = 1
        lookup_in_quarts_session()
        return ""

    told: list[str] = []

    def note(_: Any, exception: Exception) -> None:
        told.append(from_exception(exception).error.suggestion)

    with quart.got_request_exception.connected_to(note, app), contextlib.suppress(KeyError):
        asyncio.run(app.test_client().get("/"))
    assert told == ["Did you mean: 'user'?"]


def test_a_proxy_of_another_kind_is_not_asked() -> None:
    def find() -> dict[str, int]:
        if armed:
            raise AssertionError("the proxy was asked")
        return {"colour": 1}

    armed = False
    proxy = werkzeug.local.LocalProxy(find)

    def lookup() -> None:
        nonlocal armed
        try:
            proxy["color"]
        finally:
            armed = True

    assert said(lookup) == ""


def test_keys_that_run_code_when_they_are_compared() -> None:
    class Key(str):
        def __eq__(self, other: object) -> bool:
            if armed:
                raise AssertionError("a key was compared")
            return str.__eq__(self, other)

        __hash__ = str.__hash__

    armed = False
    rows = {Key("colour"): 1}

    def fail() -> None:
        rows["color"]

    error = raised(fail)
    armed = True
    assert from_exception(error).error.suggestion == ""


def test_a_property_is_never_asked_for_a_key() -> None:
    error = KeyError("debgu")
    settings = Settings()

    def fail() -> None:
        settings.values, error.args = {"debug": 1}, ("debgu",)
        raise error

    assert said(fail) == ""
    with pytest.raises(AssertionError):
        key_of_a_property()


async def coroutine() -> Any:
    return {}


def closed(coroutine: Any) -> Any:
    """Never awaited on purpose; closed so that nothing warns."""
    made.append(coroutine)
    return coroutine


made: list[Any] = []


@pytest.fixture(autouse=True)
def _close() -> Iterator[None]:
    yield
    while made:
        made.pop().close()


def json_of_a_coroutine() -> None:
    import json

    json.dumps({"x": closed(coroutine())})


def coroutine_unpacked() -> None:
    _a, _b = closed(coroutine())


def iterate_a_coroutine() -> None:
    for _ in closed(coroutine()):
        pass


def coroutine_iterated_asynchronously() -> None:
    async def main() -> None:
        async for _ in closed(coroutine()):
            pass

    asyncio.run(main())


async def numbers() -> Any:
    yield 1


def asynchronous_generator_iterated() -> None:
    for _ in numbers():
        pass


def plain_awaited() -> None:
    async def main() -> None:
        rows = {"a": 1}
        await rows  # type: ignore[misc]

    asyncio.run(main())


COROUTINES = [
    (lambda: closed(coroutine()).get("x"), "Did you forget 'await'?"),
    (lambda: closed(coroutine())["x"], "Did you forget 'await'?"),
    (lambda: closed(coroutine())(), "Did you forget 'await'?"),
    (lambda: closed(coroutine()) + 1, "Did you forget 'await'?"),
    (lambda: 1 + closed(coroutine()), "Did you forget 'await'?"),
    (lambda: closed(coroutine()) < 1, "Did you forget 'await'?"),
    (lambda: len(closed(coroutine())), "Did you forget 'await'?"),
    (lambda: "x" in closed(coroutine()), "Did you forget 'await'?"),
    (lambda: int(closed(coroutine())), "Did you forget 'await'?"),
    (lambda: "".join([closed(coroutine())]), "Did you forget 'await'?"),
    (lambda: [*closed(coroutine())], "Did you forget 'await'?"),
    (iterate_a_coroutine, "Did you forget 'await'?"),
    (coroutine_unpacked, "Did you forget 'await'?"),
    (json_of_a_coroutine, "Did you forget 'await'?"),
    (coroutine_iterated_asynchronously, "Did you forget 'await'?"),
    (asynchronous_generator_iterated, "Did you mean 'async for'?"),
    (plain_awaited, "It is not a coroutine: did you mean to use it without 'await'?"),
]


@pytest.mark.parametrize(("case", "sentence"), COROUTINES)
def test_coroutines(case: Callable[[], Any], sentence: str) -> None:
    assert said(case) == sentence


def none_attribute() -> None:
    user: Any = None
    print(1, user.name)


def none_of_an_attribute() -> None:
    settings = Settings()
    settings.owner.name


def none_of_a_call() -> None:
    settings = Settings()
    settings.find("x").name


def none_of_one_of_two() -> None:
    one, two = Settings(), None
    print(one.owner, two.owner)  # type: ignore[attr-defined]


def none_of_an_item() -> None:
    row: Any = {"user": None}
    row["user"]["name"]


def none_called() -> None:
    function: Any = None
    function(1)


def none_assigned() -> None:
    user: Any = None
    user.name = 1


def none_item_assigned() -> None:
    row: Any = None
    row["x"] = 1


def none_by_getattr() -> None:
    user: Any = None
    getattr(user, "name")  # noqa: B009


NONES = [
    (none_attribute, "'user' is None."),
    (none_of_an_attribute, "'settings.owner' is None."),
    (none_of_a_call, "'settings.find(\"x\")' returned None."),
    (none_of_one_of_two, "'two' is None."),
    (none_of_an_item, "'row[\"user\"]' is None."),
    (none_called, "'function' is None."),
    (none_assigned, "'user' is None."),
    (none_item_assigned, "'row' is None."),
    (none_by_getattr, ""),
]


@pytest.mark.parametrize(("case", "sentence"), NONES)
def test_none(case: Callable[[], Any], sentence: str) -> None:
    assert said(case) == sentence


def unbound_global() -> None:
    print(total)
    total = 2


def unbound_augmented() -> None:
    total += 1  # type: ignore[name-defined]


def unbound_nonlocal() -> None:
    count = 0

    def increase() -> None:
        count += 1

    increase()
    print(count)


def unbound_later() -> None:
    print(found_later)
    found_later = 1


def unbound_branch() -> None:
    if total > 5:
        found = 1
    print(found)


def unbound_exception() -> None:
    try:
        raise ValueError
    except ValueError as unbound:
        pass
    print(unbound)


def line_of(function: Any, text: str) -> int:
    source = Path(__file__).read_text().splitlines()
    start = function.__code__.co_firstlineno
    return next(number for number in range(start, start + 20) if source[number - 1].strip() == text)


def test_unbound_locals() -> None:
    line = line_of(unbound_global, "total = 2")
    assert said(unbound_global) == (
        f"It is local because it is assigned in line {line}. Did you forget 'global total'?"
    )
    line = line_of(unbound_augmented, "total += 1  # type: ignore[name-defined]")
    assert said(unbound_augmented).endswith(f"in line {line}. Did you forget 'global total'?")
    line = line_of(unbound_nonlocal, "count += 1")
    assert said(unbound_nonlocal).endswith(f"in line {line}. Did you forget 'nonlocal count'?")
    assert said(unbound_later) == f"It is first assigned in line {line_of(unbound_later, 'found_later = 1')}."
    assert said(unbound_branch) == ""
    assert said(unbound_exception) == ""


def test_a_free_variable_without_a_value() -> None:
    counter = 1

    def outer() -> None:
        def inner() -> None:
            print(countr)

        inner()
        countr = counter
        del countr

    assert said(outer) == ""


def create(name: str, *, size: int = 0) -> None: ...


def wrapped(function: Any) -> Any:
    def wrapper(*arguments: Any, **options: Any) -> Any:
        return function(*arguments, **options)

    return wrapper


class Made:
    def __init__(self, name: str) -> None: ...

    def method(self, x: int) -> None: ...


BOX = Box()


def called_on_the_class() -> None:
    Made.method(x=1)  # type: ignore[call-arg]


def without_self() -> None:
    box = Box()
    box.without_self()  # type: ignore[misc]


CALLS = [
    (lambda: create(nmae="x"), "Did you mean: 'name'?"),  # type: ignore[call-arg]
    (lambda: create("x", sise=1), "Did you mean: 'size'?" if WE_SAY_KEYWORDS else ""),  # type: ignore[call-arg]
    (lambda: BOX.fill(color="x"), "Did you mean: 'colour'?" if WE_SAY_KEYWORDS else ""),  # type: ignore[call-arg]
    (lambda: Made(nmae="x"), "Did you mean: 'name'?"),  # type: ignore[call-arg]
    (lambda: wrapped(create)(nmae="x"), "Did you mean: 'name'?"),
    (lambda: create(entirely_different="x"), ""),  # type: ignore[call-arg]
    (lambda: create(), ""),  # type: ignore[call-arg]
    (called_on_the_class, "It was called on the class: did you mean 'Made().method(...)'?"),
    (without_self, "Did you forget 'self' in the definition of 'Box.without_self'?"),
    (lambda: datetime(2020, 1, 1), "Did you mean: 'datetime.datetime(...)'?"),  # type: ignore[operator]
    (lambda: os(), ""),  # type: ignore[operator]
    (lambda: 1 + "x", ""),  # type: ignore[operator]
]


@pytest.mark.parametrize(("case", "sentence"), CALLS)
def test_calls(case: Callable[[], Any], sentence: str) -> None:
    assert said(case) == sentence


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    before = set(sys.modules)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.chdir(tmp_path)
    yield tmp_path
    for name in set(sys.modules) - before:
        del sys.modules[name]


def said_of_import(place: Path, text: str, name: str = "importing") -> str:
    path = place / f"{name.replace('.', '/')}.py"
    path.write_text(text)
    importlib.invalidate_caches()
    return said(lambda: importlib.import_module(name))


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("import flaskk", "Did you mean: 'flask'?"),
        ("import jsn", "Did you mean: 'json'?"),
        ("import helprs", "Did you mean: 'helpers'?"),
        ("import django.urlz", "Did you mean: 'django.urls'?"),
        ("import importlib.metdata", "Did you mean: 'importlib.metadata'?"),
        ("from package import modle", "Did you mean: 'module'?"),
        ("import package.modle", "Did you mean: 'package.module'?"),
        ("import skimage", "The module 'skimage' is in the package 'scikit-image'."),
        ("import MySQLdb.cursors", "The module 'MySQLdb' is in the package 'mysqlclient'."),
        ("import qqqqqzzzzz", ""),
        ("from package import qqqqqzzzzz", ""),
    ],
)
def test_modules(place: Path, text: str, sentence: str) -> None:
    (place / "helpers.py").touch()
    (place / "package").mkdir()
    (place / "package/__init__.py").write_text("module = 1")
    (place / "package/module.py").touch()
    assert said_of_import(place, text) == sentence


@pytest.mark.parametrize(
    "wrong",
    [
        "no",
        "nut",
        "winregg",
        "wnsound",
        "msvcr",
        "_winap",
        "_scprxy",
        "fcntll",
        "terminos",
        "_posixsubproces",
    ],
)
def test_only_modules_that_this_platform_has(place: Path, wrong: str) -> None:
    """`sys.stdlib_module_names` has those of all platforms."""
    sentence = said_of_import(place, f"import {wrong}")
    found = re.fullmatch("Did you mean: '(.*)'\\?", sentence)
    assert found is None or importlib.util.find_spec(found.group(1)) is not None
    expected = {"fcntll": "fcntl", "terminos": "termios", "_posixsubproces": "_posixsubprocess"}
    if sys.platform != "win32" and wrong in expected:
        assert sentence == f"Did you mean: '{expected[wrong]}'?"


def test_a_module_beside_the_one_that_imports_it(place: Path) -> None:
    (place / "package").mkdir()
    (place / "package/__init__.py").touch()
    (place / "package/models.py").touch()
    assert said_of_import(place, "import models", "package.views") == "Did you mean: 'package.models'?"


def test_a_file_that_hides_a_module(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (place / "colorsys.py").write_text("x = 1")
    text = "import colorsys\ncolorsys.rgb_to_hls(1, 2, 3)\n"
    hides = "Your file 'colorsys.py' hides the module 'colorsys' of the standard library: rename it."
    monkeypatch.delitem(sys.modules, "colorsys", raising=False)
    itself = {hides, ""} if sys.version_info >= (3, 13) else {hides}  # then the message may say it
    assert said_of_import(place, text) in itself
    assert said_of_import(place, "from colorsys import rgb_to_hls", "importing_2") == hides
    assert said_of_import(place, "import colorsys.x", "importing_3") == hides


def test_a_file_that_hides_an_installed_module(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (place / "bottle.py").write_text("x = 1")
    monkeypatch.delitem(sys.modules, "bottle", raising=False)
    sentence = said_of_import(place, "from bottle import Bottle")
    assert sentence == "Your file 'bottle.py' hides the module 'bottle' that is installed: rename it."


def test_names_come_from_dictionaries_not_from_the_object() -> None:
    assert said(lambda: Listing().wieght) == "Did you mean: 'weight'?"  # type: ignore[attr-defined]


def test_an_attribute_error_that_was_raised_by_hand() -> None:
    class Row:
        def __init__(self) -> None:
            self.colour = 1

        def __getattr__(self, name: str) -> Any:
            raise AttributeError(f"'Row' object has no attribute '{name}'")

    row = Row()
    assert said(lambda: row.color) in ("", "Did you mean: 'colour'?")

    module = types.ModuleType("lazy_module")
    exec("colour = 1\ndef __getattr__(name):\n    raise AttributeError(name)", module.__dict__)
    assert said(lambda: module.color) in ("", "Did you mean: 'colour'?")


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
        ("nmae", ["name", "other"], "name"),
        ("nmae", ["nme"], "nme"),
        ("abdc", ["abcd"], "abcd"),
        ("ab", ["cd"], None),
        ("Name", ["name"], "name"),
        ("abc", ["abc"], None),
        ("abc", [5, "abd"], "abd"),
    ],
)
def test_closest(wrong: str, names: list[Any], best: str | None) -> None:
    assert closest(wrong, names) == best


MESSAGES = st.sampled_from(
    [
        "'NoneType' object has no attribute 'x'",
        "'coroutine' object is not iterable",
        "f() got an unexpected keyword argument 'x'",
        "A.f() takes 0 positional arguments but 1 was given",
        "'module' object is not callable",
        "module 'json' has no attribute 'x'",
        "cannot import name 'x' from 'json' (y)",
        "No module named 'x.y'; 'x' is not a package",
        "cannot access local variable 'x' where it is not associated with a value",
    ]
)


@given(
    st.sampled_from([NameError, UnboundLocalError, AttributeError, TypeError, KeyError, ImportError]),
    MESSAGES | st.text(max_size=50),
)
def test_no_message_leads_to_an_error(kind: type[Exception], message: str) -> None:
    for error in (kind(message), raised(lambda: (_ for _ in ()).throw(kind(message)))):
        assert NO_SUGGESTION not in from_exception(error).error.suggestion

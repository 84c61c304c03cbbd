"""The forms of `--app`."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pilotlight.app.errors import InvalidTarget
from pilotlight.app.target import FactoryCall, parse_target


@pytest.mark.parametrize(
    ("text", "module", "is_path", "attribute"),
    [
        ("hello", "hello", False, None),
        ("hello:app", "hello", False, "app"),
        ("hello:create_app", "hello", False, "create_app"),
        ("pkg.sub", "pkg.sub", False, None),
        ("pkg.sub:obj.attr", "pkg.sub", False, "obj.attr"),
        ("path/to/hello.py", "path/to/hello.py", True, None),
        ("path/to/hello.py:app", "path/to/hello.py", True, "app"),
        ("hello.py", "hello.py", True, None),
        ("manage.py", "manage.py", True, None),
        (".", ".", True, None),
        ("C:\\web\\hello.py", "C:\\web\\hello.py", True, None),
        ("C:\\web\\hello.py:app", "C:\\web\\hello.py", True, "app"),
        ("c:/web/hello:app", "c:/web/hello", True, "app"),
        (" hello : app ", "hello", False, "app"),
    ],
)
def test_forms(text, module, is_path, attribute):
    target = parse_target(text)
    assert (target.module, target.is_path, target.attribute, target.call) == (
        module,
        is_path,
        attribute,
        None,
    )


@pytest.mark.parametrize(
    ("text", "attribute", "call"),
    [
        ("hello:create_app()", "create_app", FactoryCall()),
        ('hello:create_app("dev", debug=True)', "create_app", FactoryCall(("dev",), {"debug": True})),
        (
            "hello:make.app(-3, [1, (2,)], k={'a': None})",
            "make.app",
            FactoryCall((-3, [1, (2,)]), {"k": {"a": None}}),
        ),
        ('C:\\web\\hello.py:create_app("a:b")', "create_app", FactoryCall(("a:b",))),
    ],
)
def test_factory_calls_take_literals(text, attribute, call):
    target = parse_target(text)
    assert (target.attribute, target.call) == (attribute, call)


@pytest.mark.parametrize(
    "text",
    ["", ":app", "hello:", "he llo", "hello:1app", "hello:f(x)", "hello:f(os.getcwd())", "hello:f(**{})",
     "hello:f(*a)",
     "hello:a + b", "hello:f()()", "hello:(lambda: 1)()", "hello:f(", "3d:app", "hello:f\0()"],
)  # fmt: skip
def test_anything_else_is_one_short_error(text):
    with pytest.raises(InvalidTarget) as caught:
        parse_target(text)
    assert repr(text) in caught.value.message
    assert caught.value.status == 2


@given(st.text(max_size=40))
def test_no_text_gives_another_error(text):
    try:
        target = parse_target(text)
    except InvalidTarget:
        return
    assert target.module

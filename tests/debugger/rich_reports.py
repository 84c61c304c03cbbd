"""Reports by hand, as rich as an app can make them: for the tests of all renderings."""

from __future__ import annotations

from typing import Any

from pilotlight.debugger.model import (
    Frame,
    Item,
    Moment,
    Pair,
    Report,
    RequestView,
    Section,
    Span,
    Trace,
    Value,
    Variable,
)

SHOP = """\
from decimal import Decimal

PRICES = {"tea": 3.20, "coffee": 4.10, "cake": 5.50}


def total(items, discount=None):
    amount = sum(PRICES[item] for item in items)  # before the discount
    return amount - amount * discount / 100


@app.post("/checkout")
def checkout():
    items = request.form.getlist("item")
    discount = find_discount(request.form.get("code"))
    return f"To pay: {total(items, discount):.2f}"
""".splitlines()

DIRECTORY = "/srv/shop"


def text(value: str, **changes: Any) -> Value:
    return Value(repr(value), "str", **changes)


def basket() -> Value:
    rows = tuple(
        Item(
            str(index),
            Value(
                f"{{'name': {name!r}, 'price': {price}}}",
                "dict",
                "container",
                2,
                (Item("'name'", text(name)), Item("'price'", Value(str(price), "float"))),
            ),
        )
        for index, (name, price) in enumerate((("tea", 3.2), ("cake", 5.5)))
    )
    return Value("[{'name': 'tea', 'price': 3.2}, {...}, ...]", "list", "container", 40, rows, 38)


def variables() -> tuple[Variable, ...]:
    return (
        Variable("amount", Value("8.7", "float"), "used"),
        Variable("discount", Value("None", "NoneType"), "used"),
        Variable("items", basket(), "argument"),
        Variable("api_key", Value("********", "str", "masked", note="masked because of its name"), "local"),
        Variable(
            "orders",
            Value(
                "<QuerySet of shop.Order>", "django.db.models.query.QuerySet", "lazy", note="not evaluated"
            ),
        ),
        Variable(
            "customer",
            Value("<shop.models.Customer>", "shop.models.Customer", "broken", note="repr took over 50 ms"),
        ),
        Variable("comment", text("please ring twice " * 10, length=4_000)),
    )


def own(name: str, line: int, first: int, span: Span | None, handle: int, **changes: Any) -> Frame:
    body: dict[str, Any] = {
        "file": f"{DIRECTORY}/shop.py",
        "line": line,
        "function": name,
        "qualname": name,
        "module": "shop",
        "own": True,
        "end_line": line,
        "lines": tuple(SHOP[first - 1 : line + 4]),
        "first_line": first,
        "span": span,
        "variables": variables(),
        "handle": handle,
    }
    return Frame(**{**body, **changes})


def library(name: str, number: int, package: str = "flask", **changes: Any) -> Frame:
    lines = tuple(
        f"        step_{each} = self.prepare(value, option={each}, key='name')" for each in range(11)
    )
    body: dict[str, Any] = {
        "file": f"/usr/lib/python3.13/site-packages/{package}/app.py",
        "line": number,
        "function": name,
        "qualname": f"Flask.{name}",
        "module": f"{package}.app",
        "own": False,
        "end_line": number,
        "lines": lines,
        "first_line": number - 5,
        "span": Span(number, 17, number, 60),
        "variables": variables(),
        "handle": -1,
    }
    return Frame(**{**body, **changes})


def rich_report(**changes: Any) -> Report:
    """A POST that failed: variables of all kinds, a cause, request, timeline and environment."""
    frames = (
        library("wsgi_app", 1_511),
        library("full_dispatch_request", 917),
        library("dispatch_request", 902),
        own("checkout", 15, 11, Span(15, 22, 15, 44), 0),
        own("total", 8, 3, Span(8, 20, 8, 37), 1),
    )
    cause = Trace(
        "KeyError",
        "'SPRING'",
        (own("find_discount", 14, 11, Span(14, 15, 14, 28), 2, variables=()),),
        link="context",
    )
    error = Trace(
        "TypeError",
        "unsupported operand type(s) for *: 'float' and 'NoneType'",
        frames,
        suggestion="`discount` is None here.",
    )
    body: dict[str, Any] = {
        "id": "0123456789ab",
        "kind": "request",
        "time": 1.0,
        "python": "CPython 3.13.1",
        "directory": DIRECTORY,
        "chain": (error, cause),
        "request": RequestView(
            "POST",
            "http://127.0.0.1:5000/checkout?from=basket",
            "127.0.0.1",
            "/checkout → shop.checkout",
            (
                Section("Query", (Pair("from", "basket"),)),
                Section("Form", (Pair("item", "tea"), Pair("item", "cake"), Pair("code", "SPRING"))),
                Section(
                    "Headers",
                    (
                        Pair("Host", "127.0.0.1:5000"),
                        Pair("User-Agent", "Mozilla/5.0 (X11; Linux x86_64) " + "x" * 120),
                        *(Pair(f"X-Header-{number}", f"value {number}") for number in range(28)),
                    ),
                ),
                Section("Cookies", (Pair("session", "********"),)),
                Section("Session", note="the app has no secret key"),
            ),
            27,
            "curl -X POST 'http://127.0.0.1:5000/checkout?from=basket' -d 'item=tea&item=cake&code=SPRING'",
        ),
        "timeline": timeline(),
        "timeline_omitted": 3,
        "environment": (
            Section(
                "Versions", (Pair("Python", "3.13.1"), Pair("Flask", "3.1.0"), Pair("SQLAlchemy", "2.0.36"))
            ),
            Section("Process", (Pair("pid", "4242"), Pair("commit", "1f2e3d4 (2 files changed)"))),
            Section("Environment", tuple(Pair(f"SHOP_OPTION_{number}", "yes") for number in range(12))),
        ),
    }
    return Report(**{**body, **changes})


def timeline(count: int = 40) -> tuple[Moment, ...]:
    moments = []
    for number in range(count):
        at = 0.0013 * number
        if number % 4 == 1:
            query = f"SELECT orders.id, orders.total FROM orders WHERE orders.customer_id = {number}"
            moments.append(Moment(at, "sql", "default", query, took=0.0007))
        else:
            level = "WARNING" if number == count - 2 else "INFO"
            moments.append(Moment(at, "log", "shop.basket", f"put article {number} into the basket", level))
    return tuple(moments)


def deep_report() -> Report:
    """28 frames, 12 of them the user's own."""
    frames = tuple(
        own(f"step_{number}", 8, 3, Span(8, 20, 8, 37), number)
        if number % 7 in (2, 3, 5)
        else library(f"call_{number}", 100 + number)
        for number in range(28)
    )
    error = Trace("TypeError", "unsupported operand type(s) for *: 'float' and 'NoneType'", frames)
    return rich_report(chain=(error,))

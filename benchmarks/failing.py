"""A Flask project with a view that fails 28 calls deep, an endless recursion, and a view that does not fail.

Must never use the clock or chance: two runs serve the same bytes.
"""

from __future__ import annotations

import textwrap
from pathlib import Path

DEPTH = 28
"""Calls of the app's own from the view to the line that fails; Flask's come before them."""
LAYERS = ("routes", "orders", "pricing", "stock")
"""The modules of the 27 calls below the view, about seven in each."""

_APP = '''
    """A shop whose prices cannot be had."""

    from flask import Flask, request

    from shop.recursion import descend
    from shop.routes import step_1

    VERSION = "version 0"

    app = Flask(__name__)


    @app.get("/")
    def index():
        return {"name": request.args.get("name", "none"), "version": VERSION}


    @app.get("/deep/<int:number>")
    def deep(number):
        customer = request.args.get("customer", "nobody")
        basket = {"apple": 3, "pear": 1, "plum": 12}
        return step_1({"number": number, "customer": customer, "basket": basket}, number)


    @app.get("/recursion")
    def recursion():
        return str(descend(1, []))
'''

_STEP = '''
    def step_{number}(order, amount):
        """Step {number} of what is done with an order."""
        {call_import}
        label = f"step {number} of {{order['customer']}}"
        discount = 0.05 * (amount % 4)
        positions = [Position(name, count, discount) for name, count in order["basket"].items()]
        if not positions:
            return {{"label": label, "total": 0}}
        total = sum(each.total(amount) for each in positions)
        rest = {call}
        return {{"label": label, "total": total, "rest": rest}}
'''

_LAST = '''
    def step_{number}(order, amount):
        """Where it fails."""
        prices = {{"apple": Decimal("1.20"), "pear": Decimal("0.85")}}
        currency = order.get("currency", "EUR")
        total = Decimal(0)
        for name, count in order["basket"].items():
            total += prices[name] * count + amount
        return {{"total": total, "currency": currency}}
'''

_LAYER = '''
    """{title} of the shop."""

    from dataclasses import dataclass
    from decimal import Decimal


    @dataclass
    class Position:
        """One line of an order."""

        name: str
        count: int
        discount: float
        since: Decimal = Decimal("0.5")

        def total(self, amount):
            """What it costs."""
            return self.count * amount * (1 - self.discount)
'''

_RECURSION = '''
    """Calls itself until the interpreter ends it."""


    def descend(level, path):
        """Goes down."""
        here = [*path[-3:], level]
        name = f"level {level}"
        return descend(level + 1, here) + len(name)
'''


def failing(root: Path) -> None:
    """Write the project."""
    shop = root / "shop"
    shop.mkdir()
    (shop / "__init__.py").write_text('"""The shop."""\n')
    (shop / "recursion.py").write_text(_text(_RECURSION))
    (root / "failing_app.py").write_text(_text(_APP))
    texts = {name: [_text(_LAYER.format(title=name.title()))] for name in LAYERS}
    for number in range(1, DEPTH):
        texts[_layer(number)].append(_step(number))
    for name, parts in texts.items():
        (shop / f"{name}.py").write_text("\n\n".join(parts))


def _layer(number: int) -> str:
    return LAYERS[(number - 1) * len(LAYERS) // (DEPTH - 1)]


def _step(number: int) -> str:
    if number == DEPTH - 1:
        return _text(_LAST.format(number=number))
    following = number + 1
    elsewhere = _layer(following) != _layer(number)
    call_import = f"from shop.{_layer(following)} import step_{following}\n" if elsewhere else ""
    text = _text(_STEP.format(number=number, call=f"step_{following}(order, amount + 1)", call_import="@"))
    return text.replace("    @\n", f"    {call_import}" if call_import else "")


def _text(text: str) -> str:
    return textwrap.dedent(text).lstrip()

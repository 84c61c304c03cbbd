"""The pages of the shop."""

from __future__ import annotations

from flask import Blueprint, abort, current_app, render_template

from .goods import GOODS, Article

blueprint = Blueprint("shop", __name__)


@blueprint.get("/")
def index() -> str:
    return render_template("index.html", goods=GOODS.values())


@blueprint.get("/articles/<slug>")
def article(slug: str) -> dict[str, str | float]:
    found: Article | None = GOODS.get(slug)
    if found is None:
        abort(404)
    return {"name": found.name, "price": found.price, "currency": current_app.config["CURRENCY"]}

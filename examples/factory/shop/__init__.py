"""A Flask package with an application factory."""

from __future__ import annotations

from flask import Flask

from . import views


def create_app(name: str = "The corner shop", *, currency: str = "EUR") -> Flask:
    """The app, configured; try `pilotlight --app 'shop:create_app("Another shop", currency="SEK")' run`."""
    app = Flask(__name__)
    app.config.from_mapping(SHOP_NAME=name, CURRENCY=currency)
    app.register_blueprint(views.blueprint)
    return app

"""Lays the projects out that the servers serve: one folder each, written anew for every run.

The small apps are copied from `apps/`; the heavy package, the Django project and the unrelated files are made
here. Must never use the clock or chance: two runs serve the same bytes.
"""

from __future__ import annotations

import shutil
import textwrap
from collections.abc import Callable
from pathlib import Path

from failing import failing

SMALL = {"flask": "flask_app.py", "asgi": "asgi_app.py", "fastapi": "fastapi_app.py"}
HERE = Path(__file__).resolve().parent


def lay_out(folder: str, directory: Path) -> Path:
    """Write the project of that name into a folder of `directory`, and return the folder."""
    root = directory / folder
    root.mkdir(parents=True)
    if folder in SMALL:
        shutil.copy(HERE / "apps" / SMALL[folder], root)
    else:
        makers: dict[str, Callable[[Path], None]] = {"heavy": heavy, "django": django, "failing": failing}
        makers[folder](root)
    return root


def clutter(root: Path, files: int) -> None:
    """As many files that have nothing to do with the app, a hundred to a directory, as npm leaves them."""
    for number in range(files):
        package = root / "node_modules" / f"package-{number // 1000}" / f"part-{number // 100 % 10}"
        if number % 100 == 0:
            package.mkdir(parents=True)
        (package / f"file-{number % 100}.js").write_text("module.exports = 1;\n")


def _write(root: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text).lstrip())


# The heavy package: 60 modules. A fresh start executes the factory's module, `core` (with pandas), `database`
# (SQLAlchemy), all models, as is the custom, and then view by view, each with its service (scikit-learn). The
# view that is edited is the one in the middle.

KINDS = (
    *("customers", "products", "invoices", "payments", "shipments", "returns", "suppliers", "stocks"),
    *("orders", "prices", "reviews", "coupons", "campaigns", "tickets", "employees", "branches", "taxes"),
)
"""One model, one service and one view for each."""

ESTIMATORS = (
    "sklearn.ensemble:RandomForestRegressor",
    "sklearn.linear_model:Ridge",
    "sklearn.cluster:KMeans",
    "sklearn.neighbors:KNeighborsRegressor",
    "sklearn.decomposition:PCA",
    "sklearn.svm:SVR",
    "sklearn.preprocessing:StandardScaler",
    "sklearn.tree:DecisionTreeRegressor",
)

_FACTORY = '''
    """A shop with statistics: the factory."""

    import importlib

    from flask import Flask

    from heavy import core, models

    KINDS = {kinds!r}


    def create_app() -> Flask:
        """The app, with the blueprint of each view module."""
        app = Flask(__name__)
        app.config["SETTINGS"] = core.settings()
        app.config["MODELS"] = models.__all__
        importlib.import_module("heavy.extensions").register(app)
        for kind in KINDS:
            app.register_blueprint(importlib.import_module(f"heavy.views.{{kind}}").blueprint)
        return app
'''

_CORE = '''
    """What every other module of the package uses."""

    import datetime
    import logging

    import pandas as pd

    VERSION = "version 0"
    log = logging.getLogger("heavy")
    CALENDAR = pd.date_range("2020-01-01", periods=2000, freq="D")


    def settings() -> dict[str, object]:
        """The settings of the shop."""
        return {"currency": "EUR", "since": datetime.date(2020, 1, 1)}


    def frame(rows: list[dict[str, object]]) -> pd.DataFrame:
        """Rows as a table."""
        return pd.DataFrame(rows)
'''

_EXTENSIONS = '''
    """What runs before the views."""

    import ctypes

    from flask import Flask

    from heavy import core


    def register(app: Flask) -> None:
        """Add the hooks and the view that ends the process."""
        app.before_request(lambda: core.log.debug("a request"))
        app.add_url_rule("/crash", "crash", lambda: str(ctypes.string_at(0)))
'''

_DATABASE = '''
    """The data base."""

    from sqlalchemy import create_engine
    from sqlalchemy.orm import DeclarativeBase, sessionmaker

    from heavy import core

    core.log.debug("connecting")


    class Base(DeclarativeBase):
        """The base of all models."""


    engine = create_engine("sqlite://")
    Session = sessionmaker(engine)
'''

_MODEL = '''
    """The model {name}."""

    from sqlalchemy import Float, String
    from sqlalchemy.orm import Mapped, mapped_column

    from heavy import core
    from heavy.database import Base


    class {title}(Base):
        """One of the {name}."""

        __tablename__ = "{name}"

        id: Mapped[int] = mapped_column(primary_key=True)
        name: Mapped[str] = mapped_column(String(80))
        amount: Mapped[float] = mapped_column(Float, default=0.0)
        version = core.VERSION
'''

_SERVICE = '''
    """What the shop does with {name}."""

    from {module} import {estimator}

    from heavy import core
    from heavy.models.{name} import {title}

    PIPELINE = {estimator}()


    def summary(number: int) -> dict[str, object]:
        """Figures about one of them."""
        table = core.frame([{{"number": number, "amount": amount}} for amount in range(3)])
        return {{"number": number, "total": int(table["amount"].sum()), "of": {title}.__tablename__}}
'''

_VIEW = '''
    """The pages about {name}."""

    from flask import Blueprint

    from heavy import core
    from heavy.services.{name} import summary

    VERSION = "version 0"
    blueprint = Blueprint("{name}", __name__, url_prefix="/{name}")


    @blueprint.get("/<int:number>")
    def show(number: int) -> dict[str, object]:
        """One of them."""
        return {{**summary(number), "view": VERSION, "core": core.VERSION}}
'''

_SMALL = '''
    """Helpers for {name}."""

    from heavy import core

    NAME = "{name}"


    def note(text: str) -> None:
        """Log it."""
        core.log.debug("%s: %s", NAME, text)
'''


def heavy(root: Path) -> None:
    """A Flask package of 60 modules on pandas, SQLAlchemy and scikit-learn, with an app factory."""
    files = {
        "heavy/__init__.py": _FACTORY.format(kinds=KINDS),
        "heavy/core.py": _CORE,
        "heavy/database.py": _DATABASE,
        "heavy/extensions.py": _EXTENSIONS,
        "heavy/models/__init__.py": '"""All models: the data base must know them."""\n\n'
        f"from heavy.models import {', '.join(KINDS)}\n\n__all__ = {list(KINDS)!r}\n",
        "heavy/services/__init__.py": '"""The services."""\n',
        "heavy/views/__init__.py": '"""The views."""\n\nfrom heavy.views import formatting, paging\n\n'
        "__all__ = ['formatting', 'paging']\n",
        "heavy/views/formatting.py": _SMALL.format(name="formatting"),
        "heavy/views/paging.py": _SMALL.format(name="paging"),
    }
    for number, name in enumerate(KINDS):
        module, _, estimator = ESTIMATORS[number % len(ESTIMATORS)].partition(":")
        names = {"name": name, "title": name.title(), "module": module, "estimator": estimator}
        files[f"heavy/models/{name}.py"] = _MODEL.format(**names)
        files[f"heavy/services/{name}.py"] = _SERVICE.format(**names)
        files[f"heavy/views/{name}.py"] = _VIEW.format(**names)
    _write(root, files)


# The Django project, as `startproject` and `startapp` lay it out, with views, forms, templates and an admin.

SITES = ("shop", "blog", "accounts", "pages", "search")

_SETTINGS = '''
    """Settings of the project, for development."""

    from pathlib import Path

    BASE_DIR = Path(__file__).resolve().parent.parent
    SECRET_KEY = "for-development-only"
    DEBUG = True
    ALLOWED_HOSTS = []
    INSTALLED_APPS = [
        "django.contrib.admin",
        "django.contrib.auth",
        "django.contrib.contenttypes",
        "django.contrib.sessions",
        "django.contrib.messages",
        "django.contrib.staticfiles",
        {apps},
    ]
    MIDDLEWARE = [
        "django.middleware.security.SecurityMiddleware",
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.middleware.common.CommonMiddleware",
        "django.middleware.csrf.CsrfViewMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
        "django.contrib.messages.middleware.MessageMiddleware",
        "django.middleware.clickjacking.XFrameOptionsMiddleware",
    ]
    ROOT_URLCONF = "site_config.urls"
    TEMPLATES = [
        {{
            "BACKEND": "django.template.backends.django.DjangoTemplates",
            "DIRS": [BASE_DIR / "templates"],
            "APP_DIRS": True,
            "OPTIONS": {{
                "context_processors": [
                    "django.template.context_processors.request",
                    "django.contrib.auth.context_processors.auth",
                    "django.contrib.messages.context_processors.messages",
                ]
            }},
        }}
    ]
    WSGI_APPLICATION = "site_config.wsgi.application"
    DATABASES = {{"default": {{"ENGINE": "django.db.backends.sqlite3", "NAME": BASE_DIR / "db.sqlite3"}}}}
    USE_TZ = True
    STATIC_URL = "static/"
    DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
'''

_URLS = '''
    """The URLs of the project."""

    from django.contrib import admin
    from django.urls import include, path

    urlpatterns = [
        path("admin/", admin.site.urls),
        {includes},
    ]
'''

_WSGI = '''
    """The app as WSGI wants it."""

    import os

    from django.core.wsgi import get_wsgi_application

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "site_config.settings")
    application = get_wsgi_application()
'''

_MANAGE = '''
    """Django's command line."""

    import os
    import sys

    from django.core.management import execute_from_command_line

    if __name__ == "__main__":
        os.environ.setdefault("DJANGO_SETTINGS_MODULE", "site_config.settings")
        execute_from_command_line(sys.argv)
'''

_SITE_FILES = {
    "__init__.py": '"""The app {name}."""\n',
    "apps.py": '''
        """What Django is told of {name}."""

        from django.apps import AppConfig


        class {title}Config(AppConfig):
            """The app {name}."""

            name = "{name}"
    ''',
    "models.py": '''
        """The models of {name}."""

        from django.db import models


        class {title}Entry(models.Model):
            """One entry."""

            title = models.CharField(max_length=80)
            created = models.DateTimeField(auto_now_add=True)
    ''',
    "admin.py": '''
        """The models of {name} in the admin."""

        from django.contrib import admin

        from {name}.models import {title}Entry

        admin.site.register({title}Entry)
    ''',
    "forms.py": '''
        """The forms of {name}."""

        from django import forms

        from {name}.models import {title}Entry


        class {title}Form(forms.ModelForm):
            """The form for an entry."""

            class Meta:
                """Which fields it has."""

                model = {title}Entry
                fields = ["title"]
    ''',
    "urls.py": '''
        """The URLs of {name}."""

        from django.urls import path

        from {name} import views

        urlpatterns = [path("<int:number>/", views.show)]
    ''',
    "views.py": '''
        """The views of {name}."""

        from django.http import HttpRequest, HttpResponse
        from django.shortcuts import render

        from {name}.forms import {title}Form

        VERSION = "version 0"


        def show(request: HttpRequest, number: int) -> HttpResponse:
            """One entry and a form."""
            return render(
                request, "{name}/show.html", {{"number": number, "version": VERSION, "form": {title}Form()}}
            )
    ''',
    "templates/{name}/show.html": """
        {{% extends "base.html" %}}
        {{% block content %}}<p>{name} {{{{ number }}}}: {{{{ version }}}}</p>{{{{ form }}}}{{% endblock %}}
    """,
}


def django(root: Path) -> None:
    """A Django project with five apps, the admin, templates, and an empty SQLite data base."""
    apps = ",\n        ".join(f'"{name}"' for name in SITES)
    includes = ",\n        ".join(f'path("{name}/", include("{name}.urls"))' for name in SITES)
    files = {
        "manage.py": _MANAGE,
        "site_config/__init__.py": '"""The project."""\n',
        "site_config/settings.py": _SETTINGS.format(apps=apps),
        "site_config/urls.py": _URLS.format(includes=includes),
        "site_config/wsgi.py": _WSGI,
        "templates/base.html": "<!doctype html>\n<title>Site</title>\n{% block content %}{% endblock %}\n",
    }
    for site in SITES:
        names = {"name": site, "title": site.title()}
        for name, text in _SITE_FILES.items():
            files[f"{site}/{name.format(**names)}"] = textwrap.dedent(text).format(**names)
    _write(root, files)

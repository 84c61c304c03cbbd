"""What tests of the debugger share: an app beside the listener, the listener, Django's settings (which a
process has once)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from listener_browser import AppServer
from listener_harness import LIMIT, Running, running


@pytest.fixture
def app() -> Iterator[AppServer]:
    server = AppServer()
    yield server
    server.close()


@pytest.fixture
def beside(tmp_path: Path, app: AppServer) -> Iterator[Running]:
    origins = (f"http://127.0.0.1:{app.port}", f"http://localhost:{app.port}")
    with running(tmp_path, app_origins=origins) as one:
        yield one


@pytest.fixture
def context(opened_browser: Any) -> Iterator[Any]:
    opened = opened_browser.new_context()
    opened.set_default_timeout(LIMIT * 1000)
    yield opened
    opened.close()


@pytest.fixture(scope="session")
def configured_django() -> None:
    """A project with a database in memory and users."""
    django = pytest.importorskip("django")
    from django.conf import settings

    settings.configure(
        DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
        INSTALLED_APPS=["django.contrib.contenttypes", "django.contrib.auth"],
        USE_TZ=True,
    )
    django.setup()

"""What the browser tests of the debug listener share: a browser, an app beside the listener, the listener."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from listener_browser import FLAGS, AppServer
from listener_harness import LIMIT, Running, running


@pytest.fixture(scope="module")
def debug_browser(chromium: str) -> Iterator[Any]:
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as driver:
        opened = driver.chromium.launch(executable_path=chromium, args=FLAGS)
        yield opened
        opened.close()


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
def context(debug_browser: Any) -> Iterator[Any]:
    opened = debug_browser.new_context()
    opened.set_default_timeout(LIMIT * 1000)
    yield opened
    opened.close()

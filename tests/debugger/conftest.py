"""What the browser tests of the debug listener share: an app beside the listener, the listener."""

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

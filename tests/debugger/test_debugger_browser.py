"""The page in a real browser: it can be read without JavaScript, obeys its policy, and heals by itself."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from pilotlight.debugger import Report, error_response, from_exception

pytestmark = pytest.mark.browser
playwright = pytest.importorskip("playwright.sync_api")
CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking"]


def failed_load() -> Report:
    try:
        compile("def view()\n    pass\n", "app.py", "exec")
    except SyntaxError as error:
        return from_exception(error, kind="load")
    raise AssertionError("it compiled")


class App:
    """Serves an error until it is fixed; remembers what it was asked."""

    def __init__(self) -> None:
        self.report: Report | None = failed_load()
        self.polls: list[str] = []
        self.polled = threading.Event()

    def answer(self, method: str, headers: Any) -> tuple[int, list[tuple[bytes, bytes]], bytes]:
        if headers["X-Pilotlight-Poll"]:
            self.polls.append(f"{method} {headers['X-Pilotlight-Poll']}")
            self.polled.set()
        if self.report is None:
            return (
                200,
                [(b"Content-Type", b"text/html"), (b"Content-Length", b"22")],
                b"<h1 id=ok>Healed</h1>\n",
            )
        return error_response(self.report, headers["Accept"].encode(), method, live=True)


@contextmanager
def serving(app: App) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, headers, body = app.answer(self.command, self.headers)
            self.send_response(status)
            for name, value in headers:
                self.send_header(name.decode(), value.decode())
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        do_HEAD = do_GET

        def log_message(self, *_: Any) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/"
        finally:
            server.shutdown()
            thread.join(10)


@pytest.fixture
def browser() -> Iterator[Any]:
    if CHROMIUM is None:
        pytest.skip("no Chromium on this machine")
    with playwright.sync_playwright() as driver:
        chromium = driver.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield chromium
        chromium.close()


def test_the_page_heals_by_itself(browser: Any) -> None:
    app = App()
    with serving(app) as url:
        page = browser.new_page()
        complaints: list[str] = []
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda message: complaints.append(message.text))
        page.goto(url)
        assert page.title().startswith("SyntaxError: expected ':'")
        assert page.locator("#live").is_visible()
        first = app.report
        assert first is not None
        assert app.polled.wait(10)
        assert app.polls[0] == f"HEAD {first.id}"
        app.report = failed_load()  # another error: another page
        page.wait_for_function(
            "id => document.body.dataset.errorId === id", arg=app.report.id, timeout=10_000
        )
        app.report = None
        page.wait_for_selector("#ok", timeout=10_000)
        assert [each for each in complaints if "500" not in each] == []


def test_without_javascript_all_can_be_read(browser: Any) -> None:
    app = App()
    with serving(app) as url:
        page = browser.new_context(
            java_script_enabled=False, viewport={"width": 360, "height": 700}
        ).new_page()
        page.goto(url)
        assert page.locator("h1").is_visible()
        assert page.locator("noscript .live").is_visible()
        assert page.locator(".here mark").is_visible()
        page.locator("summary", has_text="Traceback as text").click()
        assert "SyntaxError: expected ':'" in page.locator("#text").inner_text()


def test_no_sideways_scrolling_on_a_phone(browser: Any) -> None:
    app = App()
    app.report = from_exception(ValueError("word" * 200 + " and " + "漢" * 300))
    with serving(app) as url:
        page = browser.new_context(viewport={"width": 360, "height": 700}).new_page()
        page.goto(url)
        assert page.evaluate("document.documentElement.scrollWidth") <= 360

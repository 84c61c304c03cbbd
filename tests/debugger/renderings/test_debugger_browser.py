"""The page in a real browser: it can be read without JavaScript, obeys its policy, and heals by itself."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from rich_reports import deep_report, library, own, rich_report

from pilotlight.debugger import Report, error_response, from_exception
from pilotlight.debugger.model import SyntaxPlace, Trace
from pilotlight.debugger.renderings.heal import STATE_PATH
from pilotlight.debugger.renderings.markdown import render_markdown
from pilotlight.debugger.renderings.text import render_text

pytestmark = pytest.mark.browser


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
        self.asked: list[str] = []
        self.was_asked = threading.Event()

    def answer(self, method: str, target: str, headers: Any) -> tuple[int, list[tuple[bytes, bytes]], bytes]:
        path, _, query = target.partition("?")
        if path == STATE_PATH:
            self.asked.append(query)
            self.was_asked.set()
            state = {"generation": None, "error": self.report.id} if self.report else {"generation": "2"}
            return 200, [(b"Content-Type", b"application/json")], json.dumps(state).encode()
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
            status, headers, body = app.answer(self.command, self.path, self.headers)
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
def browser(opened_browser: Any) -> Iterator[Any]:
    yield opened_browser
    for context in opened_browser.contexts:  # its pages would go on asking, perhaps the next test's server
        context.close()


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
        assert app.was_asked.wait(10)
        assert app.asked[0] == f"of={first.id}&after=&not={first.id}"
        app.report = failed_load()  # another error: another page
        page.locator(f"body[data-error-id='{app.report.id}']").wait_for(timeout=10_000)
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


class Shop:
    """An app that fails until it is mended, and the state path; `/console` is the debug listener's."""

    def __init__(self, report: Report, **options: Any) -> None:
        self.report: Report | None = report
        self.options = options
        self.generation: Any = "1"
        self.leads_to = ""
        self.asked: list[str] = []
        self.state_asked = threading.Event()

    def answer(self, method: str, path: str, accept: str, body: bytes) -> tuple[int, Any, bytes]:
        if path.startswith(STATE_PATH):
            self.state_asked.set()
            state = json.dumps({"generation": self.generation}).encode()
            return 200, [(b"Content-Type", b"application/json")], state
        if path.startswith("/console"):
            return 200, [(b"Content-Type", b"text/html")], b"<title>c</title><p id=console>Console"
        if path == "/favicon.ico":
            return 404, [], b""
        self.asked.append(f"{method} {path} {body.decode()}".strip())
        if path == "/form":
            form = (
                b"<form method=post action=/checkout><input name=item value=tea><button>Buy</button></form>"
            )
            return 200, [(b"Content-Type", b"text/html")], form
        if self.leads_to:
            return 303, [(b"Location", self.leads_to.encode())], b""
        if self.report is None:
            page = b"<style>h1{color:rgb(1,2,3)}</style><h1 id=ok>Mended</h1>"
            return 200, [(b"Content-Type", b"text/html")], page
        return error_response(
            self.report, accept.encode(), method, live=True, generation=self.generation, **self.options
        )


@contextmanager
def shopping(shop: Shop) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            sent = self.rfile.read(int(self.headers["Content-Length"] or 0))
            status, headers, body = shop.answer(self.command, self.path, self.headers["Accept"], sent)
            self.send_response(status)
            for name, value in headers:
                if name != b"Content-Length":
                    self.send_header(name.decode(), value.decode())
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        do_HEAD = do_POST = do_GET

        def log_message(self, *_: Any) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join(10)


@contextmanager
def shown(browser: Any, report: Report, *, with_console: bool = False, **context: Any) -> Iterator[Any]:
    """The page of a report. Any complaint of the browser, such as one about the policy, fails the test."""
    listener = Shop(report)
    with shopping(listener) as origin:
        shop = Shop(
            report, editor="vscode", console=origin if with_console else "", console_note="No console: why."
        )
        with shopping(shop) as url:
            page = browser.new_context(**context).new_page()
            complaints: list[str] = []
            page.on("pageerror", lambda error: complaints.append(str(error)))
            page.on("console", lambda message: complaints.append(message.text))
            page.goto(f"{url}/checkout")
            yield page
            assert [each for each in complaints if "status of 500" not in each] == []


def current(page: Any) -> str:
    return str(page.locator(".current .function").first.inner_text())


def test_keys_walk_the_frames(browser: Any) -> None:
    with shown(browser, rich_report()) as page:
        page.keyboard.press("j")
        assert current(page) == "total"
        page.keyboard.press("j")
        assert current(page) == "checkout"
        opened = page.locator(".current")
        assert opened.get_attribute("open") is not None
        page.keyboard.press("o")
        assert opened.get_attribute("open") is None
        page.keyboard.press("Enter")  # the browser's own key for what has the focus
        assert opened.get_attribute("open") is not None
        page.keyboard.press("j")  # the library frames are folded
        assert current(page) == "find_discount"
        page.keyboard.press("l")
        page.keyboard.press("k")
        assert current(page) == "Flask.wsgi_app"
        page.keyboard.press("l")
        assert page.locator(".library > details[open]").count() == 0
        for _ in range(9):
            page.keyboard.press("k")
        assert current(page) == "total"


def test_the_next_frame_behind_the_last_opens_the_run_it_is_folded_in(browser: Any) -> None:
    """One frame of the user's own, and the library's around it, is the page that is seen most."""
    frames = (
        library("wsgi_app", 1_511),
        library("dispatch_request", 902),
        own("checkout", 15, 11, None, 0),
        library("abort", 77, "werkzeug"),
    )
    cause = (library("read", 5), own("load", 8, 3, None, 1), library("parse", 6))
    report = rich_report(
        chain=(Trace("KeyError", "'x'", frames), Trace("ValueError", "y", cause, link="cause"))
    )
    with shown(browser, report) as page:
        opened = page.locator(".library > details[open]")
        page.keyboard.press("j")
        assert current(page) == "checkout"
        page.keyboard.press("j")  # what is folded on the way to a frame that can be seen is passed over
        assert current(page) == "load"
        assert opened.count() == 0
        page.keyboard.press("j")
        assert current(page) == "Flask.read"
        assert opened.count() == 1
        page.keyboard.press("j")
        assert current(page) == "Flask.read"
        for name in ("load", "checkout", "checkout"):
            page.keyboard.press("k")
            assert current(page) == name
    with shown(browser, rich_report(chain=(Trace("KeyError", "'x'", frames),))) as page:
        opened = page.locator(".library > details[open]")
        for name in ("checkout", "Flask.abort", "Flask.dispatch_request", "Flask.wsgi_app", "Flask.wsgi_app"):
            page.keyboard.press("j")
            assert current(page) == name
        assert opened.count() == 2
        for name in ("Flask.dispatch_request", "Flask.abort", "checkout"):
            page.keyboard.press("k")
            assert current(page) == name


def test_the_first_frame_may_be_in_a_folded_run(browser: Any) -> None:
    place = SyntaxPlace("/app/shop.py", 3, "def f()", 7, 8)
    trace = Trace("SyntaxError", "expected ':'", (library("load", 5), library("run", 6)), syntax=place)
    with shown(browser, rich_report(chain=(trace,))) as page:
        for name in ("Flask.run", "Flask.load"):
            page.keyboard.press("j")
            assert current(page) == name


def test_keys_are_left_alone_in_fields_and_with_modifiers(browser: Any) -> None:
    with shown(browser, rich_report()) as page:
        page.evaluate("document.querySelector('main').insertAdjacentHTML('afterbegin','<input id=field>')")
        page.locator("#field").click()
        page.keyboard.type("jko?`e")
        assert page.locator("#field").input_value() == "jko?`e"
        page.evaluate("document.activeElement.blur()")
        for key in ("Control+j", "Alt+k", "Meta+o"):
            page.keyboard.press(key)
        assert page.locator(".current").count() == 0
        assert not page.locator("#help").is_visible()


def test_the_help(browser: Any) -> None:
    with shown(browser, rich_report()) as page:
        assert page.locator("#keys").is_visible()
        page.keyboard.press("?")
        assert page.get_by_role("dialog", name="Keyboard").is_visible()
        page.keyboard.press("j")
        assert page.locator(".current").count() == 0
        page.keyboard.press("Escape")
        assert not page.locator("#help").is_visible()
        page.locator("#keys").click()
        page.get_by_role("button", name="Close").click()
        assert not page.locator("#help").is_visible()


@pytest.mark.parametrize("form", ["markdown", "text", "curl"])
def test_copying(browser: Any, form: str) -> None:
    report = rich_report()
    assert report.request is not None
    expected = {"markdown": render_markdown(report), "text": render_text(report), "curl": report.request.curl}
    with shown(browser, report, permissions=["clipboard-read", "clipboard-write"]) as page:
        page.locator(f"[data-copy={form}]").click()
        page.locator("#said", has_text="copied.").wait_for(timeout=10_000)
        assert page.evaluate("navigator.clipboard.readText()") == expected[form]


def test_the_key_copies_markdown_also_where_the_clipboard_is_refused(browser: Any) -> None:
    with shown(browser, rich_report()) as page:
        page.evaluate(
            "void(navigator.clipboard.writeText=function(){return Promise.reject(new Error('no'))})"
        )
        page.evaluate(
            "document.addEventListener('copy',function(){window.taken=document.activeElement.value})"
        )
        page.keyboard.press("c")
        page.locator("#said", has_text="Markdown copied.").wait_for(timeout=10_000)
        assert page.evaluate("window.taken") == render_markdown(rich_report())


def test_the_editor_opens_the_current_frame(browser: Any) -> None:
    with shown(browser, rich_report()) as page:
        page.evaluate(
            "document.addEventListener('click',function(event){var link=event.target.closest('a.edit');"
            "if(link){event.preventDefault();window.opened=link.href}})"
        )
        page.keyboard.press("e")
        assert page.evaluate("window.opened") == "vscode://file/srv/shop/shop.py:8:21"
        page.keyboard.press("j")
        page.keyboard.press("j")
        page.keyboard.press("e")
        assert page.evaluate("window.opened") == "vscode://file/srv/shop/shop.py:15:23"


def test_one_console_moves_between_frames(browser: Any) -> None:
    with shown(browser, rich_report(), with_console=True) as page:
        frame = page.frame_locator("iframe")
        page.keyboard.press("j")
        page.keyboard.press("`")
        frame.locator("#console").wait_for(timeout=10_000)
        iframe = page.locator("iframe")
        assert iframe.get_attribute("title") == "Console in total (shop.py:8)"
        assert str(iframe.get_attribute("src")).endswith("/console?report=0123456789ab&frame=1")
        assert page.locator("#focus button.con").get_attribute("aria-expanded") == "true"
        page.locator(".stack button.con").first.click()
        assert page.locator("iframe").count() == 1
        assert page.locator("iframe").get_attribute("title") == "Console in checkout (shop.py:15)"
        assert page.locator("#focus button.con").get_attribute("aria-expanded") == "false"
        page.locator(".stack button.con").first.click()
        assert page.locator("iframe").count() == 0


def test_the_missing_console_says_why(browser: Any) -> None:
    with shown(browser, rich_report()) as page:
        assert page.locator("#console-note").is_visible()
        page.keyboard.press("`")
        page.locator("#said", has_text="No console: why.").wait_for(timeout=10_000)


def test_a_rich_page_without_javascript(browser: Any) -> None:
    with shown(browser, rich_report(), with_console=True, java_script_enabled=False) as page:
        for said in (
            "amount * discount",
            "raised while handling",
            "POST http",
            "SELECT orders.id",
            "1f2e3d4",
        ):
            assert page.get_by_text(said).locator("visible=true").count(), said
        assert not page.locator("button:visible").count()
        page.locator("#focus summary", has_text="40 items").click()
        page.locator("#focus .vars .vars summary").first.click()
        assert page.locator("#focus .vars .vars .vars").get_by_text("'price'").first.is_visible()
        page.locator("summary", has_text="3 library frames").click()
        assert page.get_by_text("Flask.wsgi_app").first.is_visible()
        assert str(page.locator("#focus a.con").get_attribute("href")).endswith("&frame=1")


@pytest.mark.parametrize("make", [rich_report, deep_report])
def test_nothing_overflows_a_phone(browser: Any, make: Any) -> None:
    size = {"width": 360, "height": 740}
    with shown(browser, make(), with_console=True, viewport=size) as page:
        page.evaluate("document.querySelectorAll('details').forEach(function(each){each.open=true})")
        page.keyboard.press("`")
        assert page.evaluate("document.documentElement.scrollWidth") <= 360
        wide = page.evaluate(
            "Array.from(document.querySelectorAll('main *')).filter(function(each){"
            "return !each.closest('.code,.preview,pre')&&each.getBoundingClientRect().right>361"
            "&&each.getClientRects().length}).map(function(each){return each.outerHTML.slice(0,80)})"
        )
        assert wide == []


def test_for_ears(browser: Any) -> None:
    with shown(browser, rich_report(), with_console=True) as page:
        for role in ("main", "navigation", "contentinfo"):
            assert page.get_by_role(role).count() == 1
        assert page.get_by_role("heading", level=1).inner_text().replace("\n", " ").startswith("TypeError")
        nameless = page.evaluate(
            "Array.from(document.querySelectorAll('button,a[href],summary,iframe')).filter(function(each){"
            "return !(each.getAttribute('aria-label')||each.title||each.textContent).trim()}).length"
        )
        assert nameless == 0
        assert page.locator("[role=status]").count() >= 1
        assert page.locator("html").get_attribute("lang") == "en"


def test_the_page_of_a_get_waits_for_the_reload_and_never_runs_the_request_again(browser: Any) -> None:
    shop = Shop(rich_report())
    with shopping(shop) as url:
        page = browser.new_page()
        page.goto(f"{url}/checkout")
        assert shop.state_asked.wait(10)
        shop.state_asked.clear()
        shop.generation = None  # the reload failed
        assert shop.state_asked.wait(10)
        shop.state_asked.clear()
        assert shop.state_asked.wait(10)
        assert shop.asked == ["GET /checkout"]
        shop.report, shop.generation = None, "2"
        page.wait_for_selector("#ok", timeout=10_000)
        assert shop.asked == ["GET /checkout", "GET /checkout"]


def test_a_post_is_sent_again_whole_and_only_when_asked(browser: Any) -> None:
    shop = Shop(rich_report())
    with shopping(shop) as url:
        page = browser.new_page()
        page.goto(f"{url}/form")
        page.get_by_role("button", name="Buy").click()
        again = page.get_by_role("button", name="Send the request again")
        assert shop.state_asked.wait(10)
        assert not again.is_visible()
        shop.report, shop.generation = None, "2"
        again.wait_for(timeout=10_000)
        asked = ["GET /form", "POST /checkout item=tea"]
        assert shop.asked == asked
        again.click()
        page.wait_for_selector("#ok", timeout=10_000)
        assert shop.asked == [*asked, "POST /checkout item=tea"]
        assert page.url == f"{url}/checkout"
        color = "getComputedStyle(document.getElementById('ok')).color"
        assert page.evaluate(color) == "rgb(1, 2, 3)"  # the answer is under its own policy, not under ours


def test_what_is_sent_again_may_lead_to_another_site(browser: Any) -> None:
    elsewhere = Shop(rich_report())
    elsewhere.report = None
    shop = Shop(rich_report())
    with shopping(elsewhere) as other, shopping(shop) as url:
        page = browser.new_page()
        page.goto(f"{url}/form")
        page.get_by_role("button", name="Buy").click()
        shop.leads_to, shop.generation = f"{other}/pay", "2"
        page.get_by_role("button", name="Send the request again").click(timeout=10_000)
        page.wait_for_url(f"{other}/pay", timeout=10_000)


def test_a_server_that_is_gone_is_said_and_asked_for_again(browser: Any) -> None:
    shop = Shop(rich_report())
    with shopping(shop) as url:
        page = browser.new_page()
        page.goto(f"{url}/checkout")
        page.route(f"**{STATE_PATH}?*", lambda route: route.abort())
        page.get_by_text("The server does not answer").wait_for(timeout=10_000)
        page.unroute(f"**{STATE_PATH}?*")
        page.get_by_text("after the next reload").wait_for(timeout=10_000)


class Keeping(Shop):
    """Keeps the questions that wait, like the server."""

    def __init__(self, report: Report) -> None:
        super().__init__(report)
        self.news = threading.Event()
        self.keeps = threading.Semaphore(0)

    def answer(self, method: str, path: str, accept: str, body: bytes) -> tuple[int, Any, bytes]:
        if path.startswith(STATE_PATH) and "&after=" in path:
            self.keeps.release()
            self.news.wait(60)
        return super().answer(method, path, accept, body)


def test_pages_that_are_seen_together_leave_the_browser_connections(browser: Any) -> None:
    shop = Keeping(rich_report())
    with shopping(shop) as url:
        try:
            context = browser.new_context()
            pages = [context.new_page() for _ in range(8)]
            for page in pages:
                page.goto(f"{url}/checkout", timeout=10_000)
            for _ in range(3):
                assert shop.keeps.acquire(timeout=10)
            context.new_page().goto(f"{url}/form", timeout=10_000)
            assert not shop.keeps.acquire(blocking=False)
        finally:
            shop.report, shop.generation = None, "2"
            shop.news.set()
        for page in pages:
            page.wait_for_selector("#ok", timeout=10_000)


def seen(page: Any, is_seen: bool) -> None:
    page.evaluate(
        """hidden => {
            Object.defineProperty(document, "hidden", {configurable: true, get: () => hidden});
            document.dispatchEvent(new Event("visibilitychange"));
        }""",
        not is_seen,
    )


def test_a_page_that_is_not_seen_gives_its_connection_back(browser: Any) -> None:
    shop = Keeping(rich_report())
    with shopping(shop) as url:
        try:
            page = browser.new_page()
            page.goto(f"{url}/checkout")
            assert shop.keeps.acquire(timeout=10)
            with page.expect_event("requestfailed", lambda failed: STATE_PATH in failed.url, timeout=10_000):
                seen(page, False)
            assert not shop.keeps.acquire(blocking=False)
            seen(page, True)
            assert shop.keeps.acquire(timeout=10)
        finally:
            shop.report, shop.generation = None, "2"
            shop.news.set()
        page.wait_for_selector("#ok", timeout=10_000)

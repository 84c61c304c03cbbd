"""The whole way in a real browser: the error page, the one-time link, the console in the page, the fix."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from debug_client import LINK
from harness import Serve, ServerProcess

pytestmark = pytest.mark.browser

LIMIT = 20_000

FLASK = """
from flask import Flask, request, session
app = Flask(__name__)
app.secret_key = "not shown"
@app.route("/total/<name>", methods=["GET", "POST"])
def total(name):
    prices = {"apple": 3, "pear": 2}
    amount = 2
    return f"<h1>total {prices[name] * amount}</h1>"
"""
FASTAPI = """
from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse
app = FastAPI()
@app.get("/total/{name}")
async def total(name: str, request: Request):
    prices = {"apple": 3, "pear": 2}
    amount = 2
    return HTMLResponse(f"<h1>total {prices[name] * amount}</h1>")
"""
DJANGO = """
from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.shortcuts import render
from django.urls import path
class Prices:
    def plum(self):
        prices = {"apple": 3, "pear": 2}
        amount = 2
        return prices["plum"] * amount
def total(request, name):
    return render(request, "total.html", {"prices": Prices()})
urlpatterns = [path("total/<name>", total)]
settings.configure(
    DEBUG=True, ROOT_URLCONF=__name__, SECRET_KEY="x", ALLOWED_HOSTS=["*"],
    TEMPLATES=[{"BACKEND": "django.template.backends.django.DjangoTemplates", "DIRS": ["templates"]}],
)
app = get_wsgi_application()
"""
FORM = """
@app.get("/")
def form():
    return "<form method=post action=/total/plum><input name=a value=b><button>send</button></form>"
"""
TEMPLATE = "<h1>\n  total {{ prices.plum }}\n</h1>\n"


@pytest.fixture
def page(opened_browser: Any) -> Iterator[Any]:
    context = opened_browser.new_context()
    context.set_default_timeout(LIMIT)
    opened = context.new_page()
    opened.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    opened.on("pageerror", lambda error: complaints.append(str(error)))
    complaints: list[str] = []
    yield opened
    assert [each for each in complaints if " server responded with a status of " not in each] == []
    context.close()


def unlocked(server: ServerProcess, page: Any) -> None:
    link = server.wait_for_output(LINK).group(1)
    page.goto(link)
    page.get_by_text("This browser is unlocked").first.wait_for()
    assert "#" not in page.url


def console_of(page: Any) -> Any:
    """The console of the frame that is shown first, opened in the page."""
    page.locator("button.con").first.click()
    inside = page.frame_locator("iframe")
    inside.locator("textarea").wait_for()
    return inside


def evaluated(console: Any, code: str, expected: str) -> None:
    field = console.locator("#entry:not(.busy) textarea")
    field.fill(code)
    field.press("Enter")
    console.get_by_text(expected, exact=True).last.wait_for()


CASES = {
    "flask": (FLASK, "request.path", "'/total/plum'", '"pear": 2}', '"pear": 2, "plum": 4}'),
    "fastapi": (FASTAPI, "request.url.path", "'/total/plum'", '"pear": 2}', '"pear": 2, "plum": 4}'),
    "django": (DJANGO, "self.__class__.__name__", "'Prices'", '"pear": 2}', '"pear": 2, "plum": 4}'),
}


@pytest.mark.parametrize("framework", list(CASES))
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_read_unlock_evaluate_change_fix_heal(serve: Serve, page: Any, framework: str, host: str) -> None:
    source, path_of_request, path, before, after = CASES[framework]
    server = serve(
        "--app",
        "hello",
        "run",
        "--debug",
        files={"hello.py": source, "templates/total.html": TEMPLATE},
    )
    unlocked(server, page)
    page.goto(f"http://{host}:{server.port}/total/plum")
    assert page.locator("h1").inner_text().startswith("KeyError")
    if framework != "django" and sys.version_info >= (3, 11):  # PEP 657
        assert "prices[" in page.locator("mark").first.inner_text()
    assert "'pear': 2" in page.locator("main").inner_text()
    if framework == "django":
        assert "{{ prices.plum }}" in page.locator("main").inner_text()
    console = console_of(page)
    evaluated(console, path_of_request, path)
    evaluated(console, "amount = 20; amount + 1", "21")
    loaded: list[str] = []
    page.on("load", lambda page: loaded.append(page.url))
    server.write("hello.py", source.replace(before, after[:-1]))  # half of the fix does not compile
    page.locator("#live", has_text="cannot be loaded").wait_for()
    assert page.locator("h1").inner_text().startswith("KeyError")
    assert loaded == []
    server.write("hello.py", source.replace(before, after))
    page.locator("h1", has_text=re.compile("total 8")).wait_for()


def test_a_page_does_not_take_away_what_is_being_typed_into_its_console(serve: Serve, page: Any) -> None:
    server = serve("--app", "hello", "run", "--debug", files={"hello.py": FLASK})
    unlocked(server, page)
    page.goto(f"{server.url}/total/plum")
    console = console_of(page)
    evaluated(console, "amount", "2")
    field = console.locator("#entry:not(.busy) textarea")
    field.press_sequentially("prices.get(")
    server.write("hello.py", FLASK.replace('"pear": 2}', '"pear": 2, "plum": 4}'))
    page.locator("#live", has_text="when its console is closed").wait_for()
    assert field.input_value() == "prices.get("
    field.press_sequentially("'pear')")
    field.press("Enter")
    console.locator("#log .note").wait_for()  # the frame is gone
    page.locator("button.con").first.click()
    page.locator("h1", has_text=re.compile("total 8")).wait_for()


JINJA = """
from flask import Flask, render_template
app = Flask(__name__)
@app.route("/")
def index():
    return render_template("page.html", price=2)
"""


@pytest.mark.parametrize(
    ("broken", "error"), [("{{ price + 'x' }}", "TypeError"), ("{% if %}", "TemplateSyntaxError")]
)
def test_a_page_about_a_template_heals_although_nothing_is_loaded_again(
    serve: Serve, page: Any, broken: str, error: str
) -> None:
    files = {"hello.py": JINJA, "templates/page.html": f"<h1>\n{broken}</h1>"}
    server = serve("--app", "hello", "run", "--debug", files=files)
    page.goto(f"{server.url}/")
    assert error in page.locator("h1").inner_text()
    server.write("templates/page.html", "<h1>\n{{ price + 1 }} crowns</h1>")
    page.locator("h1", has_text="3 crowns").wait_for()
    assert "Reloaded" not in server.output


def test_a_locked_browser_reads_the_error_and_is_told_how_to_unlock(serve: Serve, page: Any) -> None:
    server = serve("--app", "hello", "run", "--debug", files={"hello.py": FLASK})
    server.wait_for_output(LINK)
    page.goto(f"{server.url}/total/plum")
    page.locator("button.con").first.click()
    page.frame_locator("iframe").get_by_text("pilotlight unlock").first.wait_for()


def test_a_form_is_sent_again_only_when_asked(serve: Serve, page: Any) -> None:
    source = FLASK + FORM
    server = serve("--app", "hello", "run", "--debug", files={"hello.py": source})
    page.goto(server.url)
    page.locator("button").click()
    page.locator("h1", has_text="KeyError").wait_for()
    server.write("hello.py", source.replace('"pear": 2}', '"pear": 2, "plum": 4}'))
    page.get_by_role("button", name="Send the request again").click()
    page.locator("h1", has_text="total 8").wait_for()
    assert len(re.findall(r"POST .* /total/plum", server.output)) == 2


def test_the_browser_that_we_open_is_unlocked_and_shows_the_app(
    serve: Serve, page: Any, tmp_path: Path
) -> None:
    program = tmp_path / "browser"
    program.write_text(f"#!/bin/sh\necho \"$1\" > '{tmp_path}/opened'\necho browser-opened\n")
    program.chmod(0o755)
    files = {"hello.py": FLASK + FORM}
    server = serve("--app", "hello", "run", "--debug", "--open", files=files, env={"BROWSER": str(program)})
    server.wait_for_output("browser-opened")
    page.goto((tmp_path / "opened").read_text().strip())
    page.wait_for_url(f"{server.url}/")
    page.goto(f"{server.url}/total/plum")
    evaluated(console_of(page), "amount + 1", "3")

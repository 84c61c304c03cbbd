"""A reloaded app may fail in any way: the browser says how, the server stays, the fix is picked up by
itself."""

from __future__ import annotations

import os

import pytest
from harness import Serve, ServerProcess

GOOD = """
from flask import Flask

app = Flask(__name__)


@app.route("/")
def index():
    return "{greeting}"
"""
PREFIX = GOOD.format(greeting="never seen")


def running(serve: Serve, **options: object) -> ServerProcess:
    server = serve(
        "--app", "hello", "run", "--debug", files={"hello.py": GOOD.format(greeting="one")}, **options
    )  # type: ignore[arg-type]
    assert server.get("/").text == "one"
    return server


FAILURES = {
    "syntax": ("def broken(:\n", ["SyntaxError", "hello.py"]),
    "import": ("import no_such_module\n", ["ModuleNotFoundError", "no_such_module", "hello.py"]),
    "name": (PREFIX + "undefined_name\n", ["NameError", "undefined_name", "hello.py"]),
    "raised": ("raise ValueError('of the app')\n", ["ValueError", "of the app"]),
    "exit": ("import sys\nsys.exit('no more')\n", ["SystemExit", "no more", "hello.py"]),
    "os._exit": ("import os\nos._exit(7)\n", ["status 7"]),
    "crash": ("import os, signal\nos.kill(os.getpid(), signal.SIGSEGV)\n", ["SIGSEGV", "hello.py"]),
    "killed": ("import os, signal\nos.kill(os.getpid(), signal.SIGKILL)\n", ["SIGKILL"]),
    "no app": ("x = 1\n", ["hello"]),
    "deep": (
        "def f(n):\n    return f(n + 1)\n\n\nf(0)\n",
        ["RecursionError", "hello.py"],
    ),
}


@pytest.mark.parametrize("name", FAILURES)
def test_failed_reload_is_shown_on_every_url_and_heals(serve: Serve, name: str) -> None:
    source, expected = FAILURES[name]
    server = running(serve)
    server.write("hello.py", source)
    failure = server.wait_until_response(lambda response: response.status == 500, "/some/url?x=1")
    for text in expected:
        assert text in failure.text
    for path in ("/", "/other"):
        again = server.get(path)
        assert again.status == 500
        assert expected[0] in again.text
    page = server.get("/", headers={"Accept": "text/html,*/*;q=0.8"})
    assert page.headers["content-type"].startswith("text/html")
    assert expected[0] in page.text
    assert server.running
    server.write("hello.py", GOOD.format(greeting="healed"))
    server.wait_until_response(lambda response: response.text == "healed")
    assert "pilotlight/worker" not in server.output.replace("pilotlight/worker/__main__", "")


def test_endless_import_is_shown_while_it_lasts(serve: Serve) -> None:
    server = running(serve)
    server.write(
        "hello.py",
        "import time\n\n\ndef forever():\n    while True:\n        time.sleep(0.01)\n\n\nforever()\n",
    )
    failure = server.wait_until_response(lambda response: response.status == 500, timeout=40)
    assert "loading" in failure.text
    page = server.get("/", headers={"Accept": "text/html,*/*;q=0.8"}).text
    assert "The app is still loading" in page
    assert "died" not in page
    assert "forever" in failure.text
    assert "hello.py" in failure.text
    server.write("hello.py", GOOD.format(greeting="healed"))
    server.wait_until_response(lambda response: response.text == "healed")


def test_slow_import_that_ends_serves_the_app_at_last(serve: Serve) -> None:
    server = running(serve)
    server.write("hello.py", "import time\n\ntime.sleep(7)\n" + GOOD.format(greeting="at last"))
    failure = server.wait_until_response(lambda response: response.status == 500, timeout=40)
    assert "loading" in failure.text
    server.wait_until_response(lambda response: response.text == "at last", timeout=40)


def test_creating_the_missing_module_heals(serve: Serve) -> None:
    server = running(serve)
    server.write("hello.py", "from greeting import text\n" + GOOD.replace('"{greeting}"', "text"))
    server.wait_until_response(lambda response: "ModuleNotFoundError" in response.text)
    server.write("greeting.py", "text = 'created'\n")
    server.wait_until_response(lambda response: response.text == "created")


def test_creating_the_missing_package_heals(serve: Serve) -> None:
    server = running(serve)
    server.write("hello.py", "from parts.greeting import text\n" + GOOD.replace('"{greeting}"', "text"))
    server.wait_until_response(lambda response: "ModuleNotFoundError" in response.text)
    server.write("parts/__init__.py", "")
    server.write("parts/greeting.py", "text = 'created'\n")
    server.wait_until_response(lambda response: response.text == "created")


def test_creating_the_missing_data_file_heals(serve: Serve) -> None:
    server = running(serve)
    server.write(
        "hello.py", "text = open('data/greeting.txt').read()\n" + GOOD.replace('"{greeting}"', "text")
    )
    server.wait_until_response(lambda response: "FileNotFoundError" in response.text)
    server.write("data/greeting.txt", "created")
    server.wait_until_response(lambda response: response.text == "created")


def test_installing_the_missing_package_heals(serve: Serve, tmp_path: os.PathLike[str]) -> None:
    site = os.path.join(tmp_path, "venv", "lib", "site-packages")
    os.makedirs(site)
    server = running(serve, env={"PYTHONPATH": site})
    server.write("hello.py", "from brandnew import text\n" + GOOD.replace('"{greeting}"', "text"))
    server.wait_until_response(lambda response: "ModuleNotFoundError" in response.text)
    server.write(os.path.join(site, "brandnew", "__init__.py"), "text = 'installed'\n")
    server.wait_until_response(lambda response: response.text == "installed")


def test_one_failure_after_another(serve: Serve) -> None:
    server = running(serve)
    for _ in range(3):
        server.write("hello.py", "def broken(:\n")
        server.wait_until_response(lambda response: "SyntaxError" in response.text)
        server.write("hello.py", "raise KeyError('next')\n")
        server.wait_until_response(lambda response: "KeyError" in response.text)
    server.write("hello.py", GOOD.format(greeting="healed"))
    server.wait_until_response(lambda response: response.text == "healed")


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("def broken(:\n", "SyntaxError"),
        ("import no_such_module\n", "ModuleNotFoundError: No module named 'no_such_module'"),
        ("undefined_name\n", "NameError"),
        ("import sys\nsys.exit(3)\n", "SystemExit"),
        ("import os\nos._exit(7)\n", "status 7"),
        ("import os, signal\nos.kill(os.getpid(), signal.SIGSEGV)\n", "SIGSEGV"),
    ],
)
@pytest.mark.parametrize("mode", ["--debug", "--no-debug"])
def test_failing_first_start_ends_at_once(serve: Serve, source: str, expected: str, mode: str) -> None:
    if mode == "--no-debug" and ("_exit(" in source or "kill" in source):
        pytest.skip("one process alone cannot outlive its own end")
    server = serve("--app", "hello", "run", mode, files={"hello.py": source})
    assert server.wait_for_exit() == 1
    assert expected in server.output
    for ours in ("pilotlight/app/", "pilotlight/worker/", "importlib"):
        assert ours not in server.output


def test_lifespan_that_fails_is_a_failed_load(serve: Serve) -> None:
    source = """
from contextlib import asynccontextmanager
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route

@asynccontextmanager
async def lifespan(app):
    {action}
    yield

async def index(request):
    return PlainTextResponse("{greeting}")

app = Starlette(routes=[Route("/", index)], lifespan=lifespan)
"""
    server = serve(
        "--app", "hello", "run", "--debug", files={"hello.py": source.format(action="pass", greeting="one")}
    )
    assert server.get("/").text == "one"
    server.write("hello.py", source.format(action="raise RuntimeError('no database')", greeting="two"))
    failure = server.wait_until_response(lambda response: response.status == 500)
    assert failure.text.count("RuntimeError: no database") == 1
    assert 'hello.py", line 9, in lifespan' in failure.text
    for text in (failure.text, server.output):
        assert "LifespanFailed" not in text
        assert "uvloop" not in text
    assert server.output.count("RuntimeError: no database") == 1
    server.write("hello.py", source.format(action="pass", greeting="three"))
    server.wait_until_response(lambda response: response.text == "three")


@pytest.mark.parametrize("mode", ["--reload", "--no-reload"])
def test_lifespan_that_says_so_without_an_exception(serve: Serve, mode: str) -> None:
    source = """
async def app(scope, receive, send):
    await receive()
    await send({"type": "lifespan.startup.failed", "message": "no database"})
"""
    server = serve("--app", "hello", "run", "--debug", mode, files={"hello.py": source})
    assert server.wait_for_exit() == 1
    assert "The app's lifespan start-up failed: no database" in server.output
    assert "Traceback" not in server.output


def test_on_reload_error_exit_ends_the_process(serve: Serve) -> None:
    server = serve(
        "--app",
        "hello",
        "run",
        "--debug",
        files={
            "hello.py": GOOD.format(greeting="one"),
            "pyproject.toml": '[tool.pilotlight]\non-reload-error = "exit"\n',
        },
    )
    assert server.get("/").text == "one"
    server.write("hello.py", "def broken(:\n")
    assert server.wait_for_exit() == 1
    assert "SyntaxError" in server.output

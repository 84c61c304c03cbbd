"""The debugger with the real command: errors of all kinds in the list, the console in their frames."""

from __future__ import annotations

import json
import re
import sys

import pytest
from debug_client import DebugClient
from harness import Serve, ServerProcess

FLASK = """
import logging
from flask import Flask, g, request, session
app = Flask(__name__)
app.secret_key = "not shown"

@app.get("/")
def index():
    return "fine"

@app.route("/fail/<int:number>", methods=["GET", "POST"])
def fail(number):
    g.user = "ann"
    session["cart"] = [1, 2]
    app.logger.warning("about to fail with %s", number)
    items = {"apple": 1}
    return str(items["pear"] + number)
"""

FASTAPI = """
from contextvars import ContextVar
from fastapi import FastAPI
app = FastAPI()
who = ContextVar("who", default="nobody")

@app.get("/items/{number}")
async def item(number: int):
    who.set("ann")
    return 1 / (number - number)

async def answer():
    return 42
"""


def debug(serve: Serve, source: str, *arguments: str, **options: object) -> tuple[ServerProcess, DebugClient]:
    server = serve("--app", "hello", "run", "--debug", *arguments, files={"hello.py": source}, **options)  # type: ignore[arg-type]
    return server, DebugClient.of(server)


def fail(server: ServerProcess, path: str) -> str:
    answer = server.get(path)
    assert answer.status == 500
    return str(answer.headers["x-error-id"])


def test_an_error_of_flask_from_list_to_console(serve: Serve) -> None:
    server, client = debug(serve, FLASK)
    report = fail(server, "/fail/7?q=x")
    (summary,) = client.reports()
    assert (summary["id"], summary["alive"], summary["title"]) == (report, True, "KeyError: 'pear'")
    assert "/fail/7" in summary["where"]
    frame = client.frame(report, "fail")
    assert client.value("request.path", report, frame) == "'/fail/7'"
    assert client.value("g.user", report, frame) == "'ann'"
    assert client.value("session['cart']", report, frame) == "[1, 2]"
    assert client.value("[item for item in items if number]", report, frame) == "['apple']"
    events = client.evaluate("print('hello'); number += 1; number", report, frame)
    assert [event["type"] for event in events if event["type"] != "note"] == ["output", "value", "done"]
    assert client.value("number", report, frame) == "8"


def test_a_frame_is_gone_after_a_reload_and_the_console_says_so(serve: Serve) -> None:
    server, client = debug(serve, FLASK)
    report = fail(server, "/fail/7")
    frame = client.frame(report, "fail")
    server.write("hello.py", FLASK.replace("fine", "better"))
    server.wait_until_response(lambda response: response.text == "better")
    events = client.evaluate("number", report, frame)
    assert [event["type"] for event in events] == ["note", "done"]
    assert "gone" in events[0]["text"]
    assert events[-1]["status"] == "gone"
    assert client.value("app.name") == "'hello'"
    assert client.value("from flask import current_app; current_app.name") == "'hello'"


def test_an_error_of_fastapi_with_await_in_the_console(serve: Serve) -> None:
    server, client = debug(serve, FASTAPI)
    report = fail(server, "/items/3")
    frame = client.frame(report, "item")
    assert client.value("await answer() + number", report, frame) == "45"
    assert client.value("who.get()", report, frame) == "'ann'"


def test_what_happened_before_is_in_the_report(serve: Serve) -> None:
    server, _ = debug(serve, FLASK)
    body = server.get("/fail/7?token=abc123", headers={"Accept": "application/json"}).json()
    assert [moment["text"] for moment in body["timeline"]] == ["about to fail with 7"]
    assert body["request"]["route"] == "/fail/<int:number> → fail"
    assert "abc123" not in json.dumps(body)
    assert "cart" in json.dumps(body["request"]["session"])


def test_the_terminal_shows_what_matters_and_where_the_rest_is(serve: Serve) -> None:
    server, client = debug(serve, FLASK)
    report = fail(server, "/fail/7")
    server.wait_for_output(f"All frames, and a console: http://{client.netloc}/report[?]id={report}")
    assert re.search(r"\n  \.\.\. \d+ frames of flask left out\n", server.output)
    assert "wsgi_app" not in server.output


def test_without_a_token_nothing_is_told(serve: Serve) -> None:
    server, client = debug(serve, FLASK)
    report = fail(server, "/fail/7")
    client.token = "x" * 43
    status, text = client.post("/api/report", json.dumps({"id": report, "nonce": "0" * 32}))
    assert status in (401, 403)
    assert "pear" not in text
    status, text = client.post("/api/evaluate", json.dumps({"report": report, "frame": 0, "code": "1"}))
    assert status in (401, 403)


def test_a_worker_that_died_is_in_the_list(serve: Serve) -> None:
    source = (
        FLASK
        + "\n@app.get('/die')\ndef die():\n    import os, signal\n    os.kill(os.getpid(), signal.SIGSEGV)\n"
    )
    server, client = debug(serve, source)
    with pytest.raises(OSError, match=r"."):
        server.get("/die")
    server.wait_until_response(lambda response: response.text == "fine")
    (summary,) = client.reports()
    assert summary["kind"] == "death"
    assert "SIGSEGV" in summary["title"]


def test_a_failed_load_has_a_console_in_its_frames(serve: Serve) -> None:
    server, client = debug(serve, FLASK)
    server.write("hello.py", "size = 3\n" + FLASK + "\nsize / 0\n")
    server.wait_until_response(lambda response: "ZeroDivisionError" in response.text)
    summary = client.reports()[0]
    assert summary["kind"] == "load"
    frame = client.frame(summary["id"], "<module>")
    assert client.value("size", summary["id"], frame) == "3"


@pytest.mark.skipif(sys.version_info < (3, 13), reason="PEP 667 is of Python 3.13")
def test_an_assignment_reaches_the_frame(serve: Serve) -> None:
    source = f"""{FLASK}
handlers = []
@app.get("/kept")
def kept():
    size = 1
    handlers.append(lambda: size)
    raise ValueError
"""
    server, client = debug(serve, source)
    report = fail(server, "/kept")
    frame = client.frame(report, "kept")
    client.evaluate("size = 5", report, frame)
    assert client.value("handlers[0]()", report, frame) == "5"


def test_unlock_prints_a_fresh_link(serve: Serve) -> None:
    server, _ = debug(serve, FLASK)
    command = serve(command=[sys.executable, "-m", "pilotlight", "unlock"], cwd=server.cwd)
    link = command.wait_for_output(r"(http://\S+/unlock#\S+)").group(1)
    assert command.wait_for_exit() == 0
    assert DebugClient(link).value("1 + 1") == "2"


def test_on_the_port_of_the_app_under_a_secret_path(serve: Serve) -> None:
    server, client = debug(serve, FLASK, "--debug-port", "same")
    assert client.netloc.endswith(f":{server.port}")
    assert client.prefix.startswith("/.pilotlight-debugger-")
    report = fail(server, "/fail/7")
    assert client.value("request.path", report, client.frame(report, "fail")) == "'/fail/7'"
    assert server.get("/.pilotlight-debugger-/").status == 404
    assert server.get("/").text == "fine"


BACKGROUND = """
import asyncio, threading
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.responses import PlainTextResponse
from starlette.routing import Route, WebSocketRoute

def in_thread():
    raise ValueError("of a thread")

async def in_task():
    raise ValueError("of a task")

async def index(request):
    what = request.query_params.get("what")
    if what == "thread":
        thread = threading.Thread(target=in_thread, name="worker-1")
        thread.start()
        thread.join()
    elif what == "task":
        asyncio.create_task(in_task(), name="forgotten")
    elif what == "background":
        return PlainTextResponse("fine", background=BackgroundTask(in_task))
    return PlainTextResponse("fine")

async def stream(websocket):
    await websocket.accept()
    raise ValueError("of a websocket")

app = Starlette(routes=[Route("/", index), WebSocketRoute("/ws", stream)])
"""


def test_what_no_request_shows_is_in_the_list(serve: Serve) -> None:
    from websockets.exceptions import ConnectionClosed
    from websockets.sync.client import connect

    server, client = debug(serve, BACKGROUND)
    for what in ("thread", "background", "task"):
        assert server.get(f"/?what={what}").text == "fine"
    with connect(f"ws://127.0.0.1:{server.port}/ws") as websocket, pytest.raises(ConnectionClosed):
        websocket.recv(10)
    server.wait_for_output("of a websocket")
    server.wait_for_output("of a task(?s:.*)of a task")
    found = {(summary["title"], summary["where"]) for summary in client.reports()}
    assert found == {
        ("ValueError: of a thread", "thread 'worker-1'"),
        ("ValueError: of a task", "task 'forgotten'"),
        ("ValueError: of a task", f"GET {server.url}/?what=background"),
        ("ValueError: of a websocket", "WebSocket /ws"),
    }


OTHER_LOOPS = """
import asyncio
from flask import Flask

app = Flask(__name__)


async def lost(what):
    raise ValueError(what)


@app.route("/run")
def run():
    async def main():
        asyncio.create_task(lost("in a loop of its own"), name="forgotten")
        await asyncio.sleep(0.01)

    asyncio.run(main())
    return "fine"


@app.route("/view")
async def view():
    asyncio.create_task(lost("in an async view"))
    await asyncio.sleep(0.01)
    return "fine"
"""


def test_tasks_of_other_loops_are_in_the_list(serve: Serve) -> None:
    server, client = debug(serve, OTHER_LOOPS)
    for path in ("/run", "/view"):
        assert server.get(path).text == "fine"
    server.wait_for_output("never retrieved(?s:.*)never retrieved")
    found = {summary["title"]: summary["where"] for summary in client.reports()}
    assert set(found) == {"ValueError: in a loop of its own", "ValueError: in an async view"}
    assert found["ValueError: in a loop of its own"] == "task 'forgotten'"


PAGES = {
    "starlette": """
from starlette.applications import Starlette
from starlette.routing import Route
async def fail(request):
    raise ValueError("seen")
app = Starlette(debug=DEBUG, routes=[Route("/fail", fail)])
""",
    "fastapi": """
from fastapi import FastAPI
app = FastAPI(debug=DEBUG)
@app.get("/fail")
def fail():
    raise ValueError("seen")
""",
    "quart": """
from quart import Quart
app = Quart(__name__)
@app.get("/fail")
async def fail():
    raise ValueError("seen")
""",
    "litestar": """
from litestar import Litestar, get
@get("/fail")
async def fail() -> str:
    raise ValueError("seen")
app = Litestar([fail], debug=DEBUG)
""",
    "falcon": """
import falcon
class Fail:
    def on_get(self, request, response):
        raise ValueError("seen")
app = falcon.App()
app.add_route("/fail", Fail())
""",
    "falcon.asgi": """
import falcon.asgi
class Fail:
    async def on_get(self, request, response):
        raise ValueError("seen")
app = falcon.asgi.App()
app.add_route("/fail", Fail())
""",
    "bottle": """
from bottle import Bottle
app = Bottle()
@app.get("/fail")
def fail():
    raise ValueError("seen")
""",
    "django": """
from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.urls import path
def fail(request):
    raise ValueError("seen")
urlpatterns = [path("fail", fail)]
settings.configure(DEBUG=True, ROOT_URLCONF=__name__, SECRET_KEY="x", ALLOWED_HOSTS=["*"])
app = get_wsgi_application()
""",
}


@pytest.mark.parametrize("own_debug_mode", [True, False])
@pytest.mark.parametrize("framework", list(PAGES))
def test_the_page_is_ours_whatever_the_framework_has(
    serve: Serve, framework: str, own_debug_mode: bool
) -> None:
    pytest.importorskip(framework.partition(".")[0])
    server, client = debug(serve, PAGES[framework].replace("=DEBUG", f"={own_debug_mode}"))
    answer = server.get("/fail", headers={"Accept": "text/html"})
    assert answer.status == 500
    assert f'data-error-id="{answer.headers["x-error-id"]}"' in answer.text
    assert [summary["title"] for summary in client.reports()] == ["ValueError: seen"]
    server.wait_for_output("500 GET .*/fail")
    if framework != "litestar":  # which logs it as well
        assert server.output.count("ValueError: seen") == 1


OWN_PAGES = {
    "fastapi": """
from fastapi import FastAPI
from fastapi.responses import JSONResponse
app = FastAPI()
@app.exception_handler(Exception)
def sorry(request, error):
    return JSONResponse({"sorry": True}, 500)
@app.get("/fail")
def fail():
    raise ValueError("seen")
""",
    "litestar": """
from litestar import Litestar, Response, get
def sorry(request, error):
    return Response({"sorry": True}, status_code=500)
@get("/fail")
async def fail() -> str:
    raise ValueError("seen")
app = Litestar([fail], exception_handlers={Exception: sorry})
""",
    "django": PAGES["django"].replace("DEBUG=True", "DEBUG=False")
    + """
from django.http import JsonResponse
def handler500(request):
    return JsonResponse({"sorry": True}, status=500)
""",
    "flask-500": """
from flask import Flask
app = Flask(__name__)
app.config["PROPAGATE_EXCEPTIONS"] = False
@app.errorhandler(500)
def sorry(error):
    return {"sorry": True}, 500
@app.get("/fail")
def fail():
    raise ValueError("seen")
""",
    "flask": """
from flask import Flask
app = Flask(__name__)
@app.errorhandler(ValueError)
def sorry(error):
    return {"sorry": True}, 500
@app.get("/fail")
def fail():
    raise ValueError("seen")
""",
}


@pytest.mark.parametrize("framework", ["litestar", "django"])
def test_what_a_handler_has_answered_well_is_no_error(serve: Serve, framework: str) -> None:
    source = (
        OWN_PAGES[framework].replace("status_code=500", "status_code=409").replace("status=500", "status=409")
    )
    server, client = debug(serve, source)
    assert server.get("/fail").status == 409
    server.wait_for_output("409 GET .*/fail")
    assert client.reports() == []


@pytest.mark.parametrize("framework", list(OWN_PAGES))
def test_a_page_of_the_apps_own_stays(serve: Serve, framework: str) -> None:
    server, client = debug(serve, OWN_PAGES[framework])
    assert server.get("/fail").json() == {"sorry": True}
    server.wait_for_output("500 GET .*/fail")
    while not client.reports():
        assert server.running  # the answer comes first
    assert [summary["title"] for summary in client.reports()] == ["ValueError: seen"]


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost", 200),
        ("127.0.0.1", 200),
        ("app.localhost", 200),
        ("192.168.1.20:5000", 200),
        ("[::1]:5000", 200),
        ("dev.example.test", 200),
        ("below.of.test:5000", 200),
        ("evil.example", 403),
        ("dev.example.test.evil.example", 403),
    ],
)
def test_names_that_may_be_anybodys_are_refused(serve: Serve, host: str, status: int) -> None:
    server, _ = debug(serve, FLASK, "--allowed-host", "dev.example.test", "--allowed-host", ".of.test")
    answer = server.get("/", headers={"Host": host})
    assert answer.status == status
    assert ("--allowed-host evil.example" in answer.text) == (host == "evil.example")


def test_a_request_that_failed_is_sent_again_with_its_body(serve: Serve) -> None:
    source = FLASK.replace("g.user =", "print('got', request.form['word'], flush=True); g.user =")
    server, client = debug(serve, source)
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    first = server.request("POST", "/fail/7", body=b"word=apple&password=xyz987", headers=form)
    report = str(first.headers["x-error-id"])
    assert "xyz987" not in first.text
    (event,) = client.call("repeat", id=report)
    assert (event["type"], event["status"]) == ("response", 500)
    assert event["error"] not in ("", report)
    server.wait_for_output("got apple(?s:.*)got apple")
    server.write("hello.py", source.replace('items["pear"]', 'items["apple"]'))
    server.wait_for_output("Reloaded")
    (event,) = client.call("repeat", id=report)
    assert (event["status"], event["error"]) == (200, "")


def test_the_console_may_be_framed_by_the_app_under_each_of_its_names(serve: Serve) -> None:
    import http.client

    server, client = debug(serve, FLASK, "--allowed-host", "my_app.test", "--allowed-host", ".of.test")
    connection = http.client.HTTPConnection(client.netloc, timeout=20)
    connection.request("GET", "/console?report=x&frame=0")
    answer = connection.getresponse()
    policy = answer.headers["Content-Security-Policy"]
    assert answer.status == 200
    ancestors = policy.partition("frame-ancestors ")[2].partition(";")[0].split()
    assert ancestors == ["'self'"] + [
        f"http://{name}:{server.port}" for name in ("127.0.0.1", "localhost", "*.localhost", "my_app.test")
    ]
    connection.close()


SHELLS = {
    "flask": (
        FLASK
        + """
from flask import current_app
class User: pass
@app.shell_context_processor
def names():
    return {"User": User, "name": current_app.name}
""",
        "app, g, User, name",
        ("app.name + name", "'hellohello'"),
    ),
    "quart": (
        PAGES["quart"]
        + """
from quart import current_app
@app.shell_context_processor
def names():
    return {"name": current_app.name}
""",
        "app, g, name",
        ("app.name + name", "'hellohello'"),
    ),
    "django": (
        PAGES["django"].replace(
            "DEBUG=True", "DEBUG=True, INSTALLED_APPS=['django.contrib.auth', 'django.contrib.contenttypes']"
        ),
        "app, settings, ContentType, User, Group, Permission",
        ("User.__module__, settings.ROOT_URLCONF", "('django.contrib.auth.models', 'hello')"),
    ),
    "django, its apps not set up": (
        """
from django.conf import settings
from django.core.handlers.wsgi import WSGIHandler
settings.configure(DEBUG=False, ROOT_URLCONF=__name__, SECRET_KEY="x", ALLOWED_HOSTS=["*"])
urlpatterns = []
app = WSGIHandler()
""",
        "app, settings",
        ("settings.SECRET_KEY", "'x'"),
    ),
    "starlette": (PAGES["starlette"], "app", ("type(app).__name__", "'Starlette'")),
    "fastapi": (PAGES["fastapi"], "app", ("type(app).__name__", "'FastAPI'")),
    "litestar": (PAGES["litestar"], "app", ("type(app).__name__", "'Litestar'")),
    "falcon": (PAGES["falcon"], "app", ("type(app).__name__", "'App'")),
    "bottle": (PAGES["bottle"], "app", ("type(app).__name__", "'Bottle'")),
    "none": (
        """
def app(environ, start_response):
    start_response("200 OK", [])
    return [b"fine"]
""",
        "app",
        ("app.__name__", "'app'"),
    ),
}


@pytest.mark.parametrize("framework", list(SHELLS))
def test_the_plain_console_has_what_the_shell_of_the_framework_has(serve: Serve, framework: str) -> None:
    if framework != "none":
        pytest.importorskip(framework.partition(",")[0])
    source, names, (code, value) = SHELLS[framework]
    _, client = debug(serve, source.replace("=DEBUG", "=False"))
    (said,) = client.introduction()
    assert said.startswith("Names here: app")
    found = said.removeprefix("Names here: ").removesuffix(".").split(", ")
    if framework == "django":
        found = [name for name in found if name in names]  # Django 6 has more
    assert sorted(found) == sorted(names.split(", "))
    assert client.value(code) == value


def test_a_shell_that_cannot_be_made_leaves_the_app(serve: Serve) -> None:
    source = FLASK + "\n@app.shell_context_processor\ndef names():\n    raise ValueError('no database')\n"
    _, client = debug(serve, source)
    assert client.introduction() == [
        "Names here: app.",
        "What the shell of Flask has besides could not be made (ValueError: no database).",
    ]
    assert client.value("app.name") == "'hello'"


def test_without_the_reloader_it_is_said_why_there_is_no_console(serve: Serve) -> None:
    server = serve("--app", "hello", "run", "--debug", "--no-reload", files={"hello.py": FLASK})
    sentence = "There is no console, since the reloader is off: --reload (in code: reload=True) turns it on."
    server.wait_for_output(re.escape(sentence))
    for accept in ("text/html", "*/*"):
        assert sentence in server.get("/fail/7", headers={"Accept": accept}).text
    assert "unlock" not in server.output


@pytest.mark.parametrize("reload", ["--reload", "--no-reload"])
def test_without_the_debugger_it_is_said_where_errors_are_shown(serve: Serve, reload: str) -> None:
    server = serve("--app", "hello", "run", "--debug", "--no-debugger", reload, files={"hello.py": FLASK})
    server.wait_for_output("The debugger is off, so errors are shown here alone: --debugger turns it on.")
    assert server.get("/fail/7").text == "Internal Server Error\n"
    server.wait_for_output("KeyError: 'pear'")
    assert "no console" not in server.output


def test_the_port_of_the_app_cannot_be_shared_over_tls(serve: Serve) -> None:
    server = serve(
        *("--app", "hello", "run", "--debug", "--debug-port", "same", "--cert", "adhoc"),
        files={"hello.py": FLASK},
    )
    server.wait_for_output("There is no console: .* Leave it out, and the debugger has a port of its own.")

"""The contexts of the failing request, with real frameworks."""

from __future__ import annotations

import asyncio
import contextvars
import threading
from typing import Any

import flask
import pytest
from console_harness import LIMIT_SECONDS, Answer, Console, console_of, frames_of
from flask import Flask, g, session
from werkzeug.test import EnvironBuilder, run_wsgi_app

from pilotlight.debugger.console.keeper import Contexts

PRESERVE = "werkzeug.debug.preserve_context"


class Flasky:
    """A Flask app that fails, and what its server keeps of it."""

    def __init__(self) -> None:
        self.app = Flask(__name__)
        self.app.secret_key = "secret"
        self.app.config["PROPAGATE_EXCEPTIONS"] = True
        self.torn_down: list[str] = []
        self.app.teardown_request(lambda error: self.torn_down.append("request"))
        self.app.teardown_appcontext(lambda error: self.torn_down.append("app"))

        @self.app.post("/users/<int:number>")
        def users(number: int) -> str:
            g.user = "nobody"
            session["seen"] = number
            raise LookupError(number)

    def fail(self) -> tuple[Any, list[Any], contextvars.Context]:
        """The frames, what the app gave to be kept, and the context in which it gave it."""
        environ = EnvironBuilder(
            path="/users/5", query_string="q=1", method="POST", json={"name": "x"}
        ).get_environ()
        given: list[Any] = []
        contexts: list[contextvars.Context] = []

        def preserve(context: Any) -> None:
            given.append(context)
            contexts.append(contextvars.copy_context())

        environ[PRESERVE] = preserve
        try:
            run_wsgi_app(self.app, environ)
        except LookupError as error:
            return frames_of(error), [each for each in given if each is not None], contexts[-1]
        raise AssertionError


SEEN = {
    "flask.request.path": "'/users/5'",
    "flask.request.method": "'POST'",
    "flask.request.args['q']": "'1'",
    "flask.session['seen']": "5",
    "flask.g.user": "'nobody'",
    "flask.current_app.name": "'test_debugger_console_contexts'",
    "flask.url_for('users', number=6)": "'/users/6'",
    "flask.request.endpoint": "'users'",
    "flask.request.view_args": "{'number': 5}",
    "number": "5",
    "flask.request": "<Request 'http://localhost/users/5?q=1' [POST]>",
    "flask.session": "<SecureCookieSession {'seen': 5}>",
    "(lambda: flask.request.path)()": "'/users/5'",
}


@pytest.mark.parametrize("way", ["entered", "copied"])
def test_flask(way: str) -> None:
    scene = Flasky()
    frames, given, copied = scene.fail()
    kept = Contexts(enter=tuple(given)) if way == "entered" else Contexts(copied)
    with console_of(frames, contexts=kept) as console:
        console.run("import flask")
        for _ in range(2):
            for code, expected in SEEN.items():
                assert console.value(code) == expected, code
        console.run("flask.g.user = 'changed'")
        assert console.value("flask.g.user") == "'changed'"
        assert console.other(len(frames) - 2).value("type(self).__name__") == "'Flask'"
    assert not flask.has_request_context()
    if way == "copied":
        assert scene.torn_down == [
            "request",
            "app",
        ]  # nothing was pushed again, so nothing was torn down again


def test_flask_in_two_frames_at_the_same_time(monkeypatch: pytest.MonkeyPatch) -> None:
    scene = Flasky()
    frames, given, _ = scene.fail()
    inside, leave = threading.Event(), threading.Event()
    scene.app.extensions["events"] = (inside, leave)
    with console_of(frames, contexts=Contexts(enter=tuple(given))) as console:
        waiting = console.ask(
            "import flask\n"
            "inside, leave = flask.current_app.extensions['events']\n"
            "inside.set()\nz = leave.wait(20)\nflask.request.path"
        )
        assert inside.wait(LIMIT_SECONDS)
        other = console.other(len(frames) - 2)
        assert other.value("import flask\nflask.request.path") == "'/users/5'"
        leave.set()
        assert waiting.whole().value == "'/users/5'"
        assert other.value("flask.request.path") == "'/users/5'"


def test_a_teardown_that_fails_is_shown() -> None:
    scene = Flasky()
    frames, given, _ = scene.fail()

    def fails(error: object) -> None:
        raise RuntimeError("teardown failed")

    scene.app._got_first_request = False
    scene.app.teardown_request(fails)
    with console_of(frames, contexts=Contexts(enter=tuple(given))) as console:
        answer = console.run("1 + 1")
        assert answer.value == "2"
        assert answer.status == "ok"
        assert any("teardown failed" in text for text in answer.texts("note"))


def test_starlette() -> None:
    """Context variables of middleware, and `await` on the loop that serves."""
    starlette = pytest.importorskip("starlette.applications")
    from starlette.requests import Request
    from starlette.routing import Route

    tenant: contextvars.ContextVar[str] = contextvars.ContextVar("tenant", default="none")

    async def endpoint(request: Request) -> None:
        counter = 1
        body = {"counter": counter}
        raise LookupError(body)

    app = starlette.Starlette(routes=[Route("/items/{number:int}", endpoint)])
    kept: list[Any] = []
    scope = {
        "type": "http",
        "method": "GET",
        "path": "/items/5",
        "raw_path": b"/items/5",
        "query_string": b"",
        "headers": [(b"host", b"localhost")],
        "http_version": "1.1",
        "scheme": "http",
        "server": ("localhost", 80),
        "client": ("localhost", 1),
        "root_path": "",
    }

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None: ...

    async def middleware() -> None:
        tenant.set("acme")
        try:
            await app(scope, receive, send)
        except LookupError as error:
            context = contextvars.copy_context()
            kept.append((frames_of(error), Contexts(context, loop=asyncio.get_running_loop())))

    async def main() -> None:
        await asyncio.create_task(middleware())
        frames, contexts = kept[0]
        end = asyncio.Event()
        loop = asyncio.get_running_loop()

        def developer() -> None:
            with console_of(frames, contexts=contexts) as console:
                here = Console(console.consoles, "r", _frame_of(frames, "endpoint"))
                assert here.value("request.url.path") == "'/items/5'"
                assert here.value("request.path_params") == "{'number': 5}"
                assert here.value("body") == "{'counter': 1}"
                assert here.value("await request.body()") == "b''"
                here.run("import contextvars\nactive = contextvars.copy_context().items()")
                code = "[value for variable, value in active if variable.name == 'tenant']"
                assert here.value(code) == "['acme']"
                asynchronous = "import asyncio\nasync def loop():\n    return asyncio.get_running_loop()\n\n"
                here.run(asynchronous)
                found.append(here.run("found = await loop()").status)
                seen: Any = console.consoles._sessions["r", _frame_of(frames, "endpoint")].names()["found"]
                found.append(seen is loop)

        found: list[Any] = []
        try:
            await loop.run_in_executor(None, developer)
        finally:
            end.set()
        assert found == ["ok", True]

    asyncio.run(main())


def _frame_of(frames: list[Any], name: str) -> int:
    return next(number for number, frame in enumerate(frames) if frame.f_code.co_name == name)


def test_the_plain_console_has_contexts_too() -> None:
    scene = Flasky()
    with console_of(
        [],
        fresh=lambda: {"app": scene.app},
        fresh_contexts=lambda: Contexts(enter=(scene.app.app_context(),)),
    ) as console:
        assert console.value("from flask import current_app\ncurrent_app.name == app.name") == "True"
        assert console.value("current_app.name == app.name") == "True"


def test_a_fresh_app_that_cannot_be_had() -> None:
    from pilotlight.errors import UserError

    def fresh() -> dict[str, Any]:
        raise UserError("The app is not loaded.")

    with console_of([], fresh=fresh) as console:
        answer: Answer = console.run("1")
        assert answer.status == "error"
        assert answer.texts("note") == ["The app is not loaded."]

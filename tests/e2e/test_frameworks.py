"""The real, released frameworks: each is found, served and reloaded by the command that its users type."""

from __future__ import annotations

import pytest
from harness import Serve

FLASK = """
from flask import Flask, request
app = Flask(__name__)

@app.route("/")
def index():
    return "hello from one"

@app.post("/echo")
def echo():
    return request.get_data()
"""
QUART = """
from quart import Quart, request
app = Quart(__name__)

@app.route("/")
async def index():
    return "hello from one"

@app.post("/echo")
async def echo():
    return await request.get_data()
"""
FASTAPI = """
from fastapi import FastAPI, Request
from fastapi.responses import PlainTextResponse, Response
app = FastAPI()

@app.get("/")
async def index():
    return PlainTextResponse("hello from one")

@app.post("/echo")
async def echo(request: Request):
    return Response(await request.body())
"""
STARLETTE = """
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

async def index(request):
    return PlainTextResponse("hello from one")

async def echo(request):
    return Response(await request.body())

app = Starlette(routes=[Route("/", index), Route("/echo", echo, methods=["POST"])])
"""
LITESTAR = """
from litestar import Litestar, Request, get, post, MediaType, Response

@get("/", media_type=MediaType.TEXT)
async def index() -> str:
    return "hello from one"

@post("/echo")
async def echo(request: Request) -> Response[bytes]:
    return Response(await request.body(), media_type="application/octet-stream")

app = Litestar([index, echo])
"""
FALCON = """
import falcon

class Index:
    def on_get(self, request, response):
        response.text = "hello from one"

class Echo:
    def on_post(self, request, response):
        response.data = request.bounded_stream.read()

app = falcon.App()
app.add_route("/", Index())
app.add_route("/echo", Echo())
"""
FALCON_ASGI = (
    FALCON.replace("import falcon", "import falcon.asgi")
    .replace("    def on", "    async def on")
    .replace("falcon.App", "falcon.asgi.App")
    .replace("request.bounded_stream.read()", "await request.stream.read()")
)
BOTTLE = """
from bottle import Bottle, request
app = Bottle()

@app.get("/")
def index():
    return "hello from one"

@app.post("/echo")
def echo():
    return request.body.read()
"""
WSGI = """
def app(environ, start_response):
    body = b"hello from one"
    if environ["PATH_INFO"] == "/echo":
        body = environ["wsgi.input"].read()
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
    return [body]
"""
ASGI = """
async def app(scope, receive, send):
    if scope["type"] != "http":
        raise NotImplementedError(scope["type"])
    body = b"hello from one"
    if scope["path"] == "/echo":
        body, more = b"", True
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]})
    await send({"type": "http.response.body", "body": body})
"""
APPS = {
    "flask": FLASK,
    "quart": QUART,
    "fastapi": FASTAPI,
    "starlette": STARLETTE,
    "litestar": LITESTAR,
    "falcon": FALCON,
    "falcon asgi": FALCON_ASGI,
    "bottle": BOTTLE,
    "wsgi": WSGI,
    "asgi": ASGI,
}


@pytest.mark.parametrize("name", APPS)
def test_app_is_served_and_reloaded(serve: Serve, name: str) -> None:
    server = serve("run", "hello:app", "--debug", files={"hello.py": APPS[name]})
    assert server.get("/").text == "hello from one"
    body = bytes(range(256)) * 1000
    assert server.request("POST", "/echo", body=body).body == body
    assert server.get("/nowhere").status in (200, 404)
    server.write("hello.py", APPS[name].replace("from one", "from two"))
    server.wait_until_response(lambda response: response.text == "hello from two")
    assert "Traceback" not in server.output


@pytest.mark.parametrize("name", ["flask", "quart", "fastapi", "starlette", "wsgi", "asgi"])
def test_error_in_a_view(serve: Serve, name: str) -> None:
    source = (
        APPS[name].replace('b"hello from one"', "ECHO or [][1]").replace('"hello from one"', '[][1] or "x"')
    )
    for path in ('environ["PATH_INFO"]', 'scope["path"]'):
        source = source.replace("ECHO", f'{path} == "/echo"', 1) if path in source else source
    server = serve("run", "hello:app", "--debug", files={"hello.py": source})
    failure = server.get("/")
    assert failure.status == 500
    if name == "quart":  # in debug mode it answers with a page of its own, and tells nobody else
        assert "IndexError" in failure.text
        return
    server.wait_for_output("IndexError: list index out of range")
    assert "hello.py" in server.output
    if name not in ("fastapi", "starlette"):  # which answer errors themselves
        assert "IndexError" in failure.text
        page = server.get("/", headers={"Accept": "text/html"})
        assert "IndexError" in page.text
        stranger = server.get("/", headers={"X-Forwarded-For": "8.8.8.8"})
        assert stranger.status == 500
        assert "IndexError" not in stranger.text
    assert server.request("POST", "/echo", body=b"still there").body == b"still there"


def test_error_without_debug_shows_nothing(serve: Serve) -> None:
    server = serve("run", "hello:app", files={"hello.py": WSGI.replace('b"hello from one"', "[][1]")})
    failure = server.get("/")
    assert failure.status == 500
    assert "IndexError" not in failure.text
    server.wait_for_output("IndexError")


DJANGO = {
    "manage.py": "import os, sys\n\nif __name__ == '__main__':\n"
    "    os.environ.setdefault('DJANGO_SETTINGS_MODULE', 'mysite.settings')\n"
    "    from django.core.management import execute_from_command_line\n"
    "    execute_from_command_line(sys.argv)\n",
    "mysite/__init__.py": "",
    "mysite/settings.py": "SECRET_KEY = 'x'\nDEBUG = True\nROOT_URLCONF = 'mysite.urls'\n"
    "ALLOWED_HOSTS = ['*']\n"
    "INSTALLED_APPS = ['django.contrib.staticfiles', 'pages']\nSTATIC_URL = 'static/'\nUSE_TZ = True\n"
    "TEMPLATES = [{'BACKEND': 'django.template.backends.django.DjangoTemplates', 'APP_DIRS': True}]\n",
    "mysite/urls.py": "from django.urls import path\nfrom pages import views\n"
    "urlpatterns = [path('', views.index)]\n",
    "pages/__init__.py": "",
    "pages/views.py": "from django.shortcuts import render\n\n\ndef index(request):\n"
    "    return render(request, 'page.html', {'text': 'hello from one'})\n",
    "pages/templates/page.html": "<p>{{ text }}</p>",
    "pages/static/style.css": "p { color: green }",
}


@pytest.mark.parametrize(
    "arguments",
    [("run",), ("--app", "manage.py", "run"), ("run", "mysite.settings"), ("run", "mysite.wsgi:application")],
    ids=" ".join,
)
def test_django(serve: Serve, arguments: tuple[str, ...]) -> None:
    wsgi = (
        "import os\nfrom django.core.wsgi import get_wsgi_application\n"
        "os.environ.setdefault('DJANGO_SETTINGS_MODULE', 'mysite.settings')\n"
        "application = get_wsgi_application()\n"
    )
    server = serve(*arguments, "--debug", files={**DJANGO, "mysite/wsgi.py": wsgi})
    assert server.get("/").text == "<p>hello from one</p>"
    assert server.get("/static/style.css").text == "p { color: green }"
    server.write("pages/views.py", DJANGO["pages/views.py"].replace("from one", "from two"))
    server.wait_until_response(lambda response: response.text == "<p>hello from two</p>")
    server.write("pages/templates/page.html", "<b>{{ text }}</b>")
    server.wait_until_response(lambda response: response.text == "<b>hello from two</b>")
    server.write("mysite/urls.py", "import nothing_there\n")
    server.wait_until_response(lambda response: "nothing_there" in response.text and response.status == 500)
    server.write("mysite/urls.py", DJANGO["mysite/urls.py"])
    server.wait_until_response(lambda response: response.text == "<b>hello from two</b>")

"""The released frameworks, served for real."""

import json
import threading

import httpx
import pytest
from http_harness import WAIT, running


def url(server) -> str:
    return f"http://127.0.0.1:{server.address[1]}"


def test_flask() -> None:
    import flask

    app = flask.Flask("served")
    torn_down = threading.Event()

    @app.get("/hello/<name>")
    def hello(name: str):
        return {"hello": name, "query": flask.request.args.get("q"), "remote": flask.request.remote_addr}

    @app.post("/upload")
    def upload():
        file = flask.request.files["file"]
        return f"{file.filename} {len(file.read())} {flask.request.form['a']}"

    @app.post("/raw")
    def raw():
        return str(len(flask.request.get_data()))

    @app.get("/stream")
    def stream():
        return flask.Response((f"{i}\n" for i in range(5)), content_type="text/plain")

    @app.get("/file")
    def file():
        return flask.send_file(__file__, mimetype="text/plain")

    @app.get("/closing")
    def closing():
        response = flask.Response("x")
        response.call_on_close(torn_down.set)
        return response

    @app.get("/crash")
    def crash():
        raise LookupError("crash")

    app.config["PROPAGATE_EXCEPTIONS"] = True
    with running(app) as server, httpx.Client(base_url=url(server)) as client:
        assert client.get("/hello/J\u00fcrgen?q=%26").json() == {
            "hello": "J\u00fcrgen",
            "query": "&",
            "remote": "127.0.0.1",
        }
        body = client.post("/upload", files={"file": ("f.bin", b"x" * 1_000_000)}, data={"a": "b"}).text
        assert body == "f.bin 1000000 b"
        assert client.post("/raw", content=iter([b"abc"] * 1000)).text == "3000"
        assert client.get("/stream").text == "0\n1\n2\n3\n4\n"
        with open(__file__, "rb") as own:
            own_bytes = own.read()
        assert client.get("/file").content == own_bytes
        assert client.get("/closing").text == "x"
        assert torn_down.wait(WAIT)
        assert client.get("/file", headers={"Range": "bytes=0-9"}).content == own_bytes[:10]
        assert client.head("/stream").text == ""
        assert client.get("/none").status_code == 404
        assert client.get("/crash").status_code == 500
        assert isinstance(server.hooks.errors[0][0], LookupError)


def starlette_app():
    from starlette.applications import Starlette
    from starlette.background import BackgroundTask
    from starlette.responses import JSONResponse, PlainTextResponse, StreamingResponse
    from starlette.routing import Route

    done = threading.Event()

    async def hello(request):
        return JSONResponse({"hello": request.path_params["name"], "url": str(request.url)})

    async def raw(request):
        total = 0
        async for piece in request.stream():
            total += len(piece)
        return PlainTextResponse(str(total), background=BackgroundTask(done.set))

    async def stream(request):
        async def lines():
            for i in range(5):
                yield f"{i}\n"

        return StreamingResponse(lines())

    async def crash(request):
        raise LookupError("crash")

    routes = [
        Route("/hello/{name}", hello),
        Route("/raw", raw, methods=["POST"]),
        Route("/stream", stream),
        Route("/crash", crash),
    ]
    return Starlette(routes=routes), done


def fastapi_app():
    from fastapi import FastAPI, Request
    from fastapi.responses import PlainTextResponse, StreamingResponse

    app = FastAPI()
    done = threading.Event()

    @app.get("/hello/{name}")
    async def hello(name: str, request: Request):
        return {"hello": name, "url": str(request.url)}

    @app.post("/raw")
    async def raw(request: Request):
        done.set()
        return PlainTextResponse(str(len(await request.body())))

    @app.get("/stream")
    def stream():
        return StreamingResponse(f"{i}\n" for i in range(5))

    @app.get("/crash")
    def crash():
        raise LookupError("crash")

    return app, done


def quart_app():
    import quart

    app = quart.Quart("served")
    app.config["PROPAGATE_EXCEPTIONS"] = True
    done = threading.Event()

    @app.get("/hello/<name>")
    async def hello(name: str):
        return {"hello": name, "url": quart.request.url}

    @app.post("/raw")
    async def raw():
        done.set()
        return str(len(await quart.request.get_data()))

    @app.get("/stream")
    async def stream():
        async def lines():
            for i in range(5):
                yield f"{i}\n"

        return lines()

    @app.get("/crash")
    async def crash():
        raise LookupError("crash")

    return app, done


@pytest.mark.parametrize("make", [starlette_app, fastapi_app, quart_app])
def test_asgi_frameworks(make) -> None:
    app, done = make()
    with running(app, "asgi") as server, httpx.Client(base_url=url(server)) as client:
        hello = client.get("/hello/J\u00fcrgen?q=1").json()
        assert hello["hello"] == "J\u00fcrgen"
        assert hello["url"].startswith(url(server))
        assert client.post("/raw", content=b"x" * 1_000_000).text == "1000000"
        assert client.post("/raw", content=iter([b"abc"] * 1000)).text == "3000"
        assert done.wait(WAIT)
        assert client.get("/stream").text == "0\n1\n2\n3\n4\n"
        assert client.head("/nowhere").status_code == 404
        assert client.get("/crash").status_code == 500
        assert not server.hooks.notices


def test_django() -> None:
    """In a process of its own: Django's settings are global."""
    import subprocess
    import sys

    program = """
import json, sys
sys.path[:0] = json.loads(sys.argv[1])
from django.conf import settings
settings.configure(SECRET_KEY="x", ROOT_URLCONF=__name__, ALLOWED_HOSTS=["*"], DEBUG=True)
from django.core.wsgi import get_wsgi_application
from django.core.asgi import get_asgi_application
from django.http import HttpResponse, StreamingHttpResponse
from django.urls import path
from django.views.decorators.csrf import csrf_exempt
@csrf_exempt
def echo(request): return HttpResponse(request.body)
urlpatterns = [path("echo", echo), path("stream", lambda request: StreamingHttpResponse(["a", "b"]))]
import httpx
from http_harness import running
for interface, app in (("wsgi", get_wsgi_application()), ("asgi", get_asgi_application())):
    with running(app, interface) as server:
        with httpx.Client(base_url=f"http://127.0.0.1:{server.address[1]}") as client:
            assert client.post("/echo", content=b"x" * 300_000).content == b"x" * 300_000
            assert client.get("/stream").text == "ab"
            assert client.get("/none").status_code == 404
        server.hooks.assert_no_error()
print("served")
"""
    done = subprocess.run(
        [sys.executable, "-c", program, json.dumps(sys.path)], capture_output=True, text=True, timeout=60
    )
    assert done.stdout.strip().endswith("served"), done.stderr

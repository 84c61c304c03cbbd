"""Calls that would start another server: taken over, translated, and given back afterwards."""

from __future__ import annotations

import asyncio
import ssl
import sys
import threading

import pytest

from pilotlight.app.runcalls import current_policy, ignoring, intercepting


def _calls(function):
    calls = []
    with intercepting(calls.append):
        function()
    return calls


def _flask(**options):
    from flask import Flask

    app = Flask("x")
    return app, lambda: app.run(**options)


@pytest.mark.parametrize(
    ("given", "options", "ignored"),
    [
        ({}, {"port": 5000}, ()),
        ({"debug": True}, {"port": 5000, "debug": True}, ()),
        ({"host": "::1", "port": "80"}, {"host": "::1", "port": 80}, ()),
        ({"use_reloader": False, "use_debugger": True, "threaded": False, "debug": True},
         {"port": 5000, "debug": True, "reload": False, "debugger": True, "threads": False}, ()),
        ({"ssl_context": "adhoc"}, {"port": 5000, "cert": "adhoc"}, ()),
        ({"ssl_context": ("c", "k")}, {"port": 5000, "cert": "c", "key": "k"}, ()),
        ({"extra_files": ["a"], "exclude_patterns": {"*"}},
         {"port": 5000, "extra_files": ("a",), "exclude_patterns": ("*",)}, ()),
        ({"processes": 3, "reloader_type": "stat", "load_dotenv": False},
         {"port": 5000}, ("load_dotenv", "processes", "reloader_type")),
    ],
)  # fmt: skip
def test_flask_run(given, options, ignored):
    app, run = _flask(**given)
    (call,) = _calls(run)
    assert (call.app, call.options, tuple(sorted(call.ignored)), call.source) == (
        app,
        options,
        ignored,
        "Flask.run",
    )
    assert call.file == __file__


def test_flask_server_name_and_ssl_context():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    app, run = _flask(ssl_context=context)
    app.config["SERVER_NAME"] = "dev.test:8088"
    (call,) = _calls(run)
    assert call.options == {"host": "dev.test", "port": 8088, "cert": context}


def test_quart_run_reloads_by_default():
    from quart import Quart

    (call,) = _calls(lambda: Quart("x").run(certfile="c", keyfile="k"))
    assert call.options == {"port": 5000, "reload": True, "cert": "c", "key": "k"}
    assert call.source == "Quart.run"


def test_run_simple_uvicorn_hypercorn_bottle():
    import bottle
    import hypercorn.asyncio
    import uvicorn
    import werkzeug
    from hypercorn.config import Config
    from werkzeug import serving

    app = bottle.Bottle()
    config = Config.from_mapping(bind=["[::1]:9000", "unix:x"])

    def script():
        serving.run_simple("0.0.0.0", 4000, app, use_reloader=True, threaded=True)
        werkzeug.run_simple("unix:///tmp/s", 0, app)
        uvicorn.run(
            "hello:app", reload=True, workers=2, ssl_certfile="c", ssl_keyfile="k", reload_excludes="*.js"
        )
        uvicorn.run(lambda: app, factory=True)
        uvicorn.Server(uvicorn.Config(app, port=8001)).run()
        asyncio.run(hypercorn.asyncio.serve(app, config))
        bottle.run(app, reloader=True, server="paste")
        app.run(port=1)
        bottle.run()

    calls = _calls(script)
    assert [(c.source, c.options, c.ignored, c.in_loop) for c in calls] == [
        ("werkzeug.run_simple", {"host": "0.0.0.0", "port": 4000, "reload": True, "threads": True},
         (), False),
        ("werkzeug.run_simple", {"uds": "/tmp/s", "threads": False}, (), False),
        ("uvicorn.run",
         {"port": 8000, "reload": True, "cert": "c", "key": "k", "exclude_patterns": ("*.js",)},
         ("workers",), False),
        ("uvicorn.run", {"port": 8000}, (), False),
        ("uvicorn.Server.run", {"host": "127.0.0.1", "port": 8001}, (), False),
        ("hypercorn.serve", {"host": "::1", "port": 9000}, ("bind",), True),
        ("bottle.run", {"port": 8080, "reload": True}, ("server",), False),
        ("bottle.run", {"port": 1}, (), False),
        ("bottle.run", {"port": 8080}, (), False),
    ]  # fmt: skip
    assert [c.app for c in calls] == [app, app, "hello:app", app, app, app, app, app, bottle.default_app()]
    assert {c.file for c in calls} == {__file__}
    assert len({c.line for c in calls}) == len(calls)


def test_waitress_imported_while_taken_over(tmp_path, monkeypatch):
    (tmp_path / "waitress.py").write_text("def serve(app, **kw): raise RuntimeError('served')\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "waitress", raising=False)
    calls = []
    with intercepting(calls.append):
        import waitress

        from_inside = waitress.serve
        waitress.serve("app", listen="*:8081", threads=4)
        waitress.serve("app", host="::1")
    assert [(c.app, c.options, c.ignored) for c in calls] == [
        ("app", {"port": 8081}, ("threads",)),
        ("app", {"host": "::1", "port": 8080}, ()),
    ]
    assert waitress.__spec__.loader is waitress.__loader__
    assert type(waitress.__loader__).__name__ == "SourceFileLoader"
    for serve in (waitress.serve, from_inside):  # put back; and the copy goes through to the original
        with pytest.raises(RuntimeError, match="served"):
            serve("app")
    sys.modules.pop("waitress")


def test_everything_is_as_before():
    import uvicorn
    import werkzeug
    from flask import Flask

    before = (Flask.run, uvicorn.run, uvicorn.main, werkzeug.run_simple, list(sys.meta_path))
    with ignoring(lambda message: None):
        assert Flask.run is not before[0]
        with intercepting(lambda call: None):
            assert current_policy().on_run is not None
        assert current_policy().warn is not None
        assert werkzeug.run_simple is not before[3]
    assert (Flask.run, uvicorn.run, uvicorn.main, werkzeug.run_simple, list(sys.meta_path)) == before
    assert current_policy() is None


def test_ignored_from_a_thread_of_the_app():
    warnings = []
    _, run = _flask()
    with ignoring(warnings.append):
        thread = threading.Thread(target=run)
        thread.start()
        thread.join(10)
    assert not thread.is_alive()
    assert len(warnings) == 1
    assert "test_app_runcalls.py:" in warnings[0]


def test_wrong_arguments_are_the_callers_error():
    import uvicorn

    with intercepting(lambda call: None), pytest.raises(TypeError, match="nonsense"):
        uvicorn.run("x", nonsense=1)

"""From `--app`, or nothing at all, to a running app; and what is said when that does not work."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import pytest
from harness import Serve, ServerProcess, script

FLASK = "from flask import Flask\n"
NAMED = FLASK + "{name} = Flask(__name__)\n{name}.add_url_rule('/', 'index', lambda: {answer!r})\n"
FACTORY = """
from flask import Flask


def {name}(word="nothing", *, debug=False):
    app = Flask(__name__)
    app.add_url_rule("/", "index", lambda: f"{{word}} {{debug}}")
    return app
"""
WSGI = """
def {name}(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"plain wsgi"]
"""
ASGI = """
async def {name}(scope, receive, send):
    assert scope["type"] == "http"
    await send({{"type": "http.response.start", "status": 200, "headers": []}})
    await send({{"type": "http.response.body", "body": b"plain asgi"}})
"""


def app(name: str, answer: str) -> str:
    return NAMED.format(name=name, answer=answer)


def run(serve: Serve, files: dict[str, str], target: str | None, mode: str = "--no-debug") -> ServerProcess:
    """`pilotlight --app TARGET run`, in a directory with these files."""
    named = [] if target is None else ["--app", target]
    return serve(command=script("pilotlight", *named, "run", mode, "--port", "0"), files=files)


PACKAGE = {"pkg/__init__.py": "", "pkg/sub.py": app("app", "sub"), "pkg/other.py": app("site", "site")}


@pytest.mark.parametrize(
    ("files", "target", "answer"),
    [
        ({"hello.py": app("app", "module")}, "hello", "module"),
        ({"hello.py": app("site", "name")}, "hello:site", "name"),
        ({"hello.py": FACTORY.format(name="create_app")}, "hello:create_app", "nothing False"),
        ({"hello.py": FACTORY.format(name="new")}, 'hello:new("dev", debug=True)', "dev True"),
        (PACKAGE, "pkg.sub", "sub"),
        (PACKAGE, "pkg.other:site", "site"),
        (PACKAGE, "pkg/sub.py", "sub"),
        (PACKAGE, "./pkg/other.py:site", "site"),
        ({"shop/__init__.py": app("app", "package")}, "shop", "package"),
        ({"shop/__init__.py": app("app", "directory")}, "shop/", "directory"),
        ({"deep/down/hello.py": app("app", "far")}, "deep/down/hello.py", "far"),
        ({"hello.py": WSGI.format(name="application")}, "hello", "plain wsgi"),
        ({"hello.py": ASGI.format(name="serve")}, "hello:serve", "plain asgi"),
    ],
)
def test_forms_of_app(serve: Serve, files: dict[str, str], target: str, answer: str) -> None:
    assert run(serve, files, target).get("/").text == answer


@pytest.mark.parametrize(
    ("source", "answer"),
    [
        (FLASK + app("application", "application") + app("app", "app"), "app"),
        (FLASK + app("site", "site") + app("application", "application"), "application"),
        (app("site", "only instance") + FACTORY.format(name="create_app"), "only instance"),
        (FACTORY.format(name="make_app") + "create_app = lambda: make_app('first')\n", "first False"),
        (FACTORY.format(name="make_app"), "nothing False"),
        ("app = 'a name'\n" + app("site", "instance"), "instance"),
    ],
)
def test_which_name_of_a_module_is_taken(serve: Serve, source: str, answer: str) -> None:
    assert run(serve, {"hello.py": source}, "hello").get("/").text == answer


def test_without_app_the_well_known_files_are_looked_for_in_order(serve: Serve, tmp_path: Path) -> None:
    names = ["wsgi.py", "app.py", "main.py", "asgi.py"]
    for name in names:
        (tmp_path / name).write_text(app("app", name))
    for name in names:
        server = run(serve, {}, None)
        assert server.get("/").text == name
        server.terminate()
        server.wait_for_exit()
        (tmp_path / name).unlink()


def test_the_app_as_an_argument(serve: Serve) -> None:
    server = serve(
        command=script("pilotlight", "run", "hello:site", "--port", "0"),
        files={"hello.py": app("site", "argument")},
    )
    assert server.get("/").text == "argument"


SEVERAL = app("one", "1") + app("two", "2")


@pytest.mark.parametrize("mode", ["--debug", "--no-debug"])
@pytest.mark.parametrize(
    ("files", "target", "said"),
    [
        ({"hello.py": SEVERAL}, "hello", "several apps in {here}/hello.py: `one` and `two`"),
        ({"hello.py": "x = 1\n"}, "hello", "no app in {here}/hello.py: looked for `app`, `application`"),
        ({"hello.py": "app = 1\n"}, "hello", "`app` is an object of type `int`, not an app"),
        ({}, None, "none of `wsgi.py`, `app.py`, `main.py`, `asgi.py` and `manage.py` is in {here}"),
        ({}, "nowhere", "no module `nowhere`, neither in {here} nor installed"),
        ({}, "nowhere.py", "no file or directory {here}/nowhere.py"),
        (
            {"hello.py": "def create_app(name, key): pass\n"},
            "hello",
            "`hello:create_app(name, key)` cannot be called: missing a required argument: 'name'",
        ),
        ({"hello.py": "def create_app(): pass\n"}, "hello", "returned None instead of an app"),
        ({"json.py": app("app", "mine")}, "json", "`json` is meant to be {here}/json.py, but Python finds"),
        ({}, "click", "there is no such module in {here}, so Python found another one"),
        ({"hello.py": app("app", "1")}, "hello:app(open)", "the arguments can only be literals"),
        (
            {
                "hello.py": "class app:\n    def __init__(self, scope): ...\n"
                "    async def __call__(self, receive, send): ...\n"
            },
            "hello",
            "`hello:app` is an ASGI 2 app",
        ),
    ],
)
def test_one_message_for_each_mistake(
    serve: Serve, tmp_path: Path, files: dict[str, str], target: str | None, said: str, mode: str
) -> None:
    server = run(serve, files, target, mode)
    assert server.wait_for_exit() == 2
    (line,) = server.output.splitlines()
    assert line.startswith("Error: ")
    assert said.format(here=tmp_path) in line


@pytest.mark.parametrize(
    ("files", "target", "answer"),
    [
        ({"hello.py": SEVERAL}, "hello", "1"),
        ({"hello.py": app("app", "near")}, "helo", "near"),
        ({"hello.py": app("app", "near")}, "helo.py", "near"),
        ({"hello.py": app("website", "near")}, "hello:webiste", "near"),
        ({"hello.py": FACTORY.format(name="create_app").replace('="nothing"', "")}, "hello", "word False"),
        ({"shop.py": app("app", "shop")}, None, "shop"),
        ({"pkg/__init__.py": "", "pkg/app.py": app("app", "inside")}, "pkg", "inside"),
        ({"hello.py": app("app", "1")}, "hello:app()", "1"),
    ],
)
def test_the_suggested_command_works(
    serve: Serve, files: dict[str, str], target: str | None, answer: str
) -> None:
    server = run(serve, files, target)
    assert server.wait_for_exit() == 2
    (suggestion,) = re.findall(r"`pilotlight (.*?)`", server.output)
    suggested = serve(command=script("pilotlight", *shlex.split(suggestion), "--port", "0"))
    assert suggested.get("/").text == answer


BROKEN = {
    "hello.py": "from shop import views\n",
    "shop/__init__.py": "",
    "shop/views.py": "def prepare():\n    import not_there\n\n\nprepare()\n",
}


def files_of_traceback(text: str) -> list[tuple[str, int]]:
    return [(name, int(line)) for name, line in re.findall(r'File "(.*?)", line (\d+)', text)]


@pytest.mark.parametrize("mode", ["--debug", "--no-debug"])
@pytest.mark.parametrize("target", ["hello", "hello.py", "hello:app"])
def test_import_error_inside_the_app_has_its_own_traceback_alone(
    serve: Serve, tmp_path: Path, target: str, mode: str
) -> None:
    server = run(serve, BROKEN, target, mode)
    assert server.wait_for_exit() == 1
    assert server.output.startswith("Traceback (most recent call last):\n")
    assert server.output.endswith("\nModuleNotFoundError: No module named 'not_there'\n")
    views = str(tmp_path / "shop" / "views.py")
    assert files_of_traceback(server.output) == [(str(tmp_path / "hello.py"), 1), (views, 5), (views, 2)]


def test_import_error_after_a_reload_has_its_own_traceback_alone(serve: Serve, tmp_path: Path) -> None:
    server = run(serve, {**BROKEN, "hello.py": app("app", "one")}, "hello", "--debug")
    assert server.get("/").text == "one"
    server.write("hello.py", BROKEN["hello.py"])
    answer = server.wait_until_response(lambda response: response.status == 500)
    views = str(tmp_path / "shop" / "views.py")
    expected = [(str(tmp_path / "hello.py"), 1), (views, 5), (views, 2)]
    assert files_of_traceback(answer.text) == expected
    assert files_of_traceback(server.wait_for_output(r"(?s)Traceback.*not_there'").group()) == expected


def test_error_inside_a_factory_has_its_own_traceback_alone(serve: Serve, tmp_path: Path) -> None:
    source = "def create_app():\n    raise LookupError('no database')\n"
    server = run(serve, {"hello.py": source}, "hello")
    assert server.wait_for_exit() == 1
    assert files_of_traceback(server.output) == [(str(tmp_path / "hello.py"), 2)]
    assert server.output.endswith("\nLookupError: no database\n")


def test_syntax_error_has_no_frames(serve: Serve, tmp_path: Path) -> None:
    server = run(serve, {"hello.py": "x = 1\ndef broken(:\n"}, "hello")
    assert server.wait_for_exit() == 1
    assert files_of_traceback(server.output) == [(str(tmp_path / "hello.py"), 2)]
    assert "SyntaxError" in server.output


UNGUARDED = {
    "flask": (app("app", "served") + "app.run(port=1, debug=True)\n", "app.run()"),
    "uvicorn": (
        "import uvicorn\n" + ASGI.format(name="app") + "uvicorn.run(app, port=1)\n",
        "uvicorn.run()",
    ),
    "werkzeug": (
        "from werkzeug.serving import run_simple\n" + WSGI.format(name="app") + "run_simple('x', 1, app)\n",
        "run_simple()",
    ),
}


@pytest.mark.parametrize("mode", ["--debug", "--no-debug"])
@pytest.mark.parametrize("server_name", UNGUARDED)
def test_unguarded_run_is_ignored_with_one_warning(serve: Serve, server_name: str, mode: str) -> None:
    source, call = UNGUARDED[server_name]
    line = source.count("\n")
    server = run(serve, {"hello.py": source}, "hello", mode)
    assert server.get("/").status == 200
    warnings = [line for line in server.output.splitlines() if line.startswith("Warning: ")]
    assert len(warnings) == 1
    assert call in warnings[0]
    assert f"hello.py:{line}:" in warnings[0]
    assert '`if __name__ == "__main__":`' in warnings[0]


def test_the_app_is_not_confused_by_what_is_in_its_directory(serve: Serve, tmp_path: Path) -> None:
    """Modules named like those that the server itself uses are the app's business alone."""
    for name in ("click", "queue", "selectors", "json"):
        (tmp_path / f"{name}.py").write_text("raise RuntimeError('imported by the server')\n")
    (tmp_path / "settings.json").write_text(json.dumps({"a": 1}))
    server = run(serve, {"hello.py": WSGI.format(name="app")}, "hello", "--debug")
    assert server.get("/").text == "plain wsgi"

"""Loading real apps of the real frameworks, each in a fresh process."""

from __future__ import annotations

import pytest
from app_loader import LOADER

FLASK = "from flask import Flask\napp = Flask(__name__)\n"
FACTORY = """
from flask import Flask
def create_app(name="default", debug=False):
    app = Flask(name)
    app.config["SEEN"] = [name, debug]
    return app
"""


@pytest.mark.parametrize(
    ("source", "interface", "framework"),
    [
        ("from flask import Flask; site = Flask(__name__)", "wsgi", "Flask"),
        ("from quart import Quart; site = Quart(__name__)", "asgi", "Quart"),
        ("from fastapi import FastAPI; site = FastAPI()", "asgi", "FastAPI"),
        ("from starlette.applications import Starlette; site = Starlette()", "asgi", "Starlette"),
        ("from litestar import Litestar; site = Litestar([])", "asgi", "Litestar"),
        ("import falcon; site = falcon.App()", "wsgi", "Falcon"),
        ("import falcon.asgi; site = falcon.asgi.App()", "asgi", "Falcon"),
        ("import bottle; site = bottle.Bottle()", "wsgi", "Bottle"),
        (
            "from flask import Flask, current_app, request\nclass Mine(Flask): pass\nsite = Mine('x')",
            "wsgi",
            "Flask",
        ),
    ],
)
def test_only_instance_of_a_framework(tree, source, interface, framework):
    tree.write(hello=source)
    answer = tree.load("hello")
    assert (answer["interface"], answer["name"], answer["framework"]) == (interface, "hello:site", framework)
    assert answer["version"][0].isdigit()


@pytest.mark.parametrize(
    ("source", "name"),
    [
        (FLASK + "application = other = Flask('other')", "hello:app"),
        ("from flask import Flask\napplication = Flask('a')\nother = Flask('b')", "hello:application"),
        ("app = {'settings': 1}\nfrom flask import Flask\nsite = Flask('x')\nsame = site", "hello:site"),
        (FACTORY, "hello:create_app"),
        (FACTORY.replace("create_app", "make_app"), "hello:make_app"),
        (FACTORY + "site = Flask('x')", "hello:site"),
    ],
)
def test_order_in_a_module(tree, source, name):
    tree.write(hello=source)
    assert tree.load("hello")["name"] == name


def test_bottle_without_an_app_object(tree):
    tree.write(hello="import bottle\n@bottle.route('/')\ndef index(): return 'x'\nbottle.run(port=1)\n")
    answer = tree.load("hello")
    assert (answer["name"], answer["framework"], len(answer["warnings"])) == ("hello", "Bottle", 1)


def test_forms(tree):
    tree.write(
        hello=FLASK + FACTORY + "class Box: pass\nbox = Box()\nbox.site = app",
        pkg____init__=FLASK,
        pkg__sub="from . import app",
    )
    probe = "[app.name, app.config.get('SEEN')]"
    for form, name, seen in [
        ("hello:app", "hello:app", None),
        ("hello:create_app", "hello:create_app", ["default", False]),
        ('hello:create_app("dev", debug=True)', 'hello:create_app("dev", debug=True)', ["dev", True]),
        ("hello:box.site", "hello:box.site", None),
        ("hello.py", "hello.py:app", None),
        ("./hello", "./hello:app", None),
        ("pkg", "pkg:app", None),
        ("./pkg", "./pkg:app", None),
        ("pkg.sub", "pkg.sub:app", None),
        ("pkg/sub.py:app", "pkg/sub.py:app", None),
    ]:  # fmt: skip
        answer = tree.load(form, probe=probe)
        assert (answer.get("name"), answer["probe"][1]) == (name, seen), (form, answer)


def test_a_name_inside_a_package_and_app_dir(tree):
    tree.write(
        pkg____init__="",
        pkg__hello="from . import values\nfrom flask import Flask\napp = Flask(__name__)",
        pkg__values="",
    )
    answer = tree.load("hello", app_dir=str(tree.root / "pkg"), probe="app.import_name")
    assert (answer["name"], answer["probe"]) == ("hello:app", "pkg.hello")


def test_a_directory_without_init_is_a_namespace_package(tree):
    tree.write(web__hello="import web.values\n" + FLASK, web__values="")
    assert tree.load("web.hello", probe="app.import_name")["probe"] == "web.hello"


@pytest.mark.parametrize("name", ["wsgi.py", "app.py", "main.py", "asgi.py", "manage.py", "app/__init__.py"])
def test_default_files(tree, name):
    tree.write_file(name, FLASK)
    module = name.partition("/")[0].removesuffix(".py")
    assert tree.load(None)["name"] == f"{module}:app"


def test_default_order_and_files_without_an_app(tree):
    tree.write(wsgi="x = 1", app="y = 2", main=FLASK, asgi="raise RuntimeError('must not run')")
    assert tree.load(None)["name"] == "main:app"


@pytest.mark.parametrize("debug", [False, True])
@pytest.mark.parametrize("module", ["flask", "quart"])
def test_debug_is_known_when_the_app_is_made_and_wins_over_the_app(tree, module, debug):
    tree.write(
        hello=f"from {module} import {module.title()} as A\napp = A('x')\n"
        f"made = app.debug\napp.debug = {not debug}"
    )
    answer = tree.load("hello", debug=debug, probe="[app.debug, sys.modules['hello'].made]")
    assert answer["probe"][0] is debug
    if module == "flask":
        assert answer["probe"][1] is debug


def test_errors_reach_the_server_in_debug_mode(tree):
    tree.write(hello=FLASK + "@app.get('/')\ndef index(): 1/0\n")
    probe = "app({'PATH_INFO': '/', 'REQUEST_METHOD': 'GET', 'SERVER_NAME': 'x', 'SERVER_PORT': '1', " \
        "'wsgi.url_scheme': 'http', 'wsgi.errors': sys.stderr}, lambda *given: None) and None"  # fmt: skip
    assert (
        "ZeroDivisionError"
        in tree.python("-c", LOADER, tree.options("hello", debug=True, probe=probe)).stderr
    )
    assert tree.load("hello", debug=False, probe=probe)["probe"] is None


ERRORS = [
    ("a = 1", "hello", "NoAppFound", ["hello.py", "create_app"]),
    ("from flask import Flask\nadmin = Flask('a')\nsite = Flask('b')", "hello", "SeveralApps",
     ["`admin` and `site`", "pilotlight --app hello:admin run"]),
    (FACTORY.replace('name="default"', "name"), "hello", "FactoryArguments",
     ["'name'", "pilotlight --app 'hello:create_app(\"name\")' run"]),
    (FACTORY, "hello:create_app(nme=1)", "FactoryArguments", ["nme"]),
    (FACTORY.replace('name="default", debug=False', ""), "hello:create_app(1)", "FactoryArguments",
     ["`hello:create_app(1)` does not fit `hello:create_app()`: too many positional arguments. "
      "Use: `pilotlight --app 'hello:create_app()' run`."]),
    ("def create_app(): pass", "hello", "FactoryResult", ["returned None", "return app"]),
    ("def create_app(): return 5", "hello", "FactoryResult", ["type `int`"]),
    ("async def create_app(): pass", "hello", "AsyncFactory", ["async def"]),
    ("def app(scope):\n async def inner(receive, send): ...\n return inner", "hello", "Asgi2App", ["ASGI 2"]),
    ("def app(scope, receive, send): ...", "hello", "NotAnApp", ["async def app(scope, receive, send)"]),
    ("class App:\n async def __call__(self, scope, receive, send): ...", "hello:App", "NotAnApp",
     ["hello:App()"]),
    ("app = 3", "hello:app", "NotAnApp", ["type `int`"]),
    (FLASK, "hello:app()", "NotAFactory", ["pilotlight --app hello:app run"]),
    (FLASK, "hello:ap", "AttributeMissing", ["pilotlight --app hello:app run"]),
    (FLASK, "helo", "ModuleMissing", ["helo", "pilotlight --app hello run"]),
    (FLASK, "helo.py", "FileMissing", ["helo.py", "pilotlight --app hello.py run"]),
    (FLASK, "sub/hello.py", "FileMissing", ["sub/hello.py"]),
    (FLASK, None, "NothingToServe", ["`wsgi.py`", "pilotlight --app hello run"]),
    (FLASK, "test", "AppNotInOtherModule", ["/test/__init__.py", "--app-dir"]),
    ("def get_site_app(): ...", "hello", "NoAppFound", ["pilotlight --app hello:get_site_app run"]),
]  # fmt: skip


@pytest.mark.parametrize(("source", "app", "error", "words"), ERRORS, ids=[f"{e[2]}-{e[1]}" for e in ERRORS])
def test_each_mistake_has_its_message(tree, source, app, error, words):
    tree.write(hello=source)
    answer = tree.load(app)
    assert answer.get("error") == error, answer
    for word in words:
        assert word in answer["message"]
    assert "\n" not in answer["message"]


def test_a_package_without_an_app_suggests_its_module(tree):
    tree.write(site____init__="", web____init__="", web__main=FLASK)
    assert "pilotlight --app web.main run" in tree.load("web")["message"]


def test_a_file_with_the_name_of_a_loaded_module(tree):
    for name in ("time", "contextlib"):  # built into Python; loaded before the app
        tree.write_file(f"app/{name}.py", FLASK)
        answer = tree.load(name, app_dir=str(tree.root / "app"))
        assert answer["error"] == "ModuleShadowed"
        assert f"{tree.root}/app/{name}.py" in answer["message"]


def test_looked_at_names_the_files_that_could_be_the_fix(tree):
    assert str(tree.root / "hello.py") in tree.load("hello")["looked_at"]


def test_an_error_inside_the_app_is_its_own(tree):
    tree.write(hello="import helper", helper="import does_not_exist")
    answer = tree.load("hello")
    assert (answer["raised"], answer["frames"]) == (
        "ModuleNotFoundError",
        [f"{tree.root}/hello.py:<module>", f"{tree.root}/helper.py:<module>"],
    )


@pytest.mark.parametrize(
    ("source", "raised", "frames"),
    [
        ("x = (", "SyntaxError", []),
        ("def create_app():\n    return int('x')", "ValueError", ["hello.py:create_app"]),
        ("def create_app():\n    return len()", "TypeError", ["hello.py:create_app"]),
        ("raise SystemExit(3)", "SystemExit", ["hello.py:<module>"]),
        ("import hello.sub", "ModuleNotFoundError", ["hello.py:<module>"]),
    ],
)
def test_exceptions_keep_their_frames_without_ours(tree, source, raised, frames):
    tree.write(hello=source)
    answer = tree.load("hello")
    assert answer["raised"] == raised
    assert answer["frames"] == [f"{tree.root}/{frame}" for frame in frames]


def test_unguarded_run_calls_are_ignored_with_one_warning_each(tree):
    tree.write(
        hello=FLASK
        + "from werkzeug import run_simple\nimport uvicorn\nfor i in (1, 2):\n    app.run(port=1)\n"
        "uvicorn.run('hello:app')\nrun_simple('localhost', 1, app)\n"
        "if __name__ == '__main__':\n    app.run()\n"
    )
    warnings = tree.load("hello")["warnings"]
    assert [w.partition(": ")[0] for w in warnings] == [
        "Ignored app.run() at hello.py:6",
        "Ignored uvicorn.run() at hello.py:7",
        "Ignored run_simple() at hello.py:8",
    ]
    assert '`if __name__ == "__main__":`' in warnings[0]


def test_a_caller_that_ignores_run_calls_is_told_even_if_the_load_fails(tree):
    tree.write(hello=FLASK + "app.run()\n1 / 0\n")
    done = tree.python(
        "-c",
        "from pilotlight.app.load import load_app\nfrom pilotlight.app.runcalls import ignoring\n"
        "try:\n with ignoring(print): load_app('hello')\nexcept ZeroDivisionError: print('failed')",
    )
    assert done.stdout.startswith("Ignored app.run() at hello.py:3: ")
    assert done.stdout.endswith("failed\n")


def test_importing_the_loader_is_cheap(tree):
    """It must not drag in what start-up would pay for: the app may need none of it."""
    done = tree.python("-c", "import sys; import pilotlight.app.load; print(*sys.modules)")
    heavy = {"asyncio", "importlib.metadata", "difflib", "shlex", "click", "typing_extensions", "ssl"}
    assert heavy & set(done.stdout.split()) == set()

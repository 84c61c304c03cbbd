"""A reload begins at the checkpoint that the change leaves valid, whatever kind of app it is, and the state
is that of a fresh start."""

from __future__ import annotations

import http.client
import re
import signal
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
from explained import Reload, reload_after, saved
from harness import Response, Serve, ServerProcess, python

COUNT = "\nprint('EXECUTED', __name__, flush=True)\n"
"""At the end of a module: the terminal tells how often it was executed."""


def executed(server: ServerProcess, module: str) -> int:
    return len(re.findall(rf"^EXECUTED {re.escape(module)}$", server.output, re.MULTILINE))


def dedented(files: Mapping[str, str]) -> dict[str, str]:
    return {name: source(text) for name, text in files.items()}


def source(text: str) -> str:
    return textwrap.dedent(text).lstrip("\n").replace("# counted\n", COUNT)


FLASK = """
    from flask import Flask
    import {above}
    app = Flask(__name__)

    @app.route("/")
    def index():
        return "one " + {above}.VALUE
"""


@dataclass(frozen=True)
class Case:
    """A kind of app.

    Args:
        arguments: behind `pilotlight`, or behind `python`.
        files: what lies in the directory.
        edited: holds `one`, which is edited; `/` answers with it.
        place: where the second reload of that file begins (a regular expression).
        kept: a module that is not executed again then.
    """

    arguments: tuple[str, ...]
    files: Mapping[str, str]
    edited: str
    place: str
    kept: str = "above"
    with_python: bool = False


ABOVE = "VALUE = 'above'" + COUNT
CASES = {
    "module": Case(
        ("--app", "hello", "run"),
        {"hello.py": FLASK.format(above="above"), "above.py": ABOVE},
        "hello.py",
        r"inside hello\.py, after its imports",
    ),
    "package": Case(
        ("--app", "shop", "run"),
        {
            "shop/__init__.py": """
                from flask import Flask
                from shop import above
                app = Flask(__name__)
                from shop import views
            """,
            "shop/above.py": ABOVE,
            "shop/views.py": """
                from shop import app
                from shop.above import VALUE

                @app.route("/")
                def index():
                    return "one " + VALUE
            """,
        },
        "shop/views.py",
        r"inside shop/views\.py, after its imports",
        "shop.above",
    ),
    "factory": Case(
        ("--app", "shop:create_app", "run"),
        {
            "shop/__init__.py": """
                from flask import Flask

                def create_app():
                    app = Flask(__name__)
                    from shop import above
                    from shop.views import pages
                    app.register_blueprint(pages)
                    return app
            """,
            "shop/above.py": ABOVE,
            "shop/views.py": """
                from flask import Blueprint
                from shop.above import VALUE
                pages = Blueprint("pages", __name__)

                @pages.route("/")
                def index():
                    return "one " + VALUE
            """,
        },
        "shop/views.py",
        r"inside shop/views\.py, after its imports",
        "shop.above",
    ),
    "app directory": Case(
        ("--app", "hello", "--app-dir", "src", "run"),
        {"src/hello.py": FLASK.format(above="above"), "src/above.py": ABOVE},
        "src/hello.py",
        r"inside src/hello\.py, after its imports",
    ),
    "script": Case(
        ("run", "hello.py"),
        {"hello.py": FLASK.format(above="above"), "above.py": ABOVE},
        "hello.py",
        r"inside hello\.py, after its imports",
    ),
    "pilotlight.run": Case(
        ("hello.py",),
        {
            "hello.py": FLASK.format(above="above")
            + """
    if __name__ == "__main__":
        import pilotlight
        pilotlight.run(app, debug=True, port=0)
            """,
            "above.py": ABOVE,
        },
        "hello.py",
        r"inside hello\.py, after its imports",
        with_python=True,
    ),
    "app.run": Case(
        ("-m", "pilotlight", "hello.py"),
        {
            "hello.py": FLASK.format(above="above")
            + """
    if __name__ == "__main__":
        app.run(debug=True, port=0)
            """,
            "above.py": ABOVE,
        },
        "hello.py",
        r"inside hello\.py, after its imports",
        with_python=True,
    ),
    "-m package": Case(
        ("-m", "shop"),
        {
            "shop/__init__.py": "",
            "shop/above.py": ABOVE,
            "shop/__main__.py": """
                from flask import Flask
                import pilotlight
                from shop.above import VALUE
                app = Flask(__name__)

                @app.route("/")
                def index():
                    return "one " + VALUE

                pilotlight.run(app, debug=True, port=0)
            """,
        },
        "shop/__main__.py",
        r"inside shop/__main__\.py, after its imports",
        "shop.above",
        with_python=True,
    ),
    "namespace package": Case(
        ("--app", "space.hello", "run"),
        {"space/hello.py": FLASK.format(above="space.above"), "space/above.py": ABOVE},
        "space/hello.py",
        r"inside space/hello\.py, after its imports",
        "space.above",
    ),
    "import_module": Case(
        ("--app", "hello", "run"),
        {
            "hello.py": """
                import importlib
                from flask import Flask
                app = Flask(__name__)
                for name in ("above", "views"):
                    importlib.import_module(name).register(app)
            """,
            "above.py": "def register(app): pass" + COUNT,
            "views.py": """
                import above

                def register(app):
                    app.add_url_rule("/", view_func=lambda: "one above")
            """,
        },
        "views.py",
        r"inside views\.py, after its imports",
    ),
    "spec_from_file_location": Case(
        ("--app", "hello", "run"),
        {
            "hello.py": """
                import importlib.util
                import above
                from flask import Flask
                app = Flask(__name__)
                spec = importlib.util.spec_from_file_location("plugin", "plugins/first.py")
                plugin = importlib.util.module_from_spec(spec)
                spec.loader.exec_module(plugin)
                app.add_url_rule("/", view_func=plugin.index)
            """,
            "above.py": ABOVE,
            "plugins/first.py": "import above\n\ndef index():\n    return 'one ' + above.VALUE\n",
        },
        "plugins/first.py",
        r"(before|inside) .*",
    ),
    "FastAPI": Case(
        ("--app", "hello", "run"),
        {
            "hello.py": """
                from fastapi import FastAPI
                from fastapi.responses import PlainTextResponse
                from above import VALUE
                app = FastAPI()

                @app.get("/", response_class=PlainTextResponse)
                def index() -> str:
                    return "one " + VALUE
            """,
            "above.py": ABOVE,
        },
        "hello.py",
        r"inside hello\.py, after its imports",
    ),
    "Starlette": Case(
        ("--app", "hello", "run"),
        {
            "hello.py": """
                from starlette.applications import Starlette
                from starlette.responses import PlainTextResponse
                from starlette.routing import Route
                from above import VALUE

                async def index(request):
                    return PlainTextResponse("one " + VALUE)

                app = Starlette(routes=[Route("/", index)])
            """,
            "above.py": ABOVE,
        },
        "hello.py",
        r"inside hello\.py, after its imports",
    ),
    "Quart": Case(
        ("--app", "hello", "run"),
        {
            "hello.py": """
                from quart import Quart
                from above import VALUE
                app = Quart(__name__)

                @app.route("/")
                async def index():
                    return "one " + VALUE
            """,
            "above.py": ABOVE,
        },
        "hello.py",
        r"inside hello\.py, after its imports",
    ),
    "Django": Case(
        ("run",),
        {
            "manage.py": """
                import os, sys
                if __name__ == "__main__":
                    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mysite.settings")
                    from django.core.management import execute_from_command_line
                    execute_from_command_line(sys.argv)
            """,
            "mysite/__init__.py": "",
            "mysite/settings.py": "SECRET_KEY = 'x'\nDEBUG = True\nROOT_URLCONF = 'mysite.urls'\n"
            "ALLOWED_HOSTS = ['*']\nINSTALLED_APPS = ['pages']\nUSE_TZ = True\n" + COUNT,
            "mysite/urls.py": "from django.urls import path\nfrom pages import views\n"
            "urlpatterns = [path('', views.index)]\n",
            "pages/__init__.py": "",
            "pages/models.py": "from django.db import models\n" + COUNT,
            "pages/views.py": """
                from django.http import HttpResponse

                def index(request):
                    return HttpResponse("one above")
            """,
        },
        "pages/views.py",
        r"inside pages/views\.py, after its imports",
        "pages.models",
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_kinds_of_apps(serve: Serve, name: str) -> None:
    case = CASES[name]
    files = dedented(case.files)
    if case.with_python:
        server = serve(command=python(*case.arguments), files=files, env={"PILOTLIGHT_EXPLAIN_RELOAD": "1"})
    else:
        server = serve(*case.arguments, "--debug", "--explain-reload", files=files)
    assert server.get("/").text == "one above"
    times = 1 + case.with_python  # the script itself has run once, up to the call that starts the server
    assert executed(server, case.kept) == times
    text = files[case.edited]
    for number in range(3):
        response, reload = saved(server, case.edited, text.replace("one", f"version {number}"))
        assert response.text == f"version {number} above"
        assert reload.changed == case.edited
        assert reload.place is not None, reload
        if number:
            assert re.fullmatch(case.place, reload.place), reload
            assert case.edited in reload.read
        else:
            times = executed(server, case.kept)  # a file that nobody had edited yet may lie behind others
    assert executed(server, case.kept) == times
    assert "Traceback" not in server.output


LIBRARY = {
    "hello.py": """
        from flask import Flask
        from library.greeting import TEXT
        app = Flask(__name__)

        @app.route("/")
        def index():
            return TEXT
    """,
    "site/sitecustomize.py": "import os, site\nsite.addsitedir(os.path.dirname(__file__))\n",
    "elsewhere/src/library/__init__.py": COUNT,
    "elsewhere/src/library/greeting.py": "import library\nTEXT = 'one'\n",
}
FINDER = """
    import sys
    from importlib.machinery import PathFinder

    class Editable:
        @classmethod
        def find_spec(cls, name, path=None, target=None):
            return PathFinder.find_spec(name, [{path!r}]) if name == "library" else None

    def install():
        sys.meta_path.append(Editable)
"""


@pytest.mark.parametrize("kind", ["path", "finder"])
def test_editable_installs(serve: Serve, tmp_path: Path, kind: str) -> None:
    sources = str(tmp_path / "elsewhere" / "src")
    files = {**LIBRARY, "site/library.pth": sources + "\n"}
    if kind == "finder":
        files["site/library.pth"] = "import editable_library; editable_library.install()\n"
        files["site/editable_library.py"] = FINDER.format(path=sources)
    server = serve(
        *("--app", "hello", "run", "--debug", "--explain-reload"),
        files=dedented(files),
        env={"PYTHONPATH": str(tmp_path / "site")},
    )
    assert server.get("/").text == "one"
    edited = "elsewhere/src/library/greeting.py"
    for text in ("two", "three"):
        response, reload = saved(server, edited, files[edited].replace("one", text))
        assert response.text == text
    assert reload.place == f"inside {edited}, after its imports"
    assert reload.read == [edited, "hello.py"] or reload.read == [edited]
    assert executed(server, "library") <= 2


@pytest.mark.parametrize("what", ["file", "directory"])
def test_symbolic_links(serve: Serve, tmp_path: Path, what: str) -> None:
    real = {"real/views.py": "import above\nTEXT = 'one'\n", "real/__init__.py": ""}
    app = """
        from flask import Flask
        import above
        from pages.views import TEXT
        app = Flask(__name__)

        @app.route("/")
        def index():
            return TEXT
    """
    for name, text in real.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    if what == "directory":
        (tmp_path / "pages").symlink_to("real")
    else:
        (tmp_path / "pages").mkdir()
        (tmp_path / "pages" / "views.py").symlink_to(tmp_path / "real" / "views.py")
    server = serve(
        *("--app", "hello", "run", "--debug", "--explain-reload"),
        files=dedented({"hello.py": app, "above.py": ABOVE}),
    )
    assert server.get("/").text == "one"
    for text in ("two", "three"):
        response, reload = saved(server, "real/views.py", real["real/views.py"].replace("one", text))
        assert response.text == text
    assert reload.place == "inside pages/views.py, after its imports"
    other = tmp_path / "other"
    other.mkdir()
    (other / "__init__.py").write_text("")
    (other / "views.py").write_text("import above\nTEXT = 'turned'\n")
    link = tmp_path / ("pages" if what == "directory" else "pages/views.py")
    new = link.with_name("new link")
    new.symlink_to(other if what == "directory" else other / "views.py")
    mark = server.mark()
    new.replace(link)
    assert server.get("/").text == "turned"
    assert reload_after(server, mark).place is not None
    assert executed(server, "above") <= 2


PACKAGE = {
    "shop/__init__.py": """
        from flask import Flask
        import shop.settings
        app = Flask(__name__)
        import shop.models
        import shop.views
    """,
    "shop/settings.py": """
        import json
        import pathlib
        DATA = json.loads(pathlib.Path("data.json").read_text())
        # counted
    """,
    "shop/models.py": """
        import shop.settings
        NAME = "model"
        try:
            from shop.optional import EXTRA
        except ImportError:
            EXTRA = "no extra"
        # counted
    """,
    "shop/views.py": """
        import shop
        from shop import models, settings
        TEXT = "one"

        @shop.app.route("/")
        def index():
            return " ".join([TEXT, models.NAME, models.EXTRA, settings.DATA["name"]])
    """,
    "data.json": '{"name": "data"}',
}


@pytest.fixture
def shop(serve: Serve) -> ServerProcess:
    server = serve("--app", "shop", "run", "--debug", "--explain-reload", files=dedented(PACKAGE))
    assert server.get("/").text == "one model no extra data"
    return server


def step(server: ServerProcess, path: str, text: str | None) -> tuple[Response, Reload]:
    """Saves a file, or deletes it; the answer that follows, and the reload."""
    if text is not None:
        return saved(server, path, text)
    mark = server.mark()
    (server.cwd / path).unlink()
    response = server.get("/")
    return response, reload_after(server, mark)


def test_edits_of_all_kinds(shop: ServerProcess) -> None:
    """Each begins behind what it does not concern, and reads everything that follows."""
    views = source(PACKAGE["shop/views.py"])
    response, _ = step(shop, "shop/views.py", views.replace("one", "two"))
    assert response.text == "two model no extra data"
    response, reload = step(shop, "shop/views.py", views.replace("one", "three"))
    assert response.text == "three model no extra data"
    assert reload.read == ["shop/views.py"]
    settled = executed(shop, "shop.models"), executed(shop, "shop.settings")

    response, reload = step(shop, "shop/views.py", "import os\n" + views.replace('"one"', "os.name"))
    assert response.text == "posix model no extra data"
    assert reload.place == "before shop/views.py"
    assert reload.read == ["shop/views.py"]
    assert (executed(shop, "shop.models"), executed(shop, "shop.settings")) == settled

    models = source(PACKAGE["shop/models.py"])
    response, reload = step(shop, "shop/models.py", models.replace("model", "edited"))  # for the first time
    assert response.text == "posix edited no extra data"
    assert reload.place is not None
    assert {"shop/models.py", "shop/views.py"} <= set(reload.read)

    response, reload = step(shop, "shop/optional.py", "EXTRA = 'extra'\n")
    assert response.text == "posix edited extra data"
    assert reload.place == "inside shop/models.py, after its imports"
    assert set(reload.read) == {"shop/models.py", "shop/optional.py", "shop/views.py"}

    response, reload = step(shop, "shop/optional.py", "EXTRA = 'more'\n")
    assert response.text == "posix edited more data"
    response, reload = step(shop, "shop/optional.py", None)
    assert response.text == "posix edited no extra data"
    assert reload.place is not None

    response, reload = step(shop, "data.json", '{"name": "changed"}')
    assert response.text == "posix edited no extra changed"
    assert reload.changed == "data.json"
    assert reload.place is not None
    assert {"shop/settings.py", "shop/models.py", "shop/views.py", "data.json"} <= set(reload.read)


def test_a_failed_load_goes_on_from_its_checkpoint(shop: ServerProcess) -> None:
    views = source(PACKAGE["shop/views.py"])
    step(shop, "shop/views.py", views.replace("one", "two"))
    settled = executed(shop, "shop.models"), executed(shop, "shop.settings")
    for broken in ("def broken(:\n", "1 / 0\n", "raise SystemExit(3)\n", "import nothing_there\n"):
        shop.write("shop/views.py", views + broken)
        assert shop.get("/").status == 500
        response, reload = step(shop, "shop/views.py", views.replace("one", "mended"))
        assert response.text == "mended model no extra data"
        assert reload.place is not None, (broken, reload)
    assert (executed(shop, "shop.models"), executed(shop, "shop.settings")) == settled


CRASHING = {
    "hello.py": """
        import os, signal
        from flask import Flask
        app = Flask(__name__)
        NUMBERS = []

        @app.route("/")
        def index():
            NUMBERS.append(1)
            return f"{len(NUMBERS)} {os.getpid()}"

        @app.route("/crash")
        def crash():
            os.kill(os.getpid(), signal.SIGSEGV)
        # counted
    """,
}


def test_a_crashed_worker_is_replaced_without_any_import(serve: Serve) -> None:
    server = serve("--app", "hello", "run", "--debug", "--explain-reload", files=dedented(CRASHING))
    pids = set()
    for _ in range(2):
        count, pid = server.get("/").text.split()
        assert count == "1"  # as after a fresh start
        pids.add(pid)
        mark = server.mark()
        with pytest.raises((OSError, http.client.HTTPException)):
            server.get("/crash")
        reload = reload_after(server, mark)
        assert reload.place == "after the load"
        assert reload.read == []
    assert len(pids) == 2
    assert server.get("/").text.startswith("1 ")
    assert executed(server, "hello") == 1
    assert "SIGSEGV" in server.output


def test_a_worker_that_crashes_after_an_edit_is_replaced_from_where_the_edit_began(serve: Serve) -> None:
    server = serve("--app", "hello", "run", "--debug", "--explain-reload", files=dedented(CRASHING))
    assert server.get("/").status == 200
    server.write(
        "hello.py", textwrap.dedent(CRASHING["hello.py"]).replace("return f", "return 'edited ' + f")
    )
    assert server.get("/").text.startswith("edited 1 ")
    mark = server.mark()
    with pytest.raises((OSError, http.client.HTTPException)):
        server.get("/crash")
    reload = reload_after(server, mark)
    # A machine that is busy may have taken longer than a crash may cost.
    assert reload.place in ("inside hello.py, after its imports", "after the load")
    assert server.get("/").text.startswith("edited 1 ")


def test_a_forced_start_from_scratch(shop: ServerProcess) -> None:
    before = executed(shop, "shop.settings")
    mark = shop.mark()
    shop.signal(signal.SIGHUP)
    reload = reload_after(shop, mark)
    assert reload.place is None
    assert executed(shop, "shop.settings") == before + 1

"""Pages that an app has for its errors stay, with the real command. Errors are listed if the page says that
something has failed."""

from __future__ import annotations

import re
import time

import pytest
from debug_client import DebugClient
from harness import DEFAULT_TIMEOUT, Serve, ServerProcess

FLASK = """
from flask import Blueprint, Flask
app = Flask(__name__)
shop = Blueprint("shop", __name__)

class Gone(LookupError):
    pass

@app.errorhandler(Exception)
def sorry(error):
    return {"sorry": "of all"}, getattr(error, "code", 500)

@app.errorhandler(KeyError)
def sorry_for_key(error):
    return {"sorry": "of a class"}, 503

@shop.errorhandler(ZeroDivisionError)
def sorry_in_shop(error):
    return {"sorry": "of a blueprint"}, 500

@app.errorhandler(ValueError)
def refused(error):
    return {"sorry": "refused"}, 400

@app.errorhandler(Gone)
def gone(error):
    return {"sorry": "spoiled"}, 500

@app.after_request
def last_word(response):
    if response.json == {"sorry": "spoiled"}:
        response.status_code = 410
    return response

@app.get("/all")
def of_all():
    raise RuntimeError("of all")

@app.get("/class")
def of_a_class():
    raise KeyError("of a class")

@shop.get("/blueprint")
def of_a_blueprint():
    1 / 0

@app.get("/refused")
def of_no_account():
    raise ValueError("refused")

@app.get("/spoiled")
def changed_afterwards():
    raise Gone("changed afterwards")

app.register_blueprint(shop)
"""

QUART = (
    FLASK.replace("Flask", "Quart")
    .replace("flask", "quart")
    .replace("def ", "async def ")
    .replace("if response.json ==", "if await response.get_json() ==")
)

HANDLED = [
    ("/refused", 400, "refused"),
    ("/spoiled", 410, "spoiled"),
    ("/nowhere", 404, "of all"),
    ("/all", 500, "of all"),
    ("/class", 503, "of a class"),
    ("/blueprint", 500, "of a blueprint"),
]
LISTED = ["ZeroDivisionError: division by zero", "KeyError: 'of a class'", "RuntimeError: of all"]

NEVER = 'app.config["PROPAGATE_EXCEPTIONS"] = False\n'
FLASK_500 = """
from flask import Flask
app = Flask(__name__)
app.config["PROPAGATE_EXCEPTIONS"] = False

@app.errorhandler(500)
def sorry(error):
    kind = type(error.original_exception).__name__
    return {"sorry": kind}, 404 if kind == "LookupError" else 500

@app.after_request
def broken(response):
    if response.json == {"sorry": "OSError"}:
        raise RuntimeError("after the request")
    return response

@app.get("/lookup")
def lookup():
    raise LookupError("not listed")

@app.get("/value")
def value():
    raise ValueError("listed")

@app.get("/broken")
def broken_afterwards():
    raise OSError("listed as well")
"""

QUART_500 = (
    FLASK_500.replace("Flask", "Quart")
    .replace("flask", "quart")
    .replace("def ", "async def ")
    .replace("if response.json ==", "if await response.get_json() ==")
)

HANDLED_500 = [
    ("/lookup", 404, "LookupError"),
    ("/value", 500, "ValueError"),
    ("/broken", 500, "OSError"),
]
LISTED_500 = ["OSError: listed as well", "ValueError: listed"]

FALCON = """
import falcon

def sorry(request, response, error, parameters):
    response.status = falcon.HTTP_500
    response.media = {"sorry": "of all"}

def raised(request, response, error, parameters):
    raise falcon.HTTPServiceUnavailable(title="raised")

def refused(request, response, error, parameters):
    response.status = 400
    response.media = {"sorry": "refused"}

class Fail:
    def __init__(self, error):
        self.error = error

    def on_get(self, request, response):
        raise self.error

app = falcon.App()
app.add_error_handler(Exception, sorry)
app.add_error_handler(KeyError, raised)
app.add_error_handler(ValueError, refused)
app.add_route("/all", Fail(RuntimeError("of all")))
app.add_route("/class", Fail(KeyError("of a class")))
app.add_route("/refused", Fail(ValueError("refused")))
app.add_route("/teapot", Fail(falcon.HTTPInternalServerError(title="an answer")))
"""

FALCON_ASGI = (
    FALCON.replace("import falcon", "import falcon.asgi")
    .replace("falcon.App()", "falcon.asgi.App()")
    .replace("def ", "async def ")
    .replace("async def __init__", "def __init__")
)

HANDLED_BY_FALCON = [
    ("/refused", 400, "refused"),
    ("/nowhere", 404, None),
    ("/teapot", 500, None),
    ("/all", 500, "of all"),
    ("/class", 503, None),
]
LISTED_BY_FALCON = ["KeyError: 'of a class'", "RuntimeError: of all"]

BOTTLE = """
from bottle import Bottle, HTTPResponse, abort, response
app = Bottle()

@app.error(500)
def sorry(failure):
    if isinstance(failure.exception, ValueError):
        response.status = 400
        response.content_type = "application/json"
        return '{"sorry": "refused"}'
    if isinstance(failure.exception, LookupError):
        return HTTPResponse('{"sorry": "missing"}', 404, content_type="application/json")
    response.content_type = "application/json"
    return '{"sorry": "of all"}'

@app.get("/all")
def of_all():
    raise RuntimeError("of all")

@app.get("/pieces")
def of_pieces():
    yield "" + str(1 / 0)

@app.get("/refused")
def refused():
    raise ValueError("refused")

@app.get("/missing")
def missing():
    raise LookupError("missing")

@app.get("/aborted")
def aborted():
    abort(500)
"""

HANDLED_BY_BOTTLE = [
    ("/refused", 400, "refused"),
    ("/missing", 404, "missing"),
    ("/aborted", 500, "of all"),
    ("/all", 500, "of all"),
    ("/pieces", 500, "of all"),
]
LISTED_BY_BOTTLE = ["ZeroDivisionError: division by zero", "RuntimeError: of all"]

CASES = {
    "flask": (FLASK, HANDLED, LISTED),
    "quart": (QUART, HANDLED, LISTED),
    "flask-500": (FLASK_500, HANDLED_500, LISTED_500),
    "quart-500": (QUART_500, HANDLED_500, LISTED_500),
    "flask-500-asked-in-debug-mode": (FLASK_500.replace(NEVER, ""), HANDLED_500, LISTED_500),
    "quart-500-asked-in-debug-mode": (QUART_500.replace(NEVER, ""), HANDLED_500, LISTED_500),
    "falcon": (FALCON, HANDLED_BY_FALCON, LISTED_BY_FALCON),
    "falcon-asgi": (FALCON_ASGI, HANDLED_BY_FALCON, LISTED_BY_FALCON),
    "bottle": (BOTTLE, HANDLED_BY_BOTTLE, LISTED_BY_BOTTLE),
}


def titles(server: ServerProcess, client: DebugClient, count: int) -> list[str]:
    """Of the errors in the list, once there are as many. An answer may be there before its error is."""
    deadline = time.monotonic() + DEFAULT_TIMEOUT
    while True:
        found = [str(summary["title"]) for summary in client.reports()]
        if len(found) >= count or not server.running or time.monotonic() > deadline:
            return found


@pytest.mark.parametrize("name", list(CASES))
def test_a_page_stays_and_only_failures_are_listed(serve: Serve, name: str) -> None:
    pytest.importorskip(name.partition("-")[0])
    source, handled, listed = CASES[name]
    server = serve("--app", "hello", "run", "--debug", files={"hello.py": source})
    client = DebugClient.of(server)
    for path, status, said in handled:
        answer = server.get(path)
        assert answer.status == status, (path, answer.text)
        assert "x-error-id" not in answer.headers
        if said is not None:
            assert answer.json() == {"sorry": said}
        server.wait_for_output(f"{status} GET .*{path}\n")  # with threads the answer comes before the report
    assert titles(server, client, len(listed)) == listed
    said = re.findall(
        "^(.*), answered by the app's own page: http://.*/report.id=", server.output, re.MULTILINE
    )
    assert sorted(said) == sorted(title.partition(":")[0] for title in listed)
    assert "Error id" not in server.output
    assert " failed:" not in server.output  # how errors that nobody handles are printed


def test_the_context_of_a_handled_error_is_in_its_console(serve: Serve) -> None:
    source = FLASK.replace("    1 / 0", "    from flask import g\n    g.user = 'ann'\n    1 / 0")
    server = serve("--app", "hello", "run", "--debug", files={"hello.py": source})
    client = DebugClient.of(server)
    server.get("/blueprint")
    assert titles(server, client, 1) == ["ZeroDivisionError: division by zero"]
    report = str(client.reports()[0]["id"])
    assert client.value("g.user", report, client.frame(report, "of_a_blueprint")) == "'ann'"


@pytest.mark.parametrize("name", ["flask", "quart"])
def test_an_error_of_a_handler_is_the_one_that_is_shown(serve: Serve, name: str) -> None:
    pytest.importorskip(name)
    source = CASES[name][0].replace(
        '    return {"sorry": "of a class"}, 503', '    raise OSError("of a handler")'
    )
    server = serve("--app", "hello", "run", "--debug", files={"hello.py": source})
    client = DebugClient.of(server)
    answer = server.get("/class")
    assert (answer.status, answer.headers.get("x-error-id") is not None) == (500, True)
    assert titles(server, client, 1) == ["OSError: of a handler"]
    assert server.output.count("GET /class failed:") == 1


BLUEPRINT_500 = """
from flask import Blueprint, Flask
app = Flask(__name__)
shop = Blueprint("shop", __name__)

@shop.errorhandler(500)
def sorry(error):
    return {"sorry": type(error.original_exception).__name__}, 500

@shop.get("/inside")
def inside():
    return {}["in the blueprint"]

@app.get("/outside")
def outside():
    return {}["outside"]

app.register_blueprint(shop)
"""


@pytest.mark.parametrize("name", ["flask", "quart"])
def test_a_page_of_a_blueprint_is_for_its_own_errors_only(serve: Serve, name: str) -> None:
    pytest.importorskip(name)
    source = BLUEPRINT_500
    if name == "quart":
        source = source.replace("Flask", "Quart").replace("flask", "quart").replace("def ", "async def ")
    server = serve("--app", "hello", "run", "--debug", files={"hello.py": source})
    client = DebugClient.of(server)
    assert server.get("/inside").json() == {"sorry": "KeyError"}
    outside = server.get("/outside")
    assert (outside.status, outside.headers.get("x-error-id") is not None) == (500, True)
    assert "KeyError: 'outside'" in outside.text
    assert sorted(titles(server, client, 2)) == ["KeyError: 'in the blueprint'", "KeyError: 'outside'"]


def test_an_error_of_the_page_itself_is_shown(serve: Serve) -> None:
    source = FLASK_500.replace(NEVER, "").replace("    kind = type(", "    kind = error.nothing\n    type(")
    server = serve("--app", "hello", "run", "--debug", files={"hello.py": source})
    client = DebugClient.of(server)
    answer = server.get("/value")
    assert "AttributeError" in answer.text
    assert "ValueError: listed" in answer.text
    assert len(titles(server, client, 1)) == 1

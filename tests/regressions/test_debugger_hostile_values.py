"""Values of the app that fail, hang or end the process when they are asked anything: every request has its
answer, every report is whole."""

from __future__ import annotations

from debug_client import DebugClient
from harness import Serve

APP = """
import logging
from flask import Flask
app = Flask(__name__)
log = logging.getLogger("quiet")
log.propagate = False
log.addHandler(logging.NullHandler())

class Ends:
    def __str__(self):
        raise SystemExit(3)

class Hangs:
    def __str__(self):
        while True:
            pass

class Meta(type):
    @property
    def __mro__(cls):
        raise RuntimeError("of the metaclass")
    def __getattribute__(cls, name):
        raise RuntimeError("of the metaclass")

class Hostile(metaclass=Meta):
    def __getattribute__(self, name):
        raise RuntimeError("of the class")

@app.get("/log")
def logs():
    log.warning("%s", Ends())
    log.warning(Ends())
    log.warning("%s and %s", 1)
    log.warning("%s", Hangs())
    log.warning("the %s", "last")
    raise ValueError("seen")

@app.get("/metaclass")
def metaclass():
    request = Hostile()
    raise ValueError("seen")
"""


def test_log_records_that_cannot_be_formatted(serve: Serve) -> None:
    server = serve("--app", "hello", "run", "--debug", files={"hello.py": APP})
    answer = server.get("/log", headers={"Accept": "application/json"})
    assert answer.status == 500
    ends, whole, few, hangs, last = [moment["text"] for moment in answer.json()["timeline"]]
    assert ends == "%s (could not be formatted: raised SystemExit.)"
    assert whole == "Ends (could not be formatted: raised SystemExit.)"
    assert few == "%s and %s (could not be formatted: TypeError)"
    assert "longer than 50 ms" in hangs
    assert last == "the last"


def test_a_variable_whose_class_refuses_everything(serve: Serve) -> None:
    server = serve("--app", "hello", "run", "--debug", files={"hello.py": APP})
    client = DebugClient.of(server)
    report = str(server.get("/metaclass").headers["X-Error-Id"])
    assert client.value("1 + 1", report, client.frame(report, "metaclass")) == "2"
    assert "could not describe" not in server.output

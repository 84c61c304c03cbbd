"""What a developer sees and types on a real (pseudo) terminal."""

from __future__ import annotations

import signal
import threading

from harness import Response, Serve, ServerProcess, python

APP = """
from flask import Flask

app = Flask(__name__)


@app.route("/")
def index():
    return "{greeting}"


@app.route("/break")
def stop():
    secret = 6 * 7
    breakpoint()
    return f"after {{secret}}"


@app.route("/ask")
def ask():
    return input("Name? ")
"""


def running(serve: Serve, source: str = APP) -> ServerProcess:
    server = serve(
        "--app", "hello", "run", "--debug", files={"hello.py": source.format(greeting="one")}, terminal=True
    )
    assert server.get("/").text == "one"
    return server


class Asking:
    """A request whose answer is awaited in a thread."""

    def __init__(self, server: ServerProcess, path: str) -> None:
        self._server = server
        self._path = path
        self._answers: list[Response] = []
        self._thread = threading.Thread(target=self._ask)
        self._thread.start()

    def _ask(self) -> None:
        self._answers.append(self._server.get(self._path, timeout=60))

    def answer(self) -> Response:
        self._thread.join(30)
        assert self._answers, "no answer"
        return self._answers[0]


def test_keys(serve: Serve) -> None:
    server = running(serve)
    server.send("h\n")
    server.expect("reload")
    server.send("r\n")
    server.expect("Reloaded")
    assert server.get("/").text == "one"
    server.send("nonsense\n")
    server.send("q\n")
    assert server.wait_for_exit() == 0


def test_breakpoint_in_a_view(serve: Serve) -> None:
    server = running(serve)
    asking = Asking(server, "/break")
    server.expect(r"\(Pdb\) ")
    server.send("p secret * 100\n")
    server.expect("4200")
    server.expect(r"\(Pdb\) ")
    server.send("r reload?\n")  # a key of the supervisor, but the line is the debugger's
    server.expect(r"\(Pdb\) ")
    server.send("c\n")
    assert asking.answer().text.startswith("after 42")
    server.send("r\n")
    server.expect("Reloaded")


def test_reload_waits_for_the_breakpoint_and_says_so(serve: Serve) -> None:
    server = running(serve)
    asking = Asking(server, "/break")
    server.expect(r"\(Pdb\) ")
    server.write("hello.py", APP.format(greeting="two"))
    server.expect("waits")
    server.send("p secret\n")
    server.expect("42")
    server.expect(r"\(Pdb\) ")
    server.send("c\n")
    assert asking.answer().text == "after 42"
    server.wait_until_response(lambda response: response.text == "two")


def test_input_in_a_view(serve: Serve) -> None:
    server = running(serve)
    asking = Asking(server, "/ask")
    server.expect(r"Name\? ")
    server.send("quinn\n")
    assert asking.answer().text == "quinn"


def test_breakpoint_at_import(serve: Serve) -> None:
    server = serve(
        "--app",
        "hello",
        "run",
        "--debug",
        files={"hello.py": "x = 5\nbreakpoint()\n" + APP.format(greeting="one")},
        terminal=True,
    )
    server.expect(r"\(Pdb\) ")
    server.send("p x + 1000\n")
    server.expect("1005")
    server.send("c\n")
    assert server.get("/").text == "one"


def test_breakpoint_in_an_async_view(serve: Serve) -> None:
    source = APP.replace("from flask import Flask", "from quart import Quart as Flask").replace(
        "def stop", "async def stop"
    )
    server = running(serve, source)
    asking = Asking(server, "/break")
    server.expect(r"\(Pdb\) ")
    server.write("hello.py", source.format(greeting="two"))
    server.expect("waits")
    server.send("c\n")
    assert asking.answer().text == "after 42"
    server.wait_until_response(lambda response: response.text == "two")


def test_settings_of_the_terminal_are_restored(serve: Serve) -> None:
    for end in ("ctrl-c", "terminate", "in pdb", "worker killed in pdb", "quit"):
        server = serve(
            "--app", "hello", "run", "--debug", files={"hello.py": APP.format(greeting="one")}, terminal=True
        )
        before = server.terminal_settings()
        assert server.get("/").text == "one"
        if "pdb" in end:
            with server.connect() as client:
                client.sendall(b"GET /break HTTP/1.1\r\nHost: localhost\r\n\r\n")
                server.expect(r"\(Pdb\) ")
                if end.startswith("worker"):
                    for child in server.children():
                        child.send_signal(signal.SIGKILL)
                    assert server.get("/").text == "one"
                    assert server.terminal_settings() == before
                server.terminate()
        elif end == "ctrl-c":
            server.send("\x03")
        elif end == "quit":
            server.send("q\n")
        else:
            server.terminate()
        assert server.wait_for_exit() == 0
        assert server.terminal_settings() == before, end
        assert "Traceback" not in server.output


def test_started_with_ampersand_the_job_is_not_stopped(serve: Serve) -> None:
    files = {"hello.py": APP.format(greeting="one")}
    shell = serve(command=["bash", "--norc", "-i"], files=files, terminal=True)
    shell.send(
        " ".join(python("-m", "pilotlight", "--app", "hello", "run", "--debug", "--port", "0")) + " &\n"
    )
    assert shell.get("/").text == "one"
    shell.send("echo typed-$((40+2))\n")
    shell.expect("typed-42")
    shell.write("hello.py", APP.format(greeting="two"))
    shell.wait_until_response(lambda response: response.text == "two")
    shell.send("jobs\n")
    shell.expect("Running")
    shell.send("fg\n")
    shell.expect("pilotlight")
    shell.send("r\n")
    shell.expect("Reloaded")
    shell.send("\x1a")
    shell.expect("Stopped")
    shell.send("bg\n")
    assert shell.get("/").text == "two"
    shell.send("kill %1; wait; exit\n")
    shell.wait_for_exit()

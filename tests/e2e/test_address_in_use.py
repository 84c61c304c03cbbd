"""A port that is taken: who has it, and the ways out; asked for on a terminal, told everywhere else."""

from __future__ import annotations

import getpass
import re
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest
from harness import Serve, ServerProcess, pilotlight, python, script

from ports import free_port, is_free

APP = """
from flask import Flask

app = Flask(__name__)


@app.route("/")
def index():
    return "one"


if __name__ == "__main__":
    {call}
"""
FILES = {"hello.py": APP.format(call="app.run(debug=True, port=0)")}


@contextmanager
def taken_port(host: str = "127.0.0.1") -> Iterator[int]:
    """A port on which this test's own process listens."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as sock:
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.bind((host, free_port()))
        sock.listen()
        yield int(sock.getsockname()[1])


def refusal(server: ServerProcess) -> str:
    """What a command says that could not start; it asks nothing and shows nothing of itself."""
    assert server.wait_for_exit() == 1
    assert "Traceback" not in server.output
    assert "Your choice" not in server.output
    assert server.children() == []
    return server.output


def on_port(port: int) -> list[str]:
    return pilotlight("--app", "hello", "run", "--debug", "--port", str(port))


def offered_port(text: str) -> int:
    match = re.search(r"(?:--port (?=.*, which is free)|port=(?=.*; it is free))(\d+)", text)
    assert match is not None, text
    assert is_free(int(match[1]))
    return int(match[1])


def test_an_earlier_pilotlight_is_recognised(serve: Serve, tmp_path: Path) -> None:
    first = serve(command=on_port(free_port()), files=FILES)
    assert first.get("/").text == "one"
    text = refusal(serve(command=on_port(first.port)))
    assert f"Port {first.port} is already in use" in text
    assert f"an earlier Pilotlight of this directory (pid {first.pid})" in text  # never its worker
    assert "-m pilotlight --app hello run --debug" in text
    assert str(tmp_path) in text
    assert getpass.getuser() in text
    assert re.search(r"since +\d{4}-\d\d-\d\d \d\d:\d\d:\d\d \(\d+ seconds? ago\)", text)
    assert f"kill {first.pid}" in text
    offered_port(text)
    assert first.get("/").text == "one"


def test_a_script_is_recognised_as_an_earlier_pilotlight(serve: Serve) -> None:
    """Whose process title has nothing of a `pilotlight` command."""
    call = f"app.run(debug=True, port={free_port()})"
    files = {"hello.py": APP.format(call=call)}
    first = serve(command=python("-m", "pilotlight", "hello.py", "word"), files=files)
    assert first.get("/").text == "one"
    text = refusal(serve(command=on_port(first.port)))
    assert f"an earlier Pilotlight of this directory (pid {first.pid})" in text
    assert re.search(r"command +\S*python\S* .*hello\.py word$", text, re.MULTILINE)
    assert "resume.py" not in text


def test_flask_run_is_recognised_as_an_earlier_pilotlight(serve: Serve) -> None:
    port = str(free_port())
    first = serve(command=script("flask", "--app", "hello", "run", "--debug", "--port", port), files=FILES)
    assert first.get("/").text == "one"
    text = refusal(serve(command=on_port(first.port)))
    assert f"an earlier Pilotlight of this directory (pid {first.pid})" in text
    assert "flask --app hello run --debug" in text


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "0.0.0.0", "::"])
def test_another_program(serve: Serve, tmp_path: Path, host: str) -> None:
    port = free_port()
    other = serve(command=python("-u", "-m", "http.server", str(port), "--bind", host))
    other.wait_for_output(rf"port {port}")
    text = refusal(serve(command=on_port(port), files=FILES))
    assert f"Port {port} is already in use: " in text
    assert f"(pid {other.pid})" in text
    assert "Pilotlight of" not in text
    assert f"-u -m http.server {port} --bind {host}" in text
    shown = {
        "0.0.0.0": "every address (0.0.0.0)",
        "::": "every address (::)",
        "::1": "IPv6 side of `localhost`",
    }
    assert shown.get(host, host) in text
    assert offered_port(text) != port


@pytest.mark.parametrize("way", ["flask run", "pilotlight.run()", "app.run()", "without reload"])
def test_every_way_to_start_says_the_same(serve: Serve, way: str) -> None:
    with taken_port() as port:
        calls = {
            "pilotlight.run()": f"import pilotlight; pilotlight.run(app, debug=True, port={port})",
            "app.run()": f"app.run(debug=True, port={port})",
        }
        commands = {
            "flask run": script("flask", "--app", "hello", "run", "--debug", "--port", str(port)),
            "pilotlight.run()": python("hello.py"),
            "app.run()": python("-m", "pilotlight", "hello.py"),
            "without reload": pilotlight("--app", "hello", "run", "--port", str(port)),
        }
        text = refusal(
            serve(command=commands[way], files={"hello.py": APP.format(call=calls.get(way, "pass"))})
        )
    assert re.search(
        rf"^Error: Port {port} is already in use: \S+ \(pid \d+\) listens on 127\.0\.0\.1\.$",
        text,
        re.MULTILINE,
    )
    offered_port(text)
    assert ("--port" in text) == (way in ("flask run", "without reload"))


def test_a_client_is_never_blamed(serve: Serve) -> None:
    """A browser that is connected to the port has a socket of the same number, but does not hold it."""
    first = serve("--app", "hello", "run", files=FILES)
    with first.connect():
        text = refusal(serve(command=on_port(first.port)))
    assert f"(pid {first.pid})" in text
    assert f"pid {psutil.Process().pid}" not in text


def test_an_address_of_another_machine(serve: Serve) -> None:
    server = serve("--app", "hello", "run", "--host", "192.0.2.1", files=FILES)
    text = refusal(server)
    assert "192.0.2.1" in text
    assert "does not belong to this machine" in text


def test_a_socket_file_in_use(serve: Serve, tmp_path: Path) -> None:
    first = serve("--app", "hello", "run", "--debug", "--uds", "a.sock", files=FILES)
    first.wait_for_output(r"unix:.*a\.sock")
    text = refusal(serve("--app", "hello", "run", "--uds", "a.sock"))
    assert "Another server listens on the socket" in text
    assert (tmp_path / "a.sock").is_socket()
    first.terminate()
    assert first.wait_for_exit() == 0
    assert not (tmp_path / "a.sock").exists()


def asked(serve: Serve, command: Sequence[str]) -> ServerProcess:
    server = serve(command=command, files=FILES, terminal=True)
    server.expect("is already in use")
    server.expect("Your choice: ")
    return server


@pytest.mark.parametrize("way", ["supervised", "alone", "script"])
def test_on_a_terminal_use_the_other_port(serve: Serve, way: str) -> None:
    with taken_port() as port:
        commands = {
            "supervised": on_port(port),
            "alone": pilotlight("--app", "hello", "run", "--port", str(port)),
            "script": python("-m", "pilotlight", "hello.py"),
        }
        files = {"hello.py": APP.format(call=f"app.run(debug=True, port={port})")}
        server = serve(command=commands[way], files=files, terminal=True)
        offered = server.expect(r"u  use port (\d+)")[1]
        server.expect("Your choice: ")
        server.send("nonsense\n")
        server.expect("Please answer")
        server.expect("Your choice: ")
        server.send("u\n")
        server.expect(rf"http://127\.0\.0\.1:{offered}")
        assert server.port == int(offered)
        assert server.get("/").text == "one"


def test_on_a_terminal_stop_the_holder(serve: Serve) -> None:
    first = serve(command=on_port(free_port()), files=FILES)
    port = first.port
    server = asked(serve, on_port(port))
    server.send("s\n")
    server.expect(rf"Stop pid {first.pid} \(y/N\)\? ")
    server.send("\n")  # no
    server.expect("Your choice: ")
    assert first.running
    server.send("s\n")
    server.expect(r"\(y/N\)\? ")
    server.send("y\n")
    server.expect(rf"http://127\.0\.0\.1:{port}")
    assert first.wait_for_exit() == 0
    assert server.get("/").text == "one"


@pytest.mark.parametrize("answer", ["q\n", "\n", "\x04", "\x03"], ids=["q", "Enter", "Ctrl-D", "Ctrl-C"])
def test_on_a_terminal_quit(serve: Serve, answer: str) -> None:
    with taken_port() as port:
        server = asked(serve, on_port(port))
        before = server.terminal_settings()
        server.send(answer)
        assert server.wait_for_exit() in (1, 130)
        assert server.terminal_settings() == before
    assert "Traceback" not in server.output
    assert "Nothing was started" in server.output


def test_a_job_in_the_background_asks_nothing(serve: Serve) -> None:
    with taken_port() as port:
        shell = serve(command=["bash", "--norc", "-i"], files=FILES, terminal=True)
        shell.send(" ".join(on_port(port)) + " & wait $!; echo status-$?\n")
        shell.expect("is already in use")
        shell.expect("status-1")
        assert "Your choice" not in shell.output
        shell.send("exit\n")
        shell.wait_for_exit()


def test_nobody_is_left_behind_when_the_port_is_taken(serve: Serve) -> None:
    with taken_port("::1") as port:
        server = serve(command=on_port(port), files=FILES)
        refusal(server)
        assert server.wait_for_descendants() == []

"""HTTPS with the real command: certificates from everywhere, reloads, and clients that speak plain HTTP."""

from __future__ import annotations

import http.client
import socket
import ssl
import threading
import time
from pathlib import Path

import pytest
import trustme
from harness import Serve, ServerProcess, python

APP = """
import ssl, sys
from flask import Flask

app = Flask(__name__)
text = "one"


@app.route("/")
def index():
    return text


def context():
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.load_cert_chain("own.pem")
    return made


{tail}
"""
NOTICE = "self-signed certificate"


def source(call: str = "") -> dict[str, str]:
    tail = (
        f'if __name__ == "__main__":\n    import pilotlight\n\n    {call}\n' if call else "made = context()\n"
    )
    return {"hello.py": APP.format(tail=tail)}


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def trust(authority: trustme.CA, tmp_path: Path) -> ssl.SSLContext:
    """For a client that trusts only the certificate in own.pem (with its key), cert.pem and key.pem."""
    made = authority.issue_cert("127.0.0.1", "localhost")
    made.private_key_and_cert_chain_pem.write_to_path(tmp_path / "own.pem")
    made.private_key_pem.write_to_path(tmp_path / "key.pem")
    made.cert_chain_pems[0].write_to_path(tmp_path / "cert.pem")
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return context


def unchecked() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def adhoc_file(home: Path) -> Path:
    return home / ".cache" / "pilotlight" / "adhoc.pem"


def certificate(server: ServerProcess, host: str = "127.0.0.1") -> str:
    return ssl.get_server_certificate((host, server.port), timeout=20)


def edited(server: ServerProcess, context: ssl.SSLContext) -> None:
    """Changes the text, and waits for it."""
    path = server.cwd / "hello.py"
    server.write("hello.py", path.read_text().replace('text = "one"', 'text = "two"'))
    server.wait_for_output("Reloaded")
    assert server.get("/", context=context).text == "two"


def test_adhoc_stays_the_same(serve: Serve, home: Path) -> None:
    first = serve(
        "--app", "hello", "run", "--debug", "--cert", "adhoc", files={"hello.py": APP.format(tail="")}
    )
    assert first.url.startswith("https://")
    before = certificate(first)
    trust = ssl.create_default_context(cafile=str(adhoc_file(home)))
    assert first.get("/", context=trust).text == "one"
    edited(first, trust)
    for host in ("127.0.0.1", "::1", "localhost"):
        with (
            socket.create_connection((host, first.port), 20) as plain,
            trust.wrap_socket(plain, server_hostname=host) as secured,
        ):
            assert secured.version() == "TLSv1.3"
    assert certificate(first) == before
    first.wait_for_output("Reloaded")
    assert first.output.count(NOTICE) == 1
    assert str(adhoc_file(home)) in first.output
    assert adhoc_file(home).stat().st_mode & 0o077 == 0
    first.terminate()
    first.wait_for_exit()
    again = serve("--app", "hello", "run", "--cert", "adhoc")
    assert certificate(again) == before
    assert again.output.count(NOTICE) == 1


CALLS = {
    "pilotlight.run, files": "pilotlight.run(app, port=0, cert='cert.pem', key='key.pem'{debug})",
    "pilotlight.run, context": "pilotlight.run(app, port=0, cert=context(){debug})",
    "Flask.run, files": "app.run(port=0, ssl_context=('cert.pem', 'key.pem'){debug})",
    "Flask.run, context": "app.run(port=0, ssl_context=context(){debug})",
}


@pytest.mark.parametrize("call", CALLS)
def test_from_code(serve: Serve, trust: ssl.SSLContext, call: str) -> None:
    words = ["-m", "pilotlight", "hello.py"] if call.startswith("Flask") else ["hello.py"]
    server = serve(command=python(*words), files=source(CALLS[call].format(debug=", debug=True")))
    assert server.url.startswith("https://")
    assert server.get("/", context=trust).text == "one"
    edited(server, trust)


@pytest.mark.parametrize("call", ["pilotlight.run, context", "Flask.run, context", "Flask.run, files"])
def test_from_code_without_reload(serve: Serve, trust: ssl.SSLContext, call: str) -> None:
    words = ["-m", "pilotlight", "hello.py"] if call.startswith("Flask") else ["hello.py"]
    server = serve(command=python(*words), files=source(CALLS[call].format(debug="")))
    assert server.get("/", context=trust).text == "one"
    assert server.children() == []


def test_flask_run_adhoc_from_code(serve: Serve, home: Path) -> None:
    server = serve(
        command=python("-m", "pilotlight", "hello.py"),
        files=source("app.run(port=0, ssl_context='adhoc', debug=True)"),
    )
    assert server.get("/", context=unchecked()).text == "one"
    assert certificate(server) in adhoc_file(home).read_text()


@pytest.mark.parametrize(
    "options",
    [
        ("--cert", "cert.pem", "--key", "key.pem", "--debug"),
        ("--cert", "own.pem"),
        ("--cert", "hello:made", "--debug"),
        ("--cert", "hello.made"),
    ],
    ids=" ".join,
)
def test_from_the_command_line(serve: Serve, trust: ssl.SSLContext, options: tuple[str, ...]) -> None:
    command = [str(Path(python()[0]).parent / "pilotlight"), "run", "hello", "--port", "0", *options]
    server = serve(
        command=command, files=source()
    )  # the installed command: no directory of ours is importable
    assert server.get("/", context=trust).text == "one"


@pytest.mark.parametrize("kind", ["context of a script", "context by name"])
def test_a_failed_reload_is_shown_although_its_context_is_lost(
    serve: Serve, trust: ssl.SSLContext, kind: str
) -> None:
    """The broken file is what would have made the context."""
    if kind == "context by name":
        server = serve("--app", "hello", "run", "--debug", "--cert", "hello:made", files=source())
    else:
        server = serve(
            command=python("hello.py"),
            files=source(CALLS["pilotlight.run, context"].format(debug=", debug=True")),
        )
    assert server.get("/", context=trust).text == "one"
    good = (server.cwd / "hello.py").read_text()
    server.write("hello.py", "def broken(:\n")
    server.wait_for_output("Waiting for the fix")
    answer = server.get("/", context=unchecked())
    assert answer.status == 500
    assert "SyntaxError" in answer.text
    server.wait_for_output("certificate is replaced by")
    server.write("hello.py", good)
    server.wait_for_output("Reloaded")
    assert server.get("/", context=trust).text == "one"


def test_plain_http_on_the_tls_port(serve: Serve, trust: ssl.SSLContext) -> None:
    server = serve("--app", "hello", "run", "--debug", "--cert", "own.pem", files=source())
    for _ in range(2):
        answer = server.raw(f"GET / HTTP/1.1\r\nHost: localhost:{server.port}\r\n\r\n".encode())
        assert answer.startswith(b"HTTP/1.1 400 ")
        assert f"https://localhost:{server.port}/".encode() in answer
    server.wait_for_output("spoke plain HTTP on the HTTPS port")
    assert server.get("/", context=trust).text == "one"
    assert server.output.count("spoke plain HTTP") == 1


def test_tls_hello_on_the_plain_port(serve: Serve) -> None:
    server = serve("--app", "hello", "run", "--debug", files={"hello.py": APP.format(tail="")})
    with server.connect() as plain, pytest.raises((ssl.SSLError, ConnectionError)):
        unchecked().wrap_socket(plain, server_hostname="localhost")
    assert server.get("/").text == "one"
    server.wait_for_output(r"(?i)TLS|HTTPS")


def test_a_silent_connection_blocks_nobody(serve: Serve, trust: ssl.SSLContext) -> None:
    server = serve("--app", "hello", "run", "--debug", "--cert", "own.pem", files=source())
    with server.connect(), server.connect() as begun:
        begun.sendall(b"\x16\x03\x01\x02\x00\x01")  # a hello that never goes on
        assert server.get("/", context=trust).text == "one"
        edited(server, trust)
        server.terminate()
        assert server.wait_for_exit() == 0


def test_keep_alive_over_a_reload_is_closed_cleanly(serve: Serve, trust: ssl.SSLContext) -> None:
    server = serve("--app", "hello", "run", "--debug", "--cert", "own.pem", files=source())
    connection = http.client.HTTPSConnection("127.0.0.1", server.port, timeout=20, context=trust)
    connection.request("GET", "/")
    assert connection.getresponse().read() == b"one"
    edited(server, trust)
    sock = connection.sock
    assert isinstance(sock, ssl.SSLSocket)
    with sock:
        assert sock.read() == b""  # close_notify; an end without it would be an ssl.SSLEOFError


def test_a_wrong_certificate_is_one_sentence(serve: Serve, trust: ssl.SSLContext) -> None:
    for options in (
        ("--cert", "missing.pem"),
        ("--cert", "cert.pem", "--key", "hello.py"),
        ("--key", "key.pem"),
    ):
        for reload in ("--reload", "--no-reload"):
            server = serve("--app", "hello", "run", reload, *options, files=source())
            assert server.wait_for_exit() == 2
            assert server.output.startswith("Error: --")
            assert server.output.count("\n") == 1


def test_no_connection_is_broken_by_a_reload(serve: Serve, trust: ssl.SSLContext) -> None:
    server = serve("--app", "hello", "run", "--debug", "--cert", "own.pem", files=source())
    assert server.get("/", context=trust).text == "one"
    stop = threading.Event()
    answers: list[str] = []
    failures: list[str] = []

    def ask() -> None:
        try:
            answers.append(server.get("/", context=trust).text)
        except (OSError, http.client.HTTPException) as error:
            failures.append(repr(error))

    def hammer() -> None:
        while not stop.is_set():
            ask()

    clients = [threading.Thread(target=hammer) for _ in range(2)]
    for client in clients:
        client.start()
    try:
        for number in range(8):
            server.write("hello.py", source()["hello.py"].replace('"one"', f'"{number}"'))
            deadline = time.monotonic() + 20
            while answers[-1:] != [str(number)] and not failures:
                assert time.monotonic() < deadline
                time.sleep(0.01)
    finally:
        stop.set()
        for client in clients:
            client.join(30)
    assert failures == []

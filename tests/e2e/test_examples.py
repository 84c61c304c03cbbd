"""Every example in `examples/` runs with the command that its README names."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from harness import Serve, python
from websockets.sync.client import connect

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


@pytest.fixture
def example(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    """A copy of an example, so that nothing is written to the project."""
    name: str = request.param
    ignored = shutil.ignore_patterns("__pycache__")
    return Path(shutil.copytree(EXAMPLES / name, tmp_path / name, ignore=ignored))


@pytest.mark.parametrize("example", ["hello"], indirect=True)
def test_hello(serve: Serve, example: Path) -> None:
    server = serve("--app", "hello", "run", "--debug", cwd=example)
    assert server.get("/").text.startswith("Hello!")
    assert server.get("/greet/Ada").json() == {"greeting": "Hello, Ada!"}
    failure = server.get("/broken", headers={"Accept": "text/plain"})
    assert failure.status == 500
    assert "KeyError" in failure.text
    text = (example / "hello.py").read_text()
    server.write("hello.py", text.replace("Hello!", "Good evening!"))
    server.wait_until_response(lambda response: response.text.startswith("Good evening!"))


@pytest.mark.parametrize("example", ["hello"], indirect=True)
def test_hello_as_a_script(serve: Serve, example: Path) -> None:
    text = (example / "hello.py").read_text()
    (example / "hello.py").write_text(text.replace("debug=True", "debug=True, port=0"))
    server = serve(command=python("hello.py"), cwd=example)
    assert server.get("/").text.startswith("Hello!")


@pytest.mark.parametrize("example", ["factory"], indirect=True)
def test_factory(serve: Serve, example: Path) -> None:
    call = 'shop:create_app("Another shop", currency="SEK")'
    server = serve("--app", call, "run", "--debug", cwd=example)
    page = server.get("/").text
    assert "<h1>Another shop</h1>" in page
    assert "24.00 SEK" in page
    assert server.get("/articles/lamp").json() == {"name": "Oil lamp", "price": 24.0, "currency": "SEK"}
    assert server.get("/articles/none").status == 404
    assert server.get("/static/shop.css").headers["Content-Type"].startswith("text/css")
    server.write("shop/goods.py", (example / "shop/goods.py").read_text().replace("24.0", "25.0"))
    server.wait_until_response(lambda response: "25.00 SEK" in response.text)


@pytest.mark.parametrize("example", ["django"], indirect=True)
def test_django(serve: Serve, example: Path) -> None:
    server = serve("run", "--debug", cwd=example)
    assert "<h1>Polls</h1>" in server.get("/").text
    assert server.get("/static/polls/polls.css").headers["Content-Type"].startswith("text/css")
    assert server.get("/tea/vote/").json() == {"tea": 1}
    assert server.get("/tea/vote/").json() == {"tea": 2}
    text = (example / "polls/views.py").read_text()
    server.write("polls/views.py", text.replace("VOTES[poll] += 1", "VOTES[poll] += 100"))
    server.wait_until_response(lambda response: response.json()["tea"] >= 100, "/tea/vote/")


@pytest.mark.parametrize("example", ["fastapi"], indirect=True)
def test_fastapi(serve: Serve, example: Path) -> None:
    server = serve("--app", "main", "run", "--debug", cwd=example)
    assert server.get("/").json()["seconds_up"] >= 0
    with connect(f"{server.url.replace('http', 'ws', 1)}/echo") as socket:
        socket.send("ping")
        assert socket.recv(timeout=10) == "ping"
    with server.connect() as stream:
        stream.sendall(b"GET /events?seconds=0.01 HTTP/1.1\r\nHost: localhost\r\n\r\n")
        received = b""
        while b"data: tick 3\n" not in received:
            chunk = stream.recv(65536)
            assert chunk, received
            received += chunk
        server.write("main.py", (example / "main.py").read_text().replace("seconds_up", "seconds"))
        server.wait_until_response(lambda response: "seconds" in response.json())

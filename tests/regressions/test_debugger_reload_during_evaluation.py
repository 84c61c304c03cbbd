"""What a console evaluates when its process ends: whoever waits for it learns why it stopped."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from debug_client import DebugClient
from harness import Serve

APP = """
def app(environ, start_response):
    if environ["PATH_INFO"] == "/fail":
        raise ValueError("seen")
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"old"]
"""
CODE = "import os\nos.write(2, b'it runs')\nwhile True: pass\n"


def test_a_reload_says_that_it_has_ended_it(serve: Serve) -> None:
    server = serve("--app", "hello", "run", "--debug", files={"hello.py": APP})
    client = DebugClient.of(server)
    report = str(server.get("/fail").headers["X-Error-Id"])
    frame = client.frame(report, "app")
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(client.evaluate, CODE, report, frame)
        server.wait_for_output("it runs")
        server.write("hello.py", APP.replace("old", "new"))
        server.wait_until_response(lambda response: response.text == "new")
        events = running.result(20)
    assert events[-1]["type"] == "done"
    assert any("reload" in event["text"] for event in events if event["type"] == "note")


def test_ctrl_c_does_not_wait_for_it(serve: Serve) -> None:
    server = serve("--app", "hello", "run", "--debug", files={"hello.py": APP})
    client = DebugClient.of(server)
    report = str(server.get("/fail").headers["X-Error-Id"])
    frame = client.frame(report, "app")
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(client.evaluate, CODE, report, frame)
        server.wait_for_output("it runs")
        server.interrupt()
        assert server.wait_for_exit() == 0
        assert running.exception(20) is not None or running.result()[-1]["type"] == "done"

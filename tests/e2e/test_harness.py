"""The harness itself, on programs of the standard library: a test tool that cannot fail proves nothing."""

from __future__ import annotations

import signal
import sys
import time
from pathlib import Path

import psutil
import pytest
from harness import ServerProcess, pilotlight, python, script

SERVER = """
import http.server, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = open("body.txt", "rb").read()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
print(f"on http://127.0.0.1:{server.server_port}", file=sys.stderr, flush=True)
server.serve_forever()
"""


def test_free_port_is_added_where_none_is_chosen() -> None:
    assert pilotlight("--app", "x", "run")[-2:] == ["--port", "0"]
    assert pilotlight("run", "-p", "80")[-2:] == ["-p", "80"]
    assert pilotlight("run", "--port=80")[-1] == "--port=80"
    assert pilotlight("--version")[-1] == "--version"
    assert script("flask", "run")[0] == str(Path(sys.executable).parent / "flask")


def test_get_raw_and_edits(tmp_path: Path) -> None:
    (tmp_path / "body.txt").write_text("one")
    with ServerProcess(python("-c", SERVER), cwd=tmp_path) as server:
        assert server.get("/").text == "one"
        server.write("body.txt", "two")
        assert server.wait_until_response(lambda response: response.text == "two").status == 200
        server.write("body.txt", "three", atomic=False)
        assert server.raw(b"GET / HTTP/1.0\r\n\r\n").endswith(b"three")
        assert server.port > 0
        assert server.stdout == ""
        with pytest.raises(AssertionError, match="no response was as expected"):
            server.wait_until_response(lambda response: response.text == "four", timeout=0.1)


def test_output_is_waited_for_with_a_limit(tmp_path: Path) -> None:
    with ServerProcess(
        python("-u", "-c", "print('a'); print('b'); input()"), cwd=tmp_path, terminal=True
    ) as process:
        assert process.expect("a").group() == "a"
        assert process.expect("b").group() == "b"
        with pytest.raises(AssertionError, match="no output matched"):
            process.expect("a", 0.1)
        process.send("x\n")
        assert process.wait_for_exit() == 0
        with pytest.raises(AssertionError, match="the command ended"):
            process.expect("never")


def test_ctrl_c_reaches_the_process_on_the_terminal(tmp_path: Path) -> None:
    with ServerProcess(
        python("-c", "print('go', flush=True); input()"), cwd=tmp_path, terminal=True
    ) as process:
        process.expect("go")
        settings = process.terminal_settings()
        process.send("\x03")
        assert process.wait_for_exit() in (1, 130, -signal.SIGINT)
        process.expect("KeyboardInterrupt")
        assert process.terminal_settings() == settings


SPAWN = """
import subprocess, sys
sleep = [sys.executable, "-c", "import time; time.sleep(60)"]
child = subprocess.Popen(sleep, start_new_session={new_session})
print("pid", child.pid, flush=True)
"""


@pytest.mark.parametrize("new_session", [False, True])
def test_processes_left_behind_are_named_and_ended(
    tmp_path: Path, new_session: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("harness.SURVIVOR_TIMEOUT", 0.2)
    server = ServerProcess(python("-c", SPAWN.format(new_session=new_session)), cwd=tmp_path)
    with pytest.raises(AssertionError, match="left behind"), server:  # noqa: PT012
        orphan = int(server.wait_for_output(r"pid (\d+)").group(1))
        assert server.wait_for_exit() == 0
        assert [child.pid for child in server.children()] == [orphan]
    assert not psutil.pid_exists(orphan) or psutil.Process(orphan).status() == psutil.STATUS_ZOMBIE


def test_a_failing_test_is_not_hidden_and_shows_the_output(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    server = ServerProcess(
        python("-c", "print('last words', flush=True); input()"), cwd=tmp_path, terminal=True
    )
    with pytest.raises(ZeroDivisionError), server:  # noqa: PT012
        server.expect("last words")
        raise ZeroDivisionError
    assert "last words" in capfd.readouterr().err


def test_deaf_process_is_killed_and_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.STOP_TIMEOUT", 0.5)
    deaf = (
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); "
        "print('deaf', flush=True); time.sleep(60)"
    )
    started = time.monotonic()
    server = ServerProcess(python("-c", deaf), cwd=tmp_path)
    with pytest.raises(AssertionError, match="did not end within"), server:
        server.wait_for_output("deaf")
    assert not server.running
    assert time.monotonic() - started < 10

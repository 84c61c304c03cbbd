"""The benchmark itself, as short as it goes: the real command, one server, one figure each."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from load import own_client
from run import main


def bench(output: Path, *arguments: str) -> tuple[str, dict[str, object]]:
    script = Path(__file__).resolve().parents[2] / "benchmarks" / "run.py"
    command = [sys.executable, str(script), "--quick", "--output", str(output), *arguments]
    answer = subprocess.run(command, capture_output=True, text=True, timeout=100, stdin=subprocess.DEVNULL)
    assert answer.returncode == 0, answer.stdout + answer.stderr
    (file,) = output.glob("*.json")
    return answer.stdout, json.loads(file.read_text())["rows"]


def test_cold_start(tmp_path: Path) -> None:
    text, rows = bench(tmp_path, "--only", "coldstart", "--app", "flask", "--server", "flask run (Werkzeug)")
    assert "cold start ms" in text
    (row,) = rows
    assert row["import_seconds"][0] > 0
    assert row["cold_start_seconds"][0] > 0


def test_edit_of_our_own(tmp_path: Path) -> None:
    text, rows = bench(
        tmp_path, "--only", "edit", "--app", "asgi", "--server", "pilotlight --debug", "--edits", "1"
    )
    (row,) = rows
    assert row["edits_with_failures"] == 0
    assert "edit ms" in text


def test_server_that_does_not_start_is_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules["contenders"].APPS, "flask", "no_such_module")
    arguments = ["--quick", "--only", "memory", "--app", "flask", "--server", "flask run (W"]
    assert main([*arguments, "--output", str(tmp_path)]) == 1
    assert "the server ended with status" in capsys.readouterr().out


class Answer(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        status = 200 if self.path == "/good?x=1" else 503
        self.send_response(status)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, *arguments: object) -> None: ...


@pytest.fixture
def url() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_own_client_counts_answers_and_errors(url: str) -> None:
    good = own_client(f"{url}/good?x=1", 4, 0.3)
    assert good.requests > 10
    assert good.errors == 0
    bad = own_client(f"{url}/bad", 2, 0.1)
    assert bad.errors == bad.requests > 0

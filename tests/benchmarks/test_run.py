"""The benchmark itself, as short as it goes: the real command, one server, one figure each."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from contenders import APPS
from load import own_client
from run import main

pytestmark = pytest.mark.thorough


def bench(output: Path, *arguments: str) -> tuple[str, dict[str, object]]:
    script = Path(__file__).resolve().parents[2] / "benchmarks" / "run.py"
    command = [sys.executable, str(script), "--quick", "--output", str(output), *arguments]
    answer = subprocess.run(command, capture_output=True, text=True, timeout=100, stdin=subprocess.DEVNULL)
    assert answer.returncode == 0, answer.stdout + answer.stderr
    (file,) = output.glob("*.json")
    found = json.loads(file.read_text())
    assert {"revision", "python", "system", "processor", "cores", "load_before", "load_after"} < found.keys()
    assert found["packages"]["pilotlight"]
    (row,) = found["rows"]
    return answer.stdout, row


OURS = ("--server", "pilotlight --debug")


def test_cold_start(tmp_path: Path) -> None:
    text, row = bench(
        tmp_path, "--measure", "coldstart", "--app", "flask", "--server", "flask run (Werkzeug)"
    )
    assert "cold start ms" in text
    assert row["import_seconds"][0] > 0
    assert row["cold_start_seconds"][0] > 0


def test_edits_of_our_own_by_rename_and_by_write(tmp_path: Path) -> None:
    text, row = bench(tmp_path, "--measure", "edit", "--app", "asgi", *OURS, "--edits", "2")
    assert len(row["edits"]) == 2
    for edit in row["edits"]:
        assert edit["seconds"] > 0
        assert edit["refused"] == edit["errors"] == 0
    assert "edit ms" in text


def test_an_edit_of_the_django_project(tmp_path: Path) -> None:
    text, row = bench(tmp_path, "--measure", "edit", "--app", "django", *OURS, "--edits", "1")
    assert row["edits"][0]["seconds"] > 0
    assert "Django project, a view edited" in text


def test_stale_and_load(tmp_path: Path) -> None:
    measures = ("--measure", "stale", "--measure", "load", "--measure", "idle", "--measure", "crash")
    text, row = bench(tmp_path, *measures, "--app", "flask", *OURS)
    assert row["staleness"][0]["requests"] == 6
    assert row["staleness"][0]["saves"] == 3
    assert row["staleness"][0]["unseen"] == 0
    (storm,) = row["storms"]
    assert storm["clients"] == 4
    assert storm["reloads"] >= 2
    assert storm["requests"] > 4
    assert storm["saves"] >= storm["reloads"]
    assert row["idle"][0]["seconds"] >= 1
    assert row["idle"][0]["cpu_seconds"] >= 0
    assert row["crashes"][0]["seconds"] > 0
    assert "failed requests under load (flask)" in text


def test_the_debugger(tmp_path: Path) -> None:
    text, row = bench(tmp_path, "--measure", "debugger", *OURS)
    deep, recursion = row["pages"]
    assert len(deep["warm"]) == len(recursion["warm"]) == 10
    assert min(deep["first"], deep["edited"], *deep["warm"]) > 0
    assert deep["size"] > 10_000
    assert len(row["extras"]) == 3
    assert len(row["extras"][0]["cpu_microseconds"]) == 4
    assert "CPU of a request without error" in text


def test_one_more_way_to_run_pilotlight(tmp_path: Path) -> None:
    also = ("--also=--quiet --with-threads", "--server=--quiet")
    _, row = bench(tmp_path, "--measure", "coldstart", "--app", "asgi", *also)
    assert row["contender"] == "pilotlight --debug --quiet --with-threads"
    assert row["cold_start_seconds"][0] > 0


def test_memory_before_and_after_edits(tmp_path: Path) -> None:
    _, row = bench(tmp_path, "--measure", "memory", "--app", "asgi", *OURS, "--edits", "1")
    assert row["memory_bytes"][0] > 1e6
    assert row["memory_after_edits_bytes"][0] > 1e6


def test_server_that_does_not_start_is_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(APPS, "flask", replace(APPS["flask"], target="no_such_module"))
    arguments = ["--quick", "--measure", "memory", "--app", "flask", "--server", "flask run (W"]
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

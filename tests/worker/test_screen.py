"""Which names the app answers to in debug mode, and the paths that are ours."""

from __future__ import annotations

import json
import socket
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from pilotlight.debugger import from_exception
from pilotlight.debugger.model import Frame
from pilotlight.server.application import Elsewhere, ErrorResponse, Later
from pilotlight.worker.screen import Screen, is_nobodys
from pilotlight.worker.shown_files import ShownFiles


@dataclass
class Facts:
    method: str = "GET"
    raw_path: bytes = b"/"
    target: bytes = b""
    headers: list[tuple[bytes, bytes]] = field(default_factory=lambda: [(b"host", b"localhost:5000")])


def asked(screen: Screen, host: str, path: bytes = b"/", **more: Any) -> object:
    return screen(Facts(raw_path=path, headers=[(b"host", host.encode())], **more), "127.0.0.1")


@pytest.mark.parametrize(
    ("name", "nobodys"),
    [
        ("localhost", True),
        ("a.b.localhost", True),
        ("127.0.0.1", True),
        ("10.1.2.3", True),
        ("[::1]", True),
        ("[fe80::1%25eth0]", True),
        ("", True),
        ("localhost.evil.example", False),
        ("127.0.0.1.nip.io", False),
        ("evil.example", False),
        ("localhost.", False),
    ],
)
def test_names_that_cannot_be_anybodys(name: str, nobodys: bool) -> None:
    assert is_nobodys(name) is nobodys


def test_names_that_are_allowed() -> None:
    screen = Screen(["dev.example.test", ".of.test"], "1")
    for host in ("dev.example.test", "DEV.example.test:5000", "of.test", "a.of.test", socket.gethostname()):
        assert asked(screen, host) is None
    for host in ("example.test", "xof.test", "dev.example.test.evil", "evil\u00e9"):
        refusal = asked(screen, host)
        assert isinstance(refusal, ErrorResponse)
        assert refusal.status == 403
        assert b"--allowed-host" in refusal.body


def test_a_request_without_host_passes() -> None:
    assert Screen([], "1")(Facts(headers=[]), "local") is None


def test_what_is_remembered_is_bounded() -> None:
    screen = Screen([".test"], "1")
    for number in range(1000):
        assert asked(screen, f"a{number}.test") is None
    assert len(screen._known) <= 64


def test_the_state_is_told_to_this_machine_alone() -> None:
    path = b"/.well-known/pilotlight/state"
    screen = Screen([], "7")
    answer = asked(screen, "localhost", path)
    assert isinstance(answer, ErrorResponse)
    assert json.loads(answer.body) == {"generation": "7", "error": None, "changed": False}
    for facts, client in (
        (Facts(raw_path=path), "192.168.1.9"),
        (
            Facts(raw_path=path, headers=[(b"host", b"localhost"), (b"x-forwarded-for", b"1.2.3.4")]),
            "127.0.0.1",
        ),
        (Facts(raw_path=path, method="POST"), "127.0.0.1"),
        (Facts(raw_path=path + b"x"), "127.0.0.1"),
    ):
        refusal = screen(facts, client)
        assert isinstance(refusal, ErrorResponse)
        assert refusal.status == 404


def test_the_state_is_told_under_each_name_under_which_errors_are_shown() -> None:
    answer = asked(Screen([".example.test"], "7"), "dev.example.test", b"/.well-known/pilotlight/state")
    assert isinstance(answer, ErrorResponse)
    assert answer.status == 200


@pytest.mark.parametrize(
    ("generation", "failure", "query", "is_news"),
    [
        ("7", None, "", True),
        ("7", None, "after=7", False),
        ("7", None, "after=6", True),
        ("7", None, "after=&not=", True),
        (None, "e1", "after=6", True),
        (None, "e1", "after=6&not=", True),
        (None, "e1", "after=6&not=e1", False),
        (None, "e1", "", True),
        (None, "e1", "not=e1", False),
        (None, "e2", "after=&not=e1", True),
        ("7", None, "after=&not=e1", True),
        ("7", None, "after=7&not=e1", False),
        ("7", None, "unknown", True),
    ],
)
def test_a_page_is_kept_waiting_for_news(
    generation: str | None, failure: str | None, query: str, is_news: bool
) -> None:
    path = b"/.well-known/pilotlight/state"
    screen = Screen([], generation, failure=failure)
    answer = asked(screen, "localhost", path, target=path + b"?" + query.encode())
    assert isinstance(answer, ErrorResponse if is_news else Later)
    answer = answer.answer if isinstance(answer, Later) else answer
    assert json.loads(answer.body) == {"generation": generation, "error": failure, "changed": False}


def test_a_page_about_a_template_is_told_of_its_change_and_not_of_others(tmp_path: Path) -> None:
    template = tmp_path / "page.html"
    template.write_text("{{ broken }}")
    report = from_exception(ValueError())
    frame = Frame(str(template), 1, "top-level template code", "", "", own=True, language="jinja")
    report = replace(report, chain=(replace(report.error, frames=(frame,)),))
    shown = ShownFiles()
    shown.note(report)
    screen = Screen([], "7", shown=shown)
    path = b"/.well-known/pilotlight/state"

    def ask(report_id: str) -> Any:
        target = path + b"?of=" + report_id.encode() + b"&after=7"
        return asked(screen, "localhost", path, target=target)

    assert ask(report.id).seconds < ask("another").seconds
    template.write_text("{{ mended }}")
    answer = ask(report.id)
    assert isinstance(answer, ErrorResponse)
    assert json.loads(answer.body)["changed"] is True
    assert isinstance(ask("another"), Later)
    template.unlink()
    assert isinstance(ask(report.id), ErrorResponse)


def test_the_debugger_is_reached_by_its_secret_path_only() -> None:
    taken: list[Any] = []
    screen = Screen([], "1", "/.pilotlight-debugger-abc", taken.append)
    for path in (b"/.pilotlight-debugger-abc/", b"/.pilotlight-debugger-abc/api/reports"):
        assert isinstance(asked(screen, "localhost", path), Elsewhere)
    for path in (
        b"/.pilotlight-debugger-abd/",
        b"/.pilotlight-debugger-abc",
        b"/x/.pilotlight-debugger-abc/",
    ):
        assert asked(screen, "localhost", path) is None
    assert isinstance(asked(screen, "evil.example", b"/.pilotlight-debugger-abc/"), ErrorResponse)

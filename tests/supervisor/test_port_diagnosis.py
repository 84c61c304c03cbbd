"""Judgement and wording for a port that is taken, as tables of recorded facts."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pilotlight.supervisor.port_diagnosis import (
    concerns,
    explanation,
    is_pilotlight,
    shown_command,
    stoppable,
)
from pilotlight.supervisor.port_facts import Conflict, Holder

MINE = Holder(
    "127.0.0.1",
    pid=4242,
    name="python",
    command=("python", "-m", "http.server", "5000"),
    directory="/home/me/app",
    user="me",
    since=1_700_000_000.0,
    is_mine=True,
)
CONFLICT = Conflict(
    host="127.0.0.1",
    wanted=("127.0.0.1", "::1"),
    port=5000,
    holders=(MINE,),
    free_port=5001,
    used_by_client=False,
    directory="/home/me/app",
    now=1_700_000_200.0,
    platform="linux",
)
AIRPLAY = Holder("0.0.0.0", pid=512, name="ControlCenter", user="me", is_mine=True)
OURS = replace(MINE, command=("pilotlight", "run"), is_pilotlight=True)


def test_the_whole_text() -> None:
    lines = explanation(CONFLICT).splitlines()
    assert lines[0] == "Port 5000 is already in use: python (pid 4242) listens on 127.0.0.1."
    assert lines[1:4] == [
        "  command    python -m http.server 5000",
        "  directory  /home/me/app",
        "  user       me",
    ]
    assert lines[4].startswith("  since      2023-11-1")
    assert lines[4].endswith("(3 minutes ago)")
    assert lines[5:] == ["Stop it with `kill 4242`, or use --port 5001, which is free."]


@pytest.mark.parametrize(
    ("free", "advice"),
    [
        (5001, "or use port=5001 in the call that starts the server; it is free."),
        (None, "or use another port in the call that starts the server."),
    ],
)
def test_where_a_script_decides_about_the_port(free: int | None, advice: str) -> None:
    text = explanation(replace(CONFLICT, in_code=True, free_port=free))
    assert text.endswith(f"Stop it with `kill 4242`, {advice}")
    assert "--port" not in text


@pytest.mark.parametrize(
    ("change", "holder", "present", "absent"),
    [
        ({}, replace(MINE, address="::1"), ["::1, the IPv6 side of `localhost`"], []),
        ({"host": "::1"}, MINE, ["127.0.0.1, the IPv4 side"], []),
        ({}, replace(MINE, address="0.0.0.0"), ["every address (0.0.0.0)"], []),
        ({}, replace(MINE, address="::"), ["every address (::)"], []),
        (
            {},
            OURS,
            ["an earlier Pilotlight of this directory (pid 4242)", "kill 4242"],
            ["another directory"],
        ),
        ({}, replace(OURS, directory="/else"), ["an earlier Pilotlight of another directory", "/else"], []),
        ({}, replace(OURS, directory=None), ["an earlier Pilotlight (pid 4242)"], ["directory"]),
        (
            {"platform": "darwin"},
            AIRPLAY,
            ["AirPlay Receiver", "pid 512", "System Settings", "Use --port 5001, which is free."],
            ["kill"],
        ),
        ({"platform": "darwin", "port": 7000}, replace(AIRPLAY, name="ControlCe"), ["AirPlay"], ["kill"]),
        ({"platform": "darwin", "port": 8000}, AIRPLAY, ["ControlCenter (pid 512)", "kill 512"], ["AirPlay"]),
        ({"platform": "linux"}, AIRPLAY, ["kill 512"], ["AirPlay"]),
        (
            {},
            Holder("0.0.0.0", user="root"),
            ["another user (root)", "sudo ss -ltnp 'sport = :5000'", "--port 5001"],
            ["kill"],
        ),
        (
            {"platform": "darwin"},
            Holder("0.0.0.0"),
            ["another user,", "sudo lsof -nP -iTCP:5000 -sTCP:LISTEN"],
            [],
        ),
        ({"platform": "win32"}, Holder("0.0.0.0"), ['netstat -ano | findstr ":5000"'], ["sudo"]),
        ({"platform": "win32"}, MINE, ["taskkill /PID 4242"], ["`kill"]),
        ({}, replace(MINE, is_mine=False, user="root"), ["root", "Use --port 5001"], ["kill 4242"]),
        ({"free_port": None}, MINE, ["kill 4242", "another port with --port"], ["None"]),
        ({}, replace(MINE, name="a\x1b[31mb\n", directory="/x\ny"), ["(pid 4242)"], ["\x1b", "/x\ny"]),
        ({}, Holder("127.0.0.1", 9), ["a process (pid 9)"], ["None", "command", "since"]),
    ],
)
def test_one_holder(change: dict[str, object], holder: Holder, present: list[str], absent: list[str]) -> None:
    text = explanation(replace(CONFLICT, holders=(holder,), **change))
    for words in present:
        assert words in text
    for words in absent:
        assert words not in text


def test_two_holders_are_both_named() -> None:
    text = explanation(replace(CONFLICT, holders=(MINE, replace(MINE, address="::1", pid=4343))))
    assert "pid 4242" in text
    assert "pid 4343" in text
    assert "Stop them with `kill 4242 4343`" in text


@pytest.mark.parametrize(
    ("used_by_client", "words"), [(True, "outgoing connection"), (False, "may not be seen from here")]
)
def test_no_listener_found(used_by_client: bool, words: str) -> None:
    text = explanation(replace(CONFLICT, holders=(), used_by_client=used_by_client))
    assert words in text
    assert "Use --port 5001, which is free." in text


@pytest.mark.parametrize(
    ("holders", "platform", "expected"),
    [
        ((MINE,), "linux", True),
        ((OURS,), "linux", True),
        ((replace(MINE, is_mine=False),), "linux", False),
        ((replace(MINE, is_ancestor=True),), "linux", False),
        ((Holder("0.0.0.0"),), "linux", False),
        ((AIRPLAY,), "darwin", False),
        ((MINE, OURS), "linux", False),
        ((), "linux", False),
    ],
)
def test_only_ones_own_process_may_be_stopped(
    holders: tuple[Holder, ...], platform: str, expected: bool
) -> None:
    assert (stoppable(replace(CONFLICT, holders=holders, platform=platform)) is not None) is expected


@pytest.mark.parametrize(
    ("wanted", "held", "expected"),
    [
        ("127.0.0.1", "127.0.0.1", True),
        ("127.0.0.1", "0.0.0.0", True),
        ("127.0.0.1", "::", True),
        ("127.0.0.1", "::ffff:127.0.0.1", True),
        ("127.0.0.1", "::1", False),
        ("127.0.0.1", "192.168.1.5", False),
        ("::1", "0.0.0.0", False),
        ("::1", "::", True),
        ("0.0.0.0", "192.168.1.5", True),
        ("0.0.0.0", "::1", False),
        ("::", "192.168.1.5", True),
        ("fe80::1", "fe80::1%eth0", True),
    ],
)
def test_which_listeners_concern_us(wanted: str, held: str, expected: bool) -> None:
    assert concerns(wanted, held) is expected


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("pilotlight run hello:app", True),
        ("/venv/bin/python3 /venv/bin/pilotlight --app hello run", True),
        ("C:\\venv\\Scripts\\pilotlight.exe run", True),
        ("python -m pilotlight hello.py", True),
        ("python -Im pilotlight.worker", True),
        ("python -m pilotlight.worker.main", True),
        ("python -X dev -m pilotlight run", True),
        ("python -m flask run pilotlight", False),
        ("vim pilotlight.md", False),
        ("/home/me/pilotlight/bin/python app.py", False),
        ("python -m pilotlights", False),
        ("", False),
    ],
)
def test_is_pilotlight(command: str, expected: bool) -> None:
    assert is_pilotlight(command.split()) is expected


def test_code_on_the_command_line_that_imports_us() -> None:
    assert is_pilotlight(["python", "-c", "from pilotlight.worker import main; main()"])
    assert not is_pilotlight(["python", "-c", "print('pilotlight')"])


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        (["app", "--password", "hunter2", "--port", "1"], "app --password *** --port 1"),
        (["app", "--token=hunter2"], "app '--token=***'"),
        (["app", "--api-key", "hunter2"], "app --api-key ***"),
        (["env", "SECRET_TOKEN=hunter2", "app"], "env 'SECRET_TOKEN=***' app"),
        (["env", "AWS_SECRET_ACCESS_KEY=hunter2"], "env 'AWS_SECRET_ACCESS_KEY=***'"),
        (["app", "postgres://me:hunter2@db/x"], "app 'postgres://me:***@db/x'"),
        (["app", "--password"], "app --password"),
        (["app", "--password", "--port", "1"], "app --password --port 1"),
        (["app", "--key", "key.pem"], "app --key key.pem"),
        (["app", "it's a b"], "app 'it'\"'\"'s a b'"),
        ([], ""),
    ],
)
def test_secrets_in_a_command_line(command: list[str], expected: str) -> None:
    assert shown_command(command) == expected


@given(st.lists(st.text(), max_size=30))
def test_a_command_line_is_one_short_printable_line(command: list[str]) -> None:
    text = shown_command(command)
    assert len(text) <= 120
    assert text.isprintable()

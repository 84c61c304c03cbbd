"""Tokens, keys, the state file, and `pilotlight unlock`."""

from __future__ import annotations

import json
import multiprocessing
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pilotlight.debugger.listener import tokens
from pilotlight.debugger.listener.keyring import Keyring
from pilotlight.debugger.listener.statefile import StateFile, path_of, state_directory
from pilotlight.debugger.listener.tokens import Pass, Server, State
from pilotlight.errors import UserError

URL = "http://127.0.0.1:4321"
OTHER = "http://127.0.0.1:4322"


class Clock:
    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def file(tmp_path: Path) -> StateFile:
    return StateFile(str(tmp_path / "state" / "pilotlight" / "debugger" / "p.json"))


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def keyring(file: StateFile, clock: Clock) -> Keyring:
    return Keyring(file, clock)


def test_a_key_is_good_once(keyring: Keyring) -> None:
    key = keyring.new_key(URL)
    token = keyring.exchange(key, URL)
    assert token is not None
    assert keyring.accepts(token)
    assert keyring.exchange(key, URL) is None


def test_secrets_are_256_random_bits(keyring: Keyring) -> None:
    keys = {keyring.new_key(URL) for _ in range(50)}
    assert len(keys) == 50
    assert all(len(key) == 43 for key in keys)


def test_a_key_is_good_for_ten_minutes(keyring: Keyring, clock: Clock) -> None:
    key = keyring.new_key(URL)
    clock.now += 10 * 60
    assert keyring.exchange(key, URL) is None
    key = keyring.new_key(URL)
    clock.now += 10 * 60 - 1
    assert keyring.exchange(key, URL)


def test_only_the_newest_key_of_a_server_is_good(keyring: Keyring) -> None:
    older, other, newer = keyring.new_key(URL), keyring.new_key(OTHER), keyring.new_key(URL)
    assert keyring.exchange(older, URL) is None
    assert keyring.exchange(other, URL) is None  # another server's
    assert keyring.exchange(newer, URL)
    assert keyring.exchange(other, OTHER)


def test_a_token_is_good_for_two_weeks(keyring: Keyring, clock: Clock) -> None:
    token = keyring.exchange(keyring.new_key(URL), URL)
    assert token
    clock.now += 14 * 24 * 3600 - 1
    assert keyring.accepts(token)
    clock.now += 1
    assert not keyring.accepts(token)


def test_the_oldest_token_makes_room(keyring: Keyring) -> None:
    given = [keyring.exchange(keyring.new_key(URL), URL) for _ in range(tokens.MAX_TOKENS + 1)]
    assert [keyring.accepts(token or "") for token in given] == [False] + [True] * tokens.MAX_TOKENS


@given(st.text(max_size=60))
def test_nothing_else_is_a_secret(text: str) -> None:
    now = 5.0
    good = tokens.secret_of(bytes(32))
    state = State(tokens=(Pass(tokens.digest_of(good), 10.0),))
    assert tokens.accepts(state, tokens.digest_of(good), now)
    assert not tokens.accepts(state, tokens.digest_of(text), now)


@pytest.mark.parametrize("change", [str.lower, str.upper, str.swapcase, lambda t: t + "\n", lambda t: t[:-1]])
def test_a_token_that_is_almost_right(keyring: Keyring, change: Any) -> None:
    token = keyring.exchange(keyring.new_key(URL), URL)
    assert token
    assert not keyring.accepts(change(token))


def test_a_digest_is_not_a_token(keyring: Keyring, file: StateFile) -> None:
    token = keyring.exchange(keyring.new_key(URL), URL)
    assert token
    assert not keyring.accepts(file.read().tokens[0].digest)


def test_two_requests_at_once_get_one_token(file: StateFile) -> None:
    key = Keyring(file).new_key(URL)
    answers: list[str | None] = []
    barrier = threading.Barrier(8)

    def exchange() -> None:
        mine = Keyring(StateFile(file.path))
        barrier.wait()
        answers.append(mine.exchange(key, URL))

    threads = [threading.Thread(target=exchange) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert len([each for each in answers if each]) == 1
    assert len(answers) == 8


def _make_keys(path: str, server: str, count: int) -> None:
    keyring = Keyring(StateFile(path))
    for _ in range(count):
        assert keyring.exchange(keyring.new_key(server), server)


def test_two_processes_lose_no_change_of_each_other(file: StateFile) -> None:
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=_make_keys, args=(file.path, url, 9)) for url in (URL, OTHER)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(30)
    assert [process.exitcode for process in processes] == [0, 0]
    assert len(file.read().tokens) == 18
    assert sorted(os.listdir(os.path.dirname(file.path))) == ["p.json", "p.json.lock"]


def test_a_reader_sees_what_another_wrote_at_once(file: StateFile) -> None:
    reader, writer = Keyring(file), Keyring(StateFile(file.path))
    for _ in range(50):
        token = writer.exchange(writer.new_key(URL), URL)
        assert token
        assert reader.accepts(token)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "null",
        "{}",
        '{"version": 99}',
        "\x00",
        "[" * 50_000,
        " " * 70_000,
        '{"version":1,"tokens":[{"digest":"","until":9e99}],"keys":[],"servers":[],"ports":{}}',
        '{"version":1,"tokens":[{"digest":7,"until":9e99}],"keys":[],"servers":[],"ports":{}}',
    ],
)
def test_a_broken_file_is_refused_with_one_line(keyring: Keyring, file: StateFile, text: str) -> None:
    keyring.new_key(URL)
    Path(file.path).write_text(text)
    with pytest.raises(UserError, match="is broken; delete it") as caught:
        keyring.accepts("A" * 43)
    assert "\n" not in caught.value.message
    with pytest.raises(UserError):
        keyring.new_key(URL)


@pytest.mark.parametrize("mode", [0o644, 0o660, 0o606, 0o601])
def test_a_file_that_is_open_to_others_is_refused(keyring: Keyring, file: StateFile, mode: int) -> None:
    keyring.new_key(URL)
    os.chmod(file.path, mode)
    with pytest.raises(UserError, match="chmod 600"):
        keyring.servers()


def test_a_directory_that_is_open_to_others_is_refused(keyring: Keyring, file: StateFile) -> None:
    keyring.new_key(URL)
    os.chmod(os.path.dirname(file.path), 0o755)
    with pytest.raises(UserError, match="chmod 700"):
        keyring.new_key(URL)
    with pytest.raises(UserError, match="chmod 700"):
        Keyring(StateFile(file.path)).servers()


def test_a_file_of_somebody_else_is_refused(
    keyring: Keyring, file: StateFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    keyring.new_key(URL)
    monkeypatch.setattr(os, "geteuid", lambda: 12345)
    with pytest.raises(UserError, match="belongs to another user"):
        Keyring(StateFile(file.path)).servers()


def test_links_are_not_followed(keyring: Keyring, file: StateFile, tmp_path: Path) -> None:
    keyring.new_key(URL)
    elsewhere = tmp_path / "elsewhere.json"
    os.rename(file.path, elsewhere)
    os.symlink(elsewhere, file.path)
    with pytest.raises(UserError):
        Keyring(StateFile(file.path)).servers()


def test_a_directory_in_place_of_the_file_is_refused(keyring: Keyring, file: StateFile) -> None:
    keyring.new_key(URL)
    os.unlink(file.path)
    os.mkdir(file.path)
    with pytest.raises(UserError):
        keyring.servers()


def test_the_state_survives_a_round(file: StateFile) -> None:
    state = State(
        tokens=(Pass("a" * 64, 1.5),),
        keys=(Pass("b" * 64, 2.5, URL),),
        servers=(Server(os.getpid(), URL, 3.5),),
        ports=(("127.0.0.1:5000", 4321),),
    )
    assert tokens.from_json(json.loads(json.dumps(tokens.to_json(state)))) == state


def test_servers_that_run_are_found_and_others_forgotten(file: StateFile) -> None:
    keyring = Keyring(file)
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait(20)
    long_ago = Server(os.getpid(), OTHER, 1.0)  # a process that has our number now is not who wrote it
    dead = Server(gone.pid, "http://127.0.0.1:1", 5e9)
    file.change(lambda state: State(servers=(long_ago, dead)))
    assert keyring.servers() == []
    keyring.register(URL, address="127.0.0.1:5000", port=4321)
    assert [server.url for server in keyring.servers()] == [URL]
    assert keyring.last_port("127.0.0.1:5000") == 4321
    assert keyring.last_port("127.0.0.1:5001") == 0
    key = keyring.new_key(URL)
    keyring.unregister()
    assert keyring.servers() == []
    assert keyring.exchange(key, URL) is None
    assert keyring.last_port("127.0.0.1:5000") == 4321


def test_where_the_state_is_kept(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", "/home/someone")
    assert state_directory({}, "linux") == "/home/someone/.local/state/pilotlight"
    assert state_directory({"XDG_STATE_HOME": "/x"}, "linux") == "/x/pilotlight"
    assert state_directory({"XDG_STATE_HOME": "x"}, "linux") == "/home/someone/.local/state/pilotlight"
    assert state_directory({}, "darwin").startswith("/home/someone/Library/")
    link = tmp_path / "link"
    link.symlink_to(tmp_path)
    assert path_of(str(link), {}) == path_of(str(tmp_path) + "/", {})


def unlock(directory: Path, state: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "pilotlight", "unlock", *words],
        cwd=directory,
        env={**os.environ, "XDG_STATE_HOME": str(state), "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        timeout=30,
    )


@pytest.fixture
def project(tmp_path: Path) -> Path:
    project = tmp_path / "project"
    (project / "inner").mkdir(parents=True)
    return project


def test_unlock_prints_a_link_for_each_server(project: Path, tmp_path: Path) -> None:
    state = tmp_path / "state"
    keyring = Keyring.of_project(str(project), {"XDG_STATE_HOME": str(state)})
    keyring.register(URL)
    done = unlock(project / "inner", state)
    assert done.returncode == 0, done.stderr
    (link,) = done.stdout.splitlines()  # for a pipe; what is said about it goes to the terminal
    assert link.startswith(f"{URL}/unlock#")
    assert link not in done.stderr
    key = link.partition("#")[2]
    assert keyring.exchange(key, URL)
    assert keyring.exchange(key, URL) is None


def test_unlock_says_so_without_a_server(project: Path, tmp_path: Path) -> None:
    done = unlock(project, tmp_path / "state")
    assert done.returncode == 1
    assert "No server with a debugger runs" in done.stderr
    assert "Traceback" not in done.stderr
    assert unlock(project, tmp_path / "state", "now").returncode == 2
    assert "Usage" in unlock(project, tmp_path / "state", "--help").stdout


def test_unlock_refuses_a_state_that_others_can_read(project: Path, tmp_path: Path) -> None:
    state = tmp_path / "state"
    Keyring.of_project(str(project), {"XDG_STATE_HOME": str(state)}).register(URL)
    (file,) = state.rglob("*.json")
    file.chmod(0o666)
    done = unlock(project, state)
    assert done.returncode == 1
    assert "chmod 600" in done.stderr
    assert "Traceback" not in done.stderr

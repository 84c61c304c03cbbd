"""The listener from outside: pages without data, calls with a token, streams, and its limits."""

from __future__ import annotations

import json
import os
import re
import socket
import stat
import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from listener_harness import LIMIT, SECRET, Running, parse, read_all, request, running

from pilotlight.debugger.listener.binding import bind_loopback, port_of
from pilotlight.errors import UserError
from ports import free_port


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Running]:
    with running(tmp_path, app_origins=("http://127.0.0.1:5000", "http://localhost:5000")) as one:
        yield one


def get(served: Running, path: str) -> tuple[dict[str, str], bytes]:
    answer = served.raw(f"GET {path} HTTP/1.1\r\nHost: {served.host}\r\n\r\n".encode())
    head, _, body = answer.partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")
    assert lines[0] == "HTTP/1.1 200 OK"
    return {name.lower(): value for name, _, value in (line.partition(": ") for line in lines[1:])}, body


@pytest.mark.parametrize("path", ["/", "/report?id=x", "/console?report=x&frame=1", "/unlock"])
def test_pages_have_no_data_and_strict_headers(served: Running, path: str) -> None:
    headers, body = get(served, path)
    assert SECRET.encode() not in body
    assert served.desk.calls == []
    assert headers["cache-control"] == "no-store"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cross-origin-resource-policy"] == "same-origin"
    assert headers["cross-origin-opener-policy"] == "same-origin"
    assert headers["connection"] == "close"
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert not any(name.startswith("access-control-") or name == "set-cookie" for name in headers)
    nonces = set(re.findall(rb'nonce="([0-9a-f]{32})"', body))
    assert len(nonces) == 1
    assert nonces.pop().decode() in policy
    if path.startswith("/console"):
        assert "frame-ancestors 'self' http://127.0.0.1:5000 http://localhost:5000" in policy
        assert "x-frame-options" not in headers
    else:
        assert "frame-ancestors 'none'" in policy
        assert headers["x-frame-options"] == "DENY"


def test_a_nonce_is_used_once(served: Running) -> None:
    assert get(served, "/")[0]["content-security-policy"] != get(served, "/")[0]["content-security-policy"]


def test_reports_need_a_token(served: Running) -> None:
    status, body = served.call("/api/reports")
    assert status == 403
    assert b"pilotlight unlock" in body
    status, body = served.call("/api/reports", token=served.token())
    assert status == 200
    assert json.loads(body)["reports"][0]["title"] == f"RuntimeError: {SECRET}"


def test_a_report_comes_as_a_page_with_the_nonce_that_it_was_asked_for(served: Running) -> None:
    token, nonce = served.token(), "0" * 32
    body = json.dumps({"id": served.desk.id, "nonce": nonce}).encode()
    status, answer = served.call("/api/report", body, token=token)
    assert status == 200
    report = json.loads(answer)
    assert SECRET in report["html"]
    assert f'nonce="{nonce}"' in report["html"]
    assert report["frames"][0]["handle"] == 3
    bad = json.dumps({"id": served.desk.id, "nonce": "'; script-src *"}).encode()
    assert served.call("/api/report", bad, token=token)[0] == 400
    unknown = json.dumps({"id": "0" * 12, "nonce": nonce}).encode()
    status, answer = served.call("/api/report", unknown, token=token)
    assert status == 404
    assert b"not remembered" in answer


def test_events_of_an_evaluation_come_one_in_each_line(served: Running) -> None:
    question = json.dumps({"report": served.desk.id, "frame": 3, "code": "print(1)"}).encode()
    status, body = served.call("/api/evaluate", question, token=served.token())
    assert status == 200
    events = [json.loads(line) for line in body.splitlines()]
    assert [event["type"] for event in events] == ["output", "output", "done"]
    assert served.desk.calls == [
        ("ask", {"kind": "evaluate", "report": served.desk.id, "frame": 3, "code": "print(1)"})
    ]


def test_output_is_sent_before_the_evaluation_ends_and_a_client_that_leaves_cancels_it(
    served: Running,
) -> None:
    with served.connect() as sock:
        sock.sendall(request(served.host, "/api/evaluate", b'{"code":"forever"}', served.token()))
        received = b""
        while b"begun" not in received:
            received += sock.recv(1 << 16)
        assert not served.desk.cancelled.is_set()
    assert served.desk.cancelled.wait(LIMIT)


def test_events_are_streamed_until_the_client_leaves(served: Running) -> None:
    with served.connect() as sock:
        sock.sendall(request(served.host, "/api/events", b"{}", served.token()))
        assert served.desk.streaming.wait(LIMIT)
        served.on_loop(lambda: served.desk.happen("another"))
        received = b""
        while b'"type":"report"' not in received:
            received += sock.recv(1 << 16)
    assert served.desk.cancelled.wait(LIMIT)


def test_a_client_that_does_not_read_gets_no_more_than_the_sockets_hold(served: Running) -> None:
    with served.connect() as sock:
        sock.sendall(request(served.host, "/api/evaluate", b'{"code":"big"}', served.token()))
        assert sock.recv(1)
        assert served.call("/api/reports", token=served.token())[0] == 200  # others are served meanwhile
        assert len(read_all(sock)) > 400 * 50_000  # and it is all there for who reads in the end


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"1",
        b"\xff",
        b'{"code":1}',
        b'{"code":"1","frame":true}',
        b'{"code":"1","frame":1.5}',
        b'{"code":"1","report":7}',
        b'{"code":"1","report":"../x"}',
        b"{" * 5000,
        b"[" * 60_000,
        b"null",
    ],
)
def test_bodies_that_are_no_question_reach_nobody(served: Running, body: bytes) -> None:
    status, answer = served.call("/api/evaluate", body, token=served.token())
    assert status == 400
    assert b"not understood" in answer
    assert served.desk.calls == []


def test_a_link_unlocks_once_and_leads_on_to_localhost(served: Running) -> None:
    key = served.keyring.new_link(served.url).partition("#")[2]
    body = json.dumps({"key": key, "host": "127.0.0.1"}).encode()
    status, answer = served.call("/api/unlock", body)
    assert status == 200
    first = json.loads(answer)
    assert served.keyring.accepts(first["token"])
    start, _, following = first["next"].partition("#")
    assert start == f"http://localhost:{served.port}/unlock"
    assert served.call("/api/unlock", body)[0] == 403
    second = json.dumps({"key": following, "host": "localhost"}).encode()
    localhost = f"localhost:{served.port}"
    status, answer = parse(served.raw(request(localhost, "/api/unlock", second)))
    assert status == 200
    assert json.loads(answer)["next"] == ""
    assert served.keyring.accepts(json.loads(answer)["token"])


def test_only_digests_are_on_disk_and_only_for_their_owner(served: Running, tmp_path: Path) -> None:
    token = served.token()
    key = served.keyring.new_key(served.url)
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert files
    for path in files:
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert token not in path.read_text()
        assert key not in path.read_text()
    for path in tmp_path.rglob("*"):
        if path.is_dir():
            assert stat.S_IMODE(path.stat().st_mode) == 0o700


def test_a_state_that_is_open_to_others_is_refused_with_the_remedy(served: Running, tmp_path: Path) -> None:
    token = served.token()
    (file,) = tmp_path.rglob("test.json")
    file.chmod(0o644)
    status, body = served.call("/api/reports", token=token)
    assert status == 503
    assert b"chmod 600" in body
    assert served.desk.calls == []


def test_ipv6_is_served_too(served: Running) -> None:
    try:
        sock = socket.create_connection(("::1", served.port), timeout=LIMIT)
    except OSError:
        pytest.skip("no IPv6 on this machine")
    with sock:
        sock.sendall(request(f"[::1]:{served.port}", "/api/reports", b"{}", served.token()))
        assert parse(read_all(sock))[0] == 200


def test_idle_connections_never_keep_a_valid_one_out(served: Running) -> None:
    token = served.token()
    idle = [served.connect() for _ in range(200)]
    try:
        for sock in idle:
            sock.sendall(b"GET / HT")
        assert served.call("/api/reports", token=token)[0] == 200
    finally:
        for sock in idle:
            sock.close()


def test_room_is_made_by_closing_connections_without_a_token(served: Running) -> None:
    with served.connect() as stream:
        stream.sendall(request(served.host, "/api/events", b"{}", served.token()))
        assert served.desk.streaming.wait(LIMIT)
        idle = [served.connect() for _ in range(100)]
        assert read_all(idle[0]) == b""  # closed
        for sock in idle:
            sock.close()
        served.on_loop(lambda: served.desk.happen("still here"))
        received = b""
        while b'"type":"report"' not in received:
            data = stream.recv(1 << 16)
            assert data
            received += data


def test_a_flood_of_wrong_tokens_and_keys_keeps_no_valid_one_out(served: Running) -> None:
    token = served.token()
    key = served.keyring.new_key(served.url)
    for _ in range(100):
        assert served.call("/api/reports", token="A" * 43)[0] == 403
        assert served.call("/api/unlock", b'{"key":"%s"}' % (b"B" * 43))[0] == 403
    assert served.call("/api/reports", token=token)[0] == 200
    assert served.call("/api/unlock", json.dumps({"key": key}).encode())[0] == 200


def test_connections_that_others_accepted_are_served_under_a_path_of_theirs(tmp_path: Path) -> None:
    with running(tmp_path, path="/-/0123456789abcdef") as served:
        token = served.token()
        ours, theirs = socket.create_connection(("127.0.0.1", served.port)), None
        ours.close()
        with socket.create_server(("127.0.0.1", 0)) as server:
            ours = socket.create_connection(server.getsockname(), timeout=LIMIT)
            theirs, _ = server.accept()
        data = request(served.host, "/-/0123456789abcdef/api/reports", b"{}", token)
        ours.sendall(data[200:])
        served.loop.call_soon_threadsafe(served.listener.adopt, theirs, data[:200])
        with ours:
            status, body = parse(read_all(ours))
        assert status == 200
        assert SECRET.encode() in body
        assert served.call("/api/reports", token=token)[0] == 404
        html = served.raw(f"GET /-/0123456789abcdef/ HTTP/1.1\r\nHost: {served.host}\r\n\r\n".encode())
        assert b'data-base="/-/0123456789abcdef"' in html


def test_nothing_of_http_is_imported_before_the_first_connection() -> None:
    code = (
        "import asyncio, sys, pilotlight.debugger.listener.listener, pilotlight.debugger.listener.binding\n"
        "heavy = {'h11', 'pilotlight.debugger.listener.exchange', 'pilotlight.debugger.listener.shell'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=LIMIT)
    assert done.stdout.strip() == "[]", done.stderr


def test_the_port_stays_the_same_if_it_can(tmp_path: Path) -> None:
    port = free_port()
    sockets = bind_loopback(wanted=port)
    assert port_of(sockets) == port
    others = bind_loopback(last=port)  # taken: another one
    assert port_of(others) != port
    for sock in (*sockets, *others):
        sock.close()
    again = bind_loopback(last=port)
    assert port_of(again) == port
    with pytest.raises(UserError, match="--debug-port"):
        bind_loopback(wanted=port)
    assert all(not os.get_inheritable(sock.fileno()) for sock in again)
    for sock in again:
        sock.close()


def test_a_port_whose_other_family_is_taken_is_not_used() -> None:
    """A browser may take ::1 for localhost: a key must not reach who listens there."""
    try:
        stranger = socket.create_server(("::1", free_port()), family=socket.AF_INET6)
    except OSError:
        pytest.skip("no IPv6 on this machine")
    with stranger:
        port = stranger.getsockname()[1]
        with pytest.raises(UserError):
            bind_loopback(wanted=port)
        with socket.create_server(("127.0.0.1", port)):
            pass  # nothing of the attempt is left


def test_a_client_that_resets_its_connection_is_no_error(served: Running) -> None:
    """`running` fails at its end if the listener reported any."""
    at_once = struct.pack("ii", 1, 0)
    for size in (10, 200, 400):
        for _ in range(30):
            with served.connect() as sock:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, at_once)
                sock.sendall(request(served.host, "/api/reports", b"{}", "A" * 43)[:size])
    assert served.call("/api/reports", token=served.token())[0] == 200

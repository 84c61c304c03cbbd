"""The listening sockets, with real sockets: families, wildcards, names, UNIX sockets, and what goes wrong."""

from __future__ import annotations

import errno
import os
import socket
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from pilotlight.errors import UserError
from pilotlight.settings import Settings
from pilotlight.supervisor import binder, binder_addresses
from pilotlight.supervisor.binder import AddressInUse, Bound, answers, bind, is_free, needs_probe
from pilotlight.supervisor.binder_addresses import Address
from pilotlight.supervisor.binder_trouble import classify, explain
from ports import free_port

V4, V6 = socket.AF_INET, socket.AF_INET6


@contextmanager
def bound(**settings: Any) -> Iterator[Bound]:
    result = bind(Settings(**{"port": 0, **settings}))
    try:
        yield result
    finally:
        result.close()


@contextmanager
def listener(
    host: str, port: int = 0, *, only_v6: bool = True, reuse: bool = True, listen: bool = True
) -> Iterator[int]:
    """Somebody else's socket; gives its port."""
    with socket.socket(V6 if ":" in host else V4) as sock:
        if reuse:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if ":" in host:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, int(only_v6))
        sock.bind((host, port or free_port()))
        if listen:
            sock.listen()
        yield sock.getsockname()[1]


def names(result: Bound) -> list[str]:
    return [sock.getsockname()[0] for sock in result.sockets]


@pytest.mark.parametrize(
    ("host", "url"),
    [
        (None, "http://127.0.0.1"),
        ("", "http://127.0.0.1"),
        ("localhost", "http://localhost"),
        ("LocalHost.", "http://LocalHost."),
        ("app.localhost", "http://app.localhost"),
    ],
)
def test_localhost_is_both_families_on_one_port(host: str | None, url: str) -> None:
    with bound(host=host) as result:
        assert names(result) == ["127.0.0.1", "::1"]
        assert {sock.getsockname()[1] for sock in result.sockets} == {result.port}
        assert result.urls == (f"{url}:{result.port}",)
        assert result.notes == ()
        for name in ("127.0.0.1", "::1", "localhost"):
            socket.create_connection((name, result.port), timeout=5).close()


def test_sockets_listen_without_a_worker_and_hold_connections() -> None:
    with bound() as result:
        clients = [socket.create_connection(("127.0.0.1", result.port), timeout=5) for _ in range(300)]
        sock, _ = result.sockets[0].accept()
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        for client in (*clients, sock):
            client.close()


def test_options_of_the_sockets() -> None:
    with bound() as result:
        for sock in result.sockets:
            assert not sock.get_inheritable()
            assert not sock.getblocking()
            assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR)
        assert result.sockets[1].getsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY)


def test_a_port_with_connections_in_time_wait_can_be_had_again() -> None:
    with bound() as first:
        port = first.port
        client = socket.create_connection(("127.0.0.1", port), timeout=5)
        served, _ = first.sockets[0].accept()
        served.close()  # the server closes first, so TIME_WAIT is on its side
        assert client.recv(1) == b""
        client.close()
    with bound(port=port) as second:
        assert second.port == port


@pytest.mark.parametrize(
    ("host", "expected", "urls"),
    [
        ("127.0.0.1", ["127.0.0.1"], ["http://127.0.0.1"]),
        ("::1", ["::1"], ["http://[::1]"]),
        ("[::1]", ["::1"], ["http://[::1]"]),
    ],
)
def test_one_address(host: str, expected: list[str], urls: list[str]) -> None:
    with bound(host=host) as result:
        assert names(result) == expected
        assert [url.rpartition(":")[0] for url in result.urls] == urls


def test_the_scheme_follows_the_certificate() -> None:
    with bound(cert="adhoc") as result:
        assert result.urls == (f"https://127.0.0.1:{result.port}",)


@pytest.mark.parametrize(
    ("host", "expected"), [("0.0.0.0", ["0.0.0.0"]), ("::", ["::", "0.0.0.0"]), ("*", ["::", "0.0.0.0"])]
)
def test_wildcards_show_addresses_that_a_browser_can_open(
    host: str, expected: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(binder_addresses, "_lan_addresses", lambda addresses: ["192.168.7.7", "fe80::7"])
    with bound(host=host) as result:
        assert names(result) == expected
        tail = f":{result.port}"
        assert result.urls == tuple(
            f"http://{name}{tail}" for name in ("127.0.0.1", "192.168.7.7", "[fe80::7]")
        )
        socket.create_connection(("127.0.0.1", result.port), timeout=5).close()


def test_a_name_with_several_addresses(monkeypatch: pytest.MonkeyPatch) -> None:
    found = [
        (V4, socket.SOCK_STREAM, 6, "", ("127.0.0.1", 0)),
        (V4, socket.SOCK_STREAM, 6, "", ("127.0.0.1", 0)),
        (V4, socket.SOCK_STREAM, 6, "", ("203.0.113.9", 0)),
        (V6, socket.SOCK_STREAM, 6, "", ("::1", 0, 0, 0)),
    ]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *a, **k: found)
    with bound(host="box.example") as result:
        assert names(result) == ["127.0.0.1", "::1"]
        assert result.urls == (f"http://box.example:{result.port}",)
        assert result.notes == (
            "203.0.113.9 is not an address of this machine: listening on 127.0.0.1 and ::1 only.",
        )


def test_without_ipv6_the_default_is_ipv4_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    real = socket.socket

    def without_ipv6(family: int = V4, *rest: Any, **more: Any) -> socket.socket:
        if family == V6:
            raise OSError(errno.EAFNOSUPPORT, "Address family not supported by protocol")
        return real(family, *rest, **more)

    monkeypatch.setattr(binder.socket, "socket", without_ipv6)
    with bound() as result:
        assert names(result) == ["127.0.0.1"]
        assert result.notes == ("IPv6 is not available on this machine: listening on 127.0.0.1 only.",)
    with pytest.raises(UserError, match="IPv6 is switched off on this machine") as caught:
        bind(Settings(host="::1", port=0))
    assert caught.value.status == 1


@pytest.mark.parametrize(
    ("other", "only_v6"), [("127.0.0.1", True), ("::1", True), ("0.0.0.0", True), ("::", True), ("::", False)]
)
@pytest.mark.parametrize("host", [None, "localhost", "::", "0.0.0.0"])
def test_somebody_elses_listener_on_any_side_is_a_conflict(
    other: str, only_v6: bool, host: str | None
) -> None:
    found = []
    for _ in range(5):  # another test may have the port for a moment
        with listener(other, only_v6=only_v6) as port:
            if host == "0.0.0.0" and ":" in other and only_v6:
                found.append(is_free(Settings(host=host), port))  # it does not concern IPv4
            else:
                with pytest.raises(AddressInUse) as caught:
                    bind(Settings(host=host, port=port))
                assert caught.value.port == port
                assert caught.value.status == 1
                assert not is_free(Settings(host=host), port)
        found.append(is_free(Settings(host=host), port))
        if all(found):
            return
        found.clear()
    raise AssertionError("the port is never free")


def test_a_failed_bind_leaves_nothing_behind() -> None:
    for attempt in range(5):  # another test may have the port for a moment
        with listener("::1") as port:
            with pytest.raises(AddressInUse):
                bind(Settings(port=port))
            try:
                with listener("127.0.0.1", port, reuse=False):
                    return
            except OSError:
                assert attempt < 4


def test_port_zero_finds_a_port_that_is_free_on_both(monkeypatch: pytest.MonkeyPatch) -> None:
    real = binder._bound_socket
    refused: list[int] = []

    def unlucky(address: Address, port: int) -> socket.socket:
        if address.family == V6 and len(refused) < 3:
            refused.append(port)
            raise OSError(errno.EADDRINUSE, "Address already in use")
        return real(address, port)

    monkeypatch.setattr(binder, "_bound_socket", unlucky)
    with bound() as result:
        assert len(refused) == 3
        assert names(result) == ["127.0.0.1", "::1"]


def test_port_zero_gives_up_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    def never(address: Address, port: int) -> socket.socket:
        raise OSError(errno.EADDRINUSE, "Address already in use")

    monkeypatch.setattr(binder, "_bound_socket", never)
    with pytest.raises(UserError, match="No port is free") as caught:
        bind(Settings(port=0))
    assert caught.value.status == 1


@pytest.mark.parametrize(
    ("platform", "needed"), [("linux", False), ("win32", False), ("darwin", True), ("freebsd14", True)]
)
def test_where_the_kernel_would_share_the_port_it_is_probed(platform: str, needed: bool) -> None:
    assert needs_probe(platform) is needed


@pytest.mark.parametrize(
    ("other", "ours"), [("0.0.0.0", "127.0.0.1"), ("127.0.0.1", "0.0.0.0"), ("::", "::1"), ("::1", "::")]
)
def test_the_probe_sees_a_listener_behind_the_wildcard(
    other: str, ours: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = Address(V6 if ":" in ours else V4, ours)
    with listener(other) as port:
        assert answers(address, port)
        monkeypatch.setattr(binder, "needs_probe", lambda: True)
        with pytest.raises(AddressInUse):
            bind(Settings(host=ours, port=port))
    assert not answers(address, port)


def test_the_probe_is_not_fooled_by_a_socket_that_does_not_listen() -> None:
    with listener("127.0.0.1", listen=False) as port:
        assert not answers(Address(V4, "127.0.0.1"), port)


@pytest.mark.parametrize(
    ("host", "words"),
    [
        ("nowhere.invalid", "does not name an address"),
        ("a..b", "does not name an address"),
        ("x" * 300, "does not name an address"),
        ("127.0.0.1:8000", "--host 127.0.0.1 --port 8000"),
        ("http://localhost:8000/", "--host localhost --port 8000"),
        ("ev\x1bil\n", "'ev\\?il\\?'"),
        ("nul\0", "does not name an address"),
        ("203.0.113.9", "does not belong to this machine; use --host 127.0.0.1"),
        ("2001:db8::9", "does not belong to this machine|IPv6 is switched off"),
    ],
)
def test_an_address_that_cannot_be_had(host: str, words: str) -> None:
    with pytest.raises(UserError, match=words) as caught:
        bind(Settings(host=host, port=0))
    assert caught.value.status == 1
    assert "\n" not in caught.value.message
    assert "\x1b" not in caught.value.message


class WindowsError(OSError):
    """As Python builds it on Windows: `winerror` beside a translated `errno`."""

    def __init__(self, winerror: int, number: int) -> None:
        super().__init__(number, "text in the user's language")
        self.winerror = winerror


@pytest.mark.parametrize(
    ("error", "trouble"),
    [
        (OSError(errno.EADDRINUSE, ""), "in use"),
        (WindowsError(10048, 10048), "in use"),
        (OSError(errno.EACCES, ""), "not allowed"),
        (WindowsError(10013, 13), "not allowed"),
        (OSError(errno.EADDRNOTAVAIL, ""), "not here"),
        (WindowsError(10049, 10049), "not here"),
        (OSError(errno.EAFNOSUPPORT, ""), "no such family"),
        (WindowsError(10047, 10047), "no such family"),
        (OSError(errno.EMFILE, "Too many open files"), "other"),
        (OSError("without a number"), "other"),
    ],
)
def test_classify(error: OSError, trouble: str) -> None:
    assert classify(error) == trouble


@pytest.mark.parametrize(
    ("error", "host", "port", "platform", "words"),
    [
        (OSError(errno.EADDRINUSE, ""), "127.0.0.1", 5000, "linux", ["5000", "already in use", "--port"]),
        (OSError(errno.EACCES, ""), "127.0.0.1", 80, "linux", ["below 1024", "--port 8080"]),
        (OSError(errno.EACCES, ""), "127.0.0.1", 443, "darwin", ["below 1024", "--port 8443"]),
        (OSError(errno.EACCES, ""), "127.0.0.1", 5000, "linux", ["security policy"]),
        (WindowsError(10013, 13), "127.0.0.1", 5000, "win32", ["Windows", "excludedportrange", "--port"]),
        (WindowsError(10049, 10049), "10.9.9.9", 5000, "win32", ["10.9.9.9", "does not belong", "--host"]),
        (OSError(errno.EMFILE, "Too many open files"), "::1", 5000, "linux", ["Too many open files"]),
    ],
)
def test_explain(error: OSError, host: str, port: int, platform: str, words: list[str]) -> None:
    told = explain(error, host, port, platform=platform)
    assert told.status == 1
    assert "\n" not in told.message
    for word in words:
        assert word in told.message


# UNIX sockets


def test_a_unix_socket_is_private_and_removed_at_the_end(tmp_path: Path) -> None:
    path = tmp_path / "app.sock"
    mask = os.umask(0o022)
    try:
        with bound(uds=str(path)) as result:
            assert stat.S_IMODE(path.stat().st_mode) == 0o600
            assert result.port is None
            assert result.urls == (f"unix:{path}",)
            with socket.socket(socket.AF_UNIX) as client:
                client.connect(str(path))
        assert not path.exists()
        assert os.umask(0o022) == 0o022
    finally:
        os.umask(mask)


def test_flasks_form_of_a_unix_socket(tmp_path: Path) -> None:
    with bound(host=f"unix://{tmp_path}/app.sock"):
        assert (tmp_path / "app.sock").is_socket()


def test_a_relative_path_is_removed_from_where_it_was_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with bound(uds="app.sock"):
        monkeypatch.chdir("/")
    assert not (tmp_path / "app.sock").exists()


def test_a_stale_socket_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "app.sock"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    with bound(uds=str(path)), socket.socket(socket.AF_UNIX) as client:
        client.connect(str(path))


def test_a_socket_in_use_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "app.sock"
    with bound(uds=str(path)) as first:
        with pytest.raises(UserError, match="Another server listens") as caught:
            bind(Settings(uds=str(path)))
        assert caught.value.status == 1
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(path))
        assert first.sockets[0].fileno() >= 0


def test_the_socket_of_a_successor_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "app.sock"
    first = bind(Settings(uds=str(path)))
    path.rename(tmp_path / "kept")
    with bound(uds=str(path)):
        first.close()
        assert path.exists()


@pytest.mark.parametrize("kind", ["file", "directory", "link"])
def test_what_is_not_a_socket_is_never_deleted(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "precious"
    if kind == "file":
        path.write_text("data")
    elif kind == "directory":
        path.mkdir()
    else:
        path.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(UserError, match="is not a socket") as caught:
        bind(Settings(uds=str(path)))
    assert caught.value.status == 1
    assert os.path.lexists(path)


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("{tmp}/" + "x" * 200, "too long"),
        ("{tmp}/missing/app.sock", "does not exist: create it"),
        ("", "needs the path"),
        ("\0abstract", "needs the path"),
    ],
)
def test_a_path_that_cannot_be_had(path: str, words: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=words) as caught:
        bind(Settings(uds=path.replace("{tmp}", str(tmp_path))))
    assert caught.value.status == 1

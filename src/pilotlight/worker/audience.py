"""Who may read an error: pure rules over what is known of a request.

A direct client on this machine reads the report; everybody else (LAN, tunnel, proxy) gets an error id. A
tunnel or proxy looks like loopback, so its forwarding headers and a Host that is not ours count as "somebody
else".
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from pilotlight.debugger.listener.gate import is_forwarding, is_loopback

_LOCAL_HOSTS = frozenset({"localhost", "127.0.0.1", "[::1]"})


def _nothing(name: str) -> bool:
    return False


def is_direct_local(
    client: str, headers: Iterable[tuple[bytes, bytes]], is_allowed: Callable[[str], bool] = _nothing
) -> bool:
    """True for a request that came straight from this machine to a name of this machine.

    Args:
        client: the peer's address, or `local` or an empty string for a UNIX socket (which only this machine
            can reach).
        headers: name and value, names in any case.
        is_allowed: whether the user has allowed a further host name.
    """
    if client not in ("", "local") and not is_loopback(client):
        return False
    hosts = []
    for name, value in headers:
        lowered = name.lower()
        if is_forwarding(lowered):
            return False
        if lowered == b"host":
            hosts.append(value.decode("latin-1"))
    return len(hosts) <= 1 and all(_is_local_host(host) or is_allowed(name_of(host)) for host in hosts)


def _is_local_host(host: str) -> bool:
    name = name_of(host)
    return name in _LOCAL_HOSTS or name.endswith(".localhost")


def is_allowed_by(allowed: Iterable[str], name: str) -> bool:
    """Whether a host name, in lower case, is one of those that the user allows; one with a dot in front
    stands for all below it."""
    return any(
        name == each or (each.startswith(".") and (name.endswith(each) or name == each[1:]))
        for each in allowed
    )


def name_of(host: str) -> str:
    """The name in a `Host` header, in lower case, without port."""
    name = host.strip().lower()
    head, colon, port = name.rpartition(":")
    return head if colon and port.isdigit() else name

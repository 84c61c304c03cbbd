"""Which addresses `--host` means, and under which URLs a browser finds them.

Must never bind anything: it asks the resolver and the routing table, no more.
"""

from __future__ import annotations

import socket
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from pilotlight.errors import UserError


@dataclass(frozen=True, slots=True)
class Address:
    """One address to listen on."""

    family: socket.AddressFamily
    host: str
    scope: int = 0
    """The interface number of a link-local IPv6 address, else 0."""
    optional: bool = False
    """The server is complete without it when this machine does not have it."""

    def with_port(self, port: int) -> tuple[str, int] | tuple[str, int, int, int]:
        """The form that `bind` and `connect` take."""
        if self.family == socket.AF_INET6:
            return (self.host, port, 0, self.scope)
        return (self.host, port)


_LOOPBACK = (
    Address(socket.AF_INET, "127.0.0.1"),
    Address(socket.AF_INET6, "::1", optional=True),
)
_EVERY_IPV4 = (Address(socket.AF_INET, "0.0.0.0"),)
# Two sockets rather than a dual-stack one: clients keep their own address, never `::ffff:192.0.2.1`.
_EVERY_ADDRESS = (
    Address(socket.AF_INET6, "::", optional=True),
    Address(socket.AF_INET, "0.0.0.0", optional=True),
)


def plain_host(host: str | None) -> str | None:
    """The host without the brackets of a URL; None and the empty string mean the default."""
    if not host:
        return None
    if host.startswith("[") and host.endswith("]"):
        return host[1:-1]
    return host


def addresses_of(host: str | None, port: int) -> tuple[Address, ...]:
    """What to bind for `--host`, without port."""
    if host is None or _means_loopback(host):
        return _LOOPBACK
    if host == "0.0.0.0":
        return _EVERY_IPV4
    if host in ("::", "*"):
        return _EVERY_ADDRESS
    return _resolve(host, port)


def _means_loopback(host: str) -> bool:
    """RFC 6761 6.3: `localhost` and every name under it are this machine, whatever a resolver says."""
    name = host.lower().rstrip(".")
    return name == "localhost" or name.endswith(".localhost")


def _resolve(host: str, port: int) -> tuple[Address, ...]:
    """All addresses of a host name, in the resolver's order, each once."""
    try:
        found: Sequence[tuple[Any, ...]] = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
    except (OSError, UnicodeError, ValueError):
        raise UserError(_unknown_host(host), status=1) from None
    addresses: list[Address] = []
    for family, _, _, _, name in found:
        if family not in (socket.AF_INET, socket.AF_INET6):
            continue
        scope = int(name[3]) if family == socket.AF_INET6 else 0
        address = Address(family, str(name[0]).partition("%")[0], scope)
        if address not in addresses:
            addresses.append(address)
    if not addresses:
        raise UserError(_unknown_host(host), status=1)
    if len(addresses) == 1:
        return tuple(addresses)
    return tuple(replace(address, optional=True) for address in addresses)


def _unknown_host(host: str) -> str:
    """What to say of a host that names no address; the usual slips get their remedy."""
    shown = "".join(c if c.isprintable() else "?" for c in host[:100])
    bare = host.partition("://")[2] or host
    name, _, digits = bare.rstrip("/").rpartition(":")
    if name and name.isprintable() and digits.isdigit():
        remedy = f"host and port are two options: --host {name} --port {digits}"
    else:
        remedy = "use --host 127.0.0.1 for this machine only, or --host 0.0.0.0 to be reachable from others"
    return f"The host {shown!r} does not name an address; {remedy}."


def urls_of(scheme: str, host: str | None, addresses: tuple[Address, ...], port: int) -> tuple[str, ...]:
    """What to open in a browser; a wildcard is shown by addresses that a browser can reach."""
    if host is None:
        names = ["127.0.0.1"]
    elif addresses in (_EVERY_IPV4, _EVERY_ADDRESS):
        names = ["127.0.0.1", *_lan_addresses(addresses)]
    else:
        names = [host]
    return tuple(f"{scheme}://{_in_url(name)}:{port}" for name in names)


def _in_url(host: str) -> str:
    """RFC 3986 3.2.2: brackets around an IPv6 address; RFC 6874: its zone after an escaped percent sign."""
    return f"[{host.replace('%', '%25')}]" if ":" in host else host


def _lan_addresses(addresses: tuple[Address, ...]) -> list[str]:
    """The addresses under which the neighbours see this machine, as the routing table has them.

    Connecting a datagram socket sends nothing; the targets are documentation networks (RFC 5737, RFC 3849).
    """
    targets = {socket.AF_INET: "192.0.2.1", socket.AF_INET6: "2001:db8::1"}
    found: list[str] = []
    for address in sorted(addresses, key=lambda a: a.family):
        try:
            with socket.socket(address.family, socket.SOCK_DGRAM) as sock:
                sock.connect((targets[address.family], 9))
                name = str(sock.getsockname()[0])
        except OSError:
            continue  # no route: no neighbour can reach this machine by that family
        if name not in ("127.0.0.1", "::1", "0.0.0.0", "::"):
            found.append(name)
    return found

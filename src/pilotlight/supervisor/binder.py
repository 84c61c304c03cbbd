"""The listening sockets: bound once by the supervisor, kept open over all reloads.

Everything a client could connect to is bound and listening when `bind` returns, so the kernel's backlog holds
connections while no worker is ready. Must never accept a connection, and must never ask or explain at length:
who holds a port that is taken is judged elsewhere, and only then is it paid for.
"""

from __future__ import annotations

import errno
import os
import socket
import sys
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, replace

from pilotlight.errors import UserError
from pilotlight.settings import Settings

from . import binder_uds
from .binder_addresses import Address, addresses_of, plain_host, urls_of
from .binder_trouble import AddressInUse, classify, explain

BACKLOG = 2048
_ATTEMPTS_AT_A_FREE_PORT = 50
_PROBE_SECONDS = 0.5

__all__ = ["BACKLOG", "AddressInUse", "Bound", "bind", "is_free"]


@dataclass(frozen=True, slots=True)
class Bound:
    """Sockets that listen, and what to tell the user about them. Whoever holds this closes it, once."""

    sockets: tuple[socket.socket, ...]
    urls: tuple[str, ...]
    """Where a browser finds the server, the best first; `unix:PATH` for a UNIX socket."""
    port: int | None
    """The port that all sockets share; None for a UNIX socket."""
    notes: tuple[str, ...] = ()
    """One line each: what was left out, and why."""
    uds: binder_uds.SocketFile | None = None

    def close(self) -> None:
        """Closes the sockets and removes our socket file."""
        for sock in self.sockets:
            sock.close()
        if self.uds is not None:
            self.uds.remove()


def bind(settings: Settings) -> Bound:
    """Binds and listens on everything that the settings ask for, or on nothing.

    Raises:
        AddressInUse: another process has one of the addresses, on either family or on the wildcard.
        UserError: the address cannot be had for another reason; status 1.
    """
    path = binder_uds.path_of(settings)
    if path is not None:
        sock, file = binder_uds.listen(path, BACKLOG)
        return Bound((sock,), (f"unix:{file.path}",), None, uds=file)
    host = plain_host(settings.host)
    addresses = addresses_of(host, settings.port)
    sockets, notes = _bind_all(addresses, settings.port, host)
    port = int(sockets[0].getsockname()[1])
    scheme = "https" if settings.cert else "http"
    return Bound(sockets, urls_of(scheme, host, addresses, port), port, notes)


def is_free(settings: Settings, port: int) -> bool:
    """Whether `bind` would get this port now. Tried for real: bound, and closed again."""
    try:
        bind(replace(settings, port=port)).close()
    except UserError:
        return False
    return True


def _bind_all(
    addresses: tuple[Address, ...], port: int, host: str | None
) -> tuple[tuple[socket.socket, ...], tuple[str, ...]]:
    """All addresses on one port. With port 0 the kernel's choice for the first must suit the others too."""
    if port != 0:
        return _bind_on(addresses, port)
    for _ in range(_ATTEMPTS_AT_A_FREE_PORT):
        with suppress(AddressInUse):
            return _bind_on(addresses, 0)
    raise UserError(
        f"No port is free on every address of {host or 'localhost'}; choose one with --port.", status=1
    )


def _bind_on(addresses: tuple[Address, ...], port: int) -> tuple[tuple[socket.socket, ...], tuple[str, ...]]:
    """One round of `_bind_all`: either every address that this machine has, or none and an error."""
    sockets: list[socket.socket] = []
    missing: list[tuple[Address, OSError]] = []
    try:
        for address in addresses:
            wanted = sockets[0].getsockname()[1] if sockets and port == 0 else port
            try:
                sockets.append(_bound_socket(address, wanted))
            except OSError as error:
                if not address.optional or classify(error) not in ("not here", "no such family"):
                    raise explain(error, address.host, wanted) from None
                missing.append((address, error))
        if not sockets:
            absent, reason = missing[0]
            raise explain(reason, absent.host, port)
        for sock in sockets:
            _listen(sock)
    except BaseException:
        for sock in sockets:
            sock.close()
        raise
    return tuple(sockets), _notes(missing, sockets)


def _bound_socket(address: Address, port: int) -> socket.socket:
    """A TCP socket that is bound and does not listen yet."""
    if port and needs_probe() and answers(address, port):
        raise OSError(errno.EADDRINUSE, os.strerror(errno.EADDRINUSE))
    sock = socket.socket(address.family, socket.SOCK_STREAM)
    try:
        # The last run's connections in TIME_WAIT must not keep the port. On Windows, which alone has the
        # other option, they do not, and SO_REUSEADDR would share the port with a listener of somebody else.
        option: int = getattr(socket, "SO_EXCLUSIVEADDRUSE", socket.SO_REUSEADDR)
        sock.setsockopt(socket.SOL_SOCKET, option, 1)
        if address.family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # accepted sockets inherit it
        sock.bind(address.with_port(port))
        sock.setblocking(False)
    except BaseException:
        sock.close()
        raise
    return sock


def _listen(sock: socket.socket) -> None:
    """Linux finds out only here that another socket, bound before ours, began to listen in between."""
    try:
        sock.listen(BACKLOG)
    except OSError as error:
        host, port = sock.getsockname()[:2]
        raise explain(error, host, port) from None


def needs_probe(platform: str = sys.platform) -> bool:
    """Whether `bind` may succeed here although another process listens on the same port's wildcard address.

    BSD and macOS let a socket with SO_REUSEADDR take 127.0.0.1 from under a listener on 0.0.0.0, and the
    reverse. Linux refuses both, and so does Windows with SO_EXCLUSIVEADDRUSE.
    """
    return platform not in ("linux", "win32")


def answers(address: Address, port: int) -> bool:
    """Whether somebody accepts connections there. A wildcard is asked on its loopback address."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(address.host, address.host)
    target = replace(address, host=host).with_port(port)
    try:
        with socket.socket(address.family, socket.SOCK_STREAM) as sock:
            sock.settimeout(_PROBE_SECONDS)
            sock.connect(target)
            # The kernel can connect a socket to itself when the port is in its range for clients.
            return bool(sock.getsockname() != sock.getpeername())
    except TimeoutError:
        return True  # nobody refused it: a listener whose backlog is full
    except OSError:
        return False


def _notes(missing: Iterable[tuple[Address, OSError]], sockets: list[socket.socket]) -> tuple[str, ...]:
    """One line for each address that this machine turned out not to have."""
    rest = " and ".join(str(sock.getsockname()[0]) for sock in sockets)
    return tuple(
        (
            f"IPv6 is not available on this machine: listening on {rest} only."
            if address.host in ("::1", "::")
            else f"{address.host} is not an address of this machine: listening on {rest} only."
        )
        for address, _ in missing
    )

"""The sockets of the debug listener: loopback only, and the same port again after a restart if it can be had.

A browser keeps its token for an origin, so for a port. Must never bind another address than this machine's
own, and never one family without the other where the other's port is somebody else's: a key that is sent to
`localhost` must not reach a stranger.
"""

from __future__ import annotations

import errno
import socket
from contextlib import suppress

from pilotlight.errors import UserError

BACKLOG = 128
_ATTEMPTS = 20
_MISSING_FAMILY = (errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL, errno.EPROTONOSUPPORT)


def bind_loopback(wanted: int = 0, last: int = 0) -> tuple[socket.socket, ...]:
    """Sockets that listen on 127.0.0.1 and ::1, on one port.

    Args:
        wanted: the port that the user asks for; 0 for any.
        last: the port of the last run, tried first if none is wanted.

    Raises:
        UserError: the port that was asked for, or every port, is taken.
    """
    if wanted:
        try:
            return _bind_both(wanted)
        except OSError as error:
            raise UserError(
                f"The debug port {wanted} cannot be had: {error.strerror}. Choose another with --debug-port, "
                "or leave the option out for a free one.",
                status=1,
            ) from error
    for port in (last, *[0] * _ATTEMPTS) if last else [0] * _ATTEMPTS:
        with suppress(OSError):
            return _bind_both(port)
    raise UserError(
        "No port is free for the debugger on 127.0.0.1 and ::1; choose one with --debug-port.", status=1
    )


def port_of(sockets: tuple[socket.socket, ...]) -> int:
    """The port that they share."""
    return int(sockets[0].getsockname()[1])


def _bind_both(port: int) -> tuple[socket.socket, ...]:
    """Both families, or IPv4 alone on a machine without IPv6.

    Raises:
        OSError: the port is taken on one of them.
    """
    first = _listening(socket.AF_INET, "127.0.0.1", port)
    try:
        second = _listening(socket.AF_INET6, "::1", first.getsockname()[1])
    except OSError as error:
        if error.errno in _MISSING_FAMILY:
            return (first,)
        first.close()
        raise
    return (first, second)


def _listening(family: socket.AddressFamily, host: str, port: int) -> socket.socket:
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        option: int = getattr(socket, "SO_EXCLUSIVEADDRUSE", socket.SO_REUSEADDR)
        sock.setsockopt(socket.SOL_SOCKET, option, 1)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.bind((host, port))
        sock.setblocking(False)
        sock.listen(BACKLOG)
    except BaseException:
        sock.close()
        raise
    return sock

"""What a failed `bind` means and what to tell the user, on every platform.

Pure judgement on error codes: must never touch a socket.
"""

from __future__ import annotations

import errno
import sys
from typing import Literal

from pilotlight.errors import UserError

Trouble = Literal["in use", "not allowed", "not here", "no such family", "other"]

# The Windows Sockets numbers are spelled out: `errno` knows them only on Windows.
_TROUBLES: dict[int, Trouble] = {
    errno.EADDRINUSE: "in use",
    10048: "in use",
    errno.EACCES: "not allowed",
    errno.EPERM: "not allowed",
    10013: "not allowed",
    errno.EADDRNOTAVAIL: "not here",
    10049: "not here",
    errno.EAFNOSUPPORT: "no such family",
    errno.EPROTONOSUPPORT: "no such family",
    10047: "no such family",
}


class AddressInUse(UserError):
    """Another process has the address.

    Args:
        host: the address that could not be had, without brackets.
        port: the port that could not be had.
    """

    def __init__(self, host: str, port: int) -> None:
        super().__init__(
            f"Port {port} is already in use on {host}: stop what holds it, or choose another with --port.",
            status=1,
        )
        self.host = host
        self.port = port


def classify(error: OSError) -> Trouble:
    """What a failed `socket`, `bind` or `listen` means, on POSIX and on Windows."""
    for code in (getattr(error, "winerror", None), error.errno):
        if code in _TROUBLES:
            return _TROUBLES[code]
    return "other"


def explain(error: OSError, host: str, port: int, *, platform: str = sys.platform) -> UserError:
    """One sentence for a bind that failed, with what to do about it."""
    where = f"{host} port {port}"
    match classify(error):
        case "in use":
            return AddressInUse(host, port)
        case "not allowed" if platform == "win32":
            text = (
                f"Windows does not allow listening on {where}: the port is reserved or held exclusively "
                "(`netsh interface ipv4 show excludedportrange protocol=tcp` lists reserved ones); "
                "choose another with --port."
            )
        case "not allowed" if port < 1024:
            text = (
                f"Listening on {where} is not permitted: ports below 1024 are for the system administrator; "
                f"choose a higher one, such as --port {port + 8000}."
            )
        case "not allowed":
            text = (
                f"Listening on {where} is forbidden by this machine's security policy; choose another --port."
            )
        case "not here":
            text = (
                f"The address {host} does not belong to this machine; use --host 127.0.0.1 for this machine "
                "only, or --host 0.0.0.0 to be reachable from others."
            )
        case "no such family":
            kind = "IPv6" if ":" in host else "IPv4"
            other = "127.0.0.1" if kind == "IPv6" else "::1"
            text = f"{kind} is switched off on this machine, so {host} cannot be used; try --host {other}."
        case _:
            text = f"Listening on {where} failed: {error.strerror or error}; try another --host or --port."
    return UserError(text, status=1)

"""Ports for tests that name one. The kernel gives them to nobody by chance, so none is lost to another test's
server, or to some client, between the choice and the use."""

from __future__ import annotations

import secrets
import socket
from pathlib import Path

FIRST = 11_000
"""Some below are refused by browsers."""
RANGE = Path("/proc/sys/net/ipv4/ip_local_port_range")
"""Of ports that the kernel chooses."""


def free_port() -> int:
    """One that nobody uses on either loopback address, nor the ten above it."""
    chosen_by_kernel = int(RANGE.read_text().split()[0]) if RANGE.exists() else 32_768
    end = chosen_by_kernel if chosen_by_kernel > FIRST + 5_000 else 60_000
    while True:
        port = FIRST + secrets.randbelow(end - FIRST - 10)
        if all(map(is_free, range(port, port + 11))):
            return port


def is_free(port: int) -> bool:
    """Whether a server could listen there."""
    with socket.socket() as one, socket.socket(socket.AF_INET6) as other:
        try:
            for sock, host in ((one, "127.0.0.1"), (other, "::1")):
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                sock.bind((host, port))
        except OSError:
            return False
    return True

"""The certificate of `--cert adhoc`: one, self-signed, for this machine, kept in the user's cache directory.

It stays the same over restarts, so that a browser's exception for it, or the trust put in it, stays too. Must
never make a key that another user can read, nor a certificate that could sign others.
"""

from __future__ import annotations

import os
import re
import socket
import stat
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from pilotlight.errors import UserError

_DAY = 24 * 3600
_LIFETIME = 396 * _DAY  # with the hour below, less than the 397 days that browsers accept
_CLOCK_SKEW = 3600
_RENEW_BEFORE = 30 * _DAY
_LOCAL_NAMES = ("localhost", "*.localhost", "127.0.0.1", "::1")
_HOST_NAME = re.compile(r"(?=.{1,64}$)[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*")
_NUMERIC = re.compile(r"[0-9.]+")
_LABEL = re.compile(r"valid: ([0-9]{1,12}) to ([0-9]{1,12})\nnames: ([^\n]*)\n")


@dataclass(frozen=True, slots=True)
class AdhocCertificate:
    """A PEM file with certificate and key."""

    path: Path
    names: tuple[str, ...]
    expires: int
    """Seconds since 1970."""
    created: bool
    """Whether it was made just now."""


def cache_directory() -> Path:
    """Where the user's caches belong on this system, for us."""
    if sys.platform == "win32":
        local = os.environ.get("LOCALAPPDATA")
        return (Path(local) if local else Path.home() / "AppData" / "Local") / "pilotlight" / "Cache"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "pilotlight"
    xdg = os.environ.get("XDG_CACHE_HOME", "")  # relative ones are to be ignored (XDG Base Directory)
    return (Path(xdg) if os.path.isabs(xdg) else Path.home() / ".cache") / "pilotlight"


def certificate_names(host_name: str) -> tuple[str, ...]:
    """What the certificate is for: this machine's local names, and its host name if that can stand in one."""
    host = host_name.lower().rstrip(".")
    if host in _LOCAL_NAMES or _NUMERIC.fullmatch(host) or not _HOST_NAME.fullmatch(host):
        return _LOCAL_NAMES
    return (*_LOCAL_NAMES, host)


def adhoc_certificate(
    directory: Path | None = None, host_name: str | None = None, now: float | None = None
) -> AdhocCertificate:
    """The certificate in the cache; a new one if there is none that is ours, for these names, and valid long
    enough.

    Args:
        directory: None is the user's cache directory.
        host_name: None is this machine's.
        now: seconds since 1970; None is the clock's time.

    Raises:
        UserError: the directory cannot be written, or `cryptography` is missing.
    """
    directory = directory if directory is not None else cache_directory()
    names = certificate_names(host_name if host_name is not None else socket.gethostname())
    moment = int(now if now is not None else time.time())
    path = directory / "adhoc.pem"
    try:
        cached = _cached(path, names, moment)
        if cached is not None:
            return cached
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        with _locked(directory / "adhoc.lock"):
            cached = _cached(path, names, moment)  # another process may have been quicker
            if cached is not None:
                return cached
            expires = moment + _LIFETIME
            _write(
                path,
                _label(names, moment - _CLOCK_SKEW, expires) + _make(names, moment - _CLOCK_SKEW, expires),
            )
    except OSError as error:
        raise UserError(
            f"--cert adhoc keeps its certificate in {directory}, which failed: {error.strerror or error}. "
            "Set XDG_CACHE_HOME to a directory that can be written, or give a certificate with --cert FILE."
        ) from error
    return AdhocCertificate(path, names, expires, created=True)


def _label(names: tuple[str, ...], begins: int, expires: int) -> bytes:
    """Text before the PEM blocks, which readers of PEM skip: what is inside can be told without parsing
    X.509."""
    text = f"Self-signed certificate of Pilotlight for local development.\nvalid: {begins} to {expires}\n"
    return f"{text}names: {' '.join(names)}\n".encode("ascii")


def _cached(path: Path, names: tuple[str, ...], now: int) -> AdhocCertificate | None:
    """The cached certificate, if it can be used."""
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0))
    except FileNotFoundError:
        return None
    with open(descriptor, "rb") as file:
        if not _is_private(os.fstat(descriptor)):
            return None
        content = file.read(64 * 1024).decode("ascii", "replace")
    label = _LABEL.search(content)
    if (
        label is None
        or "-----END CERTIFICATE-----" not in content
        or "-----END PRIVATE KEY-----" not in content
    ):
        return None
    begins, expires = int(label[1]), int(label[2])
    if tuple(label[3].split(" ")) != names or not begins <= now < expires - _RENEW_BEFORE:
        return None
    return AdhocCertificate(path, names, expires, created=False)


def _is_private(status: os.stat_result) -> bool:
    """Whether nobody else can have read or written the key. Windows keeps the cache directory private by
    itself."""
    if sys.platform == "win32":
        return True
    return stat.S_ISREG(status.st_mode) and status.st_uid == os.getuid() and not status.st_mode & 0o077


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """One process at a time makes a certificate. Where there is no `flock`, the last one wins."""
    if sys.platform == "win32":
        yield
        return
    import fcntl

    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _write(path: Path, content: bytes) -> None:
    """Replaces the file as a whole; nobody sees a part of it. (`mkstemp` creates with mode 0600.)"""
    descriptor, temporary = tempfile.mkstemp(prefix="adhoc-", suffix=".new", dir=path.parent)
    try:
        with open(descriptor, "wb") as file:
            file.write(content)
        os.replace(temporary, path)
    except BaseException:
        with suppress(FileNotFoundError):
            os.unlink(temporary)
        raise


def _make(names: tuple[str, ...], begins: int, expires: int) -> bytes:
    """Key and certificate in PEM: EC P-256, for servers only, not for signing others (RFC 5280 4.2)."""
    try:
        from cryptography import x509
        from cryptography.hazmat.primitives import hashes, serialization
        from cryptography.hazmat.primitives.asymmetric import ec
        from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
    except ImportError as error:
        raise UserError(
            "--cert adhoc needs the package 'cryptography'; install it with: pip install 'pilotlight[tls]'"
        ) from error
    import datetime
    import ipaddress

    def moment(seconds: int) -> datetime.datetime:
        return datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc)

    def general_name(name: str) -> x509.GeneralName:
        try:
            return x509.IPAddress(ipaddress.ip_address(name))
        except ValueError:
            return x509.DNSName(name)

    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Pilotlight development server"),
            x509.NameAttribute(NameOID.COMMON_NAME, "localhost"),
        ]
    )
    usage = x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=False,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )
    identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    certificate = (
        x509.CertificateBuilder(issuer_name=subject, subject_name=subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(moment(begins))
        .not_valid_after(moment(expires))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName([general_name(name) for name in names]), critical=False)
        .add_extension(identifier, critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier), critical=False
        )
        .sign(key, hashes.SHA256())
    )
    return certificate.public_bytes(serialization.Encoding.PEM) + key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )

"""TLS: the context that `--cert` and `--key` ask for. Connections are accepted by
`tls_listener`.

Must never ask the user for anything (a key's passphrase), and never show a traceback for a wrong option.
"""

from __future__ import annotations

import importlib
import re
import ssl
from collections.abc import Callable
from pathlib import Path

from pilotlight.errors import UserError
from pilotlight.server.certificates import adhoc_certificate

_IMPORT_NAME = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*(:[^\W\d]\w*(\.[^\W\d]\w*)*)?")
_FILE_NAME = re.compile(r".*([/\\]|\.(pem|crt|cer|cert|key|der|p12|pfx)$)", re.IGNORECASE | re.DOTALL)
_CERTIFICATE = re.compile(rb"-----BEGIN (X509 |TRUSTED )?CERTIFICATE-----")
_KEY = re.compile(rb"-----BEGIN ([A-Z0-9]+ )*PRIVATE KEY-----")
_ENCRYPTED_KEY = re.compile(rb"-----BEGIN ENCRYPTED PRIVATE KEY-----|^Proc-Type: 4,ENCRYPTED", re.MULTILINE)


def load_context(
    cert: str, key: str | None, cache_dir: Path | None = None, notice: Callable[[str], None] | None = None
) -> ssl.SSLContext:
    """The server's TLS context.

    Args:
        cert: the value of `--cert`: `adhoc`, a PEM file, or the import name of an `ssl.SSLContext`.
        key: the value of `--key`: a PEM file; None when the certificate's file has the key too.
        cache_dir: where `adhoc` keeps its certificate; None is the user's cache directory.
        notice: is told in one line where the certificate of `adhoc` lies.

    Raises:
        UserError: with one sentence that names the option.
    """
    if cert == "adhoc":
        if key is not None:
            raise UserError(
                "--key belongs to a certificate file, but --cert is 'adhoc', which has its own key."
            )
        return _adhoc_context(cache_dir, notice)
    if Path(cert).exists() or _FILE_NAME.match(cert) or not _IMPORT_NAME.fullmatch(cert):
        return _file_context(cert, key)
    if key is not None:
        raise UserError(
            f"--key belongs to a certificate file, but --cert is {cert!r}, and there is no file of that name."
        )
    return _imported_context(cert)


def _new_context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    return context


def _adhoc_context(cache_dir: Path | None, notice: Callable[[str], None] | None) -> ssl.SSLContext:
    certificate = adhoc_certificate(cache_dir)
    context = _new_context()
    try:
        context.load_cert_chain(certificate.path)
    except ssl.SSLError:  # damaged behind its label
        certificate.path.unlink()
        certificate = adhoc_certificate(cache_dir)
        context.load_cert_chain(certificate.path)
    if notice is not None:
        verb = "Made" if certificate.created else "Using"
        notice(
            f"{verb} a self-signed certificate, {certificate.path}. "
            "A browser warns of it once; trust that file and it will not."
        )
    return context


def _file_context(cert: str, key: str | None) -> ssl.SSLContext:
    certificate = _read(cert, "--cert")
    if not _CERTIFICATE.search(certificate):
        raise UserError(f"--cert: {cert} holds no certificate in PEM format (-----BEGIN CERTIFICATE-----).")
    option, file = ("--cert", cert) if key is None else ("--key", key)
    private = certificate if key is None else _read(key, "--key")
    if not _KEY.search(private):
        advice = "give its key with --key FILE" if key is None else "it needs -----BEGIN PRIVATE KEY-----"
        raise UserError(f"{option}: {file} holds no private key in PEM format; {advice}.")
    if _ENCRYPTED_KEY.search(private):
        raise UserError(
            f"{option}: the private key in {file} is encrypted; "
            f"write a plain one with: openssl pkey -in {file} -out plain.key"
        )
    context = _new_context()
    try:
        context.load_cert_chain(cert, key, password=_no_passphrase)
    except ssl.SSLError as error:
        if error.reason == "KEY_VALUES_MISMATCH":
            raise UserError(
                f"{option}: the private key in {file} does not belong to the certificate in {cert}."
            ) from error
        pair = cert if key is None else f"{cert} with the key in {key}"
        raise UserError(f"--cert: {pair} cannot be used: {error.reason or error}.") from error
    return context


def _no_passphrase() -> str:
    """OpenSSL would ask on the terminal; an empty passphrase fails instead."""
    return ""


def _read(file: str, option: str) -> bytes:
    try:
        with open(file, "rb") as opened:
            return opened.read(1024 * 1024)
    except FileNotFoundError as error:
        raise UserError(f"{option}: there is no file {file}.") from error
    except OSError as error:
        raise UserError(f"{option}: {file} cannot be read: {error.strerror}.") from error


def _imported_context(name: str) -> ssl.SSLContext:
    """`module:attribute` or, as in Flask, `module.attribute`."""
    module_name, colon, attribute = name.partition(":")
    if not colon:
        module_name, _, attribute = name.rpartition(".")
    if not module_name:
        raise UserError(
            f"--cert: there is no file {name}, and it is neither 'adhoc' nor like 'module:context'."
        )
    try:
        found: object = importlib.import_module(module_name)
    except Exception as error:
        if isinstance(error, ModuleNotFoundError) and (module_name + ".").startswith(f"{error.name}."):
            raise UserError(
                f"--cert: {name} is neither a file nor in a module that can be imported."
            ) from error
        raise UserError(f"--cert: importing {module_name} failed: {type(error).__name__}: {error}") from error
    for part in attribute.split("."):
        if not hasattr(found, part):
            raise UserError(f"--cert: the module {module_name} has no {attribute}.")
        found = getattr(found, part)
    if not isinstance(found, ssl.SSLContext):
        raise UserError(f"--cert: {name} is not an ssl.SSLContext but of type {type(found).__name__}.")
    return found

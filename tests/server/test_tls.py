"""What `--cert` and `--key` may be, and the sentence for each thing that can be wrong with them."""

from __future__ import annotations

import ssl
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import trustme
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from pilotlight.errors import UserError
from pilotlight.server.tls import load_context


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """A directory with certificates and keys, good and bad."""
    authority = trustme.CA()
    for name in ("a", "b"):
        leaf = authority.issue_cert("localhost")
        leaf.private_key_pem.write_to_path(tmp_path / f"{name}.key")
        leaf.cert_chain_pems[0].write_to_path(tmp_path / f"{name}.pem")
        leaf.private_key_and_cert_chain_pem.write_to_path(tmp_path / f"{name}.both")
    encrypted = serialization.BestAvailableEncryption(b"secret")
    key = ec.generate_private_key(ec.SECP256R1())
    for name, form in (
        ("pkcs8", serialization.PrivateFormat.PKCS8),
        ("old", serialization.PrivateFormat.TraditionalOpenSSL),
    ):
        (tmp_path / f"{name}.key").write_bytes(key.private_bytes(serialization.Encoding.PEM, form, encrypted))
    (tmp_path / "garbage.pem").write_bytes(b"\x00\xff not PEM")
    (tmp_path / "torn.pem").write_text("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
    return tmp_path


def test_a_certificate_and_its_key(files: Path) -> None:
    context = load_context(str(files / "a.pem"), str(files / "a.key"))
    assert context.protocol == ssl.PROTOCOL_TLS_SERVER
    assert context.minimum_version == ssl.TLSVersion.TLSv1_2


def test_both_in_one_file(files: Path) -> None:
    assert isinstance(load_context(str(files / "a.both"), None), ssl.SSLContext)


@pytest.mark.parametrize(
    ("cert", "key", "sentence"),
    [
        ("missing.pem", None, r"--cert: there is no file .*missing\.pem\."),
        ("a.pem", "missing.key", r"--key: there is no file .*missing\.key\."),
        (".", None, r"--cert: .* cannot be read: Is a directory\."),
        ("garbage.pem", None, r"--cert: .*garbage\.pem holds no certificate in PEM format"),
        ("a.key", "a.key", r"--cert: .*a\.key holds no certificate"),
        ("a.pem", "a.pem", r"--key: .*a\.pem holds no private key"),
        (
            "a.pem",
            None,
            r"--cert: .*a\.pem holds no private key in PEM format; give its key with --key FILE\.",
        ),
        (
            "a.pem",
            "b.key",
            r"--key: the private key in .*b\.key does not belong to the certificate in .*a\.pem\.",
        ),
        ("a.pem", "pkcs8.key", r"--key: the private key in .*pkcs8\.key is encrypted"),
        ("a.pem", "old.key", r"--key: the private key in .*old\.key is encrypted"),
        ("torn.pem", "a.key", r"--cert: .*torn\.pem with the key in .*a\.key cannot be used"),
    ],
)
def test_files_that_do_not_do(files: Path, cert: str, key: str | None, sentence: str) -> None:
    with pytest.raises(UserError, match=sentence) as caught:
        load_context(str(files / cert), str(files / key) if key else None)
    assert "\n" not in caught.value.message


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Writes the source of a module `certs_of_mine`."""
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "certs_of_mine", raising=False)

    def write(source: str) -> None:
        (tmp_path / "certs_of_mine.py").write_text(source)

    return write


@pytest.mark.parametrize(
    "name", ["certs_of_mine:holder.context", "certs_of_mine:context", "certs_of_mine.context"]
)
def test_a_context_by_import_name(module: Callable[[str], None], name: str) -> None:
    module("import ssl\ncontext = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)\nclass holder: context = context\n")
    assert load_context(name, None) is sys.modules["certs_of_mine"].context


@pytest.mark.parametrize(
    ("source", "name", "sentence"),
    [
        ("", "no_such_module_here:context", "is neither a file nor in a module that can be imported"),
        ("", "no_such_package_here.context", "is neither a file nor in a module that can be imported"),
        ("", "nothing", "there is no file nothing, and it is neither 'adhoc' nor like 'module:context'"),
        ("", "certs_of_mine:context", "the module certs_of_mine has no context"),
        ("context = 1", "certs_of_mine:context", r"is not an ssl\.SSLContext but of type int"),
        ("1 / 0", "certs_of_mine:context", "importing certs_of_mine failed: ZeroDivisionError"),
        (
            "import gone_module",
            "certs_of_mine:context",
            "importing certs_of_mine failed: ModuleNotFoundError",
        ),
    ],
)
def test_import_names_that_do_not_do(
    module: Callable[[str], None], source: str, name: str, sentence: str
) -> None:
    module(source)
    with pytest.raises(UserError, match=sentence) as caught:
        load_context(name, None)
    assert caught.value.message.startswith("--cert: ")


def test_a_key_belongs_to_a_file(files: Path) -> None:
    for cert in ("adhoc", "module:context"):
        with pytest.raises(UserError, match="--key belongs to a certificate file"):
            load_context(cert, str(files / "a.key"), files)


def test_adhoc_says_where_it_lies(tmp_path: Path) -> None:
    told: list[str] = []
    for verb in ("Made", "Using"):
        load_context("adhoc", None, tmp_path, told.append)
        assert told.pop().startswith(f"{verb} a self-signed certificate, {tmp_path / 'adhoc.pem'}. ")


def test_an_adhoc_file_that_is_damaged_inside_is_replaced(tmp_path: Path) -> None:
    load_context("adhoc", None, tmp_path)
    path = tmp_path / "adhoc.pem"
    lines = path.read_text().split("\n")
    path.write_text("\n".join(line for number, line in enumerate(lines) if number not in (5, 6)))
    told: list[str] = []
    load_context("adhoc", None, tmp_path, told.append)
    assert told[0].startswith("Made")

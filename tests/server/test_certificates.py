"""The self-signed certificate: what is in it, that it stays, and that it is renewed when it must be."""

from __future__ import annotations

import os
import ssl
import stat
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID

from pilotlight.errors import UserError
from pilotlight.server.certificates import adhoc_certificate, cache_directory, certificate_names

DAY = 24 * 3600


def test_what_is_in_it(tmp_path: Path) -> None:
    now = time.time()
    made = adhoc_certificate(tmp_path / "new" / "cache", "MyBox.example.", now)
    assert made.created
    certificate = x509.load_pem_x509_certificate(made.path.read_bytes())
    assert isinstance(certificate.public_key(), ec.EllipticCurvePublicKey)
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["localhost", "*.localhost", "mybox.example"]
    assert [str(ip) for ip in names.get_values_for_type(x509.IPAddress)] == ["127.0.0.1", "::1"]
    basic = certificate.extensions.get_extension_for_class(x509.BasicConstraints)
    assert basic.critical
    assert basic.value.ca is False
    usage = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(usage) == [ExtendedKeyUsageOID.SERVER_AUTH]
    lifetime = certificate.not_valid_after_utc - certificate.not_valid_before_utc
    assert lifetime.total_seconds() <= 397 * DAY
    assert certificate.not_valid_before_utc.timestamp() < now
    certificate.verify_directly_issued_by(certificate)


def test_nobody_else_can_read_it_and_nothing_else_is_left(tmp_path: Path) -> None:
    made = adhoc_certificate(tmp_path / "cache", "box")
    assert stat.S_IMODE(made.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(made.path.parent.stat().st_mode) == 0o700
    assert sorted(os.listdir(made.path.parent)) == ["adhoc.lock", "adhoc.pem"]


def test_it_stays_the_same(tmp_path: Path) -> None:
    first = adhoc_certificate(tmp_path, "box")
    content = first.path.read_bytes()
    second = adhoc_certificate(tmp_path, "box", time.time() + 300 * DAY)
    assert not second.created
    assert (second.path, second.names, second.expires) == (first.path, first.names, first.expires)
    assert second.path.read_bytes() == content


def test_using_it_again_needs_no_cryptography(tmp_path: Path) -> None:
    adhoc_certificate(tmp_path, "box")
    code = (
        "import sys; sys.modules['cryptography'] = None\n"
        "from pathlib import Path; from pilotlight.server.certificates import adhoc_certificate\n"
        "assert not adhoc_certificate(Path(sys.argv[1]), 'box').created"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True, timeout=60)


@pytest.mark.parametrize(
    ("host", "later"),
    [("other", 0), ("box", 367 * DAY), ("box", 1000 * DAY), ("box", -2 * DAY)],
)
def test_it_is_renewed_for_another_host_near_its_end_or_when_the_clock_went_back(
    tmp_path: Path, host: str, later: int
) -> None:
    before = adhoc_certificate(tmp_path, "box").path.read_bytes()
    after = adhoc_certificate(tmp_path, host, time.time() + later)
    assert after.created
    assert after.path.read_bytes() != before


@pytest.mark.parametrize("damage", ["empty", "cut", "readable", "label"])
def test_it_is_made_anew_when_it_cannot_be_trusted(tmp_path: Path, damage: str) -> None:
    path = adhoc_certificate(tmp_path, "box").path
    content = path.read_text()
    if damage == "readable":
        path.chmod(0o644)
    else:
        path.write_text({"empty": "", "cut": content[:600], "label": content.replace("valid:", "x:")}[damage])
    made = adhoc_certificate(tmp_path, "box")
    assert made.created
    assert stat.S_IMODE(made.path.stat().st_mode) == 0o600
    assert not adhoc_certificate(tmp_path, "box").created


def test_many_processes_at_once_agree(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from pilotlight.server.certificates import adhoc_certificate\n"
        "sys.stdin.readline()\n"
        "made = adhoc_certificate(Path(sys.argv[1]), 'box')\n"
        "print(made.created, hash(made.path.read_bytes()))"
    )
    environment = {**os.environ, "PYTHONHASHSEED": "0"}
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", code, str(tmp_path / "cache")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
        )
        for _ in range(4)
    ]
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    answers = [process.communicate(timeout=60)[0].split() for process in processes]
    assert sorted(created for created, _ in answers) == ["False", "False", "False", "True"]
    assert len({content for _, content in answers}) == 1


def test_a_strict_client_that_trusts_it_is_content(tmp_path: Path) -> None:
    made = adhoc_certificate(tmp_path, "mybox")
    server_context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server_context.load_cert_chain(made.path)
    client_context = ssl.create_default_context(cafile=str(made.path))
    client_context.verify_flags |= ssl.VERIFY_X509_STRICT
    for name in ("localhost", "127.0.0.1", "::1", "mybox"):
        assert shake_hands(client_context, server_context, name) == "done"
    with pytest.raises(ssl.SSLCertVerificationError):
        shake_hands(client_context, server_context, "example.com")


def shake_hands(client_context: ssl.SSLContext, server_context: ssl.SSLContext, name: str) -> str:
    """A handshake in memory."""
    to_client, to_server = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = client_context.wrap_bio(to_client, to_server, server_hostname=name)
    server = server_context.wrap_bio(to_server, to_client, server_side=True)
    waiting = [client, server]
    for _ in range(10):
        for side in list(waiting):
            with suppress(ssl.SSLWantReadError):
                side.do_handshake()
                waiting.remove(side)
    return "stuck" if waiting else "done"


@pytest.mark.parametrize(
    ("host", "added"),
    [
        ("box", "box"),
        ("Box.Local.", "box.local"),
        ("localhost", None),
        ("", None),
        ("my_box", None),
        ("böx", None),
        ("-box", None),
        ("192.168.0.7", None),
        ("a\nb", None),
        ("a" * 65, None),
    ],
)
def test_names(host: str, added: str | None) -> None:
    names = certificate_names(host)
    assert names == ("localhost", "*.localhost", "127.0.0.1", "::1", *([added] if added else []))


def test_the_cache_directory(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_directory() == tmp_path / "pilotlight"
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache_directory() == tmp_path / ".cache" / "pilotlight"


def test_a_directory_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match=r"--cert adhoc .* failed: Not a directory"):
        adhoc_certificate(tmp_path / "file" / "cache", "box")


def test_without_cryptography(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "cryptography", None)
    with pytest.raises(UserError, match=r"pip install 'pilotlight\[tls\]'"):
        adhoc_certificate(tmp_path, "box")
    assert not (tmp_path / "adhoc.pem").exists()

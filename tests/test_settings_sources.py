from __future__ import annotations

import os
from pathlib import Path

import pytest

from pilotlight.errors import UserError
from pilotlight.settings.resolve import Resolved
from pilotlight.settings.sources import (
    from_call,
    from_command_line,
    read_environment_files,
    without_files,
)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty directory that the command is started in, under an environment without variables of ours."""
    directory = tmp_path / "project"
    directory.mkdir()
    monkeypatch.chdir(directory)
    for name in list(os.environ):
        if name.startswith(("PILOTLIGHT_", "FLASK_")):
            monkeypatch.delenv(name)
    return directory


def resolved_from(typed: dict | None = None, real: dict | None = None) -> Resolved:
    return from_command_line(typed or {}, real or {})


def message_from(typed: dict | None = None, real: dict | None = None) -> str:
    with pytest.raises(UserError) as caught:
        resolved_from(typed, real)
    assert caught.value.status == 2
    return caught.value.message


def test_env_wins_over_flaskenv_and_the_real_environment_over_both(project: Path) -> None:
    (project / ".flaskenv").write_text("A=flaskenv\nB=flaskenv\nC=flaskenv\nFLASK_RUN_PORT=7001\n")
    (project / ".env").write_text("B=env\nC=env\nEMPTY\n")
    resolved = resolved_from(real={"C": "real"})
    assert resolved.settings.environment == (("A", "flaskenv"), ("B", "env"), ("FLASK_RUN_PORT", "7001"))
    assert resolved.settings.port == 7001
    assert resolved.notes == ("Environment variables read from .env and .flaskenv.",)
    assert resolved.settings.environment_files == (str(project / ".flaskenv"), str(project / ".env"))
    assert Path.cwd() == project
    assert "A" not in os.environ


def test_env_file_wins_over_the_default_files(project: Path) -> None:
    (project / ".env").write_text("A=env\nB=env\n")
    (project / "other").write_text("A=other\n")
    settings = resolved_from({"env_file": "other"}).settings
    assert dict(settings.environment) == {"A": "other", "B": "env"}
    assert settings.env_file == str(project / "other")
    skipping = resolved_from(real={"FLASK_ENV_FILE": "other", "FLASK_SKIP_DOTENV": "1"}).settings
    assert dict(skipping.environment) == {"A": "other"}


def test_files_are_found_upwards(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (project / ".env").write_text("A=1\n")
    (project / "pyproject.toml").write_text("[tool.pilotlight]\nport = 6001\napp = 'hello:app'\n")
    below = project / "a" / "b"
    below.mkdir(parents=True)
    monkeypatch.chdir(below)
    resolved = resolved_from()
    assert dict(resolved.settings.environment) == {"A": "1"}
    assert resolved.notes == ("Environment variables read from ../../.env.",)
    assert resolved.settings.port == 6001
    assert resolved.settings.app_dir == str(project)


@pytest.mark.parametrize(
    ("value", "skipped"), [("1", True), ("true", True), ("0", False), ("no", False), ("", False)]
)
def test_skip_dotenv_is_read_as_flask_reads_it(project: Path, value: str, skipped: bool) -> None:
    (project / ".env").write_text("A=1\n")
    assert (resolved_from(real={"FLASK_SKIP_DOTENV": value}).settings.environment == ()) == skipped


def test_lines_that_are_not_understood_are_warned_of(
    project: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (project / ".env").write_text("A=1\nthis is no line\n")
    resolved = resolved_from()
    assert resolved.warnings == (".env, line 2: not understood (expected NAME=value), so it has no effect.",)
    assert dict(resolved.settings.environment) == {"A": "1"}
    assert capfd.readouterr() == ("", "")


def test_missing_and_wrong_files(project: Path) -> None:
    (project / "directory").mkdir()
    (project / "cert.pem").write_text("-----BEGIN CERTIFICATE-----\n")
    assert message_from({"env_file": "nowhere"}) == "--env-file: there is no file nowhere."
    assert message_from(real={"FLASK_ENV_FILE": "nowhere"}).startswith("FLASK_ENV_FILE: there is no file")
    assert message_from({"env_file": "directory"}).startswith("--env-file: directory is a directory")
    assert message_from({"extra_files": ["nowhere"]}) == "--extra-files: there is no file nowhere."
    assert message_from({"app_dir": "nowhere"}) == "--app-dir: there is no directory nowhere."
    assert message_from({"cert": "nowhere.pem"}).startswith(
        "--cert: there is no file nowhere.pem (it may also"
    )
    assert message_from({"cert": "cert.pem"}) == (
        "--cert: cert.pem contains no private key: give its file with --key."
    )
    assert message_from({"cert": "cert.pem", "key": "nowhere"}) == "--key: there is no file nowhere."


def test_a_certificate_file_with_its_key_needs_no_other(project: Path) -> None:
    (project / "both.pem").write_text("-----BEGIN PRIVATE KEY-----\n-----BEGIN CERTIFICATE-----\n")
    settings = resolved_from({"cert": "both.pem"}).settings
    assert settings.cert == str(project / "both.pem")


def test_environment_file_in_another_encoding(project: Path) -> None:
    (project / ".env").write_bytes(b"A=\xff\xfe\n")
    assert message_from() == ".env is not UTF-8, so no environment variables can be read from it."


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"[tool.pilotlight]\nport = = 3\n", r"pyproject.toml is not valid TOML:"),
        (b"[tool.pilotlight]\nx='\xff'\n", "pyproject.toml, line 2: not UTF-8"),
        (b"[tool.pilotlight]\nprot = 3\n", "pyproject.toml [tool.pilotlight] has an unknown key 'prot'."),
        (b"[tool]\npilotlight = 3\n", "pyproject.toml [tool.pilotlight] must be a table"),
        (
            b"[tool.pilotlight]\nextra-files=['x']\n",
            "pyproject.toml [tool.pilotlight] extra-files: there is no",
        ),
        (
            b"[tool.pilotlight]\nenv-file='x'\n",
            "pyproject.toml [tool.pilotlight] env-file: there is no file x",
        ),
    ],
)
def test_mistakes_in_pyproject_name_the_file(project: Path, content: bytes, expected: str) -> None:
    (project / "pyproject.toml").write_bytes(content)
    message = message_from()
    assert expected in message
    assert "\n" not in message
    if "valid TOML" in expected:
        assert "line 2" in message


def test_a_pyproject_that_does_not_speak_of_us_is_left_alone(project: Path) -> None:
    (project / "pyproject.toml").write_bytes(b"this is = = broken")
    assert resolved_from().settings.port == 5000


def test_pyproject_may_name_the_environment_file(project: Path) -> None:
    (project / "pyproject.toml").write_text("[tool.pilotlight]\nenv-file = 'local.env'\n")
    (project / "local.env").write_text("A=1\n")
    assert dict(resolved_from().settings.environment) == {"A": "1"}


def test_app_dir_leads_to_pyproject(project: Path) -> None:
    (project / "inner").mkdir()
    (project / "inner" / "pyproject.toml").write_text("[tool.pilotlight]\nport = 6002\n")
    assert resolved_from({"app_dir": "inner"}).settings.port == 6002
    assert resolved_from().settings.port == 5000


def test_a_call_reads_the_same_sources(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PILOTLIGHT_PORT", "6003")
    monkeypatch.setenv("FLASK_RUN_HOST", "::1")
    settings = from_call(port=6004, debug=True).settings
    assert (settings.port, settings.host, settings.reload) == (6004, "::1", True)
    assert from_call().settings.port == 6003


def test_what_flask_has_added_is_told_apart(project: Path) -> None:
    (project / ".env").write_text("A=1\nB=2\n")
    files = read_environment_files(str(project), None, defaults=True)
    assert without_files({"A": "1", "B": "own", "C": "3"}, files) == {"B": "own", "C": "3"}

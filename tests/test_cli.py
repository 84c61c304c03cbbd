from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from pilotlight import __version__, launch
from pilotlight.cli import Module, Script, main, script_of
from pilotlight.errors import UserError
from pilotlight.launch.early import EarlyWorker
from pilotlight.settings import Settings


@dataclass
class Started:
    """What the command line asked the launcher for."""

    settings: list[Settings] = field(default_factory=list)
    scripts: list[tuple[str, str, tuple[str, ...]]] = field(default_factory=list)


@pytest.fixture
def started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Started:
    """An empty current directory, and a launcher that only notes what it should start."""
    result = Started()
    monkeypatch.chdir(tmp_path)

    def start(settings: Settings, early: EarlyWorker | None) -> int:
        result.settings.append(settings)
        return 0

    def run(kind: str, name: str, arguments: tuple[str, ...]) -> int:
        result.scripts.append((kind, name, tuple(arguments)))
        return 3

    monkeypatch.setattr(launch, "start", start)
    monkeypatch.setattr(launch, "run_script", lambda path, arguments: run("file", path, arguments))
    monkeypatch.setattr(launch, "run_module", lambda name, arguments: run("module", name, arguments))
    return result


def status_of(*words: str) -> int:
    with pytest.raises(SystemExit) as caught:
        main(words)
    assert isinstance(caught.value.code, int)
    return caught.value.code


DEBUG = Settings(app="hello", debug=True, reload=True, debugger=True, port=8000)


@pytest.mark.parametrize(
    "words",
    [
        "--app hello run --debug -p 8000",
        "run --app hello --debug --port 8000",
        "run hello --debug --port=8000",
        "-A hello --debug -p8000 run",
        "--debug run -p 8000 hello",
        "hello --debug --port 8000",
        "--debug -p 8000 hello",
        "--port 1 --app hello run --debug -p 8000",
        "--no-debug run --app hello hello --debug -p 8000",
        "--app hello --debug --port 8000",
    ],
)
def test_options_stand_before_or_after_run(started: Started, words: str) -> None:
    assert status_of(*words.split()) == 0
    assert started.settings == [DEBUG]


def test_every_option_reaches_the_settings(started: Started, tmp_path: Path) -> None:
    for name in ("a.toml", "b.toml", "c.toml", "c.pem", "k.pem", "x.env"):
        (tmp_path / name).write_text("")
    (tmp_path / "src").mkdir()
    words = (
        "run hello:app --host 0.0.0.0 --port 0 --cert c.pem --key k.pem --no-reload --debugger "
        f"--without-threads --extra-files a.toml{os.pathsep}b.toml --extra-files c.toml --open --quiet "
        "--exclude-patterns *.log --app-dir src -e x.env --on-reload-error exit"
    )
    assert status_of(*words.split()) == 0
    assert started.settings == [
        Settings(
            app="hello:app",
            app_dir=str(tmp_path / "src"),
            debugger=True,
            host="0.0.0.0",
            port=0,
            cert=str(tmp_path / "c.pem"),
            key=str(tmp_path / "k.pem"),
            threads=False,
            extra_files=tuple(str(tmp_path / f"{name}.toml") for name in "abc"),
            exclude_patterns=("*.log",),
            env_file=str(tmp_path / "x.env"),
            open_browser=True,
            quiet=True,
            on_reload_error="exit",
            environment_files=(str(tmp_path / "x.env"),),
        )
    ]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("run --port 99999", "--port is 99999"),
        ("run --port", "--port"),
        ("run --prot 1", "--prot"),
        ("run --key k.pem", "--key needs a certificate"),
        ("run --extra-files nowhere", "--extra-files: there is no file nowhere."),
        ("run -e nowhere", "--env-file: there is no file nowhere."),
        ("run --host http://localhost", "--host is 'http://localhost'"),
        ("run --uds x --port 1", "--uds and --port do not go together"),
        ("--app one run two", "named twice, as 'one' and as 'two'"),
        ("--app one run --app two", "named twice"),
        ("run one two", "one app can be served, but 'one' and 'two' were given"),
        ("serve hello", "the commands are `run` and `unlock`"),
        ("-h", "-h is short for --host and needs an address; for help there is --help."),
        ("run --debug -h", "for help there is --help."),
        ("nowhere.py", "There is no file nowhere.py."),
        ("--debug hello.py", "pilotlight run hello.py"),
        ("-m", "-m needs the name"),
    ],
)
def test_mistakes_are_one_sentence_and_status_2(
    started: Started, capfd: pytest.CaptureFixture[str], words: str, expected: str
) -> None:
    assert status_of(*words.split()) == 2
    out, err = capfd.readouterr()
    assert out == ""
    assert err.startswith("Error: ")
    assert expected in err
    assert err.count("\n") == 1
    assert not started.settings


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["hello.py", "--port", "1"], Script("hello.py", ("--port", "1"))),
        (["dir/hello.py"], Script("dir/hello.py", ())),
        (["-m", "pkg.sub", "-m", "x"], Module("pkg.sub", ("-m", "x"))),
        (["-mpkg", "x"], Module("pkg", ("x",))),
        (["run", "hello.py"], None),
        (["hello.py:app"], None),
        (["hello"], None),
        (["--debug", "hello.py"], None),
        ([], None),
    ],
)
def test_what_is_a_script(words: list[str], expected: Script | Module | None) -> None:
    assert script_of(words) == expected


def test_scripts_are_run_with_their_arguments(started: Started, tmp_path: Path) -> None:
    (tmp_path / "hello.py").write_text("")
    assert status_of("hello.py", "--debug", "-p", "1") == 3
    assert status_of("-m", "pkg", "--help") == 3
    assert started.scripts == [("file", "hello.py", ("--debug", "-p", "1")), ("module", "pkg", ("--help",))]


def test_an_error_of_the_launcher_is_shown_with_its_status(
    started: Started, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def fail(settings: Settings, early: EarlyWorker | None) -> int:
        raise UserError("Port 5000 is taken.", status=1)

    monkeypatch.setattr(launch, "start", fail)
    assert status_of("run") == 1
    assert capfd.readouterr() == ("", "Error: Port 5000 is taken.\n")


def test_which_files_were_read_is_one_line(
    started: Started, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / ".env").write_text("PILOTLIGHT_PORT=7777\nPILOTLIGHT_PROT=1\n")
    assert status_of("run") == 0
    assert started.settings[0].port == 7777
    assert capfd.readouterr().err.splitlines() == [
        "Warning: PILOTLIGHT_PROT is not an option, so it has no effect. Did you mean PILOTLIGHT_PORT?",
        "Environment variables read from .env.",
    ]
    assert status_of("run", "--quiet") == 0
    assert capfd.readouterr().err.count("\n") == 1


def pilotlight(*words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "pilotlight", *words], cwd=cwd, capture_output=True, text=True, timeout=30
    )


def test_help_shows_the_basics_first(tmp_path: Path) -> None:
    result = pilotlight("run", "--help", cwd=tmp_path)
    assert result.returncode == 0
    assert result.stderr == ""
    positions = [
        result.stdout.index(text)
        for text in ("pilotlight run hello.py --debug", "--app", "--debug", "--port", "--host", "--open")
    ]
    assert positions[0] < positions[1]
    assert max(positions) < result.stdout.index("More options") < result.stdout.index("--cert")
    assert all(len(line) <= 80 for line in result.stdout.splitlines())


def test_no_command_at_all_shows_a_short_help(tmp_path: Path) -> None:
    for words in ([], ["--help"]):
        result = pilotlight(*words, cwd=tmp_path)
        assert (result.returncode, result.stderr) == (0, "")
        assert "pilotlight run --help" in result.stdout
        assert len(result.stdout.splitlines()) < 20


def test_version_names_pilotlight_python_and_the_framework(tmp_path: Path) -> None:
    result = pilotlight("--version", cwd=tmp_path)
    assert (result.returncode, result.stderr) == (0, "")
    assert f"Pilotlight {__version__}\n" in result.stdout
    assert f"Python {sys.version_info.major}.{sys.version_info.minor}." in result.stdout
    assert "\nFlask " in result.stdout


@pytest.mark.parametrize("words", [["--version"], ["run", "--help"], []])
def test_help_that_nobody_reads_to_its_end_is_no_error(tmp_path: Path, words: list[str]) -> None:
    """As in `pilotlight run --help | head -1`."""
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "wb") as pipe:
        result = subprocess.run(
            [sys.executable, "-m", "pilotlight", *words],
            cwd=tmp_path,
            stdout=pipe,
            stderr=subprocess.PIPE,
            text=True,
            timeout=30,
        )
    assert (result.returncode, result.stderr) == (1, "")


def test_a_wrong_option_ends_the_real_command_with_status_2(tmp_path: Path) -> None:
    result = pilotlight("run", "--port", "99999", cwd=tmp_path)
    assert (result.returncode, result.stdout) == (2, "")
    assert (
        result.stderr
        == "Error: --port is 99999, but a port is a number from 0 to 65535 (0 takes a free one).\n"
    )


def test_the_command_imports_nothing_heavy(tmp_path: Path) -> None:
    program = (
        "import sys, pilotlight.cli, pilotlight.command, pilotlight.settings.sources as sources\n"
        "sources.from_command_line({}, {})\n"
        "heavy = {'asyncio', 'ssl', 'logging', 'dotenv', 'tomllib', 'importlib.metadata', 'flask', 'email'}\n"
        "sys.exit(' '.join(heavy & set(sys.modules)) or 0)"
    )
    result = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, timeout=30
    )
    assert (result.returncode, result.stderr) == (0, "")

"""Fixtures for the tests that drive the real command."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

import pytest
from harness import Serve, ServerProcess, pilotlight


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home directory for the servers, so that caches and tokens of tests never mix with the developer's."""
    return tmp_path_factory.mktemp("home")


WITH_BOTH_ENGINES = frozenset(
    {"test_reloading", "test_failures", "test_reload_requests", "test_watching", "test_half_saved"}
)
"""Modules whose tests must pass whatever a reload begins with."""


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if metafunc.module.__name__ in WITH_BOTH_ENGINES and "engine" in metafunc.fixturenames:
        restart = pytest.param("restart", marks=pytest.mark.thorough)
        metafunc.parametrize("engine", ["checkpoint", restart], indirect=True)


@pytest.fixture
def engine(request: pytest.FixtureRequest) -> str:
    """What a reload begins with; see `--reload-engine`."""
    return str(getattr(request, "param", "auto"))


@pytest.fixture
def serve(tmp_path: Path, home: Path, engine: str) -> Iterator[Serve]:
    """Start servers in the test's directory: `serve("--app", "hello", "run", files={"hello.py": ...})`.

    `command=` runs another command than `python -m pilotlight`. All that is started ends with the test.
    """
    with ExitStack() as servers:

        def start(
            *arguments: str,
            command: Sequence[str] | None = None,
            files: Mapping[str, str] | None = None,
            cwd: Path | None = None,
            env: Mapping[str, str | None] | None = None,
            terminal: bool = False,
            survivors_expected: bool = False,
        ) -> ServerProcess:
            directory = cwd or tmp_path
            for name, text in (files or {}).items():
                path = directory / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text, encoding="utf-8")
            environment = {"HOME": str(home), "XDG_CACHE_HOME": None, "XDG_STATE_HOME": None}
            environment |= {"PILOTLIGHT_RELOAD_ENGINE": engine, **(env or {})}
            chosen = list(command) if command is not None else pilotlight(*arguments)
            server = ServerProcess(
                chosen,
                cwd=directory,
                env=environment,
                terminal=terminal,
                survivors_expected=survivors_expected,
            )
            return servers.enter_context(server)

        yield start

"""Apps in a fresh directory, loaded by the real loader in a fresh interpreter."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from app_loader import LOADER


class Tree:
    """A directory of source files, and what happens to them in a fresh process."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def write(self, **files: str) -> None:
        """Write files; `__` in a keyword is a slash, a final `____init__` a package."""
        for name, source in files.items():
            package = name.removesuffix("____init__")
            suffix = ".py" if package == name else "/__init__.py"
            self.write_file(package.replace("__", "/") + suffix, source)

    def write_file(self, name: str, source: str) -> None:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(source))

    def python(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        environ = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")}
        return subprocess.run(
            [sys.executable, *arguments],
            cwd=self.root,
            env={**environ, **environment},
            capture_output=True,
            text=True,
            timeout=60,
        )

    @staticmethod
    def options(app: str | None, app_dir=None, debug=False, probe="") -> str:
        return json.dumps({"app": app, "app_dir": app_dir, "debug": debug, "probe": probe})

    def load(self, app: str | None, *, app_dir=None, debug=False, probe="", **environment: str):
        done = self.python("-c", LOADER, self.options(app, app_dir, debug, probe), **environment)
        answers = [line for line in done.stdout.splitlines() if line.startswith("ANSWER")]
        assert answers, done.stdout + done.stderr
        return json.loads(answers[-1][len("ANSWER") :])


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    return Tree(tmp_path.resolve())

"""What the command says about its reloads with `--explain-reload`, as data."""

from __future__ import annotations

import re
from dataclasses import dataclass

from harness import Response, ServerProcess

_EXPLANATION = re.compile(
    r"^ +Changed: (.*)\n +Began: (.*)\n +Read again: (.*)\n +Times: (.*)$", re.MULTILINE
)


@dataclass(frozen=True)
class Reload:
    """One reload.

    Args:
        changed: files, as they are shown.
        began: `at the checkpoint ...`, or `from scratch...`.
        read: what was read again, the head of a file included.
    """

    changed: str
    began: str
    read: list[str]

    @property
    def place(self) -> str | None:
        """Of the checkpoint, or None for a load from scratch."""
        prefix = "at the checkpoint "
        return self.began.removeprefix(prefix) if self.began.startswith(prefix) else None


def reload_after(server: ServerProcess, mark: int) -> Reload:
    """The first reload that is explained in the output behind a mark."""
    changed, began, read, _ = server.wait_for_output(_EXPLANATION, after=mark).groups()
    return Reload(changed, began, [] if read == "nothing" else read.split(", "))


def saved(server: ServerProcess, path: str, text: str) -> tuple[Response, Reload]:
    """Saves a file; what `/` answers to the request that follows, and the reload that it took."""
    mark = server.mark()
    server.write(path, text)
    response = server.get("/")
    return response, reload_after(server, mark)

"""What a load depended on, as plain data that crosses the channel.

Types only; who records them is `record` (in the worker), who watches them is `watch` (in the supervisor).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["file", "head", "directory", "link", "missing", "missing-module"]

ANY_FILE = ""
"""In place of a path: what a process of the app's writes is unknown."""


@dataclass(frozen=True, slots=True)
class Dependency:
    """One thing that the load looked at.

    Args:
        kind: `file` was read, `head` is the beginning of a file, when nothing behind it counts, `directory`
            was listed, `link` was followed to where the app lies, `missing` was looked for and was not there,
            `missing-module` was looked for under every name that an import accepts and was not there.
        path: absolute path; for `missing-module` the directory and the module's name without a suffix
            (`/srv/app/views` stands for `views.py`, `views/__init__.py`, `views.abi3.so`, ...).
        digest: of the content (for a head: its length and digest, see `digest.digest_head`; for a directory:
            of its sorted names; for a link: the real path that it leads to) as the load saw it; None for what
            is missing.
    """

    kind: Kind
    path: str
    digest: str | None = None

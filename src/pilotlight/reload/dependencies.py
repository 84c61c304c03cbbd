"""What a load depended on, as plain data that crosses the channel.

Types only; who records them is `record` (in the worker), who watches them is `watch` (in the supervisor).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["file", "directory", "missing"]


@dataclass(frozen=True, slots=True)
class Dependency:
    """One thing that the load looked at.

    Args:
        kind: `file` was read, `directory` was listed, `missing` was looked for and was not there.
        path: absolute path.
        digest: of the content (for a directory: of its sorted names) as the load saw it; None for `missing`.
    """

    kind: Kind
    path: str
    digest: str | None = None

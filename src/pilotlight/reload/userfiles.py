"""Which files are the user's own, and which belong to Python, to installed packages, to the system or to us.

Asked for every file that a load opens, thousands of times: a test costs well under a microsecond and touches
no disk. Must never call a path a library's because of a name that a project may have chosen.
"""

from __future__ import annotations

import os
import sys

_SYSTEM = ("/proc/", "/sys/", "/dev/", "/usr/share/zoneinfo/", "/usr/share/locale/", "/usr/lib/locale/")
_INSTALLED = (os.sep + "site-packages" + os.sep, os.sep + "dist-packages" + os.sep)


class UserFiles:
    """A test for paths.

    Args:
        foreign: prefixes of paths that are not the user's, each with a separator at its end.
    """

    __slots__ = ("foreign",)

    def __init__(self, foreign: tuple[str, ...]) -> None:
        self.foreign = foreign

    @classmethod
    def of_this_interpreter(cls) -> UserFiles:
        """Everything outside this interpreter's standard library, the system's pseudo files and
        Pilotlight."""
        library = os.path.dirname(os.__file__)
        ours = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
        version = f"python{sys.version_info[0]}{sys.version_info[1]}.zip"
        archive = os.path.join(os.path.dirname(library), version)
        roots = {library, os.path.realpath(library), ours, os.path.realpath(ours), archive}
        return cls(tuple(sorted(root + os.sep for root in roots)) + _SYSTEM)

    def owns_file(self, path: str) -> bool:
        """Whether an absolute path is the user's."""
        return not (path.startswith(self.foreign) or _INSTALLED[0] in path or _INSTALLED[1] in path)

    def owns_directory(self, path: str) -> bool:
        """The same for a directory, given without a separator at its end."""
        return self.owns_file(path + os.sep)

    def may_be_fixed_by_install(self, path: str) -> bool:
        """Whether a missing module may appear in this directory: the user's, or one that `pip` installs
        to."""
        return not (path + os.sep).startswith(self.foreign) or path.endswith(
            (os.sep + "site-packages", os.sep + "dist-packages")
        )

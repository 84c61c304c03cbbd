"""`scripts/example`: sets up a private environment and runs examples/hello with `--debug`."""

from __future__ import annotations

import os
import shlex
import sys

from _environment import ROOT, SetupError, environment, interpreters, say

HELP = """usage: scripts/example [OPTION]...

Makes .venvs/example with Pilotlight and Flask in it, and runs examples/hello with --debug.
The options are those of `pilotlight run`: scripts/example --port 8000"""


def main(options: list[str]) -> int:
    """Set up, and run the server in place of this process; an exit status comes back only if that fails."""
    if options[:1] in (["-h"], ["--help"]):
        say(HELP)
        return 0
    found = interpreters()
    if not found:
        say("No Python 3.10 to 3.13 was found on PATH or under pyenv. Install one, and try again.")
        return 1
    try:
        python = environment(found[0], "example", ["-e", ".", "-r", "examples/hello/requirements.txt"])
    except SetupError as error:
        say(str(error))
        return 1
    os.chdir(ROOT / "examples" / "hello")
    arguments = ["-m", "pilotlight", "--app", "hello", "run", "--debug", *options]
    say(f"In examples/hello: python {shlex.join(arguments)}")
    return os.execv(str(python), [str(python), *arguments])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

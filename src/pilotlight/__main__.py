"""The command, as `pilotlight` and as `python -m pilotlight`: a Ctrl-C at any time is no traceback. Nothing
else."""

from __future__ import annotations

import sys


def main() -> None:
    """Runs the command line; ends the process with its status."""
    try:
        from pilotlight.launch.interrupts import end_at_once

        end_at_once()
        from pilotlight.launch.early import EarlyWorker

        with EarlyWorker(sys.argv[1:]) as early:
            from pilotlight.cli import main as run

            run(early=early)
    except KeyboardInterrupt:  # while we are still being imported, or about to end
        sys.exit(130)


if __name__ == "__main__":
    main()

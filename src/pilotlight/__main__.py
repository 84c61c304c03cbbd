"""`python -m pilotlight`: the command line, nothing else."""

from __future__ import annotations

from pilotlight.cli import main

if __name__ == "__main__":
    main()

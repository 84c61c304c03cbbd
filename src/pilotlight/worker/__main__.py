"""Entry of a worker process: `python .../pilotlight/worker/__main__.py DESCRIPTOR [label]`.

Started by file name rather than by `-m`, because `-m` puts the user's directory in front of `sys.path`,
where a file named `socket.py` would replace the standard library's. Must import nothing before `sys.path` is
right.
"""

import sys


def main() -> int:
    """Runs a worker on the channel whose descriptor is the first argument; returns the exit status."""
    import os
    import socket

    from pilotlight.channel import Channel
    from pilotlight.worker.lifecycle import run

    descriptor = int(sys.argv[1])
    sys.argv[:2] = ["pilotlight"]  # the command as the user typed it; the descriptor is another one each time
    os.set_inheritable(descriptor, False)
    return run(Channel(socket.socket(fileno=descriptor)))


if __name__ == "__main__":
    if sys.path and sys.path[0] == __file__.rpartition("/")[0]:
        del sys.path[0]
    sys.exit(main())

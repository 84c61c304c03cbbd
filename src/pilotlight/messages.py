"""The words that supervisor and worker say to each other on the channel. Names only; must never import
another of ours.

Every message is a JSON object whose `type` is one of these; the comments give the other keys and the
descriptors.
"""

from __future__ import annotations

# Supervisor to worker.
START = "start"
"""`settings`, `target`, `environment`, `directory`, `first`, `number` (of the load), `noticed` (changes make a
descriptor readable); descriptors: lifeline, crash log, word (`reload.freshness`), that descriptor if there is
one, then the listening sockets."""
SERVE_FAILURE = "serve-failure"
"""After `FAILED`: answer every request with the failure."""
ACCEPT = "accept"
"""After `READY`: take connections from the listening sockets. From here on the worker is drained, never
killed at once, since connections would be lost with it."""
ADOPT = "adopt"
"""`data` (base64); descriptor: a client connection that an earlier worker handed over."""
DRAIN = "drain"
"""`grace` (seconds): a successor comes; hand over what can be handed over, finish the rest, end."""
STOP = "stop"
"""`grace` (seconds): the server ends; finish, run the app's shutdown, end."""
FRESH = "fresh"
"""The answer to `WAITING`: ask again of each request."""
TERMINAL_LENT = "terminal-lent"
"""The supervisor no longer reads standard input."""

# Worker to supervisor.
DEPENDENCY = "dependency"
"""`kind`, `path`, `digest`: see `reload.dependencies.Dependency`; `late`: 0, or how many were read since
`LOADED`."""
WRITING = "writing"
"""`path`: the app is about to write a file that it has read."""
LOADED = "loaded"
"""`name`, `framework`, `version`, `seconds`."""
FAILED = "failed"
"""The app could not be loaded. `text` for the terminal; `sentence`: it is ours, not a traceback; exit
`status`."""
READY = "ready"
"""The worker could serve now, and waits for `ACCEPT`."""
WAITING = "waiting"
"""A request has come, and it is not sure that this worker may answer it."""
FINISHED = "finished"
"""Everything of the app has ended, `atexit` included; only the interpreter's own end remains."""
CONNECTION = "connection"
"""`data` (base64); descriptor: a client connection for the successor."""
TERMINAL_WANTED = "terminal-wanted"
"""Code of the app is about to read standard input."""
TERMINAL_RETURNED = "terminal-returned"
"""Standard input is free again."""

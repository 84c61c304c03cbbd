"""The words that supervisor and worker say to each other on the channel. Names only; must never import
another of ours.

Every message is a JSON object whose `type` is one of these; the comments give the other keys and the
descriptors.
"""

from __future__ import annotations

# Supervisor to worker.
START = "start"
"""`settings`, `target`, `environment`, `directory`, `first`, `number` (of the load), `checkpoints` (whether
to pause), `hot` (paths of modules that were edited in this run), `noticed` (changes make a descriptor
readable), `debug_url`, `debug_note` (see `worker.order`); descriptors: lifeline, crash log, word
(`reload.freshness`), that descriptor if there is one, then the listening sockets."""
CONTINUE = "continue"
"""To a checkpoint: fork, and let the copy wait for `GO`; descriptors of the copy: channel, lifeline, crash
log."""
GO = "go"
"""To such a copy: the worker before it has ended; go on with the load. `number` and `hot` as in `START`."""
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
SUCCEEDED = "succeeded"
"""To a worker that has `FINISHED`: the processor is free for its end."""
QUESTION = "question"
"""`number`, `question`: of the console; see `debugger.consoles`."""
TERMINAL_LENT = "terminal-lent"
"""The supervisor no longer reads standard input."""

# Worker to supervisor.
DEPENDENCY = "dependency"
"""`kind`, `path`, `digest`: see `reload.dependencies.Dependency`; `late`: 0, or how many were read since
`LOADED`."""
INSIDE = "inside "
"""How the `place` of a checkpoint begins that is paused inside a module."""
PAUSED = "paused"
"""`place`, `seconds` (of the load until here): this process is a checkpoint now, and a copy goes on;
descriptors: the other ends of the copy's channel, lifeline and crash log."""
HELLO = "hello"
"""`pid`: the first word of a copy that goes on; descriptor: its pidfd."""
CHILD_ENDED = "child-ended"
"""`pid`, `status` (as `os.waitstatus_to_exitcode` gives it): a copy of this checkpoint has ended."""
NO_CHECKPOINTS = "no-checkpoints"
"""`reason`: one line for the user."""
HEAD_CHANGED = "head-changed"
"""`path`: the leading part of a module, which this load has executed, should not have been; see
`reload.parts`."""
WRITING = "writing"
"""`path`: the app is about to write a file that it has read; empty: it starts a process, which may write
any."""
LOADED = "loaded"
"""`name`, `framework`, `version`, `seconds`."""
FAILED = "failed"
"""The app could not be loaded. `text` for the terminal; `sentence`: it is ours, not a traceback; exit
`status`."""
READY = "ready"
"""The worker could serve now, and waits for `ACCEPT`."""
WAITING = "waiting"
"""A request has come, and it is not sure that this worker may answer it."""
STREAMING = "streaming"
"""After `DRAIN`: nothing of the app runs here any more but responses that have begun and WebSockets, which
may last."""
FINISHED = "finished"
"""Everything of the app has ended, `atexit` included; only the interpreter's own end remains."""
REPORT = "report"
"""`report` (see `debugger.transport`): an error has been reported; `alive`: its frames are kept; `request`
(base64 or None): the bytes that ask the same again."""
REPORTS_GONE = "reports-gone"
"""`ids`: the frames of these reports are not kept any more."""
EVENT = "event"
"""`number`, `event`: a part of the answer to a `QUESTION`."""
DEBUG_CONNECTION = "debug-connection"
"""`data` (base64); descriptor: a client connection that asks for the debugger on the app's port."""
CONNECTION = "connection"
"""`data` (base64); descriptor: a client connection for the successor."""
TERMINAL_WANTED = "terminal-wanted"
"""Code of the app is about to read standard input."""
TERMINAL_RETURNED = "terminal-returned"
"""Standard input is free again."""

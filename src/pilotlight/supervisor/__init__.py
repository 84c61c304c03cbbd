"""The parent side: owns the sockets, the watcher, the terminal and the workers. Must never import the app,
nor the rooms that run or know it.

`supervisor` is the loop and its decisions, `events` what reaches it, `child` one worker as the parent sees
it, `autopsy` how a dead or silent worker is described, `binder` and `ports` the listening sockets,
`terminal` standard input.
"""

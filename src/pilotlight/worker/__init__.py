"""The child side: a process that loads the user's app and serves it. Must never import the supervisor or the
launcher.

`__main__` is the process's entry, `lifecycle` its run from start message to end, `serving` the loop, `hooks`
what the server tells, `failure` what stands in for an app that could not be loaded, `lease` who owns the
terminal.
"""

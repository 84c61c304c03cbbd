"""The debug listener: its gate, its tokens, its pages. Never in a process that runs the app."""

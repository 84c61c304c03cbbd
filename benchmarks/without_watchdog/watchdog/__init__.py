"""In front of the real package on the module path, this makes Werkzeug take its other reloader."""

raise ImportError("this run compares Werkzeug without watchdog")

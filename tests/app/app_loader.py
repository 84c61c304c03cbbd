"""What the fresh process of a loading test runs."""

from __future__ import annotations

LOADER = """
import json, sys, traceback
from pilotlight.app.load import load_app
from pilotlight.app.trim import trim_loader_frames
from pilotlight.errors import UserError

cwd = __import__("os").getcwd()
options = json.loads(sys.argv[1])
probe = options.pop("probe")
try:
    loaded = load_app(**options)
except UserError as error:
    answer = {"error": type(error).__name__, "message": error.message, "looked_at": error.looked_at}
except BaseException as error:
    trim_loader_frames(error)
    names = [frame.filename + ":" + frame.name for frame in traceback.extract_tb(error.__traceback__)]
    answer = {"raised": type(error).__name__, "text": str(error), "frames": names[1:]}
else:
    app = loaded.application.callable
    answer = {
        "interface": loaded.application.interface, "name": loaded.name, "framework": loaded.framework,
        "version": loaded.framework_version(), "warnings": list(loaded.warnings), "type": type(app).__name__,
        "probe": eval(probe, {"app": app, "sys": sys}) if probe else None,
    }
assert __import__("os").getcwd() == cwd
print("ANSWER" + json.dumps(answer))
"""

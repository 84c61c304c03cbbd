"""Lets the debugger see what an app does with its errors: frameworks give out what they would answer by
themselves, and log records and queries are noted. Must never change what the app answers to a request that
does not fail."""

from __future__ import annotations

from pilotlight.app.frameworks import let_errors_out, recognise
from pilotlight.server.application import Application
from pilotlight.worker.recording import note_error, record_logs, record_queries


def open_up(application: Application) -> None:
    """Once for an app that has been loaded, before it is served."""
    framework = recognise(application.callable)
    if framework is not None:
        let_errors_out(framework, application.callable, note_error)
    record_logs()
    record_queries()

"""The answer to a failed request when the report of the failure has failed as well.

Must never need a module that is not there already, nor raise: whatever the app has broken, its developer sees
its error.
"""

from __future__ import annotations

import traceback

from pilotlight.debugger.renderings.headers import NO_CONTENT_POLICY, TEXT, error_headers
from pilotlight.server.application import ErrorResponse


def traceback_of(error: BaseException) -> str:
    """As Python prints it, or at least what it is."""
    try:
        return "".join(traceback.format_exception(error))
    except Exception as trouble:  # noqa: BLE001 - the app may have broken what this needs
        return f"{type(error).__name__} (its traceback cannot be shown: {type(trouble).__name__})\n"


def last_answer(error_id: str, text: str, *, reveal: bool) -> ErrorResponse:
    """A plain text.

    Args:
        error_id: what the terminal has called it.
        text: the traceback.
        reveal: to a direct local client.
    """
    lines = ["500 Internal Server Error", "", f"Error id: {error_id}", ""]
    if reveal:
        lines += ["The app failed, and Pilotlight could not report the error whole. What is known:", "", text]
    body = "\n".join(lines).encode("utf-8", "backslashreplace")
    return ErrorResponse(500, error_headers(error_id, TEXT, NO_CONTENT_POLICY, len(body)), body)

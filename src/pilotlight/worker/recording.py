"""What happens while one request is answered: log records and queries, in order, and the contexts that the
framework was in.

Must cost next to nothing for a request that does not fail: nothing is formatted before a report is made.
Must never keep anything of a request that is over.
"""

from __future__ import annotations

import logging
import sys
import time
from collections import deque
from collections.abc import Callable
from contextvars import Context, ContextVar, copy_context
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pilotlight.debugger.model import Moment
    from pilotlight.debugger.values.budget import Budget


MOST_MOMENTS = 200
_MOST_CHARACTERS = 2_000
_PLAIN = frozenset({str, int, float, bool, bytes, type(None)})
"""Formatting these runs no code of the app's."""

PRESERVE_CONTEXT = "werkzeug.debug.preserve_context"
"""The key of the WSGI environ under which Flask looks for somebody who wants its contexts, and gives them
when it leaves them."""


@dataclass(frozen=True, slots=True)
class Query:
    """A statement that a database has executed, or refused."""

    time: float
    """As `time.time`, of its beginning."""
    source: str
    statement: str
    seconds: float


class Recording:
    """One request."""

    __slots__ = ("context", "contexts", "dropped", "error", "moments", "reported", "started")

    def __init__(self) -> None:
        self.started = time.time()
        self.moments: deque[logging.LogRecord | Query] = deque(maxlen=MOST_MOMENTS)
        self.dropped = 0
        self.contexts: list[Any] = []
        self.context: Context | None = None
        """A copy, from before the framework has left its contexts."""
        self.error: BaseException | None = None
        """What the framework has caught, and answers by itself."""
        self.reported: BaseException | None = None

    def add(self, moment: logging.LogRecord | Query) -> None:
        """Something has happened."""
        if len(self.moments) == MOST_MOMENTS:
            self.dropped += 1
        self.moments.append(moment)

    def timeline(self) -> tuple[Moment, ...]:
        """What has happened, as it is shown. Formats what the app has logged: that is code of the app's, and
        gets as much time as the values of a page."""
        from pilotlight.debugger.values.describe import Budget

        with Budget() as budget:
            return tuple(self._moment(each, budget) for each in self.moments)

    def _moment(self, each: logging.LogRecord | Query, budget: Budget) -> Moment:
        from pilotlight.debugger.model import Moment
        from pilotlight.debugger.values.secrets import mask_text

        if isinstance(each, Query):
            text = mask_text(each.statement[:_MOST_CHARACTERS])
            return Moment(each.time - self.started, "sql", each.source, text, took=each.seconds)
        text = mask_text(_message(each, budget)[:_MOST_CHARACTERS])
        return Moment(each.created - self.started, "log", str(each.name), text, level=str(each.levelname))


def _message(record: logging.LogRecord, budget: Budget) -> str:
    """Its text, in spite of arguments that fail, hang, or want to end the process."""
    from pilotlight.debugger.values.budget import Refused

    try:
        if (
            type(record.msg) is str
            and type(record.args) is tuple
            and _PLAIN.issuperset(map(type, record.args))
        ):
            return record.getMessage()
        return str(budget.call(record.getMessage))
    except Refused as refusal:
        why = refusal.note.removeprefix("Its repr ")
    except Exception as error:  # noqa: BLE001 - a record that cannot be formatted hides no other
        why = type(error).__name__
    text = record.msg if isinstance(record.msg, str) else type(record.msg).__name__
    return f"{text:.200} (could not be formatted: {why})"


_CURRENT: ContextVar[Recording | None] = ContextVar("pilotlight_recording", default=None)


def begin() -> None:
    """A request begins in this thread or task."""
    _CURRENT.set(Recording())


def end() -> None:
    """It is over, and so is what was kept for a report. The copied context holds the recording that holds it:
    a circle that every request would leave to the garbage collector, with all that the app kept in it."""
    recording = _CURRENT.get()
    if recording is not None:
        recording.contexts = []
        recording.context = None
    _CURRENT.set(None)


def current() -> Recording | None:
    """That of the request in whose context this is called."""
    return _CURRENT.get()


def take_context(context: object) -> None:
    """Flask leaves this context; see `PRESERVE_CONTEXT`."""
    recording = _CURRENT.get()
    if recording is not None and context is not None:
        recording.contexts.append(context)
        recording.context = copy_context()


def note_error(error: BaseException) -> None:
    """The framework has caught this, and answers it by itself."""
    recording = _CURRENT.get()
    if recording is not None:
        recording.error = error
        recording.context = recording.context or copy_context()  # in Quart's, it leaves them afterwards


def record_logs() -> None:
    """From now on log records that the app makes are noted. Their loggers, levels and handlers stay as they
    are: the app may look at them, and `logging.basicConfig` does nothing where there is a handler already."""
    make: Callable[..., logging.LogRecord] = logging.getLogRecordFactory()

    def noted(*args: Any, **options: Any) -> logging.LogRecord:
        record = make(*args, **options)
        recording = _CURRENT.get()
        if recording is not None:
            recording.add(record)
        return record

    logging.setLogRecordFactory(noted)


def record_queries() -> None:
    """From now on queries of SQLAlchemy and Django are noted, where the app has loaded them."""
    if "sqlalchemy.engine" in sys.modules:
        _record_sqlalchemy()
    if "django.db" in sys.modules:
        _record_django()


def _record_sqlalchemy() -> None:
    from sqlalchemy import event
    from sqlalchemy.engine import Engine

    def before(connection: Any, *rest: Any) -> None:
        if _CURRENT.get() is not None:
            connection.info["pilotlight_began"] = time.time()

    def after(connection: Any, cursor: Any, statement: str, *rest: Any) -> None:
        note(connection, statement)

    def failed(context: Any) -> None:
        if context.connection is not None and context.statement is not None:
            note(context.connection, context.statement)

    def note(connection: Any, statement: str) -> None:
        began = connection.info.pop("pilotlight_began", None)
        recording = _CURRENT.get()
        if began is not None and recording is not None:
            name = connection.engine.dialect.name
            recording.add(Query(began, name, statement, time.time() - began))

    event.listen(Engine, "before_cursor_execute", before)
    event.listen(Engine, "after_cursor_execute", after)
    event.listen(Engine, "handle_error", failed)


def _record_django() -> None:
    from django.conf import settings
    from django.db import connections
    from django.db.backends.signals import connection_created

    def note(execute: Any, sql: Any, params: Any, many: bool, context: Any) -> Any:
        recording = _CURRENT.get()
        if recording is None:
            return execute(sql, params, many, context)
        began = time.time()
        try:
            return execute(sql, params, many, context)
        finally:
            recording.add(Query(began, context["connection"].alias, str(sql), time.time() - began))

    def wrap(connection: Any, **_: Any) -> None:
        if note not in connection.execute_wrappers:
            connection.execute_wrappers.append(note)

    connection_created.connect(wrap, weak=False, dispatch_uid="pilotlight")
    if not settings.configured:  # parts of Django can be used without it
        return
    for connection in connections.all(initialized_only=True):
        wrap(connection)

"""Log records and queries of a request, in order."""

from __future__ import annotations

import gc
import logging
import subprocess
import sys
import threading
import weakref
from collections.abc import Iterator

import pytest

from pilotlight.worker import recording


@pytest.fixture
def noted() -> Iterator[None]:
    before = logging.getLogRecordFactory()
    recording.record_logs()
    recording.begin()
    yield
    recording.end()
    logging.setLogRecordFactory(before)


def texts() -> list[str]:
    current = recording.current()
    assert current is not None
    return [moment.text for moment in current.timeline()]


@pytest.mark.usefixtures("noted")
def test_records_are_noted_in_order_whatever_handlers_there_are() -> None:
    logger = logging.getLogger("app.shop")
    logger.propagate = False
    logger.warning("one %s", 1)
    logger.debug("not enabled")
    logger.error("token=abcdef123456")
    logger.warning("broken %s %s", 1)  # noqa: PLE1206 - that is what it is about
    assert texts()[0] == "one 1"
    assert "abcdef" not in texts()[1]
    assert "could not be formatted: TypeError" in texts()[2]


@pytest.mark.usefixtures("noted")
def test_only_the_last_are_kept_and_the_others_counted() -> None:
    for number in range(recording.MOST_MOMENTS + 5):
        logging.getLogger("app").warning("%s", number)
    current = recording.current()
    assert current is not None
    assert (len(texts()), texts()[0], current.dropped) == (recording.MOST_MOMENTS, "5", 5)


@pytest.mark.usefixtures("noted")
def test_another_thread_has_another_request_or_none() -> None:
    thread = threading.Thread(target=lambda: logging.getLogger("app").warning("elsewhere"))
    thread.start()
    thread.join()
    assert texts() == []


@pytest.mark.usefixtures("noted")
def test_queries_of_sqlalchemy_and_django() -> None:
    sqlalchemy = pytest.importorskip("sqlalchemy")
    recording.record_queries()
    engine = sqlalchemy.create_engine("sqlite://")
    with engine.connect() as connection:
        connection.execute(sqlalchemy.text("select 1"))
        with pytest.raises(sqlalchemy.exc.OperationalError):
            connection.execute(sqlalchemy.text("select nothing from nowhere"))
    engine.dispose()
    current = recording.current()
    assert current is not None
    moments = current.timeline()
    assert [(moment.kind, moment.source, moment.text) for moment in moments] == [
        ("sql", "sqlite", "select 1"),
        ("sql", "sqlite", "select nothing from nowhere"),
    ]
    assert all(moment.took is not None and moment.took >= 0 for moment in moments)


def test_nothing_is_kept_without_a_request() -> None:
    before = logging.getLogRecordFactory()
    try:
        recording.record_logs()
        logging.getLogger("app").warning("outside")
        assert recording.current() is None
    finally:
        logging.setLogRecordFactory(before)


def test_nothing_of_a_request_is_left_to_the_garbage_collector() -> None:
    class FrameworkContext:
        pass

    gc.disable()
    try:
        recording.begin()
        context = FrameworkContext()
        recording.take_context(context)
        gone = weakref.ref(context)
        del context
        recording.end()
        assert gone() is None
    finally:
        gc.enable()


def test_parts_of_django_can_be_used_without_settings() -> None:
    script = "import django.db\nfrom pilotlight.worker import recording\nrecording.record_queries()\n"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")

"""Real objects of Django, SQLAlchemy, Werkzeug and NumPy: shown, and never evaluated."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Iterator
from typing import Any

import pytest

from pilotlight.debugger.model import Value
from pilotlight.debugger.values.describe import Budget, describe


@pytest.fixture
def budget() -> Iterator[Budget]:
    with Budget(seconds=60, seconds_each=20) as made:
        yield made


def items(value: Value) -> dict[str, str]:
    return {item.key: item.value.text for item in value.items}


def test_generators_and_coroutines_are_not_run(budget: Budget) -> None:
    def numbers() -> Iterator[int]:
        raise AssertionError("run")
        yield 1

    async def later() -> None:
        raise AssertionError("run")

    async def stream() -> Any:
        raise AssertionError("run")
        yield 1

    coroutine = later()
    for value, word in ((numbers(), "generator"), (coroutine, "coroutine"), (stream(), "async generator")):
        shown = describe(value, budget=budget)
        assert shown.kind == "lazy"
        assert word in shown.text
        assert shown.note
    coroutine.close()


def test_files_are_not_read(budget: Budget, tmp_path: Any) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("content")
    with path.open() as stream:
        shown = describe(stream, budget=budget)
        assert stream.tell() == 0
    assert (shown.kind, "notes.txt" in shown.text) == ("lazy", True)
    assert describe(io.BytesIO(b"content"), budget=budget).kind == "lazy"
    detached = io.TextIOWrapper(io.BytesIO())
    detached.detach()
    assert describe(detached, budget=budget).kind == "lazy"


def test_local_proxies_are_not_resolved(budget: Budget) -> None:
    local = pytest.importorskip("werkzeug.local")

    def resolve() -> Any:
        raise AssertionError("resolved")

    shown = describe(local.LocalProxy(resolve), budget=budget)
    assert shown.kind == "lazy"
    assert "proxy" in shown.note
    import flask

    assert describe(flask.request, budget=budget).kind == "lazy"


@pytest.fixture(scope="module")
def django_models(configured_django: None) -> Any:
    from django.contrib.auth import models

    return models


def test_django(budget: Budget, django_models: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from django.core.paginator import Paginator
    from django.db.backends.utils import CursorWrapper
    from django.template import Context
    from django.utils.functional import SimpleLazyObject
    from django.utils.translation import gettext_lazy

    def query(*_: Any) -> None:
        raise AssertionError("a query")

    monkeypatch.setattr(CursorWrapper, "execute", query)
    users = django_models.User.objects
    for value in (
        users,
        users.all(),
        users.filter(pk=1).order_by("pk"),
        users.raw("select 1"),
        users.values("pk"),
    ):
        shown = describe(value, budget=budget)
        assert (shown.kind, shown.note) == ("lazy", "A database query: not evaluated.")
        assert "User" in shown.text
    assert describe(Paginator(users.order_by("pk"), 5), budget=budget).kind != "broken"

    def factory() -> Any:
        raise AssertionError("evaluated")

    shown = describe({"user": SimpleLazyObject(factory)}, budget=budget)
    assert shown.items[0].value.kind == "lazy"
    shown = describe(gettext_lazy("Hello"), budget=budget)
    assert (shown.kind, "'Hello'" in shown.text) == ("lazy", True)

    user = django_models.User(pk=7, username="ann", password="pbkdf2$hunter2")
    shown = describe(user, budget=budget)
    assert (shown.kind, shown.text) == ("lazy", "<django.contrib.auth.models.User 7>")
    assert items(shown)[".username"] == "'ann'"
    assert "hunter2" not in repr(shown)
    deferred = django_models.User.from_db("default", ["id"], [7])
    assert ".username" not in items(describe(deferred, budget=budget))
    assert "not saved" in describe(django_models.User(), budget=budget).text

    shown = describe(Context({"users": users.all()}), budget=budget)
    assert shown.kind == "lazy"
    loaded = users.all()
    loaded._result_cache = [user]
    assert describe(loaded, budget=budget).items[0].value.text == "<django.contrib.auth.models.User 7>"


def test_sqlalchemy(budget: Budget) -> None:
    sqlalchemy = pytest.importorskip("sqlalchemy")
    from sqlalchemy import orm

    base = orm.declarative_base()

    class Author(base):  # type: ignore[misc, valid-type]
        __tablename__ = "author"
        id = sqlalchemy.Column(sqlalchemy.Integer, primary_key=True)
        name = sqlalchemy.Column(sqlalchemy.String)
        api_token = sqlalchemy.Column(sqlalchemy.String)
        books = orm.relationship("Book", back_populates="author")

        def __repr__(self) -> str:
            return f"<Author {self.books}>"

    class Book(base):  # type: ignore[misc, valid-type]
        __tablename__ = "book"
        id = sqlalchemy.Column(sqlalchemy.Integer, primary_key=True)
        author_id = sqlalchemy.Column(sqlalchemy.ForeignKey("author.id"))
        author = orm.relationship(Author, back_populates="books")

    engine = sqlalchemy.create_engine("sqlite://")
    base.metadata.create_all(engine)
    with orm.Session(engine) as session:
        session.add(Author(id=7, name="ann", api_token="hunter2", books=[Book(id=1)]))
        session.commit()
        author = session.get(Author, 7)
        row = session.execute(sqlalchemy.select(Author)).first()
        query = session.query(Author)
        statements: list[str] = []
        sqlalchemy.event.listen(
            engine, "before_cursor_execute", lambda *arguments: statements.append(arguments[2])
        )
        shown = describe(author, budget=budget)
        assert shown.kind == "lazy"
        assert shown.text.endswith("Author 7>")
        assert items(shown)[".name"] == "'ann'"
        assert ".books" not in items(shown)
        assert "hunter2" not in repr(shown)
        assert describe(query, budget=budget).kind == "lazy"
        assert describe(row, budget=budget).items[0].value.text.endswith("Author 7>")
        session.expire(author)
        assert items(describe({"a": author}, budget=Budget()).items[0].value) == {}
        assert statements == []
        books = author.books
        statements.clear()
        shown = describe(books, budget=budget)
        assert (shown.kind, shown.length, len(shown.items)) == ("container", None, 1)
        assert statements == []
    engine.dispose()
    assert "not saved" in describe(Author(name="new"), budget=budget).text


def test_arrays_show_their_shape(budget: Budget) -> None:
    numpy = pytest.importorskip("numpy")
    shown = describe(numpy.zeros((1_000, 300), dtype="float32"), budget=budget)
    assert (shown.kind, shown.text) == ("lazy", "<ndarray 1000×300 float32>")
    small = numpy.array([1, 2, 3])
    assert describe(small, budget=budget).text == "array([1, 2, 3])"
    scalar = describe(numpy.float64(1.5), budget=budget)
    assert (scalar.kind, scalar.text in ("1.5", "np.float64(1.5)")) == ("plain", True)

    class Trap:
        def __repr__(self) -> str:
            raise AssertionError("asked")

    shown = describe(numpy.array([Trap()], dtype=object), budget=budget)
    assert shown.kind == "lazy"


def test_frames_show_their_shape(budget: Budget) -> None:
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"a": range(50_000), "b": 1})
    assert describe(frame, budget=budget).text == "<DataFrame 50000×2>"
    assert describe(frame["a"], budget=budget).text == "<Series 50000 int64>"


def test_a_class_that_only_looks_like_a_query_set_breaks_nothing(budget: Budget) -> None:
    fake = type("QuerySet", (), {"__module__": "django.db.models.query", "model": 3})()
    shown = describe(fake, budget=budget)
    assert (shown.kind, shown.text) == ("lazy", "<QuerySet>")


def test_a_finished_task_is_shown(budget: Budget) -> None:
    async def main() -> Value:
        task = asyncio.ensure_future(asyncio.sleep(0))
        await task
        return describe(task, budget=budget)

    assert asyncio.run(main()).kind == "plain"

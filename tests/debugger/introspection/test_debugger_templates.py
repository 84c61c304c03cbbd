"""Errors in Jinja2 and Django templates: the template's file, line and source, with the real engines."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import flask
import jinja2
import pytest
from django.template import Context, Engine
from django.template import Template as DjangoTemplate

from pilotlight.debugger import Report, from_exception
from pilotlight.debugger.model import Frame
from pilotlight.debugger.transport import from_json, to_json


def report_of(function: Callable[[], Any], **options: Any) -> Report:
    try:
        function()
    except Exception as error:  # noqa: BLE001 - whatever it raised
        report = from_exception(error, **options)
        assert from_json(json.loads(json.dumps(to_json(report)))) == report
        return report
    raise AssertionError("nothing was raised")


def in_templates(report: Report) -> list[Frame]:
    return [frame for frame in report.error.frames if frame.language != "python"]


def places(report: Report) -> list[tuple[str, int | None, str, str | None]]:
    return [(Path(each.file).name, each.line, each.function, each.code()) for each in in_templates(report)]


class User:
    @property
    def name(self) -> str:
        return {}["name"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "templates"
    (folder / "auth").mkdir(parents=True)
    return folder


@pytest.fixture
def environment(folder: Path) -> jinja2.Environment:
    return jinja2.Environment(loader=jinja2.FileSystemLoader(str(folder)))


@pytest.fixture
def app(folder: Path) -> flask.Flask:
    return flask.Flask("templates_under_test", root_path=str(folder.parent))


def render(app: flask.Flask, name: str, **values: Any) -> Callable[[], str]:
    def run() -> str:
        with app.test_request_context("/"):
            return flask.render_template(name, **values)

    return run


def test_jinja_inheritance_include_and_the_app_s_own_code(app: flask.Flask, folder: Path) -> None:
    (folder / "base.html").write_text("<html>\n{% block body %}{% endblock %}\n</html>\n")
    (folder / "auth/login.html").write_text(
        "{% extends 'base.html' %}\n{% block body %}\n  {% include 'card.html' %}\n{% endblock %}\n"
    )
    (folder / "card.html").write_text("<b>\n<i>{{ user.name }}</i>\n")
    report = report_of(render(app, "auth/login.html", user=User()))
    assert places(report) == [
        ("login.html", 1, "template 'auth/login.html'", "{% extends 'base.html' %}"),
        ("base.html", 2, "template 'base.html'", "{% block body %}{% endblock %}"),
        ("login.html", 3, "block 'body'", "  {% include 'card.html' %}"),
        ("card.html", 2, "template 'card.html'", "<i>{{ user.name }}</i>"),
    ]
    assert {frame.language for frame in in_templates(report)} == {"jinja"}
    assert all(frame.own and frame.span is None for frame in in_templates(report))
    assert report.focus().function == "name"


def test_jinja_s_own_rewriting_is_not_needed(environment: jinja2.Environment, folder: Path) -> None:
    (folder / "page.html").write_text("a\n{% for n in [1, 0] %}\n  {{ 1 // n }}\n{% endfor %}\n")
    template = environment.get_template("page.html")

    def run() -> None:
        context = template.new_context({})
        list(template.root_render_func(context))

    report = report_of(run)
    assert places(report) == [("page.html", 3, "template 'page.html'", "  {{ 1 // n }}")]


def test_a_jinja_macro(environment: jinja2.Environment, folder: Path) -> None:
    (folder / "page.html").write_text("{% macro m(x) %}\n{{ 1 // x }}\n{% endmacro %}\n{{ m(0) }}\n")
    report = report_of(environment.get_template("page.html").render)
    assert [place[:2] for place in places(report)] == [("page.html", 4), ("page.html", 2)]


def test_a_jinja_macro_that_calls_itself_is_folded(environment: jinja2.Environment, folder: Path) -> None:
    (folder / "page.html").write_text("{% macro m() %}\n{{ m() }}\n{% endmacro %}\n{{ m() }}\n")
    report = report_of(environment.get_template("page.html").render)
    assert report.error.type == "RecursionError"
    assert len(report.error.frames) < 30
    assert sum(frame.repeats for frame in report.error.frames) > 20


def test_an_undefined_name_in_a_template_from_a_string(app: flask.Flask) -> None:
    def run() -> str:
        with app.test_request_context("/"):
            return flask.render_template_string("one\ntwo {{ usr.name }}", user=1)

    report = report_of(run)
    assert places(report) == [("<template>", 2, "template '<template>'", "two {{ usr.name }}")]
    assert in_templates(report)[0].own
    assert report.error.suggestion == "Did you mean: 'user'?"


def test_a_jinja_template_without_source() -> None:
    report = report_of(jinja2.Template("\n{{ 1 // 0 }}").render)
    frame = in_templates(report)[0]
    assert (frame.line, frame.lines) == (2, ())
    assert frame.source_note == "The template did not come from a file."


def test_an_installed_jinja_template_is_not_the_user_s(tmp_path: Path) -> None:
    folder = tmp_path / "site-packages" / "lib" / "templates"
    folder.mkdir(parents=True)
    (folder / "page.html").write_text("{{ 1 // 0 }}")
    environment = jinja2.Environment(loader=jinja2.FileSystemLoader(str(folder)))
    assert not in_templates(report_of(environment.get_template("page.html").render))[0].own


@pytest.mark.parametrize("wrapped", [False, True])
def test_a_jinja_syntax_error(app: flask.Flask, folder: Path, wrapped: bool) -> None:
    (folder / "page.html").write_text("{% include 'bad.html' %}\n")
    (folder / "bad.html").write_text("fine\n{% if x %}\n  {% endfor %}\n")
    report = report_of(render(app, "page.html" if wrapped else "bad.html"))
    place = report.error.syntax
    assert place is not None
    assert (Path(place.file), place.line, place.text) == (folder / "bad.html", 3, "  {% endfor %}")
    assert place.lines[:2] == ("fine", "{% if x %}")
    assert report.error.message.startswith("Encountered unknown tag 'endfor'.")
    assert "File" not in report.error.message
    assert [each[:2] for each in places(report)] == ([("page.html", 1)] if wrapped else [])


def test_a_jinja_syntax_error_in_a_string() -> None:
    place = report_of(lambda: jinja2.Environment().from_string("a\n{{ x\n b }}")).error.syntax
    assert place is not None
    assert (place.file, place.line, place.text) == ("<template>", 3, " b }}")


def test_a_missing_jinja_template(app: flask.Flask) -> None:
    report = report_of(render(app, "none.html"))
    assert (report.error.type, report.error.message) == ("jinja2.exceptions.TemplateNotFound", "none.html")


@pytest.fixture(params=[True, False], ids=["debug", "no debug"])
def engine(folder: Path, configured_django: None, request: pytest.FixtureRequest) -> Engine:
    return Engine(dirs=[str(folder)], debug=request.param)


def test_django_inheritance_include_and_the_app_s_own_code(engine: Engine, folder: Path) -> None:
    (folder / "base.html").write_text("<html>\n{% block body %}{% endblock %}\n</html>\n")
    (folder / "auth/login.html").write_text(
        "{% extends 'base.html' %}\n{% block body %}\n{% if 1 %}\n  {% include 'card.html' %}\n"
        "{% endif %}{% endblock %}\n"
    )
    (folder / "card.html").write_text("<b>\n<i>{% for x in y %}{{ user.name }}{% endfor %}</i>\n")
    template = engine.get_template("auth/login.html")
    report = report_of(lambda: template.render(Context({"user": Angry(), "y": [1]})))
    assert places(report) == [
        ("login.html", 1, "template 'auth/login.html'", "{% extends 'base.html' %}"),
        ("base.html", 2, "template 'base.html'", "{% block body %}{% endblock %}"),
        ("login.html", 4, "block 'body'", "  {% include 'card.html' %}"),
        (
            "card.html",
            2,
            "template 'card.html'",
            "<i>{% for x in y %}{{ user.name }}{% endfor %}</i>",
        ),
    ]
    assert all(frame.own for frame in in_templates(report))
    innermost = in_templates(report)[-1]
    code = innermost.code() or ""
    span = innermost.span
    assert (span and code[span.column : span.end_column]) == ("{{ user.name }}" if engine.debug else None)
    assert report.focus().function == "name"


class Angry:
    @property
    def name(self) -> str:
        raise ZeroDivisionError("angry")


def test_a_django_template_from_a_string(engine: Engine) -> None:
    template = DjangoTemplate("one\ntwo {{ user.name }}", engine=engine)
    report = report_of(lambda: template.render(Context({"user": Angry()})))
    assert places(report) == [("<unknown source>", 2, "template '<unknown source>'", "two {{ user.name }}")]


def test_a_django_template_that_has_changed(engine: Engine, folder: Path) -> None:
    (folder / "page.html").write_text("\n{{ user.name }}\n")
    template = engine.get_template("page.html")
    (folder / "page.html").write_text("other\n")
    frame = in_templates(report_of(lambda: template.render(Context({"user": Angry()}))))[0]
    assert (frame.code(), frame.source_note) == (
        "{{ user.name }}",
        "The template has changed since it was loaded.",
    )


def test_a_template_that_was_edited_and_requested_again_is_what_ran(
    environment: jinja2.Environment, engine: Engine, folder: Path
) -> None:
    (folder / "page.html").write_text("{% if 1 %}\n{{ user.name }}\n{% endif %}\n")
    jinja = environment.get_template("page.html")
    django = engine.get_template("page.html")
    for render in (
        lambda: jinja.render(user=Angry()),
        lambda: list(jinja.root_render_func(jinja.new_context({"user": Angry()}))),
        lambda: django.render(Context({"user": Angry()})),
    ):
        report = report_of(render, changed=lambda file: file.endswith(".html"))
        assert [frame.source_note for frame in in_templates(report)] == [""]
        assert in_templates(report)[0].code() == "{{ user.name }}"


def test_a_jinja_template_that_is_gone(environment: jinja2.Environment, folder: Path) -> None:
    (folder / "page.html").write_text("\n{{ user.name }}\n")
    template = environment.get_template("page.html")
    (folder / "page.html").write_text("short")
    notes = []
    for _ in range(2):
        frame = in_templates(report_of(lambda: template.render(user=Angry())))[0]
        notes.append((frame.lines, frame.source_note))
        (folder / "page.html").unlink(missing_ok=True)
    assert notes == [
        ((), "The file has changed since it ran: it has no line 2 any more."),
        ((), "The file is not there any more."),
    ]


@pytest.mark.parametrize(
    ("source", "line", "message", "marked"),
    [
        ("a\n{% nosuch %}\n", 2, "Invalid block tag on line 2: 'nosuch'.", "nosuch"),
        ("{% if x %}\n\n", 1, "Unclosed tag on line 1: 'if'.", "if x"),
        ("\n\n<i>{{ x|nosuch }}</i>", 3, "Invalid filter: 'nosuch'", "x|nosuch"),
        ("{% for x y %}{% endfor %}", 1, "'for' statements should have at least four words", "for x y"),
    ],
)
def test_a_django_syntax_error(
    engine: Engine, folder: Path, source: str, line: int, message: str, marked: str
) -> None:
    (folder / "page.html").write_text(source)
    report = report_of(lambda: engine.get_template("page.html"))
    place = report.error.syntax
    assert place is not None
    assert (Path(place.file), place.line) == (folder / "page.html", line)
    assert place.text == source.split("\n")[line - 1]
    assert place.column is not None
    assert place.text[place.column : place.end_column] == marked
    assert message in report.error.message
    assert places(report) == []


def test_a_django_syntax_error_in_an_included_template(engine: Engine, folder: Path) -> None:
    (folder / "page.html").write_text("\n{% include 'bad.html' %}\n")
    (folder / "bad.html").write_text("{% nosuch %}")
    template = engine.get_template("page.html")
    report = report_of(lambda: template.render(Context()))
    assert report.error.syntax is not None
    assert Path(report.error.syntax.file).name == "bad.html"
    assert [each[:2] for each in places(report)] == [("page.html", 2)]


def test_live_frames_of_templates_can_be_entered(app: flask.Flask, folder: Path) -> None:
    (folder / "page.html").write_text("{{ 1 // x }}")
    kept: list[Any] = []
    report = report_of(render(app, "page.html", x=0), keep=kept.extend)
    frame = in_templates(report)[0]
    assert kept[frame.handle].f_locals["x"] == 0


def test_what_flask_gives_to_every_template_is_no_variable_of_it(app: flask.Flask, folder: Path) -> None:
    app.secret_key = "x"
    (folder / "page.html").write_text("{{ 1 // x }}")
    (folder / "used.html").write_text("{{ user // x }}")
    from werkzeug.local import LocalProxy

    user = LocalProxy(lambda: 1)
    frame = in_templates(report_of(render(app, "page.html", x=0, user=user), variables=True))[0]
    assert {"session", "user"}.isdisjoint(names(frame))
    frame = in_templates(report_of(render(app, "used.html", x=0, user=user), variables=True))[0]
    assert names(frame)["user"] == ("used", "<LocalProxy>")


def names(frame: Frame) -> dict[str, tuple[str, str]]:
    return {each.name: (each.role, each.value.text) for each in frame.variables}


def test_what_a_jinja_template_knew(app: flask.Flask, folder: Path) -> None:
    (folder / "page.html").write_text("{% for n in rows %}\n<i>{{ top // n }}</i>{% endfor %}")
    frame = in_templates(
        report_of(render(app, "page.html", rows=[0], top=1, password="hunter2"), variables=True)
    )[0]
    known = names(frame)
    assert list(known)[:2] == ["top", "n"]
    assert known["top"] == ("used", "1")
    assert known["n"] == ("used", "0")
    assert known["rows"] == ("local", "[0]")
    assert "hunter2" not in known["password"][1]
    assert not {"url_for", "get_flashed_messages", "range", "g"} & set(known)


def test_what_a_jinja_template_knew_where_jinja_did_not_rewrite(
    environment: jinja2.Environment, folder: Path
) -> None:
    (folder / "page.html").write_text("{% for n in rows %}\n{{ top // n }}\n{% endfor %}")
    template = environment.get_template("page.html")
    report = report_of(
        lambda: list(template.root_render_func(template.new_context({"rows": [0], "top": 1}))), variables=True
    )
    assert names(in_templates(report)[0])["n"] == ("used", "0")


def test_what_a_django_template_knew(engine: Engine, folder: Path) -> None:
    (folder / "page.html").write_text("{% for n in rows %}\n{{ user.name }}{% endfor %}")
    template = engine.get_template("page.html")
    values = {"user": Angry(), "rows": [5], "api_key": "hunter2"}
    frame = in_templates(report_of(lambda: template.render(Context(values)), variables=True))[0]
    known = names(frame)
    assert next(iter(known)) == "user"
    assert known["n"] == ("local", "5")
    assert "hunter2" not in known["api_key"][1]


def test_objects_that_only_look_like_templates() -> None:
    namespace: dict[str, Any] = {"__jinja_template__": 1, "debug_info": "x=y&&=3&1="}
    code = compile("1 / 0", "page.html", "exec")
    assert report_of(lambda: exec(code, namespace)).error.frames[-1].line == 1

    class Node:
        token = origin = property(lambda self: sys.exit("ran"))

        def render_annotated(self) -> None:
            raise ValueError

    assert report_of(Node().render_annotated).error.type == "ValueError"

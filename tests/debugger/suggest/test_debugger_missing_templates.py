"""A template that is not there: where it was looked for and which one was meant, with the real engines."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import flask
import jinja2
import pytest
import quart
from django.template import Context, Engine
from django.template import Template as DjangoTemplate
from django.template.backends.django import DjangoTemplates
from django.template.backends.jinja2 import Jinja2
from django.template.loader import get_template, select_template

from pilotlight.debugger import Report, from_exception
from pilotlight.debugger.introspection.template_missing import Folder, Missing
from pilotlight.debugger.suggest import template_files
from pilotlight.debugger.suggest.template_files import nearest


def report_of(function: Callable[[], Any]) -> Report:
    try:
        function()
    except Exception as error:  # noqa: BLE001 - whatever it raised
        return from_exception(error, variables=True)
    raise AssertionError("nothing was raised")


def said(function: Callable[[], Any]) -> tuple[tuple[str, ...], str]:
    trace = report_of(function).error
    return trace.notes, trace.suggestion


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is found does not depend on how busy the machine is."""
    monkeypatch.setattr(template_files, "MAX_SECONDS", 10.0)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "templates"
    (folder / "auth").mkdir(parents=True)
    (folder / "accounts_of_customers").mkdir()
    for name in ("base.html", "auth/login.html", "accounts_of_customers/password_confirmation.html"):
        (folder / name).write_text("")
    return folder


@pytest.fixture
def django_dirs(
    folder: Path, tmp_path: Path, configured_django: None, monkeypatch: pytest.MonkeyPatch
) -> list[str]:
    from django.template import engines

    dirs = [str(folder), str(tmp_path / "none")]
    options: dict[str, Any] = {"NAME": "x", "DIRS": dirs, "APP_DIRS": False, "OPTIONS": {}}
    second = Jinja2({**options, "NAME": "y", "DIRS": [str(tmp_path / "jinja")]})
    monkeypatch.setitem(vars(engines), "templates", {"x": {}, "y": {}})  # as its cached property would
    monkeypatch.setattr(engines, "_engines", {"x": DjangoTemplates(options), "y": second})
    return dirs


@pytest.mark.parametrize(
    ("asked", "meant"),
    [
        ("bsae.html", "base.html"),
        ("auth/logn.html", "auth/login.html"),
        ("login.html", "auth/login.html"),
        (
            "accounts_of_customers/pasword_confirmation.html",
            "accounts_of_customers/password_confirmation.html",
        ),
    ],
)
def test_django(django_dirs: list[str], tmp_path: Path, asked: str, meant: str) -> None:
    first, second = django_dirs
    assert said(lambda: get_template(asked)) == (
        (
            f"Tried: {first}/{asked}",
            f"Tried: {second}/{asked} (there is no folder {second})",
            f"Tried: {tmp_path}/jinja/{asked} (there is no folder {tmp_path}/jinja)",
        ),
        f"Did you mean: '{meant}'?",
    )


def test_django_with_several_names(django_dirs: list[str]) -> None:
    notes, suggestion = said(lambda: select_template(["nothing.txt", "bsae.html"]))
    assert [each for each in notes if each.startswith(f"Tried: {django_dirs[0]}")] == [
        f"Tried: {django_dirs[0]}/nothing.txt",
        f"Tried: {django_dirs[0]}/bsae.html",
    ]
    assert suggestion == "Did you mean: 'base.html'?"


@pytest.mark.parametrize("tag", ["include", "extends"])
def test_a_tag_of_django(folder: Path, configured_django: None, tag: str) -> None:
    engine = Engine(dirs=[folder], app_dirs=True)
    template = DjangoTemplate(f"{{% {tag} 'bsae.html' %}}", engine=engine)
    report = report_of(lambda: template.render(Context()))
    notes = report.error.notes
    assert notes[0] == f"Tried: {folder}/bsae.html"
    assert any(note.startswith("Tried: ") and "django/contrib/auth/templates/bsae" in note for note in notes)
    assert report.error.suggestion == "Did you mean: 'base.html'?"
    assert report.focus().language == "django"


def test_django_s_include_of_the_first_of_several(folder: Path, configured_django: None) -> None:
    template = DjangoTemplate("{% include names %}", engine=Engine(dirs=[str(folder)]))
    assert said(lambda: template.render(Context({"names": ["nothing.txt", "bsae.html"]}))) == (
        (f"Tried: {folder}/nothing.txt", f"Tried: {folder}/bsae.html"),
        "Did you mean: 'base.html'?",
    )


def test_quart(folder: Path) -> None:
    app = quart.Quart("missing_quart_templates", root_path=str(folder.parent))

    async def run() -> None:
        async with app.test_request_context("/"):
            await quart.render_template("bsae.html")

    assert said(lambda: asyncio.run(run())) == (
        (f"Tried: {folder}/bsae.html",),
        "Did you mean: 'base.html'?",
    )


def test_an_included_template_that_is_missing_is_said_in_both_errors(
    django_dirs: list[str], folder: Path
) -> None:
    (folder / "page.html").write_text("{% include 'bsae.html' %}")
    template = get_template("page.html")
    chain = report_of(template.render).chain
    assert [each.type for each in chain] == ["django.template.exceptions.TemplateDoesNotExist"] * 2
    assert [each.suggestion for each in chain] == ["Did you mean: 'base.html'?"] * 2
    assert [each.notes[0] for each in chain] == [f"Tried: {folder}/bsae.html"] * 2


def test_django_says_why_a_place_was_left_out(folder: Path, configured_django: None) -> None:
    (folder / "base.html").write_text("{% extends 'base.html' %}")
    engine = Engine(dirs=[str(folder)])
    notes, suggestion = said(lambda: engine.get_template("base.html").render(Context()))
    assert notes == (f"Tried: {folder}/base.html (Skipped to avoid recursion)",)
    assert suggestion == ""


def test_installed_templates_are_meant_by_their_spelling_only(configured_django: None) -> None:
    engine = Engine(app_dirs=True)
    assert said(lambda: engine.get_template("password_reset_subject.txt"))[1] == ""
    assert said(lambda: engine.get_template("registration/password_reset_subjct.txt"))[1] == (
        "Did you mean: 'registration/password_reset_subject.txt'?"
    )


@pytest.fixture
def app(folder: Path) -> flask.Flask:
    app = flask.Flask("missing_templates", root_path=str(folder.parent))
    shop = flask.Blueprint(
        "shop", "missing_templates", root_path=str(folder.parent / "shop"), template_folder="pages"
    )
    (folder.parent / "shop/pages/shop").mkdir(parents=True)
    (folder.parent / "shop/pages/shop/cart.html").write_text("")
    app.register_blueprint(shop)
    return app


@pytest.mark.parametrize(
    ("asked", "meant"), [("bsae.html", "base.html"), ("shop/crt.html", "shop/cart.html")]
)
@pytest.mark.parametrize("tag", ["", "{% include '%s' %}", "{% extends '%s' %}", "{% import '%s' as x %}"])
def test_flask(app: flask.Flask, folder: Path, asked: str, meant: str, tag: str) -> None:
    def run() -> None:
        with app.test_request_context("/"):
            if tag:
                flask.render_template_string(tag.replace("%s", asked))
            else:
                flask.render_template(asked)

    assert said(run) == (
        (f"Tried: {folder}/{asked}", f"Tried: {folder.parent}/shop/pages/{asked}"),
        f"Did you mean: '{meant}'?",
    )


def test_jinja_s_loaders(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder.parent)
    loader = jinja2.ChoiceLoader(
        [
            jinja2.FileSystemLoader(["templates", "other"]),
            jinja2.PrefixLoader({"site": jinja2.FileSystemLoader("templates/auth")}, delimiter=":"),
            jinja2.DictLoader({"in_memory.html": ""}),
            jinja2.FunctionLoader(lambda name: None),
        ]
    )
    environment = jinja2.Environment(loader=loader)
    notes, suggestion = said(lambda: environment.get_template("site:logn.html"))
    assert notes == (
        f"Tried: {folder}/site:logn.html",
        f"Tried: {folder.parent}/other/site:logn.html (there is no folder {folder.parent}/other)",
        f"Tried: {folder}/auth/logn.html",
        "Tried: jinja2.loaders.DictLoader",
        "Tried: jinja2.loaders.FunctionLoader",
    )
    assert suggestion == "Did you mean: 'site:login.html'?"
    assert said(lambda: environment.get_template("in_memry.html"))[1] == "Did you mean: 'in_memory.html'?"
    notes, suggestion = said(lambda: environment.select_template(["zzz", "in_memry.html"]))
    assert f"Tried: {folder}/zzz" in notes
    assert suggestion == "Did you mean: 'in_memory.html'?"


def test_no_loader_of_the_app_is_asked(folder: Path) -> None:
    asked = []

    class Loader(jinja2.FileSystemLoader):
        def list_templates(self) -> list[str]:
            asked.append("names")
            return []

        def get_source(self, environment: jinja2.Environment, template: str) -> Any:
            asked.append(template)
            return super().get_source(environment, template)

    environment = jinja2.Environment(loader=Loader(folder))
    assert said(lambda: environment.get_template("bsae.html"))[1] == "Did you mean: 'base.html'?"
    assert asked == ["bsae.html"]


def test_the_nearest_of_very_many_files_is_found(tmp_path: Path) -> None:
    for number in range(1_500):
        (tmp_path / f"page_{number}.html").touch()
    names = ("pgae_7.html",)
    assert nearest(Missing(names, (), (Folder(str(tmp_path)),))) == "Did you mean: 'page_7.html'?"


def test_the_search_ends_in_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "base.html").touch()
    missing = Missing(("bsae.html",), (), (Folder(str(tmp_path)),))
    assert nearest(missing) == "Did you mean: 'base.html'?"
    monkeypatch.setattr(template_files, "MAX_SECONDS", -1.0)
    assert nearest(missing) == ""


def test_many_places_and_files_are_bounded(tmp_path: Path) -> None:
    folders = [tmp_path / str(number) for number in range(30)]
    loader = jinja2.FileSystemLoader([str(each) for each in folders])
    notes, _ = said(lambda: jinja2.Environment(loader=loader).get_template("x.html"))
    assert len(notes) == 21
    assert notes[-1] == "Tried: 10 more places"

    deep = tmp_path
    for _ in range(60):
        deep = deep / "d"
    deep.mkdir(parents=True)
    for number in range(3_000):
        (tmp_path / f"{number}.txt").touch()
    (deep / "base.html").touch()
    began = time.process_time()
    assert nearest(Missing(("base.html",), (), (Folder(str(tmp_path)),))) == ""
    assert time.process_time() - began < 1

"""Random small apps and random sequences of edits, as scenarios.

An app is kept as parts (a docstring, leading imports, a body) while it is being edited, so that an edit can
be of the leading imports, of the rest, or of both; what comes out are files. Must never touch the disk.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from hypothesis import strategies as st
from random_statements import NUMBERS, REGISTRY, Place, body_statement, leading_import
from scenarios import Content, How, Link, Scenario, Step

PACKAGES = frozenset({"pkg", "pkg.sub", "plugins"})
OPTIONAL_MODULES = (
    "one",
    "two",
    "three",
    "pkg",
    "pkg.alpha",
    "pkg.beta",
    "pkg.sub",
    "pkg.sub.deep",
    "ns.left",
    "ns.right",
    "linked",
)
TAILS = {
    "app:application": """

def application(environ, start_response):
    from observed_state import respond

    return respond(environ, start_response)
""",
    "app:create_app()": """

def create_app():
    import registry

    registry.order.append("created")
{inside}

    def application(environ, start_response):
        from observed_state import respond

        return respond(environ, start_response)

    return application
""",
    "app:site": """

from flask import Flask

site = Flask(__name__)


@site.route("/")
def index():
    from observed_state import observe

    return observe()


from views import VALUE as views_value
""",
}
VIEWS = """
from app import site


@site.route("/view/{number}")
def view():
    return "{number}"
"""
BROKEN = ("def broken(:", "x = (", "    indented = 1", "return 1", "text = 'open", "\tx = 1\n        y = 2")
FUTURE = "from __future__ import annotations"
DOCS = st.sampled_from(["", '"""The docstring."""', "# a comment\n", f"'one'\n{FUTURE}", FUTURE])
NEW_MODULES = ("maybe", "plugins.p_new", "plugins.p_b", "vendored", "one", "two", "pkg.new")
DATA_FILES = (
    "data.json",
    "notes.txt",
    "conf/a.txt",
    "conf/b.txt",
    "conf/c.txt",
    "snippet.txt",
    ".env",
    "plugins/table.txt",
)


@dataclass(frozen=True)
class Module:
    """A module in its parts."""

    doc: str = ""
    leading: tuple[str, ...] = ()
    number: int = 10
    body: tuple[str, ...] = ()
    tail: str = ""
    broken: str = ""
    form: str = "plain"

    def source(self) -> str:
        """The file's text."""
        parts = [self.doc, *self.leading, f"VALUE = {self.number}", *self.body, self.broken]
        text = "\n".join(part for part in parts if part) + "\n" + self.tail
        if self.form == "crlf":
            return text.replace("\n", "\r\n")
        return "\ufeff" + text if self.form == "bom" else text


@dataclass(frozen=True)
class Project:
    """An app as it is between two edits.

    Args:
        known: the modules that it began with, in the order of `Place.known`.
        modules: name, parts.
        files: everything else: path, content.
        packaged: modules that have become packages (`one/__init__.py`).
        hazards: see `Place`; and whether modules may go away.
    """

    known: tuple[str, ...]
    folder: str
    modules: Mapping[str, Module]
    files: Mapping[str, Content]
    packaged: frozenset[str] = frozenset()
    hazards: bool = True

    def place(self, name: str) -> Place:
        known = self.known if name in self.known else (*self.known, name)
        return Place(name, name in PACKAGES or name in self.packaged, known, self.hazards)

    def tree(self) -> dict[str, Content]:
        """Path, content."""
        found: dict[str, Content] = dict(self.files)
        for name, module in self.modules.items():
            path = name.replace(".", "/") + ("/__init__.py" if self.place(name).is_package else ".py")
            if name == "linked":
                found[self.folder + "hidden/target.py"] = module.source()
                found[self.folder + path] = Link("hidden/target.py")
            elif name == "vendored":
                found["vendor/vendored.py"] = module.source()
            else:
                found[self.folder + path] = module.source()
        return found


@st.composite
def scenarios(draw: st.DrawFn, hazards: bool, longest: int = 6) -> Scenario:
    """A random app and up to `longest` random edits.

    Args:
        hazards: also those of `test_hazards`.
    """
    target = draw(st.sampled_from(sorted(TAILS)))
    folder = draw(st.sampled_from(["", "", "", "inner/"]))
    project = draw(projects(target, folder, hazards))
    steps = [_step({}, project.tree(), (), "atomic")]
    trees = [project]
    names: tuple[str, ...] = ()
    for _ in range(draw(st.integers(1, longest))):
        edited, touched = project, []
        for _ in range(draw(st.sampled_from([1, 1, 1, 1, 2, 4]))):
            edited, name = draw(edits(edited, names, tuple(trees)))
            if name:
                names = (name,)
                touched.append(name)
        how: How = draw(st.sampled_from(["atomic", "in place", "same time stamp"]))
        steps.append(_step(project.tree(), edited.tree(), _paths(edited, touched), how))
        project = edited
        trees.append(project)
    return Scenario(target, tuple(steps), folder or ".")


def _paths(project: Project, names: list[str]) -> tuple[str, ...]:
    single = [
        replace(project, modules={name: project.modules[name]}, files={})
        for name in names
        if name in project.modules
    ]
    return tuple(path for one in single for path in one.tree())


def _step(
    before: Mapping[str, Content], after: Mapping[str, Content], touched: tuple[str, ...], how: How
) -> Step:
    files: list[tuple[str, Content]] = [(path, None) for path in before if path not in after]
    files += [
        (path, content) for path, content in after.items() if before.get(path) != content or path in touched
    ]
    return Step(tuple(files), how)


@st.composite
def projects(draw: st.DrawFn, target: str, folder: str, hazards: bool) -> Project:
    """An app that can be loaded, most of the time."""
    chosen = draw(st.sets(st.sampled_from(OPTIONAL_MODULES), min_size=1, max_size=6))
    known = ("app", *[name for name in OPTIONAL_MODULES if name in chosen], "plugins", "plugins.p_a")
    project = Project(known, folder, {}, {}, hazards=hazards)
    modules = {name: draw(module(project.place(name))) for name in known}
    modules["registry"] = Module(tail=REGISTRY)
    if target == "app:site":
        modules["views"] = Module(tail=VIEWS.replace("{number}", str(draw(NUMBERS))))
    inside = _indented(draw(body_statement(project.place("app"))))
    first = f"import {draw(st.sampled_from(known[1:]))}"
    app = modules["app"]
    tail = TAILS[target].replace("{inside}", inside)
    modules["app"] = replace(app, leading=(*app.leading, first), tail=tail)
    files: dict[str, Content] = {name: draw(data(name)) for name in DATA_FILES if draw(st.booleans())}
    return replace(project, modules=modules, files=_placed(files, folder))


def _placed(files: Mapping[str, Content], folder: str) -> dict[str, Content]:
    """Data lies in the current directory, what belongs to a package lies in it."""
    return {
        folder + name if name.startswith("plugins/") else name: content for name, content in files.items()
    }


def _indented(text: str) -> str:
    return "\n".join("    " + line if line else line for line in text.split("\n"))


@st.composite
def module(draw: st.DrawFn, place: Place) -> Module:
    """A module that has not been edited yet."""
    form = draw(st.sampled_from(["plain"] * 8 + ["crlf", "bom"]))
    return Module(draw(DOCS), draw(leading(place)), draw(NUMBERS), draw(body(place)), form=form)


def leading(place: Place) -> st.SearchStrategy[tuple[str, ...]]:
    """The leading imports."""
    return st.lists(leading_import(place), max_size=3).map(tuple)


def body(place: Place, *, may_fail: bool = False) -> st.SearchStrategy[tuple[str, ...]]:
    """What follows them."""
    return st.lists(body_statement(place, may_fail=may_fail), max_size=4).map(tuple)


@st.composite
def data(draw: st.DrawFn, name: str) -> str:
    """The content of a data file."""
    number = draw(NUMBERS)
    if name == "snippet.txt":
        return draw(st.sampled_from([f"SNIPPET = {number}\n", f"import one\nSNIPPET = {number}\n", "(\n"]))
    if name == ".env":
        return f"APP_MODE={number}\n"
    return draw(st.sampled_from([f'{{"n": {number}}}\n', f"[{number}]\n", f"{number}"]))


@st.composite
def edits(
    draw: st.DrawFn, project: Project, again: tuple[str, ...], earlier: tuple[Project, ...]
) -> tuple[Project, str]:
    """A project after one edit, and the module that was edited (empty: none)."""
    editable = sorted(name for name in project.modules if name != "registry")
    name = draw(st.sampled_from([*again, *again, *editable] if set(again) <= set(editable) else editable))
    kind = draw(st.sampled_from(_KINDS + _DISPLACING_KINDS if project.hazards else _KINDS))
    if kind == "data":
        return draw(data_edit(project)), ""
    if kind == "go back":
        return draw(st.sampled_from(earlier)), ""
    if kind == "create":
        new = draw(st.sampled_from(NEW_MODULES))
        return _with(project, new, draw(module(project.place(new)))), new
    if kind == "registry":
        return _with(
            project, "registry", replace(project.modules["registry"], number=draw(NUMBERS))
        ), "registry"
    if kind == "shadow" and name != "app":  # a package in front of a module
        path = f"{project.folder}{name.replace('.', '/')}/__init__.py"
        return replace(project, files={**project.files, path: f"VALUE = {draw(NUMBERS)}\n"}), ""
    if kind in ("delete", "rename", "package"):
        return draw(moved(project, kind, name))
    return _with(project, name, draw(edited(project.modules[name], project.place(name), kind))), name


_KINDS = (
    *["body"] * 5,
    *["add"] * 4,
    *["number"] * 4,
    *["head"] * 3,
    *["both"] * 2,
    *["data"] * 5,
    *["create"] * 3,
    *["break"] * 2,
    "touch",
    "doc",
    "form",
    "registry",
)
_DISPLACING_KINDS = (*["go back"] * 3, "delete", "rename", "package", "shadow")
"""By which another file, or none, may be what a module is loaded from."""


def _with(project: Project, name: str, changed: Module) -> Project:
    return replace(project, modules={**project.modules, name: changed})


@st.composite
def edited(draw: st.DrawFn, old: Module, place: Place, kind: str) -> Module:
    """A module after an edit of its text. Every edit but a break mends it as well."""
    whole = replace(old, broken="")
    if kind == "break":
        return replace(old, broken=draw(st.sampled_from(BROKEN)))
    if kind == "number":  # a save of equal size
        return replace(whole, number=draw(NUMBERS))
    if kind == "body":
        return replace(whole, body=draw(body(place, may_fail=True)), number=draw(NUMBERS))
    if kind == "add":
        return replace(whole, body=(*whole.body, draw(body_statement(place, may_fail=True))))
    if kind == "head":
        return replace(whole, leading=draw(leading(place)))
    if kind == "both":
        return replace(whole, leading=draw(leading(place)), body=draw(body(place, may_fail=True)))
    if kind == "doc":
        return replace(
            whole, doc=draw(st.sampled_from(["", '"""Another docstring."""', "\n\n", "'''a\nb'''"]))
        )
    if kind == "form":
        return replace(whole, form=draw(st.sampled_from(["plain", "crlf", "bom"])))
    return old


@st.composite
def moved(draw: st.DrawFn, project: Project, kind: str, name: str) -> tuple[Project, str]:
    """A project after a module has gone, has another name, or has become a package or a plain module."""
    if name in ("app", "linked"):
        return _with(project, name, replace(project.modules[name], number=draw(NUMBERS), broken="")), name
    if kind == "package" and "." not in name and name not in PACKAGES and name != "vendored":
        return replace(project, packaged=project.packaged ^ {name}), ""
    others = {each: parts for each, parts in project.modules.items() if each != name}
    if kind == "rename":
        others[draw(st.sampled_from(["maybe", "pkg.new", "one", "plugins.p_z"]))] = project.modules[name]
    return replace(project, modules=others), ""


@st.composite
def data_edit(draw: st.DrawFn, project: Project) -> Project:
    """A project after a data file has been written, or has gone."""
    name = draw(st.sampled_from(DATA_FILES))
    placed = next(iter(_placed({name: None}, project.folder)))
    files = dict(project.files)
    if placed in files and draw(st.integers(0, 3)) == 0:
        del files[placed]
    else:
        files[placed] = draw(data(name))
    return replace(project, files=files)

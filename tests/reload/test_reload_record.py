"""What a load is seen to depend on, in a Python of its own."""

from __future__ import annotations

import os
import py_compile
import sys
import threading
import time
import zipfile
from pathlib import Path

import pytest
from loading import load, write

from pilotlight.reload.bytecode import possible_sources
from pilotlight.reload.digest import digest_file
from pilotlight.reload.naming import absolute, absolute_in, candidates
from pilotlight.reload.record import Recorder
from pilotlight.reload.userfiles import UserFiles

APP = {
    "app/__init__.py": "from app import views\n",
    "app/views.py": (
        "import json, pathlib, importlib.resources\n"
        "config = open('config.toml').read()\n"
        "schema = json.loads(pathlib.Path(__file__).with_name('schema.json').read_text())\n"
        "text = importlib.resources.files('app').joinpath('text.json').read_text()\n"
    ),
    "app/schema.json": "{}",
    "app/text.json": "{}",
    "config.toml": "a = 1",
    "plugins/one.txt": "",
    "unrelated.py": "",
}


def test_modules_and_data_files(tmp_path: Path) -> None:
    write(tmp_path, APP)
    run = load(tmp_path, "import app")
    assert run.errors == ""
    files = {"app/__init__.py", "app/views.py", "app/schema.json", "app/text.json", "config.toml"}
    assert run.names("file") == files
    for one in run.dependencies:
        if one.kind == "file":
            assert one.digest == digest_file(one.path)
    again = load(tmp_path, "import app")  # now with bytecode in place
    assert again.names("file") == files


def test_each_is_reported_once(tmp_path: Path) -> None:
    write(tmp_path, APP)
    run = load(
        tmp_path,
        """
        import app, importlib
        importlib.reload(app.views)
        for name in ("config.toml", "./config.toml", os.path.abspath("config.toml"), b"config.toml"):
            open(name).close()
        """,
    )
    reported = [(one.kind, one.path) for one in run.dependencies]
    assert len(reported) == len(set(reported))


def test_missing_things(tmp_path: Path) -> None:
    write(tmp_path, APP)
    run = load(
        tmp_path,
        """
        for read in (lambda: open("local.toml"), lambda: open("instance/deep/x.toml"),
                     lambda: os.listdir("none")):
            try:
                read()
            except FileNotFoundError:
                pass
        for name in ("nowhere", "app.nothing"):
            try:
                __import__(name)
            except ImportError:
                pass
        try:
            from app import not_there
        except ImportError:
            pass
        """,
    )
    assert run.errors == ""
    assert run.names("missing") >= {
        "local.toml",
        "instance/deep/x.toml",
        "none",
        "nowhere",
        "app/nothing",
        "app/not_there",
    }
    assert run.names("missing-module") >= {"nowhere", "app/nothing", "app/not_there"}
    installed = [one.path for one in run.dependencies if one.path.endswith("site-packages/nowhere")]
    assert installed  # `pip install nowhere` would mend it


def test_a_module_that_would_shadow_another(tmp_path: Path) -> None:
    run = load(tmp_path, "import colorsys")
    assert "colorsys" in run.names("missing-module")
    assert "colorsys" not in run.names("missing")  # a bare directory would not


def test_a_passed_over_file_is_no_news(tmp_path: Path) -> None:
    write(tmp_path, {"real/mapped.py": "x = 1", "mapped.py": "x = 2"})
    run = load(
        tmp_path,
        """
        import importlib.util
        class Editable:
            @staticmethod
            def find_spec(name, path=None, target=None):
                if name == "mapped":
                    return importlib.util.spec_from_file_location(name, os.path.abspath("real/mapped.py"))
        sys.meta_path.insert(1, Editable)
        import mapped
        answer(mapped.x)
        """,
    )
    assert run.answers == (1,)
    assert run.names("file") == {"real/mapped.py"}
    assert "mapped" not in run.names("missing-module")


def test_listings_of_the_app_and_not_of_the_import_system(tmp_path: Path) -> None:
    write(tmp_path, APP)
    run = load(
        tmp_path,
        """
        import importlib.metadata
        importlib.metadata.version("pytest")
        [found.metadata for found in importlib.metadata.distributions()]
        import app
        """,
    )
    assert run.errors == ""
    assert run.names("directory") == set()
    assert str(tmp_path) not in {one.path for one in run.dependencies}
    run = load(tmp_path, "import pathlib; os.listdir('plugins'); list(pathlib.Path('app').iterdir())")
    assert run.names("directory") == {"plugins", "app"}
    run = load(tmp_path, "os.listdir()")
    assert str(tmp_path) in {one.path for one in run.dependencies if one.kind == "directory"}


def test_packages_found_by_discovery(tmp_path: Path) -> None:
    write(tmp_path, {**APP, "app/blueprints/__init__.py": "", "app/blueprints/a.py": ""})
    run = load(
        tmp_path,
        """
        import pkgutil, importlib, app.blueprints as package
        for found in pkgutil.iter_modules(package.__path__):
            importlib.import_module("app.blueprints." + found.name)
        """,
    )
    assert "app/blueprints" in run.names("directory")
    assert "app/blueprints/a.py" in run.names("file")


def test_what_does_not_count(tmp_path: Path) -> None:
    write(tmp_path, {"data.bin": "1"})
    run = load(
        tmp_path,
        """
        import decimal, subprocess, flask, tempfile
        open("log.txt", "a").close()
        open("made.txt", "w").close()
        open("made.txt").read()
        open("data.bin", "r+b").close()
        os.close(os.open("raw.txt", os.O_CREAT | os.O_WRONLY))
        open("/proc/self/status").read()
        open("/dev/null").read()
        tempfile.TemporaryFile().close()
        os.mkdir("tree")
        list(os.fwalk("tree"))
        """,
    )
    assert run.errors == ""
    assert run.names("file") == set()
    assert all(
        one.path.startswith(str(tmp_path)) for one in run.dependencies if one.kind in ("file", "directory")
    )


def test_a_relative_path_means_what_it_meant(tmp_path: Path) -> None:
    write(tmp_path, {"a/config.toml": "1", "b/config.toml": "2", "real/deep/x.txt": "", "real/y.txt": "3"})
    (tmp_path / "link").symlink_to("real/deep")
    run = load(
        tmp_path,
        """
        for name in ("a", "../b"):
            os.chdir(name)
            open("config.toml").read()
        os.chdir("..")
        open("link/../y.txt").read()
        """,
    )
    assert run.errors == ""
    assert run.names("file") == {"a/config.toml", "b/config.toml", "real/y.txt"}


@pytest.mark.parametrize(
    "statement",
    [
        "open(0, closefd=False)",
        "open(12345)",
        "open(b'a\\0b')",
        "open('a\\0b')",
        "open('')",
        "open(object())",
        "open('x' * 5000)",
        "open('\\udcff')",
        "os.open('a', 'b')",
        "os.listdir(0)",
        "os.scandir(b'/none')",
        "os.listdir(object())",
        "open(type('P', (), {'__fspath__': lambda self: 1})())",
        "os.rmdir(os.getcwd()) or open('relative')",
    ],
)
def test_strange_arguments_end_as_without_us(tmp_path: Path, statement: str) -> None:
    code = """
        import warnings
        warnings.simplefilter("ignore")
        def outcome():
            try:
                {}
            except Exception as error:
                return type(error).__name__ + str(error)[:60]
            return None
        answer(outcome())
    """
    (tmp_path / "cwd").mkdir()
    run = load(tmp_path / "cwd", code.format(statement))
    (tmp_path / "cwd").mkdir(exist_ok=True)
    assert run.status == 0, run.errors
    bare = load(
        tmp_path / "cwd",
        "recorder._deaf = True; recorder._serving = True\n" + _dedent(code.format(statement)),
    )
    assert run.answers == bare.answers


def _dedent(code: str) -> str:
    return "\n".join(line.removeprefix("        ") for line in code.splitlines())


def test_all_is_told_before_a_crash(tmp_path: Path) -> None:
    write(
        tmp_path,
        {"boom.py": "open('config.toml').read()\nimport os\nos.kill(os.getpid(), 9)\n", "config.toml": ""},
    )
    run = load(tmp_path, "import boom")
    assert run.status == -9
    assert run.names("file") == {"boom.py", "config.toml"}


def test_a_syntax_error_is_told_and_its_traceback_is_clean(tmp_path: Path) -> None:
    write(tmp_path, {"broken.py": "def f(:\n"})
    run = load(tmp_path, "import broken")
    assert run.names("file") == {"broken.py"}
    assert "SyntaxError" in run.errors
    assert "pilotlight" not in run.errors


def test_the_digest_is_taken_before_the_read(tmp_path: Path) -> None:
    """An edit in the very moment between our look and the app's leaves the older digest in the record."""
    write(tmp_path, {"config.toml": "old"})
    run = load(
        tmp_path,
        """
        def edit(event, arguments):
            if event == "open" and arguments[0] == "config.toml":
                descriptor = os.open("new.toml", os.O_CREAT | os.O_WRONLY)
                os.write(descriptor, b"new")
                os.close(descriptor)
                os.rename("new.toml", "config.toml")
        sys.addaudithook(edit)
        answer(open("config.toml").read())
        """,
    )
    assert run.answers == ("new",)
    recorded = [one.digest for one in run.dependencies if one.path.endswith("config.toml")]
    assert len(recorded) == 1
    assert recorded[0] != digest_file(str(tmp_path / "config.toml"))


def test_while_serving_only_modules_count(tmp_path: Path) -> None:
    write(tmp_path, {"page.html": "", "late.py": "", "config.toml": ""})
    run = load(
        tmp_path,
        """
        recorder.loading_finished()
        open("page.html").read()
        os.listdir(".")
        import late
        try:
            import never
        except ImportError:
            pass
        """,
    )
    assert run.names("file") == {"late.py"}
    assert run.names("missing-module") == set()
    assert run.names("directory") == set()


def test_a_forked_child_does_not_report(tmp_path: Path) -> None:
    write(tmp_path, {"a.txt": "", "b.txt": ""})
    run = load(
        tmp_path,
        """
        if os.fork() == 0:
            open("a.txt").read()
            os._exit(0)
        os.wait()
        open("b.txt").read()
        """,
    )
    assert run.names("file") == {"b.txt"}


def test_many_threads(tmp_path: Path) -> None:
    write(tmp_path, {f"f{number}.txt": str(number) for number in range(50)})
    run = load(
        tmp_path,
        """
        import threading
        def work():
            for number in range(50):
                assert open(f"f{number}.txt").read() == str(number)
        threads = [threading.Thread(target=work) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        """,
    )
    assert run.errors == ""
    assert sorted(one.path for one in run.dependencies if one.kind == "file") == sorted(
        str(tmp_path / f"f{number}.txt") for number in range(50)
    )


def test_namespace_packages_and_archives(tmp_path: Path) -> None:
    write(tmp_path, {"one/space/a.py": "", "two/space/b.py": "", "sub/keep": ""})
    with zipfile.ZipFile(tmp_path / "lib.zip", "w") as archive:
        archive.writestr("zipped.py", "x = 5")
    run = load(
        tmp_path,
        """
        sys.path[:0] = [os.path.abspath(name) for name in ("one", "two", "lib.zip")]
        import space.a, space.b, zipped
        answer(zipped.x)
        answer(list(space.__path__))
        """,
    )
    assert run.errors == ""
    assert run.answers == (5, [str(tmp_path / "one/space"), str(tmp_path / "two/space")])
    assert run.names("file") == {"one/space/a.py", "two/space/b.py", "lib.zip"}
    assert run.names("missing-module") >= {"one/space", "two/space"}


def test_a_report_that_fails_is_the_last(tmp_path: Path) -> None:
    asked = []

    def report(dependency: object) -> None:
        asked.append(dependency)
        raise BrokenPipeError

    (tmp_path / "a.py").touch()
    (tmp_path / "b.py").touch()
    recorder = Recorder(report)
    recorder.module_file(str(tmp_path / "a.py"))
    recorder.module_file(str(tmp_path / "b.py"))
    assert len(asked) == 1


def test_a_reader_waits_for_the_digest(tmp_path: Path) -> None:
    """A second thread must not read on while the first is still about to take the digest."""
    (tmp_path / "a.py").touch()
    (tmp_path / "b.py").touch()
    entered, go = threading.Event(), threading.Event()
    order: list[str] = []

    def report(dependency: object) -> None:
        entered.set()
        assert go.wait(10)
        order.append("reported")

    recorder = Recorder(report)

    def second() -> None:
        recorder.module_file(str(tmp_path / "a.py"))
        order.append("went on")

    threads = [threading.Thread(target=recorder.module_file, args=[str(tmp_path / "a.py")])]
    threads[0].start()
    assert entered.wait(10)
    threads.append(threading.Thread(target=second))
    threads[1].start()
    threads[1].join(0.05)
    go.set()
    for thread in threads:
        thread.join(10)
    assert order == ["reported", "went on"]


def test_paths_of_bytecode(monkeypatch: pytest.MonkeyPatch) -> None:
    assert possible_sources("/srv/__pycache__/a.cpython-311.pyc") == ("/srv/a.py",)
    assert possible_sources("/srv/__pycache__/a.cpython-311.opt-1.pyc")[-1] == "/srv/a.py"
    assert "/srv/a.b.py" in possible_sources("/srv/__pycache__/a.b.cpython-311.opt-1.pyc")
    assert "/srv/a.py" in possible_sources("/srv/__pycache__/a.cpython-311-pytest-8.3.4.pyc")
    assert possible_sources("/srv/a.pyc") == ()
    monkeypatch.setattr(sys, "pycache_prefix", "/cache/")
    assert possible_sources("/cache/srv/a.cpython-311.pyc") == ("/srv/a.py",)
    assert possible_sources("/cached/srv/a.cpython-311.pyc") == ()


@pytest.mark.parametrize("name", ["app.conf.py", "m.cfgpy", "settings", ".hidden", "a.b.opt-1.py"])
def test_the_source_of_bytecode_is_what_the_loader_says(tmp_path: Path, name: str) -> None:
    write(tmp_path, {name: "x = 1"})
    code = f"""
        from importlib.machinery import SourceFileLoader
        from importlib.util import module_from_spec, spec_from_loader
        loader = SourceFileLoader("a", {name!r})
        loader.exec_module(module_from_spec(spec_from_loader("a", loader)))
        """
    environment = {"PYTHONDONTWRITEBYTECODE": ""}
    for _ in range(2):  # without bytecode, then with it
        run = load(tmp_path, code, environment=environment)
        assert run.errors == ""
        assert run.names("file") == {name}
        for bytecode in (tmp_path / "__pycache__").iterdir():
            os.utime(bytecode, (time.time() + 60, time.time() + 60))


def test_bytecode_without_source_is_what_was_read(tmp_path: Path) -> None:
    write(tmp_path, {"m.py": "x = 1"})
    py_compile.compile(str(tmp_path / "m.py"), cfile=str(tmp_path / "other.pyc"))
    run = load(
        tmp_path,
        """
        from importlib.machinery import SourcelessFileLoader
        SourcelessFileLoader("a", "other.pyc").get_code("a")
        """,
    )
    assert run.errors == ""
    assert run.names("file") == {"other.pyc"}


def test_a_cache_of_all_bytecode_makes_no_library_the_users(tmp_path: Path) -> None:
    write(tmp_path, {"m.py": "import colorsys"})
    environment = {"PYTHONDONTWRITEBYTECODE": "", "PYTHONPYCACHEPREFIX": str(tmp_path / "cache")}
    for _ in range(2):
        run = load(tmp_path, "import m", environment=environment)
        assert run.errors == ""
        assert {one.path for one in run.dependencies if one.kind == "file"} == {str(tmp_path / "m.py")}


def test_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert absolute("a") == absolute(b"a") == absolute(Path("a")) == str(tmp_path / "a")
    assert absolute("/a//b/./c") == "/a/b/c"
    assert absolute(3) is None
    assert absolute("") is None


def test_paths_from_a_directory_that_is_open(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir("/")
    assert absolute_in("a", -1) == "/a"
    descriptor = os.open(tmp_path, os.O_RDONLY)
    try:
        assert absolute_in("a", descriptor) == absolute_in(b"a", descriptor) == str(tmp_path.resolve() / "a")
        assert absolute_in("/a", descriptor) == "/a"
        assert {"/a", str(tmp_path.resolve() / "a")} <= {*candidates("a")}
        assert candidates("/b") == ["/b"]
    finally:
        os.close(descriptor)
    assert absolute_in("a", descriptor) is None


def test_whose_files() -> None:
    users = UserFiles.of_this_interpreter()
    for foreign in (
        os.__file__,
        pytest.__file__,
        "/proc/1/status",
        "/usr/lib/python3/dist-packages/apt/a.py",
        __import__("pilotlight").__file__,
    ):
        assert not users.owns_file(str(foreign)), foreign
    for own in ("/srv/app/a.py", "/srv/my-packages/a.py", "/usr/src/app/a.py", "/etc/app.conf", "/process/a"):
        assert users.owns_file(own), own
    site_packages = os.path.dirname(os.path.dirname(pytest.__file__))
    assert not users.owns_directory(site_packages)
    assert users.may_be_fixed_by_install(site_packages)
    assert not users.may_be_fixed_by_install(os.path.dirname(os.__file__))

"""Modules are never older than their source; what looks at finders and loaders works as before."""

from __future__ import annotations

import importlib.util
import os
import py_compile
import time
from pathlib import Path

import pytest
from loading import load, write

from pilotlight.reload.bytecode import BYTECODE_MARGIN_NS, bytecode_is_proven

SECOND = 1_000_000_000


@pytest.mark.parametrize(
    ("flags", "written", "changed", "proven"),
    [
        (0, 10 * SECOND, 10 * SECOND, False),
        (0, 10 * SECOND + BYTECODE_MARGIN_NS, 10 * SECOND, True),
        (0, 5 * SECOND, 10 * SECOND, False),
        (0b11, 0, 10 * SECOND, True),  # checked against the source's hash by Python
        (0b01, 99 * SECOND, 10 * SECOND, False),  # never checked
    ],
)
def test_proof_of_bytecode(flags: int, written: int, changed: int, proven: bool) -> None:
    content = b"\x00\x00\r\n" + flags.to_bytes(4, "little") + b"\0" * 8
    assert bytecode_is_proven(content, written, changed) is proven


def test_two_saves_of_equal_size_and_time(tmp_path: Path) -> None:
    path = tmp_path / "m.py"
    path.write_text("x = 1")
    os.utime(path, (1000, 1000))
    assert load(tmp_path, "import m; answer(m.x)").answers == (1,)
    path.write_text("x = 2")
    os.utime(path, (1000, 1000))
    assert load(tmp_path, "import m; answer(m.x)").answers == (2,)
    path.write_text("x = 3")
    os.utime(path, (1000, 1000))
    assert load(tmp_path, "import importlib, m; answer(importlib.reload(m).x)").answers == (3,)


def test_a_source_replaced_by_one_with_the_same_stamp(tmp_path: Path) -> None:
    path, other = tmp_path / "m.py", tmp_path / "other"
    path.write_text("x = 1")
    other.write_text("x = 2")
    for each in (path, other):
        os.utime(each, (1000, 1000))
    cache = Path(py_compile.compile(str(path), doraise=True) or "")
    future = time.time() + 1
    os.utime(cache, (future, future))  # not even bytecode that seems to be a little younger
    other.replace(path)
    assert load(tmp_path, "import m; answer(m.x)").answers == (2,)


def test_bytecode_that_is_never_checked_is_not_taken(tmp_path: Path) -> None:
    path = tmp_path / "m.py"
    path.write_text("x = 1")
    py_compile.compile(
        str(path), doraise=True, invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH
    )
    path.write_text("x = 2")
    assert load(tmp_path, "import m; answer(m.x)").answers == (2,)


def test_proven_bytecode_is_taken(tmp_path: Path) -> None:
    path = tmp_path / "m.py"
    path.write_text("x = 1")
    cache = Path(py_compile.compile(str(path), doraise=True) or "")
    stamp = time.time() + 100
    os.utime(cache, (stamp, stamp))
    code = """
        compiled = []
        sys.addaudithook(lambda event, arguments: event == "compile" and compiled.append(arguments[1]))
        import m
        answer(any(str(name).endswith("m.py") for name in compiled))
    """
    run = load(tmp_path, code)
    assert run.answers == (False,)
    assert run.names("file") == {"m.py"}
    os.utime(cache, (1, 1))
    assert load(tmp_path, code).answers == (True,)


def test_bytecode_is_written_as_usual(tmp_path: Path) -> None:
    write(tmp_path, {"m.py": "x = 1"})
    load(tmp_path, "import m", environment={"PYTHONDONTWRITEBYTECODE": ""})
    assert list((tmp_path / "__pycache__").glob("m.*.pyc"))
    write(tmp_path, {"n.py": "x = 1"})
    load(tmp_path, "import n", flags=("-B",))
    assert not list((tmp_path / "__pycache__").glob("n.*.pyc"))


def test_modules_look_as_before(tmp_path: Path) -> None:
    write(tmp_path, {"pkg/__init__.py": "", "pkg/m.py": "def f():\n    return 1\n", "pkg/data.txt": "text"})
    run = load(
        tmp_path,
        """
        import importlib, importlib.machinery, importlib.resources, importlib.util, inspect, pickle, pkgutil
        import pkg.m
        spec = pkg.m.__spec__
        answer(spec.origin == pkg.m.__file__ == os.path.abspath("pkg/m.py"))
        answer(pkg.m.__cached__ == importlib.util.cache_from_source(pkg.m.__file__) == spec.cached)
        answer(isinstance(spec.loader, importlib.machinery.SourceFileLoader))
        answer(inspect.getsource(pkg.m.f) == "def f():\\n    return 1\\n")
        answer(spec.loader.get_source("pkg.m") == inspect.getsource(pkg.m))
        copy = pickle.loads(pickle.dumps(spec.loader))
        answer(type(copy) is type(spec.loader) and copy.path == spec.loader.path and copy == spec.loader)
        answer(importlib.resources.files("pkg").joinpath("data.txt").read_text() == "text")
        answer(pkgutil.get_data("pkg", "data.txt") == b"text")
        answer([found.name for found in pkgutil.iter_modules(pkg.__path__)] == ["m"])
        answer(importlib.reload(pkg.m) is pkg.m and pkg.m.f() == 1)
        answer(importlib.util.find_spec("pkg.none") is None)
        """,
    )
    assert run.errors == ""
    assert run.answers == (True,) * 11


def test_modules_as_scripts(tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            "pkg/__init__.py": "",
            "pkg/__main__.py": "x = __name__",
            "script.py": "import other",
            "other.py": "",
        },
    )
    run = load(
        tmp_path,
        """
        import runpy
        answer(runpy.run_module("pkg", run_name="__main__", alter_sys=True)["x"])
        runpy.run_path("script.py", run_name="__main__")
        """,
    )
    assert run.errors == ""
    assert run.answers == ("__main__",)
    assert run.names("file") == {"pkg/__init__.py", "pkg/__main__.py", "script.py", "other.py"}


def test_a_module_loaded_by_its_file(tmp_path: Path) -> None:
    write(tmp_path, {"m.py": "x = 1"})
    code = """
        import importlib.util
        spec = importlib.util.spec_from_file_location("m", os.path.abspath("m.py"))
        spec.loader.exec_module(importlib.util.module_from_spec(spec))
    """
    assert load(tmp_path, code).names("file") == {"m.py"}
    assert load(tmp_path, code).names("file") == {"m.py"}  # from its bytecode


def test_stale_bytecode_of_a_module_loaded_by_its_file(tmp_path: Path) -> None:
    """No finder is asked then."""
    path = tmp_path / "m.py"
    code = """
        import importlib.util
        spec = importlib.util.spec_from_file_location("m", "m.py")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        answer(module.x)
    """
    for number in (1, 2, 3):
        path.write_text(f"x = {number}")
        os.utime(path, (1000, 1000))
        assert load(tmp_path, code, environment={"PYTHONDONTWRITEBYTECODE": ""}).answers == (number,)


@pytest.mark.parametrize("position", [0, 1])
def test_a_hook_that_walks_all_finders_itself(tmp_path: Path, position: int) -> None:
    write(tmp_path, {"m.py": "x = 1"})
    run = load(
        tmp_path,
        f"""
        class Walker:
            def find_spec(self, name, path=None, target=None):
                for finder in sys.meta_path:
                    if finder is not self:
                        spec = finder.find_spec(name, path, target)
                        if spec is not None:
                            return spec
        sys.meta_path.insert({position}, Walker())
        import m
        answer(m.x)
        """,
    )
    assert run.errors == ""
    assert run.answers == (1,)
    assert run.names("file") == {"m.py"}


def test_a_finder_put_in_front_later(tmp_path: Path) -> None:
    write(tmp_path, {"m.py": "x = 1"})
    run = load(
        tmp_path,
        """
        from importlib.machinery import PathFinder
        sys.meta_path.insert(0, PathFinder)
        import m
        """,
    )
    assert run.names("file") == {"m.py"}


def test_errors_of_a_finder_are_its_own(tmp_path: Path) -> None:
    run = load(
        tmp_path,
        """
        class Refuses:
            @staticmethod
            def find_spec(name, path=None, target=None):
                if name == "forbidden":
                    raise RuntimeError("not this one")
        sys.meta_path.append(Refuses)
        for _ in range(2):
            try:
                import forbidden
            except RuntimeError as error:
                answer(str(error))
        """,
    )
    assert run.answers == ("not this one",) * 2


def test_extension_modules_count(tmp_path: Path) -> None:
    spec = importlib.util.find_spec("_json")
    if spec is None or spec.origin is None or not spec.origin.endswith(".so"):
        pytest.skip("this interpreter has its extension modules built in")
    target = tmp_path / os.path.basename(spec.origin)
    target.write_bytes(Path(spec.origin).read_bytes())
    run = load(tmp_path, "sys.modules.pop('_json', None); import _json")
    assert run.names("file") == {target.name}

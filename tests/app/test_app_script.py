"""Scripts run as `__main__`, and how a process was started, each compared with the interpreter itself."""

from __future__ import annotations

import json
import sys
import zipfile

import pytest

from pilotlight.app.script import parse_interpreter_options

REPORT = """
import json, linecache, pickle, sys
class Box: pass
main = sys.modules["__main__"]
spec = main.__spec__
print(json.dumps({
    "name": __name__, "same": main.__dict__ is globals(),
    "pickled": type(pickle.loads(pickle.dumps(Box()))) is Box,
    "file": globals().get("__file__"), "package": main.__package__,
    "spec": spec and [spec.name, spec.origin],
    "loader": type(main.__loader__).__name__, "argv": sys.argv, "path0": sys.path[0],
    "cached": main.__cached__ if hasattr(main, "__cached__") else None,
    "doc": main.__doc__, "future": main.__dict__.get("annotations"),
}))
"""
RUN = """
import json, sys
from pilotlight.app.script import ScriptTarget, run_as_main, script_for_file
kind, name, path0, *argv = sys.argv[1:]
if kind == "file":
    run_as_main(script_for_file(name, tuple(argv)))
else:
    run_as_main(ScriptTarget(kind, name, tuple(argv), path0))
"""
DETECT = """
import json, sys
from pilotlight.app.script import detect_script, interpreter_flags
found = detect_script()
shown = found and [found.kind, found.path_or_name, found.argv, found.path0]
print(json.dumps([shown, interpreter_flags()]))
"""


@pytest.fixture
def scripts(tree):
    tree.write_file("sub/report.py", REPORT)
    tree.write_file("sub/console-script", "#!/usr/bin/python\n" + REPORT)
    tree.write_file("sub/latin.py", "# -*- coding: latin-1 -*-\n" + REPORT)
    tree.write_file("folder/__main__.py", REPORT)
    tree.write_file("pkg/__init__.py", "")
    tree.write_file("pkg/__main__.py", REPORT)
    tree.write_file("pkg/mod.py", REPORT)
    with zipfile.ZipFile(tree.root / "packed", "w") as packed:
        packed.writestr("__main__.py", REPORT)
    return tree


def _report(done):
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize(
    ("kind", "name", "switch"),
    [
        ("file", "sub/report.py", []),
        ("file", "sub/console-script", []),
        ("file", "sub/latin.py", []),
        ("file", "folder", []),
        ("file", "packed", []),
        ("module", "pkg", ["-m"]),
        ("module", "pkg.mod", ["-m"]),
        ("code", REPORT.replace("pickle.loads(pickle.dumps(Box()))", "Box()"), ["-c"]),
    ],
)
def test_it_runs_as_the_interpreter_would(scripts, kind, name, switch):
    scripts.write_file("run.py", RUN)
    path0 = str(scripts.root) if kind == "module" else ""
    plain = _report(scripts.python(*switch, name, "one", "--two"))
    ours = _report(scripts.python("run.py", kind, name, path0, "one", "--two"))
    assert ours == plain


def test_a_symlinked_script_has_the_directory_of_its_target(scripts):
    (scripts.root / "link.py").symlink_to(scripts.root / "sub" / "report.py")
    scripts.write_file("run.py", RUN)
    assert _report(scripts.python("run.py", "file", "link.py", "")) == _report(scripts.python("link.py"))


def test_a_traceback_shows_the_source_and_only_the_script(scripts):
    scripts.write_file("sub/fails.py", "def inner():\n    raise KeyError('x')\ninner()\n")
    scripts.write_file(
        "run.py",
        "import traceback\nfrom pilotlight.app.script import *\n"
        "from pilotlight.app.trim import trim_loader_frames\n"
        "try: run_as_main(script_for_file('sub/fails.py'))\n"
        "except KeyError as error:\n    trim_loader_frames(error)\n"
        "    traceback.print_tb(error.__traceback__.tb_next)\n",
    )
    shown = scripts.python("run.py").stderr
    assert "raise KeyError('x')" in shown
    assert "pilotlight" not in shown


@pytest.mark.parametrize(
    ("target", "words"),
    [
        ("ScriptTarget('file', 'none.py')", "There is no file"),
        ("ScriptTarget('module', 'none_such')", "There is no module `none_such`"),
        ("ScriptTarget('module', 'pkg2')", "There is no module `pkg2.__main__`"),
        ("ScriptTarget('directory', 'pkg2', (), 'pkg2')", "There is no __main__.py in pkg2"),
    ],
)
def test_nothing_to_run(scripts, target, words):
    scripts.write_file("pkg2/__init__.py", "")
    code = f"from pilotlight.app.script import *\ntry: run_as_main({target})\n"
    code += "except ScriptMissing as e: print(e)"
    assert words in scripts.python("-c", code).stdout


@pytest.mark.parametrize(
    ("arguments", "kind", "name", "path0"),
    [
        (["sub/detect.py", "a", "-b"], "file", "sub/detect.py", "sub"),
        (["sub/console-script", "a", "-b"], "file", "sub/console-script", "sub"),
        (["-m", "pkg", "a", "-b"], "module", "pkg", ""),
        (["-m", "pkg.mod", "a", "-b"], "module", "pkg.mod", ""),
        (["folder", "a", "-b"], "directory", "folder", None),
        (["-c", DETECT, "a", "-b"], "code", DETECT, None),
    ],
)
def test_how_a_process_was_started(tree, arguments, kind, name, path0):
    for file in (
        "sub/detect.py",
        "sub/console-script",
        "pkg/__main__.py",
        "pkg/mod.py",
        "folder/__main__.py",
    ):
        tree.write_file(file, DETECT)
    tree.write_file("pkg/__init__.py", "")
    done = tree.python("-X", "utf8", "-Wdefault", "-B", *arguments)
    assert done.returncode == 0, done.stderr
    found, flags = json.loads(done.stdout)
    assert found[0] == kind
    assert found[2] == ["a", "-b"]
    assert found[1].removeprefix(str(tree.root) + "/") == name
    if path0 is not None:
        assert found[3] == str(tree.root / path0)
    assert flags == ["-Xutf8", "-Wdefault", "-B"]


def test_standard_input_cannot_be_repeated(tree):
    import subprocess

    done = subprocess.run(
        [sys.executable, "-"], input=DETECT, capture_output=True, text=True, timeout=60, cwd=tree.root
    )
    assert json.loads(done.stdout) == [None, []]


@pytest.mark.parametrize(
    ("line", "flags", "rest"),
    [
        (["hello.py", "-B"], [], ["hello.py", "-B"]),
        (["-B", "-m", "pkg", "x"], ["-B"], ["-m", "pkg", "x"]),
        (["-Bc", "code", "x"], ["-B"], ["-c", "code", "x"]),
        (["-cprint()", "x"], [], ["-c", "print()", "x"]),
        (["-OOIsu", "-X", "dev", "-Xutf8=1", "-W", "error", "a.py"],
         ["-O", "-O", "-I", "-s", "-u", "-Xdev", "-Xutf8=1", "-Werror"], ["a.py"]),
        (["-i", "-q", "-x", "a.py"], [], ["a.py"]),
        (["--check-hash-based-pycs", "always", "-P", "a.py"],
         ["--check-hash-based-pycs", "always", "-P"], ["a.py"]),
        (["-"], [], ["-"]),
        ([], [], []),
    ],
)  # fmt: skip
def test_interpreter_options(line, flags, rest):
    assert parse_interpreter_options(line) == (flags, rest)

"""What forks share, lose or change, and what a paused load may have seen: each by an app of a few lines whose
state is compared with that of a cold start after every edit.

`one` is imported before the place where the load is paused, `two` behind it, and `two` is what is edited;
where other files are, a case says so.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from cold_start import ColdStarts
from random_projects import TAILS
from random_statements import REGISTRY
from scenarios import Content, Link, Scenario, Step, play

pytestmark = pytest.mark.thorough

Files = tuple[tuple[str, Content], ...]

ONE = "import registry\n"
TWO = "import registry\nVALUE = {number}\n"


@pytest.fixture(scope="module")
def starts() -> Iterator[ColdStarts]:
    with ColdStarts() as running:
        yield running


def scenario(
    one: str = "",
    two: str = "",
    *,
    app: str = "import one\nimport two\n",
    files: Files = (),
    edits: tuple[Files, ...] = (),
) -> Scenario:
    """An app and what is done to it; without `edits` the module `two` is edited three times."""
    first: Files = (
        ("registry.py", REGISTRY),
        ("one.py", f"{ONE}{one}\n"),
        ("two.py", f"{TWO.format(number=10)}{two}\n"),
        ("app.py", f"{app}{TAILS['app:application']}"),
        *files,
    )
    usual = [(("two.py", f"{TWO.format(number=number)}{two}\n"),) for number in (11, 12, 13)]
    return Scenario("app:application", (Step(first), *map(Step, edits or usual)))


HANDLE = "import signal\n\n\ndef handle(number, frame):\n    pass\n\n\nsignal.signal(signal.{name}, handle)"
OPTIONAL = "try:\n    import {name}\nexcept Exception as error:\n    {name} = type(error).__name__\n"
TWICE: tuple[Files, ...] = (
    (("two.py", TWO.format(number=11)),),
    (("two.py", TWO.format(number=12)),),
)
"""After this the module is one that is worked on, and there are places at its boundaries."""
FOUR = "four.py", "import registry\nregistry.order.append(4)\n"
VENDOR = "import os, sys\nsys.path.append(os.path.join(os.getcwd(), 'vendor'))\n"

HAZARDS = {
    # Of the process.
    "a timer": scenario("import signal\nsignal.setitimer(signal.ITIMER_REAL, 300)"),
    "a handler of SIGTERM": scenario(HANDLE.format(name="SIGTERM")),
    "a handler of SIGINT": scenario(HANDLE.format(name="SIGINT")),
    "a handler of SIGCHLD": scenario(HANDLE.format(name="SIGCHLD")),
    "a handler of SIGUSR2": scenario(HANDLE.format(name="SIGUSR2")),
    "a seeded generator": scenario("registry.seed(5)", "DRAWN = registry.draw()"),
    "a thread": scenario(
        "import threading\nthreading.Thread(target=threading.Event().wait, daemon=True, name='app-1').start()"
    ),
    "a lock that is held": scenario(
        "import threading\nlock = threading.Lock()\nlock.acquire()", "import one\nHELD = one.lock.locked()"
    ),
    "a context variable": scenario(
        "import contextvars\nvariable = contextvars.ContextVar('variable')\nvariable.set(3)",
        "import one\nSET = one.variable.get()",
    ),
    "a generator": scenario(
        "def count():\n    yield 1\n    yield 2\n\n\ncounting = count()\nnext(counting)",
        "import one\nNUMBER = next(one.counting)",
    ),
    "an event loop": scenario("import asyncio\nloop = asyncio.new_event_loop()"),
    "a directory": scenario("import os\nos.chdir('sub')", files=(("sub/file.txt", ""),)),
    # Shared with a fork.
    "a position in a file": scenario(
        "registry.chunk()", "CHUNK = registry.chunk()", files=(("notes.txt", "abcdefghij"),)
    ),
    "a temporary file": scenario(
        "import tempfile\nregistry.stream = tempfile.TemporaryFile()\nregistry.stream.write(b'x')",
        "registry.stream.write(b'y')\nPOSITION = registry.stream.tell()",
    ),
    "memory": scenario(
        "registry.write_on_board(3)", "registry.write_on_board(1)\nBOARD = registry.read_board()"
    ),
    "a semaphore": scenario("registry.enter()", "registry.enter()\nROOM = registry.room()"),
    "a pipe": scenario("for number in b'abcd':\n    registry.post(number)", "TAKEN = registry.take()"),
    "a process that runs": scenario(
        "import atexit, subprocess\n"
        "process = subprocess.Popen(['sleep', '60'])\natexit.register(process.kill)",
        "import one\nENDED = one.process.poll()",
    ),
    # Read before the place.
    "data": scenario(
        "DATA = open('d.txt').read()",
        "DATA = open('e.txt').read()",
        files=(("d.txt", "1"), ("e.txt", "1")),
        edits=((("e.txt", "2"),), (("d.txt", "2"),), (("e.txt", "1"), ("d.txt", "1"))),
    ),
    "the source of a later module": scenario("SOURCE = open('two.py').read()"),
    "a module's absence": scenario(
        OPTIONAL.format(name="maybe"),
        OPTIONAL.format(name="perhaps"),
        edits=((("perhaps.py", "VALUE = 1\n"),), (("maybe.py", "VALUE = 1\n"),), (("perhaps.py", None),)),
    ),
    "the absence of a directory of modules": scenario(
        VENDOR + OPTIONAL.format(name="vendored"),
        OPTIONAL.format(name="late"),
        edits=((("vendor/late.py", "VALUE = 1\n"),), (("vendor/vendored.py", "VALUE = 1\n"),)),
    ),
    "the environment": scenario(
        two="import os\nMODE = os.environ.get('APP_MODE')",
        edits=(((".env", "APP_MODE=1\n"),), ((".env", "APP_MODE=2\n"),), ((".env", None),)),
    ),
    # Of modules.
    "a module that does not compile, and is not needed": scenario(
        app=OPTIONAL.format(name="three"),
        files=(("three.py", "import four\n\nVALUE = 1\n"), FOUR),
        edits=(
            (("three.py", "import four\n\nVALUE = 2\n"),),
            (("three.py", "import four\n\nVALUE = (\n"),),
            (("three.py", "import four\n\nVALUE = 4\n"),),
        ),
    ),
    "a module that fails behind its imports, and is not needed": scenario(
        app=OPTIONAL.format(name="three"),
        files=(("three.py", "import four\n\nVALUE = 1\n"), FOUR),
        edits=(
            (("three.py", "import four\n\nVALUE = 2\n"),),
            (("three.py", "import four\n\nVALUE = 1 / 0\n"),),
            (("three.py", "import four\n\nVALUE = 4\n"),),
        ),
    ),
    "a future that does not exist": scenario(
        edits=(
            (("two.py", "import registry\nVALUE = 11\n"),),
            (("two.py", "from __future__ import anotations\nimport registry\nVALUE = 12\n"),),
            (("two.py", "import registry\nVALUE = 13\n"),),
        )
    ),
    "an expression too deep for a tree": scenario(
        edits=(
            (("two.py", "import registry\nVALUE = 11\n"),),
            (("two.py", f"import registry\nVALUE = {' + '.join(['1'] * 3000)}\n"),),
            (("two.py", "import registry\nVALUE = 13\n"),),
        )
    ),
    "a module that is executed again": scenario(
        "import importlib\nimportlib.reload(registry)",
        "import importlib\nimportlib.reload(registry)\nNUMBER = next(registry.counter)",
    ),
    "a module that is imported twice": scenario(
        two="import sys\nsys.modules.pop('one')\nimport one",
        edits=((("one.py", "import registry\nVALUE = 1\n"),), (("one.py", "import registry\nVALUE = 2\n"),)),
    ),
    "a module that is executed by hand": scenario(app="import one\nexec(open('two.py').read())\n"),
    "a module that goes away, and is not needed": scenario(
        app=f"import one\n{OPTIONAL.format(name='two')}", edits=(*TWICE, (("two.py", None),), *TWICE)
    ),
    "a module that becomes a package": scenario(
        edits=(
            *TWICE,
            (("two/__init__.py", "VALUE = 3\n"), ("two.py", None)),
            (("two/__init__.py", "VALUE = 4\n"),),
        )
    ),
    "a module that becomes a directory": scenario(
        edits=(*TWICE, (("two.py", None), ("two/file.py", "")), (("two.py", "VALUE = 3\n"),))
    ),
    "a package that appears in front of a module": scenario(
        edits=(*TWICE, (("two/__init__.py", "VALUE = 3\n"),), (("two/__init__.py", None),))
    ),
    "a module that appears in front of another": scenario(
        app="import sys\nsys.path.insert(0, 'first')\nimport one\nimport two\n",
        files=(("first/other.py", ""),),
        edits=(*TWICE, (("first/two.py", "VALUE = 3\n"),), (("first/two.py", None),)),
    ),
    "a link that is turned": scenario(
        files=(("three.py", "import registry\nVALUE = 30\n"), ("four.py", "import registry\nVALUE = 40\n")),
        edits=(
            (("two.py", Link("three.py")),),
            (("three.py", "import registry\nVALUE = 31\n"),),
            (("two.py", Link("four.py")),),
            (("four.py", "import registry\nVALUE = 41\n"),),
        ),
    ),
}


@pytest.mark.parametrize("hazard", HAZARDS)
def test_state_is_that_of_a_cold_start(starts: ColdStarts, home: Path, hazard: str) -> None:
    with tempfile.TemporaryDirectory() as directory:
        play(HAZARDS[hazard], Path(directory).resolve(), home, starts, ("--reload-engine", "checkpoint"))

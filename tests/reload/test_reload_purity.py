"""May a process be paused? The judgement by tables, the facts from real processes."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from pilotlight.reload.purity import Descriptor, Facts, obstacle

FILE = Descriptor((5, 1, 50), "/data/app.db", "else")
LOG = Descriptor((6, 1, 60), "/var/log/app.log", "appended")
SOCKET = Descriptor((7, 9, 123), "socket:[123]", "else")
LOOP = Descriptor((8, 14, 1), "anon_inode:[eventpoll]", "else")


@pytest.mark.parametrize(
    ("facts", "text"),
    [
        (Facts(), None),
        (Facts(descriptors=(LOG,)), None),
        (Facts(native_threads=3, fork_safe_library="libopenblas.so"), None),
        (Facts(native_threads=3), "A library runs threads of its own"),
        (Facts(python_threads=("bee",)), "The app runs a thread (bee)"),
        (Facts(children=(77,)), "The app has started a process"),
        (Facts(descriptors=(LOG, FILE)), "The app holds /data/app.db open"),
        (Facts(descriptors=(SOCKET,)), "The app holds a socket open"),
        (Facts(descriptors=(LOOP,)), "The app holds [eventpoll] open"),
        (Facts(patched_by="gevent", python_threads=("bee",)), "gevent has patched the standard library"),
    ],
)
def test_judgement(facts: Facts, text: str | None) -> None:
    found = obstacle(facts, frozenset())
    assert (None if found is None else found.text) == text


def test_what_is_known_is_no_obstacle_until_its_number_is_another_ones() -> None:
    assert obstacle(Facts(descriptors=(SOCKET,)), frozenset({SOCKET.handle})) is None
    reused = Descriptor((SOCKET.handle[0], *FILE.handle[1:]), FILE.target, "else")
    assert obstacle(Facts(descriptors=(reused,)), frozenset({SOCKET.handle})) is not None


THREADS_ARE_TOLD = sys.version_info >= (3, 12)
"""Earlier Pythons have no audit event for the start of a thread."""


def facts_of(tmp_path: Path, code: str) -> str:
    """What a process says of itself after some code."""
    program = """
import os, sys
from pilotlight.reload.purity import ACTS, Purity, open_descriptors
from pilotlight.reload.userfiles import UserFiles
ours = os.open(os.devnull, os.O_RDWR)
purity = Purity(open_descriptors(), UserFiles.of_this_interpreter())
sys.addaudithook(lambda event, arguments: purity.note(event) if event in ACTS else None)
import code_of_the_app
print(purity.obstacle())
os._exit(0 if sys.stdout.flush() is None else 1)
"""
    (tmp_path / "code_of_the_app.py").write_text(textwrap.dedent(code))
    command = [sys.executable, "-c", program]  # whose frames are no file's
    run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=30)
    assert run.stderr == ""
    return run.stdout.strip().replace(str(tmp_path) + os.sep, "")


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("x = 1", "None"),
        ("f = open(__file__)", "None"),
        ("f = open('app.log', 'a')", "None"),
        ("import logging; logging.basicConfig(filename='app.log')", "None"),
        ("import os; d = os.open('.', os.O_RDONLY)", "None"),
        ("import random, secrets, uuid, tempfile; uuid.uuid4(); tempfile.gettempdir()", "None"),
        ("with open('out.txt', 'w') as f: f.write('x')", "None"),
        (
            "import threading\nt = threading.Thread(target=lambda: None)\nt.start()\nt.join()",
            "None",
        ),
        ("import subprocess, sys\nsubprocess.run([sys.executable, '-c', ''])", "None"),
        ("f = open('out.txt', 'w')", "The app holds out.txt open"),
        ("import os\nos.close(program.ours)\nf = open('out.txt', 'w')", "The app holds out.txt open"),
        (
            "import threading\nt = threading.Timer(600, print)\nt.daemon = True\nt.name = 'bee'\nt.start()",
            "The app runs a thread (bee)" + (", since code_of_the_app.py:5" if THREADS_ARE_TOLD else ""),
        ),
        (
            "import subprocess, sys\nif 1:\n  p = subprocess.Popen(['sleep', '0.5'])",
            "The app has started a process, since code_of_the_app.py:3",
        ),
        (
            "import socket\ns = socket.socket()",
            "The app holds a socket open, since code_of_the_app.py:2",
        ),
        (
            "import sqlite3\nc = sqlite3.connect('a.db')\nc.execute('create table t (x)')",
            "The app holds a.db open, since code_of_the_app.py:2",
        ),
        ("import os\nends = os.pipe()", "The app holds a pipe open"),
    ],
)
def test_facts(tmp_path: Path, code: str, said: str) -> None:
    assert facts_of(tmp_path, "import __main__ as program\n" + code if "program" in code else code) == said


def test_threads_of_numpy_are_tolerated(tmp_path: Path) -> None:
    pytest.importorskip("numpy")
    code = "import numpy\na = numpy.ones((600, 600))\nassert (a @ a)[0, 0] == 600"
    assert facts_of(tmp_path, code) == "None"

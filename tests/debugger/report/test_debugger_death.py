"""Workers that died or hang: what `faulthandler` really writes becomes frames."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from pilotlight.debugger import describe_exit, frames_from_faulthandler, from_death, render_text
from pilotlight.debugger.transport import from_json, to_json

TWO_THREADS = """Timeout (0:00:05)!
Thread 0x00007f0000000001 (most recent call first):
  File "/usr/lib/python3.11/threading.py", line 320 in wait
  File "/srv/caf\\xe9/\\u6f22.py", line 7 in worker
  File "/usr/lib/python3.11/threading.py", line 975 in run
  File "/usr/lib/python3.11/threading.py", line 995 in _bootstrap

Thread 0x00007f0000000002 [MainThread] (most recent call first):
  File "/srv/app.py", line 3 in load
  File "/srv/app.py", line ??? in <module>
"""


def test_all_threads_the_main_one_first() -> None:
    main, other = frames_from_faulthandler(TWO_THREADS)
    assert main.name == "main thread"
    assert [(frame.file, frame.line, frame.function) for frame in main.frames] == [
        ("/srv/app.py", None, "<module>"),
        ("/srv/app.py", 3, "load"),
    ]
    assert other.name == "thread 0x00007f0000000001"
    assert other.frames[2].file == "/srv/café/漢.py"


@pytest.mark.parametrize(
    "text", ["", "nothing", '  File "a", line 1 in f\n', "Thread 0xz (most recent call first):"]
)
def test_text_without_stacks(text: str) -> None:
    assert frames_from_faulthandler(text) == ()


@pytest.mark.parametrize(
    ("returncode", "sentence"),
    [
        (3, "The app's process ended by itself with exit status 3 while loading the app."),
        (0, "The app's process ended by itself with exit status 0 while loading the app."),
        (-signal.SIGSEGV, "killed by SIGSEGV while loading the app (a bug in a C extension"),
        (
            -signal.SIGKILL,
            "killed by SIGKILL while loading the app (often the system's out-of-memory killer)",
        ),
        (-signal.SIGTERM, "killed by SIGTERM while loading the app."),
        (-9999, "killed by signal 9999 while"),
    ],
)
def test_describe_exit(returncode: int, sentence: str) -> None:
    assert sentence in describe_exit(returncode)


def test_a_real_segmentation_fault(tmp_path: Path) -> None:
    app = tmp_path / "crash.py"
    app.write_text(
        "import faulthandler, threading\n"
        "faulthandler.enable()\n"
        "started, never = threading.Event(), threading.Event()\n"
        "def wait():\n    started.set()\n    never.wait()\n"
        "threading.Thread(target=wait, daemon=True).start()\n"
        "started.wait()\n"
        "def crash():\n    faulthandler._sigsegv()\n"
        "crash()\n"
    )
    done = subprocess.run([sys.executable, str(app)], capture_output=True, text=True, timeout=30)
    assert done.returncode == -signal.SIGSEGV
    report = from_death(describe_exit(done.returncode), done.stderr)
    assert report.kind == "death"
    assert report.title().startswith("The app's process was killed by SIGSEGV")
    assert [(frame.line, frame.function) for frame in report.error.frames] == [
        (11, "<module>"),
        (10, "crash"),
    ]
    focus = report.focus()
    assert focus is not None
    assert focus.code() == "    faulthandler._sigsegv()"
    assert any(frame.function == "wait" for stack in report.threads for frame in stack.frames)
    assert from_json(json.loads(json.dumps(to_json(report)))) == report
    text = render_text(report)
    assert "faulthandler._sigsegv()" in text
    assert "SIGSEGV" in text


def test_an_import_that_does_not_end(tmp_path: Path) -> None:
    app = tmp_path / "endless.py"
    app.write_text(
        "import faulthandler, time\n"
        "faulthandler.dump_traceback_later(0.1, exit=True)\n"
        "def spin():\n    while True:\n        time.sleep(0.01)\n"
        "spin()\n"
    )
    done = subprocess.run([sys.executable, str(app)], capture_output=True, text=True, timeout=30)
    report = from_death("The app is still being imported after 10 s.", done.stderr, kind="load")
    focus = report.focus()
    assert focus is not None
    assert (focus.function, focus.line) == ("spin", 5)


def test_a_death_without_a_word() -> None:
    report = from_death(describe_exit(3))
    assert render_text(report) == describe_exit(3) + "\n"
    assert report.error.frames == ()


def test_endless_output_is_cut_at_its_start() -> None:
    report = from_death("gone", "x" * 1_000_000 + "\nlast words\n")
    assert report.detail.endswith("last words\n")
    assert len(json.dumps(to_json(report))) < 20_000
    assert "last words" in render_text(report)


def test_the_thread_that_died_comes_first() -> None:
    dump = (
        "Fatal Python error: Segmentation fault\n\n"
        "Current thread 0x00000002 [pilotlight-wsgi] (most recent call first):\n"
        '  File "app.py", line 3 in view\n'
        '  File "/lib/threading.py", line 1 in _bootstrap\n\n'
        "Thread 0x00000001 (most recent call first):\n"
        '  File "serve.py", line 9 in run\n'
    )
    first, second = frames_from_faulthandler(dump)
    assert first.name == "pilotlight-wsgi"
    assert [frame.function for frame in first.frames] == ["_bootstrap", "view"]
    assert [frame.function for frame in second.frames] == ["run"]
    asked_for = frames_from_faulthandler(dump.partition("\n\n")[2])
    assert asked_for[0].name == "main thread"

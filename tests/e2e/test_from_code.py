"""Started from code: `pilotlight.run` in a main block, and scripts that know nothing of Pilotlight."""

from __future__ import annotations

import json
import time
from pathlib import Path

import psutil
import pytest
from harness import ANY_URL, Serve, ServerProcess, python

FLASK_APP = """
import sys
from flask import Flask

app = Flask(__name__)
text = "one"


@app.route("/")
def index():
    import __main__, os, json
    return json.dumps({{
        "text": text, "name": __name__, "main": app is getattr(__main__, "app", None), "argv": sys.argv,
        "path0": sys.path[0], "file": __file__, "package": __package__, "optimize": sys.flags.optimize,
        "warn": sys.warnoptions, "cwd": os.getcwd(), "debug": app.debug,
    }})


{main}
"""
OWN = """
if __name__ == "__main__":
    import pilotlight

    pilotlight.run(app, debug=True, port=0)
"""


def edit(server: ServerProcess, name: str = "hello.py") -> dict[str, object]:
    """Change the text, and wait for it; what the new worker says of itself."""
    path = Path(server.cwd) / name
    server.write(name, path.read_text().replace('text = "one"', 'text = "two"'))
    return json.loads(server.wait_until_response(lambda response: '"two"' in response.text).text)  # type: ignore[no-any-return]


def test_main_block_with_reload(serve: Serve, tmp_path: Path) -> None:
    server = serve(
        command=python("-O", "-W", "error::UserWarning", "hello.py", "--flag", "word"),
        files={"hello.py": FLASK_APP.format(main=OWN)},
    )
    for facts in (json.loads(server.get("/").text), edit(server)):
        assert facts["name"] == "__main__"
        assert facts["main"] is True
        assert facts["argv"] == ["hello.py", "--flag", "word"]
        assert facts["path0"] == str(tmp_path)
        assert facts["optimize"] == 1
        assert "error::UserWarning" in facts["warn"]
        assert facts["cwd"] == str(tmp_path)
        assert facts["debug"] is True


def test_failing_reload_goes_to_the_browser(serve: Serve) -> None:
    source = FLASK_APP.format(main=OWN)
    server = serve(command=python("hello.py"), files={"hello.py": source})
    assert server.get("/").status == 200
    server.write("hello.py", "def broken(:\n")
    server.wait_until_response(lambda response: "SyntaxError" in response.text)
    server.write("hello.py", source)
    server.wait_until_response(lambda response: response.status == 200)


def test_on_reload_error_exit(serve: Serve) -> None:
    main = OWN.replace("debug=True", "debug=True, on_reload_error='exit'")
    server = serve(command=python("hello.py"), files={"hello.py": FLASK_APP.format(main=main)})
    assert server.get("/").status == 200
    server.write("hello.py", "def broken(:\n")
    assert server.wait_for_exit() == 1
    assert "SyntaxError" in server.output


def test_without_reload_one_process(serve: Serve) -> None:
    server = serve(
        command=python("hello.py"), files={"hello.py": FLASK_APP.format(main=OWN.replace("debug=True, ", ""))}
    )
    facts = json.loads(server.get("/").text)
    assert facts["name"] == "__main__"
    assert server.children() == []
    server.interrupt()
    assert server.wait_for_exit() == 0


@pytest.mark.parametrize("how", ["-m pkg", "directory", "-m pkg.serve", "console script"])
def test_other_ways_to_start_a_script(serve: Serve, tmp_path: Path, how: str) -> None:
    source = FLASK_APP.format(main=OWN)
    names = {
        "-m pkg": ("pkg/__main__.py", ["-m", "pkg", "a"]),
        "directory": ("site/__main__.py", ["site", "a"]),
        "-m pkg.serve": ("pkg/serve.py", ["-m", "pkg.serve", "a"]),
        "console script": ("bin/serve", ["bin/serve", "a"]),
    }
    name, arguments = names[how]
    files = {name: source}
    if name.startswith("pkg/"):
        files["pkg/__init__.py"] = ""
    server = serve(command=python(*arguments), files=files)
    facts = edit(server, name)
    assert facts["name"] == "__main__"
    assert facts["argv"][1:] == ["a"]  # type: ignore[index]
    if how.startswith("-m"):
        assert facts["package"] == "pkg"
        assert facts["path0"] == str(tmp_path)
    else:
        assert str(facts["path0"]).endswith(name.partition("/")[0])


def test_import_string(serve: Serve) -> None:
    server = serve(
        command=python("serve.py"),
        files={
            "hello.py": FLASK_APP.format(main=""),
            "serve.py": "import pilotlight\nif __name__ == '__main__':\n"
            "    pilotlight.run('hello:app', debug=True, port=0)\n",
        },
    )
    assert json.loads(server.get("/").text)["name"] == "hello"
    assert edit(server)["name"] == "hello"


def test_call_while_the_command_loads_the_app_is_ignored_with_a_warning(serve: Serve) -> None:
    source = FLASK_APP.format(main="import pilotlight\npilotlight.run(app, port=1)\n")
    server = serve("--app", "hello", "run", "--debug", files={"hello.py": source})
    assert server.get("/").status == 200
    line = source.splitlines().index("pilotlight.run(app, port=1)") + 1
    server.wait_for_output(rf"hello\.py:{line}")


def test_outside_the_main_thread_it_serves_without_reloader_and_says_so(serve: Serve) -> None:
    main = """
import pilotlight, threading
thread = threading.Thread(target=pilotlight.run, args=(app,), kwargs={"debug": True, "port": 0}, daemon=True)
thread.start()
thread.join(60)
"""
    server = serve(command=python("hello.py"), files={"hello.py": FLASK_APP.format(main=main)})
    assert server.get("/").status == 200
    assert "main thread" in server.output
    assert server.children() == []


def test_wrong_option_is_one_sentence(serve: Serve) -> None:
    main = OWN.replace("port=0", "prot=0")
    server = serve(command=python("hello.py"), files={"hello.py": FLASK_APP.format(main=main)})
    assert server.wait_for_exit() == 2
    assert "prot" in server.output
    assert "port" in server.output
    assert "Traceback" not in server.output


UNMODIFIED = {
    "flask": ("from flask import Flask\napp = Flask(__name__)\n", "app.run(debug=True, port=0)"),
    "quart": ("from quart import Quart\napp = Quart(__name__)\n", "app.run(debug=True, port=0)"),
    "werkzeug": (
        "from flask import Flask\nfrom werkzeug.serving import run_simple\napp = Flask(__name__)\n",
        "run_simple('127.0.0.1', 0, app, use_reloader=True)",
    ),
    "uvicorn": (
        "from quart import Quart\nimport uvicorn\napp = Quart(__name__)\n",
        "uvicorn.run(app, port=0, reload=True)",
    ),
}


@pytest.mark.parametrize("kind", UNMODIFIED)
def test_unmodified_script(serve: Serve, kind: str) -> None:
    head, call = UNMODIFIED[kind]
    view = "async def index" if "quart" in head else "def index"
    source = (
        f"{head}text = 'one'\n\n@app.route('/')\n{view}():\n    return text\n\n"
        f"if __name__ == '__main__':\n    {call}\n"
    )
    server = serve(command=python("-m", "pilotlight", "hello.py"), files={"hello.py": source})
    assert server.get("/").text == "one"
    assert "Pilotlight" in server.output
    server.write("hello.py", source.replace("'one'", "'two'"))
    server.wait_until_response(lambda response: response.text == "two")


def test_unmodified_script_gets_its_arguments(serve: Serve) -> None:
    source = FLASK_APP.format(main="if __name__ == '__main__':\n    app.run(debug=True, port=0)\n")
    server = serve(
        command=python("-m", "pilotlight", "hello.py", "--port", "9", "x"), files={"hello.py": source}
    )
    assert json.loads(server.get("/").text)["argv"] == ["hello.py", "--port", "9", "x"]
    assert edit(server)["argv"] == ["hello.py", "--port", "9", "x"]


def test_unmodified_script_that_fails_keeps_its_own_traceback(serve: Serve) -> None:
    server = serve(
        command=python("-m", "pilotlight", "hello.py"), files={"hello.py": "import os\nundefined\n"}
    )
    assert server.wait_for_exit() == 1
    assert "NameError" in server.output
    assert "hello.py" in server.output
    assert "pilotlight/" not in server.output


def test_unmodified_script_that_starts_no_server_just_runs(serve: Serve) -> None:
    server = serve(
        command=python("-m", "pilotlight", "hello.py"),
        files={"hello.py": "print('done')\nraise SystemExit(5)\n"},
    )
    assert server.wait_for_exit() == 5
    assert server.stdout == "done\n"


def test_the_flask_command_is_this_server(serve: Serve) -> None:
    source = FLASK_APP.format(main="")
    command = [str(Path(python()[0]).parent / "flask"), "--app", "hello", "run", "--debug", "--port", "0"]
    server = serve(command=command, files={"hello.py": source})
    assert json.loads(server.get("/").text)["debug"] is True
    assert "Pilotlight" in server.output
    assert json.loads(server.get("/").text)["name"] == "hello"
    edit(server)


def test_flask_gets_its_own_run_back(serve: Serve) -> None:
    command = [str(Path(python()[0]).parent / "flask"), "--app", "hello", "run", "--port", "0"]
    server = serve(
        command=command, files={"hello.py": FLASK_APP.format(main="")}, env={"PILOTLIGHT_FLASK": "0"}
    )
    server.wait_for_output(ANY_URL)
    assert "Werkzeug" in server.get("/").headers["server"]


REPEATED = """
import atexit, os, sys
from flask import Flask

app = Flask(__name__)
{before}
text = "one"


@app.route("/")
def index():
    return "|".join([text, os.getcwd(), os.environ.get("RUNS", ""), *sys.argv, sys.flags.__repr__()])


if __name__ == "__main__":
    {call}
"""


@pytest.mark.parametrize("way", ["pilotlight.run", "app.run"])
def test_the_script_finds_what_it_found_first(serve: Serve, tmp_path: Path, way: str) -> None:
    """Although it has changed its directory, its arguments and its environment before the call."""
    source = REPEATED.format(
        before=(
            "os.chdir('data'); sys.argv.pop(1)\n"
            "os.environ['RUNS'] = os.environ.get('RUNS', '') + 'x'\n"
            "atexit.register(lambda: print('atexit', os.getpid(), flush=True))"
        ),
        call="import pilotlight; pilotlight.run(app, debug=True, port=0)"
        if way == "pilotlight.run"
        else "app.run(debug=True, port=0)",
    )
    (tmp_path / "src" / "data").mkdir(parents=True)
    (tmp_path / "data").mkdir()
    words = ["src/hello.py"] if way == "pilotlight.run" else ["-m", "pilotlight", "src/hello.py"]
    server = serve(command=python(*words, "taken", "left"), files={"src/hello.py": source})
    for text in ("one", "two"):
        found = server.wait_until_response(lambda response, text=text: response.text.startswith(text)).text  # type: ignore[misc]
        assert found.split("|")[1:5] == [str(tmp_path / "data"), "x", "src/hello.py", "left"]
        server.write("src/hello.py", source.replace('"one"', '"two"'))
    server.terminate()
    assert server.wait_for_exit() == 0
    ends = [line.split()[1] for line in server.output.splitlines() if line.startswith("atexit")]
    assert len(ends) == len(set(ends)) == 3  # this process before it became the supervisor, and two workers
    assert str(server.pid) in ends


def test_warnings_as_errors_and_isolation(serve: Serve) -> None:
    source = REPEATED.format(before="", call="import pilotlight; pilotlight.run(app, debug=True, port=0)")
    server = serve(
        command=python("-X", "dev", "-W", "error", "-O", "-B", "-u", "-I", "hello.py"),
        files={"hello.py": source},
    )
    text = server.get("/").text
    for flag in ("dev_mode=True", "optimize=1", "dont_write_bytecode=1", "isolated=1"):
        assert flag in text


@pytest.mark.parametrize("way", ["pilotlight.run", "app.run"])
def test_every_option_by_name(serve: Serve, way: str) -> None:
    """`pilotlight.run` inside a script that `python -m pilotlight` runs is the same call."""
    options = (
        "host='localhost', port=0, debug=True, reload=True, debugger=False, with_threads=True,"
        " extra_files=['x.txt'], exclude_patterns=['*.y'], env_file='my.env', open=False, quiet=False,"
        " app_dir='.', on_reload_error='page'"
    )
    source = REPEATED.format(before="", call=f"import pilotlight; pilotlight.run(app, {options})")
    words = ["hello.py"] if way == "pilotlight.run" else ["-m", "pilotlight", "hello.py"]
    files = {"hello.py": source, "x.txt": "", "my.env": "RUNS=from the file\n"}
    server = serve(command=python(*words), files=files)
    assert "from the file" in server.get("/").text
    assert "my.env" in server.output


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        ("prot=0", "no option 'prot'"),
        ("cert=('a', 'b')", "cert is a value of type tuple"),
        ("port=99999", "99999"),
    ],
)
@pytest.mark.parametrize("words", [["hello.py"], ["-m", "pilotlight", "hello.py"]], ids=["own", "unmodified"])
def test_wrong_options(serve: Serve, words: list[str], call: str, sentence: str) -> None:
    source = REPEATED.format(before="", call=f"import pilotlight; pilotlight.run(app, {call})")
    server = serve(command=python(*words), files={"hello.py": source})
    assert server.wait_for_exit() == 2
    assert sentence in server.output
    assert "Traceback" not in server.output


def test_a_wrong_app(serve: Serve) -> None:
    source = "import pilotlight\nif __name__ == '__main__':\n    pilotlight.run(42, debug=True, port=0)\n"
    server = serve(command=python("hello.py"), files={"hello.py": source})
    assert server.wait_for_exit() == 2
    assert "`int`" in server.output
    assert "Traceback" not in server.output


def test_a_child_process_of_the_script_does_not_hold_up_the_start(serve: Serve) -> None:
    source = REPEATED.format(
        before="import multiprocessing, time",
        call=(
            "multiprocessing.get_context('spawn').Process(target=time.sleep, args=(600,)).start()\n"
            "    import pilotlight; pilotlight.run(app, debug=True, port=0)"
        ),
    )
    server = serve(command=python("hello.py"), files={"hello.py": source}, survivors_expected=True)
    assert server.get("/").text.startswith("one")


def test_in_a_running_loop_it_serves_without_reloader_and_one_signal_ends_it(serve: Serve) -> None:
    main = """
import asyncio, pilotlight

async def main():
    pilotlight.run(app, debug=True, port=0)
    print("after the server", flush=True)

asyncio.run(main())
"""
    server = serve(command=python("hello.py"), files={"hello.py": FLASK_APP.format(main=main)})
    assert server.get("/").status == 200
    assert "running event loop" in server.output
    server.interrupt()
    assert server.wait_for_exit() == 0
    assert "after the server" in server.output
    assert "Traceback" not in server.output


def test_in_a_notebook_a_port_in_use_is_one_sentence(serve: Serve) -> None:
    first = serve(command=python("hello.py"), files={"hello.py": FLASK_APP.format(main=OWN)})
    main = f"""
import asyncio, sys, types, pilotlight
sys.modules["ipykernel"] = types.ModuleType("ipykernel")

async def cell():
    pilotlight.run(app, debug=True, port={first.port})

asyncio.run(cell())
"""
    server = serve(command=python("cell.py"), files={"cell.py": FLASK_APP.format(main=main)})
    assert server.wait_for_exit() == 1
    assert "a notebook cannot be run again" in server.output
    assert f"Port {first.port} is already in use" in server.output
    assert "Traceback" not in server.output


def test_a_script_on_standard_input(serve: Serve) -> None:
    source = FLASK_APP.format(main="import pilotlight; pilotlight.run(app, debug=True, port=0)").replace(
        '"file": __file__, ', ""
    )
    server = serve(command=["sh", "-c", f"exec {python()[0]} - < hello.py"], files={"hello.py": source})
    assert json.loads(server.get("/").text)["debug"] is True
    assert "no script file" in server.output
    assert server.children() == []


def test_code_on_the_command_line(serve: Serve) -> None:
    code = "import hello, pilotlight, sys; pilotlight.run(hello.app, debug=True, port=0)"
    server = serve(command=python("-c", code, "a"), files={"hello.py": FLASK_APP.format(main="")})
    assert edit(server)["argv"] == ["-c", "a"]


def test_two_calls_and_code_after_them(serve: Serve) -> None:
    main = """
if __name__ == "__main__":
    app.run(debug=True, port=0)
    print("between", flush=True)
    app.run(debug=True, port=0)
    print("after", flush=True)
"""
    server = serve(
        command=python("-m", "pilotlight", "hello.py"), files={"hello.py": FLASK_APP.format(main=main)}
    )
    assert server.get("/").status == 200
    server.interrupt()
    assert server.wait_for_exit() == 0
    assert server.output.index("between") < server.output.index("after")
    assert "Traceback" not in server.output


def test_a_failure_of_the_second_run_alone(serve: Serve) -> None:
    source = (
        "import os\nif os.path.exists('marker'):\n    undefined\nopen('marker', 'w').close()\n"
        + FLASK_APP.format(main=OWN)
    )
    server = serve(command=python("hello.py"), files={"hello.py": source})
    assert server.wait_for_exit() == 1
    assert "NameError" in server.output
    assert "pilotlight/" not in server.output


@pytest.mark.parametrize("where", ["environment", ".env"])
def test_debug_mode_of_an_unmodified_script_from(serve: Serve, where: str) -> None:
    files = {"hello.py": FLASK_APP.format(main="if __name__ == '__main__':\n    app.run(port=0)\n")}
    env = {"FLASK_DEBUG": "1"} if where == "environment" else {}
    files |= {} if env else {".env": "FLASK_DEBUG=1\n"}
    server = serve(command=python("-m", "pilotlight", "hello.py"), files=files, env=env)
    assert json.loads(server.get("/").text)["debug"] is True
    assert edit(server)["debug"] is True


def test_ctrl_c_at_any_time_shows_no_traceback(serve: Serve) -> None:
    # Only what comes after the call is ours: until then Ctrl-C interrupts the script, and Python shows where.
    called = (
        "import sys\n"
        "sys.addaudithook(lambda event, args: event == 'import' and args[0] == 'pilotlight.launch'\n"
        "    and print('now', flush=True))\n"
    )
    source = called + FLASK_APP.format(main=OWN)
    for delay in (0.0, 0.02, 0.05, 0.1, 0.2):
        server = serve(command=python("hello.py"), files={"hello.py": source})
        server.wait_for_output("now")
        time.sleep(delay)  # each a different stage: still the script, the new interpreter, the supervisor
        server.interrupt()
        assert server.wait_for_exit() in (0, 130)
        assert "Traceback" not in server.output, delay


def test_process_title_names_the_script(serve: Serve) -> None:
    server = serve(command=python("hello.py", "word"), files={"hello.py": FLASK_APP.format(main=OWN)})
    assert server.get("/").status == 200
    assert psutil.Process(server.pid).cmdline()[-2:] == ["hello.py", "word"]


def test_a_second_server_in_a_thread_is_refused_in_one_line(serve: Serve) -> None:
    main = """
if __name__ == "__main__":
    import os, pilotlight, threading
    other = threading.Thread(target=pilotlight.run, args=(Flask("other"),), kwargs={"port": 0})
    if not os.path.exists("first"):
        open("first", "w").close()  # the first run, which only becomes the supervisor
    else:
        other.start()
        other.join()
    pilotlight.run(app, debug=True, port=0)
"""
    server = serve(command=python("hello.py"), files={"hello.py": FLASK_APP.format(main=main)})
    assert server.get("/").status == 200
    server.wait_for_output("serves nothing")
    assert "Traceback" not in server.output

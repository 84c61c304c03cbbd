"""Run a script as `__main__`, as the interpreter would, and find out how the running process was started.

Must never know what the script does: `runcalls.intercepting` around it takes over its `app.run(...)`.
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader, SourcelessFileLoader
from types import CodeType, ModuleType
from typing import Any, Literal

from .errors import AppError

Kind = Literal["file", "module", "directory", "code"]


class ScriptMissing(AppError):
    """What is to be run as `__main__` is not there."""


@dataclass(frozen=True, slots=True)
class ScriptTarget:
    """How to run a script.

    Args:
        kind: `file` (`python hello.py`), `module` (`python -m pkg`), `directory` (or a zip file) or `code`
            (`-c`).
        path_or_name: the path, the name after `-m`, or the code.
        argv: the arguments after it.
        path0: what the interpreter puts in front of `sys.path`.
    """

    kind: Kind
    path_or_name: str
    argv: tuple[str, ...] = ()
    path0: str = ""


def script_for_file(path: str, argv: tuple[str, ...] = ()) -> ScriptTarget:
    """What `python path argv...` would run: a file, or a directory or zip file with a `__main__.py`."""
    if os.path.isdir(path) or _is_archive(path):
        return ScriptTarget("directory", path, argv, os.path.abspath(path))
    return ScriptTarget("file", path, argv, os.path.dirname(os.path.realpath(path)))


def run_as_main(target: ScriptTarget) -> None:
    """Execute a script as `__main__`.

    The new `__main__` stays in `sys.modules`: objects of its classes can be pickled, threads go on.
    `sys.path[0]`, which the interpreter has put there for us, is replaced, unless Python has a safe path.

    Raises:
        ScriptMissing: there is nothing to run.
        BaseException: whatever the script raises.
    """
    if target.kind == "code":
        _set_process(["-c", *target.argv], target.path0)
        code = compile(target.path_or_name, "<string>", "exec", dont_inherit=True)
        _execute(code, {"__spec__": None, "__package__": None, "__loader__": _builtin_importer()})
    elif target.kind == "file":
        _run_file(target)
    else:
        _run_found(target)


def _run_file(target: ScriptTarget) -> None:
    path = os.path.abspath(target.path_or_name)
    if not os.path.isfile(path):
        raise ScriptMissing(f"There is no file {path} to run.", looked_at=(path,))
    _set_process([target.path_or_name, *target.argv], target.path0)
    loader: Any = (SourcelessFileLoader if path.endswith(".pyc") else SourceFileLoader)("__main__", path)
    if isinstance(loader, SourceFileLoader):
        code = loader.source_to_code(
            loader.get_data(path), path
        )  # never cached, as Python never caches `__main__`
    else:
        code = loader.get_code("__main__")
    names = {
        "__file__": path,
        "__cached__": None,
        "__spec__": None,
        "__package__": None,
        "__loader__": loader,
    }
    _execute(code, names)


def _run_found(target: ScriptTarget) -> None:
    """`-m name`, or `__main__` in a directory or zip file."""
    first = "-m" if target.kind == "module" else target.path_or_name
    _set_process([first, *target.argv], target.path0)
    spec = _spec_of_module(target.path_or_name) if target.kind == "module" else _spec_in(target.path0)
    loader: Any = spec.loader
    code = loader.get_code(spec.name)
    if code is None:
        raise ScriptMissing(f"`{spec.name}` has no code that could be run.")
    if target.kind == "module":
        sys.argv[0] = spec.origin or spec.name
    names = {
        "__file__": spec.origin,
        "__cached__": spec.cached,
        "__spec__": spec,
        "__package__": spec.parent,
        "__loader__": loader,
    }
    _execute(code, names)


def _spec_of_module(name: str) -> ModuleSpec:
    from importlib.util import find_spec

    try:
        spec = find_spec(name)
        if spec is not None and spec.submodule_search_locations is not None:
            spec = find_spec(f"{name}.__main__")
            name = f"{name}.__main__"
    except ModuleNotFoundError as error:
        if error.name is None or not f"{name}.".startswith(f"{error.name}."):
            raise
        spec = None
    if spec is None or spec.loader is None:
        raise ScriptMissing(f"There is no module `{name}` to run; Python looked along sys.path.")
    return spec


def _spec_in(path: str) -> ModuleSpec:
    spec = PathFinder.find_spec("__main__", [path])
    if spec is None or spec.loader is None:
        main = os.path.join(os.path.abspath(path), "__main__.py")
        raise ScriptMissing(f"There is no __main__.py in {path} to run.", looked_at=(main,))
    return spec


def _execute(code: CodeType, names: dict[str, Any]) -> None:
    main = ModuleType("__main__")
    vars(main).update(names)
    vars(main)["__builtins__"] = sys.modules["builtins"]
    vars(main).setdefault("__annotations__", {})
    sys.modules["__main__"] = main
    exec(code, vars(main))


def _set_process(argv: list[str], path0: str) -> None:
    sys.argv[:] = argv
    if not _safe_path():
        sys.path[:1] = [path0]


def _builtin_importer() -> Any:
    from importlib.machinery import BuiltinImporter

    return BuiltinImporter


def _safe_path() -> bool:
    return bool(getattr(sys.flags, "safe_path", False) or sys.flags.isolated)


def _is_archive(path: str) -> bool:
    if not os.path.isfile(path) or path.endswith((".py", ".pyw", ".pyc")):
        return False
    import zipfile

    return zipfile.is_zipfile(path)


def detect_script() -> ScriptTarget | None:
    """How this process was started; None if that cannot be repeated (a prompt, a notebook, ...)."""
    main = sys.modules.get("__main__")
    if main is None:
        return None
    argv = tuple(sys.argv[1:])
    spec = getattr(main, "__spec__", None)
    file = getattr(main, "__file__", None)
    if spec is not None and spec.name != "__main__":
        name = spec.name.removesuffix(".__main__")
        return ScriptTarget("module", name, argv, _module_path0())
    if spec is not None:
        directory = os.path.dirname(file) if file else sys.path[0]
        return ScriptTarget("directory", directory, argv, directory)
    if file is not None and not file.startswith("<"):
        # The path as it was typed is kept where there is one, because scripts read sys.argv[0].
        typed = sys.argv[0] if sys.argv and os.path.abspath(sys.argv[0]) == os.path.abspath(file) else file
        return ScriptTarget("file", typed, argv, os.path.dirname(os.path.realpath(file)))
    code = _code_argument(sys.orig_argv) if sys.argv[:1] == ["-c"] else None
    return None if code is None else ScriptTarget("code", code, argv, "")


def _module_path0() -> str:
    here = os.getcwd()
    return here if here in sys.path or not sys.path else sys.path[0]


def interpreter_flags() -> list[str]:
    """The interpreter's own options of this process (`-X`, `-W`, `-O`, ...), to start another one alike."""
    flags, _ = parse_interpreter_options(sys.orig_argv[1:])
    return flags


def _code_argument(orig_argv: list[str]) -> str | None:
    _, rest = parse_interpreter_options(orig_argv[1:])
    return rest[1] if len(rest) > 1 and rest[0] == "-c" else None


_REPEATED = frozenset("bBdEIOPRsSuv")
_WITH_VALUE = frozenset("WX")


def parse_interpreter_options(arguments: list[str]) -> tuple[list[str], list[str]]:
    """Take Python's own command line apart (pure).

    Args:
        arguments: those after the executable.

    Returns:
        The options that a process started alike needs (not `-i`, `-x` or `-q`, which are about this one
        alone), and what follows: `-c` or `-m` with its value and arguments, or the script with its own.
    """
    flags: list[str] = []
    position = 0
    while position < len(arguments):
        word = arguments[position]
        position += 1
        if word == "--check-hash-based-pycs" and position < len(arguments):
            flags += [word, arguments[position]]
            position += 1
        elif word == "-" or not word.startswith("-"):
            return flags, arguments[position - 1 :]
        elif not word.startswith("--"):
            taken, ends = _short_options(word[1:], arguments[position:], flags)
            if ends is not None:
                return flags, [*ends, *arguments[position + taken :]]
            position += taken
    return flags, []


def _short_options(letters: str, following: list[str], flags: list[str]) -> tuple[int, list[str] | None]:
    """One word of short options: how many further words it took, and `-c` or `-m` with its value."""
    for index, letter in enumerate(letters):
        attached = letters[index + 1 :]
        if letter in "cm" or letter in _WITH_VALUE:
            taken = 0 if attached else 1
            value = attached or (following[0] if following else "")
            if letter in "cm":
                return taken, [f"-{letter}", value]
            flags.append(f"-{letter}{value}")
            return taken, None
        if letter in _REPEATED:
            flags.append(f"-{letter}")
    return 0, None

"""Run a script as `__main__`, as the interpreter would, and find out how the running process was started.

Must never know what the script does: `runcalls.intercepting` around it takes over its `app.run(...)`.
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader, SourcelessFileLoader
from types import ModuleType
from typing import TYPE_CHECKING, Any, Literal

from pilotlight.reload.links import follow

from .errors import AppError

if TYPE_CHECKING:
    from pilotlight.reload.parts import InParts

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
        directory: the current directory of its start; empty if that is the present one.
    """

    kind: Kind
    path_or_name: str
    argv: tuple[str, ...] = ()
    path0: str = ""
    directory: str = ""

    @property
    def display(self) -> str:
        """The script as people call it."""
        if self.kind == "code":
            return "-c"
        return self.path_or_name if self.kind == "module" else os.path.basename(self.path_or_name)


def script_for_file(path: str, argv: tuple[str, ...] = ()) -> ScriptTarget:
    """What `python path argv...` would run: a file, or a directory or zip file with a `__main__.py`."""
    if os.path.isdir(path) or _is_archive(path):
        return ScriptTarget("directory", path, argv, os.path.abspath(path))
    return ScriptTarget("file", path, argv, os.path.dirname(os.path.realpath(path)))


def run_as_main(target: ScriptTarget, in_parts: InParts | None = None) -> None:
    """Execute a script as `__main__`.

    The new `__main__` stays in `sys.modules`: objects of its classes can be pickled, threads go on.
    `sys.path[0]`, which the interpreter has put there for us, is replaced, unless Python has a safe path.

    Args:
        in_parts: executes source files that are not in an archive so that the load can be paused.

    Raises:
        ScriptMissing: there is nothing to run.
        BaseException: whatever the script raises.
    """
    if target.kind == "code":
        _set_process(["-c", *target.argv], target.path0)
        code = compile(target.path_or_name, "<string>", "exec", dont_inherit=True)
        names = {"__spec__": None, "__package__": None, "__loader__": _builtin_importer()}
        exec(code, _main_module(names))
    elif target.kind == "file":
        _run_file(target, in_parts)
    else:
        _run_found(target, in_parts)


def _run_file(target: ScriptTarget, in_parts: InParts | None) -> None:
    path = os.path.abspath(target.path_or_name)
    if not os.path.isfile(path):
        raise ScriptMissing(f"There is no file {path} to run.", looked_at=(path,))
    # A link may lead elsewhere than when the command was started.
    _set_process([target.path_or_name, *target.argv], os.path.dirname(follow(path)))
    loader: Any = (SourcelessFileLoader if path.endswith(".pyc") else SourceFileLoader)("__main__", path)
    names = {
        "__file__": path,
        "__cached__": None,
        "__spec__": None,
        "__package__": None,
        "__loader__": loader,
    }
    if not isinstance(loader, SourceFileLoader):
        exec(loader.get_code("__main__"), _main_module(names))
        return
    in_parts = in_parts if in_parts is not None and in_parts.wanted(path) else None
    main = _main_module(names)
    if in_parts is None or not in_parts.run(path, main, exec):
        # Never cached, as Python never caches `__main__`.
        exec(loader.source_to_code(loader.get_data(path), path), main)


def _run_found(target: ScriptTarget, in_parts: InParts | None) -> None:
    """`-m name`, or `__main__` in a directory or zip file."""
    first = "-m" if target.kind == "module" else target.path_or_name
    _set_process([first, *target.argv], target.path0)
    spec = _spec_of_module(target.path_or_name) if target.kind == "module" else _spec_in(target.path0)
    loader: Any = spec.loader
    if target.kind == "module":
        sys.argv[0] = spec.origin or spec.name
    names = {
        "__file__": spec.origin,
        "__cached__": spec.cached,
        "__spec__": spec,
        "__package__": spec.parent,
        "__loader__": loader,
    }
    if (
        in_parts is not None
        and _is_to_be_paused(loader)
        and in_parts.run(loader.path, _main_module(names), exec)
    ):
        return
    code = loader.get_code(spec.name)
    if code is None:
        raise ScriptMissing(f"`{spec.name}` has no code that could be run.")
    exec(code, _main_module(names))


def _is_to_be_paused(loader: Any) -> bool:
    from pilotlight.reload.importer import PausingSourceLoader

    return isinstance(loader, PausingSourceLoader)


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


def _main_module(names: dict[str, Any]) -> dict[str, Any]:
    """Puts a new `__main__` in the place of ours; gives its globals."""
    main = ModuleType("__main__")
    vars(main).update(names)
    vars(main)["__builtins__"] = sys.modules["builtins"]
    vars(main).setdefault("__annotations__", {})
    sys.modules["__main__"] = main
    return vars(main)


def _set_process(argv: list[str], path0: str) -> None:
    sys.argv[:] = argv
    if not has_safe_path():
        sys.path[:1] = [path0]


def _builtin_importer() -> Any:
    from importlib.machinery import BuiltinImporter

    return BuiltinImporter


def has_safe_path() -> bool:
    """Whether `sys.path` begins with no directory of the user's (`-P`, `-I`)."""
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
    spec = getattr(main, "__spec__", None)
    file = getattr(main, "__file__", None)
    _, typed = parse_interpreter_options(sys.orig_argv[1:])
    if spec is not None and spec.name != "__main__":
        name = spec.name.removesuffix(".__main__")
        same = typed[:1] == ["-m"] and typed[1:2] in ([name], [spec.name])
        path0 = _module_path0(spec)
        return ScriptTarget("module", name, _arguments(typed[2:] if same else None), path0, path0)
    if spec is not None:
        directory = os.path.dirname(file) if file else sys.path[0]
        return _typed_path("directory", directory, typed, directory)
    if file is not None and not file.startswith("<"):
        return _typed_path("file", file, typed, os.path.dirname(os.path.realpath(file)))
    if sys.argv[:1] == ["-c"] and typed[:1] == ["-c"] and len(typed) > 1:
        return ScriptTarget("code", typed[1], _arguments(typed[2:]))
    return None


def _arguments(typed: list[str] | None) -> tuple[str, ...]:
    """As they were typed: the script may have taken some out of `sys.argv`."""
    return tuple(sys.argv[1:] if typed is None else typed)


def _typed_path(kind: Kind, path: str, typed: list[str], path0: str) -> ScriptTarget:
    """A script by the path that was typed, because scripts read `sys.argv[0]`.

    Python makes `__file__` absolute when it starts; what stands in front of the typed path is the directory
    that was current then, wherever the script has gone since.
    """
    word = typed[0] if typed else ""
    if word and os.path.isabs(path) and not os.path.isabs(word):
        relative = os.path.join(os.sep, os.path.normpath(word))
        if path.endswith(relative):
            start = path[: -len(relative)] or os.sep
            return ScriptTarget(kind, word, _arguments(typed[1:]), path0, start)
        if os.path.abspath(word) == os.path.normpath(path):  # `../hello.py`
            return ScriptTarget(kind, word, _arguments(typed[1:]), path0, os.getcwd())
    same = bool(word) and os.path.abspath(word) == os.path.abspath(path)
    return ScriptTarget(kind, word if same else path, _arguments(typed[1:] if same else None), path0)


def _module_path0(spec: ModuleSpec) -> str:
    """The directory that was current when `-m` was used, as far as it can be told."""
    here = os.getcwd()
    if here in sys.path or spec.origin is None:
        return here
    levels = spec.name.count(".") + 1
    root = spec.origin
    for _ in range(levels):
        root = os.path.dirname(root)
    return root if root in sys.path else here


def interpreter_flags() -> list[str]:
    """The interpreter's own options of this process (`-X`, `-W`, `-O`, ...), to start another one alike."""
    flags, _ = parse_interpreter_options(sys.orig_argv[1:])
    return flags


def starting_environment() -> dict[str, str]:
    """The variables that this process was started with, where the system tells (Linux); else those of now.

    The script sets its own again when it is run again: what its first run made of them must not be mistaken
    for the user's.
    """
    if sys.platform == "linux" and "setproctitle" not in sys.modules:  # which overwrites them
        try:
            with open("/proc/self/environ", "rb") as file:
                entries = file.read().split(b"\0")
        except OSError:
            entries = []
        pairs = [entry.partition(b"=") for entry in entries if entry]
        if pairs and all(equals for _, equals, _ in pairs):
            return {os.fsdecode(name): os.fsdecode(value) for name, _, value in pairs}
    return dict(os.environ)


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

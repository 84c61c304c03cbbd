"""Of which source a `.pyc` is, and whether it may be taken for that.

Python names bytecode after its source without the suffix (PEP 3147, PEP 488), so the name alone does not
tell: `__pycache__/m.cpython-313.pyc` may be of `m.py`, of `m.cfgpy` or of `m`. Who reads it tells: the frame
of Python's own `SourceLoader.get_code`, which is about to compare it with the source that it holds in a local
variable. Where that frame does not say so, the bytecode is not taken.

Python takes a `.pyc` if it names the source's size and its modification time in whole seconds. So the second
of two saves of equal size within a second, or a save that keeps the time stamp, would run the old code. Here
bytecode counts only if it is proven: it holds a hash of the source that is checked, or it was written at
least `BYTECODE_MARGIN_NS` after the source's last change as the kernel saw it (`st_ctime`, which no tool can
set).

Must never import anything, since it runs inside of imports.
"""

from __future__ import annotations

import os
import sys
from importlib.machinery import SourcelessFileLoader
from types import FrameType

IMPORT_MACHINERY = "<frozen importlib._bootstrap_external>"
"""File name of its code."""
BYTECODE_MARGIN_NS = 2_000_000_000
"""Between reading a source and writing its bytecode may lie the compilation, and clocks of file systems may
be coarse (FAT: two seconds)."""
UNKNOWN = ""
"""In place of the source's path."""
HEAD = 8
"""Bytes of a `.pyc` that `bytecode_is_proven` wants."""
_HASH_BASED = 0b01
_CHECK_SOURCE = 0b10
_LAYERS = 16
"""Frames between Python's loader and the call that opens the file; loaders of other types may be in
between."""
_WITHOUT_SOURCE = SourcelessFileLoader.get_code.__code__


def importing_source(reader: FrameType | None) -> str | None:
    """The path, as the loader has it, of the source in whose place a file is about to be read.

    Args:
        reader: the frame that opens the file.

    Returns:
        None if no loader of Python's asks for bytecode here, and `UNKNOWN` if one does that does not say
        of what.
    """
    frame = reader
    for _ in range(_LAYERS):
        if frame is None:
            return None
        code = frame.f_code
        if code.co_name == "get_code" and code.co_filename == IMPORT_MACHINERY:
            return None if code is _WITHOUT_SOURCE else _source_held_by(frame)
        frame = frame.f_back
    return None


def _source_held_by(get_code: FrameType) -> str | None:
    held = get_code.f_locals
    if held.get("source_bytes") is not None or "data" in held:
        return None  # the bytecode has been read, or there is none
    source = held.get("source_path")
    return source if isinstance(source, str) else UNKNOWN


def is_unproven(head: bytes, bytecode: str, source: str) -> bool:
    """Whether bytecode on disk may be older than this source.

    Args:
        head: what the bytecode begins with.
        source: as `importing_source` gives it.
    """
    if source == UNKNOWN:
        return True
    try:
        return not bytecode_is_proven(head, os.stat(bytecode).st_mtime_ns, os.stat(source).st_ctime_ns)
    except OSError:
        return True


def bytecode_is_proven(content: bytes, written_ns: int, source_changed_ns: int) -> bool:
    """Whether Python's own comparison with the source is enough to trust this bytecode.

    Args:
        content: the `.pyc`; its second word holds the flags (PEP 552).
        written_ns: modification time of the bytecode.
        source_changed_ns: `st_ctime_ns` of the source.
    """
    flags = int.from_bytes(content[4:8], "little")
    if flags & _HASH_BASED:
        return bool(flags & _CHECK_SOURCE)
    return written_ns >= source_changed_ns + BYTECODE_MARGIN_NS


def possible_sources(bytecode: str) -> tuple[str, ...]:
    """Python files that a `.pyc` may be of by its name alone, the likeliest first; for readers that are not
    Python's own, which add what they like to the name.

    Args:
        bytecode: absolute path, in a `__pycache__` directory or under `PYTHONPYCACHEPREFIX`.
    """
    directory, name = os.path.split(bytecode)
    prefix = sys.pycache_prefix
    if prefix is not None and (directory + os.sep).startswith(prefix.rstrip(os.sep) + os.sep):
        place = os.path.join(os.sep, directory[len(prefix.rstrip(os.sep)) :].lstrip(os.sep))
    elif os.path.basename(directory) == "__pycache__":
        place = os.path.dirname(directory)
    else:
        return ()
    stem = name.removesuffix(".pyc")
    stems = []
    while (stem := stem.rpartition(".")[0]) != "":
        stems.append(os.path.join(place, stem + ".py"))
    return tuple(stems)

"""Random statements for the modules of a small app: everything by which loading can leave a trace.

Each strategy gives lines of source. Statements do not fail in a tree that is whole, with few exceptions that
are meant: what is missing, half initialised or not text is caught or read through `getattr`. Must never write
a value that two cold starts would not have in common.
"""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import strategies as st

NUMBERS = st.integers(10, 99)
"""Of two digits, so that another one makes a file of equal size."""

REGISTRY = '''\
"""What modules share while they are loaded."""
import itertools
import os
import random

routes = {}
order = []
counter = itertools.count()
totals = {"n": 0}
seeded = False
stream = None
pipe = None
board = None
gate = None
garbage = None


def route(path):
    def register(function):
        routes[path] = function
        order.append((function.__module__, function.__name__))
        return function

    return register


def chunk():
    """The next two bytes of a file that stays open."""
    global stream
    try:
        stream = open("notes.txt", "rb", buffering=0) if stream is None else stream
    except OSError:
        return None
    return stream.read(2)


def seed(number):
    global seeded
    random.seed(number)
    seeded = True


def draw():
    return random.random() if seeded else None


def write_on_board(number):
    """Into memory that forks share."""
    global board
    if board is None:
        import mmap

        board = mmap.mmap(-1, 8)
    board[0] = (board[0] + number) % 256


def read_board():
    return None if board is None else board[:1]


def enter():
    """Into a semaphore that forks share."""
    global gate
    if gate is None:
        import multiprocessing

        gate = multiprocessing.Semaphore(9)
    gate.acquire(block=False)


def room():
    return None if gate is None else gate.get_value()


class Garbage:
    pass


def make_garbage():
    """A cycle that only the collector frees."""
    global garbage
    import weakref

    one = Garbage()
    one.itself = one
    garbage = weakref.ref(one)


def post(number):
    global pipe
    if pipe is None:
        reading, writing = os.pipe()
        os.set_blocking(reading, False)
        pipe = os.fdopen(reading, "rb", 0), os.fdopen(writing, "wb", 0)
    pipe[1].write(bytes([number]))


def take():
    return None if pipe is None else pipe[0].read(1)
'''


@dataclass(frozen=True)
class Place:
    """Where a statement stands.

    Args:
        name: of the module.
        is_package: the module is an `__init__.py`.
        hazards: statements whose traces a fork is likely to lose or to share may stand there.
        known: the names of all modules that the app begins with, in an order in which they may name each
            other's content: a module is likely to be complete when an earlier one imports it.
    """

    name: str
    is_package: bool
    known: tuple[str, ...]
    hazards: bool = True

    @property
    def package(self) -> str:
        """What relative imports start from; empty at the top level."""
        return self.name if self.is_package else self.name.rpartition(".")[0]

    @property
    def later(self) -> list[str]:
        """The modules whose content may be taken at import."""
        return [name for name in self.known[self.known.index(self.name) + 1 :] if name != self.package]


def leading_import(place: Place) -> st.SearchStrategy[str]:
    """One statement of the leading part of a module."""
    choices = [st.sampled_from(_LIBRARY), st.sampled_from(place.known).map(lambda name: f"import {name}")]
    if place.later:
        later = st.sampled_from(place.later)
        choices += [
            later.map(lambda name: f"import {name} as {_alias(name)}"),
            later.map(lambda name: f"from {name} import VALUE as {_alias(name)}_value"),
            later.map(lambda name: f"from {name} import *"),
            later.map(_from_parent),
        ]
    below = place.package + "."
    near = [name.removeprefix(below) for name in place.later if place.package and name.startswith(below)]
    if near:
        choices.append(st.sampled_from(near).map(lambda name: f"from .{name} import VALUE as near_value"))
        choices.append(st.sampled_from(near).map(lambda name: f"from . import {name.partition('.')[0]}"))
    if "." in place.package:
        choices.append(st.just("from .. import __name__ as upper"))
    return st.one_of(choices)


def _alias(name: str) -> str:
    return name.replace(".", "_")


def _from_parent(name: str) -> str:
    parent, _, leaf = name.rpartition(".")
    return f"from {parent} import {leaf}" if parent else f"import {leaf}"


def body_statement(place: Place, *, may_fail: bool = False) -> st.SearchStrategy[str]:
    """One statement of the rest of a module.

    Args:
        may_fail: it may also end the load, with an exception.
    """
    number = NUMBERS.map(str)
    any_module = st.sampled_from(place.known)
    later = st.sampled_from(place.later or place.known)

    def fill(templates: tuple[str, ...], module: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
        return st.tuples(st.sampled_from(templates), number, module).map(
            lambda drawn: drawn[0].replace("$n", drawn[1]).replace("$m", drawn[2])
        )

    choices = [
        fill(_COMMON, later),
        fill(_STATE, later),
        fill(_READ, later),
        fill(_COMMON + _STATE, any_module),
    ]
    rare = _RARE + _HAZARDS if place.hazards else _RARE
    choices.append(fill(rare + _FAILING if may_fail else rare, later))
    return st.one_of(choices)


def _statements(text: str) -> tuple[str, ...]:
    """Statements that a line of dashes separates; `$n` stands for a number, `$m` for a module."""
    return tuple(text.strip("\n").split("\n---\n"))


_LIBRARY = _statements(r"""
import os
---
import sys, json
---
import collections.abc
---
from math import (
    pi,
    tau,
)
""")

_COMMON = _statements(r'''
VALUE = $n
---
items = [$n, {'n': $n}]
---
def compute(x=[$n], *, y: "int" = $n):
    """Doc $n."""
    return x[0] + y + $n
---
class Thing:
    """A thing."""
    limit: int = $n
    made = []

    def method(self):
        return $n


thing = Thing()
thing.extra = $n
---
@lambda function: function
def decorated():
    return [n for n in range($n)]
---
import $m
---
import importlib
loaded = importlib.import_module('$m')
---
def load():
    import $m
    return getattr($m, 'VALUE', None)


LOADED = load()
---
try:
    import maybe
except ImportError:
    maybe = None
---
try:
    from maybe import VALUE as optional
except ImportError as error:
    optional = str(error)
---
import importlib.util
FOUND = importlib.util.find_spec('maybe') is not None
---
__all__ = ['VALUE']
---
limit: int = $n
total: 'float'
---
# a comment $n


---
'not a docstring'
---
NAME = (__name__, __package__, __doc__)
if __name__ == '__main__':
    NAME = $n
---
matrix = [
    $n,
    $n,
]; last = $n
---
squares = {n: n * n for n in range(3)}
---
def __getattr__(name):
    if name == 'dynamic':
        return $n
    raise AttributeError(name)
---
total = (lambda *numbers: sum(numbers))($n, 1)
''')

_STATE = _statements(r"""
import registry


@registry.route('/$n')
def view_$n():
    return $n
---
import registry
registry.totals['n'] += $n
SO_FAR = dict(registry.totals)
---
import registry
NUMBER = next(registry.counter)
---
import registry
registry.order.append(__name__)
BEFORE_ME = list(registry.order)
---
import registry
registry.order = [$n, *registry.order]
---
import registry
registry.seed($n)
---
import registry
DRAWN = registry.draw()
---
import $m
vars($m)['COUNT'] = vars($m).get('COUNT', 0) + $n
---
import $m
vars($m).setdefault('items', []).append($n)
---
import $m
THEIRS = getattr($m, 'VALUE', None), sorted(key for key in vars($m) if not key.startswith('_'))
---
import os
os.environ['APP_SET'] = os.environ.get('APP_SET', '') + '$n'
---
import sys
ours = 'app', 'one', 'two', 'pkg', 'ns'
LOADED_BY_NOW = [name for name in sys.modules if name.partition('.')[0] in ours]
---
NAMES = [name for name in globals() if not name.startswith('__')]
---
import logging
logging.getLogger('site').addHandler(logging.NullHandler())
---
import os, sys
sys.path.append(os.path.join(os.getcwd(), 'vendor'))
try:
    import vendored
except ImportError:
    vendored = None
""")

_READ = _statements(r"""
import json
try:
    with open('data.json') as file:
        DATA = json.load(file)
except (OSError, ValueError) as error:
    DATA = type(error).__name__
---
import pathlib
try:
    TEXT = pathlib.Path('notes.txt').read_text()
except OSError:
    TEXT = None
---
import os
try:
    LISTING = sorted(name for name in os.listdir('conf') if name.endswith('.txt'))
except OSError:
    LISTING = None
---
import pathlib
CONFIGURATION = {path.name: path.read_text() for path in sorted(pathlib.Path('conf').glob('*.txt'))}
---
import importlib, pkgutil
import plugins
found = pkgutil.iter_modules(plugins.__path__)
PLUGINS = [importlib.import_module('plugins.' + one.name).VALUE for one in found]
---
import importlib, os
import plugins
PLUGINS = {}
for name in sorted(os.listdir(plugins.__path__[0])):
    if name.endswith('.py') and not name.startswith('_'):
        PLUGINS[name] = importlib.import_module('plugins.' + name[:-3])
---
try:
    exec(compile(open('snippet.txt').read(), 'snippet.txt', 'exec'))
except (OSError, SyntaxError) as error:
    SNIPPET = type(error).__name__
---
LINES = open(__file__, encoding='utf-8-sig').read().count('\n')
---
import linecache
LINE = linecache.getline(__file__, 1)
---
import importlib.util
specification = importlib.util.find_spec('$m')
if specification is not None and specification.has_location:
    LENGTH = len(open(specification.origin).read())
---
import os
MODE = os.environ.get('APP_MODE')
---
import pkgutil
try:
    PACKED = pkgutil.get_data('plugins', 'table.txt')
except OSError:
    PACKED = None
""")

_RARE = _statements(r"""
import threading
threading.Thread(target=threading.Event().wait, name='app-$n', daemon=True).start()
---
import importlib, registry
importlib.reload(registry)
---
import sys, registry
sys.modules.pop('registry')
import registry as again
---
import sys
sys.setrecursionlimit(1$n0)
---
import signal
try:
    signal.signal(signal.SIGUSR2, lambda *_: $n)
except ValueError:
    HANDLER = None
---
import signal


def handle(number, frame):
    return $n


for number in signal.SIGTERM, signal.SIGCHLD:
    signal.signal(number, handle)
---
import os, sys
sys.path.append(os.path.join(os.getcwd(), 'vendor'))
---
import gc
gc.disable()
---
import os
os.chdir(os.path.dirname(__file__))
---
import time
time.sleep(0.12)
---
log = open('app.log', 'a')
---
import sys
sys.modules[__name__].OWN = $n
---
import sys
sys.argv.append('app-$n')
""")

_HAZARDS = _statements(r"""
try:
    import $m as guarded
except Exception as error:
    guarded = type(error).__name__
---
import registry
CHUNK = registry.chunk()
---
import registry
registry.post($n)
TAKEN = registry.take()
---
import registry
registry.post($n)
---
import registry
TAKEN = registry.take()
---
import signal
signal.setitimer(signal.ITIMER_REAL, 3$n)
---
import registry
registry.write_on_board($n)
BOARD = registry.read_board()
---
import registry
BOARD = registry.read_board()
---
import registry
registry.enter()
---
import registry
ROOM = registry.room()
""")

_FAILING = _statements(r"""
raise ValueError('number $n')
---
def fail():
    raise LookupError(__name__)


try:
    fail()
except LookupError as error:
    raise RuntimeError('$n') from error
---
raise SystemExit($n)
---
from registry import nothing_of_this_name
""")

"""Types that are not evaluated unasked, told by the names of their classes.

Asking them for a `repr` could query a database, wait for a device, run a proxy's factory or print a million
rows. Nothing is imported: a class is known by its module and name, anywhere in the MRO. What is shown of them
is read from what the instance stores. Must never call a method of such an object.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from types import AsyncGeneratorType, CoroutineType, GeneratorType, GetSetDescriptorType, MemberDescriptorType
from typing import Any

from pilotlight.debugger.introspection import anatomy
from pilotlight.debugger.introspection.anatomy import attribute, default_repr, type_name


@dataclass(frozen=True, slots=True)
class Look:
    """What can be said of an object that is not evaluated.

    Args:
        items: names and values that may be walked further.
        values: what it holds already, if that is a plain list or tuple.
        length: how many values there are.
    """

    text: str
    note: str
    items: tuple[tuple[str, Any], ...] = ()
    values: Any = None
    length: int | None = None


Reader = Callable[[Any], Look]


@dataclass(frozen=True, slots=True)
class Rule:
    """How objects of a type are looked at.

    Args:
        guarded: the look calls code of a library, so it has a deadline.
    """

    read: Reader
    guarded: bool = False


_ARRAY_LIBRARIES = frozenset(
    {
        "cupy",
        "dask",
        "geopandas",
        "jax",
        "jaxlib",
        "modin",
        "numpy",
        "pandas",
        "polars",
        "pyarrow",
        "pyspark",
        "tensorflow",
        "torch",
        "xarray",
    }
)
_TABLES = frozenset(
    {"DataFrame", "LazyFrame", "Series", "Index", "Dataset", "Table", "ChunkedArray", "GroupBy"}
)
SMALL_ARRAY = 100
"""A NumPy array with at most so many items is shown by its `repr`."""


def rule_of(kind: type) -> Rule | None:
    """The rule for a type; None if its objects are nothing special."""
    for iterator, rule in _ITERATORS:
        if kind is iterator:
            return rule
    for base in anatomy.mro(kind):
        module = anatomy.module_of(base)
        if not module or module == "builtins":
            continue
        name = anatomy.qualname_of(base)
        found = _RULES.get((module, name)) or _RULES_BY_PACKAGE.get((module.partition(".")[0], name))
        if found is not None:
            return found
        if module.partition(".")[0] in _ARRAY_LIBRARIES and _has_shape(base, name):
            return _ARRAY
    return None


def rule_of_instance(value: object) -> Rule | None:
    """A class that SQLAlchemy maps is known by what its instances hold, not by its bases."""
    return _MAPPED if "_sa_instance_state" in anatomy.instance_dictionary(value) else None


def is_small_array(value: object) -> bool:
    """Whether it is a NumPy array that `repr` shows at once, without calling an item's own."""
    for base in anatomy.mro(type(value)):
        if anatomy.qualname_of(base) == "ndarray" and anatomy.module_of(base) == "numpy":
            scope = anatomy.class_dictionary(base)
            size, dtype = scope["size"].__get__(value), scope["dtype"].__get__(value)
            return type(size) is int and size <= SMALL_ARRAY and not dtype.hasobject
    return False


def _has_shape(base: type, name: str) -> bool:
    if name in _TABLES:
        return True
    scope = anatomy.class_dictionary(base)
    # NumPy's scalars have a shape too, but are asked for their `repr` like any number.
    return name != "generic" and "shape" in scope and ("dtype" in scope or "rray" in name)


# Readers. Each gets an object of a known type.


def _generator(value: Any) -> Look:
    return Look(_named_code(value, "generator"), "A generator: not run.")


def _coroutine(value: Any) -> Look:
    return Look(_named_code(value, "coroutine"), "A coroutine: not awaited.")


def _async_generator(value: Any) -> Look:
    return Look(_named_code(value, "async generator"), "An async generator: not run.")


def _named_code(value: Any, word: str) -> str:
    scope = anatomy.class_dictionary(type(value))
    return f"<{word} {anatomy.plain(scope['__qualname__'].__get__(value))}>"


def _file(value: Any) -> Look:
    name: Any = attribute(value, "name") if anatomy.instance_dictionary(value) else None
    buffer = _getset(value, "buffer")
    raw = _getset(buffer, "raw") if buffer is not None else _getset(value, "raw")
    if name is None and raw is not None:
        name = anatomy.instance_dictionary(raw).get("name")
    shown = f" {anatomy.plain(name)!r}" if anatomy.is_a(name, str) else ""
    return Look(f"<{type_name(type(value))}{shown}>", "A file: not read.")


def _getset(value: Any, name: str) -> Any:
    _, slot = anatomy.lookup(type(value), name)
    if type(slot) not in (GetSetDescriptorType, MemberDescriptorType):
        return None
    try:
        return slot.__get__(value)
    except (AttributeError, ValueError):  # not initialised, or detached
        return None


def _query_set(value: Any) -> Look:
    model = attribute(value, "model")
    of = f" of {type_name(model)}" if anatomy.is_a(model, type) else ""
    loaded = attribute(value, "_result_cache")
    text = f"<{anatomy.qualname_of(type(value))}{of}>"
    if type(loaded) is list:
        return Look(text, "Its rows had been loaded already.", values=loaded, length=len(loaded))
    return Look(text, "A database query: not evaluated.")


def _query(value: Any) -> Look:
    return Look(default_repr(value), "A database query: not evaluated.")


def _collection(value: Any) -> Look:
    return Look(default_repr(value), "A collection in the database: not loaded.")


def _lazy_object(value: Any) -> Look:
    wrapped = anatomy.instance_dictionary(value).get("_wrapped")
    if wrapped is None or type(wrapped) is object:
        return Look(f"<{anatomy.qualname_of(type(value))}>", "A lazy object: not evaluated.")
    return Look(
        f"<{anatomy.qualname_of(type(value))}>",
        "A lazy object that had been evaluated.",
        (("_wrapped", wrapped),),
    )


def _translation(value: Any) -> Look:
    """Django's `lazy()`: the arguments are in `_args` (5.0 on) or `_proxy____args`."""
    held = anatomy.instance_dictionary(value)
    arguments = held.get("_args", held.get("_proxy____args"))
    first: Any = arguments[0] if type(arguments) is tuple and arguments else None
    shown = f" {anatomy.plain(first)!r}" if anatomy.is_a(first, str) else ""
    return Look(f"<lazy{shown}>", "A lazy text: not translated.")


def _proxy(value: Any) -> Look:
    wrapped = _getset(value, "_LocalProxy__wrapped")
    name: Any = _getset(wrapped, "name") if wrapped is not None else None
    shown = f" {anatomy.plain(name)!r}" if anatomy.is_a(name, str) else ""
    return Look(f"<{anatomy.qualname_of(type(value))}{shown}>", "A proxy: not resolved.")


def _permissions(value: Any) -> Look:
    return Look(default_repr(value), "Permissions: not looked up.")


def _page(value: Any) -> Look:
    number = attribute(value, "number")
    return Look(f"<Page {number}>" if type(number) is int else "<Page>", "A page of a query: not evaluated.")


def _django_model(value: Any) -> Look:
    held = anatomy.instance_dictionary(value)
    _, meta = anatomy.lookup(type(value), "_meta")
    attname = attribute(attribute(meta, "pk"), "attname") if meta is not None else None
    key = held.get(attname) if type(attname) is str else None
    return _record(value, None if key is None else (key,), ("_state", "_prefetched_objects_cache"))


def _mapped(value: Any) -> Look:
    identity = attribute(attribute(value, "_sa_instance_state"), "key")
    key = identity[1] if type(identity) is tuple and len(identity) > 1 else None
    return _record(value, key if type(key) is tuple else None, ("_sa_instance_state",))


def _peewee_model(value: Any) -> Look:
    held = attribute(value, "__data__")
    items = tuple(held.items()) if type(held) is dict else ()
    return Look(f"<{type_name(type(value))}>", _RECORD_NOTE, items)


_RECORD_NOTE = "A database record: what was loaded of it."


def _record(value: Any, key: tuple[Any, ...] | None, hidden: Iterable[str]) -> Look:
    """Type and primary key, and what has been loaded."""
    shown = ", ".join(_key_text(part) for part in key[:5]) if key else "not saved"
    items = tuple(
        (name, held)
        for name, held in anatomy.attributes(value)
        if name not in hidden and name != "__weakref__"
    )
    return Look(f"<{type_name(type(value))} {shown}>", _RECORD_NOTE, items)


def _key_text(part: Any) -> str:
    if type(part) is int and part.bit_length() < 200:
        return str(part)
    if anatomy.is_a(part, str):
        return repr(anatomy.plain(part, 80))
    number = attribute(part, "int") if type_name(type(part)) == "uuid.UUID" else None
    return f"{number:032x}" if type(number) is int else f"<{type_name(type(part))}>"


def _row(value: Any) -> Look:
    """A row of a result: its own `repr` would call those of the records in it."""
    data = _getset(value, "_data")
    if type(data) is not tuple:
        return Look(default_repr(value), "A row of a query: not evaluated.")
    return Look("<Row>", "A row of a query.", values=data, length=len(data))


def _context(value: Any) -> Look:
    """A template's context: its own `repr` would call those of everything in it."""
    return Look(default_repr(value), "The context of a template.", tuple(anatomy.attributes(value)))


def _array(value: Any) -> Look:
    kind = type(value)
    name = anatomy.qualname_of(kind)
    parts = [name]
    shape = _read(value, "shape")
    if shape is not None:
        try:
            parts.append("×".join(str(int(each)) for each in tuple(shape)) or "scalar")
        except (TypeError, ValueError):
            parts.append("of unknown shape")
    dtype = _read(value, "dtype")
    if dtype is not None:
        parts.append(anatomy.plain(str(dtype), 40))
    device = _read(value, "device") if anatomy.module_of(kind).startswith("torch") else None
    if device is not None and str(device) != "cpu":
        parts.append(anatomy.plain(str(device), 40))
    return Look(
        f"<{' '.join(parts)}>",
        "Not evaluated: only its shape is shown." if shape is not None else "Not evaluated.",
    )


def _read(value: Any, name: str) -> Any:
    """A property of a library's class, not of a subclass by the user."""
    for base in anatomy.mro(type(value)):
        slot = anatomy.class_dictionary(base).get(name)
        if slot is not None and anatomy.module_of(base).partition(".")[0] in _ARRAY_LIBRARIES:
            get = anatomy.lookup(type(slot), "__get__")[1]
            return get(slot, value, type(value)) if get is not None else None
    return None


_ARRAY = Rule(_array, guarded=True)
_MAPPED = Rule(_mapped)
_QUERY = Rule(_query)
_QUERY_SET = Rule(_query_set)
_PROXY = Rule(_proxy)
_LAZY_OBJECT = Rule(_lazy_object)
_COLLECTION = Rule(_collection)
_FILE = Rule(_file)

_ITERATORS: tuple[tuple[type, Rule], ...] = (
    (GeneratorType, Rule(_generator)),
    (CoroutineType, Rule(_coroutine)),
    (AsyncGeneratorType, Rule(_async_generator)),
)
_RULES = {
    ("_io", "_IOBase"): _FILE,
    ("tempfile", "_TemporaryFileWrapper"): _FILE,
    ("django.db.models.query", "QuerySet"): _QUERY_SET,
    ("django.db.models.query", "RawQuerySet"): _QUERY_SET,
    ("django.db.models.query", "Prefetch"): _QUERY,
    ("django.db.models.manager", "BaseManager"): _QUERY_SET,
    ("django.db.models.base", "Model"): Rule(_django_model),
    ("django.utils.functional", "LazyObject"): _LAZY_OBJECT,
    ("django.utils.functional", "Promise"): Rule(_translation),
    ("django.core.paginator", "Page"): Rule(_page),
    ("django.contrib.auth.context_processors", "PermLookupDict"): Rule(_permissions),
    ("django.template.context", "BaseContext"): Rule(_context),
    ("jinja2.runtime", "Context"): Rule(_context),
    ("sqlalchemy.orm.query", "Query"): _QUERY,
    ("sqlalchemy.orm.dynamic", "AppenderMixin"): _COLLECTION,
    ("sqlalchemy.orm.dynamic", "AppenderQuery"): _COLLECTION,
    ("sqlalchemy.orm.writeonly", "AbstractCollectionWriter"): _COLLECTION,
    ("sqlalchemy.ext.associationproxy", "_AssociationCollection"): _COLLECTION,
    ("werkzeug.local", "LocalProxy"): _PROXY,
    ("celery.local", "Proxy"): _PROXY,
    ("peewee", "Model"): Rule(_peewee_model),
    ("peewee", "BaseQuery"): _QUERY,
    ("tortoise.queryset", "AwaitableQuery"): _QUERY,
    ("mongoengine.queryset.base", "BaseQuerySet"): _QUERY,
}
_RULES_BY_PACKAGE = {("sqlalchemy", "BaseRow"): Rule(_row)}

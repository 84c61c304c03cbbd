"""Suggestions for modules that are not there, are not the ones that were meant, or lack a name.

Must never import anything, and never list a directory: what is installed is known from the listings that the
import system itself has made.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from pilotlight.debugger.introspection import peek, source
from pilotlight.debugger.introspection.anatomy import instance_dictionary
from pilotlight.debugger.introspection.exceptions import field, word

from .spelling import closest

if TYPE_CHECKING:
    from .suggestion import Failure

_NO_NAME = re.compile(r"cannot import name '([^']+)' from (?:partially initialized module )?'([^']+)'")
_NOT_A_PACKAGE = re.compile(r"; '([\w.]+)' is not a package")
_NO_ATTRIBUTE = re.compile(r"(?:partially initialized )?module '([\w.]+)' has no attribute '")
_SUFFIXES = (".py", ".so", ".pyd")
MAX_PLACES = 60

# Modules that are installed under another name than the one they are imported by.
_PACKAGES = {
    "attr": "attrs",
    "bs4": "beautifulsoup4",
    "Crypto": "pycryptodome",
    "cv2": "opencv-python",
    "corsheaders": "django-cors-headers",
    "dateutil": "python-dateutil",
    "debug_toolbar": "django-debug-toolbar",
    "django_filters": "django-filter",
    "docx": "python-docx",
    "dotenv": "python-dotenv",
    "environ": "django-environ",
    "flask_bcrypt": "Flask-Bcrypt",
    "flask_cors": "Flask-Cors",
    "flask_jwt_extended": "Flask-JWT-Extended",
    "flask_login": "Flask-Login",
    "flask_mail": "Flask-Mail",
    "flask_marshmallow": "flask-marshmallow",
    "flask_migrate": "Flask-Migrate",
    "flask_socketio": "Flask-SocketIO",
    "flask_sqlalchemy": "Flask-SQLAlchemy",
    "flask_wtf": "Flask-WTF",
    "fitz": "PyMuPDF",
    "git": "GitPython",
    "google.protobuf": "protobuf",
    "grpc": "grpcio",
    "jose": "python-jose",
    "jwt": "PyJWT",
    "ldap": "python-ldap",
    "magic": "python-magic",
    "markdown": "Markdown",
    "memcache": "python-memcached",
    "multipart": "python-multipart",
    "MySQLdb": "mysqlclient",
    "nacl": "PyNaCl",
    "OpenSSL": "pyOpenSSL",
    "PIL": "Pillow",
    "pptx": "python-pptx",
    "psycopg2": "psycopg2-binary",
    "rest_framework": "djangorestframework",
    "serial": "pyserial",
    "skimage": "scikit-image",
    "sklearn": "scikit-learn",
    "slugify": "python-slugify",
    "socketio": "python-socketio",
    "telegram": "python-telegram-bot",
    "usb": "pyusb",
    "websocket": "websocket-client",
    "wx": "wxPython",
    "yaml": "PyYAML",
    "zmq": "pyzmq",
}


def for_import(failure: Failure) -> str:
    """For an ImportError."""
    name = word(ImportError, "name", failure.error)
    if issubclass(type(failure.error), ModuleNotFoundError):
        return _for_missing(name, failure) if name else ""
    message = field(ImportError, "msg", failure.error)
    found = _NO_NAME.match(message) if type(message) is str else None
    module = peek.loaded_module(name) if found and name else None
    if found is None or module is None:
        return ""
    hidden = _hides(found.group(2), failure.message)
    if hidden:
        return hidden
    best = closest(found.group(1), peek.attribute_names(module))
    return f"Did you mean: '{best}'?" if best else ""


def for_module_attribute(failure: Failure) -> str:
    """For an attribute that a module lacks because it is not the module that was meant."""
    found = _NO_ATTRIBUTE.match(failure.message)
    return _hides(found.group(1), failure.message) if found else ""


def _for_missing(name: str, failure: Failure) -> str:
    owner = _NOT_A_PACKAGE.search(failure.message)
    if owner:
        return _hides(owner.group(1), failure.message)
    parent, _, last = name.rpartition(".")
    if parent:
        if name in _PACKAGES:
            return _install(name)
        module = peek.loaded_module(parent)
        path = instance_dictionary(module).get("__path__") if module is not None else None
        best = closest(last, _modules_in(path if type(path) is list else ()))
        return f"Did you mean: '{parent}.{best}'?" if best else ""
    beside = _beside(name, failure)
    if beside:
        return f"Did you mean: '{beside}'?"
    if name in _PACKAGES:
        return _install(name)
    # Not `sys.stdlib_module_names`: it names those of other platforms, too, such as `nt`.
    found = {*_modules_in(sys.path), *sys.builtin_module_names}
    best = closest(name, sorted(found, key=_order(name)))
    return f"Did you mean: '{best}'?" if best else ""


def _order(name: str) -> Any:
    """Those of the same first letter first, since only so many are looked at."""
    return lambda each: (each[:1] != name[:1], each[:1].lower() != name[:1].lower(), each)


def _install(name: str) -> str:
    return f"The module '{name}' is in the package '{_PACKAGES[name]}'."


def _beside(name: str, failure: Failure) -> str:
    """The full name of a module that lies in the package of the one that imports it."""
    for step in reversed(failure.steps):
        if source.is_import_system(step.code.co_filename):
            continue
        known = step.frame.f_globals
        package = dict.get(known, "__package__")
        if type(package) is not str or not package:
            return ""
        module = peek.loaded_module(package)
        path = instance_dictionary(module).get("__path__") if module is not None else None
        return f"{package}.{name}" if type(path) is list and name in _modules_in(path) else ""
    return ""


def _modules_in(places: Iterable[Any]) -> set[str]:
    """The modules in some directories, as far as the import system has listed them."""
    found = set()
    for listing in _listings(places):
        for entry in listing:
            stem, dot, _ = entry.partition(".")
            if stem.isidentifier() and not stem.startswith("__") and (not dot or entry.endswith(_SUFFIXES)):
                found.add(stem)
    return found


def _listings(places: Iterable[Any]) -> Iterator[set[str]]:
    for place in list(places)[:MAX_PLACES]:
        finder = sys.path_importer_cache.get(place) if type(place) is str else None
        # The standard library's own finder keeps the names in its directory.
        listing = getattr(finder, "_path_cache", None) if type(finder).__name__ == "FileFinder" else None
        if type(listing) is set:
            yield {entry for entry in tuple(listing) if type(entry) is str}


def _hides(name: str, message: str) -> str:
    """Whether the module is a file of the app that stands in front of an installed or standard one."""
    module = peek.loaded_module(name)
    if module is None or "consider renaming" in message:  # 3.13 says it by itself
        return ""
    file = instance_dictionary(module).get("__file__")
    if type(file) is not str or not source.is_own(file):
        return ""
    top = name.partition(".")[0]
    if top != name:
        return ""
    if name in sys.stdlib_module_names:
        whose = "of the standard library"
    elif name in _modules_in(
        place for place in sys.path if type(place) is str and not source.is_own(place + os.sep)
    ):
        whose = "that is installed"
    else:
        return ""
    return f"Your file '{_short(file)}' hides the module '{name}' {whose}: rename it."


def _short(file: str) -> str:
    """The path as seen from the working directory, if it lies in it."""
    inside = source.working_directory() + os.sep
    return file.removeprefix(inside)

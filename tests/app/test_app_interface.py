"""WSGI, ASGI and the rest, told apart by signature."""

from __future__ import annotations

import functools

import pytest

from pilotlight.app.interface import judge


def wsgi(environ, start_response): ...
def wsgi_with_option(environ, start_response, extra=None): ...
async def asgi(scope, receive, send): ...
def sync_three(scope, receive, send): ...
def factory(): ...
def factory_with_options(config=None, *, debug=False): ...
def factory_with_argument(config): ...
def factory_with_two(config, name): ...
async def async_factory(): ...
def anything(*args, **kwargs): ...
async def async_anything(*args): ...
def asgi2(scope): ...
async def two(environ, start_response): ...
def four(a, b, c, d): ...


def decorated(function):
    @functools.wraps(function)
    def wrapper(*args, **kwargs):
        return function(*args, **kwargs)

    return wrapper


class WsgiInstance:
    def __call__(self, environ, start_response): ...


class AsgiInstance:
    async def __call__(self, scope, receive, send): ...


class WsgiIterable:
    def __init__(self, environ, start_response): ...
    def __iter__(self): ...


class Asgi2Class:
    def __init__(self, scope): ...
    async def __call__(self, receive, send): ...


class WithMethods:
    def wsgi(self, environ, start_response): ...
    async def asgi(self, scope, receive, send): ...


@pytest.mark.parametrize(
    ("candidate", "name", "verdict"),
    [
        (wsgi, "app", "wsgi"),
        (wsgi_with_option, "app", "wsgi"),
        (lambda environ, start_response: [], "app", "wsgi"),
        (WsgiInstance(), "app", "wsgi"),
        (WsgiIterable, "app", "wsgi"),
        (WithMethods().wsgi, "app", "wsgi"),
        (functools.partial(four, 1, 2), "app", "wsgi"),
        (decorated(wsgi), "app", "wsgi"),
        (anything, "app", "wsgi"),
        (wsgi, "make_response_app", "wsgi"),
        (asgi, "app", "asgi"),
        (AsgiInstance(), "app", "asgi"),
        (WithMethods().asgi, "app", "asgi"),
        (functools.partial(asgi), "app", "asgi"),
        (functools.partial(functools.partial(asgi)), "app", "asgi"),
        (decorated(asgi), "app", "asgi"),
        (async_anything, "app", "asgi"),
        (Asgi2Class, "app", "asgi2"),
        (asgi2, "app", "asgi2"),
        (sync_three, "app", "sync-asgi"),
        (AsgiInstance, "app", "class"),
        (WsgiInstance, "app", "class"),
        (factory, "anything", "factory"),
        (factory_with_options, "create_app", "factory"),
        (anything, "create_app", "factory"),
        (factory_with_argument, "create_app", "needs-arguments"),
        (factory_with_two, "create_app", "needs-arguments"),
        (async_factory, "create_app", "async-factory"),
        (two, "app", "wrong"),
        (four, "app", "needs-arguments"),
        (min, "app", "unknown"),
    ],
)
def test_verdicts(candidate, name, verdict):
    assert judge(candidate, name) == verdict

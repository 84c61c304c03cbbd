"""A real Django project, found by manage.py or its settings."""

from __future__ import annotations

import pytest

SETTINGS = """
SECRET_KEY = "x"
DEBUG = True
ROOT_URLCONF = "mysite.urls"
INSTALLED_APPS = ["django.contrib.staticfiles"]
STATIC_URL = "static/"
STATICFILES_DIRS = [__file__.replace("settings.py", "files")]
ALLOWED_HOSTS = ["*"]
WSGI_APPLICATION = "mysite.wsgi.application"
"""
MANAGE = """
import os, sys
def main():
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mysite.settings")
    from django.core.management import execute_from_command_line
    execute_from_command_line(sys.argv)
if __name__ == "__main__":
    main()
"""
HANDLER = """
import os
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mysite.settings")
from django.core.{0} import get_{0}_application
application = get_{0}_application()
"""
GET = """(lambda wsgiref_util, got: (
    [wsgiref_util.setup_testing_defaults(got), got.update(PATH_INFO=PATH), got.update(REQUEST_METHOD="GET")]
    and b"".join(app(got, lambda status, headers: None)).decode()))(__import__("wsgiref.util").util, {})"""


@pytest.fixture
def project(tree):
    tree.write(
        manage=MANAGE,
        mysite____init__="",
        mysite__settings=SETTINGS,
        mysite__wsgi=HANDLER.format("wsgi"),
        mysite__asgi=HANDLER.format("asgi"),
        mysite__urls="from django.urls import include, path\nfrom . import views\n"
        "urlpatterns = [path('', views.index), path('in/', include([path('x', views.index)]))]",
        mysite__views="from django.http import HttpResponse\n"
        "def index(request): return HttpResponse('hello')",
    )
    tree.write_file("mysite/files/a.css", "body {}")
    return tree


@pytest.mark.parametrize(
    ("app", "name"),
    [
        (None, "manage"),
        ("manage.py", "manage.py"),
        (".", "./manage.py"),
        ("mysite.settings", "mysite.settings"),
        ("mysite.wsgi:application", "mysite.wsgi:application"),
        ("mysite.wsgi", "mysite.wsgi:application"),
    ],
)
def test_views_and_static_files(project, app, name):
    for path, content in (("/", "hello"), ("/static/a.css", "body {}")):
        answer = project.load(app, probe=GET.replace("PATH)", repr(path) + ")"))
        assert answer.get("probe") == content, answer
        assert (answer["interface"], answer["framework"]) == ("wsgi", "Django")
        assert answer["name"].removeprefix("./") == name.removeprefix("./")


def test_asgi_handler_gets_static_files(project):
    answer = project.load("mysite.asgi")
    assert (answer["interface"], answer["type"]) == ("asgi", "ASGIStaticFilesHandler")


def test_asgi_application_counts_with_channels_or_daphne(project):
    project.write(channels____init__="")
    project.write_file(
        "mysite/settings.py",
        SETTINGS + 'INSTALLED_APPS += ["channels"]\nASGI_APPLICATION = "mysite.asgi.application"',
    )
    answer = project.load("manage.py")
    assert (answer["interface"], answer["type"]) == ("asgi", "ASGIStaticFilesHandler")


def test_without_staticfiles_or_debug_there_is_no_wrapper(project):
    project.write_file("mysite/settings.py", SETTINGS.replace("DEBUG = True", "DEBUG = False"))
    answer = project.load("manage.py", debug=True)
    assert answer["type"] == "WSGIHandler"
    assert "DEBUG is off in mysite.settings" in answer["warnings"][0]


def test_the_environment_wins_over_manage(project):
    project.write_file("mysite/other.py", SETTINGS + "STATIC_URL = '/elsewhere/'")
    answer = project.load("manage.py", probe="app.base_url.path", DJANGO_SETTINGS_MODULE="mysite.other")
    assert answer["probe"] == "/elsewhere/"


def test_an_error_in_a_view_module_is_an_error_of_the_load(project):
    project.write(mysite__views="import nowhere_at_all")
    answer = project.load("manage.py")
    assert answer["raised"] == "ModuleNotFoundError"
    assert answer["frames"][-1] == f"{project.root}/mysite/views.py:<module>"


def test_manage_that_does_not_say(project):
    project.write(manage=MANAGE.replace('"mysite.settings"', "pick()"))
    answer = project.load("manage.py")
    assert (answer["error"], "export DJANGO_SETTINGS_MODULE=" in answer["message"]) == (
        "DjangoProjectError",
        True,
    )

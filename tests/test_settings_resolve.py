from __future__ import annotations

import json
import os
from dataclasses import fields
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pilotlight.errors import UserError
from pilotlight.settings import Settings
from pilotlight.settings.options import BY_KEY, OPTIONS
from pilotlight.settings.resolve import call, command_line, environment, pyproject, resolve

HERE = "/project"


def settings_from(
    typed: dict | None = None,
    variables: dict | None = None,
    table: dict | None = None,
    table_base: str = HERE,
) -> Settings:
    sources = [command_line(typed or {}, HERE), *environment(variables or {}, HERE)]
    if table is not None:
        sources.append(pyproject(table, "pyproject.toml", table_base))
    return resolve(sources).settings


def message_from(**where: dict) -> str:
    with pytest.raises(UserError) as caught:
        settings_from(**where)
    assert caught.value.status == 2
    assert "\n" not in caught.value.message
    assert caught.value.message.endswith((".", "?"))
    return caught.value.message


def test_every_field_has_one_option_except_what_comes_from_files() -> None:
    targets = [option.target for option in OPTIONS]
    assert sorted(targets) == sorted(
        field.name for field in fields(Settings) if not field.name.startswith("environment")
    )


def test_without_any_source_there_are_the_defaults() -> None:
    assert settings_from() == Settings()


@pytest.mark.parametrize(
    ("typed", "variables", "table", "port"),
    [
        ({"port": "1"}, {"PILOTLIGHT_PORT": "2", "FLASK_RUN_PORT": "3"}, {"port": 4}, 1),
        ({}, {"PILOTLIGHT_PORT": "2", "FLASK_RUN_PORT": "3"}, {"port": 4}, 2),
        ({}, {"FLASK_RUN_PORT": "3"}, {"port": 4}, 3),
        ({}, {}, {"port": 4}, 4),
        ({}, {"PILOTLIGHT_PORT": ""}, {}, 5000),
        ({"port": "0"}, {}, {"port": 4}, 0),
        ({"port": "80"}, {"FLASK_RUN_PORT": "tcp://10.0.0.1:80"}, {}, 80),
    ],
)
def test_the_stronger_source_wins(typed: dict, variables: dict, table: dict, port: int) -> None:
    assert settings_from(typed, variables, table).port == port


@pytest.mark.parametrize(
    ("variable", "field", "text", "value"),
    [
        ("FLASK_APP", "app", "hello", "hello"),
        ("FLASK_DEBUG", "debug", "1", True),
        ("FLASK_DEBUG", "debug", "no", False),
        ("FLASK_DEBUG", "debug", "anything", True),
        ("FLASK_RUN_HOST", "host", "0.0.0.0", "0.0.0.0"),
        ("FLASK_RUN_CERT", "cert", "adhoc", "adhoc"),
        ("FLASK_RUN_RELOAD", "reload", "true", True),
        ("FLASK_RUN_DEBUGGER", "debugger", "1", True),
        ("FLASK_RUN_WITH_THREADS", "threads", "false", False),
        ("FLASK_RUN_EXTRA_FILES", "extra_files", f"a{os.pathsep}/b", ("/project/a", "/b")),
        ("FLASK_RUN_EXCLUDE_PATTERNS", "exclude_patterns", f"a*{os.pathsep}*/b", ("a*", "*/b")),
        ("PILOTLIGHT_OPEN", "open_browser", "1", True),
        ("PILOTLIGHT_UDS", "uds", "run.sock", "/project/run.sock"),
    ],
)
def test_variables_of_the_environment(variable: str, field: str, text: str, value: object) -> None:
    assert getattr(settings_from(variables={variable: text}), field) == value


@pytest.mark.parametrize(
    ("given_settings", "reload", "debugger"),
    [
        ({}, False, False),
        ({"debug": True}, True, True),
        ({"debug": True, "reload": False}, False, True),
        ({"debugger": True}, False, True),
    ],
)
def test_reload_and_debugger_follow_debug(given_settings: dict, reload: bool, debugger: bool) -> None:
    settings = settings_from(given_settings)
    assert (settings.reload, settings.debugger) == (reload, debugger)


def test_debug_of_a_weaker_source_is_followed_too() -> None:
    settings = settings_from({"debugger": False}, {"FLASK_DEBUG": "1"})
    assert settings.debug
    assert settings.reload
    assert not settings.debugger


@pytest.mark.parametrize("text", ["99999", "-1", "abc", "1_0", "٣", "5000.0", "9" * 5000])
def test_a_bad_port_names_its_option(text: str) -> None:
    assert message_from(typed={"port": text}).startswith("--port ")
    assert message_from(variables={"PILOTLIGHT_PORT": text}).startswith("PILOTLIGHT_PORT ")


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        ({"port": "8000x"}, "pyproject.toml [tool.pilotlight] port must be"),
        ({"port": True}, "port must be a port number, not true"),
        ({"port": 70000}, "port is 70000"),
        ({"prot": 1}, "unknown key 'prot'. Did you mean port?"),
        ({"extra_file": []}, "Did you mean extra-files?"),
        ({"debug": 1}, "debug must be true or false, not the number 1"),
        ({"debug": "perhaps"}, "debug is 'perhaps'"),
        ({"app": []}, "app must be text, not a list"),
        ({"extra-files": [1]}, "extra-files must be a list of texts, but contains the number 1"),
        ({"on-reload-error": "explode"}, "only page or exit"),
        ({"app": " "}, "app is empty"),
    ],
)
def test_mistakes_in_pyproject(table: dict, expected: str) -> None:
    message = message_from(table=table)
    assert expected in message
    assert "pyproject.toml [tool.pilotlight]" in message


def test_pyproject_must_have_a_table() -> None:
    with pytest.raises(UserError, match="must be a table, not the number 5"):
        pyproject(5, "pyproject.toml", HERE)


def test_paths_in_pyproject_start_from_its_directory_and_so_does_the_app() -> None:
    settings = settings_from(
        table={"app": "hello", "extra-files": ["a.toml"], "uds": "x.sock"}, table_base="/elsewhere"
    )
    assert settings.extra_files == ("/elsewhere/a.toml",)
    assert settings.uds == "/elsewhere/x.sock"
    assert settings.app_dir == "/elsewhere"
    assert settings_from(table={"app": "hello"}).app_dir is None


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("localhost", None),
        ("127.0.0.1", "127.0.0.1"),
        ("::1", "::1"),
        ("[::1]", "::1"),
        ("fe80::1%eth0", "fe80::1%eth0"),
        ("my-machine.local", "my-machine.local"),
        ("bücher.example", "bücher.example"),
    ],
)
def test_hosts(host: str, expected: str | None) -> None:
    assert settings_from({"host": host}).host == expected


@pytest.mark.parametrize(
    ("host", "hint"),
    [
        ("http://localhost", "like 'localhost'"),
        ("https://example.com:80/x", "like 'example.com'"),
        ("localhost/", "without scheme and path"),
        ("localhost:8000", "--host localhost --port 8000"),
        ("127.0.0.1:80", "--host 127.0.0.1 --port 80"),
        ("*", "0.0.0.0"),
        ("two words", "neither"),
        ("-x", "neither"),
        ("a\nb", "neither"),
    ],
)
def test_what_is_no_host(host: str, hint: str) -> None:
    message = message_from(typed={"host": host})
    assert message.startswith("--host ")
    assert hint in message


def test_a_unix_host_is_a_socket() -> None:
    settings = settings_from({"host": "unix:///tmp/x.sock"})
    assert (settings.host, settings.uds) == (None, "/tmp/x.sock")


@pytest.mark.parametrize("other", [{"port": "1"}, {"host": "::1"}, {"host": "unix:///b"}])
def test_a_socket_and_a_port_from_one_source_do_not_go_together(other: dict) -> None:
    assert "--uds" in message_from(typed={"uds": "/tmp/a", **other})


def test_of_a_socket_and_a_port_the_stronger_source_wins() -> None:
    assert settings_from({"uds": "/tmp/a"}, {"FLASK_RUN_PORT": "9"}) == Settings(uds="/tmp/a")
    assert settings_from({"port": "9"}, {"PILOTLIGHT_UDS": "/tmp/a"}) == Settings(port=9)


def test_a_socket_path_has_a_limit() -> None:
    assert "103" in message_from(typed={"uds": "/" + "x" * 200})


def test_key_and_certificate() -> None:
    assert message_from(typed={"key": "k.pem"}) == "--key needs a certificate: give it with --cert."
    assert message_from(variables={"FLASK_RUN_KEY": "k"}).startswith("FLASK_RUN_KEY needs")
    assert "'adhoc'" in message_from(typed={"key": "k.pem", "cert": "adhoc"})
    assert settings_from({"cert": "adhoc"}, {"FLASK_RUN_KEY": "k.pem"}).key is None
    pair = settings_from({"cert": "c.pem", "key": "k.pem"})
    assert (pair.cert, pair.key) == ("/project/c.pem", "/project/k.pem")
    assert pair.cert_is_file
    by_name = settings_from({"cert": "tls.context"})
    assert by_name.cert == "tls.context"
    assert not by_name.cert_is_file


def test_unknown_variables_of_ours_are_warned_of() -> None:
    resolved = resolve(environment({"PILOTLIGHT_PROT": "1", "PILOTLIGHT_FLASK": "0"}, HERE))
    assert resolved.warnings == (
        "PILOTLIGHT_PROT is not an option, so it has no effect. Did you mean PILOTLIGHT_PORT?",
    )


def test_arguments_of_a_call() -> None:
    source = call({"port": 8000, "debug": True, "host": None, "extra_files": [Path("a"), "b"]}, HERE)
    settings = resolve([source]).settings
    assert settings == Settings(
        port=8000, debug=True, reload=True, debugger=True, extra_files=("/project/a", "/project/b")
    )
    with pytest.raises(UserError, match=r"no option 'prot'\. Did you mean port\?"):
        call({"prot": 1}, HERE)
    with pytest.raises(UserError, match="port= must be a port number, not a value of type object"):
        resolve([call({"port": object()}, HERE)])


def test_a_value_from_an_environment_file_names_the_file() -> None:
    with pytest.raises(UserError, match=r"^PILOTLIGHT_PORT in \.env must be"):
        resolve(environment({"PILOTLIGHT_PORT": "x"}, HERE, {"PILOTLIGHT_PORT": ".env"}))


@pytest.mark.parametrize(
    ("debug", "real", "files", "seen"),
    [
        (True, {}, (), "1"),
        (True, {"FLASK_DEBUG": "0"}, (), "1"),
        (False, {"FLASK_DEBUG": "1"}, (), "0"),
        (False, {}, (("FLASK_DEBUG", "1"),), "0"),
        (True, {"FLASK_DEBUG": "yes"}, (), "yes"),
        (False, {}, (), None),
    ],
)
def test_the_app_sees_the_resolved_debug_mode(
    debug: bool, real: dict, files: tuple, seen: str | None
) -> None:
    environment_of_app = Settings(debug=debug, environment=files).app_environment(real)
    assert environment_of_app.get("FLASK_DEBUG") == seen


_text = st.text(st.characters(codec=None), max_size=20)
_optional = st.none() | _text
_texts = st.lists(_text, max_size=3).map(tuple)
_by_type = {
    "str | None": _optional,
    "bool": st.booleans(),
    "int": st.integers(0, 65535),
    "int | str | None": st.none() | st.integers(0, 65535) | st.just("same"),
    "str": _text,
    "tuple[str, ...]": _texts,
    "tuple[tuple[str, str], ...]": st.lists(st.tuples(_text, _text), max_size=3).map(tuple),
}


@given(st.builds(Settings, **{field.name: _by_type[str(field.type)] for field in fields(Settings)}))
def test_settings_survive_json(settings: Settings) -> None:
    assert Settings.from_json(json.loads(json.dumps(settings.to_json()))) == settings


_values = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=30)
    | st.lists(st.text(max_size=5) | st.integers(), max_size=3)
    | st.dictionaries(st.text(max_size=3), st.integers(), max_size=2)
)


@given(st.dictionaries(st.sampled_from(sorted(BY_KEY)), _values, max_size=5))
def test_whatever_is_given_the_result_is_settings_or_an_error_of_the_user(values: dict) -> None:
    message, settings = "", Settings()
    try:
        settings = resolve([pyproject(values, "pyproject.toml", HERE)]).settings
    except UserError as error:
        message = error.message
    assert message == "" or "pyproject.toml [tool.pilotlight]" in message
    assert Settings.from_json(settings.to_json()) == settings
    assert 0 <= settings.port <= 65535

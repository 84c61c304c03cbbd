"""What counts as a secret by its name and by its form, and what does not."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pilotlight.debugger.values.secrets import MARK, is_secret_cookie, is_secret_name, mask_text

SECRET_NAMES = [
    "password",
    "PASSWORD",
    "Password",
    "db_password",
    "dbPassword",
    "DBPassword",
    "userPasswordHash",
    "new-password",
    "password1",
    "password2",
    "passwd",
    "mysql_pwd",
    "pwd",
    "Pwd",
    "DB_PWD",
    "PWD_HASH",
    "MYSQL_PWD",
    "settings.PWD",
    "PWD",
    "oldpwd",
    "passphrase",
    "db_pass",
    "SMTP_PASS",
    "pw",
    "PGPASSWORD",
    "confirm_password",
    "password_reset_url",
    "secret",
    "SECRET_KEY",
    "client_secret",
    "clientSecret",
    "clientsecret",
    "secrets",
    "AWS_SECRET_ACCESS_KEY",
    "api_key",
    "apiKey",
    "API-Key",
    "x-api-key",
    "apikey",
    "APIKey",
    "APIKEY",
    "OPENAI_API_KEY",
    "stripe.api_key",
    "api_keys",
    "HTTP_X_API_KEY",
    "token",
    "access_token",
    "accessToken",
    "accesstoken",
    "refresh_token",
    "csrf_token",
    "csrftoken",
    "csrfmiddlewaretoken",
    "X-CSRFToken",
    "authToken",
    "OAuthToken",
    "X-Amz-Security-Token",
    "tokens",
    "jwt",
    "id_token",
    "authorization",
    "Authorization",
    "HTTP_AUTHORIZATION",
    "proxy-authorization",
    "auth",
    "basic_auth",
    "auth_key",
    "auth_header",
    "cookie",
    "Cookie",
    "HTTP_COOKIE",
    "set-cookie",
    "cookies",
    "dsn",
    "SENTRY_DSN",
    "database_dsn",
    "credential",
    "credentials",
    "aws_credentials",
    "private_key",
    "privateKey",
    "access_key",
    "access_key_id",
    "encryption_key",
    "signing_key",
    "session_id",
    "sessionid",
    "sessionId",
    "session_key",
    "PHPSESSID",
    "csrf",
    "xsrf_token",
    "otp",
    "cvv",
    "self.password",
    "settings.SECRET_KEY",
]

PLAIN_NAMES = [
    "author",
    "authors",
    "authority",
    "authentic",
    "authenticated",
    "is_authenticated",
    "authentication",
    "auth_user",
    "auth_backends",
    "AUTH_USER_MODEL",
    "monkey",
    "keyboard",
    "key",
    "keys",
    "primary_key",
    "foreign_key",
    "sort_key",
    "cache_key",
    "public_key",
    "keyword",
    "turkey",
    "tokenizer",
    "tokenize",
    "token_count",
    "max_tokens",
    "num_tokens",
    "total_tokens",
    "token_type",
    "token_expires",
    "tokenized",
    "password_field",
    "password_min_length",
    "has_password",
    "AUTH_PASSWORD_VALIDATORS",
    "PASSWORD_HASHERS",
    "password_errors",
    "secretary",
    "session",
    "user",
    "username",
    "email",
    "passed",
    "passenger",
    "compass",
    "bypass",
    "pass_count",
    "passing",
    "boarding",
    "SESSION_COOKIE_NAME",
    "cookie_name",
    "SESSION_COOKIE_SECURE",
    "CSRF_COOKIE_DOMAIN",
    "cookie_policy",
    "is_secret",
    "use_csrf",
    "identity",
    "idea",
    "side",
    "inside",
    "assign",
    "design",
    "dsname",
    "credit",
    "path",
    "data",
    "value",
    "name",
    "id",
    "x",
    "_",
    "i",
]


@pytest.mark.parametrize("name", SECRET_NAMES)
def test_names_of_secrets(name: str) -> None:
    assert is_secret_name(name)


@pytest.mark.parametrize("name", PLAIN_NAMES)
def test_names_of_other_things(name: str) -> None:
    assert not is_secret_name(name)


@pytest.mark.parametrize(
    "name", ["session", "sessionid", "connect.sid", "csrftoken", "remember_token", "_session"]
)
def test_cookies_that_let_somebody_in(name: str) -> None:
    assert is_secret_cookie(name)


@pytest.mark.parametrize("name", ["theme", "language", "_ga", "seen_banner"])
def test_other_cookies(name: str) -> None:
    assert not is_secret_cookie(name)


JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9"
PEM = "-----BEGIN RSA PRIVATE KEY-----\nMIIEpAIBAAKCAQEA\nabc/def+==\n-----END RSA PRIVATE KEY-----"
# Put together here, so that no scanner of repositories takes them for real ones.
KEYS = [
    "AKIA" + "IOSFODNN7EXAMPLE",
    "ASIA" + "IOSFODNN7EXAMPLE",
    "ghp" + "_" + "a1B2" * 9,
    "github_pat" + "_" + "a1B2" * 9,
    "xoxb" + "-123456789012-abcdefABCDEF",
    "sk" + "_live_" + "a1B2" * 6,
    "rk" + "_live_" + "a1B2" * 6,
    "AIza" + "a1B2-" * 7,
    "sk" + "-" + "a1B2" * 12,
    "sk" + "-ant-api03-" + "a1B2" * 12,
    "sk" + "-proj-" + "a1-_" * 12,
    "glpat" + "-" + "a1B2" * 5,
    "npm" + "_" + "a1B2" * 9,
    "pypi" + "-AgEI" + "a1B2" * 9,
    "SG" + "." + "a1B2" * 6 + "." + "a1B2" * 10,
    "SK" + "0123456789abcdef" * 2,
    "hf" + "_" + "a1B2" * 8,
    JWT,
]


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("around", ["{}", "got {}, sorry", "({})", "k='{}'", "https://x.test/?q={}&r=1"])
def test_keys_with_a_known_form(key: str, around: str) -> None:
    assert mask_text(around.format(key)) == around.format(MARK)


MASKED = [
    ("postgres://user:hunter2@db/x", f"postgres://user:{MARK}@db/x"),
    ("redis://:hunter2@db", f"redis://:{MARK}@db"),
    ("cannot connect to amqp://u:p@ss@h:5/ now", f"cannot connect to amqp://u:{MARK}@h:5/ now"),
    (f"a\n{PEM}\nb", f"a\n-----BEGIN RSA PRIVATE KEY-----{MARK}-----END RSA PRIVATE KEY-----\nb"),
    ("GET /cb?code=1&access_token=abc&x=2", f"GET /cb?code=1&access_token={MARK}&x=2"),
    ("{'user': 'ann', 'password': 'hun\\'ter2', 'n': 1}", f"{{'user': 'ann', 'password': '{MARK}', 'n': 1}}"),
    ('{"apiKey": "abc", "n": 1}', f'{{"apiKey": "{MARK}", "n": 1}}'),
    ('"{\\"token\\": \\"abc\\"}"', f'"{{\\"token\\": \\"{MARK}\\"}}"'),
    ("User(name='ann', password='x', age=3)", f"User(name='ann', password='{MARK}', age=3)"),
    ("User(name=ann, password=x, age=3)", f"User(name=ann, password={MARK}, age=3)"),
    ("Server=x;Password=abc;Timeout=3", f"Server=x;Password={MARK};Timeout=3"),
    ("host=x password=abc dbname=y", f"host=x password={MARK} dbname=y"),
    ("Authorization: Bearer abc.def", f"Authorization: Bearer {MARK}"),
    ("Authorization: Basic dTpw", f"Authorization: Basic {MARK}"),
    ("Host: x\r\nCookie: a=b; c=d\r\nAccept: y", f"Host: x\r\nCookie: {MARK}\r\nAccept: y"),
    ("sent Bearer abcdefghijk1234 to x", f"sent Bearer {MARK} to x"),
    ("[(b'cookie', b'a=b'), (b'host', b'x')]", f"[(b'cookie', b'{MARK}'), (b'host', b'x')]"),
    ("{'tokens': ['a', 'b'], 'n': 1}", f"{{'tokens': [{MARK}], 'n': 1}}"),
    ("['mysqldump', '--password', 'abc', 'db']", f"['mysqldump', '--password', '{MARK}', 'db']"),
    ("mysqldump --password=abc db", f"mysqldump --password={MARK} db"),
    (
        "1 validation error\npassword\n  Too short [type=x, input_value='abc', input_type=str]",
        f"1 validation error\npassword\n  Too short [type=x, input_value={MARK}, input_type=str]",
    ),
]


@pytest.mark.parametrize(("text", "expected"), MASKED)
def test_secrets_in_longer_texts(text: str, expected: str) -> None:
    assert mask_text(text) == expected
    assert mask_text(expected) == expected, "masking twice changes nothing"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "author: ann, monkey=3, primary_key=5, max_tokens=100",
        "KeyError: 'token'",
        "jwt.exceptions.InvalidTokenError: Not enough segments",
        "{'password': None, 'token': '', 'has_secret': True}",
        "http://localhost:8080/path@x?author=ann",
        "mailto:ann@example.com https://example.com/a:b@c",
        "sk-learn is scikit-learn; task-runner-with-a-long-name-indeed",
        "eyJust a word. And another.",
        "the tokenizer found 3 tokens in 'a = b'",
        "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----",
        "basic understanding of things: none",
    ],
)
def test_what_is_no_secret_stays(text: str) -> None:
    assert mask_text(text) == text


@given(st.text(alphabet="abc \"'=:@/\\&;{}[](),.-_\n", max_size=60))
def test_masking_a_text_without_secrets_never_changes_it(text: str) -> None:
    assert mask_text(text) == text


@given(st.text(max_size=200))
def test_masking_never_raises_and_is_stable(text: str) -> None:
    once = mask_text(text)
    assert mask_text(once) == once


@given(
    st.from_regex(r"[A-Za-z0-9]{4,30}", fullmatch=True),
    st.sampled_from(["password", "apiKey", "X-Auth-Token"]),
)
def test_a_value_behind_a_secret_name_never_stays(value: str, name: str) -> None:
    secret = f"Q{value}7"
    for text in (
        f"{name}={secret}",
        f"'{name}': '{secret}'",
        f'{{"{name}": "{secret}"}}',
        f"?{name}={secret}&a=b",
    ):
        assert secret not in mask_text(f"before {text} after")


def seconds(text: str) -> float:
    started = time.process_time()
    mask_text(text)
    return time.process_time() - started


HOSTILE = {
    "letters": "a",
    "prefix": "sk-",
    "tokens": "-eyJ",
    "urls": "://:",
    "names": "token=",
    "quotes": "token='",
    "escapes": "token='\\\\",
    "keys": "-----BEGIN PRIVATE KEY-----",
    "brackets": "token=[",
    "pairs": "('token', '",
    "options": "--token ",
    "validation": "token\n input_value=",
    "schemes": "bearer ",
    "headers": "cookie:\n",
    "spaces": "token \t",
    "dots": "eyJaaaaaaaa.",
}


@pytest.mark.parametrize("piece", HOSTILE.values(), ids=HOSTILE.keys())
def test_time_is_linear_on_a_megabyte(piece: str) -> None:
    small, large = piece * (125_000 // len(piece)), piece * (1_000_000 // len(piece))
    limit = 30 * max(seconds(small), 0.01)  # eight times the text; quadratic would be 64 times the time
    assert seconds(large) < limit


def test_a_password_of_odbc_is_masked_although_the_directory_of_the_shell_has_its_name() -> None:
    assert mask_text("SERVER=db;UID=sa;PWD=hunter22;") == f"SERVER=db;UID=sa;PWD={MARK};"

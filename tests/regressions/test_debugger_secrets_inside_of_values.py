"""A secret that stood in the value of something with a harmless name was shown: a URL's first parameter."""

from __future__ import annotations

import pytest
from debug_client import DebugClient
from harness import Serve

from pilotlight.debugger.values.secrets import MARK, mask_text


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("http://127.0.0.1:5000/fail?token=xyzzy&a=1", f"http://127.0.0.1:5000/fail?token={MARK}&a=1"),
        ("url=http://host/?api_key=xyzzy", f"url=http://host/?api_key={MARK}"),
        ('{"deep": {"api_key": "xyzzy", "size": 3}}', f'{{"deep": {{"api_key": "{MARK}", "size": 3}}}}'),
        ('{"list":[{"token":"xyzzy"}]}', f'{{"list":[{{"token":"{MARK}"}}]}}'),
        ("user%5Bpassword%5D=xyzzy&a=1", f"user%5Bpassword%5D={MARK}&a=1"),
        ("user[password]=xyzzy&a=1", f"user[password]={MARK}&a=1"),
        (
            '--x\r\nContent-Disposition: form-data; name="password"\r\n\r\nxyz\r\nzy\r\n--x--',
            f'--x\r\nContent-Disposition: form-data; name="password"\r\n\r\n{MARK}\r\n--x--',
        ),
        (
            repr(b'--x\r\nContent-Disposition: form-data; name="password"\r\n\r\nxyzzy\r\n--x--'),
            f"""b'--x\\r\\nContent-Disposition: form-data; name="password"\\r\\n\\r\\n{MARK}\\r\\n--x--'""",
        ),
        (
            'form-data; name="comment"\r\n\r\nplain text\r\n--x--',
            'form-data; name="comment"\r\n\r\nplain text\r\n--x--',
        ),
    ],
)
def test_the_secret_inside_is_masked(text: str, masked: str) -> None:
    assert mask_text(text) == masked


APP = """
from flask import Flask, request
app = Flask(__name__)

@app.route("/fail", methods=["GET", "POST"])
def fail():
    url, body = request.url, request.get_data()
    raise ValueError
"""


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("application/x-www-form-urlencoded", "user%5Bpassword%5D=xyzzy"),
        ("application/json", '{"deep": [{"api_key": "xyzzy"}]}'),
        (
            "multipart/form-data; boundary=x",
            '--x\r\nContent-Disposition: form-data; name="pin"; a=""\r\n\r\n1\r\n--x\r\n'
            'Content-Disposition: form-data; name="password"\r\n\r\nxyzzy\r\n--x--',
        ),
        ("text/plain", "token: xyzzy"),
    ],
)
def test_no_output_shows_a_secret_of_the_request(serve: Serve, kind: str, body: str) -> None:
    server = serve("--app", "hello", "run", "--debug", files={"hello.py": APP})
    client = DebugClient.of(server)
    headers = {"Content-Type": kind, "Referer": "http://127.0.0.1/?token=xyzzy", "Cookie": "sid=xyzzy"}
    path = "/fail?token=xyzzy&user%5Bpassword%5D=xyzzy&pass%77ord=xyzzy"
    for accept in ("text/html", "application/json", "text/plain"):
        answer = server.request("POST", path, body=body, headers={**headers, "Accept": accept})
        assert answer.status == 500
        assert "xyzzy" not in answer.text
    for name, options in (
        ("report", {"id": answer.headers["X-Error-Id"], "nonce": "0" * 32}),
        ("reports", {}),
    ):
        assert "xyzzy" not in str(client.call(name, **options))

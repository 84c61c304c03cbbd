"""SQLite makes files beside a database in use; an app that lists its directory reloads for none of them."""

from __future__ import annotations

import pytest
from harness import Serve

APP = """
import glob, sqlite3, time
from flask import Flask

MODULES = glob.glob("*.py")
app = Flask(__name__)


@app.route("/")
def index():
    database = sqlite3.connect("site.db", isolation_level=None)
    database.execute("pragma journal_mode={mode}")
    database.execute("create table if not exists visit (n)")
    database.execute("begin")
    database.execute("insert into visit values (1)")
    time.sleep(0.2)  # longer than it takes to see the files that there are for now
    database.execute("commit")
    (count,) = database.execute("select count(*) from visit").fetchone()
    database.close()
    return str(count)
"""


@pytest.mark.parametrize("mode", ["wal", "delete"])
def test_a_request_that_writes_is_no_reload(serve: Serve, mode: str) -> None:
    server = serve(
        "--app", "hello", "run", "--debug", files={"hello.py": APP.format(mode=mode), "site.db": ""}
    )
    assert [server.get("/").text for _ in range(3)] == ["1", "2", "3"]
    server.write("other.py", "")
    server.wait_for_output("^Reloaded")
    assert server.output.count("Reloaded") == 1

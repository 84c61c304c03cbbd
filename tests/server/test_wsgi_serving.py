from __future__ import annotations

import io
import socket
import threading
import time
from wsgiref.validate import validator

import pytest
from http_harness import WAIT, get, loopback, running

from pilotlight.server.application import ErrorResponse, Limits


def simple(environ, start_response):
    body = environ["PATH_INFO"].encode("latin-1")
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
    return [body]


def echo(environ, start_response):
    body = environ["wsgi.input"].read()
    start_response("200 OK", [("Content-Length", str(len(body)))])
    return [body]


def test_keep_alive_and_pipelining() -> None:
    started = []

    def app(environ, start_response):
        started.append(environ["PATH_INFO"])
        return simple(environ, start_response)

    with running(app) as server, server.connect() as client:
        client.send(get("/a"))
        response = client.response()
        assert (response.status, response.body) == (200, b"/a")
        assert response["server"] == "pilotlight"
        assert response["date"]
        assert response["connection"] is None
        client.send(b"\r\n" + b"".join(get(f"/{i}") for i in range(200)) + get("/end", "Connection: close"))
        for i in range(200):
            assert client.response().body == b"/%d" % i
        last = client.response()
        assert last["connection"] == "close"
        assert client.rest() == b""
        assert started == ["/a", *[f"/{i}" for i in range(200)], "/end"]
        server.hooks.wait_for(lambda: len(server.hooks.records) == 202)


def test_a_pipelined_request_starts_after_the_one_before() -> None:
    running_now = []
    overlaps = []

    def app(environ, start_response):
        overlaps.extend(running_now)
        running_now.append(1)
        time.sleep(0.02)
        running_now.pop()
        return simple(environ, start_response)

    with running(app) as server, server.connect() as client:
        client.send(get("/a") + get("/b") + get("/c"))
        assert [client.response().body for _ in range(3)] == [b"/a", b"/b", b"/c"]
    assert not overlaps


def test_read_ahead_is_bounded() -> None:
    release = threading.Event()

    def app(environ, start_response):
        release.wait(WAIT)
        return simple(environ, start_response)

    with running(app, limits=Limits(body_buffer_bytes=10_000)) as server, server.connect() as client:
        client.send(get("/first"))
        client.sock.settimeout(0.5)
        flood = get("/flood") * 1000
        with pytest.raises(TimeoutError):  # the kernel's buffers are full, and ours takes no more
            client.sock.sendall(flood * 1000)
        release.set()


@pytest.mark.parametrize("split", [1, 3, 17])
def test_any_packets(split: int) -> None:
    data = get("/", "Content-Length: 11", method="POST") + b"hello world" + get("/x", method="POST")
    with running(echo) as server, server.connect() as client:
        client.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for start in range(0, len(data), split):
            client.send(data[start : start + split])
        assert client.response().body == b"hello world"
        assert client.response().body == b""


def test_chunked_request() -> None:
    def app(environ, start_response):
        assert environ["wsgi.input_terminated"]
        assert "CONTENT_LENGTH" not in environ
        lines = list(environ["wsgi.input"])
        start_response("200 OK", [])
        return [b"|".join(lines)]

    with running(app) as server, server.connect() as client:
        client.send(get("/", "Transfer-Encoding: chunked", method="POST") + b"5\r\nab\ncd\r\n")
        client.send(b"3;x=y\r\n\nef\r\n0\r\nTrailer: ignored\r\n\r\n" + get("/2"))
        assert client.response().body == b"ab\n|cd\n|ef"
        assert client.response().body == b""
        server.hooks.assert_no_error()


def test_chunked_response_without_length() -> None:
    def app(environ, start_response):
        start_response("200 OK", [("Content-Type", "text/plain")])
        return iter([b"a", b"", b"b" * 100_000, b"c"])

    with running(app) as server, server.connect() as client:
        client.send(get() + get())
        for _ in range(2):
            response = client.response()
            assert response["transfer-encoding"] == "chunked"
            assert response.body == b"a" + b"b" * 100_000 + b"c"
        client.send(get(version="1.0"))
        old = client.response()
        assert old["transfer-encoding"] is None
        assert old["connection"] == "close"
        assert len(old.body) == 100_002


def test_each_block_is_sent_at_once() -> None:
    go_on = threading.Event()

    def app(environ, start_response):
        start_response("200 OK", [])
        yield b"first"
        assert go_on.wait(WAIT)
        yield b"second"

    with running(app) as server, server.connect() as client:
        client.send(get())
        while b"first" not in client.buffer:
            client._more()
        go_on.set()
        assert client.response().body == b"firstsecond"


def test_http_1_0() -> None:
    with running(simple) as server, server.connect() as client:
        client.send(b"GET /a HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
        response = client.response()
        assert response["connection"] == "keep-alive"
        client.send(b"GET /b HTTP/1.0\r\n\r\n")
        assert client.response()["connection"] == "close"
        assert client.rest() == b""


@pytest.mark.parametrize("status", ["204 No Content", "304 Not Modified"])
def test_statuses_without_body(status: str) -> None:
    def app(environ, start_response):
        start_response(status, [])
        return [b"must not be sent"]

    with running(app) as server, server.connect() as client:
        client.send(get() + get())
        for _ in range(2):
            response = client.response()
            assert response["content-length"] is None
            assert response["transfer-encoding"] is None


def test_head() -> None:
    def app(environ, start_response):
        start_response("200 OK", [("Content-Length", "5")] if environ["PATH_INFO"] == "/known" else [])
        return iter([b"hello"])

    with running(app) as server, server.connect() as client:
        client.send(get("/known", method="HEAD") + get("/unknown", method="HEAD") + get("/known"))
        assert client.response(head=True)["content-length"] == "5"
        assert client.response(head=True)["content-length"] is None
        assert client.response().body == b"hello"
        assert not server.hooks.notices


def test_length_of_a_list_is_known() -> None:
    def app(environ, start_response):
        start_response("200 OK", [])
        return [b"a", b"bc"] if environ["PATH_INFO"] == "/a" else []

    with running(app) as server, server.connect() as client:
        client.send(get("/a") + get("/b"))
        assert client.response()["content-length"] == "3"
        assert client.response()["content-length"] == "0"


def test_environ() -> None:
    seen = {}

    def app(environ, start_response):
        seen.update(environ)
        start_response("200 OK", [])
        return []

    with running(app) as server, server.connect() as client:
        client.send(
            get(
                "/caf%C3%A9%2Fx?a=%20b",
                "Cookie: a=1",
                "Cookie: b=2",
                "X-Many: 1",
                "x-many: 2",
                "X_Many: forged",
                "Content-Type: text/x",
                "Content-Length: 3",
                "Proxy: evil",
                method="POST",
            )
            + b"abc"
        )
        client.response()
        host, port = client.sock.getsockname()
    expected = {
        "REQUEST_METHOD": "POST",
        "SCRIPT_NAME": "",
        "PATH_INFO": "/caf\xc3\xa9/x",
        "QUERY_STRING": "a=%20b",
        "RAW_URI": "/caf%C3%A9%2Fx?a=%20b",
        "REQUEST_URI": "/caf%C3%A9%2Fx?a=%20b",
        "CONTENT_TYPE": "text/x",
        "CONTENT_LENGTH": "3",
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": str(server.address[1]),
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": host,
        "REMOTE_PORT": str(port),
        "HTTP_HOST": "test",
        "HTTP_COOKIE": "a=1; b=2",
        "HTTP_X_MANY": "1,2",
        "wsgi.url_scheme": "http",
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
        "wsgi.version": (1, 0),
        "wsgi.input_terminated": True,
    }
    assert {key: seen[key] for key in expected} == expected
    assert "HTTP_CONTENT_LENGTH" not in seen
    assert type(seen) is dict


@pytest.mark.parametrize(
    ("target", "script", "path"),
    [("/app/x", "/app", "/x"), ("/app", "/app", ""), ("/x", "/app", "/x"), ("/apple", "/app", "/apple")],
)
def test_root_path(target: str, script: str, path: str) -> None:
    seen = {}

    def app(environ, start_response):
        seen.update(environ)
        return simple(environ, start_response)

    with running(app, root_path="/app") as server:
        assert server.request(get(target)).status == 200
    assert (seen["SCRIPT_NAME"], seen["PATH_INFO"]) == (script, path)


def test_unix_socket(tmp_path) -> None:
    path = tmp_path / "s"
    sock = socket.socket(socket.AF_UNIX)
    sock.bind(str(path))
    with running(validator(echo_valid), sock=sock) as server:
        assert server.request(get("/u")).body == b"valid"
        server.hooks.assert_no_error()
        server.hooks.wait_for(lambda: server.hooks.records)
        assert server.hooks.records[0].client == "local"
    assert path.exists()  # the file is its owner's


def echo_valid(environ, start_response):
    environ["wsgi.input"].read(10)
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"valid"]


@pytest.mark.parametrize(
    "data",
    [
        get("/"),
        get("/", method="HEAD"),
        get("/", "Content-Length: 4", method="POST") + b"body",
        get("/", "Transfer-Encoding: chunked", method="POST") + b"4\r\nbody\r\n0\r\n\r\n",
        get("http://other/path?q"),
    ],
)
def test_wsgiref_validate(data: bytes) -> None:
    with running(validator(echo_valid)) as server:
        assert server.request(data).status == 200
        server.hooks.assert_no_error()


def test_options_asterisk_is_answered_by_the_server() -> None:
    with running(simple) as server, server.connect() as client:
        client.send(get("*", method="OPTIONS") + get("/x"))
        assert client.response().status == 204
        assert client.response().body == b"/x"


def test_expect_100_continue_is_lazy() -> None:
    read = threading.Event()

    def app(environ, start_response):
        assert read.wait(WAIT)
        body = environ["wsgi.input"].read()
        start_response("200 OK", [])
        return [body]

    with running(app) as server, server.connect() as client:
        client.send(get("/", "Expect: 100-continue", "Content-Length: 5", method="PUT"))
        client.sock.settimeout(0.2)
        with pytest.raises(socket.timeout):
            client.sock.recv(1)
        client.sock.settimeout(WAIT)
        read.set()
        assert client.line() == b"HTTP/1.1 100 Continue"
        assert client.line() == b""
        client.send(b"hello" + get("/", "Content-Length: 1") + b"x")
        assert client.response().body == b"hello"
        assert client.response().body == b"x"


def test_refused_expectation_gets_no_100() -> None:
    with running(simple, limits=Limits(linger_seconds=0.2)) as server, server.connect() as client:
        client.send(get("/", "Expect: 100-continue", "Content-Length: 5", method="PUT"))
        response = client.response()
        assert response.status == 200
        assert response["connection"] == "close"
        assert client.rest() == b""


def test_refused_upload_is_answered_although_the_client_goes_on_sending() -> None:
    def app(environ, start_response):
        start_response("413 Content Too Large", [("Content-Length", "7")])
        return [b"refused"]

    total = 30_000_000
    with running(app) as server, server.connect() as client:
        client.send(get("/", f"Content-Length: {total}", method="POST"))
        answer: list = []
        reader = threading.Thread(target=lambda: answer.append(client.response()))
        reader.start()
        reader.join(WAIT)
        for _ in range(total // 1_000_000):  # only now; the answer is there, the server still reads
            client.send(b"x" * 1_000_000)
        assert answer[0].status == 413
        assert answer[0]["connection"] == "close"
        assert client.rest() == b""


def test_small_rest_of_a_body_is_skipped() -> None:
    with running(simple, limits=Limits(body_buffer_bytes=10)) as server, server.connect() as client:
        client.send(get("/a", "Content-Length: 20000", method="POST") + b"x" * 100)
        assert client.response()["connection"] is None
        client.send(b"x" * 19_900 + get("/b"))
        assert client.response().body == b"/b"


def test_half_closed_client_gets_its_answer() -> None:
    with running(simple) as server, server.connect() as client:
        client.send(get("/half"))
        client.sock.shutdown(socket.SHUT_WR)
        assert client.response().body == b"/half"
        assert client.rest() == b""


def test_half_closed_pipeline_is_answered_in_full() -> None:
    with running(simple) as server, server.connect() as client:
        client.send(get("/1") + get("/2") + get("/3"))
        client.sock.shutdown(socket.SHUT_WR)
        assert [client.response().body for _ in range(3)] == [b"/1", b"/2", b"/3"]
        assert client.rest() == b""


def test_disconnect_closes_the_iterable() -> None:
    closed = threading.Event()

    class Endless:
        def __iter__(self):
            return self

        def __next__(self):
            return b"x" * 10_000

        def close(self):
            closed.set()

    def app(environ, start_response):
        start_response("200 OK", [])
        return Endless()

    with running(app) as server:
        with server.connect() as client:
            client.send(get("/endless"))
            client.exactly(50_000)
        assert closed.wait(WAIT)
        server.hooks.wait_for(lambda: server.hooks.records)
        assert not server.hooks.records[0].complete
        assert not server.hooks.errors
        server.call(_no_requests(server.server))


async def _no_requests(server) -> None:
    import asyncio

    deadline = time.monotonic() + WAIT
    while server.in_flight and time.monotonic() < deadline:
        await asyncio.sleep(0.01)
    assert server.in_flight == 0


def test_disconnect_during_the_upload_raises_in_the_app() -> None:
    raised: list[BaseException] = []
    reading = threading.Event()

    def app(environ, start_response):
        reading.set()
        try:
            environ["wsgi.input"].read()
        except OSError as error:
            raised.append(error)
            raise
        return simple(environ, start_response)

    with running(app) as server:
        with server.connect() as client:
            client.send(get("/", "Content-Length: 10000000", method="POST") + b"x")
            assert reading.wait(WAIT)
        server.hooks.wait_for(lambda: server.hooks.records)
        assert isinstance(raised[0], ConnectionError)
        assert not server.hooks.errors


def test_app_error_before_the_response() -> None:
    def app(environ, start_response):
        start_response("200 OK", [("X-Never", "sent")])
        raise LookupError("broken")

    with running(app) as server:
        server.hooks.error_response = ErrorResponse(500, [(b"content-type", b"text/html")], b"<p>broken")
        with server.connect() as client:
            client.send(get("/e") + get("/e", method="HEAD"))
            response = client.response()
            assert (response.status, response.body, response["x-never"]) == (500, b"<p>broken", None)
            head = client.response(head=True)
            assert head["content-length"] == "9"
            server.hooks.error_response = None
            client.send(get("/e"))
            assert client.response().status == 500
        error, request, started = server.hooks.errors[0]
        assert isinstance(error, LookupError)
        assert (request.method, request.target, request.scheme) == ("GET", "/e", "http")
        assert not started


@pytest.mark.parametrize("exception", [SystemExit, KeyboardInterrupt, GeneratorExit])
def test_a_view_that_exits_is_an_error_like_any_other(exception: type[BaseException]) -> None:
    def app(environ, start_response):
        if environ["PATH_INFO"] == "/exit":
            raise exception
        return simple(environ, start_response)

    with running(app) as server, server.connect() as client:
        client.send(get("/exit") + get("/a"))
        assert client.response().status == 500
        assert client.response().body == b"/a"


def test_app_error_after_the_start_ends_without_the_final_chunk() -> None:
    def app(environ, start_response):
        start_response("200 OK", [])
        yield b"part"
        raise LookupError("broken")

    with running(app) as server, server.connect() as client:
        client.send(get("/e"))
        with pytest.raises(EOFError):
            client.response()
        server.hooks.wait_for(lambda: server.hooks.records)
        assert server.hooks.errors[0][2]
        assert not server.hooks.records[0].complete


def test_length_mismatch() -> None:
    def app(environ, start_response):
        start_response("200 OK", [("Content-Length", "5")])
        return iter([b"abc", b"defgh"] if environ["PATH_INFO"] == "/long" else [b"abc"])

    with running(app) as server:
        with server.connect() as client:
            client.send(get("/long") + get("/long"))
            assert client.response().body == b"abcde"
            assert client.response().body == b"abcde"
            client.send(get("/short"))
            with pytest.raises(EOFError):
                client.response()
        server.hooks.wait_for(lambda: len(server.hooks.records) == 3)
        assert [record.complete for record in server.hooks.records] == [True, True, False]
        assert "more than the 5" in server.hooks.notices[0]
        assert "only 3" in server.hooks.notices[-1]


def test_start_response_again_with_exc_info() -> None:
    import sys

    def app(environ, start_response):
        start_response("200 OK", [("X", "first")])
        if environ["PATH_INFO"] == "/late":
            yield b"sent"
        try:
            raise LookupError("late")
        except LookupError:
            start_response("500 Oh no", [("X", "second")], sys.exc_info())
        yield b"body"

    with running(app) as server, server.connect() as client:
        client.send(get("/"))
        response = client.response()
        assert (response.status, response["x"], response.body) == (500, "second", b"body")
        client.send(get("/late"))
        with pytest.raises(EOFError):
            client.response()
        assert isinstance(server.hooks.errors[0][0], LookupError)


@pytest.mark.parametrize(
    ("app", "text"),
    [
        (lambda environ, start: [b"x"], "before it called start_response"),
        (lambda environ, start: [], "without calling start_response"),
        (lambda environ, start: (start("200 OK", []), start("200 OK", []))[:0], "second time"),
        (lambda environ, start: (start("200 OK", []), ["str"])[1], "must consist of bytes"),
        (lambda environ, start: (start("200 OK", []), iter(["str"]))[1], "must consist of bytes"),
        (lambda environ, start: (start("200 OK", ()), [])[1], "must be a list"),
        (lambda environ, start: (start("200 OK", [("Connection", "close")]), [])[1], "hop-by-hop"),
        (lambda environ, start: (start("200 OK", [("A", "b\r\nC: d")]), [])[1], "control character"),
    ],
)
def test_apps_that_break_the_rules(app, text: str) -> None:
    with running(app) as server:
        assert server.request(get()).status == 500
        assert text in str(server.hooks.errors[0][0])


def test_write_callable_and_close() -> None:
    closed = []

    class Body(list):
        def close(self):
            closed.append(True)

    def app(environ, start_response):
        write = start_response("200 OK", [])
        write(b"written ")
        return Body([b"returned"])

    with running(app) as server:
        assert server.request(get()).body == b"written returned"
        server.hooks.wait_for(lambda: server.hooks.records)
    assert closed == [True]


def test_file_wrapper() -> None:
    content = bytes(range(256)) * 2000
    files = []

    def app(environ, start_response):
        file = io.BytesIO(content)
        files.append(file)
        start_response("200 OK", [("Content-Length", str(len(content)))])
        return environ["wsgi.file_wrapper"](file, 1000)

    with running(app) as server:
        assert server.request(get()).body == content
        server.hooks.wait_for(lambda: server.hooks.records)
    assert files[0].closed


def test_sleeping_views_run_at_the_same_time() -> None:
    everyone = threading.Barrier(30, timeout=WAIT)

    def app(environ, start_response):
        everyone.wait()
        return simple(environ, start_response)

    with running(app) as server:
        clients = [server.connect() for _ in range(30)]
        for client in clients:
            client.send(get("/b"))
        for client in clients:
            assert client.response().body == b"/b"
            client.sock.close()


def test_quick_requests_need_few_threads() -> None:
    with running(simple) as server:
        clients = [server.connect() for _ in range(32)]
        for _ in range(20):
            for client in clients:
                client.send(get("/b"))
            for client in clients:
                assert client.response().body == b"/b"
        for client in clients:
            client.sock.close()
        assert server.server._shared.pool.size < 10


def test_without_threads_one_request_at_a_time() -> None:
    names = set()

    def app(environ, start_response):
        assert environ["wsgi.multithread"] is False
        names.add(threading.get_ident())
        time.sleep(0.02)
        return simple(environ, start_response)

    with running(app, threads=False) as server:
        clients = [server.connect() for _ in range(8)]
        for client in clients:
            client.send(get("/b"))
        for client in clients:
            assert client.response().body == b"/b"
            client.sock.close()
    assert len(names) == 1


def test_slow_client_holds_no_thread() -> None:
    with running(echo, threads=False) as server, server.connect() as slow:
        slow.send(get("/", "Content-Length: 10", method="POST") + b"12345")
        assert server.request(get()).status == 200
        slow.send(b"67890")
        assert slow.response().body == b"1234567890"


def test_no_thread_before_the_first_request() -> None:
    with running(simple) as server:
        assert server.server._shared.pool.size == 0


def test_tls_hello_on_the_plain_port() -> None:
    with running(simple) as server, server.connect() as client:
        client.send(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03")
        assert client.rest() == b""
        assert "http://" in server.hooks.notices[0]


def test_silent_connections_block_nobody() -> None:
    with running(simple, threads=False) as server:
        silent = [server.connect() for _ in range(20)]
        silent[0].send(b"GET /")
        assert server.request(get("/x")).body == b"/x"
        for client in silent:
            client.sock.close()


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"GET / HTTP/1.1\r\n\r\n", 400),
        (get("/", "X: " + "y" * 5000), 431),
        (get("/" + "y" * 5000), 414),
        (get("/", *[f"X-{i}: y" for i in range(50)]), 431),
        (get("/", "Content-Length: 1", "Transfer-Encoding: chunked"), 400),
        (get("/", "Transfer-Encoding: chunked") + b"zz\r\n", 400),
        (b"GET / HTTP/1.1\nHost: a\n\n", 400),
        (b"\x00\x01\x02\n", 400),
    ],
)
def test_bad_requests(data: bytes, status: int) -> None:
    called = []

    def app(environ, start_response):
        called.append(1)
        return echo(environ, start_response)

    limits = Limits(header_bytes=4000, header_count=40, linger_seconds=0.1)
    with running(app, limits=limits) as server, server.connect() as client:
        client.send(data + get("/smuggled"))
        response = client.response()
        assert response.status == status
        assert response["connection"] == "close"
        assert client.rest() == b""
        server.hooks.wait_for(lambda: any(record.status == status for record in server.hooks.records))
        assert all(record.target != "/smuggled" for record in server.hooks.records)


def test_header_time_out() -> None:
    limits = Limits(header_seconds=0.2, linger_seconds=0.1)
    with running(simple, limits=limits) as server, server.connect() as client:
        client.send(b"GET / HTTP/1.1\r\nHost")
        assert client.response().status == 408
        assert client.rest() == b""


def test_keep_alive_time_out() -> None:
    limits = Limits(keep_alive_seconds=0.2, header_seconds=0.4)
    with running(simple, limits=limits) as server, server.connect() as client:
        client.send(get("/a"))
        client.response()
        assert client.rest() == b""


def test_listening_socket_may_listen_already_and_stays_open_elsewhere() -> None:
    sock = loopback()
    duplicate = sock.dup()
    with duplicate:
        with running(simple, sock=sock) as server:
            assert server.request(get("/a")).body == b"/a"
        with running(simple, sock=duplicate.dup()) as server:
            assert server.request(get("/b")).body == b"/b"

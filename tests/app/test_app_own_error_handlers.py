"""Handlers that an app has for its errors go on as they were when their errors are noted."""

from __future__ import annotations

import asyncio
import inspect
import traceback
from typing import Any

import pytest

from pilotlight.app.frameworks import let_errors_out, recognise


def opened(app: Any) -> list[BaseException]:
    """What is noted of the app's errors from here on."""
    noted: list[BaseException] = []
    framework = recognise(app)
    assert framework is not None
    let_errors_out(framework, app, noted.append)
    return noted


class TestFlask:
    flask = pytest.importorskip("flask")

    def app(self, kind: type | None = None) -> Any:
        app = (kind or self.flask.Flask)("hello")

        @app.get("/")
        def fail() -> str:
            raise ValueError("here")

        return app

    def test_what_a_subclass_does_with_errors_still_runs(self) -> None:
        class Own(self.flask.Flask):  # type: ignore[misc, name-defined]
            def handle_user_exception(self, e: Exception) -> Any:
                return f"{type(e).__name__}, answered", 500

        app = self.app(Own)
        noted = opened(app)
        answer = app.test_client().get("/")
        assert (answer.status_code, answer.text) == (500, "ValueError, answered")
        assert [str(error) for error in noted] == ["here"]

    def test_the_signature_stays(self) -> None:
        app = self.app()
        before = inspect.signature(app.handle_user_exception)
        opened(app)
        assert inspect.signature(app.handle_user_exception) == before

    def test_a_raised_answer_is_no_error(self) -> None:
        app = self.app()
        app.get("/abort")(lambda: self.flask.abort(503))
        app.errorhandler(Exception)(lambda error: ("sorry", 500))
        noted = opened(app)
        assert app.test_client().get("/abort").status_code == 500
        assert noted == []

    def test_a_key_that_a_form_lacks_is_no_error(self) -> None:
        app = self.app()
        app.get("/form")(lambda: self.flask.request.args["missing"])
        app.errorhandler(KeyError)(lambda error: ("sorry", 500))
        app.debug = True
        noted = opened(app)
        assert app.test_client().get("/form").status_code == 500
        assert noted == []

    def test_an_error_after_a_handled_one_is_raised_and_the_first_forgotten(self) -> None:
        app = self.app()
        app.errorhandler(ValueError)(lambda error: ("sorry", 500))
        app.get("/abort")(lambda: self.flask.abort(503))
        broken = [True]

        @app.after_request
        def after(response: Any) -> Any:
            if broken:
                raise OSError("afterwards")
            return response

        noted = opened(app)
        with pytest.raises(OSError, match="afterwards"):
            app.test_client().get("/")
        broken.clear()
        assert app.test_client().get("/abort").status_code == 503
        assert noted == []

    def test_an_async_handler(self) -> None:
        pytest.importorskip("asgiref")
        app = self.app()

        @app.errorhandler(ValueError)
        async def sorry(error: ValueError) -> Any:
            return "sorry", 500

        noted = opened(app)
        assert app.test_client().get("/").text == "sorry"
        assert [str(error) for error in noted] == ["here"]

    def test_two_apps_do_not_mix(self) -> None:
        first, second = self.app(), self.app()
        second.errorhandler(ValueError)(lambda error: ("sorry", 500))
        of_first, of_second = opened(first), opened(second)
        second.test_client().get("/")
        assert (len(of_first), len(of_second)) == (0, 1)

    @pytest.mark.skipif("sys.version_info < (3, 11)", reason="a traceback cannot be cut while it is raised")
    def test_the_traceback_of_an_error_that_nobody_handles_is_that_of_flask(self) -> None:
        traces = []
        for watched in (False, True):
            app = self.app()
            app.config["PROPAGATE_EXCEPTIONS"] = True
            if watched:
                opened(app)
            with pytest.raises(ValueError, match="here") as caught:
                app.test_client().get("/")
            frames = traceback.extract_tb(caught.value.__traceback__)
            traces.append([(frame.filename, frame.lineno) for frame in frames][1:])
        assert traces[0] == traces[1]


class TestQuart:
    quart = pytest.importorskip("quart")

    def app(self, kind: type | None = None) -> Any:
        app = (kind or self.quart.Quart)("hello")

        @app.get("/")
        async def fail() -> str:
            raise ValueError("here")

        return app

    def test_what_a_subclass_does_with_errors_still_runs(self) -> None:
        class Own(self.quart.Quart):  # type: ignore[misc, name-defined]
            async def handle_user_exception(self, *arguments: Any) -> Any:
                return f"{type(arguments[-1]).__name__}, answered", 500

        app = self.app(Own)
        noted = opened(app)

        async def asked() -> tuple[int, str]:
            answer = await app.test_client().get("/")
            return answer.status_code, await answer.get_data(as_text=True)

        assert asyncio.run(asked()) == (500, "ValueError, answered")
        assert [str(error) for error in noted] == ["here"]

    def test_it_stays_a_coroutine_with_its_signature(self) -> None:
        app = self.app()
        before = inspect.signature(app.handle_user_exception)
        opened(app)
        assert inspect.iscoroutinefunction(app.handle_user_exception)
        assert inspect.signature(app.handle_user_exception) == before

    def test_a_raised_answer_is_no_error(self) -> None:
        app = self.app()

        @app.errorhandler(Exception)
        async def sorry(error: Exception) -> Any:
            return "sorry", 500

        noted = opened(app)

        async def asked() -> int:
            return int((await app.test_client().get("/nowhere")).status_code)

        assert asyncio.run(asked()) == 500
        assert noted == []

    def test_an_error_of_a_websocket_is_handled_as_before(self) -> None:
        app = self.app()
        handled = []

        @app.websocket("/ws")
        async def talk() -> None:
            raise ValueError("of a websocket")

        @app.errorhandler(ValueError)
        async def sorry(error: ValueError) -> Any:
            handled.append(error)
            return "sorry", 500

        noted = opened(app)

        async def asked() -> None:
            async with app.test_client().websocket("/ws") as websocket:
                with pytest.raises(self.quart.testing.WebsocketResponseError):
                    await websocket.receive()

        asyncio.run(asked())
        assert [str(error) for error in handled] == ["of a websocket"]
        assert noted == []


class TestFalcon:
    falcon = pytest.importorskip("falcon")
    asgi = pytest.importorskip("falcon.asgi")
    testing = pytest.importorskip("falcon.testing")

    def failing(self, error: Exception) -> Any:
        class Fail:
            def on_get(self, request: Any, response: Any) -> None:
                raise error

        return Fail()

    def test_an_answer_raised_by_a_handler_counts_by_its_status(self) -> None:
        app = self.falcon.App()

        def refused(request: Any, response: Any, error: Exception, parameters: Any) -> None:
            raise self.falcon.HTTPBadRequest

        def failed(request: Any, response: Any, error: Exception, parameters: Any) -> None:
            raise self.falcon.HTTPStatus(503)

        app.add_error_handler(ValueError, refused)
        app.add_error_handler(KeyError, failed)
        app.add_route("/refused", self.failing(ValueError("refused")))
        app.add_route("/failed", self.failing(KeyError("failed")))
        noted = opened(app)
        client = self.testing.TestClient(app)
        assert [client.simulate_get(path).status_code for path in ("/refused", "/failed")] == [400, 503]
        assert [type(error) for error in noted] == [KeyError]

    def test_an_error_that_a_handler_raises_again_reaches_the_server(self) -> None:
        app = self.falcon.App()

        def again(request: Any, response: Any, error: Exception, parameters: Any) -> None:
            raise error

        app.add_error_handler(ValueError, again)
        app.add_route("/", self.failing(ValueError("again")))
        noted = opened(app)
        with pytest.raises(ValueError, match="again"):
            self.testing.TestClient(app).simulate_get("/")
        assert noted == []

    def test_the_order_of_arguments_that_falcon_had_before(self) -> None:
        app = self.falcon.App()
        seen = []

        def old(ex: Exception, req: Any, resp: Any, params: Any) -> None:
            seen.append(ex)
            resp.status = 500

        with pytest.warns(Warning, match="deprecated signature"):
            app.add_error_handler(ValueError, old)
        error = ValueError("seen")
        app.add_route("/", self.failing(error))
        noted = opened(app)
        assert self.testing.TestClient(app).simulate_get("/").status_code == 500
        assert (seen, noted) == ([error], [error])

    @pytest.mark.parametrize("named", [True, False])
    def test_a_handler_gets_the_websocket_if_it_names_it(self, named: bool) -> None:
        app = self.asgi.App()
        got = []

        class Fail:
            async def on_websocket(self, request: Any, websocket: Any) -> None:
                await websocket.accept()
                raise ValueError("of a websocket")

        async def with_it(
            request: Any, response: Any, error: Exception, parameters: Any, ws: Any = None
        ) -> None:
            got.append(ws)

        async def without(request: Any, response: Any, error: Exception, parameters: Any) -> None:
            got.append(None)

        app.add_error_handler(ValueError, with_it if named else without)
        app.add_route("/ws", Fail())
        noted = opened(app)

        async def asked() -> None:
            conductor = self.testing.ASGIConductor(app)
            async with conductor, conductor.simulate_ws("/ws") as websocket:
                await websocket.wait_ready()

        asyncio.run(asked())
        assert [ws is not None for ws in got] == [named]
        assert noted == []


class TestBottle:
    bottle = pytest.importorskip("bottle")

    def ask(self, app: Any) -> str:
        statuses: list[str] = []
        environ: dict[str, Any] = {}
        from wsgiref.util import setup_testing_defaults

        setup_testing_defaults(environ)
        list(app(environ, lambda status, headers, exc_info=None: statuses.append(status)))
        return statuses[-1][:3]

    def app(self) -> Any:
        app = self.bottle.Bottle()

        @app.get("/")
        def fail() -> str:
            raise ValueError("here")

        return app

    def test_without_a_page_of_its_own_errors_reach_the_server(self) -> None:
        app = self.app()
        opened(app)
        with pytest.raises(ValueError, match="here"):
            self.ask(app)

    @pytest.mark.parametrize(("status", "count"), [(500, 1), (404, 0)])
    def test_what_a_page_answers_counts_by_its_status(self, status: int, count: int) -> None:
        app = self.app()
        app.error(500)(lambda failure: self.bottle.HTTPResponse("sorry", status))
        noted = opened(app)
        assert self.ask(app) == str(status)
        assert len(noted) == count

    def test_an_error_of_the_page_itself_is_noted(self) -> None:
        app = self.app()

        @app.error(500)
        def broken(failure: Any) -> str:
            raise OSError("of the page")

        noted = opened(app)
        assert self.ask(app) == "500"
        assert [str(error) for error in noted] == ["of the page"]

    def test_a_handler_keeps_its_name(self) -> None:
        app = self.app()

        @app.error(500)
        def sorry(failure: Any) -> str:
            return "sorry"

        opened(app)
        assert app.error_handler[500].__name__ == "sorry"

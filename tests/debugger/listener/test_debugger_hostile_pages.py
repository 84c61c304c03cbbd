"""Hostile pages in a real browser that is unlocked: none makes the desk do anything, none reads a report.

The attacker has what a page can have: an origin on another port of the same host, so the same site and the
same cookies, or the app's own origin, service workers included.
"""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from listener_browser import AppServer
from listener_harness import LIMIT, SECRET, Running

pytestmark = pytest.mark.browser

_FETCHES = """
(async () => {
  const target = %s, out = [];
  const headers = {"Content-Type": "application/json", "X-Pilotlight-Token": "%s"};
  const body = JSON.stringify({code: "1+1"});
  const tries = {
    cors: {method: "POST", headers, body},
    simple: {method: "POST", body, mode: "no-cors"},
    plain: {method: "POST", body, headers: {"Content-Type": "text/plain"}, credentials: "include"},
    form: {method: "POST", body: new URLSearchParams({code: "1+1"}), mode: "no-cors"},
    beacon: null,
    get: {method: "GET"},
    opaque: {method: "GET", mode: "no-cors"},
    put: {method: "PUT", body},
    keepalive: {method: "POST", body, keepalive: true, mode: "no-cors"},
    stripped: {method: "POST", body, mode: "no-cors", referrerPolicy: "no-referrer"},
  };
  for (const [name, options] of Object.entries(tries)) for (const path of
      ["/api/evaluate", "/api/reports", "/api/events", "/"]) {
    try {
      if (options === null) {
        out.push([name, path, String(navigator.sendBeacon(target + path, body)), ""]);
        continue;
      }
      const answer = await fetch(target + path, options);
      out.push([name, path, answer.type, answer.type === "opaque" ? "" : await answer.text()]);
    } catch (error) { out.push([name, path, error.name, ""]) }
  }
  return out;
})()
"""


@pytest.fixture
def victim(context: Any, beside: Running) -> Any:
    """A tab of a browser that is unlocked, whose developer then follows a link."""
    page = context.new_page()
    page.goto(beside.keyring.new_link(beside.url))
    page.get_by_role("heading", name="This browser is unlocked").wait_for()
    return page


@pytest.fixture
def stranger(app: AppServer) -> AppServer:
    """Another local port, which the listener has never heard of."""
    return app


def assert_untouched(served: Running) -> None:
    """One call of ours goes through all the same, behind whatever is still on its way."""
    assert served.desk.calls == []
    assert served.call("/api/alive", token=served.token())[0] == 200
    assert [name for name, _ in served.desk.calls] == ["alive"]


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost"])
def test_fetches_from_another_port(victim: Any, beside: Running, app: AppServer, name: str) -> None:
    token = beside.token()  # even one who knew it
    app.page = b"<p>hello"
    victim.goto(f"http://{name}:{app.port}/")
    results = victim.evaluate(_FETCHES % (json.dumps(beside.url), token))
    assert len(results) == 40
    assert all(SECRET not in text for *_, text in results)
    assert {kind for name, _, kind, _ in results if name != "beacon"} <= {"TypeError", "opaque"}
    assert_untouched(beside)


def test_a_form_from_another_port(victim: Any, beside: Running, app: AppServer) -> None:
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data"):
        app.page = (
            f"<form method=post enctype='{kind}' action='{beside.url}/api/evaluate'>"
            '<input name=\'{"code":"1+1","x":"\' value=\'"}\'></form>'
        ).encode()
        victim.goto(f"http://127.0.0.1:{app.port}/")
        victim.evaluate("document.forms[0].submit()")
        victim.wait_for_url(f"{beside.url}/api/evaluate")
        assert "Only the debugger's own pages may ask this" in victim.content()
    assert_untouched(beside)


def test_a_frame_in_a_page_that_is_not_the_apps(
    victim: Any, beside: Running, context: Any, stranger: AppServer
) -> None:
    """The app's own origin may frame the console, and nothing else; anybody else, nothing."""
    paths = ["/", f"/report?id={beside.desk.id}", "/unlock"]
    stranger.page = "".join(f"<iframe src='{beside.url}{path}'></iframe>" for path in paths).encode()
    victim.goto(f"http://127.0.0.1:{stranger.port}/", wait_until="load")
    other = AppServer()
    try:
        other.page = f"<iframe src='{beside.url}/console'></iframe>".encode()
        page = context.new_page()
        page.goto(f"http://127.0.0.1:{other.port}/", wait_until="load")
        for frame in [*victim.frames[1:], *page.frames[1:]]:
            frame.wait_for_url(re.compile("^chrome-error:"))
        assert len(victim.frames) == 1 + len(paths)
        assert len(page.frames) == 2
    finally:
        other.close()
    assert_untouched(beside)


def test_scripts_styles_and_images_of_ours(victim: Any, beside: Running, app: AppServer) -> None:
    app.page = (
        f"<script src='{beside.url}/' onerror='window.failed=1'></script>"
        f"<img src='{beside.url}/console' onerror='window.image=1'>"
        f"<link rel=stylesheet href='{beside.url}/' onerror='window.style=1'>"
    ).encode()
    victim.goto(f"http://127.0.0.1:{app.port}/", wait_until="load")
    assert victim.evaluate("[window.failed, window.image, window.style]") == [1, 1, 1]
    assert_untouched(beside)


def test_a_websocket_and_an_event_source(victim: Any, beside: Running, app: AppServer) -> None:
    app.page = b"<p>hello"
    victim.goto(f"http://127.0.0.1:{app.port}/")
    outcome = victim.evaluate(
        """(host) => Promise.all([
          new Promise(done => { const s = new WebSocket(`ws://${host}/api/evaluate`);
            s.onopen = () => done("open"); s.onerror = () => done("refused") }),
          new Promise(done => { const s = new EventSource(`http://${host}/api/events`);
            s.onopen = () => done("open"); s.onerror = () => { s.close(); done("refused") } })])""",
        beside.host,
    )
    assert outcome == ["refused", "refused"]
    assert_untouched(beside)


def test_an_opener_sees_nothing_of_the_window_that_it_opens(
    victim: Any, beside: Running, app: AppServer
) -> None:
    app.page = b"<button>go</button>"
    victim.goto(f"http://127.0.0.1:{app.port}/")
    victim.evaluate(
        f"document.querySelector('button').onclick=()=>{{window.w=window.open('{beside.url}/unlock')}}"
    )
    with victim.expect_popup() as opened:
        victim.locator("button").click()
    opened.value.get_by_role("heading", name="This browser is unlocked").wait_for()
    assert opened.value.evaluate("window.opener") is None
    victim.wait_for_function("window.w.closed")  # another process, which is told of it
    assert_untouched(beside)


def test_a_service_worker_on_the_apps_origin(victim: Any, beside: Running, app: AppServer) -> None:
    """It sees the requests of the app's pages; those of the console that they frame are not among them."""
    app.scripts["/worker.js"] = (
        b"""
    const seen = [];
    self.addEventListener("install", () => self.skipWaiting());
    self.addEventListener("activate", event => event.waitUntil(self.clients.claim()));
    self.addEventListener("fetch", event => {
      seen.push(event.request.url + JSON.stringify([...event.request.headers]));
      if (event.request.url.includes(":%d")) event.respondWith(new Response("stolen"));
    });
    self.addEventListener("message", event => event.source.postMessage(seen));
    """
        % beside.port
    )
    app.page = b"<p>hello"
    victim.goto(f"http://127.0.0.1:{app.port}/")
    victim.evaluate(
        "navigator.serviceWorker.register('/worker.js').then(() => navigator.serviceWorker.ready)"
        ".then(() => navigator.serviceWorker.controller || "
        "new Promise(done => navigator.serviceWorker.oncontrollerchange = () => done()))"
        ".then(() => true)"
    )
    app.page = f"<iframe id=c width=700 height=400 src='{beside.url}/console'></iframe>".encode()
    victim.goto(f"http://127.0.0.1:{app.port}/framing")
    console = victim.frame_locator("#c")
    console.locator("body[data-seen=true]").wait_for()
    console.locator("#code").fill("z")
    console.locator("#code").press("Enter")
    console.get_by_text("'z'").wait_for()  # ours, not the worker's
    seen = victim.evaluate(
        "new Promise(done => { navigator.serviceWorker.onmessage = event => done(event.data);"
        "navigator.serviceWorker.controller.postMessage(0) })"
    )
    assert any("/framing" in each for each in seen)
    assert not any(str(beside.port) in each for each in seen)
    assert all("token" not in each.lower() for each in seen)


def test_a_script_in_the_app_cannot_reach_into_the_console(
    victim: Any, beside: Running, app: AppServer
) -> None:
    app.page = f"<iframe id=c name=c width=700 height=400 src='{beside.url}/console'></iframe>".encode()
    victim.goto(f"http://127.0.0.1:{app.port}/")
    victim.frame_locator("#c").locator("body[data-seen=true]").wait_for()
    outcome = victim.evaluate(
        """() => { const inner = frames[0], out = [];
          for (const attempt of [() => inner.document, () => inner.localStorage, () => inner.eval("1"),
              () => inner.run, () => localStorage.getItem("pilotlight-token")])
            try { const got = attempt(); out.push(got === null ? "null" : "GOT") }
            catch (error) { out.push(error.name) }
          for (const message of ["x", {type: "evaluate", code: "1+1"}, {key: "Enter"}])
            inner.postMessage(message, "*");
          document.getElementById("c").focus();
          return out }"""
    )
    assert outcome == ["SecurityError"] * 4 + ["null"]
    assert [name for name, _ in beside.desk.calls] == ["alive"]  # the console's own question at its start


def test_the_token_is_in_no_cookie_and_the_apps_cookies_mean_nothing(
    victim: Any, beside: Running, app: AppServer, context: Any
) -> None:
    app.page = b"<p>hello"
    victim.goto(f"http://127.0.0.1:{app.port}/")
    victim.evaluate("document.cookie = 'pilotlight-token=x; path=/'")
    victim.goto(f"{beside.url}/")
    victim.get_by_text(SECRET).wait_for(timeout=LIMIT * 1000)
    assert [each["name"] for each in context.cookies()] == ["pilotlight-token"]
    assert [each["value"] for each in context.cookies()] == ["x"]

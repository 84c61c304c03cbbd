"""The pages of the debug listener in a real browser: unlocked by the link, then list, report and console."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from listener_browser import AppServer
from listener_harness import LIMIT, SECRET, Running

pytestmark = pytest.mark.browser
expect = pytest.importorskip("playwright.sync_api").expect


@pytest.fixture
def served(beside: Running) -> Running:
    return beside


@pytest.fixture
def page(context: Any) -> Iterator[Any]:
    """A tab whose scripts must not fail, and which must not break its own policy."""
    opened = context.new_page()
    troubles: list[str] = []
    opened.on("pageerror", lambda error: troubles.append(str(error)))
    opened.on(
        "console",
        lambda message: troubles.append(message.text) if "Content Security Policy" in message.text else None,
    )
    yield opened
    assert troubles == []


@pytest.fixture
def unlocked(page: Any, served: Running) -> Any:
    page.goto(served.keyring.new_link(served.url))
    page.get_by_role("heading", name="This browser is unlocked").wait_for()
    return page


def enter(page: Any, text: str) -> None:
    field = page.locator("#code")
    field.click()
    field.fill(text)
    field.press("Enter")


def logged(page: Any, text: str) -> Any:
    return page.locator("#log").get_by_text(text).first.wait_for()


def test_the_link_unlocks_both_names_and_leaves_no_key_behind(page: Any, served: Running) -> None:
    link = served.keyring.new_link(served.url)
    page.goto(link)
    page.get_by_role("heading", name="This browser is unlocked").wait_for()
    assert page.url == f"http://localhost:{served.port}/unlock"
    for name in ("localhost", "127.0.0.1"):
        page.goto(f"http://{name}:{served.port}/")
        page.get_by_text(SECRET).wait_for()
    page.goto("about:blank")
    page.goto(link)  # once more
    page.get_by_text("This link does not unlock anything").wait_for()
    assert "#" not in page.url
    assert page.context.cookies() == []


@pytest.mark.parametrize("path", ["/", "/report?id=x", "/console", "/console?report=x&frame=1", "/unlock"])
def test_a_locked_browser_is_told_what_to_do(page: Any, served: Running, path: str) -> None:
    page.goto(served.url + path)
    page.get_by_text("pilotlight unlock").wait_for()
    assert SECRET not in page.content()
    assert served.desk.calls == []


def test_a_page_that_waits_goes_on_when_another_tab_unlocks(page: Any, context: Any, served: Running) -> None:
    page.goto(served.url + "/report?id=" + served.desk.id)
    page.get_by_text("pilotlight unlock").wait_for()
    other = context.new_page()
    other.goto(served.keyring.new_link(served.url))
    page.frame_locator("#report").get_by_text(SECRET).first.wait_for()
    assert page.locator("#notice").is_hidden()


def test_the_list_is_live(unlocked: Any, served: Running) -> None:
    unlocked.goto(served.url + "/")
    unlocked.get_by_text("This list is live.").wait_for()
    served.on_loop(lambda: served.desk.happen("<b>from a webhook</b>"))
    unlocked.get_by_text("<b>from a webhook</b>").wait_for()
    first = unlocked.locator("#errors li").first
    assert "POST /hook" in first.inner_text()
    assert "192.0.2.7" in first.inner_text()


def test_equal_errors_are_one_entry(unlocked: Any, served: Running) -> None:
    """The newest on top, with how many there are; those before it behind it, as long as they are kept."""
    for count in (4, 5, 6):
        served.on_loop(lambda count=count: served.desk.happen("again", group=7, count=count))
    unlocked.goto(served.url + "/")
    entries = unlocked.locator("#errors > li")
    expect(entries).to_have_count(2)
    first = entries.first
    expect(first.locator(".count")).to_have_text("6 times")
    newest, *older = [each.id for each in reversed(served.desk.added)]
    expect(first.locator("> a")).to_have_attribute("href", f"/report?id={newest}")
    assert not first.locator("details a").first.is_visible()
    first.locator("summary").click()
    assert [link.get_attribute("href") for link in first.locator("details a").all()] == [
        f"/report?id={each}" for each in older
    ]
    first.get_by_text("3 before these are not kept.").wait_for()
    assert entries.last.locator("details, .count").count() == 0
    unlocked.get_by_text("This list is live.").wait_for()
    served.on_loop(lambda: served.desk.happen("again", group=7, count=7))
    first.get_by_text("7 times").wait_for()
    expect(first.locator("details a")).to_have_count(3)
    assert first.locator("details a").first.is_visible(), "what was open stays open"
    assert unlocked.evaluate("document.activeElement.id") == "g7"


def test_from_the_list_to_the_report_to_a_console_in_its_frame(unlocked: Any, served: Running) -> None:
    unlocked.goto(served.url + "/")
    unlocked.get_by_text(SECRET).click()
    unlocked.frame_locator("#report").get_by_role("heading").get_by_text(SECRET).first.wait_for()
    unlocked.get_by_role("button", name="Console").click()
    console = unlocked.frame_locator("#console")
    field = console.locator("#code")
    field.fill("request.path")
    field.press("Enter")
    console.get_by_text("'request.path'").wait_for()
    asked = [question for kind, question in served.desk.calls if kind == "ask"]
    assert asked == [
        {"kind": "evaluate", "report": served.desk.id, "frame": 3, "code": "request.path"},
    ]


def test_the_report_has_no_way_to_the_token(unlocked: Any, served: Running) -> None:
    """A script in the report's page, had it been let in, has another origin."""
    unlocked.goto(served.url + "/report?id=" + served.desk.id)
    unlocked.frame_locator("#report").get_by_text(SECRET).first.wait_for()
    (inner,) = [frame for frame in unlocked.frames if frame.url == "about:srcdoc"]
    assert inner.evaluate("origin") == "null"
    assert inner.evaluate("(() => {try {return localStorage.length} catch (e) {return e.name}})()") == (
        "SecurityError"
    )


def test_values_unfold_and_markup_stays_text(unlocked: Any, served: Running) -> None:
    unlocked.goto(served.url + "/console")
    enter(unlocked, "x")
    logged(unlocked, "'x'")
    unlocked.locator("#log summary").click()
    logged(unlocked, "'<img src=x>'")
    assert unlocked.locator("#log img").count() == 0


def test_the_console_says_which_frame_it_is_in(unlocked: Any, served: Running) -> None:
    unlocked.goto(f"{served.url}/console?report={served.desk.id}&frame=3")
    frame = served.desk.body["chain"][0]["frames"][-1]
    file = frame["file"].removeprefix(served.desk.body["directory"] + "/")
    place = f"{frame['qualname']}, {file}:{frame['line']}"
    expect(unlocked.get_by_role("heading")).to_have_text(f"Console in {place}")
    expect(unlocked.locator("#about")).to_contain_text(SECRET)
    expect(unlocked).to_have_title(f"{place} \u00b7 Console \u00b7 Pilotlight")
    unlocked.goto(f"{served.url}/console?report=forgotten&frame=3")
    expect(unlocked.get_by_role("heading")).to_have_text("Console in a frame that is not known any more")


def test_the_plain_console_says_what_it_is_and_which_names_it_has(unlocked: Any, served: Running) -> None:
    unlocked.goto(served.url + "/console")
    expect(unlocked.get_by_role("heading")).to_have_text("Console of the fresh app")
    expect(unlocked).to_have_title("The fresh app \u00b7 Console \u00b7 Pilotlight")
    logged(unlocked, "Names here: app, settings.")


def test_a_locked_console_cannot_be_typed_into_until_another_tab_unlocks(
    page: Any, context: Any, served: Running
) -> None:
    page.goto(served.url + "/console")
    page.get_by_text("open in it the link that the terminal shows, or run `pilotlight unlock`").wait_for()
    field = page.locator("#code")
    expect(field).to_be_disabled()
    expect(field).to_have_attribute("placeholder", "Locked")
    other = context.new_page()
    other.goto(served.keyring.new_link(served.url))
    expect(field).to_be_enabled()
    expect(page.locator("#notice")).to_be_hidden()
    enter(page, "x")
    logged(page, "'x'")


def test_a_locked_console_counts_as_seen(page: Any, served: Running, app: AppServer) -> None:
    """Were it shown through its own dimness, Enter would do nothing for a moment after it is unlocked."""
    app.page = f"<iframe id=c width=700 height=400 src='{served.url}/console'></iframe>".encode()
    page.goto(f"http://127.0.0.1:{app.port}/")
    console = page.frame_locator("#c")
    console.get_by_text("`pilotlight unlock`").wait_for()
    expect(console.locator("#code")).to_be_disabled()
    console.locator("body[data-seen=true]").wait_for()


def test_a_console_whose_token_is_worth_nothing_any_more_is_locked(unlocked: Any, served: Running) -> None:
    unlocked.goto(served.url + "/console")
    expect(unlocked.locator("#code")).to_be_enabled()
    unlocked.evaluate("localStorage.setItem('pilotlight-token', 'x'.repeat(43))")
    enter(unlocked, "x")
    unlocked.get_by_text("`pilotlight unlock`").wait_for()
    expect(unlocked.locator("#code")).to_be_disabled()
    assert unlocked.locator("#code").input_value() == "x", "what was typed is not lost"


def test_output_comes_while_the_code_runs_and_ctrl_c_cancels(unlocked: Any, served: Running) -> None:
    unlocked.goto(served.url + "/console")
    enter(unlocked, "forever")
    logged(unlocked, "begun")
    enter(unlocked, "another")
    logged(unlocked, "Something still runs here")
    unlocked.locator("#code").fill("")
    unlocked.keyboard.press("Control+c")
    logged(unlocked, "Cancelled.")
    kinds = [question["kind"] for kind, question in served.desk.calls if kind == "ask"]
    assert kinds == ["about", "evaluate", "cancel"]


def test_closing_the_page_cancels(unlocked: Any, served: Running) -> None:
    unlocked.goto(served.url + "/console")
    enter(unlocked, "forever")
    logged(unlocked, "begun")
    unlocked.goto("about:blank")
    assert served.desk.cancelled.wait(LIMIT)


def test_incomplete_code_gets_another_line(unlocked: Any, served: Running) -> None:
    unlocked.goto(served.url + "/console")
    enter(unlocked, "if x:")
    expect(unlocked.locator("#code")).to_have_value("if x:\n    ")
    unlocked.keyboard.type("print(1)")
    unlocked.keyboard.press("Shift+Enter")
    assert unlocked.locator("#code").input_value() == "if x:\n    print(1)\n"


def test_streams_and_history(unlocked: Any, served: Running) -> None:
    unlocked.goto(served.url + "/console")
    enter(unlocked, "print(1)")
    logged(unlocked, "one")
    assert unlocked.locator("#log .stderr").inner_text() == "two\n"
    unlocked.keyboard.press("ArrowUp")
    assert unlocked.locator("#code").input_value() == "print(1)"
    unlocked.keyboard.press("ArrowDown")
    assert unlocked.locator("#code").input_value() == ""
    unlocked.keyboard.press("Control+l")
    assert unlocked.locator("#log").inner_text() == ""
    assert unlocked.evaluate("JSON.stringify(Object.keys(sessionStorage))") == "[]"
    assert unlocked.evaluate("JSON.stringify(Object.keys(localStorage))") == '["pilotlight-token"]'


def test_tab_completes_behind_any_character(unlocked: Any, served: Running) -> None:
    unlocked.goto(served.url + "/console")
    field = unlocked.locator("#code")
    field.fill("'\U0001f600'; request.pa")
    field.press("Tab")
    names = unlocked.locator("#names li")
    names.first.wait_for()
    assert names.all_inner_texts() == ["path", "path_info"]
    field.press("Tab")
    field.press("Tab")
    field.press("Enter")
    assert field.input_value() == "'\U0001f600'; request.path_info"
    question = served.desk.calls[-1][1]
    assert question["position"] == len("'\U0001f600'; request.pa")
    field.press("Escape")
    field.press("Tab")
    assert unlocked.evaluate("document.activeElement.id") != "code"


def test_after_a_reload_a_console_in_the_fresh_app_is_offered(unlocked: Any, served: Running) -> None:
    unlocked.goto(f"{served.url}/console?report={served.desk.id}&frame=3")
    unlocked.get_by_role("heading", name="Console in ").wait_for()
    served.desk.living = False
    enter(unlocked, "x")
    logged(unlocked, "The app was loaded again.")
    unlocked.get_by_role("button", name="Console in the fresh app").click()
    enter(unlocked, "y")
    logged(unlocked, "'y'")
    assert served.desk.calls[-1][1]["report"] == ""
    unlocked.goto(f"{served.url}/console?report={served.desk.id}&frame=3")
    logged(unlocked, "The frames of this error are gone")


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost"])
def test_the_apps_page_may_show_the_console(
    unlocked: Any, served: Running, app: AppServer, name: str
) -> None:
    """Framed under the name that the app is open as, the console finds its token."""
    app.page = (
        f"<iframe id=c width=700 height=400 src='http://{name}:{served.port}/console'></iframe>".encode()
    )
    unlocked.goto(f"http://{name}:{app.port}/")
    console = unlocked.frame_locator("#c")
    console.locator("#code").click()
    console.locator("body[data-seen=true]").wait_for()
    console.locator("#code").fill("z")
    console.locator("#code").press("Enter")
    console.get_by_text("'z'").wait_for()


def test_nothing_runs_while_the_console_is_covered(unlocked: Any, served: Running, app: AppServer) -> None:
    app.page = (
        f"<iframe id=c style='opacity:.01' width=700 height=400 src='{served.url}/console'></iframe>".encode()
    )
    unlocked.goto(f"http://127.0.0.1:{app.port}/")
    console = unlocked.frame_locator("#c")
    console.locator("#code").click()
    console.locator("body[data-seen=false]").wait_for()
    console.locator("#code").fill("z")
    console.locator("#code").press("Enter")
    console.get_by_text("Nothing is run while something covers this console").wait_for()
    assert not [call for call in served.desk.calls if call[0] == "ask"]


def test_keys_that_a_script_presses_run_nothing(unlocked: Any, served: Running) -> None:
    unlocked.goto(served.url + "/console")
    unlocked.locator("#code").fill("x")
    press = "new KeyboardEvent('keydown',{key:'Enter',bubbles:true})"
    unlocked.evaluate(f"document.getElementById('code').dispatchEvent({press})")
    enter(unlocked, "y")
    logged(unlocked, "'y'")
    asked = [question for kind, question in served.desk.calls if kind == "ask"]
    assert [each["code"] for each in asked if each["kind"] != "about"] == ["y"]

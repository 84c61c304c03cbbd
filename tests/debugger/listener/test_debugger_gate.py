"""The gate's rules, one by one: a request that is right in all but one thing is refused for that thing."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pilotlight.debugger.listener.gate import (
    FORWARDING_HEADERS,
    FORWARDING_PREFIXES,
    MAX_BODY_BYTES,
    Asked,
    Rules,
    exact_hosts,
    is_forwarding,
    is_loopback,
    judge,
    judge_call,
    judge_head,
    judge_page,
    token_of,
)

RULES = Rules(exact_hosts(4321, ["Box.test"]))
HOST = b"127.0.0.1:4321"
GOOD = Asked(
    method=b"POST",
    target=b"/api/reports",
    headers=(
        (b"host", HOST),
        (b"origin", b"http://" + HOST),
        (b"sec-fetch-site", b"same-origin"),
        (b"content-type", b"application/json"),
        (b"content-length", b"2"),
    ),
    peer="127.0.0.1",
    local="127.0.0.1",
)


def without(name: bytes) -> Asked:
    return replace(GOOD, headers=tuple(each for each in GOOD.headers if each[0] != name))


def having(name: bytes, *values: bytes) -> Asked:
    asked = without(name)
    return replace(asked, headers=(*asked.headers, *((name, value) for value in values)))


def status_of(asked: Asked) -> int:
    refusal = judge(asked, RULES) or judge_call(asked)
    return refusal.status if refusal else 0


def test_what_our_page_sends_is_let_through() -> None:
    assert status_of(GOOD) == 0


@pytest.mark.parametrize(
    "host", [b"127.0.0.1:4321", b"localhost:4321", b"[::1]:4321", b"box.test:4321", b"LOCALHOST:4321"]
)
def test_names_of_this_machine(host: bytes) -> None:
    asked = replace(having(b"host", host))
    asked = replace(
        asked,
        headers=(*(each for each in asked.headers if each[0] != b"origin"), (b"origin", b"http://" + host)),
    )
    assert status_of(asked) == 0


@pytest.mark.parametrize(
    "host",
    [
        b"",
        b"127.0.0.1",
        b"localhost",
        b"127.0.0.1:80",
        b"127.0.0.1:4322",
        b"127.0.0.1:04321",
        b"127.0.0.1.:4321",
        b"localhost.:4321",
        b"user@127.0.0.1:4321",
        b"127.0.0.1:4321@evil.test",
        b"evil.test:4321",
        b"127.1:4321",
        b"0.0.0.0:4321",
        b"0x7f000001:4321",
        b"2130706433:4321",
        b"127.0.0.2:4321",
        b"::1:4321",
        b"[::]:4321",
        b"[::ffff:127.0.0.1]:4321",
        b"localhost.evil.test:4321",
        b"127.0.0.1.nip.io:4321",
        b"a.localhost:4321",
        b"127.0.0.1:4321, evil.test",
        b"127.0.0.1:4321\t",
        b"xn--lclhost-m2a.test:4321",
        b"box.test",
        b"\xff:4321",
    ],
)
def test_any_other_host_is_misdirected(host: bytes) -> None:
    assert status_of(having(b"host", host)) == 421


def test_one_host_exactly() -> None:
    assert status_of(without(b"host")) == 400
    assert status_of(having(b"host", HOST, HOST)) == 400
    assert status_of(having(b"host", HOST, b"evil.test")) == 400


def test_the_default_port_may_be_left_out() -> None:
    assert b"localhost" in exact_hosts(80)
    assert b"localhost" not in exact_hosts(81)


@pytest.mark.parametrize(
    "address",
    ["192.168.1.5", "10.0.0.1", "::", "0.0.0.0", "", "fe80::1", "::ffff:10.0.0.1", "128.0.0.1", "::2"],
)
def test_other_machines_are_refused(address: str) -> None:
    assert status_of(replace(GOOD, peer=address)) == 403
    assert status_of(replace(GOOD, local=address)) == 403
    assert not is_loopback(address)


@pytest.mark.parametrize("address", ["127.0.0.1", "127.8.9.1", "::1", "::ffff:127.0.0.1", "::1%lo"])
def test_this_machine(address: str) -> None:
    assert is_loopback(address)


@pytest.mark.parametrize(
    "name",
    [
        *sorted(FORWARDING_HEADERS),
        *(prefix + b"x" for prefix in FORWARDING_PREFIXES),
        b"x-forwarded-for",
        b"x-forwarded-host",
        b"cf-connecting-ip",
        b"cf-ray",
        b"x-original-host",
        b"ngrok-trace-id",
        b"tailscale-user-login",
        b"fly-client-ip",
        b"x-forwarded",
        b"x_forwarded_for",
        b"x_forwarded-for",
        b"true_client_ip",
        b"x-forward-for",
        b"forwarded-for",
        b"x-proxyuser-ip",
        b"x-proxy-url",
        b"proxy-client-ip",
        b"wl-proxy-client-ip",
        b"x-azure-clientip",
        b"x-azure-fdid",
        b"x-host",
        b"x-http-host-override",
        b"x-rewrite-url",
        b"x-originating-ip",
        b"x-remote-addr",
        b"x-scheme",
        b"x-url-scheme",
        b"front-end-https",
        b"x-envoy-expected-rq-timeout-ms",
        b"x-ssl",
        b"x-ssl-client-verify",
        b"x-localtunnel-agent",
        b"bypass-tunnel-reminder",
        b"x-ms-proxy",
        b"x-real-host",
        b"x-gateway-id",
        b"x-request-start",
        b"x-varnish",
        b"x-cache",
        b"x-cache-status",
        b"x-akamai-edgescape",
        b"akamai-origin-hop",
        b"fastly-ff",
        b"x-goog-iap-jwt-assertion",
        b"x-gfe-request-trace",
        b"x-amz-cf-id",
        b"cloudfront-viewer-address",
        b"client-cert",
        b"surrogate-capability",
        b"x-nf-client-connection-ip",
        b"x-inlets-id",
        b"x-arr-log-id",
        b"do-connecting-ip",
    ],
)
def test_what_has_come_through_a_proxy_is_refused(name: bytes) -> None:
    assert is_forwarding(name)
    refusal = judge(having(name, b"127.0.0.1"), RULES)
    assert refusal is not None
    assert refusal.status == 403
    assert name.decode() in refusal.sentence


SENT_BY_CLIENTS = """
    accept accept-encoding accept-language authorization cache-control connection content-encoding
    content-length content-type cookie cookie2 date dnt expect from host http2-settings idempotency-key
    if-match if-modified-since if-none-match if-range if-unmodified-since keep-alive last-event-id link
    origin ping-from ping-to pragma prefer priority proxy range referer save-data te trailer
    transfer-encoding upgrade upgrade-insecure-requests user-agent x-http-method-override x-http-method
    x-method-override access-control-request-headers access-control-request-method
    access-control-request-private-network available-dictionary device-memory downlink dpr ect rtt
    viewport-width width content-dpr sec-ch-ua sec-ch-ua-mobile sec-ch-ua-platform
    sec-ch-prefers-color-scheme sec-ch-viewport-width sec-fetch-dest sec-fetch-mode sec-fetch-site
    sec-fetch-user sec-fetch-storage-access sec-gpc sec-purpose sec-websocket-extensions sec-websocket-key
    sec-websocket-protocol sec-websocket-version service-worker service-worker-navigation-preload purpose
    x-purpose x-moz x-client-data x-chrome-connected x-requested-with x-request-id x-correlation-id
    x-csrftoken x-csrf-token x-xsrf-token x-api-key x-api-version x-auth-token x-access-token x-user-agent
    x-client-version x-client-name x-amz-date x-amz-content-sha256 x-amz-security-token x-amz-target
    x-ms-date x-ms-version x-ms-client-request-id traceparent tracestate baggage b3 x-b3-traceid
    x-b3-spanid x-b3-sampled sentry-trace uber-trace-id x-datadog-trace-id x-datadog-origin
    x-datadog-parent-id newrelic request-id request-context grpc-timeout x-grpc-web x-user-identity
    connect-protocol-version connect-timeout-ms apollo-require-preflight x-apollo-operation-name
    x-graphql-event-stream hx-request hx-target hx-current-url hx-boosted turbo-frame x-turbo-request-id
    x-inertia x-inertia-version x-pjax x-livewire x-up-version x-fetch datastar-request rsc
    next-router-state-tree next-action x-nextjs-data x-vite-ping x-middleware-subrequest postman-token
    x-postman-interceptor-id insomnia-request-id x-stainless-lang x-stainless-retry-count openai-beta
    anthropic-version mcp-session-id mcp-protocol-version x-github-event x-github-delivery
    x-hub-signature-256 stripe-signature x-gitlab-token x-real x-hostname x-schema x-hosting x-sslx
    x-pilotlight-token remote-user x-remote-user
"""


@pytest.mark.parametrize("name", SENT_BY_CLIENTS.split())
def test_what_clients_send_themselves_is_no_forwarding(name: str) -> None:
    assert not is_forwarding(name.encode())


@pytest.mark.parametrize(
    "target",
    [
        b"http://127.0.0.1:4321/api/reports",
        b"*",
        b"127.0.0.1:4321",
        b"",
        b"api",
        b"/a b",
        b"/a#b",
        b"/\x00",
        b"/\xff",
        b'/"',
        b"/<",
        b"/\\evil",
        b"/a^",
        b"/`",
        b"/{",
    ],
)
def test_targets_are_paths(target: bytes) -> None:
    assert status_of(replace(GOOD, target=target)) == 400


@pytest.mark.parametrize(
    "method", [b"OPTIONS", b"PUT", b"DELETE", b"HEAD", b"PATCH", b"TRACE", b"CONNECT", b"post"]
)
def test_other_methods(method: bytes) -> None:
    assert status_of(replace(GOOD, method=method)) == 405


@pytest.mark.parametrize(
    "origin",
    [
        b"null",
        b"",
        b"http://127.0.0.1",
        b"https://127.0.0.1:4321",
        b"http://localhost:4321",
        b"http://127.0.0.1:5000",
        b"http://127.0.0.1:4321/",
        b"http://127.0.0.1:4321 http://evil.test",
        b"HTTP://127.0.0.1:4321",
        b"http://evil.test",
        b"chrome-extension://abc",
        b"file://",
    ],
)
def test_the_origin_is_the_host(origin: bytes) -> None:
    assert status_of(having(b"origin", origin)) == 403


def test_one_origin_exactly() -> None:
    assert status_of(without(b"origin")) == 403
    assert status_of(having(b"origin", b"http://" + HOST, b"http://" + HOST)) == 403


@pytest.mark.parametrize("site", [b"cross-site", b"same-site", b"none", b"", b"Same-Origin"])
def test_other_sites(site: bytes) -> None:
    assert status_of(having(b"sec-fetch-site", site)) == 403
    assert status_of(without(b"sec-fetch-site")) == 0


@pytest.mark.parametrize(
    "kind",
    [
        b"text/plain",
        b"application/x-www-form-urlencoded",
        b"multipart/form-data; boundary=x",
        b"",
        b"application/json, text/plain",
        b"application/json; charset=latin-1",
        b"text/json",
        b"application/jsonp",
        b"application/json;charset=utf-8;x=y",
        b"application/problem+json",
    ],
)
def test_simple_bodies_are_refused(kind: bytes) -> None:
    assert status_of(having(b"content-type", kind)) == 415
    assert status_of(without(b"content-type")) == 415


@pytest.mark.parametrize("kind", [b"application/json;charset=utf-8", b'Application/JSON; charset="UTF-8"'])
def test_json_in_utf_8(kind: bytes) -> None:
    assert status_of(having(b"content-type", kind)) == 0


def test_lengths() -> None:
    assert status_of(having(b"content-length", str(MAX_BODY_BYTES).encode())) == 0
    assert status_of(having(b"content-length", str(MAX_BODY_BYTES + 1).encode())) == 413
    assert status_of(without(b"content-length")) == 411
    for wrong in (b"-1", b"+2", b"0x2", b"", b"2, 2", b"9" * 30):
        assert status_of(having(b"content-length", wrong)) == 411


def test_pages_are_read_with_get_and_without_a_body() -> None:
    assert judge_page(replace(GOOD, method=b"GET", headers=((b"host", HOST),))) is None
    for asked in (GOOD, replace(GOOD, method=b"GET")):
        assert judge_page(asked) is not None


def test_two_tokens_are_none() -> None:
    assert token_of(having(b"x-pilotlight-token", b"a")) == "a"
    assert token_of(having(b"x-pilotlight-token", b"a", b"a")) == ""


HEAD = b"GET / HTTP/1.1\r\nHost: a\r\nAccept: */*\r\n\r\n"


@pytest.mark.parametrize(
    "head",
    [
        b"GET / HTTP/1.1\r\nHost: a\r\n b\r\n\r\n",
        b"GET / HTTP/1.1\nHost: a\n\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\rb\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost : a\r\n\r\n",
        b"GET / HTTP/1.1\r\n Host: a\r\n\r\n",
        b"GET  / HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\x00\r\n\r\n",
        b"GET / HTTP/2.0\r\nHost: a\r\n\r\n",
        b"GET / HTTP/1.2\r\nHost: a\r\n\r\n",
        b"GET /\r\n\r\n",
        b"GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"GET / HTTP/1.1\r\ntransfer-encoding: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nContent-Length: 1\r\ncontent-length: 1\r\n\r\n",
        b"GET / HTTP/1.1\r\n: a\r\n\r\n",
        b"GET / HTTP/1.1\r\nContent-Length: 1, 1\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\n",
        b"\r\n\r\n",
        b"GET / HTTP/1.1 \r\n\r\n",
        b"GET /\x7f HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nno colon\r\n\r\n",
        b"GET / HTTP/1.1\r\nH\xc3\xb6st: a\r\n\r\n",
    ],
)
def test_heads_that_parsers_disagree_about(head: bytes) -> None:
    refusal = judge_head(head)
    assert refusal is not None
    assert refusal.status == 400


def test_a_plain_head_is_fine() -> None:
    assert judge_head(HEAD) is None


@pytest.mark.parametrize("host", [b"", b"Host: a\r\n", b"Host: a\r\nConnection: keep-alive\r\n"])
def test_a_proxy_that_speaks_the_older_version_is_refused_and_told_why(host: bytes) -> None:
    refusal = judge_head(b"GET / HTTP/1.0\r\n" + host + b"\r\n")
    assert refusal is not None
    assert refusal.status == 400
    assert "proxies" in refusal.sentence


@given(st.integers(0, len(HEAD) - 5), st.sampled_from([b"\r", b"\n", b"\x00", b"\x0b", b"\x7f", b"\x1b"]))
def test_no_control_character_is_let_through_anywhere(place: int, bad: bytes) -> None:
    if HEAD[place - 1 : place + 1] == b"\r\n" and bad in (b"\r", b"\n"):
        return  # between CR and LF: what is left is judged as two line ends
    damaged = HEAD[:place] + bad + HEAD[place:]
    assert judge_head(damaged) is not None


@given(
    st.lists(
        st.tuples(
            st.sampled_from([b"host", b"origin", b"content-type", b"content-length", b"cookie", b"via"]),
            st.sampled_from([HOST, b"http://" + HOST, b"application/json", b"2", b"evil.test", b"null", b""]),
        ),
        max_size=8,
    )
)
def test_whatever_passes_has_each_of_the_three_proofs(headers: list[tuple[bytes, bytes]]) -> None:
    asked = replace(GOOD, headers=tuple(headers))
    if status_of(asked) == 0:
        assert asked.values(b"host") == [HOST]
        assert asked.values(b"origin") == [b"http://" + HOST]
        assert asked.values(b"content-type") == [b"application/json"]
        assert not asked.values(b"via")

"""Worked cases 1 to 16 of the event contract: request, answer, URL."""

import asyncio
from typing import Any

import pytest
import time_machine

from stats.types import IntakeSite, Place, Shields
from tests.live_path import LivePath, intake_site

TEA = {"n": "pageview", "u": "https://www.shop.example/Tea/?x=1#top", "d": "shop.example"}
UNPARSABLE = {"errors": {"request": ["Unable to parse request body as json"]}}


def pageview(url: str = "https://shop.example/", **fields: Any) -> dict[str, Any]:
    return {"n": "pageview", "u": url, "d": "shop.example", **fields}


def test_case_1_plain_pageview(live: LivePath, shop: IntakeSite) -> None:
    answer = live.post(TEA)
    assert (answer.status, answer.body) == (202, b"ok")
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert "x-plausible-dropped" not in answer.headers
    [event] = live.events(shop)
    assert (event["hostname"], event["pathname"]) == ("shop.example", "/Tea/")
    assert (event["referrer"], event["source"], event["utm_source"], event["channel"]) == ("", "", "", "Direct")
    assert (event["browser"], event["browser_version"]) == ("Firefox", "128.0")
    assert (event["os"], event["os_version"], event["device"]) == ("GNU/Linux", "", "Desktop")
    assert f"v_{event['visitor_id']:016x}" == "v_f2a212c4e4301520"
    [visit] = live.visits(shop)
    assert (visit["events"], visit["pageviews"], visit["is_bounce"], visit["duration"]) == (1, 1, 1, 0)
    assert (visit["entry_page"], visit["exit_page"]) == ("/Tea/", "/Tea/")
    assert visit["visitor_id"] == event["visitor_id"]
    assert visit["session_id"] == event["session_id"]


def test_case_2_domain_from_the_url(live: LivePath, shop: IntakeSite) -> None:
    without_domain = {"n": "pageview", "u": "https://www.shop.example/Tea/?x=1#top"}
    assert "x-plausible-dropped" not in live.post(without_domain).headers
    assert len(live.events(shop)) == 1
    answer = live.post({"n": "pageview", "u": "https://m.shop.example/"})
    assert (answer.status, answer.headers["x-plausible-dropped"]) == (202, "1")
    assert answer.headers["x-dropped-reasons"] == "not_found"


def test_case_3_several_domains(live: LivePath, shop: IntakeSite) -> None:
    blog = intake_site("blog.example")
    live.add(blog)
    answer = live.post(pageview(d="shop.example, www.blog.example,nosuch.example"))
    assert (answer.status, answer.body, answer.headers["x-plausible-dropped"]) == (202, b"ok", "1")
    [on_shop], [on_blog] = live.events(shop), live.events(blog)
    assert on_shop["timestamp"] == on_blog["timestamp"]
    assert on_shop["visitor_id"] != on_blog["visitor_id"]


def test_case_4_unknown_site(live: LivePath, shop: IntakeSite) -> None:
    answer = live.post(pageview(d="nosuch.example"))
    assert (answer.status, answer.body, answer.headers["x-plausible-dropped"]) == (202, b"ok", "1")
    assert live.events(shop) == []


def test_case_5_blank_and_unusable_domain(live: LivePath, shop: IntakeSite) -> None:
    answer = live.post(pageview(d="  "))
    assert (answer.status, answer.json) == (400, {"errors": {"domain": ["can't be blank"]}})
    assert live.post(pageview(d=7)).status == 202
    assert len(live.events(shop)) == 1


def test_case_6_empty_object(live: LivePath) -> None:
    answer = live.post({})
    assert answer.status == 400
    assert answer.json == {
        "errors": {"url": ["is required"], "domain": ["can't be blank"], "event_name": ["can't be blank"]}
    }
    assert answer.headers["content-type"] == "application/json; charset=utf-8"
    assert answer.headers["access-control-allow-origin"] == "*"


@pytest.mark.parametrize("body", [b"hello", b"", b"[]", b'"pageview"', b"null", b"7", b'{"n":', b"\xff\xfe{}"])
@pytest.mark.parametrize("content_type", ["text/plain", "application/json", None])
def test_case_7_unreadable_body(live: LivePath, body: bytes, content_type: str | None) -> None:
    answer = live.post(body, content_type=content_type)
    assert (answer.status, answer.json) == (400, UNPARSABLE)


@pytest.mark.parametrize(
    "body",
    [
        b'{"n":"pageview","u":"https://shop.example/","p":{"a":"' + b"x" * 1_000_000 + b'"}}',
        b"[" * 100_000,
        b'{"a":' * 50_000 + b"1" + b"}" * 50_000,
        b'{"n":"pageview","u":"\\ud800"}',
    ],
    ids=["over a million bytes", "deep array", "deep object", "lone surrogate"],
)
@pytest.mark.parametrize("chunk_bytes", [0, 65_536], ids=["whole", "chunked"])
def test_hostile_body_is_refused(live: LivePath, body: bytes, chunk_bytes: int) -> None:
    answer = live.post(body, chunk_bytes=chunk_bytes)
    assert (answer.status, answer.json) == (400, UNPARSABLE)


def test_body_of_exactly_a_million_bytes_is_read(live: LivePath, shop: IntakeSite) -> None:
    frame = b'{"n":"pageview","u":"https://shop.example/","ignored":"%b"}'
    body = frame % (b"x" * (1_000_000 - len(frame) + 2))
    assert len(body) == 1_000_000
    assert live.post(body).status == 202


def test_case_8_urls(live: LivePath, shop: IntakeSite) -> None:
    assert live.post(pageview("data:text/html,x")).json == {"errors": {"url": ["scheme is not allowed"]}}
    assert live.post({**pageview(), "u": 42}).json == {"errors": {"url": ["must be a valid url"]}}
    longest = "https://shop.example/" + "é" * ((2_000 - 21) // 2)
    assert len(longest.encode()) == 1_999
    assert live.post(pageview(longest + "a")).status == 202
    assert live.post(pageview(longest + "é")).json == {"errors": {"url": ["must be a valid url"]}}


def test_case_9_names(live: LivePath, shop: IntakeSite) -> None:
    live.post(pageview("https://shop.example/gone", n=404))
    live.post(pageview("https://shop.example/gone", n=404, p={"path": "/old"}))
    events = live.events(shop)
    assert [event["name"] for event in events] == ["404", "404"]
    assert sorted((event["prop_keys"], event["prop_values"]) for event in events) == [
        (["path"], ["/gone"]),
        (["path"], ["/old"]),
    ]
    for unusable in (4.5, True, ["x"], {"x": 1}):
        assert live.post(pageview(n=unusable)).json == {"errors": {"event_name": ["is invalid"]}}
    for blank in ("", " \t", None, False):
        assert live.post(pageview(n=blank)).json == {"errors": {"event_name": ["can't be blank"]}}
    assert live.post(pageview(n="é" * 120)).status == 202
    assert live.post(pageview(n="é" * 121)).json == {"errors": {"event_name": ["should be at most 120 character(s)"]}}


def test_case_10_form(live: LivePath, shop: IntakeSite) -> None:
    body = b"n=pageview&u=https%3A%2F%2Fshop.example%2F%23a&d=shop.example&h=1&p=%7B%22a%22%3A1%7D"
    assert live.post(body, content_type="application/x-www-form-urlencoded").status == 202
    multipart = (
        b'--b\r\nContent-Disposition: form-data; name="n"\r\n\r\nSignup\r\n'
        b'--b\r\nContent-Disposition: form-data; name="u"\r\n\r\nhttps://shop.example/\xc3\xa9\r\n--b--\r\n'
    )
    assert live.post(multipart, content_type="multipart/form-data; boundary=b").status == 202
    first, second = sorted(live.events(shop), key=lambda event: event["name"], reverse=True)
    assert (first["prop_keys"], first["prop_values"], first["pathname"]) == (["a"], ["1"], "/#a")
    assert (second["name"], second["pathname"]) == ("Signup", "/é")


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("application/x-www-form-urlencoded", b"n=%ff&u=%fe"),
        ("multipart/form-data; boundary=b", b"no parts here"),
        ("multipart/form-data", b"--b\r\n"),
        ("multipart/form-data; boundary=b", b'--b\r\nContent-Disposition: form-data; name="n"\r\n\r\n\xff\r\n--b--'),
    ],
)
def test_unreadable_form_is_refused(live: LivePath, content_type: str, body: bytes) -> None:
    assert live.post(body, content_type=content_type).status == 400


def test_case_11_short_keys_win_but_meta_beats_props(live: LivePath, shop: IntakeSite) -> None:
    live.post(b'{"n":"A","name":"B","u":"https://shop.example/","d":"shop.example","p":{"x":1},"m":"{\\"y\\":2}"}')
    [event] = live.events(shop)
    assert (event["name"], event["prop_keys"], event["prop_values"]) == ("A", ["y"], ["2"])


@pytest.mark.parametrize(
    ("headers", "address"),
    [
        (
            {"X-Plausible-IP": "198.51.100.7", "CF-Connecting-IP": "192.0.2.1", "X-Forwarded-For": "192.0.2.2"},
            "198.51.100.7",
        ),
        ({"X-Forwarded-For": "[2001:db8::5]:443, 10.0.0.1"}, "2001:db8::5"),
        ({"X-Forwarded-For": "", "Forwarded": 'by=10.0.0.1;for="[2001:db8::6]:80";proto=https'}, "2001:db8::6"),
        ({"X-Forwarded-For": "unknown"}, "192.0.2.200"),
        ({"X-Plausible-IP": "'; DROP TABLE", "X-Forwarded-For": "192.0.2.2:5"}, "192.0.2.2"),
    ],
)
def test_case_12_client_address(live: LivePath, shop: IntakeSite, headers: dict[str, str], address: str) -> None:
    answer = live.post(pageview(), {**headers, "X-Debug-Request": "true"})
    assert (answer.status, answer.body.decode()) == (200, address)
    assert live.events(shop) == []
    live.post(pageview(), headers)
    assert live.places.asked == [address]


def test_untrusted_proxy_is_not_believed(live: LivePath, shop: IntakeSite) -> None:
    live.trusted_proxies = ("10.0.0.0/8",)
    live.restart()
    answer = live.post(pageview(), {"X-Forwarded-For": "198.51.100.7", "X-Debug-Request": "true"})
    assert answer.body.decode() == "192.0.2.200"


def test_edge_verdict_of_a_stranger_is_not_believed(live: LivePath) -> None:
    shielded = intake_site("shielded.example", shields=Shields(countries=frozenset({"DE"})))
    live.places.place = Place(country_code="DE")
    live.trusted_proxies = ("10.0.0.0/8",)
    live.restart()
    live.add(shielded)
    answer = live.post(pageview(d="shielded.example"), {"X-Plausible-IP-Type": "anonymous_vpn_ip"})
    assert answer.headers["x-dropped-reasons"] == "site_country_blocklist"


def test_form_that_its_client_broke_off_is_not_an_event(live: LivePath, shop: IntakeSite) -> None:
    half = b"n=pageview&d=shop.example&u=https%3A%2F%2Fshop.example%2Fhal"
    messages: list[dict[str, Any]] = [
        {"type": "http.request", "body": half, "more_body": True},
        {"type": "http.disconnect"},
    ]
    answers: list[Any] = []

    async def receive() -> dict[str, Any]:
        return messages.pop(0)

    async def send(message: Any) -> None:
        answers.append(message)

    headers = [(b"content-type", b"application/x-www-form-urlencoded")]
    scope = {"method": "POST", "query_string": b"", "headers": headers, "client": ("192.0.2.200", 4711)}
    asyncio.run(live.endpoint(scope, receive, send))
    assert answers[0]["status"] == 400
    assert live.events(shop) == []


def test_case_13_rate_limit(live: LivePath, clock: time_machine.Traveller) -> None:
    limited = intake_site("limited.example", rate_threshold=2, rate_window_s=60)
    blocked = intake_site("blocked.example", rate_threshold=0)
    live.add(limited, blocked)
    clock.move_to("2026-03-10T12:00:59Z")
    reasons = [live.post(pageview(d="limited.example")).headers.get("x-dropped-reasons") for _ in range(3)]
    assert reasons == [None, None, "throttle"]
    clock.move_to("2026-03-10T12:01:00Z")
    assert "x-dropped-reasons" not in live.post(pageview(d="limited.example")).headers
    answer = live.post(pageview(d="blocked.example"))
    assert (answer.status, answer.headers["x-dropped-reasons"]) == (202, "block")


@pytest.mark.parametrize(
    ("hash_mode", "pathname"),
    [
        (1, "/app#/orders/7?tab=a"),
        ("1", "/app#/orders/7?tab=a"),
        (0, "/app"),
        ("0", "/app"),
        (None, "/app"),
        (False, "/app"),
    ],
)
def test_case_14_hash_mode(live: LivePath, shop: IntakeSite, hash_mode: Any, pathname: str) -> None:
    live.post(pageview("https://shop.example/app?x=1#/orders/7?tab=a", h=hash_mode))
    assert [event["pathname"] for event in live.events(shop)] == [pathname]


@pytest.mark.parametrize("hash_mode", [True, "yes", 1.0, [1], {}])
def test_case_14_bad_hash_mode(live: LivePath, shop: IntakeSite, hash_mode: Any) -> None:
    assert live.post(pageview(h=hash_mode)).json == {"errors": {"hash_mode": ["is invalid"]}}


@pytest.mark.parametrize(
    ("url", "hostname", "pathname"),
    [
        ("https://shop.example/caf%C3%A9%20", "shop.example", "/café"),
        ("https://shop.example/a%2Fb", "shop.example", "/a/b"),
        ("https://shop.example/a+b", "shop.example", "/a+b"),
        ("https://shop.example/100%", "shop.example", "/100%"),
        ("https://shop.example", "shop.example", "/"),
        ("https://shop.example/blog/", "shop.example", "/blog/"),
        ("app://localhost/login", "localhost", "/login"),
        ("/pricing?utm_source=x", "(none)", "/pricing"),
        ("about:config", "(none)", "config"),
        ("", "(none)", "/"),
    ],
)
def test_cases_15_and_16_url_parts(live: LivePath, shop: IntakeSite, url: str, hostname: str, pathname: str) -> None:
    assert live.post(pageview(url)).status == 202
    [event] = live.events(shop)
    assert (event["hostname"], event["pathname"]) == (hostname, pathname)
    assert event["utm_source"] == ("x" if "utm_source" in url else "")


def test_methods_and_preflight(live: LivePath) -> None:
    preflight = live.post(b"", {"Access-Control-Request-Method": "POST"}, method="OPTIONS")
    assert (preflight.status, preflight.body) == (204, b"")
    assert preflight.headers["access-control-max-age"] == "1728000"
    assert preflight.headers["access-control-allow-methods"] == "GET,POST,PUT,PATCH,DELETE,OPTIONS"
    assert preflight.headers["access-control-allow-headers"].startswith("Authorization,Content-Type,Accept,")
    for method in ("GET", "PUT", "DELETE", "HEAD", "OPTIONS"):
        refused = live.post(b"", method=method)
        assert (refused.status, refused.headers["access-control-allow-origin"]) == (405, "*")


def test_nul_bytes_are_removed(live: LivePath, shop: IntakeSite) -> None:
    live.post(b'{"n":"Sign\\u0000up","u":"https://shop.example/a\\u0000b","p":{"k\\u0000":"v\\u0000"}}')
    [event] = live.events(shop)
    assert (event["name"], event["pathname"]) == ("Signup", "/ab")
    assert (event["prop_keys"], event["prop_values"]) == (["k"], ["v"])


def test_several_failing_fields_are_reported_together(live: LivePath) -> None:
    answer = live.post({"n": [], "u": "data:x", "d": "", "h": "x", "p": {"k": "v" * 2_001}})
    assert sorted(answer.json["errors"]) == ["domain", "event_name", "hash_mode", "props", "url"]


def test_site_is_found_by_its_public_id_and_in_any_case(live: LivePath) -> None:
    site = intake_site("case.example", public_id="ds_abc123")
    live.add(site)
    live.post(pageview(d="ds_abc123"))
    live.post(pageview(d="WWW.Case.Example"))
    answer = live.post(pageview(d="case.example,ds_abc123"))
    assert "x-plausible-dropped" not in answer.headers
    assert len(live.events(site)) == 3

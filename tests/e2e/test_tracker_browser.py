"""What the tracker script sends from a real browser, feature by feature (event contract, part 6)."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser

from tests.e2e.page_host import CHROMIUM, STUB, TrackedPage, chromium, site_snippet, snippet

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium or Chrome on the PATH"),
]
VISITOR = "v_00f2a212c4e43015"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as started:
        yield started


@pytest.fixture
def tab(browser: Browser) -> Iterator[TrackedPage]:
    with TrackedPage.open(browser) as opened:
        yield opened


# ---- Pageviews -------------------------------------------------------------------------------------------------------


def test_pageview_is_sent_on_load_as_text_in_the_order_of_the_contract(tab: TrackedPage) -> None:
    tab.visit(snippet())

    (sent,) = tab.host.wait_for(1)
    assert (sent.target, sent.content_type) == ("/api/event?return=visitor", "text/plain")
    assert list(sent.body.items()) == [
        ("n", "pageview"),
        ("v", 36),
        ("u", tab.host.url("/teas?q=1")),
        ("d", "shop.example"),
        ("r", None),
    ]


def test_pageview_carries_the_referrer(tab: TrackedPage) -> None:
    tab.visit(snippet(), referrer="https://search.example/?q=tea")

    assert tab.bodies(1)[0]["r"] == "https://search.example/?q=tea"


def test_pageview_of_a_hidden_page_waits_until_it_is_seen(tab: TrackedPage) -> None:
    tab.start_hidden()
    tab.visit(snippet())
    tab.expect_nothing_after(0)

    tab.set_visibility("visible")
    tab.set_visibility("hidden")
    tab.set_visibility("visible")

    assert tab.names(3) == ["marker", "pageview", "engagement"]


def test_pageview_is_sent_again_when_the_page_comes_back_from_the_cache(tab: TrackedPage) -> None:
    tab.visit(snippet())
    tab.run("dispatchEvent(new PageTransitionEvent('pageshow', {persisted: false}))")
    tab.run("dispatchEvent(new PageTransitionEvent('pageshow', {persisted: true}))")

    assert tab.names(3) == ["pageview", "engagement", "pageview"]


def test_pageview_of_a_single_page_application_follows_the_path_only(tab: TrackedPage) -> None:
    tab.visit(snippet(), referrer="https://search.example/")
    tab.run("history.pushState(0, '', '/teas?q=2'); history.replaceState(0, '', '/replaced')")
    tab.run("history.pushState(0, '', '/assam?lot=7#top')")
    tab.bodies(3)
    tab.run("history.back()")

    views = [body for body in tab.bodies(5) if body["n"] == "pageview"]
    assert [body["u"] for body in views] == [
        tab.host.url(path) for path in ("/teas?q=1", "/assam?lot=7#top", "/replaced")
    ]
    assert [body["r"] for body in views] == ["https://search.example/"] * 3


def test_pageview_in_hash_mode_follows_the_fragment(tab: TrackedPage) -> None:
    tab.visit(snippet("script.hash.js"), path="/teas#/green")
    tab.run("history.pushState(0, '', '/elsewhere#/green')")
    tab.run("location.hash = '/black'")
    tab.bodies(3)
    tab.run("plausible('Basket')")

    assert [(body["n"], body["u"], body["h"]) for body in tab.bodies(4)] == [
        ("pageview", tab.host.url("/teas#/green"), 1),
        ("engagement", tab.host.url("/teas#/green"), 1),
        ("pageview", tab.host.url("/elsewhere#/black"), 1),
        ("Basket", tab.host.url("/elsewhere#/black"), 1),
    ]


def test_manual_variant_sends_what_the_page_asks_for(tab: TrackedPage) -> None:
    tab.visit(snippet("script.manual.js"))
    tab.run("history.pushState(0, '', '/assam')")
    tab.run("plausible('pageview', {u: 'https://shop.example/virtual', props: {author: 'Kim'}})")
    tab.run("plausible('pageview', {url: 'https://shop.example/next'})")

    bodies = tab.bodies(3)
    assert [(body["n"], body["u"], body.get("p")) for body in bodies] == [
        ("pageview", "https://shop.example/virtual", {"author": "Kim"}),
        ("engagement", "https://shop.example/virtual", {"author": "Kim"}),
        ("pageview", "https://shop.example/next", None),
    ]


# ---- Custom events ---------------------------------------------------------------------------------------------------


def test_custom_event_carries_props_interactivity_and_revenue_in_order(tab: TrackedPage) -> None:
    tab.visit(snippet())
    tab.run(
        "plausible('Purchase', {props: {tea: 'Assam', cups: 3, fresh: true}, interactive: false,"
        " revenue: {currency: 'EUR', amount: 12.5}, url: 'https://shop.example/basket'})"
    )

    assert list(tab.bodies(2)[1].items()) == [
        ("n", "Purchase"),
        ("v", 36),
        ("u", "https://shop.example/basket"),
        ("d", "shop.example"),
        ("r", None),
        ("p", {"tea": "Assam", "cups": 3, "fresh": True}),
        ("i", False),
        ("$", {"currency": "EUR", "amount": 12.5}),
    ]


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        ("plausible('404')", {"n": "404"}),
        ("plausible('Plain', {interactive: true})", {"n": "Plain"}),
        ("plausible('Plain', null)", {"n": "Plain"}),
        ("plausible('Empty', {props: {}})", {"n": "Empty", "p": {}}),
        ("plausible('Old', {meta: {a: 1}})", {"n": "Old", "m": '{"a":1}'}),
    ],
)
def test_custom_event_sends_only_what_was_given(tab: TrackedPage, call: str, expected: dict[str, Any]) -> None:
    tab.visit(snippet())
    tab.run(call)

    assert tab.bodies(2)[1] == {"v": 36, "u": tab.host.url("/teas?q=1"), "d": "shop.example", "r": None, **expected}


def test_calls_made_before_the_script_is_there_are_sent_after_the_pageview(tab: TrackedPage) -> None:
    tab.visit(f"{STUB}<script>plausible('Early', {{props: {{a: 1}}}})</script>{snippet()}")

    first, second = tab.bodies(2)
    assert (first["n"], second["n"], second["p"]) == ("pageview", "Early", {"a": 1})


def test_attributes_of_the_element_are_props_of_every_event(tab: TrackedPage) -> None:
    tab.visit(snippet("script.pageview-props.js", event_author="Kim", event_plan="free"))
    tab.run("plausible('Basket', {props: {plan: 'paid'}})")

    assert [body["p"] for body in tab.bodies(2)] == [
        {"author": "Kim", "plan": "free"},
        {"author": "Kim", "plan": "paid"},
    ]


@pytest.mark.parametrize("given", ["{kind: 'all', plan: 'free'}", "(name) => ({kind: 'all', plan: 'free', for: name})"])
def test_global_props_are_merged_and_the_events_own_win(tab: TrackedPage, given: str) -> None:
    tab.visit(site_snippet(f"{{customProperties: {given}}}"))
    tab.host.wait_for(1)
    tab.run("plausible('Basket', {props: {plan: 'paid'}})")

    view, basket = (body["p"] for body in tab.bodies(2))
    named = "for" in given
    assert view == {"kind": "all", "plan": "free", **({"for": "pageview"} if named else {})}
    assert basket == {"kind": "all", "plan": "paid", **({"for": "Basket"} if named else {})}


def test_callback_gets_the_status_and_the_visitor(tab: TrackedPage) -> None:
    tab.visit(snippet())

    assert tab.answer_to("A") == {"status": 202, "visitor_id": None}
    tab.host.answer = (202, "application/json", json.dumps({"visitor_id": VISITOR, "visit_id": None}).encode())
    assert tab.answer_to("B") == {"status": 202, "visitor_id": VISITOR}
    tab.host.answer = (400, "application/json", b'{"errors": {}}')
    assert tab.answer_to("C") == {"status": 400, "visitor_id": None}


@pytest.mark.parametrize("name", ["script.js", "script.compat.js"])
def test_callback_gets_the_error_of_a_lost_connection(tab: TrackedPage, name: str) -> None:
    tab.visit(snippet(name))
    tab.page.route("**/api/event*", lambda route: route.abort())

    assert tab.run("new Promise((c) => plausible('A', {callback: (r) => c(Object.keys(r))}))") == ["error"]


def test_transform_changes_or_swallows_an_event_and_pings_repeat_the_result(tab: TrackedPage) -> None:
    tab.visit(
        site_snippet(
            "{transformRequest: (event) => event.n == 'secret' ? null :"
            " Object.assign(event, {u: 'https://shop.example/clean', p: {a: 1}, extra: true})}"
        )
    )
    tab.host.wait_for(1)
    assert tab.answer_to("secret") is None
    tab.set_visibility("hidden")

    view, ping = tab.bodies(2)
    assert (view["u"], view["p"], view["extra"]) == ("https://shop.example/clean", {"a": 1}, True)
    assert list(ping) == ["n", "sd", "d", "u", "p", "e", "v"]
    assert (ping["u"], ping["p"]) == ("https://shop.example/clean", {"a": 1})


# ---- The site's own script -------------------------------------------------------------------------------------------


def test_site_script_waits_for_init_and_keeps_calls_until_then(tab: TrackedPage) -> None:
    tab.visit('<script src="/js/pa-daily.js"></script>')
    tab.run("plausible('Early')")
    assert tab.host.sent == []
    warnings: list[str] = []
    tab.page.on("console", lambda message: warnings.append(message.text))
    tab.run("plausible.init({lib: 'shop'}); plausible.init()")

    assert tab.names(2) == ["pageview", "Early"]
    assert tab.run("[plausible.l, plausible.v, plausible.s]") == [True, 36, "shop"]
    assert len(warnings) == 1


def test_script_loaded_twice_counts_once(tab: TrackedPage) -> None:
    tab.visit(snippet() + snippet("plausible.js"))
    tab.run("history.pushState(0, '', '/assam')")

    assert tab.names(3) == ["pageview", "engagement", "pageview"]
    assert tab.run("plausible.s") == "web"


def test_endpoint_and_several_domains_come_from_the_attributes(tab: TrackedPage) -> None:
    tab.visit(
        snippet(
            "analytics.js",
            data_api=f"http://count.example:{tab.host.port}/api/event?via=proxy",
            data_domain="shop.example,all.example",
        )
    )

    (sent,) = tab.host.wait_for(1)
    assert sent.target == "/api/event?via=proxy&return=visitor"
    assert sent.body["d"] == "shop.example,all.example"


def test_endpoint_is_by_default_where_the_script_came_from(tab: TrackedPage) -> None:
    asked: list[str] = []
    tab.page.on("request", lambda request: asked.append(request.url) if request.method == "POST" else None)
    tab.visit(snippet(origin=tab.host.url("", "count.example")))

    tab.host.wait_for(1)
    assert asked == [tab.host.url("/api/event?return=visitor", "count.example")]

"""What the tracker script notices by itself in a real browser, and what it keeps silent about.

Source: event contract, parts 3.3 and 6.
"""

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Route

from tests.e2e.page_host import CHROMIUM, STUB, TrackedPage, chromium, site_snippet, snippet

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium or Chrome on the PATH"),
]
EVERYTHING = site_snippet("{outboundLinks: true, fileDownloads: true, formSubmissions: true}")
LINKS = "script.outbound-links.file-downloads.js"
TAGS = snippet("script.tagged-events.js")
VISITOR = "v_00f2a212c4e43015"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as started:
        yield started


@pytest.fixture
def tab(browser: Browser) -> Iterator[TrackedPage]:
    with TrackedPage.open(browser) as opened:
        yield opened


# ---- Clicks and forms ------------------------------------------------------------------------------------------------


def outbound(url: str) -> dict[str, Any]:
    return {"n": "Outbound Link: Click", "p": {"url": url}}


@pytest.mark.parametrize(
    ("tracker", "clicked", "expected"),
    [
        (EVERYTHING, "#outside", outbound("https://grower.example/assam?lot=7#map")),
        (snippet(LINKS), "#outside-text", outbound("https://grower.example/assam?lot=7#map")),
        (EVERYTHING, "#outside-file", outbound("https://grower.example/report.zip?v=1")),
        (EVERYTHING, "#file", {"n": "File Download", "p": {"url": "/lists/prices.pdf"}}),
        (snippet(LINKS), "#file", {"n": "File Download", "p": {"url": "/lists/prices.pdf"}}),
    ],
)
def test_click_on_a_link_that_leads_out_is_sent(
    tab: TrackedPage, tracker: str, clicked: str, expected: dict[str, Any]
) -> None:
    tab.visit(tracker)
    tab.bodies(1)
    tab.page.click(clicked)
    tab.page.click(clicked, button="right")
    tab.page.click(clicked, button="middle")

    url = expected["p"]["url"]
    props = {"url": tab.host.url(url) if url.startswith("/") else url}
    sent = {"n": expected["n"], "v": 36, "u": tab.host.url("/teas?q=1"), "d": "shop.example", "r": None, "p": props}
    assert tab.bodies(3)[1:] == [sent, sent]


@pytest.mark.parametrize("clicked", ["#inside", "#mail", "#upper-file", "#other-file", "main"])
def test_click_that_stays_is_not_sent(tab: TrackedPage, clicked: str) -> None:
    tab.visit(EVERYTHING)
    tab.bodies(1)
    tab.page.click(clicked, position={"x": 1, "y": 1})

    tab.expect_nothing_after(1)


def test_script_without_extensions_leaves_links_files_forms_and_tags_alone(tab: TrackedPage) -> None:
    tab.visit(snippet())
    tab.bodies(1)
    for clicked in ("#outside", "#file", "#loose-submit"):
        tab.page.click(clicked)

    tab.expect_nothing_after(1)


@pytest.mark.parametrize(
    ("tracker", "clicked", "names"),
    [
        (snippet(LINKS, file_types="epub, mobi"), "#other-file", ["File Download"]),
        (snippet(LINKS, file_types="epub, mobi"), "#file", []),
        (snippet(LINKS, add_file_types="mobi, epub"), "#other-file", ["File Download"]),
        (snippet(LINKS, add_file_types="mobi, epub"), "#file", ["File Download"]),
        (site_snippet("{fileDownloads: {fileExtensions: ['epub']}}"), "#other-file", ["File Download"]),
        (site_snippet("{fileDownloads: {fileExtensions: ['epub']}}"), "#file", []),
        (site_snippet("{fileDownloads: true}"), "#outside-file", ["File Download"]),
    ],
)
def test_download_extensions_can_be_chosen(tab: TrackedPage, tracker: str, clicked: str, names: list[str]) -> None:
    tab.visit(tracker)
    tab.bodies(1)
    tab.page.click(clicked)

    assert tab.names(1 + len(names))[1:] == names
    tab.expect_nothing_after(1 + len(names))


@pytest.mark.parametrize(
    ("tracker", "clicked", "expected"),
    [
        (TAGS, "#tagged", ("Sign Up", {"plan": "Loose Leaf", "a": "b=c"}, {"amount": "12.50", "currency": "EUR"})),
        (EVERYTHING, "#tagged-bare", ("Bare", {}, {})),
        (EVERYTHING, "#tagged-link", ("Visit Grower", {"url": "https://grower.example/"}, {})),
        (EVERYTHING, "#three-deep", ("Outer", {}, {})),
        (TAGS, "#tagged-submit", ("Order", {}, {})),
    ],
)
def test_tagged_element_is_sent_with_props_and_revenue(
    tab: TrackedPage, tracker: str, clicked: str, expected: tuple[str, dict[str, str], dict[str, str]]
) -> None:
    tab.visit(tracker)
    tab.bodies(1)
    tab.page.click(clicked)

    name, props, revenue = expected
    sent = tab.bodies(2)[1]
    assert sent["n"] == name
    assert list(sent.items())[5:] == [("p", props), ("$", revenue)]
    tab.expect_nothing_after(2)


def test_tag_on_the_fourth_parent_does_not_count(tab: TrackedPage) -> None:
    tab.visit(EVERYTHING)
    tab.bodies(1)
    tab.page.click("#four-deep")

    tab.expect_nothing_after(1)


def test_form_is_sent_once_it_is_valid_and_clicks_inside_are_not(tab: TrackedPage) -> None:
    tab.visit(EVERYTHING)
    tab.bodies(1)
    tab.page.click("#plain-submit")
    tab.run("document.querySelector('#plain-form').dispatchEvent(new Event('submit'))")
    tab.expect_nothing_after(1)
    tab.page.fill("#required", "Assam")
    tab.page.click("#plain-submit")

    sent = tab.bodies(3)[2]
    assert sent["n"] == "Form: Submission"
    assert not {"p", "$"} & sent.keys()
    tab.page.click("#loose-submit")
    assert tab.names(4)[3] == "Form: Submission"


@pytest.mark.parametrize(("clicked", "arrives_at"), [("#go", "/next"), ("#send", "/order")])
@pytest.mark.parametrize("answered", [True, False])
def test_compat_holds_the_browser_until_the_answer_or_five_seconds(
    tab: TrackedPage, clicked: str, arrives_at: str, answered: bool
) -> None:
    tab.visit(snippet("script.compat.tagged-events.js"), page="leaving.html")
    tab.bodies(1)
    tab.page.clock.pause_at(1_800_000_100)
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    tab.page.route("**/api/event*", hold)
    tab.page.click(clicked)
    tab.page.wait_for_function("window.clicks == 1")
    tab.page.clock.run_for(4_900)
    assert tab.run("location.pathname") == "/teas"

    if answered:
        held[0].continue_()
    else:
        tab.page.clock.run_for(200)
    tab.page.wait_for_url(f"**{arrives_at}*")
    assert held[0].request.resource_type == "xhr"
    assert held[0].request.headers["content-type"].startswith("text/plain")


# ---- Engagement ------------------------------------------------------------------------------------------------------


def ping(tab: TrackedPage, *, sd: int | None, e: int, path: str = "/teas?q=1") -> list[tuple[str, object]]:
    return [
        ("n", "engagement"),
        ("sd", sd),
        ("d", "shop.example"),
        ("u", tab.host.url(path)),
        ("e", e),
        ("v", 36),
    ]


def test_engagement_is_sent_when_the_page_is_hidden(tab: TrackedPage) -> None:
    tab.visit(snippet())
    tab.set_clock(1.5)
    tab.set_visibility("hidden")

    assert list(tab.bodies(2)[1].items()) == ping(tab, sd=24, e=1500)
    assert tab.host.wait_for(2)[1].content_type == "text/plain"


def test_engagement_is_sent_again_only_after_more_depth_or_three_seconds(tab: TrackedPage) -> None:
    tab.visit(snippet())
    tab.set_visibility("hidden")
    tab.bodies(2)

    tab.set_visibility("visible")
    tab.set_clock(2.9)
    tab.set_visibility("hidden")
    tab.set_clock(1000)
    tab.set_visibility("visible")
    tab.expect_nothing_after(2)

    tab.set_clock(1000.1)
    tab.set_visibility("hidden")
    assert list(tab.bodies(4)[3].items()) == ping(tab, sd=24, e=3000)

    tab.set_visibility("visible")
    tab.run("scrollTo(0, 780)")
    tab.set_visibility("hidden")
    assert list(tab.bodies(5)[4].items()) == ping(tab, sd=50, e=0)

    tab.set_visibility("visible")
    tab.run("scrollTo(0, 0)")
    tab.set_visibility("hidden")
    tab.expect_nothing_after(5)


def test_engagement_depth_is_the_deepest_point_though_the_reader_went_back_up(tab: TrackedPage) -> None:
    tab.visit(snippet())
    tab.run("new Promise((done) => { onscroll = done; scrollTo(0, 1530) })")
    tab.run("new Promise((done) => { onscroll = done; scrollTo(0, 0) })")
    tab.set_visibility("hidden")

    assert tab.bodies(2)[1]["sd"] == 75


def test_engagement_of_a_page_no_taller_than_the_window_is_full_depth(tab: TrackedPage) -> None:
    tab.visit(snippet(), page="short.html")
    tab.set_visibility("hidden")

    assert tab.bodies(2)[1]["sd"] == 100


def test_engagement_is_sent_when_the_window_loses_focus(tab: TrackedPage) -> None:
    tab.visit(snippet())
    tab.run("dispatchEvent(new Event('blur'))")
    tab.expect_nothing_after(1)  # the focus went into a frame of the page

    tab.set_clock(2)
    tab.run("document.hasFocus = () => false; dispatchEvent(new Event('blur'))")
    assert list(tab.bodies(3)[2].items()) == ping(tab, sd=24, e=2000)

    tab.set_clock(100)
    tab.run("document.hasFocus = () => true; dispatchEvent(new Event('focus'))")
    tab.set_clock(104)
    tab.set_visibility("hidden")
    assert list(tab.bodies(4)[3].items()) == ping(tab, sd=24, e=4000)


def test_engagement_goes_before_the_next_page_of_a_single_page_application(tab: TrackedPage) -> None:
    tab.visit(site_snippet("{customProperties: {author: 'Kim'}, hashBasedRouting: false}"))
    tab.bodies(1)
    tab.set_clock(7)
    tab.run("history.pushState(0, '', '/assam')")
    tab.bodies(3)
    tab.set_clock(9)
    tab.set_visibility("hidden")

    first, second = (body for body in tab.bodies(4) if body["n"] == "engagement")
    assert tab.names(4)[1:3] == ["engagement", "pageview"]
    assert list(first.items()) == [
        *ping(tab, sd=24, e=0)[:4],
        ("p", {"author": "Kim"}),
        ("e", 7000),
        ("v", 36),
    ]
    assert (second["u"], second["e"], second["sd"]) == (tab.host.url("/assam"), 2000, 24)


def test_engagement_needs_a_pageview_that_was_sent(tab: TrackedPage) -> None:
    tab.visit(snippet("script.manual.js"))
    tab.run("plausible('Basket')")
    tab.set_visibility("hidden")

    tab.expect_nothing_after(1)


# ---- What is not counted ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
def test_local_page_is_silent_unless_the_variant_says_otherwise(tab: TrackedPage, host: str) -> None:
    tab.visit(snippet(), host=host)
    assert tab.answer_to("Basket") is None
    tab.set_visibility("hidden")

    tab.visit(snippet("script.local.js"), host=host)
    assert tab.names(1) == ["pageview"]


@pytest.mark.parametrize("sign", ["navigator.webdriver", "window._phantom", "window.__nightmare", "window.Cypress"])
def test_automation_is_silent_unless_the_page_says_otherwise(tab: TrackedPage, sign: str) -> None:
    owner, name = sign.split(".")
    tab.page.add_init_script(f"Object.defineProperty({owner}, '{name}', {{get: () => true}})")
    tab.visit(snippet())
    assert tab.answer_to("Basket") is None
    tab.set_visibility("hidden")

    tab.page.add_init_script("window.__plausible = true")
    tab.visit(snippet())
    assert tab.names(1) == ["pageview"]


def test_browser_with_the_ignore_flag_is_silent(tab: TrackedPage) -> None:
    tab.page.add_init_script("localStorage.plausible_ignore = 'true'")
    tab.visit(snippet())
    assert tab.answer_to("Basket") is None
    tab.set_visibility("hidden")
    tab.run("localStorage.plausible_ignore = 'false'")

    tab.expect_nothing_after(0)


def test_page_without_storage_is_counted(tab: TrackedPage) -> None:
    tab.page.add_init_script(
        "Object.defineProperty(window, 'localStorage', {get() { throw new DOMException('no', 'SecurityError') }})"
    )
    tab.visit(site_snippet("{persistentVisitor: true}", site="persistent"))

    assert tab.names(1) == ["pageview"]


@pytest.mark.parametrize(
    ("attributes", "path", "counted"),
    [
        ({"data_exclude": "/teas"}, "/teas", False),
        ({"data_exclude": "/teas"}, "/teas/", False),
        ({"data_exclude": "/teas"}, "/teas/green", True),
        ({"data_exclude": "/blog, /teas/*"}, "/teas/green", False),
        ({"data_exclude": "/teas/*"}, "/teas/green/2026", True),
        ({"data_exclude": "/teas/**"}, "/teas/green/2026", False),
        ({"data_exclude": "/a.b+c"}, "/a.b+c", False),
        ({"data_exclude": "/a.b"}, "/axb", True),
        ({"data_include": "/teas*"}, "/teas2", True),
        ({"data_include": "/teas*"}, "/about", False),
        ({"data_include": "/teas/**", "data_exclude": "/teas/*/old"}, "/teas/green/old", False),
    ],
)
def test_exclusions_silence_pageviews_and_their_pings_only(
    tab: TrackedPage, attributes: dict[str, str], path: str, counted: bool
) -> None:
    tab.visit(snippet("script.exclusions.js", **attributes), path=path)
    tab.answer_to("Basket")
    tab.set_visibility("hidden")

    names = ["pageview", "Basket", "engagement"] if counted else ["Basket"]
    assert sorted(tab.names(len(names))) == sorted(names)
    tab.set_visibility("visible")
    tab.expect_nothing_after(len(names))


# ---- Visitor ids -----------------------------------------------------------------------------------------------------


def test_visitor_is_that_of_the_last_answered_event(tab: TrackedPage) -> None:
    tab.host.answer = (202, "application/json", b'{"visitor_id":"%s","visit_id":null}' % VISITOR.encode())
    tab.visit(snippet())
    assert tab.run("plausible.visitor()") == VISITOR

    tab.host.answer = (202, "application/json", b'{"visitor_id":null,"visit_id":null}')
    assert tab.answer_to("Dropped") == {"status": 202, "visitor_id": None}
    assert tab.run("plausible.visitor()") == VISITOR
    assert tab.run("[localStorage.length, sessionStorage.length, document.cookie]") == [0, 0, ""]


def test_persistent_visitor_is_kept_under_one_key_sent_with_every_event_and_forgotten(tab: TrackedPage) -> None:
    tracker = site_snippet("{persistentVisitor: true}", site="persistent")
    tab.visit(tracker)
    kept = tab.bodies(1)[0]["vid"]
    assert tab.run("/^v_[0-9a-f]{16}$/.test(localStorage.footfall_visitor.split(' ')[0])")
    assert tab.run("localStorage.footfall_visitor") == f"{kept} {1_800_000_000_000 + 34_000_000_000}"
    tab.set_visibility("hidden")
    assert tab.bodies(2)[1]["vid"] == kept

    tab.visit(tracker, path="/assam")
    assert tab.bodies(3)[2]["vid"] == kept

    tab.run("plausible.forget()")
    tab.answer_to("After")
    assert "vid" not in tab.bodies(4)[3]
    assert tab.run("localStorage.length") == 0


def test_persistent_visitor_is_made_anew_after_its_time(tab: TrackedPage) -> None:
    old = "v_aaaaaaaaaaaaaaaa"
    tab.page.add_init_script(f"localStorage.footfall_visitor ||= '{old} 1800000000000'")
    tab.visit(site_snippet("{persistentVisitor: true}", site="persistent"))

    assert tab.bodies(1)[0]["vid"] != old


@pytest.mark.parametrize(
    "tracker", [site_snippet("{persistentVisitor: true}"), site_snippet("", site="persistent"), snippet()]
)
def test_persistent_visitor_needs_both_the_site_and_the_page(tab: TrackedPage, tracker: str) -> None:
    tab.visit(tracker)

    assert "vid" not in tab.bodies(1)[0]
    assert tab.run("localStorage.length") == 0


# ---- Users -----------------------------------------------------------------------------------------------------------

PERSISTENT = site_snippet("{persistentVisitor: true}", site="persistent")


def test_user_is_told_at_once_and_with_every_later_event(tab: TrackedPage) -> None:
    tab.visit(PERSISTENT)
    tab.answer_to("Before")
    tab.run("plausible.identify('u42')")
    tab.bodies(3)
    tab.run("plausible.identify('u42')")
    tab.answer_to("After")
    tab.run("history.pushState(0, '', '/assam')")

    sent = [(body["n"], body.get("uid")) for body in tab.bodies(5)]
    assert sent == [
        ("pageview", None),
        ("Before", None),
        ("engagement", "u42"),
        ("After", "u42"),
        ("pageview", "u42"),
    ]
    assert len({body["vid"] for body in tab.bodies(5)}) == 1
    assert tab.run("[localStorage.length, sessionStorage.length, document.cookie]") == [1, 0, ""]


@pytest.mark.parametrize("early", ["plausible.u = 'u42'", "plausible.identify('u42')"])
def test_user_named_before_the_start_is_told_with_the_first_pageview(tab: TrackedPage, early: str) -> None:
    queueing = f"{STUB}<script>plausible.identify = function (id) {{ plausible.u = id }}; {early}</script>"
    tab.visit(queueing + '<script src="/js/pa-persistent.js"></script>')
    tab.run("plausible.init({persistentVisitor: true})")

    assert tab.bodies(1)[0]["uid"] == "u42"


def test_user_named_between_script_and_init_is_told_with_the_first_pageview(tab: TrackedPage) -> None:
    tab.visit('<script src="/js/pa-persistent.js"></script>')
    tab.run("plausible.identify('u42'); plausible.init({persistentVisitor: true})")

    assert tab.bodies(1)[0]["uid"] == "u42"


@pytest.mark.parametrize("undo", ["plausible.forget()", "plausible.identify()", "plausible.identify(null)"])
def test_user_who_logs_out_or_is_forgotten_is_told_no_more(tab: TrackedPage, undo: str) -> None:
    tab.visit(PERSISTENT)
    tab.run("plausible.identify('u42')")
    assert tab.bodies(2)[1]["uid"] == "u42"
    tab.run(undo)
    tab.answer_to("After")

    after = next(body for body in tab.host.sent if body.body["n"] == "After").body
    assert after.get("uid") is None
    assert ("vid" in after) == ("forget" not in undo)


@pytest.mark.parametrize("tracker", [site_snippet("", site="persistent"), site_snippet("{persistentVisitor: true}")])
def test_user_is_not_told_where_visitors_have_no_persistent_id(tab: TrackedPage, tracker: str) -> None:
    tab.visit(tracker)
    tab.run("plausible.identify('u42')")
    tab.answer_to("After")

    assert [body.body for body in tab.host.sent if "uid" in body.body] == []

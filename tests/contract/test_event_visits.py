"""Worked cases 30 to 49 of the event contract: agents, shields, properties, revenue, engagement, visits."""

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
import time_machine

from stats.ingest.shields import compile_shields
from stats.ingest.visitor import caller_visitor_id, visitor_id
from stats.types import IntakeSite, Place
from tests.live_path import ADDRESS, FIREFOX, TEST_SALT, LivePath, intake_site

IPHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_4_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
    "Version/17.4.1 Mobile/15E148 Safari/604.1"
)
GOOGLEBOT = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"
HEADLESS = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) HeadlessChrome/120 Safari/537.36"


def event(name: str = "pageview", url: str = "https://shop.example/", **fields: Any) -> dict[str, Any]:
    return {"n": name, "u": url, "d": "shop.example", **fields}


# ---- user agent, place, shields --------------------------------------------------------------------------------------


def test_case_30_columns_of_an_agent(live: LivePath, shop: IntakeSite) -> None:
    live.post(event(), {"User-Agent": IPHONE})
    [row] = live.events(shop)
    names = ("browser", "browser_version", "os", "os_version", "device")
    assert [row[name] for name in names] == ["Safari", "17.4", "iOS", "17.4", "Mobile"]


@pytest.mark.parametrize(
    ("agent", "reason", "browser"),
    [(GOOGLEBOT, "bot", None), (HEADLESS, "bot", None), ("curl/8.5.0", None, "curl"), ("", None, "")],
    ids=["crawler", "headless", "curl", "no agent"],
)
def test_case_31_bots(live: LivePath, shop: IntakeSite, agent: str, reason: str | None, browser: str | None) -> None:
    answer = live.post(event(), {"User-Agent": agent})
    assert (answer.status, answer.headers.get("x-dropped-reasons")) == (202, reason)
    assert [row["browser"] for row in live.events(shop)] == ([] if browser is None else [browser])


def test_case_32_page_and_hostname_shields(live: LivePath) -> None:
    paged = intake_site("paged.example", shields=compile_shields((), (), ("/blog/*",), ()))
    hosted = intake_site("hosted.example", shields=compile_shields((), (), (), ("*.shop.example",)))
    live.add(paged, hosted)

    def reason(domain: str, url: str) -> str | None:
        return live.post(event(url=url, d=domain)).headers.get("x-dropped-reasons")

    assert reason("paged.example", "https://paged.example/blog/a/b") == "site_page_blocklist"
    assert reason("paged.example", "https://paged.example/blog") is None
    assert reason("hosted.example", "https://app.shop.example/") is None
    assert reason("hosted.example", "https://shop.example/") == "site_hostname_allowlist"
    assert reason("hosted.example", "/relative") == "site_hostname_allowlist"


def test_case_32_address_and_country_shields(live: LivePath) -> None:
    live.places.place = Place("DE", "DE-BE", "", 2950159)
    by_address = intake_site("address.example", shields=compile_shields(("2001:DB8:0::5",), (), (), ()))
    by_country = intake_site("country.example", shields=compile_shields((), ("DE",), (), ()))
    live.add(by_address, by_country)
    answer = live.post(event(d="address.example"), {"X-Forwarded-For": "2001:db8::5"})
    assert answer.headers["x-dropped-reasons"] == "site_ip_blocklist"
    assert live.post(event(d="country.example")).headers["x-dropped-reasons"] == "site_country_blocklist"
    anonymous = {"X-Plausible-IP-Type": "anonymous_vpn_ip"}
    assert "x-dropped-reasons" not in live.post(event(d="country.example"), anonymous).headers
    [row] = live.events(by_country)
    assert (row["country_code"], row["subdivision1_code"], row["city_geoname_id"]) == ("A1", "", 0)


@pytest.mark.parametrize("verdict", ["dc_ip", "threat_ip"])
def test_edge_verdicts_drop(live: LivePath, shop: IntakeSite, verdict: str) -> None:
    assert live.post(event(), {"X-Plausible-IP-Type": verdict}).headers["x-dropped-reasons"] == verdict
    assert "x-dropped-reasons" not in live.post(event(), {"X-Plausible-IP-Type": "residential"}).headers


def test_order_of_reasons(live: LivePath) -> None:
    site = intake_site("order.example", accepts_until=0, rate_threshold=0)
    live.add(site)
    assert live.post(event(d="order.example")).headers["x-dropped-reasons"] == "payment_required"


# ---- properties, revenue, engagement ---------------------------------------------------------------------------------


def test_case_33_usable_properties(live: LivePath, shop: IntakeSite) -> None:
    live.post(event(p={"a": 1, "b": None, "c": ["x"], "d": {"x": 1}, "e": " ", "f": False, " ": "x", "g": " ok "}))
    [row], [visit] = live.events(shop), live.visits(shop)
    expected = {"a": "1", "f": "false", "g": " ok "}
    assert dict(zip(row["prop_keys"], row["prop_values"], strict=True)) == expected
    assert dict(zip(visit["prop_keys"], visit["prop_values"], strict=True)) == expected


def test_case_34_limits_of_properties(live: LivePath, shop: IntakeSite) -> None:
    assert live.post(event(p={f"k{number:02}": number for number in range(35)})).status == 202
    [row] = live.events(shop)
    assert row["prop_keys"] == [f"k{number:02}" for number in range(30)]
    refused = live.post(event(p={"k": "é" * 1_001}))
    assert refused.json == {"errors": {"props": ["keys should have at most 300 bytes and values 2000 bytes"]}}
    assert live.post(event(p={"k" * 301: "v"})).status == 400
    late = {**{f"k{number}": "v" for number in range(30)}, "late": "x" * 5_000}
    assert live.post(event(p=late)).status == 202


@pytest.mark.parametrize(
    ("props", "expected"),
    [
        ('{"plan":"Pro"}', {"plan": "Pro"}),
        ("Pro", {}),
        (["a"], {}),
        (7, {}),
        ("[1]", {}),
        ({"n": 1.5, "t": True}, {"n": "1.5", "t": "true"}),
    ],
)
def test_case_34_forms_of_properties(live: LivePath, shop: IntakeSite, props: Any, expected: dict[str, str]) -> None:
    assert live.post(event(p=props)).status == 202
    [row] = live.events(shop)
    assert dict(zip(row["prop_keys"], row["prop_values"], strict=True)) == expected


MONEY = ("revenue_source_amount", "revenue_source_currency", "revenue_reporting_amount", "revenue_reporting_currency")


@pytest.mark.parametrize(
    ("name", "revenue", "expected"),
    [
        ("Order", {"currency": "EUR", "amount": "10.29"}, ["10.29", "EUR", "10.29", "EUR"]),
        ("Order", {"currency": "USD", "amount": 10}, ["10", "USD", "5", "EUR"]),
        ("order", {"currency": "EUR", "amount": -1.5}, ["-1.5", "EUR", None, ""]),
        ("Order", '{"currency":"EUR","amount":0}', ["0", "EUR", "0", "EUR"]),
        ("Order", {"currency": "eur", "amount": 10}, None),
        ("Order", {}, None),
        ("Order", {"amount": 5}, None),
        ("Order", {"currency": "EUR", "amount": "12 EUR"}, None),
        ("Order", {"currency": "EUR", "amount": "1,322.22"}, None),
        ("Order", {"currency": "EUR", "amount": "NaN"}, None),
        ("Order", {"currency": "EUR", "amount": "1e400"}, None),
        ("Order", {"currency": "EUR", "amount": True}, None),
        ("Order", {"currency": ["EUR"], "amount": 1}, None),
        ("Order", "10 EUR", None),
        ("Order", 10, None),
    ],
)
def test_case_35_revenue(live: LivePath, name: str, revenue: Any, expected: list[str | None] | None) -> None:
    site = intake_site("till.example", revenue_goals={"Order": "EUR"})
    live.add(site)
    assert live.post(event(name, d="till.example", **{"$": revenue})).status == 202
    [row] = live.events(site)
    amounts = [row[column] for column in MONEY]
    if expected is None:
        assert amounts == [None, "", None, ""]
    else:
        assert [amounts[1], amounts[3]] == [expected[1], expected[3]]
        for got, wanted in ((amounts[0], expected[0]), (amounts[2], expected[2])):
            assert got == wanted if wanted is None else Decimal(got) == Decimal(wanted)


def test_case_35_money_without_a_rate_keeps_its_source(live: LivePath) -> None:
    live.rate = None
    site = intake_site("norate.example", revenue_goals={"Order": "EUR"})
    live.add(site)
    live.post(event("Order", d="norate.example", revenue={"currency": "XAU", "amount": 1}))
    [row] = live.events(site)
    assert [row[column] for column in MONEY[1:]] == ["XAU", None, ""]


@pytest.mark.parametrize(
    ("fields", "stored"),
    [
        ({"sd": 25, "e": 789}, (25, 789)),
        ({"sd": "130"}, (100, 0)),
        ({"sd": -1, "e": 100}, (255, 100)),
        ({"sd": 12.5, "e": "5"}, (255, 5)),
        ({"sd": 50, "e": 1741850224785}, (50, 0)),
        ({"sd": 0}, (0, 0)),
        ({"sd": None, "e": 0}, None),
        ({}, None),
        ({"sd": True, "e": False}, None),
        ({"sd": "9" * 400}, None),
    ],
)
def test_case_36_engagement(
    live: LivePath, shop: IntakeSite, fields: dict[str, Any], stored: tuple[int, int] | None
) -> None:
    live.post(event(sd=80, e=9))
    answer = live.post(event("engagement", **fields))
    assert answer.status == (400 if stored is None else 202)
    if stored is None:
        assert "engagement event requires a valid integer" in answer.json["errors"]["event_name"][0]
    rows = {row["name"]: (row["scroll_depth"], row["engagement_time"]) for row in live.events(shop)}
    assert rows == {"pageview": (0, 0), **({} if stored is None else {"engagement": stored})}


def test_case_36_engagement_without_a_visit(live: LivePath, shop: IntakeSite) -> None:
    answer = live.post(event("engagement", sd=10))
    assert (answer.status, answer.headers["x-dropped-reasons"]) == (202, "no_session_for_engagement")
    assert live.events(shop) == []


# ---- visits ----------------------------------------------------------------------------------------------------------


def at(clock: time_machine.Traveller, time: str, day: int = 10) -> None:
    clock.move_to(f"2026-03-{day}T{time}Z")


def test_case_37_a_visit_and_its_rows(live: LivePath, shop: IntakeSite, clock: time_machine.Traveller) -> None:
    steps = [
        ("10:00:00", event(url="https://shop.example/a")),
        ("10:00:40", event(url="https://shop.example/b")),
        ("10:02:00", event("Signup", "https://shop.example/b")),
        ("10:20:00", event("engagement", "https://shop.example/b", sd=50)),
        ("10:45:00", event(url="https://shop.example/c")),
    ]
    for time, body in steps[:-1]:
        at(clock, time)
        live.post(body)
    [visit] = live.visits(shop)
    assert (visit["duration"], visit["events"]) == (120, 3)
    at(clock, steps[-1][0])
    live.post(steps[-1][1])
    rows = [line for _, lines in live.intake.spool.pending_rows() for line in lines.split(b"\n")[1:]]
    [visit] = live.visits(shop)
    assert (visit["start"], visit["duration"], visit["pageviews"], visit["events"]) == (
        "2026-03-10 10:00:00",
        2_700,
        3,
        4,
    )
    assert (visit["is_bounce"], visit["entry_page"], visit["exit_page"]) == (0, "/a", "/c")
    assert len(rows) in (0, 2)  # the writer may have taken them; the count of signs is what the store must keep
    [sums] = live.store.read_rows(
        "SELECT sum(sign) AS visits, sum(sign * events) AS events FROM sessions WHERE site_id = {site:UInt32}",
        {"site": shop.ref.id},
        tag="test",
    )
    assert sums == {"visits": 1, "events": 4}


def test_case_38_thirty_minutes(live: LivePath, clock: time_machine.Traveller) -> None:
    for domain, second, durations in (("x.example", "10:30:00", [1_800]), ("y.example", "10:30:01", [0, 0])):
        site = intake_site(domain)
        live.add(site)
        for time in ("10:00:00", second):
            at(clock, time)
            live.post(event(d=domain))
        visits = live.visits(site)
        assert [visit["duration"] for visit in visits] == durations
        assert len({visit["visitor_id"] for visit in visits}) == 1


@pytest.mark.parametrize(
    ("bodies", "is_bounce"),
    [
        ([event(), *[event("engagement", sd=depth) for depth in (1, 2, 3)]], 1),
        ([event(), event("Play", i=False)], 1),
        ([event(), event("Play", interactive=False)], 1),
        ([event("Play", i=False), event()], 1),
        ([event("Play", i=False), event(), event()], 0),
        ([event(), event("Play")], 0),
    ],
)
def test_case_39_bounces(
    live: LivePath, shop: IntakeSite, clock: time_machine.Traveller, bodies: list[dict[str, Any]], is_bounce: int
) -> None:
    for body in bodies:
        live.post(body)
    [visit] = live.visits(shop)
    assert (visit["is_bounce"], visit["duration"]) == (is_bounce, 0)


def test_case_40_custom_event_first(live: LivePath, shop: IntakeSite) -> None:
    live.post(event("Install", "https://shop.example/setup?utm_source=x", p={"plan": "pro"}))
    [visit] = live.visits(shop)
    assert (visit["entry_page"], visit["exit_page"], visit["hostname"]) == ("", "", "")
    assert (visit["pageviews"], visit["events"], visit["is_bounce"], visit["source"]) == (0, 1, 0, "x")
    assert (visit["prop_keys"], visit["prop_values"]) == (["plan"], ["pro"])
    live.post(event(url="https://shop.example/p"))
    [visit] = live.visits(shop)
    assert (visit["entry_page"], visit["exit_page"], visit["hostname"]) == ("/p", "/p", "shop.example")
    assert (visit["source"], visit["prop_values"]) == ("x", ["pro"])


def test_case_41_first_source_stays(live: LivePath, shop: IntakeSite, clock: time_machine.Traveller) -> None:
    live.post(event(r="https://www.google.com/"))
    clock.shift(300)
    live.post(event(url="https://shop.example/?utm_source=mail&utm_campaign=c"))
    rows = [*live.events(shop), *live.visits(shop)]
    assert len(rows) == 3
    assert {(row["source"], row["utm_campaign"]) for row in rows} == {("Google", "")}


def test_case_42_hostnames_of_one_root_domain(live: LivePath, shop: IntakeSite) -> None:
    live.post(event())
    live.post(event(url="https://app.shop.example/"))
    [visit] = live.visits(shop)
    assert (visit["hostname"], visit["exit_page_hostname"]) == ("shop.example", "app.shop.example")
    live.post(event(url="https://shop-pay.example/"))
    assert len({row["visitor_id"] for row in live.visits(shop)}) == 2


@pytest.mark.parametrize(
    ("hosts", "visitors"),
    [
        (("a.foo.netlify.app", "foo.netlify.app"), 1),
        (("foo.netlify.app", "bar.netlify.app"), 2),
        (("192.168.0.1", "192.168.0.2"), 2),
    ],
)
def test_case_43_root_domains(live: LivePath, shop: IntakeSite, hosts: tuple[str, str], visitors: int) -> None:
    for host in hosts:
        live.post(event(url=f"https://{host}/"))
    assert len({row["visitor_id"] for row in live.events(shop)}) == visitors


def salt_of(on: date) -> bytes:
    return on.isoformat().encode().ljust(16, b"\0")


def test_case_44_over_midnight(live: LivePath, shop: IntakeSite, clock: time_machine.Traveller) -> None:
    live.salt_for = salt_of
    clock.move_to("2026-03-10T23:50:00Z")
    live.restart()
    for time, day in (("23:50:00", 10), ("00:10:00", 11), ("00:35:00", 11), ("01:20:00", 11)):
        at(clock, time, day)
        live.post(event())
    first, second = live.visits(shop)
    assert (first["pageviews"], second["pageviews"]) == (3, 1)

    def id_on(day: int) -> int:
        return visitor_id(salt_of(date(2026, 3, day)), FIREFOX, ADDRESS, "shop.example", "shop.example")

    assert (first["visitor_id"], second["visitor_id"]) == (id_on(10), id_on(11))
    assert {row["visitor_id"] for row in live.events(shop)} == {id_on(10), id_on(11)}


def test_case_44_idle_over_midnight(live: LivePath, shop: IntakeSite, clock: time_machine.Traveller) -> None:
    live.salt_for = salt_of
    clock.move_to("2026-03-10T23:50:00Z")
    live.restart()
    live.post(event())
    at(clock, "00:25:00", 11)
    live.post(event())
    assert len({visit["visitor_id"] for visit in live.visits(shop)}) == 2


def test_events_after_midnight_are_noted_under_both_days(
    live: LivePath, shop: IntakeSite, clock: time_machine.Traveller
) -> None:
    clock.move_to("2026-03-10T23:50:00Z")
    live.restart()
    live.post(event())
    assert live.carried(shop) == []
    at(clock, "00:10:00", 11)
    live.post(event("engagement", sd=40, e=5))
    assert live.carried(shop) == [("2026-03-11", "2026-03-10", 0, 0)]
    live.restart()
    at(clock, "00:20:00", 11)
    live.post(event("Signup"))
    at(clock, "00:30:00", 11)
    live.post(event())
    assert live.carried(shop)[1:] == [
        ("2026-03-11", "2026-03-10", 0, 1),
        ("2026-03-10", "2026-03-10", 0, -1),
        ("2026-03-11", "2026-03-10", 1, 1),
        ("2026-03-10", "2026-03-10", -1, -1),
    ]
    [visit] = live.visits(shop)
    assert (visit["pageviews"], visit["events"], visit["visit_day"]) == (2, 3, "2026-03-10")


def test_midnight_is_the_sites_own(live: LivePath, clock: time_machine.Traveller) -> None:
    live.salt_for = salt_of
    live.restart()
    tokyo = intake_site("tokyo.example", timezone="Asia/Tokyo")
    live.add(tokyo)
    for moment in ("2026-03-10T14:00:00Z", "2026-03-10T15:00:00Z", "2026-03-10T23:30:00Z", "2026-03-11T00:30:00Z"):
        clock.move_to(moment)
        live.post(event(url="https://tokyo.example/", d="tokyo.example"))
    days = [(visit["day"], visit["visitor_id"]) for visit in live.visits(tokyo)]
    assert [day for day, _ in days] == ["2026-03-10", "2026-03-11", "2026-03-11", "2026-03-11"]
    assert len({visitor for _, visitor in days}) == 2


def test_case_45_two_first_pageviews_in_one_instant(live: LivePath, shop: IntakeSite) -> None:
    live.post(event())
    live.post(event())
    [visit] = live.visits(shop)
    assert (visit["pageviews"], visit["is_bounce"]) == (2, 0)


def test_case_46_out_of_order(live: LivePath, shop: IntakeSite, clock: time_machine.Traveller) -> None:
    for time, path in (("10:00:10", "x"), ("10:00:00", "w")):
        at(clock, time)
        live.post(event(url=f"https://shop.example/{path}"))
    [visit] = live.visits(shop)
    assert (visit["start"], visit["timestamp"]) == ("2026-03-10 10:00:10", "2026-03-10 10:00:10")
    assert (visit["duration"], visit["exit_page"], visit["pageviews"]) == (10, "/x", 2)


def test_case_47_restart_splits_no_visit(live: LivePath, shop: IntakeSite, clock: time_machine.Traveller) -> None:
    live.post(event(url="https://shop.example/a", r="https://www.google.com/", p={"k": "v"}))
    live.post(event("engagement", sd=20))
    live.written()
    live.restart()
    clock.shift(120)
    live.post(event(url="https://shop.example/b"))
    [visit] = live.visits(shop)
    assert (visit["pageviews"], visit["duration"], visit["source"]) == (2, 120, "Google")
    assert (visit["entry_page"], visit["exit_page"], visit["prop_values"]) == ("/a", "/b", ["v"])
    assert {row["source"] for row in live.events(shop)} == {"Google"}


def test_case_48_ids_in_the_answer(live: LivePath, shop: IntakeSite) -> None:
    answer = live.post(event(url="https://www.shop.example/Tea/"), query="return=visitor")
    assert (answer.status, answer.json["visitor_id"]) == (202, "v_f2a212c4e4301520")
    [visit] = live.visits(shop)
    assert answer.json["visit_id"] == f"{visit['session_id']:016x}"
    again = live.post(event(vid="v_0000000000000001"), query="return=visitor")
    assert again.json == answer.json
    dropped = live.post(event(d="nosuch.example"), query="a=b&return=visitor")
    assert dropped.json == {"visitor_id": None, "visit_id": None}
    assert dropped.headers["x-plausible-dropped"] == "1"


def test_persistent_visitor_id_is_taken_where_the_site_allows_it(live: LivePath) -> None:
    site = intake_site("persistent.example", persistent_visitors=True)
    live.add(site)
    answer = live.post(event(d="persistent.example", vid="v_00000000000000AB"), query="return=visitor")
    assert answer.json["visitor_id"] == "v_00000000000000ab"
    for ill_formed in ("v_1", "00000000000000ab", 7, None, "v_00000000000000zz"):
        answer = live.post(event(d="persistent.example", vid=ill_formed), query="return=visitor")
        assert answer.json["visitor_id"] not in (None, "v_00000000000000ab")


def test_backend_with_a_key_names_the_visitor(live: LivePath, shop: IntakeSite) -> None:
    page = live.post(event(), query="return=visitor").json
    key = {"Authorization": "Bearer key of shop.example", "User-Agent": "backend/1.0", "X-Forwarded-For": "192.0.2.77"}
    order = live.post(event("Order", visitor_id=page["visitor_id"]), key, query="return=visitor")
    assert order.json == page
    assert live.post(event("Order", vid=page["visitor_id"].upper().replace("V_", "v_")), key).status == 202
    [visit] = live.visits(shop)
    assert (visit["events"], visit["browser"]) == (3, "Firefox")


def test_callers_own_id_is_hashed_into_the_id_space(live: LivePath, shop: IntakeSite) -> None:
    key = {"Authorization": "Bearer key of shop.example"}

    def visitor(**fields: str) -> str:
        answer = live.post(event("Order", **fields), key, query="return=visitor").json
        return str(answer["visitor_id"])

    own = visitor(user_id="customer-7")
    assert own == f"v_{caller_visitor_id(b'secret of the site', 'customer-7'):016x}"
    assert own == visitor(visitor_id="customer-7")
    assert own != visitor(user_id="customer-8")
    assert visitor(user_id="x" * 201) == visitor()


def test_visitor_named_without_the_right_key_is_not_believed(live: LivePath, shop: IntakeSite) -> None:
    named = event("Order", visitor_id="v_00000000000000ab")
    plain = live.post(event(), query="return=visitor").json["visitor_id"]
    assert live.post(named, query="return=visitor").json["visitor_id"] == plain
    assert live.post(named, {"Authorization": "Basic eDp5"}, query="return=visitor").json["visitor_id"] == plain
    for key in ("", "key of other.example", "x" * 5_000):
        refused = live.post(named, {"Authorization": f"Bearer {key}"})
        assert (refused.status, refused.headers["access-control-allow-origin"]) == (401, "*")
    assert len(live.events(shop)) == 3


def test_vectors_of_the_visitor_id() -> None:
    shop = visitor_id(TEST_SALT, FIREFOX, ADDRESS, "shop.example", "shop.example")
    other = visitor_id(TEST_SALT, FIREFOX, ADDRESS, "shop.example", "other.example")
    assert (f"{shop:016x}", f"{other:016x}") == ("f2a212c4e4301520", "d9dd9654cc67381e")


def test_backend_that_names_a_visitor_after_midnight_continues_the_visit(
    live: LivePath, shop: IntakeSite, clock: time_machine.Traveller
) -> None:
    live.salt_for = lambda on: on.isoformat().encode()
    live.restart()
    clock.move_to("2026-03-10T23:50:00Z")
    named = live.post(event(), query="return=visitor").json["visitor_id"]
    clock.move_to("2026-03-11T00:10:00Z")
    live.post(event())
    clock.move_to("2026-03-11T00:15:00Z")
    live.post(event(n="Paid", visitor_id=named), {"User-Agent": "shop", "Authorization": "Bearer key of shop.example"})
    [visit] = live.visits(shop)
    assert (visit["events"], visit["pageviews"], f"v_{visit['visitor_id']:016x}") == (3, 2, named)

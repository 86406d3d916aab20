"""What a visitor did, over HTTP: one order of visits, pages, events, goals and money, in pages."""

from typing import Any

from accounts.types import Feature
from tests.factories import make_goal, make_key, make_site, make_team
from tests.revenue.api.conftest import MoneyClient

MARCH = "start=2026-03-01&end=2026-03-31"


def journey(money: MoneyClient, visitor: str, query: str = MARCH) -> Any:
    return money.get(f"visitors/{visitor}/journey", query)


def steps(body: Any) -> list[tuple[str, str]]:
    return [(one["type"], one["at"][5:16]) for one in body["results"]]


def test_everything_stands_in_one_order_newest_first(fixture_f: MoneyClient) -> None:
    make_goal(fixture_f.site, page_path="/", display_name="Home")
    fixture_f.send(
        "POST",
        "goals",
        body={
            "name": "signup",
            "visitor_id": "v_ana",
            "timestamp": "2026-03-02T10:05:00Z",
            "metadata": {"plan": "pro"},
        },
    )
    body = journey(fixture_f, "v_ana")
    assert steps(body) == [
        ("refund", "03-10T12:00"),
        ("payment", "03-02T10:30"),
        ("event", "03-02T10:05"),
        ("pageview", "03-02T10:00"),
        ("session", "03-02T10:00"),
    ]
    refund, payment, event, pageview, session = body["results"]
    assert {one["visitor_id"] for one in body["results"]} == {"v_ana"}
    assert (refund["transaction_id"], refund["amount"], payment["amount"]) == ("txn_4", 20, 120)
    assert (event["name"], event["properties"], event["goals"]) == ("signup", {"plan": "pro"}, ["signup"])
    assert (pageview["pathname"], pageview["goals"], pageview["session_id"]) == ("/", ["Home"], session["session_id"])
    shown = {name: session[name] for name in ("source", "country", "device_type", "entry_page", "pageviews")}
    assert shown == {
        "source": "google.com",
        "country": "United States",
        "device_type": "desktop",
        "entry_page": "/",
        "pageviews": 1,
    }
    assert body["meta"] == {
        "site_id": fixture_f.site.public_id,
        "start": "2026-03-01T00:00:00Z",
        "end": "2026-03-31T23:59:59Z",
        "timezone": "UTC",
        "limit": 100,
        "cursor": None,
    }
    assert steps(journey(fixture_f, "v_ana", "start=2026-03-03&end=2026-03-31")) == [("refund", "03-10T12:00")]


def test_pages_of_every_size_lead_through_all_even_within_a_second(fixture_f: MoneyClient) -> None:
    for number in range(3):
        for name in ("a", "b"):
            sent = {"name": name, "visitor_id": "v_ben", "timestamp": f"2026-03-03T09:00:0{number % 2}Z"}
            assert fixture_f.send("POST", "goals", body=sent)[0] == 201
    whole = journey(fixture_f, "v_ben")["results"]
    assert len(whole) == 9
    for limit in (1, 2, 4):
        found: list[Any] = []
        query = f"{MARCH}&limit={limit}"
        while True:
            page = journey(fixture_f, "v_ben", query)
            assert len(page["results"]) <= limit
            found += page["results"]
            if page["meta"]["cursor"] is None:
                break
            query = f"{MARCH}&limit={limit}&cursor={page['meta']['cursor']}"
        assert found == whole


def test_page_read_far_enough_for_a_goal_stands_once(money: MoneyClient) -> None:
    make_goal(money.site, page_path="/long", scroll_threshold=50, display_name="Read")
    at, who = "2026-03-05T10:0{}:00Z", {"visitor_id": "ann", "pathname": "/long"}
    money.bring(
        {"timestamp": at.format(0), **who},
        *(
            {"timestamp": at.format(minute), "name": "engagement", "scroll_depth": depth, **who}
            for minute, depth in ((1, 20), (2, 60), (3, 90))
        ),
    )
    found = journey(money, "ann")["results"]
    assert [(one["type"], one["at"][11:16]) for one in found] == [
        ("page_read", "10:02"),
        ("pageview", "10:00"),
        ("session", "10:00"),
    ]
    assert (found[0]["goals"], found[0]["pathname"]) == (["Read"], "/long")


def test_visitors_who_are_one_user_are_shown_together(fixture_f: MoneyClient) -> None:
    for visitor in ("v_ana", "v_ben"):
        fixture_f.identify(visitor, "u42")
    for name in ("v_ana", "v_ben", "u42"):
        found = journey(fixture_f, name)["results"]
        assert [one["transaction_id"] for one in found if "amount" in one] == ["txn_4", "txn_2", "txn_1"]


def test_visitors_are_called_as_they_were_sent(money: MoneyClient) -> None:
    money.identify("ann", "u42")
    for visitor in ("ann", "u42"):
        money.pay(visitor_id=visitor, amount=10, currency="USD", transaction_id=visitor)
    journey = money.get("visitors/u42/journey")["results"]
    assert {(one["transaction_id"], one["visitor_id"]) for one in journey} == {("ann", "ann"), ("u42", "u42")}


def test_unknown_visitor_has_none_and_wrong_requests_are_named(money: MoneyClient) -> None:
    assert journey(money, "nobody")["results"] == []
    assert journey(money, "a%2Fb%25")["results"] == []
    for query in ("limit=0", "start=x", "cursor=bm90aGluZw", "cursor=%00", "cursor=am91cm5leTo5OTk5OTk5OTk5OTox"):
        status, body = money.send("GET", "visitors/ann/journey", query)
        assert (status, query.partition("=")[0] in body["error"]) == (400, True)
    for visitor in ("a%20b", "%00", "x" * 129):
        assert money.send("GET", f"visitors/{visitor}/journey")[0] == 400
    team = make_team(features=[one for one in Feature if one is not Feature.REVENUE_GOALS])
    site, key = make_site(team), make_key(team=team).text
    assert money.send("GET", "visitors/ann/journey", f"site_id={site.public_id}", key=key)[0] == 402
    assert money.send("GET", "visitors/ann/journey", f"site_id={site.public_id}")[0] == 404
    assert money.send("POST", "visitors/ann/journey")[0] == 405

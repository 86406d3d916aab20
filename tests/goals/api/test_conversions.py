"""Conversions, completions and breakdowns of goals of every kind; names in paths, filters, optional parts."""

import json
from typing import Any
from urllib.parse import quote

import pytest
from django.test import Client

from stats.store.client import EventStore
from tests.factories import make_goal
from tests.goals.api.conftest import GoalsClient
from tests.stats.query.recorded import Hit, custom, engagement, pageview, record

DAY = "2025-03-10"
QUERY = f"start={DAY}&end={DAY}"
HITS: tuple[Hit, ...] = (
    pageview("09:00", "u1", "/", source="Google", country_code="EE", browser="Chrome", channel="Organic Search"),
    engagement("09:01", "u1", "/blog/a", 60),
    engagement("09:02", "u1", "/blog/a", 90),
    engagement("09:03", "u1", "/blog/b", 80),
    custom("09:10", "u1", "Signup", props={"plan": "pro"}),
    custom("09:10", "u1", "Signup", props={"plan": "pro"}),
    custom("09:20", "u1", "Purchase", amount="12.500"),
    pageview("10:00", "u2", "/blog/a", source="Twitter", country_code="DE", browser="Firefox", channel="Social"),
    engagement("10:01", "u2", "/blog/a", 49),
    custom("10:02", "u2", "Signup", props={"plan": "free"}),
    pageview("11:00", "u3", "/thanks/1", channel="Direct", country_code="DE"),
    pageview("11:01", "u3", "/thanks/2"),
    pageview("12:00", "u4", "/", channel="Direct", country_code="FR"),
)


@pytest.fixture
def kinds(goals: GoalsClient, store: EventStore) -> GoalsClient:
    """A day's events and a goal of each kind."""
    record(store, goals.site.pk, HITS)
    make_goal(goals.site, event_name="Signup")
    make_goal(goals.site, event_name="Signup", display_name="Pro", custom_props={"plan": "pro"})
    make_goal(goals.site, event_name="Purchase", currency="EUR")
    make_goal(goals.site, page_path="/thanks/**")
    make_goal(goals.site, page_path="/blog/*", scroll_threshold=50, display_name="Read")
    make_goal(goals.site, event_name="Nobody")
    return goals


def counts(body: Any, key: str = "results") -> list[tuple[object, ...]]:
    return [tuple(row.values()) for row in body[key]]


def test_goals_of_every_kind_are_counted_and_ordered(kinds: GoalsClient) -> None:
    body = kinds.get("", f"{QUERY}&include=meta,previous")
    assert counts(body) == [
        ("Signup", 2, 3, 0.5),
        ("Pro", 1, 2, 0.25),
        ("Read", 1, 2, 0.25),
        ("Visit /thanks/**", 1, 2, 0.25),
        ("Purchase", 1, 1, 0.25),
        ("Nobody", 0, 0, 0.0),
    ]
    assert {row[1:] for row in counts(body, "previous")} == {(0, 0, 0.0)}
    assert list(body) == ["results", "meta", "previous"]
    wanted = {"timezone": "UTC", "currency": "USD", "unique_visitors": 4, "total": 6}
    assert {name: body["meta"][name] for name in wanted} == wanted
    assert kinds.stats("visitors", f"period=day&date={DAY}") == {"visitors": 4}


@pytest.mark.parametrize("name", ["Signup", "Pro", "Purchase", "Visit /thanks/**", "Read", "Nobody"])
def test_list_of_completions_is_as_long_as_their_count(name: str, kinds: GoalsClient) -> None:
    counted = {row["goal_name"]: row for row in kinds.get("", QUERY)["results"]}[name]
    path = f"/{quote(name, safe='')}/completions"
    body = kinds.get(path, f"{QUERY}&include=meta")
    found = body["results"]
    assert (len(found), body["meta"]["total"]) == (counted["completion_count"],) * 2
    assert len({row["visitor_id"] for row in found}) == counted["unique_visitors"]
    pages = [kinds.get(path, f"{QUERY}&limit=1&offset={number}")["results"] for number in range(len(found) + 1)]
    assert [row for page in pages for row in page] == found
    assert [row["completed_at"] for row in found] == sorted((row["completed_at"] for row in found), reverse=True)


def test_scroll_goal_is_completed_once_a_page_of_a_visit(kinds: GoalsClient) -> None:
    found = kinds.get("/Read/completions", QUERY)["results"]
    assert [(row["completed_at"], row["source"], row["country"]) for row in found] == [
        ("2025-03-10T09:03:00Z", "Google", "Estonia"),
        ("2025-03-10T09:01:00Z", "Google", "Estonia"),
    ]


@pytest.mark.parametrize(
    ("start", "end", "seconds"),
    [("09:10:00", "09:10:00", 2), ("09:10:01", "10:01:59", 0), ("09:10:00", "10:02:00", 3)],
)
def test_window_is_right_to_the_second_in_any_zone(start: str, end: str, seconds: int, kinds: GoalsClient) -> None:
    for zone, day in (("UTC", DAY), ("Asia/Kathmandu", DAY)):
        query = f"start={day}T{start}Z&end={day}T{end}.999Z&timezone={zone}"
        assert {row["goal_name"]: row["completion_count"] for row in kinds.get("", query)["results"]}["Signup"] == (
            seconds
        )
        assert len(kinds.get("/Signup/completions", query)["results"]) == seconds


@pytest.mark.parametrize(
    ("filters", "visitors", "rate"),
    [
        ("country[is]=Germany", 1, 0.5),
        ("country[is]=germany&browser[is_not]=Safari", 1, 0.5),
        ("country[is_not]=Germany", 1, 0.5),
        ("source[contains]=goo", 1, 1.0),
        ("country[is]=Narnia", 0, 0.0),
        ("country[is]=", 2, 0.5),
        ("landing_page[contains]=/blog", 1, 1.0),
        ("country[is]='%20OR%201=1%20--%00", 0, 0.0),
    ],
)
def test_filters_narrow_both_sides_of_a_rate(filters: str, visitors: int, rate: float, kinds: GoalsClient) -> None:
    rows = {row["goal_name"]: row for row in kinds.get("", f"{QUERY}&{filters}")["results"]}
    assert (rows["Signup"]["unique_visitors"], rows["Signup"]["conversion_rate"]) == (visitors, rate)
    found = kinds.get("/Signup/completions", f"{QUERY}&{filters}")["results"]
    assert len({row["visitor_id"] for row in found}) == visitors


@pytest.mark.parametrize(
    "filters", ["planet[is]=Mars", "country[like]=x", "country[]=x", "country[is]=a&country[is]=b"]
)
def test_filter_that_is_refused(filters: str, kinds: GoalsClient) -> None:
    for path in ("", "/Signup/completions", "/Signup/breakdown"):
        assert kinds.send("GET", path, filters)[0] == 400


def test_breakdown_rates_are_shares_of_the_value(kinds: GoalsClient) -> None:
    body = kinds.get("/Signup/breakdown", f"{QUERY}&dimension=country")
    assert counts(body) == [("Estonia", 1, 2, 1.0), ("Germany", 1, 1, 0.5)]
    assert body["meta"]["total"] == 2
    assert counts(kinds.get("/Read/breakdown", f"{QUERY}&dimension=source")) == [("Google", 1, 2, 1.0)]
    assert counts(kinds.get("/Visit%20%2Fthanks%2F**/breakdown", f"{QUERY}&dimension=pathname&limit=1")) == [
        ("/thanks/1", 1, 1, 1.0)
    ]
    assert kinds.send("GET", "/Signup/breakdown", "dimension=planet")[0] == 400
    assert kinds.send("GET", "/none/breakdown")[0] == 404


@pytest.mark.parametrize("dimension", ["source", "channel", "pathname", "device_type", "region", "hostname"])
def test_every_dimension_can_be_broken_down_by(dimension: str, kinds: GoalsClient) -> None:
    rows = kinds.get("/Signup/breakdown", f"{QUERY}&dimension={dimension}")["results"]
    assert sum(row["completion_count"] for row in rows) == 3


def test_source_is_filtered_and_split_by_what_the_list_shows(goals: GoalsClient) -> None:
    at = "2026-03-20T10:00:00Z"
    goals.bring(
        {"timestamp": at, "visitor_id": "a", "name": "Signup", "referrer": "google.com/search", "source": "Google"},
        {"timestamp": at, "visitor_id": "b", "name": "Signup", "referrer": "x.example/y", "utm_source": "Letter"},
        {"timestamp": at, "visitor_id": "c", "name": "Signup", "source": "Partner"},
        {"timestamp": at, "visitor_id": "d", "name": "Signup"},
        {"timestamp": at, "visitor_id": "e", "name": "Signup", "referrer": "android-app://com.example.news"},
    )
    make_goal(goals.site, event_name="Signup")
    shown = sorted(row["source"] for row in goals.get("/Signup/completions")["results"])
    assert shown == ["Direct", "Letter", "Partner", "com.example.news", "google.com"]
    assert sorted(row["source"] for row in goals.get("/Signup/breakdown")["results"]) == shown
    for source in shown:
        (row,) = goals.get("/Signup/completions", f"source[is]={source.lower()}")["results"]
        assert row["source"] == source
        assert goals.get("", f"source[is]={source}")["results"][0]["conversion_rate"] == 1.0
        assert len(goals.get("/Signup/completions", f"source[is_not]={source}")["results"]) == 4


def ask_raw(goals: GoalsClient, raw: bytes) -> tuple[int, Any]:
    """Ask as the server does: the path decoded by it, and the client's own in the scope."""
    scope: dict[str, Any] = {"asgi.scope": {"raw_path": b"/api/v1/goals/" + raw}}
    answer = Client(**scope).get(
        f"/api/v1/goals/anything/completions?site_id={goals.site.public_id}",
        headers={"Authorization": f"Bearer {goals.key}"},
    )
    return answer.status_code, json.loads(answer.content)


@pytest.mark.parametrize(
    ("raw", "name"),
    [
        (b"100%25/completions", "100%"),
        (b"100%2525/completions/", "100%25"),
        (b"a+b/completions", "a+b"),
        (b"a%2Bb/completions", "a+b"),
        (b"Visit%20%2Fthank-you/completions", "Visit /thank-you"),
        (b"Visit%20/thank-you/completions", "Visit /thank-you"),
        (b"x/completions/completions", "x/completions"),
        ("%20Käufe%20/completions".encode(), "Käufe"),
        (b"K%C3%A4ufe/completions", "Käufe"),
    ],
)
def test_name_in_a_path_is_decoded_once(raw: bytes, name: str, goals: GoalsClient) -> None:
    path = name.removeprefix("Visit ")
    make_goal(goals.site, page_path=path) if path != name else make_goal(goals.site, event_name=name)
    status, body = ask_raw(goals, raw)
    assert (status, body["meta"]["goal_name"]) == (200, name)


@pytest.mark.parametrize(
    ("raw", "status"),
    [(b"%FF/completions", 400), (b"%C3/completions", 400), (b"%00/completions", 404), (b"x%2Fcompletions", 404)],
)
def test_name_in_a_path_that_is_none(raw: bytes, status: int, goals: GoalsClient) -> None:
    assert ask_raw(goals, raw)[0] == status


def test_slash_at_the_end_is_served_without_a_redirect(goals: GoalsClient) -> None:
    make_goal(goals.site, event_name="signup")
    assert goals.send("POST", "/", body={"name": "signup", "visitor_id": "ann"})[0] == 201
    for path in ("/", "/signup/completions/", "/signup/breakdown/"):
        assert goals.send("GET", path)[0] == 200


@pytest.mark.parametrize("query", ["start=1970-01-01&end=2105-12-31", "start=2100-01-01&end=2105-01-01"])
def test_windows_at_the_ends_of_time(query: str, kinds: GoalsClient) -> None:
    signups = 3 if "1970" in query else 0
    assert sum(row["completion_count"] for row in kinds.get("", f"{query}&include=previous")["results"][:1]) == signups
    assert len(kinds.get("/Signup/completions", query)["results"]) == signups

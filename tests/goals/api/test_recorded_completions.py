"""Goals that servers report: what is kept of them, where they count, whose sessions they belong to, what is refused."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.conf import LazySettings

from accounts.models import AuditEntry
from accounts.selectors import site_ref
from analytics_project import clock
from goals.models import CompletionRequest, Goal
from goals.selectors import forget_completion_requests
from goals.types import IDEMPOTENCY_KEYS_HOLD
from stats.ingest.server_goals import ServerGoal
from stats.models import NamedVisitor
from stats.services import event_store, keep_goal
from tests.factories import make_goal
from tests.goals.api.conftest import GoalsClient
from tests.live_path import FIREFOX

TODAY = "period=day&date=2026-03-27"
SIGNUP = {"name": "signup", "visitor_id": "ann"}


def rows_of(goals: GoalsClient, query: str = "", name: str = "signup") -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = goals.get(f"/{name}/completions", query)["results"]
    return found


def events_of(goals: GoalsClient) -> list[dict[str, Any]]:
    goals.live.written()
    sql = "SELECT * FROM events WHERE site_id = {site:UInt32} ORDER BY timestamp"
    return event_store().read_rows(sql, {"site": goals.site.pk}, tag="test")


def browse(goals: GoalsClient, path: str = "/", referrer: str = "") -> str:
    """View a page in a browser and return the visitor's id."""
    url = f"https://{goals.site.domain}{path}"
    event = {"n": "pageview", "u": url, "d": goals.site.domain, "r": referrer}
    answer = goals.live.post(event, {"User-Agent": FIREFOX}, query="return=visitor")
    return str(answer.json["visitor_id"])


# ---- What is kept ----------------------------------------------------------------------------------------------------
def test_event_has_the_name_the_page_and_the_texts_of_the_metadata(goals: GoalsClient) -> None:
    metadata = {"plan": "pro", "seats": 3, "ratio": 1.5, "on": False, "gone": None, "tags": ["a", {"b": 1}]}
    goals.complete("signup", "ann", url="https://App.example.com/wel%20come?q=1", metadata=metadata)
    (event,) = events_of(goals)
    kept = {key: event[key] for key in ("name", "hostname", "pathname", "session_id", "channel", "timestamp", "day")}
    assert kept == {
        "name": "signup",
        "hostname": "app.example.com",
        "pathname": "/wel come",
        "session_id": event["session_id"],
        "channel": "",
        "timestamp": "2026-03-27 08:30:15",
        "day": "2026-03-27",
    }
    props = dict(zip(event["prop_keys"], event["prop_values"], strict=True))
    assert props == {"plan": "pro", "seats": "3", "ratio": "1.5", "on": "false", "tags": '["a",{"b":1}]'}


def test_new_name_becomes_a_goal_once_and_is_audited(goals: GoalsClient) -> None:
    for name in ("signup", "Signup", "signup"):
        goals.complete(name, "ann")
    assert sorted(Goal.objects.filter(site=goals.site).values_list("event_name", flat=True)) == ["Signup", "signup"]
    assert AuditEntry.objects.filter(action="goal.create").count() == 2
    counts = {row["goal_name"]: row["completion_count"] for row in goals.get()["results"]}
    assert counts == {"signup": 2, "Signup": 1}


def test_goal_is_known_by_its_display_name_and_by_its_event(goals: GoalsClient) -> None:
    make_goal(goals.site, event_name="order", display_name="Orders", custom_props={"paid": "yes"})
    make_goal(goals.site, event_name="join", display_name="Joined")
    goals.complete("Orders", "ann", metadata={"plan": "pro"})
    goals.complete("join", "ann")
    counts = {row["goal_name"]: row["completion_count"] for row in goals.get()["results"]}
    assert counts == {"Orders": 1, "Joined": 1}
    assert len(rows_of(goals, name="join")) == len(rows_of(goals, name="Joined")) == 1
    assert goals.send("POST", "", body={**SIGNUP, "name": "Orders", "metadata": {"paid": "no"}})[0] == 400


def test_thousand_and_first_name_is_refused_and_nothing_is_kept(goals: GoalsClient, settings: LazySettings) -> None:
    settings.MAX_GOALS_PER_SITE = 1
    goals.complete("signup", "ann")
    status, body = goals.send("POST", "", body={"name": "other", "visitor_id": "bob"})
    assert (status, body["errors"]) == (400, {"name": ["Maximum number of goals reached"]})
    goals.complete("signup", "cho")
    assert len(events_of(goals)) == 2
    assert set(NamedVisitor.objects.values_list("name", flat=True)) == {"ann", "cho"}


def test_every_number_sees_a_completion(goals: GoalsClient) -> None:
    before = goals.stats("visitors,visits,events,pageviews", TODAY)
    goals.complete("signup", "ann")
    after = goals.stats("visitors,visits,events,pageviews", TODAY)
    assert (before, after) == (
        {"visitors": 0, "visits": 0, "events": 0, "pageviews": 0},
        {"visitors": 1, "visits": 1, "events": 1, "pageviews": 0},
    )
    assert goals.get("", "include=meta")["meta"]["unique_visitors"] == 1


# ---- Visits and sessions ---------------------------------------------------------------------------------------------
def test_goal_joins_the_open_visit_of_its_visitor(goals: GoalsClient) -> None:
    visitor = browse(goals, referrer="https://www.google.com/search")
    goals.clock.shift(600)
    goals.complete("signup", visitor)
    goals.complete("signup", visitor.upper().replace("V_", "v_"), timestamp="2026-03-27T08:31:00Z")
    assert goals.stats("visitors,visits,events", TODAY) == {"visitors": 1, "visits": 1, "events": 3}
    shown = [(row["visitor_id"], row["source"], row["browser"], row["device_type"]) for row in rows_of(goals)]
    assert shown == [(visitor, "google.com", "Firefox", "desktop")] * 2


def test_visit_goes_on_after_goals_of_other_times(goals: GoalsClient) -> None:
    visitor = browse(goals)
    for at in ("2026-03-28T08:30:00Z", "2026-03-01T00:00:00Z", "2026-03-27T08:29:00Z", "1970-01-01T00:00:00Z"):
        goals.complete("signup", visitor, timestamp=at)
    goals.clock.shift(60)
    browse(goals, "/next")
    assert goals.stats("visits,pageviews,bounce_rate", TODAY) == {"visits": 2, "pageviews": 2, "bounce_rate": 0}
    goals.live.restart()
    goals.clock.shift(60)
    browse(goals, "/third")
    goals.live.written()
    assert goals.stats("visits,pageviews", TODAY) == {"visits": 2, "pageviews": 3}


def test_browser_gives_the_visit_that_a_server_began_its_source(goals: GoalsClient) -> None:
    visitor = browse(goals)
    goals.clock.shift(3600)
    goals.complete("signup", visitor)
    goals.clock.shift(60)
    browse(goals, "/", "https://news.example/list")
    assert goals.stats("visits,events", TODAY) == {"visits": 2, "events": 3}
    sources = goals.live.store.read_rows(
        "SELECT source, pageviews, entry_page FROM sessions FINAL WHERE site_id = {site:UInt32} ORDER BY start",
        {"site": goals.site.pk},
        tag="test",
    )
    assert sources == [
        {"source": "", "pageviews": 1, "entry_page": "/"},
        {"source": "news.example", "pageviews": 1, "entry_page": "/"},
    ]


def test_session_is_the_latest_that_began_by_then(goals: GoalsClient) -> None:
    goals.bring(
        {"timestamp": "2026-03-05T10:00:00Z", "visitor_id": "ann", "utm_source": "first"},
        {"timestamp": "2026-03-10T10:00:00Z", "visitor_id": "ann", "referrer": "www.second.example/x"},
        {"timestamp": "2026-03-15T10:00:00Z", "visitor_id": "ann", "source": "Third"},
        {"timestamp": "2026-03-01T10:00:00Z", "visitor_id": "bob", "utm_source": "other"},
    )
    moments = ("05T09:59:59", "05T10:00:00", "10T09:59:59", "12T00:00:00", "20T00:00:00")
    for moment in moments:
        goals.complete("signup", "ann", timestamp=f"2026-03-{moment}Z")
    found = [row["source"] for row in rows_of(goals)]
    assert found == ["Third", "www.second.example", "first", "first", None]
    goals.bring({"timestamp": "2026-03-04T10:00:00Z", "visitor_id": "ann", "utm_source": "late"})
    assert [row["source"] for row in rows_of(goals)][-1] == "late"


@pytest.mark.parametrize("zone", ["America/Los_Angeles", "Asia/Kolkata"])
def test_goal_of_any_time_lies_in_its_day(zone: str, goals: GoalsClient) -> None:
    moments = ("1970-01-01T00:00:00Z", "1999-12-31T23:59:59+05:30", "2026-03-26T23:30:00-07:00", "2026-03-28T08:30:15Z")
    goals.site.timezone = zone
    goals.site.save()
    for moment in moments:
        goals.complete("signup", "ann", timestamp=moment)
    for moment in moments:
        at = datetime.fromisoformat(moment).astimezone(UTC)
        second = f"start={at:%Y-%m-%dT%H:%M:%SZ}&end={at:%Y-%m-%dT%H:%M:%SZ}"
        assert [row["completed_at"] for row in rows_of(goals, second)] == [f"{at:%Y-%m-%dT%H:%M:%SZ}"]
        assert goals.get("", second)["results"][0]["completion_count"] == 1
        after = at + timedelta(seconds=1)
        assert rows_of(goals, f"start={after:%Y-%m-%dT%H:%M:%SZ}&end={after:%Y-%m-%dT%H:%M:%SZ}") == []


def test_batch_of_ten_years_of_months_is_taken(goals: GoalsClient) -> None:
    make_goal(goals.site, event_name="signup")
    months = [datetime(1985 + number // 12, number % 12 + 1, 15, tzinfo=UTC) for number in range(120)]
    for month in months:
        keep_goal(site_ref(goals.site), ServerGoal("signup", 7, "", "", {}, int(month.timestamp())))
    assert goals.get("", "start=1985-01-01")["results"][0]["completion_count"] == 120


# ---- Idempotency -----------------------------------------------------------------------------------------------------
def send_once(goals: GoalsClient, key: str = "k-1", **fields: object) -> tuple[int, Any]:
    status, body = goals.send("POST", "", body={**SIGNUP, **fields}, **{"Idempotency-Key": key})
    return status, body.get("results", body)


def test_key_makes_a_request_count_once_for_a_day(goals: GoalsClient) -> None:
    first = {"created": True, "goal_name": "signup"}
    again = {"created": False, "goal_name": "signup"}
    assert [send_once(goals), send_once(goals), send_once(goals, "k-2")] == [(201, first), (200, again), (201, first)]
    assert send_once(goals, metadata={"plan": "pro"})[0] == 409
    goals.clock.shift(IDEMPOTENCY_KEYS_HOLD - timedelta(seconds=1))
    assert send_once(goals)[0] == 200
    goals.clock.shift(1)
    assert send_once(goals)[0] == 201
    assert len(events_of(goals)) == 3


def test_keys_of_the_past_are_forgotten(goals: GoalsClient) -> None:
    send_once(goals, "old")
    goals.clock.shift(IDEMPOTENCY_KEYS_HOLD)
    send_once(goals, "new")
    assert forget_completion_requests(clock.now() - IDEMPOTENCY_KEYS_HOLD + timedelta(seconds=1)) == 1
    assert CompletionRequest.objects.count() == 1


def test_what_cannot_be_kept_leaves_nothing_and_may_be_sent_again(
    goals: GoalsClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    spool = goals.live.intake.spool
    visitor = browse(goals)
    monkeypatch.setattr(spool, "_max_bytes", 1)
    assert send_once(goals, visitor_id=visitor)[0] == send_once(goals)[0] == 503
    assert not Goal.objects.filter(site=goals.site).exists()
    assert not CompletionRequest.objects.exists() and not NamedVisitor.objects.exists()
    monkeypatch.setattr(spool, "_max_bytes", 10_000_000)
    assert send_once(goals, visitor_id=visitor)[0] == 201
    assert goals.stats("visits,events", TODAY) == {"visits": 1, "events": 2}


# ---- Refusals --------------------------------------------------------------------------------------------------------
BAD_NAMES: tuple[object, ...] = ("", "  ", "x" * 121, "engagement", " pageview ", 5, None, [], "a\nb")
BAD_METADATA: tuple[object, ...] = ("x", [], {"k": "\0"}, {"k" * 301: 1}, {"k": "v" * 2001})


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        *(({"name": name}, "name") for name in BAD_NAMES),
        *(({"url": url}, "url") for url in ("/welcome", "ftp://a/b", "javascript:alert(1)", "https://", 7, "//a/b")),
        ({"url": "https://a.example/" + "x" * 2000}, "url"),
        *(({"timestamp": at}, "timestamp") for at in ("yesterday", "2026-03-28T08:30:16Z", 1774600215, "2106-01-01")),
        *(({"metadata": data}, "metadata") for data in BAD_METADATA),
        *(({"visitor_id": one}, "visitor_id") for one in ("", "a b", "a\tb", "x" * 129, 7, None, "\ud800")),
    ],
)
def test_field_that_is_refused_is_named_and_nothing_is_kept(
    fields: dict[str, object], field: str, goals: GoalsClient
) -> None:
    status, body = goals.send("POST", "", body={**SIGNUP, **fields})
    assert (status, list(body["errors"])) == (400, [field])
    assert goals.live.intake.spool.head == 0
    assert not Goal.objects.filter(site=goals.site).exists()


@pytest.mark.parametrize(
    "visitor", ["v_0123456789abcdef", "v_0123", "'; DROP TABLE events; --", "é" * 128, "{x:UInt8}", "\\", "ann\u200b"]
)
def test_any_text_is_a_visitor_and_is_shown_as_it_was_sent(visitor: str, goals: GoalsClient) -> None:
    if " " in visitor:
        visitor = visitor.replace(" ", "+")
    goals.complete("signup", visitor)
    assert [row["visitor_id"] for row in rows_of(goals)] == [visitor]


@pytest.mark.parametrize("key", ["", " ", "x" * 256])
def test_idempotency_key_that_is_none(key: str, goals: GoalsClient) -> None:
    assert send_once(goals, key)[0] == 400

"""The contract's worked cases on time: midnight, smearing, summer time, weeks and months (C42 to C59)."""

from datetime import UTC, datetime

import pytest
from time_machine import TimeMachineFixture

from accounts.models import Site
from accounts.selectors import site_ref
from accounts.services import set_timezone
from stats.store.client import EventStore
from tests.factories import make_site
from tests.stats.query.asking import Asker, new_asker
from tests.stats.query.fixtures import FIXTURE_B, FIXTURE_H
from tests.stats.query.recorded import custom, engagement, pageview

TENTH = ["2025-03-10", "2025-03-10"]
ELEVENTH = ["2025-03-11", "2025-03-11"]
BOTH = ["2025-03-10", "2025-03-11"]


@pytest.fixture
def fixture_b(asker: Asker, every_state: bool) -> Asker:
    asker.record(*FIXTURE_B, every_state=every_state)
    return asker


@pytest.fixture
def fixture_h(asker: Asker, every_state: bool) -> Asker:
    asker.record(*FIXTURE_H, every_state=every_state)
    return asker


def test_c42_a_visit_across_midnight_counts_on_both_days(fixture_b: Asker) -> None:
    assert fixture_b.total("visitors visits", date_range=TENTH) == [1, 1]
    assert fixture_b.total("visitors visits", date_range=ELEVENTH) == [2, 2]
    assert fixture_b.total("visitors visits pageviews", date_range=ELEVENTH) == [2, 2, 2]
    assert fixture_b.total("views_per_visit", date_range=ELEVENTH) == [2.0]


def test_c43_session_metrics_take_the_whole_visit(fixture_b: Asker) -> None:
    metrics = "visitors visits pageviews views_per_visit visit_duration bounce_rate"
    assert fixture_b.total(metrics, date_range=TENTH) == [1, 1, 2, 3.0, 2400, 0]


def test_c44_visits_sit_on_the_day_of_their_last_event(fixture_b: Asker) -> None:
    assert fixture_b.rows("visitors visits", "time:day", date_range=BOTH) == [("2025-03-11", [2, 2])]
    assert fixture_b.rows("visitors visits pageviews", "time:day", date_range=BOTH) == [
        ("2025-03-10", [1, 1, 2]),
        ("2025-03-11", [2, 2, 2]),
    ]
    drawn = fixture_b.v1("timeseries", period="custom", date="2025-03-10,2025-03-10", metrics="visitors")
    assert drawn == [{"date": "2025-03-10", "visitors": 0}]
    assert fixture_b.v1("aggregate", period="custom", date="2025-03-10,2025-03-10") == {"visitors": {"value": 1}}


def test_c45_hours_are_smeared_but_session_metrics_are_not(fixture_b: Asker) -> None:
    assert fixture_b.rows("visitors visits", "time:hour", date_range=BOTH) == [
        ("2025-03-10 23:00:00", [1, 1]),
        ("2025-03-11 00:00:00", [2, 2]),
    ]
    assert fixture_b.rows("visitors visit_duration", "time:hour", date_range=BOTH) == [
        ("2025-03-10 23:00:00", [1, 0]),
        ("2025-03-11 00:00:00", [2, 1200]),
    ]


def test_joined_hours_keep_no_group_outside_the_range(fixture_b: Asker) -> None:
    rows = fixture_b.rows("pageviews visit_duration", "time:hour", date_range=TENTH)
    assert rows == [("2025-03-10 23:00:00", [2, 0])]


def test_joined_hours_keep_groups_of_the_range_that_only_visits_know(asker: Asker) -> None:
    asker.record(pageview("09:50", "u"), custom("10:10", "u", "Ping"))
    filters = [["is", "event:name", ["pageview"]]]
    assert asker.rows("pageviews visit_duration", "time:hour visit:source", filters=filters) == [
        ("2025-03-10 09:00:00", "Direct / None", [1, 0]),
        ("2025-03-10 10:00:00", "Direct / None", [0, 1200]),
    ]


def test_c46_a_range_between_two_events_overlaps_their_visit(fixture_b: Asker) -> None:
    between = ["2025-03-10T23:45:00Z", "2025-03-10T23:50:00Z"]
    assert fixture_b.total("visitors visits", date_range=between) == [1, 1]
    assert fixture_b.total("visitors visits pageviews", date_range=between) == [0, 0, 0]


def test_c47_entry_page_of_the_day_before_is_kept(fixture_b: Asker) -> None:
    assert fixture_b.rows("visits", "visit:entry_page", date_range=ELEVENTH) == [("/a", [2])]
    assert fixture_b.rows("visitors pageviews", "event:page", date_range=ELEVENTH) == [("/a", [1, 1]), ("/c", [1, 1])]


def test_c48_no_visit_landed_on_the_filtered_page(fixture_b: Asker) -> None:
    filters = [["is", "event:page", ["/c"]]]
    assert fixture_b.total("visitors bounce_rate", date_range=ELEVENTH, filters=filters) == [1, 0]


def test_c49_a_visit_counts_in_every_hour_it_spans(fixture_h: Asker) -> None:
    assert fixture_h.rows("visitors visits", "time:hour") == [
        ("2025-03-10 08:00:00", [1, 1]),
        ("2025-03-10 09:00:00", [2, 2]),
        ("2025-03-10 10:00:00", [1, 1]),
    ]


def test_c50_session_metrics_sit_where_the_visit_ended(fixture_h: Asker) -> None:
    assert fixture_h.rows("visitors visit_duration bounce_rate", "time:hour") == [
        ("2025-03-10 08:00:00", [1, 0, 0]),
        ("2025-03-10 09:00:00", [2, 0, 100]),
        ("2025-03-10 10:00:00", [1, 4500, 0]),
    ]


@pytest.mark.parametrize(("last", "visits"), [("10:10", 2), ("10:09:59", 1)])
def test_c51_engagement_keeps_a_visit_open_for_30_minutes_more(asker: Asker, last: str, visits: int) -> None:
    asker.record(pageview("08:40", "v"), engagement("09:09", "v"), pageview("09:39", "v", "/x"), pageview(last, "v"))
    assert asker.total("visits") == [visits]


def test_c51_engagement_does_not_move_the_end_of_a_visit(asker: Asker) -> None:
    asker.record(pageview("08:40", "v"), engagement("09:09", "v"), pageview("09:39", "v", "/x"))
    assert asker.rows("visits", "time:hour") == [("2025-03-10 08:00:00", [1]), ("2025-03-10 09:00:00", [1])]
    assert asker.total("visit_duration") == [3540]


@pytest.fixture
def new_york(store: EventStore, db: None) -> Asker:
    """The contract's fixture C, around the end of summer time."""
    asker = new_asker(store, "America/New_York")
    asker.record(
        pageview("2024-11-03 05:30", "c1"),
        pageview("2024-11-03 06:30", "c2"),
        pageview("2024-11-04 04:30", "c3"),
        pageview("2024-11-04 05:10", "c4"),
    )
    return asker


def test_c52_a_day_of_25_hours_has_two_offsets(new_york: Asker) -> None:
    body = new_york.ask(["visitors"], date_range=["2024-11-03", "2024-11-03"])
    assert body["query"]["date_range"] == ["2024-11-03T00:00:00-04:00", "2024-11-03T23:59:59-05:00"]
    assert body["results"] == [{"dimensions": [], "metrics": [3]}]


def test_c53_days_are_those_of_the_site(new_york: Asker) -> None:
    rows = new_york.rows("pageviews", "time:day", date_range=["2024-11-03", "2024-11-04"])
    assert rows == [("2024-11-03", [3]), ("2024-11-04", [1])]


def test_c54_the_hour_that_comes_twice_is_one_row(new_york: Asker) -> None:
    more = {"date_range": ["2024-11-03", "2024-11-03"], "include": {"time_labels": True}}
    body = new_york.ask(["pageviews"], ["time:hour"], **more)
    assert [(*row["dimensions"], *row["metrics"]) for row in body["results"]] == [
        ("2024-11-03 01:00:00", 2),
        ("2024-11-03 23:00:00", 1),
    ]
    assert body["meta"]["time_labels"] == [f"2024-11-03 {hour:02}:00:00" for hour in range(24)]


def test_c55_zones_of_45_minutes_have_their_own_hours(store: EventStore, db: None) -> None:
    asker = new_asker(store, "Asia/Kathmandu")
    asker.record(pageview("05:00", "a"), pageview("05:20", "b"))
    rows = [("2025-03-10 10:00:00", [1]), ("2025-03-10 11:00:00", [1])]
    assert asker.rows("visits", "time:hour") == rows
    assert asker.rows("pageviews", "time:hour") == rows


def test_c56_a_day_starts_at_its_second_midnight(store: EventStore, db: None) -> None:
    asker = new_asker(store, "America/Havana")
    asker.record(pageview("2023-11-05 04:30", "outside"), pageview("2023-11-05 05:30", "inside", "/in"))
    rows = asker.rows("visitors", "event:page", date_range=["2023-11-05", "2023-11-05"])
    assert rows == [("/in", [1])]


def test_days_written_under_another_zone_are_counted_by_the_instant(asker: Asker) -> None:
    asker.record(pageview("2025-03-10 14:30", "a"), pageview("2025-03-10 15:30", "b"))
    site = Site.objects.get(pk=asker.site.id)
    set_timezone(site, "Asia/Tokyo")
    for metrics in ("visitors", "pageviews"):
        assert asker.rows(metrics, "time:day", date_range=BOTH) == [("2025-03-10", [1]), ("2025-03-11", [1])]
        assert asker.total(metrics, date_range=ELEVENTH) == [1]


def test_a_change_of_zone_casts_doubt_on_the_days_until_every_open_visit_is_over(
    time_machine: TimeMachineFixture, db: None
) -> None:
    site = make_site(timezone="Etc/UTC")
    assert site_ref(site).days_hold_from is None
    time_machine.move_to(datetime(2025, 3, 10, 12, tzinfo=UTC))
    set_timezone(site, "Asia/Tokyo")
    assert site_ref(site).days_hold_from == datetime(2025, 3, 18, 12, tzinfo=UTC).timestamp()
    time_machine.move_to(datetime(2025, 4, 1, tzinfo=UTC))
    site.save()
    assert site_ref(site).days_hold_from == datetime(2025, 3, 18, 12, tzinfo=UTC).timestamp()


@pytest.fixture
def fixture_w(asker: Asker) -> Asker:
    asker.record(
        pageview("2025-01-01 10:00", "w1"),
        pageview("2025-01-05 10:00", "w1"),
        pageview("2025-01-06 10:00", "w2"),
        pageview("2025-01-15 10:00", "w3"),
    )
    return asker


def test_c57_the_first_week_starts_with_the_range(fixture_w: Asker) -> None:
    more = {"date_range": ["2025-01-01", "2025-01-15"], "include": {"time_labels": True}}
    body = fixture_w.ask(["visitors", "visits"], ["time:week"], **more)
    labels = ["2025-01-01", "2025-01-06", "2025-01-13"]
    assert [row["dimensions"] for row in body["results"]] == [[label] for label in labels]
    assert [row["metrics"] for row in body["results"]] == [[1, 2], [1, 1], [1, 1]]
    assert body["meta"] == {"time_labels": labels}


def test_c58_time_picks_days_and_fills_nothing(fixture_w: Asker) -> None:
    more = {"date_range": ["2025-01-01", "2025-01-15"], "include": {"time_labels": True}}
    body = fixture_w.ask(["visitors"], ["time"], order_by=[["time", "asc"]], **more)
    assert body["query"]["dimensions"] == ["time:day"]
    assert body["query"]["order_by"] == [["time:day", "asc"]]
    days = ["2025-01-01", "2025-01-05", "2025-01-06", "2025-01-15"]
    assert body["results"] == [{"dimensions": [day], "metrics": [1]} for day in days]
    assert len(body["meta"]["time_labels"]) == 15


def test_c59_months_are_named_by_their_first_day(fixture_w: Asker) -> None:
    more = {"date_range": ["2024-12-15", "2025-01-15"], "include": {"time_labels": True}}
    body = fixture_w.ask(["visitors"], ["time:month"], **more)
    assert body["results"] == [{"dimensions": ["2025-01-01"], "metrics": [3]}]
    assert body["meta"] == {"time_labels": ["2024-12-01", "2025-01-01"]}


def test_c61_percent_and_seconds_round_half_to_even(asker: Asker) -> None:
    visits = [[pageview("09:00", f"u{n}"), pageview("09:00:05", f"u{n}")] for n in range(7)]
    asker.record(pageview("09:00", "bounce"), *(hit for visit in visits for hit in visit))
    assert asker.total("bounce_rate visit_duration views_per_visit") == [12, 4, 1.88]


def test_c62_only_interaction_ends_a_bounce(asker: Asker, every_state: bool) -> None:
    asker.record(
        pageview("09:00", "i1"),
        custom("09:00:30", "i1", "Seen", interactive=False),
        pageview("09:00", "i2"),
        custom("09:00:30", "i2", "Click"),
        pageview("09:00", "i3"),
        engagement("09:10", "i3"),
        every_state=every_state,
    )
    assert asker.total("visits bounce_rate visit_duration events") == [3, 67, 20, 5]


def test_c63_engagement_after_midnight_is_an_event_and_no_visit(asker: Asker) -> None:
    asker.record(pageview("2025-03-10 23:50", "e"), engagement("2025-03-11 00:05", "e", "/", 70, 5))
    assert asker.total("visitors visits", date_range=ELEVENTH) == [0, 0]
    assert asker.total("visitors visits pageviews events", date_range=ELEVENTH) == [1, 1, 0, 0]


def test_c64_hostname_filters_ask_for_the_landing_host_of_sources(asker: Asker, every_state: bool) -> None:
    asker.record(
        pageview("09:00", "n1", "/", "shop.x", source="Google"),
        pageview("09:01", "n1", "/k", "blog.x"),
        pageview("09:00", "n2", "/k", "blog.x", source="Bing"),
        every_state=every_state,
    )
    filters = [["is", "event:hostname", ["blog.x"]]]
    body = asker.ask(["visitors"], ["visit:source"], filters=filters)
    assert body["results"] == [{"dimensions": ["Bing"], "metrics": [1]}]
    assert body["query"]["filters"] == [*filters, ["is", "visit:entry_page_hostname", ["blog.x"]]]
    assert asker.total("visitors pageviews", filters=filters) == [2, 2]
    assert asker.rows("visitors", "visit:exit_page", filters=filters) == [("/k", [2])]
    assert asker.rows("visitors", "event:hostname") == [("blog.x", [2]), ("shop.x", [1])]


def test_c70_comparisons_ignore_case_only_when_told(asker: Asker) -> None:
    asker.record(pageview("09:00", "a", "/Blog/1"), pageview("09:00", "b", "/blog/2"), pageview("09:00", "c", "/pl"))
    ignoring = {"case_sensitive": False}
    assert asker.total("visitors", filters=[["contains", "event:page", ["/BLOG/"], ignoring]]) == [2]
    assert asker.total("visitors", filters=[["contains", "event:page", ["/BLOG/"]]]) == [0]
    assert asker.total("visitors", filters=[["is_not", "event:page", ["/PL"], ignoring]]) == [2]
    assert asker.total("visitors", filters=[["is", "event:page", ["/PL"], ignoring]]) == [1]

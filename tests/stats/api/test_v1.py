"""v1 on the wire: aggregate, timeseries, breakdown and their refusals (C72 to C80)."""

from typing import Any

import pytest
import time_machine

from stats.api.present_v1 import change
from stats.store.client import EventStore
from tests.stats.query.asking import Asker, new_asker
from tests.stats.query.fixtures import FIXTURE_A
from tests.stats.query.recorded import pageview


@pytest.fixture
def asker(store: EventStore, db: None) -> Asker:
    return new_asker(store)


@pytest.fixture
def fixture_a(asker: Asker) -> Asker:
    asker.record(*FIXTURE_A)
    return asker


def test_c72_aggregate_gives_each_metric_a_value(fixture_a: Asker) -> None:
    metrics = "visitors,pageviews,bounce_rate,visit_duration"
    assert fixture_a.get("aggregate", metrics=metrics) == (
        200,
        {
            "results": {
                "visitors": {"value": 4},
                "pageviews": {"value": 6},
                "bounce_rate": {"value": 40},
                "visit_duration": {"value": 156},
            }
        },
    )
    compared = fixture_a.v1("aggregate", metrics=metrics, compare="previous_period")
    assert [cell["comparison_value"] for cell in compared.values()] == [0, 0, 0, 0]
    assert [cell["change"] for cell in compared.values()] == [100, 100, None, 100]


@pytest.mark.parametrize(
    ("metric", "old", "new", "expected"),
    [
        ("visitors", 8, 9, 13),
        ("visitors", 8, 7, -13),
        ("visitors", 0, 0, 0),
        ("visitors", 0, 3, 100),
        ("bounce_rate", 50, 40, -10),
        ("bounce_rate", 0, 40, None),
        ("visit_duration", 60, None, None),
        ("views_per_visit", 1.6, 1.8, 13),
    ],
)
def test_c73_change_is_percent_or_points(metric: str, old: float, new: float | None, expected: float | None) -> None:
    assert change(metric, new, old) == expected


def test_c74_breakdown_hides_visits_without_an_entry_page(fixture_a: Asker) -> None:
    assert fixture_a.v1("breakdown", property="visit:entry_page", metrics="visits") == [
        {"entry_page": "/blog/a", "visits": 2},
        {"entry_page": "/", "visits": 1},
        {"entry_page": "/pricing", "visits": 1},
    ]


def test_time_on_page_alone_is_ordered_by_visitors(fixture_a: Asker) -> None:
    asked = {"property": "event:page", "metrics": "time_on_page"}
    assert fixture_a.v1("breakdown", **asked, limit=2) == [
        {"page": "/pricing", "time_on_page": None},
        {"page": "/blog/a", "time_on_page": 45},
    ]
    compared = fixture_a.v1("breakdown", **asked, limit=1, compare="previous_period")
    comparison = {"time_on_page": None, "change": {"time_on_page": None}}
    assert compared == [{"page": "/pricing", "time_on_page": None, "comparison": comparison}]


def test_c75_breakdown_of_sources_breaks_ties_by_name(fixture_a: Asker) -> None:
    assert fixture_a.v1("breakdown", property="visit:source", metrics="visitors,pageviews") == [
        {"source": "Direct / None", "visitors": 2, "pageviews": 2},
        {"source": "Google", "visitors": 2, "pageviews": 2},
        {"source": "Twitter", "visitors": 1, "pageviews": 2},
    ]


def test_breakdown_of_a_version_names_its_browser_too(asker: Asker) -> None:
    asker.record(
        pageview("09:00", "a", browser="Chrome", browser_version="140"),
        pageview("09:00", "b", browser="Edge", browser_version="140"),
        pageview("09:00", "c"),
    )
    assert asker.v1("breakdown", property="visit:browser_version") == [
        {"browser_version": "(not set)", "browser": "(not set)", "visitors": 1},
        {"browser_version": "140", "browser": "Chrome", "visitors": 1},
        {"browser_version": "140", "browser": "Edge", "visitors": 1},
    ]


def test_breakdown_hides_unknown_places_and_campaigns(asker: Asker) -> None:
    known: dict[str, Any] = {
        "country_code": "EE",
        "subdivision1_code": "EE-37",
        "city_geoname_id": 588409,
        "utm_source": "letter",
    }
    asker.record(pageview("09:00", "a", **known), pageview("09:00", "b", country_code="ZZ"), pageview("09:00", "c"))
    shown = {
        name: asker.v1("breakdown", property=f"visit:{name}") for name in ("country", "region", "city", "utm_source")
    }
    assert shown == {
        "country": [{"country": "EE", "visitors": 1}],
        "region": [{"region": "EE-37", "visitors": 1}],
        "city": [{"city": 588409, "visitors": 1}],
        "utm_source": [{"utm_source": "letter", "visitors": 1}],
    }


def test_breakdown_sums_the_counters_of_visits_across_midnight(asker: Asker) -> None:
    asker.record(pageview("2025-03-10 23:50", "u", "/a", source="Bing"), pageview("2025-03-11 00:10", "u", "/b"))
    rows = asker.v1("breakdown", property="visit:source", metrics="pageviews,events")
    assert rows == [{"source": "Bing", "pageviews": 2, "events": 2}]
    assert asker.v1("breakdown", property="visit:exit_page", metrics="pageviews") == [
        {"exit_page": "/b", "pageviews": 2}
    ]
    assert asker.v1("breakdown", property="event:page", metrics="pageviews") == [{"page": "/a", "pageviews": 1}]


def test_breakdown_of_a_property_is_keyed_by_its_name_and_paged(fixture_a: Asker) -> None:
    asked: dict[str, Any] = {"property": "event:props:plan", "filters": "event:name==Signup", "limit": 2}
    assert fixture_a.v1("breakdown", **asked) == [{"plan": "(none)", "visitors": 1}, {"plan": "free", "visitors": 1}]
    assert fixture_a.v1("breakdown", **asked, page=2) == [{"plan": "pro", "visitors": 1}]


def test_breakdown_compares_the_rows_of_the_page(asker: Asker) -> None:
    asker.record(
        pageview("2025-03-09 09:00", "x", source="Bing"),
        pageview("2025-03-09 09:00", "y", source="Bing"),
        pageview("2025-03-09 09:00", "z", source="Elsewhere"),
        pageview("09:00", "a", source="Bing"),
        pageview("09:00", "b", source="Kagi"),
    )
    assert asker.v1("breakdown", property="visit:source", compare="previous_period") == [
        {"source": "Bing", "visitors": 1, "comparison": {"visitors": 2, "change": {"visitors": -50}}},
        {"source": "Kagi", "visitors": 1, "comparison": {"visitors": 0, "change": {"visitors": 100}}},
    ]


def test_c77_timeseries_fills_days_without_visits(fixture_a: Asker) -> None:
    metrics = "visitors,pageviews,visit_duration"
    assert fixture_a.v1("timeseries", period="custom", date="2025-03-09, 2025-03-10", metrics=metrics) == [
        {"date": "2025-03-09", "visitors": 0, "pageviews": 0, "visit_duration": None},
        {"date": "2025-03-10", "visitors": 4, "pageviews": 6, "visit_duration": 156},
    ]


def test_c78_timeseries_of_a_day_is_hourly(fixture_a: Asker) -> None:
    rows = fixture_a.v1("timeseries")
    assert len(rows) == 24
    busy = {row["date"]: row["visitors"] for row in rows if row["visitors"]}
    assert busy == {"2025-03-10 09:00:00": 2, "2025-03-10 10:00:00": 1, "2025-03-10 15:00:00": 2}


def test_timeseries_gives_views_per_visit_by_day(fixture_a: Asker) -> None:
    rows = fixture_a.v1("timeseries", interval="day", metrics="views_per_visit,bounce_rate")
    assert rows == [{"date": "2025-03-10", "views_per_visit": 1.2, "bounce_rate": 40}]


@pytest.mark.parametrize(
    ("period", "date", "interval", "first", "last", "labels"),
    [
        ("7d", "2025-01-08", None, "2025-01-01", "2025-01-07", 7),
        ("30d", "2025-03-10", None, "2025-02-08", "2025-03-09", 30),
        ("month", "2025-02-20", None, "2025-02-01", "2025-02-28", 28),
        ("6mo", "2025-03-10", None, "2024-09-01", "2025-02-01", 6),
        ("12mo", "2025-03-10", None, "2024-03-01", "2025-02-01", 12),
        ("6mo", "2025-03-10", "date", "2024-09-01", "2025-02-28", 181),
        ("month", "2025-02-20", "month", "2025-02-01", "2025-02-01", 1),
    ],
)
def test_periods_are_relative_to_the_date(
    asker: Asker, period: str, date: str, interval: str | None, first: str, last: str, labels: int
) -> None:
    rows = asker.v1("timeseries", period=period, date=date, interval=interval)
    assert (rows[0]["date"], rows[-1]["date"], len(rows)) == (first, last, labels)


@time_machine.travel("2025-03-10T23:30:00Z", tick=False)
def test_today_is_the_date_of_the_site(store: EventStore, db: None) -> None:
    asker = new_asker(store, "Asia/Tokyo")
    rows = asker.v1("timeseries", period=None, date=None)
    assert (rows[0]["date"], rows[-1]["date"]) == ("2025-02-09", "2025-03-10")


@pytest.mark.parametrize(
    ("filters", "visitors"),
    [
        ("event:page==/blog/*|/pricing", 4),
        ("event:page!=/blog/*", 3),
        ("event:page==/pricing|/", 3),
        ("event:page!=/pricing", 2),
        ("visit:browser!=Chrome|Safari", 1),
        ("visit:country==EST", 4),
        ("visit:source~Goo", 4),
        ("visit:source==Google==x", 4),
        ("visit:source==Google;visit:country==DE", 1),
        (" visit:source == Google ; ", 2),
        (" ", 4),
        ('[["contains","visit:source",["oo"]]]', 2),
        ('[["matches_wildcard","event:page",["/blog/*"]]]', 2),
    ],
)
def test_c79_filter_strings(fixture_a: Asker, filters: str, visitors: int) -> None:
    assert fixture_a.v1("aggregate", filters=filters) == {"visitors": {"value": visitors}}


def test_an_escaped_pipe_is_part_of_the_value(asker: Asker) -> None:
    asker.record(pageview("09:00", "a", "/a|b"), pageview("09:00", "b", "/a"))
    assert asker.v1("aggregate", filters="event:page==/a\\|b") == {"visitors": {"value": 1}}


REFUSED: dict[str, tuple[str, dict[str, Any], str]] = {
    "period year": ("aggregate", {"period": "year"}, "period"),
    "period all": ("aggregate", {"period": "all"}, "period"),
    "impossible date": ("aggregate", {"date": "2025-13-01"}, "date"),
    "date today": ("aggregate", {"date": "today"}, "date"),
    "date of year 1": ("aggregate", {"date": "0001-01-01", "period": "12mo"}, "date"),
    "custom without date": ("aggregate", {"period": "custom", "date": None}, "date"),
    "custom with one date": ("aggregate", {"period": "custom"}, "date"),
    "custom with three": ("aggregate", {"period": "custom", "date": "2025-01-01,2025-01-02,2025-01-03"}, "date"),
    "metric twice": ("aggregate", {"metrics": "visitors,visitors"}, "metrics"),
    "metric of v2": ("aggregate", {"metrics": "percentage"}, "metrics"),
    "no metric": ("aggregate", {"metrics": ""}, "metrics"),
    "unknown property in a filter": ("aggregate", {"filters": "badprop==1"}, "badprop"),
    "goal in a filter": ("aggregate", {"filters": "event:goal==Nope"}, "event:goal"),
    "filters neither": ("aggregate", {"filters": "[1"}, "filters"),
    "filters a tree": ("aggregate", {"filters": '[["not",["is","event:page",["/"]]]]'}, "filters"),
    "visits of a name": ("aggregate", {"metrics": "visits", "filters": "event:name==Signup"}, "visits"),
    "bounces of a property": ("aggregate", {"metrics": "bounce_rate", "filters": "event:props:a==b"}, "bounce_rate"),
    "views of a page": ("aggregate", {"metrics": "views_per_visit", "filters": "event:page==/"}, "views_per_visit"),
    "interval week": ("timeseries", {"interval": "week"}, "interval"),
    "no property": ("breakdown", {}, "property"),
    "hostname": ("breakdown", {"property": "event:hostname"}, "property"),
    "screen": ("breakdown", {"property": "visit:screen"}, "property"),
    "country name": ("breakdown", {"property": "visit:country_name"}, "property"),
    "visits of goals": ("breakdown", {"property": "event:goal", "metrics": "visits"}, "event:goal"),
    "views broken down": ("breakdown", {"property": "visit:os", "metrics": "views_per_visit"}, "views_per_visit"),
    "limit 1001": ("breakdown", {"property": "visit:os", "limit": 1001}, "limit"),
    "limit 0": ("breakdown", {"property": "visit:os", "limit": 0}, "limit"),
    "limit x": ("breakdown", {"property": "visit:os", "limit": "x"}, "limit"),
    "limit ²": ("breakdown", {"property": "visit:os", "limit": "²"}, "limit"),
    "page 0": ("breakdown", {"property": "visit:os", "page": 0}, "page"),
    "page beyond numbers": ("breakdown", {"property": "visit:os", "page": "9" * 30}, "page"),
}


@pytest.mark.parametrize(("path", "asked", "named"), REFUSED.values(), ids=REFUSED.keys())
def test_c80_bad_requests_are_answered_400_and_named(
    asker: Asker, path: str, asked: dict[str, Any], named: str
) -> None:
    status, body = asker.get(path, **asked)
    assert status == 400
    assert list(body) == ["error"]
    assert named in body["error"]


@pytest.mark.parametrize("path", ["aggregate", "timeseries", "breakdown", "realtime/visitors"])
def test_without_a_site_it_is_400_and_without_access_401(asker: Asker, path: str) -> None:
    nobody = Asker(asker.site, "wrong", asker.store)
    assert asker.get(path, site_id=None)[0] == 400
    assert nobody.get(path, site_id="")[0] == 400
    assert nobody.get(path)[0] == 401
    assert asker.get(path, site_id="no-such.example")[0] == 401

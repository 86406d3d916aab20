"""Imported daily totals in queries: worked cases C68 and C69, and what each rule of the contract's 5.2 says."""

from collections.abc import Mapping
from typing import Any
from unittest import mock

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from stats.store.client import EventStore
from tests.stats.query.asking import Asker, with_goals
from tests.stats.query.imported import with_totals
from tests.stats.query.recorded import custom, engagement, pageview

IMPORTS: dict[str, Any] = {"include": {"imports": True}}
EVERYTHING = "visitors visits pageviews events bounce_rate visit_duration views_per_visit"


@pytest.fixture
def c68(asker: Asker) -> Asker:
    """Two visits by two users, one bounce and one of 60 s with two pageviews; and the visitors of the same day."""
    asker.record(pageview("09:00", "u1"), pageview("10:00", "u2"), pageview("10:01", "u2", "/b"))
    return with_totals(asker, visitors="visitors,visits,pageviews,bounces,visit_duration\n3,4,10,1,400")


def meta(asker: Asker, metrics: str = "visitors", dimensions: str = "", **more: Any) -> dict[str, Any]:
    """Return an answer's meta."""
    found: dict[str, Any] = asker.ask(metrics.split(), dimensions.split(), **IMPORTS, **more)["meta"]
    return found


def test_c68_totals_merge_by_the_formula_of_each_metric(c68: Asker) -> None:
    assert c68.total(EVERYTHING) == [2, 2, 3, 3, 50, 30, 1.5]
    assert c68.total(EVERYTHING, **IMPORTS) == [5, 6, 13, 13, 33.0, 77.0, 2.17]
    assert meta(c68) == {"imports_included": True}


def test_c68_holds_on_v1(c68: Asker) -> None:
    metrics = EVERYTHING.replace(" ", ",")
    own = {name: cell["value"] for name, cell in c68.v1("aggregate", metrics=metrics).items()}
    merged = {name: cell["value"] for name, cell in c68.v1("aggregate", metrics=metrics, with_imported="true").items()}
    assert list(own.values()) == [2, 2, 3, 3, 50, 30, 1.5]
    assert list(merged.values()) == [5, 6, 13, 13, 33, 77, 2.17]
    assert c68.v1("aggregate", metrics=metrics, with_imported="yes") == c68.v1("aggregate", metrics=metrics)


def test_c69_hourly_queries_stay_native_and_say_why(c68: Asker) -> None:
    body = c68.ask(["visitors"], ["time:hour"], **IMPORTS)
    assert [(row["dimensions"], row["metrics"]) for row in body["results"]] == [
        (["2025-03-10 09:00:00"], [1]),
        (["2025-03-10 10:00:00"], [1]),
    ]
    assert {key: body["meta"][key] for key in ("imports_included", "imports_skip_reason")} == {
        "imports_included": False,
        "imports_skip_reason": "unsupported_interval",
    }
    assert body["meta"]["imports_warning"]


def test_c69_site_without_imports_says_so_without_a_warning(asker: Asker) -> None:
    asker.record(pageview("09:00", "u1"))
    assert meta(asker) == {"imports_included": False, "imports_skip_reason": "no_imported_data"}
    assert meta(asker, "visitors", "time:hour") == {
        "imports_included": False,
        "imports_skip_reason": "no_imported_data",
    }


def test_imports_of_other_days_are_out_of_range(c68: Asker) -> None:
    for day in ("2025-03-09", "2025-03-11"):
        assert meta(c68, "visitors", "time:hour", date_range=[day, day]) == {
            "imports_included": False,
            "imports_skip_reason": "out_of_range",
        }


IS_GOAL = ["is", "event:goal", ["Signup"]]
IS_PAGE_GOAL = ["is", "event:goal", ["Visit /blog/*"]]
IS_OUTBOUND = ["is", "event:name", ["Outbound Link: Click"]]
GOALS: list[dict[str, Any]] = [
    {"event_name": "Signup"},
    {"event_name": "Pro", "custom_props": {"plan": "pro"}},
    {"event_name": "Outbound Link: Click"},
    {"event_name": "404"},
    {"page_path": "/blog/*"},
    {"page_path": "/blog/*", "display_name": "Deep read", "scroll_threshold": 75},
]


TOLD: list[tuple[str, list[Any]]] = [
    ("", []),
    ("time:day", []),
    ("time:week", [["is", "visit:source", ["Google"]]]),
    ("visit:utm_source", [["is", "visit:source", ["Google"]], ["not", ["contains", "visit:channel", ["x"]]]]),
    ("event:page event:hostname", []),
    ("event:page", [["contains", "event:hostname", ["a"]]]),
    ("visit:entry_page time:month", []),
    ("visit:exit_page", [["is_not", "visit:exit_page", ["/"]]]),
    ("visit:country visit:city_name", [["or", [["is", "visit:region", ["EE-37"]], ["is", "visit:city", [1]]]]]),
    ("visit:device", [["is", "visit:screen", ["Desktop"]]]),
    ("visit:browser visit:browser_version", []),
    ("visit:os_version", [["is", "visit:os", ["Mac"]]]),
    ("event:name", []),
    ("", [IS_GOAL]),
    ("event:name", [IS_GOAL]),
    ("event:page", [IS_PAGE_GOAL]),
    ("event:goal", []),
    ("event:goal time:day", []),
    ("event:goal", [IS_PAGE_GOAL, ["is", "event:page", ["/blog/a"]]]),
    ("event:goal", [IS_GOAL, ["is", "event:name", ["Signup"]]]),
    ("event:props:url", [IS_OUTBOUND]),
    ("event:props:url", [["is", "event:goal", ["Outbound Link: Click"]]]),
    ("", [IS_OUTBOUND, ["contains", "event:props:url", ["x"]]]),
    ("event:name", [IS_OUTBOUND, ["is", "event:props:url", ["x"]]]),
    ("time:day", [IS_OUTBOUND, ["is", "event:props:url", ["x"]]]),
    ("event:props:path", [["is", "event:goal", ["404"]]]),
]
UNTOLD: list[tuple[str, list[Any]]] = [
    ("visit:source visit:browser", []),
    ("visit:source", [["is", "event:page", ["/"]]]),
    ("", [["is", "visit:source", ["Google"]], ["is", "visit:device", ["Desktop"]]]),
    ("", [["has_done", ["is", "event:page", ["/"]]]]),
    ("", [["not", ["has_not_done", ["is", "event:page", ["/"]]]]]),
    ("visit:entry_page_hostname", []),
    ("", [["is", "visit:exit_page_hostname", ["a"]]]),
    ("", [["is", "event:goal", ["Deep read"]]]),
    ("", [["is", "event:goal", ["Pro"]]]),
    ("", [["is", "event:goal", ["Signup", "Visit /blog/*"]]]),
    ("event:goal", [["contains", "event:goal", ["i"]]]),
    ("event:goal", [IS_GOAL, ["is", "event:page", ["/"]]]),
    ("event:goal", [["is", "event:hostname", ["a"]]]),
    ("event:goal visit:country", []),
    ("event:goal event:page", []),
    ("event:props:plan", []),
    ("", [["is", "event:props:plan", ["pro"]]]),
    ("event:props:url", []),
    ("event:props:path", [IS_OUTBOUND]),
    ("event:props:url", [["is", "event:name", ["Outbound Link: Click", "Signup"]]]),
    ("event:props:url", [["contains", "event:name", ["Outbound Link: Click"]]]),
    ("event:props:url", [["or", [IS_OUTBOUND]]]),
    ("event:props:url event:name", [IS_OUTBOUND]),
    ("event:props:url time:day", [IS_OUTBOUND]),
    ("event:props:url", [IS_OUTBOUND, ["is", "event:page", ["/"]]]),
    ("event:page", [IS_OUTBOUND, ["is", "event:props:url", ["x"]]]),
    ("", [IS_OUTBOUND, ["is", "event:props:url", ["x"]], ["is", "event:props:path", ["y"]]]),
]


def test_what_one_table_can_tell_is_merged(c68: Asker) -> None:
    with_goals(c68, *GOALS)
    found = [(*asked, meta(c68, "visitors", asked[0], filters=asked[1])) for asked in TOLD]
    assert [one for one in found if one[2] != {"imports_included": True}] == []


def test_what_no_single_table_can_tell_stays_native_with_a_warning(c68: Asker) -> None:
    with_goals(c68, *GOALS)
    for dimensions, filters in UNTOLD:
        found = meta(c68, "visitors", dimensions, filters=filters)
        assert found.pop("imports_warning")
        skipped = {"imports_included": False, "imports_skip_reason": "unsupported_query"}
        assert (dimensions, filters, found) == (dimensions, filters, skipped)
        asked = {"filters": filters}
        assert c68.rows("visitors", dimensions, **asked, **IMPORTS) == c68.rows("visitors", dimensions, **asked)


def test_v1_warns_of_shapes_only(c68: Asker, asker: Asker) -> None:
    def warning(path: str, **parameters: str) -> bool:
        status, body = c68.get(path, with_imported="true", **parameters)
        assert status == 200
        return "warning" in body

    hourly = {"metrics": "visitors"}
    assert warning("timeseries", **hourly)
    assert not warning("timeseries", **hourly, interval="day")
    assert not warning("timeseries", **hourly, date="2025-03-09")
    assert warning("aggregate", filters="visit:source==Google;visit:device==Desktop")
    assert not warning("aggregate", filters="visit:source==Google")
    assert warning("breakdown", property="event:props:plan")
    assert not warning("breakdown", property="visit:source")
    assert "warning" not in c68.get("timeseries", metrics="visitors")[1]


def test_groups_of_both_are_ordered_and_paged_together(asker: Asker) -> None:
    asker.record(
        pageview("09:00", "u1", source="Google", channel="Organic Search"),
        pageview("10:00", "u2", channel="Direct"),
        pageview("10:01", "u3", channel="Direct"),
    )
    asker = with_totals(
        asker,
        sources="""source,channel,utm_source,visitors,visits,bounces,visit_duration,pageviews
                   Bing,Organic Search,,4,5,5,0,5
                   Google,Organic Search,news,2,2,0,90,6
                   ,,,1,1,1,0,1
                   Nobody,,,0,3,0,0,3
                   Ghost,,,1,1,0,0,0""",
    )
    rows = asker.rows("visitors visits bounce_rate visit_duration", "visit:source", **IMPORTS)
    assert rows == [
        ("Bing", [4, 5, 100, 0]),
        ("Direct / None", [3, 3, 100, 0]),
        ("Google", [3, 3, 33, 30]),
        ("Ghost", [1, 1, 0, 0]),
    ]
    body = asker.ask(
        ["visitors"],
        ["visit:source"],
        include={"imports": True, "total_rows": True},
        pagination={"limit": 2, "offset": 1},
        order_by=[["visit:source", "desc"]],
    )
    assert [row["dimensions"][0] for row in body["results"]] == ["Ghost", "Direct / None"]
    assert body["meta"] == {"imports_included": True, "total_rows": 4}
    # Rows without pageviews do not count where pageviews are asked for.
    assert asker.rows("pageviews visits", "visit:source", **IMPORTS) == [
        ("Google", [7, 3]),
        ("Bing", [5, 5]),
        ("Direct / None", [3, 3]),
    ]
    channels = asker.rows("visitors", "visit:channel", **IMPORTS)
    assert channels == [("Organic Search", [7]), ("(not set)", [2]), ("Direct", [2])]
    assert asker.rows("visitors", "visit:utm_source", **IMPORTS) == [("(not set)", [3]), ("news", [2])]


def test_unknown_values_are_shown_or_dropped_as_the_contract_says(asker: Asker) -> None:
    asker = with_totals(
        asker,
        sources="source,referrer,visitors\n,,1",
        devices="device,visitors\n,1",
        browsers="browser,browser_version,visitors\n,,1",
        operating_systems="operating_system,operating_system_version,visitors\n,,1",
        locations="country,region,city,visitors\nZZ,,0,5\nEE,EE-37,588409,2\nDE,,,1",
    )
    for name in ("source", "referrer"):
        assert asker.rows("visitors", f"visit:{name}", **IMPORTS) == [("Direct / None", [1])]
    for name in ("device", "screen", "browser", "browser_version", "os", "os_version"):
        assert asker.rows("visitors", f"visit:{name}", **IMPORTS) == [("(not set)", [1])]
    assert asker.rows("visitors", "visit:channel", **IMPORTS) == [("Direct", [1])]  # told from the source that it lacks
    assert asker.rows("visitors", "visit:country", **IMPORTS) == [("EE", [2]), ("DE", [1])]
    assert asker.rows("visitors", "visit:country_name", **IMPORTS) == [("Estonia", [2]), ("Germany", [1])]
    assert asker.rows("visitors", "visit:region", **IMPORTS) == [("EE-37", [2])]
    assert asker.rows("visitors", "visit:city", **IMPORTS) == [(588409, [2])]
    assert asker.total("visitors", filters=[["is", "visit:country", ["EE"]]], **IMPORTS) == [2]
    found = asker.v1("breakdown", property="visit:country", with_imported="true")
    assert found == [{"country": "EE", "visitors": 2}, {"country": "DE", "visitors": 1}]


def test_pages_take_rates_of_visits_from_landings_and_add_totals_before_dividing(asker: Asker) -> None:
    asker.record(
        pageview("09:00", "u1", "/a"),
        engagement("09:01", "u1", "/a", scroll_depth=40, seconds=60),
        pageview("09:02", "u1", "/b"),
    )
    asker = with_totals(
        asker,
        pages="""hostname,page,visits,visitors,pageviews,total_scroll_depth,total_scroll_depth_visits,total_time_on_page,total_time_on_page_visits
                 shop.example,/a,3,2,4,200,2,30,2
                 shop.example,/c,1,1,1,0,0,0,0""",
        entry_pages="""entry_page,visitors,entrances,visit_duration,bounces,pageviews
                       /a,2,3,120,2,5
                       /z,1,1,0,1,1""",
    )
    rows = asker.rows(
        "visitors visits pageviews events bounce_rate visit_duration scroll_depth time_on_page", "event:page", **IMPORTS
    )
    # /a: (2 + 0) of 4 visits bounced, (120 + 120) / 4 s, depth (200 + 40) / 3, time (30 + 60) / 3.
    assert rows == [
        ("/a", [3, 4, 5, 5, 50, 60, 80, 30]),
        ("/b", [1, 1, 1, 1, 0, 0, None, None]),
        ("/c", [1, 1, 1, 1, 0, 0, None, None]),
    ]
    only_of_visits = asker.rows("bounce_rate", "event:page", order_by=[["event:page", "asc"]], **IMPORTS)
    assert only_of_visits == [("/a", [50]), ("/z", [100])]
    filtered = {"filters": [["is", "event:page", ["/a"]]]}
    assert asker.total("visitors scroll_depth time_on_page bounce_rate", **filtered, **IMPORTS) == [3, 80, 30, 0]
    # The table of pages knows no durations: its visits do not dilute that of our own.
    assert asker.total("visits visit_duration", **filtered, **IMPORTS) == [4, 120]
    # Nobody knows the landings of a host, so rates of visits stay those of our own.
    by_host = {"filters": [["is", "event:hostname", ["shop.example"]]]}
    assert asker.rows("visitors bounce_rate", "event:page", **by_host, **IMPORTS)[0] == ("/a", [3, 0])


def test_scroll_depth_of_imports_without_any_is_warned_of(c68: Asker) -> None:
    body = c68.ask(["scroll_depth"], ["event:page"], **IMPORTS)
    assert body["meta"]["imports_included"] is True
    assert body["meta"]["metric_warnings"]["scroll_depth"]["code"] == "no_imported_scroll_depth"
    assert "metric_warnings" not in c68.ask(["scroll_depth"], ["event:page"])["meta"]


def test_denominators_gain_imported_visitors_with_their_query(asker: Asker) -> None:
    asker = with_goals(asker, {"event_name": "Signup"}, {"page_path": "/blog/*"}, {"event_name": "Pro"})
    asker.record(
        pageview("09:00", "u1", "/blog/x", source="Google"),
        custom("09:01", "u1", "Signup"),
        pageview("10:00", "u2", source="Google"),
    )
    asker = with_totals(
        asker,
        visitors="visitors,visits,pageviews\n6,6,6",
        sources="source,visitors,pageviews\nGoogle,3,3\nBing,3,3",
        pages="page,visitors,pageviews\n/blog/x,2,4\n/blog/y,1,1\n/,5,5",
        custom_events="name,visitors,events\nSignup,3,5\nOther,1,1",
    )
    assert asker.rows("visitors percentage", "visit:source", **IMPORTS) == [
        ("Google", [5, 62.5]),
        ("Bing", [3, 37.5]),
    ]
    assert asker.rows("visitors events pageviews conversion_rate", "event:goal", **IMPORTS) == [
        ("Signup", [4, 6, 0, 50]),
        ("Visit /blog/*", [4, 6, 6, 50]),
    ]
    signed_up = {"filters": [IS_GOAL]}
    assert asker.total("visitors events conversion_rate", **signed_up, **IMPORTS) == [4, 6, 50]
    assert asker.total("visitors percentage", **signed_up, **IMPORTS) == [4, 100]
    assert asker.total("visitors events", filters=[IS_PAGE_GOAL], **IMPORTS) == [4, 6]
    by_name = asker.rows("visitors events group_conversion_rate", "event:name", **signed_up, **IMPORTS)
    assert by_name == [("Signup", [4, 6, 100])]


def test_links_and_paths_are_told_by_the_events_that_have_them(asker: Asker) -> None:
    asker.record(custom("09:00", "u1", "Outbound Link: Click", props={"url": "https://a.example/"}))
    asker = with_totals(
        asker,
        custom_events="""name,link_url,path,visitors,events
                         Outbound Link: Click,https://a.example/,,2,3
                         Outbound Link: Click,https://b.example/,,1,1
                         Outbound Link: Click,,,1,1
                         404,,/gone,4,4""",
    )
    rows = asker.rows("visitors events", "event:props:url", filters=[IS_OUTBOUND], **IMPORTS)
    assert rows == [("https://a.example/", [3, 4]), ("(none)", [1, 1]), ("https://b.example/", [1, 1])]
    found = {"filters": [IS_OUTBOUND, ["contains", "event:props:url", ["a.example"]]]}
    assert asker.total("visitors events", **found, **IMPORTS) == [3, 4]
    lost = {"filters": [["is", "event:name", ["404"]]]}
    assert asker.rows("events", "event:props:path", **lost, **IMPORTS) == [("/gone", [4])]


def test_days_weeks_and_months_hold_imported_days(asker: Asker) -> None:
    asker.record(pageview("2025-03-10 09:00", "u1"))
    asker = with_totals(
        asker,
        first="2025-01-01",
        last="2025-03-31",
        visitors="visitors,pageviews\n2025-02-28,3,3\n2025-03-01,2,2\n2025-03-05,1,1\n2025-03-10,1,1\n2025-03-11,9,9",
    )
    span = {"date_range": ["2025-02-01", "2025-03-31"], **IMPORTS}
    assert asker.rows("visitors", "time:month", **span) == [("2025-02-01", [3]), ("2025-03-01", [5])]
    week = {"date_range": ["2025-03-05", "2025-03-31"], **IMPORTS}
    assert asker.rows("visitors pageviews", "time:week", **week) == [("2025-03-05", [1, 1]), ("2025-03-10", [2, 2])]
    everything = asker.ask(["visitors"], ["time:day"], date_range="all", **IMPORTS)
    assert everything["results"][0] == {"dimensions": ["2025-02-28"], "metrics": [3]}
    assert everything["query"]["date_range"][0] == "2025-02-28T00:00:00Z"
    compared = asker.v1(
        "aggregate",
        period="custom",
        date="2025-03-03,2025-03-10",
        compare="previous_period",
        with_imported="true",
    )
    assert compared["visitors"] == {"value": 3, "comparison_value": 5, "change": -40}
    filled = asker.v1("timeseries", period="custom", date="2025-03-09,2025-03-10", with_imported="true")
    assert [row["visitors"] for row in filled] == [0, 2]


def test_asking_a_site_without_imports_for_them_costs_no_statement(
    asker: Asker,
) -> None:
    asker.record(pageview("09:00", "u1"))
    asked: list[tuple[str, object]] = []
    read = EventStore.read_rows

    def collect(store: EventStore, sql: str, parameters: Mapping[str, object] | None = None, **more: Any) -> Any:
        asked.append((sql, parameters))
        return read(store, sql, parameters, **more)

    def statements(**more: Any) -> tuple[list[tuple[str, object]], int]:
        asked.clear()
        with CaptureQueriesContext(connection) as queries, mock.patch.object(EventStore, "read_rows", collect):
            asker.ask(["visitors", "bounce_rate", "percentage"], ["visit:source"], **more)
        return list(asked), len(queries)

    statements()  # a key notes its first use
    plain = statements()
    assert len(plain[0]) == 1
    assert statements(**IMPORTS) == plain
    asker = with_totals(asker, visitors="visitors\n3")
    assert statements() == plain
    merged = statements(**IMPORTS)
    assert (len(merged[0]), merged[1]) == (1, plain[1])
    assert "imported_aggregates" in merged[0][0][0]


def test_revenue_and_realtime_know_no_imports(c68: Asker) -> None:
    with_goals(c68, {"event_name": "Purchase", "currency": "USD"})
    asked = {"filters": [["is", "event:goal", ["Purchase"]]]}
    assert c68.total("total_revenue", **asked, **IMPORTS) == c68.total("total_revenue", **asked)
    assert c68.get("realtime/visitors", period=None, date=None) == (200, 0)

"""Time on page and scroll depth: the contract's worked cases, and v1's restrictions."""

from typing import Any

import pytest

from tests.stats.query.asking import Asker
from tests.stats.query.recorded import DAY, custom, engagement, pageview


def test_c19_engagement_belongs_to_its_page_and_nulls_come_last(fixture_a: Asker) -> None:
    assert fixture_a.rows("scroll_depth time_on_page visitors", "event:page") == [
        ("/blog/b", [90, 90, 1]),
        ("/blog/a", [60, 45, 2]),
        ("/", [None, None, 1]),
        ("/pricing", [None, None, 3]),
    ]
    ascending = fixture_a.rows("time_on_page", "event:page", order_by=[["time_on_page", "asc"]])
    assert [row[0] for row in ascending] == ["/blog/a", "/blog/b", "/", "/pricing"]


def test_c20_a_visit_counts_once_over_several_pages(fixture_a: Asker) -> None:
    filters = [["contains", "event:page", ["/blog/"]]]
    assert fixture_a.total("scroll_depth time_on_page", filters=filters) == [85, 90]


def test_c21_scroll_depth_splits_by_source(fixture_a: Asker) -> None:
    rows = fixture_a.rows("visitors scroll_depth", "visit:source", filters=[["is", "event:page", ["/blog/a"]]])
    assert rows == [("Direct / None", [1, 80]), ("Twitter", [1, 40])]


def test_c63_engagement_after_midnight_counts_on_its_own_day(asker: Asker) -> None:
    asker.record(pageview("2025-03-10 23:50", "u1"), engagement("2025-03-11 00:05", "u1", "/", 70, 5))
    day = {"date_range": ["2025-03-11", "2025-03-11"]}
    assert asker.total("visitors visits", **day) == [0, 0]
    assert asker.total("visitors visits pageviews events", **day) == [1, 1, 0, 0]
    assert asker.rows("visitors time_on_page scroll_depth", "event:page", **day) == [("/", [1, 5, 70])]


def test_counts_beside_page_metrics_stay_what_they_are(fixture_a: Asker) -> None:
    counts = "visitors visits pageviews events percentage"
    for more in ({"filters": [["contains", "event:page", ["/"]]]}, {}):
        plain = fixture_a.rows(counts, "event:page", **more)
        with_depth = fixture_a.rows(f"{counts} scroll_depth time_on_page", "event:page", **more)
        assert [(page, cells[:5]) for page, cells in with_depth] == plain
    total = fixture_a.total(counts, filters=[["contains", "event:page", ["/blog"]]])
    both = fixture_a.total(f"{counts} time_on_page", filters=[["contains", "event:page", ["/blog"]]])
    assert (both[:5], total[4]) == (total, 100.0)


def test_session_metrics_beside_page_metrics_join_on_the_entry_page(fixture_a: Asker) -> None:
    rows = fixture_a.rows("bounce_rate time_on_page", "event:page", order_by=[["event:page", "asc"]])
    assert rows == [("/", [0, None]), ("/blog/a", [50, 45]), ("/blog/b", [0, 90]), ("/pricing", [100, None])]


def test_unknown_depth_and_rounding(asker: Asker) -> None:
    asker.record(
        pageview("09:00", "deep"),
        engagement("09:01", "deep", "/", 255, 1),
        engagement("09:02", "deep", "/", 20, 1),
        engagement("09:03", "deep", "/", 25, 0),
        pageview("09:00", "shallow"),
        engagement("09:01", "shallow", "/", 0, 3),
        pageview("09:00", "unknown"),
        engagement("09:01", "unknown", "/", 255, 0),
        pageview("09:00", "silent"),
    )
    assert asker.rows("scroll_depth time_on_page visitors", "event:page") == [("/", [12, 2, 4])]
    asker.record(pageview("10:00", "new", "/none"), engagement("10:01", "new", "/none", 255, 0))
    only = {"filters": [["is", "event:page", ["/none"]]]}
    assert asker.total("scroll_depth time_on_page", **only) == [None, 0]


def test_nothing_selected_is_null(asker: Asker) -> None:
    asker.record(custom("09:00", "u", "Signup", "/a"))
    for path in ("/a", "/none"):
        assert asker.total("time_on_page scroll_depth", filters=[["is", "event:page", [path]]]) == [None, None]


def test_hours_with_visits_only_have_null_page_metrics(asker: Asker) -> None:
    asker.record(
        pageview("08:40", "u", "/a"), engagement("08:45", "u", "/a", 50, 7), custom("09:05", "u", "Signup", "/b")
    )
    rows = asker.rows("time_on_page scroll_depth visit_duration", "time:hour", filters=[["is", "event:page", ["/a"]]])
    assert rows == [("2025-03-10 08:00:00", [7, 50, 0]), ("2025-03-10 09:00:00", [None, None, 1500])]


def test_time_on_page_takes_a_page_filter_at_any_depth(fixture_a: Asker) -> None:
    nested = ["or", [["is", "event:page", ["/blog/a"]], ["is", "event:page", ["/none"]]]]
    assert fixture_a.total("time_on_page", filters=[nested]) == [45]


NESTED = ["not", ["is", "event:page", ["/"]]]
REFUSED_BY_V2: dict[str, dict[str, Any]] = {
    "depth without page": {"metrics": ["scroll_depth"]},
    "depth by source": {"metrics": ["scroll_depth"], "dimensions": ["visit:source"]},
    "depth under a nested page filter": {"metrics": ["scroll_depth"], "filters": [NESTED]},
    "time without page": {"metrics": ["time_on_page"]},
    "time by exit page": {"metrics": ["time_on_page"], "dimensions": ["event:page", "visit:exit_page"]},
}


@pytest.mark.parametrize("change", REFUSED_BY_V2.values(), ids=REFUSED_BY_V2.keys())
def test_v2_refuses_page_metrics_without_a_page(asker: Asker, change: dict[str, Any]) -> None:
    status, body = asker.post(change)
    assert (status, change["metrics"][0] in body["error"]) == (400, True)


def test_v1_knows_time_on_page_of_pages(fixture_a: Asker) -> None:
    by_page = fixture_a.v1("breakdown", property="event:page", metrics="time_on_page,visitors")
    assert by_page == [
        {"page": "/pricing", "time_on_page": None, "visitors": 3},
        {"page": "/blog/a", "time_on_page": 45, "visitors": 2},
        {"page": "/", "time_on_page": None, "visitors": 1},
        {"page": "/blog/b", "time_on_page": 90, "visitors": 1},
    ]
    page = {"metrics": "time_on_page", "filters": "event:page==/blog/*"}
    assert fixture_a.v1("aggregate", **page) == {"time_on_page": {"value": 90}}
    compared = fixture_a.v1("aggregate", **page, compare="previous_period")
    assert compared == {"time_on_page": {"value": 90, "comparison_value": None, "change": None}}
    series = fixture_a.v1("timeseries", **page, period="custom", date=f"2025-03-09,{DAY}")
    assert series == [{"date": "2025-03-09", "time_on_page": None}, {"date": DAY, "time_on_page": 90}]


@pytest.mark.parametrize(
    ("path", "parameters"),
    [
        ("aggregate", {}),
        ("aggregate", {"filters": "visit:source==Google"}),
        ("aggregate", {"filters": "event:page==/;event:name==Signup"}),
        ("aggregate", {"filters": "event:page==/;event:goal==Signup"}),
        ("timeseries", {}),
        ("breakdown", {"property": "visit:source", "filters": "event:page==/"}),
        ("breakdown", {"property": "event:name", "filters": "event:page==/"}),
        ("breakdown", {"property": "event:page", "filters": "event:name==pageview"}),
    ],
)
def test_v1_restricts_time_on_page(asker: Asker, path: str, parameters: dict[str, str]) -> None:
    status, body = asker.get(path, metrics="time_on_page", **parameters)
    assert (status, "time_on_page" in body["error"]) == (400, True)


def test_v1_does_not_know_scroll_depth(asker: Asker) -> None:
    status, body = asker.get("breakdown", property="event:page", metrics="scroll_depth")
    assert (status, "scroll_depth" in body["error"]) == (400, True)

"""Retention over HTTP: cases that a reader can count, periods, and what is refused."""

from typing import Any

import pytest
import time_machine

from accounts.models import Site
from stats.store.client import EventStore
from tests.stats.query.asking import Asker, new_asker, with_goals
from tests.stats.query.recorded import custom, engagement, pageview

# Three weeks of March 2025; the 3rd, 10th and 17th are Mondays. ann comes weekly, ben skips one, cas comes once.
WEEKS = (
    pageview("2025-03-05 09:00", "ann", source="News"),
    pageview("2025-03-12 09:00", "ann"),
    custom("2025-03-16 09:00", "ann", "Purchase"),
    pageview("2025-03-17 09:00", "ann"),
    pageview("2025-03-09 23:59:59", "ben"),
    pageview("2025-03-23 09:00", "ben"),
    pageview("2025-03-10 00:00", "cas"),
    custom("2025-03-11 00:00", "dan", "Purchase"),
    pageview("2025-03-11 09:00", "dan"),
    pageview("2025-03-18 09:00", "dan"),
    custom("2025-03-19 09:00", "dan", "Purchase"),
)
THREE_WEEKS = ["2025-03-03", "2025-03-23"]


@pytest.fixture
def asker(store: EventStore, db: None) -> Asker:
    return with_goals(new_asker(store), {"event_name": "Purchase"})


def cohorts(asker: Asker, **more: Any) -> list[tuple[str, int, list[int]]]:
    """Return label, size and how many came back in each period."""
    rows = asker.analysed("retention", **{"date_range": THREE_WEEKS, **more})
    return [(row["cohort"], row["visitors"], [one["visitors"] for one in row["returned"]]) for row in rows]


def test_cohorts_by_week(asker: Asker) -> None:
    asker.record(*WEEKS)
    status, body = asker.analyse("retention", date_range=THREE_WEEKS)
    assert status == 200
    assert list(body) == ["results", "meta", "query"]
    assert [one["code"] for one in body["meta"]["warnings"]] == ["visitor_ids_last_one_day"]
    assert body["results"][0] == {
        "cohort": "2025-03-03",
        "visitors": 2,
        "returned": [
            {"period": 0, "label": "2025-03-03", "visitors": 2, "percentage": 100.0},
            {"period": 1, "label": "2025-03-10", "visitors": 1, "percentage": 50.0},
            {"period": 2, "label": "2025-03-17", "visitors": 2, "percentage": 100.0},
        ],
    }
    assert cohorts(asker) == [
        ("2025-03-03", 2, [2, 1, 2]),
        ("2025-03-10", 2, [2, 1]),
        ("2025-03-17", 0, [0]),
    ]


def test_first_and_returning_events(asker: Asker) -> None:
    asker.record(*WEEKS)
    buying, seeing = "Purchase", ["is", "event:name", ["pageview"]]
    assert cohorts(asker, first=buying) == [
        ("2025-03-03", 0, [0, 0, 0]),
        ("2025-03-10", 2, [2, 2]),
        ("2025-03-17", 0, [0]),
    ]
    # In week one dan's view comes after his purchase, ann's before hers.
    assert cohorts(asker, first=buying, returning=seeing)[1] == ("2025-03-10", 2, [1, 2])
    assert cohorts(asker, returning=buying) == [
        ("2025-03-03", 2, [0, 1, 0]),
        ("2025-03-10", 2, [1, 1]),
        ("2025-03-17", 0, [0]),
    ]
    assert cohorts(asker, first=seeing, returning={"filter": ["is", "event:goal", [buying]], "label": "Buys"})[1] == (
        "2025-03-10",
        2,
        [0, 1],
    )


def test_filters_choose_events(asker: Asker) -> None:
    asker.record(*WEEKS)
    assert cohorts(asker, filters=[["is", "visit:source", ["News"]]])[0] == ("2025-03-03", 1, [1, 0, 0])
    assert cohorts(asker, filters=[["has_done", ["is", "event:goal", ["Purchase"]]]]) == [
        ("2025-03-03", 0, [0, 0, 0]),
        ("2025-03-10", 2, [2, 1]),
        ("2025-03-17", 0, [0]),
    ]


def test_sizes_add_up_to_the_visitors_of_a_query(asker: Asker) -> None:
    asker.record(*WEEKS, pageview("2025-03-02 23:50", "eve"), engagement("2025-03-03 00:05", "eve", seconds=9))
    (visitors, _) = asker.total("visitors pageviews", date_range=THREE_WEEKS)
    assert sum(size for _, size, _ in cohorts(asker)) == visitors == 5


def test_periods_are_of_the_site_s_zone_and_cut_by_the_range(store: EventStore, db: None) -> None:
    asker = new_asker(store, "America/New_York")
    asker.record(
        pageview("2025-03-10 03:59:59", "u"),  # Sunday there, by one second; clocks went forward that day
        pageview("2025-03-10 04:00", "u"),
        pageview("2025-04-01 03:59:59", "u"),
    )
    asked = ["2025-03-08", "2025-04-01"]
    assert [row[:2] for row in cohorts(asker, date_range=asked)] == [
        *[("2025-03-08", 1), ("2025-03-10", 0), ("2025-03-17", 0), ("2025-03-24", 0), ("2025-03-31", 0)]
    ]
    assert cohorts(asker, date_range=asked)[0][2] == [1, 1, 0, 0, 1]
    assert cohorts(asker, date_range=asked, interval="month") == [("2025-03-01", 1, [1, 0]), ("2025-04-01", 0, [0])]
    assert cohorts(asker, date_range=["2025-03-09", "2025-03-10"], interval="day") == [
        ("2025-03-09", 1, [1, 1]),
        ("2025-03-10", 0, [0]),
    ]
    assert cohorts(
        asker, date_range=["2025-03-09", "2025-03-10"], interval="day", first=["is", "event:page", ["/"]]
    ) == [
        ("2025-03-09", 1, [1, 1]),
        ("2025-03-10", 0, [0]),
    ]


@time_machine.travel("2025-03-12T12:00:00Z", tick=False)
def test_periods_that_have_not_begun_are_left_out(asker: Asker) -> None:
    asker.record(pageview("2025-03-12 09:00", "u"))
    assert cohorts(asker, date_range="month") == [
        ("2025-03-01", 0, [0, 0, 0]),
        ("2025-03-03", 0, [0, 0]),
        ("2025-03-10", 1, [1]),
    ]
    assert cohorts(asker, date_range=["2025-03-13", "2025-03-20"]) == []
    assert cohorts(asker, date_range="all", interval="day") == [("2025-03-12", 1, [1])]


def test_kept_ids_need_no_warning_and_the_echo_gives_the_same(asker: Asker) -> None:
    asker.record(*WEEKS)
    Site.objects.filter(pk=asker.site.id).update(visitor_ids="persistent")
    asked = {
        "date_range": THREE_WEEKS,
        "interval": "week",
        "first": "Purchase",
        "returning": ["is", "event:page", ["/"]],
    }
    status, body = asker.analyse("retention", **asked)
    assert (status, body["meta"]) == (200, {})
    assert asker.analyse("retention", **body["query"]) == (200, body)


def test_visits_without_the_site_s_reset_and_of_changed_zones(store: EventStore, db: None) -> None:
    asker = new_asker(store)
    asker.record(*WEEKS)
    Site.objects.filter(pk=asker.site.id).update(stats_reset_at="2025-03-10T00:00:00Z")
    assert cohorts(asker) == [
        ("2025-03-03", 0, [0, 0, 0]),
        ("2025-03-10", 3, [3, 2]),
        ("2025-03-17", 1, [1]),
    ]
    Site.objects.filter(pk=asker.site.id).update(
        stats_reset_at=None, timezone="Asia/Tokyo", timezone_changed_at="2025-03-24T00:00:00Z"
    )
    assert cohorts(asker) == [("2025-03-03", 1, [1, 1, 1]), ("2025-03-10", 3, [3, 2]), ("2025-03-17", 0, [0])]


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "interval": ({"interval": "year"}, "interval"),
    "interval of no text": ({"interval": 7}, "interval"),
    "unknown goal": ({"first": "Nope"}, "first"),
    "step of visits": ({"returning": ["is", "visit:os", ["Mac"]]}, "returning"),
    "step of no shape": ({"returning": None}, "returning"),
    "too many periods": ({"interval": "day", "date_range": ["2024-01-01", "2025-01-02"]}, "date_range"),
    "unknown member": ({"dimensions": []}, "dimensions"),
    "page": ({"pagination": {"limit": 1}}, "pagination"),
    "total rows": ({"include": {"total_rows": True}}, "include.total_rows"),
    "range": ({"date_range": None}, "date_range"),
    "filter": ({"filters": [["is", "visit:os", [1]]]}, "filters[0][2]"),
}


@pytest.mark.parametrize(("change", "path"), REFUSED.values(), ids=REFUSED.keys())
def test_faults_are_400_and_name_their_place(asker: Asker, change: dict[str, Any], path: str) -> None:
    status, body = asker.analyse("retention", **change)
    assert (status, list(body)) == (400, ["error"])
    assert body["error"].startswith(f"{path}: ")

"""Shares of visitors: percentage, by the contract's worked cases and around their edges."""

import pytest

from tests.stats.query.asking import Asker
from tests.stats.query.fixtures import FIXTURE_B
from tests.stats.query.recorded import engagement, pageview


def test_c07_percentage_is_of_all_visitors(fixture_a: Asker) -> None:
    rows = fixture_a.rows("visitors percentage", "visit:country")
    assert rows == [("EE", [2, 50.0]), ("DE", [1, 25.0]), ("US", [1, 25.0])]


def test_c08_percentages_of_pages_add_to_more_than_all(fixture_a: Asker) -> None:
    filters = [["is", "visit:country", ["EE"]]]
    rows = fixture_a.rows("visitors percentage", "event:page", filters=filters)
    assert rows == [("/blog/a", [2, 100.0]), ("/", [1, 50.0]), ("/blog/b", [1, 50.0]), ("/pricing", [1, 50.0])]


def test_c46_percentage_of_nobody_is_null_though_a_visit_lasts_through_the_range(asker: Asker) -> None:
    asker.record(*FIXTURE_B)
    instants = ["2025-03-10T23:45:00Z", "2025-03-10T23:50:00Z"]
    assert asker.total("percentage", date_range=instants) == [None]
    assert asker.total("visitors percentage", date_range=instants) == [1, None]
    assert asker.total("visitors pageviews percentage", date_range=instants) == [0, 0, None]


@pytest.mark.parametrize("metrics", ["percentage", "percentage pageviews", "percentage bounce_rate"])
def test_percentage_of_everybody_is_a_hundred_and_null_without_anybody(fixture_a: Asker, metrics: str) -> None:
    assert fixture_a.total(metrics)[0] == 100.0
    assert fixture_a.total(metrics, filters=[["is", "event:page", ["/none"]]])[0] is None


def test_percentages_round_half_to_two_digits(asker: Asker) -> None:
    asker.record(pageview("09:00", "u1", source="Google"), pageview("09:00", "u2"), pageview("09:00", "u3"))
    assert asker.rows("percentage", "visit:source") == [("Direct / None", [66.67]), ("Google", [33.33])]


@pytest.mark.parametrize(
    "metrics", ["percentage", "percentage pageviews", "percentage bounce_rate", "percentage events"]
)
def test_percentage_needs_both_tables_nowhere(fixture_a: Asker, metrics: str) -> None:
    rows = fixture_a.rows(metrics, "visit:source", order_by=[["percentage", "asc"], ["visit:source", "desc"]])
    assert [(row[0], row[1][0]) for row in rows] == [("Twitter", 25.0), ("Google", 50.0), ("Direct / None", 50.0)]


def test_percentage_by_hour_follows_visits_that_span_hours(asker: Asker) -> None:
    asker.record(pageview("08:50", "v1"), pageview("09:15", "v1"), pageview("09:20", "v2"))
    assert asker.rows("percentage", "time:hour") == [
        ("2025-03-10 08:00:00", [50.0]),
        ("2025-03-10 09:00:00", [100.0]),
    ]
    joined = asker.rows("percentage pageviews visit_duration", "time:hour")
    assert joined == [("2025-03-10 08:00:00", [50.0, 1, 0]), ("2025-03-10 09:00:00", [100.0, 2, 750])]


def test_percentage_under_an_entry_page_filter_counts_events_of_those_visits(fixture_a: Asker) -> None:
    filters = [["is", "visit:entry_page", ["/blog/a"]]]
    assert fixture_a.rows("percentage", "visit:source", filters=filters) == [
        ("Direct / None", [50.0]),
        ("Twitter", [50.0]),
    ]
    assert fixture_a.rows("percentage", "visit:exit_page", filters=filters) == [
        ("/blog/a", [50.0]),
        ("/blog/b", [50.0]),
    ]


def test_percentage_counts_those_who_only_stayed_in_its_denominator(asker: Asker) -> None:
    asker.record(
        pageview("2025-03-10 23:50", "stays"),
        engagement("2025-03-11 00:05", "stays"),
        pageview("2025-03-11 10:00", "u"),
    )
    day = {"date_range": ["2025-03-11", "2025-03-11"]}
    assert asker.total("visitors percentage", **day) == [1, 50.0]


def test_percentage_is_unknown_to_v1(asker: Asker) -> None:
    status, body = asker.get("aggregate", metrics="percentage")
    assert (status, "percentage" in body["error"]) == (400, True)

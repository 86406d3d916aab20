"""A visit's replaced states count nowhere while the store has not merged them away."""

from collections.abc import Iterator
from datetime import date

import pytest

from analytics_project import clock
from stats.query.build import build_query
from stats.query.dimensions import DIMENSIONS
from stats.query.run import run_query
from stats.query.types import AllOf, DatePair, Filter, Leaf, Not, Operator, QueryParams, Row
from stats.store.client import EventStore
from tests.stats.query.asking import Asker, new_asker
from tests.stats.query.fixtures import FIXTURE_A, FIXTURE_B, FIXTURE_H
from tests.stats.query.recorded import pageview

RANGE = DatePair(date(2025, 3, 9), date(2025, 3, 12))
SESSION_METRICS = "visitors visits bounce_rate visit_duration"


@pytest.fixture
def unmerged_asker(asker: Asker, unmerged: None) -> Iterator[Asker]:
    """A site whose visits are stored with every state, and a proof that the states are there."""
    asker.record(*FIXTURE_A, *FIXTURE_B, *FIXTURE_H, every_state=True)
    sql = "SELECT count() AS states, sum(sign) AS visits FROM sessions WHERE site_id = {site:UInt32} AND is_visit"
    yield asker
    (found,) = asker.store.read_rows(sql, {"site": asker.site.id}, tag="test")
    assert found == {"states": 27, "visits": 9}


@pytest.fixture
def merged_asker(store: EventStore, db: None) -> Asker:
    asker = new_asker(store)
    asker.record(*FIXTURE_A, *FIXTURE_B, *FIXTURE_H)
    return asker


def answers(asker: Asker, metrics: str, dimensions: tuple[str, ...] = (), *filters: Filter) -> tuple[Row, ...]:
    params = QueryParams(tuple(metrics.split()), RANGE, dimensions, filters)
    return run_query(asker.store, build_query(params, asker.site, clock.now())).rows


@pytest.mark.parametrize("name", [name for name, dimension in DIMENSIONS.items() if dimension.changing])
def test_groups_by_what_changes_are_the_same_before_and_after_a_merge(
    unmerged_asker: Asker, merged_asker: Asker, name: str
) -> None:
    for metrics in (SESSION_METRICS, "visitors", "visits"):
        rows = answers(merged_asker, metrics, (name,))
        assert rows
        assert answers(unmerged_asker, metrics, (name,)) == rows


@pytest.mark.parametrize("name", [name for name, dimension in DIMENSIONS.items() if dimension.kind == "session"])
@pytest.mark.parametrize("operator", [Operator.IS, Operator.CONTAINS_NOT])
def test_filters_on_what_changes_are_the_same_before_and_after_a_merge(
    unmerged_asker: Asker, merged_asker: Asker, name: str, operator: Operator
) -> None:
    for value in ("", "/", "/a", "/b", "/blog/a", "/pricing", "shop.example"):
        leaf = Leaf(operator, name, (value,))
        for metrics in (SESSION_METRICS, "pageviews visitors"):
            rows = answers(merged_asker, metrics, (), leaf)
            assert answers(unmerged_asker, metrics, (), leaf) == rows, value


def test_a_day_counts_visitors_whose_visit_ended_on_it(asker: Asker, unmerged: None) -> None:
    asker.record(
        pageview("2025-03-10 23:50", "over midnight"),
        pageview("2025-03-11 00:10", "over midnight"),
        pageview("2025-03-10 12:00", "noon"),
        every_state=True,
    )
    days = {"date_range": ["2025-03-10", "2025-03-11"]}
    assert asker.rows("visitors", "time:day", **days) == [("2025-03-10", [1]), ("2025-03-11", [1])]


def test_groups_of_replaced_states_only_are_no_rows(asker: Asker, unmerged: None) -> None:
    asker.record(pageview("09:00", "u", "/first"), pageview("09:01", "u", "/last"), every_state=True)
    assert asker.rows("visits", "visit:exit_page") == [("/last", [1])]
    assert asker.rows("bounce_rate", "visit:exit_page") == [("/last", [0])]


def test_hours_of_filtered_visits_are_answered_however_often_they_are_asked(unmerged_asker: Asker) -> None:
    """The store compiles an expression at its fourth use, and failed where visits were filtered while being spread."""
    filters = (
        AllOf((Not(Leaf(Operator.IS_NOT, "visit:exit_page", ("/c",))), Leaf(Operator.IS, "visit:source", ()))),
        Leaf(Operator.IS, "event:page", ()),
    )
    assert {answers(unmerged_asker, "visitors", ("time:hour",), *filters) for _ in range(8)} == {()}

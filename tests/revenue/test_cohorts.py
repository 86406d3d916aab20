"""Whatever was paid and visited: cohorts are those of the reference, and come to all that customers paid."""

from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import time_machine
from hypothesis import given, settings
from hypothesis import strategies as st

from accounts.models import Site
from accounts.selectors import site_ref
from revenue.attribution_services import Rules
from revenue.cohort_services import CohortPage, ShownCohort, cohorts
from revenue.models import Payment
from revenue.reports import Report
from stats.query.dimensions import ORIGIN
from stats.query.money.attribution import SINGLE_TOUCH, Model
from stats.query.types import InstantPair, Leaf, Operator
from stats.store.client import EventStore
from tests.revenue.api.conftest import quote
from tests.revenue.attribution_reference import Attribution
from tests.revenue.cohort_reference import CohortReference, Shown
from tests.revenue.test_attribution import made, random_visits, touches_of
from tests.revenue.test_reports import NOW, random_payments, unhurried

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("store")]
EVER = (datetime(2020, 1, 1, tzinfo=UTC), datetime(2026, 6, 14, 23, 59, 59, tzinfo=UTC))
SOME = (datetime(2026, 2, 10, tzinfo=UTC), datetime(2026, 4, 20, 23, 59, 59, tzinfo=UTC))
PERIODS = 3


@pytest.fixture(autouse=True)
def _rates() -> Iterator[None]:
    """Rates that leave parts of a cent, and days without one."""
    with time_machine.travel(NOW, tick=False):
        for month in range(1, 7):
            quote("EUR", "USD", f"2026-0{month}-10", "1.104937")
        yield


def shown(row: ShownCohort) -> Shown:
    months = [
        None
        if one.numbers is None
        else (one.numbers.customers, one.numbers.paying, one.numbers.revenue, one.is_complete)
        for one in row.months
    ]
    return row.customers, row.revenue, months


def page(site: Site, window: tuple[datetime, datetime], zone: str, rules: Rules, dimension: str | None) -> CohortPage:
    report = Report(site_ref(site), *window, zone)
    return cohorts(report, InstantPair(*window), dimension, rules, PERIODS, limit=1000, offset=0)


@settings(unhurried, max_examples=8)
@given(
    random_payments,
    random_visits,
    st.sampled_from(["UTC", "America/New_York", "Pacific/Kiritimati"]),
    st.sampled_from(sorted(SINGLE_TOUCH)),
    st.sampled_from([20, 90]),
)
def test_cohorts_are_those_of_the_reference_and_come_to_all_that_customers_paid(
    store: EventStore,
    payments: list[dict[str, Any]],
    visits: list[dict[str, Any]],
    zone: str,
    model: Model,
    lookback_days: int,
) -> None:
    site = made(store, payments, visits, "USD")
    attribution = Attribution(
        list(Payment.objects.filter(site=site)), touches_of(visits), model.value, lookback_days, "first"
    )
    reference = CohortReference(attribution, ZoneInfo(zone), datetime.fromisoformat(NOW), PERIODS)
    rules = Rules(model, lookback_days)
    customers = reference.first_payments()
    everything = reference.revenue(customers, {})
    for window in (EVER, SOME):
        by_source = page(site, window, zone, rules, ORIGIN)
        expected = reference.cohorts(*window, by_source=True)
        assert {row.label: shown(row) for row in by_source.rows} == expected
        assert by_source.total == len(expected)
        assert [row.revenue for row in by_source.rows] == sorted((one[1] for one in expected.values()), reverse=True)
        by_month = page(site, window, zone, rules, None)
        expected = reference.cohorts(*window, by_source=False)
        found = {month_of(row): shown(row) for row in by_month.rows}
        assert {label: one for label, one in found.items() if one[0]} == expected
        if window is EVER:
            for rows in (by_source.rows, by_month.rows):
                assert sum((row.revenue for row in rows), Decimal(0)) == everything
    known = Leaf(Operator.IS_NOT, ORIGIN, ("Direct",), case_sensitive=False)
    filtered = page(site, SOME, zone, Rules(model, lookback_days, filters=(known,)), None)
    assert sum(row.customers for row in filtered.rows) == sum(
        row.customers for row in page(site, SOME, zone, rules, ORIGIN).rows if row.label != "Direct"
    )


def month_of(row: ShownCohort) -> str:
    day = datetime.fromisoformat(row.label or "")
    return str(day.year * 12 + day.month)

"""Cohorts of customers by the month of their first payment, or by where that came from (revenue contract, 3.4)."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal

from analytics_project import clock
from revenue.attribution_services import Rules, crediting, crediting_query
from revenue.reports import Report
from stats.query.dates import add_months
from stats.query.dimensions import ORIGIN
from stats.query.money.cohorts import Cohort, CohortMonth, CohortsAsked
from stats.query.money.compile_cohorts import month_number
from stats.query.money.run import read_cohorts, read_cohorts_left_out, read_left_out
from stats.query.money.types import ZERO, Bucket, Span
from stats.query.types import InstantPair


@dataclass(frozen=True, slots=True)
class ShownMonth:
    """A month of a cohort; `numbers` is None where it has begun for none of the customers.

    `first_day` is None where customers began in several months; `is_complete` says that it has ended for all of them.
    """

    first_day: date | None
    numbers: CohortMonth | None
    is_complete: bool


@dataclass(frozen=True, slots=True)
class ShownCohort:
    """A cohort under its label, which is the first day of its month, or the value that its customers came from."""

    label: str | None
    customers: int
    revenue: Decimal
    months: tuple[ShownMonth, ...]


@dataclass(frozen=True, slots=True)
class CohortPage:
    """A page of cohorts in their order, and how many there are in all.

    `left_out` counts payments and refunds of all of them without an exchange rate, by currency.
    """

    rows: tuple[ShownCohort, ...]
    total: int
    left_out: Mapping[str, int]


def cohorts(
    report: Report, pair: InstantPair, dimension: str | None, rules: Rules, periods: int, *, limit: int, offset: int
) -> CohortPage:
    """Return what customers whose first payment lies in a report's window have paid up to now.

    Without a dimension every month that overlaps the window has a row, in order; by a dimension the largest revenue is
    first. The model of the rules is one of a single touch; `pair` is the window's stored part.
    Raises: InvalidQuery for filters without meaning; InvalidRequest for too many months; StoreUnavailable, StoreBusy.
    """
    now = int(clock.now().timestamp())
    span = replace(report.span, end=min(report.span.end, now))
    asked = CohortsAsked(replace(crediting(report, rules), span=span), report.timezone, now, periods, dimension)
    query = crediting_query(report, pair, dimension or ORIGIN, rules)
    found = read_cohorts(report.store, asked, query, limit=limit, offset=offset)
    this_month = month_number(now, report.timezone)
    left_out = read_left_out(report.store, Span(span.site_id, 0, now))
    if left_out:  # of whomever; most sites have none at all
        left_out = read_cohorts_left_out(report.store, asked, query)
    if dimension is not None:
        return CohortPage(tuple(_by_value(row, this_month) for row in found.rows), found.total, left_out)
    labels = report.day_labels(Bucket.MONTH)
    known = {row.earliest_month: row for row in found.rows}
    shown = tuple(_by_month(label, known, periods, this_month) for label in labels[offset : offset + limit])
    return CohortPage(shown, len(labels), left_out)


def _by_value(row: Cohort, this_month: int) -> ShownCohort:
    months = tuple(
        ShownMonth(
            None, numbers if row.earliest_month + number <= this_month else None, row.latest_month + number < this_month
        )
        for number, numbers in enumerate(row.months)
    )
    return ShownCohort(row.value, row.customers, row.revenue, months)


def _by_month(first_day: date, known: Mapping[int, Cohort], periods: int, this_month: int) -> ShownCohort:
    """Return the cohort of a month, also where nobody is in it."""
    first_month = first_day.year * 12 + first_day.month
    row = known.get(first_month)
    paid = row.months if row is not None else (CohortMonth(0, 0, ZERO),) * (periods + 1)
    months = tuple(
        ShownMonth(
            add_months(first_day, number),
            numbers if first_month + number <= this_month else None,
            first_month + number < this_month,
        )
        for number, numbers in enumerate(paid)
    )
    return ShownCohort(first_day.isoformat(), row.customers if row else 0, row.revenue if row else ZERO, months)

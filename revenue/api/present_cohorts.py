"""Cohorts of customers in the shape of the Goals & Revenue API; every amount is rounded here, once."""

from decimal import Decimal

from revenue.cohort_services import CohortPage, ShownMonth
from revenue.reports import Report, per, share

Row = dict[str, object]


def cohort_rows(report: Report, found: CohortPage) -> list[Row]:
    """Return a row a cohort, with its months in order."""
    return [
        {
            "cohort": row.label,
            "customers": row.customers,
            "total_revenue": report.shown(row.revenue),
            "revenue_per_customer": _per_customer(report, row.revenue, row.customers),
            "months": [_month(report, number, month) for number, month in enumerate(row.months)],
        }
        for row in found.rows
    ]


def _month(report: Report, number: int, month: ShownMonth) -> Row:
    """Return a month; its numbers are null where it has not begun."""
    numbers = month.numbers
    return {
        "month": number,
        "period": None if month.first_day is None else month.first_day.isoformat(),
        "is_complete": month.is_complete,
        "customers": None if numbers is None else numbers.customers,
        "paying_customers": None if numbers is None else numbers.paying,
        "retention_rate": None if numbers is None else share(numbers.paying, numbers.customers),
        "cumulative_revenue": None if numbers is None else report.shown(numbers.revenue),
        "revenue_per_customer": None if numbers is None else _per_customer(report, numbers.revenue, numbers.customers),
    }


def _per_customer(report: Report, revenue: Decimal, customers: int) -> Decimal | None:
    exact = per(revenue, customers)
    return None if exact is None else report.shown(exact)

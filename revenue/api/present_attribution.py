"""Attributed money in the shapes of the Goals & Revenue API."""

from decimal import Decimal

from revenue.attribution_services import Breakdown
from revenue.reports import Report
from stats.query.money.attribution import PurchasePaths

Row = dict[str, object]


def breakdown_rows(report: Report, dimension: str, found: Breakdown) -> list[Row]:
    """Return a row a value, null for what is not attributed."""
    return [
        {
            dimension: row.credit.value,
            "revenue": report.shown(row.credit.revenue),
            "refunds": report.shown(row.credit.refunds),
            "payments": number_of(row.credit.payments),
            "customers": row.credit.customers,
            "visitors": row.visitors,
            "revenue_per_visitor": None if row.per_visitor is None else report.shown(row.per_visitor),
        }
        for row in found.rows
    ]


def path_rows(report: Report, found: PurchasePaths) -> list[Row]:
    """Return a row a path; without any touch the path is empty."""
    return [
        {
            "path": list(row.values),
            "payments": row.payments,
            "customers": row.customers,
            "revenue": report.shown(row.revenue),
            "refunds": report.shown(row.refunds),
            "average_days": row.days,
            "average_visits": row.visits,
        }
        for row in found.rows
    ]


def number_of(payments: float) -> int | Decimal:
    """Return a count of payments without needless decimals: shares of a payment are parts of one."""
    return int(payments) if payments == int(payments) else Decimal(str(payments))

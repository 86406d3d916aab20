"""Reports of money in the shapes of the Goals & Revenue API; every amount is rounded here, once."""

from decimal import Decimal

from revenue.reports import Report, per, share
from stats.query.money.types import Bucket

Row = dict[str, object]


def summary_of(report: Report) -> Row:
    """Return the three numbers of E4 (1.10)."""
    return {
        "total_revenue": report.shown(report.totals.net),
        "mrr": report.shown(report.mrr),
        "conversion_rate": report.conversion_rate,
    }


def series_rows(report: Report, bucket: Bucket, *, split: bool) -> list[Row]:
    """Return the rows of E5, with the parts of what came in where they are wanted (1.12, 3.5)."""
    rows: list[Row] = []
    for one in report.series(bucket, split=split):
        row: Row = {
            "period": one.period,
            "new_revenue": report.shown(one.money.paid),
            "refund_revenue": report.shown(one.money.refunded),
        }
        if split:
            row |= _parts(report, one.money.paid, one.money.first_payments, one.money.renewals)
        rows.append(row)
    return rows


def _parts(report: Report, paid: Decimal, first: Decimal, renewals: Decimal) -> Row:
    """Return parts that sum to what is shown of the whole: the last one takes what rounding leaves."""
    shown_first, shown_renewals = report.shown(first), report.shown(renewals)
    rest = report.shown(paid) - shown_first - shown_renewals
    return {"first_payments": shown_first, "renewals": shown_renewals, "one_time_repeat": rest}


def overview_of(report: Report) -> Row:
    """Return the figures of the overview; null where there is nothing to divide by."""
    totals, moved = report.totals, report.recurring.movements[0]
    start, customers = report.recurring.start, report.recurring.start_customers
    mrr, subscribers = start + moved.change, customers + moved.more_customers
    return {
        "gross_revenue": report.shown(totals.gross),
        "refund_revenue": report.shown(totals.refunded),
        "net_revenue": report.shown(totals.net),
        "payments": totals.payments,
        "refunds": totals.refunds,
        "customers": totals.customers,
        "new_customers": report.new_customers,
        "average_order": _shown(report, per(totals.gross, totals.priced_payments)),
        "revenue_per_visitor": _shown(report, per(totals.net, report.unique_visitors)),
        "conversion_rate": report.conversion_rate,
        "mrr": report.shown(mrr),
        "arr": report.shown(12 * mrr),
        "subscribers": subscribers,
        "arpa": _shown(report, per(mrr, subscribers)),
        "customer_churn_rate": share(moved.churned_customers, customers),
        "revenue_churn_rate": share(moved.churn + moved.contraction, start),
    }


def balance_rows(report: Report, bucket: Bucket) -> tuple[Decimal, list[Row]]:
    """Return MRR just before the window, and a row for each bucket (2.6)."""
    before, balances = report.balances(bucket)
    rows: list[Row] = [
        {
            "period": one.period,
            "mrr": report.shown(one.mrr),
            "arr": report.shown(12 * one.mrr),
            "new": report.shown(one.movement.new),
            "reactivation": report.shown(one.movement.reactivation),
            "expansion": report.shown(one.movement.expansion),
            "contraction": report.shown(one.movement.contraction),
            "churn": report.shown(one.movement.churn),
            "customers": one.customers,
            "new_customers": one.movement.new_customers,
            "reactivated_customers": one.movement.reactivated_customers,
            "churned_customers": one.movement.churned_customers,
        }
        for one in balances
    ]
    return report.shown(before.start), rows


def _shown(report: Report, amount: Decimal | None) -> Decimal | None:
    return None if amount is None else report.shown(amount)

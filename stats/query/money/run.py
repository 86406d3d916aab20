"""From a question about money to its answer, one statement each. Raises, everywhere: StoreUnavailable."""

from collections.abc import Callable, Iterator
from datetime import date
from decimal import Decimal
from functools import partial
from typing import Any, Final

from stats.query.build import Query
from stats.query.compile import Statement
from stats.query.money.attribution import Credit, Crediting, Credits, PurchasePath, PurchasePaths
from stats.query.money.cohorts import Cohort, CohortMonth, Cohorts, CohortsAsked
from stats.query.money.compile import (
    compile_balance,
    compile_left_out,
    compile_movement,
    compile_movements,
    compile_new_customers,
    compile_payers_with_events,
    compile_series,
    compile_totals,
)
from stats.query.money.compile_attribution import compile_breakdown, compile_purchase_paths
from stats.query.money.compile_cohorts import compile_cohorts, compile_cohorts_left_out
from stats.query.money.types import Bucket, Money, Movement, RecurringRevenue, Span, Steps, Totals
from stats.store.client import EventStore

_MILLIONTHS: Final = 6  # decimals of amounts that come as whole numbers


def read_totals(store: EventStore, span: Span) -> Totals:
    """Return what the payments of a span come to."""
    row = _one(store, compile_totals(span))
    return Totals(
        gross=Decimal(row["gross"]),
        refunded=Decimal(row["refunded"]),
        payments=row["payments"],
        priced_payments=row["priced_payments"],
        refunds=row["refunds"],
        payers=row["payers"],
        customers=row["customers"],
    )


def read_left_out(store: EventStore, span: Span) -> dict[str, int]:
    """Return how many payments and refunds of a span have no exchange rate, by currency, in the currencies' order."""
    return {row["currency"]: int(row["payments"]) for row in _rows(store, compile_left_out(span))}


def count_payers_with_events(store: EventStore, span: Span, events_from: int) -> int:
    """Return how many of a span's payers have an event in it; events before `events_from` do not count."""
    return int(_one(store, compile_payers_with_events(span, events_from))["payers"])


def count_new_customers(store: EventStore, span: Span) -> int:
    """Return how many customers paid for the first time in a span."""
    return int(_one(store, compile_new_customers(span))["customers"])


def read_days(
    store: EventStore, span: Span, bucket: Bucket, timezone: str, *, split: bool
) -> Iterator[tuple[date, Money]]:
    """Yield the local days of a span that have payments, in order, with their money."""
    for row in _rows(store, compile_series(span, bucket, timezone, split=split)):
        yield date.fromisoformat(str(row["slot"])), _money(row)


def read_quarters(store: EventStore, span: Span, *, split: bool) -> Iterator[tuple[int, Money]]:
    """Yield the quarters of an hour of a span that have payments, as unix seconds in order, with their money."""
    for row in _rows(store, compile_series(span, Bucket.HOUR, "UTC", split=split)):
        yield int(row["slot"]) * 900, _money(row)


def read_balance(store: EventStore, site_id: int, at: int) -> tuple[Decimal, int]:
    """Return monthly recurring revenue at an instant (unix seconds), and from how many customers it comes."""
    row = _one(store, compile_balance(site_id, at))
    return Decimal(row["mrr"]), int(row["customers"])


def read_movement(store: EventStore, span: Span, known_until: int) -> RecurringRevenue:
    """Return the balance before a span and how it moved until `known_until` (unix seconds). Shape: one movement."""
    row = _one(store, compile_movement(span, known_until))
    return RecurringRevenue(Decimal(row["start"]), int(row["customers"]), (_movement(row),))


def read_movements(store: EventStore, span: Span, steps: Steps) -> RecurringRevenue:
    """Return the balance before a span and how it moved in each step. Shape: a movement for each step, in order."""
    rows = _rows(store, compile_movements(span, steps))
    found = {int(row["step"]): _movement(row, _MILLIONTHS) for row in rows}
    before = found.pop(0, Movement())
    movements = tuple(found.get(step, Movement()) for step in range(1, steps.count + 1))
    return RecurringRevenue(before.change, before.more_customers, movements)


def read_credits(
    store: EventStore, asked: Crediting, query: Query, dimension: str, *, limit: int, offset: int
) -> Credits:
    """Return a page of what the values of a dimension earned: revenue falling, then by value, what is unknown last.

    `query` is of the same site; it holds the goals where the dimension is `event:goal`.
    """
    found, total = _page(store, partial(compile_breakdown, asked, query, dimension), limit, offset)
    rows = tuple(
        Credit(
            value=row["value"],
            revenue=_from_units(row["revenue"], asked.minor_unit),
            refunds=_from_units(row["refunds"], asked.minor_unit),
            payments=float(row["payments"]),
            customers=int(row["customers"]),
        )
        for row in found
    )
    return Credits(rows, total)


def read_purchase_paths(
    store: EventStore, asked: Crediting, query: Query, dimension: str, *, limit: int, offset: int
) -> PurchasePaths:
    """Return a page of what came before payments, by values of a dimension of visits; `query` is of the same site."""
    found, total = _page(store, partial(compile_purchase_paths, asked, query, dimension), limit, offset)
    rows = tuple(
        PurchasePath(
            values=tuple(row["value"]),
            revenue=_from_units(row["revenue"], asked.minor_unit),
            refunds=_from_units(row["refunds"], asked.minor_unit),
            payments=int(row["payments"]),
            customers=int(row["customers"]),
            days=row["days"],
            visits=row["average_visits"],
        )
        for row in found
    )
    return PurchasePaths(rows, total)


def read_cohorts(store: EventStore, asked: CohortsAsked, query: Query, *, limit: int, offset: int) -> Cohorts:
    """Return a page of cohorts, the largest revenue first, then by value, what is unknown last; `query` as above.

    By month it is all that have customers, and `limit` and `offset` are of no account.
    """
    found, total = _page(store, partial(compile_cohorts, asked, query), limit, offset)
    rows = tuple(
        Cohort(
            value=row["value"],
            earliest_month=int(row["earliest_month"]),
            latest_month=int(row["latest_month"]),
            customers=int(row["customers"]),
            revenue=Decimal(row["revenue"]),
            months=tuple(CohortMonth(int(begun), int(paying), Decimal(paid)) for begun, paying, paid in row["months"]),
        )
        for row in found
    )
    return Cohorts(rows, total)


def read_cohorts_left_out(store: EventStore, asked: CohortsAsked, query: Query) -> dict[str, int]:
    """Return how many payments and refunds of cohorts' customers have no exchange rate, by currency, in their order."""
    return {row["currency"]: int(row["payments"]) for row in _rows(store, compile_cohorts_left_out(asked, query))}


def _from_units(units: str, minor_unit: int) -> Decimal:
    """Return minor units as an amount with the decimals of its currency."""
    return Decimal(units).scaleb(len(str(minor_unit)) - 7)


def _money(row: dict[str, Any]) -> Money:
    return Money(**{name: Decimal(value) for name, value in row.items() if name != "slot"})


def _movement(row: dict[str, Any], decimals: int = 0) -> Movement:
    def amount(name: str) -> Decimal:
        return Decimal(row[name]).scaleb(-decimals)

    return Movement(
        new=amount("new"),
        reactivation=amount("reactivation"),
        expansion=amount("expansion"),
        contraction=amount("contraction"),
        churn=amount("churn"),
        new_customers=int(row["new_customers"]),
        reactivated_customers=int(row["reactivated_customers"]),
        churned_customers=int(row["churned_customers"]),
    )


def _page(
    store: EventStore, compile_page: Callable[[int, int], Statement], limit: int, offset: int
) -> tuple[list[dict[str, Any]], int]:
    """Return a page of rows and how many there are in all, which beyond the last row only the first one tells."""
    found = _rows(store, compile_page(limit, offset))
    told = found or (_rows(store, compile_page(1, 0)) if offset else [])
    return found, int(told[0]["total_rows"]) if told else 0


def _one(store: EventStore, statement: Statement) -> dict[str, Any]:
    return _rows(store, statement)[0]


def _rows(store: EventStore, statement: Statement) -> list[dict[str, Any]]:
    return store.read_rows(statement.sql, statement.params, tag="money")

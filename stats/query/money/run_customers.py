"""From a question about customers to its answer, one statement each. Raises, everywhere: StoreUnavailable."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from stats.query.build import Query
from stats.query.compile import Statement
from stats.query.money.attribution import Crediting
from stats.query.money.compile_customers import (
    compile_chosen,
    compile_figures,
    compile_first_touches,
    compile_records,
    compile_terms,
    compile_visitors,
)
from stats.query.money.customers import ChosenCustomers, Customer, CustomersAsked, FirstTouch, Place, Term
from stats.store.client import EventStore


def choose_customers(store: EventStore, asked: CustomersAsked, query: Query, limit: int) -> ChosenCustomers:
    """Return a page of at most `limit` customers in the order asked for; `query` is of the same site."""
    found = _rows(store, compile_chosen(asked, query, limit))
    places = tuple(Place(int(row["place"]), row["number"]) for row in found)
    return ChosenCustomers(places, int(found[0]["total_rows"]) if found else 0)


def read_customers(store: EventStore, asked: CustomersAsked, query: Query) -> dict[int, Customer]:
    """Return what the wanted customers came to, by number; `query` is of the same site."""
    return {row["number"]: _customer(row) for row in _rows(store, compile_figures(asked, query))}


def read_first_touches(
    store: EventStore, asked: Crediting, query: Query, customers: Sequence[Customer]
) -> dict[int, FirstTouch]:
    """Return what brought customers, by their numbers; who came from nowhere that is known is left out."""
    if not customers:
        return {}
    anchors = [(one.first_visitor, int(one.first_paid_at.timestamp())) for one in customers]
    rows = _rows(store, compile_first_touches(asked, query, anchors))
    return {customers[row.pop("number")].number: _touch(row) for row in rows}


def read_visitors(store: EventStore, site_id: int, customers: Sequence[int], most: int) -> dict[int, list[int]]:
    """Return the latest payments of those who paid as customers, one a visitor, by customer, newest first."""
    found: dict[int, list[int]] = {number: [] for number in customers}
    if customers:
        for row in _rows(store, compile_visitors(site_id, customers, most)):
            found[row["customer"]].append(row["payment"])
    return found


def read_records(
    store: EventStore, asked: CustomersAsked, query: Query, after: tuple[int, int] | None, limit: int
) -> list[tuple[int, int]]:
    """Return a page of the payments and refunds of the wanted customers, newest first: unix second and number."""
    rows = _rows(store, compile_records(asked, query, after, limit))
    return [(row["at"], row["payment"]) for row in rows]


def read_terms(store: EventStore, site_id: int, customer: int, now: int, most: int) -> tuple[Term, ...]:
    """Return the payments of a customer that count in recurring revenue at a unix second, newest first."""
    rows = _rows(store, compile_terms(site_id, customer, now, most))
    return tuple(Term(row["payment"], Decimal(row["mrr"])) for row in rows)


def _customer(row: Mapping[str, Any]) -> Customer:
    return Customer(
        number=row["number"],
        payments=int(row["payments"]),
        refunds=int(row["refunds"]),
        gross=Decimal(row["gross_text"]),
        refunded=Decimal(row["refunded_text"]),
        mrr=Decimal(row["mrr_text"]),
        first_payment=row["first_payment"],
        first_visitor=row["first_visitor"],
        first_paid_at=_instant(row["first_at"]),
        last_payment=row["last_payment"],
    )


def _touch(row: Mapping[str, Any]) -> FirstTouch:
    return FirstTouch(**{**row, "at": _instant(row["at"])})


def _instant(second: int) -> datetime:
    return datetime.fromtimestamp(second, UTC)


def _rows(store: EventStore, statement: Statement) -> list[dict[str, Any]]:
    return store.read_rows(statement.sql, statement.params, tag="money")

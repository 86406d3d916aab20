"""Customers → statements over the mirror of payments, and over visits for what brought them.

A list goes over all payments of the site once to choose the customers of a page, by what filters and order need alone;
their figures, visitors and first touches are asked for these customers. With a million payments of 60,000 customers
that takes a tenth of the time of adding up everything for everybody.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from stats.query.build import Query
from stats.query.compile import Statement
from stats.query.compile_filters import Scope
from stats.query.dimensions import ENTRY_PAGE, ORIGIN, dimension_for
from stats.query.identities import sharing, with_canonical
from stats.query.money.attribution import DAY_S, Crediting
from stats.query.money.compile_shares import first_payment_credit
from stats.query.money.compile_touches import arrivals_where
from stats.query.money.customers import CustomerOrder, CustomersAsked, PaidWhen, Place
from stats.query.money.types import Span

_OF_SITE: Final = "site_id = {site:UInt32} AND NOT is_voided"
_COUNTS: Final = f"{_OF_SITE} AND NOT is_refund AND amount > 0"
_RUNNING: Final = (
    "is_recurring AND paid_at <= toDateTime({now:UInt32}, 'UTC') AND covered_until > toDateTime({now:UInt32}, 'UTC')"
)
_GROSS: Final = "ifNull(sum(converted), 0)"
_MRR: Final = f"sumIf(monthly_term, {_RUNNING})"
_RANKS: Final[Mapping[CustomerOrder, str]] = {
    CustomerOrder.LAST_PAYMENT: "toInt128(toUnixTimestamp(max(paid_at)))",
    CustomerOrder.FIRST_PAYMENT: "toInt128(toUnixTimestamp(min(paid_at)))",
    CustomerOrder.REVENUE: f"toInt128({_GROSS} * 1000000)",
    CustomerOrder.MRR: f"toInt128({_MRR} * 1000000)",
}
_TOUCH_COLUMNS: Final[Mapping[str, tuple[str, bool]]] = {
    "source": (ORIGIN, True),
    "medium": ("visit:utm_medium", False),
    "campaign": ("visit:utm_campaign", False),
    "channel": ("visit:channel", True),
    "landing_page": (ENTRY_PAGE, False),
    "country": ("visit:country_name", False),
    "device": ("visit:device", False),
}


def compile_chosen(asked: CustomersAsked, query: Query, limit: int) -> Statement:
    """Return the statement for a page of customers in their order: number, place (its rank as text), total_rows.

    No more is added up than filters and order need. `query` is of the same site and has the filters' names of cities.
    """
    scope = _scope(asked, query)
    having, where = ["1"], ["1"]  # of single payments, and of customers
    if asked.product_name is not None:
        having.append(f"countIf(product_name = {scope.bind(asked.product_name, 'String')}) > 0")
    if asked.window is not None:
        having.append(_in_window(asked, asked.window, scope))
    if asked.visitor is not None:
        paid_as = f"SELECT customer_id FROM payments FINAL WHERE {_COUNTS} AND visitor_id = "
        where.append(f"number IN ({paid_as}{scope.bind(asked.visitor, 'UInt64')})")
    if asked.crediting.touch_filters:
        where.append(f"number IN ({_brought(asked, scope)})")
    if asked.least_revenue is not None:
        where.append(f"net >= toDecimal128({scope.bind(f'{asked.least_revenue:f}', 'String')}, 6)")
    customers = f"""
        SELECT customer_id AS number, {_RANKS[asked.order]} AS paid_rank, {_GROSS} AS gross
        FROM {_payments(_COUNTS, asked)} GROUP BY number HAVING {" AND ".join(having)}
    """
    source, columns = f"({customers}) AS paid", "number, paid_rank AS rank"
    if asked.least_revenue is not None or asked.order is CustomerOrder.REVENUE:
        source += f" LEFT ANY JOIN ({_refunded(asked)}) AS back ON paid.number = back.owner"
        rank = "toInt128(net * 1000000)" if asked.order is CustomerOrder.REVENUE else "paid_rank"
        columns = f"number, gross - refunded AS net, {rank} AS rank"
    after = "1" if asked.after is None else f"(rank, number) < ({_bound_place(asked.after, scope)})"
    sql = f"""
        SELECT number, toString(rank) AS place, total_rows
        FROM (SELECT {columns}, count() OVER () AS total_rows FROM {source} WHERE {" AND ".join(where)})
        WHERE {after}
        ORDER BY rank DESC, number DESC
        LIMIT {scope.bind(limit, "UInt64")}
    """
    return Statement(sql, scope.params)


def compile_figures(asked: CustomersAsked, query: Query) -> Statement:
    """Return the statement for what the wanted customers came to, a row each."""
    sql = f"""
        SELECT
            number, payments, refunds, toString(gross) AS gross_text, toString(refunded) AS refunded_text,
            toString(mrr) AS mrr_text, first.1 AS first_at, first.2 AS first_payment, first.3 AS first_visitor,
            last.2 AS last_payment
        FROM (
            SELECT
                customer_id AS number, count() AS payments, {_GROSS} AS gross, {_MRR} AS mrr,
                min((toUnixTimestamp(paid_at), payment_id, visitor_id)) AS first,
                max((toUnixTimestamp(paid_at), payment_id)) AS last
            FROM {_payments(_COUNTS, asked)} GROUP BY number
        ) AS paid
        LEFT ANY JOIN ({_refunded(asked)}) AS back ON paid.number = back.owner
    """
    return Statement(sql, _scope(asked, query).params)


# TRICKY: what is looked at before FINAL chooses versions must be the same in all of them: a payment's number is, its
# visitor and customer are not, since an erasure replaces them. So numbers are looked up first, of any version.
_OF_WANTED: Final = "customer_id IN {customers:Array(UInt64)}"


def _payments(condition: str, asked: CustomersAsked) -> str:
    """Return the payments for which a condition holds, of the wanted customers, as what follows FROM."""
    if asked.customers is None:
        return f"payments FINAL WHERE {condition}"
    return f"{_narrowed(_OF_WANTED)} WHERE {condition} AND {_OF_WANTED}"


def _narrowed(condition: str) -> str:
    """Return payments that may fulfil a condition, in any of their versions."""
    numbers = f"SELECT payment_id FROM payments WHERE site_id = {{site:UInt32}} AND {condition}"
    return f"payments FINAL PREWHERE site_id = {{site:UInt32}} AND payment_id IN ({numbers})"


def _refunded(asked: CustomersAsked) -> str:
    """Return what each customer was given back: owner, refunds, refunded."""
    return f"""
        SELECT owner, count() AS refunds, ifNull(sum(converted), 0) AS refunded
        FROM ({_refunds(asked)}) GROUP BY owner
    """


def _refunds(asked: CustomersAsked) -> str:
    """Return refunds with the customer whose money they are: owner, payment_id, paid_at, converted."""
    refunds, condition = "payments FINAL", f"{_OF_SITE} AND is_refund AND amount > 0"
    if asked.customers is not None:
        owned = "owner_id IN {customers:Array(UInt64)}"
        refunds, condition = _narrowed(owned), f"{condition} AND {owned}"
    return f"SELECT owner_id AS owner, payment_id, paid_at, converted FROM {refunds} WHERE {condition}"


def _in_window(asked: CustomersAsked, window: tuple[int, int], scope: Scope) -> str:
    start, end = (scope.bind(at, "UInt32") for at in window)
    match asked.paid_when:
        case PaidWhen.ANY:
            return f"countIf(toUnixTimestamp(paid_at) BETWEEN {start} AND {end}) > 0"
        case PaidWhen.FIRST:
            return f"toUnixTimestamp(min(paid_at)) BETWEEN {start} AND {end}"
        case PaidWhen.LAST:
            return f"toUnixTimestamp(max(paid_at)) BETWEEN {start} AND {end}"


def _bound_place(place: Place, scope: Scope) -> str:
    return f"{scope.bind(str(place.rank), 'Int128')}, {scope.bind(place.customer, 'UInt64')}"


# ---- First touches ---------------------------------------------------------------------------------------------------
def _brought(asked: CustomersAsked, scope: Scope) -> str:
    """Return the customers whose first touch passes the filters."""
    span = Span(asked.site_id, 0, asked.now + 2 * DAY_S)  # payments may be a day ahead
    credit = first_payment_credit(replace(asked.crediting, span=span), "visit:device", scope)
    return f"SELECT customer_id FROM ({credit}) WHERE passes"


def compile_first_touches(asked: Crediting, query: Query, anchors: Sequence[tuple[int, int]]) -> Statement:
    """Return the statement for the first touch of each (visitor, unix second of the first payment).

    Columns: number, counted from 0, at (unix seconds), and the names of `_TOUCH_COLUMNS`; what has none has no row.
    """
    scope = Scope(query)
    scope.params |= _touch_params(asked) | {
        "visitors": [visitor for visitor, _ in anchors],
        "instants": [at for _, at in anchors],
    }
    columns = {
        name: f"toString({scope.column(dimension_for(dimension), shown=shown)})"
        for name, (dimension, shown) in _TOUCH_COLUMNS.items()
    }
    first = f"argMin(({', '.join(f'visit.its_{name}' for name in columns)}), (visit.start, visit.session_id))"
    shown = ", ".join(f"touch.{place} AS {name}" for place, name in enumerate(columns, 1))
    wanted = """
        SELECT visitor_id, toDateTime(instant, 'UTC') AS first_at, place - 1 AS number
        FROM (SELECT {visitors:Array(UInt64)} AS visitors, {instants:Array(UInt32)} AS instants)
        ARRAY JOIN visitors AS visitor_id, instants AS instant, arrayEnumerate(visitors) AS place
    """
    arrivals = _arrivals(asked, scope, columns)
    if asked.joins_visitors:
        wanted, arrivals = (with_canonical(rows, "visitor_id") for rows in (wanted, arrivals))
    sql = f"""
        SELECT number, toUnixTimestamp(earliest) AS at, {shown}
        FROM (
            SELECT number, min(visit.start) AS earliest, {first} AS touch
            FROM ({wanted}) AS wanted INNER JOIN ({arrivals}) AS visit ON wanted.visitor_id = visit.visitor_id
            WHERE visit.start <= first_at AND visit.start + {{lookback:UInt32}} >= first_at
            GROUP BY number
        )
    """
    return Statement(sql, scope.params)


def _arrivals(asked: Crediting, scope: Scope, columns: Mapping[str, str]) -> str:
    """Return the visits of some visitors, and of who is the same user, that are touches; each as it was last written.

    Columns: visitor_id, session_id, start, and the given ones, their names after `its_`.
    """
    last = ", ".join(f"argMaxIf({column}, events, sign = 1) AS its_{name}" for name, column in columns.items())
    visitors = "SELECT arrayJoin({visitors:Array(UInt64)})"
    return f"""
        SELECT visitor_id, session_id, start, {last}
        FROM sessions PREWHERE site_id = {{site:UInt32}}
            AND visitor_id IN ({sharing(visitors) if asked.joins_visitors else visitors})
        WHERE {" AND ".join(arrivals_where(asked, scope))}
        GROUP BY visitor_id, session_id, start HAVING sum(sign) > 0
    """


def _touch_params(asked: Crediting) -> dict[str, object]:
    return {"since": asked.since, "lookback": asked.lookback_days * DAY_S}


def _scope(asked: CustomersAsked, query: Query) -> Scope:
    scope = Scope(query)
    scope.params |= _touch_params(asked.crediting) | {"now": asked.now}
    if asked.customers is not None:
        scope.params["customers"] = list(asked.customers)
    return scope


# ---- What belongs to single customers --------------------------------------------------------------------------------
def compile_visitors(site_id: int, customers: Sequence[int], most: int) -> Statement:
    """Return the statement for those who paid as customers, at most some of each, who paid last first.

    Columns: customer, payment: the latest of this visitor.
    """
    sql = f"""
        SELECT customer_id AS customer, argMax(payment_id, (paid_at, payment_id)) AS payment
        FROM {_narrowed(_OF_WANTED)} WHERE {_COUNTS} AND {_OF_WANTED}
        GROUP BY customer_id, visitor_id
        ORDER BY customer, max(paid_at) DESC, payment DESC
        LIMIT {{most:UInt32}} BY customer
    """
    return Statement(sql, {"site": site_id, "customers": list(customers), "most": most})


def compile_records(asked: CustomersAsked, query: Query, after: tuple[int, int] | None, limit: int) -> Statement:
    """Return the statement for the payments and refunds of the wanted customers, newest first, after (second, number).

    Columns: at (unix seconds), payment.
    """
    scope = _scope(asked, query)
    passed = "1"
    if after is not None:
        passed = f"(at, payment) < ({scope.bind(after[0], 'UInt32')}, {scope.bind(after[1], 'UInt64')})"
    sql = f"""
        SELECT at, payment
        FROM (
            SELECT toUnixTimestamp(paid_at) AS at, payment_id AS payment
            FROM {_payments(f"{_OF_SITE} AND NOT is_refund", asked)}
            UNION ALL
            SELECT toUnixTimestamp(paid_at) AS at, payment_id AS payment
            FROM ({_refunds(asked)})
        )
        WHERE {passed}
        ORDER BY at DESC, payment DESC
        LIMIT {scope.bind(limit, "UInt64")}
    """
    return Statement(sql, scope.params)


def compile_terms(site_id: int, customer: int, now: int, most: int) -> Statement:
    """Return the statement for the payments of a customer that count in recurring revenue now, newest first."""
    sql = f"""
        SELECT payment_id AS payment, toString(monthly_term) AS mrr
        FROM {_narrowed(_OF_WANTED)} WHERE {_OF_SITE} AND {_OF_WANTED} AND {_RUNNING}
        ORDER BY paid_at DESC, payment_id DESC LIMIT {{most:UInt32}}
    """
    return Statement(sql, {"site": site_id, "customers": [customer], "now": now, "most": most})

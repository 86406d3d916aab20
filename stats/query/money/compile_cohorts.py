"""Cohorts → statement: customers by their first payments, beside what all of them paid and were given back.

Customers are joined, not looked up by a condition: on a cluster its sub-queries see one shard, and the payments of a
customer may lie on several.
"""

from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from stats.query.build import Query
from stats.query.compile import Statement
from stats.query.compile_filters import Scope
from stats.query.dimensions import ORIGIN
from stats.query.money.cohorts import CohortsAsked
from stats.query.money.compile import IS_FIRST
from stats.query.money.compile_shares import first_payment_credit

_OF_SITE: Final = "site_id = {site:UInt32} AND NOT is_voided"
_KNOWN: Final = f"{_OF_SITE} AND amount > 0 AND paid_at <= toDateTime({{known_until:UInt32}}, 'UTC')"
_MONTH: Final = "toRelativeMonthNum({}, {{zone:String}})"
_SINCE_START: Final = "paid_at >= toDateTime({start:UInt32}, 'UTC')"
_UNTIL_END: Final = "paid_at <= toDateTime({end:UInt32}, 'UTC')"


def compile_cohorts(asked: CohortsAsked, query: Query, limit: int, offset: int) -> Statement:
    """Return the statement for a page of cohorts; by month, for all that have customers, in any order.

    Columns: value, earliest_month, latest_month, customers, revenue (text), months, total_rows. `months` are tuples of
    customers, paying and revenue (text), number 0 first; what lies beyond the present month is 0.
    """
    scope = Scope(query)
    _bind(asked, scope)
    label, keys = ("first_month", "first_month") if asked.dimension is None else ("value", "value, first_month")
    cells = f"""
        SELECT
            {keys},
            toUInt16(least(greatest(toInt32(month) - first_month, 0), {{periods:UInt16}} + 1)) AS number,
            sum(converted) AS money,
            uniqExactIf(customer_id, NOT is_refund AND number <= {{periods:UInt16}}) AS payers
        FROM ({_flows()}) AS flow
        INNER JOIN ({_customers(asked, scope)}) AS customer ON flow.customer_id = customer.customer_id
        GROUP BY {keys}, number
    """
    zero = "toDecimal128(0, 6)"
    has_begun = "first_month + one <= {now_month:UInt16}"
    money = f"ifNull(money, {zero})"
    # Of a first month its month 0 has all customers as payers.
    rows = f"""
        SELECT
            {label} AS value,
            min(first_month) AS earliest_month,
            max(first_month) AS latest_month,
            sumIf(payers, number = 0) AS customers,
            sum(ifNull(money, 0)) AS net,
            sumForEach(arrayMap(one -> if(number = 0 AND {has_begun}, payers, 0), numbers)) AS begun,
            sumForEach(arrayMap(one -> if(number = one, payers, 0), numbers)) AS paying,
            sumForEach(arrayMap(one -> if(number <= one AND {has_begun}, {money}, {zero}), numbers)) AS paid
        FROM (SELECT *, range({{periods:UInt16}} + 1) AS numbers FROM ({cells}))
        GROUP BY {label}
    """
    page = (
        "" if asked.dimension is None else f"LIMIT {scope.bind(limit, 'UInt64')} OFFSET {scope.bind(offset, 'UInt64')}"
    )
    sql = f"""
        SELECT
            toString(value) AS value, earliest_month, latest_month, customers,
            toString(net) AS revenue,
            arrayMap((a, b, c) -> (a, b, toString(c)), begun, paying, paid) AS months,
            count() OVER () AS total_rows
        FROM ({rows})
        ORDER BY net DESC, value ASC NULLS LAST
        {page}
    """
    return Statement(sql, scope.params)


def compile_cohorts_left_out(asked: CohortsAsked, query: Query) -> Statement:
    """Return the statement for payments and refunds of cohorts' customers without a rate: how many, by currency."""
    scope = Scope(query)
    _bind(asked, scope)
    sql = f"""
        SELECT currency, count() AS payments
        FROM ({_flows("currency, ")}) AS flow
        INNER JOIN ({_customers(asked, scope)}) AS customer ON flow.customer_id = customer.customer_id
        WHERE converted IS NULL
        GROUP BY currency ORDER BY currency
    """
    return Statement(sql, scope.params)


def _bind(asked: CohortsAsked, scope: Scope) -> None:
    scope.params |= {
        "start": asked.span.start,
        "end": asked.span.end,
        "known_until": asked.known_until,
        "now_month": month_number(asked.known_until, asked.timezone),
        "periods": asked.periods,
        "zone": asked.timezone,
    }


def month_number(at: int, timezone: str) -> int:
    """Return the number of the local month of an instant (unix seconds), as the event store counts months."""
    local = datetime.fromtimestamp(at, ZoneInfo(timezone))
    return local.year * 12 + local.month


def _customers(asked: CohortsAsked, scope: Scope) -> str:
    """Return the customers who first paid in the span: customer_id, first_month; by a dimension also value."""
    if asked.is_attributed:
        value = "" if asked.dimension is None else ", value"
        month = f"toInt32({_MONTH.format('toDateTime(first_at)')}) AS first_month"
        credit = first_payment_credit(asked.crediting, asked.dimension or ORIGIN, scope)
        return f"SELECT customer_id, {month}{value} FROM ({credit}) WHERE passes"
    return (
        f"SELECT customer_id, toInt32({_MONTH.format('paid_at')}) AS first_month FROM payments FINAL "
        f"WHERE {_KNOWN} AND {IS_FIRST} AND {_SINCE_START} AND {_UNTIL_END}"
    )


def _flows(more: str = "") -> str:
    """Return payments from the span's start on, and all refunds: customer_id, month, converted (signed), is_refund."""
    return f"""
        SELECT
            owner_id AS customer_id, {_MONTH.format("paid_at")} AS month,
            {more}if(is_refund, -converted, converted) AS converted, is_refund
        FROM payments FINAL WHERE {_KNOWN} AND (is_refund OR {_SINCE_START})
    """

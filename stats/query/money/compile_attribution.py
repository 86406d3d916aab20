"""Attribution → statement: payments beside the touches of who paid, shares cut so that no cent is lost or made.

How it is computed, from the inside out:
- `compile_credited`: payments, and refunds as the payment that they take back, each with the visitor and second whose
  path decides.
- `compile_touches`: for each visitor who paid, the touches in the order of their seconds, as one array.
  Visitors who are one user (`stats.query.identities`) have one array together.
- `compile_shares`: the part of the array within the lookback, the model, and the shares of each value.
- here, rows are rounded to minor units the same way, so that they add up to what the totals of the span show.
"""

from dataclasses import replace
from typing import Final

from stats.query.build import Query
from stats.query.compile import Statement
from stats.query.compile_filters import Scope
from stats.query.money.attribution import DAY_S, Crediting, Model
from stats.query.money.compile_shares import bind, credit_by_value, paths, values_of_path
from stats.query.money.compile_touches import FAILS, NUMBER, SECOND


def compile_breakdown(asked: Crediting, query: Query, dimension: str, limit: int, offset: int) -> Statement:
    """Return the statement for a page of what values of a dimension earned, and how many values there are.

    Columns: value, revenue and refunds in minor units as text, payments, customers, total_rows. `query` is of the same
    site and holds its goals where the dimension is that of goals.
    """
    scope = Scope(query)
    bind(asked, scope)
    sql = f"""
        WITH {_ALL_ROWS}
        SELECT
            value,
            {_REVENUE} AS place,
            toString(place) AS revenue,
            toString({_REFUNDS}) AS refunds,
            round(payments, 6) AS payments,
            customers,
            count() OVER () AS total_rows
        FROM ({credit_by_value(asked, dimension, scope)})
        ORDER BY place DESC, value ASC NULLS LAST
        LIMIT {scope.bind(limit, "UInt64")} OFFSET {scope.bind(offset, "UInt64")}
    """
    return Statement(sql, scope.params)


def compile_purchase_paths(asked: Crediting, query: Query, dimension: str, limit: int, offset: int) -> Statement:
    """Return the statement for a page of the paths that came before payments, the most common first.

    A path is the values of its touches, those that follow an equal one left out; with filters, one of its touches must
    pass them. Columns: value (the path), revenue and refunds in minor units as text, payments, customers, days from the
    first touch to the payment and visits on the way (averages; null without payments), total_rows.
    """
    scope = Scope(query)
    bind(asked, scope)
    wanted = f"arrayExists(one -> NOT {FAILS.format('one')}, path)" if asked.touch_filters else "1"
    by_path = f"""
        SELECT
            arrayCompact(arrayMap(one -> {NUMBER.format("one")}, path)) AS numbers,
            sumIf(micros * n, NOT is_refund) AS gross,
            sumIf(micros * n, is_refund) AS refunded,
            sumIf(n, NOT is_refund) AS payments,
            uniqExactIf(customer_id, NOT is_refund) AS customers,
            sumIf(n * if(empty(path), 0, anchor_at - {SECOND.format("path[1]")}), NOT is_refund) AS seconds,
            sumIf(n * length(path), NOT is_refund) AS visits
        FROM ({paths(replace(asked, model=Model.LINEAR), dimension, scope)})
        WHERE {wanted}
        GROUP BY numbers
    """
    sql = f"""
        WITH {_ALL_ROWS}
        SELECT
            value, payments, customers,
            {_REVENUE} AS place,
            toString(place) AS revenue,
            toString({_REFUNDS}) AS refunds,
            if(payments = 0, NULL, round(seconds / payments / {DAY_S}, 1)) AS days,
            if(payments = 0, NULL, round(visits / payments, 1)) AS average_visits,
            count() OVER () AS total_rows
        FROM (SELECT *, {values_of_path(asked, dimension, scope, "numbers")} AS value FROM ({by_path}))
        ORDER BY payments DESC, place DESC, value ASC
        LIMIT {scope.bind(limit, "UInt64")} OFFSET {scope.bind(offset, "UInt64")}
    """
    return Statement(sql, scope.params)


# What all rows come to: exact, and in whole minor units as totals show it.
_ALL_ROWS: Final = """
    sum(gross) OVER () AS all_gross,
    all_gross - sum(refunded) OVER () AS all_net,
    intDiv(all_gross + intDiv({unit:Int128}, 2), {unit:Int128}) AS shown_gross,
    sign(all_net) * intDiv(abs(all_net) + intDiv({unit:Int128}, 2), {unit:Int128}) AS shown_net
"""


def _rounded(column: str, total: str) -> str:
    """Return a column in whole units, so that all rows add up to `total`: the largest remainders are rounded up."""
    rest = f"{column} % {{unit:Int128}}"
    place = f"row_number() OVER (ORDER BY {rest} DESC, {column} DESC, value ASC NULLS LAST)"
    whole = f"intDiv({column}, {{unit:Int128}})"
    return f"{whole} + ({place} <= {total} - sum({whole}) OVER ())"


_REVENUE: Final = _rounded("gross", "shown_gross")
_REFUNDS: Final = _rounded("refunded", "shown_gross - shown_net")

"""Attribution → statement: payments beside the touches of who paid, shares cut so that no cent is lost or made.

How it is computed, from the inside out:
- `_credited`: payments, and refunds as the payment that they take back, each with an anchor: the visitor and second
  whose path decides. A renewal's anchor is the customer's first payment. Equal ones are counted, not repeated.
- `_touches`: for each visitor who paid, the touches in the order of their seconds, as one array. Visitors who are one
  user (`stats.query.identities`) have one array together.
- `_paths`: the part of the array within the lookback before the anchor.
- a model picks one touch, or gives each a weight: an amount is cut by the weights in whole minor units, the largest
  remainders first and the earlier touch of equals; what is left below a unit follows the same order.
- rows are rounded to minor units the same way, so that they add up to what the totals of the span show.

Amounts are whole millionths in Int128. A touch is a tuple: second, visit, value, is Direct, passes the filters; second
0 is nobody's.
"""

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from stats.query.build import Query
from stats.query.compile import Statement
from stats.query.compile_filters import Scope, condition_sql, goal_numbers_sql, goals_sql
from stats.query.dimensions import GOAL, NOT_SET, ORIGIN, dimension_for
from stats.query.identities import sharing, with_canonical
from stats.query.money.attribution import (
    CURRENCY,
    DAY_S,
    PAYMENT_PREFIX,
    PAYMENT_TYPE,
    PRODUCT,
    SINGLE_TOUCH,
    Crediting,
    Model,
    Renewals,
)
from stats.query.types import Leaf, Operator

_OF_SITE: Final = "site_id = {site:UInt32} AND NOT is_voided"
_IN_SPAN: Final = (
    f"{_OF_SITE} AND paid_at >= toDateTime({{start:UInt32}}, 'UTC') AND paid_at <= toDateTime({{end:UInt32}}, 'UTC')"
)
_MICROS: Final = "toInt128(ifNull(converted, 0) * 1000000)"
# What a server alone told of has no attributes at all; a visit of a browser has a channel at the least.
_IS_ARRIVAL: Final = (
    "is_visit AND (channel != '' OR source != '' OR country_code != '' OR browser != '' OR device != '')"
)
_NEGATIVE: Final = frozenset({Operator.IS_NOT, Operator.CONTAINS_NOT})
_OWN: Final = {
    PRODUCT: f"if(product_name = '', '{NOT_SET}', product_name)",
    PAYMENT_TYPE: "if(is_recurring, 'recurring', 'one_time')",
    CURRENCY: "currency",
}
_HALF_LIFE_S: Final = 7 * DAY_S
_FULL_WEIGHT_BITS: Final = 40  # of time decay; a year is 52 half-lives, and no touch weighs less than 1


def compile_breakdown(asked: Crediting, query: Query, dimension: str, limit: int, offset: int) -> Statement:
    """Return the statement for a page of what values of a dimension earned, and how many values there are.

    Columns: value, revenue and refunds in minor units as text, payments, customers, total_rows. `query` is of the same
    site and holds its goals where the dimension is that of goals.
    """
    scope = Scope(query)
    _bind(asked, scope)
    by_value = f"""
        SELECT
            value,
            sumIf(share * n, NOT is_refund) AS gross,
            sumIf(share * n, is_refund) AS refunded,
            sumIf(part * n, NOT is_refund) AS payments,
            uniqExactIf(customer_id, NOT is_refund) AS customers
        FROM ({_shares(asked, dimension, scope)})
        WHERE passes
        GROUP BY value
    """
    gross, refunds = _shown_sums()
    sql = f"""
        SELECT
            value,
            toString({gross}) AS revenue,
            toString({refunds}) AS refunds,
            round(payments, 6) AS payments,
            customers,
            count() OVER () AS total_rows,
            {gross} AS place
        FROM ({by_value})
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
    _bind(asked, scope)
    wanted = "arrayExists(one -> one.5, path)" if asked.touch_filters else "1"
    by_path = f"""
        SELECT
            arrayCompact(arrayMap(one -> one.3, path)) AS value,
            sumIf(micros * n, NOT is_refund) AS gross,
            sumIf(micros * n, is_refund) AS refunded,
            sumIf(n, NOT is_refund) AS payments,
            uniqExactIf(customer_id, NOT is_refund) AS customers,
            sumIf(n * if(empty(path), 0, anchor_at - path[1].1), NOT is_refund) AS seconds,
            sumIf(n * length(path), NOT is_refund) AS visits
        FROM ({_paths(replace(asked, model=Model.LINEAR), dimension, scope)})
        WHERE {wanted}
        GROUP BY value
    """
    gross, refunds = _shown_sums()
    sql = f"""
        SELECT
            value, payments, customers,
            toString({gross}) AS revenue,
            toString({refunds}) AS refunds,
            if(payments = 0, NULL, round(seconds / payments / {DAY_S}, 1)) AS days,
            if(payments = 0, NULL, round(visits / payments, 1)) AS average_visits,
            count() OVER () AS total_rows,
            {gross} AS place
        FROM ({by_path})
        ORDER BY payments DESC, place DESC, value ASC
        LIMIT {scope.bind(limit, "UInt64")} OFFSET {scope.bind(offset, "UInt64")}
    """
    return Statement(sql, scope.params)


def first_payment_credit(asked: Crediting, dimension: str, scope: Scope) -> str:
    """Return what the first payments of a span's new customers are put down to, by a model of a single touch.

    A sub-query, its parameters bound to `scope`: customer_id, first_at (unix seconds), value (NULL without a touch),
    passes (the filters of touches).
    """
    _bind(asked, scope)
    value, passes = _credited_value(asked, dimension)
    first = f"""
        SELECT customer_id, first.1 AS anchor_at, first.3 AS anchor_visitor FROM ({_FIRST_PAYMENTS})
        WHERE anchor_at BETWEEN {{start:UInt32}} AND {{end:UInt32}}
    """
    return f"""
        SELECT customer_id, first_at, {value} AS value, {passes} AS passes
        FROM (
            SELECT customer_id, anchor_at AS first_at, {_CHOSEN[asked.model]} AS touch
            FROM (
                {_anchored(asked, first)}
            ) AS customer
            LEFT ANY JOIN ({_touches_of_paths(asked, dimension, scope)}) AS visitor
            ON customer.anchor_visitor = visitor.visitor_id
        )
    """


def _credited_value(asked: Crediting, dimension: str) -> tuple[str, str]:
    """Return what a row of credit shows of its touch, and whether the touch passes the filters."""
    value = "own" if dimension in _OWN else "if(touch.1 = 0, NULL, touch.3)"
    nobody_passes = int(all(leaf.operator in _NEGATIVE for leaf in asked.touch_filters))
    return value, f"if(touch.1 = 0, {nobody_passes}, touch.5)"


def _shown_sums() -> tuple[str, str]:
    """Return what rows show of their sums: over all rows they come to the rounded gross, and to the rounded net."""
    shown_gross = "intDiv(sum(gross) OVER () + intDiv({unit:Int128}, 2), {unit:Int128})"
    net = "(sum(gross) OVER () - sum(refunded) OVER ())"
    shown_net = f"sign({net}) * intDiv(abs({net}) + intDiv({{unit:Int128}}, 2), {{unit:Int128}})"
    return _rounded("gross", shown_gross), _rounded("refunded", f"{shown_gross} - ({shown_net})")


def _bind(asked: Crediting, scope: Scope) -> None:
    scope.params |= {
        "site": asked.span.site_id,
        "start": asked.span.start,
        "end": asked.span.end,
        "since": asked.since,
        "lookback": asked.lookback_days * DAY_S,
        "unit": asked.minor_unit,
    }


def _rounded(column: str, total: str) -> str:
    """Return a column in whole units, so that all rows add up to `total`: the largest remainders are rounded up."""
    rest = f"{column} % {{unit:Int128}}"
    place = f"row_number() OVER (ORDER BY {rest} DESC, {column} DESC, value ASC NULLS LAST)"
    whole = f"intDiv({column}, {{unit:Int128}})"
    return f"{whole} + ({place} <= {total} - sum({whole}) OVER ())"


def _shares(asked: Crediting, dimension: str, scope: Scope) -> str:
    """Return rows of credit: value, is_refund, customer_id, share (millionths), part (of one), n, passes."""
    common = "is_refund, customer_id, n"
    if dimension in _OWN and not asked.touch_filters:
        credited = _credited(asked, scope, dimension)
        return f"SELECT {common}, own AS value, micros AS share, 1. AS part, 1 AS passes FROM ({credited})"
    paths = _paths(asked, dimension, scope)
    value, passes = _credited_value(asked, dimension)
    if asked.model in SINGLE_TOUCH:
        return f"SELECT {common}, {value} AS value, micros AS share, 1. AS part, {passes} AS passes FROM ({paths})"
    return f"""
        SELECT {common}, {value} AS value, share, weight / whole AS part, {passes} AS passes
        FROM (
            SELECT *, {_SHARES_OF_TOUCHES}
            FROM (
                SELECT * EXCEPT path, {_NEVER_EMPTY} AS path, {_WEIGHTS[asked.model]} AS weights
                FROM ({paths})
            )
        )
        ARRAY JOIN path AS touch, shares AS share, weights AS weight
    """


_IN_PATH: Final = "one.1 <= anchor_at AND one.1 + {lookback:UInt32} >= anchor_at"
_LATEST: Final = f"arrayLast(one -> {_IN_PATH}, touches)"
_KNOWN: Final = f"arrayLast(one -> {_IN_PATH} AND NOT one.4, touches)"
_CHOSEN: Final = {
    Model.FIRST_TOUCH: f"arrayFirst(one -> {_IN_PATH}, touches)",
    Model.LAST_TOUCH: _LATEST,
    Model.LAST_NON_DIRECT: f"if({_KNOWN}.1 != 0, {_KNOWN}, {_LATEST})",
}
_NEVER_EMPTY: Final = "if(empty(path), arrayResize(path, 1), path)"
_WEIGHTS: Final = {
    Model.LINEAR: "arrayMap(one -> toInt128(1), path)",
    Model.POSITION: (
        "arrayMap(place -> toInt128(multiIf(length(path) < 3, 1, place = 1 OR place = length(path), "
        "2 * (length(path) - 2), 1)), arrayEnumerate(path))"
    ),
    Model.TIME_DECAY: (
        f"arrayMap(one -> greatest(toInt128(1), toInt128(round(exp2({_FULL_WEIGHT_BITS} - "
        f"(toInt64(path[-1].1) - toInt64(one.1)) / {_HALF_LIFE_S})))), path)"
    ),
}
# `rest` is what whole units leave of the amount; it goes to touches in the order of their remainders, a unit each.
_SHARES_OF_TOUCHES: Final = """
    arraySum(weights) AS whole,
    arrayMap(weight -> intDiv(micros * weight, whole * {unit:Int128}) * {unit:Int128}, weights) AS floors,
    arrayMap((weight, floor) -> floor * whole - micros * weight, weights, floors) AS shortages,
    arraySort((place, shortage) -> (shortage, place), arrayEnumerate(path), shortages) AS order,
    arraySort((turn, place) -> place, arrayEnumerate(path), order) AS turns,
    micros - arraySum(floors) AS rest,
    arrayMap(
        (floor, turn) -> floor + least(greatest(rest - (turn - 1) * {unit:Int128}, 0), {unit:Int128}), floors, turns
    ) AS shares
"""


def _paths(asked: Crediting, dimension: str, scope: Scope) -> str:
    """Return what is credited, each with its path: the touches from the lookback on up to the anchor.

    For a model that picks a single one, with that `touch` alone.
    """
    own = "own, " if dimension in _OWN else ""
    chosen = f"arrayFilter(one -> {_IN_PATH}, touches) AS path"
    if asked.model in SINGLE_TOUCH:
        chosen = f"{_CHOSEN[asked.model]} AS touch"
    return f"""
        SELECT
            is_refund, customer_id, micros, n, {own}anchor_at,
            {chosen}
        FROM ({_anchored(asked, _credited(asked, scope, dimension))}) AS credited
        LEFT ANY JOIN ({_touches_of_paths(asked, dimension, scope)}) AS visitor
        ON credited.anchor_visitor = visitor.visitor_id
    """


def _anchored(asked: Crediting, rows: str) -> str:
    """Return rows whose `anchor_visitor` is the one under whom `_touches_of_paths` has the path."""
    return with_canonical(rows, "anchor_visitor") if asked.joins_visitors else rows


def _touches_of_paths(asked: Crediting, dimension: str, scope: Scope) -> str:
    """Return the touches of each who paid; of visitors who are one user, under its number: visitor_id, touches."""
    touches = _completions(asked, scope) if dimension == GOAL else _touches(asked, dimension, scope)
    if not asked.joins_visitors:
        return touches
    each = with_canonical(f"SELECT visitor_id, touches AS some FROM ({touches})", "visitor_id")
    return f"SELECT visitor_id, arraySort(groupArrayArray(some)) AS touches FROM ({each}) GROUP BY visitor_id"


def _credited(asked: Crediting, scope: Scope, dimension: str) -> str:
    """Return payments and refunds by anchor: is_refund, anchor_visitor, anchor_at, customer_id, micros, n, and own."""
    columns = {
        "is_refund": "is_refund",
        "anchor_visitor": "visitor_id",
        "anchor_at": "at",
        "customer_id": "customer_id",
        "micros": "micros",
        **({"own": f"if(payment_id = 0, NULL, {_OWN[dimension]})"} if dimension in _OWN else {}),
    }
    rows = f"({_payments()} UNION ALL {_refunds()})"
    where = [_payment_condition(leaf, scope) for leaf in asked.payment_filters]
    if asked.renewals is not Renewals.OWN:
        is_renewal = "(is_recurring AND first.2 != 0 AND first.2 != payment_id)"
        rows += f" AS paid LEFT ANY JOIN ({_FIRST_PAYMENTS}) AS customer ON paid.customer_id = customer.customer_id"
        if asked.renewals is Renewals.EXCLUDE:
            where.append(f"NOT {is_renewal}")
        else:
            columns["anchor_visitor"] = f"if({is_renewal}, first.3, visitor_id)"
            columns["anchor_at"] = f"if({is_renewal}, first.1, at)"
        columns["customer_id"] = "paid.customer_id"
    selected = ", ".join(f"{expression} AS {name}" for name, expression in columns.items())
    return (
        f"SELECT *, count() AS n FROM (SELECT {selected} FROM {rows} WHERE {' AND '.join(where) or '1'}) "
        f"GROUP BY {', '.join(columns)}"
    )


# Supersets, so old versions of payments do no harm: which customers and visitors a span has to do with.
_IN_SPAN_REFUNDS: Final = f"FROM payments WHERE {_IN_SPAN} AND is_refund"
_CUSTOMERS: Final = f"""
    SELECT customer_id FROM payments WHERE {_OF_SITE} AND (
        paid_at >= toDateTime({{start:UInt32}}, 'UTC') AND paid_at <= toDateTime({{end:UInt32}}, 'UTC')
        OR payment_id IN (SELECT refunded_payment_id {_IN_SPAN_REFUNDS})
        OR visitor_id IN (SELECT visitor_id {_IN_SPAN_REFUNDS})
    )
"""
_PAYERS: Final = f"SELECT visitor_id FROM payments WHERE {_OF_SITE} AND NOT is_refund AND customer_id IN ({_CUSTOMERS})"
# Looked at first: where a visit came from is asked of payers only, which halves the time of touches.
_UNTIL_END: Final = "PREWHERE site_id = {site:UInt32} AND day <= toDate(toDateTime({end:UInt32}, 'UTC')) + 1"
_FIRST_PAYMENTS: Final = f"""
    SELECT customer_id, min((toUnixTimestamp(paid_at), payment_id, visitor_id)) AS first
    FROM payments FINAL WHERE {_OF_SITE} AND NOT is_refund AND amount > 0 AND customer_id IN ({_CUSTOMERS})
    GROUP BY customer_id
"""


def _of_payers(asked: Crediting) -> str:
    """Return the condition that a row is of somebody who paid, or of another visitor who is the same user."""
    if asked.joins_visitors:
        return f"visitor_id GLOBAL IN ({sharing(_PAYERS)})"  # a person's visitors may lie on several shards
    return f"visitor_id IN ({_PAYERS})"


def _payments() -> str:
    return f"""
        SELECT
            is_refund, payment_id, visitor_id, customer_id, toUnixTimestamp(paid_at) AS at, is_recurring,
            product_name, currency, {_MICROS} AS micros
        FROM payments FINAL WHERE {_IN_SPAN} AND NOT is_refund AND amount > 0
    """


def _refunds() -> str:
    """Return refunds as the payments that they take back: the linked one, else the visitor's latest before.

    A refund without either has payment_id 0, and no visitor.
    """
    payment = "(toUnixTimestamp(paid_at), payment_id, visitor_id, customer_id, is_recurring, product_name, currency)"
    payments = f"payments FINAL WHERE {_OF_SITE} AND NOT is_refund"
    refunds = f"payments FINAL WHERE {_IN_SPAN} AND is_refund AND amount > 0"
    return f"""
        SELECT
            toUInt8(1) AS is_refund, origin.2 AS payment_id, origin.3 AS visitor_id, origin.4 AS customer_id,
            origin.1 AS at, origin.5 AS is_recurring, origin.6 AS product_name, origin.7 AS currency, micros
        FROM (
            SELECT
                micros,
                if(linked.1 != 0, linked, arrayLast(one -> one.1 <= refunded_at, earlier)) AS origin
            FROM (
                SELECT
                    visitor_id AS refunded_visitor, refunded_payment_id, toUnixTimestamp(paid_at) AS refunded_at,
                    {_MICROS} AS micros
                FROM {refunds}
            ) AS refund
            LEFT ANY JOIN (
                SELECT payment_id AS linked_id, {payment} AS linked FROM {payments}
                    AND payment_id IN (SELECT refunded_payment_id FROM {refunds})
            ) AS link ON refund.refunded_payment_id = link.linked_id
            LEFT ANY JOIN (
                SELECT visitor_id AS paying_visitor, arraySort(groupArray({payment})) AS earlier FROM {payments}
                    AND amount > 0 AND visitor_id IN (SELECT visitor_id FROM {refunds})
                GROUP BY paying_visitor
            ) AS payer ON refund.refunded_visitor = payer.paying_visitor
        )
    """


def _payment_condition(leaf: Leaf, scope: Scope) -> str:
    """Return a comparison with what a payment knows itself; a refund of no payment knows nothing."""
    return _compared(f"if(payment_id = 0, '', {_OWN[leaf.dimension]})", leaf, scope)


def _compared(value: str, leaf: Leaf, scope: Scope) -> str:
    """Return a comparison of a text that is empty where nothing is known, in any case."""
    folded = f"lowerUTF8({value})"
    texts = [f"lowerUTF8({scope.bind(str(clause), 'String')})" for clause in leaf.clauses]
    if leaf.operator in {Operator.IS, Operator.IS_NOT}:
        found = " OR ".join(f"{folded} = {text}" for text in texts)
    else:
        found = " OR ".join(f"position({folded}, {text}) > 0" for text in texts)
    return f"NOT ({found})" if leaf.operator in _NEGATIVE else f"({value} != '' AND ({found}))"


def _touches(asked: Crediting, dimension: str, scope: Scope) -> str:
    """Return the touches of each visitor who paid: visitor_id, touches.

    The states of a growing visit agree in all but its pages, so mostly each one's set of touches is enough.
    """
    value = "''" if dimension.startswith(PAYMENT_PREFIX) else _shown(dimension, scope)
    passes = " AND ".join(condition_sql(leaf, scope) for leaf in asked.touch_filters) or "1"
    is_direct = f"{scope.column(dimension_for(ORIGIN))} = ''"
    where = arrivals_where(asked, scope)
    if not any(dimension_for(name).changing for name in _visit_dimensions(asked, dimension)):
        touch = f"(toUnixTimestamp(start), session_id, {value}, {is_direct}, {passes})"
        return (
            f"SELECT visitor_id, arrayCompact(arraySort(groupArray({touch}))) AS touches FROM sessions "
            f"{_UNTIL_END} AND {_of_payers(asked)} WHERE {' AND '.join([*where, 'sign = 1'])} GROUP BY visitor_id"
        )
    last = "argMaxIf({}, events, sign = 1)"
    columns = ", ".join([last.format(value), last.format(is_direct), last.format(passes)])
    return f"""
        SELECT visitor_id, arraySort(groupArray(touch)) AS touches
        FROM (
            SELECT visitor_id, (toUnixTimestamp(start), session_id, {columns}) AS touch
            FROM sessions {_UNTIL_END} AND {_of_payers(asked)} WHERE {" AND ".join(where)}
            GROUP BY visitor_id, session_id, start HAVING sum(sign) > 0
        )
        GROUP BY visitor_id
    """


def arrivals_where(asked: Crediting, scope: Scope) -> list[str]:
    """Return the conditions that make a row of visits that of a touch; the statement binds `since`."""
    return [
        _IS_ARRIVAL,
        "start >= toDateTime({since:UInt32}, 'UTC')",
        f"NOT ({_comes_from(asked.hosts, scope)})",
    ]


def _visit_dimensions(asked: Crediting, dimension: str) -> list[str]:
    named = [leaf.dimension for leaf in asked.touch_filters]
    return named if dimension.startswith(PAYMENT_PREFIX) else [dimension, *named]


def _shown(name: str, scope: Scope) -> str:
    """Return a dimension's value as rows show it, as text and never empty."""
    dimension = dimension_for(name)
    column = f"toString({scope.column(dimension, shown=True)})"
    return column if dimension.shown else f"if({column} = '', '{NOT_SET}', {column})"


def _comes_from(hosts: Sequence[str], scope: Scope) -> str:
    """Return the condition that a visit comes from one of some hosts, or from below one, without saying otherwise."""
    alternatives = "|".join(re.escape(host) for host in sorted(hosts))
    if not alternatives:
        return "0"
    pattern = scope.bind(f"(?i)^(android-app://)?([^/]*\\.)?({alternatives})(:[0-9]+)?(/|$)", "String")
    return f"utm_source = '' AND (match(referrer, {pattern}) OR (referrer = '' AND match(source, {pattern})))"


def _completions(asked: Crediting, scope: Scope) -> str:
    """Return the completions of goals by each visitor who paid, in the place of touches: visitor_id, touches."""
    name = f"arrayElement({scope['goal_names']}, number)"
    conditions = [
        _compared(name, leaf, scope) if leaf.dimension == GOAL else condition_sql(leaf, scope)
        for leaf in asked.touch_filters
    ]
    where = [
        "site_id = {site:UInt32}",
        _of_payers(asked),
        goals_sql(scope.goals, scope),
        "timestamp >= toDateTime({since:UInt32}, 'UTC')",
        "day <= toDate(toDateTime({end:UInt32}, 'UTC')) + 1",
    ]
    touch = f"(toUnixTimestamp(timestamp), session_id, {name}, 0, {' AND '.join(conditions) or '1'})"
    return (
        f"SELECT visitor_id, arraySort(groupUniqArray({touch})) AS touches FROM events "
        f"ARRAY JOIN {goal_numbers_sql(scope.goals, scope)} AS number "
        f"WHERE {' AND '.join(where)} GROUP BY visitor_id"
    )

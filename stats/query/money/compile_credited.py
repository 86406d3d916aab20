"""Payments → sub-query: what is to be credited, each with its anchor, the visitor and second whose path decides.

A refund stands for the payment that it takes back. A renewal's anchor is the customer's first payment. Which these are
each row of the mirror says. Amounts are whole millionths in Int128.
"""

from typing import Final

from stats.query.compile_filters import Scope
from stats.query.dimensions import NOT_SET
from stats.query.identities import sharing
from stats.query.money.attribution import CURRENCY, PAYMENT_TYPE, PRODUCT, SINGLE_TOUCH, Crediting, Renewals
from stats.query.money.compile import IS_FIRST
from stats.query.types import Leaf, Operator

NEGATIVE: Final = frozenset({Operator.IS_NOT, Operator.CONTAINS_NOT})
OWN: Final = {
    PRODUCT: f"if(credited_product_name = '', '{NOT_SET}', credited_product_name)",
    PAYMENT_TYPE: "if(credited_is_recurring, 'recurring', 'one_time')",
    CURRENCY: "credited_currency",
}
_IN_SPAN: Final = (
    "site_id = {site:UInt32} AND NOT is_voided"
    " AND paid_at >= toDateTime({start:UInt32}, 'UTC') AND paid_at <= toDateTime({end:UInt32}, 'UTC')"
)
# A decimal of six places is stored as that very number.
_MICROS: Final = "reinterpret(ifNull(converted, toDecimal128(0, 6)), 'Int128')"
FIRST_PAYMENTS: Final = f"""
    SELECT customer_id, toUnixTimestamp(paid_at) AS anchor_at, visitor_id AS anchor_visitor
    FROM payments FINAL WHERE {_IN_SPAN} AND {IS_FIRST}
"""


def of_payers(asked: Crediting) -> str:
    """Return the condition that a row is of somebody whose path decides, or of another visitor who is the same user.

    Of payments that were written again all versions are looked at, which does no harm. GLOBAL, since on a cluster
    payments lie with who paid, which may be another visitor on another shard.
    """
    visitor, _ = _anchor(asked)
    payers = f"SELECT {visitor} FROM payments WHERE {_IN_SPAN}"
    return f"visitor_id GLOBAL IN ({sharing(payers) if asked.joins_visitors else payers})"


def earliest_touch(asked: Crediting) -> str:
    """Return the expression of the unix second before which no path begins, not within the first day of all.

    Without subscriptions paths are hardly older than the span, whatever else is stored.
    """
    _, at = _anchor(asked)
    anchor = f"(SELECT minIf(toUnixTimestamp({at}), {at} != 0) FROM payments WHERE {_IN_SPAN})"
    return f"greatest(toInt64({anchor}) - {{lookback:UInt32}}, 86400)"


def credited(asked: Crediting, scope: Scope, dimension: str) -> str:
    """Return payments and refunds by anchor: anchor_visitor, anchor_at, customer_id, `own` for a payment's dimension.

    For a model of a single touch also gross, refunded and payments, sums of what has the same anchor. For others, which
    cut each amount, equal ones are counted instead: is_refund, micros, n.
    """
    visitor, at = _anchor(asked)
    columns = {"anchor_visitor": visitor, "anchor_at": f"toUnixTimestamp({at})", "customer_id": "owner_id"}
    if dimension in OWN:
        columns["own"] = f"if(credited_payment_id = 0, NULL, {OWN[dimension]})"
    sums = "sum(if(is_refund, 0, micros)) AS gross, sum(if(is_refund, micros, 0)) AS refunded, "
    sums += "countIf(NOT is_refund) AS payments"
    groups = ", ".join(columns)
    if asked.model not in SINGLE_TOUCH:
        groups, sums = f"{groups}, is_refund, micros", "count() AS n"
    where = [_IN_SPAN, "amount > 0", *(_payment_condition(leaf, scope) for leaf in asked.payment_filters)]
    if asked.renewals is Renewals.EXCLUDE:
        where.append("NOT is_renewal")
    selected = ", ".join(f"{expression} AS {name}" for name, expression in columns.items())
    rows = f"SELECT {selected}, is_refund, {_MICROS} AS micros FROM payments FINAL WHERE {' AND '.join(where)}"
    return f"SELECT {groups}, {sums} FROM ({rows}) GROUP BY {groups}"


def _anchor(asked: Crediting) -> tuple[str, str]:
    """Return the expressions of the visitor and the instant whose path decides."""
    if asked.renewals is not Renewals.FIRST:
        return "credited_visitor_id", "credited_at"
    return "if(is_renewal, first_visitor_id, credited_visitor_id)", "if(is_renewal, first_paid_at, credited_at)"


def _payment_condition(leaf: Leaf, scope: Scope) -> str:
    """Return a comparison with what a payment knows itself; a refund of no payment knows nothing."""
    return compared(f"if(credited_payment_id = 0, '', {OWN[leaf.dimension]})", leaf, scope)


def compared(value: str, leaf: Leaf, scope: Scope) -> str:
    """Return a comparison of a text that is empty where nothing is known, in any case."""
    folded = f"lowerUTF8({value})"
    texts = [f"lowerUTF8({scope.bind(str(clause), 'String')})" for clause in leaf.clauses]
    if leaf.operator in {Operator.IS, Operator.IS_NOT}:
        found = " OR ".join(f"{folded} = {text}" for text in texts)
    else:
        found = " OR ".join(f"position({folded}, {text}) > 0" for text in texts)
    return f"NOT ({found})" if leaf.operator in NEGATIVE else f"({value} != '' AND ({found}))"

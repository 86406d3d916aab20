"""Payments → sub-query: what is to be credited, each with its anchor, the visitor and second whose path decides.

A refund stands for the payment that it takes back. A renewal's anchor is the customer's first payment. Amounts are
whole millionths in Int128.
"""

from typing import Final

from stats.query.compile_filters import Scope
from stats.query.dimensions import NOT_SET
from stats.query.identities import sharing
from stats.query.money.attribution import CURRENCY, PAYMENT_TYPE, PRODUCT, SINGLE_TOUCH, Crediting, Renewals
from stats.query.types import Leaf, Operator

NEGATIVE: Final = frozenset({Operator.IS_NOT, Operator.CONTAINS_NOT})
OWN: Final = {
    PRODUCT: f"if(product_name = '', '{NOT_SET}', product_name)",
    PAYMENT_TYPE: "if(is_recurring, 'recurring', 'one_time')",
    CURRENCY: "currency",
}
_OF_SITE: Final = "site_id = {site:UInt32} AND NOT is_voided"
_SPAN: Final = "paid_at >= toDateTime({start:UInt32}, 'UTC') AND paid_at <= toDateTime({end:UInt32}, 'UTC')"
_IN_SPAN: Final = f"{_OF_SITE} AND {_SPAN}"
# A decimal of six places is stored as that very number.
_MICROS: Final = "reinterpret(ifNull(converted, toDecimal128(0, 6)), 'Int128')"

# Supersets, so old versions of payments do no harm: which customers and visitors a span has to do with.
_IN_SPAN_REFUNDS: Final = f"FROM payments WHERE {_IN_SPAN} AND is_refund"
_TAKEN_BACK: Final = (
    f"(payment_id IN (SELECT refunded_payment_id {_IN_SPAN_REFUNDS})"
    f" OR visitor_id IN (SELECT visitor_id {_IN_SPAN_REFUNDS}))"
)
_CUSTOMERS: Final = f"SELECT customer_id FROM payments WHERE {_OF_SITE} AND ({_SPAN} OR {_TAKEN_BACK})"
_CUSTOMERS_OF_REFUNDS: Final = f"SELECT customer_id FROM payments WHERE {_OF_SITE} AND is_recurring AND {_TAKEN_BACK}"
_SUBSCRIBERS: Final = f"SELECT customer_id FROM payments WHERE {_IN_SPAN} AND is_recurring"
_ALL_PAYERS: Final = f"SELECT visitor_id FROM payments WHERE {_OF_SITE} AND NOT is_refund"
_PAYERS: Final = f"{_ALL_PAYERS} AND customer_id IN ({_CUSTOMERS})"
# Of each customer the earliest; of several within a second the one that was recorded first: second and payment are one
# number, since tuples are slow to compare.
_PLACE: Final = "bitShiftLeft(toUInt128(toUnixTimestamp(paid_at)), 64) + payment_id"
_FIRST_PAYMENTS: Final = """
    SELECT
        customer_id, min({place}) AS place, toUInt32(bitShiftRight(place, 64)) AS first_at,
        toUInt64(place) AS first_payment_id, argMin(visitor_id, {place}) AS first_visitor
    FROM payments FINAL WHERE {of_site} AND NOT is_refund AND amount > 0 AND customer_id IN ({customers})
    GROUP BY customer_id
"""
FIRST_PAYMENTS: Final = _FIRST_PAYMENTS.format(place=_PLACE, of_site=_OF_SITE, customers=_CUSTOMERS)
_FIRST_PAYMENTS_OF_REFUNDED: Final = _FIRST_PAYMENTS.format(
    place=_PLACE, of_site=_OF_SITE, customers=_CUSTOMERS_OF_REFUNDS
)


def of_payers(asked: Crediting, *, in_span: bool = True) -> str:
    """Return the condition that a row is of somebody who paid, or of another visitor who is the same user.

    Without `in_span` it is of the payers of all time, which is quicker to tell.
    """
    payers = _PAYERS if in_span else _ALL_PAYERS
    if asked.joins_visitors:
        return f"visitor_id GLOBAL IN ({sharing(payers)})"  # a person's visitors may lie on several shards
    return f"visitor_id IN ({payers})"


def credited(asked: Crediting, scope: Scope, dimension: str) -> str:
    """Return payments and refunds by anchor: anchor_visitor, anchor_at, customer_id, `own` for a payment's dimension.

    For a model of a single touch also gross, refunded and payments, sums of what has the same anchor. For others, which
    cut each amount, equal ones are counted instead: is_refund, micros, n.
    """
    filters = [_payment_condition(leaf, scope) for leaf in asked.payment_filters]
    if asked.model in SINGLE_TOUCH and asked.renewals is Renewals.FIRST and dimension not in OWN:
        return _summed_by_customer(asked, dimension, filters)
    groups = "anchor_visitor, anchor_at, customer_id" + (", own" if dimension in OWN else "")
    sums = "sum(if(is_refund, 0, micros)) AS gross, sum(if(is_refund, micros, 0)) AS refunded, "
    sums += "countIf(NOT is_refund) AS payments"
    if asked.model not in SINGLE_TOUCH:
        groups, sums = f"{groups}, is_refund, micros", "count() AS n"
    rows = _anchored(f"({_payments()} UNION ALL {_refunds()})", FIRST_PAYMENTS, asked, dimension, filters)
    return f"SELECT {groups}, {sums} FROM ({rows}) GROUP BY {groups}"


def _summed_by_customer(asked: Crediting, dimension: str, filters: list[str]) -> str:
    """Return the sums where renewals have the anchor of the first payment: recurring ones are added up by customer.

    So none has to look up the first payment; refunds, of which there are few, do.
    """
    wanted = " AND ".join(filters) or "1"
    recurring = f"is_recurring AND {_SPAN} AND {wanted}"
    return f"""
        SELECT
            argMin(visitor_id, {_PLACE}) AS anchor_visitor,
            toUInt32(bitShiftRight(min({_PLACE}), 64)) AS anchor_at,
            customer_id,
            sumIf({_MICROS}, {recurring}) AS gross, toInt128(0) AS refunded, countIf({recurring}) AS payments
        FROM payments FINAL WHERE {_OF_SITE} AND NOT is_refund AND amount > 0 AND customer_id IN ({_SUBSCRIBERS})
        GROUP BY customer_id
        HAVING payments > 0
        UNION ALL
        SELECT visitor_id, at, customer_id, micros, toInt128(0), 1
        FROM ({_payments()}) WHERE NOT is_recurring AND {wanted}
        UNION ALL
        SELECT anchor_visitor, anchor_at, customer_id, toInt128(0), micros, 0
        FROM ({_anchored(f"({_refunds()})", _FIRST_PAYMENTS_OF_REFUNDED, asked, dimension, filters)})
    """


def _anchored(rows: str, firsts: str, asked: Crediting, dimension: str, filters: list[str]) -> str:
    """Return payments with their anchors: anchor_visitor, anchor_at, customer_id, is_refund, micros, and `own`."""
    columns = {"anchor_visitor": "visitor_id", "anchor_at": "at", "customer_id": "customer_id"}
    if dimension in OWN:
        columns["own"] = f"if(payment_id = 0, NULL, {OWN[dimension]})"
    where = [*filters]
    if asked.renewals is not Renewals.OWN:
        is_renewal = "(is_recurring AND first_payment_id != 0 AND first_payment_id != payment_id)"
        rows += f" AS paid LEFT ANY JOIN ({firsts}) AS customer ON paid.customer_id = customer.customer_id"
        if asked.renewals is Renewals.EXCLUDE:
            where.append(f"NOT {is_renewal}")
        else:
            columns["anchor_visitor"] = f"if({is_renewal}, first_visitor, visitor_id)"
            columns["anchor_at"] = f"if({is_renewal}, first_at, at)"
        columns["customer_id"] = "paid.customer_id"
    selected = ", ".join(f"{expression} AS {name}" for name, expression in columns.items())
    return f"SELECT {selected}, is_refund, micros FROM {rows} WHERE {' AND '.join(where) or '1'}"


def _payments() -> str:
    return f"""
        SELECT
            is_refund, payment_id, visitor_id, toUnixTimestamp(paid_at) AS at,
            customer_id, is_recurring, product_name, currency, {_MICROS} AS micros
        FROM payments FINAL WHERE {_IN_SPAN} AND NOT is_refund AND amount > 0
    """


def _refunds() -> str:
    """Return refunds as the payments that they take back: the linked one, else the visitor's latest before.

    A refund without either has payment_id 0, and no visitor.
    """
    payments = f"payments FINAL WHERE {_OF_SITE} AND NOT is_refund"
    refunds = f"payments FINAL WHERE {_IN_SPAN} AND is_refund AND amount > 0"
    known = ("customer_id", "is_recurring", "product_name", "currency")
    linked = ", ".join(f"{name} AS linked_{name}" for name in known)
    latest = ", ".join(f"argMax({name}, place) AS latest_{name}" for name in known)
    origin = ", ".join(f"if(linked_id != 0, linked_{name}, latest_{name}) AS {name}" for name in known)
    return f"""
        SELECT
            toUInt8(1) AS is_refund,
            if(linked_id != 0, linked_id, toUInt64(latest)) AS payment_id,
            if(linked_id != 0, linked_visitor, latest_visitor) AS visitor_id,
            if(linked_id != 0, linked_at, toUInt32(bitShiftRight(latest, 64))) AS at,
            {origin}, micros
        FROM (
            SELECT payment_id AS refund_id, refunded_payment_id, {_MICROS} AS micros FROM {refunds}
        ) AS refund
        LEFT ANY JOIN (
            SELECT
                payment_id AS linked_id, visitor_id AS linked_visitor, toUnixTimestamp(paid_at) AS linked_at, {linked}
            FROM {payments} AND payment_id IN (SELECT refunded_payment_id FROM {refunds})
        ) AS link ON refund.refunded_payment_id = link.linked_id
        LEFT ANY JOIN (
            SELECT returned_id, max(place) AS latest, any(visitor_id) AS latest_visitor, {latest}
            FROM (
                SELECT visitor_id, {_PLACE} AS place, paid_at, {", ".join(known)}
                FROM {payments} AND amount > 0 AND visitor_id IN (SELECT visitor_id FROM {refunds})
            ) AS paid
            INNER JOIN (
                SELECT payment_id AS returned_id, visitor_id AS returned_to, paid_at AS returned_at FROM {refunds}
            ) AS returned ON paid.visitor_id = returned.returned_to
            WHERE paid_at <= returned_at
            GROUP BY returned_id
        ) AS earlier ON refund.refund_id = earlier.returned_id
    """


def _payment_condition(leaf: Leaf, scope: Scope) -> str:
    """Return a comparison with what a payment knows itself; a refund of no payment knows nothing."""
    return compared(f"if(payment_id = 0, '', {OWN[leaf.dimension]})", leaf, scope)


def compared(value: str, leaf: Leaf, scope: Scope) -> str:
    """Return a comparison of a text that is empty where nothing is known, in any case."""
    folded = f"lowerUTF8({value})"
    texts = [f"lowerUTF8({scope.bind(str(clause), 'String')})" for clause in leaf.clauses]
    if leaf.operator in {Operator.IS, Operator.IS_NOT}:
        found = " OR ".join(f"{folded} = {text}" for text in texts)
    else:
        found = " OR ".join(f"position({folded}, {text}) > 0" for text in texts)
    return f"NOT ({found})" if leaf.operator in NEGATIVE else f"({value} != '' AND ({found}))"

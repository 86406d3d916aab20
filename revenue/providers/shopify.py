"""Shopify: paid orders and refunds. Amounts are texts of major units.

The topic stands in a header that is not signed; an order read as a refund, or the other way round, lacks what it needs.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Final

from revenue.providers.reading import (
    USER_KEY,
    VISITOR_KEYS,
    Node,
    digest_of,
    known_as,
    parse_event,
    user_text_of,
    visitor_text_of,
)
from revenue.providers.types import CustomerLinked, Identity, Outcome, Paid, UnreadableEventError
from revenue.types import NewPayment, PaymentType

TYPES: Final = frozenset({"orders/paid", "refunds/create"})


def identify(body: bytes, headers: Mapping[str, str]) -> Identity:
    """Return the topic, and a digest in place of the id, which is not signed."""
    event_type = headers.get("x-shopify-topic", "")
    if not 0 < len(event_type) <= 100 or not event_type.isprintable():
        raise UnreadableEventError("x-shopify-topic is missing")
    parse_event(body)
    return Identity(digest_of(event_type, body), event_type)


def read(body: bytes, event_type: str) -> tuple[Outcome, ...]:
    """Return what an event comes to; a test order is no money. Raises: UnreadableEventError."""
    item = parse_event(body)
    if item.flag("test"):
        return ()
    return _order(item) if event_type == "orders/paid" else _refund(item)


def _order_id(number: str) -> str:
    return f"shopify_order_{number}"


def _order(order: Node) -> tuple[Outcome, ...]:
    currency = order.currency("currency")
    visitor = _visitor(order)
    customer = f"shopify_customer_{order.node('customer').text('id')}" if order.node("customer").has("id") else ""
    at = order.instant("processed_at" if order.has("processed_at") else "created_at")
    lines = order.nodes("line_items")
    payment = NewPayment(
        transaction_id=_order_id(order.required("id")),
        amount=order.major("total_price", currency),
        currency=currency,
        visitor_id=visitor,
        payment_type=PaymentType.ONE_TIME,
        product_name=lines[0].title("title") if lines else "",
        paid_at=at,
        customer_id=customer,
    )
    link: tuple[Outcome, ...] = (CustomerLinked(customer, visitor, at),) if customer and visitor else ()
    user = user_text_of(_notes(order).get(USER_KEY))
    email = order.email("email") or order.node("customer").email("email")
    known = () if visitor else known_as(payment, customer, at, user_id=user, email=email)
    return (*link, Paid(payment), *known)


def _notes(order: Node) -> dict[str, str]:
    return {note.title("name"): note.title("value") for note in order.nodes("note_attributes")}


def _visitor(order: Node) -> str:
    noted = _notes(order)
    return next((found for key in VISITOR_KEYS if (found := visitor_text_of(noted.get(key)))), "")


def _refund(refund: Node) -> tuple[Outcome, ...]:
    number, order = refund.required("id"), refund.required("order_id")
    paid_back = [
        one
        for one in refund.nodes("transactions")
        if one.text("kind") == "refund" and one.text("status") == "success" and not one.flag("test")
    ]
    currencies = {one.currency("currency") for one in paid_back}
    if len(currencies) > 1:
        raise refund.problem("transactions", "must be of one currency")
    amount = sum((one.major("amount", one.currency("currency")) for one in paid_back), Decimal(0))
    if not amount:
        return ()  # goods came back, money did not
    payment = NewPayment(
        transaction_id=f"shopify_refund_{number}",
        amount=amount,
        currency=currencies.pop(),
        visitor_id="",
        payment_type=PaymentType.REFUND,
        paid_at=refund.instant("processed_at" if refund.has("processed_at") else "created_at"),
        refund_of=_order_id(order),
    )
    return (Paid(payment),)

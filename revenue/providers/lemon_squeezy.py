"""Lemon Squeezy: orders, payments of subscriptions, refunds, expired subscriptions.

Its numbers are short and each kind has its own, so they are kept with a mark. The first payment of a subscription is
reported as an order too; `subscription_created` tells which, and then the order counts for nothing. Refunds have no
number; an order or invoice says how much of it was refunded so far.
"""

from collections.abc import Mapping
from typing import Final

from revenue.providers.reading import Node, decimals_by, digest_of, known_as, parse_event
from revenue.providers.types import (
    CustomerLinked,
    Identity,
    Outcome,
    Paid,
    RefundedSoFar,
    SubscriptionEnded,
    Superseded,
)
from revenue.types import NewPayment, PaymentType

TYPES: Final = frozenset(
    {
        "order_created",
        "order_refunded",
        "subscription_created",
        "subscription_payment_success",
        "subscription_payment_refunded",
        "subscription_expired",
    }
)
DECIMALS: Final = decimals_by("BIF CLP DJF GNF JPY KMF KRW MGA PYG RWF VND VUV XAF XOF XPF")


def identify(body: bytes, headers: Mapping[str, str]) -> Identity:
    """Return the event's type, and a digest in place of the id that it lacks."""
    event_type = parse_event(body).node("meta").required("event_name")
    return Identity(digest_of(event_type, body), event_type)


def read(body: bytes, event_type: str) -> tuple[Outcome, ...]:
    """Return what an event comes to. Raises: UnreadableEventError."""
    event = parse_event(body)
    number, item = event.node("data").required("id"), event.node("data", "attributes")
    told = event.node("meta", "custom_data")
    match event_type:
        case "order_created":
            return _order(number, item, told)
        case "subscription_payment_success":
            return _invoice(number, item, told)
        case "order_refunded":
            return (_refunded(_order_id(number), item),)
        case "subscription_payment_refunded":
            return (_refunded(_invoice_id(number), item),)
        case "subscription_created":
            superseded = Superseded(_order_id(item.required("order_id")))
            return (*_link(item, told.visitor(), "created_at"), superseded)
        case _:
            end = "ends_at" if item.has("ends_at") else "updated_at"
            return (SubscriptionEnded(_subscription_id(number), item.instant(end)),)


def _order_id(number: str) -> str:
    return f"lemonsqueezy_order_{number}"


def _invoice_id(number: str) -> str:
    return f"lemonsqueezy_invoice_{number}"


def _subscription_id(number: str) -> str:
    return f"lemonsqueezy_subscription_{number}"


def _customer_id(item: Node) -> str:
    number = item.text("customer_id")
    return f"lemonsqueezy_customer_{number}" if number else ""


def _link(item: Node, visitor: str, time: str) -> tuple[Outcome, ...]:
    customer = _customer_id(item)
    return (CustomerLinked(customer, visitor, item.instant(time)),) if customer and visitor else ()


def _known(payment: NewPayment, item: Node, told: Node) -> tuple[Outcome, ...]:
    if payment.visitor_id:
        return ()
    at = item.instant("created_at")
    return known_as(payment, payment.customer_id, at, user_id=told.user(), email=item.email("user_email"))


def _order(number: str, item: Node, told: Node) -> tuple[Outcome, ...]:
    visitor = told.visitor()
    link = _link(item, visitor, "created_at")
    if item.text("status") not in {"paid", "refunded", "partial_refund"}:
        return link
    currency = item.currency("currency")
    payment = NewPayment(
        transaction_id=_order_id(number),
        amount=item.minor("total", currency, DECIMALS),
        currency=currency,
        visitor_id=visitor,
        payment_type=PaymentType.ONE_TIME,
        product_name=item.node("first_order_item").title("product_name"),
        paid_at=item.instant("created_at"),
        customer_id=_customer_id(item),
    )
    return (*link, Paid(payment), *_known(payment, item, told))


def _invoice(number: str, item: Node, told: Node) -> tuple[Outcome, ...]:
    visitor = told.visitor()
    currency = item.currency("currency")
    # What is charged for a change within the period pays for no period of its own.
    is_term = item.text("billing_reason") in {"", "initial", "renewal"}
    payment = NewPayment(
        transaction_id=_invoice_id(number),
        amount=item.minor("total", currency, DECIMALS),
        currency=currency,
        visitor_id=visitor,
        payment_type=PaymentType.RECURRING if is_term else PaymentType.ONE_TIME,
        product_name=item.title("product_name"),
        paid_at=item.instant("created_at"),
        subscription_id=_subscription_id(item.required("subscription_id")),
        customer_id=_customer_id(item),
    )
    return (*_link(item, visitor, "created_at"), Paid(payment), *_known(payment, item, told))


def _refunded(transaction_id: str, item: Node) -> RefundedSoFar:
    currency = item.currency("currency")
    is_whole = not item.has("refunded_amount") or not item.whole("refunded_amount")
    total = item.minor("total" if is_whole else "refunded_amount", currency, DECIMALS)
    return RefundedSoFar(
        transaction_id, total, currency, item.instant("refunded_at" if item.has("refunded_at") else "updated_at")
    )

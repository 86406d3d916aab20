"""Polar: paid and refunded orders, revoked subscriptions. Refunds are told as how much of an order came back so far."""

from collections.abc import Mapping
from typing import Final

from revenue.providers.intervals import interval_of
from revenue.providers.reading import Node, decimals_by, known_as, parse_event
from revenue.providers.types import (
    CustomerLinked,
    Identity,
    Outcome,
    Paid,
    RefundedSoFar,
    SubscriptionEnded,
    UnreadableEventError,
)
from revenue.types import Interval, NewPayment, PaymentType

TYPES: Final = frozenset({"order.paid", "order.refunded", "subscription.revoked"})
DECIMALS: Final = decimals_by("BIF CLP DJF GNF JPY KMF KRW MGA PYG RWF VND VUV XAF XOF XPF", "BHD JOD KWD OMR TND")
_TERMS: Final = frozenset({"subscription_create", "subscription_cycle"})


def identify(body: bytes, headers: Mapping[str, str]) -> Identity:
    """Return the signed id of the delivery, the same in all its repeats, and the event's type."""
    event_id = headers.get("webhook-id", "")
    if not 0 < len(event_id) <= 255 or not event_id.isprintable():
        raise UnreadableEventError("webhook-id must be a text of 1 to 255 characters")
    return Identity(event_id, parse_event(body).required("type"))


def read(body: bytes, event_type: str) -> tuple[Outcome, ...]:
    """Return what an event comes to. Raises: UnreadableEventError."""
    event = parse_event(body)
    item = event.node("data")
    if event_type == "subscription.revoked":
        end = next((name for name in ("current_period_end", "ends_at") if item.has(name)), "ended_at")
        return (SubscriptionEnded(item.required("id"), item.instant(end)),)
    at = event if event.has("timestamp") else item
    when = at.instant("timestamp" if event.has("timestamp") else "created_at")
    currency = item.currency("currency")
    if event_type == "order.refunded":
        taxes = item.minor("refunded_tax_amount", currency, DECIMALS) if item.has("refunded_tax_amount") else 0
        total = item.minor("refunded_amount", currency, DECIMALS) + taxes
        return (RefundedSoFar(item.required("id"), total, currency, when),)
    told = (item, item.node("subscription"), item.node("customer"))
    visitor = next((found for one in told if (found := one.node("metadata").visitor())), "")
    customer = item.id_of("customer_id")
    is_term = item.text("billing_reason") in _TERMS
    payment = NewPayment(
        transaction_id=item.required("id"),
        amount=item.minor("total_amount", currency, DECIMALS),
        currency=currency,
        visitor_id=visitor,
        payment_type=PaymentType.RECURRING if is_term else PaymentType.ONE_TIME,
        product_name=item.node("product").title("name"),
        paid_at=when,
        interval=_interval(item) if is_term else None,
        subscription_id=item.text("subscription_id"),
        customer_id=customer,
    )
    link: tuple[Outcome, ...] = (CustomerLinked(customer, visitor, when),) if customer and visitor else ()
    user = next((found for one in told if (found := one.node("metadata").user())), "")
    email = item.node("customer").email("email")
    known = () if visitor else known_as(payment, customer, when, user_id=user, email=email)
    return (*link, Paid(payment), *known)


def _interval(order: Node) -> Interval | None:
    for terms in (order.node("subscription"), order.node("product")):
        if terms.has("recurring_interval"):
            has_count = terms.has("recurring_interval_count")
            return interval_of(
                terms.text("recurring_interval"), terms.whole("recurring_interval_count") if has_count else 1
            )
    return None

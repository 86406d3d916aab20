"""Paddle Billing: completed transactions, adjustments, ended subscriptions. Amounts are texts of minor units."""

from collections.abc import Mapping
from typing import Final

from revenue.providers.intervals import interval_between, interval_of
from revenue.providers.reading import Node, decimals_by, known_as, parse_event
from revenue.providers.types import CustomerLinked, Identity, Outcome, Paid, SubscriptionEnded, Undone
from revenue.types import Interval, NewPayment, PaymentType

TYPES: Final = frozenset({"transaction.completed", "adjustment.created", "adjustment.updated", "subscription.canceled"})
DECIMALS: Final = decimals_by("CLP JPY KRW VND")
_MONEY_BACK: Final = frozenset({"refund", "chargeback"})
_NO_REFUND: Final = frozenset({"rejected", "reversed"})


def identify(body: bytes, headers: Mapping[str, str]) -> Identity:
    """Return the event's own id and type."""
    event = parse_event(body)
    return Identity(event.required("event_id"), event.required("event_type"))


def read(body: bytes, event_type: str) -> tuple[Outcome, ...]:
    """Return what an event comes to. Raises: UnreadableEventError."""
    event = parse_event(body)
    item = event.node("data")
    match event_type:
        case "transaction.completed":
            return _transaction(item, event)
        case "subscription.canceled":
            period = item.node("current_billing_period")
            end = period.instant("ends_at") if period else item.instant("canceled_at")
            return (SubscriptionEnded(item.required("id"), end),)
        case _:
            return _adjustment(item)


def _transaction(item: Node, event: Node) -> tuple[Outcome, ...]:
    customer, visitor = item.text("customer_id"), item.node("custom_data").visitor()
    at = item.instant("billed_at") if item.has("billed_at") else event.instant("occurred_at")
    currency = item.currency("currency_code")
    subscription = item.text("subscription_id")
    main = _main_item(item.nodes("items"))
    period = item.node("billing_period")
    # A charge for a change within the period, or one on top of it, pays for no period of its own.
    is_term = (
        bool(subscription)
        and bool(period)
        and item.text("origin")
        not in {
            "subscription_charge",
            "subscription_update",
        }
    )
    payment = NewPayment(
        transaction_id=item.required("id"),
        amount=item.node("details", "totals").minor("grand_total", currency, DECIMALS),
        currency=currency,
        visitor_id=visitor,
        payment_type=PaymentType.RECURRING if is_term else PaymentType.ONE_TIME,
        product_name=_product(item, main),
        paid_at=at,
        interval=_interval(main, period) if is_term else None,
        subscription_id=subscription,
        customer_id=customer,
    )
    link: tuple[Outcome, ...] = (CustomerLinked(customer, visitor, at),) if customer and visitor else ()
    user, email = item.node("custom_data").user(), item.node("customer").email("email")
    known = () if visitor else known_as(payment, customer, at, user_id=user, email=email)
    return (*link, Paid(payment), *known)


def _main_item(items: list[Node]) -> Node:
    recurring = [one for one in items if one.node("price", "billing_cycle")]
    return next(iter(recurring or items), Node({}, "items"))


def _product(transaction: Node, main: Node) -> str:
    lines = transaction.node("details").nodes("line_items")
    named = [line.node("product").title("name") for line in lines if line.text("price_id") == main.id_of("price")]
    return next((name for name in named if name), "") or main.node("price").title("name")


def _interval(main: Node, period: Node) -> Interval | None:
    cycle = main.node("price", "billing_cycle")
    if cycle:
        return interval_of(cycle.text("interval"), cycle.whole("frequency"))
    return interval_between(period.instant("starts_at"), period.instant("ends_at"))


def _adjustment(item: Node) -> tuple[Outcome, ...]:
    status = item.text("status")
    if item.text("action") not in _MONEY_BACK or status not in {"approved", *_NO_REFUND}:
        return ()
    currency = item.currency("currency_code")
    made = NewPayment(
        transaction_id=item.required("id"),
        amount=item.node("totals").minor("total", currency, DECIMALS),
        currency=currency,
        visitor_id="",
        payment_type=PaymentType.REFUND,
        paid_at=item.instant("created_at"),
        refund_of=item.required("transaction_id"),
    )
    return (Undone(made),) if status in _NO_REFUND else (Paid(made),)

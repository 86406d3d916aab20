"""Stripe: invoices, checkouts, refunds, disputes and ended subscriptions.

Both shapes of an invoice are read: that with `subscription` and `payment_intent` of its own, and the one since 2025
that has them in `parent` and in events `invoice_payment.paid`. A refund names the payment intent or charge, an invoice
is known by its own id; `PaymentNamed` ties the two.
"""

import re
from collections.abc import Mapping
from typing import Final

from revenue.providers.intervals import interval_between, interval_of
from revenue.providers.reading import Node, decimals_by, known_as, parse_event, visitor_text_of
from revenue.providers.types import (
    CustomerLinked,
    Identity,
    Outcome,
    Paid,
    PaymentNamed,
    SubscriptionEnded,
    Undone,
)
from revenue.types import Interval, NewPayment, PaymentType

TYPES: Final = frozenset(
    {
        "invoice.paid",
        "invoice_payment.paid",
        "checkout.session.completed",
        "checkout.session.async_payment_succeeded",
        "charge.refunded",
        "charge.refund.updated",
        "refund.created",
        "refund.updated",
        "refund.failed",
        "charge.dispute.closed",
        "customer.subscription.deleted",
    }
)
# MGA has a minor unit in ISO 4217 and none here; ISK and UGX the other way round: they are sent in hundredths.
DECIMALS: Final = decimals_by("BIF CLP DJF GNF JPY KMF KRW MGA PYG RWF VND VUV XAF XOF XPF", "BHD JOD KWD OMR TND")
_LINE: Final = re.compile(r"(?:\d+ × )?(?P<product>.+?)(?: \(at .+\))?")
_NO_REFUND: Final = frozenset({"failed", "canceled"})


def identify(body: bytes, headers: Mapping[str, str]) -> Identity:
    """Return the event's own id and type."""
    event = parse_event(body)
    return Identity(event.required("id"), event.required("type"))


def read(body: bytes, event_type: str) -> tuple[Outcome, ...]:
    """Return what an event comes to. Raises: UnreadableEventError."""
    event = parse_event(body)
    item = event.node("data", "object")
    match event_type:
        case "invoice.paid":
            return _invoice(item)
        case "invoice_payment.paid":
            return _named(item.node("payment"), item.id_of("invoice"))
        case "checkout.session.completed" | "checkout.session.async_payment_succeeded":
            return _session(item, event)
        case "charge.refunded":
            names = _named(item, item.id_of("invoice"), charge=item.required("id"))
            return (*names, *(out for one in item.listed("refunds") for out in _refund(one)))
        case "charge.dispute.closed":
            return _dispute(item, event)
        case "customer.subscription.deleted":
            return (_ended(item),)
        case _:
            return _refund(item)


def _session(session: Node, event: Node) -> tuple[Outcome, ...]:
    visitor = session.node("metadata").visitor() or visitor_text_of(session.text("client_reference_id"))
    customer, at = session.id_of("customer"), event.instant("created")
    link: tuple[Outcome, ...] = (CustomerLinked(customer, visitor, at),) if customer and visitor else ()
    user = session.node("metadata").user()
    email = session.node("customer_details").email("email") or session.email("customer_email")
    # Where an invoice is made, that is what is counted.
    if session.text("mode") != "payment" or session.has("invoice") or session.text("payment_status") == "unpaid":
        return link or known_as(None, customer, at, user_id=user, email=email)
    currency = session.currency("currency")
    payment = NewPayment(
        transaction_id=session.id_of("payment_intent") or session.required("id"),
        amount=session.minor("amount_total", currency, DECIMALS),
        currency=currency,
        visitor_id=visitor,
        payment_type=PaymentType.ONE_TIME,
        product_name=session.node("metadata").title("product_name"),
        paid_at=at,
        customer_id=customer,
    )
    known = () if visitor else known_as(payment, customer, at, user_id=user, email=email)
    return (*link, Paid(payment), *known)


def _invoice(invoice: Node) -> tuple[Outcome, ...]:
    transaction_id, customer = invoice.required("id"), invoice.id_of("customer")
    details = invoice.node("parent", "subscription_details") or invoice.node("subscription_details")
    lines = invoice.listed("lines")
    main = _main_line(lines)
    visitor = next((found for one in (details, main, invoice) if (found := one.node("metadata").visitor())), "")
    paid_at = invoice.node("status_transitions")
    at = paid_at.instant("paid_at") if paid_at.has("paid_at") else invoice.instant("created")
    link: tuple[Outcome, ...] = (CustomerLinked(customer, visitor, at),) if customer and visitor else ()
    currency = invoice.currency("currency")
    amount = invoice.minor("amount_paid", currency, DECIMALS)
    if not amount:
        return link
    subscription = invoice.id_of("subscription") or details.id_of("subscription") or main.id_of("subscription")
    # What is charged for a change within the period pays for no period of its own.
    is_term = bool(subscription) and not all(_is_proration(line) for line in lines)
    payment = NewPayment(
        transaction_id=transaction_id,
        amount=amount,
        currency=currency,
        visitor_id=visitor,
        payment_type=PaymentType.RECURRING if is_term else PaymentType.ONE_TIME,
        product_name=_product(main),
        paid_at=at,
        interval=_interval(main) if is_term else None,
        subscription_id=subscription,
        customer_id=customer,
    )
    names = [invoice.id_of(name) for name in ("payment_intent", "charge")]
    user = next((found for one in (details, main, invoice) if (found := one.node("metadata").user())), "")
    email = invoice.email("customer_email")
    known = () if visitor else known_as(payment, customer, at, user_id=user, email=email)
    return (*link, Paid(payment, tuple(name for name in names if name)), *known)


def _main_line(lines: list[Node]) -> Node:
    """Return the line that says what was bought and for how long: the dearest one of a whole period."""
    whole = [line for line in lines if not _is_proration(line)] or lines
    return max(whole, key=lambda line: line.whole("amount"), default=Node({}, "lines"))


def _is_proration(line: Node) -> bool:
    return line.flag("proration") or line.node("parent", "subscription_item_details").flag("proration")


def _product(line: Node) -> str:
    found = _LINE.fullmatch(line.title("description"))
    return found["product"] if found else ""


def _interval(line: Node) -> Interval | None:
    for terms in (line.node("price", "recurring"), line.node("plan")):
        if terms.has("interval"):
            return interval_of(terms.text("interval"), terms.whole("interval_count"))
    period = line.node("period")
    return interval_between(period.instant("start"), period.instant("end")) if period else None


def _named(payment: Node, invoice: str, *, charge: str = "") -> tuple[Outcome, ...]:
    """Return under which names refunds will speak of an invoice's payment."""
    names = [payment.id_of("payment_intent"), charge or payment.id_of("charge")]
    return tuple(PaymentNamed(name, invoice) for name in names if name and invoice)


def _refund(refund: Node) -> tuple[Outcome, ...]:
    status = refund.text("status")
    if status not in {"succeeded", *_NO_REFUND}:
        return ()  # it is on its way; another event says how it ended
    made = _money_back(refund, refund.required("id"), refund, "created")
    return (Undone(made.payment),) if status in _NO_REFUND else (made,)


def _dispute(dispute: Node, event: Node) -> tuple[Outcome, ...]:
    if dispute.text("status") != "lost":
        return ()
    return (_money_back(dispute, dispute.required("id"), event, "created"),)


def _money_back(item: Node, transaction_id: str, dated: Node, name: str) -> Paid:
    currency = item.currency("currency")
    return Paid(
        NewPayment(
            transaction_id=transaction_id,
            amount=item.minor("amount", currency, DECIMALS),
            currency=currency,
            visitor_id="",
            payment_type=PaymentType.REFUND,
            paid_at=dated.instant(name),
            refund_of=item.id_of("payment_intent") or item.id_of("charge"),
        )
    )


def _ended(subscription: Node) -> SubscriptionEnded:
    ends = [one.instant("current_period_end") for one in subscription.listed("items") if one.has("current_period_end")]
    if subscription.has("current_period_end"):
        ends.append(subscription.instant("current_period_end"))
    return SubscriptionEnded(subscription.required("id"), max(ends) if ends else subscription.instant("ended_at"))

"""What each provider's events come to: every line of the contract's table of money events (3.6)."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from revenue.providers.adapters import ADAPTERS, outcomes_of
from revenue.providers.stripe import DECIMALS
from revenue.providers.types import (
    CustomerLinked,
    Outcome,
    Paid,
    PaymentNamed,
    Provider,
    RefundedSoFar,
    SubscriptionEnded,
    Superseded,
    Undone,
    UnreadableEventError,
)
from revenue.types import Interval, NewPayment, PaymentType
from tests.revenue import provider_events as events
from tests.revenue.provider_events import Event, encoded

NOON = datetime(2026, 3, 5, 12, tzinfo=UTC)


def of_stripe(event_type: str, item: Event) -> tuple[Outcome, ...]:
    body = encoded(events.stripe("evt_1", event_type, item))
    assert event_type in ADAPTERS[Provider.STRIPE].types
    return outcomes_of(Provider.STRIPE, event_type, body)


def of(provider: Provider, event_type: str, event: Event) -> tuple[Outcome, ...]:
    assert event_type in ADAPTERS[provider].types
    return outcomes_of(provider, event_type, encoded(event))


def payment_in(outcomes: tuple[Outcome, ...]) -> NewPayment:
    (found,) = [one.payment for one in outcomes if isinstance(one, Paid | Undone)]
    return found


def shown(payment: NewPayment) -> tuple[Any, ...]:
    return (
        payment.transaction_id,
        f"{payment.amount} {payment.currency}",
        payment.kind.value,
        payment.interval and payment.interval.value,
        payment.visitor_id,
        payment.subscription_id,
        payment.product_name,
    )


# ---- Stripe ----------------------------------------------------------------------------------------------------------
def test_stripe_checkout_is_a_payment_and_links_customer_and_visitor() -> None:
    link, paid = of_stripe("checkout.session.completed", events.stripe_session())
    assert link == CustomerLinked("cus_1", "from_metadata", NOON)
    assert shown(payment_in((paid,))) == ("pi_1", "49.00 USD", "one_time", None, "from_metadata", "", "")


@pytest.mark.parametrize(
    ("fields", "visitor"),
    [
        ({"metadata": {"datafast_visitor_id": "c", "footfall_visitor_id": "b", "visitor_id": "a"}}, "a"),
        ({"metadata": {"datafast_visitor_id": "c", "footfall_visitor_id": "b"}}, "b"),
        ({"metadata": {"datafast_visitor_id": "c", "visitor_id": " "}}, "c"),
        ({"metadata": {"visitor_id": "two words"}}, "from_reference"),
        ({"metadata": None}, "from_reference"),
        ({"metadata": {}, "client_reference_id": None}, ""),
    ],
)
def test_stripe_visitor_is_found_in_the_order_of_the_contract(fields: Event, visitor: str) -> None:
    found = of_stripe("checkout.session.completed", events.stripe_session(**fields))
    assert payment_in(found).visitor_id == visitor
    assert len(found) == (2 if visitor else 1)


@pytest.mark.parametrize(
    "fields",
    [
        {"mode": "subscription", "payment_intent": None},
        {"mode": "setup"},
        {"invoice": "in_9"},
        {"payment_status": "unpaid"},
    ],
)
def test_stripe_checkout_that_is_paid_elsewhere_or_later_only_links(fields: Event) -> None:
    assert of_stripe("checkout.session.completed", events.stripe_session(**fields)) == (
        CustomerLinked("cus_1", "from_metadata", NOON),
    )


def test_stripe_invoice_is_recurring_by_its_line() -> None:
    (paid,) = of_stripe("invoice.paid", events.stripe_invoice())
    assert shown(payment_in((paid,))) == ("in_1", "30.00 USD", "recurring", "month", "", "sub_1", "Pro")


def test_stripe_invoice_of_the_former_shape_names_its_payment_itself() -> None:
    line = {
        "amount": 24_000,
        "description": "Pro",
        "plan": {"interval": "year", "interval_count": 1},
        "metadata": {"visitor_id": "ann"},
    }
    former = events.stripe_invoice(
        parent=None, subscription="sub_2", payment_intent="pi_7", charge="ch_7", lines={"data": [line]}
    )
    link, paid = of_stripe("invoice.paid", former)
    assert isinstance(paid, Paid)
    assert paid.references == ("pi_7", "ch_7")
    assert shown(paid.payment) == ("in_1", "30.00 USD", "recurring", "year", "ann", "sub_2", "Pro")
    assert link == CustomerLinked("cus_1", "ann", NOON)


def test_stripe_invoice_of_nothing_or_for_no_period() -> None:
    assert of_stripe("invoice.paid", events.stripe_invoice(amount_paid=0)) == ()
    proration = events.stripe_invoice()
    proration["lines"]["data"][0]["parent"]["subscription_item_details"]["proration"] = True
    changed = payment_in(of_stripe("invoice.paid", proration))
    assert (changed.kind, changed.interval, changed.subscription_id) == (PaymentType.ONE_TIME, None, "sub_1")
    manual = payment_in(of_stripe("invoice.paid", events.stripe_invoice(parent=None, lines={"data": []})))
    assert (manual.kind, manual.subscription_id) == (PaymentType.ONE_TIME, "")


def test_stripe_payment_of_an_invoice_ties_names() -> None:
    item = {"id": "inpay_1", "invoice": "in_1", "payment": {"type": "payment_intent", "payment_intent": "pi_1"}}
    assert of_stripe("invoice_payment.paid", item) == (PaymentNamed("pi_1", "in_1"),)


def test_stripe_refund_is_the_same_by_whichever_event() -> None:
    refund = events.stripe_refund()
    charge = {"id": "ch_1", "invoice": "in_1", "payment_intent": "pi_1", "customer": "cus_1"}
    (alone,) = of_stripe("refund.created", refund)
    updated = of_stripe("refund.updated", refund)
    *names, first, second = of_stripe(
        "charge.refunded", {**charge, "refunds": {"data": [refund, events.stripe_refund(2)]}}
    )
    assert isinstance(second, Paid)
    assert (alone,) == updated == (first,)
    assert second.payment.transaction_id == "re_2"
    assert names == [PaymentNamed("pi_1", "in_1"), PaymentNamed("ch_1", "in_1")]
    made = payment_in((alone,))
    assert shown(made) == ("re_1", "10.00 USD", "refund", None, "", "", "")
    assert made.refund_of == "pi_1"
    assert of_stripe("charge.refunded", {**charge, "invoice": None}) == ()


def test_stripe_refund_counts_once_it_succeeded_and_not_when_it_failed() -> None:
    assert of_stripe("refund.created", events.stripe_refund(status="pending")) == ()
    (undone,) = of_stripe("refund.failed", events.stripe_refund(status="failed"))
    assert isinstance(undone, Undone)
    with pytest.raises(UnreadableEventError, match="above 0"):
        of_stripe("refund.created", events.stripe_refund(amount=0))


def test_stripe_lost_dispute_is_a_refund_on_the_day_it_was_lost() -> None:
    dispute = {"id": "du_1", "amount": 4900, "currency": "usd", "charge": "ch_1", "payment_intent": "pi_1"}
    found = payment_in(of_stripe("charge.dispute.closed", {**dispute, "status": "lost", "created": 5}))
    assert (found.transaction_id, found.paid_at, found.refund_of) == ("du_1", NOON, "pi_1")
    assert of_stripe("charge.dispute.closed", {**dispute, "status": "won"}) == ()


@pytest.mark.parametrize(
    "end", [{"current_period_end": events.NOW}, {"items": {"data": [{"current_period_end": events.NOW}]}}]
)
def test_stripe_subscription_ends_with_its_period(end: Event) -> None:
    assert of_stripe("customer.subscription.deleted", {"id": "sub_1", **end}) == (SubscriptionEnded("sub_1", NOON),)


@pytest.mark.parametrize(
    ("currency", "minor", "amount"),
    [
        ("jpy", 500, "500"),
        ("mga", 500, "500.00"),
        ("kwd", 1230, "1.230"),
        ("ugx", 50_000, "500"),
        ("isk", 50_000, "500"),
        ("huf", 50_000, "500.00"),
        ("krw", 1, "1"),
        ("usd", 99_999_999_999_999, "999999999999.99"),
    ],
)
def test_stripe_minor_units_are_by_its_own_table(currency: str, minor: int, amount: str) -> None:
    session = events.stripe_session(currency=currency, amount_total=minor)
    assert str(payment_in(of_stripe("checkout.session.completed", session)).amount) == amount


def test_stripe_table_is_not_iso_4217() -> None:
    assert (DECIMALS("MGA"), DECIMALS("UGX"), DECIMALS("ISK"), DECIMALS("EUR")) == (0, 2, 2, 2)


# ---- The others ------------------------------------------------------------------------------------------------------
def test_paddle_transaction_is_a_payment_by_its_billing_period() -> None:
    paid = of(Provider.PADDLE, "transaction.completed", events.paddle("e", "t", events.paddle_transaction()))
    assert shown(payment_in(paid)) == ("txn_1", "90.00 USD", "recurring", "quarter", "bea", "sub_p1", "Team")
    assert paid[0] == CustomerLinked("ctm_1", "bea", NOON)
    once = events.paddle_transaction(subscription_id=None, billing_period=None, custom_data=None, currency_code="JPY")
    (found,) = of(Provider.PADDLE, "transaction.completed", events.paddle("e", "t", once))
    assert shown(payment_in((found,))) == ("txn_1", "9000 JPY", "one_time", None, "", "", "Team")


def test_paddle_adjustments() -> None:
    def adjusted(**fields: Any) -> tuple[Outcome, ...]:
        event = events.paddle("e", "t", events.paddle_adjustment(**fields))
        created, updated = (of(Provider.PADDLE, f"adjustment.{verb}", event) for verb in ("created", "updated"))
        assert created == updated
        return created

    refund = payment_in(adjusted())
    assert (refund.transaction_id, refund.amount, refund.refund_of) == ("adj_1", Decimal("25.00"), "txn_1")
    assert payment_in(adjusted(action="chargeback")) == refund
    assert adjusted(status="pending_approval") == adjusted(action="credit") == ()
    (undone,) = adjusted(status="reversed")
    assert isinstance(undone, Undone)


def test_paddle_subscription_ends() -> None:
    item = {"id": "sub_p1", "canceled_at": "2026-03-05T12:00:00Z", "current_billing_period": None}
    found = of(Provider.PADDLE, "subscription.canceled", events.paddle("e", "t", item))
    assert found == (SubscriptionEnded("sub_p1", NOON),)


def test_lemon_squeezy_events() -> None:
    def found(event_type: str, number: int, attributes: Event) -> tuple[Outcome, ...]:
        return of(Provider.LEMON_SQUEEZY, event_type, events.lemon_squeezy(event_type, "x", number, attributes))

    order = found("order_created", 1, events.lemon_squeezy_order())
    assert order[0] == CustomerLinked("lemonsqueezy_customer_7", "cleo", NOON)
    assert shown(payment_in(order)) == ("lemonsqueezy_order_1", "19.99 EUR", "one_time", None, "cleo", "", "Book")
    invoice = payment_in(found("subscription_payment_success", 9, events.lemon_squeezy_invoice()))
    assert shown(invoice)[:3] == ("lemonsqueezy_invoice_9", "19.99 EUR", "recurring")
    assert invoice.subscription_id == "lemonsqueezy_subscription_5"
    changed = events.lemon_squeezy_invoice(billing_reason="updated")
    assert payment_in(found("subscription_payment_success", 9, changed)).kind is PaymentType.ONE_TIME
    created = {"customer_id": 7, "order_id": 1, "created_at": "2026-03-05T12:00:00Z"}
    assert found("subscription_created", 5, created)[-1] == Superseded("lemonsqueezy_order_1")
    ended = found("subscription_expired", 5, {"ends_at": "2026-03-05T12:00:00Z"})
    assert ended == (SubscriptionEnded("lemonsqueezy_subscription_5", NOON),)
    part = events.lemon_squeezy_order(refunded_amount=500, refunded_at="2026-03-05T12:00:00Z")
    assert found("order_refunded", 1, part) == (RefundedSoFar("lemonsqueezy_order_1", Decimal("5.00"), "EUR", NOON),)
    whole = events.lemon_squeezy_invoice(refunded=True, refunded_at="2026-03-05T12:00:00Z")
    assert found("subscription_payment_refunded", 9, whole) == (
        RefundedSoFar("lemonsqueezy_invoice_9", Decimal("19.99"), "EUR", NOON),
    )
    assert found("order_created", 1, events.lemon_squeezy_order(status="pending"))[1:] == ()


@pytest.mark.parametrize(
    ("reason", "kind", "interval"),
    [
        ("purchase", PaymentType.ONE_TIME, None),
        ("subscription_create", PaymentType.RECURRING, Interval.YEAR),
        ("subscription_cycle", PaymentType.RECURRING, Interval.YEAR),
        ("subscription_update", PaymentType.ONE_TIME, None),
    ],
)
def test_polar_order_is_by_its_billing_reason(reason: str, kind: PaymentType, interval: Interval | None) -> None:
    paid = of(Provider.POLAR, "order.paid", events.polar("order.paid", events.polar_order(billing_reason=reason)))
    found = payment_in(paid)
    assert (found.kind, found.interval, found.amount, found.visitor_id) == (kind, interval, Decimal("120.00"), "dan")
    assert (found.product_name, found.subscription_id, found.paid_at) == ("Studio", "5a1c", NOON)


def test_polar_refund_and_end() -> None:
    order = events.polar_order(refunded_amount=5000, refunded_tax_amount=1000)
    (refunded,) = of(Provider.POLAR, "order.refunded", events.polar("order.refunded", order))
    assert refunded == RefundedSoFar(order["id"], Decimal("60.00"), "USD", NOON)
    revoked = {"id": "5a1c", "current_period_end": "2026-03-05T12:00:00Z", "ended_at": "2026-03-01T00:00:00Z"}
    ended = of(Provider.POLAR, "subscription.revoked", events.polar("subscription.revoked", revoked))
    assert ended == (SubscriptionEnded("5a1c", NOON),)


def test_shopify_order_and_refund() -> None:
    order = of(Provider.SHOPIFY, "orders/paid", events.shopify_order())
    assert order[0] == CustomerLinked("shopify_customer_115", "eve", NOON)
    assert shown(payment_in(order)) == ("shopify_order_820982911", "5000 JPY", "one_time", None, "eve", "", "Teapot")
    refund = payment_in(of(Provider.SHOPIFY, "refunds/create", events.shopify_refund()))
    assert (refund.transaction_id, refund.amount, refund.refund_of) == (
        "shopify_refund_509",
        Decimal(1200),
        "shopify_order_820982911",
    )
    assert of(Provider.SHOPIFY, "refunds/create", events.shopify_refund(transactions=[])) == ()
    assert of(Provider.SHOPIFY, "orders/paid", events.shopify_order(test=True)) == ()
    with pytest.raises(UnreadableEventError, match="order_id is missing"):
        of(Provider.SHOPIFY, "refunds/create", events.shopify_order())
    with pytest.raises(UnreadableEventError):
        of(Provider.SHOPIFY, "orders/paid", events.shopify_refund())


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"amount_total": 49.5}, "amount_total must be a whole number"),
        ({"amount_total": True}, "amount_total must be a whole number"),
        ({"amount_total": None}, "amount_total must be a whole number"),
        ({"amount_total": -1}, "amount_total must be from 0"),
        ({"amount_total": 10**30}, "amount_total must be a whole number"),
        ({"amount_total": 10**14}, "less than 10"),
        ({"currency": "zzz"}, "currency must be an ISO 4217 code"),
        ({"currency": 5}, "currency must be an ISO 4217 code"),
        ({"currency": "isk", "amount_total": 550}, "more decimals than ISK allows"),
        ({"payment_intent": "x" * 256}, "payment_intent must be a text"),
        ({"customer": "a\x00b"}, "customer must be a text"),
        ({"metadata": []}, "metadata must be an object"),
        ({"payment_intent": None, "id": None}, "id is missing"),
    ],
)
def test_malformed_event_is_refused_by_the_name_of_its_member(fields: Event, problem: str) -> None:
    with pytest.raises(UnreadableEventError, match=problem):
        of_stripe("checkout.session.completed", events.stripe_session(**fields))


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{", b'{"a": NaN}', b"[" * 100_000, b"\xff", b'{"a": 1' + b"0" * 5000 + b"}"]
)
@pytest.mark.parametrize("provider", list(Provider))
def test_body_that_is_no_event_is_refused(provider: Provider, body: bytes) -> None:
    headers = {"webhook-id": "msg_1", "x-shopify-topic": "orders/paid"}
    with pytest.raises(UnreadableEventError):
        ADAPTERS[provider].identify(body, headers)

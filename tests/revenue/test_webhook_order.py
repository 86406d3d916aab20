"""Providers repeat and reorder events: whatever comes when and how often, the books are the same."""

import threading
from collections import defaultdict
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import pytest
import time_machine
from django.db import connection as database
from django.test import Client
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts.models import Site
from accounts.selectors import site_ref
from revenue.models import Payment, ProviderConnection, ProviderEvent
from revenue.provider_services import apply_outcomes
from revenue.providers.adapters import outcomes_of
from revenue.providers.types import Provider
from revenue.webhook_services import add_secret, webhook_path, work_off_events
from stats.ingest.visitor import caller_visitor_id, visitor_text
from tests.factories import make_site
from tests.revenue import provider_events as events
from tests.revenue.provider_events import NOW, SECRET, encoded, headers_for

SITE_SECRET = b"the same for all sites of these tests"
MONTH_S = 28 * 86_400
Delivery = tuple[str, bytes]


def stripe(event_type: str, item: events.Event, created: int = NOW) -> Delivery:
    return event_type, encoded(events.stripe("evt", event_type, item, created))


def paying(invoice: str, intent: str) -> events.Event:
    return {"id": f"inpay_{intent}", "invoice": invoice, "payment": {"payment_intent": intent}}


SUBSCRIBED = events.stripe_session(mode="subscription", payment_intent=None, customer="cus_1")
DISPUTE = {"id": "du_1", "amount": 3000, "currency": "usd", "payment_intent": "pi_12", "status": "lost"}
OF_STRIPE = [
    stripe("checkout.session.completed", SUBSCRIBED, NOW - 30),
    stripe("invoice.paid", events.stripe_invoice(1)),
    stripe("invoice_payment.paid", paying("in_1", "pi_11")),
    stripe("invoice.paid", events.stripe_invoice(2, NOW + MONTH_S)),
    stripe("invoice_payment.paid", paying("in_2", "pi_12")),
    stripe("charge.dispute.closed", DISPUTE, NOW + MONTH_S + 900),
    stripe("refund.created", events.stripe_refund(1, "pending", payment_intent="pi_11")),
    stripe("refund.updated", events.stripe_refund(1, payment_intent="pi_11")),
    stripe("refund.updated", events.stripe_refund(2, payment_intent="pi_11")),
    stripe("refund.failed", events.stripe_refund(2, "failed", payment_intent="pi_11")),
    stripe("checkout.session.completed", events.stripe_session(id="cs_2", payment_intent="pi_2", customer="cus_2")),
    stripe("charge.refunded", {"id": "ch_2", "refunds": {"data": [events.stripe_refund(3, payment_intent="pi_2")]}}),
    stripe("invoice.paid", events.stripe_invoice(3, customer="cus_2", parent=None)),
    stripe("customer.subscription.deleted", {"id": "sub_1", "current_period_end": NOW + 2 * MONTH_S}),
]


def paddle(event_type: str, data: events.Event) -> Delivery:
    return event_type, encoded(events.paddle("evt", event_type, data))


UNKNOWN_RENEWAL = events.paddle_transaction(id="txn_2", custom_data=None, billed_at="2026-06-05T12:00:00Z")
OF_PADDLE = [
    paddle("transaction.completed", events.paddle_transaction()),
    paddle("transaction.completed", UNKNOWN_RENEWAL),
    paddle("adjustment.created", events.paddle_adjustment(1, "pending_approval")),
    paddle("adjustment.updated", events.paddle_adjustment(1)),
    paddle("adjustment.created", events.paddle_adjustment(2, action="chargeback", transaction_id="txn_2")),
    paddle("adjustment.updated", events.paddle_adjustment(2, "reversed", action="chargeback", transaction_id="txn_2")),
    paddle("subscription.canceled", {"id": "sub_p1", "canceled_at": "2026-08-01T00:00:00Z"}),
]


def lemon_squeezy(event_type: str, number: int, attributes: events.Event) -> Delivery:
    return event_type, encoded(events.lemon_squeezy(event_type, "x", number, attributes))


LEMON_ORDER = events.lemon_squeezy_order(refunded_at="2026-03-06T12:00:00Z")
OF_LEMON_SQUEEZY = [
    lemon_squeezy("order_created", 1, events.lemon_squeezy_order()),
    lemon_squeezy("subscription_created", 5, {"customer_id": 7, "order_id": 1, "created_at": "2026-03-05T12:00:02Z"}),
    lemon_squeezy("subscription_payment_success", 9, events.lemon_squeezy_invoice()),
    lemon_squeezy("order_refunded", 1, LEMON_ORDER),
    lemon_squeezy("subscription_payment_refunded", 9, {**LEMON_ORDER, "subscription_id": 5}),
    lemon_squeezy("order_created", 2, events.lemon_squeezy_order()),
    lemon_squeezy("order_refunded", 2, {**LEMON_ORDER, "refunded_amount": 500}),
    lemon_squeezy("order_refunded", 2, {**LEMON_ORDER, "refunded_amount": 1200}),
    lemon_squeezy("subscription_expired", 5, {"ends_at": "2026-04-05T12:00:00Z"}),
]


def polar(event_type: str, data: events.Event) -> Delivery:
    return event_type, encoded(events.polar(event_type, data))


OF_POLAR = [
    polar("order.paid", events.polar_order()),
    polar("order.paid", events.polar_order(id="o2", billing_reason="purchase", subscription=None)),
    polar("order.refunded", events.polar_order(id="o2", refunded_amount=10_000, refunded_tax_amount=2_000)),
    polar("order.refunded", events.polar_order(refunded_amount=5_000)),
    polar("subscription.revoked", {"id": "5a1c", "current_period_end": "2027-03-05T12:00:00Z"}),
]
OF_SHOPIFY = [
    ("orders/paid", encoded(events.shopify_order())),
    ("orders/paid", encoded(events.shopify_order(id=2, note_attributes=[], processed_at="2026-03-01T00:00:00Z"))),
    ("refunds/create", encoded(events.shopify_refund())),
    ("refunds/create", encoded(events.shopify_refund(id=510))),
]
LISTS: dict[Provider, Sequence[Delivery]] = {
    Provider.STRIPE: OF_STRIPE,
    Provider.PADDLE: OF_PADDLE,
    Provider.LEMON_SQUEEZY: OF_LEMON_SQUEEZY,
    Provider.POLAR: OF_POLAR,
    Provider.SHOPIFY: OF_SHOPIFY,
}


def books(provider: Provider, deliveries: Sequence[Delivery]) -> dict[str, Any]:
    """Return what the deliveries come to at a fresh site: payments that count, and how much of each came back."""
    site = make_site(currency="USD", caller_id_secret=SITE_SECRET)
    for event_type, body in deliveries:
        apply_outcomes(site_ref(site), outcomes_of(provider, event_type, body))
    kept = Payment.objects.filter(site=site, voided_at=None).select_related("refunded_payment")
    payments = sorted(
        (
            one.transaction_id,
            one.amount,
            one.payer,
            one.payment_type,
            one.term_interval,
            one.covered_until,
            one.subscription_id,
        )
        for one in kept
        if not one.is_refund
    )
    back: dict[str, Decimal] = defaultdict(Decimal)
    for refund in kept.filter(is_refund=True):
        assert refund.refunded_payment is not None, refund
        back[refund.refunded_payment.transaction_id] += refund.amount
    return {"payments": payments, "back": dict(back)}


def payer(visitor: str) -> str:
    return visitor_text(caller_visitor_id(SITE_SECRET, visitor))


@pytest.mark.django_db
@pytest.mark.parametrize("provider", list(Provider))
@settings(max_examples=15, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_order_and_any_repeats_give_the_same_books(provider: Provider, data: st.DataObject) -> None:
    deliveries = LISTS[provider]
    shuffled = data.draw(st.permutations([*deliveries, *data.draw(st.lists(st.sampled_from(deliveries), max_size=4))]))
    assert books(provider, shuffled) == books(provider, deliveries)


@pytest.mark.django_db
def test_books_are_what_a_reader_counts() -> None:
    def told(provider: Provider) -> tuple[list[tuple[Any, ...]], dict[str, str]]:
        found = books(provider, LISTS[provider])
        back = {name: str(amount) for name, amount in found["back"].items()}
        return [(one[0], str(one[1]), one[2], one[3]) for one in found["payments"]], back

    ann, eve = payer("from_metadata"), payer("eve")
    assert told(Provider.STRIPE) == (
        [
            ("in_1", "30.00", ann, "recurring"),
            ("in_2", "30.00", ann, "recurring"),
            ("in_3", "30.00", ann, "one_time"),  # an invoice without a subscription
            ("pi_2", "49.00", ann, "one_time"),
        ],
        {"in_1": "10.00", "in_2": "30.00", "pi_2": "10.00"},
    )
    assert told(Provider.PADDLE) == (
        [("txn_1", "90.00", payer("bea"), "recurring"), ("txn_2", "90.00", payer("bea"), "recurring")],
        {"txn_1": "25.00"},
    )
    assert told(Provider.LEMON_SQUEEZY) == (
        [
            ("lemonsqueezy_invoice_9", "19.99", payer("cleo"), "recurring"),
            ("lemonsqueezy_order_2", "19.99", payer("cleo"), "one_time"),
        ],
        {"lemonsqueezy_invoice_9": "19.99", "lemonsqueezy_order_2": "12.00"},
    )
    order = events.polar_order()["id"]
    assert told(Provider.POLAR)[1] == {order: "50.00", "o2": "120.00"}
    assert told(Provider.SHOPIFY) == (
        [("shopify_order_2", "5000", eve, "one_time"), ("shopify_order_820982911", "5000", eve, "one_time")],
        {"shopify_order_820982911": "2400"},
    )


@pytest.mark.django_db
def test_customer_with_several_visitors_is_the_one_of_the_time() -> None:
    def checkout(number: int, visitor: str, at: int) -> Delivery:
        session = events.stripe_session(
            payment_intent=f"pi_{number}", metadata={"visitor_id": visitor}, client_reference_id=None
        )
        return stripe("checkout.session.completed", session, at)

    deliveries = [checkout(1, "ann", NOW), checkout(2, "", NOW + 10), checkout(3, "bob", NOW + 20)]
    deliveries += [checkout(4, "", NOW + 30), checkout(0, "", NOW - 10)]
    for order in (deliveries, deliveries[::-1]):
        found = [(one[0], one[2]) for one in books(Provider.STRIPE, order)["payments"]]
        names = ["ann", "ann", "ann", "bob", "bob"]
        assert found == [(f"pi_{number}", payer(name)) for number, name in enumerate(names)]


@pytest.mark.skipif(database.vendor == "sqlite", reason="a database in memory is shared by threads under one lock")
@pytest.mark.django_db(transaction=True, serialized_rollback=True)
def test_twenty_equal_deliveries_at_once_are_one_payment() -> None:
    site: Site = make_site(currency="USD")
    with time_machine.travel(NOW, tick=True):
        connection = ProviderConnection.objects.create(site=site, provider=Provider.STRIPE.value)
        add_secret(connection, SECRET, who=None)
        body = encoded(events.stripe("evt_1", "checkout.session.completed", events.stripe_session()))
        headers = headers_for(Provider.STRIPE, body)
        answers: list[int] = []
        together = threading.Barrier(20)

        def deliver() -> None:
            together.wait(20)
            answer = Client().generic("POST", webhook_path(connection), body, "application/json", headers=headers)
            answers.append(answer.status_code)
            work_off_events()
            database.close()

        threads = [threading.Thread(target=deliver) for _ in range(20)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert answers == [200] * 20
    assert ProviderEvent.objects.get().worked_at is not None
    assert Payment.objects.filter(site=site).count() == 1

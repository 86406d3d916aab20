"""Customers of providers who are users that the site knows: by its own id, by their address, by its SHA-256."""

import itertools
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
import time_machine
from django.core import serializers

from accounts.models import Site
from accounts.selectors import site_ref
from revenue.models import CustomerVisitor, Payment, ProviderConnection, ProviderEvent
from revenue.provider_services import apply_outcomes, possible_users
from revenue.providers.adapters import outcomes_of
from revenue.providers.types import KnownAs, Provider
from revenue.webhook_services import replay_events, work_off_events
from stats import services
from stats.erasure_services import erase_visitor
from stats.ingest.visitor import caller_visitor_id, visitor_text
from stats.store.client import EventStore
from stats.visitor_services import identify_visitor
from tests.factories import make_site
from tests.live_path import LivePath
from tests.revenue import provider_events as events
from tests.revenue.provider_events import NOW, encoded

pytestmark = pytest.mark.django_db
ADDRESS = "ann@shop.example"
NOBODY: dict[str, Any] = {"metadata": {}, "client_reference_id": None}


@pytest.fixture
def site(store: EventStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    with time_machine.travel(NOW, tick=False):
        live = LivePath(store, tmp_path / "spool")
        monkeypatch.setattr(services, "_intake", live.intake)
        yield make_site(currency="USD")
        live.stop()


def user(site: Site, text: str) -> str:
    return visitor_text(caller_visitor_id(bytes(site.caller_id_secret), text))


def checkout(number: int = 1, **fields: Any) -> bytes:
    session = events.stripe_session(payment_intent=f"pi_{number}", **{**NOBODY, **fields})
    return encoded(events.stripe(f"evt_{number}", "checkout.session.completed", session))


def work(site: Site, *bodies: bytes) -> None:
    """Let events that came be worked, as the server does behind its answers."""
    connection, _ = ProviderConnection.objects.get_or_create(site=site, provider=Provider.STRIPE.value)
    for body in bodies:
        name = sha256(body).hexdigest()
        ProviderEvent.objects.create(
            connection=connection, event_id=name, event_type="checkout.session.completed", body=body
        )
    work_off_events()
    assert not ProviderEvent.objects.filter(worked_at=None).exists()


def payers(site: Site) -> dict[str, str]:
    return dict(Payment.objects.filter(site=site).values_list("transaction_id", "payer"))


SAID = {"user_id": "u42"}
TOLD = [
    (Provider.STRIPE, "checkout.session.completed", events.stripe_session(**{**NOBODY, "metadata": SAID}), "cus_1"),
    (Provider.STRIPE, "invoice.paid", events.stripe_invoice(metadata=SAID), "cus_1"),
    (Provider.PADDLE, "transaction.completed", events.paddle_transaction(custom_data=SAID), "ctm_1"),
    (Provider.LEMON_SQUEEZY, "order_created", events.lemon_squeezy_order(), "lemonsqueezy_customer_7"),
    (Provider.LEMON_SQUEEZY, "subscription_payment_success", events.lemon_squeezy_invoice(), "lemonsqueezy_customer_7"),
    (Provider.POLAR, "order.paid", events.polar_order(metadata=SAID, subscription=None), "b2f6"),
    (
        Provider.SHOPIFY,
        "orders/paid",
        events.shopify_order(note_attributes=[{"name": "user_id", "value": "u42"}]),
        "shopify_customer_115",
    ),
]


@pytest.mark.parametrize(("provider", "event_type", "item", "customer"), TOLD, ids=lambda one: str(one)[:24])
@pytest.mark.parametrize("says", ["user", "address", "visitor too"])
def test_every_provider_tells_whom_the_site_knows(
    provider: Provider, event_type: str, item: dict[str, Any], customer: str, says: str
) -> None:
    sent = {**item, "customer_email": " Ann@Shop.Example ", "user_email": ADDRESS, "email": ADDRESS.upper()}
    if provider in {Provider.PADDLE, Provider.POLAR}:
        sent["customer"] = {"email": ADDRESS}
    noted = {"user_id": 42 if provider is Provider.PADDLE else "u42"} if says != "address" else {}
    noted |= {"visitor_id": "ann"} if says == "visitor too" else {}
    for name in ("metadata", "custom_data"):
        if name in item:
            sent[name] = noted
    sent["note_attributes"] = [{"name": name, "value": value} for name, value in noted.items()]
    match provider:
        case Provider.STRIPE:
            body = events.stripe("evt_1", event_type, sent)
        case Provider.PADDLE:
            body = events.paddle("evt_1", event_type, sent)
        case Provider.LEMON_SQUEEZY:
            made = events.lemon_squeezy(event_type, "x", 1, sent)
            body = {**made, "meta": {**made["meta"], "custom_data": noted}}
        case Provider.POLAR:
            body = events.polar(event_type, sent)
        case Provider.SHOPIFY:
            body = sent
    found = [one for one in outcomes_of(provider, event_type, encoded(body)) if isinstance(one, KnownAs)]

    known = {"user": "42" if provider is Provider.PADDLE else "u42", "address": ""}
    shown = [(one.customer_id, one.user_id, one.email) for one in found]
    assert shown == ([] if says == "visitor too" else [(customer, known[says], ADDRESS)])


@pytest.mark.parametrize("text", ["ann", "x" * 201, "a\x00@b", "\ud800@b", 7, ["a@b"], None, {}])
def test_address_that_is_none_costs_no_sale(site: Site, text: object) -> None:
    body = checkout(customer_email=text, customer=None)
    assert [type(one).__name__ for one in outcomes_of(Provider.STRIPE, "checkout.session.completed", body)] == ["Paid"]


@pytest.mark.parametrize("known", [ADDRESS, sha256(ADDRESS.encode()).hexdigest()])
def test_address_leads_to_the_user_who_was_identified_by_it(site: Site, known: str) -> None:
    identify_visitor(site_ref(site), "v_00000000000000a1", known)
    work(site, checkout(1, customer_details={"email": " Ann@Shop.Example "}), checkout(2, customer=None, id="cs_2"))
    work(site, checkout(3, customer=None, customer_email=ADDRESS))

    found = payers(site)
    assert (found["pi_1"], found["pi_3"]) == (user(site, known), user(site, known))
    assert found["pi_2"] == user(site, "transaction\npi_2")
    kept = serializers.serialize("json", [*Payment.objects.all(), *CustomerVisitor.objects.all()])
    assert ADDRESS not in kept.lower()


def test_address_of_nobody_known_leads_to_nobody_until_it_is_replayed(site: Site) -> None:
    work(site, checkout(1, customer_email=ADDRESS), checkout(2, customer=None, customer_email=ADDRESS))
    assert payers(site) == {"pi_1": user(site, "customer\ncus_1"), "pi_2": user(site, "transaction\npi_2")}
    assert not CustomerVisitor.objects.exists()
    other = make_site()
    identify_visitor(site_ref(other), "v_00000000000000a1", ADDRESS)
    identify_visitor(site_ref(site), "v_00000000000000a1", ADDRESS)
    for _ in range(2):
        replay_events(ProviderEvent.objects.all(), who=None)
        work(site)

    assert payers(site) == dict.fromkeys(("pi_1", "pi_2"), user(site, ADDRESS))


def test_surest_identified_id_counts_and_without_any_the_sites_own(site: Site) -> None:
    told: dict[str, Any] = {"metadata": {"user_id": "u42"}, "customer_email": ADDRESS, "customer": None}
    work(site, checkout(1, **told))
    identify_visitor(site_ref(site), "v_00000000000000a1", ADDRESS)
    work(site, checkout(2, **told))
    identify_visitor(site_ref(site), "v_00000000000000a2", "u42")
    work(site, checkout(3, **told))

    assert payers(site) == {"pi_1": user(site, "u42"), "pi_2": user(site, ADDRESS), "pi_3": user(site, "u42")}


def test_users_of_a_customer_are_the_same_in_any_order_and_a_visitor_goes_before_them(site: Site) -> None:
    bodies = [
        checkout(1, metadata={"user_id": "u42"}),
        checkout(2),
        checkout(3, metadata={"user_id": "u42"}, customer="cus_2"),
        checkout(4, metadata={"visitor_id": "ann"}, customer="cus_2"),
    ]
    for order in itertools.permutations(bodies):
        fresh = make_site(currency="USD")
        for body in (*order, order[0]):
            outcomes = outcomes_of(Provider.STRIPE, "checkout.session.completed", body)
            apply_outcomes(site_ref(fresh), outcomes, possible_users(site_ref(fresh), outcomes))
        assert payers(fresh) == {
            "pi_1": user(fresh, "u42"),
            "pi_2": user(fresh, "u42"),
            "pi_3": user(fresh, "ann"),
            "pi_4": user(fresh, "ann"),
        }


def test_user_who_was_erased_is_not_brought_back(site: Site) -> None:
    work(site, checkout(1, metadata={"user_id": "u42"}))
    erase_visitor(site_ref(site), caller_visitor_id(bytes(site.caller_id_secret), "u42"))
    assert user(site, "u42") not in payers(site).values()
    work(site, checkout(2, metadata={"user_id": "u42"}), checkout(3, customer=None, metadata={"user_id": "u42"}))

    assert user(site, "u42") not in payers(site).values()
    assert not CustomerVisitor.objects.exists()


def test_command_beside_a_server_asks_nobody_who_visitors_are(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    identify_visitor(site_ref(site), "v_00000000000000a1", ADDRESS)
    monkeypatch.setattr(services, "_intake", None)
    work(site, checkout(1, customer_email=ADDRESS))

    assert payers(site) == {"pi_1": user(site, "customer\ncus_1")}

"""Webhooks over HTTP: what is taken, what is refused, and what becomes of it."""

import json
import logging
import queue
from datetime import timedelta
from decimal import Decimal
from io import StringIO
from typing import Any

import pytest
import time_machine
from django.conf import LazySettings
from django.core.management import CommandError, call_command
from django.test import Client

from accounts.models import AuditEntry, Site
from accounts.selectors import site_ref
from analytics_project.clock import now
from revenue import webhook_services, webhook_worker
from revenue.models import CustomerVisitor, Payment, ProviderConnection, ProviderEvent, ProviderSecret
from revenue.providers.adapters import outcomes_of
from revenue.providers.types import Outcome, Provider
from revenue.sealing import UnreadableSealError, seal, unseal
from revenue.services import payer_of
from revenue.types import NewPayment
from revenue.webhook_services import add_secret, forget_events, webhook_path, work_off_events
from stats.erasure_services import erase_visitor
from stats.ingest.visitor import caller_visitor_id, parse_visitor_text
from tests.factories import make_site, make_user
from tests.revenue import provider_events as events
from tests.revenue.provider_events import NOW, SECRET, encoded, headers_for

pytestmark = pytest.mark.django_db
MOMENT = "2026-03-05T12:00:00Z"


@pytest.fixture
def site() -> Site:
    return make_site(currency="USD")


@pytest.fixture(autouse=True)
def clock() -> Any:
    with time_machine.travel(MOMENT, tick=False) as moved:
        yield moved


def connect(site: Site, provider: Provider = Provider.STRIPE, *secrets: str) -> ProviderConnection:
    connection = ProviderConnection.objects.create(site=site, provider=provider.value)
    for secret in secrets or (SECRET,):
        add_secret(connection, secret, who=None)
    return connection


def deliver(
    client: Client, connection: ProviderConnection, event: Any, headers: dict[str, str] | None = None, **signing: Any
) -> tuple[int, Any]:
    body = event if isinstance(event, bytes) else encoded(event)
    sent = headers_for(Provider(connection.provider), body, **signing) if headers is None else headers
    answer = client.generic("POST", webhook_path(connection), body, "application/json", headers=sent)
    return answer.status_code, answer.json()


def paid(site: Site) -> list[tuple[Any, ...]]:
    rows = Payment.objects.filter(site=site).order_by("is_refund", "transaction_id")
    return [(one.transaction_id, f"{one.amount} {one.currency}", one.payment_type, one.visitor_id) for one in rows]


CHECKOUT = events.stripe("evt_1", "checkout.session.completed", events.stripe_session())
TAKEN = (200, {"received": True})


def test_event_is_kept_first_and_worked_behind_the_answer(client: Client, site: Site) -> None:
    connection = connect(site)
    assert deliver(client, connection, CHECKOUT) == TAKEN
    assert paid(site) == []
    assert (work_off_events(), work_off_events()) == (1, 0)
    assert paid(site) == [("pi_1", "49.00 USD", "one_time", "from_metadata")]
    (payment,) = Payment.objects.filter(site=site)
    assert (payment.origin, payment.customer_id) == ("provider", "cus_1")
    connection.refresh_from_db()
    assert connection.last_event_at is not None


@pytest.mark.parametrize(
    ("provider", "event", "topic", "transaction_id"),
    [
        (Provider.STRIPE, CHECKOUT, "", "pi_1"),
        (Provider.PADDLE, events.paddle("e", "transaction.completed", events.paddle_transaction()), "", "txn_1"),
        (
            Provider.LEMON_SQUEEZY,
            events.lemon_squeezy("order_created", "orders", 1, events.lemon_squeezy_order()),
            "",
            "lemonsqueezy_order_1",
        ),
        (Provider.POLAR, events.polar("order.paid", events.polar_order()), "", events.polar_order()["id"]),
        (Provider.SHOPIFY, events.shopify_order(), "orders/paid", "shopify_order_820982911"),
    ],
    ids=lambda value: value if isinstance(value, Provider) else "",
)
def test_each_provider_is_recorded_once_however_often_it_repeats(
    client: Client, site: Site, provider: Provider, event: Any, topic: str, transaction_id: str
) -> None:
    connection = connect(site, provider)
    other = connect(site, provider)  # a second endpoint for the same site: the payment's own id decides
    for to in (connection, connection, other):
        assert deliver(client, to, event, topic=topic) == TAKEN
        work_off_events()
    assert ProviderEvent.objects.count() == 2
    assert [one[0] for one in paid(site)] == [transaction_id]
    assert ProviderEvent.objects.exclude(problem="").count() == 0


def test_what_is_not_signed_is_refused_and_leaves_nothing(client: Client, site: Site) -> None:
    connection = connect(site)
    body = encoded(CHECKOUT)
    good = headers_for(Provider.STRIPE, body)
    refused = [
        deliver(client, connection, CHECKOUT, headers={}),
        deliver(client, connection, CHECKOUT, secret="another secret"),
        deliver(client, connection, body.replace(b"4900", b"9900"), headers=good),
        deliver(client, connection, CHECKOUT, at=NOW - 301),
        deliver(client, connection, CHECKOUT, at=NOW + 301),
        deliver(client, connection, b"", headers=good),
    ]
    assert refused == [(400, {"error": "The signature is missing, wrong or too old"})] * 6
    connection.refresh_from_db()
    assert (ProviderEvent.objects.count(), connection.last_event_at) == (0, None)


@pytest.mark.parametrize("body", [b"[]", b"not json", b'{"id": "evt_1"}', b'{"type": "invoice.paid", "id": ["x"]}'])
def test_signed_body_that_is_no_event_is_refused(client: Client, site: Site, body: bytes) -> None:
    status, answer = deliver(client, connect(site), body)
    assert (status, list(answer)) == (400, ["error"])
    assert ProviderEvent.objects.count() == 0


def test_event_of_no_interest_is_answered_and_not_kept(client: Client, site: Site) -> None:
    assert deliver(client, connect(site), events.stripe("evt_2", "customer.created", {"id": "cus_1"})) == TAKEN
    assert ProviderEvent.objects.count() == 0


def test_addresses_that_take_nothing(client: Client, site: Site) -> None:
    connection = connect(site)
    body, path = encoded(CHECKOUT), webhook_path(connection)
    headers = headers_for(Provider.STRIPE, body)
    elsewhere = [
        path.replace("stripe", "paddle"),
        f"{path}x",
        "/webhooks/stripe/a%00",
        path.replace("stripe", "nöbody"),
    ]
    answers = [client.generic("POST", to, body, "application/json", headers=headers) for to in elsewhere]
    assert [(one.status_code, one.json()) for one in answers] == [(404, {"error": "There is no such webhook"})] * 4
    ProviderConnection.objects.update(is_enabled=False)
    assert deliver(client, connection, CHECKOUT)[0] == 404
    assert client.get(path).status_code == 405
    ProviderConnection.objects.update(is_enabled=True)
    assert client.generic("POST", path, b" " * 2_000_001, "application/json").status_code == 413
    assert deliver(client, connection, CHECKOUT) == TAKEN
    assert client.generic("POST", f"{path}/", body, "text/plain", headers=headers).json() == {"received": True}


def test_secret_is_changed_without_losing_an_event(client: Client, site: Site) -> None:
    connection = connect(site, Provider.STRIPE, "the old secret")
    add_secret(connection, "the new secret", who=None)
    for number, secret in enumerate(("the old secret", "the new secret")):
        event = {**CHECKOUT, "id": f"evt_{number}"}
        assert deliver(client, connection, event, secret=secret) == TAKEN
    connection.secrets.order_by("pk")[0].delete()
    assert deliver(client, connection, {**CHECKOUT, "id": "evt_9"}, secret="the old secret")[0] == 400


def test_events_wait_at_the_provider_while_secrets_cannot_be_read(
    client: Client, site: Site, settings: LazySettings
) -> None:
    connection = connect(site)
    settings.SECRET_KEY = "another secret of the server, long enough for anybody"
    assert deliver(client, connection, CHECKOUT)[0] == 503
    assert ProviderEvent.objects.count() == 0
    add_secret(connection, SECRET, who=None)
    assert deliver(client, connection, CHECKOUT) == TAKEN


def test_malformed_money_is_kept_with_its_reason_and_tried_again(client: Client, site: Site, clock: Any) -> None:
    connection = connect(site)
    broken = events.stripe("evt_1", "checkout.session.completed", events.stripe_session(amount_total=12.5))
    assert deliver(client, connection, broken) == TAKEN
    waits = []
    for _ in range(3):
        assert (work_off_events(), work_off_events()) == (1, 0)
        event = ProviderEvent.objects.get()
        waits.append(event.next_try_at - now())
        clock.move_to(event.next_try_at)
    assert waits == [timedelta(minutes=1), timedelta(minutes=4), timedelta(minutes=16)]
    assert (event.problem, event.worked_at) == ("data.object.amount_total must be a whole number", None)
    ProviderEvent.objects.update(body=encoded(CHECKOUT), next_try_at=event.received_at)
    assert work_off_events() == 1
    assert [one[0] for one in paid(site)] == ["pi_1"]
    assert ProviderEvent.objects.get().problem == ""


def test_other_content_under_a_known_id_is_a_failure_and_changes_nothing(client: Client, site: Site) -> None:
    connection = connect(site)
    cheaper = events.stripe("evt_2", "checkout.session.completed", events.stripe_session(amount_total=100))
    for event in (CHECKOUT, cheaper):
        deliver(client, connection, event)
        work_off_events()
    assert [one[1] for one in paid(site)] == ["49.00 USD"]
    failed = ProviderEvent.objects.get(event_id="evt_2")
    assert failed.problem == "payment pi_1 is already recorded with a different amount"


def test_fault_of_ours_is_noted_and_holds_nobody_up(
    client: Client, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    connection = connect(site)

    def stumble(provider: Provider, event_type: str, body: bytes) -> tuple[Outcome, ...]:
        if event_type == "refund.created":
            raise KeyError("a member")
        return outcomes_of(provider, event_type, body)

    monkeypatch.setattr(webhook_services, "outcomes_of", stumble)
    deliver(client, connection, events.stripe("evt_0", "refund.created", events.stripe_refund()))
    deliver(client, connection, CHECKOUT)
    assert work_off_events() == 2
    assert ProviderEvent.objects.get(worked_at=None).problem == "internal error: KeyError"
    assert [one[0] for one in paid(site)] == ["pi_1"]


def test_worker_looks_when_it_is_told_to_and_forgets_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    rounds: queue.Queue[str] = queue.Queue()
    monkeypatch.setattr(webhook_worker, "EVERY_S", 60.0)
    monkeypatch.setattr(webhook_worker, "work_off_events", lambda: rounds.put("worked"))
    monkeypatch.setattr(webhook_worker, "forget_events", lambda: rounds.put("forgot"))
    worker = webhook_worker.WebhookWorker()
    worker.start()
    seen = []
    for expected in (["worked", "forgot"], ["worked"]):
        webhook_worker.notice_events()
        seen.append([rounds.get(timeout=20) for _ in expected])
    worker.stop()
    assert seen == [["worked", "forgot"], ["worked"]]
    assert not worker._thread.is_alive()


def test_command_replays_what_failed_and_says_what_still_does(client: Client, site: Site) -> None:
    connection = connect(site)
    deliver(client, connection, CHECKOUT)
    deliver(client, connection, events.stripe("evt_2", "refund.created", events.stripe_refund(currency="zzz")))
    while work_off_events():
        pass
    out, err = StringIO(), StringIO()
    with pytest.raises(CommandError):
        call_command("replay_webhooks", "--site", site.domain, "--provider", "stripe", stdout=out, stderr=err)
    assert out.getvalue() == "1 events, 1 of them failed\n"
    assert "evt_2: data.object.currency must be an ISO 4217 code" in err.getvalue()
    ProviderEvent.objects.filter(event_id="evt_2").delete()
    call_command("replay_webhooks", "--all", stdout=out)
    assert out.getvalue().endswith("1 events, 0 of them failed\n")
    assert len(paid(site)) == 1
    with pytest.raises(CommandError, match="there is no site"):
        call_command("replay_webhooks", "--site", "nowhere.example")


def test_events_are_forgotten_after_thirty_days(client: Client, site: Site, clock: Any) -> None:
    deliver(client, connect(site), CHECKOUT)
    clock.shift(timedelta(days=30))
    assert forget_events() == 0
    clock.shift(timedelta(seconds=1))
    assert (forget_events(), ProviderEvent.objects.count()) == (1, 0)


def test_event_that_waited_does_not_tell_who_an_erased_visitor_was(client: Client, site: Site) -> None:
    connection = connect(site)
    subscribed = events.stripe_session(mode="subscription", payment_intent=None)
    deliver(client, connection, events.stripe("evt_1", "checkout.session.completed", subscribed))
    erase_visitor(site_ref(site), caller_visitor_id(bytes(site.caller_id_secret), "from_metadata"))
    deliver(client, connection, events.stripe("evt_2", "invoice.paid", events.stripe_invoice()))
    assert work_off_events() == 2
    assert CustomerVisitor.objects.count() == 0
    payment = Payment.objects.get()
    assert payment.payer == payer_of(bytes(site.caller_id_secret), customer("cus_1"))


def customer(name: str) -> NewPayment:
    return NewPayment(transaction_id="", amount=Decimal(0), currency="USD", visitor_id="", customer_id=name)


def test_erased_visitor_leaves_neither_link_nor_event(client: Client, site: Site) -> None:
    connection = connect(site)
    deliver(client, connection, CHECKOUT)
    work_off_events()
    payer = parse_visitor_text(Payment.objects.get().payer)
    assert payer is not None
    erase_visitor(site_ref(site), payer)
    event = ProviderEvent.objects.get()
    assert (bytes(event.body), event.customer_id, CustomerVisitor.objects.count()) == (b"", "", 0)
    call_command("replay_webhooks", "--all", stdout=StringIO())
    assert paid(site) == [("pi_1", "49.00 USD", "one_time", "")]


def test_event_of_a_guest_goes_with_the_visitor_before_and_after_it_is_worked(client: Client, site: Site) -> None:
    connection = connect(site)
    session = events.stripe_session(customer=None)
    deliver(client, connection, events.stripe("evt_1", "checkout.session.completed", session))
    work_off_events()
    assert Payment.objects.get().customer_id == ""
    visitor = caller_visitor_id(bytes(site.caller_id_secret), "from_metadata")
    erase_visitor(site_ref(site), visitor)
    deliver(client, connection, events.stripe("evt_2", "checkout.session.completed", session))
    assert b"from_metadata" in bytes(ProviderEvent.objects.get(event_id="evt_2").body)
    work_off_events()
    kept = ProviderEvent.objects.values_list("body", "customer_id", "payer")
    assert [(bytes(body), *rest) for body, *rest in kept] == [(b"", "", ""), (b"", "", "")]


# ---- The admin, and secrets ------------------------------------------------------------------------------------------
def test_admin_sets_a_connection_up_and_never_shows_its_secret(client: Client, site: Site) -> None:
    client.force_login(make_user("root@footfall.example", is_staff=True, is_superuser=True))
    page = "/admin/revenue/providerconnection/"
    added = client.post(f"{page}add/", {"site": site.pk, "provider": "stripe", "new_secret": SECRET, **INLINES})
    assert added.status_code == 302
    connection = ProviderConnection.objects.get()
    shown = [client.get(f"{page}{connection.pk}/change/"), client.get(page)]
    assert webhook_path(connection) in shown[0].content.decode()
    sealed = ProviderSecret.objects.get().sealed
    for answer in shown:
        assert answer.status_code == 200
        assert SECRET not in answer.content.decode()
        assert sealed not in answer.content.decode()
    short = client.post(f"{page}{connection.pk}/change/", {"is_enabled": "on", "new_secret": "sh0rt!", **INLINES})
    assert "8 to 255 characters" in short.content.decode()
    assert "sh0rt!" not in short.content.decode()
    texts = " ".join(str(one.target) for one in AuditEntry.objects.all())
    assert {one.action for one in AuditEntry.objects.all()} >= {"providerconnection.create", "provider_secret.create"}
    assert SECRET not in texts


INLINES = {"secrets-TOTAL_FORMS": "0", "secrets-INITIAL_FORMS": "0"}


def test_admin_shows_why_an_event_failed_and_replays_it(client: Client, site: Site) -> None:
    connection = connect(site)
    deliver(client, connection, events.stripe("evt_7", "refund.created", events.stripe_refund(amount=0)))
    work_off_events()
    client.force_login(make_user("root@footfall.example", is_staff=True, is_superuser=True))
    page, event = "/admin/revenue/providerevent/", ProviderEvent.objects.get()
    assert "the amount of a refund must be above 0" in client.get(page).content.decode()
    chosen = {"action": "replay", "_selected_action": [event.pk]}
    assert client.post(page, chosen, follow=True).status_code == 200
    event.refresh_from_db()
    assert (event.attempts, event.problem) == (0, "")
    assert work_off_events() == 1


def test_no_secret_in_logs_errors_or_reprs(
    client: Client, site: Site, caplog: pytest.LogCaptureFixture, settings: LazySettings
) -> None:
    caplog.set_level(logging.DEBUG)
    connection = connect(site)
    record = ProviderSecret.objects.get()
    bodies = [deliver(client, connection, CHECKOUT, headers={}), deliver(client, connection, CHECKOUT, secret="wrong!")]
    server_secret = settings.SECRET_KEY
    settings.SECRET_KEY = "another secret of the server, long enough for anybody"
    bodies.append(deliver(client, connection, CHECKOUT))
    texts = [json.dumps(bodies), caplog.text, repr(connection), str(connection), repr(record), str(record)]
    texts += [repr(ProviderSecret.objects.all()), repr(ProviderEvent.objects.all())]
    assert [text for text in texts if SECRET in text or record.sealed in text] == []
    assert SECRET not in record.sealed
    assert unseal(server_secret, record.sealed) == SECRET
    assert seal(server_secret, SECRET) != record.sealed
    for other in (record.sealed[:-4], "no seal", "é"):
        with pytest.raises(UnreadableSealError):
            unseal(server_secret, other)

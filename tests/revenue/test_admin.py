"""Payments, products and rates in the admin: seen, searched and voided, never edited."""

from decimal import Decimal
from html import unescape
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import AuditEntry, Site, User
from revenue.models import ExchangeRate, Payment, ProductInterval
from tests.factories import make_site
from tests.revenue.paying import once, paid, record, refund

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.accounts.urls")]


@pytest.fixture
def client() -> Client:
    """A browser in which an administrator is logged in."""
    browser = Client()
    browser.force_login(User.objects.create_superuser("root@shop.example"))
    return browser


@pytest.fixture
def site() -> Site:
    return make_site(currency="USD")


def page(client: Client, name: str, *args: object, **query: str) -> str:
    answer = client.get(reverse(f"admin:revenue_{name}", args=args), query)
    assert answer.status_code == 200
    return unescape(answer.content.decode())


def send(client: Client, name: str, *args: object, **fields: Any) -> str:
    answer = client.post(reverse(f"admin:revenue_{name}", args=args), fields, follow=True)
    assert answer.status_code == 200
    return unescape(answer.content.decode())


def test_payments_are_listed_searched_and_shown_but_not_edited(client: Client, site: Site) -> None:
    record(site, paid("2026-03-05", "49.5", "ann", "Pro", transaction_id="t1"), once("2026-03-05", 7, currency="KWD"))
    listed = page(client, "payment_changelist")
    assert "49.50 USD" in listed
    assert "no exchange rate" in listed
    assert "1 payment" in page(client, "payment_changelist", q="t1")
    for filters in ({"rate__isempty": "1"}, {"payment_type__exact": "recurring"}, {"currency": "KWD"}):
        assert "1 payment" in page(client, "payment_changelist", **filters)
    number = Payment.objects.get(transaction_id="t1").pk
    shown = page(client, "payment_change", number)
    assert "March 5, 2026" in shown
    assert 'name="amount_micros"' not in shown
    assert client.get(reverse("admin:revenue_payment_add")).status_code == 403
    assert client.post(reverse("admin:revenue_payment_delete", args=[number]), {"post": "yes"}).status_code == 403
    assert Payment.objects.count() == 2


def test_voiding_asks_first_and_is_audited_with_who(client: Client, site: Site) -> None:
    record(site, once("2026-03-05", 7, transaction_id="t1"), refund("2026-03-06", 7, transaction_id="t1"))
    gone = Payment.objects.get(is_refund=True)
    form = {"action": "void", "_selected_action": [gone.pk]}
    assert "Void these payments?" in send(client, "payment_changelist", **form)
    assert not Payment.objects.exclude(voided_at=None)
    send(client, "payment_changelist", **form, confirm="yes")
    assert list(Payment.objects.exclude(voided_at=None)) == [gone]
    entry = AuditEntry.objects.get(action="payment.void")
    assert (str(entry.who), entry.target) == ("root@shop.example", f"{site.domain}: t1")


def test_interval_of_a_product_counts_its_payments_anew(client: Client, site: Site) -> None:
    record(site, paid("2026-01-15", 1200, "ann", "Team"))
    send(client, "productinterval_add", site=site.pk, product_name="Team", interval="year")
    declared = ProductInterval.objects.get()
    assert Payment.objects.get().term_interval == "year"
    send(client, "productinterval_change", declared.pk, interval="quarter")
    assert Payment.objects.get().term_interval == "quarter"
    send(client, "productinterval_delete", declared.pk, post="yes")
    assert Payment.objects.get().term_interval == "month"
    assert AuditEntry.objects.filter(action="product.interval").count() == 3


def test_rate_that_is_entered_serves_waiting_payments(client: Client, site: Site) -> None:
    record(site, once("2026-03-05", 10, currency="KWD"))
    form = {"on": "2026-03-05", "source_currency": "KWD", "rate": "3.25", "target_currency": "USD"}
    assert "1 payment(s) without a rate were converted" in send(client, "exchangerate_add", **form)
    assert Payment.objects.get().converted == Decimal("32.5")
    entered = ExchangeRate.objects.get()
    send(client, "exchangerate_change", entered.pk, rate="4")
    entered.refresh_from_db()
    assert entered.rate == 4
    assert Payment.objects.get().converted == Decimal("32.5")
    send(client, "exchangerate_delete", entered.pk, post="yes")
    assert not ExchangeRate.objects.exists()


@pytest.mark.parametrize(
    "change",
    [
        {"rate": "0"},
        {"rate": "-1"},
        {"rate": "NaN"},
        {"rate": "1e13"},
        {"rate": "x"},
        {"source_currency": "XAU"},
        {"source_currency": "USD"},
        {"on": "soon"},
        {"rate": "1" * 80},
    ],
    ids=str,
)
def test_rate_that_is_none_is_refused(change: dict[str, str], client: Client) -> None:
    form = {"on": "2026-03-05", "source_currency": "KWD", "rate": "3.25", "target_currency": "USD", **change}
    assert "errorlist" in send(client, "exchangerate_add", **form)
    assert not ExchangeRate.objects.exists()

"""How payments are recorded: once, in any order, with what is derived from them."""

from dataclasses import replace
from decimal import Decimal
from itertools import permutations
from typing import Any

import pytest

from accounts.models import AuditEntry, Site
from accounts.selectors import site_ref
from analytics_project.errors import NotFound
from revenue.models import Ledger, Payment
from revenue.services import declare_interval, end_subscription, record_payment, record_payments, void_payment
from revenue.types import Interval, NewPayment, PaymentType
from stats.ingest.visitor import caller_visitor_id, visitor_text
from tests.factories import make_site, make_user
from tests.revenue.paying import at, once, paid, record, refund

pytestmark = pytest.mark.django_db


@pytest.fixture
def site() -> Site:
    return make_site(currency="USD")


def stored(site: Site, transaction_id: str, *, is_refund: bool = False) -> Payment:
    return Payment.objects.get(site=site, transaction_id=transaction_id, is_refund=is_refund)


def until(site: Site, transaction_id: str) -> str:
    covered = stored(site, transaction_id).covered_until
    return "" if covered is None else f"{covered:%Y-%m-%d}"


def send(site: Site, *sent: NewPayment) -> list[tuple[str, str]]:
    outcomes = record_payments(site_ref(site), sent, who=None)
    return [(one.recorded.value, one.differs_in) for one in outcomes]


SALE = NewPayment(
    transaction_id="txn_1",
    amount=Decimal("99.00"),
    currency="USD",
    visitor_id="ann",
    payment_type=PaymentType.RECURRING,
    product_name="Pro",
    paid_at=at("2026-03-05"),
    interval=Interval.MONTH,
    subscription_id="sub_1",
    customer_id="cus_1",
)


def test_payment_is_kept_as_sent_and_its_payer_is_the_visitor_of_the_events(site: Site) -> None:
    record(site, SALE, replace(SALE, transaction_id="txn_2", visitor_id="v_00000000000000AB"))
    sale = stored(site, "txn_1")
    assert (sale.amount, sale.currency, sale.paid_at, sale.has_paid_at) == (Decimal("99.00"), "USD", SALE.paid_at, True)
    assert sale.payer == visitor_text(caller_visitor_id(bytes(site.caller_id_secret), "ann"))
    assert stored(site, "txn_2").payer == "v_00000000000000ab"


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, ("repeated", "")),
        ({"amount": Decimal(99)}, ("repeated", "")),
        ({"payment_type": None, "interval": None}, ("repeated", "")),
        ({"product_name": "", "subscription_id": "", "customer_id": "", "paid_at": None}, ("repeated", "")),
        ({"amount": Decimal("79.00")}, ("conflict", "amount")),
        ({"currency": "EUR"}, ("conflict", "currency")),
        ({"visitor_id": "bob"}, ("conflict", "visitor_id")),
        ({"payment_type": PaymentType.ONE_TIME}, ("conflict", "payment_type")),
        ({"product_name": "Team"}, ("conflict", "product_name")),
        ({"interval": Interval.YEAR}, ("conflict", "interval")),
        ({"subscription_id": "sub_2"}, ("conflict", "subscription_id")),
        ({"customer_id": "cus_2"}, ("conflict", "customer_id")),
        ({"paid_at": at("2026-03-06")}, ("conflict", "paid_at")),
        ({"metadata": {"order": "8"}}, ("repeated", "")),
    ],
    ids=str,
)
def test_repeat_is_judged_by_its_content(site: Site, change: dict[str, Any], expected: tuple[str, str]) -> None:
    record(site, SALE)
    before = Payment.objects.values().get(site=site)
    assert send(site, replace(SALE, **change)) == [expected]
    assert Payment.objects.values().get(site=site) == before


def test_time_is_compared_only_where_both_requests_had_one(site: Site) -> None:
    record(site, replace(SALE, paid_at=None))
    assert send(site, SALE) == [("repeated", "")]


def test_what_a_repeat_adds_is_a_difference_where_the_stored_payment_has_none(site: Site) -> None:
    record(site, replace(SALE, product_name=""))
    assert send(site, SALE) == [("conflict", "product_name")]


def test_payments_of_one_batch_are_held_against_each_other(site: Site) -> None:
    twice = [SALE, SALE, replace(SALE, amount=Decimal(1)), refund("2026-03-06", 99, transaction_id="txn_1")]
    assert send(site, *twice) == [("created", ""), ("repeated", ""), ("conflict", "amount"), ("created", "")]
    assert Payment.objects.filter(site=site).count() == 2


def test_ids_are_of_one_site_and_audited_with_who(site: Site) -> None:
    record(site, SALE)
    person, other = make_user(), make_site(currency="USD")
    assert record_payment(site_ref(other), SALE, who=person).recorded.value == "created"
    entry = AuditEntry.objects.latest("pk")
    assert (entry.who, entry.action, entry.target) == (person, "payment.create", f"{other.domain}: txn_1")


def test_site_deleted_just_now_is_not_found(site: Site) -> None:
    gone = site_ref(site)
    site.delete()
    with pytest.raises(NotFound):
        record_payment(gone, SALE, who=None)


MONTHLY = paid("2026-03-05", 50, transaction_id="m1")
SAME_ID = refund("2026-03-06", 50, transaction_id="m1")
PART = refund("2026-03-07", 20, transaction_id="r1", refund_of="m1")
REST = refund("2026-03-08", 30, transaction_id="r2", refund_of="m1")


def test_refund_is_tied_to_its_payment_whichever_comes_first(site: Site) -> None:
    for number, order in enumerate(permutations([MONTHLY, PART, REST])):
        own = make_site(site.team, currency="USD", domain=f"order{number}.example")
        for one in order:
            record(own, one)
        assert {one.refunded_payment_id for one in Payment.objects.filter(site=own, is_refund=True)} == {
            stored(own, "m1").pk
        }
        assert until(own, "m1") == "2026-03-08"


def test_refund_under_the_payments_own_id_names_it(site: Site) -> None:
    record(site, SAME_ID)
    record(site, MONTHLY)
    assert stored(site, "m1", is_refund=True).refunded_payment == stored(site, "m1")
    assert until(site, "m1") == "2026-03-06"


def test_refund_that_names_an_unknown_payment_is_taken_and_ends_nothing(site: Site) -> None:
    record(site, MONTHLY, refund("2026-03-07", 50, refund_of="unknown"))
    assert until(site, "m1") == "2026-04-08"


def test_order_of_arrival_makes_no_difference(site: Site) -> None:
    sent = [
        paid("2026-01-10", 30, transaction_id="a"),
        paid("2026-02-10", 30, transaction_id="b"),
        paid("2026-03-12", 30, transaction_id="c", subscription_id="s"),
        paid("2026-03-20", 30, "bob", transaction_id="d", subscription_id="s"),
        refund("2026-02-12", 30, transaction_id="e"),
    ]
    seen = set()
    for number, order in enumerate(permutations(sent)):
        if number % 7 == 0:
            own = make_site(site.team, currency="USD", domain=f"perm{number}.example")
            for one in order:
                record(own, one)
            seen.add(tuple(until(own, name) for name in "abcd"))
    assert seen == {("2026-02-10", "2026-02-12", "2026-03-20", "2026-04-23")}


def test_voided_payment_counts_nowhere_and_stays_voided(site: Site) -> None:
    record(site, MONTHLY, PART, REST)
    voided = void_payment(site_ref(site), "r2", who=None)
    assert voided.is_refund
    assert until(site, "m1") == "2026-04-08"
    again = void_payment(site_ref(site), "r2", who=None)
    assert again.voided_at == voided.voided_at
    assert AuditEntry.objects.filter(action="payment.void").count() == 1
    assert send(site, REST) == [("conflict", "voided")]
    with pytest.raises(NotFound):
        void_payment(site_ref(site), "r2", is_refund=False, who=None)
    with pytest.raises(NotFound):
        void_payment(site_ref(make_site()), "m1", who=None)


def test_voided_renewal_renews_nothing(site: Site) -> None:
    record(site, MONTHLY, paid("2026-04-03", 50, transaction_id="m2"))
    assert until(site, "m1") == "2026-04-03"
    void_payment(site_ref(site), "m2", who=None)
    assert until(site, "m1") == "2026-04-08"


def test_declared_interval_holds_for_payments_before_and_after(site: Site) -> None:
    record(site, paid("2026-01-15", 1200, "ann", "Team", transaction_id="y1"))
    assert declare_interval(site_ref(site), "Team", Interval.YEAR, who=None) == 1
    record(site, paid("2026-01-15", 1200, "bob", "Team", transaction_id="y2"))
    assert [until(site, name) for name in ("y1", "y2")] == ["2027-01-18", "2027-01-18"]
    assert declare_interval(site_ref(site), "Team", Interval.YEAR, who=None) == 0
    assert declare_interval(site_ref(site), "Team", None, who=None) == 2
    assert until(site, "y1") == "2026-02-18"


def test_end_of_a_subscription_may_be_told_before_its_payment(site: Site) -> None:
    end_subscription(site_ref(site), "s", at("2026-03-20"))
    record(site, paid("2026-03-05", 50, transaction_id="m1", subscription_id="s"))
    assert until(site, "m1") == "2026-03-20"
    end_subscription(site_ref(site), "s", at("2026-03-25"))
    assert until(site, "m1") == "2026-03-25"


def test_payment_of_nothing_counts_for_nothing(site: Site) -> None:
    record(site, MONTHLY, paid("2026-04-03", 0, transaction_id="free"))
    assert (until(site, "m1"), until(site, "free")) == ("2026-04-08", "")


def test_every_change_takes_a_revision_of_its_own(site: Site) -> None:
    record(site, MONTHLY, once("2026-03-05", 1))
    record(site, paid("2026-04-03", 50))
    revisions = list(Payment.objects.filter(site=site).order_by("revision").values_list("revision", flat=True))
    assert len(set(revisions)) == 3
    assert Ledger.objects.get(site=site).revision == revisions[-1]


def test_deleting_a_site_takes_its_payments_along(site: Site) -> None:
    record(site, MONTHLY, PART)
    declare_interval(site_ref(site), "Team", Interval.YEAR, who=None)
    site.delete()
    assert not Payment.objects.filter(transaction_id__in=["m1", "r1"]).exists()

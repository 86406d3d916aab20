"""The mirror follows the payments: through changes of currency and rates, erasures, and deletions."""

from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal

import pytest
import time_machine

from accounts.models import AuditEntry, Site
from accounts.selectors import site_ref
from analytics_project.errors import StoreBusy
from revenue import conversion_services, mirror_services
from revenue.conversion_services import convert_waiting
from revenue.mirror_services import bring_up_to_date, mirror_some, work_in_payments
from revenue.models import ExchangeRate, Ledger, Payment, RateSource, SubscriptionEnd
from revenue.published_rates import PublishedRate
from revenue.refresh_services import delete_rate, save_rate, store_published
from revenue.reports import Report
from revenue.services import declare_interval, end_subscription, record_payments, void_payment
from revenue.types import Interval
from stats.erasure_services import erase_visitor, prune_statistics, reset_statistics, work_off, work_off_erasures
from stats.ingest.visitor import caller_visitor_id
from stats.models import Erasure
from stats.store.client import EventStore
from tests.factories import make_site
from tests.revenue.api.conftest import quote
from tests.revenue.paying import at, once, paid, record, refund

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def hand() -> Iterator[time_machine.Traveller]:
    with time_machine.travel("2026-03-27T12:00:00Z", tick=False) as traveller:
        yield traveller


@pytest.fixture
def site(store: EventStore) -> Site:
    return make_site(currency="USD", timezone="Etc/UTC")


def march(site: Site) -> Report:
    return Report(site_ref(Site.objects.get(pk=site.pk)), at("2026-03-01"), at("2026-03-27"), "UTC")


def rows(store: EventStore, site: Site) -> int:
    sql = "SELECT count() AS n FROM payments FINAL WHERE site_id = {id:UInt32}"
    return int(store.read_rows(sql, {"id": site.pk}, tag="test")[0]["n"])


def test_change_of_the_reporting_currency_computes_everything_anew(site: Site) -> None:
    quote("USD", "JPY", "2026-03-05", "150")
    quote("EUR", "JPY", "2026-03-05", "165")
    quote("EUR", "USD", "2026-03-05", "1.10")
    record(site, paid("2026-03-05", 10), once("2026-03-05", 20, currency="EUR"), refund("2026-03-05", 1))
    assert [march(site).totals.gross, march(site).mrr] == [32, 10]
    site.currency = "JPY"
    site.save()
    assert [march(site).totals.gross, march(site).totals.refunded, march(site).mrr] == [4800, 150, 1500]
    Site.objects.filter(pk=site.pk).update(currency="USD")
    record(site, once("2026-03-05", 5))
    assert march(site).totals.gross == 37
    assert Ledger.objects.get(site=site).currency == "USD"


def test_background_converts_and_mirrors_what_waits(site: Site, store: EventStore) -> None:
    quote("USD", "JPY", "2026-03-05", "150")
    record(site, once("2026-03-05", 20))
    site.currency = "JPY"
    site.save()
    assert work_in_payments(store) == 1
    ledger = Ledger.objects.get(site=site)
    assert (ledger.currency, ledger.mirrored_revision) == ("JPY", ledger.revision)
    assert work_in_payments(store) == 0


def test_read_does_not_wait_for_a_large_import(site: Site, store: EventStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mirror_services, "ROWS_AT_ONCE", 2)
    monkeypatch.setattr(mirror_services, "MOST_BEFORE_A_READ", 4)
    record(site, *(once("2026-03-05", 1) for _ in range(5)))
    with pytest.raises(StoreBusy):
        _ = march(site).totals
    assert march(site).totals.gross == 5
    monkeypatch.setattr(mirror_services, "CONVERTED_AT_ONCE", 2)
    monkeypatch.setattr(conversion_services, "CONVERTED_AT_ONCE", 2)
    site.currency = "EUR"
    site.save()
    with pytest.raises(StoreBusy):
        _ = march(site).totals
    assert work_in_payments(store) == 5
    assert march(site).totals.payments == 5


def test_mirror_is_merged_after_an_import(site: Site, store: EventStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mirror_services, "ROWS_AT_ONCE", 2)
    record(site, *(once(f"2026-03-0{day}", 1) for day in (5, 4, 6, 3, 5)))
    assert work_in_payments(store) == 5
    sql = "SELECT count() AS n FROM system.parts WHERE table = 'payments' AND active"
    assert store.read_rows(sql, tag="test")[0]["n"] == 1
    assert march(site).totals.gross == 5


def test_crash_between_mirror_and_its_mark_repeats_without_harm(site: Site, store: EventStore) -> None:
    record(site, once("2026-03-05", 1), once("2026-03-05", 2))
    bring_up_to_date(store, site_ref(site))
    Ledger.objects.update(mirrored_revision=0)
    assert mirror_some(store, site_ref(site).id) == 2
    assert march(site).totals.gross == 3
    assert rows(store, site) == 2


def test_what_is_derived_later_reaches_the_mirror(site: Site) -> None:
    record(site, paid("2026-03-05", 1200, "ann", "Team", transaction_id="t"), once("2026-03-05", 7, transaction_id="o"))
    assert march(site).mrr == 1200
    declare_interval(site_ref(site), "Team", Interval.YEAR, who=None)
    assert march(site).mrr == 100
    void_payment(site_ref(site), "t", who=None)
    assert [march(site).mrr, march(site).totals.gross] == [0, 7]


# ---- Rates -----------------------------------------------------------------------------------------------------------
def rate_of(site: Site) -> tuple[str, str | None]:
    payment = Payment.objects.filter(site=site).latest("pk")
    return f"{payment.rate:f}" if payment.rate else "", None if payment.rate_on is None else payment.rate_on.isoformat()


@pytest.mark.parametrize(
    ("paid_on", "expected"),
    [
        ("2026-03-09", ("3.25", "2026-03-09")),
        ("2026-03-16 23:59:59", ("3.25", "2026-03-09")),
        ("2026-03-17", ("", None)),
        ("2026-03-08", ("", None)),
    ],
)
def test_rate_is_that_of_the_day_or_up_to_seven_days_before(
    paid_on: str, expected: tuple[str, str | None], site: Site
) -> None:
    quote("KWD", "USD", "2026-03-09", "3.25")
    record(site, once(paid_on, 1, currency="KWD"))
    assert rate_of(site) == expected


def test_rates_cross_over_the_euro_and_over_a_third_currency(site: Site) -> None:
    quote("EUR", "USD", "2026-03-05", "1.10")
    quote("KWD", "USD", "2026-03-05", "3.30")
    in_euro = make_site(currency="EUR")
    record(in_euro, once("2026-03-05", 1, currency="KWD"))
    assert Payment.objects.get(site=in_euro).converted == 3
    record(in_euro, once("2026-03-05", 11))
    assert Payment.objects.filter(site=in_euro).latest("pk").converted == 10


def test_newer_rate_goes_before_a_direct_one_that_is_older(site: Site) -> None:
    quote("JPY", "USD", "2026-03-03", "0.5")
    quote("EUR", "USD", "2026-03-05", "1.00")
    quote("EUR", "JPY", "2026-03-05", "100")
    record(site, once("2026-03-05", 100, currency="JPY"))
    assert rate_of(site) == ("0.01", "2026-03-05")


def test_packaged_rate_is_stored_when_it_is_used_and_a_correction_moves_nothing(site: Site) -> None:
    record(site, once("2026-03-05", 100, currency="EUR"))
    used = ExchangeRate.objects.get()
    assert (used.source_currency, used.target_currency, used.origin) == ("EUR", "USD", RateSource.PACKAGED)
    before = march(site).totals.gross
    store_published([PublishedRate(date(2026, 3, 5), "USD", Decimal(2))])
    assert march(site).totals.gross == before
    record(site, once("2026-03-05", 100, currency="EUR"))
    assert march(site).totals.gross == before + 200


def test_day_after_the_last_published_one_has_no_rate_until_it_is_refreshed(site: Site) -> None:
    with time_machine.travel("2026-11-20T12:00:00Z", tick=False):
        record(site, once("2026-11-19", 100, currency="EUR"))
        assert rate_of(site) == ("", None)
        assert store_published([PublishedRate(date(2026, 11, 18), "USD", Decimal("1.5"))]) == 1
        assert rate_of(site) == ("1.5", "2026-11-18")


def test_rate_of_an_operator_serves_waiting_payments_and_is_not_overwritten(site: Site) -> None:
    record(site, once("2026-03-05", 10, currency="KWD"))
    entered = ExchangeRate(source_currency="KWD", target_currency="USD", on=date(2026, 3, 4), rate=Decimal("3.1"))
    assert save_rate(entered, who=None) == 1
    assert march(site).totals.gross == 31
    own = ExchangeRate(source_currency="EUR", target_currency="USD", on=date(2026, 3, 4), rate=Decimal("9"))
    save_rate(own, who=None)
    store_published([PublishedRate(date(2026, 3, 4), "USD", Decimal("1.1"))])
    own.refresh_from_db()
    assert own.rate == 9
    delete_rate(own, who=None)
    assert [one.action for one in AuditEntry.objects.filter(action__startswith="exchangerate")] == [
        "exchangerate.create",
        "exchangerate.create",
        "exchangerate.delete",
    ]
    assert convert_waiting() == 0


# ---- Erasures --------------------------------------------------------------------------------------------------------
def test_erased_visitor_leaves_anonymous_money(site: Site, store: EventStore, hand: time_machine.Traveller) -> None:
    ann = caller_visitor_id(bytes(site.caller_id_secret), "ann")
    record(
        site,
        paid("2026-03-05", 30, transaction_id="a1", customer_id="c1", subscription_id="s1", metadata={"name": "Ann"}),
        paid("2026-02-05", 30, transaction_id="a0", customer_id="c1", subscription_id="s1"),
        paid("2026-03-06", 5, "bob", transaction_id="b1"),
    )
    before = (march(site).totals, march(site).mrr, march(site).recurring)
    erase_visitor(site_ref(site), ann)
    forgotten = Payment.objects.filter(site=site, erased_at__isnull=False)
    assert forgotten.count() == 2
    for one in forgotten:
        assert (one.visitor_id, one.metadata) == ("", {})
        assert not {one.payer, one.customer_id, one.subscription_id} & {f"v_{ann:016x}", "c1", "s1"}
    assert len({(one.payer, one.customer_id, one.subscription_id) for one in forgotten}) == 1
    assert (march(site).totals, march(site).mrr, march(site).recurring) == before
    hand.shift(timedelta(seconds=6))
    work_off_erasures(store, lambda number: None)
    sql = "SELECT count() AS n FROM payments WHERE site_id = {id:UInt32} AND visitor_id = {ann:UInt64}"
    assert store.read_rows(sql, {"id": site.pk, "ann": ann}, tag="test")[0]["n"] == 0
    assert (march(site).totals, march(site).mrr, march(site).recurring) == before

    again = paid("2026-03-05", 30, transaction_id="a1", customer_id="c1", subscription_id="s1")
    assert [one.recorded.value for one in record_payments(site_ref(site), [again], who=None)] == ["repeated"]
    record(site, once("2026-03-26", 8))
    late = Payment.objects.filter(site=site).latest("pk")
    assert (late.visitor_id, late.erased_at is not None) == ("", True)
    assert march(site).totals.gross == before[0].gross + 8


def test_end_of_an_erased_visitors_subscription_still_counts(site: Site, store: EventStore) -> None:
    record(
        site,
        paid("2026-03-05", 30, subscription_id="own"),
        paid("2026-03-05", 20, subscription_id="shared"),
        paid("2026-03-06", 5, "bob", subscription_id="shared"),
    )
    for name in ("own", "shared"):
        end_subscription(site_ref(site), name, at("2026-03-10"))
    assert march(site).mrr == 0
    erase_visitor(site_ref(site), caller_visitor_id(bytes(site.caller_id_secret), "ann"))
    named = set(Payment.objects.filter(site=site).values_list("subscription_id", flat=True))
    assert set(SubscriptionEnd.objects.filter(site=site).values_list("subscription_id", flat=True)) == named
    assert (len(named), "own" in named, "shared" in named) == (3, False, True)
    declare_interval(site_ref(site), "", Interval.MONTH, who=None)
    assert march(site).mrr == 0


def test_resetting_and_pruning_statistics_leave_the_books_alone(site: Site, store: EventStore) -> None:
    record(site, once("2026-03-05", 30))
    assert march(site).totals.gross == 30
    for erasure in (reset_statistics(site_ref(site)), prune_statistics(site_ref(site), at("2026-03-20"))):
        work_off(store, erasure)
    assert march(site).totals.gross == 30
    assert march(site).conversion_rate == 1


def test_deleted_site_takes_its_mirror_along(site: Site, store: EventStore) -> None:
    record(site, once("2026-03-05", 30))
    assert march(site).totals.gross == 30
    assert rows(store, site) == 1
    number = site.pk
    site.delete()
    work_off(store, Erasure.objects.get(site_number=number))
    assert rows(store, Site(pk=number)) == 0

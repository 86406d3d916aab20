"""Sums that must agree, whatever was paid: series and totals, movements and balances, the engine and the reference."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
import time_machine
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts.models import Site
from accounts.selectors import site_ref
from revenue.models import Payment
from revenue.reports import Report
from revenue.services import record_payments, void_payment
from revenue.types import Interval, NewPayment, PaymentType
from stats.query.money.types import Bucket
from stats.store.client import EventStore
from tests.factories import make_site
from tests.revenue.paying import at, paid, record
from tests.revenue.reference import MOVEMENTS, Books

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("store")]
NOW = "2026-06-15T12:00:00Z"
FIRST_DAY = datetime(2026, 1, 1, tzinfo=UTC)
ONE_SECOND = timedelta(seconds=1)
BUCKETS = (Bucket.DAY, Bucket.WEEK, Bucket.MONTH)

random_payments: st.SearchStrategy[list[dict[str, Any]]] = st.lists(
    st.builds(
        dict,
        visitor=st.sampled_from(["ann", "bob", "cid"]),
        product=st.sampled_from(["", "Pro"]),
        kind=st.sampled_from([*[PaymentType.RECURRING] * 5, PaymentType.ONE_TIME, PaymentType.REFUND]),
        amount=st.sampled_from(["10.00", "20.00", "33.33", "0"]),
        currency=st.sampled_from(["USD", "USD", "EUR", "KWD"]),
        hours=st.integers(0, 24 * 160),
        interval=st.sampled_from([None, None, *Interval]),
        subscription=st.sampled_from(["", "", "s1", "s2"]),
        customer=st.sampled_from(["", "", "k1"]),
        refunds=st.integers(0, 12),
        voided=st.integers(0, 9),
    ),
    min_size=1,
    max_size=12,
)
unhurried = settings(
    max_examples=20, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def sent(values: list[dict[str, Any]]) -> list[NewPayment]:
    """Return what random values mean: refunds name a payment by number, or nothing."""
    found = []
    for number, one in enumerate(values):
        is_refund = one["kind"] is PaymentType.REFUND
        found.append(
            NewPayment(
                transaction_id=f"t{number}",
                amount=Decimal(one["amount"]) or Decimal(int(is_refund) * 10),
                currency=one["currency"],
                visitor_id=one["visitor"],
                payment_type=one["kind"],
                product_name=one["product"],
                paid_at=FIRST_DAY + timedelta(hours=one["hours"]),
                interval=one["interval"] if one["kind"] is PaymentType.RECURRING else None,
                refund_of=f"t{one['refunds']}" if is_refund and one["refunds"] < 8 else "",
                subscription_id=one["subscription"],
                customer_id=one["customer"],
            )
        )
    return found


def booked(values: list[dict[str, Any]], **fields: Any) -> Site:
    """Record random payments of a new site one by one, as requests would, and void some."""
    site = make_site(**{"currency": "USD", "timezone": "Etc/UTC", **fields})
    for payment, one in zip(sent(values), values, strict=True):
        record(site, payment)
        if not one["voided"]:
            void_payment(site_ref(site), payment.transaction_id, who=None)
    return site


def report(site: Site, start: str, end: str, timezone: str = "UTC") -> Report:
    return Report(site_ref(site), at(start), at(end) + timedelta(days=1) - ONE_SECOND, timezone)


@pytest.fixture(autouse=True)
def _now() -> Any:
    with time_machine.travel(NOW, tick=False):
        yield


@unhurried
@given(random_payments, st.sampled_from(["UTC", "America/New_York", "Asia/Kolkata", "Pacific/Apia"]))
def test_any_series_adds_up_to_the_overview(store: EventStore, values: list[dict[str, Any]], zone: str) -> None:
    asked = report(booked(values), "2026-02-10", "2026-04-20", zone)
    for bucket in Bucket:
        slices = [one.money for one in asked.series(bucket, split=True)]
        assert sum((one.paid for one in slices), Decimal(0)) == asked.totals.gross
        assert sum((one.refunded for one in slices), Decimal(0)) == asked.totals.refunded
        for one in slices:
            assert one.first_payments + one.renewals + one.one_time_repeat == one.paid
    inside = [
        one
        for one in Payment.objects.filter(site=asked.site.id, voided_at=None, converted__isnull=False)
        if asked.start <= one.paid_at <= asked.end
    ]
    amounts = [-(one.converted or 0) if one.is_refund else one.converted or 0 for one in inside]
    assert asked.totals.net == sum(amounts, Decimal(0))


@unhurried
@given(random_payments)
def test_balance_and_movements_are_those_of_the_reference(store: EventStore, values: list[dict[str, Any]]) -> None:
    site = booked(values)
    books = Books(list(Payment.objects.filter(site=site)))
    asked = report(site, "2026-02-10", "2026-04-20")
    assert asked.mrr == sum(books.by_customer(asked.end).values(), Decimal(0))
    whole = asked.recurring.movements[0]
    expected = books.movements(asked.start - ONE_SECOND, asked.end)
    assert {name: getattr(whole, name) for name in MOVEMENTS} == expected
    for bucket in BUCKETS:
        before, rows = asked.balances(bucket)
        ends = [min(one, asked.end) for one in _ends(bucket, asked)]
        assert [one.mrr for one in rows] == [sum(books.by_customer(end).values(), Decimal(0)) for end in ends]
        assert [one.customers for one in rows] == [len(books.by_customer(end)) for end in ends]
        assert before.start + sum((one.movement.change for one in rows), Decimal(0)) == asked.mrr
        starts = [asked.start - ONE_SECOND, *ends[:-1]]
        assert [{name: getattr(one.movement, name) for name in MOVEMENTS} for one in rows] == [
            books.movements(start, end) for start, end in zip(starts, ends, strict=True)
        ]


def _ends(bucket: Bucket, asked: Report) -> list[datetime]:
    """Return the last second of every bucket of a window, in UTC."""
    day = asked.start.date()
    ends = []
    while day <= asked.end.date():
        following: Callable[[date], date] = {
            Bucket.DAY: lambda on: on + timedelta(days=1),
            Bucket.WEEK: lambda on: on + timedelta(days=7 - on.weekday()),
            Bucket.MONTH: lambda on: (on.replace(day=28) + timedelta(days=4)).replace(day=1),
        }[bucket]
        day = following(day)
        ends.append(datetime(day.year, day.month, day.day, tzinfo=UTC) - ONE_SECOND)
    return ends


@unhurried
@given(random_payments, st.randoms(use_true_random=False))
def test_replay_in_any_order_changes_nothing(store: EventStore, values: list[dict[str, Any]], chance: Any) -> None:
    site = make_site(currency="USD")
    requests = sent(values)
    record(site, *requests)
    before = list(Payment.objects.filter(site=site).order_by("pk").values())
    again = [*requests, *requests]
    chance.shuffle(again)
    outcomes = record_payments(site_ref(site), again, who=None)
    assert {one.recorded.value for one in outcomes} == {"repeated"}
    assert list(Payment.objects.filter(site=site).order_by("pk").values()) == before
    other = make_site(currency="USD", caller_id_secret=site.caller_id_secret)
    chance.shuffle(requests)
    for one in requests:
        record(other, one)
    assert _money_of(other) == _money_of(site)


def _money_of(site: Site) -> list[tuple[Any, ...]]:
    """Return what is derived of each payment but for numbers of rows."""
    return sorted(
        (one.transaction_id, one.is_refund, one.term_interval, str(one.covered_until), str(one.converted))
        for one in Payment.objects.filter(site=site)
    )


def test_movements_of_the_contract(store: EventStore) -> None:
    site = make_site(currency="USD")
    record(
        site,
        *(paid(on, amount, "f1") for on, amount in (("2026-02-05", 100), ("2026-03-05", 150))),
        *(paid(on, amount, "f2") for on, amount in (("2026-02-06", 80), ("2026-03-06", 60))),
        paid("2026-02-07", 40, "f3"),
        paid("2026-03-20", 25, "f4"),
        *(paid(on, 10, "f5") for on in ("2025-11-10", "2026-03-02")),
    )
    march = report(site, "2026-03-01", "2026-03-31")
    moved = march.recurring.movements[0]
    assert march.recurring.start == 220
    assert [getattr(moved, name) for name in MOVEMENTS] == [25, 10, 50, 20, 40]
    assert march.mrr == 245
    assert (march.recurring.start_customers, moved.new_customers, moved.churned_customers) == (3, 1, 1)
    start, days = march.balances(Bucket.DAY)
    assert [start.start, days[0].mrr, days[-1].mrr] == [220, 220, 245]
    assert len(days) == 31


def test_mrr_of_a_window_that_reaches_into_the_future_is_that_of_now(store: EventStore) -> None:
    site = make_site(currency="USD")
    record(site, paid("2026-06-01", 30), paid("2026-06-15 18:00:00", 70, "bob"))
    asked = report(site, "2026-06-01", "2026-12-31")
    assert asked.mrr == 30
    assert [one.mrr for one in asked.balances(Bucket.MONTH)[1]] == [30] * 7
    assert asked.totals.gross == 100


def test_customer_with_one_subscription_less_contracts(store: EventStore) -> None:
    site = make_site(currency="USD")
    record(
        site,
        paid("2026-02-10", 30, "ann", "A"),
        paid("2026-02-10", 20, "ann", "B"),
        paid("2026-03-10", 30, "ann", "A"),
    )
    moved = report(site, "2026-03-01", "2026-03-31").recurring.movements[0]
    assert [getattr(moved, name) for name in MOVEMENTS] == [0, 0, 0, 20, 0]

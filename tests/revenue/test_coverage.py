"""Coverage of recurring payments by the contract's worked examples (2.7), and the rules that they leave open."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from typing import Any

import pytest

from revenue.coverage import MONTHLY_SHARE, RecurringPayment, Refund, after_interval, coverages, interval_of_gap
from revenue.types import Interval
from tests.revenue.paying import at


def pay(number: int, moment: str, amount: int, **fields: Any) -> RecurringPayment:
    values = {"payer": "A", "product_name": "Basic", "currency": "USD", "amount": amount * 1_000_000, **fields}
    return RecurringPayment(id=number, paid_at=at(moment), **values)


def give_back(number: int, moment: str, amount: int, **fields: Any) -> Refund:
    return Refund(number, at(moment), **{"payer": "A", "currency": "USD", "amount": amount * 1_000_000, **fields})


def mrr(payments: Sequence[RecurringPayment], moment: str, refunds: Sequence[Refund] = (), **said: Any) -> str:
    """Return MRR at an instant, in whole cents."""
    found = coverages(payments, refunds, **{"declared": {}, "ends": {}, **said})
    total = sum(
        (
            Fraction(one.amount, 1_000_000) * MONTHLY_SHARE[found[one.id].interval]
            for one in payments
            if one.paid_at <= at(moment) < found[one.id].until
        ),
        Fraction(0),
    )
    exact = Decimal(total.numerator) / Decimal(total.denominator)
    return str(exact.quantize(Decimal("0.01"), ROUND_HALF_UP))


MONTHS = [pay(1, "2026-01-10 09:01:00", 30), pay(2, "2026-02-10 09:01:00", 30), pay(3, "2026-03-10 09:01:00", 30)]
YEAR = [pay(1, "2026-01-15", 1200, interval=Interval.YEAR)]
UNSAID = [pay(1, "2026-01-15", 1200)]
WEEKS = [pay(n, f"2026-03-{day:02}", 12) for n, day in enumerate((2, 9, 16, 23, 30))]
SEATS = [pay(n, moment, 20) for n, moment in enumerate(("2026-03-01", "2026-03-15", "2026-04-01", "2026-04-15"))]
ONE = [pay(1, "2026-03-05", 50)]
PART = give_back(2, "2026-03-07", 20, refunds=1)
REST = give_back(3, "2026-03-08", 30, refunds=1)
DAY = [pay(1, "2026-03-01", 5, interval=Interval.DAY)]
MONTH_END = [pay(1, "2026-01-31 12:00:00", 9)]


@pytest.mark.parametrize(
    ("payments", "refunds", "moment", "expected"),
    [
        pytest.param(MONTHS, (), "2026-03-31 23:59:59", "30.00", id="M1"),
        pytest.param(MONTHS, (), "2026-04-12 23:59:59", "30.00", id="M2"),
        pytest.param(MONTHS, (), "2026-04-13 09:00:59", "30.00", id="M2-last-second"),
        pytest.param(MONTHS, (), "2026-04-13 09:01:00", "0.00", id="M2-over"),
        pytest.param(MONTHS, (), "2026-04-14", "0.00", id="M3"),
        pytest.param(YEAR, (), "2026-03-31", "100.00", id="M4"),
        pytest.param(YEAR, (), "2027-01-20", "0.00", id="M5"),
        pytest.param(YEAR, (), "2027-01-17 23:59:59", "100.00", id="M5-grace"),
        pytest.param(UNSAID, (), "2026-01-31", "1200.00", id="M6"),
        pytest.param([*UNSAID, pay(2, "2027-01-15", 1200)], (), "2026-03-31", "100.00", id="M7"),
        pytest.param(WEEKS, (), "2026-03-31 23:59:59", "52.00", id="M8"),
        pytest.param(SEATS, (), "2026-03-20", "40.00", id="M9-mid"),
        pytest.param(SEATS, (), "2026-04-02", "40.00", id="M9-renewed"),
        pytest.param(SEATS, (), "2026-04-20", "40.00", id="M9-both"),
        pytest.param(ONE, (PART,), "2026-03-10", "50.00", id="M10"),
        pytest.param(ONE, (PART, REST), "2026-03-10", "0.00", id="M11"),
        pytest.param(ONE, (PART, REST), "2026-03-07 23:59:59", "50.00", id="M11-before"),
        pytest.param(DAY, (), "2026-03-01 12:00:00", "152.08", id="M12"),
        pytest.param(DAY, (), "2026-03-02", "0.00", id="M12-no-grace"),
        pytest.param(MONTH_END, (), "2026-03-03 11:59:59", "9.00", id="M13"),
        pytest.param(MONTH_END, (), "2026-03-03 12:00:00", "0.00", id="M13-over"),
    ],
)
def test_worked_example(
    payments: Sequence[RecurringPayment], refunds: Sequence[Refund], moment: str, expected: str
) -> None:
    assert mrr(payments, moment, refunds) == expected


def test_interval_goes_by_payment_then_product_then_history_then_month() -> None:
    history = [pay(1, "2026-01-05", 10), pay(2, "2026-04-05", 10)]
    said = [pay(3, "2026-01-05", 10, product_name="Said", interval=Interval.WEEK)]
    found = coverages([*history, *said], (), declared={"Said": Interval.YEAR}, ends={})
    assert [found[number].interval for number in (1, 2, 3)] == [Interval.QUARTER, Interval.QUARTER, Interval.WEEK]
    declared = coverages(history, (), declared={"Basic": Interval.YEAR}, ends={})
    assert {one.interval for one in declared.values()} == {Interval.YEAR}
    assert coverages([pay(1, "2026-01-05", 1)], (), declared={}, ends={})[1].interval is Interval.MONTH


def test_history_is_of_the_same_visitor_product_and_currency() -> None:
    payments = [
        pay(1, "2026-01-05", 10),
        pay(2, "2026-01-12", 10, payer="B"),
        pay(3, "2026-01-12", 10, product_name="Pro"),
        pay(4, "2026-01-12", 10, currency="EUR"),
    ]
    found = coverages(payments, (), declared={}, ends={})
    assert {one.interval for one in found.values()} == {Interval.MONTH}


@pytest.mark.parametrize(
    ("days", "expected"),
    [
        (5.9, None),
        (6, Interval.WEEK),
        (8, Interval.WEEK),
        (8.1, None),
        (25.9, None),
        (26, Interval.MONTH),
        (35, Interval.MONTH),
        (83, Interval.QUARTER),
        (98, Interval.QUARTER),
        (175, Interval.HALF_YEAR),
        (190, Interval.HALF_YEAR),
        (350, Interval.YEAR),
        (380, Interval.YEAR),
        (381, None),
        (0, None),
    ],
)
def test_gap_tells_an_interval(days: float, expected: Interval | None) -> None:
    assert interval_of_gap(timedelta(days=days)) is expected


def test_two_named_subscriptions_neither_renew_nor_date_each_other() -> None:
    payments = [
        pay(1, "2026-03-01", 20, subscription_id="a"),
        pay(2, "2026-03-28", 20, subscription_id="b"),
        pay(3, "2026-04-01", 20, subscription_id="a"),
    ]
    assert mrr(payments, "2026-03-30") == "40.00"
    assert mrr(payments, "2026-04-02") == "40.00"


def test_later_payment_of_a_subscription_ends_the_one_before_however_close() -> None:
    change_of_plan = [
        pay(1, "2026-03-01", 20, subscription_id="a"),
        pay(2, "2026-03-05", 90, subscription_id="a", product_name="Pro"),
    ]
    assert mrr(change_of_plan, "2026-03-04") == "20.00"
    assert mrr(change_of_plan, "2026-03-06") == "90.00"


def test_cancelled_subscription_counts_until_its_end_and_again_once_paid_for() -> None:
    payments = [pay(1, "2026-03-01", 20, subscription_id="a"), pay(2, "2026-05-01", 20, subscription_id="a")]
    ends = {"a": at("2026-04-01")}
    assert [mrr(payments, moment, ends=ends) for moment in ("2026-03-31", "2026-04-01", "2026-05-02")] == [
        "20.00",
        "0.00",
        "20.00",
    ]


def test_unlinked_refund_takes_the_latest_payment_of_its_amount_before_it() -> None:
    payments = [pay(1, "2026-01-05", 30), pay(2, "2026-02-05", 30), pay(3, "2026-03-05", 30), pay(4, "2026-02-06", 31)]
    refunds = [give_back(5, "2026-02-10", 30), give_back(6, "2026-02-11", 29)]
    found = coverages(payments, refunds, declared={}, ends={})
    assert found[2].until == at("2026-02-10")
    assert found[4].until > at("2026-03-01")
    assert found[3].until == at("2026-04-08")


def test_unlinked_refund_leaves_what_is_already_refunded_and_others_alone() -> None:
    payments = [pay(1, "2026-02-05", 30), pay(2, "2026-02-06", 30, product_name="Pro")]
    refunds = [give_back(3, "2026-02-07", 30, refunds=2), give_back(4, "2026-02-08", 30)]
    found = coverages(payments, refunds, declared={}, ends={})
    assert [found[1].until, found[2].until] == [at("2026-02-08"), at("2026-02-07")]
    stranger = coverages(payments, [give_back(5, "2026-02-08", 30, payer="B")], declared={}, ends={})
    assert min(one.until for one in stranger.values()) > at("2026-03-01")


def test_refund_before_its_payment_or_in_another_currency() -> None:
    before = coverages(ONE, [give_back(2, "2026-03-01", 50, refunds=1)], declared={}, ends={})
    assert before[1].until == ONE[0].paid_at
    other = coverages(ONE, [give_back(2, "2026-03-07", 50, refunds=1, currency="EUR")], declared={}, ends={})
    assert other[1].until > at("2026-04-01")


@pytest.mark.parametrize(
    ("start", "interval", "end"),
    [
        ("2026-01-31", Interval.MONTH, "2026-02-28"),
        ("2028-01-31", Interval.MONTH, "2028-02-29"),
        ("2026-11-30", Interval.QUARTER, "2027-02-28"),
        ("2026-08-31", Interval.HALF_YEAR, "2027-02-28"),
        ("2028-02-29", Interval.YEAR, "2029-02-28"),
        ("2026-12-31", Interval.WEEK, "2027-01-07"),
    ],
)
def test_calendar_arithmetic(start: str, interval: Interval, end: str) -> None:
    assert after_interval(at(start), interval) == at(end)


def test_what_ends_beyond_what_can_be_stored_is_cut() -> None:
    late: datetime = at("2105-12-31")
    found = coverages([pay(1, "2105-12-31", 5, interval=Interval.YEAR)], (), declared={}, ends={})
    assert found[1].until == late

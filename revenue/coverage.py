"""From when to when a recurring payment counts in MRR, and as a payment for what interval.

Plain arithmetic on values; `revenue.coverage_services` stores what comes out. Source: revenue contract, 2.3 to 2.5.
"""

import calendar
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from fractions import Fraction
from typing import Final

from revenue.types import Interval

MONTHLY_SHARE: Final[Mapping[Interval, Fraction]] = {
    Interval.DAY: Fraction(365, 12),
    Interval.WEEK: Fraction(52, 12),
    Interval.MONTH: Fraction(1),
    Interval.QUARTER: Fraction(1, 3),
    Interval.HALF_YEAR: Fraction(1, 6),
    Interval.YEAR: Fraction(1, 12),
}
_MONTHS: Final = {Interval.MONTH: 1, Interval.QUARTER: 3, Interval.HALF_YEAR: 6, Interval.YEAR: 12}
_DAYS: Final = {Interval.DAY: 1, Interval.WEEK: 7}
# A card that is retried for two days is not churn.
_GRACE: Final = {Interval.DAY: timedelta(0), Interval.WEEK: timedelta(days=1)}
_USUAL_GRACE: Final = timedelta(days=3)
# A gap between two payments that tells what interval they are for: days, both ends included.
_GAPS: Final = (
    (6, 8, Interval.WEEK),
    (26, 35, Interval.MONTH),
    (83, 98, Interval.QUARTER),
    (175, 190, Interval.HALF_YEAR),
    (350, 380, Interval.YEAR),
)
_LAST_YEAR: Final = 2105  # of the event store's instants


@dataclass(frozen=True, slots=True)
class RecurringPayment:
    """A recurring payment above 0 that was not voided. `interval` is what came with it, `amount` in millionths."""

    id: int
    paid_at: datetime
    payer: str
    product_name: str
    currency: str
    amount: int
    interval: Interval | None = None
    subscription_id: str = ""


@dataclass(frozen=True, slots=True)
class Refund:
    """A refund that was not voided. `refunds` is the payment that it is linked to, None where it has no link."""

    id: int
    paid_at: datetime
    payer: str
    currency: str
    amount: int
    refunds: int | None = None


@dataclass(frozen=True, slots=True)
class Coverage:
    """What a payment pays for: its interval, and the instant at which it ends to count, not before `paid_at`."""

    interval: Interval
    until: datetime


def after_interval(start: datetime, interval: Interval) -> datetime:
    """Return the instant one interval later; from the 31st into a shorter month its last day."""
    if interval in _DAYS:
        return start + timedelta(days=_DAYS[interval])
    index = start.year * 12 + start.month - 1 + _MONTHS[interval]
    year, month = index // 12, index % 12 + 1
    return start.replace(year=year, month=month, day=min(start.day, calendar.monthrange(year, month)[1]))


def interval_of_gap(gap: timedelta) -> Interval | None:
    """Return the interval that a gap between two payments speaks for, None for a gap of no usual length."""
    for least, most, interval in _GAPS:
        if timedelta(days=least) <= gap <= timedelta(days=most):
            return interval
    return None


def coverages(
    payments: Sequence[RecurringPayment],
    refunds: Iterable[Refund],
    *,
    declared: Mapping[str, Interval],
    ends: Mapping[str, datetime],
) -> dict[int, Coverage]:
    """Return the coverage of each payment by its id.

    `payments` holds every payment of each payer and of each subscription in it. `declared` are intervals by product
    name, `ends` the instants at which cancelled subscriptions end.
    """
    ordered = sorted(payments, key=lambda one: (one.paid_at, one.id))
    groups: defaultdict[tuple[str, str, str], list[RecurringPayment]] = defaultdict(list)
    subscriptions: defaultdict[str, list[datetime]] = defaultdict(list)
    for payment in ordered:
        groups[payment.payer, payment.product_name, payment.currency].append(payment)
        if payment.subscription_id:
            subscriptions[payment.subscription_id].append(payment.paid_at)
    refunded = _fully_refunded(ordered, refunds)
    found = {}
    for group in groups.values():
        instants = [one.paid_at for one in group]
        for payment in group:
            interval = payment.interval or declared.get(payment.product_name) or _by_history(payment, group, instants)
            period_end = after_interval(payment.paid_at, interval)
            ends_at = [
                period_end + _GRACE.get(interval, _USUAL_GRACE),
                _renewed_at(payment, period_end, group, instants),
                _later(subscriptions.get(payment.subscription_id, ()), payment.paid_at),
                refunded.get(payment.id),
                _cancelled_at(payment, ends),
            ]
            until = max(payment.paid_at, min(one for one in ends_at if one is not None))
            found[payment.id] = Coverage(interval, until if until.year <= _LAST_YEAR else payment.paid_at)
    return found


def _may_follow(payment: RecurringPayment, other: RecurringPayment) -> bool:
    """Tell whether two payments may belong to one chain: payments of two named subscriptions never do."""
    return not payment.subscription_id or not other.subscription_id or payment.subscription_id == other.subscription_id


def _by_history(payment: RecurringPayment, group: Sequence[RecurringPayment], instants: Sequence[datetime]) -> Interval:
    """Return the interval that the gap to the nearest earlier, else later, payment speaks for; else a month."""
    for position in range(bisect_left(instants, payment.paid_at) - 1, -1, -1):
        if _may_follow(payment, group[position]):
            return interval_of_gap(payment.paid_at - instants[position]) or Interval.MONTH
    for position in range(bisect_right(instants, payment.paid_at), len(group)):
        if _may_follow(payment, group[position]):
            return interval_of_gap(instants[position] - payment.paid_at) or Interval.MONTH
    return Interval.MONTH


def _renewed_at(
    payment: RecurringPayment,
    period_end: datetime,
    group: Sequence[RecurringPayment],
    instants: Sequence[datetime],
) -> datetime | None:
    """Return when the next payment comes that is at least 0.8 of an interval later."""
    earliest = payment.paid_at + (period_end - payment.paid_at) * 4 / 5
    for position in range(bisect_left(instants, earliest), len(group)):
        if _may_follow(payment, group[position]):
            return instants[position]
    return None


def _later(instants: Sequence[datetime], than: datetime) -> datetime | None:
    position = bisect_right(instants, than)
    return instants[position] if position < len(instants) else None


def _cancelled_at(payment: RecurringPayment, ends: Mapping[str, datetime]) -> datetime | None:
    """Return when the payment's subscription ends; one that was paid for later has been taken up again."""
    ends_at = ends.get(payment.subscription_id) if payment.subscription_id else None
    return ends_at if ends_at is not None and payment.paid_at <= ends_at else None


def _fully_refunded(payments: Sequence[RecurringPayment], refunds: Iterable[Refund]) -> dict[int, datetime]:
    """Return by payment the instant at which refunds in its currency have reached its amount.

    Linked refunds first; then, in order of time, each one without a link takes the payer's latest payment before it of
    exactly its amount and currency that is not yet refunded.
    """
    by_id = {payment.id: payment for payment in payments}
    in_order = sorted(refunds, key=lambda one: (one.paid_at, one.id))
    sums: defaultdict[int, int] = defaultdict(int)
    done: dict[int, datetime] = {}
    for refund in in_order:
        payment = by_id.get(refund.refunds) if refund.refunds is not None else None
        if payment is not None and payment.currency == refund.currency:
            sums[payment.id] += refund.amount
            if sums[payment.id] >= payment.amount:
                done.setdefault(payment.id, refund.paid_at)
    candidates: defaultdict[tuple[str, str, int], list[RecurringPayment]] = defaultdict(list)
    for payment in payments:
        candidates[payment.payer, payment.currency, payment.amount].append(payment)
    for refund in in_order:
        if refund.refunds is None:
            for payment in reversed(candidates[refund.payer, refund.currency, refund.amount]):
                if payment.id not in done and payment.paid_at <= refund.paid_at:
                    done[payment.id] = refund.paid_at
                    break
    return done

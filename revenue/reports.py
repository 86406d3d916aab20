"""What a site earned: totals, series, recurring revenue and its movements, beside the visitors of events.

Every report first lets the event store hold what was accepted and recorded before it was asked. Amounts come back
exact; `Report.shown` rounds them, once, to the reporting currency. Source: revenue contract, 1.10, 1.12, 2, 3.4, 3.5.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from functools import cached_property
from typing import Final
from zoneinfo import ZoneInfo

from accounts.types import SiteRef
from analytics_project import clock
from analytics_project.errors import InvalidRequest
from revenue.mirror_services import bring_up_to_date
from revenue.types import rounded
from stats.query.build import build_query
from stats.query.dates import LAST_INSTANT, add_months
from stats.query.money.run import (
    count_new_customers,
    count_payers_with_events,
    read_balance,
    read_days,
    read_left_out,
    read_movement,
    read_movements,
    read_quarters,
    read_totals,
)
from stats.query.money.types import Bucket, Money, Movement, RecurringRevenue, Span, Steps, Totals
from stats.query.run import run_query
from stats.query.types import InstantPair, QueryParams
from stats.services import event_store, wait_for_accepted
from stats.store.client import EventStore

MAX_BUCKETS: Final = 10_000
_THREE_DECIMALS: Final = Decimal("0.001")
_DAY: Final = timedelta(days=1)
_QUARTER_S: Final = 900
_NAMES_OF_UTC: Final = frozenset({"UTC", "UCT", "Universal", "Zulu", "Etc/UTC", "Etc/UCT", "Etc/Universal", "Etc/Zulu"})


@dataclass(frozen=True, slots=True)
class Slice:
    """One bucket of a series: its label, and its money."""

    period: str
    money: Money


@dataclass(frozen=True, slots=True)
class Balance:
    """One bucket of recurring revenue: its label, what moved, and the balance and the customers at its end."""

    period: str
    movement: Movement
    mrr: Decimal
    customers: int


class Report:
    """The money of a site in a window: two UTC instants of whole seconds, both included, and the zone of its days.

    What is asked for twice is read once. Raises, everywhere: StoreUnavailable, StoreBusy.
    """

    def __init__(self, site: SiteRef, start: datetime, end: datetime, timezone: str) -> None:
        self.site, self.start, self.end, self.timezone = site, start, end, timezone
        self._zone = ZoneInfo(timezone)
        self.span = Span(site.id, max(0, int(start.timestamp())), max(0, int(end.timestamp())))

    @cached_property
    def store(self) -> EventStore:
        """Return the event store once it holds everything that was taken before."""
        store = event_store()
        wait_for_accepted(self.site.id)
        bring_up_to_date(store, self.site)
        return store

    @cached_property
    def totals(self) -> Totals:
        """Return what came in and was given back."""
        return read_totals(self.store, self.span)

    @cached_property
    def unique_visitors(self) -> int:
        """Return the distinct visitors of all accepted events of the window, as the Stats API counts them (1.6)."""
        if self.end < datetime.fromtimestamp(0, UTC) or self.start > LAST_INSTANT:
            return 0
        pair = InstantPair(max(self.start, datetime.fromtimestamp(0, UTC)), min(self.end, LAST_INSTANT))
        query = build_query(QueryParams(metrics=("visitors",), date_range=pair), self.site, clock.now())
        found = run_query(self.store, query).rows[0].metrics[0]
        return int(found or 0)

    @cached_property
    def conversion_rate(self) -> Decimal:
        """Return paying visitors by the union of them and the window's visitors, three decimals (1.10)."""
        if not self.totals.payers:
            return share(0, 1)
        visiting = count_payers_with_events(self.store, self.span, self.site.stats_reset_at or 0)
        extra = self.totals.payers - visiting
        return share(self.totals.payers, self.unique_visitors + extra)

    @cached_property
    def new_customers(self) -> int:
        """Return how many customers paid for the first time."""
        return count_new_customers(self.store, self.span)

    @cached_property
    def _known_until(self) -> int:
        return min(self.span.end, int(clock.now().timestamp()))

    @cached_property
    def mrr(self) -> Decimal:
        """Return monthly recurring revenue at the end of the window, or now where that is earlier (2.2)."""
        return read_balance(self.store, self.site.id, self._known_until)[0]

    @cached_property
    def recurring(self) -> RecurringRevenue:
        """Return recurring revenue just before the window and how it moved over the whole of it (2.6)."""
        return read_movement(self.store, self.span, self._known_until)

    def balances(self, bucket: Bucket) -> tuple[RecurringRevenue, tuple[Balance, ...]]:
        """Return recurring revenue before the window, and bucket by bucket. Raises: InvalidRequest for too many."""
        labels = self.day_labels(bucket)
        steps = Steps(bucket, self.timezone, labels[0], len(labels), self._known_until)
        found = read_movements(self.store, self.span, steps)
        rows, mrr, customers = [], found.start, found.start_customers
        for label, movement in zip(labels, found.movements, strict=True):
            mrr, customers = mrr + movement.change, customers + movement.more_customers
            rows.append(Balance(label.isoformat(), movement, mrr, customers))
        return found, tuple(rows)

    def series(self, bucket: Bucket, *, split: bool = False) -> tuple[Slice, ...]:
        """Return the money of every bucket that overlaps the window, in order. Raises: InvalidRequest for too many.

        The parts of what came in are told only where `split` asks for them.
        """
        if bucket is Bucket.HOUR:
            return self._hours(split=split)
        days = read_days(self.store, self.span, bucket, self.timezone, split=split)
        labels = self.day_labels(bucket)
        found: dict[date, Money] = {}
        for day, money in days:
            label = _first_of(bucket, day)
            found[label] = found.get(label, Money()) + money
        return tuple(Slice(label.isoformat(), found.get(label, Money())) for label in labels)

    def day_labels(self, bucket: Bucket) -> list[date]:
        """Return the first day of every bucket that overlaps the window. Raises: InvalidRequest for too many."""
        first = _first_of(bucket, self.start.astimezone(self._zone).date())
        last = self.end.astimezone(self._zone).date()
        labels = []
        while first <= last:
            labels.append(first)
            if len(labels) > MAX_BUCKETS:
                raise _too_many()
            first = _next(bucket, first)
        return labels

    def _hours(self, *, split: bool) -> tuple[Slice, ...]:
        """Return local clock hours; the two of an hour that comes twice differ in their offset (1.12)."""
        if self.span.end - self.span.start >= MAX_BUCKETS * 3600:
            raise _too_many()
        found: dict[str, Money] = {}
        for quarter in range(self.span.start // _QUARTER_S, self.span.end // _QUARTER_S + 1):
            found.setdefault(self._hour_label(quarter * _QUARTER_S), Money())
        if len(found) > MAX_BUCKETS:
            raise _too_many()
        for quarter_at, money in read_quarters(self.store, self.span, split=split):
            label = self._hour_label(quarter_at)
            found[label] = found[label] + money
        return tuple(Slice(label, money) for label, money in found.items())

    def _hour_label(self, at: int) -> str:
        text = datetime.fromtimestamp(at, self._zone).replace(minute=0, second=0).isoformat(timespec="seconds")
        return f"{text.removesuffix('+00:00')}Z" if self.timezone in _NAMES_OF_UTC else text

    @property
    def warning(self) -> str:
        """Return what is left out of the money, empty where nothing is."""
        return left_out_warning(read_left_out(self.store, self.span), self.site.currency)

    def shown(self, amount: Decimal) -> Decimal:
        """Return an amount as answers show it: rounded half up to the reporting currency's minor unit."""
        return rounded(amount, self.site.currency)


def left_out_warning(left_out: Mapping[str, int], currency: str) -> str:
    """Return what is left out of the money for want of a rate, empty where nothing is; counts by currency (1.10)."""
    return "; ".join(
        f"{count} payment(s) in {code} left out: no {code} to {currency} exchange rate"
        for code, count in left_out.items()
    )


def share(part: int | Decimal, whole: int | Decimal) -> Decimal:
    """Return a fraction rounded half up to three decimals; `0.0` where there is nothing to divide by (1.6)."""
    if not whole or not part:
        return Decimal("0.0")
    return (Decimal(part) / Decimal(whole)).quantize(_THREE_DECIMALS, ROUND_HALF_UP).normalize() + Decimal("0.0")


def per(amount: Decimal, count: int) -> Decimal | None:
    """Return an amount by a count, None where there is nothing to divide by."""
    return amount / count if count else None


def _first_of(bucket: Bucket, day: date) -> date:
    """Return the first day of the day's bucket: weeks begin on Monday."""
    match bucket:
        case Bucket.WEEK:
            return date.fromordinal(max(1, day.toordinal() - day.weekday()))
        case Bucket.MONTH:
            return day.replace(day=1)
        case _:
            return day


def _next(bucket: Bucket, first: date) -> date:
    match bucket:
        case Bucket.WEEK:
            return first + 7 * _DAY
        case Bucket.MONTH:
            return add_months(first, 1)
        case _:
            return first + _DAY


def _too_many() -> InvalidRequest:
    return InvalidRequest(f"granularity is too fine for this window: more than {MAX_BUCKETS:,} rows")

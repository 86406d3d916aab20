"""Ranges, zones and time buckets: from a date range's wording to UTC instants, and the labels of its buckets.

Sources: stats contract 1.3 (ranges, days under daylight saving), 1.4 (choice of bucket), 1.10 (labels).
"""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from analytics_project.errors import InvalidQuery
from stats.query.types import ONE_SECOND, DatePair, DateRange, InstantPair, Period, PeriodUnit, RangeSpec

FIRST_YEAR: Final = 1970
LAST_YEAR: Final = 2099
LAST_INSTANT: Final = datetime(LAST_YEAR, 12, 31, 23, 59, 59, tzinfo=UTC)  # a range up to it has no end
MAX_TIME_LABELS: Final = 200_000

_ONE_DAY: Final = timedelta(days=1)
_LONGEST_LOOK: Final = timedelta(days=800)
_HALF_HOUR: Final = timedelta(minutes=30)
_BUCKETS: Final[tuple[tuple[str, timedelta, int], ...]] = (
    ("time:hour", timedelta(hours=1), 48),
    ("time:day", _ONE_DAY, 40),
    ("time:week", timedelta(weeks=1), 52),
)


def resolve_range(
    spec: RangeSpec, zone: ZoneInfo, now: datetime, *, stats_start_on: date | None = None, trim: bool = False
) -> DateRange:
    """Return the UTC instants that a range's wording means at `now` in the site's zone.

    `stats_start_on` is the local date of the site's first event and only matters for ALL. `trim` ends the relative
    ranges that run into the future with the current hour (DAY) or today (MONTH, YEAR).
    Raises: InvalidQuery for a reversed pair and for years outside 1970 to 2099.
    """
    if isinstance(spec, InstantPair):
        _check_order(spec.first, spec.last)
        return DateRange(spec.first.astimezone(UTC), _after(spec.last.astimezone(UTC)))
    if isinstance(spec, DatePair):
        return _of_dates(spec.first, spec.last, zone)
    if spec.unit is PeriodUnit.LAST_24_HOURS:
        last = now.astimezone(UTC).replace(microsecond=0)
        return DateRange(last - _ONE_DAY, _after(last))
    today = now.astimezone(zone).date()
    day = spec.anchor or today
    _check_order(day, day)
    first, last_day = _period_dates(spec, day, stats_start_on)
    if not trim or spec.unit not in {PeriodUnit.DAY, PeriodUnit.MONTH, PeriodUnit.YEAR}:
        return _of_dates(first, last_day, zone)
    if spec.unit is PeriodUnit.DAY:
        return DateRange(day_start(first, zone), _hour_end(now, zone))
    return _of_dates(first, today, zone)


def _period_dates(spec: Period, day: date, stats_start_on: date | None) -> tuple[date, date]:
    """Return the first and last local date of a period relative to `day`."""
    match spec.unit:
        case PeriodUnit.DAYS:
            return day - spec.count * _ONE_DAY, day - _ONE_DAY
        case PeriodUnit.MONTH:
            return day.replace(day=1), add_months(day, 1) - _ONE_DAY
        case PeriodUnit.MONTHS:
            return add_months(day, -spec.count), day.replace(day=1) - _ONE_DAY
        case PeriodUnit.YEAR:
            return date(day.year, 1, 1), date(day.year, 12, 31)
        case PeriodUnit.ALL:
            return min(stats_start_on or day, day), day
        case _:
            return day, day


def previous_period(dates: DateRange, zone: ZoneInfo, now: datetime) -> DatePair:
    """Return as many local dates just before a range, its end taken as today where it runs into the future.

    Source: stats contract 5.1.
    """
    first = dates.start_at.astimezone(zone).date()
    last = min(dates.last_at.astimezone(zone).date(), now.astimezone(zone).date())
    days = max((last - first).days + 1, 1)
    return DatePair(first - days * _ONE_DAY, first - _ONE_DAY)


def add_months(day: date, months: int) -> date:
    """Return the first of the month that lies `months` after the month of `day`."""
    index = day.year * 12 + day.month - 1 + months
    return date(index // 12, index % 12 + 1, 1)


def _of_dates(first: date, last: date, zone: ZoneInfo) -> DateRange:
    _check_order(first, last)
    return DateRange(day_start(first, zone), day_end(last, zone))


def _check_order(first: date, last: date) -> None:
    if not (FIRST_YEAR <= first.year <= LAST_YEAR and FIRST_YEAR <= last.year <= LAST_YEAR):
        raise InvalidQuery(f"date_range: years must be between {FIRST_YEAR} and {LAST_YEAR}", code="invalid_date_range")
    if last < first:
        raise InvalidQuery(f"date_range: the end {last} lies before the start {first}", code="invalid_date_range")


def _after(last: datetime) -> datetime:
    return last + ONE_SECOND


def _hour_end(now: datetime, zone: ZoneInfo) -> datetime:
    local = now.astimezone(zone)
    to_the_hour = timedelta(minutes=local.minute, seconds=local.second, microseconds=local.microsecond)
    return now.astimezone(UTC) - to_the_hour + timedelta(hours=1)


def whole_days(span: DateRange, zone: ZoneInfo) -> DatePair | None:
    """Return the local dates that a range consists of, None where it cuts one at either end.

    A date whose midnight comes twice is cut: its range begins at the second one.
    """
    if span.start_at >= span.end_at:
        return None
    before, first, last, after = (
        moment.astimezone(zone).date()
        for moment in (span.start_at - ONE_SECOND, span.start_at, span.last_at, span.end_at)
    )
    return DatePair(first, last) if before < first and last < after else None


def fixed_offset(first: datetime, last: datetime, zone: ZoneInfo) -> timedelta | None:
    """Return the zone's offset from UTC if it is one and the same from `first` to `last`, at most 800 days apart.

    Looked at once a day: no zone changes its clocks and changes them back within one.
    """
    if last - first > _LONGEST_LOOK:
        return None
    offset = last.astimezone(zone).utcoffset()
    at = first
    while at < last:
        if at.astimezone(zone).utcoffset() != offset:
            return None
        at += _ONE_DAY
    return offset


def local_dates(span: DateRange, zone: ZoneInfo) -> DatePair:
    """Return the first and the last local date that a range touches."""
    last_at = max(span.start_at, span.last_at)
    return DatePair(span.start_at.astimezone(zone).date(), last_at.astimezone(zone).date())


def day_start(day: date, zone: ZoneInfo) -> datetime:
    """Return the UTC instant at which a local date starts.

    Local 00:00:00; where clocks skip it, the first instant after the gap; where it comes twice, the second time.
    """
    local = datetime.combine(day, time(), zone)
    later = local.replace(fold=1).astimezone(UTC)
    return gap_end(local, zone) or later


def day_end(day: date, zone: ZoneInfo) -> datetime:
    """Return the UTC instant just after a local date: one second past 23:59:59.

    Where clocks skip 23:59:59, the end of what lies before the gap; where it comes twice, after the first time.
    """
    local = datetime.combine(day, time(23, 59, 59), zone)
    return gap_end(local, zone) or _after(local.astimezone(UTC))


def gap_end(local: datetime, zone: ZoneInfo) -> datetime | None:
    """Return the UTC instant at which clocks jumped over a local time, None when it exists.

    A skipped time read with the offset after the jump lies before the jump, and the other way round.
    """
    before = local.replace(fold=1).astimezone(UTC)
    after = local.replace(fold=0).astimezone(UTC)
    if before >= after:
        return None
    new_offset = after.astimezone(zone).utcoffset()
    while after - before > ONE_SECOND:
        middle = before + (after - before) // 2
        middle = middle.replace(microsecond=0)
        if middle.astimezone(zone).utcoffset() == new_offset:
            after = middle
        else:
            before = middle
    return after


def pick_bucket(dates: DateRange) -> str:
    """Return the time dimension that `time` means for a range's length."""
    length = dates.last_at - dates.start_at
    for name, unit, most in _BUCKETS:
        if length // unit <= most:
            return name
    return "time:month"


def time_labels(dates: DateRange, zone: ZoneInfo, bucket: str) -> tuple[str, ...]:
    """Return the label of every bucket of the range, ascending, future ones included, each once.

    A local hour that comes twice has one label, a skipped one none. Raises: InvalidQuery above 200,000 labels.
    """
    if dates.end_at <= dates.start_at:
        return ()
    if bucket == "time:hour" and (dates.end_at - dates.start_at) > timedelta(hours=MAX_TIME_LABELS):
        raise InvalidQuery(
            f"include.time_labels: the range has more than {MAX_TIME_LABELS} hours", code="too_many_time_labels"
        )
    first = dates.start_at.astimezone(zone).date()
    last = dates.last_at.astimezone(zone).date()
    match bucket:
        case "time:hour":
            return tuple(dict.fromkeys(_hours(dates, zone)))
        case "time:day":
            return tuple(str(first + number * _ONE_DAY) for number in range((last - first).days + 1))
        case "time:week":
            mondays = range(first.toordinal() - first.weekday() + 7, last.toordinal() + 1, 7)
            return (str(first), *(str(date.fromordinal(ordinal)) for ordinal in mondays))
        case _:
            months = (last.year - first.year) * 12 + last.month - first.month
            return tuple(str(add_months(first, number)) for number in range(months + 1))


def _hours(dates: DateRange, zone: ZoneInfo) -> Iterator[str]:
    """Yield the local hour of every half hour of the range, so that no zone's hour is stepped over."""
    instant = dates.start_at
    while instant < dates.end_at:
        yield hour_label(instant.astimezone(zone))
        instant += _HALF_HOUR
    yield hour_label(dates.last_at.astimezone(zone))


def hour_label(local: datetime) -> str:
    """Return a local time's hour as `2025-03-10 09:00:00`."""
    return f"{local:%Y-%m-%d %H}:00:00"

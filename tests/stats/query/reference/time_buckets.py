"""Ranges of local dates and buckets of local time, found by walking along the clock (stats contract 1.3, 1.4, 1.10)."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from stats.query.types import DatePair, InstantPair, RangeSpec

ONE_SECOND = timedelta(seconds=1)
ONE_MINUTE = timedelta(minutes=1)
QUARTER = timedelta(minutes=15)
ONE_DAY = timedelta(days=1)
# `time` is the first of these whose units the range has no more than so many of, else months.
PICKED = (("time:hour", timedelta(hours=1), 48), ("time:day", ONE_DAY, 40), ("time:week", timedelta(weeks=1), 52))


@dataclass(frozen=True)
class Span:
    """The first and the last second of a range in UTC, and the zone whose clock names its buckets.

    `counted_from` is where events begin to count: the first second, or the reset of the site's statistics after it.
    """

    first: datetime
    last: datetime
    counted_from: datetime
    zone: ZoneInfo

    def holds(self, moment: datetime) -> bool:
        return self.counted_from <= moment <= self.last

    def touches(self, start: datetime, end: datetime) -> bool:
        """Tell whether a visit overlaps the range (2.2)."""
        return end >= self.counted_from and start <= self.last

    def picked(self) -> str:
        """Return the bucket that `time` means."""
        length = self.last - self.first
        return next((name for name, unit, most in PICKED if length // unit <= most), "time:month")

    def bucket(self, name: str, moment: datetime) -> str:
        """Return the label of the bucket that an instant lies in."""
        local = moment.astimezone(self.zone)
        match name:
            case "time:hour":
                return f"{local:%Y-%m-%d %H}:00:00"
            case "time:day":
                return f"{local:%Y-%m-%d}"
            case "time:week":
                monday = local.date() - local.weekday() * ONE_DAY
                return str(max(monday, self.first.astimezone(self.zone).date()))
            case _:
                return f"{local:%Y-%m}-01"

    def hours_between(self, start: datetime, end: datetime) -> set[str]:
        """Return the hours whose quarters a visit touches (2.3)."""
        first, last = (int(moment.timestamp()) // 900 for moment in (start, end))
        return {self.bucket("time:hour", datetime.fromtimestamp(at * 900, UTC)) for at in range(first, last + 1)}

    def labels(self, name: str) -> list[str]:
        """Return every bucket of the range once, ascending."""
        if name == "time:hour":
            return sorted(self.hours_between(self.first, self.last))
        first, last = (moment.astimezone(self.zone).date() for moment in (self.first, self.last))
        days = [first + number * ONE_DAY for number in range((last - first).days + 1)]
        if name == "time:day":
            return [str(day) for day in days]
        if name == "time:week":
            return [str(day) for day in days if day == first or day.weekday() == 0]
        return sorted({f"{day:%Y-%m}-01" for day in days})


def span_of(spec: RangeSpec, zone: str, reset_at: datetime | None = None) -> Span:
    """Return the range that two dates or two instants mean in a zone."""
    if isinstance(spec, DatePair):
        first, last = start_of(zone, spec.first), end_of(zone, spec.last)
    elif isinstance(spec, InstantPair):
        first, last = spec.first, spec.last
    else:
        raise TypeError("the reference knows ranges of dates and of instants")
    return Span(first, last, max(first, reset_at or first), ZoneInfo(zone))


@lru_cache(maxsize=512)
def start_of(zone: str, day: date) -> datetime:
    """Return the first second of a local date: 00:00:00, the second one of two, or what comes after where it is not."""
    midnights = [at for at, local in minutes_around(zone, day) if local == f"{day} 00:00"]
    return midnights[-1] if midnights else min(at for at, local in minutes_around(zone, day) if local > f"{day}")


@lru_cache(maxsize=512)
def end_of(zone: str, day: date) -> datetime:
    """Return the last second of a local date: 23:59:59, the first one of two, or what comes before where it is not."""
    lasts = [at for at, local in minutes_around(zone, day) if local == f"{day} 23:59"]
    last = lasts[0] if lasts else max(at for at, local in minutes_around(zone, day) if local < f"{day} 24")
    return last + ONE_MINUTE - ONE_SECOND


@lru_cache(maxsize=512)
def minutes_around(zone: str, day: date) -> tuple[tuple[datetime, str], ...]:
    """Return each minute from the day before to the day after, as UTC and as what a clock there shows."""
    first = datetime(day.year, day.month, day.day, tzinfo=UTC) - ONE_DAY
    moments = [first + number * ONE_MINUTE for number in range(3 * 24 * 60)]
    return tuple((moment, f"{moment.astimezone(ZoneInfo(zone)):%Y-%m-%d %H:%M}") for moment in moments)

"""The window of the Goals & Revenue API: two ends as clients write them, made UTC instants (revenue contract, 1.5)."""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, timezone
from enum import Enum
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

from accounts.validators import timezone_names
from analytics_project.errors import InvalidRequest
from stats.query.dates import LAST_INSTANT, gap_end
from stats.query.types import ONE_SECOND, InstantPair

FIRST_YEAR: Final = 1970
LAST_YEAR: Final = 2105
DAYS_BEFORE: Final = timedelta(days=30)
DEFAULT_ZONE: Final = "UTC"
NOT_A_MOMENT: Final = "must be an ISO 8601 date or date-time"

_DAY: Final = timedelta(days=1)
_FORM: Final = re.compile(
    r"(?P<date>[0-9]{4}-[0-9]{2}-[0-9]{2})"
    r"(?:T(?P<time>[0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]+)?)?)"
    r"(?P<zone>Z|[+\- ][0-9]{2}:?[0-9]{2})?)?"
)
_TO_THE_SECOND: Final = len("00:00:00")
# The event store knows no other instants.
_FIRST_STORED: Final = datetime(1970, 1, 1, tzinfo=UTC)


class End(Enum):
    """Which end of a window a text names: that decides about whole days, and about times that come twice."""

    START = "start"
    END = "end"


@dataclass(frozen=True, slots=True)
class Window:
    """Two UTC instants of whole seconds, both included, and the zone whose days they were told by."""

    start: datetime
    end: datetime
    timezone: str

    @property
    def zone(self) -> ZoneInfo:
        """Return the zone."""
        return ZoneInfo(self.timezone)

    @property
    def end_before(self) -> datetime:
        """Return the instant just after the window: an event at `t` belongs to it when `start <= t < end_before`."""
        return self.end + ONE_SECOND

    @property
    def previous(self) -> "Window | None":
        """Return the window of equal length just before, None where that would begin before the year 1."""
        length = self.end_before - self.start
        if self.start - datetime.min.replace(tzinfo=UTC) < length:
            return None
        return Window(self.start - length, self.start - ONE_SECOND, self.timezone)

    def stored(self) -> InstantPair:
        """Return the part of the window of which the event store can hold events; its last second where none is."""
        if self.end < _FIRST_STORED or self.start > LAST_INSTANT:
            return InstantPair(LAST_INSTANT, LAST_INSTANT)
        return InstantPair(max(self.start, _FIRST_STORED), min(self.end, LAST_INSTANT))


def window_of(start: str | None, end: str | None, timezone_name: str | None, now: datetime) -> Window:
    """Return the window that three texts mean at `now`; None stands for one that was not sent.

    Raises: InvalidRequest naming the parameter.
    """
    zone_name = DEFAULT_ZONE if timezone_name is None else zone_named(timezone_name)
    zone = ZoneInfo(zone_name)
    last = now.astimezone(UTC).replace(microsecond=0) if end is None else _moment("end", end, zone, End.END)
    if start is None:
        first = _day_start((last.astimezone(zone) - DAYS_BEFORE).date(), zone)
    else:
        first = _moment("start", start, zone, End.START)
    if first > last:
        raise InvalidRequest("start must not be after end")
    return Window(first, last, zone_name)


def zone_named(text: str) -> str:
    """Return the tz database's spelling of a zone's name, found without regard to case. Raises: InvalidRequest."""
    name = _spellings().get(text.lower())
    if name is None:
        raise InvalidRequest("timezone must be an IANA time zone name, for example Europe/Paris")
    return name


@lru_cache(maxsize=1)
def _spellings() -> dict[str, str]:
    return {name.lower(): name for name in timezone_names()}


def _moment(name: str, text: str, zone: ZoneInfo, which: End) -> datetime:
    moment = moment_in(text, zone, which)
    if moment is None:
        raise InvalidRequest(f"{name} {NOT_A_MOMENT}")
    return moment


def moment_in(text: str, zone: ZoneInfo, which: End = End.START) -> datetime | None:
    """Return the UTC instant, in whole seconds, that a date or date-time means; None for text that means none.

    A date is the first or the last second of that local day. A local time that clocks skip is moved on by as much; one
    that comes twice is the first for a start, the second for an end. Years other than 1970 to 2105 mean nothing.
    """
    found = _FORM.fullmatch(text)
    if found is None:
        return None
    try:
        day = date.fromisoformat(found["date"])
        clock = None if found["time"] is None else time.fromisoformat(found["time"][:_TO_THE_SECOND])
        offset = None if found["zone"] is None else _offset(found["zone"])
    except ValueError:
        return None
    if not FIRST_YEAR <= day.year <= LAST_YEAR:
        return None
    if clock is None:
        return _day_start(day, zone) if which is End.START else _day_end(day, zone)
    if offset is not None:
        return datetime.combine(day, clock, offset).astimezone(UTC)
    return _local(datetime.combine(day, clock, zone), zone, which)


def _offset(text: str) -> timezone:
    """Return the zone of `Z`, `+02:00` or `+0200`. Raises: ValueError for hours and minutes that no clock has."""
    if text == "Z":
        return UTC
    hours, minutes = int(text[1:3]), int(text[-2:])
    if hours > 23 or minutes > 59:
        raise ValueError(text)
    offset = timedelta(hours=hours, minutes=minutes)
    return timezone(-offset if text[0] == "-" else offset)


def _local(local: datetime, zone: ZoneInfo, which: End) -> datetime:
    """Return the instant of a local time: by the offset before a gap, by the asked one of two."""
    is_skipped = gap_end(local, zone) is not None
    return local.replace(fold=int(which is End.END and not is_skipped)).astimezone(UTC)


def _day_start(day: date, zone: ZoneInfo) -> datetime:
    """Return the first instant of a local day, of the following one where clocks skip the whole day."""
    local = datetime.combine(day, time(), zone)
    return gap_end(local, zone) or local.astimezone(UTC)


def _day_end(day: date, zone: ZoneInfo) -> datetime:
    """Return the last second of a local day, that before the gap where clocks skip its end."""
    local = datetime.combine(day, time(23, 59, 59), zone)
    skipped_to = gap_end(local, zone)
    if skipped_to is not None:
        return skipped_to - ONE_SECOND
    return local.replace(fold=1).astimezone(UTC)


def instant_text(instant: datetime) -> str:
    """Return an instant as answers show it: `2026-03-26T23:59:59Z`."""
    at = instant.astimezone(UTC)
    return f"{at.year:04}-{at:%m-%dT%H:%M:%S}Z"

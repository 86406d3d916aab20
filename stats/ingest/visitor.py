"""Who a visitor is: a keyed hash that lives one local day of its site, and the salts that key it (contract part 3)."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from hashlib import blake2b
from zoneinfo import ZoneInfo

from analytics_project.errors import StoreUnavailable

SALT_BYTES = 16
VISIT_IDLE_SECONDS = 1_800
_ONE_DAY = timedelta(days=1)
_VISITOR_TEXT = re.compile(r"v_[0-9a-fA-F]{16}\Z")


def visitor_id(salt: bytes, user_agent: str, address: str, site: str, root_domain: str) -> int:
    """Return the 64-bit id: BLAKE2b keyed with the salt over the parts, joined by zero bytes.

    `site` is the site's permanent id text, `address` in canonical form. Source: event contract 3.2.
    """
    parts = f"{user_agent}\x00{address}\x00{site}\x00{root_domain}".encode(errors="surrogatepass")
    return int.from_bytes(blake2b(parts, digest_size=8, key=salt).digest(), "big")


def visitor_text(number: int) -> str:
    """Return the public text form, `v_` and 16 lower-case hex digits."""
    return f"v_{number:016x}"


def parse_visitor_text(text: str) -> int | None:
    """Return the id of a well-formed `v_…` text in either case, else None."""
    return int(text[2:], 16) if _VISITOR_TEXT.match(text) else None


def caller_visitor_id(secret: bytes, text: str) -> int:
    """Map a caller's own id text into the id space: BLAKE2b keyed with the site's secret (contract 3.3)."""
    return int.from_bytes(blake2b(text.encode(errors="surrogatepass"), digest_size=8, key=secret).digest(), "big")


def number_of_visitor(secret: bytes, text: str) -> int:
    """Return the 64-bit id that a text means: the one that the tracker shows, or the hash of a caller's own (3.3)."""
    number = parse_visitor_text(text)
    return caller_visitor_id(secret, text) if number is None else number


@dataclass(frozen=True, slots=True)
class LocalDay:
    """One calendar day of a time zone; `start` and `end` are unix seconds, half-open."""

    text: str
    on: date
    start: int
    end: int


class LocalDays:
    """The local calendar day of an instant by zone; remembers the running day, so the usual answer is one look-up."""

    def __init__(self) -> None:
        self._running: dict[str, LocalDay] = {}

    def of(self, timezone: str, at: int) -> LocalDay:
        """Return the day of `at` (unix seconds) in the IANA zone `timezone`."""
        day = self._running.get(timezone)
        if day is not None and day.start <= at < day.end:
            return day
        zone = ZoneInfo(timezone)
        on = datetime.fromtimestamp(at, zone).date()
        day = LocalDay(
            text=on.isoformat(), on=on, start=_midnight(on, zone), end=_midnight(on + timedelta(days=1), zone)
        )
        self._running[timezone] = day
        return day


def _midnight(on: date, zone: ZoneInfo) -> int:
    """Return the first instant of a local date, also where 00:00 does not exist."""
    instant = datetime.combine(on, time.min, zone).astimezone(UTC)
    while instant.astimezone(zone).date() < on:
        instant += timedelta(minutes=15)
    return int(instant.timestamp())


class Salts:
    """The salts of the dates that are running somewhere on Earth, kept in memory by a background refresh.

    `load(date)` finds or creates the stored salt; `destroy(before)` deletes all older ones for good. A salt is needed
    until its date is over in the last zone and the visits open at that midnight have been idle for 30 minutes.
    """

    def __init__(self, load: Callable[[date], bytes], destroy: Callable[[date], object]) -> None:
        self._load = load
        self._destroy = destroy
        self._salts: dict[date, bytes] = {}

    def refresh(self, now: datetime) -> None:
        """Load the salts that may be asked for within the next hours and destroy the finished ones.

        The eastern-most zone is 14 hours ahead of UTC, the western-most 12 behind.
        """
        oldest = (now - timedelta(hours=12, seconds=VISIT_IDLE_SECONDS)).date()
        newest = (now + timedelta(hours=14 + 6)).date()
        dates = [oldest + timedelta(days=days) for days in range((newest - oldest).days + 1)]
        fresh = {on: self._salts.get(on) or self._load(on) for on in dates}
        self._salts = fresh
        self._destroy(oldest)

    def of(self, on: date) -> bytes:
        """Return a running date's salt. Raises: StoreUnavailable when the refresh has been failing for hours."""
        salt = self._salts.get(on)
        if salt is None:
            raise StoreUnavailable(f"no visitor salt for {on.isoformat()}: the relational store has not answered")
        return salt

    def before(self, on: date) -> bytes | None:
        """Return the salt of the day before `on` while it exists."""
        return self._salts.get(on - _ONE_DAY)

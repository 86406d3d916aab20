"""Open visits in memory, and what one event does to them (event contract part 4).

A change is planned, spooled, then kept: when the spool refuses the rows, `undo` takes the change back, so memory never
runs ahead of what will be written.
"""

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass
from operator import attrgetter
from random import SystemRandom
from typing import Protocol

from stats.ingest.visitor import VISIT_IDLE_SECONDS

_random = SystemRandom()

# The fields of a visit that later events change: what `undo` restores.
_CHANGING = (
    "timestamp",
    "duration",
    "events",
    "pageviews",
    "is_bounce",
    "entry_page",
    "hostname",
    "exit_page",
    "exit_page_hostname",
    "last_activity",
    "last_pageview_at",
    "attributes",
)
_changing_of = attrgetter(*_CHANGING)


@dataclass(slots=True)
class Visit:
    """One open visit. Times are unix seconds; `attributes` and `props` are fragments of a JSON row.

    `timestamp` is the last counting event, `last_activity` also takes engagement pings, which write no visit row.
    `user_id` is the user whom the visitor was last identified as within the visit.
    """

    key: int
    site_id: int
    day: str
    visitor_id: int
    session_id: int
    start: int
    props: bytes
    attributes: bytes
    timestamp: int
    duration: int = 0
    events: int = 0
    pageviews: int = 0
    is_bounce: bool = True
    entry_page: str = ""
    hostname: str = ""
    exit_page: str = ""
    exit_page_hostname: str = ""
    last_activity: int = 0
    last_pageview_at: int = 0
    user_id: int | None = None

    def count(self, kind: "EventKind", at: int) -> None:
        """Take one pageview or custom event into the visit's numbers."""
        self.timestamp = max(self.timestamp, at)
        self.last_activity = max(self.last_activity, at)
        self.duration = max(self.duration, abs(at - self.start))
        self.events += 1
        if not kind.is_pageview:
            if kind.interactive:
                self.is_bounce = False
            return
        self.pageviews += 1
        if self.pageviews >= 2:
            self.is_bounce = False
        if self.pageviews == 1:
            self.entry_page, self.hostname = kind.pathname, kind.hostname
        if self.pageviews == 1 or at >= self.last_pageview_at:
            self.exit_page, self.exit_page_hostname = kind.pathname, kind.hostname
            self.last_pageview_at = at


@dataclass(frozen=True, slots=True)
class EventKind:
    """What the visit rules need of an event."""

    is_pageview: bool
    is_engagement: bool
    interactive: bool
    hostname: str
    pathname: str


@dataclass(frozen=True, slots=True)
class Change:
    """What `touch` did: the visit, and its changing fields before the event, None for a new visit."""

    visit: Visit
    before: tuple[object, ...] | None


class SessionStore(Protocol):
    """Where open visits live; in process memory today, in a shared store when several processes take events."""

    def find(self, site_id: int, visitor_id: int, at: int) -> Visit | None:
        """Return the visit that an event of this visitor at `at` continues, or None."""

    def find_over_midnight(self, site_id: int, visitor_id: int, previous_visitor_id: int, at: int) -> Visit | None:
        """Return the visit begun under yesterday's id that an event of today's id continues, or None."""

    def touch(self, visit: Visit, kind: EventKind, at: int) -> Change:
        """Take an event into an open visit."""

    def open(self, visit: Visit, kind: EventKind, at: int) -> Change:
        """Start a visit with its first event."""

    def undo(self, change: Change) -> None:
        """Take the newest change back."""


def new_session_id() -> int:
    """Return 64 random bits."""
    return _random.getrandbits(64)


class MemorySessions:
    """Open visits of this process, least recently active first, so that closing the idle ones costs nothing extra.

    Used from the event loop only; it needs no lock.
    """

    def __init__(self) -> None:
        self._visits: OrderedDict[int, Visit] = OrderedDict()
        self._renamed: dict[int, int] = {}  # key under a visit's own id, today's key: visits open over midnight

    def __len__(self) -> int:
        return len(self._visits)

    def find(self, site_id: int, visitor_id: int, at: int) -> Visit | None:
        """Return the visit that an event of this visitor at `at` continues, or None."""
        key = visit_key(site_id, visitor_id)
        visit = self._visits.get(key)
        if visit is None and key in self._renamed:
            visit = self._visits.get(self._renamed[key])
            if visit is not None and visit.visitor_id != visitor_id:
                return None
        return visit if visit is not None and _continues(visit, at) else None

    def find_over_midnight(self, site_id: int, visitor_id: int, previous_visitor_id: int, at: int) -> Visit | None:
        """Return the visit begun under yesterday's id that an event of today's id continues, or None.

        From then on it is found under today's id too, but it keeps its own; so it does not outlive a second change of
        salts (contract 4.6).
        """
        key = visit_key(site_id, previous_visitor_id)
        visit = self._visits.get(key)
        if visit is None or visit.visitor_id != previous_visitor_id or not _continues(visit, at):
            return None
        del self._visits[key]
        visit.key = visit_key(site_id, visitor_id)
        self._visits[visit.key] = visit
        self._renamed[key] = visit.key
        return visit

    def touch(self, visit: Visit, kind: EventKind, at: int) -> Change:
        """Take an event into an open visit; an engagement ping only keeps it open."""
        change = Change(visit, _changing_of(visit))
        if kind.is_engagement:
            visit.last_activity = max(visit.last_activity, at)
        else:
            visit.count(kind, at)
        self._visits.move_to_end(visit.key)
        self._close_idle(at)
        return change

    def open(self, visit: Visit, kind: EventKind, at: int) -> Change:
        """Start a visit with its first event, a pageview or a custom event."""
        visit.count(kind, at)
        self._visits[visit.key] = visit
        self._visits.move_to_end(visit.key)
        self._close_idle(at)
        return Change(visit, None)

    def undo(self, change: Change) -> None:
        """Take the newest change back: restore the visit, or forget it if it had just begun."""
        if change.before is None:
            self._visits.pop(change.visit.key, None)
        else:
            for name, value in zip(_CHANGING, change.before, strict=True):
                setattr(change.visit, name, value)

    def adopt(self, visits: Iterable[Visit]) -> None:
        """Take visits over from a former process; a later one of the same visitor replaces an earlier one."""
        for visit in sorted(visits, key=lambda visit: visit.last_activity):
            self._visits[visit.key] = visit

    def _close_idle(self, now: int) -> None:
        visits = self._visits
        while visits:
            key = next(iter(visits))
            if visits[key].last_activity >= now - VISIT_IDLE_SECONDS:
                return
            closed = visits.pop(key)
            self._renamed.pop(visit_key(closed.site_id, closed.visitor_id), None)


def visit_key(site_id: int, visitor_id: int) -> int:
    """Return the number under which a visitor's open visit is found."""
    return (site_id << 64) | visitor_id


def _continues(visit: Visit, at: int) -> bool:
    """Tell whether an event belongs to the visit: idle for 1,800 s at most; older than the last activity always does,
    unless it lies more than 1,800 s before the visit's start."""
    return at - visit.last_activity <= VISIT_IDLE_SECONDS and at >= visit.start - VISIT_IDLE_SECONDS

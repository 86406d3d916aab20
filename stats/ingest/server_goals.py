"""Goals that a site's server reports: events without a browser, of any time up to a day from now.

They join the visitor's open visit where they lie in it. Any other is a visit of its own, which came from nowhere: no
source, place or device. A report asks for the visitor's session at that time instead, and the first event of a browser
that continues such a visit gives it what it lacks (`Collector`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from stats.ingest.counters import BUFFERED, OutcomeCounters
from stats.ingest.rows import (
    FROM_NOWHERE,
    RETRACTED,
    WRITTEN,
    carried_rows,
    event_row,
    props_fragment,
    session_row,
)
from stats.ingest.sessions import Change, EventKind, SessionStore, Visit, new_session_id, visit_key
from stats.ingest.spool import Spool
from stats.ingest.visitor import VISIT_IDLE_SECONDS, LocalDays
from stats.types import IntakeSite

_NO_MONEY: Final[tuple[str | None, str, str | None, str]] = (None, "", None, "")
_FIRST_DAY: Final = "1970-01-01"  # the event store's dates wrap around below it


@dataclass(frozen=True, slots=True)
class ServerGoal:
    """One completion: the event it is, whose, where, and when in unix seconds; `props` are stored as they are."""

    event_name: str
    visitor_id: int
    hostname: str
    pathname: str
    props: Mapping[str, str]
    at: int


class ServerGoals:
    """Puts such goals into the spool; used where the collector is, on the event loop."""

    def __init__(
        self, sessions: SessionStore, spool: Spool, counters: OutcomeCounters, positions: dict[int, int]
    ) -> None:
        """`positions` are the collector's, by which a read waits for what was accepted before it."""
        self._sessions = sessions
        self._spool = spool
        self._counters = counters
        self._positions = positions
        self._days = LocalDays()

    def take(self, site: IntakeSite, goal: ServerGoal, now: int) -> None:
        """Keep one goal; `now` is the time of arrival. Raises: StoreUnavailable when it cannot be kept."""
        day = max(self._days.of(site.ref.timezone, goal.at).text, _FIRST_DAY)
        kind = EventKind(
            is_pageview=False, is_engagement=False, interactive=True, hostname=goal.hostname, pathname=goal.pathname
        )
        props = props_fragment(sorted(goal.props), [goal.props[key] for key in sorted(goal.props)])
        visit = self._open_visit(site, goal, now)
        change: Change | None = None
        if visit is not None:
            before = session_row(visit, RETRACTED)
            change = self._sessions.touch(visit, kind, goal.at)
            sessions = b"\n%b\n%b" % (before, session_row(visit, WRITTEN))
        else:
            visit = _visit_of_its_own(site, goal, day, props)
            if self._may_stay_open(site, goal, now):
                change = self._sessions.open(visit, kind, goal.at)
            else:
                visit.count(kind, goal.at)
            sessions = b"\n" + session_row(visit, WRITTEN)
        if day != visit.day:
            sessions += b"".join(b"\n" + row for row in carried_rows(visit, day, goal.at, kind))
        event = event_row(visit, day, goal.at, goal.event_name, goal.hostname, goal.pathname, props, _NO_MONEY, 0, 0)
        self._keep(site, event, sessions, change, now)

    def _open_visit(self, site: IntakeSite, goal: ServerGoal, now: int) -> Visit | None:
        """Return the open visit in which a goal lies; none for one of the future, which would hold it open."""
        if goal.at > now:
            return None
        visit = self._sessions.find(site.ref.id, goal.visitor_id, goal.at)
        return None if visit is None or goal.at < visit.start else visit

    def _may_stay_open(self, site: IntakeSite, goal: ServerGoal, now: int) -> bool:
        """Tell whether later events may continue the goal's own visit: a recent one that takes no other's place."""
        is_recent = now - VISIT_IDLE_SECONDS <= goal.at <= now
        return is_recent and self._sessions.find(site.ref.id, goal.visitor_id, now) is None

    def _keep(self, site: IntakeSite, event: bytes, sessions: bytes, change: Change | None, now: int) -> None:
        is_kept = False
        try:
            self._positions[site.ref.id] = self._spool.append([(event, sessions)])
            is_kept = True
        finally:
            if not is_kept and change is not None:
                self._sessions.undo(change)
        self._counters.add(site.ref.id, now, BUFFERED, 0)


def _visit_of_its_own(site: IntakeSite, goal: ServerGoal, day: str, props: bytes) -> Visit:
    return Visit(
        key=visit_key(site.ref.id, goal.visitor_id),
        site_id=site.ref.id,
        day=day,
        visitor_id=goal.visitor_id,
        session_id=new_session_id(),
        start=goal.at,
        timestamp=goal.at,
        props=props,
        attributes=FROM_NOWHERE,
    )

"""From events to visits, one event after the other: the stats contract's part 0, and the event contract's 4.1."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from tests.stats.query.recorded import Hit

SECONDS_OPEN = 1800


@dataclass(eq=False)
class Visit:
    """A visit as its events so far have made it; the attributes are those of the event that opened it, for good.

    `timestamp` is the time of the last event that is not engagement, `last_seen` that of the last event of any name.
    """

    visitor: str
    start: datetime
    attributes: Mapping[str, Any]
    timestamp: datetime
    last_seen: datetime
    duration: int = 0
    events: int = 0
    pageviews: int = 0
    is_bounce: bool = True
    entry_page: str = ""
    entry_page_hostname: str = ""
    exit_page: str = ""
    exit_page_hostname: str = ""
    happened: "list[Event]" = field(default_factory=list)

    def is_open_at(self, moment: datetime) -> bool:
        """Tell whether an event at that moment still belongs to the visit.

        Up to 30 minutes and no second more: the event contract decides so, part 0 of the other allows 59 more.
        """
        return (moment - self.last_seen).total_seconds() <= SECONDS_OPEN

    def count(self, hit: Hit) -> None:
        """Let an event change the visit; engagement only shows that the visitor is still there."""
        self.last_seen = hit.moment
        if hit.name == "engagement":
            return
        self.timestamp = hit.moment
        self.duration = int(abs((hit.moment - self.start).total_seconds()))
        self.events += 1
        if hit.name == "pageview":
            self.pageviews += 1
            if self.pageviews == 1:
                self.entry_page, self.entry_page_hostname = hit.pathname, hit.hostname
            self.exit_page, self.exit_page_hostname = hit.pathname, hit.hostname
        is_interaction = hit.name != "pageview" and hit.interactive
        if self.pageviews >= 2 or is_interaction:
            self.is_bounce = False


@dataclass(frozen=True, eq=False)
class Event:
    """An event that was kept, and the visit it belongs to, of which it shows the attributes."""

    hit: Hit
    visit: Visit


def visits_of(hits: Iterable[Hit]) -> list[Visit]:
    """Return the visits that events make; engagement while no visit is open is dropped.

    Visitors keep one id here, as in imports: what the daily change of ids does is intake's to test.
    """
    visits: list[Visit] = []
    latest: dict[str, Visit] = {}
    for hit in sorted(hits, key=lambda one: one.moment):
        visit = latest.get(hit.visitor)
        if visit is None or not visit.is_open_at(hit.moment):
            if hit.name == "engagement":
                continue
            visit = Visit(hit.visitor, hit.moment, hit.attributes, hit.moment, hit.moment)
            visits.append(visit)
            latest[hit.visitor] = visit
        visit.count(hit)
        visit.happened.append(Event(hit, visit))
    return visits

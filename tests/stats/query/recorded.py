"""Visits written straight into the event store by the rules of the contract's part 0, for tests of what is read back.

`visits_of` is the rule book in thirty lines: a visit goes on while its visitor was seen within 30 minutes and 59
seconds; engagement keeps it open and changes nothing.
"""

import itertools
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from typing import Any
from zlib import crc32
from zoneinfo import ZoneInfo

import orjson

from stats.store.client import EventStore
from stats.store.schema import EVENT_COLUMNS, SESSION_COLUMNS

DAY = "2025-03-10"
_tokens = itertools.count()
_visit_ids = itertools.count(1)


@dataclass(frozen=True)
class Hit:
    """One event; `at` is `09:00`, `09:00:30` or with a date before it, UTC."""

    at: str
    visitor: str
    pathname: str
    name: str = "pageview"
    hostname: str = "shop.example"
    props: Mapping[str, str] = field(default_factory=dict)
    interactive: bool = True
    scroll_depth: int = 0
    seconds: int = 0
    attributes: Mapping[str, Any] = field(default_factory=dict)
    amount: str | None = None

    @property
    def moment(self) -> datetime:
        """Return the instant."""
        text = self.at if " " in self.at else f"{DAY} {self.at}"
        return datetime.fromisoformat(text).replace(tzinfo=UTC)


def pageview(at: str, visitor: str, pathname: str = "/", hostname: str = "shop.example", **attributes: Any) -> Hit:
    """A pageview; attributes count on the first event of a visit only."""
    return Hit(at, visitor, pathname, hostname=hostname, attributes=attributes)


def custom(at: str, visitor: str, name: str, pathname: str = "/", *, interactive: bool = True, **more: Any) -> Hit:
    """A custom event; `props` is its properties, `amount` its revenue, other keywords are attributes."""
    props, amount = more.pop("props", {}), more.pop("amount", None)
    return Hit(at, visitor, pathname, name, props=props, interactive=interactive, attributes=more, amount=amount)


def engagement(at: str, visitor: str, pathname: str = "/", scroll_depth: int = 255, seconds: int = 0) -> Hit:
    """An engagement ping."""
    return Hit(at, visitor, pathname, "engagement", scroll_depth=scroll_depth, seconds=seconds)


@dataclass(frozen=True)
class Visit:
    """One state of a visit, as `sessions` holds it."""

    session_id: int
    visitor_id: int
    start: datetime
    timestamp: datetime
    seen: datetime
    attributes: Mapping[str, Any]
    events: int = 0
    pageviews: int = 0
    is_bounce: int = 1
    entry_page: str = ""
    hostname: str = ""
    exit_page: str = ""
    exit_page_hostname: str = ""

    @property
    def duration(self) -> int:
        """Return the seconds from the first to the last event that is not engagement."""
        return int((self.timestamp - self.start).total_seconds())

    def after(self, hit: Hit) -> "Visit":
        """Return the state that an event leads to."""
        if hit.name == "engagement":
            return replace(self, seen=hit.moment)
        grown = replace(self, seen=hit.moment, timestamp=hit.moment, events=self.events + 1)
        if hit.name != "pageview":
            return replace(grown, is_bounce=0 if hit.interactive else grown.is_bounce)
        first = self.pageviews == 0
        return replace(
            grown,
            pageviews=self.pageviews + 1,
            is_bounce=grown.is_bounce if first else 0,
            entry_page=hit.pathname if first else self.entry_page,
            hostname=hit.hostname if first else self.hostname,
            exit_page=hit.pathname,
            exit_page_hostname=hit.hostname,
        )


def visits_of(hits: Iterable[Hit]) -> list[tuple[Hit, Visit, Visit | None]]:
    """Return events in time order, each with the state it leads to and the one before, None where a visit opens."""
    open_visits: dict[str, Visit] = {}
    told = []
    for hit in sorted(hits, key=lambda one: one.moment):
        before = open_visits.get(hit.visitor)
        if before is None or (hit.moment - before.seen).total_seconds() // 60 > 30:
            before = None
            visitor_id = crc32(hit.visitor.encode()) + 1
            fresh = Visit(next(_visit_ids), visitor_id, hit.moment, hit.moment, hit.moment, hit.attributes)
            after = fresh.after(hit)
        else:
            after = before.after(hit)
        open_visits[hit.visitor] = after
        told.append((hit, after, before))
    return told


def record(
    store: EventStore, site_id: int, hits: Iterable[Hit], *, zone: str = "Etc/UTC", every_state: bool = False
) -> None:
    """Write events and visits of a site; `every_state` writes each state of a visit in another insert."""
    told = visits_of(hits)
    _insert(store, "events", EVENT_COLUMNS, [_event_row(site_id, hit, visit, zone) for hit, visit, _ in told])
    carried = [row for hit, visit, _ in told for row in _carried_rows(site_id, hit, visit, zone)]
    if carried:
        _insert(store, "sessions", SESSION_COLUMNS, carried)
    if not every_state:
        final = {visit.session_id: visit for _, visit, _ in told}
        _insert(store, "sessions", SESSION_COLUMNS, [_visit_row(site_id, visit, 1, zone) for visit in final.values()])
        return
    inserts: dict[int, list[dict[str, Any]]] = defaultdict(list)
    for hit, visit, before in told:
        if hit.name != "engagement":
            inserts[visit.events].append(_visit_row(site_id, visit, 1, zone))
            inserts[visit.events] += [] if before is None else [_visit_row(site_id, before, -1, zone)]
    for rows in inserts.values():
        _insert(store, "sessions", SESSION_COLUMNS, rows)


def _event_row(site_id: int, hit: Hit, visit: Visit, zone: str) -> dict[str, Any]:
    return {
        "site_id": site_id,
        "day": str(hit.moment.astimezone(ZoneInfo(zone)).date()),
        "visitor_id": visit.visitor_id,
        "session_id": visit.session_id,
        "timestamp": int(hit.moment.timestamp()),
        "name": hit.name,
        "hostname": hit.hostname,
        "pathname": hit.pathname,
        "prop_keys": sorted(hit.props),
        "prop_values": [hit.props[key] for key in sorted(hit.props)],
        "revenue_reporting_amount": hit.amount,
        "scroll_depth": hit.scroll_depth,
        "engagement_time": hit.seconds * 1000,
        **visit.attributes,
    }


def _visit_row(site_id: int, visit: Visit, sign: int, zone: str) -> dict[str, Any]:
    return {
        **asdict(visit),
        "site_id": site_id,
        "day": str(visit.start.astimezone(ZoneInfo(zone)).date()),
        "sign": sign,
        "is_visit": 1,
        "visit_day": str(visit.start.astimezone(ZoneInfo(zone)).date()),
        "start": int(visit.start.timestamp()),
        "timestamp": int(visit.timestamp.timestamp()),
        "duration": visit.duration,
        **visit.attributes,
    }


def _carried_rows(site_id: int, hit: Hit, visit: Visit, zone: str) -> list[dict[str, Any]]:
    """Return what `sessions` notes of an event that lies on another day than its visit's start."""
    own_day, visit_day = (str(moment.astimezone(ZoneInfo(zone)).date()) for moment in (hit.moment, visit.start))
    if own_day == visit_day:
        return []
    counts = {"carried_pageviews": int(hit.name == "pageview"), "carried_events": int(hit.name != "engagement")}
    return [
        {
            **_visit_row(site_id, visit, 1, zone),
            **dict.fromkeys(("duration", "events", "pageviews", "is_bounce"), 0),
            "day": day,
            "timestamp": int(hit.moment.timestamp()),
            "is_visit": 0,
            "visit_day": visit_day,
            **{name: direction * count for name, count in counts.items()},
        }
        for day, direction in ((own_day, 1), (visit_day, -1))[: 1 if hit.name == "engagement" else 2]
    ]


_EMPTY: Mapping[str, Any] = {
    "prop_keys": [],
    "prop_values": [],
    "revenue_source_amount": None,
    "revenue_reporting_amount": None,
    "city_geoname_id": 0,
    "carried_pageviews": 0,
    "carried_events": 0,
}


def _insert(store: EventStore, table: str, columns: tuple[str, ...], rows: list[dict[str, Any]]) -> None:
    lines = (orjson.dumps([row.get(column, _EMPTY.get(column, "")) for column in columns]) for row in rows)
    store.insert_lines(table, columns, b"\n".join(lines), token=f"recorded-{next(_tokens)}")

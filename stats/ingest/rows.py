"""Rows of the event store as JSON text, columns in the order of `stats.store.schema`.

A row is encoded once, before it is spooled; the writer only joins lines. The visit's attributes are the tail of both
kinds of row, so they are encoded once per combination and shared.
"""

from functools import lru_cache

import orjson

from stats.ingest.sessions import EventKind, Visit
from stats.types import Acquisition, Agent, Place

WRITTEN, RETRACTED = 1, -1


@lru_cache(maxsize=20_000)
def attributes_fragment(acquisition: Acquisition, place: Place, agent: Agent) -> bytes:
    """Return the visit attribute columns as the tail of a JSON row, closing bracket included."""
    return orjson.dumps(
        [
            acquisition.referrer,
            acquisition.source,
            acquisition.channel,
            acquisition.utm_source,
            acquisition.utm_medium,
            acquisition.utm_campaign,
            acquisition.utm_content,
            acquisition.utm_term,
            acquisition.click_id_param,
            place.country_code,
            place.subdivision1_code,
            place.subdivision2_code,
            place.city_geoname_id,
            agent.device,
            agent.browser,
            agent.browser_version,
            agent.os,
            agent.os_version,
        ]
    )[1:]


# The attributes of a visit that no browser has been seen in.
FROM_NOWHERE = attributes_fragment(Acquisition(channel=""), Place(), Agent())


def props_fragment(keys: list[str], values: list[str]) -> bytes:
    """Return the two property columns as the inside of a JSON row, without brackets around."""
    return orjson.dumps([keys, values])[1:-1] if keys else b"[],[]"


def event_row(
    visit: Visit,
    day: str,
    at: int,
    name: str,
    hostname: str,
    pathname: str,
    props: bytes,
    money: tuple[str | None, str, str | None, str],
    scroll_depth: int,
    engagement_time: int,
) -> bytes:
    """Return one row of `events`; `money` is (source amount, its currency, reporting amount, its currency)."""
    head = orjson.dumps([visit.site_id, day, visit.visitor_id, visit.session_id, at, name, hostname, pathname])
    tail = orjson.dumps([*money, scroll_depth, engagement_time])
    return b"%b,%b,%b,%b" % (head[:-1], props, tail[1:-1], visit.attributes)


def session_row(visit: Visit, sign: int) -> bytes:
    """Return one row of `sessions` for the visit's present state, written (+1) or retracted (-1)."""
    head = orjson.dumps(
        [
            visit.site_id,
            visit.day,
            visit.visitor_id,
            visit.session_id,
            sign,
            visit.start,
            visit.timestamp,
            visit.duration,
            visit.events,
            visit.pageviews,
            int(visit.is_bounce),
            visit.entry_page,
            visit.hostname,
            visit.exit_page,
            visit.exit_page_hostname,
        ]
    )
    return b'%b,%b,%b,1,"%b",0,0]' % (head[:-1], visit.props, visit.attributes[:-1], visit.day.encode())


def carried_rows(visit: Visit, day: str, at: int, kind: EventKind) -> tuple[bytes, ...]:
    """Return what `sessions` notes of an event on another day than its visit's first, `day` and `at` the event's.

    One row adds the event to its day; unless it is an engagement ping, which is no event in any count, another takes it
    away from the day of its visit, whose row counts all events of the visit.
    """
    moves = ((day, 1),) if kind.is_engagement else ((day, 1), (visit.day, -1))
    return tuple(_carried_row(visit, on, at, direction, kind) for on, direction in moves)


def _carried_row(visit: Visit, on: str, at: int, direction: int, kind: EventKind) -> bytes:
    head = orjson.dumps(
        [visit.site_id, on, visit.visitor_id, visit.session_id, WRITTEN, at, at, 0, 0, 0, 0, "", "", "", "", [], []]
    )
    tail = orjson.dumps([0, visit.day, direction * kind.is_pageview, direction * (not kind.is_engagement)])
    return b"%b,%b,%b" % (head[:-1], visit.attributes[:-1], tail[1:])

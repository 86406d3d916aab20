"""Rows of the event store as JSON text, columns in the order of `stats.store.schema`.

A row is encoded once, before it is spooled; the writer only joins lines. The visit's attributes are the tail of both
kinds of row, so they are encoded once per combination and shared.
"""

from functools import lru_cache

import orjson

from stats.ingest.sessions import Visit
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
    return b"%b,%b,%b" % (head[:-1], visit.props, visit.attributes)

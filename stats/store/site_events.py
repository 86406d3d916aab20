"""Events of one site as they are stored: the last one, and all of them in slices."""

from collections.abc import Iterator
from typing import Any

from stats.store.client import EventStore
from stats.store.schema import VISIT_ATTRIBUTE_COLUMNS

ROWS_A_SLICE = 20_000
_OF_SITE = "site_id = {site:UInt32} AND timestamp >= toDateTime({since:UInt32}, 'UTC')"
_COLUMNS = ", ".join(
    (
        "toUnixTimestamp(timestamp) AS at",
        "toString(visitor_id) AS visitor",
        "lower(hex(session_id)) AS session",
        "name",
        "hostname",
        "pathname",
        "prop_keys",
        "prop_values",
        "toString(revenue_source_amount) AS revenue_amount",
        "revenue_source_currency AS revenue_currency",
        "scroll_depth",
        "engagement_time",
        *VISIT_ATTRIBUTE_COLUMNS,
    )
)


def last_event_at(store: EventStore, site_id: int, since: int) -> int | None:
    """Return the time of a site's last event at or after `since`, both unix seconds; None without one.

    Raises: StoreUnavailable.
    """
    rows = store.read_rows(
        f"SELECT count() AS found, toUnixTimestamp(max(timestamp)) AS last FROM events WHERE {_OF_SITE}",
        {"site": site_id, "since": since},
        tag="last event",
    )
    return int(rows[0]["last"]) if rows[0]["found"] else None


def event_slices(store: EventStore, site_id: int, since: int) -> Iterator[list[dict[str, Any]]]:
    """Yield a site's events at or after `since` (unix seconds), about 20,000 at a time, days in order.

    Shape: `at` in unix seconds, `visitor` as decimal text, `session` as hex text, the other columns as they are stored.
    Within a day events are ordered by visitor and time within a slice only. Raises: StoreUnavailable.
    """
    days = store.read_rows(
        f"SELECT toString(day) AS day, count() AS found FROM events WHERE {_OF_SITE} GROUP BY day ORDER BY day",
        {"site": site_id, "since": since},
        tag="export: days",
    )
    for row in days:
        parts = -(-int(row["found"]) // ROWS_A_SLICE)
        for part in range(parts):
            yield store.read_rows(
                f"SELECT {_COLUMNS} FROM events WHERE {_OF_SITE} AND day = toDate({{on:String}}) "
                "AND sipHash64(visitor_id) % {parts:UInt32} = {part:UInt32} "
                "ORDER BY visitor_id, session_id, events.timestamp",
                {"site": site_id, "since": since, "on": row["day"], "parts": parts, "part": part},
                tag="export: slice",
            )

"""The visits that were active lately, as a restarted intake needs them."""

from collections.abc import Iterator
from typing import Any

from stats.store.client import EventStore
from stats.store.schema import SESSION_COLUMNS

_DATE_COLUMNS = {"start", "timestamp"}
_SELECTED = ", ".join(
    f"toUnixTimestamp({column}) AS {column}_at" if column in _DATE_COLUMNS else column for column in SESSION_COLUMNS
)
_RECENT = "day >= toDate(toDateTime({since:UInt32}, 'UTC')) - 1 AND timestamp >= toDateTime({since:UInt32}, 'UTC')"

VISITS_A_SLICE = 4_000

# One thread and small blocks, a slice of visits at a time: start-up must not cost more memory than serving does.
_FRUGAL = {"max_threads": 1, "max_block_size": 8192}


def open_visits(store: EventStore, since: int) -> Iterator[dict[str, Any]]:
    """Yield the final state of each visit with an event of any kind at or after `since` (unix seconds).

    Shape: the columns of `sessions`, with `start_at` and `timestamp_at` in unix seconds for the two times, and
    `last_event_at`, `last_pageview_at` (0 without a pageview since then) from the visit's events.
    """
    latest = store.read_rows(
        f"""
        SELECT session_id,
            toUnixTimestamp(max(timestamp)) AS last_event_at,
            toUnixTimestamp(maxIf(timestamp, name = 'pageview')) AS last_pageview_at
        FROM events WHERE {_RECENT} GROUP BY session_id
        """,
        {"since": since},
        tag="open visits: events",
        settings=_FRUGAL,
    )
    times = {row.pop("session_id"): row for row in latest}
    slices = len(times) // VISITS_A_SLICE + 1
    for number in range(slices if times else 0):
        for visit in _states(store, since, number, slices):
            if visit["session_id"] in times:
                yield {**visit, **times[visit["session_id"]]}


def _states(store: EventStore, since: int, number: int, slices: int) -> list[dict[str, Any]]:
    return store.read_rows(
        f"""
        SELECT {_SELECTED} FROM sessions
        WHERE day >= toDate(toDateTime({{since:UInt32}}, 'UTC')) - 8 AND sign = 1 AND is_visit
            AND session_id % {{slices:UInt32}} = {{number:UInt32}}
            AND session_id IN (SELECT session_id FROM events WHERE {_RECENT})
        ORDER BY session_id, events DESC LIMIT 1 BY session_id
        """,
        {"since": since, "number": number, "slices": slices},
        tag="open visits: states",
        settings=_FRUGAL,
    )

"""The visits that were active lately, as a restarted intake needs them."""

from typing import Any

from stats.store.client import EventStore
from stats.store.schema import SESSION_COLUMNS

_DATE_COLUMNS = {"start", "timestamp"}
_SELECTED = ", ".join(
    f"toUnixTimestamp(sessions.{column}) AS {column}_at"
    if column in _DATE_COLUMNS
    else f"sessions.{column} AS {column}"
    for column in SESSION_COLUMNS
)


def open_visits(store: EventStore, since: int) -> list[dict[str, Any]]:
    """Return the final state of each visit with an event of any kind at or after `since` (unix seconds).

    Shape: the columns of `sessions`, with `start_at` and `timestamp_at` in unix seconds for the two times, and
    `last_event_at`, `last_pageview_at` (0 without a pageview since then) from the visit's events.
    """
    return store.read_rows(
        f"""
        SELECT {_SELECTED}, active.last_event_at AS last_event_at, active.last_pageview_at AS last_pageview_at
        FROM sessions FINAL
        INNER JOIN
        (
            SELECT session_id,
                toUnixTimestamp(max(timestamp)) AS last_event_at,
                toUnixTimestamp(maxIf(timestamp, name = 'pageview')) AS last_pageview_at
            FROM events
            WHERE day >= toDate(toDateTime({{since:UInt32}}, 'UTC')) - 1
                AND timestamp >= toDateTime({{since:UInt32}}, 'UTC')
            GROUP BY session_id
        ) AS active ON sessions.session_id = active.session_id
        WHERE sessions.day >= toDate(toDateTime({{since:UInt32}}, 'UTC')) - 8
        """,
        {"since": since},
        tag="open visits",
    )

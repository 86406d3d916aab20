"""What became of the events that intake was sent, as the site's owner sees it (event contract 1.5)."""

from collections.abc import Collection, Iterable

import orjson

from stats.store.client import EventStore

COLUMNS = ("site_id", "minute", "outcome", "tracker_version", "events")


def add_intake_counts(store: EventStore, counts: Iterable[tuple[int, int, str, int, int]], *, token: str) -> None:
    """Add counts: (site, minute in unix seconds, outcome, tracker version, events), once per token."""
    body = b"\n".join(orjson.dumps(tuple(count)) for count in counts)
    if body:
        store.insert_lines("intake_counts", COLUMNS, body, token=token)


def intake_counts_since(store: EventStore, site_id: int, since: int) -> dict[str, int]:
    """Return events by outcome (`buffered`, `dropped_<reason>`) since a time in unix seconds, most frequent first."""
    rows = store.read_rows(
        """
        SELECT outcome, sum(events) AS total FROM intake_counts
        WHERE site_id = {site:UInt32} AND minute >= toDateTime({since:UInt32}, 'UTC')
        GROUP BY outcome ORDER BY total DESC, outcome
        """,
        {"site": site_id, "since": since},
        tag="intake counts",
    )
    return {row["outcome"]: row["total"] for row in rows}


def events_taken_since(store: EventStore, site_ids: Collection[int], since: int) -> dict[int, int]:
    """Return how many events were taken since a time in unix seconds, by site; a site without any is not in it."""
    rows = store.read_rows(
        """
        SELECT site_id, sum(events) AS total FROM intake_counts
        WHERE site_id IN {sites:Array(UInt32)} AND minute >= toDateTime({since:UInt32}, 'UTC') AND outcome = 'buffered'
        GROUP BY site_id
        """,
        {"sites": list(site_ids), "since": since},
        tag="intake counts",
    )
    return {row["site_id"]: row["total"] for row in rows}

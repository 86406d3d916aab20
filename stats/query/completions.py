"""`run_completions`: from a Query to the completions of its goal, each with the session it belongs to."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from stats.query.build import Query
from stats.query.compile_completions import SESSION_COLUMNS, compile_completions, compile_latest_sessions
from stats.store.client import EventStore


@dataclass(frozen=True, slots=True)
class CompletionSession:
    """What is known of the session a completion belongs to, as it is stored: empty texts and 0 where unknown."""

    referrer: str
    source: str
    utm_source: str
    country_code: str
    browser: str
    os: str
    device: str
    city_geoname_id: int


@dataclass(frozen=True, slots=True)
class CompletionRow:
    """One completion; `session` is None for one of a visitor who had none by then."""

    visitor_id: int
    completed_at: datetime
    session: CompletionSession | None


def run_completions(
    store: EventStore, query: Query, *, of_pages: bool, limit: int, offset: int, reset_at: int = 0
) -> tuple[CompletionRow, ...]:
    """Return a page of the events that a query about one goal selects, newest first (revenue contract, 1.9).

    `of_pages` for scroll goals, of which each page of a visit is one. `reset_at`: unix seconds before which no session
    counts. Raises: StoreUnavailable.
    """
    statement = compile_completions(query, of_pages=of_pages, limit=limit, offset=offset)
    found = store.read_rows(statement.sql, statement.params, tag="query")
    looked_up = _latest_sessions(store, query, reset_at, [row for row in found if not row["known"]])
    rest = iter(looked_up)
    return tuple(
        CompletionRow(
            visitor_id=row["visitor_id"],
            completed_at=datetime.fromtimestamp(row["at"], UTC),
            session=_session(row) if row["known"] else next(rest),
        )
        for row in found
    )


def _latest_sessions(
    store: EventStore, query: Query, reset_at: int, rows: list[dict[str, Any]]
) -> list[CompletionSession | None]:
    """Return a session or None for each row, in their order."""
    if not rows:
        return []
    statement = compile_latest_sessions(query.site_id, reset_at, [(row["visitor_id"], row["at"]) for row in rows])
    found = store.read_rows(statement.sql, statement.params, tag="query")
    by_number = {row["number"]: _session(row) for row in found}
    return [by_number.get(number) for number in range(len(rows))]


def _session(row: Mapping[str, Any]) -> CompletionSession:
    return CompletionSession(*(row[f"s_{name}"] for name in SESSION_COLUMNS))

"""`run_query`: the one way from a Query to numbers, whichever API or page asks."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from accounts.types import SiteRef
from stats.query.build import Query
from stats.query.compile import compile_first_event, compile_plan
from stats.query.plan import plan_query
from stats.query.types import Include, Row
from stats.store.client import EventStore


@dataclass(frozen=True, slots=True)
class QueryResult:
    """Rows in the query's order; exactly one without dimensions. `total_rows` only where the query asked for it."""

    query: Query
    rows: tuple[Row, ...]
    total_rows: int | None = None


def run_query(store: EventStore, query: Query) -> QueryResult:
    """Return the rows of a query, from one statement. Raises: StoreUnavailable; InvalidQuery for a bad expression."""
    statement = compile_plan(plan_query(query))
    found = store.read_rows(statement.sql, statement.params, tag="query")
    rows = tuple(_row(values, len(query.dimensions), len(query.metrics)) for values in found)
    if Include.TOTAL_ROWS not in query.include:
        return QueryResult(query, rows)
    return QueryResult(query, rows, total_rows=int(found[0]["total_rows"]) if found else 0)


def first_event_on(store: EventStore, site: SiteRef) -> date | None:
    """Return the site-local date of the site's first event, from its statistics reset on; None without events.

    Of a consolidated view, the earliest of its sites', in the view's zone; one statement for each.
    """
    statements = [compile_first_event(part.id, part.stats_reset_at or 0) for part in site.sites]
    rows = [store.read_rows(one.sql, one.params, tag="first event")[0] for one in statements]
    first = min((row["first"] for row in rows if row["events"]), default=None)
    return None if first is None else datetime.fromtimestamp(first, UTC).astimezone(ZoneInfo(site.timezone)).date()


def stats_start_on(store: EventStore, site: SiteRef) -> date | None:
    """Return the site-local date of the site's first event or of its first imported day; None without either."""
    known = [one.first_on for one in site.imports]
    first_event = first_event_on(store, site)
    return min([*known, first_event] if first_event else known, default=None)


def _row(values: Mapping[str, Any], dimensions: int, metrics: int) -> Row:
    return Row(
        tuple(values[f"d{number}"] for number in range(dimensions)),
        tuple(values[f"m{number}"] for number in range(metrics)),
    )

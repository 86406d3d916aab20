"""QueryResult → the wire shape of `POST /api/v2/query` (stats contract 1.9)."""

from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from stats.query.build import Query
from stats.query.dates import time_labels
from stats.query.dimensions import is_time
from stats.query.run import QueryResult
from stats.query.types import AllOf, AnyOf, Filter, HasDone, Include, Leaf, Not

_NO_IMPORTS: Final = {"imports_included": False, "imports_skip_reason": "no_imported_data"}


def present_v2(result: QueryResult, site_id_text: str) -> dict[str, object]:
    """Return results, meta and the echo of the executed query, which can be posted back as it is."""
    rows = [{"dimensions": list(row.dimensions), "metrics": list(row.metrics)} for row in result.rows]
    return {"results": rows, "meta": _meta(result), "query": _echo(result.query, site_id_text)}


def _meta(result: QueryResult) -> dict[str, object]:
    """Return what applies, keys sorted. No site has imported aggregates, so asking for them finds none (5.2)."""
    query = result.query
    meta: dict[str, object] = dict(_NO_IMPORTS) if Include.IMPORTS in query.include else {}
    if Include.TIME_LABELS in query.include:
        bucket = next(filter(is_time, query.dimensions))
        meta["time_labels"] = time_labels(query.dates, ZoneInfo(query.timezone), bucket)
    if result.total_rows is not None:
        meta["total_rows"] = result.total_rows
    return meta


def _echo(query: Query, site_id_text: str) -> dict[str, object]:
    return {
        "site_id": site_id_text,
        "metrics": list(query.metrics),
        "date_range": [_instant(at, query.timezone) for at in (query.dates.start_at, query.dates.last_at)],
        "filters": [_filter(node) for node in query.filters],
        "dimensions": list(query.dimensions),
        "order_by": [[item.field, "desc" if item.descending else "asc"] for item in query.order_by],
        "include": {str(name): True for name in sorted(query.include)},
        "pagination": {"offset": query.offset, "limit": query.limit},
    }


def _instant(at: datetime, timezone: str) -> str:
    """Return an instant with the site's offset at that instant; `Z` for the zone `Etc/UTC` only."""
    text = at.astimezone(ZoneInfo(timezone)).isoformat()
    return text.removesuffix("+00:00") + "Z" if timezone == "Etc/UTC" else text


def _filter(node: Filter) -> list[Any]:
    match node:
        case Leaf(operator, dimension, clauses, case_sensitive):
            modifier = [] if case_sensitive is None else [{"case_sensitive": case_sensitive}]
            return [operator.value, dimension, list(clauses), *modifier]
        case Not(child):
            return ["not", _filter(child)]
        case AllOf(children):
            return ["and", [_filter(child) for child in children]]
        case AnyOf(children):
            return ["or", [_filter(child) for child in children]]
        case HasDone(child, negated):
            return ["has_not_done" if negated else "has_done", _filter(child)]

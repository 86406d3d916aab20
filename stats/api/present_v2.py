"""QueryResult → the wire shape of `POST /api/v2/query` (stats contract 1.9)."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from stats.api.money import present_amount
from stats.query.build import Query
from stats.query.dates import time_labels
from stats.query.dimensions import GOAL, is_time
from stats.query.goals import revenue_currencies
from stats.query.imports import IMPORTS_WARNINGS
from stats.query.metrics import REVENUE_METRICS
from stats.query.run import QueryResult
from stats.query.types import AllOf, AnyOf, Filter, HasDone, Include, Leaf, Not, Row, Value

_WARNINGS: Final = {
    "no_single_revenue_currency": "The goals of this query count revenue in several currencies; group by event:goal.",
    "no_revenue_goals_matching": "No goal of this query counts revenue.",
    "no_imported_scroll_depth": "The imported statistics do not tell how far people scrolled.",
}


def present_v2(result: QueryResult, site_id_text: str) -> dict[str, object]:
    """Return results, meta and the echo of the executed query, which can be posted back as it is."""
    currencies = _currencies(result.query)
    rows = [
        {"dimensions": list(row.dimensions), "metrics": _cells(row, result.query, currencies)} for row in result.rows
    ]
    return {"results": rows, "meta": _meta(result), "query": _echo(result.query, site_id_text)}


def _currencies(query: Query) -> dict[Value, str]:
    """Return the currency of each goal's rows, or of all rows under None where goals are no dimension (2.6)."""
    if GOAL in query.dimensions:
        return {goal.display_name: goal.currency for goal in query.goals}
    return dict.fromkeys([None], next(iter(revenue_currencies(query.filters, query.goals)), ""))


def _cells(row: Row, query: Query, currencies: Mapping[Value, str]) -> list[object]:
    """Return a row's metrics, amounts of money as objects."""
    goal = row.dimensions[query.dimensions.index(GOAL)] if GOAL in query.dimensions else None
    return [
        present_amount(float(value), currencies[goal]) if name in REVENUE_METRICS and value is not None else value
        for name, value in zip(query.metrics, row.metrics, strict=True)
    ]


def _warnings(query: Query) -> dict[str, object]:
    """Return by metric why revenue is null in every row, and that scroll depth is not that of imports (1.9)."""
    codes: dict[str, str] = {}
    currencies = revenue_currencies(query.filters, query.goals)
    if len(currencies) != 1 and not (currencies and GOAL in query.dimensions):
        code = "no_single_revenue_currency" if currencies else "no_revenue_goals_matching"
        codes = {name: code for name in query.metrics if name in REVENUE_METRICS}
    if "scroll_depth" in query.metrics and query.imports is not None and not query.imports.has_scroll_depth:
        codes["scroll_depth"] = "no_imported_scroll_depth"
    return {name: {"code": code, "warning": _WARNINGS[code]} for name, code in codes.items()}


def _imports(query: Query) -> dict[str, object]:
    """Return whether imported totals are part of the answer, where that was asked for, and why they are not (5.2)."""
    if Include.IMPORTS not in query.include:
        return {}
    reason = query.imports_skipped
    if reason is None:
        return {"imports_included": True}
    warning = {"imports_warning": IMPORTS_WARNINGS[reason]} if reason in IMPORTS_WARNINGS else {}
    return {"imports_included": False, "imports_skip_reason": reason.value, **warning}


def _meta(result: QueryResult) -> dict[str, object]:
    """Return what applies, keys sorted."""
    query = result.query
    meta = _imports(query)
    if warnings := _warnings(query):
        meta["metric_warnings"] = warnings
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
        "date_range": [shown_instant(at, query.timezone) for at in (query.dates.start_at, query.dates.last_at)],
        "filters": [shown_filter(node) for node in query.filters],
        "dimensions": list(query.dimensions),
        "order_by": [[item.field, "desc" if item.descending else "asc"] for item in query.order_by],
        "include": {str(name): True for name in sorted(query.include)},
        "pagination": {"offset": query.offset, "limit": query.limit},
    }


def shown_instant(at: datetime, timezone: str) -> str:
    """Return an instant with the site's offset at that instant; `Z` for the zone `Etc/UTC` only."""
    text = at.astimezone(ZoneInfo(timezone)).isoformat()
    return text.removesuffix("+00:00") + "Z" if timezone == "Etc/UTC" else text


def shown_filter(node: Filter) -> list[Any]:
    """Return a filter as a request writes it."""
    match node:
        case Leaf(operator, dimension, clauses, case_sensitive):
            modifier = [] if case_sensitive is None else [{"case_sensitive": case_sensitive}]
            return [operator.value, dimension, list(clauses), *modifier]
        case Not(child):
            return ["not", shown_filter(child)]
        case AllOf(children):
            return ["and", [shown_filter(child) for child in children]]
        case AnyOf(children):
            return ["or", [shown_filter(child) for child in children]]
        case HasDone(child, negated):
            return ["has_not_done" if negated else "has_done", shown_filter(child)]

"""QueryResult → the wire shapes of v1 (stats contract 3.2 to 3.4), and the change between two periods (5.1)."""

from collections.abc import Mapping
from decimal import ROUND_HALF_UP, Decimal
from zoneinfo import ZoneInfo

from stats.query.build import Query
from stats.query.dates import time_labels
from stats.query.dimensions import PROPERTY_PREFIX
from stats.query.imports import IMPORTS_WARNINGS
from stats.query.metrics import METRICS
from stats.query.run import QueryResult
from stats.query.types import Row, SkipReason, Value


def _warned(answer: dict[str, object], query: Query, *reasons: SkipReason) -> dict[str, object]:
    """Return an answer with the warning that its numbers lack the imports asked for, for one of these reasons (3.6)."""
    if query.imports_skipped not in reasons:
        return answer
    return {**answer, "warning": IMPORTS_WARNINGS[query.imports_skipped]}


def present_aggregate(result: QueryResult, comparison: QueryResult | None) -> dict[str, object]:
    """Return each metric's value, with the other period's value and the change where there is one."""
    cells: dict[str, dict[str, Value]] = {}
    for number, name in enumerate(result.query.metrics):
        value = result.rows[0].metrics[number]
        cells[name] = {"value": value}
        if comparison is not None:
            old = comparison.rows[0].metrics[number]
            cells[name] |= {"comparison_value": old, "change": change(name, value, old)}
    return _warned({"results": cells}, result.query, SkipReason.UNSUPPORTED_QUERY)


def present_timeseries(result: QueryResult) -> dict[str, object]:
    """Return one object per time label, missing ones filled, rows outside the labels dropped."""
    query = result.query
    names = _names(query)
    found = {row.dimensions[0]: row.metrics for row in result.rows}
    empty = tuple(METRICS[name].empty for name in query.metrics)
    labels = time_labels(query.dates, ZoneInfo(query.timezone), query.dimensions[0])
    rows = [{"date": label, **dict(zip(names, found.get(label, empty), strict=True))} for label in labels]
    return _warned({"results": rows}, query, SkipReason.UNSUPPORTED_QUERY, SkipReason.UNSUPPORTED_INTERVAL)


def present_breakdown(result: QueryResult, comparison: QueryResult | None, *, shown: int) -> dict[str, object]:
    """Return one object per row with the first `shown` metrics; keys of dimensions are their names without prefix."""
    metrics = _names(result.query)[:shown]
    keys = tuple(map(_key, result.query.dimensions))
    old = {} if comparison is None else {row.dimensions: row for row in comparison.rows}
    rows = []
    for row in result.rows:
        cells: dict[str, object] = {
            **dict(zip(keys, row.dimensions, strict=True)),
            **dict(zip(metrics, row.metrics[:shown], strict=True)),
        }
        if comparison is not None:
            cells["comparison"] = _comparison(metrics, row, old)
        rows.append(cells)
    return _warned({"results": rows}, result.query, SkipReason.UNSUPPORTED_QUERY)


def _names(query: Query) -> tuple[str, ...]:
    """Return the metrics by the names of v1, which knows one conversion rate."""
    return tuple("conversion_rate" if name == "group_conversion_rate" else name for name in query.metrics)


def _key(dimension: str) -> str:
    if dimension.startswith(PROPERTY_PREFIX):
        return dimension.removeprefix(PROPERTY_PREFIX)
    return dimension.partition(":")[2]


def _comparison(metrics: tuple[str, ...], row: Row, old: Mapping[tuple[Value, ...], Row]) -> dict[str, object]:
    before = old[row.dimensions].metrics if row.dimensions in old else tuple(METRICS[name].empty for name in metrics)
    cells = tuple(zip(metrics, row.metrics, before, strict=False))  # what only orders stands behind them
    changes = {name: change(name, new, past) for name, new, past in cells}
    return {**{name: past for name, _, past in cells}, "change": changes}


def change(metric: str, new: Value, old: Value) -> int | float | None:
    """Return the change from `old` to `new`: points for bounce and conversion rate, percent of the old value else.

    Points of the conversion rate have one digit. Percent is whole, and 100 from 0, or 0 if nothing came. Both are
    rounded half away from zero. None where a value is missing, and for a bounce rate that was 0. Source: stats
    contract 5.1.
    """
    if not isinstance(new, int | float) or not isinstance(old, int | float):
        return None
    if metric == "bounce_rate":
        return new - old if old else None
    if metric == "conversion_rate":
        points = Decimal(str(new)) - Decimal(str(old))
        return float(points.quantize(Decimal("0.1"), ROUND_HALF_UP))
    if not old:
        return 100 if new > 0 else 0
    percent = (Decimal(str(new)) - Decimal(str(old))) * 100 / Decimal(str(old))
    return int(percent.quantize(Decimal(1), ROUND_HALF_UP))

"""Stats API v1: query-string parameters → QueryParams (stats contract, part 3). Errors name the parameter."""

import re
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, Final, NoReturn

import orjson

from analytics_project.errors import InvalidQuery
from stats.query.dimensions import GOAL, HOSTNAME, PAGE, PROPERTY_PREFIX
from stats.query.filters import leaves
from stats.query.parse_filters import MAX_CLAUSES, parse_filters
from stats.query.types import (
    Clause,
    DatePair,
    Filter,
    Include,
    Leaf,
    Operator,
    OrderBy,
    Period,
    PeriodUnit,
    QueryParams,
    RangeSpec,
)

DEFAULT_LIMIT: Final = 100
MAX_LIMIT: Final = 1000

V1_METRICS: Final = (
    "visitors",
    "visits",
    "pageviews",
    "events",
    "bounce_rate",
    "visit_duration",
    "views_per_visit",
    "conversion_rate",
    "time_on_page",
)
V1_PROPERTIES: Final = frozenset(
    {"event:page", "event:name", "event:goal"}
    | {
        f"visit:{name}"
        for name in (
            *("source", "channel", "referrer", "utm_medium", "utm_source", "utm_campaign", "utm_content", "utm_term"),
            *("device", "os", "os_version", "browser", "browser_version", "country", "region", "city"),
            *("entry_page", "exit_page"),
        )
    }
)
_HIDDEN: Final[Mapping[str, tuple[Clause, ...]]] = {
    **dict.fromkeys(
        (f"visit:utm_{name}" for name in ("medium", "source", "campaign", "content", "term")), ("(not set)",)
    ),
    "visit:entry_page": ("",),
    "visit:exit_page": ("",),
    "visit:country": ("", "ZZ"),
    "visit:region": ("",),
    "visit:city": (0,),
}
_COMPANIONS: Final[Mapping[str, str]] = {"visit:browser_version": "visit:browser", "visit:os_version": "visit:os"}
PERIODS: Final[Mapping[str, Period]] = {
    "day": Period(PeriodUnit.DAY),
    "7d": Period(PeriodUnit.DAYS, 7),
    "30d": Period(PeriodUnit.DAYS, 30),
    "month": Period(PeriodUnit.MONTH),
    "6mo": Period(PeriodUnit.MONTHS, 6),
    "12mo": Period(PeriodUnit.MONTHS, 12),
}
INTERVALS: Final[Mapping[str, str]] = {"day": "time:day", "date": "time:day", "month": "time:month"}
_DEFAULT_INTERVALS: Final[Mapping[str, str]] = {"day": "time:hour", "6mo": "time:month", "12mo": "time:month"}
_OF_WHOLE_VISITS: Final = ("visits", "bounce_rate", "visit_duration", "views_per_visit")
_DATE: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_PAGE: Final = re.compile(r"[0-9]{1,12}")


def parse_aggregate(raw: Mapping[str, str]) -> QueryParams:
    """Return the query of `/aggregate`. Raises: InvalidQuery naming the parameter."""
    date_range = _date_range(raw)
    filters = _filters(raw)
    metrics = _metrics(raw, filters, None)
    return QueryParams(metrics=metrics, date_range=date_range, filters=filters, include=_include(raw))


def parse_timeseries(raw: Mapping[str, str]) -> QueryParams:
    """Return the query of `/timeseries`, its one dimension the bucket. Raises: InvalidQuery naming the parameter."""
    date_range = _date_range(raw)
    interval = raw.get("interval")
    if interval is not None and interval not in INTERVALS:
        _refuse("interval", f"{interval!r} is not an interval; use day or month")
    bucket = INTERVALS.get(interval or "") or _DEFAULT_INTERVALS.get(raw.get("period", "30d"), "time:day")
    filters = _filters(raw)
    return QueryParams(
        metrics=_of_groups(_metrics(raw, filters, None)),
        date_range=date_range,
        dimensions=(bucket,),
        filters=filters,
        order_by=(OrderBy(bucket, descending=False),),
        include=_include(raw),
        fills_buckets=True,
    )


def parse_breakdown(raw: Mapping[str, str]) -> QueryParams:
    """Return the query of `/breakdown`; its first dimension is the property. Raises: InvalidQuery.

    Time on page alone is ordered by visitors, which then stand behind it and are not to be shown: see `asked_metrics`.
    """
    date_range = _date_range(raw)
    name = _property(raw.get("property"))
    filters = _filters(raw)
    metrics = _metrics(raw, filters, name)
    if name != GOAL and not name.startswith(PROPERTY_PREFIX):
        metrics = _of_groups(metrics)
    limit = _whole_number(raw, "limit", DEFAULT_LIMIT, MAX_LIMIT)
    page = _whole_number(raw, "page", 1, 10**12)
    ordering = next((metric for metric in metrics if metric != "time_on_page"), "visitors")
    return QueryParams(
        metrics=metrics if ordering in metrics else (*metrics, ordering),
        date_range=date_range,
        dimensions=(name, _COMPANIONS[name]) if name in _COMPANIONS else (name,),
        filters=filters,
        order_by=(OrderBy(ordering, descending=True), *([] if name == GOAL else [OrderBy(name, descending=False)])),
        include=_include(raw),
        limit=limit,
        offset=(page - 1) * limit,
        session_counters=True,
        hidden=((name, _HIDDEN[name]),) if name in _HIDDEN else (),
    )


def _of_groups(metrics: tuple[str, ...]) -> tuple[str, ...]:
    """Return the metrics with the conversion rate made one of each group's own visitors (3.3, 3.4)."""
    return tuple("group_conversion_rate" if name == "conversion_rate" else name for name in metrics)


def asked_metrics(raw: Mapping[str, str]) -> int:
    """Return how many metrics a request names."""
    return raw.get("metrics", "visitors").count(",") + 1


def compares_previous_period(raw: Mapping[str, str]) -> bool:
    """Tell whether the request wants the period before beside its own; other values of `compare` are ignored."""
    return raw.get("compare") == "previous_period"


def _include(raw: Mapping[str, str]) -> frozenset[Include]:
    """Return that imported totals are wanted, which `with_imported` says by `true` and nothing else."""
    return frozenset({Include.IMPORTS}) if raw.get("with_imported") == "true" else frozenset()


def _date_range(raw: Mapping[str, str]) -> RangeSpec:
    period, day = raw.get("period", "30d"), raw.get("date")
    if period == "custom":
        ends = (day or "").split(",")
        if len(ends) != 2:
            _refuse("date", "a custom period needs date=YYYY-MM-DD,YYYY-MM-DD")
        return DatePair(_date(ends[0].strip()), _date(ends[1].strip()))
    if period not in PERIODS:
        _refuse("period", f"{period!r} is not a period; use {', '.join(PERIODS)} or custom")
    known = PERIODS[period]
    return Period(known.unit, known.count, anchor=None if day is None else _date(day.strip()))


def _date(text: str) -> date:
    try:
        if _DATE.fullmatch(text):
            return date.fromisoformat(text)
    except ValueError:
        pass  # digits in the right places that are no day of the calendar
    _refuse("date", f"{text!r} is not a date like 2025-12-31")


def _property(name: str | None) -> str:
    if name is None:
        _refuse("property", "is required")
    if name == HOSTNAME or not _is_property(name):
        _refuse("property", f"{name!r} cannot be broken down by")
    return name


def _is_property(name: str) -> bool:
    return name in V1_PROPERTIES or name == HOSTNAME or (name.startswith(PROPERTY_PREFIX) and name != PROPERTY_PREFIX)


def _metrics(raw: Mapping[str, str], filters: tuple[Filter, ...], name: str | None) -> tuple[str, ...]:
    metrics = tuple(metric.strip() for metric in raw.get("metrics", "visitors").split(","))
    for metric in metrics:
        if metric not in V1_METRICS:
            _refuse("metrics", f"{metric!r} is not a metric; use {', '.join(V1_METRICS)}")
    if len(set(metrics)) < len(metrics):
        _refuse("metrics", "a metric is repeated")
    filtered = [leaf.dimension for node in filters for leaf in leaves(node)]
    touched = [*filtered, *([name] if name else [])]
    of_events = [one for one in touched if one in {"event:name", GOAL} or one.startswith(PROPERTY_PREFIX)]
    for metric in metrics:
        if metric in _OF_WHOLE_VISITS and of_events:
            _refuse("metrics", f"{metric!r} cannot be combined with {of_events[0]!r}")
    if "conversion_rate" in metrics and name != GOAL and GOAL not in filtered:
        _refuse("metrics", f"'conversion_rate' needs a filter of {GOAL!r} or property={GOAL}")
    if "time_on_page" in metrics:
        _check_time_on_page(filtered, name)
    if "views_per_visit" in metrics and (name or PAGE in filtered):
        _refuse("metrics", f"'views_per_visit' cannot be combined with {name or PAGE!r}")
    return metrics


def _check_time_on_page(filtered: Sequence[str], name: str | None) -> None:
    for dimension in ("event:name", GOAL):
        if dimension in filtered:
            _refuse("metrics", f"'time_on_page' cannot be combined with {dimension!r}")
    if name not in {None, PAGE}:
        _refuse("metrics", f"'time_on_page' cannot be broken down by {name!r}")
    if name is None and PAGE not in filtered:
        _refuse("metrics", f"'time_on_page' needs a filter of {PAGE!r}")


def _whole_number(raw: Mapping[str, str], name: str, default: int, most: int) -> int:
    text = raw.get(name)
    if text is None:
        return default
    if not _PAGE.fullmatch(text) or not 1 <= int(text) <= most:
        _refuse(name, f"{text!r} must be a whole number from 1 to {most}")
    return int(text)


def _filters(raw: Mapping[str, str]) -> tuple[Filter, ...]:
    """Return the filters of v1's `prop==value;prop!=value`, or of a JSON list of triples (3.5)."""
    text = raw.get("filters", "").strip()
    if not text.startswith("["):
        found = tuple(leaf for part in text.split(";") if (leaf := _filter(part.strip())) is not None)
    else:
        found = _json_filters(text)
    for leaf in found:
        if not _is_property(leaf.dimension):
            _refuse("filters", f"{leaf.dimension!r} cannot be filtered by")
    if sum(len(leaf.clauses) for leaf in found) > MAX_CLAUSES:
        _refuse("filters", f"more than {MAX_CLAUSES} values")
    return found


def _json_filters(text: str) -> tuple[Leaf, ...]:
    try:
        raw: Any = orjson.loads(text)
    except orjson.JSONDecodeError:
        _refuse("filters", "is neither prop==value nor a JSON list")
    found = parse_filters(raw, allow_wildcards=True)
    simple = tuple(node for node in found if isinstance(node, Leaf))
    if len(simple) < len(found):
        _refuse("filters", "only [operator, property, values] is allowed here")
    return simple


def _filter(part: str) -> Leaf | None:
    """Return one comparison; None for a part that the contract says is dropped without a word."""
    pieces = re.split(r"(==|!=)", part)
    if len(pieces) != 3:
        return None
    name, sign, text = pieces[0].strip(), pieces[1], pieces[2].strip()
    negated = sign == "!=" and name != GOAL
    if "*" in text and name != GOAL:
        operator = Operator.MATCHES_WILDCARD_NOT if negated else Operator.MATCHES_WILDCARD
        return Leaf(operator, name, (text,))
    values = tuple(value.strip().replace(r"\|", "|") for value in re.split(r"(?<!\\)\|", text))
    if name == "visit:country" and any(len(value.encode()) != 2 for value in values):
        return None
    return Leaf(Operator.IS_NOT if negated else Operator.IS, name, values)


def _refuse(name: str, problem: str) -> NoReturn:
    raise InvalidQuery(f"{name}: {problem}", code=f"invalid_{name}")

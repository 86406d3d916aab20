"""The registry of metrics: which table answers, from which aggregates, by which formula (stats contract, 2.4).

An aggregate is one column of a branch of the statement: `e_…` over events, `s_…` over session rows, `h_…` over
session rows spread over the quarter hours they span, `t_…` over the rows of a rate's denominator. Session sums weigh by
`sign`, so a state that was replaced and the row that cancels it add up to nothing, merged or not. `{came_over}` tells
entries for events of visits that are in no other way part of a group. Three conditions are often none, and a condition
costs a small site's report up to half a millisecond, so they come as `sum{if_entered}(…{entered})`: `entered`, the
landing-page condition of the bounce rate; `enters_hour`, the first row that a visit has in an hour; `inside`, rows of
the days asked for.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Final

from stats.query.types import Kind


class Source(StrEnum):
    """Where a metric's rows come from within one statement; of two, the earlier one decides which groups there are."""

    EVENTS = "events"
    DAYS = "days"  # the events of whole days, as the visits that hold them tell
    SPREAD = "spread"
    SESSIONS = "sessions"
    IMPORTED = "imported"  # daily totals, beside any of the others


class Total(StrEnum):
    """The denominators of rates: the aggregate that counts them, over which rows (stats contract 2.4)."""

    SELECTED = "t_selected"  # visitors over events with the query's own filters
    UNCONVERTED = "t_unconverted"  # the same without top-level filters of goals and properties
    GROUP = "t_group"  # visitors of each group without those filters, from the table that knows them


@dataclass(frozen=True, slots=True)
class Formula:
    """A final expression, the aggregates it is made of, ours and imported, and the denominator it divides by."""

    expression: str
    aggregates: tuple[str, ...]
    total: Total | None = None
    imported: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Metric:
    """`empty` fills buckets without rows in v1 series (2.5); units are those of the contract's table."""

    name: str
    kind: Kind
    unit: str
    empty: int | float | None
    formulas: Mapping[Source, Formula] = field(default_factory=dict)
    counter: bool = False  # visits hold this count too, for all of their duration


AGGREGATES: Final[Mapping[str, str]] = {
    "e_visitors": "uniqExact(visitor_id)",
    "e_visits": "uniqExact(session_id)",
    "e_pageviews": "countIf(name = 'pageview')",
    "e_events": "countIf(name != 'engagement')",
    "e_completions": "countIf(name != 'engagement') + uniqExactIf((session_id, pathname), name = 'engagement')",
    "e_engaged_ms": "sum(engagement_time)",
    "e_engaged_visits": "uniqExactIf(session_id, name = 'engagement')",
    "e_revenue": "sum(revenue_reporting_amount)",
    "e_amounts": "count(revenue_reporting_amount)",
    "s_visitors": "uniqExact(visitor_id)",
    "s_visits": "sum({weight})",
    "s_pageviews": "sum(sign * pageviews)",
    "s_events": "sum(sign * events)",
    "s_seconds": "sum(sign * duration)",
    "s_bounces": "sum{if_entered}(sign * is_bounce{entered})",
    "s_entries": "sum{if_entered}({weight}{entered})",
    "h_visitors": "uniqExact(visitor_id)",
    "h_visits": "sum{if_enters_hour}(sign{enters_hour})",
    **dict.fromkeys(Total, "uniqExact(visitor_id)"),
}

_VISITORS_INSIDE: Final = "uniqExact{if_inside}(visitor_id{inside})"

# The same aggregates from rows of `sessions`: visits by the day they began, put right by the entries for single events.
FROM_VISITS: Final[Mapping[str, str]] = {
    "e_visitors": _VISITORS_INSIDE,
    "e_visits": "greatest(sum{if_inside}({weight}{inside}) + uniqExactIf(session_id, {came_over}), 0)",
    "e_pageviews": "greatest(sum{if_inside}(sign * pageviews + carried_pageviews{inside}), 0)",
    "e_events": "greatest(sum{if_inside}(sign * events + carried_events{inside}), 0)",
    Total.SELECTED: _VISITORS_INSIDE,
    Total.UNCONVERTED: _VISITORS_INSIDE,
}

# The one aggregate of a pass of its own, over engagement that tells a depth: first by visit, then over visits.
DEPTH: Final = "e_depth"
DEEPEST_OF_VISIT: Final = "max(scroll_depth)"
MEAN_OF_DEEPEST: Final = "avgOrNull(deepest)"
SUM_OF_DEEPEST: Final = "sum(deepest)"
TELLS_DEPTH: Final = "name = 'engagement' AND scroll_depth <= 100"

NARROWED_TO_LANDINGS: Final = frozenset(name for name, sql in AGGREGATES.items() if "{entered}" in sql)
DISTINCT_OVER_SESSIONS: Final = frozenset({"s_visitors", "h_visitors"})


_VISITORS: Final[Mapping[Source, str]] = {
    Source.EVENTS: "e_visitors",
    Source.SPREAD: "h_visitors",
    Source.SESSIONS: "s_visitors",
}


# Decimals with three places as whole numbers, so that divisions cut and never round.
_THOUSANDTHS: Final = "toInt128(coalesce(e_revenue, 0) * 1000)"
REVENUE_METRICS: Final = frozenset({"total_revenue", "average_revenue"})


def _counted(events: str, sessions: str, spread: str = "") -> dict[Source, Formula]:
    """Return a count of rows; sums by sign may fall below 0 where a state is replaced while they are read."""
    formulas = {
        Source.EVENTS: Formula(events, (events,)),
        Source.SESSIONS: Formula(f"greatest({sessions}, 0)", (sessions,)),
    }
    if spread:
        formulas[Source.SPREAD] = Formula(f"greatest({spread}, 0)", (spread,))
    return formulas


def _share(total: Total, nobody: str) -> dict[Source, Formula]:
    """Return visitors as percent of a denominator; `nobody` is the answer where that is 0."""
    return {
        source: Formula(f"if({total} > 0, round(100 * {visitors} / {total}, 2), {nobody})", (visitors,), total)
        for source, visitors in _VISITORS.items()
    }


def completions() -> Formula:
    """Return the count of completions of goals: events, and pages of visits that were read down to a depth."""
    return Formula("greatest(e_completions, 0)", ("e_completions",))


def without_scroll_goals(formula: Formula) -> Formula:
    """Return a count that is null in the rows of scroll goals, which nothing is counted of (1.6)."""
    return replace(formula, expression=f"if(has({{scroll_goals}}, {{goal}}), NULL, {formula.expression})")


def of_revenue_goals(formula: Formula) -> Formula:
    """Return an amount that is null in the rows of goals without a currency (2.6)."""
    return replace(formula, expression=f"if(has({{revenue_goals}}, {{goal}}), {formula.expression}, NULL)")


def never_known(formula: Formula) -> Formula:
    """Return a count or an amount that is null in every row."""
    return replace(formula, expression="CAST(NULL, 'Nullable(UInt64)')")


def always_zero(formula: Formula) -> Formula:
    """Return a rate that has no denominator in any group."""
    return replace(formula, expression="toFloat64(0)", total=None)


METRICS: Final[Mapping[str, Metric]] = {
    metric.name: metric
    for metric in (
        Metric(
            "visitors",
            Kind.EITHER,
            "visitors",
            0,
            {source: Formula(visitors, (visitors,)) for source, visitors in _VISITORS.items()},
        ),
        Metric("visits", Kind.EITHER, "visits", 0, _counted("e_visits", "s_visits", "h_visits")),
        Metric("percentage", Kind.EITHER, "percent", 0.0, _share(Total.SELECTED, "NULL")),
        Metric("conversion_rate", Kind.EITHER, "percent", 0.0, _share(Total.UNCONVERTED, "0")),
        Metric("group_conversion_rate", Kind.EITHER, "percent", 0.0, _share(Total.GROUP, "0")),
        Metric("pageviews", Kind.EVENT, "pageviews", 0, _counted("e_pageviews", "s_pageviews"), counter=True),
        Metric("events", Kind.EVENT, "events", 0, _counted("e_events", "s_events"), counter=True),
        Metric(
            "time_on_page",
            Kind.EVENT,
            "seconds",
            None,
            {
                Source.EVENTS: Formula(
                    "if(e_engaged_visits > 0, toInt64(round(e_engaged_ms / 1000 / e_engaged_visits)), NULL)",
                    ("e_engaged_ms", "e_engaged_visits"),
                )
            },
        ),
        Metric(
            "scroll_depth",
            Kind.EVENT,
            "percent",
            None,
            {Source.EVENTS: Formula("toInt64(round(e_depth))", (DEPTH,))},
        ),
        Metric(
            "total_revenue",
            Kind.EVENT,
            "currency",
            0.0,
            {Source.EVENTS: Formula(f"{_THOUSANDTHS} / 1000", ("e_revenue",))},
        ),
        Metric(
            "average_revenue",
            Kind.EVENT,
            "currency",
            0.0,
            {
                Source.EVENTS: Formula(
                    f"intDiv({_THOUSANDTHS}, greatest(e_amounts, 1)) / 1000", ("e_revenue", "e_amounts")
                )
            },
        ),
        Metric(
            "bounce_rate",
            Kind.SESSION,
            "percent",
            0.0,
            {
                Source.SESSIONS: Formula(
                    "if(s_entries > 0, toInt64(round(100 * s_bounces / s_entries)), 0)", ("s_bounces", "s_entries")
                )
            },
        ),
        Metric(
            "visit_duration",
            Kind.SESSION,
            "seconds",
            None,
            {
                Source.SESSIONS: Formula(
                    "if(s_visits > 0, toInt64(round(s_seconds / s_visits)), 0)", ("s_seconds", "s_visits")
                )
            },
        ),
        Metric(
            "views_per_visit",
            Kind.SESSION,
            "pageviews",
            0.0,
            {
                Source.SESSIONS: Formula(
                    "if(s_visits > 0, round(s_pageviews / s_visits, 2), 0)", ("s_pageviews", "s_visits")
                )
            },
        ),
    )
}

"""Queries of every sort, made from the registries: metrics by dimensions, dimensions by operators, trees, periods."""

from collections.abc import Iterator
from datetime import UTC, date, datetime
from itertools import combinations, cycle
from typing import Final

from stats.query.dimensions import DIMENSIONS, GOAL
from stats.query.metrics import METRICS
from stats.query.types import (
    AllOf,
    AnyOf,
    DatePair,
    Filter,
    HasDone,
    Include,
    InstantPair,
    Leaf,
    Not,
    Operator,
    Period,
    PeriodUnit,
    QueryParams,
    RangeSpec,
)
from tests.stats.query.recorded import DAY

PROPERTY: Final = "event:props:plan"
ON_THE_DAY: Final = DatePair(date.fromisoformat(DAY), date.fromisoformat(DAY))
METRIC_SETS: Final = (
    ("visitors", "visits"),
    ("visitors", "pageviews", "events", "total_revenue"),
    ("bounce_rate", "visit_duration", "visitors"),
    ("visitors", "pageviews", "bounce_rate", "percentage"),
    ("percentage", "conversion_rate", "group_conversion_rate", "events", "average_revenue"),
)
_SIGNUP: Final = Leaf(Operator.IS, GOAL, ("Signup",))
_PRICING: Final = Leaf(Operator.IS, "event:page", ("/pricing",))
_LANDED: Final = Leaf(Operator.IS_NOT, "visit:entry_page", ("/blog/a",))
_CHROME: Final = Leaf(Operator.CONTAINS, "visit:browser", ("chrome",), case_sensitive=False)
_PRO: Final = Leaf(Operator.IS_NOT, PROPERTY, ("free",))
_HOST: Final = Leaf(Operator.CONTAINS, "event:hostname", ("shop",))
TREES: Final[tuple[tuple[Filter, ...], ...]] = (
    (_PRICING, _LANDED),
    (AnyOf((_PRICING, _LANDED)),),
    (Not(AllOf((_PRICING, _LANDED, _CHROME))),),
    (AnyOf((_PRO, Not(_CHROME))), _HOST),
    (HasDone(_SIGNUP),),
    (HasDone(AnyOf((_PRICING, Not(_PRO))), negated=True), _LANDED),
    (AnyOf((HasDone(_PRICING), Not(HasDone(_PRO, negated=True)), _LANDED)),),
    (_SIGNUP, _PRO, _PRICING),
    (_SIGNUP, Leaf(Operator.CONTAINS, GOAL, ("s",)), HasDone(_SIGNUP, negated=True)),
)
_SHAPES: Final = (
    "event:page",
    "event:name",
    GOAL,
    PROPERTY,
    "visit:source",
    "visit:exit_page",
    "time:hour",
    "time:day",
)


def every_query() -> Iterator[QueryParams]:
    """Yield queries, some of which `build_query` refuses as meaningless."""
    names = (*DIMENSIONS, PROPERTY)
    yield from (QueryParams((metric,), ON_THE_DAY, (name,)) for metric in METRICS for name in names)
    yield from (QueryParams((metric,), ON_THE_DAY, (), (_PRICING, _SIGNUP)) for metric in METRICS)
    sets = cycle(METRIC_SETS)
    for pair in combinations(_SHAPES, 2):
        yield QueryParams(next(sets), ON_THE_DAY, pair, (_SIGNUP,))
        yield QueryParams(next(sets), ON_THE_DAY, pair[::-1])
    for name in names:
        for operator in Operator:
            clauses = ("EE",) if name == "visit:country" else ("Signup", "/pricing", "(none)")
            yield QueryParams(next(sets), ON_THE_DAY, (), (Leaf(operator, name, clauses),))
    for tree in TREES:
        for metrics in METRIC_SETS:
            yield QueryParams(metrics, ON_THE_DAY, (), tree)
            yield QueryParams(metrics, ON_THE_DAY, ("visit:source",), tree)
            yield QueryParams(metrics, ON_THE_DAY, ("event:page", "time:hour"), tree)
            yield QueryParams(metrics, ON_THE_DAY, (GOAL,), tree)
    yield from _other_members()


def _other_members() -> Iterator[QueryParams]:
    at = datetime.fromisoformat(DAY).replace(tzinfo=UTC)
    ranges: tuple[RangeSpec, ...] = (
        *(Period(unit, 5, anchor=date.fromisoformat(DAY)) for unit in PeriodUnit),
        InstantPair(at, at.replace(hour=9)),
    )
    for span in ranges:
        for metrics in METRIC_SETS[:4]:
            yield QueryParams(metrics, span)
            yield QueryParams(metrics, span, ("time:month",))
    for metrics in METRIC_SETS[:4]:
        yield QueryParams(metrics, ON_THE_DAY, ("visit:source",), include=frozenset(Include) - {Include.TIME_LABELS})
        yield QueryParams(
            metrics,
            ON_THE_DAY,
            ("visit:exit_page",),
            limit=2,
            offset=1,
            session_counters=True,
            hidden=(("visit:exit_page", ("",)),),
        )
        yield QueryParams(metrics, ON_THE_DAY, ("visit:source",), only=(("visit:source", ("Google", "Direct / None")),))
        yield QueryParams(("views_per_visit", *metrics), ON_THE_DAY, ("time:hour",), fills_buckets=True)

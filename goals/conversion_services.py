"""What goals came to: conversions by goal, completions one by one, breakdowns; every number from the query engine.

Source: revenue contract, 1.6, 1.7, 1.9, 3.4.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import Final

from accounts.types import SiteRef
from analytics_project import clock
from goals.selectors import goal_specs
from goals.types import GoalKind, GoalSpec
from stats.city_services import known_city_names, with_city_names
from stats.ingest.visitor import visitor_text
from stats.query.build import Query, build_query
from stats.query.completions import CompletionRow, run_completions
from stats.query.dimensions import GOAL
from stats.query.run import run_query
from stats.query.types import Filter, InstantPair, Leaf, Operator, QueryParams, Row
from stats.selectors import visitor_names
from stats.services import event_store, wait_for_accepted

_THOUSANDTH: Final = Decimal("0.001")


@dataclass(frozen=True, slots=True)
class Span:
    """Which events count: both ends included, and filters joined by AND."""

    dates: InstantPair
    filters: tuple[Filter, ...] = ()


@dataclass(frozen=True, slots=True)
class Conversion:
    """How often something was completed; `rate` is the share of the span's visitors, to three decimals."""

    name: str
    visitors: int
    completions: int
    rate: float


@dataclass(frozen=True, slots=True)
class Conversions:
    """Rows in their order, all of them, and the unique visitors of the span."""

    rows: tuple[Conversion, ...]
    visitors: int


@dataclass(frozen=True, slots=True)
class Completions:
    """A page of completions, newest first.

    `names` are what clients call the visitors, by id (`v_…`); `city_names` those of cities, by GeoNames number.
    """

    rows: tuple[CompletionRow, ...]
    names: dict[str, str]
    city_names: dict[int, str]

    def visitor_of(self, row: CompletionRow) -> str:
        """Return the visitor as a client sent it, or the id that the tracker shows."""
        text = visitor_text(row.visitor_id)
        return self.names.get(text, text)


def rate_of(part: int, whole: int) -> float:
    """Return a share rounded half up to three decimals, 0.0 of nothing."""
    return float((Decimal(part) / whole).quantize(_THOUSANDTH, ROUND_HALF_UP)) if whole else 0.0


def goal_named(goals: Sequence[GoalSpec], name: str) -> GoalSpec | None:
    """Return the goal of this display name, else the one of an event of this name, None where there is none."""
    shown = next((goal for goal in goals if goal.display_name == name), None)
    return shown or next((goal for goal in goals if goal.event_name == name and not goal.custom_props), None)


def conversions_by_goal(site: SiteRef, span: Span) -> Conversions:
    """Return every goal of the site, those without a completion too.

    Order: visitors falling, completions falling, name by code point. Raises: InvalidQuery for filters without meaning;
    StoreUnavailable.
    """
    goals = goal_specs(site)
    query = _query(site, span, goals, ("visitors", "events"), (GOAL,))
    wait_for_accepted(site.id)
    counted = {row.dimensions[0]: row.metrics for row in _rows(query)} if goals else {}
    visitors = _visitors(site, span)
    rows = [_conversion(goal.display_name, counted.get(goal.display_name, (0, 0)), visitors) for goal in goals]
    return Conversions(tuple(sorted(rows, key=_rank)), visitors)


def conversions_by(site: SiteRef, span: Span, goal: GoalSpec, dimension: str) -> Conversions:
    """Return what a goal came to by the values of a dimension; each rate is a share of the visitors of its value.

    Raises: as `conversions_by_goal`.
    """
    goals = (goal,)
    of_goal = Span(span.dates, (_is(goal), *span.filters))
    query = _query(site, of_goal, goals, ("visitors", "events"), (dimension,))
    wait_for_accepted(site.id)
    whole = _query(site, span, goals, ("visitors",), (dimension,))
    visitors = {row.dimensions[0]: row.metrics[0] for row in _rows(whole)}
    rows = [
        _conversion(str(row.dimensions[0]), row.metrics, int(visitors.get(row.dimensions[0]) or 0))
        for row in _rows(query)
    ]
    return Conversions(tuple(sorted(rows, key=_rank)), _visitors(site, span))


def completions_of(site: SiteRef, span: Span, goal: GoalSpec, *, limit: int, offset: int) -> Completions:
    """Return a page of a goal's completions. Raises: as `conversions_by_goal`."""
    of_goal = Span(span.dates, (_is(goal), *span.filters))
    query = _query(site, of_goal, (goal,), ("events",))
    wait_for_accepted(site.id)
    rows = run_completions(
        event_store(),
        with_city_names(query),
        of_pages=goal.kind is GoalKind.SCROLL,
        limit=limit,
        offset=offset,
        reset_at=site.stats_reset_at or 0,
    )
    return Completions(
        rows,
        names=visitor_names(site.id, [visitor_text(row.visitor_id) for row in rows]),
        city_names=known_city_names({row.session.city_geoname_id for row in rows if row.session is not None}),
    )


def totals_of(site: SiteRef, span: Span, goal: GoalSpec) -> tuple[int, int]:
    """Return how many completions of a goal there are in a span, and the unique visitors of the span."""
    of_goal = Span(span.dates, (_is(goal), *span.filters))
    query = _query(site, of_goal, (goal,), ("events",))
    wait_for_accepted(site.id)
    (row,) = _rows(query)
    return int(row.metrics[0] or 0), _visitors(site, span)


def _visitors(site: SiteRef, span: Span) -> int:
    (row,) = _rows(_query(site, span, (), ("visitors",)))
    return int(row.metrics[0] or 0)


def _rows(query: Query) -> tuple[Row, ...]:
    return run_query(event_store(), with_city_names(query)).rows


def _query(
    site: SiteRef,
    span: Span,
    goals: Sequence[GoalSpec],
    metrics: tuple[str, ...],
    dimensions: tuple[str, ...] = (),
) -> Query:
    params = QueryParams(metrics, span.dates, dimensions=dimensions, filters=span.filters, counts_completions=True)
    return build_query(params, site, clock.now(), goals=goals)


def _is(goal: GoalSpec) -> Leaf:
    return Leaf(Operator.IS, GOAL, (goal.display_name,))


def _conversion(name: str, counted: Sequence[object], visitors: int) -> Conversion:
    converted, completions = (int(str(number or 0)) for number in counted)
    return Conversion(name, converted, completions, rate_of(converted, visitors))


def _rank(row: Conversion) -> tuple[int, int, str]:
    return -row.visitors, -row.completions, row.name

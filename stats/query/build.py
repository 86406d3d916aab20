"""QueryParams + site + now → Query: everything resolved, every rule of meaning checked (stats contract 1.4 to 1.8)."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from typing import Final
from zoneinfo import ZoneInfo

from accounts.types import SiteId, SiteRef
from analytics_project.errors import InvalidQuery
from goals.types import GoalSpec
from stats.query import dates
from stats.query.dimensions import (
    DIMENSIONS,
    GOAL,
    HOSTNAME,
    LANDING_HOST_OF,
    PAGE,
    PROPERTY_PREFIX,
    TIME_PREFIX,
    dimension_for,
    is_time,
)
from stats.query.filters import behaviours, leaves
from stats.query.goals import goal_filters, needs_goals
from stats.query.imports import choose_imports
from stats.query.metrics import METRICS
from stats.query.types import (
    Clause,
    DatePair,
    DateRange,
    DimensionValues,
    Filter,
    HasDone,
    Imports,
    Include,
    Kind,
    Leaf,
    Operator,
    OrderBy,
    Period,
    PeriodUnit,
    QueryParams,
    SkipReason,
)

MAX_DIMENSIONS: Final = 20
MAX_LEAVES: Final = 500
MAX_SEARCHED_CLAUSES: Final = 1000
MAX_VALUES: Final = 20_000
MAX_PATTERN_STEPS: Final = 5_000

_REPETITION: Final = re.compile(r"\{(\d*),?(\d*)\}")

_CONVERSION_RATES: Final = frozenset({"conversion_rate", "group_conversion_rate"})
_EXACT: Final = frozenset({Operator.IS, Operator.IS_NOT})
_PATTERNS: Final = frozenset(
    {Operator.MATCHES, Operator.MATCHES_NOT, Operator.MATCHES_WILDCARD, Operator.MATCHES_WILDCARD_NOT}
)


@dataclass(frozen=True, slots=True)
class Query:
    """Everything that decides an answer, complete and comparable: the same Query gives the same numbers.

    `dimensions` are in the requested order with `time` resolved to its bucket; `filters` are the executed ones, joined
    by AND. `counted_from` is the later of the range's start and the site's statistics reset. `whole_days` are the dates
    that are counted, where rows' `day` tells exactly which they are; None where instants must. `goals` are the site's,
    where the query mentions any. Where imported totals were asked for, either `imports` or `imports_skipped` is set.
    Of a consolidated view `site_ids` are the sites whose rows count, and `resets` those among them whose statistics
    begin inside the range, with the instant; of a site both are empty. `city_names` are those of the cities that the
    rows may have, by GeoNames number, where the query is about names (`stats.query.cities`): `build_query` sets none.
    """

    site_id: SiteId
    timezone: str
    dates: DateRange
    counted_from: datetime
    whole_days: DatePair | None
    metrics: tuple[str, ...]
    dimensions: tuple[str, ...]
    filters: tuple[Filter, ...]
    order_by: tuple[OrderBy, ...]
    include: frozenset[Include] = frozenset()
    limit: int | None = None
    offset: int = 0
    session_counters: bool = False
    hidden: DimensionValues = ()
    only: DimensionValues = ()
    goals: tuple[GoalSpec, ...] = ()
    counts_completions: bool = False
    imports: Imports | None = None
    imports_skipped: SkipReason | None = None
    site_ids: tuple[SiteId, ...] = ()
    resets: tuple[tuple[SiteId, datetime], ...] = ()
    city_names: tuple[tuple[int, str], ...] = ()


def needs_stats_start(params: QueryParams) -> bool:
    """Tell whether `build_query` wants the date of the site's first event."""
    return isinstance(params.date_range, Period) and params.date_range.unit is PeriodUnit.ALL


def build_query(
    params: QueryParams,
    site: SiteRef,
    now: datetime,
    *,
    stats_start_on: date | None = None,
    goals: Sequence[GoalSpec] = (),
) -> Query:
    """Return the complete query that `params` mean for a site at an instant.

    `stats_start_on` is the local date of the site's first event, needed where `needs_stats_start` says so; `goals` are
    the site's, needed where `stats.query.goals.needs_goals` says so.
    Raises: InvalidQuery naming the member or the combination that has no meaning.
    """
    _check_metrics(params.metrics)
    _check_dimensions(params.dimensions)
    _check_filters(params.filters, goals)
    _check_combination(params)
    zone = ZoneInfo(site.timezone)
    trim = Include.TRIM_RELATIVE_DATE_RANGE in params.include
    span = dates.resolve_range(params.date_range, zone, now, stats_start_on=stats_start_on, trim=trim)
    counted_from = max(span.start_at, _instant(site.stats_reset_at or 0))
    resets = _resets_inside(site, span)
    days_hold = not resets and counted_from == span.start_at and _days_hold(site, counted_from)
    bucket = {TIME_PREFIX: dates.pick_bucket(span)}
    query = Query(
        site_id=site.id,
        timezone=site.timezone,
        dates=span,
        counted_from=counted_from,
        whole_days=dates.whole_days(span, zone) if days_hold else None,
        metrics=params.metrics,
        dimensions=tuple(bucket.get(name, name) for name in params.dimensions),
        filters=(*params.filters, *_landing_host_filters(params)),
        order_by=tuple(replace(item, field=bucket.get(item.field, item.field)) for item in _order(params)),
        include=params.include,
        limit=params.limit,
        offset=params.offset,
        session_counters=params.session_counters,
        hidden=params.hidden,
        only=params.only,
        goals=tuple(goals) if needs_goals(params) else (),
        counts_completions=params.counts_completions,
        site_ids=tuple(part.id for part in site.parts),
        resets=resets,
    )
    if Include.IMPORTS not in params.include:
        return query
    local = dates.local_dates(span, zone)
    found = choose_imports(site.imports, local, query.dimensions, query.filters, query.goals)
    if isinstance(found, SkipReason):
        return replace(query, imports_skipped=found)
    return replace(query, imports=found)


def _resets_inside(view: SiteRef, span: DateRange) -> tuple[tuple[SiteId, datetime], ...]:
    """Return the parts of a consolidated view whose statistics were reset after the range's start, and when."""
    resets = ((part.id, _instant(part.stats_reset_at or 0)) for part in view.parts)
    return tuple((site_id, at) for site_id, at in resets if at > span.start_at)


def _days_hold(site: SiteRef, counted_from: datetime) -> bool:
    """Tell whether from then on every row's `day` is a date of the site's zone; of a view, whether all share its."""
    return all(
        part.timezone == site.timezone and _instant(part.days_hold_from or 0) <= counted_from for part in site.sites
    )


def _instant(unix_seconds: int) -> datetime:
    return datetime.fromtimestamp(unix_seconds, UTC)


def _check_metrics(metrics: Sequence[str]) -> None:
    for number, name in enumerate(metrics):
        if name not in METRICS:
            raise InvalidQuery(
                f"metrics[{number}]: {name!r} is not a metric; use {', '.join(METRICS)}", code="invalid_metric"
            )


def _check_dimensions(names: Sequence[str]) -> None:
    if len(names) > MAX_DIMENSIONS:
        raise InvalidQuery(f"dimensions: more than {MAX_DIMENSIONS}", code="invalid_dimensions")
    for name in names:
        if name != TIME_PREFIX:
            dimension_for(name)
    if sum(map(is_time, names)) > 1:
        raise InvalidQuery("dimensions: at most one time dimension", code="invalid_dimensions")


def _check_filters(filters: Sequence[Filter], goals: Sequence[GoalSpec]) -> None:
    for number, node in enumerate(filters):
        path = f"filters[{number}]"
        for leaf in leaves(node, behavioural=False):
            check_leaf(leaf, path, takes_all=isinstance(node, Leaf))
        for behaviour in behaviours(node):
            _check_behaviour(behaviour, path)
        for leaf in leaves(node):
            if leaf.dimension == GOAL:
                check_goal(leaf, path, goals)
    check_sizes(leaf for node in filters for leaf in leaves(node))


def check_sizes(compared: Iterable[Leaf]) -> None:
    """Refuse more comparisons than one statement takes. Raises: InvalidQuery."""
    found = 0
    searched = 0
    values = 0
    steps = 0
    for leaf in compared:
        found += 1
        values += len(leaf.clauses)
        searched += 0 if leaf.operator in _EXACT else len(leaf.clauses)
        steps += sum(map(_pattern_steps, leaf.clauses)) if leaf.operator in _PATTERNS else 0
    if found > MAX_LEAVES:
        raise InvalidQuery(f"filters: more than {MAX_LEAVES} comparisons", code="invalid_filters")
    if values > MAX_VALUES:
        raise InvalidQuery(f"filters: more than {MAX_VALUES} values", code="invalid_filters")
    if searched > MAX_SEARCHED_CLAUSES:
        raise InvalidQuery(f"filters: more than {MAX_SEARCHED_CLAUSES} texts to search for", code="invalid_filters")
    if steps > MAX_PATTERN_STEPS:
        raise InvalidQuery(
            f"filters: patterns of more than {MAX_PATTERN_STEPS} characters and repetitions in all",
            code="invalid_filters",
        )


def _pattern_steps(pattern: Clause) -> int:
    """Return how large a regular expression is once its counted repetitions are written out.

    The database compiles an expression whole and tries each on a block of rows before it looks at the clock: one of
    370,000 characters took 130 s to compile, and one with `{900}` and `{800}` 95 s on 5,000 long texts.
    """
    counts = (int(count[:6] or 0) for pair in _REPETITION.findall(str(pattern)) for count in pair)
    return len(str(pattern)) + sum(counts)


def _check_behaviour(node: HasDone, path: str) -> None:
    if any(behaviours(node.child)):
        raise InvalidQuery(f"{path}: 'has_done' and 'has_not_done' cannot be nested", code="invalid_filters")
    for leaf in leaves(node.child):
        check_leaf(leaf, path, takes_all=True)
        if dimension_for(leaf.dimension).kind is not Kind.EVENT:
            raise InvalidQuery(
                f"{path}: {leaf.dimension!r} is not an event's; 'has_done' and 'has_not_done' take those only",
                code="invalid_filters",
            )


def check_leaf(leaf: Leaf, path: str, *, takes_all: bool) -> None:
    """Refuse a comparison that has no meaning where it stands (1.5). Raises: InvalidQuery naming the path."""
    if is_time(leaf.dimension) or dimension_for(leaf.dimension).groups_only:
        raise InvalidQuery(f"{path}: {leaf.dimension!r} cannot be filtered by", code="invalid_filters")
    if leaf.dimension in {GOAL, HOSTNAME} and not takes_all:
        raise InvalidQuery(
            f"{path}: {leaf.dimension!r} is allowed at the top level of filters only", code="invalid_filters"
        )
    if leaf.dimension == "visit:country" and leaf.operator in _EXACT:
        for clause in leaf.clauses:
            if len(str(clause)) not in {0, 2}:
                raise InvalidQuery(f"{path}: {clause!r} is not a two-letter country code", code="invalid_filters")


def check_goal(leaf: Leaf, path: str, goals: Sequence[GoalSpec]) -> None:
    """Refuse operators that goals do not have, and names that no goal has where the request gave no modifier (1.6)."""
    if leaf.operator not in {Operator.IS, Operator.CONTAINS}:
        raise InvalidQuery(f"{path}: {GOAL!r} takes 'is' and 'contains' only", code="invalid_filters")
    if leaf.operator is Operator.IS and leaf.case_sensitive is None:
        known = {goal.display_name for goal in goals}
        for clause in leaf.clauses:
            if clause not in known:
                raise InvalidQuery(f"{path}: {GOAL} {clause!r} is not a goal of this site", code="invalid_filters")


def _check_combination(params: QueryParams) -> None:
    names = params.dimensions
    kinds = {name: DIMENSIONS[name].kind if name in DIMENSIONS else Kind.EVENT for name in names if not is_time(name)}
    event_dimensions = [name for name, kind in kinds.items() if kind is Kind.EVENT]
    session_dimensions = [name for name, kind in kinds.items() if kind is Kind.SESSION]
    for name in params.metrics:
        metric = METRICS[name]
        if metric.kind is Kind.SESSION and event_dimensions not in ([], [PAGE]):
            raise InvalidQuery(
                f"metrics: session metric {name!r} cannot be split by {event_dimensions[0]!r}",
                code="invalid_combination",
            )
        from_sessions = params.session_counters and metric.counter
        if metric.kind is Kind.EVENT and session_dimensions and not from_sessions:
            raise InvalidQuery(
                f"metrics: event metric {name!r} cannot be split by {session_dimensions[0]!r}",
                code="invalid_combination",
            )
    _check_page_metrics(params)
    for name in _CONVERSION_RATES.intersection(params.metrics):
        _check_conversion_rate(name, params)
    if "views_per_visit" in params.metrics:
        _check_views_per_visit(params)
    if Include.TIME_LABELS in params.include and not any(map(is_time, names)):
        raise InvalidQuery("include.time_labels: needs a time dimension", code="invalid_include")


def _check_conversion_rate(name: str, params: QueryParams) -> None:
    if GOAL not in params.dimensions and not goal_filters(params.filters):
        raise InvalidQuery(
            f"metrics: {name!r} needs the dimension {GOAL!r} or a filter of it", code="invalid_combination"
        )
    for number, node in enumerate(params.filters):
        if not isinstance(node, Leaf) and any(leaf.dimension.startswith(PROPERTY_PREFIX) for leaf in leaves(node)):
            raise InvalidQuery(
                f"filters[{number}]: {name!r} allows properties at the top level of filters only",
                code="invalid_combination",
            )


def _check_page_metrics(params: QueryParams) -> None:
    """Refuse what engagement tells of pages where no page is asked for: scroll depth wants it at the top level."""
    if PAGE in params.dimensions:
        return
    at_top = any(isinstance(node, Leaf) and node.dimension == PAGE for node in params.filters)
    if "scroll_depth" in params.metrics and not at_top:
        raise InvalidQuery(
            f"metrics: 'scroll_depth' needs the dimension {PAGE!r} or a filter of it at the top level",
            code="invalid_combination",
        )
    anywhere = any(leaf.dimension == PAGE for node in params.filters for leaf in leaves(node, behavioural=False))
    if "time_on_page" in params.metrics and not anywhere:
        raise InvalidQuery(
            f"metrics: 'time_on_page' needs the dimension {PAGE!r} or a filter of it", code="invalid_combination"
        )


def _check_views_per_visit(params: QueryParams) -> None:
    allowed = params.fills_buckets and all(map(is_time, params.dimensions))
    if params.dimensions and not allowed:
        raise InvalidQuery("metrics: 'views_per_visit' allows no dimensions", code="invalid_combination")
    if any(leaf.dimension == PAGE for node in params.filters for leaf in leaves(node, behavioural=False)):
        raise InvalidQuery(f"metrics: 'views_per_visit' allows no {PAGE!r} filter", code="invalid_combination")


def _landing_host_filters(params: QueryParams) -> tuple[Filter, ...]:
    """Return the conditions on landing or leaving hosts that a hostname filter brings with some dimensions (1.5)."""
    targets = dict.fromkeys(LANDING_HOST_OF[name] for name in params.dimensions if name in LANDING_HOST_OF)
    hosts = [node for node in params.filters if isinstance(node, Leaf) and node.dimension == HOSTNAME]
    added = [replace(leaf, dimension=target) for leaf in hosts for target in targets]
    return tuple(leaf for leaf in added if leaf not in params.filters)


def _order(params: QueryParams) -> tuple[OrderBy, ...]:
    if params.order_by is None:
        time = [OrderBy(name, descending=False) for name in params.dimensions if is_time(name)]
        return (*time, OrderBy(params.metrics[0], descending=True))
    for number, item in enumerate(params.order_by):
        if item.field not in params.metrics and item.field not in params.dimensions:
            raise InvalidQuery(f"order_by[{number}]: {item.field!r} is not part of this query", code="invalid_order_by")
        if item.field == GOAL:
            raise InvalidQuery(f"order_by[{number}]: cannot order by {GOAL!r}", code="invalid_order_by")
    return params.order_by

"""What a query answers, computed slowly from the definitions of the stats contract; read this package to learn them.

The order to read it in: `visits` (events make visits), `dimensions`, `goals`, `time_buckets`, `selection` (which rows),
`metrics` (formulas), this module (which table, groups, rates, order), `v1` (what the older endpoints do differently).
It shares only plain values with the engine that it checks: parsed queries, filters, goals.
"""

import itertools
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from accounts.types import SiteRef
from goals.types import GoalKind, GoalSpec
from stats.query.types import Filter, Include, Leaf, Not, OrderBy, QueryParams, Row, Value
from tests.stats.query.recorded import Hit
from tests.stats.query.reference.dimensions import (
    ENTRY_PAGE,
    GOAL,
    PAGE,
    PROPERTY,
    is_of_events,
    is_of_sessions,
    is_time,
    shown,
    value_of_event,
    value_of_visit,
)
from tests.stats.query.reference.goals import goal_filters, goals_in_play, named, satisfies
from tests.stats.query.reference.metrics import (
    EMPTY,
    EVENT_METRICS,
    FULL_SCROLL,
    OF_EVENTS,
    OF_VISITS,
    RATES,
    REVENUE_METRICS,
    SESSION_METRICS,
    share,
    visitors_of_events,
)
from tests.stats.query.reference.selection import (
    Selection,
    compare,
    dimensions_in,
    with_entry_page,
    with_hostname_of_ends,
)
from tests.stats.query.reference.time_buckets import Span, span_of
from tests.stats.query.reference.totals import Own, Total, Totals, landed, merged, on_landing, percentage, skip_reason
from tests.stats.query.reference.visits import Event, Visit, visits_of

Group = tuple[Value, ...]
# Metrics that v1's breakdowns may take from visits (3.4).
COUNTERS = ("pageviews", "events")


@dataclass(frozen=True)
class Answer:
    """The rows of a page in their order, and how many there are on all pages."""

    rows: list[Row]
    total_rows: int


def answer(
    hits: Sequence[Hit], site: SiteRef, goals: Sequence[GoalSpec], params: QueryParams, totals: Sequence[Total] = ()
) -> Answer:
    """Return what the contract says that a query about these events and imported totals must answer."""
    rows = all_rows(hits, site, goals, params, totals)
    page = rows[params.offset :][: params.limit] if params.dimensions else rows
    return Answer(page, len(rows) if page else 0)


def all_rows(
    hits: Sequence[Hit], site: SiteRef, goals: Sequence[GoalSpec], params: QueryParams, totals: Sequence[Total] = ()
) -> list[Row]:
    """Return the rows of all pages in their order."""
    reset_at = None if site.stats_reset_at is None else datetime.fromtimestamp(site.stats_reset_at, UTC)
    span = span_of(params.date_range, site.timezone, reset_at)
    question = Question(Selection(visits_of(hits), span, goals), with_time_picked(params, span))
    if Include.IMPORTS in params.include and skip_reason(site.imports, span, question.params, goals) is None:
        known = {one.id for one in site.imports}
        counted = Totals([one for one in totals if one.import_id in known], span, goals)
        question = MergedQuestion(question.selection, question.params, counted)
    return ordered(question.rows(), question.params)


def reason_to_skip(site: SiteRef, goals: Sequence[GoalSpec], params: QueryParams) -> str | None:
    """Return why an answer that asks for imports has none; None where it merges them."""
    span = span_of(params.date_range, site.timezone)
    return skip_reason(site.imports, span, with_time_picked(params, span), goals)


def with_time_picked(params: QueryParams, span: Span) -> QueryParams:
    """Return the query with `time` replaced by a bucket and with the filters that a hostname brings."""
    picked = {"time": span.picked()}
    dimensions = tuple(picked.get(name, name) for name in params.dimensions)
    order = params.order_by
    return replace(
        params,
        dimensions=dimensions,
        filters=with_hostname_of_ends(params.filters, dimensions),
        order_by=None
        if order is None
        else tuple(replace(item, field=picked.get(item.field, item.field)) for item in order),
    )


def either_comes_from_events(params: QueryParams) -> bool:
    """Tell which table counts visitors and visits: the first matching rule of 2.1 decides."""
    names, filtered = params.dimensions, dimensions_in(params.filters)
    counters = COUNTERS if params.session_counters else ()
    event_rows = any(name in EVENT_METRICS and name not in counters for name in params.metrics)
    event_rows |= any(map(is_of_events, names))
    session_rows = any(name in SESSION_METRICS for name in params.metrics) or any(map(is_of_sessions, names))
    if not event_rows and not any(map(is_of_events, filtered)):
        return False
    if not session_rows and not any(map(is_of_sessions, filtered)):
        return True
    return event_rows


@dataclass(frozen=True)
class Question:
    """A query, and the visits it is asked about."""

    selection: Selection
    params: QueryParams

    def rows(self) -> list[Row]:
        """Return every group with its metrics, in no order."""
        sides = {name: self.groups_of_metric(name) for name in self.params.metrics}
        groups = self.leading_groups() if self.params.dimensions else {()}
        return [
            Row(group, tuple(self.cell(name, group, sides[name]) for name in self.params.metrics)) for group in groups
        ]

    # ---- Groups --------------------------------------------------------------------------------------------------
    def is_from_events(self, metric: str) -> bool:
        if metric in SESSION_METRICS:
            return False
        is_either = metric not in EVENT_METRICS or (self.params.session_counters and metric in COUNTERS)
        return either_comes_from_events(self.params) if is_either else True

    def leading_groups(self) -> set[Group]:
        """Return the groups that have rows: those of events where both tables answer, by hour those of both (2.1)."""
        of_events = [name for name in self.params.metrics if self.is_from_events(name)]
        of_visits = [name for name in self.params.metrics if not self.is_from_events(name)]
        groups: set[Group] = set(self.event_groups()) if of_events else set()
        if of_visits and (not of_events or "time:hour" in self.params.dimensions):
            for name in of_visits:
                groups |= set(self.visit_groups(smeared=self.is_smeared(name)))
        return groups

    def is_smeared(self, metric: str) -> bool:
        """Tell whether a metric of visits counts in every hour that they span (2.3)."""
        return metric not in SESSION_METRICS and metric not in COUNTERS

    def event_groups(self) -> dict[Group, list[Event]]:
        groups = defaultdict(list)
        for event in self.selection.events(self.params.filters, self.params.dimensions):
            for group in itertools.product(*(self.labels_of_event(name, event) for name in self.params.dimensions)):
                groups[group].append(event)
        return groups

    def visit_groups(self, *, smeared: bool) -> dict[Group, list[Visit]]:
        filters = self.params.filters
        if PAGE in self.params.dimensions:
            filters = tuple(map(with_entry_page, filters))
        groups = defaultdict(list)
        for visit in self.selection.visits_for(filters):
            labels = (self.labels_of_visit(name, visit, smeared=smeared) for name in self.params.dimensions)
            for group in itertools.product(*labels):
                groups[group].append(visit)
        return groups

    def labels_of_event(self, name: str, event: Event) -> list[Value]:
        """Return the labels an event counts under: one, but that of each goal it satisfies."""
        if name == GOAL:
            goals = goals_in_play(self.params.filters, self.selection.goals)
            return [goal.display_name for goal in goals if satisfies(goal, event)]
        if is_time(name):
            return [self.selection.span.bucket(name, event.hit.moment)]
        return [shown(name, value_of_event(name, event))]

    def labels_of_visit(self, name: str, visit: Visit, *, smeared: bool) -> list[Value]:
        """Return the labels a visit counts under: one, but every hour it spans where it is smeared."""
        if name == "time:hour" and smeared:
            return list(self.selection.span.hours_between(visit.start, visit.timestamp))
        if is_time(name):
            return [self.selection.span.bucket(name, visit.timestamp)]
        name = ENTRY_PAGE if name == PAGE else name
        return [shown(name, value_of_visit(name, visit))]

    # ---- Metrics -------------------------------------------------------------------------------------------------
    def groups_of_metric(self, metric: str) -> Mapping[Group, Value]:
        """Return the metric by group; of a rate its numerator, the visitors."""
        counted = "visitors" if metric in RATES else metric
        if self.is_from_events(metric):
            return {group: OF_EVENTS[counted](events) for group, events in self.event_groups().items()}
        groups = self.visit_groups(smeared=self.is_smeared(metric))
        if metric == "bounce_rate":
            groups = {group: list(filter(self.entered_there, visits)) for group, visits in groups.items()}
        return {group: OF_VISITS[counted](visits) for group, visits in groups.items()}

    def entered_there(self, visit: Visit) -> bool:
        """Tell whether a visit entered on the page that the first top-level filter of pages names (2.4)."""
        for node in () if PAGE in self.params.dimensions else self.params.filters:
            leaf, negated = without_not(node)
            if isinstance(leaf, Leaf) and leaf.dimension == PAGE:
                return compare(leaf, visit.entry_page) != negated
        return True

    def cell(self, metric: str, group: Group, found: Mapping[Group, Value]) -> Value:
        """Return a metric of a row."""
        value = found.get(group, EMPTY[metric])
        if metric in RATES:
            return self.rate(metric, group, int(value or 0))
        if metric in REVENUE_METRICS:
            return value if self.has_currency(group) else None
        if metric == "events" and self.hides_events(group):
            return None
        return value

    def rate(self, metric: str, group: Group, visitors: int) -> float | None:
        """Return a percentage of everybody, of everybody but for goals and properties, or of the row's everybody."""
        filters = self.params.filters
        if metric == "percentage":
            everybody = visitors_of_events(self.selection.events(filters))
            return share(visitors, everybody) if everybody else None
        kept = tuple(node for node in filters if not is_of_conversion(node))
        if metric == "conversion_rate":
            return share(visitors, visitors_of_events(self.selection.events(kept)))
        if GOAL in self.params.dimensions:
            return 0
        asked = replace(self.params, metrics=("visitors",), filters=kept)
        whole = Question(self.selection, asked).groups_of_metric("visitors").get(group, 0)
        return share(visitors, int(whole or 0))

    def has_currency(self, group: Group) -> bool:
        """Tell whether a row's revenue is an amount (2.6)."""
        if GOAL in self.params.dimensions:
            return bool(self.goal_of(group).currency)
        if GOAL not in dimensions_in(self.params.filters):
            return False
        in_play = goals_in_play(self.params.filters, self.selection.goals)
        return len({goal.currency for goal in in_play if goal.currency}) == 1

    def hides_events(self, group: Group) -> bool:
        """Tell whether a row's events are null, because they would be scrolls (1.6)."""
        if GOAL in self.params.dimensions:
            return self.goal_of(group).kind is GoalKind.SCROLL
        return any(
            goal.kind is GoalKind.SCROLL
            for leaf in goal_filters(self.params.filters)
            if leaf.case_sensitive is None
            for goal in named(leaf, self.selection.goals)
        )

    def goal_of(self, group: Group) -> GoalSpec:
        name = group[self.params.dimensions.index(GOAL)]
        return next(goal for goal in self.selection.goals if goal.display_name == name)


@dataclass(frozen=True)
class MergedQuestion(Question):
    """A query whose answer imported totals are part of (5.2)."""

    totals: Totals

    def leading_groups(self) -> set[Group]:
        """Return the groups of our own, and those of the imports that answer the same metrics."""
        landing = all(map(self.is_of_landings, self.params.metrics))
        return super().leading_groups() | set(self.imported(landing=landing))

    def is_of_landings(self, metric: str) -> bool:
        """Tell whether a metric by page belongs to the page that visits entered on."""
        return metric in SESSION_METRICS and PAGE in self.params.dimensions

    def imported(self, *, landing: bool) -> dict[Group, list[Total]]:
        names, filters = self.params.dimensions, self.params.filters
        if landing:
            names, filters = tuple(map(landed, names)), on_landing(filters)
        return self.totals.groups(names, filters, self.params.metrics)

    def cell(self, metric: str, group: Group, found: Mapping[Group, Value]) -> Value:
        if metric in REVENUE_METRICS or (metric == "events" and self.hides_events(group)):
            return super().cell(metric, group, found)
        ones = self.imported(landing=self.is_of_landings(metric)).get(group, [])
        value = merged(metric, self.own(metric, group, found.get(group, EMPTY[metric])), ones)
        return self.merged_rate(metric, group, int(value or 0)) if metric in RATES else value

    def own(self, metric: str, group: Group, value: Value) -> Own:
        """Return what our own events say of a group."""
        events = self.event_groups().get(group, [])
        engaged = [event for event in events if event.hit.name == "engagement"]
        deepest: dict[Visit, int] = {}
        for event in engaged:
            if event.hit.scroll_depth <= FULL_SCROLL:
                deepest[event.visit] = max(event.hit.scroll_depth, deepest.get(event.visit, 0))
        visits = self.visit_groups(smeared=False).get(group, []) if metric in SESSION_METRICS else []
        seconds = sum(event.hit.seconds for event in engaged)
        return Own(value, len(visits), seconds, len({event.visit for event in engaged}), list(deepest.values()))

    def merged_rate(self, metric: str, group: Group, visitors: int) -> float | None:
        """Return a percentage whose denominator has imported visitors too."""
        filters = self.params.filters
        kept = filters if metric == "percentage" else tuple(node for node in filters if not is_of_conversion(node))
        if metric != "group_conversion_rate":
            ones = self.totals.groups((), kept, ("visitors",)).get((), [])
            everybody = visitors_of_events(self.selection.events(kept))
        elif GOAL in self.params.dimensions:
            return 0
        else:
            ones = self.totals.groups(self.params.dimensions, kept, ("visitors",)).get(group, [])
            asked = replace(self.params, metrics=("visitors",), filters=kept)
            whole = Question(self.selection, asked).groups_of_metric("visitors").get(group, 0)
            everybody = int(whole or 0)
        return percentage(visitors, everybody + sum(one.count("visitors") for one in ones), metric)


def without_not(node: Filter) -> tuple[Filter, bool]:
    """Return what stands below `not`, and whether an odd number of them stood above it."""
    negated = False
    while isinstance(node, Not):
        node, negated = node.child, not negated
    return node, negated


def is_of_conversion(node: Filter) -> bool:
    """Tell whether denominators of conversion rates do without a top-level filter."""
    return isinstance(node, Leaf) and (node.dimension == GOAL or node.dimension.startswith(PROPERTY))


# ---- Order -----------------------------------------------------------------------------------------------------------
def ordered(rows: Sequence[Row], params: QueryParams) -> list[Row]:
    """Return rows in the requested or the default order, ties by their dimensions (1.7)."""
    order = params.order_by
    if order is None:
        times = [OrderBy(name, descending=False) for name in params.dimensions if is_time(name)]
        order = (*times, OrderBy(params.metrics[0], descending=True))
    found = sorted(rows, key=lambda row: tuple(map(sortable, row.dimensions)))
    for item in reversed(order):
        read = reader(item.field, params)
        has_value = [row for row in found if read(row) is not None]
        has_value.sort(key=lambda row: sortable(read(row)), reverse=item.descending)
        found = [*has_value, *(row for row in found if read(row) is None)]
    return found


def reader(field: str, params: QueryParams) -> Callable[[Row], Value]:
    if field in params.metrics:
        number = params.metrics.index(field)
        return lambda row: row.metrics[number]
    number = params.dimensions.index(field)
    return lambda row: row.dimensions[number]


def sortable(value: Value) -> bytes | float:
    """Return what values are ordered by: text by its bytes."""
    return value.encode() if isinstance(value, str) else float(value or 0)

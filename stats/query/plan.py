"""Query → Plan: which table answers each metric, and what each table must judge (stats contract 2.1 to 2.3)."""

from dataclasses import dataclass, replace

from goals.types import GoalKind
from stats.query.build import Query
from stats.query.dimensions import ENTRY_PAGE, GOAL, HOUR, PAGE, PROPERTY_PREFIX, Dimension, dimension_for, is_time
from stats.query.filters import keep, leaves, on_landing_page, push_down
from stats.query.goals import goal_filters, matching_goals, revenue_currencies
from stats.query.imported_metrics import COUNTED_BY_PAGEVIEWS, VISITORS, with_imports
from stats.query.imports import reports_for
from stats.query.metrics import (
    DEPTH,
    DISTINCT_OVER_SESSIONS,
    FROM_VISITS,
    METRICS,
    NARROWED_TO_LANDINGS,
    REVENUE_METRICS,
    Formula,
    Source,
    Total,
    always_zero,
    completions,
    never_known,
    of_revenue_goals,
    without_scroll_goals,
)
from stats.query.types import AllOf, Filter, Kind, Leaf, Not, Report


@dataclass(frozen=True, slots=True)
class Branch:
    """One pass over one table.

    `condition` is judged on the row itself. `member` is judged on the other table: the row's visit must have a row
    there for which it holds. `entered` narrows the bounce rate to visits that landed on the filtered page. A pass over
    DAYS may hold aggregates of SESSIONS too, where both have the same groups. `mixes_states` tells that what changes as
    a visit grows groups or filters the rows: replaced states may then be in groups without their visit.
    `skips_replaced` leaves such states out; sums do without, distinct counts do not. `joined` are dimensions of the
    visit that event rows lack. A pass over IMPORTED reads `reports`, with `skips_unviewed` only rows with pageviews.
    """

    source: Source
    dimensions: tuple[Dimension, ...]
    aggregates: tuple[str, ...]
    condition: Filter | None
    member: Filter | None
    entered: Filter | None = None
    mixes_states: bool = False
    skips_replaced: bool = False
    joined: tuple[Dimension, ...] = ()
    reports: tuple[Report, ...] = ()
    skips_unviewed: bool = False


@dataclass(frozen=True, slots=True)
class Plan:
    """The passes of a query, one or two, and the formulas of its metrics in their order.

    The groups of the first pass are the rows; under a full join, hours of the range that only visits know as well.
    `totals` are passes for denominators and for scroll depth: joined on their groups, or of one row, which goes beside
    every row. `imported` are passes over imported totals: the groups of the first are rows as well.
    """

    query: Query
    branches: tuple[Branch, ...]
    formulas: tuple[Formula, ...]
    full_join: bool = False
    totals: tuple[Branch, ...] = ()
    imported: tuple[Branch, ...] = ()


def plan_query(query: Query) -> Plan:
    """Return the plan of a query that `build_query` made."""
    tree = push_down(AllOf(query.filters))
    sources = _sources(query, tree)
    formulas = _formulas(query, sources)
    branches = tuple(
        _branch(query, tree, source, _aggregates(source, sources, formulas)) for source in Source if source in sources
    )
    joins = {Source.EVENTS, Source.SESSIONS} <= set(sources)
    plan = _with_totals(Plan(query, branches, formulas, full_join=joins and HOUR in query.dimensions), tree)
    plan = replace(
        plan,
        branches=_joined_in_one(tuple(_from_visits(query, branch) for branch in plan.branches)),
        totals=tuple(_from_visits(query, branch) for branch in plan.totals),
    )
    return plan if query.imports is None else _with_imported(plan, sources)


def events_of(query: Query) -> Branch:
    """Return the pass over the events that a query selects, with its dimensions and without any aggregate."""
    return _branch(query, push_down(AllOf(query.filters)), Source.EVENTS, ())


def seen_visitors_of(query: Query) -> Branch:
    """Return the cheapest pass in whose rows each visitor of the selected events is found, in each of their groups."""
    return _from_visits(query, replace(events_of(query), aggregates=("e_visitors",)))


def _from_visits(query: Query, branch: Branch) -> Branch:
    """Return the branch, read off visits where those know as much of events: on whole days, split by no event."""
    judged = () if branch.condition is None else leaves(branch.condition, behavioural=False)
    knows = (
        branch.source is Source.EVENTS
        and query.whole_days is not None
        and branch.member is None
        and FROM_VISITS.keys() >= set(branch.aggregates)
        and all(dimension.kind is Kind.EITHER and dimension.name != HOUR for dimension in branch.dimensions)
        and all(_kind(leaf) is Kind.EITHER for leaf in judged)
    )
    return replace(branch, source=Source.DAYS) if knows else branch


def _joined_in_one(branches: tuple[Branch, ...]) -> tuple[Branch, ...]:
    """Return one pass for two over the same rows of visits, whose groups are the same unless they are of time."""
    if [branch.source for branch in branches] != [Source.DAYS, Source.SESSIONS]:
        return branches
    days, visits = branches
    same = days.condition == visits.condition and visits.member is None and not visits.skips_replaced
    if not same or any(map(is_time, (dimension.name for dimension in days.dimensions))):
        return branches
    return (replace(days, aggregates=(*days.aggregates, *visits.aggregates)),)


def _formulas(query: Query, sources: tuple[Source, ...]) -> tuple[Formula, ...]:
    """Return the metrics' formulas, changed where goals leave nothing to count (1.6, 2.4)."""
    return tuple(_formula(query, name, source) for name, source in zip(query.metrics, sources, strict=True))


def _formula(query: Query, name: str, source: Source) -> Formula:
    formula = METRICS[name].formulas[source]
    if query.imports is not None:
        formula = with_imports(name, formula)
    by_goal = GOAL in query.dimensions
    if name == "events" and query.counts_completions:
        return completions()
    if name == "events" and by_goal and any(goal.kind is GoalKind.SCROLL for goal in query.goals):
        return without_scroll_goals(formula)
    if name == "events" and not by_goal and _asks_for_scroll_goals(query):
        return never_known(formula)
    if name in REVENUE_METRICS and by_goal:
        return of_revenue_goals(formula)
    if name in REVENUE_METRICS and len(revenue_currencies(query.filters, query.goals)) != 1:
        return never_known(formula)
    return always_zero(formula) if by_goal and formula.total is Total.GROUP else formula


def _asks_for_scroll_goals(query: Query) -> bool:
    """Tell whether a goal filter without modifier finds a scroll goal."""
    plain = [leaf for leaf in goal_filters(query.filters) if leaf.case_sensitive is None]
    return any(goal.kind is GoalKind.SCROLL for leaf in plain for goal in matching_goals(leaf, query.goals))


def _with_totals(plan: Plan, tree: Filter) -> Plan:
    """Return the plan with the denominators its formulas need, where possible counted in a pass it makes anyway.

    Scroll depth gets a pass of its own: it alone has to look at each visit of each page, and at engagement only.
    """
    query = plan.query
    wanted = {formula.total for formula in plan.formulas}
    unconverted = tuple(node for node in query.filters if not _is_conversion(node))
    totals: list[Branch] = []
    first, *others = plan.branches
    if DEPTH in first.aggregates and (first.dimensions or len(first.aggregates) > 1):
        totals.append(replace(first, aggregates=(DEPTH,)))
        first = replace(first, aggregates=tuple(name for name in first.aggregates if name != DEPTH))
    if Total.GROUP in wanted:
        visitors = replace(query, metrics=("visitors",), filters=unconverted)
        (counted,) = plan_query(visitors).branches
        totals.append(replace(counted, aggregates=(Total.GROUP,)))
    if Total.UNCONVERTED in wanted:
        whole = push_down(AllOf(unconverted))
        totals.append(_branch(replace(query, dimensions=()), whole, Source.EVENTS, (Total.UNCONVERTED,)))
    if Total.SELECTED in wanted and first.source is Source.EVENTS and not query.dimensions:
        first = replace(first, aggregates=(*first.aggregates, Total.SELECTED))
    elif Total.SELECTED in wanted:
        totals.append(_branch(replace(query, dimensions=()), tree, Source.EVENTS, (Total.SELECTED,)))
    return replace(plan, branches=(first, *others), totals=tuple(totals))


def _with_imported(plan: Plan, sources: tuple[Source, ...]) -> Plan:
    """Return the plan with passes over imported totals, for its metrics and for every denominator (5.2).

    By page, metrics of whole visits belong to the landing page here as everywhere, which is another report's.
    """
    query = plan.query
    by_page = PAGE in query.dimensions
    of_visits = [by_page and source is Source.SESSIONS for source in sources]
    passes = []
    if not all(of_visits):
        names = _imported_names(plan, [not landed for landed in of_visits])
        passes.append(_imported_branch(query, (VISITORS, *names)))
    if any(of_visits):
        dimensions = tuple(ENTRY_PAGE if name == PAGE else name for name in query.dimensions)
        landed = replace(query, dimensions=dimensions, filters=tuple(map(on_landing_page, query.filters)))
        passes.append(_imported_branch(landed, _imported_names(plan, of_visits)))
    visitors = replace(query, metrics=("visitors",))
    whole = replace(visitors, dimensions=())
    unconverted = tuple(node for node in query.filters if not _is_conversion(node))
    everybody = {
        Total.SELECTED: whole,
        Total.UNCONVERTED: replace(whole, filters=unconverted),
        Total.GROUP: replace(visitors, filters=unconverted),
    }
    wanted = {formula.total for formula in plan.formulas}
    totals = [_imported_branch(asked, (f"i_{total}",)) for total, asked in everybody.items() if total in wanted]
    return replace(plan, imported=tuple(passes), totals=(*plan.totals, *totals))


def _imported_names(plan: Plan, wanted: list[bool]) -> tuple[str, ...]:
    """Return the imported aggregates of the metrics that are wanted, but for visitors."""
    chosen = (formula.imported for formula, is_wanted in zip(plan.formulas, wanted, strict=True) if is_wanted)
    return tuple(dict.fromkeys(name for names in chosen for name in names if name != VISITORS))


def _imported_branch(query: Query, aggregates: tuple[str, ...]) -> Branch:
    """Return a pass over the imported totals that a query is about."""
    return Branch(
        Source.IMPORTED,
        tuple(map(dimension_for, query.dimensions)),
        aggregates,
        condition=push_down(AllOf(query.filters)) if query.filters else None,
        member=None,
        reports=reports_for(query.dimensions, query.filters, query.goals),
        skips_unviewed=not COUNTED_BY_PAGEVIEWS.isdisjoint(query.metrics),
    )


def _is_conversion(node: Filter) -> bool:
    """Tell whether a top-level filter is one that denominators of conversion rates do without."""
    return isinstance(node, Leaf) and (node.dimension == GOAL or node.dimension.startswith(PROPERTY_PREFIX))


def _sources(query: Query, tree: Filter) -> tuple[Source, ...]:
    """Return where each metric comes from, by the first matching rule of the contract's table."""
    kinds = [
        Kind.EITHER if query.session_counters and METRICS[name].counter else METRICS[name].kind
        for name in query.metrics
    ]
    grouped = {dimension_for(name).kind for name in query.dimensions}
    filtered = {dimension_for(leaf.dimension).kind for leaf in leaves(tree)}
    no_event_rows = Kind.EVENT not in kinds and Kind.EVENT not in grouped
    no_session_rows = Kind.SESSION not in kinds and Kind.SESSION not in grouped
    if no_event_rows and Kind.EVENT not in filtered:
        either = Source.SESSIONS
    elif no_session_rows and Kind.SESSION not in filtered:
        either = Source.EVENTS
    else:
        either = Source.SESSIONS if no_event_rows else Source.EVENTS
    if either is Source.SESSIONS and HOUR in query.dimensions:
        either = Source.SPREAD
    of_kind = {Kind.EVENT: Source.EVENTS, Kind.SESSION: Source.SESSIONS, Kind.EITHER: either}
    return tuple(of_kind[kind] for kind in kinds)


def _aggregates(source: Source, sources: tuple[Source, ...], formulas: tuple[Formula, ...]) -> tuple[str, ...]:
    wanted = (formula.aggregates for formula, of in zip(formulas, sources, strict=True) if of is source)
    return tuple(dict.fromkeys(name for names in wanted for name in names))


def _branch(query: Query, tree: Filter, source: Source, aggregates: tuple[str, ...]) -> Branch:
    dimensions = tuple(map(dimension_for, query.dimensions))
    if source is Source.EVENTS:
        return Branch(
            source,
            dimensions,
            aggregates,
            condition=keep(tree, lambda leaf: _kind(leaf) is not Kind.SESSION),
            member=_judged_elsewhere(tree, Kind.SESSION, Kind.EVENT),
            joined=tuple(dimension for dimension in dimensions if dimension.kind is Kind.SESSION),
        )
    by_page = PAGE in query.dimensions
    if by_page:
        tree = on_landing_page(tree)
        dimensions = tuple(dimension_for(ENTRY_PAGE if name == PAGE else name) for name in query.dimensions)
    condition = keep(tree, lambda leaf: _kind(leaf) is not Kind.EVENT)
    changing = [dimension.changing for dimension in dimensions if (source, dimension.name) != (Source.SPREAD, HOUR)]
    if condition is not None:
        changing += [dimension_for(leaf.dimension).changing for leaf in leaves(condition)]
    return Branch(
        source,
        dimensions,
        aggregates,
        condition,
        member=_judged_elsewhere(tree, Kind.EVENT, Kind.SESSION),
        entered=None if by_page or NARROWED_TO_LANDINGS.isdisjoint(aggregates) else _landing_condition(tree),
        mixes_states=any(changing),
        skips_replaced=any(changing) and not DISTINCT_OVER_SESSIONS.isdisjoint(aggregates),
    )


def _judged_elsewhere(tree: Filter, foreign: Kind, own: Kind) -> Filter | None:
    """Return what the other table judges: the tree with leaves of `own` kind true, if any leaf is of `foreign` kind.

    Where that leaves nothing to judge, the other table must still have a row of the visit in the range (2.2).
    """
    if all(_kind(leaf) is not foreign for leaf in leaves(tree)):
        return None
    return keep(tree, lambda leaf: _kind(leaf) is not own) or AllOf(())


def _landing_condition(tree: Filter) -> Filter | None:
    """Return the first top-level comparison of the page, moved to the landing page (2.4, bounce rate)."""
    for node in tree.children if isinstance(tree, AllOf) else ():
        if isinstance(node, Leaf | Not) and next(leaves(node)).dimension == PAGE:
            return on_landing_page(node)
    return None


def _kind(leaf: Leaf) -> Kind:
    return dimension_for(leaf.dimension).kind

"""Which imported daily totals answer a query: the reports that know all of it, or why none does (stats contract 5.2).

A report is one table of totals by day and by the values of its own dimensions. It can be grouped and filtered by these,
by day, week and month, and by nothing else: two reports cannot be told together.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Final

from accounts.types import ImportRef
from goals.types import GoalKind, GoalSpec
from stats.query.dimensions import (
    ENTRY_PAGE,
    GOAL,
    HOSTNAME,
    HOUR,
    PAGE,
    PROPERTY_PREFIX,
    is_time,
)
from stats.query.filters import behaviours, leaves
from stats.query.goals import matching_goals
from stats.query.types import DatePair, Filter, Imports, Leaf, Operator, Report, SkipReason

NAME: Final = "event:name"
IMPORTS_WARNINGS: Final[Mapping[SkipReason, str]] = {
    SkipReason.UNSUPPORTED_INTERVAL: "Imported statistics are by day, so they are not part of hourly numbers.",
    SkipReason.UNSUPPORTED_QUERY: "Imported statistics do not tell of this combination of dimensions and filters, so "
    "they are not part of the numbers.",
}
DIMENSIONS_OF: Final[Mapping[Report, tuple[str, ...]]] = {
    Report.VISITORS: (),
    Report.SOURCES: (
        *("visit:source", "visit:channel", "visit:referrer"),
        *(f"visit:utm_{name}" for name in ("source", "medium", "campaign", "content", "term")),
    ),
    Report.PAGES: (PAGE, HOSTNAME),
    Report.ENTRY_PAGES: (ENTRY_PAGE,),
    Report.EXIT_PAGES: ("visit:exit_page",),
    Report.LOCATIONS: tuple(
        f"visit:{name}" for name in ("country", "region", "city", "country_name", "region_name", "city_name")
    ),
    Report.DEVICES: ("visit:device", "visit:screen"),
    Report.BROWSERS: ("visit:browser", "visit:browser_version"),
    Report.OPERATING_SYSTEMS: ("visit:os", "visit:os_version"),
    Report.CUSTOM_EVENTS: (NAME,),
}
REPORT_OF: Final[Mapping[str, Report]] = {name: report for report, names in DIMENSIONS_OF.items() for name in names}
# The two properties that custom events are imported with, and the events that have them.
EVENTS_WITH: Final[Mapping[str, frozenset[str]]] = {
    f"{PROPERTY_PREFIX}url": frozenset({"Outbound Link: Click", "Cloaked Link: Click", "File Download"}),
    f"{PROPERTY_PREFIX}path": frozenset({"404", "WP Form Completions", "Form: Submission"}),
}
# Values of these that nobody knows are no group of an import; of all others they are one.
ONLY_KNOWN_VALUES: Final = frozenset(
    {*(name for name in DIMENSIONS_OF[Report.SOURCES] if ":utm_" in name), *DIMENSIONS_OF[Report.LOCATIONS]}
)


def choose_imports(
    imports: Sequence[ImportRef],
    days: DatePair,
    dimensions: Sequence[str],
    filters: Sequence[Filter],
    goals: Sequence[GoalSpec],
) -> Imports | SkipReason:
    """Return which of a site's imports a query over local dates merges, or why it merges none.

    `dimensions` and `filters` are the executed ones, `goals` the site's where the query mentions any.
    """
    if not imports:
        return SkipReason.NO_IMPORTED_DATA
    found = [one for one in imports if one.first_on <= days.last and days.first <= one.last_on]
    if not found:
        return SkipReason.OUT_OF_RANGE
    if HOUR in dimensions:
        return SkipReason.UNSUPPORTED_INTERVAL
    if not reports_for(dimensions, filters, goals):
        return SkipReason.UNSUPPORTED_QUERY
    return Imports(tuple(one.id for one in found), days, any(one.has_scroll_depth for one in found))


def reports_for(dimensions: Sequence[str], filters: Sequence[Filter], goals: Sequence[GoalSpec]) -> tuple[Report, ...]:
    """Return the reports whose rows answer a query: one, or two for goals of all kinds; none where it is too much."""
    if any(True for node in filters for _ in behaviours(node)):
        return ()
    found = [leaf for node in filters for leaf in leaves(node)]
    grouped = [name for name in dimensions if not is_time(name)]
    properties = {name for name in (*grouped, *(leaf.dimension for leaf in found)) if name.startswith(PROPERTY_PREFIX)}
    if properties:
        return _reports_of_properties(properties, dimensions, filters, goals)
    filtered = {report for leaf in found for report in _reports_of_leaf(leaf, goals)}
    if GOAL in grouped:
        by_goal_only = len(grouped) == 1 and all(leaf.dimension in {GOAL, PAGE, NAME} for leaf in found)
        return _reports_of_goals(filtered) if by_goal_only else ()
    (first, *others) = {*(REPORT_OF.get(name) for name in grouped), *filtered} or {Report.VISITORS}
    return () if others or first is None else (first,)


def _reports_of_leaf(leaf: Leaf, goals: Sequence[GoalSpec]) -> set[Report | None]:
    """Return the reports that can judge a comparison, None among them where none can."""
    if leaf.dimension != GOAL:
        return {REPORT_OF.get(leaf.dimension)}
    return {_report_of_goal(goal) for goal in matching_goals(leaf, goals)} or {None}


def _report_of_goal(goal: GoalSpec) -> Report | None:
    """Return the report that tells of a goal; none knows how far people scrolled there, nor an event's properties."""
    if goal.kind is GoalKind.PAGE:
        return Report.PAGES
    return Report.CUSTOM_EVENTS if goal.kind is GoalKind.EVENT and not goal.custom_props else None


def _reports_of_goals(filtered: Collection[Report | None]) -> tuple[Report, ...]:
    """Return the reports of a query by goal, whose filters are of pages only, of events only, or absent."""
    if not filtered:
        return (Report.PAGES, Report.CUSTOM_EVENTS)
    (first, *others) = filtered
    return () if others or first is None else (first,)


def _reports_of_properties(
    properties: Collection[str], dimensions: Sequence[str], filters: Sequence[Filter], goals: Sequence[GoalSpec]
) -> tuple[Report, ...]:
    """Return the report of custom events for one of its two properties, beside filters that name events with it."""
    (name, *others) = properties
    if others or name not in EVENTS_WITH:
        return ()
    if name in dimensions:
        suits = len(dimensions) == 1
    else:
        suits = len(dimensions) <= 1 and all(one in {GOAL, NAME} or is_time(one) for one in dimensions)
    rest = [node for node in filters if {leaf.dimension for leaf in leaves(node)} != {name}]
    is_told = bool(rest) and all(_names_events(node, EVENTS_WITH[name], goals) for node in rest)
    return (Report.CUSTOM_EVENTS,) if suits and is_told else ()


def _names_events(node: Filter, names: Collection[str], goals: Sequence[GoalSpec]) -> bool:
    """Tell whether a top-level filter lets through nothing but events of these names."""
    if not isinstance(node, Leaf) or node.operator is not Operator.IS or not node.clauses:
        return False
    if node.dimension == NAME:
        return all(clause in names for clause in node.clauses)
    if node.dimension != GOAL:
        return False
    found = matching_goals(node, goals)
    return bool(found) and all(
        _report_of_goal(goal) is Report.CUSTOM_EVENTS and goal.event_name in names for goal in found
    )

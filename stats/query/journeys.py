"""Journeys: the ways that visits take over pages, and goals where asked for, most frequent first.

The rule:
- A visit's way is its pageviews in the order of time, each the page's path; an event that reaches a shown goal adds the
  goal. What happened within one second is in the order of paths, then of goals' names. Repeats in a row are one.
- It is cut to the first `depth` places of the visit, of what begins with the first occurrence of `start`, or of what
  ends with the first occurrence of `end`; then visits without that place are left out.
- Only events inside of the range and passing the query's filters are looked at, so a filter of pages takes the others
  out of the ways; `has_done` chooses visits.
- Ways that tie are in the order of visitors, then of their places' texts.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from enum import StrEnum
from typing import Any, Final

from accounts.types import SiteRef
from analytics_project.errors import InvalidQuery
from goals.types import GoalSpec
from stats.query.build import Query, build_query
from stats.query.compile import Statement, rows_sql
from stats.query.compile_filters import Scope, goal_numbers_sql, goals_sql
from stats.query.plan import events_of
from stats.query.types import Include, QueryParams
from stats.store.client import EventStore

LEAST_DEPTH: Final = 2
MOST_DEPTH: Final = 10
DEFAULT_DEPTH: Final = 4


class PlaceKind(StrEnum):
    """What a place of a way is; the values order places of one second."""

    PAGE = "1"
    GOAL = "2"


@dataclass(frozen=True, slots=True)
class Place:
    """A page by its path, or a goal by its display name."""

    kind: PlaceKind
    name: str


@dataclass(frozen=True, slots=True)
class JourneyParams:
    """A request whose shape is right. `goals` are the display names of goals to show, None for all of the site's."""

    query: QueryParams
    depth: int = DEFAULT_DEPTH
    goals: tuple[str, ...] | None = ()
    start: Place | None = None
    end: Place | None = None

    @property
    def needs_goals(self) -> bool:
        """Tell whether the site's goals are needed to find the ways."""
        return self.goals != () or any(one is not None and one.kind is PlaceKind.GOAL for one in (self.start, self.end))


@dataclass(frozen=True, slots=True)
class Journeys:
    """Everything that decides an answer; `goals` are those shown."""

    query: Query
    depth: int
    goals: tuple[GoalSpec, ...]
    shown_goals: tuple[str, ...] | None
    start: Place | None
    end: Place | None


@dataclass(frozen=True, slots=True)
class Journey:
    """A way, how many visits took it and how many visitors these had; `share` is in percent of visits with a way."""

    places: tuple[Place, ...]
    visits: int
    visitors: int
    share: float


@dataclass(frozen=True, slots=True)
class JourneysResult:
    journeys: Journeys
    rows: tuple[Journey, ...]
    total_rows: int | None


def build_journeys(
    params: JourneyParams,
    site: SiteRef,
    now: datetime,
    *,
    stats_start_on: date | None = None,
    goals: Sequence[GoalSpec] = (),
) -> Journeys:
    """Return the complete form of a request. Arguments are those of `build_query`.

    Raises: InvalidQuery naming the member.
    """
    query = build_query(params.query, site, now, stats_start_on=stats_start_on, goals=goals)
    known = {goal.display_name for goal in goals}
    ends = {"from": params.start, "to": params.end}
    named = {f"goals[{number}]": name for number, name in enumerate(params.goals or ())}
    named |= {f"{path}.goal": one.name for path, one in ends.items() if one is not None and one.kind is PlaceKind.GOAL}
    for path, name in named.items():
        if name not in known:
            raise InvalidQuery(f"{path}: {name!r} is not a goal of this site", code="invalid_goals")
    shown = known if params.goals is None else set(named.values())
    return Journeys(
        replace(query, goals=tuple(goals)),
        params.depth,
        tuple(goal for goal in goals if goal.display_name in shown),
        params.goals,
        params.start,
        params.end,
    )


def run_journeys(store: EventStore, journeys: Journeys) -> JourneysResult:
    """Return the most frequent ways, from one statement. Raises: StoreUnavailable; InvalidQuery for an expression."""
    statement = compile_journeys(journeys)
    found = store.read_rows(statement.sql, statement.params, tag="journeys")
    rows = tuple(_journey(row, kinds=bool(journeys.goals)) for row in found)
    if Include.TOTAL_ROWS not in journeys.query.include:
        return JourneysResult(journeys, rows, None)
    return JourneysResult(journeys, rows, int(found[0]["total_rows"]) if found else 0)


def _journey(row: Mapping[str, Any], *, kinds: bool) -> Journey:
    places = (Place(PlaceKind(text[0]), text[1:]) if kinds else Place(PlaceKind.PAGE, text) for text in row["way"])
    return Journey(tuple(places), int(row["visits"]), int(row["visitors"]), float(row["share"]))


def compile_journeys(journeys: Journeys) -> Statement:
    """Return the statement of ways: `way`, `visits`, `visitors`, `share`.

    Places are paths, or where goals are shown texts that begin with their kind: it costs a tenth of the time.
    """
    query = journeys.query
    scope = Scope(query)
    walked = (
        "SELECT any(visitor_id) AS visitor, arrayCompact(arrayMap(one -> one.2, arraySort(groupArray((at, place))))) "
        f"AS walked FROM ({_places_sql(journeys, scope)}) GROUP BY session_id"
    )
    way, condition = _cut_sql(journeys, scope)
    ways = f"SELECT visitor, {way} AS way FROM ({walked}){condition}"
    columns = ["way", "count() AS visits", "uniqExact(visitor) AS visitors"]
    columns.append("round(100 * visits / sum(visits) OVER (), 2) AS share")
    if Include.TOTAL_ROWS in query.include:
        columns.append("count() OVER () AS total_rows")
    limit = "" if query.limit is None else f" LIMIT {scope.bind(query.limit, 'UInt64')}"
    return Statement(
        f"SELECT {', '.join(columns)} FROM ({ways}) GROUP BY way ORDER BY visits DESC, visitors DESC, way{limit} "
        f"OFFSET {scope.bind(query.offset, 'UInt64')}",
        scope.params,
    )


def _places_sql(journeys: Journeys, scope: Scope) -> str:
    """Return the places of all visits, one a row; where goals are shown, the kind stands before each."""
    page = "pathname"
    passes = "name = 'pageview'"
    if journeys.goals:
        names = scope.bind([goal.display_name for goal in journeys.goals], "Array(String)")
        numbers = goal_numbers_sql(journeys.goals, scope)
        goals = f"arrayMap(number -> concat('{PlaceKind.GOAL}', {names}[number]), {numbers})"
        passes = f"({passes} OR {goals_sql(journeys.goals, scope)})"
        pages = f"if(name = 'pageview', [concat('{PlaceKind.PAGE}', pathname)], [])"
        page = f"arrayJoin(arrayConcat({pages}, {goals}))"
    rows = rows_sql(events_of(journeys.query), scope, passes)
    return f"SELECT session_id, visitor_id, timestamp AS at, {page} AS place FROM {rows}"


def _cut_sql(journeys: Journeys, scope: Scope) -> tuple[str, str]:
    """Return the part of a visit's way that counts, and the condition on visits as what follows FROM."""
    depth = journeys.depth
    place = journeys.start or journeys.end
    if place is None:
        return f"arraySlice(walked, 1, {depth})", ""
    text = f"{place.kind}{place.name}" if journeys.goals else place.name
    found = f"indexOf(walked, {scope.bind(text, 'String')})"
    if journeys.start is not None:
        return f"arraySlice(walked, {found}, {depth})", f" WHERE {found} > 0"
    begin = f"greatest(toInt64({found}) - {depth - 1}, 1)"
    return f"arraySlice(walked, {begin}, {found} - {begin} + 1)", f" WHERE {found} > 0"

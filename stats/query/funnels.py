"""Funnels: how many visitors, or visits, took how many of a series of steps in order.

The rule, which Plausible's default funnels share in the main:
- A step is taken by one event, and no event takes two. Other events may lie between, a step may come again later on.
- Events count in the order of their seconds. Of those in one second comes first the one whose first fitting step is
  earlier, then the one that lacks the last step that only one of them fits: so steps may be taken within a second
  whichever event was first. Events of one second that fit the same steps count as one.
- With a conversion window the last step lies at most that many seconds after the first. A visitor may begin anew, and
  counts with the farthest step ever reached.
- Only events inside of the range and passing the query's filters are looked at. With a dimension each row is the funnel
  of the events that have that value, as if it were a filter.

The database's own `windowFunnel` lets an event take several steps, and its strict mode takes time that grows with the
power of steps to tell them apart. So each pair of an event and a step that it fits becomes an entry with a moment of
its own, later steps of an event first: then no chain holds an event twice.
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
from stats.query.compile import Statement, group_sql, rows_sql
from stats.query.compile_filters import Scope, condition_sql
from stats.query.dimensions import DIMENSIONS
from stats.query.plan import events_of
from stats.query.steps import Step, check_steps
from stats.query.types import Include, QueryParams, Value
from stats.store.client import EventStore

# A moment is the second times 65,536, and a number below 16,384 that orders what happened within it.
_SECOND: Final = 65_536
_MOST_WITHIN_A_SECOND: Final = 16_384
_ENDLESS: Final = 2**48
_VISIT: Final = "visit:"


class Unit(StrEnum):
    """What goes through a funnel."""

    VISITORS = "visitors"
    VISITS = "visits"


_COLUMN_OF: Final[Mapping[Unit, str]] = {Unit.VISITORS: "visitor_id", Unit.VISITS: "session_id"}


@dataclass(frozen=True, slots=True)
class FunnelParams:
    """A request whose shape is right. `query` holds what all queries have; either `steps` or `funnel` is given.

    `funnel` is the number or the name of a funnel that the site has defined.
    """

    query: QueryParams
    steps: tuple[Step, ...] = ()
    funnel: int | str | None = None
    unit: Unit = Unit.VISITORS
    within_s: int | None = None


@dataclass(frozen=True, slots=True)
class Funnel:
    """Everything that decides an answer; `within_s` None is as long as the range."""

    query: Query
    steps: tuple[Step, ...]
    unit: Unit
    within_s: int | None


@dataclass(frozen=True, slots=True)
class FunnelRow:
    """Counts and percentages, one for each step in its order.

    `shares` are of those who took the first step, `step_shares` and `drop_off_shares` of those who took the step
    before; the first step's are 100 and 0. A percentage of nobody is 0.
    """

    dimensions: tuple[Value, ...]
    reached: tuple[int, ...]
    shares: tuple[float, ...]
    step_shares: tuple[float, ...]
    drop_offs: tuple[int, ...]
    drop_off_shares: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class FunnelResult:
    """Exactly one row without a dimension, else the groups that anybody entered in, largest first."""

    funnel: Funnel
    rows: tuple[FunnelRow, ...]
    total_rows: int | None


def build_funnel(
    params: FunnelParams,
    site: SiteRef,
    now: datetime,
    *,
    stats_start_on: date | None = None,
    goals: Sequence[GoalSpec] = (),
) -> Funnel:
    """Return the complete funnel of a request whose steps are known.

    Arguments are those of `build_query`. Raises: InvalidQuery naming the member.
    """
    for name in params.query.dimensions:
        if len(params.query.dimensions) > 1 or not name.startswith(_VISIT) or name not in DIMENSIONS:
            raise InvalidQuery(
                f"dimensions: {name!r}: takes one dimension of visits at most", code="invalid_dimensions"
            )
    query = build_query(params.query, site, now, stats_start_on=stats_start_on, goals=goals)
    check_steps(params.steps, query.filters, goals)
    return Funnel(replace(query, goals=tuple(goals)), params.steps, params.unit, params.within_s)


def run_funnel(store: EventStore, funnel: Funnel) -> FunnelResult:
    """Return how far visitors came, from one statement. Raises: StoreUnavailable; InvalidQuery for a bad expression."""
    statement = compile_funnel(funnel)
    found = store.read_rows(statement.sql, statement.params, tag="funnel")
    rows = tuple(_row(values, len(funnel.query.dimensions)) for values in found)
    if Include.TOTAL_ROWS not in funnel.query.include:
        return FunnelResult(funnel, rows, None)
    return FunnelResult(funnel, rows, int(found[0]["total_rows"]) if found else 0)


def _row(values: Mapping[str, Any], dimensions: int) -> FunnelRow:
    return FunnelRow(
        tuple(values[f"g{number}"] for number in range(dimensions)),
        reached=tuple(values["reached"]),
        shares=tuple(map(float, values["shares"])),
        step_shares=tuple(map(float, values["step_shares"])),
        drop_offs=tuple(values["drop_offs"]),
        drop_off_shares=tuple(map(float, values["drop_off_shares"])),
    )


def compile_funnel(funnel: Funnel) -> Statement:
    """Return the statement of a funnel: columns g0… for dimensions, and one array for each member of `FunnelRow`."""
    query = funnel.query
    scope = Scope(query)
    groups = [f"g{number}" for number in range(len(query.dimensions))]
    counted = ", ".join(f"countIf(level >= {number})" for number in range(1, len(funnel.steps) + 1))
    levels = f"SELECT {', '.join([*groups, f'[{counted}] AS reached'])} FROM ({_levels_sql(funnel, scope)})"
    columns = [*groups, *_SHARES]
    if Include.TOTAL_ROWS in query.include:
        columns.append("count() OVER () AS total_rows")
    if not groups:
        return Statement(f"SELECT {', '.join(columns)} FROM ({levels})", scope.params)
    levels += f" GROUP BY {', '.join(groups)}"
    sql = f"SELECT {', '.join(columns)} FROM ({levels}) WHERE reached[1] > 0"
    sql += f" ORDER BY reached[1] DESC, {', '.join(groups)}"
    if query.limit is not None:
        sql += f" LIMIT {scope.bind(query.limit, 'UInt64')} OFFSET {scope.bind(query.offset, 'UInt64')}"
    return Statement(sql, scope.params)


def _percent(part: str, whole: str) -> str:
    return f"if({whole} > 0, round(100 * ({part}) / {whole}, 2), 0)"


_SHARES: Final = (
    "reached",
    "arrayPushFront(arrayPopBack(reached), reached[1]) AS before",
    f"arrayMap(n -> {_percent('n', 'reached[1]')}, reached) AS shares",
    f"arrayMap((n, whole) -> {_percent('n', 'whole')}, reached, before) AS step_shares",
    "arrayMap((n, whole) -> toInt64(whole) - n, reached, before) AS drop_offs",
    f"arrayMap((n, whole) -> {_percent('toInt64(whole) - n', 'whole')}, reached, before) AS drop_off_shares",
)


def _levels_sql(funnel: Funnel, scope: Scope) -> str:
    """Return how many steps each visitor or visit took at best: groups g0…, `level`."""
    branch = events_of(funnel.query)
    groups = [f"g{number}" for number in range(len(branch.dimensions))]
    grouped = [
        f"{group_sql(one, branch, scope)} AS {name}" for one, name in zip(branch.dimensions, groups, strict=True)
    ]
    conditions = [condition_sql(step.looked_for, scope) for step in funnel.steps]
    fits = " + ".join(f"{2**number} * ({condition})" for number, condition in enumerate(conditions))
    any_fits = " OR ".join(f"({condition})" for condition in conditions)
    events = (
        f"SELECT {', '.join([*grouped, _COLUMN_OF[funnel.unit]])} AS who, timestamp AS at, toUInt8({fits}) AS fits, "
        f"bitPositionsToArray(fits) AS fitting FROM {rows_sql(branch, scope, f'({any_fits})')}"
    )
    moment = f"toUInt64(toUInt64(at) * {_SECOND} + (fitting[1] * 256 + fits) * 8 + 7 - step)"
    entries = f"SELECT {', '.join([*groups, 'who'])}, arrayJoin(fitting) AS step, {moment} AS moment FROM ({events})"
    window = _ENDLESS if funnel.within_s is None else funnel.within_s * _SECOND + _MOST_WITHIN_A_SECOND
    steps = ", ".join(f"step = {number}" for number in range(len(funnel.steps)))
    level = f"windowFunnel({scope.bind(window, 'UInt64')})(moment, {steps}) AS level"
    return f"SELECT {', '.join([*groups, level])} FROM ({entries}) GROUP BY {', '.join([*groups, 'who'])}"

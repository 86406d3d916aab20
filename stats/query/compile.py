"""Plan → Statement: one SELECT, values only as server-side parameters, names only from the registries.

Shape: each branch is one grouped pass over one table; the outermost SELECT joins at most two of them on their groups,
adds the denominators of rates, turns aggregates into metrics, orders and cuts. A UNION ALL regrouped once more cost a
tenth more than the join. Denominators are passes of their own, which read two columns more and took 1.2 to 1.6 times
the time of the same report without them; states merged over all groups took 1.3 (3 sources) to 3 times (1 M pages).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from stats.query.build import Query
from stats.query.compile_filters import (
    Scope,
    condition_sql,
    events_range,
    goals_sql,
    sessions_range,
    visits_of_days,
)
from stats.query.compile_imports import imported_sql
from stats.query.dimensions import (
    BEFORE_QUARTER,
    DIMENSIONS,
    FIRST_QUARTER,
    GOAL,
    HOUR,
    QUARTER_S,
    QUARTER_START,
    SPREAD_HOURS,
    SPREAD_QUARTERS,
    Dimension,
    dimension_for,
    is_time,
)
from stats.query.goals import goal_filters
from stats.query.imported_metrics import DEPTH_VISITS
from stats.query.metrics import (
    AGGREGATES,
    DEEPEST_OF_VISIT,
    DEPTH,
    FROM_VISITS,
    MEAN_OF_DEEPEST,
    SUM_OF_DEEPEST,
    TELLS_DEPTH,
    Source,
)
from stats.query.plan import Branch, Plan
from stats.query.types import DimensionValues, Include

_ON_EVENTS: Final = "visit_"


@dataclass(frozen=True, slots=True)
class Statement:
    """Text with `{name:Type}` placeholders, and their values by name."""

    sql: str
    params: Mapping[str, object]


def compile_plan(plan: Plan) -> Statement:
    """Return the statement of a plan: columns d0… for dimensions, m0… for metrics, `total_rows` where asked for."""
    scope = Scope(plan.query)
    query = plan.query
    columns = [f"{_shown(name, n, scope)} AS d{n}" for n, name in enumerate(query.dimensions)]
    columns += [f"{formula.expression.format_map(scope)} AS m{n}" for n, formula in enumerate(plan.formulas)]
    if _counts_rows(query):
        columns.append("count() OVER () AS total_rows")
    shown = f"SELECT {', '.join(columns)}"
    rows = [
        *_rows_sql(query.hidden, "NOT IN", scope),
        *_rows_sql(query.only, "IN", scope),
        *_clip_sql(plan, scope),
    ]
    if _is_one_pass(plan) and not rows:  # a level less saves 0.3 ms
        aggregated, rest = _pass_sql(plan.branches[0], scope)
        sql = f"WITH {aggregated} {shown} {rest}"
    else:
        sql = f"{shown} FROM {_join_sql(plan, scope)}"
        if rows:
            sql += f" WHERE {' AND '.join(rows)}"
    if query.dimensions:
        sql += f" ORDER BY {_order_sql(query)}"
        if query.limit is not None:
            sql += f" LIMIT {query.limit:d} OFFSET {query.offset:d}"
    return Statement(sql, scope.params)


def _is_one_pass(plan: Plan) -> bool:
    """Tell whether one grouped pass answers everything, so that its aggregates may be shown where they are made.

    Without groups at least one of them must be shown: a SELECT of constants alone would have a row for each it reads.
    """
    first, *others = plan.branches
    if others or plan.imported or plan.totals or first.aggregates == (DEPTH,) or _counts_rows(plan.query):
        return False
    shown = " ".join(formula.expression for formula in plan.formulas)
    return bool(first.dimensions) or any(name in shown for name in first.aggregates)


def _counts_rows(query: Query) -> bool:
    return Include.TOTAL_ROWS in query.include


def compile_first_event(site_id: int, reset_at: int) -> Statement:
    """Return the statement for the unix second of a site's first event from `reset_at` on, and whether it has one."""
    site = "site_id = {site:UInt32}"
    after = "timestamp >= toDateTime({reset:UInt32}, 'UTC')"
    first_day = f"SELECT day FROM events WHERE {site} AND {after} ORDER BY site_id, day LIMIT 1"
    sql = (
        f"SELECT toUnixTimestamp(min(timestamp)) AS first, count() AS events FROM events "
        f"WHERE {site} AND {after} AND day <= ({first_day}) + 2"
    )
    return Statement(sql, {"site": site_id, "reset": reset_at})


def _shown(name: str, number: int, scope: Scope) -> str:
    if name == GOAL:
        return f"arrayElement({scope['goal_names']}, g{number})"
    return f"toString(g{number})" if is_time(name) else f"g{number}"


def _order_sql(query: Query) -> str:
    """Return the requested order, ties broken by all dimensions, so that pages never repeat a row."""
    columns = {name: f"d{n}" for n, name in enumerate(query.dimensions)}
    columns |= {name: f"m{n}" for n, name in enumerate(query.metrics)}
    ordered: dict[str, str] = {}
    for item in query.order_by:
        ordered.setdefault(columns[item.field], "DESC" if item.descending else "ASC")
    for n in range(len(query.dimensions)):
        ordered.setdefault(f"d{n}", "ASC")
    needed = 1 + max(list(ordered).index(f"d{n}") for n in range(len(query.dimensions)))  # rows differ in dimensions
    return ", ".join(f"{column} {direction} NULLS LAST" for column, direction in list(ordered.items())[:needed])


def _rows_sql(values: DimensionValues, operator: str, scope: Scope) -> list[str]:
    """Return conditions on finished rows, by the values they show."""
    conditions = []
    for name, wanted in values:
        kind = "Array(UInt32)" if dimension_for(name).is_number else "Array(String)"
        group = scope.query.dimensions.index(name)
        shown = f"g{group}" if is_time(name) else _shown(name, group, scope)
        conditions.append(f"{shown} {operator} {scope.bind(list(wanted), kind)}")
    return conditions


def _clip_sql(plan: Plan, scope: Scope) -> list[str]:
    """Return the condition that drops hours after the range, which a full join takes from visits that last on."""
    if not plan.full_join:
        return []
    last_hour = scope.column(DIMENSIONS[HOUR], at=f"toDateTime({scope.instant(plan.query.dates.last_at)}, 'UTC')")
    return [f"g{plan.query.dimensions.index(HOUR)} <= {last_hour}"]


def _join_sql(plan: Plan, scope: Scope) -> str:
    """Return the branches joined on their groups, what the second lacks being zero there, and the denominators.

    Imported totals join the first branch before anything else, so that both make the rows.
    """
    first, *others = (f"({_branch_sql(branch, scope)})" for branch in plan.branches)
    imported = [f"({_branch_sql(branch, scope)})" for branch in plan.imported]
    groups = ", ".join(f"g{n}" for n in range(len(plan.query.dimensions)))
    if imported and groups:
        first = f"(SELECT * FROM {first} AS own FULL JOIN {imported.pop(0)} AS other USING ({groups}))"
    sql = f"{first} AS u"
    for alias, other in zip("vw", [*others, *imported], strict=False):
        joined = f"{'FULL' if plan.full_join else 'LEFT'} JOIN {other} AS {alias} USING ({groups})"
        sql += f" {joined if groups else f'CROSS JOIN {other} AS {alias}'}"
    for number, total in enumerate(plan.totals):
        counted = f"({_branch_sql(total, scope)}) AS t{number}"
        sql += f" LEFT JOIN {counted} USING ({groups})" if total.dimensions else f" CROSS JOIN {counted}"
    return sql


def _branch_sql(branch: Branch, scope: Scope) -> str:
    """Return one grouped pass: groups g0…, then the branch's aggregates by name."""
    if branch.aggregates == (DEPTH,):
        return _depth_sql(branch, scope)
    if branch.source is Source.IMPORTED and scope.query.imports is not None:
        return imported_sql(branch, scope.query.imports, scope)
    columns, rest = _pass_sql(branch, scope)
    return f"SELECT {columns} {rest}"


def _pass_sql(branch: Branch, scope: Scope) -> tuple[str, str]:
    """Return the named groups and aggregates of a pass over rows of our own, and from what they are made."""
    groups = [group_sql(dimension, branch, scope) for dimension in branch.dimensions]
    columns = [f"{group} AS g{n}" for n, group in enumerate(groups)]
    marks = _marks(branch, scope)
    expressions = {**AGGREGATES, **FROM_VISITS} if branch.source is Source.DAYS else AGGREGATES
    columns += _aggregates_sql({name: expressions[name].format_map(marks) for name in branch.aggregates})
    sql = f"FROM {rows_sql(branch, scope)}"
    if groups:
        sql += f" GROUP BY {', '.join(f'g{n}' for n in range(len(groups)))}"
    if groups and branch.source is Source.DAYS and _holds_visits(branch):
        sql += f" HAVING {expressions['e_visits'].format_map(marks)} > 0"
    elif groups and branch.mixes_states and not branch.skips_replaced:
        sql += " HAVING sum(sign) > 0"
    return ", ".join(columns), sql


def _aggregates_sql(expressions: Mapping[str, str]) -> list[str]:
    """Return named columns; of those with one expression all but the first refer to it."""
    names: dict[str, str] = {}
    return [f"{names.get(sql, sql)} AS {names.setdefault(sql, name) and name}" for name, sql in expressions.items()]


def _marks(branch: Branch, scope: Scope) -> dict[str, str]:
    """Return the conditions on single rows that aggregates of a branch mention."""
    marks = {
        "weight": "sign * is_visit" if branch.source is Source.DAYS else "sign",
        **_only("entered", "" if branch.entered is None else condition_sql(branch.entered, scope)),
    }
    if branch.source is Source.DAYS:
        marks |= _day_marks(branch, scope)
    if branch.source is Source.SPREAD:
        marks |= _only("enters_hour", _enters_hour(scope))
    return marks


def _only(name: str, condition: str) -> dict[str, str]:
    """Return the marks that narrow an aggregate to a condition; without one they are empty."""
    return {f"if_{name}": "If", name: f", {condition}"} if condition else {f"if_{name}": "", name: ""}


def _enters_hour(scope: Scope) -> str:
    """Return what tells the first of the rows that a visit has in an hour; nothing where it has but one."""
    if _spreads_hours(scope):
        return ""
    hour, before = (scope.column(DIMENSIONS[HOUR], at=at) for at in (QUARTER_START, BEFORE_QUARTER))
    return f"quarter = {FIRST_QUARTER} OR {hour} != {before}"


def _spreads_hours(scope: Scope) -> bool:
    """Tell whether visits can be spread over local hours at once: clocks do not change, and quarters are quarters."""
    return scope.utc_offset_s is not None and scope.utc_offset_s % QUARTER_S == 0


def _day_marks(branch: Branch, scope: Scope) -> dict[str, str]:
    """Return which rows are of the days asked for, and which entries are of visits that their group lacks else."""
    of_other_groups = [f"visit_day < {scope['first_day']}"]
    for dimension in branch.dimensions:
        if dimension.of_day:
            of_other_groups.append(f"{scope.bucket(dimension, 'day')} != {scope.bucket(dimension, 'visit_day')}")
    return {
        **_only("inside", f"day >= {scope['first_day']}" if _holds_visits(branch) else ""),
        "came_over": f"NOT is_visit AND ({' OR '.join(of_other_groups)})",
    }


def _holds_visits(branch: Branch) -> bool:
    """Tell whether a pass over days also aggregates the visits that last into them."""
    return not FROM_VISITS.keys() >= set(branch.aggregates)


def _depth_sql(branch: Branch, scope: Scope) -> str:
    """Return one pass over engagement, grouped by visit as well and then without it."""
    names = [f"g{n}" for n in range(len(branch.dimensions))]
    groups = [f"{group_sql(dimension, branch, scope)} AS g{n}" for n, dimension in enumerate(branch.dimensions)]
    where = " AND ".join([*events_where(branch, scope), TELLS_DEPTH])
    visits = (
        f"SELECT {', '.join([*groups, f'{DEEPEST_OF_VISIT} AS deepest'])} FROM {_rows_of(branch, where, scope)} "
        f"GROUP BY {', '.join([*names, 'session_id'])}"
    )
    found = [f"{MEAN_OF_DEEPEST} AS {DEPTH}"]
    if scope.query.imports is not None:  # what is imported has to be added before anything is divided
        found = [f"{SUM_OF_DEEPEST} AS {DEPTH}", f"count() AS {DEPTH_VISITS}"]
    sql = f"SELECT {', '.join([*names, *found])} FROM ({visits})"
    return sql + (f" GROUP BY {', '.join(names)}" if names else "")


def group_sql(dimension: Dimension, branch: Branch, scope: Scope) -> str:
    """Return what rows of a pass are grouped by for one of its dimensions."""
    if branch.source is Source.SPREAD and dimension.name == HOUR:
        return SPREAD_HOURS.format_map(scope) if _spreads_hours(scope) else scope.column(dimension, at=QUARTER_START)
    if branch.source in {Source.EVENTS, Source.DAYS} and scope.query.whole_days and dimension.of_day:
        return scope.bucket(dimension, "day")
    column = scope.column(dimension, shown=True)
    return f"{_ON_EVENTS}{column}" if dimension in branch.joined else column


def rows_sql(branch: Branch, scope: Scope, *conditions: str) -> str:
    """Return the rows that a pass selects and that fulfil further conditions, as what follows FROM."""
    return _rows_of(branch, " AND ".join([*_WHERE[branch.source](branch, scope), *conditions]), scope)


def _rows_of(branch: Branch, where: str, scope: Scope) -> str:
    """Return the selected rows of a branch, as what follows FROM.

    TRICKY: visits are selected before they are spread. In one SELECT the database moves the condition in front of the
    spreading itself, and once it compiles such conditions (at the fourth of a kind), some fail with ILLEGAL_COLUMN.
    """
    sessions = "sessions FINAL" if branch.skips_replaced else "sessions"
    if branch.source is Source.SPREAD and not _spreads_hours(scope):
        return f"(SELECT * FROM {sessions} WHERE {where}) ARRAY JOIN {SPREAD_QUARTERS}"
    if branch.source is not Source.EVENTS:
        return f"{sessions} WHERE {where}"
    if not branch.joined:
        return f"events WHERE {where}"
    columns = list(dict.fromkeys(scope.column(dimension) for dimension in branch.joined))
    renamed = ", ".join(f"{column} AS {_ON_EVENTS}{column}" for column in columns)
    visits = f"SELECT session_id, {renamed} FROM sessions FINAL WHERE {' AND '.join(sessions_range(scope))}"
    return f"events INNER JOIN ({visits}) AS visit USING (session_id) WHERE {where}"


def events_where(branch: Branch, scope: Scope) -> list[str]:
    where = events_range(scope)
    if DIMENSIONS[GOAL] in branch.dimensions and not goal_filters(scope.query.filters):
        where.append(goals_sql(scope.goals, scope))
    if branch.condition is not None:
        where.append(condition_sql(branch.condition, scope))
    if branch.member is not None:
        inner = [*sessions_range(scope), condition_sql(branch.member, scope)]
        where.append(f"session_id IN (SELECT session_id FROM sessions FINAL WHERE {' AND '.join(inner)})")
    return where


def _days_where(branch: Branch, scope: Scope) -> list[str]:
    where = visits_of_days(scope, and_open=_holds_visits(branch))
    return where if branch.condition is None else [*where, condition_sql(branch.condition, scope)]


def _sessions_where(branch: Branch, scope: Scope) -> list[str]:
    where = sessions_range(scope)
    if branch.condition is not None:
        where.append(condition_sql(branch.condition, scope))
    if branch.member is not None:
        inner = [*events_range(scope), condition_sql(branch.member, scope)]
        where.append(f"session_id IN (SELECT session_id FROM events WHERE {' AND '.join(inner)})")
    return where


_WHERE: Final[Mapping[Source, Callable[[Branch, Scope], list[str]]]] = {
    Source.EVENTS: events_where,
    Source.DAYS: _days_where,
    Source.SPREAD: _sessions_where,
    Source.SESSIONS: _sessions_where,
}

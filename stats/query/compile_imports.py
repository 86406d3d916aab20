"""A pass over imported daily totals → SQL: which rows it reads, how it groups them (stats contract 5.2)."""

from stats.query.compile_filters import Scope, condition_sql, goals_sql
from stats.query.dimensions import DIMENSIONS, GOAL, Dimension
from stats.query.goals import goal_filters
from stats.query.imported_metrics import HAS_PAGEVIEWS, HAS_VISITORS, IMPORTED_AGGREGATES
from stats.query.imports import ONLY_KNOWN_VALUES
from stats.query.plan import Branch
from stats.query.types import Imports


def imported_sql(branch: Branch, imports: Imports, scope: Scope) -> str:
    """Return one grouped pass: groups g0…, then the branch's aggregates by name.

    A branch that no report answers reads none and has no group, or sums of nothing.
    """
    columns = [f"{_group_sql(dimension, scope)} AS g{n}" for n, dimension in enumerate(branch.dimensions)]
    columns += [f"{IMPORTED_AGGREGATES[name]} AS {name}" for name in branch.aggregates]
    where = " AND ".join(_where(branch, imports, scope))
    sql = f"SELECT {', '.join(columns)} FROM imported_aggregates WHERE {where}"
    if branch.dimensions:
        groups = ", ".join(f"g{n}" for n in range(len(branch.dimensions)))
        sql += f" GROUP BY {groups} HAVING {HAS_VISITORS}"
    return sql


def _group_sql(dimension: Dimension, scope: Scope) -> str:
    return scope.bucket(dimension, "day") if dimension.of_day else scope.column(dimension, shown=True)


def _where(branch: Branch, imports: Imports, scope: Scope) -> list[str]:
    first, last = scope.day(imports.days.first), scope.day(imports.days.last)
    where = [
        f"site_id = {scope['site']}",
        f"report IN {scope.bind([str(report) for report in branch.reports], 'Array(String)')}",
        f"day BETWEEN {first} AND {last}",
        f"import_id IN {scope.bind(list(imports.ids), 'Array(UInt64)')}",
    ]
    if branch.skips_unviewed:
        where.append(HAS_PAGEVIEWS)
    for dimension in branch.dimensions:
        if dimension.name in ONLY_KNOWN_VALUES:
            where.append(f"{scope.column(dimension)} != {'0' if dimension.is_number else repr('')}")
    if DIMENSIONS[GOAL] in branch.dimensions and not goal_filters(scope.query.filters):
        where.append(goals_sql(scope.goals, scope))
    if branch.condition is not None:
        where.append(condition_sql(branch.condition, scope))
    return where

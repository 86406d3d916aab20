"""Plan → Statement: one SELECT, values only as server-side parameters, names only from the registries.

Shape: each branch is one grouped pass over one table; the outermost SELECT joins at most two of them on their groups,
turns aggregates into metrics, orders and cuts. (A UNION ALL regrouped once more cost a tenth more than the join.)

`day` narrows the key range only. Whatever zone a row was written under, its `day` lies between the UTC dates 12 hours
before and 14 hours after its instant, so a change of a site's zone loses nothing.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from stats.query import places
from stats.query.dimensions import DIMENSIONS, HOUR, SPREAD_HOURS, Dimension, dimension_for, is_time
from stats.query.metrics import AGGREGATES, Source
from stats.query.plan import Branch, Plan
from stats.query.types import AllOf, AnyOf, Clause, DimensionValues, Filter, Include, Leaf, Not, Operator, Query

LONGEST_VISIT: Final = timedelta(days=7)
_WEST: Final = timedelta(hours=12)
_EAST: Final = timedelta(hours=14)
_MAX_UINT32: Final = 2**32 - 1
_NEGATED: Final[Mapping[Operator, Operator]] = {
    Operator.IS_NOT: Operator.IS,
    Operator.CONTAINS_NOT: Operator.CONTAINS,
    Operator.MATCHES_NOT: Operator.MATCHES,
    Operator.MATCHES_WILDCARD_NOT: Operator.MATCHES_WILDCARD,
}
_ON_EVENTS: Final = "visit_"


@dataclass(frozen=True, slots=True)
class Statement:
    """Text with `{name:Type}` placeholders, and their values by name."""

    sql: str
    params: Mapping[str, object]


class _Scope(dict[str, str]):
    """The parameters of one statement, and the placeholders of registry expressions, bound when first met."""

    def __init__(self, query: Query) -> None:
        super().__init__(at="timestamp", site="{site:UInt32}")
        self.query = query
        self.params: dict[str, object] = {"site": query.site_id}
        self.property_keys: dict[str, str] = {}

    def bind(self, value: object, type_name: str) -> str:
        """Return the placeholder of a new parameter."""
        name = f"p{len(self.params) - 1}"
        self.params[name] = value
        return f"{{{name}:{type_name}}}"

    def instant(self, at: datetime) -> str:
        return self.bind(f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S}", "DateTime('UTC')")

    def _list(self, texts: Iterable[str]) -> str:
        """Return a constant array of names. Sent as one text: 5,000 names parse in a fifth of an array's 50 ms."""
        return f"splitByChar('\\n', {self.bind(chr(10).join(texts), 'String')})"

    def __missing__(self, name: str) -> str:
        zone = ZoneInfo(self.query.timezone)
        makers: Mapping[str, Callable[[], str]] = {
            "zone": lambda: self.bind(self.query.timezone, "String"),
            "first_date": lambda: self.bind(str(self.query.dates.start_at.astimezone(zone).date()), "String"),
            "country_codes": lambda: self._list(places.country_names()[0]),
            "country_names": lambda: self._list(places.country_names()[1]),
            "region_codes": lambda: self._list(places.region_names()[0]),
            "region_names": lambda: self._list(places.region_names()[1]),
        }
        self[name] = makers[name]()
        return self[name]

    def column(self, dimension: Dimension, *, shown: bool = False, at: str = "timestamp") -> str:
        """Return a dimension's expression; `shown` gives the absent value its label."""
        expression = (shown and dimension.shown) or dimension.column
        names = {"at": at}
        if dimension.property_key:
            names["key"] = self._property_key(dimension.property_key)
        return expression.format_map(_Overlay(self, names))

    def _property_key(self, key: str) -> str:
        if key not in self.property_keys:
            self.property_keys[key] = self.bind(key, "String")
        return self.property_keys[key]


class _Overlay(dict[str, str]):
    """A few names in front of a scope."""

    def __init__(self, scope: _Scope, names: Mapping[str, str]) -> None:
        super().__init__(names)
        self.scope = scope

    def __missing__(self, name: str) -> str:
        return self.scope[name]


def compile_plan(plan: Plan) -> Statement:
    """Return the statement of a plan: columns d0… for dimensions, m0… for metrics, `total_rows` where asked for."""
    scope = _Scope(plan.query)
    query = plan.query
    columns = [f"{_shown(name, f'g{n}')} AS d{n}" for n, name in enumerate(query.dimensions)]
    columns += [f"{formula.expression} AS m{n}" for n, formula in enumerate(plan.formulas)]
    if Include.TOTAL_ROWS in query.include:
        columns.append("count() OVER () AS total_rows")
    sql = f"SELECT {', '.join(columns)} FROM {_join_sql(plan, scope)}"
    if rows := [
        *_rows_sql(query.hidden, "NOT IN", scope),
        *_rows_sql(query.only, "IN", scope),
        *_clip_sql(plan, scope),
    ]:
        sql += f" WHERE {' AND '.join(rows)}"
    if query.dimensions:
        sql += f" ORDER BY {_order_sql(query)}"
        if query.limit is not None:
            sql += f" LIMIT {scope.bind(query.limit, 'UInt64')} OFFSET {scope.bind(query.offset, 'UInt64')}"
    return Statement(sql, scope.params)


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


def _shown(name: str, group: str) -> str:
    return f"toString({group})" if is_time(name) else group


def _order_sql(query: Query) -> str:
    """Return the requested order, ties broken by all dimensions, so that pages never repeat a row."""
    columns = {name: f"d{n}" for n, name in enumerate(query.dimensions)}
    columns |= {name: f"m{n}" for n, name in enumerate(query.metrics)}
    ordered: dict[str, str] = {}
    for item in query.order_by:
        ordered.setdefault(columns[item.field], "DESC" if item.descending else "ASC")
    for n in range(len(query.dimensions)):
        ordered.setdefault(f"d{n}", "ASC")
    return ", ".join(f"{column} {direction} NULLS LAST" for column, direction in ordered.items())


def _rows_sql(values: DimensionValues, operator: str, scope: _Scope) -> list[str]:
    """Return conditions on finished rows, by the values they show."""
    conditions = []
    for name, wanted in values:
        kind = "Array(UInt32)" if dimension_for(name).is_number else "Array(String)"
        group = f"g{scope.query.dimensions.index(name)}"
        conditions.append(f"{group} {operator} {scope.bind(list(wanted), kind)}")
    return conditions


def _clip_sql(plan: Plan, scope: _Scope) -> list[str]:
    """Return the condition that drops hours after the range, which a full join takes from visits that last on."""
    if not plan.full_join:
        return []
    last_hour = scope.column(DIMENSIONS[HOUR], at=scope.instant(plan.query.dates.last_at))
    return [f"g{plan.query.dimensions.index(HOUR)} <= {last_hour}"]


def _join_sql(plan: Plan, scope: _Scope) -> str:
    """Return the branches joined on their groups; what the second lacks is zero there."""
    first, *others = (f"({_branch_sql(branch, scope)})" for branch in plan.branches)
    if not others:
        return first
    groups = ", ".join(f"g{n}" for n in range(len(plan.query.dimensions)))
    if not groups:
        return f"{first} AS u CROSS JOIN {others[0]} AS v"
    return f"{first} AS u {'FULL' if plan.full_join else 'LEFT'} JOIN {others[0]} AS v USING ({groups})"


def _branch_sql(branch: Branch, scope: _Scope) -> str:
    """Return one grouped pass: groups g0…, then the branch's aggregates by name."""
    groups = [_group_sql(dimension, branch, scope) for dimension in branch.dimensions]
    columns = [f"{group} AS g{n}" for n, group in enumerate(groups)]
    entered = "1" if branch.entered is None else _condition_sql(branch.entered, scope)
    columns += [f"{AGGREGATES[name].format(entered=entered)} AS {name}" for name in branch.aggregates]
    events = branch.source is Source.EVENTS
    where = " AND ".join(_events_where(branch, scope) if events else _sessions_where(branch, scope))
    sql = f"SELECT {', '.join(columns)} FROM {_rows_of(branch, where, scope)}"
    if groups:
        sql += f" GROUP BY {', '.join(f'g{n}' for n in range(len(groups)))}"
        sql += "" if events else " HAVING sum(sign) > 0"
    return sql


def _group_sql(dimension: Dimension, branch: Branch, scope: _Scope) -> str:
    if branch.source is Source.SPREAD and dimension.name == HOUR:
        return "hour"
    column = scope.column(dimension, shown=True)
    return f"{_ON_EVENTS}{column}" if dimension in branch.joined else column


def _rows_of(branch: Branch, where: str, scope: _Scope) -> str:
    """Return the selected rows of a branch, as what follows FROM.

    TRICKY: visits are selected before they are spread. In one SELECT the database moves the condition in front of the
    spreading itself, and once it compiles such conditions (at the fourth of a kind), some fail with ILLEGAL_COLUMN.
    """
    if branch.source is Source.SPREAD:
        return f"(SELECT * FROM sessions WHERE {where}) ARRAY JOIN {SPREAD_HOURS.format_map(scope)} AS hour"
    if branch.source is Source.SESSIONS:
        return f"sessions WHERE {where}"
    if not branch.joined:
        return f"events WHERE {where}"
    columns = list(dict.fromkeys(scope.column(dimension) for dimension in branch.joined))
    renamed = ", ".join(f"{column} AS {_ON_EVENTS}{column}" for column in columns)
    visits = (
        f"SELECT session_id, {renamed} FROM sessions WHERE {' AND '.join(_sessions_range(scope))} "
        f"GROUP BY session_id, {', '.join(columns)} HAVING sum(sign) > 0"
    )
    return f"events INNER JOIN ({visits}) AS visit USING (session_id) WHERE {where}"


def _events_range(scope: _Scope) -> list[str]:
    query = scope.query
    return [
        f"site_id = {scope['site']}",
        _day_sql(query.counted_from, query.dates.last_at, scope),
        f"timestamp >= {scope.instant(query.counted_from)}",
        f"timestamp < {scope.instant(query.dates.end_at)}",
    ]


def _sessions_range(scope: _Scope) -> list[str]:
    """Return the overlap rule: visits that last into the range and start before its end (2.2)."""
    query = scope.query
    earliest = query.counted_from - LONGEST_VISIT
    return [
        f"site_id = {scope['site']}",
        _day_sql(earliest, query.dates.last_at, scope),
        f"start >= {scope.instant(earliest)}",
        f"timestamp >= {scope.instant(query.counted_from)}",
        f"start < {scope.instant(query.dates.end_at)}",
    ]


def _day_sql(first: datetime, last: datetime, scope: _Scope) -> str:
    from_day = scope.bind(str((first - _WEST).date()), "Date")
    to_day = scope.bind(str((last + _EAST).date()), "Date")
    return f"day BETWEEN {from_day} AND {to_day}"


def _events_where(branch: Branch, scope: _Scope) -> list[str]:
    where = _events_range(scope)
    if branch.condition is not None:
        where.append(_condition_sql(branch.condition, scope))
    if branch.member is not None:
        inner = [*_sessions_range(scope), _condition_sql(branch.member, scope)]
        where.append(
            f"session_id IN (SELECT session_id FROM sessions WHERE {' AND '.join(inner)} "
            "GROUP BY session_id HAVING sum(sign) > 0)"
        )
    return where


def _sessions_where(branch: Branch, scope: _Scope) -> list[str]:
    where = _sessions_range(scope)
    if branch.condition is not None:
        where.append(_condition_sql(branch.condition, scope))
    if branch.member is not None:
        inner = [*_events_range(scope), _condition_sql(branch.member, scope)]
        where.append(f"session_id IN (SELECT session_id FROM events WHERE {' AND '.join(inner)})")
    if branch.skips_replaced:
        query = scope.query
        days = _day_sql(query.counted_from - LONGEST_VISIT, query.dates.last_at, scope)
        where.append(
            "sign = 1 AND (session_id, events) NOT IN "
            f"(SELECT session_id, events FROM sessions WHERE site_id = {scope['site']} AND {days} AND sign = -1)"
        )
    return where


def _condition_sql(node: Filter, scope: _Scope) -> str:
    match node:
        case Leaf():
            return _leaf_sql(node, scope)
        case Not(child):
            return f"NOT {_condition_sql(child, scope)}"
        case AllOf(children):
            return f"({' AND '.join(_condition_sql(child, scope) for child in children) or '1'})"
        case AnyOf(children):
            return f"({' OR '.join(_condition_sql(child, scope) for child in children)})"


def _leaf_sql(leaf: Leaf, scope: _Scope) -> str:
    """Return a comparison in brackets. A property that is absent or empty passes `is_not` only (1.5)."""
    dimension = dimension_for(leaf.dimension)
    operator = _NEGATED.get(leaf.operator, leaf.operator)
    column = scope.column(dimension)
    if operator is Operator.IS:
        found = _is_sql(leaf, dimension, column, scope)
    else:
        found = _search_sql(leaf, operator, dimension, column, scope)
    if operator is not leaf.operator:
        found = f"NOT {found}"
    if dimension.property_key and operator is not Operator.IS:
        found = f"{column} != '' AND {found}"
    return f"({found})"


def _is_sql(leaf: Leaf, dimension: Dimension, column: str, scope: _Scope) -> str:
    if dimension.is_number:
        return f"({column} IN {scope.bind(_numbers(leaf.clauses, dimension), 'Array(UInt32)')})"
    ignores_case = leaf.case_sensitive is False
    texts = [str(clause) for clause in leaf.clauses]
    spelled = {text.lower() for text in dimension.absent_clauses} if ignores_case else set(dimension.absent_clauses)
    wants_absent = any((text.lower() if ignores_case else text) in spelled for text in texts)
    if dimension.property_key:
        texts = [text for text in texts if text]
    values = scope.bind([*texts, *([""] if wants_absent else [])], "Array(String)")
    if ignores_case:
        return f"has(arrayMap(value -> lowerUTF8(value), {values}), lowerUTF8({column}))"
    return f"({column} IN {values})"


def _numbers(clauses: Iterable[Clause], dimension: Dimension) -> list[int]:
    """Return the clauses that can be a stored number; the others match nothing."""
    numbers = []
    for clause in clauses:
        if clause in dimension.absent_clauses:
            numbers.append(0)
        elif isinstance(clause, int) or (clause.isascii() and clause.isdigit() and len(clause) <= 10):
            numbers.append(int(clause))
    return [number for number in numbers if 0 <= number <= _MAX_UINT32]


def _search_sql(leaf: Leaf, operator: Operator, dimension: Dimension, column: str, scope: _Scope) -> str:
    text = f"toString({column})" if dimension.is_number else column
    if operator is Operator.CONTAINS:
        if dimension.contains_label:
            text = f"replaceRegexpOne({text}, '^$', {scope.bind(dimension.contains_label, 'String')})"
        fold = "lowerUTF8({})" if leaf.case_sensitive is False else "{}"
        parts = [
            f"position({fold.format(text)}, {fold.format(scope.bind(str(clause), 'String'))}) > 0"
            for clause in leaf.clauses
        ]
    else:
        patterns = [str(clause) for clause in leaf.clauses]
        if operator is Operator.MATCHES_WILDCARD:
            patterns = list(map(wildcard_expression, patterns))
        parts = [f"match({text}, {scope.bind(pattern, 'String')})" for pattern in patterns]
    return f"({' OR '.join(parts) or '0'})"


def wildcard_expression(pattern: str) -> str:
    """Return the regular expression of a path pattern: `*` runs over slashes, `|` alternates, the rest is literal.

    Anchored at both ends, so that with `|` the anchors belong to the outer alternatives (contract, part 0).
    """
    literal = {"*": ".*", "|": "|"}
    parts = (literal.get(part[0], re.escape(part)) for part in re.findall(r"\*+|\||[^*|]+", pattern))
    return f"^{''.join(parts)}$"

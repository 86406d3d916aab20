"""Filter → SQL condition, and what conditions stand on: a statement's parameters, the range of rows of each table.

`day` is the date of a row in the site's zone, a visit's of its start. Where a range is made of whole days and the zone
is still the one that rows were written under, it tells which rows are inside. Elsewhere it narrows the key range only:
whatever zone a row was written under, its `day` lies between the UTC dates 12 hours before and 14 hours after its
instant, so a change of a site's zone loses nothing.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from typing import Final
from zoneinfo import ZoneInfo

from goals.types import GoalKind, GoalSpec
from stats.query import places
from stats.query.build import Query
from stats.query.dates import LAST_INSTANT, fixed_offset
from stats.query.dimensions import (
    CITY_NUMBER_AS_TEXT,
    GOAL,
    HOUR,
    HOUR_AT_OFFSET,
    PROPERTY_PREFIX,
    Dimension,
    dimension_for,
)
from stats.query.goals import goals_in_play, matching_goals
from stats.query.types import AllOf, AnyOf, Clause, Filter, HasDone, Leaf, Not, Operator

LONGEST_VISIT: Final = timedelta(days=7)
_WEST: Final = timedelta(hours=12)
_EAST: Final = timedelta(hours=14)
_ON_DAYS: Final = "day BETWEEN {first_day} AND {last_day}"
_BEGAN_BY_THEN: Final = "day BETWEEN {earliest_day} AND {last_day}"
_SINCE_RESET: Final = "toUnixTimestamp(timestamp) >= transform(site_id, {reset_sites}, {reset_at}, toUInt32(0))"
_FIRST_DATE: Final = date(1970, 1, 1)  # dates wrap around below it
_FIRST_INSTANT: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MAX_UINT32: Final = 2**32 - 1
_PATTERN_SIGNS: Final = re.compile(r"[*|]")
_NEGATED: Final[Mapping[Operator, Operator]] = {
    Operator.IS_NOT: Operator.IS,
    Operator.CONTAINS_NOT: Operator.CONTAINS,
    Operator.MATCHES_NOT: Operator.MATCHES,
    Operator.MATCHES_WILDCARD_NOT: Operator.MATCHES_WILDCARD,
}


class Scope(dict[str, str]):
    """The parameters of one statement, and the placeholders of registry expressions, bound when first met."""

    def __init__(self, query: Query) -> None:
        super().__init__(at="timestamp", site=f"{{site:{'Array(UInt32)' if query.site_ids else 'UInt32'}}}")
        self.query = query
        self.params: dict[str, object] = {"site": list(query.site_ids) or query.site_id}
        self.property_keys: dict[str, str] = {}
        self.goal_conditions: dict[int, str] = {}
        self.goals = goals_in_play(query.filters, query.goals)

    def bind(self, value: object, type_name: str) -> str:
        """Return the placeholder of a new parameter."""
        name = f"p{len(self.params) - 1}"
        self.params[name] = value
        return f"{{{name}:{type_name}}}"

    def site_sql(self) -> str:
        """Return the condition on the site of a row: the query's, or one of a consolidated view's."""
        if not self.query.site_ids:
            return f"site_id = {self['site']}"
        among = f"site_id IN {self['site']}"
        return f"{among} AND {_SINCE_RESET.format_map(self)}" if self.query.resets else among

    def instant(self, at: datetime) -> str:
        """Return an instant as a constant to compare with: a parameter costs 0.05 ms, and so does a call."""
        return f"'{max(at, _FIRST_INSTANT).astimezone(UTC):%Y-%m-%d %H:%M:%S}'"

    def day(self, day: date) -> str:
        """Return a date as a constant to compare with."""
        return f"'{day:%Y-%m-%d}'"

    @cached_property
    def utc_offset_s(self) -> int | None:
        """Return by how much local time is ahead for all visits of the range, None where clocks change on the way."""
        first, last = self.query.counted_from - LONGEST_VISIT, self.query.dates.end_at + LONGEST_VISIT
        offset = fixed_offset(first, last, ZoneInfo(self.query.timezone))
        return None if offset is None else int(offset.total_seconds())

    def _earliest_day(self, zone: ZoneInfo) -> date:
        """Return the first day on which a visit may have begun that lasts into the range."""
        counted_from = self.query.counted_from.astimezone(zone).date()
        return max(_FIRST_DATE, counted_from - LONGEST_VISIT)

    def _scroll_goals(self) -> list[int]:
        return [number for number, goal in enumerate(self.goals, 1) if goal.kind is GoalKind.SCROLL]

    def _revenue_goals(self) -> list[int]:
        return [number for number, goal in enumerate(self.goals, 1) if goal.currency]

    def _list(self, texts: Iterable[str]) -> str:
        """Return a constant array of names. Sent as one text: 5,000 names parse in a fifth of an array's 50 ms."""
        return f"splitByChar('\\n', {self.bind(chr(10).join(texts), 'String')})"

    def _city_name(self) -> str:
        """Return what a row's city is called, its number as text where no name is known.

        TRICKY: names are no parameters, because a server takes these in the address of a request, of which it allows
        1 MB, and the names of a large site's cities are more. Digits, decimal and hexadecimal, cannot leave their
        literals. 10,000 names cost a query 13 ms so, and as parameters 45 to 85 ms.
        """
        if not self.query.city_names:
            return CITY_NUMBER_AS_TEXT
        numbers = ",".join(f"{number:d}" for number, _ in self.query.city_names)
        names = "\n".join(name for _, name in self.query.city_names).encode().hex()
        known = f"arrayMap(number -> toUInt32(number), splitByChar(',', '{numbers}'))"
        return f"transform(city_geoname_id, {known}, splitByChar('\\n', unhex('{names}')), {CITY_NUMBER_AS_TEXT})"

    def __missing__(self, name: str) -> str:
        zone = ZoneInfo(self.query.timezone)
        makers: Mapping[str, Callable[[], str]] = {
            "zone": lambda: self.bind(self.query.timezone, "String"),
            "offset": lambda: str(self.utc_offset_s),
            "first_day": lambda: self.day(self.query.counted_from.astimezone(zone).date()),
            "last_day": lambda: self.day(self.query.dates.last_at.astimezone(zone).date()),
            "earliest_day": lambda: self.day(self._earliest_day(zone)),
            "first_date": lambda: self.day(self.query.dates.start_at.astimezone(zone).date()),
            "country_codes": lambda: self._list(places.country_names()[0]),
            "country_names": lambda: self._list(places.country_names()[1]),
            "region_codes": lambda: self._list(places.region_names()[0]),
            "goal": lambda: f"g{self.query.dimensions.index(GOAL)}",
            "goal_names": lambda: self.bind([goal.display_name for goal in self.goals], "Array(String)"),
            "goal_numbers": lambda: goal_numbers_sql(self.goals, self),
            "revenue_goals": lambda: self.bind(self._revenue_goals(), "Array(UInt16)"),
            "reset_sites": lambda: self.bind([site for site, _ in self.query.resets], "Array(UInt32)"),
            "reset_at": lambda: self.bind([int(at.timestamp()) for _, at in self.query.resets], "Array(UInt32)"),
            "scroll_goals": lambda: self.bind(self._scroll_goals(), "Array(UInt16)"),
            "region_names": lambda: self._list(places.region_names()[1]),
            "city_name": self._city_name,
        }
        self[name] = makers[name]()
        return self[name]

    def column(self, dimension: Dimension, *, shown: bool = False, at: str = "timestamp") -> str:
        """Return a dimension's expression; `shown` gives the absent value its label, `at` is what time buckets hold."""
        expression = (shown and dimension.shown) or dimension.column
        if dimension.name == HOUR and self.utc_offset_s is not None:
            expression = HOUR_AT_OFFSET
        names = {"at": at}
        if dimension.property_key:
            names["key"] = self._property_key(dimension.property_key)
        return expression.format_map(_Overlay(self, names))

    def bucket(self, dimension: Dimension, day: str) -> str:
        """Return the bucket of a column of dates."""
        return dimension.of_day.format_map(_Overlay(self, {"day": day}))

    def _property_key(self, key: str) -> str:
        if key not in self.property_keys:
            self.property_keys[key] = self.bind(key, "String")
        return self.property_keys[key]


class _Overlay(dict[str, str]):
    """A few names in front of a scope."""

    def __init__(self, scope: Scope, names: Mapping[str, str]) -> None:
        super().__init__(names)
        self.scope = scope

    def __missing__(self, name: str) -> str:
        return self.scope[name]


def events_range(scope: Scope) -> list[str]:
    """Return the conditions on the instant of an event; where a range is made of whole days, `day` alone decides."""
    query = scope.query
    site = scope.site_sql()
    if query.whole_days:
        return [site, _ON_DAYS.format_map(scope)]
    return [
        site,
        day_sql(query.counted_from, query.dates.last_at, scope),
        f"timestamp >= {scope.instant(query.counted_from)}",
        *_before_end("timestamp", scope),
    ]


def sessions_range(scope: Scope) -> list[str]:
    """Return the overlap rule: visits that last into the range and start before its end (2.2)."""
    query = scope.query
    site = scope.site_sql()
    if query.whole_days:
        return [*visits_of_days(scope, and_open=True), "is_visit"]
    earliest = query.counted_from - LONGEST_VISIT
    return [
        site,
        day_sql(earliest, query.dates.last_at, scope),
        f"start >= {scope.instant(earliest)}",
        f"timestamp >= {scope.instant(query.counted_from)}",
        *_before_end("start", scope),
        "is_visit",
    ]


def visits_of_days(scope: Scope, *, and_open: bool) -> list[str]:
    """Return the conditions on rows of `sessions` that tell of the events of whole days, entries for single ones too.

    With `and_open` visits that began before those days and last into them pass as well.
    """
    site = scope.site_sql()
    if not and_open:
        return [site, _ON_DAYS.format_map(scope)]
    began = _BEGAN_BY_THEN.format_map(scope)
    return [site, began, f"timestamp >= {scope.instant(scope.query.counted_from)}"]


def _before_end(column: str, scope: Scope) -> list[str]:
    """Return the condition that an instant lies before the range's end; none, which saves time, where it has no end."""
    end_at = scope.query.dates.end_at
    return [f"{column} < {scope.instant(end_at)}"] if end_at <= LAST_INSTANT else []


def day_sql(first: datetime, last: datetime, scope: Scope) -> str:
    if last >= LAST_INSTANT:
        return f"day >= {scope.day((first - _WEST).date())}"
    return f"day BETWEEN {scope.day((first - _WEST).date())} AND {scope.day((last + _EAST).date())}"


def condition_sql(node: Filter, scope: Scope) -> str:
    match node:
        case Leaf():
            return _leaf_sql(node, scope)
        case Not(child):
            return f"NOT {condition_sql(child, scope)}"
        case AllOf(children):
            return f"({' AND '.join(condition_sql(child, scope) for child in children) or '1'})"
        case AnyOf(children):
            return f"({' OR '.join(condition_sql(child, scope) for child in children)})"
        case HasDone(child, negated):
            where = [*events_range(scope), condition_sql(child, scope)]
            visits = f"SELECT session_id FROM events WHERE {' AND '.join(where)}"
            return f"(session_id {'NOT IN' if negated else 'IN'} ({visits}))"


def _leaf_sql(leaf: Leaf, scope: Scope) -> str:
    """Return a comparison in brackets. A property that is absent or empty passes `is_not` only (1.5)."""
    if leaf.dimension == GOAL:
        return goals_sql(matching_goals(leaf, scope.query.goals), scope)
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


def _is_sql(leaf: Leaf, dimension: Dimension, column: str, scope: Scope) -> str:
    if dimension.is_number:
        return f"({column} IN {scope.bind(_numbers(leaf.clauses, dimension), 'Array(UInt32)')})"
    ignores_case = leaf.case_sensitive is False
    texts = [str(clause) for clause in leaf.clauses]
    spelled = {text.lower() for text in dimension.absent_clauses} if ignores_case else set(dimension.absent_clauses)
    wants_absent = any((text.lower() if ignores_case else text) in spelled for text in texts)
    if dimension.property_key:
        texts = [text for text in texts if text]
    values = [*texts, *([""] if wants_absent else [])]
    if ignores_case:
        folded = scope.bind(values, "Array(String)")
        return f"has(arrayMap(value -> lowerUTF8(value), {folded}), lowerUTF8({column}))"
    if len(values) == 1:  # a set costs a small site half a millisecond
        return f"({column} = {scope.bind(values[0], 'String')})"
    return f"({column} IN {scope.bind(values, 'Array(String)')})"


def _numbers(clauses: Iterable[Clause], dimension: Dimension) -> list[int]:
    """Return the clauses that can be a stored number; the others match nothing."""
    numbers = []
    for clause in clauses:
        if clause in dimension.absent_clauses:
            numbers.append(0)
        elif isinstance(clause, int) or (clause.isascii() and clause.isdigit() and len(clause) <= 10):
            numbers.append(int(clause))
    return [number for number in numbers if 0 <= number <= _MAX_UINT32]


def _search_sql(leaf: Leaf, operator: Operator, dimension: Dimension, column: str, scope: Scope) -> str:
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


def goals_sql(goals: Sequence[GoalSpec], scope: Scope) -> str:
    """Return the condition that an event satisfies at least one of the goals."""
    events, pages, others = _sorted_goals(goals)
    parts = []
    if events:
        parts.append(f"name IN {scope.bind([goal.event_name for goal in events.values()], 'Array(String)')}")
    if pages:
        paths = scope.bind([goal.page_path for goal in pages.values()], "Array(String)")
        parts.append(f"name = 'pageview' AND pathname IN {paths}")
    parts += [_goal_sql(goal, scope) for goal in others.values()]
    return f"({' OR '.join(parts) or '0'})"


def goal_numbers_sql(goals: Sequence[GoalSpec], scope: Scope) -> str:
    """Return the array of the numbers, counted from 1, of those goals that an event satisfies."""
    events, pages, others = _sorted_goals(goals)
    numbers = ["toUInt16(0)"]
    if events:
        names = scope.bind([goal.event_name for goal in events.values()], "Array(String)")
        numbers.append(f"transform(name, {names}, {scope.bind(list(events), 'Array(UInt16)')}, toUInt16(0))")
    if pages:
        paths = scope.bind([goal.page_path for goal in pages.values()], "Array(String)")
        found = f"transform(pathname, {paths}, {scope.bind(list(pages), 'Array(UInt16)')}, toUInt16(0))"
        numbers.append(f"if(name = 'pageview', {found}, toUInt16(0))")
    numbers += [f"if({_goal_sql(goal, scope)}, toUInt16({number}), toUInt16(0))" for number, goal in others.items()]
    return f"arrayFilter(number -> number > 0, [{', '.join(numbers)}])"


_Numbered = dict[int, GoalSpec]


def _sorted_goals(goals: Sequence[GoalSpec]) -> tuple[_Numbered, _Numbered, _Numbered]:
    """Return goals by their numbers: those told by the event's name alone, by the exact path, and all others."""
    events: _Numbered = {}
    pages: _Numbered = {}
    others: _Numbered = {}
    for number, goal in enumerate(goals, 1):
        if goal.kind is GoalKind.EVENT and not goal.custom_props:
            events[number] = goal
        elif goal.kind is GoalKind.PAGE and not _PATTERN_SIGNS.search(goal.page_path):
            pages[number] = goal
        else:
            others[number] = goal
    return events, pages, others


def _goal_sql(goal: GoalSpec, scope: Scope) -> str:
    """Return a goal's condition, the same text wherever the statement needs it, so that it is computed once."""
    if goal.id not in scope.goal_conditions:
        scope.goal_conditions[goal.id] = _goal_condition(goal, scope)
    return scope.goal_conditions[goal.id]


def _goal_condition(goal: GoalSpec, scope: Scope) -> str:
    if goal.kind is GoalKind.EVENT:
        parts = [f"name = {scope.bind(goal.event_name, 'String')}"]
        for key, value in goal.custom_props:
            column = scope.column(dimension_for(f"{PROPERTY_PREFIX}{key}"))
            parts.append(f"{column} = {scope.bind(value, 'String')}")
    elif goal.kind is GoalKind.PAGE:
        parts = ["name = 'pageview'", _path_sql(goal.page_path, scope)]
    else:
        threshold = scope.bind(goal.scroll_threshold, "UInt8")
        parts = ["name = 'engagement'", f"scroll_depth BETWEEN {threshold} AND 100", _path_sql(goal.page_path, scope)]
    return f"({' AND '.join(parts)})"


def _path_sql(pattern: str, scope: Scope) -> str:
    """Return the plainest comparison that a path pattern allows; plain ones run on the dictionary of paths."""
    if not _PATTERN_SIGNS.search(pattern):
        return f"pathname = {scope.bind(pattern, 'String')}"
    prefix = pattern.rstrip("*")
    if not _PATTERN_SIGNS.search(prefix):
        return f"startsWith(pathname, {scope.bind(prefix, 'String')})"
    return f"match(pathname, {scope.bind(wildcard_expression(pattern), 'String')})"


def wildcard_expression(pattern: str) -> str:
    """Return the regular expression of a path pattern: `*` runs over slashes, `|` alternates, the rest is literal.

    Anchored at both ends, so that with `|` the anchors belong to the outer alternatives (contract, part 0).
    """
    literal = {"*": ".*", "|": "|"}
    parts = (literal.get(part[0], re.escape(part)) for part in re.findall(r"\*+|\||[^*|]+", pattern))
    return f"^{''.join(parts)}$"

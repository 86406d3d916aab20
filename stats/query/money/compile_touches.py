"""Touches → sub-query: of each visitor who paid, the arrivals of visits, or completions of goals, in their order.

A touch is one whole number, so that arrays of them are sorted, copied and searched as numbers: its second (32 bits),
whether it is Direct (1), whether it fails the filters (1), and the number of its value (30), counted from 1 in the
array of `values_of_touches`. 0 is nobody's touch. A visitor has one visit at a time; should two begin within a second,
they are in the order of these numbers, and one touch where these agree.
"""

import re
from collections.abc import Sequence
from typing import Final

from stats.query.compile_filters import Scope, condition_sql, goal_numbers_sql, goals_sql
from stats.query.dimensions import GOAL, NOT_SET, ORIGIN, dimension_for
from stats.query.identities import with_canonical
from stats.query.money.attribution import PAYMENT_PREFIX, Crediting
from stats.query.money.compile_credited import compared, earliest_touch, of_payers

SECOND: Final = "bitShiftRight({}, 32)"
IS_DIRECT: Final = "bitTest({}, 31)"
FAILS: Final = "bitTest({}, 30)"
NUMBER: Final = "bitAnd({}, 1073741823)"
_TOUCH: Final = (
    "toUInt64(toUnixTimestamp({at})) * 4294967296 + toUInt32({number})"
    " + if({is_direct}, toUInt32(2147483648), 0) + if({passes}, 0, toUInt32(1073741824))"
)
# What a server alone told of has no attributes at all; every other visit has a channel at the least.
_IS_ARRIVAL: Final = "is_visit AND channel != ''"


def touches(asked: Crediting, dimension: str, scope: Scope) -> str:
    """Return the touches of each who paid; of visitors who are one user, under its number: visitor_id, touches."""
    found = _completions(asked, scope) if dimension == GOAL else _arrivals(asked, dimension, scope)
    if not asked.joins_visitors:
        return found
    each = with_canonical(f"SELECT visitor_id, touches AS some FROM ({found})", "visitor_id")
    return f"SELECT visitor_id, arraySort(groupArrayArray(some)) AS touches FROM ({each}) GROUP BY visitor_id"


def values_of_touches(asked: Crediting, dimension: str, scope: Scope) -> str:
    """Return the array of what touches may have as their value, each as rows show it; a constant of the statement."""
    return scope["goal_names"] if dimension == GOAL else _values(asked, dimension, scope)


def arrivals_where(asked: Crediting, scope: Scope) -> list[str]:
    """Return the conditions that make a row of visits that of a touch; the statement binds `since`."""
    return [*_begins(), f"NOT ({_comes_from(asked.hosts, scope)})"]


def _arrivals(asked: Crediting, dimension: str, scope: Scope) -> str:
    """Return the arrivals of visits by each visitor who paid: visitor_id, touches.

    The states of a growing visit agree in all but its pages, so mostly each one's set of touches is enough.
    """
    number = "1" if dimension.startswith(PAYMENT_PREFIX) else _number(asked, dimension, scope)
    passes = " AND ".join(condition_sql(leaf, scope) for leaf in asked.touch_filters) or "1"
    is_direct = f"{scope.column(dimension_for(ORIGIN))} = ''"
    where = [*_begins(), f"NOT ({_comes_from_known(asked, scope)})"]
    # Looked at first: where a visit came from is asked of payers only.
    payers = f"PREWHERE {_in_time(asked)} AND {of_payers(asked)}"
    if not any(dimension_for(name).changing for name in _visit_dimensions(asked, dimension)):
        touch = _TOUCH.format(at="start", number="number", is_direct=is_direct, passes=passes)
        return _by_visitor(
            f"SELECT visitor_id, {number} AS number, {touch} AS touch FROM sessions "
            f"{payers} WHERE {' AND '.join([*where, 'sign = 1'])}"
        )
    last = "argMaxIf({}, events, sign = 1)"
    touch = _TOUCH.format(at="start", number="number", is_direct=last.format(is_direct), passes=last.format(passes))
    return _by_visitor(
        f"SELECT visitor_id, {last.format(number)} AS number, {touch} AS touch FROM sessions "
        f"{payers} WHERE {' AND '.join(where)} GROUP BY visitor_id, session_id, start HAVING sum(sign) > 0"
    )


def _by_visitor(rows: str) -> str:
    # A value without a number came in while the statement ran: its visit is left to the next.
    return (
        f"SELECT visitor_id, arrayCompact(arraySort(groupArray(touch))) AS touches "
        f"FROM ({rows}) WHERE number != 0 GROUP BY visitor_id"
    )


def _visit_dimensions(asked: Crediting, dimension: str) -> list[str]:
    named = [leaf.dimension for leaf in asked.touch_filters]
    return named if dimension.startswith(PAYMENT_PREFIX) else [dimension, *named]


def _values(asked: Crediting, dimension: str, scope: Scope) -> str:
    # Pages can be as many as visits, so it is only those of payers; of others it is quicker to ask for all.
    of_whom = f" AND {of_payers(asked)}" if dimension_for(dimension).changing else ""
    rows = f"SELECT DISTINCT {_shown(dimension, scope)} AS value FROM sessions PREWHERE {_in_time(asked)}{of_whom}"
    return f"(SELECT arraySort(groupArray(toString(value))) FROM ({rows}))"


def _number(asked: Crediting, dimension: str, scope: Scope) -> str:
    """Return the number of a row's value. On columns with a dictionary it is looked up once for each of its texts."""
    values = _values(asked, dimension, scope)
    return f"transform({_shown(dimension, scope)}, {values}, arrayEnumerate({values}), toUInt32(0))"


def _shown(name: str, scope: Scope) -> str:
    """Return a dimension's value as rows show it, as text and never empty."""
    dimension = dimension_for(name)
    column = scope.column(dimension, shown=True)
    if dimension.is_number:
        return f"toString({column})"
    # TRICKY: as in the registry, `if` would leave the dictionary.
    return column if dimension.shown else f"replaceRegexpOne({column}, '^$', '{NOT_SET}')"


def _in_time(asked: Crediting) -> str:
    """Return the condition of rows that may be of a path, by what the tables are ordered by: the site and its days."""
    first, last = (f"toDate(toDateTime({at}, 'UTC'))" for at in (earliest_touch(asked), "{end:UInt32}"))
    return f"site_id = {{site:UInt32}} AND day >= {first} - 1 AND day <= {last} + 1"


def _begins() -> list[str]:
    return [_IS_ARRIVAL, "start >= toDateTime({since:UInt32}, 'UTC')"]


def _comes_from(hosts: Sequence[str], scope: Scope) -> str:
    """Return the condition that a visit comes from one of some hosts, or from below one, without saying otherwise."""
    pattern = _pattern_of(hosts, scope)
    return f"utm_source = '' AND match({scope.column(dimension_for(ORIGIN))}, {pattern})" if pattern else "0"


def _comes_from_known(asked: Crediting, scope: Scope) -> str:
    """Return the same for many visits: each text is compared once, not once for each block of rows."""
    pattern = _pattern_of(asked.hosts, scope)
    if not pattern:
        return "0"
    origin, values = _shown(ORIGIN, scope), _values(asked, ORIGIN, scope)
    is_from = f"transform({origin}, {values}, arrayMap(value -> match(value, {pattern}), {values}), toUInt8(0))"
    return f"{is_from} AND utm_source = '' AND {scope.column(dimension_for(ORIGIN))} != ''"


def _pattern_of(hosts: Sequence[str], scope: Scope) -> str:
    alternatives = "|".join(re.escape(host) for host in sorted(hosts))
    if not alternatives:
        return ""
    return scope.bind(f"(?i)^(android-app://)?([^/]*\\.)?({alternatives})(:[0-9]+)?(/|$)", "String")


def _completions(asked: Crediting, scope: Scope) -> str:
    """Return the completions of goals by each visitor who paid, in the place of touches: visitor_id, touches."""
    name = f"arrayElement({scope['goal_names']}, number)"
    conditions = [
        compared(name, leaf, scope) if leaf.dimension == GOAL else condition_sql(leaf, scope)
        for leaf in asked.touch_filters
    ]
    where = [
        _in_time(asked),
        of_payers(asked),
        goals_sql(scope.goals, scope),
        "timestamp >= toDateTime({since:UInt32}, 'UTC')",
    ]
    passes = " AND ".join(conditions) or "1"
    touch = _TOUCH.format(at="timestamp", number="number", is_direct="0", passes=passes)
    return _by_visitor(
        f"SELECT visitor_id, number, {touch} AS touch FROM events "
        f"ARRAY JOIN {goal_numbers_sql(scope.goals, scope)} AS number WHERE {' AND '.join(where)}"
    )

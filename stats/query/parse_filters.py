"""Filter trees from their JSON form (stats contract 1.5); shape errors only, each naming its path.

A leaf of the layers: what a segment stores passes this parser when it is saved.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final, NoReturn

from analytics_project.errors import InvalidQuery
from stats.query.types import MAX_DEPTH, SEGMENT, AllOf, AnyOf, Clause, Filter, HasDone, Leaf, Not, Operator

MAX_CLAUSES: Final = 10_000

_BRANCHES: Final = frozenset({"and", "or"})
_WRAPPERS: Final[Mapping[str, Callable[[Filter], Filter]]] = {
    "not": Not,
    "has_done": HasDone,
    "has_not_done": partial(HasDone, negated=True),
}
_WILDCARDS: Final = frozenset({Operator.MATCHES_WILDCARD, Operator.MATCHES_WILDCARD_NOT})
_PATTERNS: Final = frozenset({Operator.MATCHES, Operator.MATCHES_NOT})
_INTEGER_DIMENSION: Final = "visit:city"


@dataclass(frozen=True, slots=True)
class _Grammar:
    """What one kind of filters may hold beside what all may."""

    wildcards: bool
    segments: bool


def parse_filters(
    raw: object, *, path: str = "filters", allow_wildcards: bool = False, allow_segments: bool = True
) -> tuple[Filter, ...]:
    """Return the filters of a list of trees. Raises: InvalidQuery naming the path, such as `filters[0][2]`."""
    if not isinstance(raw, list):
        _refuse(path, "must be a list of filters")
    grammar = _Grammar(allow_wildcards, allow_segments)
    return tuple(_parse_filter(node, f"{path}[{number}]", 1, grammar) for number, node in enumerate(raw))


def parse_filter(raw: object, path: str) -> Filter:
    """Return one tree, as those of a list. Raises: InvalidQuery naming the path."""
    return _parse_filter(raw, path, 1, _Grammar(wildcards=False, segments=True))


def _parse_filter(raw: object, path: str, depth: int, grammar: _Grammar) -> Filter:
    if depth > MAX_DEPTH:
        _refuse(path, f"is nested deeper than {MAX_DEPTH} levels")
    if not isinstance(raw, list) or not raw or not isinstance(raw[0], str):
        _refuse(path, "must be a list that starts with an operator")
    operator = raw[0]
    if operator in _BRANCHES or operator in _WRAPPERS:
        return _parse_branch(operator, raw, path, depth, grammar)
    return _parse_leaf(raw, path, grammar)


def _parse_branch(operator: str, raw: Sequence[object], path: str, depth: int, grammar: _Grammar) -> Filter:
    if len(raw) != 2:
        _refuse(path, f"{operator!r} takes exactly one argument")
    argument = raw[1]
    if wrapper := _WRAPPERS.get(operator):
        return wrapper(_parse_filter(argument, f"{path}[1]", depth + 1, grammar))
    if not isinstance(argument, list) or not argument:
        _refuse(f"{path}[1]", "must be a list of at least one filter")
    children = tuple(
        _parse_filter(child, f"{path}[1][{number}]", depth + 1, grammar) for number, child in enumerate(argument)
    )
    return AllOf(children) if operator == "and" else AnyOf(children)


def _parse_leaf(raw: Sequence[object], path: str, grammar: _Grammar) -> Leaf:
    try:
        operator = Operator(str(raw[0]))
    except ValueError:
        _refuse(f"{path}[0]", f"{raw[0]!r} is not an operator")
    if operator in _WILDCARDS and not grammar.wildcards:
        _refuse(f"{path}[0]", f"{operator.value!r} is not an operator")
    if len(raw) not in {3, 4}:
        _refuse(path, "must be [operator, dimension, clauses]")
    dimension = raw[1]
    if not isinstance(dimension, str):
        _refuse(f"{path}[1]", "must be the name of a dimension")
    if dimension == SEGMENT and not grammar.segments:
        _refuse(f"{path}[1]", "a segment cannot hold another one")
    if dimension == SEGMENT and operator is not Operator.IS:
        _refuse(f"{path}[0]", f"{SEGMENT!r} takes 'is' only")
    clauses = _parse_clauses(raw[2], dimension, f"{path}[2]")
    if len(raw) == 3:
        return Leaf(operator, dimension, clauses)
    if operator in _PATTERNS or operator in _WILDCARDS:
        _refuse(f"{path}[3]", f"{operator.value!r} takes no modifier")
    return Leaf(operator, dimension, clauses, _parse_modifier(raw[3], f"{path}[3]"))


def _parse_clauses(raw: object, dimension: str, path: str) -> tuple[Clause, ...]:
    if not isinstance(raw, list):
        _refuse(path, "must be a list of values")
    if len(raw) > MAX_CLAUSES:
        _refuse(path, f"has more than {MAX_CLAUSES} values")
    if dimension == SEGMENT and not all(type(clause) is int for clause in raw):
        _refuse(path, "must be a list of segments' whole numbers")
    if all(isinstance(clause, str) for clause in raw):
        return tuple(raw)
    if dimension in {SEGMENT, _INTEGER_DIMENSION} and all(type(clause) is int for clause in raw):
        return tuple(raw)
    allowed = "all texts or all whole numbers" if dimension == _INTEGER_DIMENSION else "texts"
    _refuse(path, f"values of {dimension} must be {allowed}")


def _parse_modifier(raw: object, path: str) -> bool | None:
    if not isinstance(raw, dict) or set(raw) - {"case_sensitive"}:
        _refuse(path, 'must be an object with "case_sensitive" only')
    value = raw.get("case_sensitive")
    if "case_sensitive" in raw and not isinstance(value, bool):
        _refuse(f"{path}.case_sensitive", "must be true or false")
    return value if isinstance(value, bool) else None


def _refuse(path: str, problem: str) -> NoReturn:
    raise InvalidQuery(f"{path}: {problem}", code="invalid_filters")

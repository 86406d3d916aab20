"""Segments in a query: which ones it names, and the query with their filters in their place (stats contract 1.5)."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Final

from analytics_project.errors import InvalidQuery
from stats.query.filters import leaves
from stats.query.types import (
    MAX_DEPTH,
    SEGMENT,
    AllOf,
    AnyOf,
    Filter,
    HasDone,
    Leaf,
    Not,
    Operator,
    QueryParams,
)
from stats.types import SegmentSpec

MAX_SEGMENTS: Final = 10

# No segment at all: a comparison with no value matches nothing, and this one any query may hold anywhere.
_NOTHING: Final = Leaf(Operator.IS, "visit:source", ())


def segment_ids(filters: Iterable[Filter]) -> tuple[int, ...]:
    """Return the numbers of all segments that filters name, as often as they do. Raises: InvalidQuery beyond ten."""
    named = (leaf.clauses for node in filters for leaf in leaves(node) if leaf.dimension == SEGMENT)
    numbers = tuple(int(number) for clauses in named for number in clauses)
    if len(numbers) > MAX_SEGMENTS:
        raise InvalidQuery(f"filters: more than {MAX_SEGMENTS} segments", code="invalid_filters")
    return numbers


def expand_segments(params: QueryParams, segments: Sequence[SegmentSpec]) -> QueryParams:
    """Return the query with every segment replaced by its filters, and then without `and` at the top level.

    `segments` are those of the site that the query names. One number becomes the segment's filters joined by AND,
    several one such branch each, joined by OR. A query without segments stays as it is.
    Raises: InvalidQuery for a number that is no segment of the site, and for too deep a tree.
    """
    if not any(leaf.dimension == SEGMENT for node in params.filters for leaf in leaves(node)):
        return params
    known = {segment.id: AllOf(segment.filters) for segment in segments}
    for place, node in enumerate(params.filters):
        for number in segment_ids((node,)):
            if number not in known:
                raise InvalidQuery(f"filters[{place}]: {number} is not a segment of this site", code="invalid_filters")
    expanded = tuple(_flattened(_expanded(node, known) for node in params.filters))
    if any(_depth(node) > MAX_DEPTH for node in expanded):
        raise InvalidQuery(
            f"filters: with the segments' own filters they are nested deeper than {MAX_DEPTH} levels",
            code="invalid_filters",
        )
    return replace(params, filters=expanded)


def _expanded(node: Filter, known: Mapping[int, AllOf]) -> Filter:
    match node:
        case Leaf(_, dimension, clauses):
            if dimension != SEGMENT:
                return node
            branches = tuple(known[int(number)] for number in clauses)
            if not branches:
                return _NOTHING
            return branches[0] if len(branches) == 1 else AnyOf(branches)
        case Not(child):
            return Not(_expanded(child, known))
        case AllOf(children):
            return AllOf(tuple(_expanded(child, known) for child in children))
        case AnyOf(children):
            return AnyOf(tuple(_expanded(child, known) for child in children))
        case HasDone(child, negated):
            return HasDone(_expanded(child, known), negated)


def _flattened(nodes: Iterable[Filter]) -> Iterator[Filter]:
    for node in nodes:
        if isinstance(node, AllOf):
            yield from _flattened(node.children)
        else:
            yield node


def _depth(node: Filter) -> int:
    match node:
        case Leaf():
            return 1
        case Not(child) | HasDone(child):
            return 1 + _depth(child)
        case AllOf(children) | AnyOf(children):
            return 1 + max(map(_depth, children))

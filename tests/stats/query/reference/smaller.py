"""The smallest part of a site and of a query for which something still holds, for what a failing test prints.

Hypothesis would have to make all queries of an example smaller to say which one failed, which takes it minutes.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TypeVar

from stats.query.types import AllOf, AnyOf, Filter, HasDone, Include, Leaf, Not, QueryParams
from tests.stats.query.reference.worlds import World

Case = tuple[World, QueryParams]
Item = TypeVar("Item")


def smallest(case: Case, still_fails: Callable[[Case], bool]) -> Case:
    """Return a case from which nothing can be taken away; `still_fails` says no to queries that have no meaning."""
    while True:
        smaller = next(filter(still_fails, smaller_cases(case)), None)
        if smaller is None:
            return case
        case = smaller


def smaller_cases(case: Case) -> Iterator[Case]:
    """Yield the case with one thing less: parts of the query first, since events take long to write."""
    world, params = case
    for filters in without_one(params.filters):
        yield world, replace(params, filters=filters)
    for number, node in enumerate(params.filters):
        for simpler in simpler_filters(node):
            filters = (*params.filters[:number], simpler, *params.filters[number + 1 :])
            yield world, replace(params, filters=filters)
    for dimensions in without_one(params.dimensions):
        yield world, replace(params, dimensions=dimensions)
    if len(params.metrics) > 1:
        for metrics in without_one(params.metrics):
            yield world, replace(params, metrics=metrics)
    if params.order_by is not None:
        yield world, replace(params, order_by=None)
    if params.include - {Include.IMPORTS} or params.limit is not None or params.offset:
        yield world, replace(params, include=params.include & {Include.IMPORTS}, limit=None, offset=0)
    for smaller in smaller_worlds(world):
        yield smaller, params


def smaller_worlds(world: World) -> Iterator[World]:
    """Yield the site with one thing less."""
    if world.reset_at is not None:
        yield replace(world, reset_at=None)
    for totals in without_one(world.totals):
        yield replace(world, totals=totals)
    for visitor in {hit.visitor for hit in world.hits}:
        yield replace(world, hits=tuple(hit for hit in world.hits if hit.visitor != visitor))
    for number, hit in enumerate(world.hits):
        yield replace(world, hits=(*world.hits[:number], *world.hits[number + 1 :]))
        if hit.props or hit.attributes:
            plain = replace(hit, props={}, attributes={})
            yield replace(world, hits=(*world.hits[:number], plain, *world.hits[number + 1 :]))


def simpler_filters(node: Filter) -> Iterator[Filter]:
    match node:
        case Leaf(_, _, clauses):
            for fewer in without_one(clauses):
                yield replace(node, clauses=fewer)
        case Not(child):
            yield child
            yield from map(Not, simpler_filters(child))
        case HasDone(child, negated):
            yield from (HasDone(simpler, negated) for simpler in simpler_filters(child))
        case AllOf(children) | AnyOf(children):
            yield from children
            for number, child in enumerate(children):
                for simpler in simpler_filters(child):
                    yield type(node)((*children[:number], simpler, *children[number + 1 :]))


def without_one(items: tuple[Item, ...]) -> Iterator[tuple[Item, ...]]:
    for number in range(len(items)):
        yield (*items[:number], *items[number + 1 :])

"""Walks over filter trees: their leaves, their normal form, and the part of them that one table can judge."""

from collections.abc import Callable, Iterator

from stats.query.dimensions import ENTRY_PAGE, PAGE
from stats.query.types import AllOf, AnyOf, Filter, HasDone, Leaf, Not


def leaves(node: Filter, *, behavioural: bool = True) -> Iterator[Leaf]:
    """Yield every comparison of a tree, left to right; those inside of `HasDone` only with `behavioural`."""
    match node:
        case Leaf():
            yield node
        case Not(child):
            yield from leaves(child, behavioural=behavioural)
        case AllOf(children) | AnyOf(children):
            for child in children:
                yield from leaves(child, behavioural=behavioural)
        case HasDone(child):
            if behavioural:
                yield from leaves(child)


def behaviours(node: Filter) -> Iterator[HasDone]:
    """Yield every `HasDone` of a tree, not those inside of another."""
    match node:
        case HasDone():
            yield node
        case Not(child):
            yield from behaviours(child)
        case AllOf(children) | AnyOf(children):
            for child in children:
                yield from behaviours(child)


def push_down(node: Filter, *, negate: bool = False) -> Filter:
    """Return an equal tree in which `Not` stands directly above leaves only.

    Needed before the leaves of another table are taken as true (stats contract 2.2, the odd behaviour it says to fix).
    """
    match node:
        case Leaf():
            return Not(node) if negate else node
        case Not(child):
            return push_down(child, negate=not negate)
        case AllOf(children):
            return (AnyOf if negate else AllOf)(tuple(push_down(child, negate=negate) for child in children))
        case AnyOf(children):
            return (AllOf if negate else AnyOf)(tuple(push_down(child, negate=negate) for child in children))
        case HasDone(child, negated):
            return HasDone(child, negated != negate)


def keep(node: Filter, wanted: Callable[[Leaf], bool]) -> Filter | None:
    """Return the tree with all unwanted leaves taken as true; None when nothing is left to judge.

    What a visit has done can be judged on either table and stays. `node` must be in the form that `push_down` returns.
    """
    match node:
        case Leaf() | Not(Leaf()):
            return node if wanted(next(leaves(node))) else None
        case HasDone():
            return node
        case AllOf(children):
            kept = tuple(found for child in children if (found := keep(child, wanted)) is not None)
            return AllOf(kept) if kept else None
        case AnyOf(children):
            judged = tuple(keep(child, wanted) for child in children)
            decided = tuple(found for found in judged if found is not None)
            return AnyOf(decided) if len(decided) == len(judged) else None
        case _:
            raise ValueError("a tree with Not above a branch reached keep()")


def on_landing_page(node: Filter) -> Filter:
    """Return the tree with every comparison of the page made one of the visit's landing page."""
    match node:
        case Leaf(operator, dimension, clauses, case_sensitive):
            return Leaf(operator, ENTRY_PAGE, clauses, case_sensitive) if dimension == PAGE else node
        case Not(child):
            return Not(on_landing_page(child))
        case AllOf(children):
            return AllOf(tuple(map(on_landing_page, children)))
        case AnyOf(children):
            return AnyOf(tuple(map(on_landing_page, children)))
        case HasDone():
            return node

"""Which events and which visits a query is about (stats contract 1.5 and 2.2)."""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from goals.types import GoalSpec
from stats.query.types import AllOf, AnyOf, Filter, HasDone, Leaf, Not, Operator
from tests.stats.query.reference.dimensions import (
    ENDS,
    ENTRY_PAGE,
    GOAL,
    HOSTNAME,
    PAGE,
    PROPERTY,
    is_of_events,
    is_of_sessions,
    value_of_event,
    value_of_visit,
)
from tests.stats.query.reference.goals import named, pattern, satisfies
from tests.stats.query.reference.time_buckets import Span
from tests.stats.query.reference.visits import Event, Visit

NEGATIVE = {Operator.IS_NOT, Operator.CONTAINS_NOT, Operator.MATCHES_NOT, Operator.MATCHES_WILDCARD_NOT}
EXACT = {Operator.IS, Operator.IS_NOT}
CONTAINING = {Operator.CONTAINS, Operator.CONTAINS_NOT}
MATCHING = {Operator.MATCHES, Operator.MATCHES_NOT}
# Dimensions whose absence is called "Direct / None".
ACQUISITION = ("visit:source", "visit:referrer", *(f"visit:utm_{n}" for n in ("source", "medium", "campaign")))
ACQUISITION = (*ACQUISITION, "visit:utm_content", "visit:utm_term")

# A leaf's truth for one row; None where the row's table does not know the dimension.
Judge = Callable[[Leaf | HasDone], bool | None]


# ---- One comparison --------------------------------------------------------------------------------------------------
def compare(leaf: Leaf, value: str | int) -> bool:
    """Tell whether a value, empty when absent, passes a comparison.

    A negative operator is the opposite of its positive one. Only properties know a third way: all operators but `is`
    and `is_not` want the property to be there.
    """
    if leaf.dimension.startswith(PROPERTY) and value == "":
        if leaf.operator not in EXACT:
            return False
        return ("(none)" in leaf.clauses) == (leaf.operator is Operator.IS)
    return any(matches(leaf, str(clause), str(value or "")) for clause in leaf.clauses) != (leaf.operator in NEGATIVE)


def matches(leaf: Leaf, clause: str, value: str) -> bool:
    """Tell whether one clause fits a value, whatever the operator's sign."""
    fold = str.lower if leaf.case_sensitive is False else str
    is_acquisition = leaf.dimension in ACQUISITION
    if leaf.operator in EXACT:
        words = map(fold, words_of_absence(leaf.dimension))
        return fold(value) == fold(clause) or (value == "" and fold(clause) in words)
    if leaf.operator in CONTAINING:
        return fold(clause) in fold("Direct / None" if is_acquisition and value == "" else value)
    if leaf.operator in MATCHING:
        return bool(re.search(clause, value))
    return bool(pattern(clause).search(value))


def words_of_absence(dimension: str) -> set[str]:
    if not dimension.startswith("visit:"):
        return set()
    by_dimension = {"visit:channel": {"Direct"}, **{name: {"Direct / None"} for name in ACQUISITION}}
    return {"(not set)", *by_dimension.get(dimension, set())}


# ---- Trees -----------------------------------------------------------------------------------------------------------
def passes(node: Filter, judge: Judge, *, negated: bool = False) -> bool:
    """Tell whether a tree holds for a row.

    Leaves that the row's table does not know are true. `not` is pushed down to the leaves first, so that they stay
    true below it (2.2, a fix of the reference's quirk).
    """
    match node:
        case Leaf() | HasDone():
            truth = judge(node)
            return True if truth is None else truth != negated
        case Not(child):
            return passes(child, judge, negated=not negated)
        case AllOf(children) | AnyOf(children):
            found = [passes(child, judge, negated=negated) for child in children]
            wants_all = isinstance(node, AllOf) != negated
            return all(found) if wants_all else any(found)


def leaves(node: Filter, *, inside_behaviour: bool = True) -> Iterator[Leaf]:
    match node:
        case Leaf():
            yield node
        case HasDone(child):
            if inside_behaviour:
                yield from leaves(child)
        case Not(child):
            yield from leaves(child, inside_behaviour=inside_behaviour)
        case AllOf(children) | AnyOf(children):
            for child in children:
                yield from leaves(child, inside_behaviour=inside_behaviour)


def dimensions_in(filters: Sequence[Filter], *, inside_behaviour: bool = True) -> set[str]:
    return {leaf.dimension for leaf in leaves(AllOf(tuple(filters)), inside_behaviour=inside_behaviour)}


def with_entry_page(node: Filter) -> Filter:
    """Return a tree with the page replaced by the entry page; what a visit has done stays what it is."""
    match node:
        case Leaf():
            return replace(node, dimension=ENTRY_PAGE) if node.dimension == PAGE else node
        case Not(child):
            return Not(with_entry_page(child))
        case AllOf(children):
            return AllOf(tuple(map(with_entry_page, children)))
        case AnyOf(children):
            return AnyOf(tuple(map(with_entry_page, children)))
        case HasDone():
            return node


def with_hostname_of_ends(filters: Sequence[Filter], dimensions: Sequence[str]) -> tuple[Filter, ...]:
    """Return the filters with what a filter of the hostname adds beside some dimensions (1.5)."""
    entered = {name for name in ACQUISITION if name != "visit:channel"} | {ENTRY_PAGE}
    targets = [f"{ENTRY_PAGE}_hostname"] if entered & set(dimensions) else []
    targets += ["visit:exit_page_hostname"] if "visit:exit_page" in dimensions else []
    hosts = [node for node in filters if isinstance(node, Leaf) and node.dimension == HOSTNAME]
    return (*filters, *(replace(leaf, dimension=target) for target in targets for leaf in hosts))


# ---- Rows ------------------------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Selection:
    """All visits of a site and what is asked of them; picks the rows of either table."""

    visits: Sequence[Visit]
    span: Span
    goals: Sequence[GoalSpec]

    def events(self, filters: Sequence[Filter], dimensions: Sequence[str] = ()) -> list[Event]:
        """Return the events inside the range for which all filters hold.

        Where a filter is about the visit's ends, the visit must be selected too. The contract does not say whether that
        goes for dimensions as well; here it does, as in the engine, so that both look at the same visits.
        """
        tree = AllOf(tuple(filters))
        names = dimensions_in(filters) | set(dimensions)
        visits = self.visits_for(filters) if any(map(is_of_sessions, names)) else self.visits
        return [event for visit in visits for event in self.in_range(visit) if passes(tree, self.judge_event(event))]

    def visits_for(self, filters: Sequence[Filter]) -> list[Visit]:
        """Return the visits that overlap the range and for which all filters hold.

        Where a filter is about events, the visit must have an event inside the range for which all of them hold.
        """
        tree = AllOf(tuple(filters))
        needs_event = any(map(is_of_events, dimensions_in(filters)))
        return [
            visit
            for visit in self.visits
            if self.span.touches(visit.start, visit.timestamp) and passes(tree, self.judge_visit(visit))
            if not needs_event or any(passes(tree, self.judge_event(event)) for event in self.in_range(visit))
        ]

    def in_range(self, visit: Visit) -> list[Event]:
        return [event for event in visit.happened if self.span.holds(event.hit.moment)]

    def judge_event(self, event: Event) -> Judge:
        """Return the judge of a row of events."""

        def judge(node: Leaf | HasDone) -> bool | None:
            if isinstance(node, HasDone):
                return self.has_done(node, event.visit)
            if node.dimension == GOAL:
                return any(satisfies(goal, event) for goal in named(node, self.goals))
            return None if node.dimension in ENDS else compare(node, value_of_event(node.dimension, event))

        return judge

    def judge_visit(self, visit: Visit) -> Judge:
        """Return the judge of a row of sessions."""

        def judge(node: Leaf | HasDone) -> bool | None:
            if isinstance(node, HasDone):
                return self.has_done(node, visit)
            return None if is_of_events(node.dimension) else compare(node, value_of_visit(node.dimension, visit))

        return judge

    def has_done(self, node: HasDone, visit: Visit) -> bool:
        """Tell whether a visit has, or has not, an event inside the range for which the inner tree holds."""
        done = any(passes(node.child, self.judge_event(event)) for event in self.in_range(visit))
        return done != node.negated

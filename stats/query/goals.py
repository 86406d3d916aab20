"""Which of a site's goals a query is about (stats contract 1.6)."""

from collections.abc import Sequence

from goals.types import GoalSpec
from stats.query.dimensions import GOAL
from stats.query.filters import leaves
from stats.query.types import Filter, Leaf, Operator, QueryParams


def needs_goals(params: QueryParams) -> bool:
    """Tell whether `build_query` wants the site's goals."""
    return GOAL in params.dimensions or any(leaf.dimension == GOAL for node in params.filters for leaf in leaves(node))


def matching_goals(leaf: Leaf, goals: Sequence[GoalSpec]) -> tuple[GoalSpec, ...]:
    """Return the goals whose display name passes a comparison of `event:goal`, in their order."""
    fold = str.lower if leaf.case_sensitive is False else str
    wanted = {fold(str(clause)) for clause in leaf.clauses}
    if leaf.operator is Operator.IS:
        return tuple(goal for goal in goals if fold(goal.display_name) in wanted)
    return tuple(goal for goal in goals if any(clause in fold(goal.display_name) for clause in wanted))


def goal_filters(filters: Sequence[Filter]) -> tuple[Leaf, ...]:
    """Return the comparisons of `event:goal` at the top level, the only ones that narrow the goals of a query."""
    return tuple(node for node in filters if isinstance(node, Leaf) and node.dimension == GOAL)


def goals_in_play(filters: Sequence[Filter], goals: Sequence[GoalSpec]) -> tuple[GoalSpec, ...]:
    """Return the goals that top-level filters leave, those that the dimension `event:goal` has rows for."""
    narrowed = tuple(goals)
    for leaf in goal_filters(filters):
        narrowed = matching_goals(leaf, narrowed)
    return narrowed


def revenue_currencies(filters: Sequence[Filter], goals: Sequence[GoalSpec]) -> frozenset[str]:
    """Return the currencies that the goals in play count revenue in (2.6)."""
    return frozenset(goal.currency for goal in goals_in_play(filters, goals) if goal.currency)

"""Which events a goal counts, and which goals a query is about (stats contract 0 and 1.6)."""

import re
from collections.abc import Sequence
from functools import lru_cache

from goals.types import GoalKind, GoalSpec
from stats.query.types import Filter, Leaf, Operator
from tests.stats.query.reference.dimensions import GOAL
from tests.stats.query.reference.visits import Event

DEEPEST_SCROLL = 100


@lru_cache(maxsize=256)
def pattern(path: str) -> re.Pattern[str]:
    """Return a path pattern as a regular expression: stars are any text, bars alternatives, all else is plain."""
    pieces = re.split(r"(\*+|\|)", path)
    parts = (".*" if piece.startswith("*") else "|" if piece == "|" else re.escape(piece) for piece in pieces)
    return re.compile(f"^{''.join(parts)}\\Z", re.DOTALL)


def satisfies(goal: GoalSpec, event: Event) -> bool:
    """Tell whether an event is a conversion."""
    hit = event.hit
    match goal.kind:
        case GoalKind.EVENT:
            return hit.name == goal.event_name and all(
                hit.props.get(key, "") == value for key, value in goal.custom_props
            )
        case GoalKind.PAGE:
            return hit.name == "pageview" and bool(pattern(goal.page_path).search(hit.pathname))
        case GoalKind.SCROLL:
            far_enough = goal.scroll_threshold <= hit.scroll_depth <= DEEPEST_SCROLL
            return hit.name == "engagement" and far_enough and bool(pattern(goal.page_path).search(hit.pathname))


def named(leaf: Leaf, goals: Sequence[GoalSpec]) -> list[GoalSpec]:
    """Return the goals whose display name a filter `is` or `contains`."""
    fold = str.lower if leaf.case_sensitive is False else str
    clauses = [fold(str(clause)) for clause in leaf.clauses]
    if leaf.operator is Operator.IS:
        return [goal for goal in goals if fold(goal.display_name) in clauses]
    return [goal for goal in goals if any(clause in fold(goal.display_name) for clause in clauses)]


def goal_filters(filters: Sequence[Filter]) -> list[Leaf]:
    return [node for node in filters if isinstance(node, Leaf) and node.dimension == GOAL]


def goals_in_play(filters: Sequence[Filter], goals: Sequence[GoalSpec]) -> list[GoalSpec]:
    """Return the goals that the top-level filters leave."""
    left = list(goals)
    for leaf in goal_filters(filters):
        left = named(leaf, left)
    return left

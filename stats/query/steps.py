"""Steps: what an event must fulfil to take one in a funnel, to open a cohort, or to be a return to the site.

A request writes a step as the display name of a goal, as one filter, or as an object with a filter and its label.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from analytics_project.errors import InvalidQuery
from goals.types import GoalSpec
from stats.query.build import check_goal, check_leaf, check_sizes
from stats.query.dimensions import GOAL, dimension_for
from stats.query.filters import behaviours, leaves
from stats.query.parse_filters import parse_filter
from stats.query.parse_v2 import members_in, refuse
from stats.query.types import SEGMENT, AllOf, Filter, Kind, Leaf, Operator

MAX_LABEL_CHARACTERS: Final = 255
EVENT_NAME: Final = "event:name"

_NO_ENGAGEMENT: Final = Leaf(Operator.IS_NOT, EVENT_NAME, ("engagement",))


@dataclass(frozen=True, slots=True)
class Step:
    """A filter of single events, and the words that stand for it in the answer; `path` is its place in the request."""

    path: str
    condition: Filter
    label: str

    @property
    def goal(self) -> str | None:
        """Return the display name of the goal that the step is, None for a filter."""
        if isinstance(self.condition, Leaf) and self.condition == _is_goal(self.label):
            return self.label
        return None

    @property
    def looked_for(self) -> Filter:
        """Return what an event must fulfil: engagement counts only where the step asks for a goal or for names.

        Otherwise leaving a page, which tells how long it was read, would be as good as visiting it.
        """
        if any(leaf.dimension in {GOAL, EVENT_NAME} for leaf in leaves(self.condition)):
            return self.condition
        return AllOf((self.condition, _NO_ENGAGEMENT))


def _is_goal(name: str) -> Leaf:
    return Leaf(Operator.IS, GOAL, (name,))


def goal_step(name: str, path: str) -> Step:
    """Return the step that a goal is."""
    return Step(path, _is_goal(name), name)


def parse_step(raw: object, path: str) -> Step:
    """Return a step; one without a label is called as it was written. Raises: InvalidQuery naming the path."""
    if isinstance(raw, str) and raw:
        return goal_step(raw, path)
    if isinstance(raw, list):
        return Step(path, parse_filter(raw, path), json.dumps(raw, ensure_ascii=False))
    if not isinstance(raw, Mapping):
        refuse(path, "must be the display name of a goal, a filter, or an object with a filter and its label")
    members = members_in(raw, path, ("filter", "label"))
    condition = parse_filter(members.get("filter"), f"{path}.filter")
    label = members.get("label", json.dumps(members["filter"], ensure_ascii=False))
    if not isinstance(label, str) or not label.strip():
        refuse(f"{path}.label", "must be a text")
    if "label" in members and len(label) > MAX_LABEL_CHARACTERS:
        refuse(f"{path}.label", f"has more than {MAX_LABEL_CHARACTERS} characters")
    return Step(path, condition, label)


def asks_for_goals(steps: Sequence[Step]) -> bool:
    """Tell whether the site's goals are needed to find the events of these steps."""
    return any(leaf.dimension == GOAL for step in steps for leaf in leaves(step.condition))


def check_steps(steps: Sequence[Step], filters: Sequence[Filter], goals: Sequence[GoalSpec]) -> None:
    """Refuse steps that are about more than one event, and, together with the query's filters, too many comparisons.

    Raises: InvalidQuery naming the step's path.
    """
    for step in steps:
        if any(behaviours(step.condition)):
            raise _not_of_events(step.path, "'has_done' or 'has_not_done'")
        for leaf in leaves(step.condition):
            if leaf.dimension == SEGMENT:
                raise _not_of_events(step.path, repr(SEGMENT))
            _check_step_leaf(leaf, step.path, goals)
    conditions = (*filters, *(step.condition for step in steps))
    check_sizes(leaf for node in conditions for leaf in leaves(node))


def _check_step_leaf(leaf: Leaf, path: str, goals: Sequence[GoalSpec]) -> None:
    try:
        kind = dimension_for(leaf.dimension).kind
    except InvalidQuery as problem:
        raise InvalidQuery(f"{path}: {problem.message}", code=problem.code) from problem
    if kind is not Kind.EVENT:
        raise _not_of_events(path, repr(leaf.dimension))
    check_leaf(leaf, path, takes_all=True)
    if leaf.dimension == GOAL:
        check_goal(leaf, path, goals)


def _not_of_events(path: str, what: str) -> InvalidQuery:
    return InvalidQuery(
        f"{path}: {what} is not about one event; steps take dimensions of events only", code="invalid_steps"
    )

"""The wire form of goals: what a plugin sends becomes a `NewGoal`, and what it is shown (contract, section 6)."""

from collections.abc import Mapping
from typing import Final

from goals.api.plugins.bodies import Body, Path, check, list_in, object_in, text_in
from goals.api.plugins.failures import INVALID, Fault, InvalidShape
from goals.services import BLANK, NewGoal
from goals.types import (
    MAX_CUSTOM_PROPS,
    MAX_PROP_NAME_CHARACTERS,
    MAX_PROP_VALUE_CHARACTERS,
    GoalFields,
    GoalKind,
)

CUSTOM_EVENT: Final = "Goal.CustomEvent"
PAGEVIEW: Final = "Goal.Pageview"
REVENUE: Final = "Goal.Revenue"
GOAL_TYPES: Final = (CUSTOM_EVENT, PAGEVIEW, REVENUE)
MAX_GOALS_AT_ONCE: Final = 8


def goal_shown(goal: GoalFields) -> dict[str, object]:
    """Return a goal as plugins see it; one of a scroll depth looks like one of its page."""
    shown: dict[str, object] = {"id": goal.id, "display_name": goal.display_name}
    if goal.kind is not GoalKind.EVENT:
        kind = PAGEVIEW
        shown["path"] = goal.page_path
    elif goal.currency:
        kind = REVENUE
        shown |= {"event_name": goal.event_name, "currency": goal.currency}
    else:
        kind = CUSTOM_EVENT
        shown["event_name"] = goal.event_name
    return {"goal_type": kind, "goal": {**shown, "custom_props": goal.custom_props}}


def wanted_goals(body: Body) -> list[NewGoal]:
    """Return the one goal, or the one to eight, that a body asks for. Raises: InvalidShape, also for both at once."""
    single: list[Fault] = []
    bulk: list[Fault] = []
    one = new_goal(body, (), single)
    items = list_in(body, "goals", (), bulk, least=1, most=MAX_GOALS_AT_ONCE)
    many = [new_goal(item, ("goals", position), bulk) for position, item in enumerate(items)]
    if not single and not bulk:
        raise InvalidShape([Fault(("goals",), "cannot be sent together with a single goal")])
    if not single:
        return [one]
    check(bulk if "goals" in body else single)
    return many


def new_goal(item: object, path: Path, faults: list[Fault]) -> NewGoal:
    """Return the goal that an object asks for; an empty one, with its faults noted, when it has another shape."""
    if not isinstance(item, Mapping):
        faults.append(Fault(path, INVALID))
        return NewGoal()
    goal_type = item.get("goal_type")
    if goal_type not in GOAL_TYPES:
        faults.append(Fault((*path, "goal_type"), BLANK if goal_type is None else INVALID))
    goal = object_in(item, "goal", path, faults)
    if goal is None or goal_type not in GOAL_TYPES:
        return NewGoal()
    here = (*path, "goal")
    props = _custom_props(goal, here, faults)
    if goal_type == PAGEVIEW:
        return NewGoal(page_path=text_in(goal, "path", here, faults), is_page=True, custom_props=props)
    event_name = text_in(goal, "event_name", here, faults)
    currency = text_in(goal, "currency", here, faults) if goal_type == REVENUE else ""
    if goal_type == REVENUE and goal.get("currency") == "":
        faults.append(Fault((*here, "currency"), BLANK))
    return NewGoal(event_name=event_name, currency=currency, custom_props=props)


def _custom_props(goal: Body, path: Path, faults: list[Fault]) -> dict[str, str]:
    here = (*path, "custom_props")
    sent = goal.get("custom_props", {})
    if not isinstance(sent, Mapping):
        faults.append(Fault(here, INVALID))
        return {}
    if len(sent) > MAX_CUSTOM_PROPS:
        faults.append(Fault(here, f"should have at most {MAX_CUSTOM_PROPS} properties"))
        return {}
    for name, value in sent.items():
        if not 1 <= len(name) <= MAX_PROP_NAME_CHARACTERS:
            faults.append(Fault(here, f"names should have 1 to {MAX_PROP_NAME_CHARACTERS} characters"))
        elif not isinstance(value, str):
            faults.append(Fault((*here, name), INVALID))
        elif not 1 <= len(value) <= MAX_PROP_VALUE_CHARACTERS:
            faults.append(Fault((*here, name), f"should have 1 to {MAX_PROP_VALUE_CHARACTERS} characters"))
    return dict(sent)

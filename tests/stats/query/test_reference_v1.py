"""Random events and random requests to v1 over HTTP: the answers beside those that the definitions give."""

from dataclasses import dataclass, replace
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from goals.types import GoalSpec
from stats.store.client import EventStore
from tests.stats.query.asking import Asker, new_asker, with_goals
from tests.stats.query.reference.requests import requests
from tests.stats.query.reference.v1 import Request, results
from tests.stats.query.reference.worlds import World, worlds

SITES = 8
REQUESTS = 30


@dataclass(frozen=True)
class Interview:
    """A site and what it is asked."""

    world: World
    requests: list[Request]

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        """Keep hypothesis from printing all of it."""
        printer.text(f"{len(self.requests)} requests about {self.world.zone}")


@st.composite
def interviews(draw: st.DrawFn) -> Interview:
    """Draw a site whose statistics were never reset, and requests."""
    world = replace(draw(worlds()), reset_at=None)
    return Interview(world, [draw(requests(world)) for _ in range(REQUESTS)])


def settled(store: EventStore, world: World) -> Asker:
    """Return a new site with the world's goals and events."""
    asker = with_goals(new_asker(store, world.zone), *map(goal_fields, world.goals))
    world.happen(store, asker.site)
    return asker


def goal_fields(goal: GoalSpec) -> dict[str, object]:
    return {
        "display_name": goal.display_name,
        "event_name": goal.event_name,
        "page_path": goal.page_path,
        "scroll_threshold": goal.scroll_threshold,
        "custom_props": dict(goal.custom_props),
        "currency": goal.currency,
    }


@settings(
    derandomize=True,
    database=None,
    deadline=None,
    max_examples=SITES,
    phases=(Phase.generate,),
    suppress_health_check=list(HealthCheck),
    report_multiple_bugs=False,
)
@given(interview=interviews())
def test_answers_are_those_of_the_definitions(store: EventStore, db: None, interview: Interview) -> None:
    asker = settled(store, interview.world)
    for request in interview.requests:
        found = asker.v1(request.endpoint, **request.parameters())
        expected = results(interview.world, asker.site, request)
        if found != expected:
            text = f"{request.parameters()}\nanswered: {found}\ncontract: {expected}\n{interview.world!r}"
            pytest.fail(f"{request.endpoint} {text}", pytrace=False)

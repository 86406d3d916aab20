"""Random events and random queries: the engine's answers beside those that the definitions give.

The default run asks the same queries every time. `pytest -m slow` asks many more, different ones each time; it prints
a number that REFERENCE_SEED takes to ask them again.
"""

import os
from dataclasses import dataclass
from random import SystemRandom
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from stats.query.types import QueryParams
from stats.store.client import EventStore
from tests.stats.query.reference.comparing import report
from tests.stats.query.reference.questions import questions
from tests.stats.query.reference.worlds import World, worlds

QUERIES = 50
SITES = 10
SITES_WHEN_SLOW = int(os.environ.get("REFERENCE_SITES", "100"))
SEED = int(os.environ.get("REFERENCE_SEED", SystemRandom().randrange(2**32)))
# Writing a site takes longer than asking a query, so each is asked many. `reference.smaller` does the shrinking.
HOW = settings(
    database=None,
    deadline=None,
    phases=(Phase.generate,),
    suppress_health_check=list(HealthCheck),
    report_multiple_bugs=False,
)


@dataclass(frozen=True)
class Interview:
    """A site and what it is asked."""

    world: World
    queries: list[QueryParams]

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        """Keep hypothesis from printing all of it."""
        printer.text(f"{len(self.queries)} queries about {self.world.zone}")


@st.composite
def interviews(draw: st.DrawFn) -> Interview:
    """Draw a site and its queries."""
    world = draw(worlds())
    return Interview(world, [draw(questions(world)) for _ in range(QUERIES)])


def check(store: EventStore, interview: Interview) -> None:
    found = report(store, interview.world, interview.queries)
    if found is not None:
        pytest.fail(found, pytrace=False)


@pytest.mark.usefixtures("unmerged")
@settings(HOW, derandomize=True, max_examples=SITES)
@given(interview=interviews())
def test_answers_are_those_of_the_definitions(store: EventStore, interview: Interview) -> None:
    check(store, interview)


@pytest.mark.slow
@pytest.mark.usefixtures("unmerged")
def test_many_answers_are_those_of_the_definitions(store: EventStore) -> None:
    print(f"REFERENCE_SEED={SEED}")  # noqa: T201  # shown by pytest with a failure

    @seed(SEED)
    @settings(HOW, max_examples=SITES_WHEN_SLOW)
    @given(interview=interviews())
    def ask(interview: Interview) -> None:
        check(store, interview)

    ask()

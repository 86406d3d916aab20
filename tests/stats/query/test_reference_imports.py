"""Random events, random imported totals, random queries: the engine's answers beside those that the definitions give.

As in `test_reference`, the default run asks the same queries every time and the slow one others.
"""

from dataclasses import dataclass, replace
from typing import Any

import pytest
from hypothesis import given, seed, settings
from hypothesis import strategies as st

from stats.query.types import QueryParams
from stats.store.client import EventStore
from tests.stats.query.reference.answer import reason_to_skip
from tests.stats.query.reference.comparing import report
from tests.stats.query.reference.total_files import totals
from tests.stats.query.reference.total_questions import total_questions
from tests.stats.query.reference.worlds import World, worlds
from tests.stats.query.test_reference import HOW, SEED, SITES_WHEN_SLOW

QUERIES = 60
SITES = 5


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
    """Draw a site with imports and its queries."""
    world = draw(worlds())
    found, imports = draw(totals(world.first))
    world = replace(world, totals=found, imports=imports)
    return Interview(world, [draw(total_questions(world)) for _ in range(QUERIES)])


def check(store: EventStore, interview: Interview) -> None:
    found = report(store, interview.world, interview.queries)
    if found is not None:
        pytest.fail(found, pytrace=False)


@pytest.mark.usefixtures("unmerged")
def test_answers_with_imports_are_those_of_the_definitions(store: EventStore) -> None:
    merged: list[bool] = []

    @settings(HOW, derandomize=True, max_examples=SITES)
    @given(interview=interviews())
    def ask(interview: Interview) -> None:
        check(store, interview)
        site = interview.world.site()
        merged.extend(reason_to_skip(site, interview.world.goals, one) is None for one in interview.queries)

    ask()
    assert sum(merged) > len(merged) / 3


@pytest.mark.slow
@pytest.mark.usefixtures("unmerged")
def test_many_answers_with_imports_are_those_of_the_definitions(store: EventStore) -> None:
    print(f"REFERENCE_SEED={SEED}")  # noqa: T201  # shown by pytest with a failure

    @seed(SEED)
    @settings(HOW, max_examples=SITES_WHEN_SLOW)
    @given(interview=interviews())
    def ask(interview: Interview) -> None:
        check(store, interview)

    ask()

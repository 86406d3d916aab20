"""Sites to ask about."""

from collections.abc import Iterator

import pytest

from stats.store.client import EventStore
from tests.stats.query.asking import Asker, new_asker, with_goals
from tests.stats.query.fixtures import FIXTURE_A


@pytest.fixture
def asker(store: EventStore, db: None) -> Asker:
    """A site in UTC without events."""
    return new_asker(store)


@pytest.fixture
def unmerged(store: EventStore) -> Iterator[None]:
    """Keep the states of visits apart for the length of a test, as they are until the store gets to merge them."""
    store.execute("SYSTEM STOP MERGES sessions", tag="test")
    yield
    store.execute("SYSTEM START MERGES sessions", tag="test")


@pytest.fixture(params=[False, True], ids=["merged", "every state"])
def every_state(unmerged: None, request: pytest.FixtureRequest) -> bool:
    """Run a test on the final states of visits, and again on all of their states."""
    return bool(request.param)


@pytest.fixture
def fixture_a(asker: Asker, every_state: bool) -> Asker:
    """The contract's fixture A."""
    asker.record(*FIXTURE_A, every_state=every_state)
    return asker


@pytest.fixture
def goals_a(fixture_a: Asker) -> Asker:
    """The contract's fixture A with its four goals."""
    return with_goals(
        fixture_a,
        {"event_name": "Signup"},
        {"event_name": "Signup", "display_name": "Pro signup", "custom_props": {"plan": "pro"}},
        {"page_path": "/blog/*"},
        {"page_path": "/blog/*", "display_name": "Deep read", "scroll_threshold": 75},
    )

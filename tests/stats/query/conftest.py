"""Sites to ask about."""

from collections.abc import Iterator

import pytest

from stats.store.client import EventStore
from tests.stats.query.asking import Asker, new_asker
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

"""What every test of events and numbers keeps watch over."""

from collections.abc import Iterator

import pytest

from stats.store.client import EventStore
from tests.one_site_watch import queries_read_one_site
from tests.stats.small_store import SmallStore, empty, make_small_store

__all__ = ["queries_read_one_site"]


@pytest.fixture(scope="session")
def _opened_small_store(_events_url: None) -> Iterator[SmallStore]:
    opened = make_small_store()
    yield opened
    opened.close()


@pytest.fixture
def small_store(_opened_small_store: SmallStore, monkeypatch: pytest.MonkeyPatch) -> EventStore:
    """The store of a test that erases, empty; the services of this process use it too."""
    empty(_opened_small_store)
    monkeypatch.setattr("stats.services._store", _opened_small_store)
    return _opened_small_store

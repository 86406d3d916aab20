"""Fixtures that every test may use."""

import logging
from collections.abc import Iterator

import pytest
from django.conf import settings

from stats.store import migrations
from stats.store.client import EventStore, open_store
from tests.secret_watch import watching
from tests.stats.small_store import SmallStore, empty, make_small_store


@pytest.fixture(scope="session", autouse=True)
def _events_url(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Point the settings at a temporary embedded store, so that no test opens the developer's own."""
    settings.EVENTS_URL = f"chdb://{tmp_path_factory.mktemp('events')}"


@pytest.fixture(scope="session", autouse=True)
def _no_secret_is_logged() -> Iterator[None]:
    """Fail the run when anything that the suite logged holds a key, token, password or salt that it made."""
    with watching(logging.getLogger()) as watch:
        watch.others.add(settings.SECRET_KEY)
        yield
    assert watch.leaks() == []


@pytest.fixture(scope="session")
def store(_events_url: None) -> Iterator[EventStore]:
    """The one embedded event store of the session, migrated; tests keep apart by using a fresh site each."""
    opened = open_store(settings.EVENTS_URL)
    migrations.migrate(opened)
    yield opened
    opened.close()


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

"""Fixtures that every test may use."""

from collections.abc import Iterator

import pytest
from django.conf import settings

from stats.store import migrations
from stats.store.client import EventStore, open_store


@pytest.fixture(scope="session", autouse=True)
def _events_url(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Point the settings at a temporary embedded store, so that no test opens the developer's own."""
    settings.EVENTS_URL = f"chdb://{tmp_path_factory.mktemp('events')}"


@pytest.fixture(scope="session")
def store(_events_url: None) -> Iterator[EventStore]:
    """The one embedded event store of the session, migrated; tests keep apart by using a fresh site each."""
    opened = open_store(settings.EVENTS_URL)
    migrations.migrate(opened)
    yield opened
    opened.close()

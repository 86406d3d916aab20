"""An event store of few rows beside the suite's own, in the same engine, for tests that erase.

An erasure gives every part of a table a new version, which takes about 0.13 s for each; late in a run the suite's store
has hundreds of parts, and one test took over a minute. Only tests that erase use this one, so each begins with none.
"""

from typing import Any

from django.conf import settings

from stats.store import migrations
from stats.store.client import EventStore, Limits
from stats.store.erasures import TABLES

DATABASE = "erasures"


class SmallStore(EventStore):
    """The embedded store of the settings, but another database of its engine."""

    def _open(self, limits: Limits) -> Any:
        client = super()._open(limits)
        client.command(f"CREATE DATABASE IF NOT EXISTS {DATABASE}", use_database=False)
        client.database = DATABASE
        return client


def make_small_store() -> SmallStore:
    """Open it and bring its tables up to date."""
    opened = SmallStore(settings.EVENTS_URL)
    migrations.migrate(opened)
    return opened


def empty(store: EventStore) -> None:
    """Remove all rows, and the parts with them."""
    for table in TABLES:
        store.execute(f"TRUNCATE TABLE {table.name}", tag="test")

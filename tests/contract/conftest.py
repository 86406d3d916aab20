from collections.abc import Iterator
from pathlib import Path

import pytest
import time_machine

from stats.store.client import EventStore
from stats.types import IntakeSite
from tests.live_path import LivePath, intake_site

NOON = "2026-03-10T12:00:00Z"


@pytest.fixture
def clock() -> Iterator[time_machine.Traveller]:
    """Stand still at noon UTC of 10 March 2026; `clock.move_to` and `clock.shift` move on."""
    with time_machine.travel(NOON, tick=False) as traveller:
        yield traveller


@pytest.fixture
def live(clock: time_machine.Traveller, store: EventStore, tmp_path: Path) -> Iterator[LivePath]:
    """The live path with the clock standing still."""
    path = LivePath(store, tmp_path / "spool")
    yield path
    path.stop()


@pytest.fixture
def shop(live: LivePath) -> IntakeSite:
    """The site of the event contract's worked cases."""
    site = intake_site("shop.example")
    live.add(site)
    return site

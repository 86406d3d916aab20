"""Who is on the site now."""

from datetime import datetime

import pytest
import time_machine

from stats.store.client import EventStore
from tests.stats.query.asking import new_asker
from tests.stats.query.fixtures import FIXTURE_A
from tests.stats.query.recorded import pageview


@pytest.mark.parametrize(
    ("now", "visitors"),
    [
        pytest.param("15:33:00", 1, id="custom events count"),
        pytest.param("15:05:30", 0, id="engagement does not"),
        pytest.param("15:05:00.9", 1, id="five minutes to the second"),
        pytest.param("15:05:01", 0, id="a second later"),
        pytest.param("08:00:00", 0, id="nothing yet"),
    ],
)
def test_c80_realtime_is_a_bare_number(store: EventStore, db: None, now: str, visitors: int) -> None:
    asker = new_asker(store)
    moment = datetime.fromisoformat(f"2025-03-10T{now}Z")
    asker.record(pageview("2025-03-09 09:00", "yesterday"), *(hit for hit in FIXTURE_A if hit.moment <= moment))
    with time_machine.travel(moment, tick=False):
        assert asker.get("realtime/visitors") == (200, visitors)


def test_realtime_has_no_upper_bound(store: EventStore, db: None) -> None:
    asker = new_asker(store)
    asker.record(pageview("09:00", "clock ahead"))
    with time_machine.travel("2025-03-10T08:59:00Z", tick=False):
        assert asker.get("realtime/visitors") == (200, 1)

"""`manage.py prune`: whole months beyond the retention of site or plan go, and nothing without one."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
import time_machine
from django.conf import LazySettings

from accounts.models import Plan, Site
from stats.ingest.spool import Spool
from stats.models import Erasure
from stats.retention_services import retention_before
from stats.store.client import EventStore
from tests.factories import make_plan, make_site, make_team
from tests.stats.erasing import events, fill, refusal, run, text_of

pytestmark = pytest.mark.django_db
NOW = "2026-03-15T12:00:00Z"
# Berlin's March begins at 23:00 UTC on the last of February.
MOMENTS = ("2025-11-20T12:00:00Z", "2025-12-31T22:59:59Z", "2025-12-31T23:00:00Z", "2026-03-01T12:00:00Z")


@pytest.fixture
def store(small_store: EventStore) -> EventStore:
    return small_store


@pytest.fixture(autouse=True)
def _own_spool(settings: LazySettings, tmp_path: Path) -> None:
    settings.SPOOL_DIR = tmp_path / "spool"


def berlin(store: EventStore, plan: Plan, **fields: object) -> Site:
    """Return a site in Berlin with four events, on a plan."""
    site = make_site(make_team(plan=plan), timezone="Europe/Berlin", **fields)
    fill(store, site, *MOMENTS)
    return site


@time_machine.travel(NOW, tick=False)
def test_months_of_the_plan_or_of_the_site_are_kept(store: EventStore) -> None:
    by_plan = berlin(store, make_plan(retention_months=2), domain="a.example")
    own = berlin(store, make_plan(retention_months=2), domain="b.example", retention_months=4)
    for_ever = berlin(store, make_plan())
    told = run("prune", "--dry-run")["sites"]
    assert told == [
        {"site": "a.example", "months": 2, "before": "2026-01-01T00:00:00+01:00", "events": 2},
        {"site": "b.example", "months": 4, "before": "2025-11-01T00:00:00+01:00", "events": 0},
    ]
    assert not Erasure.objects.exists()
    assert "a.example: before 2026-01-01 (2 months are kept): 2 events" in text_of("prune", "--dry-run")
    done = run("prune")
    assert [(one["site"], one["events"]) for one in done["sites"]] == [("a.example", 2)]
    assert [events(store, site.pk) for site in (by_plan, own, for_ever)] == [2, 4, 4]
    assert run("prune")["sites"] == []
    assert "nothing" not in text_of("prune")
    assert "no site has anything to prune" in text_of("prune")


@time_machine.travel(NOW, tick=False)
def test_one_site_alone_is_pruned_and_history_imported_later_goes_again(store: EventStore) -> None:
    plan = make_plan(retention_months=2)
    chosen, other = berlin(store, plan), berlin(store, plan)
    run("prune", "--site", chosen.domain)
    assert (events(store, chosen.pk), events(store, other.pk)) == (2, 4)
    fill(store, chosen, "2025-10-01T12:00:00Z")
    assert run("prune", "--site", chosen.public_id)["sites"][0]["events"] == 1
    assert Erasure.objects.get().removed_events == 3


@time_machine.travel(NOW, tick=False)
def test_beside_a_server_pruning_twice_asks_once(
    store: EventStore, settings: LazySettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    berlin(store, make_plan(retention_months=2))
    monkeypatch.setattr("stats.management.commands.prune.count_events_to_erase", lambda erasures: None)
    server = Spool(settings.SPOOL_DIR, max_bytes=1_000_000, sync_ms=0)
    for _ in range(2):
        result = run("prune", "--wait", "0")
        assert result["outcome"] == "left to the running server"
        assert result["sites"][0]["events"] is None
    server.close()
    assert Erasure.objects.count() == 1


@pytest.mark.parametrize(
    ("months", "timezone", "before"),
    [
        (1, "Etc/UTC", "2026-02-01T00:00:00+00:00"),
        (3, "Etc/UTC", "2025-12-01T00:00:00+00:00"),
        (12, "America/St_Johns", "2025-03-01T00:00:00-03:30"),
        (1200, "Etc/UTC", "1926-03-01T00:00:00+00:00"),
    ],
)
def test_retention_ends_with_a_month_of_the_site(months: int, timezone: str, before: str) -> None:
    assert retention_before(months, timezone, datetime(2026, 3, 1, 12, tzinfo=UTC)).isoformat() == before


def test_retention_of_a_century_removes_nothing(store: EventStore) -> None:
    site = berlin(store, make_plan(retention_months=1200))
    assert run("prune")["sites"] == []
    assert events(store, site.pk) == 4


def test_unknown_site_is_refused() -> None:
    assert "no site" in refusal("prune", "--site", "nowhere.example")

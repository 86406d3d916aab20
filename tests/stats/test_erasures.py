"""Statistics of deleted and reset sites: asked for in the same transaction, removed once nothing is on its way."""

import io
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine

from accounts.models import AuditEntry, ShieldRule, Site
from accounts.selectors import site_ref
from analytics_project import clock
from analytics_project.errors import NotFound, StoreUnavailable
from goals.site_services import delete_site
from stats import housekeeping
from stats.erasure_services import LOOK_AGAIN_AFTER, SETTLED_AFTER, look_again, reset_statistics, work_off_erasures
from stats.housekeeping import Housekeeping
from stats.import_services import import_events
from stats.models import Erasure, ErasureKind
from stats.store.client import EventStore
from stats.types import IntakeSite
from tests.factories import make_site
from tests.live_path import LivePath

pytestmark = pytest.mark.django_db

NOON = "2026-03-10T12:00:00Z"
LINES = b'{"timestamp":"2026-03-09T12:00:00Z","visitor_id":"ann"}\n{"timestamp":"2026-03-10T11:00:00Z"}\n'


@pytest.fixture
def store(small_store: EventStore) -> EventStore:
    return small_store


@pytest.fixture
def hand() -> Iterator[time_machine.Traveller]:
    with time_machine.travel(NOON, tick=False) as traveller:
        yield traveller


def nothing_on_its_way(site_number: int) -> None:
    """Stand in for intake where no event was sent to it."""


def events(store: EventStore, site_id: int) -> int:
    rows = store.read_rows("SELECT count() AS n FROM events WHERE site_id = {id:UInt32}", {"id": site_id}, tag="test")
    return int(rows[0]["n"])


def fill(store: EventStore, site: Site) -> int:
    return import_events(store, site_ref(site), io.BytesIO(LINES)).imported


@pytest.mark.parametrize("way", ["service", "team", "query"])
def test_deleting_a_site_in_any_way_asks_for_its_statistics(way: str) -> None:
    site = make_site(domain="shop.example")
    ShieldRule.objects.create(site=site, kind="ip", value="192.0.2.1")
    number = site.pk
    if way == "service":
        delete_site(site_ref(site))
        assert AuditEntry.objects.filter(action="site.delete", target__startswith="shop.example").exists()
    elif way == "team":
        site.team.delete()
    else:
        Site.objects.filter(pk=number).delete()
    asked = Erasure.objects.get()
    assert (asked.site_number, asked.domain, asked.kind) == (number, "shop.example", ErasureKind.DELETE)
    assert (asked.finished_at, asked.before) == (None, None)


def test_deletion_waits_for_intake_and_says_when_it_is_done(hand: time_machine.Traveller, store: EventStore) -> None:
    site = make_site()
    number = site.pk
    assert fill(store, site) == 2
    delete_site(site_ref(site))
    hand.shift(SETTLED_AFTER - timedelta(seconds=1))
    assert work_off_erasures(store, nothing_on_its_way) == 0
    hand.shift(1)
    settled: list[int] = []
    assert work_off_erasures(store, settled.append) == 1
    done = Erasure.objects.get()
    assert (settled, done.finished_at, done.removed_events) == ([number], clock.now(), 2)
    assert events(store, number) == 0
    assert work_off_erasures(store, nothing_on_its_way) == 0


def test_erasure_that_the_store_refuses_stays_due(hand: time_machine.Traveller, store: EventStore) -> None:
    make_site().delete()
    hand.shift(SETTLED_AFTER)

    def refuse(site_number: int) -> None:
        raise StoreUnavailable("the event store is away")

    with pytest.raises(StoreUnavailable):
        work_off_erasures(store, refuse)
    assert Erasure.objects.get().finished_at is None
    assert work_off_erasures(store, nothing_on_its_way) == 1


def test_rows_that_slip_in_later_are_found(hand: time_machine.Traveller, store: EventStore) -> None:
    site = make_site()
    ref, number = site_ref(site), site.pk
    record = Site.objects.get(pk=number)
    site.delete()
    hand.shift(SETTLED_AFTER)
    work_off_erasures(store, nothing_on_its_way)
    record.save()  # an import that began before the deletion
    import_events(store, ref, io.BytesIO(LINES))
    hand.shift(LOOK_AGAIN_AFTER - timedelta(seconds=1))
    assert look_again(store) == 0
    hand.shift(1)
    assert look_again(store) == 1
    done = Erasure.objects.get()
    assert (events(store, number), done.removed_events) == (0, 2)
    assert done.finished_at is not None
    assert done.finished_at < clock.now()


def test_reset_site_counts_nothing_at_once_and_keeps_the_rest(hand: time_machine.Traveller, store: EventStore) -> None:
    site = make_site()
    fill(store, site)
    erasure = reset_statistics(site_ref(site))
    site.refresh_from_db()
    assert site.stats_reset_at == erasure.before == clock.now() + timedelta(seconds=1)
    hand.shift(SETTLED_AFTER)
    assert work_off_erasures(store, nothing_on_its_way) == 1
    assert events(store, site.pk) == 0
    assert fill(store, site) == 2  # the same body is no repetition any more
    site.delete()
    with pytest.raises(NotFound):
        reset_statistics(site_ref(Site(pk=999_999_999, domain="gone.example")))


def test_event_that_waits_in_the_spool_goes_with_its_site(store: EventStore, tmp_path: Path) -> None:
    with time_machine.travel(NOON, tick=False) as hand:
        site = make_site(domain="shop.example")
        away = _Away(store)
        live = LivePath(store, tmp_path / "spool", open_store=away)
        live.add(IntakeSite(ref=site_ref(site)))
        event = {"n": "pageview", "u": "https://shop.example/", "d": "shop.example"}
        assert live.post(event).status == 202
        number = site.pk
        site.delete()
        live.sites.clear()
        live.intake.sites.expire()
        hand.shift(SETTLED_AFTER)
        away.is_away = False
        assert work_off_erasures(store, live.intake.wait_for_accepted) == 1
        assert Erasure.objects.get().removed_events == 1
        assert live.post(event).headers["x-plausible-dropped"] == "1"
        live.written()
        assert events(store, number) == 0
        live.stop()


class _Away:
    """An event store that takes no rows until it is back."""

    def __init__(self, store: EventStore) -> None:
        self.is_away = True
        self._store = store

    def __call__(self) -> EventStore:
        return self._store if not self.is_away else _Refusing()  # type: ignore[return-value]


class _Refusing:
    def insert_lines(self, *arguments: Any, **settings: Any) -> None:
        raise StoreUnavailable("away")

    def read_rows(self, *arguments: Any, **settings: Any) -> list[Any]:
        return []


def test_housekeeping_goes_on_after_a_store_that_was_away(monkeypatch: pytest.MonkeyPatch) -> None:
    rounds: list[str] = []
    enough = threading.Event()

    def away(*arguments: object) -> None:
        rounds.append("erase")
        if len(rounds) > 2:
            enough.set()
        raise StoreUnavailable("the event store is away")

    monkeypatch.setattr(housekeeping, "EVERY_S", 0.001)
    monkeypatch.setattr(housekeeping, "while_connected", lambda work: work)
    monkeypatch.setattr(housekeeping, "event_store", lambda: None)
    monkeypatch.setattr(housekeeping, "work_off_erasures", away)
    monkeypatch.setattr(housekeeping, "look_again", lambda store: rounds.append("look"))
    swept: list[object] = []
    monkeypatch.setattr(housekeeping, "sweep_old_domains", swept.append)
    monkeypatch.setattr(housekeeping, "forget_lapsed_invitations", lambda: None)
    forgotten: list[object] = []
    monkeypatch.setattr(housekeeping, "forget_completion_requests", forgotten.append)
    keeper = Housekeeping(intake=None)  # type: ignore[arg-type]
    keeper.start()
    assert enough.wait(10)
    keeper.stop()
    assert "look" in rounds
    assert len(swept) == len(forgotten) == 1

"""When intake cannot keep an event it says 503, and neither the store nor the open visits know of it."""

import errno
import os
from pathlib import Path

import pytest
import time_machine

from analytics_project.errors import StoreUnavailable
from stats.store.client import EventStore
from stats.types import IntakeSite
from tests.live_path import LivePath, intake_site

PAGE = {"n": "pageview", "u": "https://shop.example/", "d": "shop.example"}


class DeadStore:
    """An event store that answers reads and refuses every insert until it is revived."""

    def __init__(self, store: EventStore) -> None:
        self.store = store
        self.is_dead = True

    def insert_lines(self, table: str, columns: tuple[str, ...], body: bytes, *, token: str) -> None:
        if self.is_dead:
            raise StoreUnavailable("dead")
        self.store.insert_lines(table, columns, body, token=token)

    def read_rows(self, *args: object, **kwargs: object) -> object:
        return self.store.read_rows(*args, **kwargs)  # type: ignore[arg-type]


def test_full_disk_is_503_and_leaves_the_visit_as_it_was(
    live: LivePath, shop: IntakeSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    live.post(PAGE)

    def no_space(fd: int, data: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as disk:
        disk.setattr(os, "write", no_space)
        for _ in range(3):
            answer = live.post(PAGE)
            assert (answer.status, answer.headers["access-control-allow-origin"]) == (503, "*")
            assert int(answer.headers["retry-after"]) > 0
            assert "error" in answer.json
        assert live.post({**PAGE, "d": "shop.example,nosuch.example"}).status == 503
    live.post({**PAGE, "u": "https://shop.example/b"})
    [visit] = live.visits(shop)
    assert (visit["pageviews"], visit["events"], visit["exit_page"]) == (2, 2, "/b")
    assert len(live.events(shop)) == 2


def test_visit_that_began_with_a_refused_event_begins_anew(
    live: LivePath, shop: IntakeSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_space(fd: int, data: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as disk:
        disk.setattr(os, "write", no_space)
        assert live.post({**PAGE, "r": "https://www.google.com/"}).status == 503
    live.post(PAGE)
    [visit] = live.visits(shop)
    assert (visit["pageviews"], visit["source"]) == (1, "")


def test_dead_event_store_accepts_to_the_spool_then_503_then_everything_arrives(
    clock: time_machine.Traveller, store: EventStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stats.ingest.writer.LONGEST_PAUSE_S", 0.02)
    dead = DeadStore(store)
    live = LivePath(store, tmp_path, open_store=lambda: dead, spool_max_bytes=20_000)
    site = intake_site("dead.example")
    live.add(site)
    statuses = [live.post({**PAGE, "d": "dead.example"}).status for _ in range(60)]
    accepted = statuses.count(202)
    assert set(statuses) == {202, 503}
    assert statuses == sorted(statuses)
    dead.is_dead = False
    assert len(live.events(site)) == accepted
    [visit] = live.visits(site)
    assert visit["pageviews"] == accepted
    assert live.post({**PAGE, "d": "dead.example"}).status == 202
    live.stop()


def test_unknown_domain_while_the_relational_store_is_down_is_503(
    live: LivePath, monkeypatch: pytest.MonkeyPatch
) -> None:
    def down(domain: str) -> None:
        raise StoreUnavailable("the relational store does not answer")

    monkeypatch.setattr(live.intake.sites, "_load", down)
    answer = live.post(PAGE)
    assert (answer.status, "retry-after" in answer.headers) == (503, True)


@pytest.mark.parametrize("meanwhile", ["a site changes", "a later request loads it too"])
def test_site_whose_entry_turns_out_of_date_while_it_is_loaded_takes_the_event(
    live: LivePath, shop: IntakeSite, monkeypatch: pytest.MonkeyPatch, meanwhile: str
) -> None:
    sites = live.intake.sites
    load = sites.load

    def load_late(domain: str, now: int) -> None:
        load(domain, now)
        if meanwhile == "a site changes":
            sites.expire()
        else:
            load(domain, now + 1)

    monkeypatch.setattr(sites, "load", load_late)
    assert "x-dropped-reasons" not in live.post(PAGE).headers
    assert len(live.events(shop)) == 1


def test_impossible_domains_are_not_remembered(live: LivePath) -> None:
    answer = live.post({**PAGE, "d": "x" * 900_000})
    assert answer.headers["x-dropped-reasons"] == "not_found"
    assert live.intake.sites._entries == {}


def test_events_of_a_killed_process_are_written_at_the_next_start(
    clock: time_machine.Traveller, store: EventStore, tmp_path: Path
) -> None:
    dead = DeadStore(store)
    former = LivePath(store, tmp_path, open_store=lambda: dead)
    site = intake_site("killed.example")
    former.add(site)
    for path in "abc":
        former.post({"n": "pageview", "u": f"https://killed.example/{path}", "d": "killed.example"})
    former.post({"n": "engagement", "u": "https://killed.example/c", "d": "killed.example", "sd": 40})
    former.stop()
    later = LivePath(store, tmp_path, sites=former.sites)
    later.intake.wait_for_accepted(site.ref.id)
    assert later.intake.spool.pending_bytes == 0
    clock.shift(1_700)
    later.post({"n": "pageview", "u": "https://killed.example/d", "d": "killed.example"})
    [visit] = later.visits(site)
    assert (visit["pageviews"], visit["entry_page"], visit["exit_page"], visit["duration"]) == (4, "/a", "/d", 1_700)
    assert len(later.events(site)) == 5
    later.stop()


def test_visit_that_only_a_spooled_ping_keeps_open_goes_on_after_the_restart(
    clock: time_machine.Traveller, store: EventStore, tmp_path: Path
) -> None:
    page = {"n": "pageview", "u": "https://pinged.example/", "d": "pinged.example"}
    site = intake_site("pinged.example")
    dead = DeadStore(store)
    dead.is_dead = False
    former = LivePath(store, tmp_path, open_store=lambda: dead)
    former.add(site)
    former.post(page)
    former.written()
    dead.is_dead = True
    clock.shift(1_200)
    former.post({**page, "n": "engagement", "e": 500})
    former.stop()
    clock.shift(900)
    later = LivePath(store, tmp_path, sites=former.sites)
    later.post(page)
    [visit] = later.visits(site)
    assert (visit["pageviews"], visit["duration"]) == (2, 2_100)
    later.stop()

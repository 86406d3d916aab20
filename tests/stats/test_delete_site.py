"""`manage.py delete_site`: the site and its events are gone, or what would be gone is told, beside a server or not."""

from pathlib import Path

import pytest
from django.conf import LazySettings

from accounts.models import AuditEntry, Site
from accounts.services import issue_plugins_token
from analytics_project.errors import StoreUnavailable
from stats import offline_services
from stats.erasure_services import SETTLED_AFTER, work_off_erasures
from stats.ingest.spool import Spool
from stats.models import Erasure
from stats.store.client import EventStore
from tests.factories import make_goal, make_site
from tests.stats.erasing import events, fill, refusal, run, text_of

pytestmark = pytest.mark.django_db
NOON = "2026-03-09T12:00:00Z"


@pytest.fixture
def store(small_store: EventStore) -> EventStore:
    return small_store


@pytest.fixture(autouse=True)
def _own_spool(settings: LazySettings, tmp_path: Path) -> None:
    settings.SPOOL_DIR = tmp_path / "spool"


@pytest.fixture
def site(store: EventStore) -> Site:
    made = make_site(domain="shop.example")
    make_goal(made)
    issue_plugins_token(made, description="shop")
    fill(store, made, NOON)
    return made


def test_dry_run_tells_what_would_go_and_deletes_nothing(site: Site, store: EventStore) -> None:
    told = run("delete_site", "shop.example", "--dry-run")
    assert told["records"] == {"goals": 1, "plugins tokens": 1}
    assert (told["events"], told["public_id"]) == (1, site.public_id)
    assert "1 goals" in text_of("delete_site", site.public_id, "--dry-run")
    assert Site.objects.filter(pk=site.pk).exists()
    assert events(store, site.pk) == 1
    assert not Erasure.objects.exists()


def test_site_and_events_are_gone_when_the_command_ends(site: Site, store: EventStore) -> None:
    number, other = site.pk, make_site()
    fill(store, other, NOON)
    done = run("delete_site", "SHOP.example")
    assert (done["events"], done["outcome"]) == (1, "done")
    assert not Site.objects.filter(pk=number).exists()
    assert (events(store, number), events(store, other.pk)) == (0, 1)
    assert AuditEntry.objects.get(action="site.delete").who is None
    assert Erasure.objects.get().finished_at is not None


def test_running_server_is_left_the_events_and_awaited(
    site: Site, store: EventStore, settings: LazySettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = site.pk
    server = Spool(settings.SPOOL_DIR, max_bytes=1_000_000, sync_ms=0)
    late = run("delete_site", "shop.example", "--wait", "0")
    assert (late["outcome"], late["events"]) == ("left to the running server", None)
    assert events(store, number) == 1

    def round_of_the_server(seconds: float) -> None:
        Erasure.objects.update(requested_at=Erasure.objects.earliest("pk").requested_at - SETTLED_AFTER)
        work_off_erasures(store, lambda site_number: None)

    monkeypatch.setattr("stats.offline_services.sleep", round_of_the_server)
    second = make_site(domain="second.example")
    fill(store, second, NOON)
    assert run("delete_site", "second.example", "--wait", "30")["events"] == 1
    assert events(store, number) == 0
    server.close()


def test_events_that_wait_in_the_spool_are_left_to_the_next_server(site: Site, settings: LazySettings) -> None:
    killed = Spool(settings.SPOOL_DIR, max_bytes=1_000_000, sync_ms=0)
    killed.append([(b"[]", b"")])
    killed.close()
    assert "next start of the server" in run("delete_site", "shop.example")["outcome"]
    assert Erasure.objects.get().finished_at is None


def test_store_held_by_another_command_is_said_and_the_request_stays(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    def held() -> None:
        raise StoreUnavailable("the embedded event store is held by another process")

    monkeypatch.setattr(offline_services, "event_store", held)
    assert run("delete_site", "shop.example", "--dry-run")["events"] is None
    assert "unknown, a running server" in text_of("delete_site", "shop.example", "--dry-run")
    assert "The next start of the server removes them" in refusal("delete_site", "shop.example")
    assert Erasure.objects.get().finished_at is None


@pytest.mark.parametrize("name", ["nowhere.example", "", "a\0b", "\ud800", "ds_" + "0" * 400])
def test_unknown_site_is_refused_in_one_line(name: str) -> None:
    assert "\n" not in refusal("delete_site", name)

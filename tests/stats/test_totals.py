"""Imports of daily totals as they begin, count and go: what is cut, what happens in between, what is left behind."""

import io
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest
import time_machine
from django.conf import LazySettings
from django.test import Client
from django.urls import reverse

from accounts.models import AuditEntry, Site, User
from accounts.selectors import site_ref
from accounts.types import ImportRef, SiteRef
from analytics_project import clock
from analytics_project.errors import Conflict, InvalidLine, InvalidRequest, StoreUnavailable
from stats import totals_services
from stats.erasure_services import (
    SETTLED_AFTER,
    look_again,
    month_of,
    prune_statistics,
    reset_statistics,
    work_off_erasures,
)
from stats.import_services import recover_imports
from stats.ingest.totals_files import check_totals
from stats.models import Erasure, ErasureKind, ImportState, TotalsImport
from stats.retention_services import retention_before
from stats.store import imported_rows
from stats.store.client import EventStore
from stats.totals_services import TotalsSummary, delete_import, import_totals, would_import
from tests.factories import make_site
from tests.stats.erasing import fill, run

pytestmark = pytest.mark.django_db

NOW = "2026-03-10T12:00:00Z"
FILE = "imported_visitors_20250101_20261231.csv"


@pytest.fixture
def store(small_store: EventStore) -> EventStore:
    return small_store


@pytest.fixture
def hand() -> Iterator[time_machine.Traveller]:
    with time_machine.travel(NOW, tick=False) as traveller:
        yield traveller


@pytest.fixture
def site(hand: time_machine.Traveller) -> Site:
    return make_site(timezone="Europe/Berlin")


def fresh(site: Site) -> SiteRef:
    return site_ref(Site.objects.get(pk=site.pk))


def bring(store: EventStore, site: Site, *days: str, name: str = FILE, visitors: int = 1) -> TotalsSummary:
    """Import a row for each day."""
    body = "\n".join(["date,visitors", *(f"{day},{visitors}" for day in days)])
    with check_totals([(name, io.BytesIO(body.encode()))]) as totals:
        return import_totals(store, fresh(site), totals)


def days(store: EventStore, site: Site) -> list[str]:
    """Return the days of a site's rows, counted or not."""
    sql = "SELECT toString(day) AS day FROM imported_aggregates WHERE site_id = {id:UInt32} ORDER BY day"
    return [row["day"] for row in store.read_rows(sql, {"id": site.pk}, tag="test")]


def nothing_on_its_way(site_number: int) -> None:
    """Stand in for intake where no event was sent to it."""


def erase(hand: time_machine.Traveller, store: EventStore) -> None:
    hand.shift(SETTLED_AFTER)
    work_off_erasures(store, nothing_on_its_way)


def test_completed_import_is_carried_by_its_site(store: EventStore, site: Site) -> None:
    done = bring(store, site, "2026-01-02", "2026-01-04")
    assert (done.rows, done.cut_rows, done.is_repeat) == (2, 0, False)
    first, last = date(2026, 1, 2), date(2026, 1, 4)
    assert fresh(site).imports == (ImportRef(done.import_id or 0, first, last, has_scroll_depth=False),)
    record = TotalsImport.objects.get()
    assert (record.state, record.rows, record.files, record.pk) == (ImportState.COMPLETED, 2, FILE, done.import_id)
    assert AuditEntry.objects.filter(action="import.create").count() == 1


def test_days_from_the_second_native_one_on_and_future_ones_are_cut(store: EventStore, site: Site) -> None:
    assert would(store, site, "2026-03-10", "2026-03-11").rows == 1  # today there is the 10th
    fill(store, site, "2026-02-01T23:30:00Z")  # in Berlin the 2nd
    done = bring(store, site, "2026-01-31", "2026-02-02", "2026-02-03")
    assert (done.rows, done.cut_rows, days(store, site)) == (2, 1, ["2026-01-31", "2026-02-02"])


def would(store: EventStore, site: Site, *days: str) -> TotalsSummary:
    body = "\n".join(["date,visitors", *(f"{day},1" for day in days)])
    with check_totals([(FILE, io.BytesIO(body.encode()))]) as totals:
        return would_import(store, fresh(site), totals)


def test_a_day_of_a_table_belongs_to_the_import_that_was_first(store: EventStore, site: Site) -> None:
    bring(store, site, "2026-01-02", "2026-01-04")
    assert would(store, site, "2026-01-02", "2026-01-03").rows == 1
    second = bring(store, site, "2026-01-02", "2026-01-03", "2026-01-04", "2026-01-05", visitors=7)
    assert (second.rows, second.cut_rows) == (2, 2)
    other_table = bring(store, site, "2026-01-02", name=FILE.replace("visitors", "browsers"))
    assert other_table.rows == 1
    assert days(store, site) == ["2026-01-02", "2026-01-02", "2026-01-03", "2026-01-04", "2026-01-05"]


def test_same_rows_count_once_and_nothing_left_is_said(store: EventStore, site: Site) -> None:
    first = bring(store, site, "2026-01-02")
    assert bring(store, site, "2026-01-02") == replace(first, is_repeat=True)
    with pytest.raises(InvalidRequest, match="no row is left"):
        bring(store, site, "2026-01-02", visitors=2)
    with pytest.raises(InvalidRequest, match="no row is left"):
        bring(store, site)
    assert TotalsImport.objects.count() == 1
    assert not Erasure.objects.exists()


def test_refused_line_leaves_nothing(store: EventStore, site: Site) -> None:
    with pytest.raises(InvalidLine, match="line 2: visitors must be"):
        bring(store, site, "2026-01-02", "2026-01-03", visitors=-1)
    assert (days(store, site), TotalsImport.objects.count()) == ([], 0)


def test_store_that_goes_away_leaves_a_failed_import_that_never_counts(
    hand: time_machine.Traveller, store: EventStore, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    insert = imported_rows.insert_imported_rows

    def break_after(*arguments: object, **more: object) -> None:
        insert(*arguments, **more)  # type: ignore[arg-type]
        raise StoreUnavailable("away")

    with monkeypatch.context() as broken:
        broken.setattr(totals_services, "insert_imported_rows", break_after)
        with pytest.raises(StoreUnavailable):
            bring(store, site, "2026-01-02")
    assert (fresh(site).imports, len(days(store, site))) == ((), 1)
    assert TotalsImport.objects.get().state == ImportState.FAILED
    assert bring(store, site, "2026-01-02").rows == 1
    erase(hand, store)
    assert len(days(store, site)) == 1
    assert Erasure.objects.get().kind == ErasureKind.IMPORT


def test_import_interrupted_by_a_crash_is_given_up_at_the_next_start(
    hand: time_machine.Traveller, store: EventStore, site: Site
) -> None:
    TotalsImport.objects.create(site=site, files=FILE, digest="x")
    with pytest.raises(Conflict, match="under way"):
        bring(store, site, "2026-01-02")
    recover_imports(store)
    assert TotalsImport.objects.get().state == ImportState.FAILED
    assert Erasure.objects.get().import_number == TotalsImport.objects.get().pk
    TotalsImport.objects.create(site=site, files=FILE, digest="x")
    hand.shift(timedelta(hours=7))  # no process is at work for that long
    assert bring(store, site, "2026-01-02").rows == 1


@pytest.mark.parametrize("way", ["reset", "delete"])
def test_site_reset_or_deleted_meanwhile_keeps_nothing(
    way: str, hand: time_machine.Traveller, store: EventStore, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    insert = imported_rows.insert_imported_rows

    def interrupted(*arguments: object, **more: object) -> None:
        insert(*arguments, **more)  # type: ignore[arg-type]
        if way == "reset":
            reset_statistics(site_ref(site))
        else:
            Site.objects.filter(pk=site.pk).delete()

    monkeypatch.setattr(totals_services, "insert_imported_rows", interrupted)
    with pytest.raises(Conflict, match="deleted or its statistics were reset"):
        bring(store, site, "2026-01-02")
    erase(hand, store)
    assert days(store, site) == []
    assert not TotalsImport.objects.exists()


def test_deleted_import_counts_no_more_and_its_rows_go(
    hand: time_machine.Traveller, store: EventStore, site: Site
) -> None:
    bring(store, site, "2026-01-02")
    kept = bring(store, site, "2026-02-02")
    root = User.objects.create_superuser("root@shop.example")
    delete_import(TotalsImport.objects.get(first_on="2026-01-02"), who=root)
    assert [one.id for one in fresh(site).imports] == [kept.import_id]
    erase(hand, store)
    assert days(store, site) == ["2026-02-02"]
    assert AuditEntry.objects.get(action="import.delete").who == root
    assert bring(store, site, "2026-01-02").rows == 1  # the day is free again
    hand.shift(timedelta(hours=1))
    assert look_again(store) == 0


@pytest.mark.urls("tests.accounts.urls")
def test_admin_lists_imports_and_deletes_them(hand: time_machine.Traveller, store: EventStore, site: Site) -> None:
    bring(store, site, "2026-01-02")
    bring(store, site, "2026-02-02")
    browser = Client()
    browser.force_login(User.objects.create_superuser("root@shop.example"))
    page = reverse("admin:stats_totalsimport_changelist")
    assert site.domain in browser.get(page).content.decode()
    first, second = TotalsImport.objects.order_by("first_on")
    assert browser.get(reverse("admin:stats_totalsimport_change", args=[first.pk])).status_code == 200
    browser.post(page, {"action": "delete_selected", "_selected_action": first.pk, "post": "yes"})
    browser.post(reverse("admin:stats_totalsimport_delete", args=[second.pk]), {"post": "yes"})
    assert (fresh(site).imports, TotalsImport.objects.count(), Erasure.objects.count()) == ((), 0, 2)
    assert AuditEntry.objects.filter(action="import.delete").count() == 2


def test_reset_removes_imports_and_leaves_later_ones(
    hand: time_machine.Traveller, store: EventStore, site: Site
) -> None:
    bring(store, site, "2026-01-02")
    reset_statistics(site_ref(site))
    assert fresh(site).imports == ()
    bring(store, site, "2026-01-02", visitors=9)
    erase(hand, store)
    hand.shift(timedelta(hours=1))
    look_again(store)
    assert days(store, site) == ["2026-01-02"]
    assert len(fresh(site).imports) == 1


def test_retention_removes_imported_months_too(hand: time_machine.Traveller, store: EventStore, site: Site) -> None:
    bring(store, site, "2025-11-30", "2025-12-01")
    bring(store, site, "2025-10-02")
    before = retention_before(3, site.timezone, clock.now())
    assert before.isoformat() == "2025-12-01T00:00:00+01:00"
    prune_statistics(site_ref(site), before)
    assert [(one.first_on, one.last_on) for one in fresh(site).imports] == [(date(2025, 12, 1), date(2025, 12, 1))]
    erase(hand, store)
    assert days(store, site) == ["2025-12-01"]


def test_prune_finds_sites_that_have_imported_totals_only(
    hand: time_machine.Traveller, store: EventStore, site: Site, settings: LazySettings, tmp_path: Path
) -> None:
    settings.SPOOL_DIR = tmp_path / "spool"
    Site.objects.filter(pk=site.pk).update(retention_months=3)
    bring(store, site, "2025-11-30", "2025-12-01")
    assert [one["site"] for one in run("prune")["sites"]] == [site.domain]
    assert days(store, site) == ["2025-12-01"]
    assert run("prune")["sites"] == []


@pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "Etc/GMT+12", "Asia/Kolkata", "America/St_Johns"])
def test_retention_knows_the_month_in_every_zone(zone: str) -> None:
    before = retention_before(2, zone, clock.now())
    assert month_of(before) == before.date()


def test_saving_a_site_read_before_an_import_keeps_the_import(store: EventStore, site: Site) -> None:
    stale = Site.objects.get(pk=site.pk)
    bring(store, site, "2026-01-02")
    stale.currency = "USD"
    stale.save()
    assert (stale.imports, len(fresh(site).imports)) == ([], 1)

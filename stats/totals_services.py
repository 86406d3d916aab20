"""Daily totals of other products into a site and out again; no query counts an import before it is whole.

For each report and day a site has one teller: its own events from their first day on, before it the import that was
there first. Rows on other days are cut. What a crash or a store that went away leaves behind is removed like any other
erasure.
"""

import logging
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from django.db import transaction

from accounts.models import Site, User
from accounts.records import Who, lock_site, write_audit
from accounts.types import Actor, SiteRef
from analytics_project import clock
from analytics_project.errors import Conflict, InvalidLine, InvalidRequest
from stats.erasure_services import forget_import
from stats.ingest.totals_files import CheckedTotals
from stats.models import Erasure, ErasureKind, ImportState, TotalsImport
from stats.query.run import first_event_on
from stats.store.client import EventStore
from stats.store.imported_rows import imported_days, insert_imported_rows

logger = logging.getLogger(__name__)

MAX_IMPORTS: Final = 100
INTERRUPTED_AFTER: Final = timedelta(hours=6)


@dataclass(frozen=True, slots=True)
class TotalsSummary:
    """What an import came to: rows that count, rows that were cut, and the dates of the former.

    `is_repeat` says that the same rows had been imported before, with this result; `import_id` is None for a dry run.
    """

    import_id: int | None
    rows: int
    cut_rows: int
    first_on: date | None
    last_on: date | None
    is_repeat: bool = False


def import_totals(store: EventStore, site: SiteRef, totals: CheckedTotals, *, who: Who | None = None) -> TotalsSummary:
    """Import checked files into a site; on return queries count them. All rows that are not cut are taken, or none.

    The same rows again change nothing. Raises: InvalidLine for the first refused line; InvalidRequest where no row is
    left to take; Conflict while another import of the site is under way, or when it was deleted or reset meanwhile;
    StoreUnavailable, after which the same import may be sent again.
    """
    if totals.refused:
        first = totals.refused[0]
        raise InvalidLine(first.line, f"{first.reason} ({first.file})")
    record, known = _begin(site, totals, who)
    if known:
        return _summary(record, is_repeat=True)
    is_done = False
    try:
        _write(store, site, record, totals)
        if record.rows:
            _complete(site, record, who)
        else:
            record.delete()
        is_done = True
    finally:
        if not is_done:
            _give_up(record)
    if not record.rows:
        raise InvalidRequest(
            "no row is left to import: the files are empty, or each of their days is one that the site has from its "
            f"own events, from an earlier import or not yet, or that their names do not have; {record.cut_rows} rows "
            "were left out",
            code="nothing_to_import",
        )
    return _summary(record)


def would_import(store: EventStore, site: SiteRef, totals: CheckedTotals) -> TotalsSummary:
    """Return what `import_totals` would come to now, without writing anything. Raises: StoreUnavailable."""
    cut = _Cut(store, site, [one.id for one in site.imports])
    rows = 0
    for batch in totals.batches():
        rows += len(cut.kept(batch))
    return TotalsSummary(None, rows, totals.outside + cut.rows, cut.first_on, cut.last_on)


def give_up_interrupted_imports(*, older_than_s: int) -> None:
    """Note that imports which a crash interrupted have failed, and ask for their rows to be removed."""
    latest = clock.now() - timedelta(seconds=older_than_s)
    for record in TotalsImport.objects.filter(state=ImportState.LOADING, started_at__lte=latest):
        logger.info("import %d of daily totals was interrupted; its rows are removed", record.pk)
        _give_up(record)


@transaction.atomic
def delete_import(record: TotalsImport, *, who: Who | None = None) -> None:
    """Let an import count no more, from the next query on; its rows are removed in the background."""
    write_audit(who, "import.delete", record)
    forget_import(record)


# ---- Steps -----------------------------------------------------------------------------------------------------------
@transaction.atomic
def _begin(site: SiteRef, totals: CheckedTotals, who: Who | None) -> tuple[TotalsImport, bool]:
    """Return the record of an import that begins, or that of the same rows imported before, and which it is."""
    found = TotalsImport.objects.filter(site=lock_site(site))
    known = found.filter(state=ImportState.COMPLETED, digest=totals.digest).first()
    if known is not None:
        return known, True
    for other in found.filter(state=ImportState.LOADING):
        if other.started_at > clock.now() - INTERRUPTED_AFTER:
            raise Conflict("another import of daily totals into this site is under way; try again when it has ended")
        _give_up(other)
    if found.filter(state=ImportState.COMPLETED).count() >= MAX_IMPORTS:
        raise InvalidRequest(f"a site may have {MAX_IMPORTS} imports of daily totals; delete one in the admin first")
    return (
        TotalsImport.objects.create(
            site_id=site.id,
            files="\n".join(totals.files),
            digest=totals.digest,
            requested_by_id=who.user_id if isinstance(who, Actor) else who.pk if isinstance(who, User) else None,
        ),
        False,
    )


class _Cut:
    """Leaves out rows on days that the site has already, and remembers what it let through."""

    def __init__(self, store: EventStore, site: SiteRef, import_ids: list[int]) -> None:
        today = clock.now().astimezone(ZoneInfo(site.timezone)).date()
        self._last = str(min(first_event_on(store, site) or today, today))
        self._taken = imported_days(store, site.id, import_ids)
        self._days: set[str] = set()
        self.rows = 0

    def kept(self, batch: list[tuple[str, str, bytes]]) -> list[bytes]:
        """Return the rows of a batch that are to count."""
        kept = [(day, row) for report, day, row in batch if day <= self._last and (report, day) not in self._taken]
        self._days.update(day for day, _ in kept)
        self.rows += len(batch) - len(kept)
        return [row for _, row in kept]

    @property
    def first_on(self) -> date | None:
        """Return the first date that has a row, None without any."""
        return date.fromisoformat(min(self._days)) if self._days else None

    @property
    def last_on(self) -> date | None:
        """Return the last date that has a row, None without any."""
        return date.fromisoformat(max(self._days)) if self._days else None


def _write(store: EventStore, site: SiteRef, record: TotalsImport, totals: CheckedTotals) -> None:
    """Write the rows under the record's number, which no query names yet, and note in it what they are."""
    completed = TotalsImport.objects.filter(site_id=site.id, state=ImportState.COMPLETED)
    cut = _Cut(store, site, list(completed.values_list("pk", flat=True)))
    prefix = b'{"site_id":%d,"import_id":%d,' % (site.id, record.pk)
    for number, batch in enumerate(totals.batches()):
        if rows := cut.kept(batch):
            body = b"".join(prefix + row[1:] for row in rows)
            insert_imported_rows(store, body, token=f"totals {record.pk} {number}")
            record.rows += len(rows)
    record.cut_rows = totals.outside + cut.rows
    record.has_scroll_depth = totals.has_scroll_depth
    record.first_on, record.last_on = cut.first_on, cut.last_on


@transaction.atomic
def _complete(site: SiteRef, record: TotalsImport, who: Who | None) -> None:
    """Let the import count. Raises: Conflict when the site was deleted or reset since it began."""
    stored = Site.objects.select_for_update().filter(pk=site.id).first()
    if stored is None or not TotalsImport.objects.filter(pk=record.pk, state=ImportState.LOADING).exists():
        raise Conflict("the site was deleted or its statistics were reset meanwhile; nothing was imported")
    record.state, record.finished_at = ImportState.COMPLETED, clock.now()
    record.save()
    entry = [record.pk, str(record.first_on), str(record.last_on), record.has_scroll_depth]
    Site.objects.filter(pk=site.id).update(imports=[*stored.imports, entry])
    write_audit(who, "import.create", record)


@transaction.atomic
def _give_up(record: TotalsImport) -> None:
    """Note that an import has failed and ask for its rows to be removed; one that is gone has been asked for."""
    found = TotalsImport.objects.filter(pk=record.pk, state=ImportState.LOADING).select_related("site").first()
    if found is None:
        return
    found.state, found.finished_at = ImportState.FAILED, clock.now()
    found.save(update_fields=["state", "finished_at"])
    Erasure.objects.create(
        site_number=found.site_id, domain=found.site.domain, kind=ErasureKind.IMPORT, import_number=found.pk
    )


def _summary(record: TotalsImport, *, is_repeat: bool = False) -> TotalsSummary:
    return TotalsSummary(record.pk, record.rows, record.cut_rows, record.first_on, record.last_on, is_repeat)

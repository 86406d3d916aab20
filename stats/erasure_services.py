"""Statistics that are to be gone: asked for in the transaction that deletes or resets, removed in the background.

A deleted site's number is never used again, so its rows may be removed at any time and as often as needed. Removal
waits until no event of the site is on its way to the store. What slips in later all the same, such as the end of a long
import, is found by looking again for three days.
"""

import logging
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Final

from django.db import transaction
from django.db.models import F

from accounts.models import Site
from accounts.records import Who, lock_site, write_audit
from accounts.selectors import site_ref
from accounts.types import SiteRef
from analytics_project import clock
from stats.ingest.visitor import parse_visitor_text, visitor_text
from stats.models import Erasure, ErasureKind, NamedVisitor, TotalsImport
from stats.query.identities import visitors_who_are
from stats.store.client import EventStore
from stats.store.erasures import ErasedRows, count_events, erase_rows, has_rows

logger = logging.getLogger(__name__)

# Intake learns of a deleted site within two seconds; a request under way may still bring an event then.
SETTLED_AFTER: Final = timedelta(seconds=5)
LOOK_AGAIN_AFTER: Final = timedelta(minutes=10)
LOOK_AGAIN_FOR: Final = timedelta(days=3)
FARTHEST_EAST: Final = timedelta(hours=14)

Settle = Callable[[int], None]


@transaction.atomic
def reset_statistics(site: SiteRef, *, who: Who | None = None) -> Erasure:
    """Let a site begin anew: nothing up to the end of this second counts any more, and its rows will be removed.

    Imported totals go too, also those that are being loaded. Goals, links and everything else of the site stay.
    Raises: NotFound for a site deleted just now.
    """
    record = lock_site(site)
    record.stats_reset_at = clock.now().replace(microsecond=0) + timedelta(seconds=1)
    record.save(update_fields=["stats_reset_at", "updated_at"])
    write_audit(who, "site.reset_statistics", record)
    for imported in TotalsImport.objects.filter(site=record):
        forget_import(imported)
    return Erasure.objects.create(
        site_number=record.pk, domain=record.domain, kind=ErasureKind.RESET, before=record.stats_reset_at
    )


@transaction.atomic
def erase_visitor(site: SiteRef, visitor: int, *, who: Who | None = None) -> Erasure:
    """Ask for all rows of one visitor of a site to be removed; what comes under the id in the next three days too.

    Where the id is a user's, all visitors who are that user when it is carried out are erased like it.
    What clients call the visitor is forgotten at once. Asked for again, nothing changes while the removal is due, and
    the same record is due again as long as it remembers the visitor. The audit entry does not tell whose rows they
    were. Raises: NotFound for a site deleted just now.
    """
    record, text = lock_site(site), visitor_text(visitor)
    NamedVisitor.objects.filter(site=record, visitor=text).delete()
    erasures = Erasure.objects.filter(site_number=record.pk, kind=ErasureKind.VISITOR, visitor=text)
    erasure = erasures.order_by("pk").last()
    if erasure is not None and erasure.finished_at is None:
        return erasure
    write_audit(who, "site.erase_visitor", record)
    if erasure is None:
        erasure = Erasure(site_number=record.pk, domain=record.domain, kind=ErasureKind.VISITOR, visitor=text)
    erasure.requested_at, erasure.finished_at = clock.now(), None
    erasure.save()
    return erasure


@transaction.atomic
def prune_statistics(site: SiteRef, before: datetime, *, who: Who | None = None) -> Erasure:
    """Ask for the statistics of a site before an instant to be removed; asked for again, the same record is due again.

    Raises: NotFound for a site deleted just now.
    """
    record = lock_site(site)
    write_audit(who, "site.prune", f"{record}: before {before:%Y-%m-%d}")
    _prune_imports(record, month_of(before))
    erasure, _ = Erasure.objects.update_or_create(
        site_number=record.pk,
        kind=ErasureKind.PRUNE,
        before=before,
        defaults={"domain": record.domain, "requested_at": clock.now(), "finished_at": None},
    )
    return erasure


def forget_import(record: TotalsImport) -> None:
    """Let an import of daily totals count no more and ask for its rows to be removed; in the caller's transaction."""
    number = record.pk
    site = Site.objects.select_for_update().get(pk=record.site_id)
    kept = [one for one in site.imports if one[0] != number]
    Site.objects.filter(pk=site.pk).update(imports=kept)
    Erasure.objects.create(site_number=site.pk, domain=site.domain, kind=ErasureKind.IMPORT, import_number=number)
    record.delete()


def _prune_imports(site: Site, first_on: date) -> None:
    """Let imported totals count from a date on only; imports that end before it are forgotten."""
    for record in TotalsImport.objects.filter(site=site, first_on__lt=first_on):
        if record.last_on is not None and record.last_on < first_on:
            forget_import(record)
        else:
            TotalsImport.objects.filter(pk=record.pk).update(first_on=first_on)
    stored = Site.objects.values_list("imports", flat=True).get(pk=site.pk)
    kept = [[number, max(first, str(first_on)), *rest] for number, first, *rest in stored]
    Site.objects.filter(pk=site.pk).update(imports=kept)


def events_of(store: EventStore, erasure: Erasure) -> int:
    """Return how many events an erasure, saved or not, would remove now. Raises: StoreUnavailable."""
    rows, user = _rows(erasure), _visitor(erasure)
    joined = () if user is None else visitors_who_are(store, erasure.site_number, user)
    numbers = {user, *joined}
    return sum(count_events(store, replace(rows, visitor_id=number)) for number in numbers)


def work_off_erasures(store: EventStore, settle: Settle) -> int:
    """Remove what was asked for more than five seconds ago; return how many requests that were.

    `settle` returns once every event that was accepted for a site is in the store. What is interrupted is done again.
    Raises: StoreUnavailable.
    """
    due = list(Erasure.objects.filter(finished_at=None, requested_at__lte=clock.now() - SETTLED_AFTER).order_by("pk"))
    for erasure in due:
        settle(erasure.site_number)
        work_off(store, erasure)
        logger.info("erasure %d (%s) is done: %d events", erasure.pk, erasure.kind, erasure.removed_events)
    return len(due)


def look_again(store: EventStore) -> int:
    """Look whether what was removed lately has rows again, and remove those; forget visitors it is over for.

    Returns how many erasures found some. Raises: StoreUnavailable.
    """
    now = clock.now()
    done = Erasure.objects.filter(finished_at__gt=now - LOOK_AGAIN_FOR, checked_at__lte=now - LOOK_AGAIN_AFTER)
    again = [one for one in done.order_by("pk") if _has_rows(store, one)]
    Erasure.objects.filter(pk__in=[one.pk for one in done]).update(checked_at=now)
    for erasure in again:
        work_off(store, erasure)
    Erasure.objects.filter(finished_at__lte=now - LOOK_AGAIN_FOR).exclude(visitor="").update(visitor="")
    return len(again)


def work_off(store: EventStore, erasure: Erasure) -> int:
    """Remove the rows of one erasure and note it; with a user those of all visitors who are that one.

    Returns how many events these were. Raises: StoreUnavailable.
    """
    removed = 0
    if erasure.kind == ErasureKind.VISITOR:
        NamedVisitor.objects.filter(site=erasure.site_number, visitor=erasure.visitor).delete()
        removed = sum(work_off(store, joined) for joined in _ask_for_who_is(store, erasure))
    removed += erase_rows(store, _rows(erasure))
    now = clock.now()
    Erasure.objects.filter(pk=erasure.pk).update(
        removed_events=F("removed_events") + removed, finished_at=erasure.finished_at or now, checked_at=now
    )
    erasure.refresh_from_db()
    return removed


def _ask_for_who_is(store: EventStore, erasure: Erasure) -> list[Erasure]:
    """Ask for the visitors to be erased who are the user that is; those for whom that is due already are left out."""
    site, user = Site.objects.filter(pk=erasure.site_number).first(), _visitor(erasure)
    if site is None or user is None:
        return []
    due = Erasure.objects.filter(site_number=site.pk, kind=ErasureKind.VISITOR, finished_at=None)
    known = set(due.values_list("visitor", flat=True))
    visitors = [one for one in visitors_who_are(store, site.pk, user) if visitor_text(one) not in known]
    return [erase_visitor(site_ref(site), visitor) for visitor in visitors]


def _has_rows(store: EventStore, erasure: Erasure) -> bool:
    return has_rows(store, _rows(erasure))


def _rows(erasure: Erasure) -> ErasedRows:
    """Return which rows an erasure names. A reset has named the site's imports one by one: later ones are to stay."""
    return ErasedRows(
        erasure.site_number,
        before=None if erasure.before is None else max(0, int(erasure.before.timestamp())),
        imported_before=str(month_of(erasure.before)) if erasure.before and erasure.kind == ErasureKind.PRUNE else None,
        visitor_id=_visitor(erasure),
        import_id=erasure.import_number,
    )


def month_of(instant: datetime) -> date:
    """Return the first date of the local month that begins at an instant, in whatever zone that is."""
    return (instant.astimezone(UTC) + FARTHEST_EAST).date().replace(day=1)


def _visitor(erasure: Erasure) -> int | None:
    """Return the visitor's number, None for an erasure of all. Raises: ValueError when it has been forgotten."""
    if erasure.kind != ErasureKind.VISITOR:
        return None
    number = parse_visitor_text(erasure.visitor)
    if number is None:  # without it the condition would fit the whole site
        raise ValueError(f"erasure {erasure.pk} has lost its visitor")
    return number

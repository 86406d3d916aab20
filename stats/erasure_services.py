"""Statistics that are to be gone: asked for in the transaction that deletes or resets, removed in the background.

A deleted site's number is never used again, so its rows may be removed at any time and as often as needed. Removal
waits until no event of the site is on its way to the store. What slips in later all the same, such as the end of a long
import, is found by looking again for three days.
"""

import logging
from collections.abc import Callable
from datetime import timedelta
from typing import Final

from django.db import transaction
from django.db.models import F

from accounts.records import Who, lock_site, write_audit
from accounts.types import SiteRef
from analytics_project import clock
from stats.models import Erasure, ErasureKind
from stats.store.client import EventStore
from stats.store.erasures import erase_rows, has_rows

logger = logging.getLogger(__name__)

# Intake learns of a deleted site within two seconds; a request under way may still bring an event then.
SETTLED_AFTER: Final = timedelta(seconds=5)
LOOK_AGAIN_AFTER: Final = timedelta(minutes=10)
LOOK_AGAIN_FOR: Final = timedelta(days=3)

Settle = Callable[[int], None]


@transaction.atomic
def reset_statistics(site: SiteRef, *, who: Who | None = None) -> Erasure:
    """Let a site begin anew: nothing up to the end of this second counts any more, and its rows will be removed.

    Goals, links and everything else of the site stay. Raises: NotFound for a site deleted just now.
    """
    record = lock_site(site)
    record.stats_reset_at = clock.now().replace(microsecond=0) + timedelta(seconds=1)
    record.save(update_fields=["stats_reset_at", "updated_at"])
    write_audit(who, "site.reset_statistics", record)
    return Erasure.objects.create(
        site_number=record.pk, domain=record.domain, kind=ErasureKind.RESET, before=record.stats_reset_at
    )


def work_off_erasures(store: EventStore, settle: Settle) -> int:
    """Remove what was asked for more than five seconds ago; return how many requests that were.

    `settle` returns once every event that was accepted for a site is in the store. What is interrupted is done again.
    Raises: StoreUnavailable.
    """
    due = list(Erasure.objects.filter(finished_at=None, requested_at__lte=clock.now() - SETTLED_AFTER).order_by("pk"))
    for erasure in due:
        settle(erasure.site_number)
        _erase(store, erasure)
        logger.info("erasure %d (%s) is done: %d events", erasure.pk, erasure.kind, erasure.removed_events)
    return len(due)


def look_again(store: EventStore) -> int:
    """Look whether sites whose statistics were removed lately have rows again, and remove those. Raises: as above.

    Returns how many had some.
    """
    now = clock.now()
    done = Erasure.objects.filter(finished_at__gt=now - LOOK_AGAIN_FOR, checked_at__lte=now - LOOK_AGAIN_AFTER)
    again = [one for one in done.order_by("pk") if has_rows(store, one.site_number, before=_before(one))]
    Erasure.objects.filter(pk__in=[one.pk for one in done]).update(checked_at=now)
    for erasure in again:
        _erase(store, erasure)
    return len(again)


def _erase(store: EventStore, erasure: Erasure) -> None:
    removed = erase_rows(store, erasure.site_number, before=_before(erasure))
    now = clock.now()
    Erasure.objects.filter(pk=erasure.pk).update(
        removed_events=F("removed_events") + removed, finished_at=erasure.finished_at or now, checked_at=now
    )
    erasure.refresh_from_db()


def _before(erasure: Erasure) -> int | None:
    return None if erasure.before is None else int(erasure.before.timestamp())

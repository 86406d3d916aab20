"""Historical events into a site: from a body of newline-delimited JSON, and what a crash left to be done."""

import logging
from collections.abc import Callable

from django.conf import settings

from accounts.selectors import caller_id_secret
from accounts.types import SiteRef
from goals.selectors import revenue_goals
from revenue.rates import rate
from stats.ingest.bulk import BulkTarget, ImportSummary, Readable, import_lines
from stats.store import import_writes
from stats.store.client import EventStore
from stats.totals_services import give_up_interrupted_imports

logger = logging.getLogger(__name__)

STALE_ON_A_SERVER_S = 6 * 3600


def import_events(
    store: EventStore, site: SiteRef, body: Readable, *, key: Callable[[], str] | None = None
) -> ImportSummary:
    """Import a body of newline-delimited JSON events into a site; on return they can be queried.

    All of it is taken or nothing. A body sent again counts once; `key`, asked at its end, names it where its bytes
    differ from one sending to the next. Raises: as `stats.ingest.bulk.import_lines`, and
    Site.DoesNotExist for a site deleted meanwhile.
    """
    target = BulkTarget(
        site_id=site.id,
        timezone=site.timezone,
        caller_secret=caller_id_secret(site.id),
        revenue_goals=revenue_goals(site.id),
        rate=rate,
        ai_assistants=settings.AI_ASSISTANTS_CHANNEL,
    )
    return import_lines(store, target, body, key)


def recover_imports(store: EventStore) -> None:
    """Finish imports that a crash interrupted while they were written, drop what others left; called before serving.

    On a server the tables of the last six hours are left alone: another process may be at work on them.
    """
    age = 0 if store.embedded_path is not None else STALE_ON_A_SERVER_S
    finished, dropped = import_writes.recover_imports(store, older_than_s=age)
    if finished or dropped:
        logger.info("imports: finished %d that a crash had interrupted, removed the remains of %d", finished, dropped)
    give_up_interrupted_imports(older_than_s=age)

"""Whether a site's data arrives: what its page in the admin tells."""

from dataclasses import dataclass
from datetime import UTC, datetime

from accounts.types import SiteRef
from analytics_project import clock
from stats.query.build import build_query
from stats.query.run import run_query
from stats.query.types import Period, PeriodUnit, QueryParams
from stats.services import event_store, intake_outcomes, wait_for_accepted
from stats.store.site_events import last_event_at


@dataclass(frozen=True, slots=True)
class SiteActivity:
    """The last event that counts, events and visitors of the site's today, and what became of a day's events.

    `outcomes` are `buffered` and `dropped_<reason>` with their numbers, of the last 24 hours, ten seconds behind.
    """

    last_event_at: datetime | None
    events_today: int
    visitors_today: int
    outcomes: dict[str, int]


def site_activity(site: SiteRef) -> SiteActivity:
    """Return what has been coming in, everything accepted before the call included. Raises: StoreUnavailable."""
    wait_for_accepted(site.id)
    store = event_store()
    last = last_event_at(store, site.id, site.stats_reset_at or 0)
    params = QueryParams(("events", "visitors"), Period(PeriodUnit.DAY))
    events, visitors = run_query(store, build_query(params, site, clock.now())).rows[0].metrics
    return SiteActivity(
        last_event_at=None if last is None else datetime.fromtimestamp(last, UTC),
        events_today=int(events or 0),
        visitors_today=int(visitors or 0),
        outcomes=intake_outcomes(site.id, hours=24),
    )

"""From an authenticated request to numbers, for both versions: whose site, fresh rows, one query engine."""

from typing import cast

from rest_framework.request import Request

from accounts.api.authentication import site_id_text
from accounts.selectors import site_for
from accounts.types import Actor, Scope, SiteRef
from analytics_project import clock
from stats.query.build import build_query, needs_stats_start
from stats.query.run import first_event_on, run_query
from stats.query.types import QueryParams, QueryResult
from stats.services import event_store, wait_for_accepted


def site_of(request: Request) -> SiteRef:
    """Return the site that a request names. Raises: what `accounts.selectors.site_for` raises."""
    return site_for(cast(Actor, request.auth), site_id_text(request), Scope.STATS_READ)


def answer(site: SiteRef, params: QueryParams) -> QueryResult:
    """Return the numbers of a request, with everything that was accepted before it.

    Raises: InvalidQuery for what has no meaning, StoreUnavailable.
    """
    store = event_store()
    build_query(params, site, clock.now())  # a refusal costs no statement
    wait_for_accepted(site.id)
    start = first_event_on(store, site) if needs_stats_start(params) else None
    return run_query(store, build_query(params, site, clock.now(), stats_start_on=start))

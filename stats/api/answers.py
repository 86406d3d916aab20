"""From an authenticated request to numbers, for both versions: whose site, fresh rows, one query engine."""

from collections.abc import Callable, Collection
from datetime import date, datetime
from typing import Final, TypeVar, cast

from rest_framework.request import Request

from accounts.api.authentication import site_id_text
from accounts.selectors import features_of, site_for
from accounts.types import Actor, Feature, LinkActor, Role, Scope, SiteRef, Surface
from analytics_project import clock
from analytics_project.errors import AppError, InvalidQuery, PaymentRequired
from goals.selectors import goal_specs
from stats.city_services import with_city_names
from stats.query.build import build_query, needs_stats_start
from stats.query.dimensions import PROPERTY_PREFIX
from stats.query.filters import leaves
from stats.query.goals import needs_goals
from stats.query.metrics import REVENUE_METRICS
from stats.query.run import QueryResult, first_event_on, run_query, stats_start_on
from stats.query.segments import expand_segments, segment_ids
from stats.query.types import QueryParams
from stats.selectors import segment_specs
from stats.services import event_store, wait_for_accepted
from stats.types import SegmentType

Built = TypeVar("Built")

_PROPERTIES_OF_EVERY_PLAN: Final = frozenset(f"{PROPERTY_PREFIX}{key}" for key in ("url", "path", "search_query"))


def site_of(
    request: Request,
    *,
    surface: Surface = Surface.STATS,
    roles: Collection[Role] | None = None,
    admits_views: bool = False,
) -> SiteRef:
    """Return the site that a request names. Raises: what `accounts.selectors.site_for` raises."""
    actor, named = cast(Actor | LinkActor, request.auth), site_id_text(request)
    return site_for(actor, named, Scope.STATS_READ, surface=surface, roles=roles, admits_views=admits_views)


def with_segments(site: SiteRef, params: QueryParams) -> QueryParams:
    """Return the query with the site's segments that it names expanded, on which all other rules apply (1.5).

    Raises: InvalidQuery for what is no segment of the site, and for a site segment where the plan of the site's team
    has none; people's own resolve on every plan.
    """
    named = segment_ids(params.filters)
    segments = segment_specs(site.id, named) if named else ()
    expanded = expand_segments(params, segments)
    shared = [segment.id for segment in segments if segment.type is SegmentType.SITE]
    if shared and Feature.SITE_SEGMENTS not in features_of(site):
        raise InvalidQuery(
            f"filters: segment {shared[0]}: the plan of the team that owns this site does not include site segments",
            code="plan_without_segments",
        )
    return expanded


def check_properties(site: SiteRef, params: QueryParams, refused: type[AppError]) -> None:
    """Refuse custom properties where the plan of the site's team has none (stats contract 1.5 and 3.1).

    Raises: `refused`, which is PaymentRequired in v1 and InvalidQuery in v2, naming the property.
    """
    filtered = (leaf.dimension for node in params.filters for leaf in leaves(node))
    asked = [name for name in (*params.dimensions, *filtered) if name.startswith(PROPERTY_PREFIX)]
    refusable = [name for name in asked if name not in _PROPERTIES_OF_EVERY_PLAN]
    if refusable and Feature.PROPS not in features_of(site):
        raise refused(
            f"{refusable[0]}: the plan of the team that owns this site does not include custom properties",
            code="plan_without_properties",
        )


def check_revenue(site: SiteRef, params: QueryParams) -> None:
    """Refuse revenue where the plan of the site's team has no revenue goals (contract 1.8). Raises: InvalidQuery."""
    asked = [name for name in params.metrics if name in REVENUE_METRICS]
    if asked and Feature.REVENUE_GOALS not in features_of(site):
        raise InvalidQuery(
            f"metrics: {asked[0]!r}: the plan of the team that owns this site does not include revenue goals",
            code="plan_without_revenue",
        )


def check_funnels(site: SiteRef) -> None:
    """Refuse funnels, retention and journeys where the team's plan has no funnels. Raises: PaymentRequired."""
    if Feature.FUNNELS not in features_of(site):
        raise PaymentRequired(
            "The plan of the team that owns this site does not include funnels", code="plan_without_funnels"
        )


def fresh(
    site: SiteRef,
    params: QueryParams,
    build: Callable[[datetime, date | None], Built],
    *,
    knows_imports: bool = False,
) -> Built:
    """Return what `build` makes of the present instant and the site's first date, None where `params` need none.

    With `knows_imports` that date may be an imported one; what is told of single visits begins with the first event.
    It is tried before anything is asked of the store, as a refusal is to cost no statement; then everything that was
    accepted before can be read. Raises: InvalidQuery from `build`, StoreUnavailable.
    """
    build(clock.now(), None)
    for part in site.sites:
        wait_for_accepted(part.id)
    starts_on = stats_start_on if knows_imports else first_event_on
    start = starts_on(event_store(), site) if needs_stats_start(params) else None
    return build(clock.now(), start)


def answer(site: SiteRef, params: QueryParams) -> QueryResult:
    """Return the numbers of a request, with everything that was accepted before it.

    Raises: InvalidQuery for what has no meaning, StoreUnavailable.
    """
    goals = goal_specs(site) if needs_goals(params) else ()
    query = fresh(
        site,
        params,
        lambda now, start: build_query(params, site, now, stats_start_on=start, goals=goals),
        knows_imports=True,
    )
    return run_query(event_store(), with_city_names(query))

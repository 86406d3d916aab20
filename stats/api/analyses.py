"""Stats API v2, the analyses beside the query: funnels, retention, journeys."""

from collections.abc import Sequence
from dataclasses import replace

from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.authentication import site_id_text
from accounts.api.pagination import page_by_id
from accounts.api.parameters import parameters_of
from accounts.selectors import keeps_visitor_ids
from accounts.types import SiteRef
from accounts.validators import is_storable
from analytics_project.documentation import documented
from analytics_project.errors import InvalidQuery
from analytics_project.views import ApiView
from goals.selectors import funnel_fields, funnel_named, funnel_of, funnels_listed, goal_specs
from stats.api.answers import check_funnels, check_properties, fresh, site_of, with_segments
from stats.api.documentation.funnels import FUNNEL, FUNNELS
from stats.api.documentation.journeys import JOURNEYS
from stats.api.documentation.retention import RETENTION
from stats.api.present_analyses import present_funnel, present_funnels, present_journeys, present_retention
from stats.city_services import with_city_names
from stats.query.funnels import FunnelParams, build_funnel, run_funnel
from stats.query.goals import needs_goals
from stats.query.journeys import build_journeys, run_journeys
from stats.query.parse_analyses import parse_funnel, parse_journeys, parse_retention
from stats.query.retention import build_retention, run_retention
from stats.query.steps import Step, asks_for_goals, goal_step
from stats.query.types import QueryParams
from stats.services import event_store


class FunnelView(ApiView):
    """`POST /api/v2/funnel`."""

    requires_site_id = True
    admits_links = True

    @documented(FUNNEL)
    def post(self, request: Request) -> Response:
        """Answer how far visitors came. Errors: as for a query; 402 where the plan has no funnels."""
        site = site_of(request)
        check_funnels(site)
        params = parse_funnel(request.data)
        params = replace(params, query=_checked(site, params.query, params.steps))
        if params.funnel is not None:
            params = replace(params, steps=_defined_steps(site, params))
        goals = goal_specs(site) if needs_goals(params.query) or asks_for_goals(params.steps) else ()
        funnel = fresh(
            site,
            params.query,
            lambda now, start: build_funnel(params, site, now, stats_start_on=start, goals=goals),
        )
        result = run_funnel(event_store(), replace(funnel, query=with_city_names(funnel.query)))
        return Response(present_funnel(result, site_id_text(request), keeps_ids=keeps_visitor_ids(site)))


class FunnelsView(ApiView):
    """`GET /api/v2/funnels`."""

    requires_site_id = True
    admits_links = True

    @documented(FUNNELS)
    def get(self, request: Request) -> Response:
        """List the site's funnels, newest first. Errors: 402 where the plan has no funnels."""
        site = site_of(request)
        check_funnels(site)
        page = page_by_id(funnels_listed(site.id), parameters_of(request, {}), "funnel")
        return Response({"funnels": present_funnels(map(funnel_fields, page.items)), "meta": page.meta})


class RetentionView(ApiView):
    """`POST /api/v2/retention`."""

    requires_site_id = True
    admits_links = True

    @documented(RETENTION)
    def post(self, request: Request) -> Response:
        """Answer who came back. Errors: as for a query; 402 where the plan has no funnels."""
        site = site_of(request)
        check_funnels(site)
        params = parse_retention(request.data)
        params = replace(params, query=_checked(site, params.query, params.steps))
        goals = goal_specs(site) if needs_goals(params.query) or asks_for_goals(params.steps) else ()
        retention = fresh(
            site,
            params.query,
            lambda now, start: build_retention(params, site, now, stats_start_on=start, goals=goals),
        )
        result = run_retention(event_store(), replace(retention, query=with_city_names(retention.query)))
        return Response(present_retention(result, site_id_text(request), keeps_ids=keeps_visitor_ids(site)))


class JourneysView(ApiView):
    """`POST /api/v2/journeys`."""

    requires_site_id = True
    admits_links = True

    @documented(JOURNEYS)
    def post(self, request: Request) -> Response:
        """Answer the most frequent ways. Errors: as for a query; 402 where the plan has no funnels."""
        site = site_of(request)
        check_funnels(site)
        params = parse_journeys(request.data)
        params = replace(params, query=_checked(site, params.query))
        goals = goal_specs(site) if needs_goals(params.query) or params.needs_goals else ()
        journeys = fresh(
            site,
            params.query,
            lambda now, start: build_journeys(params, site, now, stats_start_on=start, goals=goals),
        )
        result = run_journeys(event_store(), replace(journeys, query=with_city_names(journeys.query)))
        return Response(present_journeys(result, site_id_text(request)))


def _checked(site: SiteRef, params: QueryParams, steps: Sequence[Step] = ()) -> QueryParams:
    """Return the query with its segments expanded, its properties and those of steps found to be in the plan."""
    expanded = with_segments(site, params)
    conditions = (*expanded.filters, *(step.condition for step in steps))
    check_properties(site, replace(expanded, filters=conditions), InvalidQuery)
    return expanded


def _defined_steps(site: SiteRef, params: FunnelParams) -> tuple[Step, ...]:
    """Return the steps of a funnel that the site has defined. Raises: InvalidQuery for one that it has not."""
    wanted = params.funnel
    if isinstance(wanted, int):
        found = funnel_of(site.id, wanted)
    else:
        found = funnel_named(site.id, wanted) if wanted is not None and is_storable(wanted) else None
    if found is None:
        raise InvalidQuery(f"funnel: {wanted!r} is not a funnel of this site", code="invalid_funnel")
    return tuple(goal_step(goal.display_name, f"funnel: step {n}") for n, goal in enumerate(found.steps, start=1))

"""Stats API v1: aggregate, timeseries, breakdown (stats contract, part 3)."""

from dataclasses import replace
from zoneinfo import ZoneInfo

from rest_framework.request import Request
from rest_framework.response import Response

from accounts.types import SiteRef
from analytics_project import clock
from analytics_project.documentation import documented
from analytics_project.errors import PaymentRequired
from analytics_project.views import ApiView
from stats.api.answers import answer, check_properties, site_of
from stats.api.documentation.v1 import AGGREGATE, BREAKDOWN, TIMESERIES
from stats.api.present_v1 import present_aggregate, present_breakdown, present_timeseries
from stats.query.dates import previous_period
from stats.query.parse_v1 import (
    asked_metrics,
    compares_previous_period,
    parse_aggregate,
    parse_breakdown,
    parse_timeseries,
)
from stats.query.run import QueryResult
from stats.query.types import QueryParams


class AggregateView(ApiView):
    """`GET /api/v1/stats/aggregate`."""

    requires_site_id = True
    admits_links = True

    @documented(AGGREGATE)
    def get(self, request: Request) -> Response:
        """Answer one value for each metric, beside the period before where `compare` asks for it."""
        site = site_of(request)
        raw = request.query_params.dict()
        params = parse_aggregate(raw)
        check_properties(site, params, PaymentRequired)
        result = answer(site, params)
        old = _period_before(site, params, result) if compares_previous_period(raw) else None
        return Response(present_aggregate(result, old))


class TimeseriesView(ApiView):
    """`GET /api/v1/stats/timeseries`."""

    requires_site_id = True
    admits_links = True

    @documented(TIMESERIES)
    def get(self, request: Request) -> Response:
        """Answer one object for each bucket of the period, empty ones filled."""
        site = site_of(request)
        params = parse_timeseries(request.query_params.dict())
        check_properties(site, params, PaymentRequired)
        return Response(present_timeseries(answer(site, params)))


class BreakdownView(ApiView):
    """`GET /api/v1/stats/breakdown`."""

    requires_site_id = True
    admits_links = True

    @documented(BREAKDOWN)
    def get(self, request: Request) -> Response:
        """Answer one page of a property's values, beside the period before where `compare` asks for it."""
        site = site_of(request)
        raw = request.query_params.dict()
        params = parse_breakdown(raw)
        check_properties(site, params, PaymentRequired)
        result = answer(site, params)
        old = _period_before(site, params, result) if compares_previous_period(raw) else None
        return Response(present_breakdown(result, old, shown=asked_metrics(raw)))


def _period_before(site: SiteRef, params: QueryParams, result: QueryResult) -> QueryResult:
    """Return the same query over as many days before, for the rows of the page only."""
    earlier = previous_period(result.query.dates, ZoneInfo(site.timezone), clock.now())
    only = tuple((name, _values(result, number)) for number, name in enumerate(params.dimensions))
    return answer(site, replace(params, date_range=earlier, only=only, limit=None, offset=0))


def _values(result: QueryResult, number: int) -> tuple[str | int, ...]:
    values = (row.dimensions[number] for row in result.rows)
    return tuple(value for value in values if isinstance(value, str | int))

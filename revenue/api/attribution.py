"""Where money came from, over the Goals & Revenue API (revenue contract, 3.2 to 3.4)."""

from rest_framework.request import Request
from rest_framework.response import Response

from analytics_project.documentation import documented
from goals.api.requests import meta_of
from revenue.api.attribution_filters import DIMENSIONS, OF_TOUCHES, dimension_in, rules_in
from revenue.api.documentation.attribution import BREAKDOWN, PATHS
from revenue.api.present_attribution import breakdown_rows, path_rows
from revenue.api.revenue import RevenueReportView, warned
from revenue.attribution_services import breakdown, purchase_paths


class BreakdownView(RevenueReportView):
    """`GET /api/v1/revenue/breakdown`."""

    @documented(BREAKDOWN)
    def get(self, request: Request) -> Response:
        """Answer what the values of a dimension earned under a model."""
        asked, window, _, report = self.asked(request)
        dimension = dimension_in(asked)
        rules, limit, offset = rules_in(asked, dimension), asked.limit, asked.offset
        found = breakdown(report, window.stored(), DIMENSIONS[dimension], rules, limit=limit, offset=offset)
        meta = {
            **meta_of(request, window),
            "timezone": window.timezone,
            "currency": report.site.currency,
            "dimension": dimension,
            "model": rules.model.value,
            "lookback_days": rules.lookback_days,
            "total": found.total,
            "limit": limit,
            "offset": offset,
        }
        return Response(warned(breakdown_rows(report, dimension, found), meta, report))


class PathsView(RevenueReportView):
    """`GET /api/v1/revenue/paths`."""

    @documented(PATHS)
    def get(self, request: Request) -> Response:
        """Answer the most common paths before payments."""
        asked, window, _, report = self.asked(request)
        dimension = dimension_in(asked, OF_TOUCHES)
        rules, limit, offset = rules_in(asked, dimension), asked.limit, asked.offset
        found = purchase_paths(report, window.stored(), DIMENSIONS[dimension], rules, limit=limit, offset=offset)
        meta = {
            **meta_of(request, window),
            "timezone": window.timezone,
            "currency": report.site.currency,
            "dimension": dimension,
            "lookback_days": rules.lookback_days,
            "total": found.total,
            "limit": limit,
            "offset": offset,
        }
        return Response(warned(path_rows(report, found), meta, report))

"""Stats API v2: one endpoint, one query language (stats contract, part 1)."""

from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.api.authentication import site_id_text
from analytics_project.errors import InvalidQuery
from stats.api.answers import answer, check_properties, check_revenue, site_of, with_segments
from stats.api.present_v2 import present_v2
from stats.query.parse_v2 import parse_v2


class QueryView(APIView):
    """`POST /api/v2/query`."""

    requires_site_id = True

    def post(self, request: Request) -> Response:
        """Answer a query. Errors: 400 for the query, 401 and 402 for the key and the site, 503 for the store."""
        site = site_of(request)
        params = with_segments(site, parse_v2(request.data))
        check_properties(site, params, InvalidQuery)
        check_revenue(site, params)
        result = answer(site, params)
        return Response(present_v2(result, site_id_text(request)))

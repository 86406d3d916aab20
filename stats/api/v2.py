"""Stats API v2: one endpoint, one query language (stats contract, part 1)."""

from collections.abc import Collection
from typing import ClassVar

from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.authentication import SessionAuthentication, site_id_text
from accounts.api.permissions import SITE_EDITORS
from accounts.types import Role, Surface
from analytics_project.documentation import documented
from analytics_project.errors import InvalidQuery
from analytics_project.views import ApiView
from stats.api.answers import answer, check_properties, check_revenue, site_of, with_segments
from stats.api.documentation.v2 import QUERY, QUERY_SCHEMA, SESSION_QUERY
from stats.api.present_v2 import present_v2
from stats.query.parse_v2 import parse_v2
from stats.query.schema_v2 import query_schema


class QueryView(ApiView):
    """`POST /api/v2/query`."""

    surface: ClassVar[Surface] = Surface.STATS
    requires_site_id = True
    admits_links = True
    roles: ClassVar[Collection[Role] | None] = None

    @documented(QUERY)
    def post(self, request: Request) -> Response:
        """Answer a query. Errors: 400 for the query, 401 and 402 for the key and the site, 503 for the store."""
        site = site_of(request, surface=self.surface, roles=self.roles, admits_views=True)
        params = with_segments(site, parse_v2(request.data))
        check_properties(site, params, InvalidQuery)
        check_revenue(site, params)
        result = answer(site, params)
        return Response(present_v2(result, site_id_text(request)))


class SessionQueryView(QueryView):
    """`POST /api/docs/query`: the same for a person who is logged in and may edit the site."""

    surface = Surface.SESSION
    roles = SITE_EDITORS
    authentication_classes = (SessionAuthentication,)

    @documented(SESSION_QUERY)
    def post(self, request: Request) -> Response:
        """Answer a query. Errors: 403 without the CSRF token, 404 for sites that the person may not edit."""
        return super().post(request)


class QuerySchemaView(ApiView):
    """`GET /api/docs/query/schema.json`."""

    authentication_classes = ()
    permission_classes = (AllowAny,)

    @documented(QUERY_SCHEMA)
    def get(self, request: Request) -> Response:
        """Answer the JSON Schema of a query's body."""
        return Response(query_schema())

"""Visitors over the Goals & Revenue API: erasing them (revenue contract, 3.4)."""

from typing import Final

from django.core.exceptions import ObjectDoesNotExist
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.authentication import actor_of
from analytics_project.documentation import documented
from analytics_project.errors import NotFound
from goals.api.bodies import Fields
from goals.api.paths import text_in_path
from goals.api.requests import GoalsRevenueView, enveloped, meta_of
from goals.api.windows import instant_text
from revenue.api.documentation.visitors import ERASE
from stats.erasure_services import erase_visitor
from stats.visitor_services import visitor_number

_PREFIX: Final = "/api/v1/visitors/"


class VisitorView(GoalsRevenueView):
    """`DELETE /api/v1/visitors/{visitor_id}`."""

    @documented(ERASE)
    def delete(self, request: Request, visitor_id: str) -> Response:
        """Ask for a visitor to be erased: 202, and the same again while that is under way."""
        site = self.site(request)
        visitor = visitor_in_path(request, visitor_id)
        try:
            erasure = erase_visitor(site, visitor_number(site, visitor), who=actor_of(request))
        except ObjectDoesNotExist as problem:
            raise NotFound("Site not found") from problem
        results = {"erasing": True, "visitor_id": visitor, "requested_at": instant_text(erasure.requested_at)}
        return Response(enveloped(results, meta_of(request)), status=202)


def visitor_in_path(request: Request, routed: str, suffix: str = "") -> str:
    """Return the visitor that a path names, known or not (1.6). Raises: InvalidFields for what is no visitor's id."""
    fields = Fields({"visitor_id": text_in_path(request, routed, _PREFIX, suffix, what="Visitor")})
    visitor = fields.visitor_id()
    fields.check()
    return visitor

"""Visitors over the Goals & Revenue API: who they are (revenue contract, 3.2)."""

from typing import Final

from rest_framework.request import Request
from rest_framework.response import Response

from analytics_project.documentation import documented
from goals.api.bodies import Fields, json_object
from goals.api.documentation.visitors import IDENTIFY
from goals.api.paths import text_in_path
from goals.api.requests import GoalsRevenueView, enveloped, meta_of
from stats.ingest.payload import MAX_CALLER_ID_BYTES
from stats.visitor_services import identify_visitor

_PREFIX: Final = "/api/v1/visitors/"


class IdentifyView(GoalsRevenueView):
    """`POST /api/v1/visitors/{visitor_id}/identify`."""

    @documented(IDENTIFY)
    def post(self, request: Request, visitor_id: str) -> Response:
        """Take who a visitor is; the same again changes nothing and is answered the same."""
        site = self.site(request)
        named = text_in_path(request, visitor_id, _PREFIX, "/identify", what="Visitor")
        fields = Fields({**json_object(request), "visitor_id": named})
        visitor, user = fields.visitor_id(), _user_in(fields)
        fields.check()
        identify_visitor(site, visitor, user)
        return Response(enveloped({"identified": True, "visitor_id": visitor}, meta_of(request)))


def _user_in(fields: Fields) -> str:
    user = fields.text("user_id", MAX_CALLER_ID_BYTES, required=True)
    if len(user) <= MAX_CALLER_ID_BYTES < len(user.encode(errors="replace")):
        fields.refuse("user_id", f"must be a string of 1 to {MAX_CALLER_ID_BYTES} bytes")
    return user

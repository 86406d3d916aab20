"""Visitors over the Goals & Revenue API: who they are, what they did, erasing them (revenue contract, 3.2 and 3.4)."""

from typing import Final

from django.core.exceptions import ObjectDoesNotExist
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.authentication import actor_of
from accounts.api.pagination import InvalidCursor, decode_cursor, encode_cursor
from analytics_project.documentation import documented
from analytics_project.errors import InvalidRequest, NotFound
from goals.api.bodies import Fields, json_object
from goals.api.paths import text_in_path
from goals.api.requests import GoalsRevenueView, Parameters, enveloped, meta_of
from goals.api.windows import instant_text
from revenue.api.documentation.visitors import ERASE, IDENTIFY, JOURNEY
from revenue.api.payments import MoneyView
from revenue.api.present_journeys import journey_rows
from revenue.journey_services import JourneyPlace, visitor_journey
from stats.erasure_services import erase_visitor
from stats.ingest.payload import MAX_CALLER_ID_BYTES
from stats.visitor_services import identify_visitor, visitor_number

_PREFIX: Final = "/api/v1/visitors/"
_KIND: Final = "journey"
_NO_CURSOR: Final = "cursor is not a cursor of this list"
_MOST_IN_A_SECOND: Final = 100_000


class JourneyView(MoneyView):
    """`GET /api/v1/visitors/{visitor_id}/journey`."""

    @documented(JOURNEY)
    def get(self, request: Request, visitor_id: str) -> Response:
        """Answer what a visitor did in a window, newest first; of an unknown visitor nothing (1.6)."""
        site = self.site(request)
        asked = Parameters(request)
        window, limit, after = asked.window(), asked.limit, _place(asked)
        visitor = visitor_in_path(request, visitor_id, "/journey")
        found = visitor_journey(site, visitor, (window.start, window.end), window.stored(), after, limit)
        following = found.following
        cursor = None if following is None else encode_cursor(_KIND, (following.at, following.passed))
        meta = {**meta_of(request, window), "timezone": window.timezone, "limit": limit, "cursor": cursor}
        return Response(enveloped(journey_rows(found), meta))


def _place(asked: Parameters) -> JourneyPlace | None:
    """Return the place that a cursor names, None without one. Raises: InvalidRequest."""
    cursor = asked.text("cursor")
    if cursor is None:
        return None
    try:
        at, passed = decode_cursor("cursor", cursor, _KIND, 2)
    except InvalidCursor as problem:
        raise InvalidRequest(_NO_CURSOR) from problem
    if at >> 32 or passed > _MOST_IN_A_SECOND:
        raise InvalidRequest(_NO_CURSOR)
    return JourneyPlace(at, passed)


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

"""POST /api/v1/sites/{site_id}/events/import: historical events, newline-delimited JSON, streamed."""

from typing import cast

from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.permissions import SITE_EDITORS, KeyMayWrite
from accounts.selectors import site_for
from accounts.types import Actor, Scope, Surface
from analytics_project.documentation import documented
from analytics_project.errors import AppError, InvalidRequest
from analytics_project.views import ApiView
from stats.api.documentation.imports import IMPORT
from stats.api.import_bodies import unzipped, wire_body
from stats.import_services import import_events
from stats.services import event_store

MAX_KEY_CHARACTERS = 200


class ImportEventsView(ApiView):
    """Takes a body of any size and answers 200 with `imported` once its events can be queried.

    `dropped` (engagement events without a visit) is added when it is not 0, `repeated` when the same body had been
    imported before; a client whose bytes differ from one sending to the next names the batch by `Idempotency-Key`.
    422 names the first line that cannot be taken; then nothing of the body is kept.
    """

    surface = Surface.SITES
    permission_classes = (IsAuthenticated, KeyMayWrite)

    @documented(IMPORT)
    def post(self, request: Request, site_id: str) -> Response:
        """Import the request's body into the site of the path."""
        actor = cast(Actor, request.auth)
        site = site_for(actor, site_id, Scope.SITES_PROVISION, surface=self.surface, roles=SITE_EDITORS)
        key = _idempotency_key(request)
        wire = wire_body(request)
        try:
            summary = import_events(event_store(), site, unzipped(request, wire), key=(lambda: key) if key else None)
        except AppError:
            wire.drain()
            raise
        answer: dict[str, object] = {"imported": summary.imported}
        if summary.dropped:
            answer["dropped"] = summary.dropped
        if summary.is_repeat:
            answer["repeated"] = True
        return Response(answer)


def _idempotency_key(request: Request) -> str:
    """Return the client's own name of this batch, empty without one. Raises: InvalidRequest for one too long."""
    key = request.headers.get("Idempotency-Key", "").strip()
    if len(key) > MAX_KEY_CHARACTERS:
        raise InvalidRequest(f"Idempotency-Key has {len(key)} characters; it may have {MAX_KEY_CHARACTERS}")
    return key

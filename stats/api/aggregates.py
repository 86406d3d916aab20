"""POST /api/v1/sites/{site_id}/aggregates/import: daily totals of another product, in a zip or one CSV file."""

import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO, Final, cast

from django.conf import settings
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.permissions import SITE_EDITORS, KeyMayWrite
from accounts.selectors import site_for
from accounts.types import Actor, Scope, Surface
from analytics_project.documentation import documented
from analytics_project.errors import AppError, InvalidRequest, StoreBusy
from analytics_project.views import ApiView
from stats.api.documentation.aggregates import IMPORT_AGGREGATES
from stats.api.import_bodies import WireBody, unzipped, wire_body
from stats.ingest.bulk import Readable
from stats.ingest.totals_files import check_totals, is_zip
from stats.services import event_store, wait_for_accepted
from stats.totals_services import import_totals

MAX_BODY_BYTES: Final = 500_000_000
BYTES_A_READ: Final = 1_000_000
AT_ONCE: Final = 2
_places = threading.BoundedSemaphore(AT_ONCE)


class ImportAggregatesView(ApiView):
    """Takes a zip of files, or one file named by `filename`, and answers 200 once queries can merge their rows.

    422 names the first line that cannot be taken; then nothing of the body is kept.
    """

    surface = Surface.SITES
    permission_classes = (IsAuthenticated, KeyMayWrite)

    @documented(IMPORT_AGGREGATES)
    def post(self, request: Request, site_id: str) -> Response:
        """Import the request's body into the site of the path."""
        actor = cast(Actor, request.auth)
        site = site_for(actor, site_id, Scope.SITES_PROVISION, surface=self.surface, roles=SITE_EDITORS)
        with _place(), tempfile.TemporaryFile() as file:
            body = cast(BinaryIO, file)
            _receive(request, body)
            name = request.query_params.get("filename", "")
            if not name and not is_zip(body):
                raise InvalidRequest("the body is no zip; a single CSV file needs its name in the parameter filename")
            with check_totals([(name, body)], ai_assistants=settings.AI_ASSISTANTS_CHANNEL) as totals:
                wait_for_accepted(site.id)
                done = import_totals(event_store(), site, totals, who=actor)
        answer: dict[str, object] = {"import_id": done.import_id, "imported": done.rows, "cut": done.cut_rows}
        answer |= {"first_date": str(done.first_on), "last_date": str(done.last_on), "files": list(totals.files)}
        if totals.skipped_files:
            answer["skipped_files"] = list(totals.skipped_files)
        if done.is_repeat:
            answer["repeated"] = True
        return Response(answer)


@contextmanager
def _place() -> Iterator[None]:
    """Let two imports in at a time: checking their lines keeps a processor busy. Raises: StoreBusy."""
    if not _places.acquire(blocking=False):
        raise StoreBusy(f"{AT_ONCE} imports are being checked already; send this one again later", retry_after_s=30)
    try:
        yield
    finally:
        _places.release()


def _receive(request: Request, file: BinaryIO) -> None:
    """Write the body to a file. Raises: InvalidRequest for one that breaks off or is too large."""
    wire: WireBody = wire_body(request)
    body: Readable = unzipped(request, wire)
    received = 0
    try:
        while data := body.read(BYTES_A_READ):
            received += len(data)
            if received > MAX_BODY_BYTES:
                raise InvalidRequest(f"the body has more than {MAX_BODY_BYTES:,} bytes", code="body_too_large")
            file.write(data)
    except AppError:
        wire.drain()
        raise

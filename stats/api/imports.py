"""POST /api/v1/sites/{site_id}/events/import: historical events, newline-delimited JSON, streamed."""

import gzip
import zlib
from typing import Protocol, cast

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
from stats.import_services import import_events
from stats.ingest.bulk import Readable
from stats.services import event_store

MAX_KEY_CHARACTERS = 200
MAX_DRAINED_BYTES = 1_000_000_000
BYTES_A_DRAIN = 1_000_000


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
        wire = _wire_body(request)
        try:
            summary = import_events(event_store(), site, _unzipped(request, wire), key=(lambda: key) if key else None)
        except AppError:
            wire.drain()
            raise
        answer: dict[str, object] = {"imported": summary.imported}
        if summary.dropped:
            answer["dropped"] = summary.dropped
        if summary.is_repeat:
            answer["repeated"] = True
        return Response(answer)


class _Stream(Protocol):
    def read(self, size: int, /) -> bytes: ...


class _WireBody:
    """The bytes of a request as they come; a body that ends before its announced length is an error, not an end."""

    def __init__(self, stream: _Stream, length: int | None) -> None:
        self._stream = stream
        self._missing = length

    def read(self, size: int = -1, /) -> bytes:
        """Return at most `size` bytes, none at the end. Raises: InvalidRequest when the client went away."""
        try:
            data = self._stream.read(size)
        except OSError as problem:
            raise InvalidRequest("the body ended early; nothing was imported", code="incomplete_body") from problem
        if self._missing is not None:
            self._missing -= len(data)
            if not data and self._missing > 0:
                raise InvalidRequest("the body is shorter than its Content-Length; nothing was imported")
        return data

    def drain(self) -> None:
        """Read on without keeping anything: a client still sending sees a closed connection instead of our answer."""
        for _ in range(0, MAX_DRAINED_BYTES, BYTES_A_DRAIN):
            try:
                if not self._stream.read(BYTES_A_DRAIN):
                    return
            except OSError:
                return


class _UnzippedBody:
    def __init__(self, body: _WireBody) -> None:
        self._file = gzip.GzipFile(fileobj=cast("gzip._ReadableFileobj", body))

    def read(self, size: int, /) -> bytes:
        """Return at most `size` unzipped bytes, none at the end. Raises: InvalidRequest for what is not gzip."""
        try:
            return self._file.read(size)
        except (gzip.BadGzipFile, zlib.error, EOFError) as problem:
            raise InvalidRequest(f"the body is not valid gzip: {problem}", code="invalid_gzip") from problem


def _wire_body(request: Request) -> _WireBody:
    """Return the body as a stream.

    A body sent in chunks has no length, so Django would hand out nothing: it is read from the server's own stream.
    """
    length = request.META.get("CONTENT_LENGTH") or None
    is_chunked = length is None and "chunked" in request.headers.get("Transfer-Encoding", "").lower()
    stream: _Stream = request.META["wsgi.input"] if is_chunked else request._request
    return _WireBody(stream, None if length is None else int(length))


def _unzipped(request: Request, body: _WireBody) -> Readable:
    """Return the body, unzipped where Content-Encoding says gzip. Raises: InvalidRequest for another one."""
    encoding = request.headers.get("Content-Encoding", "identity").strip().lower()
    if encoding not in {"identity", "gzip", "x-gzip"}:
        raise InvalidRequest(f"Content-Encoding {encoding!r} is not supported; send gzip or none")
    return body if encoding == "identity" else _UnzippedBody(body)


def _idempotency_key(request: Request) -> str:
    """Return the client's own name of this batch, empty without one. Raises: InvalidRequest for one too long."""
    key = request.headers.get("Idempotency-Key", "").strip()
    if len(key) > MAX_KEY_CHARACTERS:
        raise InvalidRequest(f"Idempotency-Key has {len(key)} characters; it may have {MAX_KEY_CHARACTERS}")
    return key

"""Bodies of any size as they come over the wire: whole or refused, unzipped where they are zipped."""

import gzip
import zlib
from typing import Protocol, cast

from rest_framework.request import Request

from analytics_project.errors import InvalidRequest
from stats.ingest.bulk import Readable

MAX_DRAINED_BYTES = 1_000_000_000
BYTES_A_DRAIN = 1_000_000


class Stream(Protocol):
    def read(self, size: int, /) -> bytes: ...


class WireBody:
    """The bytes of a request as they come; a body that ends before its announced length is an error, not an end."""

    def __init__(self, stream: Stream, length: int | None) -> None:
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


class UnzippedBody:
    def __init__(self, body: WireBody) -> None:
        self._file = gzip.GzipFile(fileobj=cast("gzip._ReadableFileobj", body))

    def read(self, size: int, /) -> bytes:
        """Return at most `size` unzipped bytes, none at the end. Raises: InvalidRequest for what is not gzip."""
        try:
            return self._file.read(size)
        except (gzip.BadGzipFile, zlib.error, EOFError) as problem:
            raise InvalidRequest(f"the body is not valid gzip: {problem}", code="invalid_gzip") from problem


def wire_body(request: Request) -> WireBody:
    """Return the body as a stream.

    A body sent in chunks has no length, so Django would hand out nothing: it is read from the server's own stream.
    """
    length = request.META.get("CONTENT_LENGTH") or None
    is_chunked = length is None and "chunked" in request.headers.get("Transfer-Encoding", "").lower()
    stream: Stream = request.META["wsgi.input"] if is_chunked else request._request
    return WireBody(stream, None if length is None else int(length))


def unzipped(request: Request, body: WireBody) -> Readable:
    """Return the body, unzipped where Content-Encoding says gzip. Raises: InvalidRequest for another one."""
    encoding = request.headers.get("Content-Encoding", "identity").strip().lower()
    if encoding not in {"identity", "gzip", "x-gzip"}:
        raise InvalidRequest(f"Content-Encoding {encoding!r} is not supported; send gzip or none")
    return body if encoding == "identity" else UnzippedBody(body)

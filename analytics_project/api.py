"""What every REST view shares: the JSON renderer and parser, and the one place that turns an error into an answer."""

import logging
from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal
from typing import IO, Any, Final

import orjson
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.defaults import bad_request as default_bad_request
from django.views.defaults import server_error as default_server_error
from rest_framework import exceptions
from rest_framework.parsers import BaseParser, FormParser, MultiPartParser
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from analytics_project.errors import AppError, error_body

MAX_BODY_BYTES: Final = 10_000_000

logger = logging.getLogger(__name__)


def _encode(value: object) -> object:
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, Mapping):
        return dict(value)
    return str(value)


class OrjsonRenderer(BaseRenderer):
    media_type = "application/json"
    format = "json"
    charset = None

    def render(
        self,
        data: Any,
        accepted_media_type: str | None = None,
        renderer_context: Mapping[str, Any] | None = None,
    ) -> bytes:
        """Return `data` as compact JSON; nothing at all for an answer without a body."""
        response = (renderer_context or {}).get("response")
        if data is None and response is not None and response.status_code == 204:
            return b""
        return orjson.dumps(data, default=_encode, option=orjson.OPT_NON_STR_KEYS)


class OrjsonParser(BaseParser):
    media_type = "application/json"

    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        """Return the decoded body. Raises: ParseError for anything that is not one JSON value of at most 10 MB.

        The site id is looked for before the key, so anybody can make a server read this much, and no more.
        """
        body = stream.read(MAX_BODY_BYTES + 1)
        if len(body) > MAX_BODY_BYTES:
            raise exceptions.ParseError(f"the body is larger than {MAX_BODY_BYTES} bytes")
        try:
            return orjson.loads(body)
        except orjson.JSONDecodeError as problem:
            raise exceptions.ParseError(f"the body is not valid JSON: {problem}") from problem


def _refuse_large(parser_context: Mapping[str, Any] | None) -> None:
    """Refuse a form that announces more bytes than any answer needs, before it is read or written to a file."""
    request = (parser_context or {}).get("request")
    length = "0" if request is None else request.META.get("CONTENT_LENGTH") or "0"
    if not length.isdecimal() or len(length) > 12 or int(length) > MAX_BODY_BYTES:
        raise exceptions.ParseError(f"the body is larger than {MAX_BODY_BYTES} bytes")


class BoundedFormParser(FormParser):
    """Reads an urlencoded form of at most 10 MB, always as UTF-8."""

    def parse(
        self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Any:
        """Return the form. Raises: ParseError for one that is too large."""
        _refuse_large(parser_context)
        return super().parse(stream, media_type, {**(parser_context or {}), "encoding": "utf-8"})


class BoundedMultiPartParser(MultiPartParser):
    """Reads a multipart form of at most 10 MB, always as UTF-8."""

    def parse(
        self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Any:
        """Return the form's fields and files. Raises: ParseError for one that is too large or malformed."""
        _refuse_large(parser_context)
        return super().parse(stream, media_type, {**(parser_context or {}), "encoding": "utf-8"})


def wants_reference_shape(request: HttpRequest | Request) -> bool:
    """Tell whether a caller of the Plugins API is answered in the shape of its reference: those who send Bearer."""
    scheme: str = request.META.get("HTTP_AUTHORIZATION", "").strip().partition(" ")[0]
    return scheme.lower() == "bearer"


def failure_body(request: HttpRequest | Request, text: str) -> dict[str, object]:
    """Return the body of a refusal: `{"error": text}`, in the Plugins API only to bearers, else its own list."""
    if request.path.startswith("/api/plugins/v1") and not wants_reference_shape(request):
        return {"errors": [{"detail": text}]}
    return {"error": text}


@csrf_exempt
def no_such_endpoint(request: HttpRequest) -> JsonResponse:
    """Answer a path under /api/ that nothing serves, in JSON like everything there."""
    return JsonResponse(failure_body(request, f"there is no endpoint {request.path}"), status=404)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer what Django refuses before any view, such as 1,001 parameters. JSON under /api/, its page elsewhere."""
    if request.path.startswith("/api/"):
        text = "the request cannot be read: too many parameters, or a wrong host"
        return JsonResponse(failure_body(request, text), status=400)
    return default_bad_request(request, exception)


def server_error(request: HttpRequest) -> HttpResponse:
    """Answer a bug of ours: fixed text, the details are in the log. JSON under /api/, Django's page elsewhere."""
    if request.path.startswith("/api/"):
        return JsonResponse(failure_body(request, "internal server error"), status=500)
    return default_server_error(request)


def exception_handler(error: Exception, context: Mapping[str, Any]) -> Response | None:
    """Answer our errors and REST framework's in the shape `{"error": text}`; anything else stays a 500."""
    if isinstance(error, AppError):
        return Response(error_body(error), status=error.status, headers=dict(error.headers))
    if isinstance(error, exceptions.APIException):
        return Response({"error": str(error.detail)}, status=error.status_code)
    return None

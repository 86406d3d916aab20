"""Refusals of the Plugins API, in two shapes: the native one, and that of the reference for `Authorization: Bearer`.

Source: Plugins API contract, section 3.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import SuspiciousOperation
from rest_framework.exceptions import APIException, UnsupportedMediaType
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.pagination import InvalidCursor
from analytics_project.api import failure_body, wants_reference_shape
from analytics_project.errors import AppError, InvalidFields

INVALID = "is invalid"


@dataclass(frozen=True, slots=True)
class Fault:
    """One place of a request that has the wrong shape: names and positions that lead to it, and what is wrong there."""

    path: tuple[str | int, ...]
    message: str

    @property
    def name(self) -> str:
        """Return the innermost name on the way there."""
        return next((step for step in reversed(self.path) if isinstance(step, str)), "body")

    @property
    def pointer(self) -> str:
        """Return the place as a JSON pointer."""
        return "".join("/" + str(step).replace("~", "~0").replace("/", "~1") for step in self.path)


class InvalidShape(AppError):
    """A request that can be read and does not have the shape that its endpoint takes; holds every fault."""

    status = 422
    code = "invalid_shape"

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults = tuple(faults)
        super().__init__(", ".join(f"{fault.pointer}: {fault.message}" for fault in self.faults))


def plugins_exception_handler(error: Exception, context: Mapping[str, Any]) -> Response | None:
    """Answer an error in the shape that the caller's scheme stands for; what nobody foresaw stays a 500."""
    request: Request = context["request"]
    match error:
        case UnsupportedMediaType():
            return _unprocessable(request, InvalidShape([Fault(("content_type",), "must be application/json")]))
        case InvalidCursor():
            status, text, headers = 400, error.message, error.headers
        case InvalidFields() | InvalidShape():
            return _unprocessable(request, error)
        case AppError():
            status, text, headers = error.status, error.message, error.headers
        case APIException():
            status, text, headers = error.status_code, str(error.detail), {}
        case SuspiciousOperation():  # more parameters than Django reads
            status, text, headers = 400, "the request has too many parameters", {}
        case _:
            return None
    return Response(failure_body(request, text), status=status, headers=dict(headers))


def _unprocessable(request: Request, error: InvalidFields | InvalidShape) -> Response:
    by_field = _by_field(error)
    if wants_reference_shape(request):
        return Response({"errors": by_field}, status=422)
    if isinstance(error, InvalidShape):
        return Response({"errors": list(_native_faults(error.faults))}, status=422)
    details = [{"detail": f"{field}: {', '.join(texts)}"} for field, texts in by_field.items()]
    return Response({"errors": details}, status=422)


def _by_field(error: InvalidFields | InvalidShape) -> Mapping[str, Sequence[str]]:
    if isinstance(error, InvalidFields):
        return error.errors
    found: dict[str, list[str]] = {}
    for fault in error.faults:
        texts = found.setdefault(fault.name, [])
        if fault.message not in texts:
            texts.append(fault.message)
    return found


def _native_faults(faults: Sequence[Fault]) -> Iterator[dict[str, object]]:
    for fault in faults:
        detail = f"{fault.name}: {fault.message}"
        yield {"title": "Invalid value", "source": {"pointer": fault.pointer}, "detail": detail}

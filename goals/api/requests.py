"""What all endpoints of the Goals & Revenue API share (revenue contract, 1.1 to 1.5): envelope, checks, parameters.

A view says with `features` which parts of a plan it needs and calls, in this order, `self.site`, then its readers. The
base has looked at key, budget, method and right to write before.
"""

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, ClassVar, Final

import orjson
from django.core.exceptions import SuspiciousOperation
from rest_framework.exceptions import APIException
from rest_framework.permissions import SAFE_METHODS, IsAuthenticated
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.authentication import actor_of
from accounts.api.key_limits import KeyLimited
from accounts.api.permissions import SITE_EDITORS, KeyMayWrite
from accounts.selectors import features_of, site_for
from accounts.types import Feature, Scope, SiteRef
from analytics_project import clock
from analytics_project.errors import (
    AppError,
    InvalidFields,
    InvalidRequest,
    NotAuthenticated,
    NotFound,
    PaymentRequired,
)
from analytics_project.views import ApiView
from goals.api.windows import Window, instant_text, window_of

INCLUDES: Final = ("meta", "previous")
DEFAULT_LIMIT: Final = 100
MAX_LIMIT: Final = 1000
MAX_OFFSET: Final = 100_000

_WHOLE_NUMBER: Final = re.compile(r"[0-9]{1,9}")


class ExactRenderer(BaseRenderer):
    """Writes JSON whose Decimals are numbers with all their digits: `Decimal("24500.00")` is `24500.00`."""

    media_type = "application/json"
    format = "json"
    charset = "utf-8"

    def render(
        self, data: Any, accepted_media_type: str | None = None, renderer_context: Mapping[str, Any] | None = None
    ) -> bytes:
        """Return `data` as compact JSON."""
        return orjson.dumps(data, default=_exact)


def _exact(value: object) -> object:
    if isinstance(value, Decimal):
        return orjson.Fragment(f"{value:f}")
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{type(value).__name__} has no form in JSON")


def exception_handler(error: Exception, context: Mapping[str, Any]) -> Response | None:
    """Answer an error as this family does: a sentence, and messages by field where fields of a body are at fault."""
    match error:
        case InvalidFields():
            body: dict[str, object] = {"error": sentence(error), "errors": error.errors}
            return Response(body, status=error.status)
        case NotAuthenticated():
            headers = {**error.headers, "WWW-Authenticate": "Bearer"}
            return Response({"error": "Missing or invalid API key"}, status=error.status, headers=headers)
        case AppError():
            return Response({"error": error.message}, status=error.status, headers=dict(error.headers))
        case APIException():
            return Response({"error": str(error.detail)}, status=error.status_code)
        case SuspiciousOperation():  # more parameters than Django reads
            return Response({"error": "the request has too many parameters"}, status=400)
        case _:
            return None


def sentence(error: InvalidFields) -> str:
    """Return what is wrong with all fields, in one line."""
    return "; ".join(f"{name} {text}" for name, texts in error.errors.items() for text in texts)


class GoalsRevenueView(KeyLimited, ApiView):
    """An endpoint of the family: checks in the order of 1.2, answers in its envelope."""

    renderer_classes = (ExactRenderer,)
    permission_classes = (IsAuthenticated, KeyMayWrite)
    features: ClassVar[Collection[Feature]] = ()

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Look at key and budget, then at the method, then at the right to write. Raises: as 1.2 says."""
        self.perform_authentication(request)
        super().initial(request, *args, **kwargs)

    def perform_content_negotiation(self, request: Request, force: bool = False) -> tuple[BaseRenderer, str]:
        """Return the one renderer, whatever `Accept` says."""
        renderer = self.get_renderers()[0]
        return renderer, renderer.media_type

    def get_exception_handler(self) -> Callable[[Exception, Mapping[str, Any]], Response | None]:
        """Return the handler that knows this family's errors."""
        return exception_handler

    def finalize_response(self, request: Request, response: Response, *args: Any, **kwargs: Any) -> Response:
        """Keep answers out of caches, refusals included."""
        final = super().finalize_response(request, response, *args, **kwargs)
        final.headers["Cache-Control"] = "no-store"
        return final

    def site(self, request: Request) -> SiteRef:
        """Return the site that the request names (1.4), which the key may use for this method.

        Raises: InvalidRequest without one or with two, NotFound for every site that the key does not open,
        PaymentRequired for a plan without what the view needs.
        """
        sent = request.query_params.getlist("site_id")
        if len(sent) > 1:
            raise InvalidRequest("site_id must be given once")
        if not sent or not sent[0].strip():
            raise InvalidRequest("site_id is required")
        roles = None if request.method in SAFE_METHODS else SITE_EDITORS
        try:
            site = site_for(actor_of(request), sent[0], Scope.STATS_READ, roles=roles)
        except (NotAuthenticated, NotFound) as problem:
            raise NotFound("Site not found") from problem
        missing = set(self.features) - features_of(site) if self.features else ()
        if missing:
            names = ", ".join(sorted(feature.short_name for feature in missing))
            raise PaymentRequired(f"The plan of the team that owns this site does not include {names}")
        return site


class Parameters:
    """The query's parameters by name: a known one is given once, an empty one is absent (1.3)."""

    def __init__(self, request: Request) -> None:
        self._sent = request.query_params

    @property
    def names(self) -> Iterable[str]:
        """Return the names sent, in their order."""
        return self._sent.keys()

    def text(self, name: str) -> str | None:
        """Return a parameter, None where it is absent or empty. Raises: InvalidRequest for one given twice."""
        sent = self._sent.getlist(name)
        if len(sent) > 1:
            raise InvalidRequest(f"{name} must be given once")
        return sent[0] or None if sent else None

    def whole_number(self, name: str, default: int, least: int, most: int) -> int:
        """Return a number in decimal digits, as it is and never clamped. Raises: InvalidRequest."""
        text = self.text(name)
        if text is None:
            return default
        if not _WHOLE_NUMBER.fullmatch(text) or not least <= int(text) <= most:
            raise InvalidRequest(f"{name} must be an integer from {least} to {most}")
        return int(text)

    @property
    def limit(self) -> int:
        """Return how many rows are wanted. Raises: InvalidRequest."""
        return self.whole_number("limit", DEFAULT_LIMIT, 1, MAX_LIMIT)

    @property
    def offset(self) -> int:
        """Return how many rows are left out before the first. Raises: InvalidRequest."""
        return self.whole_number("offset", 0, 0, MAX_OFFSET)

    def window(self, now: datetime | None = None) -> Window:
        """Return the window asked for, by default of the clock's now (1.5). Raises: InvalidRequest."""
        return window_of(self.text("start"), self.text("end"), self.text("timezone"), now or clock.now())

    def one_of(self, name: str, default: str, words: Collection[str]) -> str:
        """Return one of some words, in their spelling. Raises: InvalidRequest naming them."""
        text = self.text(name)
        if text is None:
            return default
        if text not in words:
            raise InvalidRequest(f"{name} must be one of {', '.join(words)}")
        return text

    def include(self, words: Collection[str] = INCLUDES) -> frozenset[str]:
        """Return the optional parts wanted, a list with commas (1.12). Raises: InvalidRequest for an unknown word."""
        text = self.text("include")
        wanted = frozenset() if text is None else frozenset(text.split(","))
        if not wanted <= set(words):
            raise InvalidRequest(f"include must be a list of {', '.join(words)}, separated by commas")
        return wanted


def enveloped(results: object, meta: Mapping[str, object]) -> dict[str, object]:
    """Return the body of a success: exactly `results` and `meta`, in this order."""
    return {"results": results, "meta": dict(meta)}


def meta_of(request: Request, window: Window | None = None) -> dict[str, object]:
    """Return what every `meta` begins with: the site as it was named, and the window where there is one."""
    meta: dict[str, object] = {"site_id": request.query_params["site_id"]}
    if window is not None:
        meta |= {"start": instant_text(window.start), "end": instant_text(window.end)}
    return meta

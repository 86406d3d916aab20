"""Limits for each key, told in headers: those of the Goals & Revenue API (revenue contract, section 1.2)."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, Final

from django.conf import settings
from rest_framework.permissions import SAFE_METHODS
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.api.throttles import MINUTE_S, RequestLimits, over_limit, request_counters
from accounts.request_counters import seconds_left
from accounts.types import Actor, LinkActor, TeamQuota

_BUDGET: Final = "footfall.request_budget"  # beside what the server put into the request's environment


@dataclass(frozen=True, slots=True)
class RequestBudget:
    """What a key may still ask in the current window."""

    limit: int
    remaining: int
    reset_s: int

    @property
    def headers(self) -> dict[str, str]:
        """Return the headers of an answer; `X-RateLimit-Reset` is in seconds from now."""
        return {
            "X-RateLimit-Limit": str(self.limit),
            "X-RateLimit-Remaining": str(self.remaining),
            "X-RateLimit-Reset": str(self.reset_s),
        }


class KeyLimits:
    """Requests a minute of each key, reads and writes apart; API_KEY_MINUTE_LIMIT, of which 0 means no limit."""

    def count(self, request: Request, actor: Actor | LinkActor, team: Callable[[], TeamQuota | None]) -> None:
        """Count a request on its key and leave the budget for the answer's headers. Raises: RateLimited."""
        limit: int = settings.API_KEY_MINUTE_LIMIT
        if not limit:
            return
        subject = f"link {actor.link_id}" if isinstance(actor, LinkActor) else f"key {actor.key_id}"
        kind = "reads" if request.method in SAFE_METHODS else "writes"
        used = request_counters().count(f"{subject} {kind}", MINUTE_S)
        request.META[_BUDGET] = RequestBudget(limit, max(limit - used, 0), seconds_left(MINUTE_S))
        if used > limit:
            raise over_limit(limit, MINUTE_S, "key")


class KeyLimited(APIView):
    """A view whose requests count on their key only, and whose every answer to a known key tells its budget."""

    limits: ClassVar[RequestLimits] = KeyLimits()

    def finalize_response(self, request: Request, response: Response, *args: Any, **kwargs: Any) -> Response:
        """Add the budget to an answer, refusals included."""
        final = super().finalize_response(request, response, *args, **kwargs)
        budget = request.META.get(_BUDGET)
        if isinstance(budget, RequestBudget):
            for name, value in budget.headers.items():
                final.headers[name] = value
        return final

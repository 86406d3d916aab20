"""`GET /api/health`: one word per dependency, for load balancers and for whoever is woken at night."""

from dataclasses import asdict

from django.http import HttpRequest, JsonResponse
from django.views.decorators.http import require_safe

from stats.services import check_health


@require_safe
def health(request: HttpRequest) -> JsonResponse:
    """Answer 200 when every dependency is well, else 500; the first keys are those of Plausible's health check."""
    state = check_health()
    details = {name: value for name, value in asdict(state).items() if name != "checks"}
    return JsonResponse({**state.checks, **details}, status=200 if state.is_well else 500)

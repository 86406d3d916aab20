"""The page behind the link in an invitation: says to what, and accepts it at the press of a button."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from accounts.invitation_services import accept_invitation, find_offer
from analytics_project.errors import AppError


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def invitation(request: HttpRequest, token: str) -> HttpResponse:
    """Show the invitation of this token; accept it on POST, since mail programs open links by themselves."""
    is_accepted = request.method == "POST"
    try:
        offer = accept_invitation(token) if is_accepted else find_offer(token)
    except AppError as problem:
        return render(request, "accounts/invitation.html", {"problem": problem.message}, status=problem.status)
    return render(request, "accounts/invitation.html", {"offer": offer, "is_accepted": is_accepted})

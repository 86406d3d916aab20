"""GET, PUT and DELETE of a site's guests (Sites API contract, section 7)."""

from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.documentation.guests import INVITE_GUEST, LIST_GUESTS, REMOVE_GUEST
from accounts.api.parameters import required_text
from accounts.api.people import page_of_people, role_of, shown
from accounts.api.permissions import SITE_MANAGERS, SITE_READERS
from accounts.api.site_views import SitesApiView
from accounts.guest_services import invite_guest, remove_guest
from accounts.team_selectors import guests_listed
from accounts.types import GuestRole
from analytics_project.documentation import documented

_ROLES = {"GET": SITE_READERS, "HEAD": SITE_READERS, "PUT": SITE_MANAGERS, "DELETE": SITE_MANAGERS}


class GuestsView(SitesApiView):
    """The guests of a site, accepted and invited."""

    requires_site_id = True
    roles = _ROLES

    @documented(LIST_GUESTS)
    def get(self, request: Request) -> Response:
        """List guests and pending invitations, newest first; parameters `email`, `role`, `status`."""
        return Response(page_of_people(guests_listed(self.site.id), self.parameters, "guest"))

    @documented(INVITE_GUEST)
    def put(self, request: Request) -> Response:
        """Invite an address; one that is invited or accepted already keeps its role."""
        email = required_text(self.parameters, "email")
        role = GuestRole(role_of(self.parameters, sorted(GuestRole, reverse=True)))
        base = request.build_absolute_uri("/")
        return Response(shown(invite_guest(self.site, email, role, who=self.actor, base=base)))


class OneGuestView(SitesApiView):
    """One guest, named in the path by the e-mail address."""

    requires_site_id = True
    roles = _ROLES

    @documented(REMOVE_GUEST)
    def delete(self, request: Request, email: str) -> Response:
        """Remove the invitation or the guest, if there is one."""
        remove_guest(self.site, email, who=self.actor)
        return Response({"deleted": True})

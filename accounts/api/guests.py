"""GET, PUT and DELETE of a site's guests (Sites API contract, section 7)."""

from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.documentation.guests import INVITE_GUEST, LIST_GUESTS, REMOVE_GUEST
from accounts.api.pagination import page_of
from accounts.api.parameters import required_text
from accounts.api.permissions import SITE_MANAGERS, SITE_READERS
from accounts.api.site_views import SitesApiView
from accounts.guest_services import invite_guest, remove_guest
from accounts.team_selectors import guest_entries
from accounts.types import GuestEntry, GuestRole
from analytics_project.documentation import documented
from analytics_project.errors import InvalidFields

_ROLES = {"GET": SITE_READERS, "HEAD": SITE_READERS, "PUT": SITE_MANAGERS, "DELETE": SITE_MANAGERS}


def _shown(entry: GuestEntry) -> dict[str, str]:
    return {"email": entry.email, "role": entry.role.value, "status": "accepted" if entry.is_accepted else "invited"}


def _newest_first(entry: GuestEntry) -> tuple[int, int, int]:
    at = entry.created_at
    return int(at.timestamp()) * 1_000_000 + at.microsecond, entry.id, int(entry.is_accepted)


class GuestsView(SitesApiView):
    """The guests of a site, accepted and invited."""

    requires_site_id = True
    roles = _ROLES

    @documented(LIST_GUESTS)
    def get(self, request: Request) -> Response:
        """List guests and pending invitations, newest first."""
        page = page_of(guest_entries(self.site.id), _newest_first, self.parameters, "guest")
        return Response({"guests": [_shown(entry) for entry in page.items], "meta": page.meta})

    @documented(INVITE_GUEST)
    def put(self, request: Request) -> Response:
        """Invite an address; one that is invited or accepted already keeps its role."""
        email = required_text(self.parameters, "email")
        role = self.parameters.get("role")
        if not isinstance(role, str) or role not in set(GuestRole):
            raise InvalidFields({"role": [f"must be {' or '.join(sorted(GuestRole, reverse=True))}"]})
        base = request.build_absolute_uri("/")
        return Response(_shown(invite_guest(self.site, email, GuestRole(role), who=self.actor, base=base)))


class OneGuestView(SitesApiView):
    """One guest, named in the path by the e-mail address."""

    requires_site_id = True
    roles = _ROLES

    @documented(REMOVE_GUEST)
    def delete(self, request: Request, email: str) -> Response:
        """Remove the invitation or the guest, if there is one."""
        remove_guest(self.site, email, who=self.actor)
        return Response({"deleted": True})

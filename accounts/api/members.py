"""GET, PUT and DELETE of a team's members (key contract, section 4; shaped like the guests of the Sites API)."""

from typing import Any

from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.documentation.members import LIST_MEMBERS, PUT_MEMBER, REMOVE_MEMBER
from accounts.api.parameters import required_text
from accounts.api.people import page_of_people, role_of, shown
from accounts.api.site_views import SitesApiView
from accounts.member_services import MANAGERS, put_member, remove_member, role_too_low
from accounts.team_selectors import TeamStanding, members_listed, team_for
from accounts.types import Role
from analytics_project.documentation import documented


class TeamApiView(SitesApiView):
    """A view of the Sites API whose path names a team; a key of another team does not open it."""

    def find_standing(self, **path: Any) -> TeamStanding:
        """Return the caller's standing in the team of the path. Raises: as `team_for`."""
        return team_for(self.actor, path["team_id"], self.scope)

    @property
    def team_id(self) -> int:
        """Return the number of the team that the path names."""
        return self.team.team_id

    @property
    def team(self) -> TeamStanding:
        """Return the caller's standing in the team that the path names."""
        if self.standing is None:
            raise role_too_low()
        return self.standing


class MembersView(TeamApiView):
    """The members of a team, accepted and invited."""

    @documented(LIST_MEMBERS)
    def get(self, request: Request, team_id: str) -> Response:
        """List members and pending invitations, newest first; parameters `email`, `role`, `status`."""
        return Response(page_of_people(members_listed(self.team_id), self.parameters, "member"))

    @documented(PUT_MEMBER)
    def put(self, request: Request, team_id: str) -> Response:
        """Give an address a role in the team; who is no member is invited."""
        if self.team.role not in MANAGERS:
            raise role_too_low()
        email = required_text(self.parameters, "email")
        role = Role(role_of(self.parameters, Role))
        base = request.build_absolute_uri("/")
        return Response(shown(put_member(self.team_id, self.actor, email, role, base=base)))


class OneMemberView(TeamApiView):
    """One member, named in the path by the e-mail address."""

    @documented(REMOVE_MEMBER)
    def delete(self, request: Request, team_id: str, email: str) -> Response:
        """Remove the invitation or the member, if there is one; whoever asks for themselves leaves."""
        remove_member(self.team_id, self.actor, email)
        return Response({"deleted": True})

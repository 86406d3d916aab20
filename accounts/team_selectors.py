"""Reads about teams on someone's behalf: the team that a request acts in, and what its caller may list."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Q, QuerySet

from accounts.keys import scope_allows
from accounts.models import INVITATION_LIFE, GuestInvitation, GuestMembership, Membership, Site, Team
from accounts.selectors import check_plan, refusal
from accounts.types import Actor, Feature, GuestEntry, GuestRole, Role, Scope, SiteId, Surface
from analytics_project import clock

PERSONAL_TEAM_NAME = "My personal sites"


@dataclass(frozen=True, slots=True)
class TeamStanding:
    """The team that a request acts in and the caller's role there; None for a guest of its sites or a super admin."""

    team_id: int
    role: Role | None


def check_scope(actor: Actor, scope: Scope) -> None:
    """Raise NotAuthenticated for a key that lacks the scope: gate 5 of the key contract."""
    if not scope_allows(actor.scopes, scope):
        raise refusal(Surface.SITES)


def team_in_play(actor: Actor, team_id_text: str, scope: Scope) -> TeamStanding | None:
    """Return the key's team, else the one that `team_id_text` names, else None: gates 9 to 12 for the team.

    A text that is no UUID, or of no team, counts as absent (Sites API contract, section 3).
    Raises: NotAuthenticated for a team of others; PaymentRequired for a locked one and for a plan without the feature.
    """
    team = _team(actor, team_id_text)
    if team is None:
        return None
    roles = list(Membership.objects.filter(team=team, user=actor.user_id).values_list("role", flat=True))
    if not actor.is_super_admin:
        is_guest = actor.team_id is None and _is_guest(actor, team)
        if not roles and not is_guest:
            raise refusal(Surface.SITES)
        check_plan(team, scope)
    return TeamStanding(team.pk, Role(roles[0]) if roles else None)


def _team(actor: Actor, team_id_text: str) -> Team | None:
    teams = Team.objects.select_related("plan")
    if actor.team_id is not None:
        return teams.get(pk=actor.team_id)
    identifier = team_identifier(team_id_text)
    return None if identifier is None else teams.filter(identifier=identifier).first()


def team_identifier(text: str) -> UUID | None:
    """Return the UUID that `text` is, None for any other text."""
    try:
        return UUID(text.strip())
    except ValueError:
        return None


def _is_guest(actor: Actor, team: Team) -> bool:
    return GuestMembership.objects.filter(site__team=team, user=actor.user_id).exists()


def sites_listed_for(actor: Actor, standing: TeamStanding | None) -> QuerySet[Site, Any]:
    """Return the sites that the caller may list: those of the team in play, else of all teams, and as a guest."""
    if standing is not None:
        return Site.objects.filter(team=standing.team_id) if standing.role else Site.objects.none()
    teams = Membership.objects.filter(user=actor.user_id).values("team")
    guests = GuestMembership.objects.filter(user=actor.user_id).values("site")
    return Site.objects.filter(Q(team__in=teams) | Q(pk__in=guests))


def teams_listed_for(actor: Actor) -> QuerySet[Team, Any]:
    """Return the teams of which the caller is a full member; for a key of a team, that one."""
    teams = Team.objects.select_related("plan").filter(memberships__user=actor.user_id)
    return teams if actor.team_id is None else teams.filter(pk=actor.team_id)


def team_fields(team: Team) -> dict[str, object]:
    """Return what a caller sees of a team; one that is not set up has no name yet."""
    return {
        "id": str(team.identifier),
        "name": team.name if team.is_setup_complete else PERSONAL_TEAM_NAME,
        "api_available": Feature.STATS_API in team.features,
    }


def guest_entries(site_id: SiteId) -> list[GuestEntry]:
    """Return the guests of a site and its pending invitations, in no order; lapsed ones are left out."""
    guests = GuestMembership.objects.select_related("user").filter(site=site_id)
    pending = GuestInvitation.objects.filter(site=site_id, created_at__gt=clock.now() - INVITATION_LIFE)
    return [*map(accepted_guest, guests), *map(pending_guest, pending)]


def accepted_guest(guest: GuestMembership) -> GuestEntry:
    """Return a guest as the list of guests shows them."""
    return GuestEntry(guest.user.email, GuestRole(guest.role), True, guest.created_at, guest.pk)


def pending_guest(invitation: GuestInvitation) -> GuestEntry:
    """Return an invitation as the list of guests shows it."""
    return GuestEntry(invitation.email, GuestRole(invitation.role), False, invitation.created_at, invitation.pk)


def member_emails(team: Team, *, invited_after: datetime) -> set[str]:
    """Return who belongs to a team: its members, guests of its sites, and who was invited to one since then."""
    members = Membership.objects.filter(team=team).values_list("user__email", flat=True)
    guests = GuestMembership.objects.filter(site__team=team).values_list("user__email", flat=True)
    invited = GuestInvitation.objects.filter(site__team=team, created_at__gt=invited_after)
    return {*members, *guests, *invited.values_list("email", flat=True)}


def left_without_owner(going: "QuerySet[Membership]") -> list[Team]:
    """Return the teams that would have no owner any more if these memberships went, by name."""
    owners = Membership.objects.filter(role=Role.OWNER)
    stay = owners.exclude(pk__in=going.values("pk")).values("team")
    return list(Team.objects.filter(memberships__in=going.filter(role=Role.OWNER)).exclude(pk__in=stay).distinct())

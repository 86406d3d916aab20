"""Reads about teams on someone's behalf: the team that a request acts in, and what its caller may list."""

from dataclasses import dataclass
from datetime import datetime
from itertools import chain
from typing import Any, Final
from uuid import UUID

from django.db.models import Case, F, Q, QuerySet, Value, When

from accounts.keys import scope_allows
from accounts.models import (
    INVITATION_LIFE,
    GuestInvitation,
    GuestMembership,
    Membership,
    Site,
    Team,
    TeamInvitation,
)
from accounts.selectors import check_plan, refusal
from accounts.types import Actor, Feature, PersonEntry, Role, Scope, SiteId, Surface
from analytics_project import clock
from analytics_project.errors import NotFound

PERSONAL_TEAM_NAME = "My personal sites"
ACCEPTED: Final = "accepted"
INVITED: Final = "invited"


@dataclass(frozen=True, slots=True)
class TeamStanding:
    """The team that a request acts in and the caller's role there; None for a guest of its sites or a super admin."""

    team_id: int
    role: Role | None


@dataclass(frozen=True, slots=True)
class PeopleListed:
    """Who belongs to a team or a site, and who is invited; both sets have `email`, `role` and `status` to filter by."""

    accepted: QuerySet[Any, Any]
    invited: QuerySet[Any, Any]


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


def team_for(actor: Actor, team_id_text: str, scope: Scope) -> TeamStanding:
    """Return the team that a path names, of which the caller is a full member: gates 9 to 13 of the key contract.

    What the state of the key's own team forbids comes first. Raises: as `team_in_play`; NotFound for a text that names
    no team, and for a guest; NotAuthenticated for a team of others, though its `team_id` as a parameter be ignored.
    """
    standing = team_in_play(actor, team_id_text, scope)
    named = _team_named(team_id_text)
    is_other = named is not None and standing is not None and named.pk != standing.team_id
    if is_other and not actor.is_super_admin:
        raise refusal(Surface.SITES)
    if named is None or standing is None or is_other or standing.role is None:
        raise NotFound("Team not found, or the role of the key's owner does not suffice")
    return standing


def _team(actor: Actor, team_id_text: str) -> Team | None:
    if actor.team_id is not None:
        return Team.objects.select_related("plan").get(pk=actor.team_id)
    return _team_named(team_id_text)


def _team_named(text: str) -> Team | None:
    identifier = team_identifier(text)
    return None if identifier is None else Team.objects.select_related("plan").filter(identifier=identifier).first()


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
    """Return the teams of which the caller is a full member; for a key of a team, that one.

    `shown_name` is there to filter by: a team that is not set up has no name yet.
    """
    shown_name = Case(When(is_setup_complete=True, then=F("name")), default=Value(PERSONAL_TEAM_NAME))
    teams = Team.objects.select_related("plan").annotate(shown_name=shown_name)
    teams = teams.filter(memberships__user=actor.user_id)
    return teams if actor.team_id is None else teams.filter(pk=actor.team_id)


def team_fields(team: Team) -> dict[str, object]:
    """Return what a caller sees of a team; one that is not set up has no name yet."""
    return {
        "id": str(team.identifier),
        "name": team.name if team.is_setup_complete else PERSONAL_TEAM_NAME,
        "api_available": Feature.STATS_API in team.features,
    }


def guests_listed(site_id: SiteId) -> PeopleListed:
    """Return the guests of a site and its pending invitations; lapsed ones are left out."""
    guests = GuestMembership.objects.filter(site=site_id)
    return _people(guests, GuestInvitation.objects.filter(site=site_id))


def members_listed(team_id: int) -> PeopleListed:
    """Return the members of a team and its pending invitations; lapsed ones are left out."""
    members = Membership.objects.filter(team=team_id)
    return _people(members, TeamInvitation.objects.filter(team=team_id))


def _people(accepted: QuerySet[Any, Any], invited: QuerySet[Any, Any]) -> PeopleListed:
    pending = invited.filter(created_at__gt=clock.now() - INVITATION_LIFE)
    return PeopleListed(
        accepted.select_related("user").annotate(email=F("user__email"), status=Value(ACCEPTED)),
        pending.annotate(status=Value(INVITED)),
    )


def entries_of(people: PeopleListed) -> list[PersonEntry]:
    """Return everybody of a list, in no order."""
    return [*map(accepted_person, people.accepted), *map(pending_person, people.invited)]


def accepted_person(one: GuestMembership | Membership) -> PersonEntry:
    """Return a guest or a member as lists show them."""
    return PersonEntry(one.user.email, one.role, True, one.created_at, one.pk)


def pending_person(invitation: GuestInvitation | TeamInvitation) -> PersonEntry:
    """Return an invitation as lists show it."""
    return PersonEntry(invitation.email, invitation.role, False, invitation.created_at, invitation.pk)


def member_emails(team: Team, *, invited_after: datetime) -> set[str]:
    """Return who belongs to a team: members, guests of its sites, and who was invited as either since then."""
    members = Membership.objects.filter(team=team).values_list("user__email", flat=True)
    guests = GuestMembership.objects.filter(site__team=team).values_list("user__email", flat=True)
    invited_guests = GuestInvitation.objects.filter(site__team=team, created_at__gt=invited_after)
    invited_members = TeamInvitation.objects.filter(team=team, created_at__gt=invited_after)
    invited = (invitations.values_list("email", flat=True) for invitations in (invited_guests, invited_members))
    return {*members, *guests, *chain.from_iterable(invited)}


def left_without_owner(going: "QuerySet[Membership]") -> list[Team]:
    """Return the teams that would have no owner any more if these memberships went, by name."""
    owners = Membership.objects.filter(role=Role.OWNER)
    stay = owners.exclude(pk__in=going.values("pk")).values("team")
    return list(Team.objects.filter(memberships__in=going.filter(role=Role.OWNER)).exclude(pk__in=stay).distinct())

"""Members of teams: invited by e-mail, given other roles, removed (key contract, section 4).

Owners manage everybody, admins everybody but owners; whoever is a member may leave. A team keeps an owner.
"""

from dataclasses import dataclass, field

from django.db import transaction

from accounts.invitation_services import (
    Token,
    check_limit,
    checked_address,
    mail_invitation,
    mail_later,
    mint_token,
    stands_since,
)
from accounts.models import Membership, Team, TeamInvitation, User
from accounts.records import Who, write_audit
from accounts.services import is_last_owner, set_member
from accounts.team_selectors import accepted_person, pending_person
from accounts.types import Actor, PersonEntry, Role
from accounts.validators import is_storable
from analytics_project.errors import InvalidFields, NotFound

MANAGERS = frozenset({Role.OWNER, Role.ADMIN})


@dataclass(frozen=True, slots=True)
class InvitedMember:
    """Who was invited; `token` only where the invitation is a new one."""

    entry: PersonEntry
    token: Token | None = field(default=None, repr=False)


@transaction.atomic
def put_member(team_id: int, actor: Actor, email: str, role: Role, *, base: str) -> PersonEntry:
    """Give an address this role in the team: a member or a pending invitation gets it, anybody else is invited.

    Raises: NotFound where the caller's role does not suffice; InvalidFields for what is no address and where the team
    would have no owner; PaymentRequired at the plan's limit of members.
    """
    team, own = _locked(team_id, actor)
    address = checked_address(email)
    if own not in MANAGERS or (Role.OWNER in {role, _role_of(team, address)} and own is not Role.OWNER):
        raise role_too_low()
    user = User.objects.filter(email=address, memberships__team=team).first()
    if user is None:
        return invite_member(team, address, role, who=actor, base=base).entry
    if role is not Role.OWNER:
        _keep_an_owner(team, user)
    if _role_of(team, address) is not role:
        set_member(team, user, role, who=actor)
    return accepted_person(Membership.objects.select_related("user").get(team=team, user=user))


@transaction.atomic
def invite_member(team: Team, email: str, role: Role, *, who: Who | None = None, base: str = "") -> InvitedMember:
    """Invite an address to a team; one that is invited already gets this role, and no second e-mail.

    `base` is the address of this server for the link in the e-mail, where BASE_URL is not set. Who may invite whom is
    for the caller to know. Raises: InvalidFields for what is no address and for a member; PaymentRequired at the plan's
    limit of members.
    """
    address = check_invitee(team, email)
    pending = TeamInvitation.objects.filter(team=team, email=address).first()
    if pending is not None:
        if pending.role != role:
            pending.role = role.value
            pending.save(update_fields=["role"])
            write_audit(who, "team.change_invitation", f"{_named(team)}: {address} {role}")
        return InvitedMember(pending_person(pending))
    token = mint_token()
    inviter = who.user_id if isinstance(who, Actor) else who.pk if isinstance(who, User) else None
    invitation = TeamInvitation.objects.create(
        team=team, email=address, role=role.value, hash=token.hash, invited_by_id=inviter
    )
    write_audit(who, "team.invite_member", f"{_named(team)}: {address} {role}")
    offer = f"You are invited to the team {team} as {role}. Its members see the statistics of all its sites."
    mail_invitation(address, f"the team {team}", offer, token.link(base))
    return InvitedMember(pending_person(invitation), token)


def check_invitee(team: Team, email: str) -> str:
    """Return the address of somebody who may be invited, as stored; this holds until the caller's transaction ends.

    Any invitation that they still have stands. Raises: as `invite_member`.
    """
    address = checked_address(email)
    locked = Team.objects.select_for_update(of=("self",)).select_related("plan").get(pk=team.pk)
    if Membership.objects.filter(team=locked, user__email=address).exists():
        raise InvalidFields({"email": ["is a member of the team"]})
    check_limit(locked, address)
    TeamInvitation.objects.filter(team=team, email=address, created_at__lte=stands_since()).delete()
    return address


@transaction.atomic
def remove_member(team_id: int, actor: Actor, email: str) -> None:
    """Withdraw an invitation, or end a membership; who is removed is told. Nothing happens for anybody else.

    Their keys of the team are refused from the next request on. Raises: NotFound where the caller's role does not
    suffice; InvalidFields for the last owner.
    """
    team, own = _locked(team_id, actor)
    address = email.strip().lower() if is_storable(email) else ""
    user = User.objects.filter(email=address, memberships__team=team).first()
    is_leaving = user is not None and user.pk == actor.user_id
    held = _role_of(team, address)
    if not is_leaving and (own not in MANAGERS or (held is Role.OWNER and own is not Role.OWNER)):
        raise role_too_low()
    if user is not None:
        _keep_an_owner(team, user)
        Membership.objects.filter(team=team, user=user).delete()
        write_audit(actor, "team.leave" if is_leaving else "team.remove_member", f"{_named(team)}: {address}")
        if not is_leaving:
            mail_later(address, f"You have left the team {team}", f"You are no member of the team {team} any more.\n")
    elif held is not None and TeamInvitation.objects.filter(team=team, email=address).delete()[0]:
        write_audit(actor, "team.withdraw_invitation", f"{_named(team)}: {address}")


def role_too_low() -> NotFound:
    """Return the answer to a member whose role does not suffice (key contract, section 5, gate 13)."""
    return NotFound("Not found, or the role of the key's owner in the team does not suffice")


def _locked(team_id: int, actor: Actor) -> tuple[Team, Role | None]:
    """Return the team, for one transaction at a time, and the caller's role in it as it is now."""
    team = Team.objects.select_for_update(of=("self",)).select_related("plan").filter(pk=team_id).first()
    if team is None:
        raise NotFound("Team not found")
    roles = Membership.objects.filter(team=team, user=actor.user_id).values_list("role", flat=True)
    return team, next(map(Role, roles), None)


def _role_of(team: Team, address: str) -> Role | None:
    """Return the role that an address has in the team or is invited to, None for anybody else."""
    held = Membership.objects.filter(team=team, user__email=address).values_list("role", flat=True)
    offered = TeamInvitation.objects.filter(team=team, email=address, created_at__gt=stands_since())
    return next(map(Role, [*held, *offered.values_list("role", flat=True)]), None)


def _keep_an_owner(team: Team, user: User) -> None:
    if is_last_owner(team, user):
        raise InvalidFields({"email": ["is the last owner of the team; make someone else owner first"]})


def _named(team: Team) -> str:
    return f"{team.name} ({team.identifier})"

"""Guests of sites: invited by e-mail, accepted by the link in it, removed again (Sites API contract, section 7)."""

import hashlib
import logging
import secrets
from functools import partial
from typing import Final

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.mail import send_mail
from django.core.validators import validate_email
from django.db import transaction

from accounts.models import INVITATION_LIFE, GuestInvitation, GuestMembership, Membership, Team
from accounts.records import Who, write_audit
from accounts.services import provide_user, set_guest
from accounts.team_selectors import accepted_guest, member_emails, pending_guest
from accounts.types import Actor, GuestEntry, GuestRole, SiteRef
from accounts.validators import is_storable
from analytics_project import clock
from analytics_project.errors import Conflict, InvalidFields, NotFound, PaymentRequired

logger = logging.getLogger(__name__)

MAX_EMAIL_CHARACTERS: Final = 254


@transaction.atomic
def invite_guest(site: SiteRef, email: str, role: GuestRole, *, who: Actor, base: str) -> GuestEntry:
    """Return the guest or the pending invitation of this address, inviting it when it is neither.

    `base` is the address of this server for the link in the e-mail, where BASE_URL is not set.
    Raises: InvalidFields for what is no address and for a member of the site's team; PaymentRequired at the plan's
    limit of members.
    """
    address = _checked_address(email)
    team = Team.objects.select_for_update(of=("self",)).select_related("plan").filter(sites=site.id).first()
    if team is None:
        raise NotFound("Site not found")
    after = clock.now() - INVITATION_LIFE
    guest = GuestMembership.objects.select_related("user").filter(site=site.id, user__email=address).first()
    if guest is not None:
        return accepted_guest(guest)
    pending = GuestInvitation.objects.filter(site=site.id, email=address, created_at__gt=after).first()
    if pending is not None:
        return pending_guest(pending)
    if Membership.objects.filter(team=team, user__email=address).exists():
        raise InvalidFields({"email": ["is a member of the team that owns the site"]})
    _check_limit(team, address)
    GuestInvitation.objects.filter(site=site.id, email=address).delete()
    token = secrets.token_urlsafe(32)
    invitation = GuestInvitation.objects.create(
        site_id=site.id, email=address, role=role.value, hash=hash_token(token), invited_by_id=who.user_id
    )
    write_audit(who, "site.invite_guest", f"{site.domain}: {address} {role}")
    link = f"{(settings.BASE_URL or base).rstrip('/')}/invitations/{token}"
    _mail_later(
        address,
        f"You are invited to {site.domain}",
        f"You are invited to see the statistics of {site.domain} as {role}.\n\n"
        f"To accept, open this page within {INVITATION_LIFE.days * 24} hours:\n{link}\n",
    )
    return pending_guest(invitation)


def _checked_address(email: str) -> str:
    address = email.strip().lower()
    if len(address) > MAX_EMAIL_CHARACTERS:
        raise InvalidFields({"email": [f"should be at most {MAX_EMAIL_CHARACTERS} characters"]})
    try:
        validate_email(address)
    except ValidationError as problem:
        raise InvalidFields({"email": problem.messages}) from problem
    return address


def _check_limit(team: Team, address: str) -> None:
    """Refuse one more person than the plan has, besides the first owner; a person on two sites counts once."""
    limit = team.plan.max_members
    people = member_emails(team, invited_after=clock.now() - INVITATION_LIFE)
    if limit is not None and address not in people and len(people) > limit:
        raise PaymentRequired(f"The team's plan allows {limit} members besides its owner, guests included")


def hash_token(token: str) -> bytes:
    """Return what is stored of an invitation's token."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()


@transaction.atomic
def remove_guest(site: SiteRef, email: str, *, who: Who | None = None) -> None:
    """Take back an invitation or a guest's role on the site, and tell an accepted guest; nothing else changes."""
    address = email.strip().lower()
    if not is_storable(address):
        return
    invitations = GuestInvitation.objects.filter(site=site.id, email=address)
    guests = GuestMembership.objects.filter(site=site.id, user__email=address)
    was_guest = bool(guests.delete()[0])
    if bool(invitations.delete()[0]) or was_guest:
        write_audit(who, "site.remove_guest", f"{site.domain}: {address}")
    if was_guest:
        text = f"Your access to the statistics of {site.domain} has ended.\n"
        _mail_later(address, f"Your access to {site.domain} has ended", text)


def find_invitation(token: str) -> GuestInvitation:
    """Return the invitation of this token. Raises: NotFound for an unknown or lapsed one."""
    after = clock.now() - INVITATION_LIFE
    found = GuestInvitation.objects.select_related("site").filter(hash=hash_token(token), created_at__gt=after).first()
    if found is None:
        raise NotFound("This invitation does not exist, has been used, or has lapsed")
    return found


@transaction.atomic
def accept_invitation(token: str) -> GuestMembership:
    """Make whoever holds the token, which only the invited address got, a guest of the site; it works once.

    A person without an account gets one, without a password. Raises: NotFound; Conflict for a member of the team.
    """
    invitation = find_invitation(token)
    site = invitation.site
    user, _ = provide_user(invitation.email)
    if Membership.objects.filter(team=site.team_id, user=user).exists():
        raise Conflict(f"You are a member of the team that owns {site} already", code="is_member")
    guest = set_guest(site, user, GuestRole(invitation.role), who=user)
    invitation.delete()
    return guest


def forget_lapsed_invitations() -> int:
    """Delete invitations that nobody accepted in time; return how many."""
    return GuestInvitation.objects.filter(created_at__lte=clock.now() - INVITATION_LIFE).delete()[0]


def _mail_later(address: str, subject: str, text: str) -> None:
    """Send once the transaction is kept; an address that cannot be reached undoes nothing."""
    transaction.on_commit(partial(_mail, address, subject, text), robust=True)


def _mail(address: str, subject: str, text: str) -> None:
    if settings.EMAIL_BACKEND.endswith("dummy.EmailBackend"):
        logger.warning("EMAIL_URL is not set, so nobody is told: %s", subject)
    send_mail(subject, text, settings.DEFAULT_FROM_EMAIL, [address])

"""Invitations by e-mail: how they are made, what is done with the token in them, and when they are forgotten.

Whoever holds a token, which only the invited address got, may accept; it works once, and for 48 hours. Source: key
contract, section 4.
"""

import hashlib
import logging
import secrets
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Final

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.mail import send_mail
from django.core.validators import validate_email
from django.db import transaction

from accounts.models import INVITATION_LIFE, GuestInvitation, Membership, Site, Team, TeamInvitation
from accounts.services import provide_user, set_guest, set_member
from accounts.team_selectors import member_emails
from accounts.types import GuestRole, Role
from analytics_project import clock
from analytics_project.errors import Conflict, InvalidFields, NotFound, PaymentRequired

logger = logging.getLogger(__name__)

MAX_EMAIL_CHARACTERS: Final = 254
HOURS: Final = INVITATION_LIFE.days * 24


@dataclass(frozen=True, slots=True)
class Token:
    """What a new invitation is accepted with; `text` exists in its e-mail only, `hash` is stored."""

    text: str = field(repr=False)
    hash: bytes

    def link(self, base: str) -> str:
        """Return the address of the page that accepts; `base` is that of this server, where BASE_URL is not set."""
        return f"{(settings.BASE_URL or base).rstrip('/')}/invitations/{self.text}"


@dataclass(frozen=True, slots=True)
class Offer:
    """What an invitation offers: a role in a team, or on a site, of which it names the domain."""

    role: str
    team: str = ""
    domain: str = ""


def mint_token() -> Token:
    """Return a new token."""
    text = secrets.token_urlsafe(32)
    return Token(text, hash_token(text))


def hash_token(text: str) -> bytes:
    """Return what is stored of an invitation's token."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()


def stands_since() -> datetime:
    """Return the instant after which an invitation must have been made not to have lapsed."""
    return clock.now() - INVITATION_LIFE


# ---- Inviting --------------------------------------------------------------------------------------------------------
def checked_address(email: str) -> str:
    """Return an e-mail address as it is stored. Raises: InvalidFields for what is none."""
    address = email.strip().lower()
    if len(address) > MAX_EMAIL_CHARACTERS:
        raise InvalidFields({"email": [f"should be at most {MAX_EMAIL_CHARACTERS} characters"]})
    try:
        validate_email(address)
    except ValidationError as problem:
        raise InvalidFields({"email": problem.messages}) from problem
    return address


def check_limit(team: Team, address: str) -> None:
    """Refuse one more person than the plan has, besides the first owner; a person on two sites counts once."""
    limit = team.plan.max_members
    people = member_emails(team, invited_after=stands_since())
    if limit is not None and address not in people and len(people) > limit:
        raise PaymentRequired(f"The team's plan allows {limit} members besides its owner, guests included")


def mail_later(address: str, subject: str, text: str) -> None:
    """Send once the transaction is kept; an address that cannot be reached undoes nothing."""
    one_line = " ".join(subject.split())  # a name in it may have several
    transaction.on_commit(partial(_mail, address, one_line, text), robust=True)


def mail_invitation(address: str, to_what: str, offer: str, link: str) -> None:
    """Tell somebody what they are invited to, and where to accept."""
    text = f"{offer}\n\nTo accept, open this page within {HOURS} hours:\n{link}\n"
    mail_later(address, f"You are invited to {to_what}", text)


def _mail(address: str, subject: str, text: str) -> None:
    if settings.EMAIL_BACKEND.endswith("dummy.EmailBackend"):
        logger.warning("EMAIL_URL is not set, so nobody is told: %s", subject)
    send_mail(subject, text, settings.DEFAULT_FROM_EMAIL, [address])


# ---- Answering -------------------------------------------------------------------------------------------------------
def find_offer(token: str) -> Offer:
    """Return what the invitation of this token offers. Raises: NotFound for an unknown or lapsed one."""
    return _offer(_find(token))


def _find(token: str) -> GuestInvitation | TeamInvitation:
    wanted = {"hash": hash_token(token), "created_at__gt": stands_since()}
    found = (
        GuestInvitation.objects.select_related("site").filter(**wanted).first()
        or TeamInvitation.objects.select_related("team").filter(**wanted).first()
    )
    if found is None:
        raise NotFound("This invitation does not exist, has been used, or has lapsed")
    return found


def _offer(invitation: GuestInvitation | TeamInvitation) -> Offer:
    if isinstance(invitation, TeamInvitation):
        return Offer(invitation.role, team=invitation.team.name)
    return Offer(invitation.role, domain=invitation.site.domain)


@transaction.atomic
def accept_invitation(token: str) -> Offer:
    """Give whoever holds the token the role that it offers, and return what that was; it works once.

    A person without an account gets one, without a password. Raises: NotFound; Conflict for a member of the team.
    """
    invitation = _find(token)
    offer = _offer(invitation)
    if isinstance(invitation, TeamInvitation):
        _join(invitation)
    else:
        _become_guest(invitation, invitation.site)
    return offer


def _join(invitation: TeamInvitation) -> None:
    team = Team.objects.select_for_update().get(pk=invitation.team_id)
    if not TeamInvitation.objects.filter(pk=invitation.pk).delete()[0]:
        raise NotFound("This invitation has just been used or withdrawn")
    user, _ = provide_user(invitation.email)
    if Membership.objects.filter(team=team, user=user).exists():
        raise Conflict(f"You are a member of {team} already", code="is_member")
    set_member(team, user, Role(invitation.role), who=user)


def _become_guest(invitation: GuestInvitation, site: Site) -> None:
    user, _ = provide_user(invitation.email)
    if Membership.objects.filter(team=site.team_id, user=user).exists():
        raise Conflict(f"You are a member of the team that owns {site} already", code="is_member")
    set_guest(site, user, GuestRole(invitation.role), who=user)
    invitation.delete()


def forget_lapsed_invitations() -> int:
    """Delete invitations that nobody accepted in time; return how many."""
    lapsed = {"created_at__lte": stands_since()}
    guests, members = GuestInvitation.objects.filter(**lapsed), TeamInvitation.objects.filter(**lapsed)
    return guests.delete()[0] + members.delete()[0]

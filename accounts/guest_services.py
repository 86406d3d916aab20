"""Guests of sites: invited by e-mail, and removed again (Sites API contract, section 7)."""

from django.db import transaction

from accounts.invitation_services import (
    check_limit,
    checked_address,
    mail_invitation,
    mail_later,
    mint_token,
    stands_since,
)
from accounts.models import GuestInvitation, GuestMembership, Membership, Team
from accounts.records import Who, write_audit
from accounts.team_selectors import accepted_person, pending_person
from accounts.types import Actor, GuestRole, PersonEntry, SiteRef
from accounts.validators import is_storable
from analytics_project.errors import InvalidFields, NotFound


@transaction.atomic
def invite_guest(site: SiteRef, email: str, role: GuestRole, *, who: Actor, base: str) -> PersonEntry:
    """Return the guest or the pending invitation of this address, inviting it when it is neither.

    `base` is the address of this server for the link in the e-mail, where BASE_URL is not set.
    Raises: InvalidFields for what is no address and for a member of the site's team; PaymentRequired at the plan's
    limit of members.
    """
    address = checked_address(email)
    team = Team.objects.select_for_update(of=("self",)).select_related("plan").filter(sites=site.id).first()
    if team is None:
        raise NotFound("Site not found")
    guest = GuestMembership.objects.select_related("user").filter(site=site.id, user__email=address).first()
    if guest is not None:
        return accepted_person(guest)
    invitations = GuestInvitation.objects.filter(site=site.id, email=address)
    pending = invitations.filter(created_at__gt=stands_since()).first()
    if pending is not None:
        return pending_person(pending)
    if Membership.objects.filter(team=team, user__email=address).exists():
        raise InvalidFields({"email": ["is a member of the team that owns the site"]})
    check_limit(team, address)
    invitations.delete()
    token = mint_token()
    invitation = GuestInvitation.objects.create(
        site_id=site.id, email=address, role=role.value, hash=token.hash, invited_by_id=who.user_id
    )
    write_audit(who, "site.invite_guest", f"{site.domain}: {address} {role}")
    offer = f"You are invited to see the statistics of {site.domain} as {role}."
    mail_invitation(address, site.domain, offer, token.link(base))
    return pending_person(invitation)


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
        mail_later(address, f"Your access to {site.domain} has ended", text)

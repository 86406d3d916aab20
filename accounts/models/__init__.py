"""Records of people, teams, plans, sites, keys and tokens, a module for each subject; Django finds them here.

Uniqueness and relations are decided by the database; `clean` adds what a form needs to say it in words. Every saved or
deleted row that intake depends on moves the change mark (`mark_intake_change`), which the serving process polls.
"""

from accounts.models.audit import AuditEntry
from accounts.models.changes import ChangeMark, mark_intake_change
from accounts.models.invitations import INVITATION_LIFE, GuestInvitation, TeamInvitation
from accounts.models.keys import ApiKey, PluginsToken
from accounts.models.links import MAX_LINK_NAME_CHARACTERS, SLUG_CHARACTERS, SharedLink, make_slug
from accounts.models.memberships import GuestMembership, Membership
from accounts.models.people import User
from accounts.models.shields import ShieldRule
from accounts.models.sites import OLD_DOMAIN_GRACE, Site, make_caller_id_secret, make_public_id
from accounts.models.teams import Plan, Team

__all__ = [
    "INVITATION_LIFE",
    "MAX_LINK_NAME_CHARACTERS",
    "OLD_DOMAIN_GRACE",
    "SLUG_CHARACTERS",
    "ApiKey",
    "AuditEntry",
    "ChangeMark",
    "GuestInvitation",
    "GuestMembership",
    "Membership",
    "Plan",
    "PluginsToken",
    "SharedLink",
    "ShieldRule",
    "Site",
    "Team",
    "TeamInvitation",
    "User",
    "make_caller_id_secret",
    "make_public_id",
    "make_slug",
    "mark_intake_change",
]

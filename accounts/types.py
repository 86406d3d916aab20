"""Plain values about sites and people that every layer may hold."""

from dataclasses import dataclass
from enum import StrEnum
from typing import NewType

SiteId = NewType("SiteId", int)


class Role(StrEnum):
    """What a person may do in a team; guests hold theirs on single sites."""

    OWNER = "owner"
    ADMIN = "admin"
    EDITOR = "editor"
    BILLING = "billing"
    VIEWER = "viewer"


class GuestRole(StrEnum):
    EDITOR = "editor"
    VIEWER = "viewer"


class Scope(StrEnum):
    """What a key may be used for; see `accounts.keys.scope_allows` for the match rule."""

    STATS_READ = "stats:read:*"
    SITES_READ = "sites:read:*"
    SITES_PROVISION = "sites:provision:*"


@dataclass(frozen=True, slots=True)
class SiteRef:
    """A site that its holder is allowed to use.

    `id` is the number in the event store; `public_id` is `ds_…`; `timezone` an IANA name; `currency` an ISO 4217
    code; `stats_reset_at` unix seconds below which no event counts, or None.
    """

    id: SiteId
    public_id: str
    domain: str
    timezone: str
    currency: str
    stats_reset_at: int | None = None

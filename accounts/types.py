"""Plain values about sites and people that every layer may hold."""

from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import NewType
from uuid import UUID

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
class ImportRef:
    """A completed import of daily totals: its number, its first and last date, whether it tells of scroll depth."""

    id: int
    first_on: date
    last_on: date
    has_scroll_depth: bool = False


@dataclass(frozen=True, slots=True)
class SiteRef:
    """A site that its holder is allowed to use.

    `id` is the number in the event store; `public_id` is `ds_…`; `timezone` an IANA name; `currency` an ISO 4217
    code; `stats_reset_at` unix seconds below which no event counts, or None. `days_hold_from`: unix seconds from which
    on the `day` of every row in the event store is a date of `timezone`, None when it always was. `imports` are those
    of daily totals that count.

    `parts` are the sites whose rows a consolidated view reads together, two or more; a site has none. A view's `domain`
    is its team's id, its `id` 0, which no site has: what belongs to single sites, such as goals, it lacks. `features`
    are what the plan of its team opens, where that was read with the site; `selectors.features_of` knows in any case.
    """

    id: SiteId
    public_id: str
    domain: str
    timezone: str
    currency: str
    stats_reset_at: int | None = None
    days_hold_from: int | None = None
    imports: tuple[ImportRef, ...] = ()
    parts: tuple["SiteRef", ...] = ()
    features: "frozenset[Feature] | None" = None

    @property
    def sites(self) -> tuple["SiteRef", ...]:
        """Return the sites whose rows are meant: itself, or the parts of a consolidated view."""
        return self.parts or (self,)


class Surface(StrEnum):
    """A family of endpoints, which decides how a caller learns that a site is not theirs (key contract, section 6)."""

    STATS = "stats"
    SITES = "sites"
    SESSION = "session"  # no key: a person who is logged in


class Feature(StrEnum):
    """What a plan may open; the value is stored, `short_name` is what clients and commands see."""

    GOALS = "goals"
    PROPS = "props"
    STATS_API = "stats_api"
    SITES_API = "sites_api"
    FUNNELS = "funnels"
    REVENUE_GOALS = "revenue_goals"
    SHARED_LINKS = "shared_links"
    SITE_SEGMENTS = "site_segments"
    CONSOLIDATED_VIEW = "consolidated_view"
    SSO = "sso"

    @property
    def short_name(self) -> str:
        """Return the name in capabilities and on the command line, such as `StatsAPI`."""
        return "".join(word.upper() if word in {"api", "sso"} else word.title() for word in self.value.split("_"))


class ShieldKind(StrEnum):
    """What a traffic shield looks at; addresses, countries and pages are refused, hostnames are admitted."""

    IP = "ip"
    COUNTRY = "country"
    PAGE = "page"
    HOSTNAME = "hostname"


class VisitorIds(StrEnum):
    """How a site tells visitors apart: by a salted hash that lives one day, or by an id that the browser keeps."""

    DAILY = "daily"
    PERSISTENT = "persistent"


@dataclass(frozen=True, slots=True)
class Actor:
    """On whose behalf a site is looked up: a person, and the key that speaks for them.

    `team_id` is the key's team, None for a legacy key, which reaches whatever its user reaches. `scopes` are the stored
    ones, in the order of the key. A person who is logged in acts without a key: `key_id` is None, `scopes` are empty.
    """

    user_id: int
    key_id: int | None
    team_id: int | None
    scopes: tuple[str, ...]
    read_only: bool = False
    is_super_admin: bool = False


@dataclass(frozen=True, slots=True)
class LinkActor:
    """Whoever has a shared link: nobody by name, with the right to read the statistics of its one site."""

    link_id: int
    site_id: SiteId
    team_id: int
    scopes: tuple[str, ...] = ()
    is_super_admin: bool = False


@dataclass(frozen=True, slots=True)
class PluginsActor:
    """A plugin that works on one site by a token; `features` are what the plan of the site's team opens."""

    token_id: UUID
    site: SiteRef
    features: frozenset[Feature]


@dataclass(frozen=True, slots=True)
class PersonEntry:
    """A guest of a site or a member of a team, or somebody invited to be one; `id` is a number of either kind."""

    email: str
    role: str
    is_accepted: bool
    created_at: datetime
    id: int


@dataclass(frozen=True, slots=True)
class TeamQuota:
    """How many API requests an hour the keys of a team may make together."""

    team_id: int
    hourly_limit: int


@dataclass(frozen=True, slots=True)
class IntakeRecord:
    """What the relational store says of a site that may take events; shield values are as stored, not compiled.

    `rate_threshold` events per `rate_window_s` seconds: None means no limit, 0 blocks the site. `accepts_until` is the
    last day (unix day number) on which the team may send traffic, None without an end. `persistent_visitors` tells
    whether a `vid` in an event's body may be the visitor.
    """

    site: SiteRef
    addresses: tuple[str, ...]
    countries: tuple[str, ...]
    pages: tuple[str, ...]
    hostnames: tuple[str, ...]
    rate_threshold: int | None
    rate_window_s: int
    accepts_until: int | None
    persistent_visitors: bool
    caller_id_secret: bytes = field(repr=False)

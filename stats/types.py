"""Plain values: of intake what is known of an agent, a place, an acquisition, a site that takes events; segments."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from accounts.types import SiteRef
from stats.query.types import Filter

MAX_ANNOTATION_CHARACTERS: Final = 500
MAX_CITY_NAME_CHARACTERS: Final = 200


class DropReason(StrEnum):
    """Why an event was answered 202 and not counted; a closed set, part of the event contract (1.5)."""

    SPAM_REFERRER = "spam_referrer"
    NOT_FOUND = "not_found"
    PAYMENT_REQUIRED = "payment_required"
    BLOCK = "block"
    THROTTLE = "throttle"
    VERIFICATION_AGENT = "verification_agent"
    DC_IP = "dc_ip"
    THREAT_IP = "threat_ip"
    SITE_HOSTNAME_ALLOWLIST = "site_hostname_allowlist"
    SITE_PAGE_BLOCKLIST = "site_page_blocklist"
    SITE_IP_BLOCKLIST = "site_ip_blocklist"
    SITE_COUNTRY_BLOCKLIST = "site_country_blocklist"
    BOT = "bot"
    INVALID = "invalid"
    NO_SESSION_FOR_ENGAGEMENT = "no_session_for_engagement"


@dataclass(frozen=True, slots=True)
class Agent:
    """What a user agent says of itself; unknown parts are empty. Names are those of the event contract (2.7)."""

    browser: str = ""
    browser_version: str = ""
    os: str = ""
    os_version: str = ""
    device: str = ""
    is_bot: bool = False


@dataclass(frozen=True, slots=True)
class Place:
    """Where an address is: ISO 3166 codes and the GeoNames number of the city; unknown parts are empty or 0."""

    country_code: str = ""
    subdivision1_code: str = ""
    subdivision2_code: str = ""
    city_geoname_id: int = 0


@dataclass(frozen=True, slots=True)
class Page:
    """A page URL taken apart: stored hostname (`(none)` without one), stored pathname, raw query, scheme.

    `url_host` is the host as it stood in the URL, lower case, still with `www.`; empty without one.
    """

    hostname: str
    pathname: str
    query: str
    scheme: str
    url_host: str


@dataclass(frozen=True, slots=True)
class Acquisition:
    """How a visit came about (event contract 2.3 to 2.6); absent parts are empty."""

    referrer: str = ""
    source: str = ""
    channel: str = "Direct"
    utm_source: str = ""
    utm_medium: str = ""
    utm_campaign: str = ""
    utm_content: str = ""
    utm_term: str = ""
    click_id_param: str = ""


@dataclass(frozen=True, slots=True)
class Wildcard:
    """A pattern of literal text and stars, anchored at both ends; a star is any text, the empty one included.

    `exact` holds the whole pattern when it has no star. Otherwise `prefix` and `suffix` are the text before the first
    and after the last star, `middle` what stands between stars, in order.
    """

    exact: str | None = None
    prefix: str = ""
    middle: tuple[str, ...] = ()
    suffix: str = ""

    def matches(self, text: str) -> bool:
        """Tell whether the whole text fits. One forward pass, no backtracking, however many stars there are."""
        if self.exact is not None:
            return text == self.exact
        start, end = len(self.prefix), len(text) - len(self.suffix)
        if start > end or not text.startswith(self.prefix) or not text.endswith(self.suffix):
            return False
        for part in self.middle:
            found = text.find(part, start, end)
            if found < 0:
                return False
            start = found + len(part)
        return True


@dataclass(frozen=True, slots=True)
class Shields:
    """A site's traffic shields, compiled: addresses in canonical text, country codes in upper case."""

    addresses: frozenset[str] = frozenset()
    countries: frozenset[str] = frozenset()
    pages: tuple[Wildcard, ...] = ()
    hostnames: tuple[Wildcard, ...] = ()


@dataclass(frozen=True, slots=True)
class IntakeSite:
    """What intake must know of a site to take or drop an event.

    `rate_threshold` events per `rate_window_s` seconds are taken: None means no limit, 0 blocks the site.
    `accepts_until` is the last day (unix day number) its team may send traffic, None without an end.
    `revenue_goals` maps an event name to the currency that its goal reports in.
    `persistent_visitors` tells whether a `vid` in the body may be the visitor; `caller_id_secret` maps ids that the
    site's own people and servers use.
    """

    ref: SiteRef
    shields: Shields = field(default_factory=Shields)
    rate_threshold: int | None = None
    rate_window_s: int = 60
    accepts_until: int | None = None
    revenue_goals: Mapping[str, str] = field(default_factory=dict)
    persistent_visitors: bool = False
    caller_id_secret: bytes = field(default=b"", repr=False)


class SegmentType(StrEnum):
    """Whose a segment is: one person's, or everybody's who sees the site."""

    PERSONAL = "personal"
    SITE = "site"


@dataclass(frozen=True, slots=True)
class SegmentSpec:
    """A segment of a site: filters that were saved under a name, at least one, joined by AND, none of a segment."""

    id: int
    type: SegmentType
    filters: tuple[Filter, ...]


@dataclass(frozen=True, slots=True)
class TrackerSwitches:
    """What a site's own script does by itself; `public_id` names the site."""

    public_id: str
    hash_based_routing: bool = False
    outbound_links: bool = False
    file_downloads: bool = False
    form_submissions: bool = False

"""Takes one parsed event: drop it with a reason, or bind it to its visit and put its rows into the spool.

Runs on the event loop and never waits. The client's address and user agent end here: what goes on is a keyed hash, a
place and the names of a browser and an operating system.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Protocol

from stats.ingest.agents import describe_agent
from stats.ingest.city_names import CityNames
from stats.ingest.counters import BUFFERED, OutcomeCounters
from stats.ingest.hostnames import root_domain
from stats.ingest.identities import IdentityRows, user_number
from stats.ingest.payload import EventRequest, storable_amount
from stats.ingest.rows import (
    FROM_NOWHERE,
    RETRACTED,
    WRITTEN,
    attributes_fragment,
    carried_rows,
    event_row,
    props_fragment,
    session_row,
)
from stats.ingest.sessions import Change, EventKind, SessionStore, Visit, new_session_id, visit_key
from stats.ingest.shields import shield_reason
from stats.ingest.sites import UNLOADED, SiteDirectory
from stats.ingest.sources import acquisition_of, is_spam_referrer
from stats.ingest.spool import Spool
from stats.ingest.visitor import LocalDay, LocalDays, Salts, caller_visitor_id, parse_visitor_text, visitor_id
from stats.types import Agent, DropReason, IntakeSite, Place

VERIFICATION_AGENTS = ("plausible verification agent", "footfall verification agent")
ADDRESS_VERDICTS = {"dc_ip": DropReason.DC_IP, "threat_ip": DropReason.THREAT_IP}
ANONYMOUS_VPN = "anonymous_vpn_ip"
_NO_MONEY: tuple[str | None, str, str | None, str] = (None, "", None, "")


class PlaceFinder(Protocol):
    """Where an address is; `city_names` holds the names of the cities that were found."""

    city_names: CityNames

    def find(self, address: str) -> Place:
        """Return the place of a canonical address, empty when unknown."""


ConvertMoney = Callable[[Decimal, str, str, date], Decimal | None]


@dataclass(frozen=True, slots=True)
class Client:
    """Who sent a request: canonical address, user agent, and an edge proxy's verdict on the address, if any.

    `speaks_for` holds the sites whose key came with the request, each with the secret that maps callers' own ids.
    """

    address: str
    user_agent: str
    address_verdict: str = ""
    speaks_for: Mapping[int, bytes] = field(default_factory=dict)


@dataclass(slots=True)
class Outcome:
    """What became of a request: reasons in the order of its domains, ids of the first event taken."""

    dropped: list[DropReason] = field(default_factory=list)
    visitor_id: int | None = None
    session_id: int | None = None


@dataclass(slots=True)
class _Taken:
    site: IntakeSite
    visit: Visit
    change: Change
    event: bytes
    sessions: bytes
    user_id: int | None


class Collector:
    """Holds the parts of the live path and knows their order."""

    def __init__(
        self,
        *,
        sites: SiteDirectory,
        salts: Salts,
        places: PlaceFinder,
        sessions: SessionStore,
        spool: Spool,
        counters: OutcomeCounters,
        convert_money: ConvertMoney,
        ai_assistants: bool,
        payment_hosts: frozenset[str],
    ) -> None:
        self.sites = sites
        self._salts = salts
        self._places = places
        self._sessions = sessions
        self._spool = spool
        self._counters = counters
        self._convert_money = convert_money
        self._ai_assistants = ai_assistants
        self._payment_hosts = payment_hosts
        self._days = LocalDays()
        self._identities = IdentityRows()
        self._rate_windows: dict[int, tuple[int, int]] = {}
        self.positions: dict[int, int] = {}

    def take(self, request: EventRequest, client: Client, at: int) -> Outcome:
        """Record the event for each of its domains, or say why not; `at` is the receive time in unix seconds.

        All of the request is kept or nothing is. Raises: StoreUnavailable when it cannot be kept.
        """
        outcome = Outcome()
        if request.referrer and is_spam_referrer(request.referrer):
            self._drop_spam(outcome, request, at)
            return outcome
        agent = describe_agent(client.user_agent)
        taken: list[_Taken] = []
        seen: set[int] = set()
        kept = False
        try:
            for domain in request.domains:
                site = self.sites.lookup(domain, at)
                if site is UNLOADED:
                    site = self.sites.last_known(domain)
                if site is None:
                    self._drop(outcome, 0, at, DropReason.NOT_FOUND, request)
                elif site.ref.id not in seen:
                    seen.add(site.ref.id)
                    result = self._take_for(site, request, client, agent, at)
                    if isinstance(result, DropReason):
                        self._drop(outcome, site.ref.id, at, result, request)
                    else:
                        taken.append(result)
            if taken:
                self._keep(taken, request, at)
            kept = True
        finally:
            if not kept:
                for one in reversed(taken):
                    self._sessions.undo(one.change)
        if taken:
            outcome.visitor_id, outcome.session_id = taken[0].visit.visitor_id, taken[0].visit.session_id
        return outcome

    def _keep(self, taken: list[_Taken], request: EventRequest, at: int) -> None:
        named = [(one.visit, one.user_id) for one in taken if one.user_id not in {None, one.visit.user_id}]
        identities = [self._identities.row(visit.site_id, visit.visitor_id, user, at) for visit, user in named]
        position = self._spool.append([(one.event, one.sessions) for one in taken], identities)
        for visit, user in named:
            visit.user_id = user
        for one in taken:
            self.positions[one.site.ref.id] = position
            self._counters.add(one.site.ref.id, at, BUFFERED, request.tracker_version)

    def identify(self, site_id: int, visitor_id: int, user_id: int, at: int) -> None:
        """Keep that a visitor, seen or not, is a user. Raises: StoreUnavailable when it cannot be kept."""
        row = self._identities.row(site_id, visitor_id, user_id, at)
        self.positions[site_id] = self._spool.append((), (row,))
        visit = self._sessions.find(site_id, visitor_id, at)
        if visit is not None:
            visit.user_id = user_id

    def _drop(self, outcome: Outcome, site_id: int, at: int, reason: DropReason, request: EventRequest) -> None:
        outcome.dropped.append(reason)
        self._counters.add(site_id, at, f"dropped_{reason}", request.tracker_version)

    def _drop_spam(self, outcome: Outcome, request: EventRequest, at: int) -> None:
        for domain in request.domains:
            site = self.sites.last_known(domain)
            self._drop(outcome, 0 if site is None else site.ref.id, at, DropReason.SPAM_REFERRER, request)

    # ---- drop or accept ----------------------------------------------------------------------------------------------

    def _take_for(
        self, site: IntakeSite, request: EventRequest, client: Client, agent: Agent, at: int
    ) -> _Taken | DropReason:
        reason = self._site_reason(site, at) or self._client_reason(client)
        if reason is not None:
            return reason
        page = request.page
        place: Place | None = None
        shields = site.shields
        if shields.addresses or shields.pages or shields.hostnames:
            reason = shield_reason(shields, page.hostname, page.pathname, client.address)
            if reason is not None:
                return reason
        if shields.countries:
            place = self._place(client)
            if place.country_code in shields.countries:
                return DropReason.SITE_COUNTRY_BLOCKLIST
        if agent.is_bot:
            return DropReason.BOT
        return self._bind(site, request, client, agent, place, at)

    def _site_reason(self, site: IntakeSite, at: int) -> DropReason | None:
        if site.accepts_until is not None and site.accepts_until < at // 86_400:
            return DropReason.PAYMENT_REQUIRED
        if site.rate_threshold is None:
            return None
        if site.rate_threshold == 0:
            return DropReason.BLOCK
        window, count = self._rate_windows.get(site.ref.id, (0, 0))
        now = at // site.rate_window_s
        count = count + 1 if window == now else 1
        self._rate_windows[site.ref.id] = (now, count)
        return DropReason.THROTTLE if count > site.rate_threshold else None

    def _client_reason(self, client: Client) -> DropReason | None:
        if client.user_agent[:30].lower().startswith(VERIFICATION_AGENTS):
            return DropReason.VERIFICATION_AGENT
        return ADDRESS_VERDICTS.get(client.address_verdict) if client.address_verdict else None

    def _place(self, client: Client) -> Place:
        if client.address_verdict == ANONYMOUS_VPN:
            return Place(country_code="A1")
        return self._places.find(client.address)

    # ---- visitor, visit, rows ----------------------------------------------------------------------------------------

    def _bind(
        self, site: IntakeSite, request: EventRequest, client: Client, agent: Agent, place: Place | None, at: int
    ) -> _Taken | DropReason:
        day = self._days.of(site.ref.timezone, at)
        page = request.page
        visitor, visit = self._find_visit(site, request, client, day, at)
        kind = EventKind(
            is_pageview=request.name == "pageview",
            is_engagement=request.name == "engagement",
            interactive=request.interactive,
            hostname=page.hostname,
            pathname=page.pathname,
        )
        props = props_fragment(request.prop_keys, request.prop_values)
        money = self._money(site, request, day.on)
        if visit is None:
            if kind.is_engagement:
                return DropReason.NO_SESSION_FOR_ENGAGEMENT
            visit = Visit(
                key=visit_key(site.ref.id, visitor),
                site_id=site.ref.id,
                day=day.text,
                visitor_id=visitor,
                session_id=new_session_id(),
                start=at,
                timestamp=at,
                props=props,
                attributes=self._attributes(request, client, agent, place),
            )
            change = self._sessions.open(visit, kind, at)
            sessions = b"\n" + session_row(visit, WRITTEN)
        elif kind.is_engagement:
            change = self._sessions.touch(visit, kind, at)
            sessions = b""
        else:
            retracted = session_row(visit, RETRACTED)
            change = self._sessions.touch(visit, kind, at)
            if visit.attributes == FROM_NOWHERE:
                visit.attributes = self._attributes(request, client, agent, place)
            sessions = b"\n%b\n%b" % (retracted, session_row(visit, WRITTEN))
        event = event_row(
            visit,
            day.text,
            at,
            request.name,
            page.hostname,
            page.pathname,
            props,
            money,
            request.scroll_depth,
            request.engagement_time,
        )
        if day.text != visit.day:
            sessions += b"".join(b"\n" + row for row in carried_rows(visit, day.text, at, kind))
        user = self._named_user(site, request, client) if request.caller_text else None
        return _Taken(site, visit, change, event, sessions, user)

    def _attributes(self, request: EventRequest, client: Client, agent: Agent, place: Place | None) -> bytes:
        """Return where a visit came from, as the tail of a row."""
        page = request.page
        acquisition = acquisition_of(
            page.query, page.hostname, request.referrer, self._ai_assistants, self._payment_hosts
        )
        return attributes_fragment(acquisition, place or self._place(client), agent)

    def _find_visit(
        self, site: IntakeSite, request: EventRequest, client: Client, day: LocalDay, at: int
    ) -> tuple[int, Visit | None]:
        """Return the event's visitor id under today's salt, and the open visit that it continues."""
        given = self._given_visitor(site, request, client)
        if given is not None:
            return given, self._sessions.find(site.ref.id, given, at)
        root = root_domain(request.page.hostname)
        identity = (client.user_agent, client.address, site.ref.public_id, root)
        visitor = visitor_id(self._salts.of(day.on), *identity)
        visit = self._sessions.find(site.ref.id, visitor, at)
        if visit is None:
            salt = self._salts.before(day.on)
            if salt is not None:
                previous = visitor_id(salt, *identity)
                visit = self._sessions.find_over_midnight(site.ref.id, visitor, previous, at)
        return visitor, visit

    def _given_visitor(self, site: IntakeSite, request: EventRequest, client: Client) -> int | None:
        """Return the id that the request names for its visitor, if it may name one (contract 3.3)."""
        if not request.visitor_text and not request.caller_text:
            return None
        secret = client.speaks_for.get(site.ref.id)
        if secret is None and not site.persistent_visitors:
            return None
        given = parse_visitor_text(request.visitor_text)
        own = request.visitor_text or request.caller_text
        return caller_visitor_id(secret, own) if given is None and secret is not None else given

    def _named_user(self, site: IntakeSite, request: EventRequest, client: Client) -> int | None:
        """Return the user that the request names beside its visitor, where it may name that one."""
        if not request.visitor_text or self._given_visitor(site, request, client) is None:
            return None
        return user_number(client.speaks_for.get(site.ref.id, site.caller_id_secret), request.caller_text)

    def _money(self, site: IntakeSite, request: EventRequest, on: date) -> tuple[str | None, str, str | None, str]:
        """Return the four revenue columns; the reporting pair only where a goal of this name reports a currency."""
        revenue = request.revenue
        if revenue is None:
            return _NO_MONEY
        source = (str(revenue.amount), revenue.currency)
        currency = site.revenue_goals.get(request.name) if request.name != "pageview" else None
        if currency is None:
            return (*source, None, "")
        if currency == revenue.currency:
            return (*source, *source)
        converted = self._convert_money(revenue.amount, revenue.currency, currency, on)
        reported = None if converted is None else storable_amount(converted)
        return (*source, None, "") if reported is None else (*source, str(reported), currency)

"""Random sites: a zone, goals, and what a few visitors did around a day that is odd in that zone."""

import io
import itertools
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import orjson
from hypothesis import strategies as st

from accounts.types import ImportRef, SiteId, SiteRef
from goals.types import GoalKind, GoalSpec
from stats.ingest.bulk import BulkTarget, import_lines
from stats.store.client import EventStore
from tests.stats.query.recorded import Hit, record
from tests.stats.query.reference.notation import of_hit, of_total
from tests.stats.query.reference.time_buckets import ONE_DAY, start_of
from tests.stats.query.reference.total_files import bring_totals
from tests.stats.query.reference.totals import Total
from tests.stats.query.reference.visits import visits_of

# A first day; events happen around its midnight, the next and the one after.
FIRST_DAYS = (
    ("Etc/UTC", date(2025, 3, 10)),
    ("Europe/Berlin", date(2025, 3, 29)),  # 02:00 is skipped on the second day
    ("America/New_York", date(2024, 11, 3)),  # 01:00 comes twice on the first day
    ("America/New_York", date(2025, 3, 8)),  # 02:00 is skipped on the second day
    ("America/Havana", date(2023, 11, 4)),  # 00:00 comes twice on the second day
    ("America/Santiago", date(2022, 9, 10)),  # 00:00 is skipped on the second day
    ("America/Santiago", date(2025, 4, 5)),  # 23:00 comes twice on the first day
    ("Australia/Lord_Howe", date(2025, 4, 5)),  # clocks go back by half an hour on the second day
    ("Australia/Lord_Howe", date(2024, 10, 5)),  # and forth
    ("Asia/Kathmandu", date(2025, 3, 10)),  # 5:45 ahead
    ("Pacific/Apia", date(2011, 12, 29)),  # the second day does not exist
    ("Pacific/Apia", date(2021, 4, 3)),  # 14 hours ahead; 03:00 comes twice on the second day
)

GOALS = (
    GoalSpec(1, "Signup", GoalKind.EVENT, event_name="Signup"),
    GoalSpec(2, "Pro signup", GoalKind.EVENT, event_name="Signup", custom_props=(("plan", "pro"),)),
    GoalSpec(3, "Purchase", GoalKind.EVENT, event_name="Purchase", currency="USD"),
    GoalSpec(4, "Pro purchase", GoalKind.EVENT, event_name="Purchase", custom_props=(("lang", "de"), ("plan", "pro"))),
    GoalSpec(5, "Donation", GoalKind.EVENT, event_name="Donation", currency="EUR"),
    GoalSpec(6, "Visit /blog/*", GoalKind.PAGE, page_path="/blog/*"),
    GoalSpec(7, "Any post", GoalKind.PAGE, page_path="/**/post|/a"),
    GoalSpec(8, "Deep read", GoalKind.SCROLL, page_path="/blog**", scroll_threshold=75),
    GoalSpec(9, "Any scroll", GoalKind.SCROLL, page_path="/*", scroll_threshold=0),
)
ONE_CURRENCY = tuple(replace(goal, currency="USD") if goal.currency else goal for goal in GOALS)
REVENUE_EVENTS = {goal.event_name for goal in GOALS if goal.currency}

PATHS = ("/", "/a", "/A", "/blog/x", "/blog/y/post")
VISITED = ("/", "/", *PATHS, "/blog/x")
HOSTS = ("shop.example", "blog.example")
NAMES = (
    "pageview",
    "pageview",
    "pageview",
    "pageview",
    "engagement",
    "engagement",
    "engagement",
    "Signup",
    "Purchase",
    "Donation",
)
AMOUNTS = (None, "10.5", "0.001", "67.066", "-3", "1234567.891")
PROPS: tuple[Mapping[str, str], ...] = (
    {},
    {"plan": "pro"},
    {"plan": "free"},
    {"plan": "Pro", "lang": "de"},
    {"plan": "pro", "lang": "de"},
    {"lang": "en"},
)
# What a visitor comes with; a channel is always named where imports would otherwise find one.
ARRIVALS: tuple[Mapping[str, Any], ...] = (
    {"channel": "Direct"},
    {"channel": "Organic Search", "source": "Google", "referrer": "google.com", "country_code": "EE"},
    {
        **{"channel": "Paid Search", "source": "DirectX.com", "utm_source": "News", "utm_medium": "cpc"},
        **{"utm_campaign": "Spring", "utm_content": "a", "utm_term": "tea"},
    },
    {
        **{"channel": "Direct", "browser": "Chrome", "browser_version": "128.0", "os": "Mac", "os_version": "14"},
        **{"device": "Desktop", "country_code": "US", "subdivision1_code": "US-MD", "city_geoname_id": 4347778},
    },
    {
        **{"channel": "Referral", "source": "google", "referrer": "news.example/a", "browser": "Firefox"},
        **{"browser_version": "128.0", "country_code": "DE", "subdivision1_code": "DE-BE", "city_geoname_id": 2950159},
    },
    {"channel": "Direct", "country_code": "US", "city_geoname_id": 5083330},
)
STARTS = (-90, -60, -10, 0, 20, 60, 150, 600)
# `recorded` lets visits go on for 30:59, so what lies between is for imports only.
GAPS_S = (0, 20, 20, 60, 60, 300, 300, 899, 900, 1700, 1799, 1800, 1860, 4000, 20_000)
GAPS_OF_IMPORTS_S = (*GAPS_S, 1801, 1859)
NAMES_OF_FIELDS = {"device": "screen_size"}
_site_ids = itertools.count(2_000_000_000)


@dataclass(frozen=True)
class World:
    """A site and what happened on it; `every_state` stores what visits were while they grew, not merged yet."""

    zone: str
    first: date
    goals: tuple[GoalSpec, ...]
    hits: tuple[Hit, ...]
    reset_at: datetime | None
    every_state: bool
    totals: tuple[Total, ...] = ()
    imports: tuple[ImportRef, ...] = ()

    def __repr__(self) -> str:
        how = "live, every state of a visit" if self.every_state else "imported"
        reset = "" if self.reset_at is None else f", reset at {self.reset_at:%F %T}Z"
        eur = any(goal.currency == "EUR" for goal in self.goals)
        head = f"{self.zone}, {how}{reset}, donations in {'EUR' if eur else 'USD'}; UTC:"
        hits = (of_hit(hit) for hit in sorted(self.hits, key=lambda hit: hit.moment))
        return "\n  ".join([head, *hits, *map(of_total, self.totals), *map(str, self.imports)])

    def settle(self, store: EventStore) -> SiteRef:
        """Put the events into the store for a site of their own, and return it."""
        site = self.site()
        self.happen(store, site)
        return site

    def site(self) -> SiteRef:
        """Return a site of the world's own."""
        reset_at = None if self.reset_at is None else int(self.reset_at.timestamp())
        number = SiteId(next(_site_ids))
        return SiteRef(number, "ds_reference", "reference.example", self.zone, "EUR", reset_at, imports=self.imports)

    def happen(self, store: EventStore, site: SiteRef) -> None:
        """Put the events into the store for a site: visits state by state, or as an import; and the totals."""
        bring_totals(store, site.id, self.totals)
        if self.every_state:
            kept = [event.hit for visit in visits_of(self.hits) for event in visit.happened]
            kept.sort(key=lambda hit: hit.moment)
            record(store, site.id, kept, zone=self.zone, every_state=True)
        else:
            currencies = {goal.event_name: goal.currency for goal in self.goals if goal.currency}
            target = BulkTarget(site.id, self.zone, b"secret of the site", currencies, lambda *_: Decimal(1))
            import_lines(store, target, io.BytesIO(b"".join(map(self.line, self.hits))))

    def line(self, hit: Hit) -> bytes:
        """Return an event as a line of an import."""
        event: dict[str, Any] = {
            "timestamp": hit.moment,
            "visitor_id": hit.visitor,
            "name": hit.name,
            "hostname": hit.hostname,
            "pathname": hit.pathname,
            "interactive": hit.interactive,
            "props": hit.props,
            **{NAMES_OF_FIELDS.get(name, name): value for name, value in hit.attributes.items()},
        }
        if hit.name == "engagement":
            event["engagement_time"] = hit.seconds * 1000
            if hit.scroll_depth <= 100:
                event["scroll_depth"] = hit.scroll_depth
        if hit.amount is not None:
            currency = next(goal.currency for goal in self.goals if goal.event_name == hit.name and goal.currency)
            event |= {"revenue_currency": currency, "revenue_amount": hit.amount}
        return orjson.dumps(event) + b"\n"


@st.composite
def worlds(draw: st.DrawFn) -> World:
    """Draw a site with four to eight visitors, each with three to eight events."""
    zone, first = draw(st.sampled_from(FIRST_DAYS))
    midnights = [start_of(zone, first + number * ONE_DAY) for number in range(3)]
    every_state = draw(st.booleans())
    gaps = st.sampled_from(GAPS_S if every_state else GAPS_OF_IMPORTS_S)
    hits: list[Hit] = []
    for number in range(1, draw(st.integers(4, 8)) + 1):
        moment = draw(st.sampled_from(midnights)) + timedelta(minutes=draw(st.sampled_from(STARTS)))
        for gap in draw(st.lists(gaps, min_size=3, max_size=8)):
            moment += timedelta(seconds=gap)
            hits.append(draw(events(moment, f"u{number}")))
    reset_at = draw(st.sampled_from((*[None] * 7, *midnights)))
    return World(
        zone,
        first,
        draw(st.sampled_from((GOALS, ONE_CURRENCY))),
        tuple(sorted(hits, key=lambda hit: hit.moment)),
        None if reset_at is None else reset_at + timedelta(minutes=5),
        every_state,
    )


@st.composite
def events(draw: st.DrawFn, moment: datetime, visitor: str) -> Hit:
    """Draw an event of a visitor."""
    name = draw(st.sampled_from(NAMES))
    is_engagement = name == "engagement"
    return Hit(
        f"{moment:%Y-%m-%d %H:%M:%S}",
        visitor,
        draw(st.sampled_from(VISITED)),
        name,
        hostname=draw(st.sampled_from(HOSTS)),
        props=draw(st.sampled_from(PROPS)),
        interactive=name == "pageview" or is_engagement or draw(st.booleans()),
        scroll_depth=draw(st.sampled_from((0, 25, 75, 100, 255))) if is_engagement else 0,
        seconds=draw(st.sampled_from((0, 1, 2, 4, 45))) if is_engagement else 0,
        attributes=draw(st.sampled_from(ARRIVALS)),
        amount=draw(st.sampled_from(AMOUNTS)) if name in REVENUE_EVENTS else None,
    )

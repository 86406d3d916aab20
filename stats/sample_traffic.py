"""Made-up traffic of a small tea shop for a first look: pure, and the same for the same hours.

Every visit is drawn from a generator seeded with its hour and number, so that a later run continues where an earlier
one ended and tells no visit anew. Days and weeks have their wave, one day in ten a link goes around, and the last
minutes always hold somebody. Events are in the form of the bulk import (event contract, part 7: one object a line);
channels are left out, since the import derives them.
"""

import random
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from typing import Final, TypeVar

SampleEvent = dict[str, object]
Choice = TypeVar("Choice")

HOSTNAME: Final = "sample.localhost"
SIGNUP: Final = "Signup"
ADD_TO_CART: Final = "Add to Cart"
PURCHASE: Final = "Purchase"
CURRENCY: Final = "EUR"

VISITS_PER_HOUR: Final = 7.0
HOUR_WAVE: Final = (4, 3, 2, 2, 2, 3, 5, 8, 11, 13, 14, 14, 13, 14, 15, 15, 14, 13, 13, 14, 13, 11, 8, 6)  # UTC
WEEKDAY_WAVE: Final = (1.15, 1.2, 1.2, 1.15, 1.0, 0.65, 0.7)  # from Monday
DAYS_BETWEEN_SURGES: Final = 10
SURGE: Final = {13: 2.0, 14: 5.0, 15: 7.0, 16: 5.0, 17: 4.0, 18: 3.0, 19: 2.0, 20: 1.5}
RETURNING_SHARE: Final = 0.3
RETURNING_VISITORS: Final = 700
LAST_MINUTES: Final = timedelta(minutes=4)
VISITS_IN_LAST_MINUTES: Final = 5
LONGEST_VISIT: Final = timedelta(hours=2)
LONGEST_STAY_S: Final = 900
LEAVE: Final = ""


@dataclass(frozen=True, slots=True)
class _Place:
    country_code: str = ""
    subdivision1_code: str = ""
    city_geoname_id: int = 0


@dataclass(frozen=True, slots=True)
class _Device:
    screen_size: str
    browser: str
    browser_version: str
    os: str
    os_version: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class _Arrival:
    """How visits of one kind come about: acquisition fields, weights of their first pages."""

    acquisition: Mapping[str, str] = field(default_factory=dict)
    entries: Mapping[str, int] = field(default_factory=lambda: {"/": 1})


@dataclass(frozen=True, slots=True)
class _Action:
    """A custom event that some views of a page bring: its chance, choices of properties, choices of revenue."""

    page: str
    chance: float
    name: str
    props: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    amounts: Mapping[str, int] = field(default_factory=dict)


_PLACES: Final[Mapping[_Place, int]] = {
    _Place("US", "US-CA", 5391959): 14,
    _Place("US", "US-NY", 5128581): 12,
    _Place("DE", "DE-BE", 2950159): 12,
    _Place("GB", "GB-ENG", 2643743): 11,
    _Place("FR", "FR-IDF", 2988507): 8,
    _Place("IN", "IN-KA", 1277333): 8,
    _Place("NL", "NL-NH", 2759794): 6,
    _Place("BR", "BR-SP", 3448439): 5,
    _Place("CA", "CA-ON", 6167865): 5,
    _Place("JP", "JP-13", 1850147): 5,
    _Place("PL", "PL-14", 756135): 4,
    _Place("ES", "ES-MD", 3117735): 4,
    _Place("AU", "AU-NSW", 2147714): 4,
    _Place(): 2,
}
_DEVICES: Final[Mapping[_Device, int]] = {
    _Device("Desktop", "Chrome", "142.0", "Windows", "10"): 20,
    _Device("Desktop", "Chrome", "141.0", "Mac", "10.15"): 12,
    _Device("Desktop", "Firefox", "145.0", "GNU/Linux"): 8,
    _Device("Desktop", "Safari", "26.1", "Mac", "10.15"): 8,
    _Device("Desktop", "Microsoft Edge", "142.0", "Windows", "10"): 7,
    _Device("Mobile", "Safari", "26.1", "iOS", "26.1"): 18,
    _Device("Mobile", "Mobile App", "26.1", "iOS", "26.1"): 3,
    _Device("Mobile", "Chrome", "142.0", "Android", "16"): 17,
    _Device("Mobile", "Samsung Browser", "29.0", "Android", "15"): 3,
    _Device("Tablet", "Safari", "26.1", "iPadOS", "26.1"): 4,
}
_PRODUCTS: Final[Mapping[str, int]] = {"/tea/sencha": 5, "/tea/assam": 4, "/tea/oolong": 3}
_GUIDES: Final[Mapping[str, int]] = {"/guides/brewing": 5, "/guides/water-temperature": 3, "/guides/first-teapot": 2}
_LINK_GOING_AROUND: Final = _Arrival(
    {"source": "Hacker News", "referrer": "news.ycombinator.com"}, {"/guides/water-temperature": 9, "/": 1}
)
_NEWSLETTER: Final = _Arrival(
    {
        "source": "newsletter",
        "utm_source": "newsletter",
        "utm_medium": "email",
        "utm_campaign": "autumn-teas",
        "utm_content": "header",
    },
    {"/tea/oolong": 3, "/subscribe": 1},
)
_SEARCH_AD: Final = _Arrival(
    {
        "source": "Google",
        "referrer": "google.com",
        "utm_source": "google",
        "utm_medium": "cpc",
        "utm_campaign": "green-tea",
        "utm_term": "buy sencha online",
        "click_id_param": "gclid",
    },
    {"/tea/sencha": 1},
)
_SOCIAL_AD: Final = _Arrival(
    {
        "source": "Facebook",
        "referrer": "m.facebook.com",
        "utm_source": "facebook",
        "utm_medium": "paid_social",
        "utm_campaign": "green-tea",
    },
    {"/tea/sencha": 2, "/": 1},
)
_ARRIVALS: Final[Mapping[_Arrival, int]] = {
    _Arrival(entries={"/": 6, **_PRODUCTS}): 30,
    _Arrival({"source": "Google", "referrer": "google.com"}, {"/": 5, **_PRODUCTS, **_GUIDES}): 28,
    _Arrival({"source": "Bing", "referrer": "bing.com/search"}, {"/": 2, **_GUIDES}): 4,
    _Arrival({"source": "DuckDuckGo", "referrer": "duckduckgo.com"}, {"/": 2, **_GUIDES}): 4,
    _Arrival({"source": "chatgpt.com", "referrer": "chatgpt.com"}, _GUIDES): 6,
    _Arrival({"source": "Reddit", "referrer": "reddit.com/r/tea"}, _GUIDES): 5,
    _Arrival({"source": "Youtube", "referrer": "youtube.com/watch"}, {"/guides/brewing": 1}): 3,
    _Arrival({"source": "tea-notes.example", "referrer": "tea-notes.example/links"}, _PRODUCTS): 3,
    _NEWSLETTER: 7,
    _SEARCH_AD: 7,
    _SOCIAL_AD: 3,
}
_NEXT_PAGES: Final[Mapping[str, Mapping[str, int]]] = {
    "/": {"/tea/sencha": 5, "/tea/assam": 4, "/tea/oolong": 3, "/guides/brewing": 3, "/about": 2, LEAVE: 10},
    "/tea/sencha": {"/cart": 3, "/tea/assam": 3, "/guides/brewing": 2, "/": 2, LEAVE: 8},
    "/tea/assam": {"/cart": 3, "/tea/oolong": 3, "/guides/brewing": 1, "/": 2, LEAVE: 8},
    "/tea/oolong": {"/cart": 3, "/tea/sencha": 2, "/guides/water-temperature": 2, LEAVE: 7},
    "/guides/brewing": {"/tea/sencha": 2, "/guides/water-temperature": 3, "/subscribe": 1, LEAVE: 9},
    "/guides/water-temperature": {"/guides/brewing": 2, "/guides/first-teapot": 2, "/": 1, "/subscribe": 1, LEAVE: 12},
    "/guides/first-teapot": {"/tea/oolong": 2, "/subscribe": 1, LEAVE: 6},
    "/about": {"/": 2, "/subscribe": 1, "/teaware/kyusu": 1, LEAVE: 6},
    "/teaware/kyusu": {"/": 1, LEAVE: 2},
    "/subscribe": {"/": 2, LEAVE: 5},
    "/cart": {"/checkout/thanks": 5, "/tea/assam": 2, LEAVE: 5},
    "/checkout/thanks": {"/": 1, LEAVE: 6},
}
_TEA: Final[Mapping[str, Mapping[str, int]]] = {"product": {"Sencha": 5, "Assam": 4, "Oolong": 3}}
_ACTIONS: Final[tuple[_Action, ...]] = (
    _Action("/cart", 0.9, ADD_TO_CART, _TEA),
    _Action(
        "/checkout/thanks",
        0.95,
        PURCHASE,
        {**_TEA, "payment": {"card": 6, "paypal": 3, "invoice": 1}},
        {"9.90": 4, "14.50": 5, "24.00": 3, "39.80": 2, "86.00": 1},
    ),
    _Action("/subscribe", 0.45, SIGNUP, {"plan": {"monthly": 6, "quarterly": 3, "yearly": 1}}),
    _Action("/guides/brewing", 0.12, "File Download", {"url": {f"https://{HOSTNAME}/files/brewing-chart.pdf": 1}}),
    _Action(
        "/about", 0.2, "Outbound Link: Click", {"url": {"https://tea-notes.example/": 2, "https://leaf.example/": 1}}
    ),
    _Action("/teaware/kyusu", 1.0, "404", {"path": {"/teaware/kyusu": 1}}),
)


def sample_events(after: datetime, until: datetime) -> Iterator[SampleEvent]:
    """Yield the events of the visits that begin in (after, until], none of them later than `until`.

    Both are aware; visits come by their hour, the ones of the last minutes at the end. The same arguments give the same
    events, and two ranges that meet give each visit once, but for the visits of the last minutes of each.
    """
    hour = after.replace(minute=0, second=0, microsecond=0)
    while hour <= until:
        for number in range(_visits_in(hour)):
            visit = _generator(f"{hour:%Y-%m-%dT%H} {number}")
            start = hour + timedelta(seconds=visit.randrange(3600))
            if after < start <= until:
                yield from _until(until, _visit(visit, f"{hour:%Y%m%d%H}-{number}", start))
        hour += timedelta(hours=1)
    for number in range(VISITS_IN_LAST_MINUTES):
        visit = _generator(f"{until.isoformat()} {number}")
        start = until - LAST_MINUTES * visit.random()
        if after < start:
            yield from _until(until, _visit(visit, f"{until:%Y%m%d%H%M%S}-{number}", start))


def _generator(seed: str) -> random.Random:
    return random.Random(seed)  # noqa: S311 - made-up traffic: nothing is worth guessing


def _pick(generator: random.Random, weights: Mapping[Choice, int]) -> Choice:
    return generator.choices(list(weights), list(weights.values()))[0]


def _is_surge(hour: datetime) -> bool:
    return hour.toordinal() % DAYS_BETWEEN_SURGES == 0 and hour.hour in SURGE


def _visits_in(hour: datetime) -> int:
    """Return how many visits begin in the hour: the waves of day and week, a tenth of chance, a link going around."""
    mean = sum(HOUR_WAVE) / len(HOUR_WAVE)
    rate = VISITS_PER_HOUR * HOUR_WAVE[hour.hour] / mean * WEEKDAY_WAVE[hour.weekday()]
    if _is_surge(hour):
        rate *= SURGE[hour.hour]
    return round(rate * _generator(f"{hour:%Y-%m-%dT%H}").uniform(0.8, 1.2))


def _until(end: datetime, events: Iterator[tuple[datetime, SampleEvent]]) -> Iterator[SampleEvent]:
    for at, event in events:
        if at <= end:
            yield {"timestamp": at.isoformat(timespec="seconds"), **event}


def _visit(visit: random.Random, name: str, start: datetime) -> Iterator[tuple[datetime, SampleEvent]]:
    """Yield the events of one visit by time: per page its view, the custom events it brings, and the engagement."""
    visitor = name if visit.random() > RETURNING_SHARE else f"returning-{visit.randrange(RETURNING_VISITORS)}"
    who = _generator(visitor)
    around = _is_surge(start) and visit.random() < 1 - 1 / SURGE[start.hour]
    arrival = _LINK_GOING_AROUND if around else _pick(visit, _ARRIVALS)
    shared: SampleEvent = {
        "visitor_id": f"sample-{visitor}",
        "hostname": HOSTNAME,
        **arrival.acquisition,
        **asdict(_pick(who, _PLACES)),
        **asdict(_pick(who, _DEVICES)),
    }
    at, page = start, _pick(visit, arrival.entries)
    while page != LEAVE and at - start < LONGEST_VISIT:
        stay_s = min(LONGEST_STAY_S, 2 + round(visit.lognormvariate(3.1, 0.9)))
        yield at, {**shared, "name": "pageview", "pathname": page}
        for action in _ACTIONS:
            if action.page == page and visit.random() < action.chance:
                yield at + timedelta(seconds=stay_s // 2), {**shared, "pathname": page, **_custom_event(visit, action)}
        at += timedelta(seconds=stay_s)
        yield (
            at,
            {
                **shared,
                "name": "engagement",
                "pathname": page,
                "scroll_depth": visit.choice((25, 40, 55, 70, 85, 100)),
                "engagement_time": stay_s * 800,
            },
        )
        page = _pick(visit, _NEXT_PAGES[page])


def _custom_event(visit: random.Random, action: _Action) -> SampleEvent:
    event: SampleEvent = {
        "name": action.name,
        "props": {key: _pick(visit, values) for key, values in action.props.items()},
    }
    if action.amounts:
        event |= {"revenue_currency": CURRENCY, "revenue_amount": _pick(visit, action.amounts)}
    return event

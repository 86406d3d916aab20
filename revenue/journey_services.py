"""What a visitor did, in one order: visits, pages, events, goals, payments; of who is the same user, too (3.2, 3.4)."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.core.exceptions import ObjectDoesNotExist

from accounts.types import SiteRef
from analytics_project import clock
from analytics_project.errors import NotFound
from goals.selectors import goal_specs
from revenue.reports import Report
from revenue.selectors import payments_numbered
from revenue.types import StoredPayment
from stats.city_services import known_city_names
from stats.ingest.visitor import visitor_text
from stats.query.build import build_query
from stats.query.identities import visitors_sharing
from stats.query.types import InstantPair, QueryParams
from stats.query.visitor_journey import (
    EventEntry,
    JourneySpan,
    PaymentEntry,
    VisitEntry,
    read_events,
    read_payments,
    read_visits,
)
from stats.selectors import visitor_names
from stats.visitor_services import visitor_number

Entry = VisitEntry | EventEntry | PaymentEntry
# Within a second a visit begins before anything happens in it; the newest stands first.
_TURNS: Final[Mapping[type[Entry], int]] = {VisitEntry: 0, EventEntry: 1, PaymentEntry: 2}


@dataclass(frozen=True, slots=True)
class JourneyPlace:
    """How far a page of a journey got: to a unix second, and past how many entries of it."""

    at: int
    passed: int


@dataclass(frozen=True, slots=True)
class VisitorJourney:
    """A page of entries, newest first, with what their numbers stand for; `following` is None at the end."""

    entries: tuple[Entry, ...]
    following: JourneyPlace | None
    payments: Mapping[int, StoredPayment]
    names: Mapping[str, str]
    city_names: Mapping[int, str]

    def visitor_of(self, entry: Entry) -> str:
        """Return the visitor as a client sent it, or the id that the tracker shows."""
        text = visitor_text(entry.visitor_id)
        return self.names.get(text, text)


def visitor_journey(
    site: SiteRef,
    visitor: str,
    window: tuple[datetime, datetime],
    pair: InstantPair,
    after: JourneyPlace | None,
    limit: int,
) -> VisitorJourney:
    """Return a page of what a visitor did in a window, whose stored part is `pair`; of an unknown one nothing.

    Raises: StoreUnavailable, StoreBusy; NotFound for a site deleted just now.
    """
    try:
        number = visitor_number(site, visitor)
    except ObjectDoesNotExist as problem:
        raise NotFound("Site not found") from problem
    store = Report(site, *window, "UTC").store
    query = build_query(QueryParams(("visitors",), pair), site, clock.now())
    visitors = visitors_sharing(store, site.id, number)
    end, passed = (_second(pair.last), 0) if after is None else (min(after.at, _second(pair.last)), after.passed)
    start, most = _second(pair.first), passed + limit + 1
    goals = goal_specs(site)
    counted = JourneySpan(visitors, max(start, site.stats_reset_at or 0), end, most)
    entries: list[Entry] = [
        *read_visits(store, query, counted),
        *read_events(store, query, counted, goals),
        *read_payments(store, query, JourneySpan(visitors, start, end, most)),
    ]
    # Stable: entries of one kind keep the order in which the store gives them.
    entries.sort(key=lambda entry: (entry.at, _TURNS[type(entry)]), reverse=True)
    page = entries[passed : passed + limit]
    following = _place_after(page, after) if len(entries) > passed + limit else None
    payments = payments_numbered(site.id, [one.payment for one in page if isinstance(one, PaymentEntry)])
    sent = {one.payer: one.visitor_id for one in payments.values() if one.visitor_id}
    return VisitorJourney(
        tuple(page),
        following,
        payments,
        {
            visitor_text(number): visitor,
            **sent,
            **visitor_names(site.id, {visitor_text(one.visitor_id) for one in page}),
        },
        known_city_names({one.session.city_geoname_id for one in page if isinstance(one, VisitEntry)}),
    )


def _place_after(page: list[Entry], before: JourneyPlace | None) -> JourneyPlace:
    """Return the place behind a page that is not empty."""
    last = page[-1].at
    passed = sum(entry.at == last for entry in page)
    if before is not None and before.at == last:
        passed += before.passed
    return JourneyPlace(last, passed)


def _second(at: datetime) -> int:
    return int(at.timestamp())

"""Whole days counted by rows' days, and from visits alone, give what instants and events give."""

import io
import itertools
import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import orjson
import pytest

from accounts.types import SiteId, SiteRef
from stats.ingest.bulk import BulkTarget, import_lines
from stats.query.build import build_query
from stats.query.run import run_query
from stats.query.types import DatePair, HasDone, Leaf, Operator, OrderBy, QueryParams
from stats.store.client import EventStore

NOW = datetime(2026, 4, 1, tzinfo=UTC)
MIDNIGHT = datetime(2026, 3, 29, tzinfo=UTC)
ZONES = ("Etc/UTC", "Europe/Berlin", "America/New_York", "Asia/Kathmandu")
METRICS = (
    ("visitors", "visits", "pageviews", "events"),
    ("visitors", "visits", "pageviews", "bounce_rate", "visit_duration"),
    ("pageviews", "percentage"),
    ("visitors", "percentage", "bounce_rate"),
)
DIMENSIONS = (
    (),
    ("visit:source",),
    ("time:day",),
    ("time:week",),
    ("time:month",),
    ("time:hour",),
    ("time:day", "visit:browser"),
    ("visit:exit_page",),
    ("event:page",),
)
FILTERS: tuple[tuple[Leaf | HasDone, ...], ...] = (
    (),
    (Leaf(Operator.IS, "visit:source", ("tea",)),),
    (HasDone(Leaf(Operator.IS, "event:name", ("Order",))),),
    (HasDone(Leaf(Operator.IS, "event:page", ("/b",)), negated=True),),
    (Leaf(Operator.IS, "event:page", ("/a", "/b")),),
    (Leaf(Operator.IS, "visit:exit_page", ("/a",)),),
)
_sites = itertools.count(970_000)


def body(chance: random.Random, zone: str) -> bytes:
    """Return events of a few visitors around some midnights, their gaps short enough that visits last over them."""
    lines = []
    for visitor in range(12):
        offset = timedelta(hours=chance.choice((-30, -2, -1, -0.2, 23, 47.5)))
        at = MIDNIGHT.replace(tzinfo=ZoneInfo(zone)) + offset
        for _ in range(chance.randrange(1, 9)):
            name = chance.choice(("pageview", "pageview", "engagement", "Order"))
            lines.append(
                {
                    "timestamp": at.astimezone(UTC),
                    "visitor_id": f"visitor {visitor}",
                    "name": name,
                    "engagement_time": 1000 if name == "engagement" else None,
                    "pathname": chance.choice(("/a", "/b", "/c")),
                    "source": "tea" if visitor % 3 else "",
                    "browser": "Firefox" if visitor % 2 else "Chrome",
                }
            )
            at += timedelta(minutes=chance.choice((1, 5, 20, 29, 29, 29, 31, 1500)))
    return b"".join(orjson.dumps(line) + b"\n" for line in lines)


def asked(metrics: tuple[str, ...], dimensions: tuple[str, ...], filters: tuple[Leaf | HasDone, ...]) -> QueryParams:
    """Return the request of a combination, changed where that has no meaning; its order leaves no tie to chance."""
    if "visit:exit_page" in dimensions:
        metrics = ("visitors", "percentage", "bounce_rate")
    elif "event:page" in dimensions:
        filters = ()
    order = tuple(OrderBy(name, descending=False) for name in dimensions)
    return QueryParams(metrics, DatePair(MIDNIGHT.date(), MIDNIGHT.date()), dimensions, filters, order_by=order)


@pytest.mark.parametrize("zone", ZONES)
def test_days_and_visits_count_what_instants_and_events_count(store: EventStore, zone: str) -> None:
    chance = random.Random(zone)
    site = SiteRef(SiteId(next(_sites)), "ds_days", "days.example", zone, "EUR")
    target = BulkTarget(site.id, zone, b"secret", {}, lambda *_: Decimal(1))
    import_lines(store, target, io.BytesIO(body(chance, zone)))
    rows = 0
    combinations = list(itertools.product(METRICS, DIMENSIONS, FILTERS))
    for metrics, dimensions, filters in chance.sample(combinations, 80):
        first = MIDNIGHT.date() + timedelta(days=chance.randrange(-2, 3))
        last = first + timedelta(days=chance.choice((0, 0, 1, 3, 9)))
        params = replace(asked(metrics, dimensions, filters), date_range=DatePair(first, last))
        query = build_query(params, site, NOW)
        assert query.whole_days == DatePair(first, last)
        by_days = run_query(store, query).rows
        assert by_days == run_query(store, replace(query, whole_days=None)).rows, params
        rows += len(by_days)
    assert rows > 100

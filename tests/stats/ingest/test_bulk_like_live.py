"""The same events sent live, by a moving clock, and in bulk make the same visits and events."""

import io
import itertools
import random
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import orjson
import pytest
import time_machine

from stats.ingest.bulk import BulkTarget, import_lines
from stats.store.client import EventStore
from tests.live_path import LivePath, intake_site

DOMAIN = "twice.example"
ZONES = ("Etc/UTC", "Europe/Berlin", "America/New_York", "Asia/Kathmandu", "Pacific/Apia")
STARTS = [datetime(2026, 3, 28, tzinfo=UTC) + timedelta(hours=hours) for hours in (0, 3.9, 10, 17.9, 21.5, 23.4)]
GAPS_S = (0, 0, 0, 1, 5, 900, 1700, 1799, 1800, 1801, 1802, 3600)
VISITORS = ("v_00000000000000a1", "v_00000000000000a2", "a caller's own")
NAMES = ("pageview", "pageview", "engagement", "engagement", "Order", "Quiet")
TAGS = ("", "utm_source=tea&utm_medium=cpc", "utm_campaign=spring")
PROPS: tuple[dict[str, str], ...] = ({}, {"plan": "free", "a": "b"}, {"blank": "\u00a0", "plan": "paid"})
AMOUNTS = ("", "12.3455", "-3", "0")
_bulk_sites = itertools.count(940_000)


@dataclass(frozen=True)
class Sent:
    """One event in the terms of both ways in."""

    at: int
    visitor: str
    name: str
    pathname: str
    hostname: str
    tags: str
    props: dict[str, str]
    amount: str

    def live(self) -> dict[str, Any]:
        who = {"vid": self.visitor} if self.visitor.startswith("v_") else {"user_id": self.visitor}
        url = f"https://{self.hostname}{self.pathname}?{self.tags}"
        event = {"n": self.name, "u": url, "d": DOMAIN, "i": self.name != "Quiet", "p": self.props, **who}
        if self.name == "engagement":
            event |= {"sd": self.at % 101, "e": 5}
        if self.amount:
            event |= {"$": {"currency": "USD", "amount": self.amount}}
        return event

    def line(self) -> bytes:
        tags = dict(tag.split("=") for tag in self.tags.split("&") if tag)
        event = {
            "timestamp": datetime.fromtimestamp(self.at, UTC),
            "visitor_id": self.visitor,
            "name": self.name,
            "hostname": self.hostname,
            "pathname": self.pathname,
            "interactive": self.name != "Quiet",
            "source": tags.get("utm_source", ""),
            **tags,
            **{"browser": "Firefox", "browser_version": "128.0", "os": "GNU/Linux", "screen_size": "Desktop"},
            "props": self.props,
        }
        if self.name == "engagement":
            event |= {"scroll_depth": self.at % 101, "engagement_time": 5}
        if self.amount:
            event |= {"revenue_currency": "USD", "revenue_amount": self.amount}
        return orjson.dumps(event) + b"\n"


def drawn(chance: random.Random) -> list[Sent]:
    """Draw up to 40 events in the order of time, often several in one second."""
    at = int(chance.choice(STARTS).timestamp())
    events: list[Sent] = []
    for _ in range(chance.randrange(1, 40)):
        at += chance.choice(GAPS_S)
        path, host = chance.choice(("/a", "/b", "/c")), chance.choice((DOMAIN, f"tea.{DOMAIN}"))
        who, name, tags = chance.choice(VISITORS), chance.choice(NAMES), chance.choice(TAGS)
        events.append(Sent(at, who, name, path, host, tags, chance.choice(PROPS), chance.choice(AMOUNTS)))
    return events


def stored(store: EventStore, site_id: int) -> tuple[list[bytes], list[bytes]]:
    """Return the site's visits and events, in an order that no id decides; a visit is named by visitor and start."""
    events, visits = (
        store.read_rows(f"SELECT * FROM {table} WHERE site_id = {{id:UInt32}}", {"id": site_id}, tag="test")
        for table in ("events", "sessions FINAL")
    )
    names = {visit["session_id"]: [visit["visitor_id"], visit["start"]] for visit in visits if visit["is_visit"]}
    for row in (*visits, *events):
        row["session_id"] = names[row["session_id"]]
        del row["site_id"]
    return sorted(map(orjson.dumps, visits)), sorted(map(orjson.dumps, events))


@pytest.mark.parametrize("seed", range(12))
def test_bulk_makes_the_visits_of_live_intake(store: EventStore, tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    events, zone = drawn(chance), chance.choice(ZONES)
    site = intake_site(DOMAIN, timezone=zone, revenue_goals={"Order": "EUR"})
    with time_machine.travel(events[0].at, tick=False) as clock:
        live = LivePath(store, tmp_path)
        live.add(site)
        for event in events:
            clock.move_to(event.at)
            assert live.post(event.live(), {"Authorization": f"Bearer key of {DOMAIN}"}).status == 202
        live.written()
        live.stop()
    order = {second: chance.random() for second in {event.at for event in events}}
    shuffled = sorted(events, key=lambda event: order[event.at])
    bulk_site = next(_bulk_sites)
    target = BulkTarget(bulk_site, zone, b"secret of the site", {"Order": "EUR"}, lambda *_: Decimal("0.5"))
    import_lines(store, target, io.BytesIO(b"".join(event.line() for event in shuffled)))
    assert stored(store, bulk_site) == stored(store, site.ref.id)

"""A site with the live path behind it, asked over HTTP; and the fixture F of the revenue contract, part 4."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import time_machine
from django.test import Client

from accounts.models import Site
from accounts.selectors import caller_id_secret, site_ref
from accounts.types import Scope
from stats import services
from stats.ingest.visitor import caller_visitor_id, visitor_text
from stats.models import CityName
from stats.store.client import EventStore
from stats.types import IntakeSite
from tests.factories import make_key, make_site, make_team
from tests.live_path import LivePath

NOW = "2026-03-27T08:30:15Z"
AFTERWARDS = "2026-05-02T12:00:00Z"
VISITS: tuple[Mapping[str, object], ...] = (
    {
        "timestamp": "2026-03-02T10:00:00Z",
        "visitor_id": "v_ana",
        "referrer": "google.com",
        "country_code": "US",
        "city_geoname_id": 5391959,
        "browser": "Chrome",
        "os": "macOS",
        "screen_size": "Desktop",
    },
    {
        "timestamp": "2026-03-03T09:00:00Z",
        "visitor_id": "v_ben",
        "referrer": "twitter.com",
        "country_code": "DE",
        "city_geoname_id": 2950159,
        "browser": "Firefox",
        "os": "Linux",
        "screen_size": "Desktop",
    },
    {
        "timestamp": "2026-03-03T23:30:00Z",
        "visitor_id": "v_cho",
        "country_code": "JP",
        "city_geoname_id": 1850147,
        "browser": "Safari",
        "os": "iOS",
        "screen_size": "Mobile",
    },
    {"timestamp": "2026-03-05T12:00:00Z", "visitor_id": "v_eli"},
    {"timestamp": "2026-04-01T00:30:00Z", "visitor_id": "v_dee", "utm_source": "newsletter"},
)
CITIES = {5391959: "San Francisco", 2950159: "Berlin", 1850147: "Tokyo"}
SIGNUPS = (
    ("v_ana", "2026-03-02T10:05:00Z"),
    ("v_ana", "2026-03-20T08:00:00Z"),
    ("v_ben", "2026-03-03T09:10:00Z"),
    ("v_dee", "2026-04-01T00:45:00Z"),
)


@dataclass
class GoalsClient:
    """Asks the endpoints with a key that reads and writes, about one site unless a request names another."""

    site: Site
    key: str
    live: LivePath
    clock: time_machine.Traveller

    def send(
        self, method: str, path: str, query: str = "", body: object = None, key: str | None = None, **headers: str
    ) -> tuple[int, Any]:
        """Return status and decoded body."""
        answer = Client().generic(
            method,
            f"/api/v1/goals{path}",
            body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode(),
            content_type="application/json",
            headers={"Authorization": f"Bearer {key or self.key}", **headers},
            QUERY_STRING=query if "site_id=" in query else f"site_id={self.site.public_id}&{query}",
        )
        return answer.status_code, json.loads(answer.content)

    def get(self, path: str = "", query: str = "") -> Any:
        """Return the body of an answer that must be 200."""
        status, body = self.send("GET", path, query)
        assert status == 200, body
        return body

    def complete(self, name: str, visitor_id: str, **fields: object) -> None:
        """Report a completion that must be taken."""
        status, body = self.send("POST", "", body={"name": name, "visitor_id": visitor_id, **fields})
        assert status == 201, body

    def bring(self, *events: Mapping[str, object]) -> None:
        """Import events."""
        answer = Client().generic(
            "POST",
            f"/api/v1/sites/{self.site.public_id}/events/import",
            b"\n".join(json.dumps(event).encode() for event in events),
            headers={"Authorization": f"Bearer {self.key}"},
        )
        assert answer.status_code == 200, answer.content

    def stats(self, metrics: str, query: str) -> dict[str, Any]:
        """Return what the Stats API says of the site."""
        answer = Client().get(
            f"/api/v1/stats/aggregate?site_id={self.site.domain}&metrics={metrics}&{query}",
            headers={"Authorization": f"Bearer {self.key}"},
        )
        return {name: one["value"] for name, one in answer.json()["results"].items()}

    def cities(self) -> list[list[Any]]:
        """Return what version 2 of the Stats API says of cities in the month: name and visitors, by name."""
        answer = Client().post(
            "/api/v2/query",
            {
                "site_id": self.site.domain,
                "date_range": ["2026-03-01", "2026-03-26"],
                "metrics": ["visitors"],
                "dimensions": ["visit:city_name"],
                "filters": [["is_not", "event:name", ["signup"]]],
                "order_by": [["visit:city_name", "asc"]],
            },
            content_type="application/json",
            headers={"Authorization": f"Bearer {self.key}"},
        )
        return [[*row["dimensions"], *row["metrics"]] for row in answer.json()["results"]]

    def shown_id(self, name: str) -> str:
        """Return the id that a name of a visitor is hashed to."""
        return visitor_text(caller_visitor_id(caller_id_secret(site_ref(self.site).id), name))


@pytest.fixture
def goals(db: None, store: EventStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[GoalsClient]:
    """A site in UTC, at the contract's now."""
    with time_machine.travel(NOW, tick=False) as clock:
        team = make_team()
        site = make_site(team, timezone="Etc/UTC", currency="USD")
        live = LivePath(store, tmp_path / "spool")
        live.add(IntakeSite(ref=site_ref(site)))
        monkeypatch.setattr(services, "_intake", live.intake)
        yield GoalsClient(site, make_key(team=team, scopes=[Scope.SITES_PROVISION]).text, live, clock)
        live.stop()


@pytest.fixture
def fixture_f(goals: GoalsClient) -> GoalsClient:
    """The contract's visitors, sessions and signups, at its now."""
    CityName.objects.bulk_create(CityName(geoname_id=number, name=name) for number, name in CITIES.items())
    goals.bring(*VISITS)
    goals.clock.move_to(AFTERWARDS)
    for visitor, at in SIGNUPS:
        goals.complete("signup", visitor, timestamp=at)
    goals.clock.move_to(NOW)
    return goals

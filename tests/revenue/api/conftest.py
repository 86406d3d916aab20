"""A site whose money is asked for over HTTP; and the fixture F of the revenue contract, part 4."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import time_machine
from django.test import Client

from accounts.models import Site
from accounts.selectors import site_ref
from accounts.types import Scope
from revenue.models import ExchangeRate
from stats import services
from stats.store.client import EventStore
from stats.types import IntakeSite
from tests.factories import make_key, make_site, make_team
from tests.goals.api.conftest import NOW, VISITS
from tests.live_path import LivePath

Sent = Mapping[str, object]
PAYMENTS: tuple[Sent, ...] = (
    {
        "transaction_id": "txn_1",
        "visitor_id": "v_ana",
        "amount": 120.00,
        "currency": "USD",
        "payment_type": "one_time",
        "paid_at": "2026-03-02T10:30:00Z",
    },
    {
        "transaction_id": "txn_2",
        "visitor_id": "v_ben",
        "amount": 49.00,
        "currency": "USD",
        "payment_type": "recurring",
        "product_name": "Pro",
        "paid_at": "2026-03-03T09:30:00Z",
    },
    {
        "transaction_id": "txn_3",
        "visitor_id": "v_cho",
        "amount": 5000,
        "currency": "JPY",
        "payment_type": "recurring",
        "product_name": "Pro",
        "paid_at": "2026-03-04T00:10:00Z",
    },
    {
        "transaction_id": "txn_4",
        "visitor_id": "v_ana",
        "amount": 20.00,
        "currency": "USD",
        "payment_type": "refund",
        "refund_of": "txn_1",
        "paid_at": "2026-03-10T12:00:00Z",
    },
)


@dataclass
class MoneyClient:
    """Asks with a key that reads and writes, about one site unless a request names another."""

    site: Site
    key: str
    live: LivePath
    clock: time_machine.Traveller

    def send(
        self, method: str, path: str, query: str = "", body: object = None, key: str | None = None, **headers: str
    ) -> tuple[int, Any]:
        """Return status and decoded body, its numbers as exact decimals."""
        answer = Client().generic(
            method,
            f"/api/v1/{path}",
            body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode(),
            content_type="application/json",
            headers={"Authorization": f"Bearer {self.key if key is None else key}", **headers},
            QUERY_STRING=query if "site_id=" in query else f"site_id={self.site.public_id}&{query}",
        )
        return answer.status_code, json.loads(answer.content, parse_float=Decimal)

    def get(self, path: str, query: str = "") -> Any:
        """Return the body of an answer that must be 200."""
        status, body = self.send("GET", path, query)
        assert status == 200, body
        return body

    def raw(self, path: str, query: str = "") -> bytes:
        """Return the bytes of an answer."""
        answer = Client().get(
            f"/api/v1/{path}?site_id={self.site.public_id}&{query}", headers={"Authorization": f"Bearer {self.key}"}
        )
        return bytes(answer.content)

    def pay(self, **fields: object) -> None:
        """Record a payment that must be new."""
        status, body = self.send("POST", "payments", body=fields)
        assert status == 201, body

    def identify(self, visitor: str, user: str) -> None:
        """Say which user a visitor is."""
        status, body = self.send("POST", f"visitors/{visitor}/identify", body={"user_id": user})
        assert status == 200, body

    def bring(self, *events: Mapping[str, object]) -> None:
        """Import events."""
        answer = Client().generic(
            "POST",
            f"/api/v1/sites/{self.site.public_id}/events/import",
            b"\n".join(json.dumps(event).encode() for event in events),
            headers={"Authorization": f"Bearer {self.key}"},
        )
        assert answer.status_code == 200, answer.content


def quote(source: str, target: str, on: str, rate: str) -> None:
    """Store an exchange rate: what one unit of `source` was worth."""
    ExchangeRate.objects.create(
        source_currency=source, target_currency=target, on=date.fromisoformat(on), rate=Decimal(rate)
    )


@pytest.fixture
def money(db: None, store: EventStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[MoneyClient]:
    """A site in UTC that reports in US dollars, at the contract's now, with the contract's rates."""
    with time_machine.travel(NOW, tick=False) as clock:
        team = make_team()
        site = make_site(team, timezone="Etc/UTC", currency="USD")
        live = LivePath(store, tmp_path / "spool")
        live.add(IntakeSite(ref=site_ref(site)))
        monkeypatch.setattr(services, "_intake", live.intake)
        quote("JPY", "USD", "2026-03-04", "0.0067")
        quote("EUR", "USD", "2026-03-06", "1.1049")
        quote("KWD", "USD", "2026-03-09", "3.25")
        yield MoneyClient(site, make_key(team=team, scopes=[Scope.SITES_PROVISION]).text, live, clock)
        live.stop()


@pytest.fixture
def fixture_f(money: MoneyClient) -> MoneyClient:
    """The contract's visitors, sessions and payments."""
    money.clock.move_to("2026-04-02T12:00:00Z")
    money.bring(*VISITS)
    for payment in PAYMENTS:
        money.pay(**payment)
    return money

"""Every example of the OpenAPI document is sent and answered as it stands there; one that lies fails here."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import orjson
import pytest
import time_machine
from django.conf import settings
from django.test import Client

from accounts.api.documentation.shared import TEAM_ID
from accounts.api.throttles import request_counters
from accounts.models import ApiKey, Site
from accounts.selectors import site_ref
from accounts.types import Scope
from analytics_project.openapi import document
from goals.models import Goal
from revenue.services import record_payments
from stats import services
from stats.store.client import EventStore
from stats.types import IntakeSite
from tests.contract.documented import JSON, Exchange, exchanges, validator
from tests.factories import (
    make_annotation,
    make_funnel,
    make_goal,
    make_key,
    make_segment,
    make_site,
    make_team,
    make_user,
    owner_of,
)
from tests.live_path import LivePath, intake_site
from tests.revenue.paying import once, paid, refund
from tests.stats.query.fixtures import FIXTURE_A
from tests.stats.query.recorded import record

pytestmark = pytest.mark.django_db

EXCHANGES = list(exchanges())
SHOPPERS = ("v_00000000424f9f77", "v_00000000db46cecd")  # u1 and u2 of the fixture
SALES = (
    paid("2025-03-10 09:30:00", 49, SHOPPERS[0], "Pro", transaction_id="txn_1", currency="EUR"),
    once("2025-03-10 10:30:00", 20, SHOPPERS[1], transaction_id="txn_2", currency="EUR"),
    refund("2025-03-10 12:00:00", 10, SHOPPERS[1], transaction_id="txn_3", currency="EUR", refund_of="txn_2"),
)
CSRF_TOKEN = "a" * 32
# What no example can fix: ids made of random bits, and the number of the newest migration.
FREE = {"visitor_id", "visit_id", "session_id", "schema_version", "id", "prefix", "url", "import_id"}


@dataclass
class Shop:
    """The documented site, a person of its team with a key, and the live path."""

    site: Site
    key: str
    live: LivePath
    client: Client


@pytest.fixture
def shop(store: EventStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    request_counters.cache_clear()
    with time_machine.travel("2025-03-10T15:33:00Z", tick=False):
        team = make_team(make_user("owner@shop.example"), identifier=TEAM_ID)
        site = make_site(team, domain="shop.example", timezone="Etc/UTC")
        make_goal(site, event_name="Signup", pk=7_000_001)
        make_segment(site, ["is", "visit:country", ["DE"]], name="Germany", pk=7_000_003)
        make_annotation(site, date=date(2025, 3, 9), text="New prices", pk=7_000_004)
        make_site(domain="others.example")
        record(store, site.pk, FIXTURE_A)
        record_payments(site_ref(site), SALES, who=None)
        live = LivePath(store, tmp_path / "spool")
        live.add(IntakeSite(ref=site_ref(site)))
        monkeypatch.setattr(services, "_intake", live.intake)
        key = make_key(team=team, scopes=[Scope.SITES_PROVISION]).text
        ApiKey.objects.filter(pk=make_key(team=team).record.pk).update(id=7_000_002)
        client = Client(enforce_csrf_checks=True)
        client.force_login(owner_of(team))
        yield Shop(site, key, live, client)
        live.stop()
    request_counters.cache_clear()


def bring_about(exchange: Exchange, shop: Shop, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Make the state of affairs under which an answer comes that no request brings about by itself."""
    match exchange.name:
        case "tokenMissing" | "keyMissing" | "bodyNotJson":
            pass  # a matter of how the request is sent
        case "nobody":
            shop.client.logout()
        case "teamLocked":
            shop.site.team.is_locked = True
            shop.site.team.save()
        case "limitExceeded":
            shop.site.team.hourly_limit_override = 1
            shop.site.team.save()
            send(exchange, shop)
        case "keyLimitExceeded":
            monkeypatch.setattr(settings, "API_KEY_MINUTE_LIMIT", 1)
            send(exchange, shop)
        case "storeAway":
            monkeypatch.setattr(settings, "EVENTS_URL", "clickhouse://127.0.0.1:1")
            monkeypatch.setattr(services, "_store", None)
        case "definedFunnels":
            make_funnel(
                shop.site, "To the signup", make_goal(shop.site, page_path="/pricing"), Goal.objects.get(pk=7_000_001)
            )
        case "spoolFull":
            shop.live.stop()
            shop.live = LivePath(shop.live.store, tmp_path / "small", spool_max_bytes=1)
            shop.live.add(intake_site("shop.example"))
        case _:
            assert exchange.has_request, "no request goes with this example, and nothing here brings it about"


def body_of(exchange: Exchange) -> bytes:
    if exchange.body is None:
        return b""
    return exchange.body.encode() if isinstance(exchange.body, str) else orjson.dumps(exchange.body)


def send(exchange: Exchange, shop: Shop) -> tuple[int, str, bytes]:
    """Return status, content type and body of the answer."""
    query = urlencode(exchange.parameters["query"])
    headers = dict(exchange.parameters["header"])
    if exchange.path == "/api/event":
        answer = shop.live.post(body_of(exchange), headers, content_type=exchange.sent_as, query=query)
        return answer.status, answer.headers["content-type"], answer.body
    path = exchange.path.format(**{name: quote(value) for name, value in exchange.parameters["path"].items()})
    if exchange.path != "/api/docs/query" and exchange.name != "keyMissing":
        headers["Authorization"] = f"Bearer {shop.key}"
    shop.client.cookies["csrftoken"] = CSRF_TOKEN
    if exchange.name != "tokenMissing":
        headers["X-CSRFToken"] = CSRF_TOKEN
    body, kind = (b"a,b", "text/csv") if exchange.name == "bodyNotJson" else (body_of(exchange), exchange.sent_as)
    response = shop.client.generic(exchange.method.upper(), path, body, kind, headers=headers, QUERY_STRING=query)
    return response.status_code, response.headers["Content-Type"], b"".join(response)


def comparable(value: Any) -> Any:
    """Return a value with what no example can fix made equal."""
    if isinstance(value, list):
        return [comparable(one) for one in value]
    if isinstance(value, dict):
        return {key: "free" if key in FREE else comparable(one) for key, one in value.items()}
    return value


@pytest.mark.parametrize("exchange", EXCHANGES, ids=str)
def test_example_is_what_the_server_answers(
    exchange: Exchange, shop: Shop, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    bring_about(exchange, shop, monkeypatch, tmp_path)
    status, content_type, raw = send(exchange, shop)
    assert (status, content_type.partition(";")[0]) == (exchange.status, exchange.media_type), raw
    value = orjson.loads(raw) if exchange.media_type == JSON else raw.decode()
    check = validator(exchange.path, exchange.method, status, exchange.media_type)
    check.validate(value)
    check.validate(exchange.answer)
    assert comparable(value) == comparable(exchange.answer)


def test_every_operation_that_counts_or_reads_has_examples() -> None:
    silent = {
        "/api/docs": "a page",
        "/api/schema": "this document",
        "/api/docs/query/schema.json": "a document",
        "/api/plugins/spec/openapi": "a document",
        "/api/plugins/spec/swagger-ui": "a page",
        "/api/error": "an empty answer",
    }
    shown = {exchange.path for exchange in EXCHANGES}
    assert set(document()["paths"]) - shown == set(silent)

"""Payments against a real server: of 50 equal ones at once one is recorded, and what was answered survives a kill.

And an id in a path, which only a real server hands over as the client wrote it.
"""

import json
import os
import secrets
import sqlite3
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest
from psycopg.sql import SQL, Identifier

from tests.e2e.conftest import Served
from tests.e2e.server import ServerProcess

DATABASE_URL = os.environ.get("DATABASE_URL", "")
COPIES = 50
SALE = {
    "transaction_id": "txn_race",
    "visitor_id": "ann",
    "amount": 49.00,
    "currency": "USD",
    "payment_type": "recurring",
    "product_name": "Pro",
    "paid_at": "2026-03-05T10:00:00Z",
}
MARCH = "start=2026-03-01&end=2026-03-31"

pytestmark = pytest.mark.process


@pytest.fixture(params=["sqlite", "postgresql"])
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[ServerProcess]:
    """A server on SQLite, and one on an empty PostgreSQL database where one is configured."""
    if request.param == "sqlite":
        process = ServerProcess(tmp_path)
        process.start()
        yield process
        process.stop()
        return
    if not DATABASE_URL.startswith("postgres"):
        pytest.skip("DATABASE_URL names no PostgreSQL")
    name = f"footfall_{secrets.token_hex(4)}"
    with psycopg.connect(DATABASE_URL, autocommit=True) as connection:
        connection.execute(SQL("CREATE DATABASE {}").format(Identifier(name)))
        process = ServerProcess(tmp_path, {"DATABASE_URL": urlsplit(DATABASE_URL)._replace(path=f"/{name}").geturl()})
        process.command("migrate", "--verbosity", "0")
        process.start()
        yield process
        process.stop()
        connection.execute(SQL("DROP DATABASE {} WITH (FORCE)").format(Identifier(name)))


def pay(server: ServerProcess, key: str, site: str, payment: object) -> tuple[int, object]:
    request = urllib.request.Request(
        f"{server.url}/api/v1/payments?site_id={site}",
        json.dumps(payment).encode(),
        {"Authorization": f"Bearer {key}", "Content-Type": "application/json"},
    )
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, json.loads(answer.read())["results"]["created"]
    except urllib.error.HTTPError as refused:
        return refused.code, refused.read().decode()


def rows(server: ServerProcess) -> int:
    url = server.variables.get("DATABASE_URL")
    count = "SELECT count(*) FROM revenue_payment WHERE transaction_id = 'txn_race'"
    if url is None:
        with sqlite3.connect(server.directory / "footfall.sqlite3") as connection:
            return int(connection.execute(count).fetchone()[0])
    with psycopg.connect(url) as connected:
        found = connected.execute(count.encode()).fetchone()
        assert found is not None
        return int(found[0])


def test_fifty_equal_payments_at_once_are_one_and_survive_a_kill(server: ServerProcess) -> None:
    server.provision("user", "--email", "ann@shop.example")
    team = server.provision("team", "--name", "Shop", "--owner", "ann@shop.example")["team_id"]
    site = server.provision("site", "--domain", "shop.example", "--team", team, "--timezone", "Etc/UTC")["public_id"]
    key = server.provision("key", "--email", "ann@shop.example", "--team", team)["api_key"]
    with ThreadPoolExecutor(COPIES) as pool:
        answers = Counter(pool.map(lambda _: pay(server, key, site, SALE), range(COPIES)))
    assert answers == {(201, True): 1, (200, False): COPIES - 1}
    assert rows(server) == 1
    found = server.get(f"/api/v1/revenue?site_id={site}&{MARCH}", key)["results"]
    assert found == {"total_revenue": 49.0, "mrr": 49.0, "conversion_rate": 1.0}

    assert pay(server, key, site, {**SALE, "transaction_id": "txn_2", "visitor_id": "bob"}) == (201, True)
    server.kill()
    server.start()
    assert server.get(f"/api/v1/revenue?site_id={site}&{MARCH}", key)["results"]["total_revenue"] == 98.0
    assert pay(server, key, site, SALE) == (200, False)


def test_slash_at_the_end_of_a_path_is_none_of_the_id(served: Served) -> None:
    ids = ("txn_1", "a/b", "a/b/", "100%2F")
    for name in ids:
        sent = {**SALE, "transaction_id": name, "visitor_id": name}
        assert pay(served.server, served.key, served.domain, sent) == (201, True)
    paths = {
        "txn_1": "txn_1",
        "txn_1/": "txn_1",
        "a%2Fb": "a/b",
        "a/b": "a/b",
        "a/b/": "a/b",
        "a%2Fb%2F": "a/b/",
        "a%2Fb%2F/": "a/b/",
        "100%252F/": "100%2F",
    }
    found = {
        path: served.server.get(f"/api/v1/payments/{path}?site_id={served.domain}", served.key)["results"]
        for path in paths
    }
    assert {path: payment["transaction_id"] for path, payment in found.items()} == paths

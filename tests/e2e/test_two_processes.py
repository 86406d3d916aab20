"""Two serving processes on one PostgreSQL and one Redis: a limit and a revocation hold for both together."""

import json
import os
import secrets
import time
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

from tests.e2e.completions import completion_statuses
from tests.e2e.server import ServerProcess

DATABASE_URL, REDIS_URL = os.environ.get("DATABASE_URL", ""), os.environ.get("REDIS_URL", "")
OWNER = "ann@shop.example"

pytestmark = [
    pytest.mark.process,
    pytest.mark.skipif(
        not REDIS_URL or not DATABASE_URL.startswith("postgres"), reason="REDIS_URL and a PostgreSQL are not set"
    ),
]


@pytest.fixture
def database() -> Iterator[str]:
    """The URL of an empty database beside the configured one, dropped afterwards."""
    name = f"footfall_{secrets.token_hex(4)}"
    with psycopg.connect(DATABASE_URL, autocommit=True) as connection:
        connection.execute(SQL("CREATE DATABASE {}").format(Identifier(name)))
        yield urlsplit(DATABASE_URL)._replace(path=f"/{name}").geturl()
        connection.execute(SQL("DROP DATABASE {} WITH (FORCE)").format(Identifier(name)))


@pytest.fixture
def servers(database: str, tmp_path: Path) -> Iterator[tuple[ServerProcess, ServerProcess]]:
    """Two servers with an event store each, since an embedded one is one process's, and all else in common."""
    common = {"DATABASE_URL": database, "REDIS_URL": REDIS_URL, "SECRET_KEY": secrets.token_hex()}
    directories = [tmp_path / name for name in ("one", "other")]
    for directory in directories:
        directory.mkdir()
    one, other = (ServerProcess(directory, common) for directory in directories)
    one.command("migrate", "--verbosity", "0")
    one.start()
    other.start()
    yield one, other
    one.stop()
    other.stop()


def status(server: ServerProcess, key: str) -> int:
    """Return the status of a request that reads little."""
    request = urllib.request.Request(f"{server.url}/api/v1/sites", headers={"Authorization": f"Bearer {key}"})
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as refused:
        with refused:
            assert "error" in json.loads(refused.read())
            return refused.code


def statuses_of_a_team(servers: tuple[ServerProcess, ServerProcess], database: str, limit: int) -> Counter[int]:
    """Return what half as many requests again as a new team may make were answered, sent to both servers at once."""
    team = servers[0].provision("team", "--name", secrets.token_hex(4), "--owner", OWNER)
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(
            "UPDATE accounts_team SET hourly_limit_override = %s WHERE identifier = %s", (limit, team["team_id"])
        )
    with ThreadPoolExecutor(8) as pool:
        return Counter(pool.map(lambda number: status(servers[number % 2], team["api_key"]), range(limit + limit // 2)))


def test_limit_lets_exactly_as_many_through_and_a_revoked_key_is_refused_everywhere_at_once(
    servers: tuple[ServerProcess, ServerProcess], database: str
) -> None:
    for _ in range(2):  # a second time when the first met the end of an hour
        hour = time.time() // 3600
        answered = statuses_of_a_team(servers, database, limit=40)
        if time.time() // 3600 == hour:
            break
    assert answered == {200: 40, 429: 20}

    made = servers[0].provision("key", "--email", OWNER, "--legacy")
    assert [status(server, made["api_key"]) for server in servers] == [200, 200]
    servers[0].provision("key", "--revoke", str(made["key_id"]))
    assert [status(server, made["api_key"]) for server in servers] == [401, 401]

    _completion_under_one_key_is_kept_by_one_of_both(servers)


def _completion_under_one_key_is_kept_by_one_of_both(servers: tuple[ServerProcess, ServerProcess]) -> None:
    team = servers[0].provision("team", "--name", "Shop", "--owner", OWNER)
    servers[0].provision("site", "--domain", "shop.example", "--team", str(team["team_id"]))
    answered = Counter(completion_statuses(servers, team["api_key"], "shop.example"))
    assert answered == {201: 1, 200: 199}
    path = "/api/v1/goals?site_id=shop.example"
    rows = [row for server in servers for row in server.get(path, team["api_key"])["results"]]
    assert [row["goal_name"] for row in rows] == ["signup", "signup"]
    assert sum(row["completion_count"] for row in rows) == 1

"""The same life on an event store behind HTTP: refused before migration, then events in, numbers out, nothing lost."""

import json
import os
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.server import ServerProcess, free_port

BROWSER = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"
EMAIL, DOMAIN = "ann@shop.example", "shop.example"


@pytest.fixture
def events_url(tmp_path: Path) -> Iterator[str]:
    """Start the stand-in for a ClickHouse server."""
    port = free_port()
    script = Path(__file__).with_name("clickhouse_http.py")
    process = subprocess.Popen(
        [sys.executable, str(script), str(tmp_path / "clickhouse"), str(port)],
        stderr=subprocess.DEVNULL,
        env={"PATH": os.environ["PATH"]},
    )
    while not answers(port):
        assert process.poll() is None
        threading.Event().wait(0.05)
    yield f"clickhouse://default:@127.0.0.1:{port}/default"
    process.kill()
    process.wait()


def answers(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=5):
            return True
    except OSError:
        return False


@pytest.mark.process
def test_server_behind_http_keeps_the_same_promises(tmp_path: Path, events_url: str) -> None:
    server = ServerProcess(tmp_path, {"EVENTS_URL": events_url})
    server.command("migrate", "--verbosity", "0")
    server.provision("user", "--email", EMAIL)
    team = server.provision("team", "--name", "Shop", "--owner", EMAIL)
    server.provision("site", "--domain", DOMAIN, "--team", str(team["team_id"]))
    with pytest.raises(AssertionError, match="migrate_events"):
        server.start()
    server.command("migrate_events")
    server.start()
    headers = {"User-Agent": BROWSER, "X-Forwarded-For": "203.0.113.9"}
    for page in "ab":
        server.post("/api/event", {"n": "pageview", "u": f"https://{DOMAIN}/{page}", "d": DOMAIN}, headers)
    server.kill()
    server.start()
    server.post("/api/event", {"n": "pageview", "u": f"https://{DOMAIN}/c", "d": DOMAIN}, headers)
    authorization = {"Authorization": f"Bearer {team['api_key']}"}
    line = {"timestamp": "2026-03-10T12:00:00Z", "visitor_id": "ben", "pathname": "/old", "props": {"tê": "a'b\\c"}}
    imported = server.post(f"/api/v1/sites/{DOMAIN}/events/import", json.dumps(line).encode(), authorization)
    assert imported == {"imported": 1}

    def ask(date_range: object, metrics: list[str], **rest: object) -> object:
        query = {"site_id": DOMAIN, "metrics": metrics, "date_range": date_range, **rest}
        return server.post("/api/v2/query", query, authorization)["results"]

    assert ask("24h", ["visitors", "visits", "pageviews"]) == [{"dimensions": [], "metrics": [1, 1, 3]}]
    assert ask("24h", ["visits"], dimensions=["visit:exit_page"]) == [{"dimensions": ["/c"], "metrics": [1]}]
    filters = [["is", "event:props:tê", ["a'b\\c"]]]
    day = ["2026-03-10", "2026-03-10"]
    assert ask(day, ["pageviews"], filters=filters) == [{"dimensions": [], "metrics": [1]}]
    server.stop()

"""Accepted means kept: a server killed in the middle of full load has lost nothing that it answered 202."""

import http.client
import json
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from itertools import count

import pytest

from tests.e2e.conftest import Served
from tests.e2e.server import ServerProcess

VISITORS = 24
KILLED_AFTER_EVENTS = 1_500
BROWSER = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"


class Visitor:
    """One address that loads page after page, and remembers which were answered 202."""

    def __init__(self, number: int, port: int, domain: str) -> None:
        self.number = number
        self.port = port
        self.domain = domain
        self.sent: list[str] = []
        self.acknowledged: list[str] = []
        self._pages = count()

    def browse(self, at_most: int) -> None:
        """Send pageviews until the server is gone, or `at_most`."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            for _ in range(at_most):
                self._load_page(connection)
        except (ConnectionError, http.client.HTTPException):
            return  # the server was killed
        finally:
            connection.close()

    def _load_page(self, connection: http.client.HTTPConnection) -> None:
        path = f"/v{self.number}/p{next(self._pages)}"
        body = json.dumps({"n": "pageview", "u": f"https://{self.domain}{path}", "d": self.domain})
        headers = {"User-Agent": BROWSER, "X-Forwarded-For": f"198.51.100.{self.number}", "Content-Type": "text/plain"}
        self.sent.append(path)
        connection.request("POST", "/api/event", body, headers)
        answer = connection.getresponse()
        answer.read()
        assert answer.status == 202
        self.acknowledged.append(path)


def kill_after(events: int, visitors: list[Visitor], server: ServerProcess) -> None:
    """Kill the server as soon as it has acknowledged that many more events."""
    acknowledged = sum(len(visitor.acknowledged) for visitor in visitors)
    while sum(len(visitor.acknowledged) for visitor in visitors) < acknowledged + events:
        threading.Event().wait(0.01)
    server.kill()


def browse_all(visitors: list[Visitor], *, at_most: int = 1_000_000) -> None:
    with ThreadPoolExecutor(len(visitors)) as pool:
        for done in [pool.submit(visitor.browse, at_most) for visitor in visitors]:
            done.result()


@pytest.mark.process
def test_kill_during_full_load_loses_nothing_and_splits_no_visit(served: Served) -> None:
    server = served.server
    visitors = [Visitor(number, server.port, served.domain) for number in range(1, VISITORS + 1)]
    for _ in range(2):
        with ThreadPoolExecutor(1) as other:
            killed = other.submit(kill_after, KILLED_AFTER_EVENTS, visitors, server)
            browse_all(visitors)
            killed.result()
        server.start()
    browse_all(visitors, at_most=3)

    acknowledged = Counter(path for visitor in visitors for path in visitor.acknowledged)
    unanswered = {path for visitor in visitors for path in visitor.sent} - set(acknowledged)
    assert len(acknowledged) >= 2 * KILLED_AFTER_EVENTS
    assert len(unanswered) <= VISITORS * 2

    counted: dict[str, int] = {}
    while True:
        query = {
            "site_id": served.domain,
            "metrics": ["pageviews"],
            "date_range": "24h",
            "dimensions": ["event:page"],
            "pagination": {"limit": 10_000, "offset": len(counted)},
        }
        answer = server.post("/api/v2/query", query, {"Authorization": f"Bearer {served.key}"})
        counted |= {row["dimensions"][0]: row["metrics"][0] for row in answer["results"]}
        if len(answer["results"]) < 10_000:
            break
    assert {path: counted.get(path) for path in acknowledged} == dict.fromkeys(acknowledged, 1)
    assert all(path in unanswered and number == 1 for path, number in counted.items() if path not in acknowledged)

    totals = {"site_id": served.domain, "metrics": ["visits", "visitors", "bounce_rate"], "date_range": "24h"}
    answer = server.post("/api/v2/query", totals, {"Authorization": f"Bearer {served.key}"})
    assert answer["results"][0]["metrics"] == [VISITORS, VISITORS, 0]


@pytest.mark.process
def test_case_49_fifty_at_once_then_killed(served: Served) -> None:
    server, together = served.server, threading.Barrier(50)
    body = {"n": "pageview", "u": "https://www.shop.example/Tea/?x=1#top", "d": served.domain}

    def send() -> str:
        together.wait(timeout=30)
        return str(server.post("/api/event", body, {"User-Agent": BROWSER, "X-Forwarded-For": "203.0.113.9"}))

    with ThreadPoolExecutor(50) as pool:
        answers = [sent.result() for sent in [pool.submit(send) for _ in range(50)]]
    server.kill()
    assert answers == ["ok"] * 50
    server.start()
    query = {"site_id": served.domain, "metrics": ["events", "pageviews", "visits"], "date_range": "24h"}
    answer = server.post("/api/v2/query", query, {"Authorization": f"Bearer {served.key}"})
    assert answer["results"] == [{"dimensions": [], "metrics": [50, 50, 1]}]

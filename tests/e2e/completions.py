"""Goals that servers report, many at once."""

import json
import urllib.error
import urllib.request
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from tests.e2e.server import ServerProcess


def completion_status(
    server: ServerProcess, key: str, site: str, body: dict[str, object], idempotency_key: str = ""
) -> int:
    """Report a goal and return the status of the answer, 0 where there was none."""
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    if idempotency_key:
        headers["Idempotency-Key"] = idempotency_key
    request = urllib.request.Request(
        f"{server.url}/api/v1/goals?site_id={site}", json.dumps(body).encode(), headers, method="POST"
    )
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as refused:
        with refused:
            return refused.code
    except (urllib.error.URLError, ConnectionError):
        return 0


def completion_statuses(servers: Sequence[ServerProcess], key: str, site: str) -> list[int]:
    """Return what 200 equal reports at once under one Idempotency-Key are answered, sent to the servers in turn."""
    body: dict[str, object] = {"name": "signup", "visitor_id": "ann", "metadata": {"plan": "pro"}}

    def report(number: int) -> int:
        return completion_status(servers[number % len(servers)], key, site, body, "order-17")

    with ThreadPoolExecutor(200) as pool:
        return list(pool.map(report, range(200)))

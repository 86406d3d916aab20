#!/usr/bin/env bash
# One million events over HTTP: `tests/benchmarks/import_million.sh`.
source "$(dirname "$0")/server.sh"
$python - >"$DATA_DIR/events.ndjson" <<'PYTHON'
import json
import random
from datetime import datetime, timedelta

random.seed(3)
start = datetime(2026, 9, 1)
agents = [("Chrome", "124.0", "Windows", "10", "Desktop"), ("Safari", "17.4", "iOS", "17.4", "Mobile")]
for number in range(1_000_000):
    visitor = random.randrange(250_000)
    browser, browser_version, os, os_version, screen_size = agents[visitor % 2]
    event = {
        "timestamp": (start + timedelta(seconds=random.randrange(60 * 86_400))).isoformat() + "Z",
        "visitor_id": f"v_{visitor * 2_654_435_761:016x}",
        "hostname": "bench.example",
        "pathname": f"/page/{random.randrange(5_000)}",
        "referrer": ["https://www.google.com/", "https://t.co/x", ""][visitor % 3],
        "browser": browser,
        "browser_version": browser_version,
        "os": os,
        "os_version": os_version,
        "screen_size": screen_size,
        "country_code": ["DE", "FR", "US", "GB"][visitor % 4],
    }
    if number % 7 == 0:
        event |= {"name": "Signup", "props": {"plan": "pro"}}
    print(json.dumps(event, separators=(",", ":")))
PYTHON
echo "before:" && memory
time curl -s -T "$DATA_DIR/events.ndjson" -X POST -H "Authorization: Bearer $key" "$url/api/v1/sites/bench.example/events/import"
echo && echo "after:" && memory

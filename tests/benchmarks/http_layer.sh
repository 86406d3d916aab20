#!/usr/bin/env bash
# What HTTP adds to the statement of a small report: `tests/benchmarks/http_layer.sh [REQUESTS]`. The server logs how
# long each statement took; the rest of a request's time, seen from the client, is the layer above it.
export LOG_LEVEL=DEBUG
source "$(dirname "$0")/server.sh"
$python - "$url" "$key" "$DATA_DIR/serve.log" "${1:-300}" <<'PYTHON'
import http.client
import json
import re
import statistics
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

url, key, log, requests = sys.argv[1], sys.argv[2], Path(sys.argv[3]), int(sys.argv[4])
connection = http.client.HTTPConnection(urlsplit(url).netloc)
head = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}


def ask(path, body):
    connection.request("POST", path, body, head)
    answer = connection.getresponse()
    text = answer.read()
    assert answer.status == 200, text


now = datetime.now(UTC)
lines = (
    {"timestamp": str(now - timedelta(minutes=n * 3)), "visitor_id": f"{n % 2500}", "pathname": f"/{n % 40}"}
    for n in range(13_000)
)
ask("/api/v1/sites/bench.example/events/import", "\n".join(map(json.dumps, lines)))
query = {
    "site_id": "bench.example",
    "date_range": "30d",
    "metrics": ["visitors", "visits", "pageviews", "bounce_rate", "visit_duration"],
}
times = []
for number in range(requests + 20):
    started = time.perf_counter()
    ask("/api/v2/query", json.dumps(query))
    if number >= 20:
        times.append((time.perf_counter() - started) * 1000)
statements = [float(found) for found in re.findall(r"event store, query: ([\d.]+) ms", log.read_text())][-requests:]
assert len(statements) == requests, "the log has another number of statements"
whole, statement = statistics.median(times), statistics.median(statements)
print(f"request {whole:.1f} ms, statement {statement:.1f} ms, layer {whole - statement:.1f} ms (medians of {requests})")
PYTHON

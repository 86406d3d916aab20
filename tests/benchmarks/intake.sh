#!/usr/bin/env bash
# Intake beside a bare endpoint, in one run: `tests/benchmarks/intake.sh [SECONDS]`. VISITORS=400000 makes nearly every
# request a new visitor.
source "$(dirname "$0")/server.sh"
seconds=${1:-10}
load=tests/benchmarks/intake.lua
PYTHONPATH=tests/benchmarks .venv/bin/uvicorn bare_endpoint:application --port $((port + 1)) --no-access-log \
    --log-level error --lifespan off >/dev/null 2>&1 &
started+=("$!")
sleep 2

measure() { wrk -t1 -c32 -d"${seconds}s" --latency -s "$load" "$1" | grep -E 'Requests/sec|50%|99%|Non-2xx' || true; }

for round in 1 2 3; do
    echo "round $round, bare endpoint"
    measure "http://127.0.0.1:$((port + 1))"
    echo "round $round, Footfall"
    measure "$url"
    memory
done
echo "Footfall at half load"
PAUSE_MS=5 measure "$url"
curl -s "$url/api/health"
echo

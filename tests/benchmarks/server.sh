# Sourced by the benchmarks: a server with one site, bench.example, in a temporary directory; all of it goes at the end.
set -euo pipefail
cd "$(dirname "$0")/../.."
python=.venv/bin/python
DATA_DIR=$(mktemp -d)
export DATA_DIR
port=${PORT:-8790}
url=http://127.0.0.1:$port
started=()
finish() {
    for process in "${started[@]}"; do kill "$process" 2>/dev/null && wait "$process" 2>/dev/null || true; done
    rm -rf "$DATA_DIR"
}
trap finish EXIT

$python manage.py migrate --verbosity 0
team=$($python manage.py provision team --name Bench --owner bench@bench.example --json)
team_id=$($python -c 'import json, sys; print(json.loads(sys.argv[1])["team_id"])' "$team")
key=$($python -c 'import json, sys; print(json.loads(sys.argv[1])["api_key"])' "$team")
$python manage.py provision site --domain bench.example --team "$team_id" --json >/dev/null
$python manage.py serve --port "$port" >"$DATA_DIR/serve.log" 2>&1 &
server=$!
started+=("$server")
until curl -sf "$url/api/health" >/dev/null; do sleep 0.2; done

memory() { grep -E 'VmHWM|RssAnon|RssFile' "/proc/$server/status" | tr -s '\t\n ' ' '; echo; }

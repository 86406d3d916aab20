"""The gate to the event store: values in and out, exactly-once inserts, errors without the database's own words."""

import os
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

import pytest

from analytics_project.env import BadSetting
from analytics_project.errors import AppError, InvalidQuery, StoreTimeout, StoreUnavailable
from stats.store.client import EventStore, open_store
from stats.store.schema import COMPUTED_COLUMNS, EVENT_COLUMNS, SESSION_COLUMNS

ROOT = Path(__file__).resolve().parents[3]


def event_line(site_id: int, day: str, visitor_id: int) -> bytes:
    visit = '"","","Direct","","","","","","","DE","DE-BE","",2950159,"Desktop","Firefox","128.0","Ubuntu",""'
    own = '"pageview","shop.example","/Tea",[],[],null,"",null,"",0,0'
    return f'[{site_id},"{day}",{visitor_id},7,"{day} 12:00:00",{own},{visit}]\n'.encode()


def count(store: EventStore, table: str, site_id: int) -> int:
    rows = store.read_rows(
        f"SELECT count() AS n FROM {table} WHERE site_id = {{site:UInt32}}", {"site": site_id}, tag="test"
    )
    return int(rows[0]["n"])


def test_read_rows_returns_plain_values_by_column_name(store: EventStore) -> None:
    rows = store.read_rows(
        "SELECT {id:UInt64} AS id, {text:String} AS text, toDateTime({at:UInt32}, 'UTC') AS at,"
        " toDate('2026-01-31') AS day, toDecimal64('12.50', 3) AS amount, nan AS ratio, ['a', 'b'] AS keys",
        {"id": 2**64 - 1, "text": "O'Hara\\\n\t{x}", "at": 1_769_860_800},
        tag="test",
    )
    assert rows == [
        {
            "id": 2**64 - 1,
            "text": "O'Hara\\\n\t{x}",
            "at": "2026-01-31 12:00:00",
            "day": "2026-01-31",
            "amount": "12.5",
            "ratio": None,
            "keys": ["a", "b"],
        }
    ]


def test_read_rows_without_a_match_is_empty(store: EventStore) -> None:
    assert store.read_rows("SELECT 1 AS one WHERE 0", tag="test") == []


def test_schema_module_lists_the_columns_the_store_has(store: EventStore) -> None:
    def columns(table: str) -> Sequence[str]:
        sql = "SELECT name FROM system.columns WHERE database = currentDatabase() AND table = {t:String} "
        sql += "ORDER BY position"
        return tuple(row["name"] for row in store.read_rows(sql, {"t": table}, tag="test"))

    assert columns("events") == EVENT_COLUMNS + COMPUTED_COLUMNS
    assert columns("sessions") == SESSION_COLUMNS + COMPUTED_COLUMNS


def test_insert_repeated_under_its_token_counts_once_across_partitions(store: EventStore) -> None:
    body = event_line(900_001, "2026-01-31", 1) + event_line(900_001, "2026-02-01", 2)
    store.insert_lines("events", EVENT_COLUMNS, body, token="first")
    store.insert_lines("events", EVENT_COLUMNS, body, token="first")
    assert count(store, "events", 900_001) == 2
    store.insert_lines("events", EVENT_COLUMNS, body, token="second")
    assert count(store, "events", 900_001) == 4


def test_insert_cut_short_between_partitions_is_completed_under_its_token(store: EventStore) -> None:
    january, february = event_line(900_004, "2026-01-31", 1), event_line(900_004, "2026-02-01", 2)
    store.insert_lines("events", EVENT_COLUMNS, january, token="cut")
    store.insert_lines("events", EVENT_COLUMNS, january + february, token="cut")
    assert count(store, "events", 900_004) == 2


def test_insert_of_visit_states_repeated_under_its_token_leaves_the_sums(store: EventStore) -> None:
    visit = '"","","Direct","","","","","","","","","",0,"","","","",""'

    def state(day: str, sign: int, events: int) -> str:
        times = f'"{day} 12:00:00","{day} 12:00:0{events}",{events}'
        return f'[900002,"{day}",1,7,{sign},{times},{events},{events},0,"/","h","/","h",[],[],{visit},1,"{day}",0,0]\n'

    body = (state("2026-01-31", -1, 1) + state("2026-01-31", 1, 2) + state("2026-02-01", 1, 1)).encode()
    for _ in range(2):
        store.insert_lines("sessions", SESSION_COLUMNS, body, token="visits")
    rows = store.read_rows(
        "SELECT sum(sign) AS visits, sum(sign * pageviews) AS pageviews FROM sessions WHERE site_id = 900002",
        tag="test",
    )
    assert rows == [{"visits": 1, "pageviews": 2}]


@pytest.mark.parametrize(
    ("sql", "parameters", "kind"),
    [
        ("SELECT {n:UInt8} AS n", {"n": "many"}, InvalidQuery),
        ("SELECT match('a', {p:String}) AS found", {"p": "("}, InvalidQuery),
        ("SELECT secret FROM missing_table", {}, StoreUnavailable),
        ("SELECT throwIf(1, 'secret') AS x", {}, AppError),
    ],
    ids=["value", "pattern", "table", "our-mistake"],
)
def test_failure_becomes_our_error_without_the_databases_words(
    store: EventStore, sql: str, parameters: dict[str, object], kind: type[AppError]
) -> None:
    with pytest.raises(AppError) as caught:
        store.read_rows(sql, parameters, tag="test")
    assert type(caught.value) is kind
    assert "DB::Exception" not in caught.value.message
    assert "secret" not in caught.value.message


def test_query_over_its_time_limit_is_a_timeout(store: EventStore) -> None:
    with pytest.raises(StoreTimeout):
        store.read_rows(
            "SELECT sum(sipHash64(number)) AS n FROM numbers(100000000000)",
            tag="test",
            settings={"max_execution_time": 1},
        )


def test_malformed_rows_store_nothing(store: EventStore) -> None:
    with pytest.raises(AppError):
        store.insert_lines("events", EVENT_COLUMNS, event_line(900_003, "2026-01-31", 1) + b"[1,2]\n", token="broken")
    assert count(store, "events", 900_003) == 0


def test_threads_read_side_by_side(store: EventStore) -> None:
    answers: list[int] = []

    def read(n: int) -> None:
        answers.extend(row["n"] for row in store.read_rows("SELECT {n:UInt32} AS n", {"n": n}, tag="test"))

    threads = [threading.Thread(target=read, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == list(range(8))


def test_second_process_is_refused_with_a_way_out(store: EventStore) -> None:
    store.ping()
    program = (
        "import sys; from stats.store.client import open_store\n"
        "from analytics_project.errors import StoreUnavailable\n"
        "try: open_store(sys.argv[1]).ping()\n"
        "except StoreUnavailable as problem: print(problem.message)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, store.url], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert "held by another process" in done.stdout
    assert "--url" in done.stdout
    assert "EVENTS_URL" in done.stdout


def test_use_after_fork_is_refused(store: EventStore, monkeypatch: pytest.MonkeyPatch) -> None:
    store.ping()
    monkeypatch.setattr(os, "getpid", lambda: -1)
    with pytest.raises(StoreUnavailable, match="forked"):
        store.ping()


@pytest.mark.parametrize(
    ("url", "cluster"),
    [
        ("chdb://relative/path", ""),
        ("chdb:///", ""),
        ("postgres://db/x", ""),
        ("clickhouse://", ""),
        ("chdb:///tmp/x", "main"),
        ("clickhouse://db/x", "main' ; DROP"),
    ],
)
def test_url_that_names_no_store_stops_the_start(url: str, cluster: str) -> None:
    with pytest.raises(BadSetting):
        open_store(url, cluster=cluster)


def test_server_url_opens_nothing_before_the_first_statement() -> None:
    assert open_store("clickhouses://u:p@db.example:9440/footfall", cluster="main").embedded_path is None


def test_server_that_is_away_is_unavailable() -> None:
    with pytest.raises(StoreUnavailable):
        open_store("clickhouse://127.0.0.1:9/footfall").ping()

"""Rows of a site are removed from every table that has any, and nobody else's."""

import itertools

import orjson
import pytest

from analytics_project import clock
from stats.store.client import EventStore
from stats.store.erasures import TABLES, ErasedRows, count_events, erase_rows, has_rows
from stats.store.import_tables import NAME_PREFIX
from stats.store.imported_rows import insert_imported_rows
from stats.store.intake_counts import add_intake_counts

NOON = clock.unix_seconds() // 60 * 60 - 600  # counts of intake are dropped after 90 days
_sites = itertools.count(910_000)
COLUMNS = {
    "events": ("site_id", "day", "timestamp"),
    "sessions": ("site_id", "day", "start", "sign", "session_id"),
}


@pytest.fixture
def store(small_store: EventStore) -> EventStore:
    return small_store


def fill(store: EventStore, site: int, at: int) -> None:
    """Write a row of a site at an instant into every table."""
    for number, (table, columns) in enumerate(COLUMNS.items()):
        row = [site, "2025-10-09", at, *([1, at] if table == "sessions" else [])]
        store.insert_lines(table, columns, orjson.dumps(row), token=f"{site}{at}{number}")
    store.insert_lines("payments", ("site_id", "paid_at"), orjson.dumps([site, at]), token="")
    identity = ("site_id", "visitor_id", "user_id", "identified_at")
    store.insert_lines("identities", identity, orjson.dumps([site, at - NOON, 9, f"{at}.000001"]), token="")
    add_intake_counts(store, [(site, at, "buffered", 1, 1)], token=f"{site}{at}")
    totals = {"site_id": site, "import_id": at, "report": "visitors", "day": "2025-10-09", "visitors": 1}
    insert_imported_rows(store, orjson.dumps(totals), token=f"{site}{at}totals")
    journal = ("site_id", "digest", "state", "name", "changed_at")
    store.insert_lines("imports", journal, orjson.dumps([site, f"{at}", 2, "x", at]), token=f"{site}{at}x")


def rows_left(store: EventStore, site: int) -> list[int]:
    found = []
    for table in TABLES:
        sql = f"SELECT count() AS n FROM {table.name} WHERE site_id = {{site:UInt32}}"
        found.append(int(store.read_rows(sql, {"site": site}, tag="test")[0]["n"]))
    return found


def test_all_rows_of_a_site_go_and_those_of_others_stay(store: EventStore) -> None:
    site, other = next(_sites), next(_sites)
    for number in (site, other):
        fill(store, number, NOON)
    assert erase_rows(store, ErasedRows(site)) == 1
    assert (rows_left(store, site), rows_left(store, other)) == ([0, 0, 0, 0, 0, 0, 0], [1, 1, 1, 1, 1, 1, 1])
    assert (has_rows(store, ErasedRows(site)), has_rows(store, ErasedRows(other))) == (False, True)
    assert erase_rows(store, ErasedRows(site)) == 0


def test_rows_from_an_instant_on_stay(store: EventStore) -> None:
    site = next(_sites)
    for at in (NOON, NOON + 60):
        fill(store, site, at)
    assert erase_rows(store, ErasedRows(site, before=NOON + 60)) == 1
    assert rows_left(store, site) == [1, 1, 1, 1, 1, 2, 2]
    assert not has_rows(store, ErasedRows(site, before=NOON + 60))


def test_no_table_with_rows_of_sites_is_left_out(store: EventStore) -> None:
    sql = "SELECT DISTINCT table FROM system.columns WHERE database = currentDatabase() AND name = 'site_id'"
    found = {row["table"] for row in store.read_rows(sql, tag="test")}
    assert {name for name in found if not name.startswith(NAME_PREFIX)} == {table.name for table in TABLES}


def test_rows_of_one_visitor_go_and_those_of_others_stay(store: EventStore) -> None:
    site = next(_sites)
    fill(store, site, NOON)  # by the visitor 0
    row = [site, "2025-10-09", NOON, 7]
    store.insert_lines("events", (*COLUMNS["events"], "visitor_id"), orjson.dumps(row), token=f"visitor{site}")
    assert [count_events(store, ErasedRows(site, visitor_id=number)) for number in (0, 7, 2**64 - 1)] == [1, 1, 0]
    assert erase_rows(store, ErasedRows(site, visitor_id=7)) == 1
    assert rows_left(store, site) == [1, 1, 1, 1, 1, 1, 1]
    assert erase_rows(store, ErasedRows(site, visitor_id=0)) == 1
    assert rows_left(store, site) == [0, 0, 0, 1, 1, 1, 0]
    assert not has_rows(store, ErasedRows(site, visitor_id=0))


def test_user_who_is_erased_is_nobody_any_more(store: EventStore) -> None:
    site = next(_sites)
    for at in (NOON, NOON + 60):  # the visitors 0 and 60 are the user 9
        fill(store, site, at)
    erase_rows(store, ErasedRows(site, visitor_id=9))
    assert rows_left(store, site) == [2, 2, 0, 2, 2, 2, 2]


def test_imported_totals_go_by_import_or_by_date(store: EventStore) -> None:
    site = next(_sites)
    for at in (NOON, NOON + 60):
        fill(store, site, at)
    assert count_events(store, ErasedRows(site, import_id=NOON)) == 0
    assert erase_rows(store, ErasedRows(site, import_id=NOON)) == 0
    assert rows_left(store, site) == [2, 2, 2, 2, 2, 1, 2]
    assert not has_rows(store, ErasedRows(site, import_id=NOON))
    erase_rows(store, ErasedRows(site, before=1, imported_before="2025-10-09"))
    assert rows_left(store, site) == [2, 2, 2, 2, 2, 1, 2]
    erase_rows(store, ErasedRows(site, before=1, imported_before="2025-10-10"))
    assert rows_left(store, site) == [2, 2, 2, 2, 2, 0, 2]

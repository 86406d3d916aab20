"""A query of one site never reads another's rows: shown of every statement by its structure, and of answers by example.

The other site has the same visitors and visits, so that a join or a sub-query that forgot the site would meet them.
"""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from typing import Any
from unittest import mock

import pytest
import time_machine

from accounts.models import Site
from analytics_project.errors import InvalidQuery
from stats.api.answers import answer
from stats.query.run import QueryResult
from stats.query.types import QueryParams
from stats.store.client import EventStore
from tests.factories import make_segment
from tests.stats.query.asking import Asker, new_asker, with_goals
from tests.stats.query.every_query import every_query
from tests.stats.query.fixtures import FIXTURE_A
from tests.stats.query.recorded import DAY, custom
from tests.stats.query.table_reads import QUERY_TAGS, table_reads

PRICING = ["is", "event:page", ["/pricing"]]
ANALYSES: tuple[tuple[str, dict[str, Any]], ...] = (
    ("funnel", {"steps": [PRICING, "Signup"]}),
    (
        "funnel",
        {"steps": ["Visit /blog/*", "Deep read"], "unit": "visits", "within": 60, "dimensions": ["visit:source"]},
    ),
    ("funnel", {"steps": [PRICING, "Pro signup"], "dimensions": ["visit:exit_page"], "include": {"total_rows": True}}),
    ("retention", {"interval": "day"}),
    ("retention", {"interval": "month", "date_range": ["2025-03-10T01:00:00Z", "2025-03-10T22:00:00Z"]}),
    ("retention", {"first": PRICING, "returning": "Signup"}),
    ("journeys", {}),
    ("journeys", {"goals": "all", "include": {"total_rows": True}}),
    ("journeys", {"to": {"goal": "Signup"}, "depth": 2}),
    ("journeys", {"from": {"page": "/pricing"}}),
)
SITE_CONDITION = re.compile(r"site_id = \{site:UInt32\}")


@dataclass(frozen=True)
class Asked:
    """A statement that the event store was asked to read by."""

    sql: str
    parameters: Mapping[str, object]
    tag: str


@pytest.fixture
def store(small_store: EventStore) -> EventStore:
    """One with few parts: what alters tables or removes rows goes over all parts."""
    return small_store


@pytest.fixture
def asker(store: EventStore, db: None) -> Iterator[Asker]:
    """The contract's fixture A with goals and revenue, asked on its day."""
    asker = with_goals(
        new_asker(store),
        {"event_name": "Signup", "currency": "EUR"},
        {"event_name": "Signup", "display_name": "Pro signup", "custom_props": {"plan": "pro"}},
        {"page_path": "/blog/*"},
        {"page_path": "/blog/*", "display_name": "Deep read", "scroll_threshold": 75},
    )
    asker.record(*FIXTURE_A, custom("16:00", "u5", "Signup", amount="12.500"))
    with time_machine.travel(f"{DAY}T18:00:00Z", tick=False):
        yield asker


@contextmanager
def collected(*, reading: bool) -> Iterator[list[Asked]]:
    """Collect every statement read by within; without `reading` none is run, and each finds no row."""
    asked: list[Asked] = []
    read = EventStore.read_rows

    def collect(store: EventStore, sql: str, parameters: Mapping[str, object] | None = None, **more: Any) -> Any:
        asked.append(Asked(sql, parameters or {}, more["tag"]))
        return read(store, sql, parameters, **more) if reading or more["tag"] != "query" else []

    with mock.patch.object(EventStore, "read_rows", collect):
        yield asked


def answers(asker: Asker, *, each: int = 1) -> dict[QueryParams, QueryResult]:
    """Return the answers to the queries that mean something, of `each` so many only one."""
    found = {}
    for params in islice(every_query(), 0, None, each):
        try:
            found[params] = answer(asker.site, params)
        except InvalidQuery:
            continue
    return found


def ask_over_http(asker: Asker) -> list[Any]:
    """Return what the endpoints answer to questions that only they ask."""
    site = Site.objects.get(pk=asker.site.id)
    numbers = [make_segment(site, ["is", "visit:browser", [name]]).pk for name in ("Chrome", "Safari")]
    either = ["or", [["is", "segment", numbers], ["is", "visit:exit_page", ["/pricing"]]]]
    bodies = [
        asker.ask(["visitors", "pageviews"], filters=[either]),
        asker.ask(["visitors"], ["time", "event:page"], date_range="all", include={"total_rows": True}),
    ]
    compared = {"compare": "previous_period", "metrics": "visitors,pageviews,visits"}
    bodies.append(asker.get("aggregate", **compared))
    bodies.append(asker.get("timeseries", metrics="visitors,pageviews,visit_duration"))
    for name in ("visit:source", "event:page", "event:goal", "visit:exit_page", "event:props:plan", "visit:os_version"):
        bodies.append(asker.get("breakdown", property=name, metrics="visitors,pageviews", compare="previous_period"))
    bodies.append(asker.get("realtime/visitors", period=None, date=None))
    for name, question in ANALYSES:
        for filters in ([], [either], [["has_done", ["is", "event:goal", ["Signup"]]]]):
            bodies.append(asker.analysed(name, filters=filters, **question))
    return bodies


def mirror(store: EventStore, site_id: int, other_id: int) -> None:
    """Give another site the same visits: each row as it is, with other values, and its states of visits as replaced."""
    events = "concat('x', pathname) AS pathname, 'Signup' AS name, 'Leak' AS source, 'Leak' AS browser"
    visits = (
        "'/leak' AS entry_page, '/pricing' AS exit_page, 'Leak' AS source, 'Leak' AS browser, duration + 7 AS duration"
    )
    copies = [("events", ""), ("events", f", {events}"), ("sessions", ""), ("sessions", f", {visits}")]
    for table, changes in (*copies, ("sessions", ", -1 AS sign")):
        store.execute(
            f"INSERT INTO {table} SELECT * REPLACE ({{other:UInt32}} AS site_id{changes}) "
            f"FROM (SELECT * FROM {table} WHERE site_id = {{site:UInt32}})",
            {"site": site_id, "other": other_id},
            tag="test",
        )


def test_every_statement_reads_each_table_for_the_one_site(asker: Asker, store: EventStore) -> None:
    with collected(reading=False) as asked:
        assert len(answers(asker)) > 600
    with collected(reading=True) as more:
        ask_over_http(asker)
    assert {one.tag for one in (*asked, *more)} == QUERY_TAGS
    statements = {one.sql: one for one in (*asked, *more)}
    assert len(statements) > 400
    tables = set()
    for one in statements.values():
        found = table_reads(store, one.sql, one.parameters)
        assert {read.sites for read in found} == {frozenset({asker.site.id})}, one
        tables |= {read.table for read in found}
    assert {"events", "sessions"} <= tables


@pytest.mark.parametrize("broken", ["1", "(site_id = {site:UInt32} OR sign = 1)", "site_id > {site:UInt32}"])
def test_a_statement_that_forgets_the_site_in_one_place_is_found(asker: Asker, store: EventStore, broken: str) -> None:
    with collected(reading=False) as asked:
        answers(asker, each=17)
    places = [(one, place) for one in asked for place in SITE_CONDITION.finditer(one.sql)]
    assert len(places) > len(asked) > 15
    for one, place in places:
        text = one.sql[: place.start()] + broken + one.sql[place.end() :]
        assert frozenset() in {read.sites for read in table_reads(store, text, one.parameters)}, text


@pytest.mark.parametrize(
    ("sql", "sites"),
    [
        ("SELECT name FROM events", [set()]),
        ("SELECT name FROM events WHERE site_id = 7", [{7}]),
        ("SELECT name FROM events PREWHERE 7 = site_id WHERE 1", [{7}]),
        ("SELECT name FROM events WHERE NOT site_id = 7", [set()]),
        ("SELECT name FROM events WHERE (site_id = 7 AND 1) OR 0", [set()]),
        ("SELECT name FROM events WHERE site_id = 7 AND site_id = 8", [{7, 8}]),
        ("SELECT name FROM events WHERE site_id IN [7, 8] AND name = 'x'", [{7, 8}]),
        ("SELECT name FROM events WHERE site_id NOT IN [7, 8]", [set()]),
        ("SELECT name FROM events WHERE site_id IN [7, 8] OR name = 'x'", [set()]),
        ("SELECT name FROM events WHERE site_id IN (SELECT site_id FROM sessions)", [set(), set()]),
        ("SELECT name FROM events WHERE site_id = 7 AND session_id IN sessions", [{7}, set()]),
        ("SELECT 1 FROM (SELECT name FROM events UNION ALL SELECT name FROM events WHERE site_id = 7)", [set(), {7}]),
        ("SELECT 1 FROM events AS e JOIN sessions AS s USING (session_id) WHERE e.site_id = 7", [{7}, set()]),
        ("SELECT 1 FROM events AS e, sessions AS s WHERE e.site_id = 7 AND s.site_id = 7", [{7}, {7}]),
        ("WITH v AS (SELECT session_id FROM sessions) SELECT 1 FROM v WHERE site_id = 7", [set()]),
        ("SELECT name FROM default.events WHERE name = 'x, site_id = 7'", [set()]),
    ],
)
def test_reads_are_told_from_the_tree(store: EventStore, sql: str, sites: list[set[int]]) -> None:
    found = [set(read.sites) for read in table_reads(store, sql, None)]
    assert sorted(found, key=sorted) == sorted(sites, key=sorted)


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT 7 AS site_id, name FROM events WHERE site_id = 7",
        "SELECT name FROM merge('events|sessions') WHERE site_id = 7",
        "SELECT dictGet('names', 'name', 1) AS name",
    ],
)
def test_readings_that_no_condition_binds_are_refused(store: EventStore, sql: str) -> None:
    with pytest.raises(AssertionError):
        table_reads(store, sql, None)


def test_other_sites_rows_change_no_answer(asker: Asker, store: EventStore) -> None:
    other = new_asker(store)
    mirror(store, asker.site.id, other.site.id)
    by_event = {"filters": [["is_not", "event:name", ["nothing"]]]}
    assert other.total("pageviews events", **by_event) == [6, 23]
    beside = answers(asker, each=12), str(ask_over_http(asker))
    for table in ("events", "sessions"):
        store.execute(
            f"ALTER TABLE {table} DELETE WHERE site_id = {{site:UInt32}}",
            {"site": other.site.id},
            tag="test",
            settings={"mutations_sync": 2, "max_execution_time": 0},  # late in a run it waits for merges
        )
    assert other.total("pageviews events", **by_event) == [0, 0]
    alone = answers(asker, each=12), str(ask_over_http(asker))
    assert beside == alone
    assert sum(bool(result.rows) for result in alone[0].values()) > 40

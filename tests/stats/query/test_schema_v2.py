"""The published schema of a v2 query and the parser agree about shape; the rest of the suite asks it about each query.

`tests.stats.query.asking` holds every query that is answered 200 against the schema, worked cases among them.
"""

import copy
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import jsonschema_rs
import pytest
from django.test import Client
from hypothesis import given
from hypothesis import strategies as st

from analytics_project.errors import InvalidQuery
from stats.query import schema_v2
from stats.query.dates import FIRST_YEAR, LAST_YEAR
from stats.query.dimensions import DIMENSIONS
from stats.query.metrics import METRICS
from stats.query.parse_v2 import parse_v2
from stats.query.schema_v2 import numbers_to, query_schema
from tests.stats.api.test_v2 import REFUSED
from tests.stats.query.asking import PUBLISHED

QUERY = {"site_id": "shop.example", "metrics": ["visitors"], "date_range": ["2025-03-10", "2025-03-10"]}
# What only the engine can know: the site's goals, the grammar of regular expressions, sums, members that do not fit.
MEANING = {
    "reversed",
    "unknown goal",
    "invalid expression",
    "views by source",
    "views by day",
    "views of a page",
    "bounces by name",
    "pageviews by exit page",
    "order by a stranger",
    "labels without time",
    "too many values",
}
# The contract's table of queries that must be answered 400, as far as shape goes.
MALFORMED: dict[str, dict[str, Any]] = {
    "5001 days": {"date_range": "5001d"},
    "101 months": {"date_range": "101mo"},
    "minus a day": {"date_range": "-1d"},
    "realtime": {"date_range": "realtime"},
    "week": {"date_range": "week"},
    "leading zero": {"date_range": "07d"},
    "one date": {"date_range": ["2025-01-01"]},
    "three dates": {"date_range": ["2025-01-01"] * 3},
    "no offset": {"date_range": ["2025-01-01T00:00:00", "2025-01-02T00:00:00"]},
    "offset of a day": {"date_range": ["2025-01-01T00:00:00+24:00", "2025-01-02T00:00:00+24:00"]},
    "date and instant": {"date_range": ["2025-01-01", "2025-01-02T00:00:00Z"]},
    "month 13": {"date_range": ["2025-13-01", "2025-13-02"]},
    "matching goals": {"filters": [["matches", "event:goal", ["S"]]]},
    "nested goal": {"filters": [["or", [["is", "event:goal", ["S"]], ["is", "event:page", ["/"]]]]]},
    "nested twice": {"filters": [["and", [["not", ["is", "event:goal", ["S"]]]]]]},
    "visits have done": {"filters": [["has_done", ["is", "visit:browser", ["Chrome"]]]]},
    "done within done": {"filters": [["has_done", ["has_not_done", ["is", "event:page", ["/"]]]]]},
    "order by goals": {"dimensions": ["event:goal"], "order_by": [["event:goal", "asc"]]},
    "no query": {"metrics": None, "date_range": None, "site_id": None},
}
WELL_FORMED: dict[str, dict[str, Any]] = {
    **{word: {"date_range": word} for word in ("day", "24h", "7d", "5000d", "1mo", "100mo", "month", "year", "all")},
    "instants": {"date_range": ["2025-03-10T00:00:00.5Z", "2025-03-10 23:59:59+0545"]},
    "cities": {"filters": [["is", "visit:city", [1, 2]], ["is_not", "visit:city", ["1"]]]},
    "no clause": {"filters": [["is", "event:page", []]]},
    "done": {
        "filters": [["and", [["has_done", ["or", [["is", "event:goal", ["S"]], ["is", "event:props:a", ["b"]]]]]]]]
    },
    "empty modifier": {"filters": [["contains", "event:goal", ["S"], {}]]},
    "no country": {"filters": [["is", "visit:country", ["", "EE"]], ["matches", "visit:country", ["^E"]]]},
    "no order": {"order_by": []},
    "property": {"dimensions": ["event:props:\n", "time"], "order_by": [["event:props:\n", "desc"], ["time", "asc"]]},
}


def test_schema_is_public_and_valid(client: Client) -> None:
    answer = client.get("/api/docs/query/schema.json")
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "application/json")
    assert answer.json() == query_schema()
    jsonschema_rs.meta.validate(query_schema())


def parses(body: object) -> bool:
    try:
        parse_v2(body)
    except InvalidQuery:
        return False
    return True


@pytest.mark.parametrize("change", WELL_FORMED.values(), ids=WELL_FORMED.keys())
def test_well_formed_queries_validate(change: dict[str, Any]) -> None:
    query = {**QUERY, **change}
    assert parses(query)
    PUBLISHED.validate(query)


@pytest.mark.parametrize("change", MALFORMED.values(), ids=MALFORMED.keys())
def test_malformed_queries_do_not_validate(change: dict[str, Any]) -> None:
    assert not PUBLISHED.is_valid({**QUERY, **change})


@pytest.mark.parametrize(("name", "change"), [(name, change) for name, (change, _) in REFUSED.items()], ids=str)
def test_queries_answered_400_validate_only_if_their_shape_is_right(name: str, change: dict[str, Any]) -> None:
    assert PUBLISHED.is_valid({**QUERY, **change}) == (name in MEANING)


def test_meanings_are_all_of_the_table() -> None:
    assert MEANING - set(REFUSED) == set()


def test_schema_follows_the_registries(monkeypatch: pytest.MonkeyPatch) -> None:
    clicks, language = replace(METRICS["events"], name="clicks"), replace(DIMENSIONS["visit:os"], name="visit:language")
    monkeypatch.setattr(schema_v2, "METRICS", {**METRICS, "clicks": clicks})
    monkeypatch.setattr(schema_v2, "DIMENSIONS", {**DIMENSIONS, "visit:language": language})
    grown = jsonschema_rs.Draft202012Validator(query_schema())
    query = {
        **QUERY,
        "metrics": ["clicks"],
        "dimensions": ["visit:language"],
        "order_by": [["visit:language", "asc"], ["clicks", "asc"]],
        "filters": [["not", ["is", "visit:language", ["et"]]]],
    }
    assert grown.is_valid(query)
    assert not PUBLISHED.is_valid(query)


@pytest.mark.parametrize("year", [FIRST_YEAR - 1, FIRST_YEAR, LAST_YEAR, LAST_YEAR + 1])
def test_years_of_the_schema_are_those_of_the_engine(year: int) -> None:
    inside = FIRST_YEAR <= year <= LAST_YEAR
    assert PUBLISHED.is_valid({**QUERY, "date_range": [f"{year}-01-01", f"{year}-12-31"]}) == inside


@pytest.mark.parametrize("highest", [1, 9, 10, 11, 99, 100, 101, 120, 999, 1234, 5000])
def test_numbers_up_to_a_highest_are_recognised(highest: int) -> None:
    validator = jsonschema_rs.Draft202012Validator({"pattern": f"^({numbers_to(highest)})$"})
    around = [0, 1, 9, 10, 19, 99, 100, 109, 119, 120, 121, 999, 1000, 1234, 1235, 4999, 5000, 5001, 10000]
    for number in {*around, highest, highest + 1}:
        assert validator.is_valid(str(number)) == (1 <= number <= highest), number
    assert not validator.is_valid("01")


FULL: dict[str, Any] = {
    "site_id": "shop.example",
    "metrics": ["visitors", "pageviews"],
    "date_range": ["2025-03-10", "2025-03-11"],
    "dimensions": ["time:day", "event:props:plan"],
    "filters": [
        ["is", "event:page", ["/"], {"case_sensitive": False}],
        ["or", [["not", ["contains", "visit:source", ["oog"]]], ["has_done", ["matches", "event:name", ["S"]]]]],
        ["is", "visit:city", [1]],
    ],
    "order_by": [["visitors", "desc"]],
    "include": {"total_rows": True},
    "pagination": {"limit": 5, "offset": 1},
}
JUNK: list[Any] = [None, True, 0, -1, 10_001, 2**63, 1.5, "", "x", "is", "7d", [], [[]], ["is"], {}, {"x": 1}, "\0"]


def _places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield path
    members = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, member in members:
        yield from _places(member, (*path, key))


@given(path=st.sampled_from(sorted(_places(FULL), key=repr)), junk=st.sampled_from(JUNK), drop=st.booleans())
def test_what_the_parser_refuses_the_schema_refuses(path: tuple[Any, ...], junk: Any, drop: bool) -> None:
    changed = copy.deepcopy(FULL)
    if not path:
        changed = junk
    else:
        holder: Any = changed
        for key in path[:-1]:
            holder = holder[key]
        if drop:
            del holder[path[-1]]
        else:
            holder[path[-1]] = junk
    assert parses(changed) or not PUBLISHED.is_valid(changed)

"""v2 on the wire: the answer's shape and echo, every refusal of the contract's table, hostile values."""

import re
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest
import time_machine
from django.test import Client

from accounts.selectors import site_ref
from accounts.types import Feature
from stats.store.client import EventStore
from tests.factories import make_key, make_site, make_team
from tests.stats.query.asking import Asker, new_asker
from tests.stats.query.fixtures import FIXTURE_A
from tests.stats.query.recorded import custom, pageview

HOSTILE = [
    "it's",
    '"',
    "\\",
    "\\'",
    "a\tb",
    "a\nb",
    "{p0:String}",
    "%(x)s",
    "%s",
    "{",
    "\0",
    "☃ 𝒳",
    "]",
    "', 1) --",
    "\\N",
]


@pytest.fixture
def asker(store: EventStore, db: None) -> Asker:
    return new_asker(store)


@pytest.fixture
def fixture_a(asker: Asker) -> Asker:
    asker.record(*FIXTURE_A)
    return asker


def test_answer_echoes_the_executed_query(store: EventStore, db: None) -> None:
    asker = new_asker(store, "Europe/Tallinn")
    asker.record(pageview("09:00", "u", country_code="EE"))
    status, body = asker.post(
        {
            "metrics": ["visitors", "pageviews"],
            "dimensions": ["visit:country_name"],
            "filters": [
                ["not", ["is", "visit:os", ["Mac"]]],
                ["contains", "event:page", ["/"], {"case_sensitive": False}],
            ],
            "include": {"total_rows": False, "imports": True},
        }
    )
    assert status == 200
    assert list(body) == ["results", "meta", "query"]
    assert body["results"] == [{"dimensions": ["Estonia"], "metrics": [1, 1]}]
    assert body["meta"] == {"imports_included": False, "imports_skip_reason": "no_imported_data"}
    assert body["query"] == {
        "site_id": asker.site.domain,
        "metrics": ["visitors", "pageviews"],
        "date_range": ["2025-03-10T00:00:00+02:00", "2025-03-10T23:59:59+02:00"],
        "filters": [["not", ["is", "visit:os", ["Mac"]]], ["contains", "event:page", ["/"], {"case_sensitive": False}]],
        "dimensions": ["visit:country_name"],
        "order_by": [["visitors", "desc"]],
        "include": {"imports": True},
        "pagination": {"offset": 0, "limit": 10000},
    }


@pytest.mark.parametrize("zone", ["Etc/UTC", "Europe/London"])
def test_echo_posted_back_gives_the_same_answer(store: EventStore, db: None, zone: str) -> None:
    asker = new_asker(store, zone)
    asker.record(*FIXTURE_A)
    first = asker.ask(
        ["visitors", "bounce_rate"],
        ["time", "visit:browser"],
        filters=[["or", [["is", "visit:country", ["EE"]], ["is_not", "event:page", ["/pricing"]]]]],
        include={"time_labels": True, "total_rows": True},
    )
    assert first["query"]["date_range"][0].endswith("Z" if zone == "Etc/UTC" else "+00:00")
    status, second = asker.post(orjson.dumps(first["query"]))
    assert (status, second) == (200, first)


def test_dimension_values_of_absent_attributes(asker: Asker) -> None:
    asker.record(pageview("09:00", "u"))
    absent = {
        "visit:source": "Direct / None",
        "visit:referrer": "Direct / None",
        "visit:channel": "Direct",
        "visit:utm_medium": "(not set)",
        "visit:device": "(not set)",
        "visit:screen": "(not set)",
        "visit:os_version": "(not set)",
        "visit:country": "",
        "visit:country_name": "",
        "visit:region": "",
        "visit:region_name": "",
        "visit:city": 0,
        "visit:city_name": "",
        "visit:entry_page_hostname": "shop.example",
        "visit:exit_page_hostname": "shop.example",
        "event:props:plan": "(none)",
    }
    assert {name: asker.rows("visitors", name)[0][0] for name in absent} == absent


def test_places_are_shown_by_code_and_by_name(asker: Asker) -> None:
    asker.record(
        pageview("09:00", "u", country_code="US", subdivision1_code="US-MD", city_geoname_id=4347778),
        pageview("09:00", "v", country_code="TW"),
        pageview("09:00", "w", country_code="XK"),
    )
    assert asker.rows("visitors", "visit:country visit:country_name") == [
        ("TW", "Taiwan", [1]),
        ("US", "United States", [1]),
        ("XK", "XK", [1]),
    ]
    rows = asker.rows("visitors", "visit:region visit:region_name visit:city visit:city_name", pagination={"offset": 1})
    assert rows == [("US-MD", "Maryland", 4347778, "4347778", [1])]
    assert asker.total("visitors", filters=[["is", "visit:country_name", ["Taiwan"]]]) == [1]
    assert asker.total(
        "visitors", filters=[["contains", "visit:region_name", ["mary"], {"case_sensitive": False}]]
    ) == [1]
    assert asker.total("visitors", filters=[["is", "visit:city", [4347778, -1, 2**40]]]) == [1]
    assert asker.total("visitors", filters=[["is", "visit:city", ["4347778", "x"]]]) == [1]
    assert asker.total("visitors", filters=[["is", "visit:city", ["(not set)"]]]) == [2]


@time_machine.travel("2025-03-10T12:00:00Z", tick=False)
def test_all_starts_on_the_local_day_of_the_first_event(store: EventStore, db: None) -> None:
    asker = new_asker(store, "Asia/Tokyo")
    assert asker.ask(["visitors"], date_range="all")["query"]["date_range"][0] == "2025-03-10T00:00:00+09:00"
    asker.record(pageview("2024-12-31 18:00", "u"), pageview("2025-01-02 18:00", "u"))
    body = asker.ask(["visitors"], date_range="all")
    assert body["query"]["date_range"] == ["2025-01-01T00:00:00+09:00", "2025-03-10T23:59:59+09:00"]
    assert body["results"][0]["metrics"] == [1]


def test_events_before_a_statistics_reset_do_not_count(store: EventStore, db: None) -> None:
    asker = new_asker(store, stats_reset_at=datetime(2025, 3, 10, 10, tzinfo=UTC))
    asker.record(*FIXTURE_A)
    assert asker.total("visitors pageviews") == [3, 3]


def test_equal_metrics_are_ordered_by_dimensions_across_pages(asker: Asker) -> None:
    asker.record(*(pageview("09:00", f"u{n}", f"/{n}") for n in range(6)))
    pages = [asker.rows("visitors", "event:page", pagination={"limit": 2, "offset": n}) for n in (0, 2, 4, 6)]
    assert [[row[0] for row in page] for page in pages] == [["/0", "/1"], ["/2", "/3"], ["/4", "/5"], []]


def test_other_sites_are_never_counted(fixture_a: Asker) -> None:
    other = new_asker(fixture_a.store)
    other.record(pageview("09:00", "u1", "/pricing"))
    assert fixture_a.total("visitors pageviews") == [4, 6]
    assert other.total("visitors pageviews bounce_rate") == [1, 1, 100]


@pytest.mark.parametrize("value", HOSTILE)
def test_any_text_is_a_value_and_never_sql(asker: Asker, value: str) -> None:
    asker.record(custom("09:00", "u", "Odd", f"/{value}", props={value: value}, source=value), pageview("09:00", "v"))
    body = asker.ask(["visitors"], [f"event:props:{value}"], filters=[["is", "visit:source", [value]]])
    assert body["results"] == [{"dimensions": [value], "metrics": [1]}]
    for operator, dimension, clause in [
        ("is", "event:page", f"/{value}"),
        ("contains", "event:page", value),
        ("is", f"event:props:{value}", value),
        ("matches", "visit:source", f"^{re.escape(value)}$"),
    ]:
        assert asker.total("visitors", filters=[[operator, dimension, [clause]]]) == [1]


@pytest.mark.parametrize("operator", ["is", "contains", "matches"])
def test_empty_clause_lists_match_nothing_or_everything(fixture_a: Asker, operator: str) -> None:
    assert fixture_a.total("visitors", filters=[[operator, "event:page", []]]) == [0]
    negated = "is_not" if operator == "is" else f"{operator}_not"
    assert fixture_a.total("visitors", filters=[[negated, "event:page", []]]) == [4]


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "no metrics": ({"metrics": None}, "metrics"),
    "empty metrics": ({"metrics": []}, "metrics"),
    "metric twice": ({"metrics": ["visitors", "visitors"]}, "metrics[1]"),
    "internal metric": ({"metrics": ["exit_rate"]}, "metrics[0]"),
    "metric of no name": ({"metrics": [1]}, "metrics[0]"),
    "unknown member": ({"property": "event:page"}, "property"),
    "unknown include": ({"include": {"comparisons": True}}, "include.comparisons"),
    "include no flag": ({"include": {"imports": "yes"}}, "include.imports"),
    "include a list": ({"include": []}, "include"),
    "no range": ({"date_range": None}, "date_range"),
    "zero days": ({"date_range": "0d"}, "date_range"),
    "reversed": ({"date_range": ["2025-03-11", "2025-03-10"]}, "date_range"),
    "year 1": ({"date_range": ["0001-01-01", "2025-03-10"]}, "date_range"),
    "time:minute": ({"dimensions": ["time:minute"]}, "time:minute"),
    "no property key": ({"dimensions": ["event:props:"]}, "event:props:"),
    "visit:name": ({"dimensions": ["visit:name"]}, "visit:name"),
    "dimension twice": ({"dimensions": ["visit:os", "visit:os"]}, "dimensions[1]"),
    "dimension as text": ({"dimensions": "visit:os"}, "dimensions"),
    "two times": ({"dimensions": ["time", "time:day"]}, "dimensions"),
    "filters no list": ({"filters": {}}, "filters"),
    "filter as text": ({"filters": ["is"]}, "filters[0]"),
    "and of nothing": ({"filters": [["and", []]]}, "filters[0][1]"),
    "bare not": ({"filters": [["not"]]}, "filters[0]"),
    "clauses as text": ({"filters": [["is", "event:page", "x"]]}, "filters[0][2]"),
    "nested clauses": (
        {"filters": [["or", [["is", "event:page", ["/"]], ["is", "event:page", [5]]]]]},
        "filters[0][1][1][2]",
    ),
    "no clauses": ({"filters": [["is", "event:page"]]}, "filters[0]"),
    "unknown operator": ({"filters": [["exists", "event:page", ["x"]]]}, "filters[0][0]"),
    "private operator": ({"filters": [["matches_wildcard", "event:page", ["x"]]]}, "filters[0][0]"),
    "goal is_not": ({"filters": [["is_not", "event:goal", ["Signup"]]]}, "event:goal"),
    "unknown goal": ({"filters": [["is", "event:goal", ["Signup"]]]}, "event:goal"),
    "number as text": ({"filters": [["is", "visit:os", [1]]]}, "filters[0][2]"),
    "mixed cities": ({"filters": [["is", "visit:city", [1, "2"]]]}, "filters[0][2]"),
    "boolean city": ({"filters": [["is", "visit:city", [True]]]}, "filters[0][2]"),
    "long country": ({"filters": [["is", "visit:country", ["USA"]]]}, "USA"),
    "pattern with modifier": (
        {"filters": [["matches", "event:page", ["x"], {"case_sensitive": False}]]},
        "filters[0][3]",
    ),
    "unknown modifier": ({"filters": [["is", "event:page", ["x"], {"fold": True}]]}, "filters[0][3]"),
    "modifier no flag": ({"filters": [["is", "event:page", ["x"], {"case_sensitive": 1}]]}, "case_sensitive"),
    "nested hostname": ({"filters": [["not", ["is", "event:hostname", ["a"]]]]}, "event:hostname"),
    "time filter": ({"filters": [["is", "time:day", ["2025-03-10"]]]}, "time:day"),
    "invalid expression": ({"filters": [["matches", "event:page", ["["]]]}, ""),
    "views by source": ({"metrics": ["views_per_visit"], "dimensions": ["visit:source"]}, "views_per_visit"),
    "views by day": ({"metrics": ["views_per_visit"], "dimensions": ["time:day"]}, "views_per_visit"),
    "views of a page": ({"metrics": ["views_per_visit"], "filters": [["is", "event:page", ["/"]]]}, "views_per_visit"),
    "bounces by name": ({"metrics": ["bounce_rate"], "dimensions": ["event:name"]}, "bounce_rate"),
    "pageviews by exit page": ({"metrics": ["pageviews"], "dimensions": ["visit:exit_page"]}, "pageviews"),
    "order by a stranger": ({"order_by": [["visits", "asc"]]}, "order_by[0]"),
    "order upwards": ({"order_by": [["visitors", "up"]]}, "order_by[0][1]"),
    "order as text": ({"order_by": "visitors"}, "order_by"),
    "limit 0": ({"pagination": {"limit": 0}}, "pagination.limit"),
    "limit 10001": ({"pagination": {"limit": 10001}}, "pagination.limit"),
    "limit true": ({"pagination": {"limit": True}}, "pagination.limit"),
    "offset -1": ({"pagination": {"offset": -1}}, "pagination.offset"),
    "offset beyond numbers": ({"pagination": {"offset": 2**63}}, "pagination.offset"),
    "unknown pagination": ({"pagination": {"page": 1}}, "pagination.page"),
    "labels without time": ({"include": {"time_labels": True}}, "time_labels"),
    "too many properties": ({"dimensions": [f"event:props:{n}" for n in range(21)]}, "dimensions"),
    "too many values": ({"filters": [["is", "event:page", ["/x"] * 7000]] * 3}, "filters"),
    "too many searches": ({"filters": [["contains", "event:page", ["x"] * 1001]]}, "filters"),
}


@pytest.mark.parametrize(("change", "named"), REFUSED.values(), ids=REFUSED.keys())
def test_bad_queries_are_answered_400_and_named(asker: Asker, change: dict[str, Any], named: str) -> None:
    status, body = asker.post({"metrics": ["visitors"], **change})
    assert status == 400
    assert list(body) == ["error"]
    assert named in body["error"]


def test_deeply_nested_filters_are_refused_without_a_crash(asker: Asker) -> None:
    tree: list[Any] = ["is", "event:page", ["/"]]
    for _ in range(200):
        tree = ["not", tree]
    assert asker.post({"metrics": ["visitors"], "filters": [tree]})[0] == 400
    deep = b'{"site_id":"%s","filters":%s}' % (asker.site.domain.encode(), b"[" * 5000 + b"]" * 5000)
    assert asker.post(deep)[0] == 400


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"null", b'"x"', b"\xff\xfe", b'{"site_id": 7}', b'{"site_id": ""}']
)
def test_bodies_without_a_site_are_400_even_with_a_bad_key(asker: Asker, body: bytes) -> None:
    for key in (asker.key, "wrong"):
        answer = Client().post(
            "/api/v2/query", body, content_type="application/json", headers={"authorization": f"Bearer {key}"}
        )
        assert answer.status_code == 400
        assert list(answer.json()) == ["error"]


def test_keys_open_their_own_sites_only(store: EventStore, db: None) -> None:
    asker = new_asker(store)
    other = new_asker(store)
    query = {"metrics": ["visitors"]}
    assert asker.post(query)[0] == 200
    stranger = Asker(asker.site, other.key, store)
    nobody = Asker(asker.site, "wrong", store)
    assert stranger.post(query) == nobody.post(query)
    assert stranger.post(query)[0] == 401
    assert Client().post("/api/v2/query", orjson.dumps(query), content_type="application/json").status_code == 401
    unknown = asker.post({**query, "site_id": "no-such.example"})
    assert unknown == nobody.post(query)


def test_a_plan_without_the_stats_api_is_402(store: EventStore, db: None) -> None:
    team = make_team(features=[])
    site = make_site(team)
    body = orjson.dumps({"site_id": site.domain, "metrics": ["visitors"], "date_range": "day"})
    key = make_key(team=team).text
    answer = Client().post(
        "/api/v2/query", body, content_type="application/json", headers={"authorization": f"Bearer {key}"}
    )
    assert answer.status_code == 402


def test_properties_need_their_feature_but_for_three_of_every_plan(store: EventStore, db: None) -> None:
    team = make_team(features=[Feature.STATS_API])
    asker = Asker(site_ref(make_site(team)), make_key(team=team).text, store)
    plan_filter = ["or", [["is", "visit:os", ["Mac"]], ["is", "event:props:plan", ["pro"]]]]
    for asked in ({"filters": [plan_filter]}, {"dimensions": ["event:props:plan"]}):
        status, body = asker.post({"metrics": ["visitors"], **asked})
        assert (status, "event:props:plan" in body["error"]) == (400, True)
    assert asker.get("aggregate", filters="event:props:plan==pro")[0] == 402
    assert asker.get("timeseries", filters="event:props:plan==pro")[0] == 402
    assert asker.get("breakdown", property="event:props:plan")[0] == 402
    assert asker.get("breakdown", property="event:props:plan", limit="0")[0] == 400
    for key in ("url", "path", "search_query"):
        assert asker.rows("visitors", f"event:props:{key}") == []
        assert asker.v1("breakdown", property=f"event:props:{key}") == []


def test_public_id_and_trailing_slash_are_accepted_and_get_is_not(asker: Asker) -> None:
    assert asker.post({"metrics": ["visitors"], "site_id": asker.site.public_id})[0] == 200
    body = orjson.dumps({"site_id": asker.site.domain, "metrics": ["visitors"], "date_range": "7d"})
    headers = {"authorization": f"Bearer {asker.key}"}
    assert Client().post("/api/v2/query/", body, content_type="application/json", headers=headers).status_code == 200
    assert Client().get("/api/v2/query", {"site_id": asker.site.domain}, headers=headers).status_code == 405

"""What no request may do to the server: each limit is answered in the API's shape, nothing is a 5xx but 503."""

from typing import Any

import orjson
import pytest
import time_machine
from django.test import Client

from stats import services
from stats.query.build import MAX_PATTERN_STEPS
from stats.store.client import EventStore, Limits
from tests.stats.query.asking import Asker, new_asker
from tests.stats.query.fixtures import FIXTURE_A
from tests.stats.query.recorded import DAY, pageview


@pytest.fixture
def asker(store: EventStore, db: None) -> Asker:
    asker = new_asker(store)
    asker.record(*FIXTURE_A)
    return asker


def limit(monkeypatch: pytest.MonkeyPatch, store: EventStore, limits: Limits) -> None:
    """Put limits on the reads of the process's event store."""
    monkeypatch.setattr(services, "_store", EventStore(store.url, read_limits=limits))


@pytest.mark.parametrize(
    ("limits", "said"),
    [
        pytest.param(Limits(max_seconds=0.000001), "took longer", id="time"),
        pytest.param(Limits(max_bytes=1), "more memory", id="memory"),
    ],
)
def test_reports_over_a_limit_are_503_with_a_way_on(
    asker: Asker, monkeypatch: pytest.MonkeyPatch, limits: Limits, said: str
) -> None:
    limit(monkeypatch, asker.store, limits)
    headers = {"authorization": f"Bearer {asker.key}"}
    query = {"site_id": asker.site.domain, "metrics": ["visitors", "pageviews"], "date_range": [DAY, DAY]}
    body = orjson.dumps({**query, "dimensions": ["event:page"]})
    everyone = {"site_id": asker.site.domain, "date_range": [DAY, DAY]}
    page = ["is", "event:page", ["/pricing"]]
    analyses = {"funnel": {**everyone, "steps": [page, page]}, "retention": everyone, "journeys": everyone}
    v1 = {"site_id": asker.site.domain, "period": "day", "date": DAY, "property": "event:page"}
    answers = [
        Client().post("/api/v2/query", body, content_type="application/json", headers=headers),
        Client().get("/api/v1/stats/breakdown", v1, headers=headers),
        *(
            Client().post(f"/api/v2/{name}", orjson.dumps(more), content_type="application/json", headers=headers)
            for name, more in analyses.items()
        ),
    ]
    for answer in answers:
        assert answer.status_code == 503
        assert int(answer["Retry-After"]) > 0
        assert list(answer.json()) == ["error"]
        assert said in answer.json()["error"]
        assert "DB::" not in answer.json()["error"]


def test_limits_of_reports_do_not_hold_for_writes(store: EventStore) -> None:
    limited = EventStore(store.url, read_limits=Limits(max_bytes=1))
    limited.execute("SELECT uniqExact(number) FROM numbers(300000)", tag="test")


def test_limits_are_the_settings(monkeypatch: pytest.MonkeyPatch, settings: Any, store: EventStore) -> None:
    monkeypatch.setattr(services, "_store", None)
    settings.QUERY_MAX_SECONDS, settings.QUERY_MAX_BYTES = 7, 123_000_000
    names = ("max_execution_time", "max_memory_usage", "max_bytes_before_external_group_by")
    wanted = " ".join(f"getSetting('{name}') AS {name}," for name in names).rstrip(",")
    (row,) = services.event_store().read_rows(f"SELECT {wanted}", tag="test")
    assert [float(row[name]) for name in names] == [7, 123_000_000, 61_500_000]


@pytest.mark.parametrize(
    "pattern",
    [
        pytest.param("|".join(f"a{n}.*b" for n in range(20_000)), id="long alternation"),
        pytest.param("(?:[ab]*a[ab]{2900}[xy]|[ab]*b[ab]{2800}[xz])", id="repetitions"),
        pytest.param("a{1,99999999999999999999999}", id="endless repetition"),
    ],
)
@pytest.mark.parametrize("operator", ["matches", "matches_not"])
def test_patterns_that_could_hang_the_server_are_refused(asker: Asker, operator: str, pattern: str) -> None:
    for filters in ([[operator, "event:page", [pattern]]], [["has_done", [operator, "event:page", [pattern]]]]):
        status, body = asker.post({"metrics": ["visitors"], "filters": filters})
        assert status == 400
        assert "patterns of more than" in body["error"]


def test_patterns_count_together_and_up_to_the_limit_they_work(asker: Asker) -> None:
    most = "|".join(["/pricing"] * (MAX_PATTERN_STEPS // 9))
    assert asker.total("visitors", filters=[["matches", "event:page", [most]]]) == [3]
    status, _ = asker.post({"metrics": ["visitors"], "filters": [["matches", "event:page", [most]]] * 2})
    assert status == 400
    long = "a*" * (MAX_PATTERN_STEPS // 2 + 1)
    assert asker.get("aggregate", filters=f"event:page==/{long}")[0] == 400


@pytest.mark.parametrize(
    "pattern", [r"(a{1,1000}){1,1000}", r"\pL" * 1000, "(" * 2000 + ")" * 2000, "(?P<x>", "*", r"\1", "(?=a)", "a{2,1}"]
)
def test_expressions_are_answered_or_refused(asker: Asker, pattern: str) -> None:
    status, body = asker.post({"metrics": ["visitors"], "filters": [["matches", "event:page", [pattern]]]})
    assert status in {200, 400}, body


def deep(levels: int) -> list[Any]:
    tree: list[Any] = ["is", "event:page", ["/pricing"]]
    for number in range(levels):
        tree = ["not", tree] if number % 2 else ["or", [tree, ["is", "visit:browser", ["Chrome"]]]]
    return tree


FINE: dict[str, tuple[dict[str, Any], list[Any]]] = {
    "ten thousand values": ({"filters": [["is", "event:page", ["/pricing", *map(str, range(9999))]]]}, [3]),
    "values of a megabyte": ({"filters": [["is_not", "event:page", ["x" * 1_000_000]]]}, [4]),
    "a searched megabyte": ({"filters": [["contains", "event:page", ["x" * 1_000_000]]]}, [0]),
    "a thousand searches": ({"filters": [["contains", "event:page", [f"x{n}" for n in range(1000)]]]}, [0]),
    "five hundred filters": ({"filters": [["is_not", "event:page", [f"/{n}"]] for n in range(500)]}, [4]),
    "the deepest tree": ({"filters": [deep(49)]}, [3]),
    "a long property key": ({"filters": [["is", f"event:props:{'k' * 100_000}", ["x"]]]}, [0]),
    "5000 days": ({"date_range": "5000d"}, [4]),
    "100 months": ({"date_range": "100mo"}, [0]),
    "all": ({"date_range": "all"}, [4]),
    "all the dates there are": ({"date_range": ["1970-01-02", "2099-12-31"]}, [4]),
}


@pytest.mark.parametrize(("change", "expected"), FINE.values(), ids=FINE.keys())
@time_machine.travel("2025-03-12T12:00:00Z", tick=False)
def test_large_questions_are_answered(asker: Asker, change: dict[str, Any], expected: list[Any]) -> None:
    assert asker.total("visitors", **change) == expected


REFUSED: dict[str, dict[str, Any]] = {
    "a value too many": {"filters": [["is", "event:page", ["x"] * 10_001]]},
    "a filter too many": {"filters": [["is_not", "event:page", ["x"]]] * 501},
    "a level too many": {"filters": [deep(50)]},
    "a day too many": {"date_range": "5001d"},
    "a number beyond words": {"date_range": "9" * 5000 + "d"},
    "year 1": {"date_range": ["0001-01-01", "0001-01-02"]},
    "year 9999": {"date_range": ["9999-12-31", "9999-12-31"]},
    "all years": {"date_range": ["0001-01-01", "9999-12-31"]},
    "instants of year 1": {"date_range": ["0001-01-01T00:00:00+23:59", "2025-03-10T00:00:00Z"]},
    "instants of year 9999": {"date_range": ["2025-03-10T00:00:00Z", "9999-12-31T23:59:59-23:59"]},
    "more rows than a page": {"pagination": {"limit": 10_001}},
    "dimensions without end": {"dimensions": [f"event:props:{n}" for n in range(5000)]},
    "order without sense": {"order_by": [["x" * 100_000, "asc"]]},
    "metrics without end": {"metrics": ["visitors"] * 5000},
}


@pytest.mark.parametrize("change", REFUSED.values(), ids=REFUSED.keys())
def test_questions_too_large_are_400(asker: Asker, change: dict[str, Any]) -> None:
    status, body = asker.post({"metrics": ["visitors"], **change})
    assert status == 400
    assert list(body) == ["error"]


def test_wide_ranges_have_no_more_labels_than_they_can_hold(asker: Asker) -> None:
    body = asker.ask(["visitors"], ["time:hour"], date_range="5000d", include={"time_labels": True})
    assert len(body["meta"]["time_labels"]) == 120_000
    assert len(body["results"]) < 10


def test_a_page_ends_at_its_limit_and_offsets_have_none(asker: Asker) -> None:
    asker.record(*(pageview("09:00", "many", f"/{n}") for n in range(12)))
    pages = asker.ask(["visitors"], ["event:page"], pagination={"limit": 10}, include={"total_rows": True})
    assert (len(pages["results"]), pages["meta"]["total_rows"]) == (10, 16)
    assert asker.rows("visitors", "event:page", pagination={"offset": 2**63 - 1}) == []

"""Journeys over HTTP: cases that a reader can count, order, pages, and what is refused."""

from typing import Any

import pytest

from stats.store.client import EventStore
from tests.stats.api.test_v2 import HOSTILE
from tests.stats.query.asking import Asker, new_asker, with_goals
from tests.stats.query.recorded import custom, engagement, pageview

# Five visits of four visitors: two go / → /a, ann's second one /a only, cas buys, dan reloads and goes deep.
VISITS = (
    pageview("09:00", "ann", "/"),
    pageview("09:01", "ann", "/a"),
    pageview("15:00", "ann", "/a"),
    pageview("09:00", "ben", "/"),
    engagement("09:01", "ben", "/", 50, 60),
    pageview("09:02", "ben", "/a"),
    pageview("10:00", "cas", "/a"),
    pageview("10:01", "cas", "/pay"),
    custom("10:02", "cas", "Purchase", "/pay"),
    custom("10:03", "cas", "Purchase", "/pay"),
    pageview("10:04", "cas", "/"),
    pageview("11:00", "dan", "/"),
    pageview("11:01", "dan", "/"),
    pageview("11:02", "dan", "/b"),
    pageview("11:03", "dan", "/"),
    pageview("11:04", "dan", "/c"),
    pageview("11:05", "dan", "/d"),
)


@pytest.fixture
def asker(store: EventStore, db: None) -> Asker:
    return with_goals(new_asker(store), {"event_name": "Purchase"}, {"page_path": "/p*", "display_name": "Prices"})


def ways(asker: Asker, **more: Any) -> list[tuple[str, int, int]]:
    """Return each journey as its places in one text, with visits and visitors."""
    rows = asker.analysed("journeys", **more)
    return [
        (" > ".join(name for step in row["steps"] for name in step.values()), row["visits"], row["visitors"])
        for row in rows
    ]


def test_most_frequent_ways_first(asker: Asker) -> None:
    asker.record(*VISITS)
    status, body = asker.analyse("journeys")
    assert status == 200
    assert list(body) == ["results", "meta", "query"]
    assert body["results"][0] == {
        "steps": [{"page": "/"}, {"page": "/a"}],
        "visits": 2,
        "visitors": 2,
        "percentage": 40.0,
    }
    assert ways(asker) == [("/ > /a", 2, 2), ("/ > /b > / > /c", 1, 1), ("/a", 1, 1), ("/a > /pay > /", 1, 1)]
    assert ways(asker, depth=2) == [("/ > /a", 2, 2), ("/ > /b", 1, 1), ("/a", 1, 1), ("/a > /pay", 1, 1)]
    assert ways(asker, depth=10)[1] == ("/ > /b > / > /c > /d", 1, 1)


def test_goals_stand_between_the_pages(asker: Asker) -> None:
    asker.record(*VISITS)
    assert ("/a > /pay > Purchase > /", 1, 1) in ways(asker, goals=["Purchase"])
    assert ("/a > /pay > Prices > Purchase > /", 1, 1) in ways(asker, goals="all", depth=5)
    assert asker.analysed("journeys", goals=["Prices"], to={"goal": "Prices"}) == [
        {
            "steps": [{"page": "/a"}, {"page": "/pay"}, {"goal": "Prices"}],
            "visits": 1,
            "visitors": 1,
            "percentage": 100.0,
        }
    ]


def test_from_and_to_a_place(asker: Asker) -> None:
    asker.record(*VISITS)
    assert ways(asker, **{"from": {"page": "/b"}}) == [("/b > / > /c > /d", 1, 1)]
    assert ways(asker, **{"from": {"page": "/a"}}) == [("/a", 3, 2), ("/a > /pay > /", 1, 1)]
    assert ways(asker, to={"page": "/a"}) == [("/ > /a", 2, 2), ("/a", 2, 2)]
    assert ways(asker, to={"goal": "Purchase"}, depth=2) == [("/pay > Purchase", 1, 1)]
    assert ways(asker, to={"page": "/d"}, depth=3) == [("/ > /c > /d", 1, 1)]
    assert ways(asker, **{"from": {"goal": "Purchase"}}) == [("Purchase > /", 1, 1)]
    assert ways(asker, to={"page": "/none"}) == []


def test_filters_choose_events_and_behaviour_visits(asker: Asker) -> None:
    asker.record(*VISITS)
    assert ways(asker, filters=[["is", "event:page", ["/"]]]) == [("/", 4, 4)]
    assert ways(asker, filters=[["has_done", ["is", "event:page", ["/pay"]]]]) == [("/a > /pay > /", 1, 1)]
    assert ways(asker, filters=[["is", "visit:entry_page", ["/a"]]]) == [("/a", 1, 1), ("/a > /pay > /", 1, 1)]
    assert ways(asker, date_range=["2025-03-10T11:03:00Z", "2025-03-10T11:04:59Z"]) == [("/ > /c", 1, 1)]


def test_pages_never_repeat_a_way(asker: Asker) -> None:
    asker.record(*VISITS)
    whole = asker.analysed("journeys")
    pages = []
    for offset in range(5):
        asked = {"pagination": {"limit": 1, "offset": offset}, "include": {"total_rows": True}}
        status, body = asker.analyse("journeys", **asked)
        assert status == 200
        assert body["meta"] == {"total_rows": 4 if offset < 4 else 0}
        pages += body["results"]
    assert pages == whole


def test_one_second_holds_pages_before_goals(asker: Asker) -> None:
    asker.record(custom("09:00", "u", "Purchase"), pageview("09:00", "u", "/b"), pageview("09:00", "u", "/a"))
    assert ways(asker, goals="all") == [("/a > /b > Purchase", 1, 1)]


def test_echo_posted_back_gives_the_same(asker: Asker) -> None:
    asker.record(*VISITS)
    for more in ({"goals": "all", "from": {"page": "/a"}}, {"goals": ["Prices"], "to": {"goal": "Purchase"}}, {}):
        status, body = asker.analyse("journeys", depth=3, **more)
        assert status == 200
        assert asker.analyse("journeys", **body["query"]) == (200, body)


def test_values_are_never_read_as_anything_else(asker: Asker) -> None:
    for text in HOSTILE:
        asker.record(pageview("09:00", f"u{text}", text), pageview("09:01", f"u{text}", "/pay"))
    for text in HOSTILE:
        assert ways(asker, **{"from": {"page": text}}) == [(f"{text} > /pay", 1, 1)]
        status, body = asker.analyse("journeys", goals=[text])
        assert (status, body["error"]) == (400, f"goals[0]: {text!r} is not a goal of this site")


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "shallow": ({"depth": 1}, "depth"),
    "deep": ({"depth": 11}, "depth"),
    "depth of truth": ({"depth": True}, "depth"),
    "depth of text": ({"depth": "4"}, "depth"),
    "goals of a name": ({"goals": "Purchase"}, "goals"),
    "goals of numbers": ({"goals": [1]}, "goals[0]"),
    "goals twice": ({"goals": ["Purchase", "Purchase"]}, "goals[1]"),
    "goals without end": ({"goals": [str(number) for number in range(1001)]}, "goals"),
    "both ends": ({"from": {"page": "/"}, "to": {"page": "/"}}, "to"),
    "place of text": ({"from": "/a"}, "from"),
    "place of nothing": ({"to": {}}, "to"),
    "place of two": ({"to": {"page": "/", "goal": "Purchase"}}, "to"),
    "place of a number": ({"to": {"page": 7}}, "to.page"),
    "unknown kind of place": ({"to": {"event": "x"}}, "to.event"),
    "unknown goal": ({"from": {"goal": "Nope"}}, "from.goal"),
    "unknown member": ({"steps": []}, "steps"),
    "page": ({"pagination": {"offset": -1}}, "pagination.offset"),
    "filter": ({"filters": [["not", ["is", "event:goal", ["Purchase"]]]]}, "filters[0]"),
    "range": ({"date_range": ["2025-03-10", "2025-03-09"]}, "date_range"),
}


@pytest.mark.parametrize(("change", "path"), REFUSED.values(), ids=REFUSED.keys())
def test_faults_are_400_and_name_their_place(asker: Asker, change: dict[str, Any], path: str) -> None:
    status, body = asker.analyse("journeys", **change)
    assert (status, list(body)) == (400, ["error"])
    assert body["error"].startswith(f"{path}: ")

"""What visits have done and have not done: the contract's worked cases, places where the operators may stand."""

from typing import Any

import pytest

from tests.stats.query.asking import Asker
from tests.stats.query.fixtures import FIXTURE_B
from tests.stats.query.recorded import engagement, pageview

PRICING = ["is", "event:page", ["/pricing"]]
SIGNUP = ["is", "event:name", ["Signup"]]


def test_c23_visits_without_the_page_keep_their_visitor(fixture_a: Asker) -> None:
    assert fixture_a.total("visitors visits pageviews", filters=[["has_not_done", PRICING]]) == [2, 2, 3]


def test_c24_all_events_of_visits_with_the_event_count(fixture_a: Asker) -> None:
    assert fixture_a.total("visitors visits events pageviews", filters=[["has_done", SIGNUP]]) == [2, 2, 5, 2]


def test_not_turns_one_behaviour_into_the_other(fixture_a: Asker) -> None:
    for metrics in ("visitors visits pageviews", "visitors bounce_rate visit_duration", "visitors"):
        negated = fixture_a.total(metrics, filters=[["not", ["has_done", PRICING]]])
        assert negated == fixture_a.total(metrics, filters=[["has_not_done", PRICING]])
        negated = fixture_a.total(metrics, filters=[["not", ["has_not_done", PRICING]]])
        assert negated == fixture_a.total(metrics, filters=[["has_done", PRICING]])


def test_visit_metrics_follow_behaviour(fixture_a: Asker) -> None:
    metrics = "visits bounce_rate visit_duration views_per_visit"
    assert fixture_a.total(metrics, filters=[["has_done", PRICING]]) == [3, 33, 220, 1.0]
    assert fixture_a.total(metrics, filters=[["has_not_done", PRICING]]) == [2, 50, 60, 1.5]


def test_behaviours_stand_in_trees_beside_other_filters(fixture_a: Asker) -> None:
    tree = ["or", [["has_done", SIGNUP], ["is", "visit:entry_page", ["/blog/a"]]]]
    for metrics in ("visitors visits pageviews", "visitors visits bounce_rate"):
        assert fixture_a.total(metrics, filters=[tree])[:2] == [3, 4]
    both = [["has_done", SIGNUP], ["has_not_done", ["is", "event:name", ["pageview"]]]]
    assert fixture_a.total("visitors visits events", filters=both) == [1, 1, 2]
    assert fixture_a.total("visitors visits bounce_rate", filters=both) == [1, 1, 0]


def test_several_conditions_inside_are_of_one_event(fixture_a: Asker) -> None:
    one_event = ["has_done", ["and", [["is", "event:page", ["/"]], SIGNUP]]]
    assert fixture_a.total("visits pageviews", filters=[one_event]) == [0, 0]
    two_events = [["has_done", ["is", "event:page", ["/"]]], ["has_done", SIGNUP]]
    assert fixture_a.total("visits pageviews", filters=two_events) == [1, 2]
    inner_not = ["has_done", ["not", ["is", "event:name", ["pageview"]]]]
    assert fixture_a.total("visits pageviews", filters=[inner_not]) == [4, 5]


def test_behaviour_groups_by_page_and_by_entry_page(fixture_a: Asker) -> None:
    assert fixture_a.rows("pageviews bounce_rate", "event:page", filters=[["has_done", SIGNUP]]) == [
        ("/", [1, 0]),
        ("/pricing", [1, 0]),
    ]
    rows = fixture_a.rows("visits", "visit:entry_page", filters=[["has_not_done", SIGNUP]])
    assert rows == [("/blog/a", [2]), ("/pricing", [1])]


def test_only_events_inside_the_range_are_deeds(asker: Asker, every_state: bool) -> None:
    asker.record(*FIXTURE_B, every_state=every_state)
    eleventh = {"date_range": ["2025-03-11", "2025-03-11"]}
    entered = ["is", "event:page", ["/b"]]
    assert asker.total("visits pageviews", filters=[["has_done", entered]], **eleventh) == [0, 0]
    assert asker.total("visits bounce_rate", filters=[["has_not_done", entered]], **eleventh) == [2, 50]


def test_a_visit_that_only_lasts_into_the_range_has_done_nothing_there(asker: Asker) -> None:
    asker.record(*FIXTURE_B)
    between = {"date_range": ["2025-03-10T23:45:00Z", "2025-03-10T23:50:00Z"]}
    for operator in ("has_done", "has_not_done"):
        behaviour = [[operator, ["is", "event:page", ["/a"]]]]
        assert asker.total("visits bounce_rate", filters=behaviour, **between) == [0, 0]


def test_hostnames_are_allowed_inside_at_any_depth(asker: Asker) -> None:
    asker.record(
        pageview("09:00", "n1", "/", "shop.x", source="Google"),
        pageview("09:01", "n1", "/k", "blog.x"),
        pageview("09:00", "n2", "/", "shop.x", source="Bing"),
        engagement("09:01", "n2", "/"),
    )
    host = ["is", "event:hostname", ["blog.x"]]
    tree = ["or", [["has_done", ["not", ["and", [host, host]]]], ["has_done", host]]]
    assert asker.total("visitors", filters=[tree]) == [2]
    body = asker.ask(["visitors"], ["visit:source"], filters=[["has_done", host]])
    assert body["results"] == [{"dimensions": ["Google"], "metrics": [1]}]
    assert body["query"]["filters"] == [["has_done", host]]


def test_the_echo_can_be_posted_back(fixture_a: Asker) -> None:
    tree = ["and", [["has_not_done", ["or", [PRICING, SIGNUP]]], ["not", ["has_done", SIGNUP]]]]
    body = fixture_a.ask(["visitors", "pageviews"], filters=[tree])
    assert body["query"]["filters"] == [tree]
    assert fixture_a.post(body["query"]) == (200, body)


def test_percentage_counts_the_same_visits(fixture_a: Asker) -> None:
    rows = fixture_a.rows("visitors percentage", "visit:country", filters=[["has_done", PRICING]])
    assert rows == [("DE", [1, 33.33]), ("EE", [1, 33.33]), ("US", [1, 33.33])]


def test_views_per_visit_may_stand_beside_pages_that_were_seen(fixture_a: Asker) -> None:
    assert fixture_a.total("views_per_visit", filters=[["has_done", PRICING]]) == [1.0]


REFUSED: dict[str, tuple[Any, str]] = {
    "dimension of the visit": (["has_done", ["is", "visit:browser", ["Chrome"]]], "visit:browser"),
    "deep dimension of the visit": (["has_done", ["and", [PRICING, ["is", "visit:exit_page", ["/"]]]]], "exit_page"),
    "nested": (["has_done", ["has_done", PRICING]], "nested"),
    "nested in not": (["has_not_done", ["not", ["has_not_done", PRICING]]], "nested"),
    "nothing": (["has_done"], "filters[0]"),
    "two": (["has_done", PRICING, SIGNUP], "filters[0]"),
    "list of filters": (["has_done", [PRICING]], "filters[0][1]"),
    "text": (["has_done", "x"], "filters[0][1]"),
    "null": (["has_done", None], "filters[0][1]"),
    "time": (["has_done", ["is", "time:day", ["2025-03-10"]]], "time:day"),
    "unknown dimension": (["has_done", ["is", "event:nothing", ["x"]]], "event:nothing"),
}


@pytest.mark.parametrize(("node", "named"), REFUSED.values(), ids=REFUSED.keys())
def test_behaviours_that_have_no_meaning_are_refused(asker: Asker, node: Any, named: str) -> None:
    status, body = asker.post({"metrics": ["visitors"], "filters": [node]})
    assert (status, named in body["error"]) == (400, True), body


@pytest.mark.parametrize("metric", ["time_on_page", "scroll_depth"])
def test_a_page_inside_is_no_page_filter(asker: Asker, metric: str) -> None:
    status, body = asker.post({"metrics": [metric], "filters": [["has_done", PRICING]]})
    assert (status, metric in body["error"]) == (400, True)


def test_v1_takes_simple_filters_only(asker: Asker) -> None:
    status, body = asker.get("aggregate", filters='[["has_done",["is","event:page",["/"]]]]')
    assert (status, "filters" in body["error"]) == (400, True)

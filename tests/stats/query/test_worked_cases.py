"""The contract's worked cases C01 to C41 on fixture A, over HTTP, on merged visits and on every state of them."""

import pytest

from tests.stats.query.asking import Asker, tied
from tests.stats.query.recorded import engagement, pageview

ALL_METRICS = "visitors visits pageviews events bounce_rate visit_duration views_per_visit"


def test_c01_all_metrics_together_follow_their_formulas(fixture_a: Asker) -> None:
    assert fixture_a.total(ALL_METRICS) == [4, 5, 6, 9, 40, 156, 1.2]


def test_c02_sources_with_metrics_of_both_tables_are_joined(fixture_a: Asker) -> None:
    rows = fixture_a.rows("visitors visits pageviews bounce_rate visit_duration", "visit:source")
    assert rows == [
        ("Direct / None", [2, 2, 2, 100, 0]),
        ("Google", [2, 2, 2, 0, 330]),
        ("Twitter", [1, 1, 2, 0, 120]),
    ]


def test_c03_session_metrics_of_pages_belong_to_the_entry_page(fixture_a: Asker) -> None:
    rows = fixture_a.rows("visitors pageviews events bounce_rate visit_duration", "event:page")
    assert rows[:2] == [("/pricing", [3, 2, 5, 100, 0]), ("/blog/a", [2, 2, 2, 50, 60])]
    assert tied(rows[2:]) == [("/", [1, 1, 1, 0, 600]), ("/blog/b", [1, 1, 1, 0, 0])]


def test_c04_only_session_metrics_by_page_list_entry_pages(fixture_a: Asker) -> None:
    rows = fixture_a.rows("bounce_rate visit_duration", "event:page", order_by=[["event:page", "asc"]])
    assert rows == [("", [0, 60]), ("/", [0, 600]), ("/blog/a", [50, 60]), ("/pricing", [100, 0])]


def test_c05_page_filter_takes_bounces_from_visits_that_landed_there(fixture_a: Asker) -> None:
    filters = [["is", "event:page", ["/pricing"]]]
    assert fixture_a.total("visitors pageviews bounce_rate visit_duration", filters=filters) == [3, 2, 100, 220]


def test_c06_page_filter_splits_by_country(fixture_a: Asker) -> None:
    filters = [["is", "event:page", ["/blog/a"]]]
    assert fixture_a.rows("visitors bounce_rate", "visit:country", filters=filters) == [("EE", [2, 50])]


def test_c09_event_names_count_every_name(fixture_a: Asker) -> None:
    rows = fixture_a.rows("visitors events pageviews", "event:name")
    assert rows == [("pageview", [3, 6, 6]), ("Signup", [2, 3, 0]), ("engagement", [2, 0, 0])]


def test_c10_property_values_show_the_absent_one(fixture_a: Asker) -> None:
    filters = [["is", "event:name", ["Signup"]]]
    rows = fixture_a.rows("visitors events", "event:props:plan", filters=filters)
    assert rows == [("(none)", [1, 1]), ("free", [1, 1]), ("pro", [1, 1])]


def test_c22_is_not_page_drops_events_and_keeps_their_visitor(fixture_a: Asker) -> None:
    filters = [["is_not", "event:page", ["/pricing"]]]
    assert fixture_a.total("visitors visits pageviews", filters=filters) == [2, 3, 4]


def test_c26_entry_pages_count_visits_without_a_pageview(fixture_a: Asker) -> None:
    rows = fixture_a.rows("visitors visits", "visit:entry_page")
    assert rows == [("/blog/a", [2, 2]), ("", [1, 1]), ("/", [1, 1]), ("/pricing", [1, 1])]


def test_exit_pages_count_the_last_page_only(fixture_a: Asker) -> None:
    rows = fixture_a.rows("visitors visits", "visit:exit_page")
    assert rows == [("/pricing", [2, 2]), ("", [1, 1]), ("/blog/a", [1, 1]), ("/blog/b", [1, 1])]


def test_exit_page_filter_ignores_earlier_states(fixture_a: Asker) -> None:
    assert fixture_a.total("visitors visits", filters=[["is", "visit:exit_page", ["/"]]]) == [0, 0]
    assert fixture_a.total("visitors", filters=[["is", "visit:exit_page", ["/", "/pricing"]]]) == [2]
    assert fixture_a.total("pageviews", filters=[["is", "visit:exit_page", ["/"]]]) == [0]


def test_c27_session_filter_selects_events_of_its_visits(fixture_a: Asker) -> None:
    filters = [["is", "visit:entry_page", ["/blog/a"]]]
    assert fixture_a.total("pageviews visitors", filters=filters) == [3, 2]


def test_c28_two_dimensions_group_by_both(fixture_a: Asker) -> None:
    order = [["visitors", "desc"], ["visit:source", "asc"], ["visit:browser", "asc"]]
    rows = fixture_a.rows("visitors", "visit:source visit:browser", order_by=order)
    assert rows == [
        ("Google", "Chrome", [2]),
        ("Direct / None", "Chrome", [1]),
        ("Direct / None", "Safari", [1]),
        ("Twitter", "Firefox", [1]),
    ]


def test_c29_contains_finds_direct_traffic_by_its_label(fixture_a: Asker) -> None:
    filters = [["contains", "visit:source", ["oogle", "Direct"]]]
    assert fixture_a.total("visitors pageviews", filters=filters) == [3, 4]


@pytest.mark.parametrize(
    ("filters", "metrics", "expected"),
    [
        pytest.param([["contains_not", "event:props:plan", ["fr"]]], "visitors", [1], id="contains_not wants the key"),
        pytest.param([["not", ["contains", "event:props:plan", ["fr"]]]], "visitors", [4], id="not contains does not"),
        pytest.param([["is_not", "event:props:plan", ["free"]]], "visitors events", [4, 8], id="is_not"),
        pytest.param([["is_not", "event:props:plan", ["free", "(none)"]]], "visitors events", [1, 1], id="is_not none"),
        pytest.param(
            [["is", "event:props:plan", ["(none)"]], ["is", "event:name", ["Signup"]]],
            "visitors events",
            [1, 1],
            id="is none",
        ),
    ],
)
def test_c30_c31_property_filters_tell_absence_from_other_values(
    fixture_a: Asker, filters: list[object], metrics: str, expected: list[int]
) -> None:
    assert fixture_a.total(metrics, filters=filters) == expected


def test_c32_trees_of_and_or_not_are_evaluated(fixture_a: Asker) -> None:
    tree = [
        "or",
        [
            ["is", "visit:browser", ["Safari"]],
            ["and", [["is", "visit:country", ["EE"]], ["not", ["is", "visit:source", ["Google"]]]]],
        ],
    ]
    assert fixture_a.total("visitors visits", filters=[tree]) == [3, 3]


def test_c33_matches_takes_a_regular_expression(fixture_a: Asker) -> None:
    rows = fixture_a.rows("pageviews", "event:page", filters=[["matches", "event:page", ["^/(pricing|blog/b)$"]]])
    assert rows == [("/pricing", [2]), ("/blog/b", [1])]


def test_c34_page_filter_applies_to_the_entry_page_when_grouping_by_page(fixture_a: Asker) -> None:
    rows = fixture_a.rows("pageviews bounce_rate", "event:page", filters=[["is", "event:page", ["/pricing", "/"]]])
    assert rows == [("/pricing", [2, 100]), ("/", [1, 0])]


def test_c35_page_and_name_group_engagement_as_no_event(fixture_a: Asker) -> None:
    order = [["events", "desc"], ["event:page", "asc"], ["event:name", "asc"]]
    assert fixture_a.rows("events", "event:page event:name", order_by=order) == [
        ("/pricing", "Signup", [3]),
        ("/blog/a", "pageview", [2]),
        ("/pricing", "pageview", [2]),
        ("/", "pageview", [1]),
        ("/blog/b", "pageview", [1]),
        ("/blog/a", "engagement", [0]),
        ("/blog/b", "engagement", [0]),
    ]


def test_c37_pages_are_cut_and_all_rows_counted(fixture_a: Asker) -> None:
    body = fixture_a.ask(
        ["pageviews"],
        ["visit:source"],
        order_by=[["pageviews", "asc"], ["visit:source", "asc"]],
        pagination={"limit": 2, "offset": 1},
        include={"total_rows": True},
    )
    assert [row["dimensions"] for row in body["results"]] == [["Google"], ["Twitter"]]
    assert [row["metrics"] for row in body["results"]] == [[2], [2]]
    assert body["meta"] == {"total_rows": 3}


def test_c38_nothing_selected_gives_one_row_of_zeros_or_no_row(fixture_a: Asker) -> None:
    filters = [["is", "event:page", ["/none"]]]
    assert fixture_a.total("visitors visits bounce_rate visit_duration pageviews", filters=filters) == [0, 0, 0, 0, 0]
    assert fixture_a.rows("visitors", "visit:source", filters=filters) == []


def test_c39_hours_hold_events_by_time_and_visits_by_their_last_event(fixture_a: Asker) -> None:
    assert fixture_a.rows("visitors pageviews visits", "time:hour") == [
        ("2025-03-10 09:00:00", [2, 3, 2]),
        ("2025-03-10 10:00:00", [1, 2, 1]),
        ("2025-03-10 15:00:00", [2, 1, 2]),
    ]
    assert fixture_a.rows("visitors visit_duration bounce_rate", "time:hour") == [
        ("2025-03-10 09:00:00", [2, 300, 50]),
        ("2025-03-10 10:00:00", [1, 120, 0]),
        ("2025-03-10 15:00:00", [2, 30, 50]),
    ]


def test_c41_direct_traffic_is_the_empty_source(fixture_a: Asker) -> None:
    assert fixture_a.total("visitors visits", filters=[["is", "visit:source", ["Direct / None"]]]) == [2, 2]
    without = ["contains_not", "visit:source", ["direct"], {"case_sensitive": False}]
    assert fixture_a.total("visitors visits", filters=[without]) == [3, 3]


def test_c81_not_on_events_of_a_visit_is_pushed_to_the_leaves(fixture_a: Asker) -> None:
    assert fixture_a.total("visitors bounce_rate", filters=[["is_not", "event:page", ["/pricing"]]]) == [2, 33]
    assert fixture_a.total("visitors bounce_rate", filters=[["not", ["is", "event:page", ["/pricing"]]]]) == [2, 33]


def test_visit_leaf_beside_a_true_one_asks_for_a_visit_in_the_range_still(asker: Asker) -> None:
    asker.record(pageview("23:50", "u"), engagement("2025-03-11 00:05", "u"))
    asker.record(pageview("2025-03-11 09:00", "v", "/x"))
    either = ["or", [["is", "visit:entry_page", ["/"]], ["is", "event:page", ["/x"]]]]
    day_after = ["2025-03-11", "2025-03-11"]
    assert asker.total("visitors pageviews", filters=[either], date_range=day_after) == [1, 1]
    assert asker.total("visitors pageviews", date_range=day_after) == [2, 1]


def test_page_and_exit_page_together_join_events_to_their_visit(fixture_a: Asker) -> None:
    rows = fixture_a.rows("visitors", "event:page visit:exit_page", order_by=[["event:page", "asc"]])
    assert rows == [
        ("/", "/pricing", [1]),
        ("/blog/a", "/blog/a", [1]),
        ("/blog/a", "/blog/b", [1]),
        ("/blog/b", "/blog/b", [1]),
        ("/pricing", "", [1]),
        ("/pricing", "/pricing", [2]),
    ]

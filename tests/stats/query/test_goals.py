"""Goals as filter and dimension, and conversion rates: the contract's worked cases and their edges, over HTTP."""

from collections.abc import Callable
from typing import Any

import pytest

from goals.models import Goal
from tests.stats.query.asking import Asker, new_asker, tied, with_goals
from tests.stats.query.recorded import DAY, custom, engagement, pageview

SIGNUP = ["is", "event:goal", ["Signup"]]


def test_c11_every_goal_has_its_row(goals_a: Asker) -> None:
    assert goals_a.rows("visitors events pageviews conversion_rate", "event:goal") == [
        ("Deep read", [2, None, 0, 50.0]),
        ("Signup", [2, 3, 0, 50.0]),
        ("Visit /blog/*", [2, 3, 3, 50.0]),
        ("Pro signup", [1, 1, 0, 25.0]),
    ]


def test_c12_a_goal_filter_leaves_conversions_only(goals_a: Asker) -> None:
    assert goals_a.total("visitors events conversion_rate", filters=[SIGNUP]) == [2, 3, 50.0]


def test_c13_the_denominator_does_without_property_filters(goals_a: Asker) -> None:
    filters = [SIGNUP, ["is", "event:props:plan", ["pro"]]]
    assert goals_a.total("visitors events conversion_rate", filters=filters) == [1, 1, 25.0]


def test_c14_the_denominator_keeps_page_filters(goals_a: Asker) -> None:
    filters = [SIGNUP, ["is", "event:page", ["/pricing"]]]
    assert goals_a.total("visitors conversion_rate", filters=filters) == [2, 66.67]


def test_c15_group_rates_divide_by_their_own_group(goals_a: Asker) -> None:
    rows = goals_a.rows("visitors events conversion_rate group_conversion_rate", "visit:source", filters=[SIGNUP])
    assert rows == [("Google", [2, 3, 50.0, 100.0])]


def test_c16_a_scroll_goal_in_the_filter_makes_events_null(goals_a: Asker) -> None:
    both = [["is", "event:goal", ["Visit /blog/*", "Deep read"]]]
    assert goals_a.total("visitors events conversion_rate", filters=both) == [2, None, 50.0]
    assert goals_a.rows("events visitors", "visit:source", filters=both) == [
        ("Direct / None", [None, 1]),
        ("Twitter", [None, 1]),
    ]
    modified = [[*both[0], {"case_sensitive": True}]]
    assert goals_a.total("visitors events", filters=modified) == [2, 3]
    assert goals_a.total("events", filters=[["contains", "event:goal", ["read"]]]) == [None]
    assert goals_a.total("events", filters=[["contains", "event:goal", ["READ"], {"case_sensitive": False}]]) == [0]


def test_c17_goal_filters_narrow_the_goals_and_stay_in_percentages(goals_a: Asker) -> None:
    filters = [["contains", "event:goal", ["sign"], {"case_sensitive": False}]]
    assert goals_a.rows("visitors events conversion_rate percentage", "event:goal", filters=filters) == [
        ("Signup", [2, 3, 50.0, 100.0]),
        ("Pro signup", [1, 1, 25.0, 50.0]),
    ]


def test_c18_unknown_goals_are_refused_without_a_modifier_only(goals_a: Asker) -> None:
    for names in (["signup"], ["Signup", "nope"]):
        status, body = goals_a.post({"metrics": ["visitors"], "filters": [["is", "event:goal", names]]})
        assert (status, repr(names[-1]) in body["error"]) == (400, True)
    folded = {"case_sensitive": False}
    filters = [["is", "event:goal", ["signup"], folded]]
    assert goals_a.total("visitors events conversion_rate", filters=filters) == [2, 3, 50.0]
    assert goals_a.total("visitors", filters=[["is", "event:goal", ["nope"], folded]]) == [0]
    assert goals_a.total("visitors", filters=[["contains", "event:goal", ["nope"]]]) == [0]
    assert goals_a.total("visitors", filters=[["is", "event:goal", []]]) == [0]


def test_c24_a_goal_may_be_something_done(goals_a: Asker) -> None:
    metrics = "visitors visits events pageviews"
    assert goals_a.total(metrics, filters=[["has_done", SIGNUP]]) == [2, 2, 5, 2]
    nested = ["has_done", ["or", [["not", SIGNUP], ["is", "event:goal", ["Deep read"]]]]]
    assert goals_a.total(metrics, filters=[nested]) == [3, 4, 7, 6]


def test_c25_session_metrics_are_of_visits_with_a_conversion(goals_a: Asker) -> None:
    metrics = "visitors bounce_rate views_per_visit visit_duration"
    assert goals_a.total(metrics, filters=[SIGNUP]) == [2, 0, 1.0, 330]


def test_c36_goals_and_countries_group_together(goals_a: Asker) -> None:
    order = [["visitors", "desc"], ["events", "desc"]]
    rows = goals_a.rows("visitors events", "event:goal visit:country", order_by=order)
    assert rows[:3] == [
        ("Visit /blog/*", "EE", [2, 3]),
        ("Deep read", "EE", [2, None]),
        ("Signup", "DE", [1, 2]),
    ]
    assert tied(rows[3:]) == [("Pro signup", "EE", [1, 1]), ("Signup", "EE", [1, 1])]


def test_c38_nothing_selected_gives_one_row_or_none(goals_a: Asker) -> None:
    metrics = "conversion_rate percentage time_on_page group_conversion_rate visitors visits bounce_rate"
    filters = [SIGNUP, ["is", "event:page", ["/none"]]]
    assert goals_a.total(metrics, filters=filters) == [0, None, None, 0, 0, 0, 0]
    assert goals_a.rows(metrics, "visit:source", filters=filters) == []


def test_c71_stars_run_over_slashes(asker: Asker) -> None:
    with_goals(asker, {"page_path": "/**/post"}, {"page_path": "/blog**"})
    asker.record(
        pageview("09:00", "p1", "/blog"),
        pageview("09:01", "p1", "/blog/post-1"),
        pageview("09:00", "p2", "/blog/x/post"),
        pageview("09:00", "p3", "/y/z/post"),
    )
    rows = asker.rows("visitors pageviews", "event:goal")
    assert rows == [("Visit /**/post", [2, 2]), ("Visit /blog**", [2, 3])]


def test_paths_are_plain_but_for_stars_and_bars(asker: Asker) -> None:
    paths = ("/a.b", "/axb", "/a|/b", "/x*y", "/none", "/ü/%")
    with_goals(asker, *({"page_path": path, "display_name": path} for path in paths))
    asker.record(
        *(pageview("09:00", path, path) for path in ("/a.b", "/axb", "/a", "/a/more", "/x/b", "/c", "/x-y", "/ü/%")),
        custom("09:00", "event", "Other", "/a.b"),
        engagement("09:01", "event", "/axb", 50, 1),
    )
    assert asker.rows("visitors", "event:goal", order_by=[["visitors", "desc"]]) == [
        ("/a|/b", [5]),  # the anchors belong to the outer alternatives: /a…, …/b
        ("/a.b", [1]),
        ("/axb", [1]),
        ("/x*y", [1]),
        ("/ü/%", [1]),
    ]


def test_scroll_goals_take_known_depths_from_their_threshold_on(asker: Asker) -> None:
    with_goals(
        asker,
        {"page_path": "/a", "display_name": "Read", "scroll_threshold": 50},
        {"page_path": "/*", "display_name": "Seen", "scroll_threshold": 0},
    )
    for number, depth in enumerate((0, 49, 50, 100, 255)):
        asker.record(pageview("09:00", f"u{number}", "/a"), engagement("09:01", f"u{number}", "/a", depth, 1))
    assert asker.rows("visitors events", "event:goal") == [("Seen", [4, None]), ("Read", [2, None])]


def test_all_properties_of_a_goal_must_hold(asker: Asker) -> None:
    with_goals(
        asker,
        {"event_name": "Buy", "display_name": "both", "custom_props": {"size": "L", "it's": "a {b}"}},
        {"event_name": "Buy", "display_name": "one", "custom_props": {"size": "L"}},
    )
    asker.record(
        custom("09:00", "both", "Buy", props={"size": "L", "it's": "a {b}", "more": "x"}),
        custom("09:00", "one", "Buy", props={"size": "L"}),
        custom("09:00", "case", "Buy", props={"size": "l"}),
        custom("09:00", "none", "Buy"),
        custom("09:00", "name", "buy", props={"size": "L"}),
    )
    assert asker.rows("visitors conversion_rate", "event:goal") == [("one", [2, 40.0]), ("both", [1, 20.0])]
    assert asker.total("visitors", filters=[["is", "event:goal", ["both"]]]) == [1]


def test_several_goal_filters_must_all_pass(goals_a: Asker) -> None:
    both = [SIGNUP, ["is", "event:goal", ["Pro signup"]]]
    assert goals_a.total("visitors events", filters=both) == [1, 1]
    assert goals_a.rows("visitors", "event:goal", filters=both) == []
    names = [["is", "event:goal", ["Signup", "Deep read"]], ["contains", "event:goal", ["Sign"]]]
    assert goals_a.rows("visitors events", "event:goal", filters=names) == [("Signup", [2, 3])]


def test_goals_of_other_sites_are_no_goals_here(goals_a: Asker) -> None:
    other = new_asker(goals_a.store)
    other.record(custom("09:00", "u", "Signup"))
    assert other.rows("visitors conversion_rate", "event:goal") == []
    status, _ = other.post({"metrics": ["visitors"], "filters": [SIGNUP]})
    assert status == 400


@pytest.mark.parametrize("name", ['it\'s \\ "quoted"', "{braces} {0}", "line\nbreak", "日本", "x" * 5000])
def test_any_text_can_name_a_goal(asker: Asker, name: str) -> None:
    with_goals(asker, {"event_name": "Signup", "display_name": name}, {"page_path": f"/{name}*", "display_name": "p"})
    asker.record(custom("09:00", "u", "Signup"), pageview("09:00", "v", f"/{name}{name}"))
    assert tied(asker.rows("visitors", "event:goal")) == tied([(name, [1]), ("p", [1])])
    assert asker.total("visitors", filters=[["is", "event:goal", [name]]]) == [1]


def test_many_goals_are_one_statement(asker: Asker) -> None:
    with_goals(
        asker,
        *({"event_name": f"event {n}"} for n in range(60)),
        *({"page_path": f"/page/{n}"} for n in range(60)),
        *({"page_path": f"/section/{n}/*"} for n in range(60)),
        *({"page_path": f"/*/end/{n}"} for n in range(60)),
        *({"page_path": f"/scroll/{n}", "scroll_threshold": 50, "display_name": f"s{n}"} for n in range(60)),
    )
    asker.record(
        custom("09:00", "a", "event 59"),
        pageview("09:00", "b", "/page/59"),
        pageview("09:00", "c", "/section/59/end/59"),
    )
    rows = asker.rows("visitors group_conversion_rate conversion_rate", "event:goal")
    assert rows == [
        ("Visit /*/end/59", [1, 0, 33.33]),
        ("Visit /page/59", [1, 0, 33.33]),
        ("Visit /section/59/*", [1, 0, 33.33]),
        ("event 59", [1, 0, 33.33]),
    ]
    assert asker.total("visitors", filters=[["contains", "event:goal", [""]]]) == [3]


def test_group_rates_take_their_visitors_from_the_table_that_knows_the_group(goals_a: Asker) -> None:
    metrics = "visitors conversion_rate group_conversion_rate"
    assert goals_a.total(metrics, filters=[SIGNUP]) == [2, 50.0, 50.0]
    assert goals_a.rows(metrics, "event:page", filters=[SIGNUP]) == [("/pricing", [2, 50.0, 66.67])]
    assert goals_a.rows(metrics, "visit:entry_page", filters=[SIGNUP]) == [
        ("", [1, 25.0, 100.0]),
        ("/", [1, 25.0, 100.0]),
    ]
    assert goals_a.rows(metrics, "visit:exit_page", filters=[SIGNUP]) == [
        ("", [1, 25.0, 100.0]),
        ("/pricing", [1, 25.0, 50.0]),
    ]
    assert goals_a.rows(metrics, "event:props:plan", filters=[SIGNUP]) == [
        ("(none)", [1, 25.0, 25.0]),
        ("free", [1, 25.0, 100.0]),
        ("pro", [1, 25.0, 100.0]),
    ]


def test_group_rates_by_hour_divide_by_visitors_of_that_hour(goals_a: Asker) -> None:
    hours = {"filters": [SIGNUP]}
    expected = [("2025-03-10 09:00:00", 50.0), ("2025-03-10 15:00:00", 50.0)]
    for metrics in ("group_conversion_rate", "group_conversion_rate pageviews", "group_conversion_rate bounce_rate"):
        rows = goals_a.rows(metrics, "time:hour", **hours)
        assert [(hour, cells[0]) for hour, cells in rows] == expected
    joined = goals_a.rows("events visit_duration group_conversion_rate conversion_rate", "time:hour", **hours)
    assert joined == [("2025-03-10 09:00:00", [1, 600, 50.0, 25.0]), ("2025-03-10 15:00:00", [2, 60, 50.0, 25.0])]


def test_group_rates_of_a_full_join_find_their_hour(asker: Asker) -> None:
    with_goals(asker, {"event_name": "Signup"})
    asker.record(
        custom("08:40", "u", "Signup"),
        pageview("09:05", "u"),
        pageview("08:00", "v"),
        custom("10:00", "w", "Signup"),
    )
    rows = asker.rows("events visit_duration group_conversion_rate", "time:hour", filters=[SIGNUP])
    assert rows == [
        ("2025-03-10 08:00:00", [1, 0, 50.0]),
        ("2025-03-10 09:00:00", [0, 1500, 0.0]),
        ("2025-03-10 10:00:00", [1, 0, 100.0]),
    ]


def test_rates_keep_visit_filters_and_behaviours_in_the_denominator(goals_a: Asker) -> None:
    country = ["is", "visit:country", ["EE"]]
    assert goals_a.total("conversion_rate", filters=[SIGNUP, country]) == [50.0]
    assert goals_a.total("conversion_rate", filters=[SIGNUP, ["has_not_done", ["is", "event:page", ["/"]]]]) == [25.0]
    assert goals_a.total("conversion_rate", filters=[SIGNUP, ["is", "visit:entry_page", ["/", "/pricing"]]]) == [50.0]


def test_rates_can_be_ordered_by(goals_a: Asker) -> None:
    rows = goals_a.rows("conversion_rate", "event:goal", order_by=[["conversion_rate", "asc"]])
    assert [row[0] for row in rows] == ["Pro signup", "Deep read", "Signup", "Visit /blog/*"]
    rows = goals_a.rows("events", "event:goal", order_by=[["events", "desc"]])
    assert rows == [("Signup", [3]), ("Visit /blog/*", [3]), ("Pro signup", [1]), ("Deep read", [None])]


def test_goals_stand_beside_pages_times_and_leaving(goals_a: Asker) -> None:
    assert goals_a.rows("visitors", "event:goal event:page", filters=[["contains", "event:goal", ["blog"]]]) == [
        ("Visit /blog/*", "/blog/a", [2]),
        ("Visit /blog/*", "/blog/b", [1]),
    ]
    assert goals_a.rows("visitors", "time:hour event:goal", filters=[SIGNUP]) == [
        ("2025-03-10 09:00:00", "Signup", [1]),
        ("2025-03-10 15:00:00", "Signup", [1]),
    ]
    rows = goals_a.rows("visitors visits", "event:goal visit:exit_page", filters=[SIGNUP])
    assert rows == [("Signup", "", [1, 1]), ("Signup", "/pricing", [1, 1])]
    page = [["contains", "event:page", ["/blog"]]]
    rows = goals_a.rows("visitors scroll_depth time_on_page", "event:goal", filters=page)
    assert rows == [("Deep read", [2, 85, 60]), ("Visit /blog/*", [2, None, None])]


def test_the_echo_of_goals_can_be_posted_back(goals_a: Asker) -> None:
    filters = [["contains", "event:goal", ["sign"], {"case_sensitive": False}], ["has_done", SIGNUP]]
    include = {"total_rows": True}
    body = goals_a.ask(["visitors", "conversion_rate"], ["event:goal"], filters=filters, include=include)
    assert body["query"]["filters"] == filters
    assert body["meta"] == {"total_rows": 2}
    assert goals_a.post(body["query"]) == (200, body)


NO_MEANING: dict[str, tuple[dict[str, Any], str]] = {
    "is_not": ({"filters": [["is_not", "event:goal", ["Signup"]]]}, "event:goal"),
    "contains_not": ({"filters": [["contains_not", "event:goal", ["Signup"]]]}, "event:goal"),
    "matches": ({"filters": [["matches", "event:goal", ["S"]]]}, "event:goal"),
    "nested in or": ({"filters": [["or", [SIGNUP, ["is", "event:page", ["/"]]]]]}, "event:goal"),
    "nested in not": ({"filters": [["not", SIGNUP]]}, "event:goal"),
    "nested in and": ({"filters": [["and", [SIGNUP]]]}, "event:goal"),
    "unknown inside a behaviour": ({"filters": [["has_done", ["is", "event:goal", ["Nope"]]]]}, "Nope"),
    "matches inside a behaviour": ({"filters": [["has_done", ["matches", "event:goal", ["S"]]]]}, "event:goal"),
    "number": ({"filters": [["is", "event:goal", [1]]]}, "filters[0][2]"),
    "rate without goal": ({"metrics": ["conversion_rate"]}, "conversion_rate"),
    "group rate without goal": (
        {"metrics": ["group_conversion_rate"], "dimensions": ["visit:source"]},
        "group_conversion_rate",
    ),
    "rate with a goal that was done": (
        {"metrics": ["conversion_rate"], "filters": [["has_done", SIGNUP]]},
        "conversion_rate",
    ),
    "rate with a nested property": (
        {"metrics": ["conversion_rate"], "filters": [SIGNUP, ["not", ["is", "event:props:plan", ["pro"]]]]},
        "filters[1]",
    ),
    "rate with a property that was done": (
        {
            "metrics": ["group_conversion_rate"],
            "dimensions": ["event:goal"],
            "filters": [["has_done", ["is", "event:props:plan", ["pro"]]]],
        },
        "filters[0]",
    ),
    "session metric by goal": ({"metrics": ["bounce_rate"], "dimensions": ["event:goal"]}, "bounce_rate"),
    "order by goal": (
        {"metrics": ["visitors"], "dimensions": ["event:goal"], "order_by": [["event:goal", "asc"]]},
        "order_by[0]",
    ),
}


@pytest.mark.parametrize(("change", "named"), NO_MEANING.values(), ids=NO_MEANING.keys())
def test_goals_without_meaning_are_refused(asker: Asker, change: dict[str, Any], named: str) -> None:
    with_goals(asker, {"event_name": "Signup"})
    status, body = asker.post({"metrics": ["visitors"], **change})
    assert (status, named in body["error"]) == (400, True), body


# ---- v1 --------------------------------------------------------------------------------------------------------------
def test_c76_rates_of_properties_are_global_and_of_countries_their_own(goals_a: Asker) -> None:
    asked = {"filters": "event:goal==Signup", "metrics": "visitors,conversion_rate"}
    assert goals_a.v1("breakdown", property="event:props:plan", **asked) == [
        {"plan": plan, "visitors": 1, "conversion_rate": 25.0} for plan in ("(none)", "free", "pro")
    ]
    assert goals_a.v1("breakdown", property="visit:country", **asked) == [
        {"country": "DE", "visitors": 1, "conversion_rate": 100.0},
        {"country": "EE", "visitors": 1, "conversion_rate": 50.0},
    ]


def test_v1_breaks_down_by_goal(goals_a: Asker) -> None:
    rows = goals_a.v1("breakdown", property="event:goal", metrics="conversion_rate,visitors,events")
    assert rows[-1] == {"goal": "Pro signup", "conversion_rate": 25.0, "visitors": 1, "events": 1}
    assert {row["goal"]: row["events"] for row in rows} == {
        "Signup": 3,
        "Visit /blog/*": 3,
        "Deep read": None,
        "Pro signup": 1,
    }
    assert all(row["conversion_rate"] == 50.0 for row in rows[:3])
    narrowed = goals_a.v1("breakdown", property="event:goal", filters="event:goal==Visit /blog/*|Pro signup")
    assert narrowed == [{"goal": "Visit /blog/*", "visitors": 2}, {"goal": "Pro signup", "visitors": 1}]


def test_v1_series_of_rates_are_of_each_bucket(goals_a: Asker) -> None:
    asked = {"filters": "event:goal==Signup", "metrics": "conversion_rate"}
    days = goals_a.v1("timeseries", period="custom", date=f"2025-03-09,{DAY}", **asked)
    assert days == [{"date": "2025-03-09", "conversion_rate": 0.0}, {"date": DAY, "conversion_rate": 50.0}]
    hours = {row["date"][11:13]: row["conversion_rate"] for row in goals_a.v1("timeseries", **asked)}
    assert (hours["09"], hours["10"], hours["15"], len(hours)) == (50.0, 0, 50.0, 24)


def test_c73_rates_change_in_points(asker: Asker) -> None:
    with_goals(asker, {"event_name": "Signup"})
    for day, people in (("2025-03-09", 3), ("2025-03-10", 2)):
        asker.record(
            custom(f"{day} 09:00", "u0", "Signup"), *(pageview(f"{day} 09:00", f"u{n}") for n in range(people))
        )
    asked = {"filters": "event:goal==Signup", "metrics": "conversion_rate", "compare": "previous_period"}
    changed = {"comparison_value": 33.33, "change": 16.7}
    assert asker.v1("aggregate", **asked) == {"conversion_rate": {"value": 50.0, **changed}}
    (row,) = asker.v1("breakdown", property="visit:source", **asked)
    assert row["comparison"] == {"conversion_rate": 33.33, "change": {"conversion_rate": 16.7}}
    (row,) = asker.v1("breakdown", property="event:goal", **asked)
    assert row == {
        "goal": "Signup",
        "conversion_rate": 50.0,
        "comparison": {"conversion_rate": 33.33, "change": {"conversion_rate": 16.7}},
    }


@pytest.mark.parametrize(
    ("filters", "visitors"),
    [
        ("event:goal==Signup", 2),
        ("event:goal!=Signup", 2),
        ("event:goal==Signup|Visit /blog/*", 3),
        ("event:goal==Visit /blog/*", 2),
        ("event:goal==Signup;event:props:plan==pro", 1),
        ('[["contains","event:goal",["Sign"]]]', 2),
    ],
)
def test_c79_goals_in_filter_strings_are_literal_names(goals_a: Asker, filters: str, visitors: int) -> None:
    assert goals_a.v1("aggregate", filters=filters) == {"visitors": {"value": visitors}}


@pytest.mark.parametrize(
    ("path", "asked", "named"),
    [
        ("aggregate", {"filters": "event:goal==Nope"}, "Nope"),
        ("breakdown", {"property": "visit:source", "filters": "event:goal==Signup|Nope"}, "Nope"),
        ("aggregate", {"filters": '[["is_not","event:goal",["Signup"]]]'}, "event:goal"),
        ("aggregate", {"metrics": "visit_duration", "filters": "event:goal==Signup"}, "visit_duration"),
        ("breakdown", {"metrics": "visits", "property": "event:goal"}, "visits"),
        ("aggregate", {"metrics": "conversion_rate"}, "'conversion_rate'"),
        ("timeseries", {"metrics": "conversion_rate"}, "'conversion_rate'"),
        ("breakdown", {"metrics": "conversion_rate", "property": "visit:source"}, "'conversion_rate'"),
        ("aggregate", {"metrics": "group_conversion_rate", "filters": "event:goal==Signup"}, "group_conversion_rate"),
    ],
)
def test_c80_v1_refuses_goals_without_meaning(goals_a: Asker, path: str, asked: dict[str, str], named: str) -> None:
    status, body = goals_a.get(path, **asked)
    assert (status, named in body["error"]) == (400, True), body


def test_c80_v2_answers_session_metrics_under_a_goal(goals_a: Asker) -> None:
    assert goals_a.total("visit_duration", filters=[SIGNUP]) == [330]


@pytest.mark.parametrize("kind", ["properties", "pattern", "scroll"])
def test_a_thousand_goals_of_any_kind_are_answered(asker: Asker, kind: str) -> None:
    makers: dict[str, Callable[[int], dict[str, Any]]] = {
        "properties": lambda n: {"event_name": "Buy", "custom_props": {f"k{n}a": "1", f"k{n}b": "2", f"k{n}c": "3"}},
        "pattern": lambda n: {"page_path": f"/a*/{n}"},
        "scroll": lambda n: {"page_path": f"/a*/{n}", "scroll_threshold": 5},
    }
    goals = [Goal(site_id=asker.site.id, display_name=f"goal {n}", **makers[kind](n)) for n in range(1000)]
    for goal in goals:
        goal.normalise()
    Goal.objects.bulk_create(goals)
    asker.record(
        custom("09:00", "u", "Buy", props={"k7a": "1", "k7b": "2", "k7c": "3"}),
        pageview("09:00", "u", "/a/b/7"),
        engagement("09:01", "u", "/a/b/7", 50, 1),
    )
    rows = asker.rows("visitors conversion_rate", "event:goal", filters=[["contains", "event:goal", ["goal"]]])
    assert rows == [("goal 7", [1, 100.0])]

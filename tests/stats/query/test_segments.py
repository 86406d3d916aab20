"""Segments in v2 queries over HTTP (stats contract 1.5, case C40)."""

import json
from typing import Any

import pytest

from accounts.models import Site, Team
from accounts.types import Feature
from tests.factories import make_goal, make_member, make_segment, make_site
from tests.stats.query.asking import Asker

ESTONIA = ["is", "visit:country", ["EE"]]
CHROME = ["is", "visit:browser", ["Chrome"]]
SAFARI = ["is", "visit:browser", ["Safari"]]
SIGNUP = ["is", "event:goal", ["Signup"]]
PRICING = ["is", "event:page", ["/pricing"]]


def site_of(asker: Asker) -> Site:
    return Site.objects.get(pk=asker.site.id)


def segment(asker: Asker, *filters: list[Any], **fields: Any) -> list[Any]:
    """Save a segment of the asker's site and return the filter that names it."""
    return ["is", "segment", [make_segment(site_of(asker), *filters, **fields).pk]]


def both(*filters: list[Any]) -> list[Any]:
    """Return one filter that names the segments of several."""
    return ["is", "segment", [number for node in filters for number in node[2]]]


def echo(asker: Asker, filters: list[Any], metrics: str = "visitors visits") -> tuple[list[Any], list[Any]]:
    """Return numbers and executed filters of a query, having posted the echo back for the same answer."""
    first = asker.ask(metrics.split(), filters=filters)
    assert asker.post(first["query"]) == (200, first)
    return first["results"][0]["metrics"], first["query"]["filters"]


def refusal(asker: Asker, *filters: Any, **more: Any) -> str:
    """Return the sentence of the 400 that filters are answered with."""
    status, body = asker.post({"metrics": ["visitors"], "filters": list(filters), **more})
    assert status == 400, body
    assert list(body) == ["error"]
    return str(body["error"])


def test_c40_one_segment_is_flattened_and_several_are_alternatives(fixture_a: Asker) -> None:
    seventh, eighth = segment(fixture_a, ESTONIA, CHROME), segment(fixture_a, SAFARI)
    assert echo(fixture_a, [seventh]) == ([1, 2], [ESTONIA, CHROME])
    either = ["or", [["and", [ESTONIA, CHROME]], ["and", [SAFARI]]]]
    assert echo(fixture_a, [both(seventh, eighth)]) == ([2, 3], [either])


def test_a_segment_stands_wherever_a_filter_may(fixture_a: Asker) -> None:
    estonia = segment(fixture_a, ESTONIA, CHROME)
    safari = segment(fixture_a, SAFARI)
    pricing = segment(fixture_a, PRICING)
    assert echo(fixture_a, [["not", estonia]]) == ([3, 3], [["not", ["and", [ESTONIA, CHROME]]]])
    tree = ["or", [["and", [ESTONIA, CHROME]], ["and", [SAFARI]]]]
    assert echo(fixture_a, [["or", [estonia, safari]]]) == ([2, 3], [tree])
    assert echo(fixture_a, [["has_done", pricing]]) == ([3, 3], [["has_done", ["and", [PRICING]]]])
    assert echo(fixture_a, [["has_not_done", pricing], safari]) == (
        [0, 0],
        [["has_not_done", ["and", [PRICING]]], SAFARI],
    )


def test_every_and_at_the_top_is_flattened_where_a_segment_is_named_and_only_there(fixture_a: Asker) -> None:
    nested = ["and", [["and", [ESTONIA]], ["or", [["and", [CHROME, SAFARI]], ESTONIA]]]]
    flat = [ESTONIA, ["or", [["and", [CHROME, SAFARI]], ESTONIA]]]
    assert echo(fixture_a, [nested])[1] == [nested]
    assert echo(fixture_a, [nested, segment(fixture_a, CHROME)])[1] == [*flat, CHROME]
    assert echo(fixture_a, [["and", [segment(fixture_a, nested)]]])[1] == flat


def test_a_segment_of_alternatives_or_of_behaviour_stays_as_it_is(fixture_a: Asker) -> None:
    either = ["or", [SAFARI, ["is", "visit:source", ["Twitter"]]]]
    assert echo(fixture_a, [segment(fixture_a, either)]) == ([2, 2], [either])
    has_done = ["has_done", PRICING]
    assert echo(fixture_a, [segment(fixture_a, has_done, ESTONIA)]) == ([1, 1], [has_done, ESTONIA])
    assert "nested" in refusal(fixture_a, ["has_done", segment(fixture_a, has_done)])
    assert "visit:browser" in refusal(fixture_a, ["has_done", segment(fixture_a, SAFARI)])


def test_goals_of_a_segment_count_at_the_top_level_only(goals_a: Asker) -> None:
    signup = segment(goals_a, SIGNUP)
    metrics = "visitors events conversion_rate"
    assert echo(goals_a, [signup], metrics) == ([2, 3, 50.0], [SIGNUP])
    assert echo(goals_a, [["and", [signup]]], metrics) == ([2, 3, 50.0], [SIGNUP])
    assert echo(goals_a, [["has_done", signup]])[0] == [2, 2]
    assert "top level" in refusal(goals_a, ["not", signup])
    assert "top level" in refusal(goals_a, both(signup, segment(goals_a, SAFARI)))
    make_goal(site_of(goals_a), event_name="Gone").delete()
    assert "'Gone'" in refusal(goals_a, segment(goals_a, ["is", "event:goal", ["Gone"]]))


def test_all_rules_apply_to_the_expanded_query(fixture_a: Asker) -> None:
    page = segment(fixture_a, PRICING)
    assert "views_per_visit" in refusal(fixture_a, page, metrics=["views_per_visit"])
    host = ["is", "event:hostname", ["shop.example"]]
    body = fixture_a.ask(["visitors"], ["visit:source"], filters=[segment(fixture_a, host)])
    assert body["query"]["filters"] == [host, ["is", "visit:entry_page_hostname", ["shop.example"]]]
    assert fixture_a.total("scroll_depth", filters=[segment(fixture_a, ["is", "event:page", ["/blog/a"]])]) == [60]


def test_properties_of_a_segment_need_the_plan_of_the_site(fixture_a: Asker) -> None:
    plan = segment(fixture_a, ["is", "event:props:plan", ["pro"]])
    assert echo(fixture_a, [plan])[0] == [1, 1]
    Team.objects.filter(sites=fixture_a.site.id).update(
        feature_override=[Feature.STATS_API.value, Feature.SITE_SEGMENTS.value]
    )
    assert "custom properties" in refusal(fixture_a, plan)


def test_segments_of_the_site_need_the_plan_and_personal_ones_do_not(fixture_a: Asker) -> None:
    site = site_of(fixture_a)
    shared = segment(fixture_a, SAFARI)
    own = segment(fixture_a, SAFARI, owner=make_member(site.team))
    Team.objects.filter(pk=site.team_id).update(feature_override=[Feature.STATS_API.value])
    assert "site segments" in refusal(fixture_a, both(own, shared))
    assert echo(fixture_a, [own]) == ([1, 1], [SAFARI])


def test_any_owner_does_and_only_the_same_site(fixture_a: Asker) -> None:
    stranger = make_member(site_of(fixture_a).team)
    assert echo(fixture_a, [segment(fixture_a, SAFARI, owner=stranger)])[0] == [1, 1]
    other = make_segment(make_site(), SAFARI)
    said = refusal(fixture_a, ["is", "segment", [other.pk]])
    assert said == f"filters[0]: {other.pk} is not a segment of this site"
    number = other.pk
    other.delete()
    assert refusal(fixture_a, ["is", "segment", [number]]) == said


@pytest.mark.parametrize("number", [0, -1, 2**31, 2**63 - 1, 2**63, 2**64 - 1, -(2**63)])
def test_numbers_of_no_segment_are_refused_whatever_their_size(asker: Asker, number: int) -> None:
    assert refusal(asker, CHROME, ["or", [["is", "segment", [number]]]]).startswith("filters[1]: ")


def test_ten_segments_in_all_are_the_most(fixture_a: Asker) -> None:
    safari = segment(fixture_a, SAFARI)
    assert fixture_a.total("visitors", filters=[["is", "segment", safari[2] * 9], safari]) == [1]
    assert "more than 10" in refusal(fixture_a, ["is", "segment", safari[2] * 10], ["has_done", safari])


def test_no_number_matches_nothing(fixture_a: Asker) -> None:
    nobody = ["is", "segment", []]
    assert echo(fixture_a, [nobody])[0] == [0, 0]
    assert echo(fixture_a, [["not", nobody]])[0] == [4, 5]
    assert echo(fixture_a, [["or", [nobody, SAFARI]]], "visitors pageviews")[0] == [1, 1]


def test_the_modifier_is_taken_and_changes_nothing(fixture_a: Asker) -> None:
    safari = segment(fixture_a, SAFARI)
    for value in (True, False):
        assert echo(fixture_a, [[*safari, {"case_sensitive": value}]]) == ([1, 1], [SAFARI])


SHAPES: dict[str, Any] = {
    "negated": ["is_not", "segment", [1]],
    "searched": ["contains", "segment", [1]],
    "pattern": ["matches", "segment", [1]],
    "text": ["is", "segment", ["1"]],
    "mixed": ["is", "segment", [1, "1"]],
    "fraction": ["is", "segment", [1.0]],
    "flag": ["is", "segment", [True]],
    "null": ["is", "segment", [None]],
    "nested list": ["is", "segment", [[1]]],
    "no list": ["is", "segment", 1],
    "beyond integers": ["is", "segment", [2**64]],
    "other modifier": ["is", "segment", [1], {"x": True}],
}


@pytest.mark.parametrize("node", SHAPES.values(), ids=SHAPES.keys())
def test_other_shapes_are_refused_and_named(asker: Asker, node: Any) -> None:
    body = json.dumps(
        {"site_id": asker.site.domain, "date_range": "day", "metrics": ["visitors"], "filters": [["not", node]]}
    )
    status, answer = asker.post(body.encode())
    assert status == 400
    assert answer["error"].startswith("filters[0][1]")


def test_segments_are_no_dimension_and_no_order(asker: Asker) -> None:
    assert "segment" in refusal(asker, dimensions=["segment"])
    assert "segment" in refusal(asker, order_by=[["segment", "asc"]])


def test_trees_too_deep_with_their_segments_are_refused(asker: Asker) -> None:
    def nested(node: list[Any], levels: int) -> list[Any]:
        for _ in range(levels):
            node = ["not", node]
        return node

    deep = segment(asker, nested(SAFARI, 47))
    assert echo(asker, [["not", deep]])[0] == [0, 0]
    assert "deeper than 50" in refusal(asker, nested(deep, 2))


def test_v1_knows_no_segments(fixture_a: Asker) -> None:
    safari = segment(fixture_a, SAFARI)
    number = safari[2][0]
    for filters in (f"segment=={number}", f'[["is","segment",[{number}]]]'):
        status, body = fixture_a.get("aggregate", filters=filters)
        assert (status, body) == (400, {"error": "filters: 'segment' cannot be filtered by"})
    assert fixture_a.get("breakdown", property="segment")[0] == 400


def test_limits_count_what_segments_bring(asker: Asker) -> None:
    long = segment(asker, *(["is", "event:page", [f"/{n}"]] for n in range(51)))
    assert asker.total("visitors", filters=[both(*[long] * 9)]) == [0]
    assert "more than 500 comparisons" in refusal(asker, both(*[long] * 10))

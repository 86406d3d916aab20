"""When two requests mean the same goal (Plugins API contract, section 6.3, line by line)."""

from typing import Any

import pytest

from accounts.models import Site
from goals.models import Goal
from tests.factories import make_goal, make_site
from tests.goals.api.plugins.conftest import Plugin, details, event, ids, make_plugin, pageview

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("there", "request_body"),
    [
        ({"event_name": "Order"}, event("Order")),
        ({"event_name": "Order", "custom_props": {"tier": "gold"}}, event("Order", custom_props={"tier": "tin"})),
        ({"event_name": "Order", "custom_props": {"tier": "gold"}}, event("Order")),
        ({"event_name": "Order", "currency": "SEK"}, event("Order", currency="SEK")),
        ({"event_name": "Order", "currency": "SEK"}, event("Order")),
        ({"page_path": "/a"}, pageview("a")),
        ({"page_path": "/a"}, pageview("/a")),
        ({"page_path": "/a"}, pageview(" /a ")),
        ({"page_path": "/a", "scroll_threshold": 50}, pageview("/a")),
        ({"event_name": "Order", "display_name": "Mine"}, event("Order")),
        (
            {"event_name": "Order", "display_name": "Mine", "custom_props": {"a": "b", "c": "d"}},
            event("Order", custom_props={"c": "d", "a": "b"}),
        ),
    ],
    ids=str,
)
def test_request_finds_the_goal_that_is_there_unchanged(
    call: Plugin, site: Site, there: dict[str, Any], request_body: dict[str, Any]
) -> None:
    goal = make_goal(site, **there)
    answer = call("PUT", "/goals", request_body)
    assert ids(answer) == [goal.pk]
    assert answer[1]["goals"][0]["goal"]["custom_props"] == goal.custom_props
    assert answer[1]["goals"][0]["goal"]["display_name"] == goal.display_name
    assert ("currency" in answer[1]["goals"][0]["goal"]) == (goal.currency != "")
    assert Goal.objects.count() == 1


@pytest.mark.parametrize(
    ("there", "request_body"),
    [
        ({"event_name": "Signup"}, event("signup")),
        ({"page_path": "/a"}, pageview("/A")),
        ({"page_path": "/a", "scroll_threshold": 50, "display_name": "Read"}, pageview("/a")),
        ({"event_name": "Order", "display_name": "Mine", "custom_props": {"a": "b"}}, event("Order")),
        (
            {"event_name": "Order", "display_name": "Mine", "custom_props": {"a": "b"}, "currency": "SEK"},
            event("Order"),
        ),
    ],
    ids=str,
)
def test_request_makes_a_goal_beside_another(
    call: Plugin, site: Site, there: dict[str, Any], request_body: dict[str, Any]
) -> None:
    goal = make_goal(site, **there)
    assert ids(call("PUT", "/goals", request_body)) != [goal.pk]
    assert Goal.objects.count() == 2


@pytest.mark.parametrize(
    ("there", "request_body", "detail"),
    [
        (
            {"event_name": "Order", "currency": "SEK"},
            event("Order", currency="NOK"),
            "event_name: 'Order' (with currency: SEK) has already been taken",
        ),
        (
            {"event_name": "Order"},
            event("Order", currency="SEK"),
            "event_name: 'Order' (with currency: ) has already been taken",
        ),
        (
            {"event_name": "Order", "currency": "SEK", "display_name": "Gold", "custom_props": {"tier": "gold"}},
            event("Order", currency="NOK"),
            "event_name: 'Order' (with currency: SEK) has already been taken",
        ),
        ({"page_path": "/x", "display_name": "Order"}, event("Order"), "display_name: has already been taken"),
        ({"event_name": "Visit /x"}, pageview("/x"), "display_name: has already been taken"),
    ],
    ids=str,
)
def test_request_against_another_goal_is_one_error_and_undoes_its_bulk(
    call: Plugin, site: Site, there: dict[str, Any], request_body: dict[str, Any], detail: str
) -> None:
    goal = make_goal(site, **there)
    for body in (request_body, {"goals": [event("New"), request_body, event("Order", currency="CHF")]}):
        refused = call("PUT", "/goals", body)
        assert (refused[0], details(refused)) == (422, [detail])
    assert [one.pk for one in Goal.objects.all()] == [goal.pk]


def test_same_goal_twice_in_one_request_has_one_number(call: Plugin) -> None:
    first, second = ids(call("PUT", "/goals", {"goals": [pageview("a"), pageview("/a")]}))
    assert first == second


def test_sites_do_not_share_goals(call: Plugin) -> None:
    other = make_plugin(make_site())
    assert ids(call("PUT", "/goals", event("Signup"))) != ids(other("PUT", "/goals", event("Signup")))

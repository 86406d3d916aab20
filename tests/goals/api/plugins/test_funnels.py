from typing import Any

import pytest
from django.conf import LazySettings

from accounts.models import AuditEntry, Site
from accounts.types import Feature
from goals.models import Funnel, FunnelStep, Goal
from tests.factories import make_goal, make_site, make_team
from tests.goals.api.plugins.conftest import ROOT, Plugin, details, event, ids, make_plugin, pageview

pytestmark = pytest.mark.django_db

TRIAL = [pageview("trial"), event("Activated", custom_props={"seats": "5"}), event("Paid", currency="CHF")]


def funnel(name: Any, *steps: Any) -> dict[str, Any]:
    return {"funnel": {"name": name, "steps": [*steps]}}


def events(names: str) -> list[dict[str, Any]]:
    return [event(name) for name in names]


def test_funnel_is_made_once_with_its_goals_in_order(call: Plugin, settings: LazySettings) -> None:
    settings.BASE_URL = "https://stats.example.org"
    paid = call("PUT", "/goals", TRIAL[2])[1]["goals"][0]
    answer = call.send("PUT", "/funnels", funnel("Trial to paid", *TRIAL))
    number = Funnel.objects.get().pk
    goals = call("GET", "/goals")[1]["goals"]
    by_name = {one["goal"]["display_name"]: one for one in goals}
    shown = {
        "funnel": {
            "id": number,
            "name": "Trial to paid",
            "steps": [by_name["Visit /trial"], by_name["Activated"], paid],
        }
    }
    assert (answer.status_code, answer.json()) == (201, shown)
    assert [*answer.items()][-1] == ("Location", f"https://stats.example.org{ROOT}/funnels/{number}")
    assert call("PUT", "/funnels", funnel("Trial to paid", *TRIAL)) == (201, shown)
    assert call("GET", f"/funnels/{number}") == (200, shown)
    assert call("GET", "/funnels")[1]["funnels"] == [shown]
    assert call("GET", f"/funnels/{number + 1}") == (404, {"errors": [{"detail": "Funnel not found"}]})
    assert AuditEntry.objects.filter(action="funnel.create").count() == 1


def test_funnel_of_a_known_name_keeps_its_steps_and_the_request_its_goals(call: Plugin) -> None:
    first = call("PUT", "/funnels", funnel("Way", *events("ab")))
    assert call("PUT", "/funnels", funnel("Way", *events("cd"))) == first
    assert {goal.event_name for goal in Goal.objects.all()} == {*"abcd"}
    assert call("PUT", "/funnels", funnel("way", *events("ab")))[1]["funnel"]["id"] != first[1]["funnel"]["id"]
    assert call("PUT", "/funnels", funnel("All", *events("hgfedcba")))[0] == 201


@pytest.mark.parametrize(
    ("body", "errors"),
    [
        ({}, {"funnel": ["can't be blank"]}),
        ({"funnel": "Way"}, {"funnel": ["is invalid"]}),
        ({"funnel": {}}, {"name": ["can't be blank"], "steps": ["can't be blank"]}),
        (funnel(None, *events("ab")), {"name": ["can't be blank"]}),
        (funnel(7, *events("ab")), {"name": ["is invalid"]}),
        (funnel(" ", *events("ab")), {"name": ["can't be blank"]}),
        (funnel("a\0", *events("ab")), {"name": ["is invalid"]}),
        (funnel("a" * 256, *events("ab")), {"name": ["should be at most 255 characters"]}),
        (funnel("Way", event("a")), {"steps": ["should have from 2 to 8 items"]}),
        (funnel("Way", *events("abcdefghi")), {"steps": ["should have from 2 to 8 items"]}),
        ({"funnel": {"name": "Way", "steps": {"0": event("a")}}}, {"steps": ["is invalid"]}),
        (funnel("Way", event("a"), "b"), {"steps": ["is invalid"]}),
        (funnel("Way", event("a"), {"goal_type": "Goal.Pageview", "goal": {}}), {"path": ["can't be blank"]}),
        (funnel("Way", event("a"), event("engagement")), {"event_name": ["'engagement' is reserved"]}),
        (funnel("Way", event("a"), event("b", currency="eur")), {"currency": ["is invalid"]}),
        (funnel("Way", pageview("a"), event("b"), pageview(" /a ")), {"steps": ["must be different goals"]}),
        (
            funnel("Way", event("a"), event("Order", currency="NOK")),
            {"event_name": ["'Order' (with currency: SEK) has already been taken"]},
        ),
    ],
    ids=lambda value: str(value)[:50],
)
def test_wrong_funnel_is_422_and_leaves_nothing(
    call: Plugin, bearer: Plugin, site: Site, body: object, errors: dict[str, list[str]]
) -> None:
    make_goal(site, event_name="Order", currency="SEK")
    assert bearer("PUT", "/funnels", body) == (422, {"errors": errors})
    assert details(call("PUT", "/funnels", body)) == [f"{name}: {texts[0]}" for name, texts in errors.items()]
    assert (Funnel.objects.count(), Goal.objects.count()) == (0, 1)


def test_plan_without_funnels_finds_them_and_makes_none() -> None:
    site = make_site(make_team(features=[Feature.SHARED_LINKS]))
    call = make_plugin(site)
    status, answer = call("PUT", "/funnels", funnel("Way", *events("ab")))
    assert (status, answer["errors"][0]["detail"].partition(" is ")[0]) == (402, "Funnels")
    status, answer = call("PUT", "/funnels", funnel("Way", event("a"), TRIAL[2]))
    assert (status, answer["errors"][0]["detail"].partition(" is ")[0]) == (402, "Revenue Goals")
    assert not Goal.objects.exists()
    there = Funnel.objects.create(site=site, name="Way")
    for position, name in enumerate("xy"):
        FunnelStep.objects.create(funnel=there, goal=make_goal(site, event_name=name), position=position)
    assert call("PUT", "/funnels", funnel("Way", *events("ab")))[1]["funnel"]["id"] == there.pk
    assert Goal.objects.count() == 4


def test_deleted_goals_shorten_funnels_and_end_those_of_two_steps(call: Plugin) -> None:
    goals = dict(zip("abcd", ids(call("PUT", "/goals", {"goals": events("abcd")})), strict=True))
    for name in ("abcd", "ab", "bc", "cd"):
        call("PUT", "/funnels", funnel(name, *events(name)))

    def steps() -> dict[str, str]:
        listed = call("GET", "/funnels")[1]["funnels"]
        return {
            one["funnel"]["name"]: "".join(step["goal"]["event_name"] for step in one["funnel"]["steps"])
            for one in listed
        }

    call("DELETE", f"/goals/{goals['a']}")
    assert steps() == {"abcd": "bcd", "bc": "bc", "cd": "cd"}
    call("DELETE", "/goals", {"goal_ids": [goals["b"], goals["c"]]})
    assert steps() == {}
    assert [goal.pk for goal in Goal.objects.all()] == [goals["d"]]
    assert not FunnelStep.objects.exists()


def test_switch_of_the_tracker_and_deletion_of_many_end_funnels_too(call: Plugin, site: Site) -> None:
    for on in (True, False):
        body = {"installation_type": "npm", "file_downloads": on}
        call("PUT", "/tracker_script_configuration", {"tracker_script_configuration": body})
        if on:
            call("PUT", "/funnels", funnel("Way", event("a"), event("File Download")))
            assert Funnel.objects.exists()
    assert not Funnel.objects.exists()
    call("PUT", "/funnels", funnel("Long", *events("abc")))
    Goal.objects.filter(event_name__in="ab").delete()  # as the admin's action does
    assert not Funnel.objects.exists()
    call("PUT", "/funnels", funnel("Long", *events("abc")))
    Funnel.objects.get().delete()
    call("PUT", "/funnels", funnel("Long", *events("abc")))
    site.delete()
    assert not Funnel.objects.exists()

"""Goals as wire forms: what is taken, what is refused and where, lists, deletion; `test_goal_identity` has the rest."""

from typing import Any

import pytest
from django.conf import LazySettings

from accounts.models import Site
from goals.models import Goal
from tests.factories import make_goal, make_site, make_team
from tests.goals.api.plugins.conftest import ROOT, Plugin, details, event, ids, make_plugin, pageview

pytestmark = pytest.mark.django_db

UPGRADE = " is part of the Plausible Business plan. To get access to this feature, please upgrade your account."


def test_each_kind_of_goal_is_made_and_shown(call: Plugin, settings: LazySettings) -> None:
    settings.BASE_URL = "https://stats.example.org"
    sent = [event(" Signup "), event("Order", currency="SEK", custom_props={"tier": "gold"}), pageview(" a/** ")]
    answer = call.send("PUT", "/goals", {"goals": sent})
    numbers = [one["goal"]["id"] for one in answer.json()["goals"]]
    assert (answer.status_code, answer.json()) == (
        201,
        {
            "goals": [
                {
                    "goal_type": "Goal.CustomEvent",
                    "goal": {"id": numbers[0], "display_name": "Signup", "event_name": "Signup", "custom_props": {}},
                },
                {
                    "goal_type": "Goal.Revenue",
                    "goal": {
                        "id": numbers[1],
                        "display_name": "Order",
                        "event_name": "Order",
                        "currency": "SEK",
                        "custom_props": {"tier": "gold"},
                    },
                },
                {
                    "goal_type": "Goal.Pageview",
                    "goal": {"id": numbers[2], "display_name": "Visit /a/**", "path": "/a/**", "custom_props": {}},
                },
            ],
            "meta": {"pagination": {"has_next_page": False, "has_prev_page": False, "links": {}}},
        },
    )
    locations = [value for name, value in answer.items() if name == "Location"]
    assert locations == [f"https://stats.example.org{ROOT}/goals/{number}" for number in numbers]
    assert call("GET", f"/goals/{numbers[1]}") == (200, answer.json()["goals"][1])
    assert ids(call("GET", "/goals")) == numbers[::-1]
    again = call.send("PUT", "/goals", {"goals": sent})
    assert (again.status_code, again.content) == (201, answer.content)


def test_unknown_members_are_ignored(call: Plugin) -> None:
    body = {**pageview("/a", display_name="Mine", scroll_threshold=50, event_name="x", currency=7), "more": [1]}
    assert call("PUT", "/goals", body)[1]["goals"][0]["goal"]["display_name"] == "Visit /a"


FAULTS: tuple[tuple[str, Any, str, str], ...] = (
    ("empty", {}, "/goal_type", "goal_type: can't be blank"),
    ("no type", {"goal": {"event_name": "a"}}, "/goal_type", "goal_type: can't be blank"),
    ("unknown type", {**event("a"), "goal_type": "Goal.Scroll"}, "/goal_type", "goal_type: is invalid"),
    ("type is a list", {**event("a"), "goal_type": []}, "/goal_type", "goal_type: is invalid"),
    ("no goal", {"goal_type": "Goal.Pageview"}, "/goal", "goal: can't be blank"),
    ("goal is null", {"goal_type": "Goal.Pageview", "goal": None}, "/goal", "goal: can't be blank"),
    ("goal is text", {"goal_type": "Goal.Pageview", "goal": "/"}, "/goal", "goal: is invalid"),
    ("no event name", {"goal_type": "Goal.CustomEvent", "goal": {}}, "/goal/event_name", "event_name: can't be blank"),
    ("event name is a number", event(5), "/goal/event_name", "event_name: is invalid"),  # type: ignore[arg-type]
    ("no path", {"goal_type": "Goal.Pageview", "goal": {}}, "/goal/path", "path: can't be blank"),
    ("no currency", {**event("a"), "goal_type": "Goal.Revenue"}, "/goal/currency", "currency: can't be blank"),
    ("blank currency", event("a", currency=""), "/goal/currency", "currency: can't be blank"),
    ("currency is null", event("a", currency=None), "/goal/currency", "currency: can't be blank"),
    ("props are null", event("a", custom_props=None), "/goal/custom_props", "custom_props: is invalid"),
    ("props are a list", event("a", custom_props=[]), "/goal/custom_props", "custom_props: is invalid"),
    (
        "four props",
        event("a", custom_props=dict.fromkeys("abcd", "x")),
        "/goal/custom_props",
        "custom_props: should have at most 3 properties",
    ),
    ("value is a number", event("a", custom_props={"size": 1}), "/goal/custom_props/size", "size: is invalid"),
    ("value is null", event("a", custom_props={"a/b~": None}), "/goal/custom_props/a~1b~0", "a/b~: is invalid"),
    (
        "long value",
        event("a", custom_props={"a": "x" * 2001}),
        "/goal/custom_props/a",
        "a: should have 1 to 2000 characters",
    ),
    (
        "empty name",
        event("a", custom_props={"": "x"}),
        "/goal/custom_props",
        "custom_props: names should have 1 to 300 characters",
    ),
    ("none", {"goals": []}, "/goals", "goals: should have from 1 to 8 items"),
    ("nine", {"goals": [event(name) for name in "abcdefghi"]}, "/goals", "goals: should have from 1 to 8 items"),
    ("not a list", {"goals": event("a")}, "/goals", "goals: is invalid"),
    ("item is null", {"goals": [event("a"), None]}, "/goals/1", "goals: is invalid"),
    (
        "wrong item",
        {"goals": [event("a"), pageview(True)]},  # type: ignore[arg-type]
        "/goals/1/goal/path",
        "path: is invalid",
    ),
    (
        "both forms",
        {**event("a"), "goals": [event("b")]},
        "/goals",
        "goals: cannot be sent together with a single goal",
    ),
)


@pytest.mark.parametrize(("body", "pointer", "detail"), [one[1:] for one in FAULTS], ids=[one[0] for one in FAULTS])
def test_wrong_shape_is_422_with_its_place_and_leaves_nothing(
    call: Plugin, bearer: Plugin, body: object, pointer: str, detail: str
) -> None:
    status, answer = call("PUT", "/goals", body)
    assert status == 422
    assert {"title": "Invalid value", "source": {"pointer": pointer}, "detail": detail} in answer["errors"]
    status, answer = bearer("PUT", "/goals", body)
    field, _, message = detail.partition(": ")
    assert (status, answer["errors"][field]) == (422, [message])
    assert not Goal.objects.exists()


@pytest.mark.parametrize(
    ("body", "errors"),
    [
        (event("  "), {"event_name": ["can't be blank"]}),
        (event("a" * 121), {"event_name": ["should be at most 120 characters"]}),
        (event("a\0"), {"event_name": ["is invalid"]}),
        (event(" engagement "), {"event_name": ["'engagement' is reserved"]}),
        (pageview(" "), {"page_path": ["can't be blank"]}),
        (pageview("/\0"), {"page_path": ["is invalid"]}),
        (event("a", currency="eur"), {"currency": ["is invalid"]}),
        (event("a", currency=" "), {"currency": ["is invalid"]}),
        (event("a", currency="XXXX" * 1000), {"currency": ["is invalid"]}),
        (
            event("a", custom_props={"a": "\0"}),
            {"custom_props": ["names and values must be valid Unicode without null characters"]},
        ),
    ],
    ids=lambda value: str(value)[:40],
)
def test_broken_rule_is_422_at_its_field(
    call: Plugin, bearer: Plugin, body: object, errors: dict[str, list[str]]
) -> None:
    assert bearer("PUT", "/goals", body) == (422, {"errors": errors})
    native = [{"detail": f"{field}: {texts[0]}"} for field, texts in errors.items()]
    assert call("PUT", "/goals", {"goals": [event("fine"), body]}) == (422, {"errors": native})
    assert not Goal.objects.exists()


def test_features_outside_the_plan_are_402_by_their_names() -> None:
    call = make_plugin(make_site(make_team(features=[])))
    assert call("PUT", "/goals", event("a", currency="EUR")) == (
        402,
        {"errors": [{"detail": "Revenue Goals" + UPGRADE}]},
    )
    call.scheme = "Bearer"
    props = event("a", custom_props={"a": "b"})
    assert call("PUT", "/goals", props) == (402, {"error": "Custom Properties" + UPGRADE})
    assert call("PUT", "/goals", {"goals": [event("b"), event("a", currency="EUR")]})[0] == 402
    assert call("PUT", "/goals", event("a", currency="eur")) == (422, {"errors": {"currency": ["is invalid"]}})
    assert not Goal.objects.exists()
    assert call("PUT", "/goals", event("a", custom_props={}))[0] == 201


def test_full_site_takes_known_goals_only(call: Plugin, settings: LazySettings) -> None:
    settings.MAX_GOALS_PER_SITE = 2
    made = ids(call("PUT", "/goals", {"goals": [event("a"), pageview("/a")]}))
    reached = "Maximum number of goals reached"
    refused = call("PUT", "/goals", event("b"))
    assert (refused[0], details(refused)) == (422, [f"event_name: {reached}", f"page_path: {reached}"])
    assert ids(call("PUT", "/goals", {"goals": [pageview("a"), event("a", custom_props={"x": "y"})]})) == made[::-1]
    assert call("PUT", "/goals", {"goals": [event("a"), event("b")]})[0] == 422
    assert Goal.objects.count() == 2
    assert call("DELETE", f"/goals/{made[0]}") == (204, None)
    assert call("PUT", "/goals", event("b"))[0] == 201


def test_full_site_takes_no_second_goal_of_a_known_event(call: Plugin, site: Site, settings: LazySettings) -> None:
    settings.MAX_GOALS_PER_SITE = 1
    make_goal(site, event_name="Order", display_name="Gold", custom_props={"tier": "gold"}, currency="SEK")
    assert call("PUT", "/goals", event("Order"))[0] == 422
    refused = call("PUT", "/goals", event("Order", currency="NOK"))
    assert details(refused) == ["event_name: 'Order' (with currency: SEK) has already been taken"]
    assert Goal.objects.count() == 1


@pytest.mark.parametrize("text", ["hello", "1.5", "%00", "٣"])
@pytest.mark.parametrize("records", ["goals", "funnels", "shared_links"])
def test_path_without_a_number_is_422(call: Plugin, bearer: Plugin, records: str, text: str) -> None:
    path = f"/{records}/{text}"
    for method in ("GET", "DELETE") if records == "goals" else ("GET",):
        assert bearer(method, path) == (422, {"errors": {"id": ["must be a whole number"]}})
        assert call(method, path)[1]["errors"][0]["source"] == {"pointer": "/id"}


@pytest.mark.parametrize("number", ["0", "-1", "999999", "9223372036854775807", "9223372036854775808", "9" * 5000])
def test_number_that_no_goal_has_is_404_and_nothing_to_delete(call: Plugin, number: str) -> None:
    assert call("GET", f"/goals/{number}") == (404, {"errors": [{"detail": "Goal not found"}]})
    assert call("DELETE", f"/goals/{number}") == (204, None)


def test_bulk_delete_skips_unknown_numbers(call: Plugin, site: Site) -> None:
    numbers = [make_goal(site, event_name=name).pk for name in "abcd"]
    assert call("DELETE", "/goals", {"goal_ids": [*numbers[:3], 999999, 2**63, -1]}) == (204, None)
    assert [goal.pk for goal in Goal.objects.all()] == numbers[3:]


@pytest.mark.parametrize("wrong", [None, [], [1] * 9, ["1"], [1.0], [True], [None], "1", {"1": 1}, [10**30]], ids=str)
def test_wrong_list_of_numbers_is_422_and_deletes_nothing(bearer: Plugin, site: Site, wrong: Any) -> None:
    goal = make_goal(site)
    body = {"goal_ids": [goal.pk, *wrong] if isinstance(wrong, list) and 0 < len(wrong) < 8 else wrong}
    status, answer = bearer("DELETE", "/goals", body)
    assert (status, [*answer["errors"]]) == (422, ["goal_ids"])
    assert Goal.objects.filter(pk=goal.pk).exists()

"""Goals over the Sites API: contract section 4, and the rules of the Plugins API contract, section 6."""

from typing import Any

import pytest

from accounts.models import Site, Team
from accounts.types import Feature, GuestRole, Scope
from goals.models import Goal
from tests.accounts.api.conftest import Answer, Caller, CallerOf
from tests.factories import make_goal, make_guest, make_key, make_site

pytestmark = pytest.mark.django_db

PROVISION = [Scope.SITES_PROVISION]


@pytest.fixture
def site(team: Team) -> Site:
    return make_site(team, domain="shop.example")


def put(call: Caller, **fields: Any) -> Answer:
    kind = {"goal_type": "page"} if "page_path" in fields else {"goal_type": "event"}
    return call("PUT", "/sites/goals", {"site_id": "shop.example", **kind, **fields})


def made(call: Caller, **fields: Any) -> dict[str, Any]:
    status, body = put(call, **fields)
    assert status == 200, body
    assert isinstance(body, dict)
    return body


@pytest.mark.usefixtures("site")
def test_goal_is_answered_with_seven_keys_and_listed_with_six(call: Caller) -> None:
    sent = {"event_name": " Purchase ", "display_name": " Buyer ", "custom_props": {"tier": "gold"}, "currency": "EUR"}
    goal = made(call, **sent)
    assert goal == {
        "id": goal["id"],
        "domain": "shop.example",
        "goal_type": "event",
        "display_name": "Buyer",
        "event_name": "Purchase",
        "page_path": None,
        "custom_props": {"tier": "gold"},
    }
    page = made(call, page_path=" a b ", currency="EUR")
    scroll = made(call, page_path="/a b", scroll_threshold=50, display_name="Half")
    assert (page["goal_type"], page["page_path"], page["display_name"]) == ("page", "/a b", "Visit /a b")
    assert scroll["goal_type"] == "scroll"
    status, body = call("GET", "/sites/goals?site_id=shop.example&limit=2")
    del scroll["domain"], page["domain"]
    assert (status, body["goals"]) == (200, [scroll, page])
    assert body["meta"]["after"]


@pytest.mark.usefixtures("site")
@pytest.mark.parametrize("kind", ["form", "multipart", "query"])
def test_goal_may_be_sent_as_a_form_or_in_the_address(call: Caller, kind: str) -> None:
    fields = {"site_id": "shop.example", "goal_type": "page", "page_path": "/a", "scroll_threshold": "30"}
    form = "&".join(f"{name}={text}" for name, text in fields.items()) + "&custom_props[tier]=gold"
    if kind == "query":
        status, body = call("PUT", f"/sites/goals?{form}")
    else:
        data: object = form if kind == "form" else {**fields, "custom_props[tier]": "gold"}
        status, body = call("PUT", "/sites/goals", data, kind=kind)
    assert (status, body["goal_type"], body["custom_props"]) == (200, "scroll", {"tier": "gold"})
    for path, sent, how in (
        (f"/sites/goals/{body['id']}", "site_id=shop.example", "form"),
        (f"/sites/goals/{body['id']}", {"site_id": "shop.example"}, "multipart"),
        (f"/sites/goals/{body['id']}?site_id=shop.example", None, "json"),
    ):
        status, _ = call("DELETE", path, sent, kind=how)
        assert status == (404 if how != "form" else 200)


@pytest.mark.usefixtures("site")
@pytest.mark.parametrize(
    ("fields", "error"),
    [
        pytest.param({"goal_type": "funnel"}, "goal_type: must be event or page", id="goal-type"),
        pytest.param({"goal_type": "scroll", "page_path": "/a"}, "goal_type: ", id="scroll"),
        pytest.param({"goal_type": 3}, "goal_type is missing", id="number-as-type"),
        pytest.param({}, "event_name: can't be blank", id="no-name"),
        pytest.param({"event_name": 3}, "event_name: can't be blank", id="number-as-name"),
        pytest.param({"event_name": "  "}, "event_name: can't be blank", id="blank-name"),
        pytest.param({"event_name": "x" * 121}, "event_name: should be at most 120", id="long"),
        pytest.param({"event_name": " engagement "}, "event_name: 'engagement' is reserved", id="reserved"),
        pytest.param({"event_name": "a\0"}, "event_name: is invalid", id="null-character"),
        pytest.param({"goal_type": "page"}, "page_path: can't be blank", id="no-path"),
        pytest.param({"page_path": " "}, "page_path: can't be blank", id="blank-path"),
        pytest.param(
            {"goal_type": "page", "page_path": "/a", "event_name": "b"}, "event_name and page_path", id="both"
        ),
        pytest.param({"event_name": "a", "display_name": 1}, "display_name: is invalid", id="display-name"),
        pytest.param({"event_name": "a", "display_name": "\0"}, "display_name: is invalid", id="display-name-null"),
        pytest.param({"event_name": "a", "scroll_threshold": 5}, "scroll_threshold: is for page", id="scroll-of-event"),
        pytest.param({"page_path": "/a", "scroll_threshold": 101}, "scroll_threshold: ", id="deep"),
        pytest.param({"page_path": "/a", "scroll_threshold": -2}, "scroll_threshold: ", id="shallow"),
        pytest.param({"page_path": "/a", "scroll_threshold": 10**30}, "", id="huge"),
        pytest.param({"page_path": "/a", "scroll_threshold": "5"}, "scroll_threshold: must be a whole", id="text"),
        pytest.param({"page_path": "/a", "scroll_threshold": True}, "scroll_threshold: must be a whole", id="switch"),
        pytest.param({"event_name": "a", "currency": "eur"}, "currency: is invalid", id="currency"),
        pytest.param({"event_name": "a", "currency": 978}, "currency: is invalid", id="currency-number"),
        pytest.param({"event_name": "a", "custom_props": []}, "custom_props: ", id="props-list"),
        pytest.param({"event_name": "a", "custom_props": None}, "custom_props: ", id="props-null"),
        pytest.param({"event_name": "a", "custom_props": {"a": None}}, "custom_props: ", id="null-value"),
        pytest.param({"event_name": "a", "custom_props": {"a": 1}}, "custom_props: ", id="number-value"),
        pytest.param({"event_name": "a", "custom_props": {"a": {}}}, "custom_props: ", id="object-value"),
        pytest.param({"event_name": "a", "custom_props": {"a\0": "b"}}, "custom_props: ", id="null-character-key"),
        pytest.param({"event_name": "a", "custom_props": dict.fromkeys("abcd", "v")}, "custom_props: ", id="four"),
        pytest.param(
            {"event_name": "x" * 121, "currency": "eur"},
            "event_name: should be at most 120 characters, currency: is invalid",
            id="all-faults-in-one-text",
        ),
    ],
)
def test_bad_goal_is_refused(call: Caller, fields: dict[str, Any], error: str) -> None:
    status, body = put(call, **fields)
    assert (status, body["error"].startswith(error)) == (400, True), body
    assert not Goal.objects.exists()


def test_parameters_are_told_before_the_site(call: Caller) -> None:
    assert call("PUT", "/sites/goals", {"goal_type": "event"})[1]["error"].startswith("site_id is missing")
    assert "goal_type" in call("PUT", "/sites/goals", {"site_id": "unknown.example"})[1]["error"]
    assert put(call, event_name="a")[0] == 404


@pytest.mark.usefixtures("site")
def test_same_configuration_is_the_same_goal_and_keeps_its_name(call: Caller) -> None:
    gold = {"event_name": "Order", "custom_props": {"tier": "gold", "kind": "new"}, "display_name": "Gold"}
    first = made(call, **gold)
    assert made(call, **{**gold, "custom_props": {"kind": "new", "tier": "gold"}, "display_name": "Other"}) == first
    tin = made(call, event_name="Order", custom_props={"tier": "tin"}, display_name="Tin")
    assert tin["id"] != first["id"]
    bare = made(call, event_name="Order")
    assert made(call, event_name="Order", custom_props={"tier": "lead"}) == bare  # holds the generated name
    assert made(call, event_name="order")["id"] not in {first["id"], tin["id"], bare["id"]}
    page = made(call, page_path="/a")
    for path in ("a", "/a", " /a "):
        assert made(call, page_path=path) == page
    half = made(call, page_path="/a", scroll_threshold=50, display_name="Half")
    assert made(call, page_path="/a", scroll_threshold=50) == half
    assert made(call, page_path="/a", scroll_threshold=-1) == page
    status, body = put(call, event_name="New", display_name="Half")
    assert (status, body) == (400, {"error": "display_name: has already been taken"})


@pytest.mark.usefixtures("site")
def test_event_has_one_currency(call: Caller) -> None:
    revenue = made(call, event_name="Purchase", currency="EUR")
    assert made(call, event_name="Purchase", currency="EUR") == revenue
    assert made(call, event_name="Purchase") == revenue
    taken = {"error": "event_name: 'Purchase' (with currency: EUR) has already been taken"}
    assert put(call, event_name="Purchase", currency="USD") == (400, taken)
    props = {"custom_props": {"a": "b"}, "display_name": "Else"}
    assert put(call, event_name="Purchase", currency="USD", **props) == (400, taken)
    made(call, event_name="Signup")
    none = {"error": "event_name: 'Signup' (with currency: ) has already been taken"}
    assert put(call, event_name="Signup", currency="USD") == (400, none)


def test_features_are_named_that_a_goal_needs(call: Caller, team: Team, site: Site) -> None:
    team.feature_override = [Feature.SITES_API.value]
    team.save()
    for fields, name in (
        ({"currency": "EUR", "custom_props": {"a": "b"}}, "Revenue Goals"),
        ({"currency": "eur", "custom_props": {"a": "b"}}, "Custom Properties"),
        ({"custom_props": {"a": "b"}}, "Custom Properties"),
    ):
        status, body = put(call, event_name="Order", **fields)
        assert (status, body["error"].startswith(f"{name} is part of the")) == (402, True)
    assert put(call, event_name="Order", currency="eur")[0] == 400
    assert put(call, event_name="Order", custom_props={})[0] == 200
    assert put(call, page_path="/a", currency="EUR")[0] == 200
    assert call("GET", "/sites/goals?site_id=shop.example")[0] == 402


def test_limit_stops_new_goals_only(call: Caller, site: Site, settings: Any) -> None:
    settings.MAX_GOALS_PER_SITE = 2
    order, page = made(call, event_name="Order"), made(call, page_path="/a")
    status, body = put(call, event_name="Other")
    assert (status, body["error"].count("Maximum number of goals reached")) == (400, 2)
    assert put(call, page_path="/a", scroll_threshold=5, display_name="x")[0] == 400
    assert made(call, event_name="Order") == order
    assert made(call, page_path="/a") == page
    switched = {"tracker_script_configuration": {"outbound_links": True}}
    assert call("PUT", "/sites/shop.example", switched)[0] == 200
    assert site.goals.count() == 2
    assert call("DELETE", f"/sites/goals/{order['id']}", {"site_id": "shop.example"}) == (200, {"deleted": True})
    assert put(call, event_name="Other")[0] == 200


@pytest.mark.usefixtures("site")
@pytest.mark.parametrize(("number", "status"), [("0", 404), ("-1", 404), ("9" * 40, 404), ("x", 400), ("1.5", 400)])
def test_goal_that_is_not_there_cannot_be_deleted(call: Caller, number: str, status: int) -> None:
    assert call("DELETE", f"/sites/goals/{number}?site_id=shop.example")[0] == status
    foreign = make_goal(make_site())
    assert call("DELETE", f"/sites/goals/{foreign.pk}?site_id=shop.example")[0] == 404
    assert call("DELETE", f"/sites/goals/{number}")[0] == 400
    assert Goal.objects.filter(pk=foreign.pk).exists()


def test_guest_viewer_reads_and_guest_editor_writes(caller_of: CallerOf, site: Site) -> None:
    viewer = caller_of(make_key(make_guest(site), scopes=PROVISION))
    editor = caller_of(make_key(make_guest(site, role=GuestRole.EDITOR), scopes=PROVISION))
    for caller, status in ((viewer, 404), (editor, 200)):
        assert caller("GET", "/sites/goals?site_id=shop.example")[0] == 200
        assert put(caller, event_name="Order")[0] == status

"""Parameters that narrow the lists of goals, custom properties, guests and teams; whatever is unknown is ignored."""

from typing import Any

import pytest

from accounts.models import Site, Team
from accounts.selectors import site_ref
from accounts.types import Feature, GuestRole
from goals.prop_services import enable_props
from tests.accounts.api.conftest import Caller
from tests.factories import make_goal, make_guest, make_site, make_team, make_user, owner_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def site(team: Team) -> Site:
    return make_site(team, domain="shop.example")


def found(call: Caller, path: str, field: str, query: str) -> list[Any]:
    status, body = call("GET", f"{path}?site_id=shop.example&{query}")
    assert status == 200, body
    items = next(value for name, value in body.items() if name != "meta")
    return [item[field] for item in items]


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("goal_type=event", ["Buyer", "Purchase"]),
        ("goal_type=page", ["Visit /cart"]),
        ("goal_type=scroll", ["Half of the cart"]),
        ("event_name=Purchase", ["Buyer", "Purchase"]),
        ("event_name=Purch", []),
        ("page_path=/cart", ["Half of the cart", "Visit /cart"]),
        ("page_path=/cart&goal_type=page", ["Visit /cart"]),
        ("display_name=CART", ["Half of the cart", "Visit /cart"]),
        ("display_name=%25", []),
        ("goal_type=&event_name=&kind=event", ["Buyer", "Half of the cart", "Visit /cart", "Purchase"]),
    ],
)
def test_goals_are_narrowed(call: Caller, site: Site, query: str, names: list[str]) -> None:
    make_goal(site, event_name="Purchase")
    make_goal(site, page_path="/cart")
    make_goal(site, page_path="/cart", scroll_threshold=50, display_name="Half of the cart")
    make_goal(site, event_name="Purchase", display_name="Buyer", custom_props={"tier": "gold"})
    make_goal(make_site(site.team), event_name="Purchase")
    assert found(call, "/sites/goals", "display_name", query) == names


def test_pages_run_over_what_is_left(call: Caller, site: Site) -> None:
    goals = [make_goal(site, event_name=f"Event {number}") for number in range(3)]
    make_goal(site, page_path="/cart")
    first = call("GET", "/sites/goals?site_id=shop.example&goal_type=event&limit=2")[1]
    assert [goal["id"] for goal in first["goals"]] == [goals[2].pk, goals[1].pk]
    rest = f"/sites/goals?site_id=shop.example&goal_type=event&limit=2&after={first['meta']['after']}"
    assert [goal["id"] for goal in call("GET", rest)[1]["goals"]] == [goals[0].pk]
    assert call("GET", rest)[1]["meta"]["after"] is None


def test_custom_properties_are_narrowed_by_a_part_of_the_name(call: Caller, site: Site) -> None:
    enable_props(site_ref(site), ["Größe", "author", "co-author"], frozenset({Feature.PROPS}))
    assert found(call, "/sites/custom-props", "property", "property=AUTHOR") == ["author", "co-author"]
    assert found(call, "/sites/custom-props", "property", "property=GRÖ") == ["Größe"]
    assert len(found(call, "/sites/custom-props", "property", "property=&name=x")) == 3


def test_guests_are_narrowed(call: Caller, site: Site) -> None:
    make_guest(site, make_user("zoe@partner.example"), GuestRole.EDITOR)
    call("PUT", "/sites/guests", {"site_id": "shop.example", "email": "ada@shop.example", "role": "viewer"})
    for query, emails in {
        "role=editor": ["zoe@partner.example"],
        "status=invited": ["ada@shop.example"],
        "email=SHOP": ["ada@shop.example"],
        "status=accepted&role=viewer": [],
        "role=owner": [],
        "role=&kind=x": ["ada@shop.example", "zoe@partner.example"],
    }.items():
        assert found(call, "/sites/guests", "email", query) == emails, query


def test_teams_are_narrowed_by_the_name_that_is_shown(legacy: Caller, team: Team) -> None:
    make_team(owner_of(team), name="Kontor")
    make_team(owner_of(team), name="Kontor am Meer", is_setup_complete=False)
    assert [one["name"] for one in legacy("GET", "/sites/teams?name=kontor")[1]["teams"]] == ["Kontor"]
    assert [one["name"] for one in legacy("GET", "/sites/teams?name=PERSONAL")[1]["teams"]] == ["My personal sites"]
    assert len(legacy("GET", "/sites/teams?name=&owner=x")[1]["teams"]) == 3


@pytest.mark.usefixtures("site")
@pytest.mark.parametrize(
    ("path", "query"),
    [
        ("goals", "goal_type=Goal.Pageview"),
        ("goals", "event_name=%00"),
        ("goals", "display_name=%00"),
        ("guests", "role=guest"),
        ("guests", "status=lapsed"),
        ("teams", "name=%00"),
    ],
)
def test_bad_filter_is_refused_by_its_name(call: Caller, path: str, query: str) -> None:
    status, body = call("GET", f"/sites/{path}?site_id=shop.example&{query}")
    assert (status, body["error"].startswith(query.partition("=")[0])) == (400, True), body

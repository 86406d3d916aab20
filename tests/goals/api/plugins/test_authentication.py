import base64
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
import time_machine
from django.test import Client

from accounts.models import AuditEntry, PluginsToken, Site
from accounts.selectors import site_ref
from accounts.types import Feature, PluginsActor
from analytics_project.errors import NotAuthenticated
from goals.models import Goal
from goals.services import NewGoal, provide_goals
from tests.factories import make_key, make_site, make_team
from tests.goals.api.plugins.conftest import ROOT, Plugin, event, make_plugin

pytestmark = pytest.mark.django_db

PROTECTED = (
    ("GET", "/goals"),
    ("PUT", "/goals"),
    ("DELETE", "/goals"),
    ("GET", "/goals/1"),
    ("DELETE", "/goals/abc"),
    ("PUT", "/custom_props"),
    ("DELETE", "/custom_props"),
    ("GET", "/shared_links"),
    ("PUT", "/shared_links"),
    ("GET", "/shared_links/abc"),
    ("GET", "/funnels"),
    ("PUT", "/funnels"),
    ("GET", "/funnels/abc"),
    ("GET", "/tracker_script_configuration"),
    ("PUT", "/tracker_script_configuration"),
)


def basic(text: str) -> str:
    return "Basic " + base64.b64encode(text.encode()).decode()


@pytest.mark.parametrize(("method", "path"), PROTECTED, ids=str)
def test_nobody_is_refused_before_body_and_path_are_looked_at(method: str, path: str) -> None:
    for body in (b"", b"{nonsense"):
        answer = Client(enforce_csrf_checks=True).generic(method, ROOT + path, body, "application/json")
        assert answer.status_code == 401
        assert answer.headers["WWW-Authenticate"] == 'Basic realm="Plugins API Access"'
        assert [*answer.json()] == ["errors"]


@pytest.mark.parametrize(
    "shape", ["Basic any.example:{}", "Basic :{}", "Basic {}", "basic {}", "BEARER {}", "Bearer   {}  "]
)
def test_token_is_taken_in_every_form_of_the_contract(call: Plugin, shape: str) -> None:
    scheme, _, credentials = shape.format(call.token).partition(" ")
    text = credentials if scheme in {"BEARER", "Bearer"} else basic(credentials).removeprefix("Basic ")
    answer = call.send("GET", "/goals", headers={"Authorization": f"{scheme} {text}"})
    assert answer.status_code == 200


def test_wrong_credentials_are_401(call: Plugin) -> None:
    key = make_key(team=call.site.team).text
    wrong = [
        "",
        "Basic",
        "Basic !!!",
        "Basic " + base64.b64encode(b"\xff\xfe").decode(),
        "Basic schlüssel",
        basic("user:"),
        basic(f"user:x:{call.token}"),
        basic("user:\0"),
        basic(f"user:{key}"),
        f"Bearer {key}",
        f"Bearer {call.token}x",
        f"Digest {call.token}",
        f"{call.authorization}, {call.authorization}",
        f"Bearer {call.token}, Bearer {call.token}",
    ]
    assert {
        text: call.send("GET", "/goals", headers={"Authorization": text}).status_code for text in wrong
    } == dict.fromkeys(wrong, 401)


def test_plugin_token_is_no_api_key(call: Plugin) -> None:
    answer = Client().get(f"/api/v1/sites/{call.site.domain}", headers={"Authorization": f"Bearer {call.token}"})
    assert answer.status_code == 401


def test_deleted_token_and_deleted_site_are_refused_at_once(call: Plugin) -> None:
    other = make_plugin(call.site)
    PluginsToken.objects.filter(hint=call.token[-4:]).delete()
    assert (call("GET", "/goals")[0], other("GET", "/goals")[0]) == (401, 200)
    call.site.delete()
    assert other("GET", "/goals")[0] == 401


def test_token_deleted_during_a_request_undoes_what_the_request_did(site: Site) -> None:
    gone = PluginsActor(uuid4(), site_ref(site), frozenset(Feature))
    with pytest.raises(NotAuthenticated):
        provide_goals(gone.site, [NewGoal(event_name="Signup")], gone.features, who=gone)
    assert not Goal.objects.exists()


def test_last_use_is_written_again_after_more_than_five_whole_minutes(call: Plugin) -> None:
    start = datetime(2026, 3, 10, 12, tzinfo=UTC)

    def used_at(after: timedelta) -> datetime | None:
        with time_machine.travel(start + after, tick=False):
            call("GET", "/goals")
        return PluginsToken.objects.get().last_used_at

    assert PluginsToken.objects.get().last_used_at is None
    assert used_at(timedelta()) == start
    assert used_at(timedelta(minutes=5, seconds=59)) == start
    assert used_at(timedelta(minutes=6)) == start + timedelta(minutes=6)


def test_locked_team_is_not_blocked_and_what_a_plugin_did_is_noted_with_its_token() -> None:
    call = make_plugin(make_site(make_team(is_locked=True)))
    assert call("PUT", "/goals", event("Signup"))[0] == 201
    entry = AuditEntry.objects.get(action="goal.create")
    assert (entry.who, entry.key, entry.token) == (None, None, PluginsToken.objects.get())


def test_refusals_outside_the_views_have_the_shape_of_the_scheme(call: Plugin, bearer: Plugin) -> None:
    for one in (call, bearer):
        for method, path, status in (
            ("GET", "/nothing", 404),
            ("POST", "/nothing", 404),
            ("POST", "/goals", 405),
            ("GET", "/custom_props", 405),
            ("GET", "/goals?" + "&".join(["a=b"] * 1001), 400),
        ):
            found = one(method, path)
            assert found[0] == status
            assert [*found[1]] == (["error"] if one is bearer else ["errors"])
        refused = one.send("GET", "/goals", headers={"Accept": "text/html"})
        assert (refused.status_code, [*refused.json()]) == (406, ["error"] if one is bearer else ["errors"])


def test_bodies_that_cannot_be_read_are_400_and_other_types_422(call: Plugin, bearer: Plugin) -> None:
    for body in (b"{", b"[]", b"null", b'"x"', b'{"goal_type": "\\ud800"}', b"[" * 3000, b"\xff", b'{"a": NaN}'):
        assert call("PUT", "/goals", body)[0] == 400, body
        assert [*bearer("PUT", "/goals", body)[1]] == ["error"]
    headers = {"Authorization": bearer.authorization}
    answer = bearer.client.put(f"{ROOT}/goals", b"a=b", "application/x-www-form-urlencoded", headers=headers)
    assert (answer.status_code, answer.json()) == (422, {"errors": {"content_type": ["must be application/json"]}})


def test_capabilities_are_told_to_holders_of_a_token_only(call: Plugin) -> None:
    status, body = call("GET", "/capabilities")
    assert (status, body["authorized"], body["data_domain"]) == (200, True, call.site.domain)
    assert set(body["features"].values()) == {True}
    for header in ("", "Bearer wrong", "Basic !!!"):
        answer = call.send("GET", "/capabilities", headers={"Authorization": header})
        assert (answer.status_code, answer.json()) == (
            200,
            {"authorized": False, "data_domain": None, "features": dict.fromkeys(body["features"], False)},
        )


@pytest.mark.parametrize(
    ("features", "true"),
    [
        ([], {"Goals"}),
        ([Feature.SHARED_LINKS, Feature.SITE_SEGMENTS], {"Goals", "SharedLinks", "SiteSegments"}),
        ([Feature.STATS_API, Feature.SITES_API, Feature.SSO], {"Goals", "StatsAPI", "SitesAPI", "SSO"}),
        (
            [Feature.PROPS, Feature.FUNNELS, Feature.REVENUE_GOALS, Feature.CONSOLIDATED_VIEW],
            {"Goals", "Props", "Funnels", "RevenueGoals", "ConsolidatedView"},
        ),
    ],
)
def test_capabilities_are_those_of_the_plan(features: list[Feature], true: set[str]) -> None:
    found = make_plugin(make_site(make_team(features=features)))("GET", "/capabilities")[1]["features"]
    assert {name for name, has in found.items() if has} == true
    assert len(found) == 10


def test_ids_of_another_site_do_not_exist(call: Plugin, site: Site) -> None:
    other = make_plugin(make_site())
    number = other("PUT", "/goals", event("Signup"))[1]["goals"][0]["goal"]["id"]
    assert call("GET", f"/goals/{number}")[0] == 404
    assert call("DELETE", f"/goals/{number}") == (204, None)
    assert call("DELETE", "/goals", {"goal_ids": [number]}) == (204, None)
    assert other("GET", f"/goals/{number}")[0] == 200
    link = other("PUT", "/shared_links", {"shared_link": {"name": "Board"}})[1]["shared_link"]["id"]
    steps = [event("a"), event("b")]
    funnel = other("PUT", "/funnels", {"funnel": {"name": "Way", "steps": steps}})[1]["funnel"]["id"]
    for path in (f"/shared_links/{link}", f"/funnels/{funnel}"):
        assert (call("GET", path)[0], other("GET", path)[0]) == (404, 200)

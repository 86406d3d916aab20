"""GET and POST /sites, /sites/teams, and one site: the Sites API contract, sections 1 to 3 and 8."""

from datetime import timedelta
from uuid import uuid4

import pytest
import time_machine

from accounts.models import AuditEntry, Plan, Site, Team
from accounts.types import Feature, GuestRole, Role, Scope
from analytics_project import clock
from goals.models import Goal
from tests.accounts.api.conftest import Caller, CallerOf
from tests.factories import make_goal, make_guest, make_key, make_member, make_site, make_team, make_user, owner_of

pytestmark = pytest.mark.django_db

PROVISION = [Scope.SITES_PROVISION]
SWITCHES = (
    "track_404_pages",
    "hash_based_routing",
    "outbound_links",
    "file_downloads",
    "revenue_tracking",
    "tagged_events",
    "form_submissions",
    "pageview_props",
)


# ---- Creating --------------------------------------------------------------------------------------------------------
def test_created_site_is_shown_whole_with_defaults(call: Caller, team: Team) -> None:
    status, body = call("POST", "/sites", {"domain": "HTTPS://www.Shop.example/"})
    script_id = body["tracker_script_configuration"].pop("id")
    assert (status, body) == (
        200,
        {
            "domain": "shop.example",
            "timezone": "Etc/UTC",
            "custom_properties": [],
            "tracker_script_configuration": {"installation_type": None, **dict.fromkeys(SWITCHES, False)},
        },
    )
    assert script_id.startswith("pa-")
    assert len(script_id) == 24
    assert Site.objects.get(domain="shop.example").team == team
    entry = AuditEntry.objects.get(action="site.create")
    assert (entry.who, entry.key) == (owner_of(team), team.api_keys.get())


@pytest.mark.parametrize("domain", ["kaffee-küche.example", "例え.example", "shop.example/blog", "shop.example/goals"])
def test_site_of_any_valid_domain_is_found_under_it(call: Caller, domain: str) -> None:
    assert call("POST", "/sites", {"domain": domain, "timezone": "Asia/Tokyo"})[0] == 200
    for path in (domain, domain.replace("/", "%2F"), f"{domain}/"):
        status, body = call("GET", f"/sites/{path}")
        assert (status, body["domain"], body["timezone"]) == (200, domain, "Asia/Tokyo")


@pytest.mark.parametrize(
    ("sent", "error"),
    [
        pytest.param({}, "domain: can't be blank", id="no-domain"),
        pytest.param({"domain": None}, "domain: can't be blank", id="null-domain"),
        pytest.param({"site": {"domain": "a.example"}}, "domain: can't be blank", id="nested"),
        pytest.param({"domain": " https:// "}, "domain: can't be blank", id="blank-after-cleaning"),
        pytest.param({"domain": 7}, "domain: is invalid", id="number"),
        pytest.param({"domain": "a_b.example"}, "domain: only letters", id="underscore"),
        pytest.param({"domain": "a_b.example?c"}, "domain: must not contain the URI reserved", id="reserved-first"),
        pytest.param({"domain": "a\0b.example"}, "domain: only letters", id="null-character"),
        pytest.param({"domain": "a" * 256}, "domain: should be at most 255", id="long"),
        pytest.param({"domain": "a.example", "timezone": "Mars/Base"}, "timezone: is invalid", id="zone"),
        pytest.param({"domain": "a.example", "timezone": ["UTC"]}, "timezone: is invalid", id="zone-list"),
        pytest.param({"domain": "a.example", "timezone": None}, "timezone: can't be blank", id="zone-null"),
        pytest.param(
            {
                "domain": "a.example",
                "tracker_script_configuration": {"installation_type": "cobol", "outbound_links": 1},
            },
            "tracker_script_configuration.installation_type: is invalid",
            id="first-faulty-setting-only",
        ),
        pytest.param(
            {"domain": "a.example", "tracker_script_configuration": {"outbound_links": "true"}},
            "tracker_script_configuration.outbound_links: is invalid",
            id="text-for-a-switch",
        ),
        pytest.param(
            {"domain": "a.example", "tracker_script_configuration": {"installation_type": [{}]}},
            "tracker_script_configuration.installation_type: is invalid",
            id="list-for-a-word",
        ),
        pytest.param(
            {"domain": "a.example", "tracker_script_configuration": "all"},
            "tracker_script_configuration: is invalid",
            id="text-for-the-object",
        ),
        pytest.param({"domain": "a.example", "team_id": 5, "site_id": 7}, "site_id: is invalid", id="site-id-number"),
    ],
)
def test_bad_site_is_refused_and_leaves_nothing(call: Caller, sent: object, error: str) -> None:
    status, body = call("POST", "/sites", sent)
    assert (status, body["error"].startswith(error)) == (400, True), body
    assert not Site.objects.exists()
    assert call("POST", "/sites", {"domain": "a.example"})[0] == 200


@pytest.mark.parametrize("body", [b"[1]", b"{", b"\xff", b'{"domain": "\\ud800"}', b"null", b'"text"'])
def test_body_that_is_no_object_is_refused(call: Caller, body: bytes) -> None:
    assert call("POST", "/sites", body)[0] == 400


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("form", "domain=shop.example&tracker_script_configuration[outbound_links]=true"),
        ("multipart", {"domain": "shop.example", "tracker_script_configuration[outbound_links]": "true"}),
        ("json", {"domain": "shop.example", "tracker_script_configuration": {"outbound_links": True, "unknown": 9}}),
    ],
)
def test_site_is_created_by_any_kind_of_body(call: Caller, kind: str, body: object) -> None:
    status, answer = call("POST", "/sites?domain=query.example", body, kind=kind)
    assert (status, answer["domain"]) == (200, "shop.example")
    assert answer["tracker_script_configuration"]["outbound_links"] is True
    assert [goal.event_name for goal in Goal.objects.all()] == ["Outbound Link: Click"]


def test_form_that_is_too_large_is_refused_unread(call: Caller) -> None:
    assert call("POST", "/sites", "domain=" + "a" * 10_000_001, kind="form")[0] == 400


def test_domain_of_another_site_is_refused_without_saying_whose(call: Caller) -> None:
    other = make_site()
    status, body = call("POST", "/sites", {"domain": other.domain})
    assert status == 400
    assert body["error"].startswith("domain: ")
    assert other.team.name not in body["error"]


def test_old_domain_is_free_for_its_owner_only(call: Caller, legacy: Caller, team: Team, caller_of: CallerOf) -> None:
    call("POST", "/sites", {"domain": "old.example"})
    call("PUT", "/sites/old.example", {"domain": "new.example"})
    stranger = make_team()
    assert caller_of(make_key(team=stranger, scopes=PROVISION))("POST", "/sites", {"domain": "old.example"})[0] == 400
    assert call("POST", "/sites", {"domain": "old.example"})[0] == 200
    assert call("GET", "/sites/old.example")[1]["domain"] == "old.example"
    assert Site.objects.get(domain="new.example").previous_domain == ""


def test_limit_of_sites_is_the_plans(call: Caller, team: Team) -> None:
    team.plan.max_sites = 1
    team.plan.save()
    assert call("POST", "/sites", {"domain": "one.example"})[0] == 200
    status, body = call("POST", "/sites", {"domain": "two.example"})
    assert (status, "1" in body["error"]) == (402, True)
    team.plan = Plan.objects.get(name="enterprise")
    team.feature_override = [Feature.SITES_API.value]
    team.save()
    assert call("POST", "/sites", {"domain": "two.example"})[0] == 200


@pytest.mark.parametrize(
    ("role", "status"),
    [(Role.OWNER, 200), (Role.ADMIN, 200), (Role.EDITOR, 200), (Role.BILLING, 403), (Role.VIEWER, 403)],
)
def test_creating_needs_a_role_in_the_team(team: Team, caller_of: CallerOf, role: Role, status: int) -> None:
    member = make_member(team, role=role)
    for key in (make_key(member, team, PROVISION), make_key(member, scopes=PROVISION)):
        sent = {"domain": f"{key.record.pk}.example", "team_id": str(team.identifier)}
        assert caller_of(key)("POST", "/sites", sent)[0] == status


def test_plan_is_asked_before_the_role(team: Team, caller_of: CallerOf) -> None:
    key = make_key(make_member(team), team, PROVISION)
    team.feature_override = [Feature.STATS_API.value]
    team.save()
    assert caller_of(key)("POST", "/sites", {"domain": "a.example"})[0] == 402


def test_team_of_others_and_unknown_teams_get_no_site(legacy: Caller) -> None:
    for team_id, status in ((str(make_team().identifier), 401), (str(uuid4()), 401), ("nonsense", 400), (7, 400)):
        assert legacy("POST", "/sites", {"domain": "a.example", "team_id": team_id})[0] == status
    assert not Site.objects.exists()


def test_guest_of_a_team_may_not_add_sites(team: Team, caller_of: CallerOf) -> None:
    key = make_key(make_guest(make_site(team), role=GuestRole.EDITOR), scopes=PROVISION)
    sent = {"domain": "a.example", "team_id": str(team.identifier)}
    assert caller_of(key)("POST", "/sites", sent)[0] == 403


def test_site_without_a_team_goes_to_the_personal_one(caller_of: CallerOf) -> None:
    person = make_user()
    mine = caller_of(make_key(person, scopes=PROVISION))
    for domain in ("one.example", "two.example"):
        assert mine("POST", "/sites", {"domain": domain})[0] == 200
    personal = person.teams.get()
    assert (personal.is_setup_complete, personal.sites.count()) == (False, 2)
    assert mine("GET", "/sites/teams")[1]["teams"] == [
        {"id": str(personal.identifier), "name": "My personal sites", "api_available": True}
    ]
    make_team(person, is_setup_complete=False)
    status, body = mine("POST", "/sites", {"domain": "three.example"})
    assert (status, "team_id" in body["error"]) == (400, True)
    Plan.objects.filter(is_default=True).update(features=[])
    make_team(person, is_setup_complete=False).delete()
    status, _ = mine("POST", "/sites", {"domain": "three.example", "team_id": str(personal.identifier)})
    assert status == 402


def test_personal_team_without_the_feature_is_not_made(caller_of: CallerOf) -> None:
    person = make_user()
    Plan.objects.filter(is_default=True).update(features=["stats_api"])
    assert caller_of(make_key(person, scopes=PROVISION))("POST", "/sites", {"domain": "a.example"})[0] == 402
    assert not person.teams.exists()


def test_first_site_on_a_trial_plan_starts_the_trial_that_ends(call: Caller, team: Team) -> None:
    team.plan, team.feature_override = Plan.objects.get(name="trial"), [feature.value for feature in Feature]
    team.save()
    with time_machine.travel("2026-03-01T12:00:00Z") as clock_hand:
        call("POST", "/sites", {"domain": "one.example"})
        assert str(Team.objects.get(pk=team.pk).trial_ends_on) == "2026-03-31"
        clock_hand.shift(timedelta(days=30))
        assert call("POST", "/sites", {"domain": "two.example"})[0] == 200
        assert str(Team.objects.get(pk=team.pk).trial_ends_on) == "2026-03-31"
        clock_hand.shift(timedelta(days=1))
        assert call("GET", "/sites/one.example")[0] == 402
        assert Team.objects.get(pk=team.pk).features == {Feature.GOALS}


# ---- Listing ---------------------------------------------------------------------------------------------------------
def domains(answer: tuple[int, dict[str, list[dict[str, str]]]]) -> list[str]:
    assert answer[0] == 200, answer
    return [site["domain"] for site in answer[1]["sites"]]


def test_list_holds_what_the_key_reaches_newest_first(
    call: Caller, legacy: Caller, team: Team, caller_of: CallerOf
) -> None:
    owner = owner_of(team)
    sites = [make_site(team, domain="a.example", timezone="Asia/Tokyo"), make_site(team, domain="b.example")]
    other = make_team()
    make_member(other, owner, Role.BILLING)
    billed, guest_site = make_site(other, domain="c.example"), make_site(domain="d.example")
    make_guest(guest_site, owner)
    make_site()
    assert call("GET", "/sites")[1] == {
        "sites": [{"domain": site.domain, "timezone": site.timezone} for site in reversed(sites)],
        "meta": {"after": None, "before": None, "limit": 100},
    }
    assert domains(call("GET", f"/sites?team_id={other.identifier}")) == ["b.example", "a.example"]
    assert domains(legacy("GET", "/sites")) == ["d.example", "c.example", "b.example", "a.example"]
    assert domains(legacy("GET", f"/sites?team_id={other.identifier}")) == [billed.domain]
    assert domains(legacy("GET", f"/sites?team_id={guest_site.team.identifier}")) == []
    assert legacy("GET", f"/sites?team_id={make_team().identifier}")[0] == 401
    for nothing in ("nonsense", str(uuid4()), "%00", ""):
        assert len(domains(legacy("GET", f"/sites?team_id={nothing}"))) == 4
    assert domains(caller_of(make_key())("GET", "/sites")) == []


def test_list_can_be_narrowed_by_domain_and_time_zone(call: Caller, team: Team) -> None:
    make_site(team, domain="a.example", timezone="Asia/Tokyo")
    make_site(team, domain="b.example", timezone="Etc/UTC")
    assert domains(call("GET", "/sites?domain=A.ex")) == ["a.example"]
    assert domains(call("GET", "/sites?timezone=Etc/UTC")) == ["b.example"]
    assert domains(call("GET", "/sites?domain=%25")) == []
    assert call("GET", "/sites?domain=%00") == (400, {"error": "domain: Null characters are not allowed."})


def test_pages_are_walked_there_and_back(call: Caller, team: Team) -> None:
    for name in "abc":
        make_site(team, domain=f"{name}.example")
    first = call("GET", "/sites?limit=2")
    assert (domains(first), first[1]["meta"]["before"]) == (["c.example", "b.example"], None)
    second = call("GET", f"/sites?limit=2&after={first[1]['meta']['after']}")
    assert (domains(second), second[1]["meta"]["after"]) == (["a.example"], None)
    assert call("GET", f"/sites?limit=2&before={second[1]['meta']['before']}") == first


@pytest.mark.parametrize(
    ("query", "outcome"),
    [
        ("limit=0", 100),
        ("limit=101", 100),
        ("limit=-1", 100),
        ("limit=100", 100),
        ("limit=", 100),
        ("limit=ten", "limit: "),
        ("limit=1.5", "limit: "),
        ("limit=" + "9" * 5000, "limit: "),
        ("after=x", "after: "),
        ("after=%00", "after: "),
        ("before=%C3%A9", "before: "),
        ("after=Z29hbDox", "after: "),  # goal:1
        ("after=c2l0ZTo5OTk5OTk5OTk5OTk5OTk5OTk5", "after: "),  # site:9999999999999999999
        ("after=c2l0ZTotMQ", "after: "),  # site:-1
    ],
)
def test_limit_and_cursor_are_checked(call: Caller, query: str, outcome: int | str) -> None:
    status, body = call("GET", f"/sites?{query}")
    if isinstance(outcome, int):
        assert (status, body["meta"]["limit"]) == (200, outcome)
    else:
        assert (status, body["error"].startswith(outcome)) == (400, True)


def test_list_refuses_a_locked_team_only_when_it_is_in_play(call: Caller, legacy: Caller, team: Team) -> None:
    team.is_locked = True
    team.save()
    for path in ("/sites", "/sites/teams"):
        assert call("GET", path)[0] == 402
        assert legacy("GET", path)[0] == 200
        assert legacy("GET", f"{path}?team_id={team.identifier}")[0] == 402


def test_site_named_in_a_list_request_is_checked_like_any_other(call: Caller, team: Team) -> None:
    assert call("GET", f"/sites?site_id={make_site().domain}")[0] == 401
    assert call("GET", f"/sites?site_id={make_site(team).domain}")[0] == 200
    assert call("GET", "/sites?site_id=unknown.example")[0] == 200


def test_teams_are_full_memberships(call: Caller, legacy: Caller, team: Team) -> None:
    owner = owner_of(team)
    other = make_team(name="Acme", features=[Feature.SITES_API])
    make_member(other, owner)
    make_guest(make_site(), owner)
    acme = {"id": str(other.identifier), "name": "Acme", "api_available": False}
    mine = {"id": str(team.identifier), "name": team.name, "api_available": True}
    meta = {"after": None, "before": None, "limit": 100}
    assert legacy("GET", "/sites/teams") == (200, {"teams": [acme, mine], "meta": meta})
    assert call("GET", f"/sites/teams?team_id={other.identifier}") == (200, {"teams": [mine], "meta": meta})


# ---- One site --------------------------------------------------------------------------------------------------------
def test_domain_change_answers_under_both_names_for_72_hours(call: Caller) -> None:
    call("POST", "/sites", {"domain": "old.example"})
    status, changed = call("PUT", "/sites/old.example", {"domain": "https://New.example"})
    assert (status, changed["domain"]) == (200, "new.example")
    with time_machine.travel(clock.now(), tick=False) as clock_hand:
        for name in ("old.example", "new.example"):
            assert call("GET", f"/sites/{name}") == (200, changed)
            assert call("GET", f"/sites/goals?site_id={name}")[0] == 200
        clock_hand.shift(timedelta(hours=72))
        assert call("GET", "/sites/old.example")[0] == 404


def test_script_id_is_made_on_the_first_read_and_stays(call: Caller, team: Team) -> None:
    site = make_site(team)
    first = call("GET", f"/sites/{site.domain}")
    assert call("GET", f"/sites/{site.public_id}") == first
    call("PUT", f"/sites/{site.domain}", {"tracker_script_configuration": {"tagged_events": True, "id": "pa-x"}})
    after = call("GET", f"/sites/{site.domain}")[1]["tracker_script_configuration"]
    assert after == {**first[1]["tracker_script_configuration"], "tagged_events": True}


@pytest.mark.parametrize(
    ("sent", "error"),
    [
        pytest.param({}, "domain or tracker_script_configuration is missing", id="empty"),
        pytest.param({"timezone": "Etc/UTC"}, "domain or tracker_script_configuration is missing", id="zone-alone"),
        pytest.param({"domain": "www.a.example"}, "domain: ", id="the-same"),
        pytest.param({"domain": 7}, "domain: is invalid", id="number"),
        pytest.param({"domain": ""}, "domain: can't be blank", id="empty-domain"),
        pytest.param({"domain": "b.example"}, "domain: ", id="taken"),
        pytest.param(
            {"domain": "c.example", "tracker_script_configuration": {"file_downloads": None}},
            "tracker_script_configuration.file_downloads: is invalid",
            id="bad-setting-undoes-the-domain",
        ),
    ],
)
def test_bad_change_changes_nothing(call: Caller, team: Team, sent: object, error: str) -> None:
    site = make_site(team, domain="a.example")
    make_site(domain="b.example")
    status, body = call("PUT", "/sites/a.example", sent)
    assert (status, body["error"].startswith(error)) == (400, True), body
    site.refresh_from_db()
    assert (site.domain, site.previous_domain, site.domain_changed_at) == ("a.example", "", None)


def test_null_changes_nothing_and_is_no_error(call: Caller, team: Team) -> None:
    make_site(team, domain="a.example")
    shown = call("GET", "/sites/a.example")
    for sent in ({"domain": None}, {"tracker_script_configuration": None}):
        assert call("PUT", "/sites/a.example", sent) == shown


def test_empty_change_is_told_before_the_missing_site(call: Caller) -> None:
    assert call("PUT", "/sites/unknown.example", {})[0] == 400
    assert call("PUT", "/sites/unknown.example", {"domain": "a.example"})[0] == 404


def test_switches_bring_and_take_their_goals(call: Caller, team: Team) -> None:
    site = make_site(team, domain="a.example")
    make_goal(site, event_name="404", display_name="Not found", custom_props={"path": "/x"})

    def switch(**flags: bool) -> list[str]:
        assert call("PUT", "/sites/a.example", {"tracker_script_configuration": flags})[0] == 200
        return sorted(goal.display_name for goal in site.goals.all())

    names = ["File Download", "Form: Submission", "Not found", "Outbound Link: Click"]
    on = {"outbound_links": True, "file_downloads": True, "form_submissions": True, "track_404_pages": True}
    assert switch(**on) == names
    site.goals.filter(event_name="File Download").delete()
    assert switch(**on) == [name for name in names if name != "File Download"]
    assert switch(track_404_pages=False, outbound_links=False) == ["Form: Submission"]


def test_deleting_is_for_owners(team: Team, caller_of: CallerOf, call: Caller) -> None:
    site = make_site(team, domain="old.example")
    make_goal(site)
    call("PUT", "/sites/old.example", {"domain": "new.example"})
    editor = caller_of(make_key(make_guest(site, role=GuestRole.EDITOR), scopes=PROVISION))
    admin = caller_of(make_key(make_member(team, role=Role.ADMIN), team, PROVISION))
    assert [editor("DELETE", "/sites/new.example")[0], admin("DELETE", "/sites/new.example")[0]] == [404, 404]
    team.feature_override = [Feature.STATS_API.value]
    team.save()
    assert editor("DELETE", "/sites/new.example")[0] == 402
    team.feature_override = None
    team.save()
    assert call("DELETE", "/sites/old.example") == (200, {"deleted": True})
    assert call("DELETE", "/sites/new.example")[0] == 404
    assert not Goal.objects.exists()


# ---- Gates -----------------------------------------------------------------------------------------------------------
def test_statistics_key_reads_and_does_not_write(team: Team, caller_of: CallerOf) -> None:
    make_site(team, domain="a.example")
    reader = caller_of(make_key(team=team))
    assert [reader("GET", path)[0] for path in ("/sites", "/sites/teams", "/sites/a.example")] == [200, 200, 200]
    assert reader("POST", "/sites", b"{")[0] == 401
    assert reader("PUT", "/sites/a.example", {"domain": "b.example"})[0] == 401
    assert reader("DELETE", "/sites/a.example")[0] == 401
    read_only = caller_of(make_key(team=team, scopes=PROVISION, read_only=True))
    assert read_only("DELETE", "/sites/a.example")[0] == 403


def test_team_key_meets_its_locked_team_before_an_unknown_site(call: Caller, team: Team) -> None:
    assert call("GET", "/sites/unknown.example")[0] == 404
    team.is_locked = True
    team.save()
    assert call("GET", "/sites/unknown.example")[0] == 402
    assert call("GET", f"/sites/{make_site().domain}")[0] == 401


def test_methods_and_paths_that_do_not_exist_are_told_in_json(call: Caller) -> None:
    assert call("PATCH", "/sites/a.example")[0] == 405
    assert call("POST", "/sites/teams", {})[0] == 405
    assert call("GET", "/site")[0] == 404
    assert call("GET", "/sites/a%0Ab")[0] == 404

"""Members of a team over the Sites API, and the page that accepts an invitation: key contract, section 4."""

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.core.mail import EmailMessage
from django.test import Client

from accounts.models import AuditEntry, GuestInvitation, GuestMembership, Membership, Team, TeamInvitation, User
from accounts.types import Role, Scope
from analytics_project import clock
from tests.accounts.api.conftest import Answer, Caller, CallerOf
from tests.factories import make_guest, make_key, make_member, make_plan, make_site, make_team, make_user, owner_of

pytestmark = pytest.mark.django_db

PROVISION = [Scope.SITES_PROVISION]
BEN = "ben@shop.example"
Put = Callable[..., Answer]


def path_of(team: Team, email: str = "") -> str:
    return f"/sites/teams/{team.identifier}/members" + (f"/{email}" if email else "")


@pytest.fixture
def put(call: Caller, team: Team, django_capture_on_commit_callbacks: Any) -> Put:
    """Put somebody into the team as its owner, and send what is to be sent."""

    def send(email: str = BEN, role: object = "editor", by: Caller = call, **fields: object) -> Answer:
        with django_capture_on_commit_callbacks(execute=True):
            return by("PUT", path_of(team), {"email": email, "role": role, **fields})

    return send


@pytest.fixture
def admin(team: Team, caller_of: CallerOf) -> Caller:
    return caller_of(make_key(make_member(team, make_user("admin@shop.example"), Role.ADMIN), team, PROVISION))


def listed(call: Caller, team: Team, query: str = "") -> list[tuple[str, str, str]]:
    status, body = call("GET", f"{path_of(team)}{query}")
    assert status == 200, body
    return [(member["email"], member["role"], member["status"]) for member in body["members"]]


def roles(team: Team) -> dict[str, str]:
    return dict(team.memberships.values_list("user__email", "role"))


def acceptance_path(message: EmailMessage) -> str:
    found: str = re.findall(r"http://testserver(/invitations/\S+)", str(message.body))[0]
    return found


def actions() -> list[str]:
    return list(AuditEntry.objects.order_by("pk").values_list("action", flat=True))


# ---- Inviting --------------------------------------------------------------------------------------------------------
def test_link_in_the_mail_makes_a_member_once(
    put: Put, call: Caller, team: Team, client: Client, mailoutbox: list[EmailMessage]
) -> None:
    invited = {"email": BEN, "role": "editor", "status": "invited"}
    assert put(" Ben@Shop.example ") == (200, invited)
    assert [(message.to, message.subject) for message in mailoutbox] == [
        ([BEN], "You are invited to the team Société Réunie")
    ]
    path = acceptance_path(mailoutbox[0])
    assert "Société Réunie" in client.get(path).content.decode()
    assert listed(call, team)[0] == (BEN, "editor", "invited")
    assert b"Accepted" in client.post(path).content
    assert listed(call, team)[0] == (BEN, "editor", "accepted")
    assert client.post(path).status_code == 404
    assert not User.objects.get(email=BEN).has_usable_password()
    assert actions()[-3:] == ["team.invite_member", "user.create", "team.set_member"]


def test_pending_invitation_gets_another_role_without_another_mail(
    put: Put, team: Team, client: Client, mailoutbox: list[EmailMessage]
) -> None:
    put(role="editor")
    assert put(role="viewer") == (200, {"email": BEN, "role": "viewer", "status": "invited"})
    assert len(mailoutbox) == 1
    client.post(acceptance_path(mailoutbox[0]))
    assert roles(team)[BEN] == "viewer"


def test_name_of_a_team_does_not_break_the_mail(put: Put, team: Team, mailoutbox: list[EmailMessage]) -> None:
    Team.objects.filter(pk=team.pk).update(name="Acme\r\nBcc: eve@shop.example")
    put()
    assert mailoutbox[0].subject == "You are invited to the team Acme Bcc: eve@shop.example"
    assert mailoutbox[0].recipients() == [BEN]


def test_invitation_lapses_after_48_hours_and_can_be_sent_again(
    put: Put, call: Caller, team: Team, client: Client, mailoutbox: list[EmailMessage]
) -> None:
    with time_machine.travel("2026-03-01T12:00:00Z", tick=False) as clock_hand:
        put()
        clock_hand.shift(timedelta(hours=48))
        assert [email for email, _, _ in listed(call, team)] == [owner_of(team).email]
        assert client.post(acceptance_path(mailoutbox[0])).status_code == 404
        assert put(role="viewer")[1]["role"] == "viewer"
        assert client.get(acceptance_path(mailoutbox[1])).status_code == 200


def test_accepting_keeps_the_role_of_who_became_a_member_meanwhile(
    put: Put, team: Team, client: Client, mailoutbox: list[EmailMessage]
) -> None:
    put(role="viewer")
    make_member(team, make_user(BEN), Role.ADMIN)
    assert client.post(acceptance_path(mailoutbox[0])).status_code == 409
    assert roles(team)[BEN] == "admin"


def test_member_is_no_guest_any_more_and_needs_no_other_invitation(
    put: Put, call: Caller, team: Team, client: Client, mailoutbox: list[EmailMessage]
) -> None:
    site, elsewhere = make_site(team), make_site()
    ben = make_guest(elsewhere, make_guest(site, make_user(BEN)))
    call("PUT", "/sites/guests", {"site_id": make_site(team).domain, "email": BEN, "role": "viewer"})
    put()
    assert GuestMembership.objects.filter(user=ben).count() == 2
    client.post(acceptance_path(mailoutbox[0]))
    assert [guest.site for guest in GuestMembership.objects.filter(user=ben)] == [elsewhere]
    assert not GuestInvitation.objects.exists()


def test_pending_members_and_guests_count_towards_the_limit(put: Put, call: Caller, team: Team) -> None:
    team.plan = make_plan(max_members=2)
    team.save()
    site = make_site(team)
    assert put()[0] == 200
    assert (
        call("PUT", "/sites/guests", {"site_id": site.domain, "email": "eve@shop.example", "role": "viewer"})[0] == 200
    )
    status, body = put("fay@shop.example")
    assert (status, "2 members" in body["error"]) == (402, True)
    assert (
        call("PUT", "/sites/guests", {"site_id": site.domain, "email": "fay@shop.example", "role": "viewer"})[0] == 402
    )
    assert put("eve@shop.example")[0] == put()[0] == 200
    call("DELETE", path_of(team, BEN))
    assert put("fay@shop.example")[0] == 200


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        pytest.param({"role": "guest"}, "role: must be owner, admin, editor, billing or viewer", id="guest"),
        pytest.param({"role": None}, "role: ", id="no-role"),
        pytest.param({"role": ["viewer"]}, "role: ", id="list"),
        pytest.param({"email": None, "role": None}, "email", id="email-before-role"),
        pytest.param({"email": 7}, "email", id="number"),
        pytest.param({"email": "nobody"}, "email: ", id="no-address"),
        pytest.param({"email": "a\0@shop.example"}, "email: ", id="null-character"),
        pytest.param({"email": "a@shop.example\nBcc: b@shop.example"}, "email: ", id="header"),
        pytest.param({"email": "a" * 300 + "@shop.example"}, "email: ", id="long"),
    ],
)
def test_bad_member_is_refused(put: Put, mailoutbox: list[EmailMessage], fields: dict[str, Any], error: str) -> None:
    status, body = put(**fields)
    assert (status, body["error"].startswith(error)) == (400, True), body
    assert not mailoutbox
    assert not TeamInvitation.objects.exists()


# ---- Who may do what -------------------------------------------------------------------------------------------------
def test_owner_hands_the_team_over(put: Put, call: Caller, team: Team) -> None:
    owner, heir = owner_of(team), make_member(team, role=Role.ADMIN)
    assert put(owner.email, "admin")[0] == 400
    assert put(heir.email, "owner") == (200, {"email": heir.email, "role": "owner", "status": "accepted"})
    assert put(owner.email, "admin") == (200, {"email": owner.email, "role": "admin", "status": "accepted"})
    assert put(owner.email, "owner")[0] == put(heir.email, "viewer")[0] == 404
    assert roles(team) == {owner.email: "admin", heir.email: "owner"}


def test_last_owner_can_neither_leave_nor_be_demoted(put: Put, call: Caller, team: Team) -> None:
    owner = owner_of(team)
    for answer in (put(owner.email, "viewer"), call("DELETE", path_of(team, owner.email))):
        assert (answer[0], "last owner" in answer[1]["error"]) == (400, True)
    assert put(owner.email, "owner")[0] == 200
    assert actions() == ["key.issue"]


def test_admin_manages_everybody_but_owners(put: Put, call: Caller, admin: Caller, team: Team) -> None:
    owner, editor = owner_of(team), make_member(team, role=Role.EDITOR)
    make_member(team, role=Role.OWNER)
    assert put(BEN, "owner")[0] == 200
    refused = [
        put(owner.email, "viewer", admin),
        put(editor.email, "owner", admin),
        put("admin@shop.example", "owner", admin),
        put("new@shop.example", "owner", admin),
        put(BEN, "viewer", admin),
        admin("DELETE", path_of(team, owner.email)),
        admin("DELETE", path_of(team, BEN)),
    ]
    assert {status for status, _ in refused} == {404}
    assert roles(team)[editor.email] == "editor"
    assert TeamInvitation.objects.get().role == "owner"
    assert put(editor.email, "admin", admin)[0] == put("new@shop.example", "admin", admin)[0] == 200
    assert admin("DELETE", path_of(team, editor.email))[0] == 200
    assert put("admin@shop.example", "billing", admin)[0] == 200
    assert put(BEN, "viewer", admin)[0] == 404  # the role was lowered


@pytest.mark.parametrize("role", [Role.EDITOR, Role.BILLING, Role.VIEWER])
def test_others_see_the_members_and_may_only_leave(
    put: Put, team: Team, caller_of: CallerOf, role: Role, mailoutbox: list[EmailMessage]
) -> None:
    person = make_member(team, role=role)
    caller = caller_of(make_key(person, team, PROVISION))
    assert len(listed(caller, team)) == 2
    assert put(person.email, "admin", caller)[0] == put(person.email, "viewer", caller)[0] == 404
    assert caller("DELETE", path_of(team, owner_of(team).email))[0] == 404
    assert caller("DELETE", path_of(team, person.email.upper())) == (200, {"deleted": True})
    assert caller("GET", path_of(team))[0] == 401
    assert actions()[-1] == "team.leave"
    assert not mailoutbox


def test_keys_of_who_was_removed_are_refused_and_they_are_told(
    call: Caller,
    team: Team,
    caller_of: CallerOf,
    mailoutbox: list[EmailMessage],
    django_capture_on_commit_callbacks: Any,
) -> None:
    site, ben = make_site(team), make_member(team, make_user(BEN), Role.ADMIN)
    key, legacy = caller_of(make_key(ben, team, PROVISION)), caller_of(make_key(ben, scopes=PROVISION))
    asked = f"/stats/realtime/visitors?site_id={site.domain}"
    assert key("GET", "/sites")[0] == legacy("GET", f"/sites/goals?site_id={site.domain}")[0] == 200
    with django_capture_on_commit_callbacks(execute=True):
        assert call("DELETE", path_of(team, BEN)) == (200, {"deleted": True})
    for path in ("/sites", asked, path_of(team), "/sites/missing.example"):
        assert key("GET", path)[0] == 401
    assert legacy("GET", asked)[0] == legacy("GET", path_of(team))[0] == 401
    assert [message.to for message in mailoutbox] == [[BEN]]
    assert actions()[-1] == "team.remove_member"


def test_removing_ends_an_invitation_and_nobody_else(
    put: Put, call: Caller, team: Team, client: Client, mailoutbox: list[EmailMessage]
) -> None:
    other = make_member(make_team())
    put()
    for address in (BEN, other.email, "nobody@shop.example", "no address", "%00", "a%2Fb"):
        assert call("DELETE", path_of(team, address)) == (200, {"deleted": True})
    assert Membership.objects.filter(user=other).exists()
    assert client.get(acceptance_path(mailoutbox[0])).status_code == 404
    assert actions()[-2:] == ["team.invite_member", "team.withdraw_invitation"]


def test_key_of_a_team_reaches_no_other_team(call: Caller, legacy: Caller, team: Team) -> None:
    both, foreign = make_team(owner_of(team)), make_team()
    assert call("GET", path_of(both))[0] == 401
    assert len(listed(legacy, both)) == 1
    for caller in (call, legacy):
        assert caller("GET", path_of(foreign))[0] == caller("PUT", path_of(foreign), {"email": BEN})[0] == 401
        for name in ("00000000-0000-4000-8000-000000000000", "x", "%00", "1"):
            assert caller("GET", f"/sites/teams/{name}/members")[0] == 404
    assert call("PUT", path_of(both), {"email": BEN, "role": "viewer", "team_id": str(team.identifier)})[0] == 401
    assert not TeamInvitation.objects.exists()


# ---- The list --------------------------------------------------------------------------------------------------------
def test_list_is_narrowed_by_documented_parameters_and_ignores_others(put: Put, call: Caller, team: Team) -> None:
    owner = owner_of(team)
    make_member(team, make_user("zoe@partner.example"), Role.EDITOR)
    put()
    ben, zoe = (BEN, "editor", "invited"), ("zoe@partner.example", "editor", "accepted")
    assert listed(call, team, "?role=editor&page=7") == [ben, zoe]
    assert listed(call, team, "?email=PARTNER") == [zoe]
    assert listed(call, team, "?status=invited") == [ben]
    assert listed(call, team, "?status=accepted&role=owner") == [(owner.email, "owner", "accepted")]
    assert listed(call, team, "?email=%25&role=&status=") == []
    assert len(listed(call, team, "?email=&role=&status=")) == 3
    for query, field in (
        ("role=guest", "role"),
        ("status=gone", "status"),
        ("email=%00", "email"),
        ("after=x", "after"),
    ):
        status, body = call("GET", f"{path_of(team)}?{query}")
        assert (status, body["error"].startswith(f"{field}: ")) == (400, True), body


def test_pages_run_over_members_and_invitations(put: Put, call: Caller, team: Team) -> None:
    with time_machine.travel(clock.now() + timedelta(hours=1), tick=False) as clock_hand:
        for number in range(2):
            put(f"invited{number}@shop.example")
            clock_hand.shift(timedelta(seconds=1))
            make_member(team, make_user(f"member{number}@shop.example"))
            clock_hand.shift(timedelta(seconds=1))
        first = call("GET", f"{path_of(team)}?limit=3")[1]
        assert [one["email"].split("@")[0] for one in first["members"]] == ["member1", "invited1", "member0"]
        second = call("GET", f"{path_of(team)}?limit=3&after={first['meta']['after']}")[1]
        assert second["members"][0]["email"] == "invited0@shop.example"
        assert call("GET", f"{path_of(team)}?limit=3&before={second['meta']['before']}")[1] == first

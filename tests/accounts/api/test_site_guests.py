"""Guests over the Sites API and the page that accepts an invitation: contract, section 7."""

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.core.mail import EmailMessage
from django.test import Client

from accounts.models import AuditEntry, GuestInvitation, GuestMembership, Membership, Site, Team, User
from accounts.types import GuestRole, Role, Scope
from analytics_project import clock
from tests.accounts.api.conftest import Answer, Caller, CallerOf
from tests.factories import make_guest, make_key, make_member, make_site, make_team, owner_of

pytestmark = pytest.mark.django_db

PROVISION = [Scope.SITES_PROVISION]
ADA = "ada@shop.example"
Put = Callable[..., Answer]


@pytest.fixture
def site(team: Team) -> Site:
    return make_site(team, domain="shop.example")


@pytest.fixture
def put(call: Caller, site: Site, django_capture_on_commit_callbacks: Any) -> Put:
    """Invite somebody, and send what is to be sent."""

    def send(**fields: object) -> Answer:
        with django_capture_on_commit_callbacks(execute=True):
            return call("PUT", "/sites/guests", {"site_id": site.domain, "email": ADA, "role": "viewer", **fields})

    return send


def listed(call: Caller, query: str = "") -> list[tuple[str, str, str]]:
    status, body = call("GET", f"/sites/guests?site_id=shop.example{query}")
    assert status == 200, body
    return [(guest["email"], guest["role"], guest["status"]) for guest in body["guests"]]


def test_second_invitation_keeps_the_first_role_and_sends_nothing(
    put: Put, call: Caller, mailoutbox: list[EmailMessage]
) -> None:
    invited = {"email": ADA, "role": "editor", "status": "invited"}
    assert put(email=" Ada@Shop.example ", role="editor") == (200, invited)
    assert put(role="viewer") == (200, invited)
    assert [message.to for message in mailoutbox] == [[ADA]]
    assert call("GET", "/sites/guests?site_id=shop.example") == (
        200,
        {"guests": [invited], "meta": {"after": None, "before": None, "limit": 100}},
    )


def test_link_in_the_mail_makes_a_guest_once(
    put: Put, call: Caller, client: Client, mailoutbox: list[EmailMessage]
) -> None:
    put(role="editor")
    path = re.findall(r"http://testserver(/invitations/\S+)", str(mailoutbox[0].body))[0]
    assert b"shop.example" in client.get(path).content
    assert listed(call) == [(ADA, "editor", "invited")]
    assert b"Accepted" in client.post(path).content
    assert listed(call) == [(ADA, "editor", "accepted")]
    assert client.post(path).status_code == 404
    assert not User.objects.get(email=ADA).has_usable_password()
    assert put(role="viewer") == (200, {"email": ADA, "role": "editor", "status": "accepted"})
    assert len(mailoutbox) == 1


def test_token_is_kept_as_a_hash_only(put: Put, mailoutbox: list[EmailMessage]) -> None:
    put()
    token = mailoutbox[0].body.rsplit("/", 1)[1].strip()
    record = GuestInvitation.objects.get()
    assert token.encode() not in bytes(record.hash)
    assert token not in "".join(entry.target for entry in AuditEntry.objects.all())


def test_invitation_of_somebody_who_became_a_member_is_refused(
    put: Put, team: Team, client: Client, mailoutbox: list[EmailMessage]
) -> None:
    put()
    make_member(team, User.objects.create_user(ADA))
    path = re.findall(r"(/invitations/\S+)", str(mailoutbox[0].body))[0]
    assert client.post(path).status_code == 409
    assert client.get("/invitations/unknown").status_code == 404
    assert not GuestMembership.objects.exists()


def test_invitation_lapses_after_48_hours(
    put: Put, call: Caller, client: Client, mailoutbox: list[EmailMessage]
) -> None:
    with time_machine.travel("2026-03-01T12:00:00Z", tick=False) as clock_hand:
        put()
        clock_hand.shift(timedelta(hours=48))
        assert listed(call) == []
        path = re.findall(r"(/invitations/\S+)", str(mailoutbox[0].body))[0]
        assert client.post(path).status_code == 404
        assert put(role="editor")[1]["role"] == "editor"
        assert len(mailoutbox) == 2


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        pytest.param({"role": "owner"}, "role: must be viewer or editor", id="owner"),
        pytest.param({"role": None}, "role: ", id="no-role"),
        pytest.param({"role": ["viewer"]}, "role: ", id="list"),
        pytest.param({"email": None, "role": None}, "email", id="email-before-role"),
        pytest.param({"email": 7}, "email", id="number"),
        pytest.param({"email": "nobody"}, "email: ", id="no-address"),
        pytest.param({"email": "a\0@shop.example"}, "email: ", id="null-character"),
        pytest.param({"email": "a@shop.example\nBcc: b@shop.example"}, "email: ", id="header"),
        pytest.param({"email": "a" * 300 + "@shop.example"}, "email: ", id="long"),
        pytest.param({"site_id": None, "email": None}, "site_id", id="site-before-email"),
    ],
)
def test_bad_guest_is_refused(put: Put, mailoutbox: list[EmailMessage], fields: dict[str, object], error: str) -> None:
    status, body = put(**fields)
    assert (status, body["error"].startswith(error)) == (400, True), body
    assert not mailoutbox
    assert not GuestInvitation.objects.exists()


def test_member_of_the_team_cannot_be_invited_nor_removed(put: Put, call: Caller, team: Team) -> None:
    owner = owner_of(team)
    assert put(email=owner.email)[0] == 400
    assert call("DELETE", f"/sites/guests/{owner.email}", {"site_id": "shop.example"}) == (200, {"deleted": True})
    assert Membership.objects.filter(user=owner).exists()


def test_guests_and_invitations_count_towards_the_limit(put: Put, call: Caller, team: Team, site: Site) -> None:
    team.plan.max_members = 2
    team.plan.save()
    make_guest(make_site(team), make_guest(site))  # one person on two sites
    assert put()[0] == 200
    status, body = put(email="eve@shop.example")
    assert (status, "2 members" in body["error"]) == (402, True)
    assert put()[0] == 200
    call("DELETE", f"/sites/guests/{ADA}", {"site_id": "shop.example"})
    assert put(email="eve@shop.example")[0] == 200


def test_removing_ends_invitation_or_access_of_this_site_only(
    call: Caller,
    put: Put,
    team: Team,
    site: Site,
    mailoutbox: list[EmailMessage],
    django_capture_on_commit_callbacks: Any,
) -> None:
    put()
    guest = make_guest(site)
    other = make_site(team)
    make_guest(other, guest)
    mailoutbox.clear()
    for address in (ADA, guest.email.upper(), "nobody@shop.example", "no address", "%00"):
        with django_capture_on_commit_callbacks(execute=True):
            path = f"/sites/guests/{address}"
            assert call("DELETE", path, "site_id=shop.example", kind="form") == (200, {"deleted": True})
    assert listed(call) == []
    assert [message.to for message in mailoutbox] == [[guest.email]]
    assert GuestMembership.objects.get(user=guest).site == other


def test_pages_run_over_guests_and_invitations(call: Caller, put: Put, site: Site) -> None:
    with time_machine.travel(clock.now(), tick=False) as clock_hand:
        for number in range(3):
            put(email=f"invited{number}@shop.example")
            clock_hand.shift(timedelta(seconds=1))
            make_guest(site, User.objects.create_user(f"guest{number}@shop.example"), GuestRole.EDITOR)
            clock_hand.shift(timedelta(seconds=1))
        whole = [email.split("@")[0] for email, _, _ in listed(call)]
        assert whole == ["guest2", "invited2", "guest1", "invited1", "guest0", "invited0"]
        pages, after = [], ""
        while True:
            body = call("GET", f"/sites/guests?site_id=shop.example&limit=4{after}")[1]
            pages.append(body)
            if body["meta"]["after"] is None:
                break
            after = f"&after={body['meta']['after']}"
        seen = [guest["email"].split("@")[0] for page in pages for guest in page["guests"]]
        assert (seen, len(pages)) == (whole, 2)
        back = call("GET", f"/sites/guests?site_id=shop.example&limit=4&before={pages[1]['meta']['before']}")
        assert back == (200, pages[0])


@pytest.mark.parametrize(
    ("role", "status"), [(Role.ADMIN, 200), (Role.EDITOR, 404), (Role.VIEWER, 404), (Role.BILLING, 404)]
)
def test_guests_are_managed_by_owners_and_admins(
    team: Team, site: Site, caller_of: CallerOf, role: Role, status: int
) -> None:
    caller = caller_of(make_key(make_member(team, role=role), team, PROVISION))
    sent = {"site_id": site.domain, "email": ADA, "role": "viewer"}
    assert caller("PUT", "/sites/guests", sent)[0] == status
    assert caller("DELETE", f"/sites/guests/{ADA}?site_id={site.domain}")[0] == status
    assert caller("GET", f"/sites/guests?site_id={site.domain}")[0] == (404 if role is Role.BILLING else 200)
    stranger = caller_of(make_key(team=make_team(), scopes=PROVISION))
    assert stranger("PUT", "/sites/guests", sent)[0] == 401
    assert stranger("PUT", "/sites/guests", {"site_id": site.domain})[0] == 401

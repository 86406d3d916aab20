"""Teams in the admin: members inline, never without an owner; plans, locks and the audit log of every write."""

import re
from html import unescape
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.core.mail import EmailMessage
from django.test import Client
from django.urls import reverse

from accounts.models import AuditEntry, GuestMembership, Membership, Team, TeamInvitation, User
from accounts.services import issue_plugins_token
from accounts.types import Role
from tests.factories import (
    make_guest,
    make_key,
    make_member,
    make_plan,
    make_segment,
    make_site,
    make_team,
    make_user,
    owner_of,
)

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.accounts.urls")]
LAST = "A team keeps at least one owner"


@pytest.fixture
def client() -> Client:
    """A browser in which an administrator is logged in."""
    browser = Client()
    browser.force_login(User.objects.create_superuser("root@shop.example"))
    return browser


def send(client: Client, page: str, *args: object, **fields: Any) -> str:
    """Send a form and return the page that follows."""
    answer = client.post(reverse(f"admin:accounts_{page}", args=args), fields, follow=True)
    assert answer.status_code == 200
    return unescape(answer.content.decode())


def team_form(team: Team, *people: tuple[Membership | None, User, str, bool]) -> dict[str, Any]:
    """Return a team's form with these members: the row they have, the person, their role, whether they go."""
    form: dict[str, Any] = {"name": team.name, "plan": team.plan_id, "is_setup_complete": "on"}
    for prefix in ("memberships", "invitations", "sites", "api_keys"):
        form |= {f"{prefix}-TOTAL_FORMS": "0", f"{prefix}-INITIAL_FORMS": "0"}
    form |= {"memberships-TOTAL_FORMS": len(people), "memberships-INITIAL_FORMS": sum(1 for row, *_ in people if row)}
    for number, (row, user, role, goes) in enumerate(people):
        form |= {
            f"memberships-{number}-id": row.pk if row else "",
            f"memberships-{number}-team": team.pk,
            f"memberships-{number}-user": user.pk,
            f"memberships-{number}-role": role,
            **({f"memberships-{number}-DELETE": "on"} if goes else {}),
        }
    return form


def roles(team: Team) -> dict[str, str]:
    return dict(team.memberships.values_list("user__email", "role"))


# ---- The last owner --------------------------------------------------------------------------------------------------
def test_last_owner_stays_on_the_page_of_the_team(client: Client) -> None:
    team = make_team()
    row, owner = team.memberships.get(), owner_of(team)
    for role, goes in (("viewer", False), ("owner", True)):
        assert LAST in send(client, "team_change", team.pk, **team_form(team, (row, owner, role, goes)))
    assert roles(team) == {owner.email: "owner"}
    heir = make_user()
    send(client, "team_change", team.pk, **team_form(team, (row, owner, "owner", True), (None, heir, "owner", False)))
    assert roles(team) == {heir.email: "owner"}


def test_new_team_needs_an_owner(client: Client) -> None:
    team = Team(name="New", plan=make_plan())
    assert LAST in send(client, "team_add", **team_form(team))
    somebody = make_user()
    send(client, "team_add", **{**team_form(team, (None, somebody, "owner", False)), "memberships-0-team": ""})
    assert roles(Team.objects.get(name="New")) == {somebody.email: "owner"}


def test_last_owner_stays_on_the_pages_of_memberships_and_people(client: Client) -> None:
    team = make_team()
    row, owner = team.memberships.get(), owner_of(team)
    assert LAST in send(client, "membership_change", row.pk, role="admin")
    assert "would have no owner" in send(client, "membership_delete", row.pk, post="yes")
    assert "would have no owner" in send(client, "user_delete", owner.pk, post="yes")
    chosen = {"action": "delete_selected", "post": "yes"}
    send(client, "membership_changelist", **chosen, _selected_action=row.pk)
    send(client, "user_changelist", **chosen, _selected_action=owner.pk)
    assert roles(team) == {owner.email: "owner"}


def test_owner_beside_another_goes_but_not_both_at_once(client: Client) -> None:
    team = make_team()
    first, second = owner_of(team), make_member(team, role=Role.OWNER)
    both = list(team.memberships.values_list("pk", flat=True))
    send(client, "membership_changelist", action="delete_selected", post="yes", _selected_action=both)
    assert len(roles(team)) == 2
    send(client, "user_delete", first.pk, post="yes")
    assert roles(team) == {second.email: "owner"}
    assert not User.objects.filter(pk=first.pk).exists()
    send(client, "team_delete", team.pk, post="yes")
    assert not Team.objects.filter(pk=team.pk).exists()


def test_member_is_no_guest_and_the_other_way_round(client: Client) -> None:
    site = make_site()
    guest = make_guest(site)
    send(client, "membership_add", user=guest.pk, team=site.team_id, role="editor")
    assert not GuestMembership.objects.exists()
    page = send(client, "guestmembership_add", user=guest.pk, site=site.pk, role="viewer")
    assert "is a member of the team" in page
    other = make_guest(site)
    row = site.team.memberships.get(role="owner")
    form = team_form(site.team, (row, row.user, "owner", False), (None, other, "viewer", False))
    send(client, "team_change", site.team_id, **{**form, "memberships-INITIAL_FORMS": 1})
    assert not GuestMembership.objects.exists()


# ---- Invitations -----------------------------------------------------------------------------------------------------
def test_member_is_invited_from_the_page_of_the_team_and_the_invitation_withdrawn(
    client: Client, mailoutbox: list[EmailMessage], django_capture_on_commit_callbacks: Any
) -> None:
    team = make_team(name="Acme")
    page = client.get(reverse("admin:accounts_team_change", args=[team.pk])).content.decode()
    assert f"/admin/accounts/teaminvitation/add/?team={team.pk}" in page
    with django_capture_on_commit_callbacks(execute=True):
        page = send(client, "teaminvitation_add", team=team.pk, email="Bo@shop.example", role="editor")
    link = re.findall(r"http://testserver/invitations/[\w-]+", page)[0]
    assert [(message.to, link in str(message.body)) for message in mailoutbox] == [(["bo@shop.example"], True)]
    assert "already exists" in send(client, "teaminvitation_add", team=team.pk, email="BO@shop.example", role="admin")
    row = TeamInvitation.objects.get()
    assert (row.email, row.role, row.invited_by) == ("bo@shop.example", "editor", User.objects.get(is_staff=True))
    assert "bo@shop.example" in client.get(reverse("admin:accounts_team_change", args=[team.pk])).content.decode()
    send(client, "teaminvitation_delete", row.pk, post="yes")
    assert client.get(link).status_code == 404
    assert [action for action, _ in audited()] == [
        "team.invite_member",
        "teaminvitation.delete",
    ]


def test_invitation_that_cannot_be_sent_is_a_message_on_the_form(client: Client) -> None:
    team = make_team(plan=make_plan(max_members=0))
    owner = owner_of(team)
    for email, words in ((owner.email, "is a member"), ("bo@shop.example", "allows 0 members"), ("bo", "valid email")):
        assert words in send(client, "teaminvitation_add", team=team.pk, email=email, role="viewer")
    assert not TeamInvitation.objects.exists()


# ---- Plans and locks -------------------------------------------------------------------------------------------------
def test_actions_change_the_plan_and_lock(client: Client) -> None:
    team, other, plan = make_team(), make_team(), make_plan(name="gold")
    assert "Choose the plan" in send(client, "team_changelist", action="change_plan", _selected_action=team.pk)
    for odd in ("0", "x", "9" * 30):
        send(client, "team_changelist", action="change_plan", _selected_action=team.pk, plan=odd)
    send(client, "team_changelist", action="change_plan", _selected_action=team.pk, plan=plan.pk)
    assert [Team.objects.get(pk=one.pk).plan.name == "gold" for one in (team, other)] == [True, False]
    send(client, "team_changelist", action="lock", _selected_action=team.pk)
    assert Team.objects.get(pk=team.pk).is_refused
    send(client, "team_changelist", action="unlock", _selected_action=team.pk)
    assert not Team.objects.get(pk=team.pk).is_refused
    done = AuditEntry.objects.order_by("pk").values_list("action", "who__email")
    assert list(done) == [(action, "root@shop.example") for action in ("team.set_plan", "team.lock", "team.unlock")]


def test_page_of_a_team_leads_to_its_sites_and_keys(client: Client) -> None:
    team = make_team()
    site, key = make_site(team), make_key(team=team)
    page = client.get(reverse("admin:accounts_team_change", args=[team.pk])).content.decode()
    assert site.domain in page
    assert key.record.prefix in page
    assert f"/admin/accounts/apikey/add/?team={team.pk}" in page
    assert (
        f'<option value="{team.pk}" selected'
        in client.get(f"/admin/accounts/apikey/add/?team={team.pk}").content.decode()
    )


# ---- The audit log ---------------------------------------------------------------------------------------------------
def audited() -> list[tuple[str, str]]:
    """Return (action, target) of what root has done, in order."""
    done = AuditEntry.objects.filter(who__email="root@shop.example").order_by("pk")
    return list(done.values_list("action", "target"))


def test_every_write_is_noted_with_the_person_and_without_values(client: Client) -> None:
    team = make_team(name="Acme")
    form = team_form(team, (team.memberships.get(), owner_of(team), "owner", False))
    send(client, "team_change", team.pk, **{**form, "name": "Secret plans"})
    assert audited() == [("team.update", "Secret plans: Changed Name.")]
    user = make_user("ann@shop.example")
    send(
        client, "user_password_change", user.pk, password1="correct horse battery", password2="correct horse battery"
    ) if False else None
    client.post(
        reverse("admin:auth_user_password_change", args=[user.pk]),
        {"password1": "correct horse battery", "password2": "correct horse battery", "usable_password": "true"},
    )
    assert audited()[1:] == [("user.update", "ann@shop.example: Changed password.")]
    client.post(reverse("admin:auth_group_add"), {"name": "support"})
    group = Group.objects.get()
    client.post(
        reverse("admin:auth_group_changelist"),
        {"action": "delete_selected", "_selected_action": group.pk, "post": "yes"},
    )
    assert audited()[2:] == [("group.create", "support"), ("group.delete", "support")]


def test_write_through_a_service_is_noted_once(client: Client) -> None:
    team = make_team()
    send(client, "apikey_add", user=owner_of(team).pk, team=team.pk, name="report", scopes=["stats:read:*"])
    site = make_site(team)
    send(client, "pluginstoken_add", site=site.pk, description="shop")
    segment = make_segment(site, ["is", "visit:browser", ["Safari"]])
    client.post(reverse("admin:stats_segment_delete", args=[segment.pk]), {"post": "yes"})
    assert [action for action, _ in audited()] == ["key.issue", "plugins_token.issue", "segment.delete"]


def test_deleting_is_noted_with_what_went(client: Client) -> None:
    sites = [make_site(), make_site()]
    chosen = {"action": "delete_selected", "post": "yes", "_selected_action": [site.pk for site in sites]}
    send(client, "site_changelist", **chosen)
    assert sorted(audited()) == sorted(("site.delete", site.domain) for site in sites)


def test_audit_log_cannot_be_written(client: Client) -> None:
    entry = AuditEntry.objects.create(action="key.issue", target="x")
    page = reverse("admin:accounts_auditentry_change", args=[entry.pk])
    assert client.post(page, {"target": "y"}).status_code == 403
    assert client.post(reverse("admin:accounts_auditentry_delete", args=[entry.pk]), {"post": "yes"}).status_code == 403
    assert client.get(reverse("admin:accounts_auditentry_add")).status_code == 403
    assert AuditEntry.objects.get().target == "x"


def test_audit_log_tells_people_plugins_and_the_command_line_apart(client: Client) -> None:
    token = issue_plugins_token(make_site(), description="WordPress").record
    AuditEntry.objects.create(action="goal.create", target="x", token=token)
    AuditEntry.objects.create(action="team.create", target="x", who=User.objects.get(email="root@shop.example"))
    page = client.get(reverse("admin:accounts_auditentry_changelist")).content.decode()
    people = re.findall(r'class="field-person">(.*?)<', page)
    assert people == ["root@shop.example", f"plugin {token}", "command line, or deleted since"]

from datetime import timedelta

import pytest
import time_machine

from accounts import services
from accounts.models import ApiKey, AuditEntry, GuestMembership, Membership, ShieldRule, Site, User
from accounts.selectors import default_plan, key_for
from accounts.types import Feature, GuestRole, Role, ShieldKind
from analytics_project import clock
from analytics_project.errors import Conflict, InvalidRequest
from tests.factories import make_guest, make_key, make_member, make_plan, make_site, make_team, make_user, owner_of

pytestmark = pytest.mark.django_db


def test_provide_user_finds_or_creates_and_sets_a_password_given() -> None:
    user, is_new = services.provide_user("Ada@Shop.example")
    assert is_new
    assert not user.has_usable_password()
    again, is_new = services.provide_user(" ada@shop.EXAMPLE ", password="secret")
    assert (again.pk, is_new) == (user.pk, False)
    assert again.check_password("secret")
    services.provide_user("ada@shop.example")
    assert User.objects.get(pk=user.pk).check_password("secret")


@pytest.mark.parametrize(
    "email", ["", "nobody", "a@", "a b@shop.example", "a@shop.example\0", "x" * 250 + "@a.example"]
)
def test_provide_user_refuses_a_bad_address(email: str) -> None:
    with pytest.raises(InvalidRequest, match="email: "):
        services.provide_user(email)


def test_create_team_is_on_the_default_plan_and_owned() -> None:
    person = make_user()
    team = services.create_team(" Acme ", person)
    assert (team.name, team.plan) == ("Acme", default_plan())
    assert owner_of(team) == person
    with pytest.raises(InvalidRequest, match="name: "):
        services.create_team("  ", person)


def test_set_plan_replaces_features_and_takes_them_back() -> None:
    team = make_team()
    plan = make_plan(features=["props"])
    services.set_plan(team, plan, features=[Feature.STATS_API])
    assert team.features == {Feature.GOALS, Feature.STATS_API}
    services.set_plan(team, plan, features=[])
    assert team.features == {Feature.GOALS}
    services.set_plan(team, plan)
    assert team.features == {Feature.GOALS, Feature.PROPS}


def test_set_member_gives_one_role_and_drops_guest_roles_in_that_team_only() -> None:
    site, elsewhere = make_site(), make_site()
    person = make_guest(site)
    make_guest(elsewhere, person)
    services.set_member(site.team, person, Role.BILLING)
    services.set_member(site.team, person, Role.EDITOR)
    assert [m.role for m in Membership.objects.filter(user=person)] == ["editor"]
    assert [g.site for g in GuestMembership.objects.filter(user=person)] == [elsewhere]


def test_set_member_keeps_the_last_owner() -> None:
    team = make_team()
    owner = owner_of(team)
    with pytest.raises(Conflict) as refused:
        services.set_member(team, owner, Role.ADMIN)
    assert refused.value.code == "last_owner"
    assert Membership.objects.get(user=owner).role == "owner"
    make_member(team, role=Role.OWNER)
    services.set_member(team, owner, Role.ADMIN)
    assert Membership.objects.get(user=owner).role == "admin"


def test_set_guest_refuses_members_and_changes_the_role_of_guests() -> None:
    site = make_site()
    with pytest.raises(Conflict) as refused:
        services.set_guest(site, owner_of(site.team), GuestRole.VIEWER)
    assert refused.value.code == "is_member"
    guest = make_guest(site)
    services.set_guest(site, guest, GuestRole.EDITOR)
    assert GuestMembership.objects.get(user=guest).role == "editor"


def test_create_site_cleans_the_domain_and_refuses_a_taken_one() -> None:
    team = make_team()
    site = services.create_site("https://www.Käse.example/", team, timezone="Asia/Tokyo", currency="JPY")
    assert (site.domain, site.timezone, site.currency) == ("käse.example", "Asia/Tokyo", "JPY")
    for domain, zone, message in (
        ("KÄSE.example", "Etc/UTC", "domain: .*already"),
        ("", "Etc/UTC", "domain: can't be blank"),
        ("brot.example", "Mars", "timezone: "),
        ("brot\0.example", "Etc/UTC", "domain: "),
    ):
        with pytest.raises(InvalidRequest, match=message):
            services.create_site(domain, make_team(), timezone=zone)
    with pytest.raises(InvalidRequest, match="currency: "):
        services.create_site("brot.example", team, currency="eur")
    assert Site.objects.count() == 1


def test_provide_site_finds_its_own_and_never_another_teams() -> None:
    team = make_team()
    site = services.provide_site("käse.example", team)
    assert services.provide_site("WWW.käse.example", team).timezone == "Etc/UTC"
    assert services.provide_site("käse.example", team, timezone="Asia/Tokyo").pk == site.pk
    assert services.provide_site("käse.example", team).timezone == "Asia/Tokyo"
    with pytest.raises(InvalidRequest, match="already"):
        services.provide_site("käse.example", make_team())


def test_change_domain_remembers_the_last_name_only_and_goes_back_and_forth() -> None:
    site = make_site(domain="a.example")
    services.change_domain(site, "b.example")
    services.change_domain(site, "c.example")
    site.refresh_from_db()
    assert (site.domain, site.previous_domain) == ("c.example", "b.example")
    services.create_site("a.example", make_team())
    with pytest.raises(InvalidRequest, match="already been taken"):
        services.create_site("b.example", make_team())
    services.change_domain(site, "b.example")
    site.refresh_from_db()
    assert (site.domain, site.previous_domain) == ("b.example", "c.example")


def test_change_domain_to_the_same_name_starts_no_grace() -> None:
    site = make_site(domain="a.example")
    services.change_domain(site, " A.example/")
    site.refresh_from_db()
    assert (site.domain, site.previous_domain, site.domain_changed_at) == ("a.example", "", None)


@pytest.mark.parametrize("domain", ["", "taken.example", "a?b", "_"])
def test_change_domain_refused_leaves_the_site_alone(domain: str) -> None:
    make_site(domain="taken.example")
    site = make_site(domain="a.example")
    with pytest.raises(InvalidRequest, match="domain: "):
        services.change_domain(site, domain)
    site.refresh_from_db()
    assert (site.domain, site.previous_domain) == ("a.example", "")


def test_add_shield_rule_stores_it_once_and_cleaned() -> None:
    site = make_site()
    assert services.add_shield_rule(site, ShieldKind.COUNTRY, " de ").value == "DE"
    for value in ("DE", "Germany"):
        with pytest.raises(InvalidRequest):
            services.add_shield_rule(site, ShieldKind.COUNTRY, value)
    assert ShieldRule.objects.count() == 1


def test_issue_key_keeps_the_hash_and_the_first_characters_only() -> None:
    issued = make_key()
    record = issued.record
    assert issued.text not in str(vars(record))
    assert record.prefix == issued.text[:6]
    found = key_for(issued.text)
    assert found is not None
    assert found.pk == record.pk


def test_issue_key_refuses_strangers_and_bad_scopes() -> None:
    team = make_team()
    with pytest.raises(Conflict) as refused:
        services.issue_key(make_user(), team, name="key")
    assert refused.value.code == "not_a_member"
    for scopes in (["everything"], ["stats:read:*", "x"], []):
        with pytest.raises(InvalidRequest, match="scopes: "):
            services.issue_key(owner_of(team), team, name="key", scopes=scopes)
    assert not team.api_keys.exists()


def test_revoke_key_keeps_the_first_moment() -> None:
    issued = make_key()
    start = clock.now()
    for minutes in (0, 5):
        with time_machine.travel(start + timedelta(minutes=minutes), tick=False):
            services.revoke_key(issued.record)
    issued.record.refresh_from_db()
    assert issued.record.revoked_at == start
    assert AuditEntry.objects.filter(action="key.revoke").count() == 1


def test_rotated_key_works_beside_its_successor_until_the_grace_is_over() -> None:
    team = make_team()
    old = make_key(team=team, scopes=["sites:provision:*"], read_only=True)
    start = clock.now()
    with time_machine.travel(start, tick=False):
        new = services.rotate_key(old.record, grace=timedelta(hours=2))
    for seconds, usable in ((7199, [True, True]), (7200, [False, True])):
        with time_machine.travel(start + timedelta(seconds=seconds), tick=False):
            assert [key_for(issued.text) is not None for issued in (old, new)] == usable
    successor = key_for(new.text)
    assert successor is not None
    assert (successor.user, successor.team, successor.name) == (old.record.user, team, old.record.name)
    assert (successor.scopes, successor.is_read_only, successor.expires_at) == (["sites:provision:*"], True, None)
    assert successor.replaces.pk == old.record.pk
    assert AuditEntry.objects.filter(action="key.rotate").count() == 1


def test_rotated_key_never_lives_longer_and_its_successor_as_long_as_it_did() -> None:
    start = clock.now()
    with time_machine.travel(start, tick=False):
        old = make_key(expires_at=start + timedelta(days=30))
    with time_machine.travel(start + timedelta(days=29, hours=23), tick=False):
        new = services.rotate_key(old.record, grace=timedelta(days=7))
    old.record.refresh_from_db()
    assert old.record.expires_at == start + timedelta(days=30)
    assert new.record.expires_at is not None
    assert abs(new.record.expires_at - (start + timedelta(days=59, hours=23))) < timedelta(seconds=1)


def test_rotate_key_without_grace_ends_the_old_key_at_once() -> None:
    old = make_key()
    new = services.rotate_key(old.record, grace=timedelta(0))
    assert key_for(old.text) is None
    assert key_for(new.text) is not None


def test_rotate_key_refuses_what_has_ended_and_leaves_no_successor() -> None:
    revoked, expired, rotated, left = make_key(), make_key(), make_key(), make_key(team=make_team())
    services.revoke_key(revoked.record)
    ApiKey.objects.filter(pk=expired.record.pk).update(expires_at=clock.now())
    services.rotate_key(rotated.record)
    Membership.objects.filter(user=left.record.user).delete()
    number = ApiKey.objects.count()
    for issued in (revoked, expired, rotated, left):
        with pytest.raises(Conflict):
            services.rotate_key(issued.record)
    for grace in (timedelta(seconds=-1), timedelta(days=91)):
        with pytest.raises(InvalidRequest, match="grace: "):
            services.rotate_key(make_key().record, grace=grace)
    assert ApiKey.objects.count() == number + 2


def test_issued_key_and_token_do_not_show_their_text() -> None:
    key, token = make_key(), services.issue_plugins_token(make_site(), description="shop")
    for issued in (key, token):
        assert issued.text not in repr(issued) + str(issued)


def test_plugins_token_keeps_the_hash_and_the_last_characters_only() -> None:
    site = make_site()
    issued = services.issue_plugins_token(site, description=" shop ")
    assert (issued.record.description, issued.record.hint) == ("shop", issued.text[-4:])
    assert len(bytes(issued.record.hash)) == 32
    assert issued.text not in str(vars(issued.record))
    with pytest.raises(InvalidRequest, match="description: "):
        services.issue_plugins_token(site, description=" ")


def test_audit_entries_say_who_did_what_and_hold_no_secret() -> None:
    admin = make_user("admin@shop.example")
    team = services.create_team("Acme", admin, who=admin)
    site = services.create_site("shop.example", team, who=admin)
    services.change_domain(site, "laden.example")
    issued = services.issue_key(admin, team, name="report", who=admin)
    told = [(entry.action, entry.who, entry.target) for entry in AuditEntry.objects.order_by("pk")]
    assert told == [
        ("team.create", admin, f"Acme ({team.identifier})"),
        ("site.create", admin, "shop.example"),
        ("site.change_domain", None, "shop.example to laden.example"),
        ("key.issue", admin, f"report ({issued.text[:6]}…) of admin@shop.example"),
    ]


def test_refused_service_leaves_no_audit_entry() -> None:
    with pytest.raises(InvalidRequest):
        services.create_site("a_b", make_team())
    assert not AuditEntry.objects.exists()

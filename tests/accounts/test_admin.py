"""The admin's pages: every one opens, none shows a secret, and bad input is a message on the form."""

import re
from html import unescape
from typing import Any

import pytest
from django.contrib import admin
from django.test import Client
from django.urls import reverse

from accounts import services
from accounts.models import (
    ApiKey,
    AuditEntry,
    GuestInvitation,
    Plan,
    PluginsToken,
    SharedLink,
    ShieldRule,
    Site,
    Team,
    TeamInvitation,
    User,
)
from accounts.selectors import key_for, site_ref
from accounts.types import Feature, ShieldKind
from goals.funnel_services import provide_funnel
from goals.models import Funnel, Goal
from goals.prop_services import enable_props
from goals.services import NewGoal
from goals.tracker_services import provide_tracker
from stats.erasure_services import reset_statistics
from stats.models import CityName, Erasure, TotalsImport, TrackerConfiguration
from tests.factories import (
    make_annotation,
    make_goal,
    make_guest,
    make_key,
    make_segment,
    make_site,
    make_team,
    make_user,
    owner_of,
)

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.accounts.urls")]


@pytest.fixture
def client() -> Client:
    """A browser in which an administrator is logged in."""
    browser = Client()
    browser.force_login(User.objects.create_superuser("root@shop.example"))
    return browser


def add(client: Client, model: str, **fields: Any) -> str:
    """Send the form that adds a record and return the page that follows."""
    answer = client.post(reverse(f"admin:{model}_add"), fields, follow=True)
    assert answer.status_code == 200
    return unescape(answer.content.decode())


SITE_FORMS = {
    f"{prefix}-{name}": "0"
    for prefix in ("shield_rules", "guests", "shared_links", "plugins_tokens")
    for name in ("TOTAL_FORMS", "INITIAL_FORMS")
}


def test_every_page_opens_and_shows_no_hash_and_no_secret(client: Client) -> None:
    site = make_site()
    issued = make_key(team=site.team)
    token = services.issue_plugins_token(site, description="shop")
    make_guest(site)
    make_goal(site)
    make_segment(site, ["is", "visit:country", ["EE"]])
    make_annotation(site)
    ShieldRule.objects.create(site=site, kind=ShieldKind.COUNTRY, value="DE")
    person = make_user(password="correct horse battery")
    invitation = GuestInvitation.objects.create(site=site, email="eve@shop.example", role="viewer", hash=b"\xfe" * 32)
    to_team = TeamInvitation.objects.create(team=site.team, email="fay@shop.example", role="admin", hash=b"\xfd" * 32)
    SharedLink.objects.create(site=site, name="Board", password_hash="argon2$secret")
    enable_props(site_ref(site), ["author"], frozenset({Feature.PROPS}))
    provide_tracker(site_ref(site))
    provide_funnel(site_ref(site), "Way", [NewGoal(event_name=name) for name in "ab"], {Feature.FUNNELS})
    reset_statistics(site_ref(site))
    CityName.objects.create(geoname_id=2950159, name="Berlin")
    TotalsImport.objects.create(site=site, files="imported_visitors_20240101_20240131.csv", digest="0" * 64)
    secrets = [
        bytes(invitation.hash).hex(),
        bytes(to_team.hash).hex(),
        "argon2$secret",
        issued.record.hash,
        issued.text,
        bytes(token.record.hash).hex(),
        token.text,
        bytes(site.caller_id_secret).hex(),
        person.password,
        person.password[-10:],
    ]
    ours = [model for model in admin.site._registry if model._meta.app_label in {"accounts", "goals", "stats"}]
    assert len(ours) == 22
    made_elsewhere = {AuditEntry, CityName, Funnel, GuestInvitation, TrackerConfiguration, TotalsImport, Erasure}
    for model in ours:
        name = f"admin:{model._meta.app_label}_{model._meta.model_name}"
        pages = [reverse(f"{name}_changelist") + "?q=shop"]
        pages += [reverse(f"{name}_change", args=[record.pk]) for record in model._default_manager.all()]
        assert len(pages) > 1, model
        pages.append(reverse(f"{name}_changelist"))
        if model not in made_elsewhere:
            pages.append(reverse(f"{name}_add"))
        for page in pages:
            answer = client.get(page)
            assert answer.status_code == 200, page
            text = answer.content.decode()
            assert not [secret for secret in secrets if secret in text], page


def test_action_resets_the_statistics_of_chosen_sites_only(client: Client) -> None:
    chosen, other = make_site(), make_site()
    sent = {"action": "reset_chosen", "_selected_action": [chosen.pk], "confirm": "yes"}
    page = client.post(reverse("admin:accounts_site_changelist"), sent, follow=True)
    assert "Nothing counts any more" in page.content.decode()
    assert Site.objects.get(stats_reset_at__isnull=False) == chosen
    assert Erasure.objects.get().site_number == chosen.pk
    assert AuditEntry.objects.get(action="site.reset_statistics").who == User.objects.get(email="root@shop.example")
    assert other.domain in page.content.decode()


def test_key_is_shown_once_after_it_was_made(client: Client) -> None:
    team = make_team()
    page = add(
        client, "accounts_apikey", user=owner_of(team).pk, team=team.pk, name="report", scopes=["sites:provision:*"]
    )
    (text,) = set(re.findall(r"ff_[\w-]{61}", page))
    record = key_for(text)
    assert record is not None
    assert (record.name, record.team, record.scopes) == ("report", team, ["sites:provision:*"])
    assert AuditEntry.objects.get(action="key.issue").who == User.objects.get(email="root@shop.example")
    again = client.get(reverse("admin:accounts_apikey_changelist")).content.decode()
    assert text not in again
    assert text[:6] in again


def test_key_of_a_stranger_is_an_error_on_the_form(client: Client) -> None:
    page = add(
        client, "accounts_apikey", user=make_user().pk, team=make_team().pk, name="report", scopes=["stats:read:*"]
    )
    assert "not a member of the team" in page
    assert not ApiKey.objects.exists()


def test_key_cannot_be_changed_and_is_revoked_by_an_action(client: Client) -> None:
    issued = make_key()
    page = reverse("admin:accounts_apikey_change", args=[issued.record.pk])
    assert client.post(page, {"name": "other"}).status_code == 403
    client.post(
        reverse("admin:accounts_apikey_changelist"),
        {"action": "revoke", "_selected_action": [issued.record.pk], "confirm": "yes"},
    )
    assert key_for(issued.text) is None


def test_key_is_rotated_by_an_action_and_its_successor_shown_once(client: Client) -> None:
    issued, revoked = make_key(), make_key()
    services.revoke_key(revoked.record)
    chosen = {"action": "rotate", "_selected_action": [issued.record.pk, revoked.record.pk]}
    page = client.post(reverse("admin:accounts_apikey_changelist"), chosen, follow=True).content.decode()
    (text,) = set(re.findall(r"ff_[\w-]{61}", page))
    assert "cannot be rotated" in page
    assert key_for(issued.text) is not None
    new = key_for(text)
    assert new is not None
    assert new.replaces == issued.record
    assert text not in client.get(reverse("admin:accounts_apikey_changelist")).content.decode()


def test_plugins_token_is_shown_once_after_it_was_made(client: Client) -> None:
    page = add(client, "accounts_pluginstoken", site=make_site().pk, description="shop")
    assert len(set(re.findall(r"plausible-plugin-selfhost-[\w+/]{40}", page))) == 1
    assert PluginsToken.objects.get().description == "shop"


def test_user_is_added_by_email_in_any_case_once(client: Client) -> None:
    form = {"usable_password": "true", "password1": "correct horse battery", "password2": "correct horse battery"}
    add(client, "accounts_user", email="Ada@Shop.example", **form)
    assert User.objects.get(email="ada@shop.example").check_password("correct horse battery")
    assert "already exists" in add(client, "accounts_user", email="ADA@shop.example", **form)


def test_plan_is_added_with_ticked_features(client: Client) -> None:
    add(client, "accounts_plan", name="tiny", features=["props", "funnels"], hourly_limit="10")
    assert Plan.objects.get(name="tiny").features == ["props", "funnels"]
    page = add(client, "accounts_plan", name="second", features=[], hourly_limit="10", is_default="on")
    assert "is violated" in page


def site_form(team_id: int, **fields: Any) -> dict[str, Any]:
    return {
        "team": team_id,
        "timezone": "Etc/UTC",
        "currency": "USD",
        "ingest_rate_window_s": "60",
        "visitor_ids": "daily",
        **SITE_FORMS,
        **fields,
    }


def test_site_is_added_and_renamed_with_its_grace(client: Client) -> None:
    team = make_team()
    add(client, "accounts_site", **site_form(team.pk, domain="https://Käse.example/"))
    site = Site.objects.get()
    assert site.domain == "käse.example"
    page = reverse("admin:accounts_site_change", args=[site.pk])
    client.post(page, site_form(team.pk, domain="brot.example", currency="CHF"))
    site.refresh_from_db()
    assert (site.domain, site.previous_domain, site.currency) == ("brot.example", "käse.example", "CHF")


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"domain": "a_b"}, "only letters"),
        ({"domain": "TAKEN.example"}, "already exists"),
        ({"domain": "a.example", "timezone": "Mars"}, "IANA time zone"),
        ({"domain": "a.example", "currency": "eur"}, "ISO 4217"),
        ({"domain": "a.example", "ingest_rate_window_s": "0"}, "greater than or equal to 1"),
        ({"domain": "a.example\0"}, "Null characters"),
    ],
)
def test_site_form_says_what_is_wrong(client: Client, fields: dict[str, str], message: str) -> None:
    make_site(domain="taken.example")
    assert message in add(client, "accounts_site", **site_form(make_team().pk, **fields))
    assert Site.objects.count() == 1


def goal_form(site_id: int, **fields: Any) -> dict[str, Any]:
    return {"site": site_id, "scroll_threshold": "-1", "custom_props": "{}", **fields}


def test_goal_is_added_with_its_default_name(client: Client) -> None:
    add(client, "goals_goal", **goal_form(make_site().pk, page_path=" kasse/** ", scroll_threshold="50"))
    goal = Goal.objects.get()
    assert (goal.display_name, goal.page_path, goal.scroll_threshold) == ("Visit /kasse/**", "/kasse/**", 50)


@pytest.mark.parametrize("nothing", ["", "null", "[]", "{}"])
def test_goal_without_properties_holds_an_empty_object(client: Client, nothing: str) -> None:
    add(client, "goals_goal", **goal_form(make_site().pk, event_name="Achat", custom_props=nothing))
    assert Goal.objects.get().custom_props == {}


def with_owner() -> dict[str, Any]:
    """Return the part of a new team's form that names its owner."""
    return {
        "memberships-TOTAL_FORMS": "1",
        "memberships-INITIAL_FORMS": "0",
        "memberships-0-user": make_user().pk,
        "memberships-0-role": "owner",
    }


def test_team_form_refuses_unknown_features(client: Client) -> None:
    form = {"plan": make_team().plan.pk, **with_owner()}
    for value in ('["everything"]', '"props"', '["\\ud800"]', "{"):
        add(client, "accounts_team", name="refused", feature_override=value, **form)
    add(client, "accounts_team", name="taken", feature_override='["props"]', **form)
    assert list(Team.objects.filter(name__in=["refused", "taken"]).values_list("name", flat=True)) == ["taken"]


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({}, "either an event name or a page path"),
        ({"event_name": "Achat", "page_path": "/a"}, "either an event name or a page path"),
        ({"event_name": "Kauf"}, "already been taken"),
        ({"event_name": "Achat", "display_name": "Kauf"}, "already been taken"),
        ({"event_name": "engagement"}, "reserved"),
        ({"event_name": "Achat", "scroll_threshold": "5"}, "page goals only"),
        ({"event_name": "x" * 121}, "at most 120"),
        ({"page_path": "/a", "currency": "EUR"}, "event goals only"),
        ({"page_path": "/a", "scroll_threshold": "101"}, "less than or equal to 100"),
        ({"event_name": "Achat", "currency": "DEM"}, "ISO 4217"),
        ({"event_name": "Achat", "custom_props": '{"a": 1}'}, "values must be texts"),
        ({"event_name": "Achat", "custom_props": '{"a": "\\u0000"}'}, "without null characters"),
        ({"event_name": "Achat", "custom_props": '{"a": "\\ud800"}'}, "valid JSON"),
        ({"event_name": "Achat", "custom_props": '{"a":"1","b":"1","c":"1","d":"1"}'}, "at most 3"),
        ({"event_name": "Achat", "custom_props": "[1]"}, "object of texts"),
        ({"event_name": "Achat", "custom_props": "{"}, "valid JSON"),
    ],
)
def test_goal_form_says_what_is_wrong(client: Client, fields: dict[str, str], message: str) -> None:
    site = make_site()
    make_goal(site, event_name="Kauf")
    assert message in add(client, "goals_goal", **goal_form(site.pk, **fields))
    assert Goal.objects.count() == 1

import json
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.conf import LazySettings
from django.core.management import call_command
from django.core.management.base import CommandError

from accounts.models import ApiKey, PluginsToken, Site, Team, TeamInvitation, User
from accounts.selectors import actor_for, key_for, site_for
from accounts.types import Scope, Surface
from tests.factories import make_key, make_member, make_site, make_team, make_user, owner_of

pytestmark = pytest.mark.django_db


def provision(*arguments: str) -> dict[str, Any]:
    """Run the command with --json; what it prints is one object on one line, and nothing else."""
    out = StringIO()
    call_command("provision", *arguments, "--json", stdout=out)
    (line,) = out.getvalue().splitlines()
    result: dict[str, Any] = json.loads(line)
    return result


def refusal(*arguments: str) -> str:
    with pytest.raises(CommandError) as refused:
        call_command("provision", *arguments, stdout=StringIO())
    assert refused.value.returncode == 1
    return str(refused.value)


def test_provision_user_is_idempotent() -> None:
    first = provision("user", "--email", "Ada@shop.example", "--password", "secret")
    assert first == {"user_id": User.objects.get().pk, "email": "ada@shop.example"}
    assert provision("user", "--email", "ada@SHOP.example") == first
    assert User.objects.get().check_password("secret")


def test_provision_team_finds_its_team_and_always_gives_a_key_that_provisions() -> None:
    first = provision("team", "--name", "Acme", "--owner", "ada@shop.example")
    second = provision("team", "--name", "Acme", "--owner", "ada@shop.example")
    assert set(first) == {"team_id", "api_key"}
    assert first["team_id"] == second["team_id"] == str(Team.objects.get().identifier)
    site = make_site(Team.objects.get())
    for result in (first, second):
        key = key_for(result["api_key"])
        assert key is not None
        assert site_for(actor_for(key), site.domain, Scope.SITES_PROVISION, surface=Surface.SITES).id == site.pk
    assert first["api_key"] != second["api_key"]


def test_provision_team_of_the_same_name_and_another_owner_is_another_team() -> None:
    first = provision("team", "--name", "Acme", "--owner", "ada@shop.example")
    assert provision("team", "--name", "Acme", "--owner", "bo@shop.example")["team_id"] != first["team_id"]


@pytest.mark.parametrize(
    ("sent", "features"),
    [
        ("StatsAPI,SitesAPI", {"stats_api", "sites_api"}),
        (" props , revenuegoals ", {"props", "revenue_goals"}),
        ("none", set()),
    ],
)
def test_provision_team_takes_plan_and_features(sent: str, features: set[str]) -> None:
    provision("team", "--name", "Acme", "--owner", "ada@shop.example", "--plan", "Growth", "--features", sent)
    team = Team.objects.get()
    assert team.plan.name == "growth"
    assert team.features == {"goals", *features}


def test_provision_team_again_keeps_its_plan_unless_one_is_given() -> None:
    command = ("team", "--name", "Acme", "--owner", "ada@shop.example")
    provision(*command, "--plan", "growth", "--features", "Props")
    provision(*command)
    assert (Team.objects.get().plan.name, Team.objects.get().feature_override) == ("growth", ["props"])
    provision(*command, "--plan", "business")
    assert (Team.objects.get().plan.name, Team.objects.get().feature_override) == ("business", None)


def test_provision_plan_prints_the_features_in_force() -> None:
    identifier = str(make_team().identifier)
    command = ("plan", "--team", identifier, "--plan", "growth")
    assert provision(*command) == {
        "team_id": identifier,
        "plan": "growth",
        "features": ["Goals", "SharedLinks", "SiteSegments"],
    }
    assert provision(*command, "--features", "Funnels")["features"] == ["Funnels", "Goals"]
    assert provision(*command, "--features", "none")["features"] == ["Goals"]


def test_provision_member_and_guest_create_people_and_change_roles() -> None:
    site = make_site()
    team = ("member", "--team", str(site.team.identifier), "--email", "bo@shop.example")
    assert provision(*team, "--role", "viewer")["role"] == "viewer"
    user_id = User.objects.get(email="bo@shop.example").pk
    assert provision(*team, "--role", "editor") == {"user_id": user_id, "role": "editor"}
    guest = ("guest", "--site", site.public_id, "--email", "cy@shop.example")
    assert provision(*guest, "--role", "viewer")["role"] == "viewer"
    assert provision(*guest, "--role", "editor")["role"] == "editor"


def test_provision_invitation_prints_its_link_once_and_needs_an_address(settings: LazySettings) -> None:
    team = make_team()
    command = ("invitation", "--team", str(team.identifier), "--email", "Bo@shop.example")
    settings.BASE_URL = ""
    assert "--base-url" in refusal(*command, "--role", "viewer")
    base = ("--base-url", "https://stats.example/")
    first = provision(*command, "--role", "viewer", *base)
    assert first["url"].startswith("https://stats.example/invitations/")
    again = provision(*command, "--role", "owner", *base)
    assert again == {"email": "bo@shop.example", "role": "owner", "url": None}
    assert TeamInvitation.objects.get().role == "owner"
    owner = owner_of(team).email
    assert "is a member" in refusal("invitation", "--team", command[2], "--email", owner, "--role", "viewer", *base)


def test_provision_site_is_idempotent_and_names_it_both_ways() -> None:
    team = make_team()
    command = ("site", "--domain", "https://www.Käse.example/", "--team", str(team.identifier))
    first = provision(*command, "--timezone", "Asia/Tokyo")
    site = Site.objects.get()
    assert first == {"site_id": "käse.example", "domain": "käse.example", "public_id": site.public_id}
    assert provision(*command) == first
    assert Site.objects.get().timezone == "Asia/Tokyo"


def test_provision_key_is_for_the_only_team_the_named_team_or_none() -> None:
    person = make_user()
    command = ("key", "--email", person.email)
    assert "no team" in refusal(*command)
    team = make_team(person)
    only = provision(*command)
    assert only["scopes"] == ["stats:read:*"]
    assert key_for(only["api_key"]).team_id == team.pk  # type: ignore[union-attr]
    other = make_team(person)
    assert "several teams" in refusal(*command)
    named = provision(*command, "--team", str(other.identifier), "--scope", "sites:*", "--scope", "stats:read:*")
    assert named["scopes"] == ["sites:*", "stats:read:*"]
    assert key_for(named["api_key"]).team_id == other.pk  # type: ignore[union-attr]
    legacy = key_for(provision(*command, "--legacy", "--read-only")["api_key"])
    assert legacy is not None
    assert (legacy.team_id, legacy.is_read_only) == (None, True)


def test_provision_key_lapses_when_asked_to_and_says_its_id() -> None:
    person = make_user()
    made = provision("key", "--email", person.email, "--legacy", "--expires-in", "90d")
    key = ApiKey.objects.get(pk=made["key_id"])
    assert key.expires_at is not None
    assert timedelta(days=89) < key.expires_at - key.created_at <= timedelta(days=91)


def test_provision_key_rotates_and_revokes() -> None:
    old = make_key()
    rotated = provision("key", "--rotate", str(old.record.pk), "--grace", "30m")
    assert set(rotated) == {"api_key", "scopes", "key_id", "old_key_id", "old_key_expires_at"}
    old.record.refresh_from_db()
    assert old.record.expires_at is not None
    assert rotated["old_key_expires_at"] == old.record.expires_at.isoformat(timespec="seconds")
    assert key_for(old.text) is not None
    new = key_for(rotated["api_key"])
    assert new is not None
    assert (new.pk, new.user_id) == (rotated["key_id"], old.record.user_id)
    assert provision("key", "--revoke", str(new.pk)) == {"key_id": new.pk, "revoked": True}
    assert key_for(rotated["api_key"]) is None
    assert "revoked or expired" in refusal("key", "--rotate", str(new.pk))


def test_provision_plugins_token_is_a_new_one_each_time() -> None:
    site = make_site()
    tokens = {provision("plugins-token", "--site", site.domain)["token"] for _ in range(2)}
    assert len(tokens) == PluginsToken.objects.filter(site=site).count() == 2


def test_provision_prints_plain_lines_without_json() -> None:
    out = StringIO()
    call_command("provision", "user", "--email", "ada@shop.example", stdout=out)
    assert out.getvalue().splitlines()[1] == "email: ada@shop.example"


TEAM = "00000000-0000-4000-8000-000000000000"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("user", "--email", "nobody"), "email: "),
        (("team", "--name", "", "--owner", "ada@shop.example"), "name: "),
        (("team", "--name", "Acme", "--owner", "ada"), "email: "),
        (
            ("team", "--name", "Acme", "--owner", "ada@shop.example", "--plan", "gold"),
            "no plan 'gold'; there are self-",
        ),
        (("team", "--name", "Acme", "--owner", "ada@shop.example", "--features", "Props,X"), "'X' is no feature"),
        (("plan", "--team", TEAM, "--plan", "growth"), "no team"),
        (("plan", "--team", "Acme", "--plan", "growth"), "no team"),
        (("member", "--team", "1", "--email", "a@shop.example", "--role", "owner"), "no team"),
        (("guest", "--site", "nowhere.example", "--email", "a@shop.example", "--role", "viewer"), "no site"),
        (("site", "--domain", "shop.example", "--team", TEAM), "no team"),
        (("key",), "--email"),
        (("key", "--rotate", "999999999999999999"), "no key with the id"),
        (("key", "--revoke", "1", "--read-only"), "keeps its rights"),
        (("key", "--rotate", "1", "--revoke", "1"), "keeps its rights"),
        (("key", "--rotate", "ff_abc"), "no id"),
        (("key", "--rotate", "1", "--grace", "soon"), "no span of time"),
        (("key", "--email", "a@shop.example", "--expires-in", "99999d"), "no span of time"),
        (("key", "--email", "nobody@shop.example"), "no user"),
        (("key", "--email", "ada@shop.example", "--team", TEAM), "no user"),
        (("plugins-token", "--site", "ds_nothing"), "no site"),
    ],
)
def test_provision_refuses_in_one_line(arguments: tuple[str, ...], message: str) -> None:
    text = refusal(*arguments)
    assert message in text
    assert "\n" not in text
    assert not ApiKey.objects.exists()
    assert not Team.objects.exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--domain", "a_b.example"), "domain: "),
        (("--domain", "shop.example", "--timezone", "Mars/Olympus"), "timezone: "),
        (("--domain", "taken.example"), "domain: .*already"),
    ],
)
def test_provision_site_refuses_bad_values(options: tuple[str, ...], message: str) -> None:
    make_site(domain="taken.example")
    with pytest.raises(CommandError, match=message):
        call_command("provision", "site", "--team", str(make_team().identifier), *options)
    assert Site.objects.count() == 1


def test_provision_key_refuses_strangers_bad_scopes_and_two_kinds_at_once() -> None:
    team = make_team()
    member = make_member(team)
    identifier = str(team.identifier)
    assert "not a member" in refusal("key", "--email", make_user().email, "--team", identifier)
    assert "scopes: " in refusal("key", "--email", member.email, "--scope", "everything")
    assert "--legacy" in refusal("key", "--email", member.email, "--team", identifier, "--legacy")
    assert not ApiKey.objects.exists()


def test_provision_member_keeps_the_last_owner() -> None:
    team = make_team()
    text = refusal("member", "--team", str(team.identifier), "--email", owner_of(team).email, "--role", "viewer")
    assert "last owner" in text


def test_provision_shared_link_is_idempotent_and_needs_an_address(settings: LazySettings) -> None:
    site = make_site()
    command = ("shared-link", "--site", site.domain, "--name", "Board")
    settings.BASE_URL = ""
    assert "--base-url" in refusal(*command)
    first = provision(*command, "--base-url", "https://stats.example/")
    assert first["url"].startswith("https://stats.example/share/")
    settings.BASE_URL = "https://own.example"
    again = provision(*command)
    assert again["url"] == first["url"].replace("stats.example", "own.example")
    assert "reserved" in refusal("shared-link", "--site", site.domain, "--name", "WordPress - Shared Dashboard")
    assert "blank" in refusal("shared-link", "--site", site.domain, "--name", " ")

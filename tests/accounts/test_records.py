"""What the database itself decides, and what a form says before it."""

from datetime import timedelta

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, models, transaction

from accounts.models import ApiKey, ChangeMark, Membership, Plan, ShieldRule, Site, Team, User
from accounts.selectors import change_mark
from accounts.types import Feature, Role, ShieldKind
from analytics_project import clock
from tests.factories import make_goal, make_member, make_site, make_team, make_user

pytestmark = pytest.mark.django_db


def refused_by_the_database(record: models.Model) -> bool:
    try:
        with transaction.atomic():
            type(record)._default_manager.bulk_create([record])
    except IntegrityError:
        return True
    return False


def test_email_is_unique_whatever_its_case() -> None:
    make_user("Ada@Shop.example")
    assert User.objects.get_by_natural_key(" ADA@shop.EXAMPLE ").email == "ada@shop.example"
    assert refused_by_the_database(User(email="aDA@shop.example"))
    assert not refused_by_the_database(User(email="ada2@shop.example"))
    with pytest.raises(ValidationError):
        make_user("ADA@shop.example")


def test_superuser_logs_in_by_email() -> None:
    root = User.objects.create_superuser("Root@shop.example", "correct horse battery")
    assert root.is_staff
    assert root.is_superuser
    assert root.check_password("correct horse battery")
    assert User.USERNAME_FIELD == "email"


def test_person_has_one_role_per_team() -> None:
    team, other = make_team(), make_team()
    person = make_member(team)
    assert refused_by_the_database(Membership(team=team, user=person, role=Role.ADMIN))
    assert not refused_by_the_database(Membership(team=other, user=person, role=Role.ADMIN))


def test_domain_and_public_id_are_unique() -> None:
    site = make_site(domain="Käse.example")
    assert site.domain == "käse.example"
    assert site.public_id.startswith("ds_")
    assert refused_by_the_database(Site(team=site.team, domain="käse.example"))
    assert refused_by_the_database(Site(team=site.team, domain="brot.example", public_id=site.public_id))


def test_site_number_fits_the_event_store_and_is_not_given_again() -> None:
    assert isinstance(Site._meta.pk, models.AutoField)
    team = make_team()
    first = Site.objects.create(team=team, domain="a.example")
    number = first.pk
    first.delete()
    assert number < Site.objects.create(team=team, domain="a.example").pk < 2**32


def test_site_secrets_differ() -> None:
    assert len(bytes(make_site().caller_id_secret)) == 32
    assert bytes(make_site().caller_id_secret) != bytes(make_site().caller_id_secret)


def test_domain_in_another_sites_grace_is_taken_for_72_hours() -> None:
    team = make_team()
    make_site(team, domain="neu.example", previous_domain="alt.example", domain_changed_at=clock.now())
    with pytest.raises(ValidationError, match="already been taken"):
        Site(team=team, domain="alt.example").full_clean()
    Site.objects.update(domain_changed_at=clock.now() - timedelta(hours=72))
    Site(team=team, domain="alt.example").full_clean()


def test_shield_rule_is_cleaned_unique_and_limited_to_30_of_a_kind() -> None:
    site = make_site()
    for number in range(30):
        rule = ShieldRule(site=site, kind=ShieldKind.IP, value=f" 2001:DB8::{number:X} ")
        rule.full_clean()
        rule.save()
    assert rule.value == "2001:db8::1d"
    rule.full_clean()
    assert refused_by_the_database(ShieldRule(site=site, kind=ShieldKind.IP, value="2001:db8::1"))
    with pytest.raises(ValidationError, match="at most 30"):
        ShieldRule(site=site, kind=ShieldKind.IP, value="203.0.113.1").full_clean()
    ShieldRule(site=site, kind=ShieldKind.COUNTRY, value="DE").full_clean()


def test_default_plan_has_everything_and_no_limits() -> None:
    plan = Plan.objects.get(is_default=True)
    assert set(plan.features) == {feature.value for feature in Feature}
    assert (plan.max_sites, plan.max_members, plan.hourly_limit) == (None, None, 1_000_000)
    assert refused_by_the_database(Plan(name="second", is_default=True))


@pytest.mark.parametrize(
    ("plan", "features"),
    [
        ("starter", {"Goals"}),
        ("growth", {"Goals", "SharedLinks", "SiteSegments"}),
        ("trial", {feature.short_name for feature in Feature} - {"SitesAPI", "SSO"}),
        ("enterprise", {"Goals"}),
    ],
)
def test_team_features_are_those_of_its_plan(plan: str, features: set[str]) -> None:
    team = Team(plan=Plan.objects.get(name=plan))
    assert {feature.short_name for feature in team.features} == features


def test_team_overrides_features_and_hourly_limit_of_its_plan() -> None:
    team = Team(plan=Plan.objects.get(name="business"), feature_override=["sites_api"], hourly_limit_override=0)
    assert team.features == {Feature.GOALS, Feature.SITES_API}
    assert team.hourly_limit == 0
    assert Team(plan=Plan.objects.get(name="business")).hourly_limit == 600


def test_key_hash_is_unique() -> None:
    person = make_user()
    ApiKey.objects.create(user=person, name="one", hash="00" * 32, prefix="ff_abc", scopes=["*"])
    assert refused_by_the_database(ApiKey(user=person, name="two", hash="00" * 32, prefix="ff_abc", scopes=["*"]))


def test_change_mark_moves_with_sites_shields_teams_and_goals_and_with_nothing_else() -> None:
    site = make_site()
    marks = [change_mark()]

    def moved() -> bool:
        marks.append(change_mark())
        return marks[-1] != marks[-2]

    site.ingest_rate_threshold = 0
    site.save()
    assert moved()
    rule = ShieldRule.objects.create(site=site, kind=ShieldKind.COUNTRY, value="DE")
    assert moved()
    ShieldRule.objects.filter(pk=rule.pk).delete()
    assert moved()
    site.team.accept_traffic_until = clock.now().date()
    site.team.save()
    assert moved()
    goal = make_goal(site)
    assert moved()
    goal.delete()
    assert moved()
    make_user()
    assert not moved()
    Site.objects.filter(pk=site.pk).delete()
    assert moved()
    assert len(set(marks)) == len(marks) - 1


def test_change_mark_recovers_when_its_row_is_gone() -> None:
    ChangeMark.objects.all().delete()
    assert change_mark() == 0
    make_site()
    assert change_mark() > 0

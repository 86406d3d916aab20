"""The gates that stand between a key and a site: key contract, sections 3 to 6, 9 and 10."""

from collections.abc import Callable
from datetime import timedelta

import pytest
import time_machine
from pytest_django import DjangoAssertNumQueries, Settings

from accounts import services
from accounts.api.permissions import SITE_EDITORS, SITE_MANAGERS, SITE_OWNERS, SITE_READERS
from accounts.models import Membership, User
from accounts.selectors import actor_for, key_for, site_for
from accounts.types import Actor, Feature, GuestRole, Role, Scope, Surface
from analytics_project import clock
from analytics_project.errors import AppError, InvalidRequest, NotAuthenticated, NotFound, PaymentRequired
from tests.factories import make_guest, make_key, make_member, make_site, make_team, make_user, owner_of

pytestmark = pytest.mark.django_db

BOTH_SURFACES = pytest.mark.parametrize(
    ("surface", "scope"), [(Surface.STATS, Scope.STATS_READ), (Surface.SITES, Scope.SITES_READ)], ids=["stats", "sites"]
)


def legacy(user: User, *scopes: str) -> Actor:
    return actor_for(make_key(user, None, scopes or (Scope.STATS_READ,)).record)


def refused(kind: type[AppError], attempt: Callable[..., object], *arguments: object, **options: object) -> str:
    """Make an attempt that must be refused in exactly this kind, and return the words of the refusal."""
    with pytest.raises(AppError) as caught:
        attempt(*arguments, **options)
    assert type(caught.value) is kind
    return caught.value.message


@BOTH_SURFACES
def test_site_for_team_key_finds_own_site_by_domain_and_public_id(surface: Surface, scope: Scope) -> None:
    site = make_site(domain="例え.example", timezone="Asia/Kolkata", currency="SEK")
    actor = actor_for(make_key(team=site.team).record)
    for text in ("例え.example", " 例え.EXAMPLE ", site.public_id, site.public_id.upper()):
        found = site_for(actor, text, scope, surface=surface)
        assert (found.id, found.domain, found.public_id) == (site.pk, "例え.example", site.public_id)
        assert (found.timezone, found.currency, found.stats_reset_at) == ("Asia/Kolkata", "SEK", None)


def test_site_for_gives_the_reset_instant_in_unix_seconds() -> None:
    site = make_site(stats_reset_at=clock.now().replace(year=2026, month=1, day=2, hour=0, minute=0, second=0))
    actor = actor_for(make_key(team=site.team).record)
    assert site_for(actor, site.domain, Scope.STATS_READ).stats_reset_at == 1767312000


def test_site_for_takes_two_queries_and_a_third_for_guests(
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    site = make_site()
    member, guest = actor_for(make_key(team=site.team).record), legacy(make_guest(site))
    with django_assert_num_queries(2):
        site_for(member, site.domain, Scope.STATS_READ)
    with django_assert_num_queries(3):
        site_for(guest, site.domain, Scope.STATS_READ)


@pytest.mark.parametrize("text", ["", "  ", "\n"])
def test_site_for_without_a_site_id_is_a_bad_request_even_without_scope(text: str) -> None:
    actor = legacy(make_user())
    message = refused(InvalidRequest, site_for, actor, text, Scope.SITES_PROVISION, surface=Surface.SITES)
    assert "site_id" in message


@pytest.mark.parametrize(
    "text", ["nowhere.example", "a\0b", "'; --", "x" * 100_000, "ds_", "ds_" + "0" * 24, "%", "\ud800"]
)
def test_site_for_unknown_or_hostile_text_is_401_for_stats_and_404_for_sites(text: str) -> None:
    actor = legacy(make_user())
    refused(NotAuthenticated, site_for, actor, text, Scope.STATS_READ)
    refused(NotFound, site_for, actor, text, Scope.SITES_READ, surface=Surface.SITES)


@BOTH_SURFACES
def test_site_for_foreign_site_is_401(surface: Surface, scope: Scope) -> None:
    foreign = make_site()
    own = make_site()
    team_actor = actor_for(make_key(team=own.team).record)
    refused(NotAuthenticated, site_for, team_actor, foreign.domain, scope, surface=surface)
    refused(NotAuthenticated, site_for, team_actor, foreign.public_id, scope, surface=surface)
    stranger = legacy(make_user())
    refused(NotAuthenticated, site_for, stranger, foreign.domain, scope, surface=surface)


@BOTH_SURFACES
def test_site_for_other_team_of_the_same_member_is_401_for_a_team_key_only(surface: Surface, scope: Scope) -> None:
    site, other = make_site(), make_site()
    person = make_member(site.team)
    make_member(other.team, person)
    team_actor = actor_for(make_key(person, site.team).record)
    assert site_for(team_actor, site.domain, scope, surface=surface).id == site.pk
    refused(NotAuthenticated, site_for, team_actor, other.domain, scope, surface=surface)
    for domain in (site.domain, other.domain):
        assert site_for(legacy(person), domain, scope, surface=surface).domain == domain


@pytest.mark.parametrize("role", list(GuestRole))
@BOTH_SURFACES
def test_site_for_guest_gets_in_with_a_legacy_key_only(surface: Surface, scope: Scope, role: GuestRole) -> None:
    site = make_site()
    sibling = make_site(site.team)
    guest = make_guest(site, role=role)
    assert site_for(legacy(guest), site.domain, scope, surface=surface).id == site.pk
    refused(NotAuthenticated, site_for, legacy(guest), sibling.domain, scope, surface=surface)
    own_team = make_team(guest)
    team_actor = actor_for(make_key(guest, own_team).record)
    refused(NotAuthenticated, site_for, team_actor, site.domain, scope, surface=surface)


def test_site_for_former_member_is_401_with_a_key_that_still_exists() -> None:
    site = make_site()
    person = make_member(site.team, role=Role.ADMIN)
    issued = make_key(person, site.team)
    Membership.objects.filter(user=person).delete()
    key = key_for(issued.text)
    assert key is not None
    refused(NotAuthenticated, site_for, actor_for(key), site.domain, Scope.STATS_READ)


def test_site_for_provisioning_needs_its_scope() -> None:
    site = make_site()
    owner = owner_of(site.team)
    reader = actor_for(make_key(owner, site.team).record)
    refused(NotAuthenticated, site_for, reader, site.domain, Scope.SITES_PROVISION, surface=Surface.SITES)
    for scope in ("sites:provision:*", "sites:*", "*"):
        writer = actor_for(make_key(owner, site.team, [scope]).record)
        assert site_for(writer, site.domain, Scope.SITES_PROVISION, surface=Surface.SITES).id == site.pk


def test_site_for_lacking_scope_does_not_tell_whether_the_site_exists() -> None:
    site = make_site()
    reader = actor_for(make_key(team=site.team).record)
    texts = {
        refused(NotAuthenticated, site_for, reader, name, Scope.SITES_PROVISION)
        for name in (site.domain, make_site().domain, "nowhere.example")
    }
    assert len(texts) == 1


@BOTH_SURFACES
def test_site_for_locked_team_is_402_for_members_and_401_for_strangers(surface: Surface, scope: Scope) -> None:
    site = make_site(make_team(is_locked=True))
    actor = actor_for(make_key(team=site.team).record)
    refused(PaymentRequired, site_for, actor, site.domain, scope, surface=surface)
    refused(NotAuthenticated, site_for, legacy(make_user()), site.domain, scope, surface=surface)


@pytest.mark.parametrize(
    ("features", "scope", "missing"),
    [
        ([], Scope.STATS_READ, "Stats API"),
        ([Feature.SITES_API], Scope.SITES_READ, "Stats API"),
        ([Feature.STATS_API], Scope.SITES_PROVISION, "Sites API"),
        ([Feature.STATS_API], Scope.SITES_READ, None),
        ([Feature.SITES_API], Scope.SITES_PROVISION, None),
    ],
)
def test_site_for_plan_without_the_feature_is_402_and_names_it(
    features: list[Feature], scope: Scope, missing: str | None
) -> None:
    site = make_site(make_team(features=features))
    guest = make_guest(site)
    actor = legacy(guest, "sites:provision:*")
    if missing is None:
        assert site_for(actor, site.domain, scope, surface=Surface.SITES).id == site.pk
    else:
        told = refused(PaymentRequired, site_for, actor, site.domain, scope, surface=Surface.SITES, roles=SITE_OWNERS)
        assert missing in told
        stranger = legacy(make_user(), "sites:provision:*")
        refused(NotAuthenticated, site_for, stranger, site.domain, scope, surface=Surface.SITES)


@pytest.mark.parametrize(
    ("role", "reads", "edits", "manages", "owns"),
    [
        (Role.OWNER, True, True, True, True),
        (Role.ADMIN, True, True, True, False),
        (Role.EDITOR, True, True, False, False),
        (Role.BILLING, False, False, False, False),
        (Role.VIEWER, True, False, False, False),
        (GuestRole.EDITOR, True, True, False, False),
        (GuestRole.VIEWER, True, False, False, False),
    ],
    ids=["owner", "admin", "editor", "billing", "viewer", "guest-editor", "guest-viewer"],
)
def test_site_for_role_too_low_is_404_and_statistics_are_open_to_all(
    role: Role | GuestRole, reads: bool, edits: bool, manages: bool, owns: bool
) -> None:
    site = make_site()
    person = make_guest(site, role=role) if isinstance(role, GuestRole) else make_member(site.team, role=role)
    actor = legacy(person)
    assert site_for(actor, site.domain, Scope.STATS_READ).id == site.pk
    for roles, suffices in (
        (SITE_READERS, reads),
        (SITE_EDITORS, edits),
        (SITE_MANAGERS, manages),
        (SITE_OWNERS, owns),
    ):
        if suffices:
            assert site_for(actor, site.domain, Scope.SITES_READ, surface=Surface.SITES, roles=roles).id == site.pk
        else:
            refused(
                NotFound,
                site_for,
                actor,
                site.domain,
                Scope.SITES_READ,
                surface=Surface.SITES,
                roles=roles,
            )


def test_site_for_super_admin_passes_team_lock_and_plan_but_not_scope_and_roles(settings: Settings) -> None:
    site = make_site(make_team(is_locked=True, features=[]))
    person = make_user()
    settings.SUPER_ADMIN_USER_IDS = frozenset({str(person.pk)})
    team_actor = actor_for(make_key(person, make_team(person)).record)
    for actor in (legacy(person), team_actor):
        assert site_for(actor, site.domain, Scope.STATS_READ).id == site.pk
        refused(NotAuthenticated, site_for, actor, site.domain, Scope.SITES_PROVISION)
        refused(NotAuthenticated, site_for, actor, "nowhere.example", Scope.STATS_READ)
        refused(
            NotFound,
            site_for,
            actor,
            site.domain,
            Scope.SITES_READ,
            surface=Surface.SITES,
            roles=SITE_READERS,
        )


def test_site_for_old_domain_names_the_site_for_72_hours() -> None:
    site = make_site(domain="alt.example")
    actor = actor_for(make_key(team=site.team).record)
    start = clock.now()
    with time_machine.travel(start, tick=False):
        services.change_domain(site, "neu.example")
    with time_machine.travel(start + timedelta(hours=72, seconds=-1), tick=False):
        assert site_for(actor, "ALT.example", Scope.STATS_READ).domain == "neu.example"
        assert site_for(actor, "neu.example", Scope.STATS_READ).id == site.pk
    with time_machine.travel(start + timedelta(hours=72), tick=False):
        refused(NotAuthenticated, site_for, actor, "alt.example", Scope.STATS_READ)
        refused(NotFound, site_for, actor, "alt.example", Scope.SITES_READ, surface=Surface.SITES)


def test_site_for_domain_goes_to_who_bears_it_now() -> None:
    team = make_team()
    make_site(team, domain="neu.example", previous_domain="alt.example", domain_changed_at=clock.now())
    bearer = make_site(team, domain="alt.example")
    assert site_for(actor_for(make_key(team=team).record), "alt.example", Scope.STATS_READ).id == bearer.pk


def test_refusals_tell_nothing_apart_within_a_surface() -> None:
    site, foreign = make_site(), make_site()
    team_actor = actor_for(make_key(team=site.team).record)
    kinds = {Surface.STATS: NotAuthenticated, Surface.SITES: NotAuthenticated, Surface.SESSION: NotFound}
    for surface in Surface:
        kind = kinds[surface]
        texts = {
            refused(
                kind,
                site_for,
                team_actor,
                foreign.domain,
                Scope.STATS_READ,
                surface=surface,
            ),
            refused(
                kind,
                site_for,
                legacy(make_user()),
                site.domain,
                Scope.STATS_READ,
                surface=surface,
            ),
            refused(
                kind,
                site_for,
                team_actor,
                site.domain,
                Scope.SITES_PROVISION,
                surface=surface,
            ),
        }
        assert len(texts) == 1

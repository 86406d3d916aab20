"""Records for tests, made with as few words as the test has to say about them; everything else has a telling default.

Defaults exercise what is easily forgotten: domains beyond ASCII, zones with summer time and half hours.
"""

import itertools
from collections.abc import Sequence
from datetime import date
from typing import Any

from accounts import services
from accounts.models import GuestMembership, Membership, Plan, Site, Team, User
from accounts.services import IssuedKey
from accounts.types import Feature, GuestRole, Role, Scope
from goals.models import Funnel, FunnelStep, Goal
from stats.models import Annotation, Segment
from stats.types import SegmentType

# Numbers of sites never repeat in a test run, though the database is rolled back: the event store keeps its rows.
_numbers = itertools.count(10_000)
_ZONES = ("Europe/Berlin", "Asia/Kolkata", "America/St_Johns")


def make_user(email: str | None = None, **fields: Any) -> User:
    """Save a person; without a password they cannot log in."""
    return User.objects.create_user(email or f"kaethe{next(_numbers)}@müller.example", **fields)


def make_plan(**fields: Any) -> Plan:
    """Save a plan with every feature, not the default one."""
    return Plan.objects.create(
        **{"name": f"plan-{next(_numbers)}", "features": [feature.value for feature in Feature], **fields}
    )


def make_team(owner: User | None = None, *, features: Sequence[Feature] | None = None, **fields: Any) -> Team:
    """Save a team with an owner, on the default plan."""
    plan = fields.pop("plan", None) or Plan.objects.filter(is_default=True).first() or make_plan(is_default=True)
    override = None if features is None else [feature.value for feature in features]
    team = Team.objects.create(**{"name": "Société Réunie", "plan": plan, "feature_override": override, **fields})
    make_member(team, owner or make_user(), Role.OWNER)
    return team


def make_member(team: Team, user: User | None = None, role: Role = Role.VIEWER) -> User:
    """Make a person, a new one unless given, a member of a team."""
    person = user or make_user()
    Membership.objects.create(team=team, user=person, role=role)
    return person


def owner_of(team: Team) -> User:
    """Return the team's first owner."""
    return team.memberships.select_related("user").filter(role=Role.OWNER).order_by("pk")[0].user


def make_guest(site: Site, user: User | None = None, role: GuestRole = GuestRole.VIEWER) -> User:
    """Make a person, a new one unless given, a guest of a site."""
    person = user or make_user()
    GuestMembership.objects.create(site=site, user=person, role=role)
    return person


def make_site(team: Team | None = None, **fields: Any) -> Site:
    """Save a site under a fresh number, a domain beyond ASCII and a zone that is not UTC."""
    number = next(_numbers)
    return Site.objects.create(
        **{
            "id": number,
            "team": team or make_team(),
            "domain": f"käse{number}.example",
            "timezone": _ZONES[number % len(_ZONES)],
            "currency": "EUR",
            **fields,
        }
    )


def make_key(
    user: User | None = None, team: Team | None = None, scopes: Sequence[str] = (Scope.STATS_READ,), **fields: Any
) -> IssuedKey:
    """Issue a key: for the team, by its owner unless a user is given; without a team a legacy key of the user."""
    person = user or (owner_of(team) if team is not None else make_user())
    return services.issue_key(person, team, name="clé", scopes=scopes, **fields)


def make_goal(site: Site, **fields: Any) -> Goal:
    """Save a goal; on the event `Achat` unless a name or a path is given."""
    if not {"event_name", "page_path"} & fields.keys():
        fields["event_name"] = "Achat"
    return Goal.objects.create(site=site, **fields)


def make_funnel(site: Site, name: str, *goals: Goal) -> Funnel:
    """Save a funnel over goals of the site."""
    funnel = Funnel.objects.create(site=site, name=name)
    FunnelStep.objects.bulk_create(
        FunnelStep(funnel=funnel, goal=goal, position=position) for position, goal in enumerate(goals, start=1)
    )
    return funnel


def make_segment(site: Site, *filters: list[Any], **fields: Any) -> Segment:
    """Save a segment of the site under a fresh name, everybody's unless an owner is given."""
    kind = SegmentType.SITE if fields.get("owner") is None else SegmentType.PERSONAL
    return Segment.objects.create(
        **{"site": site, "name": f"Été {next(_numbers)}", "type": kind.value, "filters": list(filters), **fields}
    )


def make_annotation(site: Site, **fields: Any) -> Annotation:
    """Save a remark on a day of a site."""
    return Annotation.objects.create(**{"site": site, "date": date(2025, 3, 10), "text": "Soldes d’été", **fields})

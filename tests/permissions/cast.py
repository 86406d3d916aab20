"""The people, teams, sites and keys of the permission matrix, saved once for all its tests."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Final
from uuid import uuid4

from django.conf import settings
from django.db.models import Model

from accounts import keys
from accounts.models import ApiKey, GuestMembership, Membership, Site, Team, User
from accounts.types import Feature, GuestRole, Role, Scope
from analytics_project import clock
from tests.factories import make_annotation, make_goal, make_key, make_segment, make_site, make_team, make_user

SUPER_ADMIN: Final = "super admin"
STRANGER: Final = "stranger"
GUESTS: Final = {"guest editor": GuestRole.EDITOR, "guest viewer": GuestRole.VIEWER}
MEMBERS: Final = {str(role): role for role in Role}
PEOPLE: Final = (*MEMBERS, *GUESTS, STRANGER, SUPER_ADMIN)

SCOPES: Final = {"stats": [Scope.STATS_READ.value], "sites": [Scope.SITES_PROVISION.value]}
# What is there to ask for, and the team whose keys ask for it; everybody holds their role in each of these teams.
TEAM_OF: Final = {
    "own": "home",
    "other team": "home",
    "guest": "home",
    "foreign": "home",
    "missing": "home",
    "locked": "locked",
    "plan of statistics": "plan of statistics",
    "plan of sites": "plan of sites",
}
# What a route may name of a site by its number.
PARTS: Final[Mapping[str, Callable[[Site], Model]]] = {
    "goal": make_goal,
    "segment": lambda site: make_segment(site, ["is", "visit:country", ["EE"]]),
    "annotation": make_annotation,
}


@dataclass(frozen=True, slots=True)
class Cast:
    """`sites` and the ids of their `parts` by situation, `texts` of keys by person, kind (`team sites`) and team.

    `spares` are the ids of legacy keys by person, with which nobody asks.
    """

    sites: dict[str, Site]
    parts: dict[str, dict[str, str]]
    spares: dict[str, int]
    texts: dict[tuple[str, str, str], str]

    def names(self, situation: str, person: str) -> dict[str, str]:
        """Return what a request in a situation names: a site, its team, parts of it, and a key of the person's own."""
        site, own = self.sites.get(situation), {"key": str(self.spares[person])}
        if site is None:
            return {"site": "missing.example", "team": str(uuid4()), **dict.fromkeys(PARTS, "1"), **own}
        return {"site": site.domain, "team": str(site.team.identifier), **self.parts[situation], **own}

    def key(self, person: str, kind: str, situation: str) -> str:
        """Return the text of the key with which a person asks in a situation."""
        return self.texts[person, kind, TEAM_OF[situation] if kind.startswith("team") else ""]


def build_cast() -> Cast:
    """Save everybody: each person with their role in five teams, guests on one site of each, and all keys."""
    people = {person: make_user(f"{person.replace(' ', '.')}@matrix.example") for person in PEOPLE}
    settings.SUPER_ADMIN_USER_IDS = frozenset({str(people[SUPER_ADMIN].pk)})
    teams = {
        "home": make_team(),
        "other team": make_team(),
        "locked": make_team(is_locked=True),
        "plan of statistics": make_team(features=[one for one in Feature if one is not Feature.SITES_API]),
        "plan of sites": make_team(features=[one for one in Feature if one is not Feature.STATS_API]),
    }
    sites = {name: make_site(team) for name, team in teams.items()}
    sites |= {"own": sites.pop("home"), "guest": make_site(), "foreign": make_site()}
    for team in teams.values():
        Membership.objects.bulk_create(
            Membership(team=team, user=people[person], role=role) for person, role in MEMBERS.items()
        )
    _invite(people, sites)
    parts = {name: {part: str(make(site).pk) for part, make in PARTS.items()} for name, site in sites.items()}
    spares = {person: make_key(user).record.pk for person, user in people.items()}
    return Cast(sites, parts, spares, _issue_keys(people, teams))


def _invite(people: dict[str, User], sites: dict[str, Site]) -> None:
    """Make guests of the two guests, on a site of each team, and viewers of everybody with a role on the guest site."""
    invited = [
        GuestMembership(site=sites[name], user=people[person], role=role)
        for name in sites
        if name not in {"guest", "foreign"}
        for person, role in GUESTS.items()
    ]
    invited += [
        GuestMembership(site=sites["guest"], user=people[person], role=GuestRole.VIEWER)
        for person in (*MEMBERS, *GUESTS)
    ]
    GuestMembership.objects.bulk_create(invited)


def _issue_keys(people: dict[str, User], teams: dict[str, Team]) -> dict[tuple[str, str, str], str]:
    """Save keys without the service, which rightly refuses those of people who are no members."""
    texts: dict[tuple[str, str, str], str] = {}
    records: list[ApiKey] = []

    def issue(person: str, kind: str, team: str, scopes: list[str], **fields: object) -> None:
        texts[person, kind, team] = text = keys.mint_key()
        records.append(
            ApiKey(
                user=people[person],
                team=teams.get(team),
                name=kind,
                hash=keys.hash_key(settings.SECRET_KEY, text),
                prefix=keys.key_prefix(text),
                scopes=scopes,
                last_used_at=clock.now(),
                **fields,
            )
        )

    for person in PEOPLE:
        for scope, scopes in SCOPES.items():
            for team in teams:
                issue(person, f"team {scope}", team, scopes)
            issue(person, f"legacy {scope}", "", scopes)
    issue("owner", "revoked", "", SCOPES["sites"], revoked_at=clock.now())
    issue("owner", "expired", "", SCOPES["sites"], expires_at=clock.now() - timedelta(seconds=1))
    issue("owner", "read-only", "", SCOPES["sites"], is_read_only=True)
    ApiKey.objects.bulk_create(records)
    texts["owner", "unknown", ""] = keys.mint_key()
    texts["owner", "none", ""] = ""
    return texts

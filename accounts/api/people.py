"""Lists of people, in it and invited alike: the guests of a site, the members of a team."""

from collections.abc import Iterable
from typing import Any

from django_filters import CharFilter, ChoiceFilter, FilterSet

from accounts.api.filters import filtered
from accounts.api.pagination import page_of
from accounts.api.parameters import Parameters
from accounts.team_selectors import ACCEPTED, INVITED, PeopleListed, entries_of
from accounts.types import GuestRole, PersonEntry, Role
from analytics_project.errors import InvalidFields


class PeopleFilter(FilterSet):  # type: ignore[misc]  # the package has no types
    """Narrows a list of people: `email` by a part of it, in any case; `role` and `status` by their names."""

    email = CharFilter(lookup_expr="icontains")
    role = ChoiceFilter(choices=[(role, role) for role in Role])
    status = ChoiceFilter(choices=[(status, status) for status in (ACCEPTED, INVITED)])


def page_of_people(people: PeopleListed, parameters: Parameters, kind: str) -> dict[str, Any]:
    """Return a page of them, newest first, under the name of `kind` in the plural. Raises: InvalidFields."""
    chosen = PeopleListed(
        filtered(PeopleFilter, parameters, people.accepted), filtered(PeopleFilter, parameters, people.invited)
    )
    page = page_of(entries_of(chosen), _newest_first, parameters, kind)
    return {f"{kind}s": [shown(entry) for entry in page.items], "meta": page.meta}


def shown(entry: PersonEntry) -> dict[str, str]:
    """Return somebody as answers show them."""
    return {"email": entry.email, "role": entry.role, "status": ACCEPTED if entry.is_accepted else INVITED}


def role_of(parameters: Parameters, roles: Iterable[GuestRole] | Iterable[Role]) -> str:
    """Return the role that was sent, one of these. Raises: InvalidFields."""
    role, names = parameters.get("role"), [str(one) for one in roles]
    if not isinstance(role, str) or role not in names:
        raise InvalidFields({"role": [f"must be {', '.join(names[:-1])} or {names[-1]}"]})
    return role


def _newest_first(entry: PersonEntry) -> tuple[int, int, int]:
    at = entry.created_at
    return int(at.timestamp()) * 1_000_000 + at.microsecond, entry.id, int(entry.is_accepted)

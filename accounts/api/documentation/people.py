"""What the lists of guests and of members say in the same words."""

from collections.abc import Sequence
from typing import Final

from accounts.api.documentation.shared import TEXT, object_of
from accounts.team_selectors import ACCEPTED, INVITED
from accounts.types import Role
from analytics_project.documentation import Parameter, Schema

_STATUS: Final[Schema] = {"enum": [ACCEPTED, INVITED]}
PEOPLE_FILTERS: Final = (
    Parameter("email", "query", TEXT, "Those whose address contains this, in any case."),
    Parameter("role", "query", {"enum": [str(role) for role in Role]}, "Those of this role."),
    Parameter("status", "query", _STATUS, "Only those who are in, or only those who are invited."),
)


def person(roles: Sequence[str]) -> Schema:
    """Return the schema of a guest or a member."""
    return object_of({"email": TEXT, "role": {"enum": list(roles)}, "status": _STATUS})

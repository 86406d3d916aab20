"""Guests of a site, as clients are told of them (Sites API contract, section 7)."""

from typing import Final

from accounts.api.documentation.operations import read_operation, write_operation
from accounts.api.documentation.people import PEOPLE_FILTERS, person
from accounts.api.documentation.shared import (
    DELETED,
    DOMAIN,
    FORMS,
    IN_QUERY,
    NAME,
    PAGING,
    object_of,
    page_answer,
    page_example,
)
from accounts.types import GuestRole
from analytics_project.documentation import JSON, Answer, Example, Parameter, Schema

_ROLES: Final = sorted(GuestRole)
_GUEST: Final[Schema] = person(_ROLES)
_ADA: Final = {"email": "ada@shop.example", "role": "viewer", "status": "invited"}

LIST_GUESTS: Final = read_operation(
    operation_id="listGuests",
    summary="The guests of a site",
    description="Guests and pending invitations, newest first.",
    parameters=(IN_QUERY, *PAGING, *PEOPLE_FILTERS),
    answer=Answer("A page of guests.", page_answer("guests", _GUEST)),
    examples=(Example("none", "A site without guests", page_example("guests", []), parameters={"site_id": DOMAIN}),),
)
INVITE_GUEST: Final = write_operation(
    operation_id="inviteGuest",
    summary="Invite a guest",
    description=(
        "By e-mail. Who is invited or accepted already keeps the role. Needs `sites:provision:*` and the role owner or "
        f"admin; the plan limits the number of members. {FORMS}"
    ),
    body=object_of({"site_id": NAME, "email": NAME, "role": {"enum": _ROLES}}),
    answer=Answer("The guest.", {JSON: _GUEST}),
    examples=(
        Example("ada", "A viewer", _ADA, body={"site_id": DOMAIN, "email": "ada@shop.example", "role": "viewer"}),
        Example(
            "unknownRole",
            "A role that guests cannot have",
            {"error": "role: must be viewer or editor"},
            400,
            body={"site_id": DOMAIN, "email": "ada@shop.example", "role": "owner"},
        ),
    ),
)
REMOVE_GUEST: Final = write_operation(
    operation_id="removeGuest",
    summary="Remove a guest or an invitation",
    description="Also one that is not there. Needs `sites:provision:*` and the role owner or admin.",
    parameters=(Parameter("email", "path", NAME, "The guest's e-mail address."), IN_QUERY),
    answer=DELETED,
    examples=(
        Example("ada", "A guest", {"deleted": True}, parameters={"email": "ada@shop.example", "site_id": DOMAIN}),
    ),
)

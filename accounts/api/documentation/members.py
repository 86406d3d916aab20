"""Members of a team, as clients are told of them (key contract, section 4)."""

from typing import Final

from accounts.api.documentation.operations import read_operation, write_operation
from accounts.api.documentation.people import PEOPLE_FILTERS, person
from accounts.api.documentation.shared import (
    DELETED,
    FORMS,
    NAME,
    PAGING,
    TEAM_ID,
    object_of,
    page_answer,
    page_example,
)
from accounts.types import Role
from analytics_project.documentation import JSON, Answer, Example, Parameter, Schema, error

_ROLES: Final = [str(role) for role in Role]
_MEMBER: Final[Schema] = person(_ROLES)
_TEAM: Final = Parameter("team_id", "path", NAME, "The team's id, as `GET /api/v1/sites/teams` shows it.")
_NO_TEAM: Final = error("There is no such team, or the role of the key's owner in it does not suffice.")
_OWNER: Final = {"email": "owner@shop.example", "role": "owner", "status": "accepted"}
_BEN: Final = {"email": "ben@shop.example", "role": "editor", "status": "invited"}

LIST_MEMBERS: Final = read_operation(
    operation_id="listMembers",
    summary="The members of a team",
    description="Members and pending invitations, newest first. Whoever is a member may ask; guests may not.",
    parameters=(_TEAM, *PAGING, *PEOPLE_FILTERS),
    answer=Answer("A page of members.", page_answer("members", _MEMBER)),
    not_found=_NO_TEAM,
    examples=(
        Example(
            "owners",
            "The owners of a team",
            page_example("members", [_OWNER]),
            parameters={"team_id": TEAM_ID, "role": "owner"},
        ),
        Example(
            "unknownTeam",
            "A team that does not exist",
            {"error": "Team not found, or the role of the key's owner does not suffice"},
            404,
            parameters={"team_id": "00000000-0000-4000-8000-000000000000"},
        ),
    ),
)
PUT_MEMBER: Final = write_operation(
    operation_id="putMember",
    summary="Invite a member, or change a role",
    description=(
        "A member gets the role at once, and so does a pending invitation; anybody else is invited by e-mail, for 48 "
        "hours. Needs `sites:provision:*` and the role owner or admin; only owners make somebody owner, or change what "
        "an owner is. A team keeps an owner, and the plan limits the number of members. To hand a team over, make "
        f"somebody owner, and give yourself another role afterwards. {FORMS}"
    ),
    parameters=(_TEAM,),
    body=object_of({"email": NAME, "role": {"enum": _ROLES}}),
    answer=Answer("The member.", {JSON: _MEMBER}),
    not_found=_NO_TEAM,
    examples=(
        Example(
            "ben",
            "An editor",
            _BEN,
            parameters={"team_id": TEAM_ID},
            body={"email": "ben@shop.example", "role": "editor"},
        ),
        Example(
            "lastOwner",
            "The only owner",
            {"error": "email: is the last owner of the team; make someone else owner first"},
            400,
            parameters={"team_id": TEAM_ID},
            body={"email": "owner@shop.example", "role": "admin"},
        ),
    ),
)
REMOVE_MEMBER: Final = write_operation(
    operation_id="removeMember",
    summary="Remove a member or an invitation",
    description=(
        "Also one that is not there. Who is removed is told by e-mail, and their keys of the team are refused from "
        "then on. Needs `sites:provision:*` and the role owner or admin; admins cannot remove owners. Everybody may "
        "remove themselves, but for the last owner."
    ),
    parameters=(_TEAM, Parameter("email", "path", NAME, "The member's e-mail address.")),
    answer=DELETED,
    not_found=_NO_TEAM,
    examples=(
        Example(
            "ben",
            "An invitation",
            {"deleted": True},
            parameters={"team_id": TEAM_ID, "email": "ben@shop.example"},
        ),
    ),
)

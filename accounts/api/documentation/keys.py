"""A person's own API keys, as clients are told of them (key contract, section 1)."""

from typing import Final

from accounts.api.documentation.operations import read_operation, write_operation
from accounts.api.documentation.shared import (
    DELETED,
    PAGING,
    TEAM,
    TEAM_ID,
    TEXT,
    TEXT_OR_NULL,
    object_of,
    page_answer,
    page_example,
)
from accounts.key_selectors import KeyState
from analytics_project.documentation import Answer, Example, Parameter, Schema, error

_STATE: Final[Schema] = {"enum": [str(state) for state in KeyState]}
_KEY: Final[Schema] = object_of(
    {
        "id": {"type": "integer"},
        "name": TEXT,
        "prefix": {**TEXT, "description": "The first characters of the key; the rest is kept nowhere."},
        "team_id": {**TEXT_OR_NULL, "description": "null: a legacy key, which reaches all teams of its person."},
        "scopes": {"type": "array", "items": TEXT},
        "read_only": {"type": "boolean"},
        "state": _STATE,
        "created_at": TEXT,
        "last_used_at": {**TEXT_OR_NULL, "description": "To the minute."},
        "expires_at": TEXT_OR_NULL,
    }
)
_SHOWN: Final = {
    "id": 7000001,
    "name": "clé",
    "prefix": "ff_q3Z",
    "team_id": TEAM_ID,
    "scopes": ["sites:provision:*"],
    "read_only": False,
    "state": "usable",
    "created_at": "2025-03-10T15:33:00+00:00",
    "last_used_at": "2025-03-10T15:33:00+00:00",
    "expires_at": None,
}

LIST_KEYS: Final = read_operation(
    operation_id="listKeys",
    summary="The caller's own API keys",
    description=(
        "Newest first: legacy keys and those of the key's team; with a legacy key those of `team_id`, or of all teams. "
        "The text of a key is shown once, when it is made."
    ),
    parameters=(
        *PAGING,
        TEAM,
        Parameter("name", "query", TEXT, "Keys whose name contains this, in any case."),
        Parameter("state", "query", _STATE, "Keys in this state; `rotated` ones work until they lapse."),
        Parameter("team", "query", {"type": "string", "format": "uuid"}, "Keys of this team."),
        Parameter("legacy", "query", {"type": "boolean"}, "Legacy keys only, or those of teams only."),
        Parameter("scope", "query", TEXT, "Keys that list this scope."),
    ),
    answer=Answer("A page of keys.", page_answer("keys", _KEY)),
    not_found=None,
    examples=(
        Example(
            "provisioning",
            "Keys that may provision sites",
            page_example("keys", [_SHOWN]),
            parameters={"scope": "sites:provision:*", "state": "usable"},
        ),
        Example(
            "noScope",
            "A text that is no scope",
            {"error": "scope: is no scope such as stats:read:* or sites:provision:*"},
            400,
            parameters={"scope": "everything"},
        ),
    ),
)
REVOKE_KEY: Final = write_operation(
    operation_id="revokeKey",
    summary="Revoke one of the caller's own API keys",
    description=(
        "It is refused from the next request on, also when it is the one that asks. Revoking again changes nothing; "
        "somebody else's key is as if there were none. Needs `sites:provision:*`."
    ),
    parameters=(Parameter("key_id", "path", {"type": "integer"}, "The number in the list."), TEAM),
    answer=DELETED,
    not_found=error("The caller has no such key."),
    examples=(
        Example("key", "A key", {"deleted": True}, parameters={"key_id": 7000002}),
        Example(
            "unknownKey",
            "A key that the caller does not have",
            {"error": "API key not found"},
            404,
            parameters={"key_id": 999999999},
        ),
    ),
)

"""Visitors over the Goals & Revenue API, as clients are told of them."""

from typing import Final

from analytics_project.documentation import Example, Parameter, error
from goals.api.documentation.operations import answered, write_operation
from goals.api.documentation.shared import (
    EDITORS,
    SITE_ID,
    TEXT,
    VISITOR_ID,
    answer_of,
    field_error,
    object_of,
    wrong_fields,
)

_NAMED: Final = {**SITE_ID, "visitor_id": "v_8f3a2b1c4d5e6f70"}
_USER: Final = {"user_id": "u42"}
IDENTIFY: Final = write_operation(
    operation_id="identifyVisitor",
    summary="Say which user a visitor is",
    description=(
        "From the answer on, visitors who are the same user share one path: a payment is put down to what brought any "
        "of them, as is one that names the user itself as its `visitor_id`. Counts of visitors do not change. The "
        "visitor need not be known. One visitor is one user: the latest word counts, from here or from the page "
        "(`plausible.identify`). What is kept of the user's id is a hash. The same request again changes nothing. "
        f"{EDITORS}"
    ),
    parameters=(
        Parameter(
            "visitor_id",
            "path",
            VISITOR_ID,
            "The id that the tracker shows, or your own, percent-encoded.",
        ),
    ),
    body={
        "type": "object",
        "properties": {
            "user_id": {
                "type": "string",
                "minLength": 1,
                "description": "Your own id of a person: a number of your database, an e-mail address or its hash; "
                "at most 200 bytes.",
            },
        },
        "required": ["user_id"],
    },
    answers={
        200: answered("It is kept.", object_of({"identified": {"const": True}, "visitor_id": TEXT})),
        400: wrong_fields("A parameter or a field is missing or wrong."),
        403: error("The key only reads."),
        503: error("It cannot be kept now; nothing was changed."),
    },
    examples=(
        Example(
            "loggedIn",
            "A browser in which somebody has logged in",
            answer_of({"identified": True, "visitor_id": _NAMED["visitor_id"]}),
            parameters=_NAMED,
            body=_USER,
        ),
        Example(
            "userMissing",
            "Without a user",
            field_error("user_id", "is required"),
            400,
            parameters=_NAMED,
            body={},
        ),
    ),
)

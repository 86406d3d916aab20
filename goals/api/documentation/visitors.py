"""Visitors over the Goals & Revenue API, as clients are told of them."""

from typing import Final

from analytics_project.documentation import JSON, Answer, Example, Parameter, error, operation
from goals.api.documentation.shared import FIELD_ERRORS, NO_SITE, SITE, TAG, TEXT, WRITE, envelope, object_of

_NAMED: Final = {"site_id": "shop.example", "visitor_id": "v_8f3a2b1c4d5e6f70"}
_USER: Final = {"user_id": "u42"}
IDENTIFY: Final = operation(
    operation_id="identifyVisitor",
    tag=TAG,
    summary="Say which user a visitor is",
    description=(
        "From the answer on, visitors who are the same user share one path: a payment is put down to what brought any "
        "of them, as is one that names the user itself as its `visitor_id`. Counts of visitors do not change. The "
        "visitor need not be known. One visitor is one user: the latest word counts, from here or from the page "
        "(`plausible.identify`). What is kept of the user's id is a hash. The same request again changes nothing. The "
        "key needs the role owner, admin or editor."
    ),
    parameters=(
        Parameter(
            "visitor_id",
            "path",
            {"type": "string", "minLength": 1, "maxLength": 128},
            "The id that the tracker shows, or your own, percent-encoded.",
        ),
        SITE,
    ),
    body={
        JSON: {
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
        }
    },
    answers={
        200: Answer(
            "It is kept.",
            {
                JSON: envelope(
                    object_of({"identified": {"const": True}, "visitor_id": TEXT}), object_of({"site_id": TEXT})
                )
            },
        ),
        400: Answer("A parameter or a field is missing or wrong.", {JSON: FIELD_ERRORS}),
        403: error("The key only reads."),
        404: NO_SITE,
        503: error("It cannot be kept now; nothing was changed."),
    },
    refusals=WRITE,
    examples=(
        Example(
            "loggedIn",
            "A browser in which somebody has logged in",
            {"results": {"identified": True, "visitor_id": _NAMED["visitor_id"]}, "meta": {"site_id": "shop.example"}},
            parameters=_NAMED,
            body=_USER,
        ),
        Example(
            "userMissing",
            "Without a user",
            {"error": "user_id is required", "errors": {"user_id": ["is required"]}},
            400,
            parameters=_NAMED,
            body={},
        ),
    ),
)

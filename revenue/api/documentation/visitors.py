"""Erasing visitors, as clients are told of it."""

from typing import Final

from analytics_project.documentation import JSON, Answer, Example, Parameter, operation
from goals.api.documentation.shared import (
    FIELD_ERRORS,
    INSTANT,
    NO_SITE,
    ONLY_READS,
    READ,
    SITE,
    TAG,
    TEXT,
    envelope,
    object_of,
)
from revenue.api.documentation.shared import SITE_ID

VISITOR: Final = Parameter(
    "visitor_id",
    "path",
    {"type": "string", "minLength": 1, "maxLength": 128},
    "The id that the tracker shows, or your own, percent-encoded; it need not be known.",
)

ERASE: Final = operation(
    operation_id="eraseVisitor",
    tag=TAG,
    summary="Erase a visitor",
    description=(
        "Every event and visit under the id goes, with what it was called and which user it was; so do its payments' "
        "visitor, customer, subscription and metadata, in this request already, while the money stays in all sums. "
        "Events are removed within some seconds; what comes under the id later is removed for three days, then the id "
        "is forgotten here, too. The same request again changes nothing while the removal is under way. Without "
        "persistent ids a person has another id on every day. The key needs the role owner, admin or editor."
    ),
    parameters=(VISITOR, SITE),
    answers={
        202: Answer(
            "It is under way since `requested_at`.",
            {
                JSON: envelope(
                    object_of({"erasing": {"const": True}, "visitor_id": TEXT, "requested_at": INSTANT}),
                    object_of({"site_id": TEXT}),
                )
            },
        ),
        400: Answer("A parameter is missing or wrong.", {JSON: FIELD_ERRORS}),
        403: ONLY_READS,
        404: NO_SITE,
    },
    refusals=tuple(one for one in READ if one.status != 503),
    examples=(
        Example(
            "erased",
            "A visitor",
            {
                "results": {
                    "erasing": True,
                    "visitor_id": "v_00000000424f9f77",
                    "requested_at": "2025-03-10T15:33:00Z",
                },
                "meta": {**SITE_ID},
            },
            202,
            parameters={**SITE_ID, "visitor_id": "v_00000000424f9f77"},
        ),
        Example(
            "noVisitor",
            "No id of a visitor",
            {
                "error": "visitor_id must not contain whitespace",
                "errors": {"visitor_id": ["must not contain whitespace"]},
            },
            400,
            parameters={**SITE_ID, "visitor_id": "ann b"},
        ),
    ),
)

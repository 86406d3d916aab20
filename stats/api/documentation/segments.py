"""Segments, as clients are told of them."""

from typing import Final

from accounts.api.documentation.shared import (
    DELETED,
    DOMAIN,
    FORMS,
    IN_QUERY,
    NAME,
    ONLY_READS,
    PAGING,
    READ,
    SITE_ROLES,
    TAG,
    TEXT,
    WRITE,
    WRONG,
    object_of,
    page_answer,
    page_example,
)
from analytics_project.documentation import JSON, Answer, Example, Parameter, Schema, error, operation
from stats.types import SegmentType

_TYPE: Final[Schema] = {"enum": sorted(SegmentType)}
_FILTERS: Final[Schema] = {"type": "array", "description": "Filters of a version 2 query, without segments."}
_SEGMENT: Final[Schema] = object_of(
    {"id": {"type": "integer"}, "name": TEXT, "type": _TYPE, "filters": _FILTERS, "updated_at": TEXT}
)
_GERMANY: Final = [["is", "visit:country", ["DE"]]]
_SHOWN: Final = {
    "id": 7000003,
    "name": "Germany",
    "type": "site",
    "filters": _GERMANY,
    "updated_at": "2025-03-10T15:33:00+00:00",
}
_NUMBER: Final = Parameter("segment_id", "path", {"type": "integer"}, "The segment's number.")
_NOT_THERE: Final = error("There is no such site or segment, or the role does not suffice.")
_ROLES: Final = f"Needs `sites:provision:*`; a segment of the site also the role {SITE_ROLES}."

LIST_SEGMENTS: Final = operation(
    operation_id="listSegments",
    tag=TAG,
    summary="The segments of a site",
    description=(
        "Those of the site and those that the caller saved for themselves, newest first. A query of version 2 takes a "
        'segment by its number: `["is", "segment", [7]]`.'
    ),
    parameters=(
        IN_QUERY,
        *PAGING,
        Parameter("name", "query", TEXT, "Segments whose name contains this, in any case."),
        Parameter("type", "query", _TYPE, "Segments of the site, or one's own."),
    ),
    answers={200: Answer("A page of segments.", page_answer("segments", _SEGMENT)), 400: WRONG, 404: _NOT_THERE},
    refusals=READ,
    examples=(
        Example(
            "ofTheSite",
            "Segments of the site",
            page_example("segments", [_SHOWN]),
            parameters={"site_id": DOMAIN, "type": "site"},
        ),
    ),
)
PROVIDE_SEGMENT: Final = operation(
    operation_id="provideSegment",
    tag=TAG,
    summary="Save filters as a segment",
    description=(
        "Under a new name or in place of what the name stood for; `personal`, the default, is for the caller alone. "
        f"{_ROLES} Segments of the site need the feature in the plan. {FORMS}"
    ),
    body={JSON: object_of({"site_id": NAME, "name": NAME, "type": _TYPE, "filters": _FILTERS}, ("name", "filters"))},
    answers={
        200: Answer("The segment.", {JSON: _SEGMENT}),
        400: WRONG,
        403: ONLY_READS,
        404: _NOT_THERE,
    },
    refusals=WRITE,
    examples=(
        Example(
            "germany",
            "Visits from Germany",
            {**_SHOWN, "type": "personal"},
            body={"site_id": DOMAIN, "name": "Germany", "filters": _GERMANY},
        ),
        Example(
            "unknownDimension",
            "A filter that no query could be asked with",
            {"error": "filters: 'visit:planet' is not a dimension"},
            400,
            body={"site_id": DOMAIN, "name": "Mars", "filters": [["is", "visit:planet", ["Mars"]]]},
        ),
    ),
)
SHOW_SEGMENT: Final = operation(
    operation_id="showSegment",
    tag=TAG,
    summary="One segment",
    description="Of the site, or one's own.",
    parameters=(_NUMBER, IN_QUERY),
    answers={200: Answer("The segment.", {JSON: _SEGMENT}), 400: WRONG, 404: _NOT_THERE},
    refusals=READ,
    examples=(
        Example("one", "A segment", _SHOWN, parameters={"segment_id": 7000003, "site_id": DOMAIN}),
        Example(
            "unknownSegment",
            "A segment that does not exist",
            {"error": "Segment not found"},
            404,
            parameters={"segment_id": 999999999, "site_id": DOMAIN},
        ),
    ),
)
CHANGE_SEGMENT: Final = operation(
    operation_id="changeSegment",
    tag=TAG,
    summary="Change a segment",
    description=f"What is left out or null stays. {_ROLES} {FORMS}",
    parameters=(_NUMBER,),
    body={JSON: object_of({"site_id": NAME, "name": NAME, "type": _TYPE, "filters": _FILTERS}, ("site_id",))},
    answers={
        200: Answer("The segment.", {JSON: _SEGMENT}),
        400: WRONG,
        403: ONLY_READS,
        404: _NOT_THERE,
    },
    refusals=WRITE,
    examples=(
        Example(
            "renamed",
            "Another name",
            {**_SHOWN, "name": "Deutschland"},
            parameters={"segment_id": 7000003},
            body={"site_id": DOMAIN, "name": "Deutschland"},
        ),
        Example(
            "nothingSent",
            "Nothing to change",
            {"error": "name, type, filters are missing: send at least one of them"},
            400,
            parameters={"segment_id": 7000003},
            body={"site_id": DOMAIN},
        ),
    ),
)
DELETE_SEGMENT: Final = operation(
    operation_id="deleteSegment",
    tag=TAG,
    summary="Delete a segment",
    description=f"Queries that name it are refused from then on. {_ROLES}",
    parameters=(_NUMBER, IN_QUERY),
    answers={200: DELETED, 400: WRONG, 403: ONLY_READS, 404: _NOT_THERE},
    refusals=WRITE,
    examples=(Example("gone", "A segment", {"deleted": True}, parameters={"segment_id": 7000003, "site_id": DOMAIN}),),
)

"""Segments, as clients are told of them."""

from typing import Final

from accounts.api.documentation.operations import read_operation, write_operation
from accounts.api.documentation.shared import (
    DELETED,
    DOMAIN,
    FORMS,
    IN_QUERY,
    NAME,
    PAGING,
    SITE_ROLES,
    TEXT,
    object_of,
    page_answer,
    page_example,
)
from analytics_project.documentation import JSON, Answer, Example, Parameter, Schema, error
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

LIST_SEGMENTS: Final = read_operation(
    operation_id="listSegments",
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
    answer=Answer("A page of segments.", page_answer("segments", _SEGMENT)),
    not_found=_NOT_THERE,
    examples=(
        Example(
            "ofTheSite",
            "Segments of the site",
            page_example("segments", [_SHOWN]),
            parameters={"site_id": DOMAIN, "type": "site"},
        ),
    ),
)
PROVIDE_SEGMENT: Final = write_operation(
    operation_id="provideSegment",
    summary="Save filters as a segment",
    description=(
        "Under a new name or in place of what the name stood for; `personal`, the default, is for the caller alone. "
        f"{_ROLES} Segments of the site need the feature in the plan. {FORMS}"
    ),
    body=object_of({"site_id": NAME, "name": NAME, "type": _TYPE, "filters": _FILTERS}, ("name", "filters")),
    answer=Answer("The segment.", {JSON: _SEGMENT}),
    not_found=_NOT_THERE,
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
SHOW_SEGMENT: Final = read_operation(
    operation_id="showSegment",
    summary="One segment",
    description="Of the site, or one's own.",
    parameters=(_NUMBER, IN_QUERY),
    answer=Answer("The segment.", {JSON: _SEGMENT}),
    not_found=_NOT_THERE,
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
CHANGE_SEGMENT: Final = write_operation(
    operation_id="changeSegment",
    summary="Change a segment",
    description=f"What is left out or null stays. {_ROLES} {FORMS}",
    parameters=(_NUMBER,),
    body=object_of({"site_id": NAME, "name": NAME, "type": _TYPE, "filters": _FILTERS}, ("site_id",)),
    answer=Answer("The segment.", {JSON: _SEGMENT}),
    not_found=_NOT_THERE,
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
DELETE_SEGMENT: Final = write_operation(
    operation_id="deleteSegment",
    summary="Delete a segment",
    description=f"Queries that name it are refused from then on. {_ROLES}",
    parameters=(_NUMBER, IN_QUERY),
    answer=DELETED,
    not_found=_NOT_THERE,
    examples=(Example("gone", "A segment", {"deleted": True}, parameters={"segment_id": 7000003, "site_id": DOMAIN}),),
)

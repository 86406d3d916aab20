"""Annotations, as clients are told of them."""

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
from stats.types import MAX_ANNOTATION_CHARACTERS

_DATE: Final[Schema] = {"type": "string", "format": "date"}
_TEXT: Final[Schema] = {"type": "string", "minLength": 1, "maxLength": MAX_ANNOTATION_CHARACTERS}
_ANNOTATION: Final[Schema] = object_of({"id": {"type": "integer"}, "date": _DATE, "text": TEXT})
_SHOWN: Final = {"id": 7000004, "date": "2025-03-09", "text": "New prices"}
_NUMBER: Final = Parameter("annotation_id", "path", {"type": "integer"}, "The annotation's number.")
_NOT_THERE: Final = error("There is no such site or annotation, or the role does not suffice.")
_NEEDS: Final = f"Needs `sites:provision:*` and the role {SITE_ROLES}."

LIST_ANNOTATIONS: Final = read_operation(
    operation_id="listAnnotations",
    summary="The annotations of a site",
    description="Remarks on days, the one written last first.",
    parameters=(
        IN_QUERY,
        *PAGING,
        Parameter("start", "query", _DATE, "On this day or later."),
        Parameter("end", "query", _DATE, "On this day or earlier."),
        Parameter("text", "query", TEXT, "Those that contain this, in any case."),
    ),
    answer=Answer("A page of annotations.", page_answer("annotations", _ANNOTATION)),
    not_found=_NOT_THERE,
    examples=(
        Example(
            "march",
            "Those of a month",
            page_example("annotations", [_SHOWN]),
            parameters={"site_id": DOMAIN, "start": "2025-03-01", "end": "2025-03-31"},
        ),
        Example(
            "noDate",
            "A day that does not exist",
            {"error": "start: Enter a valid date."},
            400,
            parameters={"site_id": DOMAIN, "start": "2025-02-30"},
        ),
    ),
)
PROVIDE_ANNOTATION: Final = write_operation(
    operation_id="provideAnnotation",
    summary="Find or write an annotation",
    description=f"The same words on the same day are the same annotation. {_NEEDS} {FORMS}",
    body=object_of({"site_id": NAME, "date": _DATE, "text": _TEXT}),
    answer=Answer("The annotation.", {JSON: _ANNOTATION}),
    not_found=_NOT_THERE,
    examples=(
        Example(
            "release",
            "A release",
            {"id": 1, "date": "2025-03-10", "text": "Version 2 is out"},
            body={"site_id": DOMAIN, "date": "2025-03-10", "text": "Version 2 is out"},
        ),
        Example(
            "wrongDate",
            "No date",
            {"error": "date: must be a date such as 2026-01-31"},
            400,
            body={"site_id": DOMAIN, "date": "yesterday", "text": "Version 2 is out"},
        ),
    ),
)
CHANGE_ANNOTATION: Final = write_operation(
    operation_id="changeAnnotation",
    summary="Change an annotation",
    description=f"What is left out or null stays. {_NEEDS} {FORMS}",
    parameters=(_NUMBER,),
    body=object_of({"site_id": NAME, "date": _DATE, "text": _TEXT}, ("site_id",)),
    answer=Answer("The annotation.", {JSON: _ANNOTATION}),
    not_found=_NOT_THERE,
    examples=(
        Example(
            "reworded",
            "Other words",
            {**_SHOWN, "text": "New prices, everywhere"},
            parameters={"annotation_id": 7000004},
            body={"site_id": DOMAIN, "text": "New prices, everywhere"},
        ),
        Example(
            "unknownAnnotation",
            "An annotation that does not exist",
            {"error": "Annotation not found"},
            404,
            parameters={"annotation_id": 999999999},
            body={"site_id": DOMAIN, "text": "New prices"},
        ),
    ),
)
DELETE_ANNOTATION: Final = write_operation(
    operation_id="deleteAnnotation",
    summary="Delete an annotation",
    description=_NEEDS,
    parameters=(_NUMBER, IN_QUERY),
    answer=DELETED,
    not_found=_NOT_THERE,
    examples=(
        Example("gone", "An annotation", {"deleted": True}, parameters={"annotation_id": 7000004, "site_id": DOMAIN}),
    ),
)

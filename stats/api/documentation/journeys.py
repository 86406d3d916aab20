"""Journeys, as clients are told of them."""

from collections.abc import Mapping
from typing import Final

from analytics_project.documentation import JSON, REFUSALS, Answer, Example, Schema, error, operation
from stats.api.documentation.analyses import (
    COUNT,
    DAY,
    DAY_ECHO,
    PERCENT,
    TAG,
    answer,
    closed,
    members,
    pagination,
)
from stats.query.journeys import DEFAULT_DEPTH, LEAST_DEPTH, MOST_DEPTH
from stats.query.parse_analyses import ALL_GOALS, COUNTABLE, JOURNEYS_LIMIT, MAX_SHOWN_GOALS

_PLACE: Final[Schema] = {
    "description": "A page by its path, or a goal by its display name.",
    "oneOf": [closed({"page": {"type": "string"}}, ("page",)), closed({"goal": {"type": "string"}}, ("goal",))],
}
_REFERENCE: Final[Schema] = {"$ref": "#/components/schemas/Place"}
_REQUEST: Final[Schema] = {
    **closed(
        {
            **members(*COUNTABLE),
            "depth": {
                "type": "integer",
                "minimum": LEAST_DEPTH,
                "maximum": MOST_DEPTH,
                "default": DEFAULT_DEPTH,
                "description": "How many steps of a journey are told apart.",
            },
            "goals": {
                "description": f"Goals to show between the pages: `{ALL_GOALS}`, or some by their display names.",
                "anyOf": [
                    {"const": ALL_GOALS},
                    {"type": "array", "items": {"type": "string"}, "maxItems": MAX_SHOWN_GOALS, "uniqueItems": True},
                ],
                "default": [],
            },
            "from": {**_REFERENCE, "description": "Begin with the first time that a visit was here."},
            "to": {**_REFERENCE, "description": "End with the first time that a visit was here."},
            "pagination": pagination(JOURNEYS_LIMIT),
        },
        ("site_id", "date_range"),
    ),
    "not": {"required": ["from", "to"]},
}
_ROW: Final[Schema] = closed(
    {
        "steps": {"type": "array", "items": _REFERENCE},
        "visits": COUNT,
        "visitors": COUNT,
        "percentage": {**PERCENT, "description": "Of all visits that have a journey of this kind."},
    },
    ("steps", "visits", "visitors", "percentage"),
)
SCHEMAS: Final[Mapping[str, Schema]] = {
    "Place": _PLACE,
    "JourneysRequest": _REQUEST,
    "JourneysAnswer": answer(_ROW, "JourneysRequest", {"total_rows": COUNT}),
}
_ECHO: Final[Mapping[str, object]] = {
    **DAY_ECHO,
    "include": {"total_rows": True},
    "depth": 3,
    "goals": [],
    "to": {"goal": "Signup"},
    "pagination": {"offset": 0, "limit": JOURNEYS_LIMIT},
}
JOURNEYS: Final = operation(
    operation_id="journeys",
    tag=TAG,
    summary="Find the most frequent ways over pages and goals",
    description=(
        "A journey is the pages that one visit viewed, in the order of time, repeats in a row folded, cut to `depth` "
        "steps; with `goals` the goals it reached stand between them, and a goal named in `from` or `to` is always "
        "shown. A visit that is over sooner has a shorter one. Within one second pages come first, by their paths, "
        "then goals, by their names. Filters choose the events that are looked at; `has_done` chooses visits. Most "
        "visits first; ties in the order of visitors, then of the steps."
    ),
    body={JSON: {"$ref": "#/components/schemas/JourneysRequest"}},
    answers={
        200: Answer("A page of journeys.", {JSON: {"$ref": "#/components/schemas/JourneysAnswer"}}),
        400: error("The body is not JSON, or has a fault; the sentence begins with the member's path."),
    },
    refusals=REFUSALS,
    examples=(
        Example(
            "toSignup",
            "What leads to a goal",
            {
                "results": [
                    {
                        "steps": [{"page": "/"}, {"page": "/pricing"}, {"goal": "Signup"}],
                        "visits": 1,
                        "visitors": 1,
                        "percentage": 50.0,
                    },
                    {"steps": [{"goal": "Signup"}], "visits": 1, "visitors": 1, "percentage": 50.0},
                ],
                "meta": {"total_rows": 2},
                "query": _ECHO,
            },
            body={**DAY, "to": {"goal": "Signup"}, "depth": 3, "include": {"total_rows": True}},
        ),
        Example(
            "tooDeep",
            "More steps than there may be",
            {"error": f"depth: must be a whole number from {LEAST_DEPTH} to {MOST_DEPTH}"},
            400,
            body={**DAY, "depth": 11},
        ),
    ),
)

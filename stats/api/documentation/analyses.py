"""What the documents of funnels, retention and journeys share."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from analytics_project.documentation import Schema
from stats.query.parse_v2 import MAX_LIMIT
from stats.query.steps import MAX_LABEL_CHARACTERS
from stats.query.types import Include

TAG: Final = "Funnels, retention and journeys"
DAY: Final[dict[str, Any]] = {"site_id": "shop.example", "date_range": ["2025-03-10", "2025-03-10"]}
DAY_ECHO: Final[dict[str, Any]] = {
    "site_id": "shop.example",
    "date_range": ["2025-03-10T00:00:00Z", "2025-03-10T23:59:59Z"],
    "filters": [],
    "include": {},
}
PRICING_STEP: Final[dict[str, Any]] = {
    "filter": ["and", [["is", "event:name", ["pageview"]], ["is", "event:page", ["/pricing"]]]],
    "label": "Prices seen",
}
PERCENT: Final[Schema] = {"type": "number", "description": "In percent, two decimals; 0 of nobody."}
COUNT: Final[Schema] = {"type": "integer", "minimum": 0}
WARNINGS: Final[Schema] = {
    "type": "array",
    "description": "Why numbers may not be what they seem.",
    "items": {
        "type": "object",
        "properties": {"code": {"type": "string"}, "warning": {"type": "string"}},
        "required": ["code", "warning"],
        "additionalProperties": False,
    },
}
_INCLUDED: Final[Mapping[Include, str]] = {
    Include.TOTAL_ROWS: "Count the rows before pagination in `meta.total_rows`.",
    Include.TRIM_RELATIVE_DATE_RANGE: "End `day`, `month` and `year` with the current hour or day.",
}
STEP: Final[Schema] = {
    "description": (
        "What one event must fulfil: the display name of a goal, a filter of events, or a filter with a label. A "
        "filter without `event:goal` and `event:name` does not look at engagement."
    ),
    "anyOf": [
        {"type": "string", "minLength": 1},
        {"$ref": "#/components/schemas/EventFilter"},
        {
            "type": "object",
            "properties": {
                "filter": {"$ref": "#/components/schemas/EventFilter"},
                "label": {"type": "string", "minLength": 1, "maxLength": MAX_LABEL_CHARACTERS},
            },
            "required": ["filter"],
            "additionalProperties": False,
        },
    ],
}
SCHEMAS: Final[Mapping[str, Schema]] = {"Step": STEP}


def members(*included: Include) -> dict[str, Schema]:
    """Return the members that every analysis takes."""
    return {
        "site_id": {"type": "string", "minLength": 1, "description": "The site's domain or public id."},
        "date_range": {"$ref": "#/components/schemas/DateRange"},
        "filters": {
            "type": "array",
            "items": {"$ref": "#/components/schemas/Filter"},
            "default": [],
            "description": "Which events are looked at, as in a query; segments may be named.",
        },
        "include": closed({str(one): {"type": "boolean", "description": _INCLUDED[one]} for one in included}),
    }


def pagination(limit: int) -> Schema:
    """Return the member that chooses a page."""
    return closed(
        {
            "limit": {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "default": limit},
            "offset": {"type": "integer", "minimum": 0, "maximum": 2**63 - 1, "default": 0},
        }
    )


def closed(properties: Mapping[str, Schema], required: Iterable[str] = ()) -> dict[str, Any]:
    """Return an object without other members than these."""
    made: dict[str, Any] = {"type": "object", "properties": dict(properties), "additionalProperties": False}
    return {**made, "required": list(required)} if required else made


def answer(result: Schema, query: str, meta: Mapping[str, Schema]) -> Schema:
    """Return an answer's schema; `query` is the name of the request's."""
    return closed(
        {
            "results": {"type": "array", "items": result},
            "meta": closed(meta),
            "query": {"$ref": f"#/components/schemas/{query}"},
        },
        ("results", "meta", "query"),
    )

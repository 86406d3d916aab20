"""Stats API v2 and what belongs to it, as clients are told of them (stats contract, part 1)."""

from collections.abc import Mapping
from typing import Any, Final

from analytics_project.documentation import (
    JSON,
    METHOD_NOT_ALLOWED,
    PAYMENT_REQUIRED,
    PUBLIC,
    REFUSALS,
    SESSION,
    STORE_UNAVAILABLE,
    UNSUPPORTED_TYPE,
    Answer,
    Example,
    Schema,
    error,
    operation,
)
from stats.query.dimensions import DIRECT
from stats.query.metrics import METRICS, REVENUE_METRICS
from stats.query.schema_v2 import query_definitions
from stats.query.types import SkipReason

TAG: Final = "Statistics, version 2"
_DAY: Final[Mapping[str, Any]] = {"site_id": "shop.example", "date_range": ["2025-03-10", "2025-03-10"]}
_DAY_ECHO: Final = ["2025-03-10T00:00:00Z", "2025-03-10T23:59:59Z"]
_WHOLE_PAGE: Final = {"offset": 0, "limit": 10_000}

_AMOUNT: Final[Schema] = {
    "type": "object",
    "description": "Money: in few characters, in the currency's digits, as a number, and its ISO 4217 code.",
    "properties": {
        "short": {"type": "string"},
        "long": {"type": "string"},
        "value": {"type": "number"},
        "currency": {"type": "string"},
    },
    "required": ["short", "long", "value", "currency"],
    "additionalProperties": False,
}
_WARNING: Final[Schema] = {
    "type": "object",
    "properties": {"code": {"type": "string"}, "warning": {"type": "string"}},
    "required": ["code", "warning"],
    "additionalProperties": False,
}
_ANSWER: Final[Schema] = {
    "type": "object",
    "properties": {
        "results": {
            "type": "array",
            "description": "Groups with rows; exactly one without dimensions. Empty time buckets are left out.",
            "items": {
                "type": "object",
                "properties": {
                    "dimensions": {"type": "array", "items": {"type": ["string", "integer"]}},
                    "metrics": {
                        "type": "array",
                        "items": {"anyOf": [{"type": ["number", "null"]}, {"$ref": "#/components/schemas/Amount"}]},
                    },
                },
                "required": ["dimensions", "metrics"],
                "additionalProperties": False,
            },
        },
        "meta": {
            "type": "object",
            "description": "What `include` asked for, and why metrics are null.",
            "properties": {
                "imports_included": {"type": "boolean"},
                "imports_skip_reason": {"type": "string", "enum": [reason.value for reason in SkipReason]},
                "imports_warning": {"type": "string"},
                "metric_warnings": {
                    "type": "object",
                    "properties": dict.fromkeys(sorted({*REVENUE_METRICS, "scroll_depth"}), _WARNING),
                },
                "time_labels": {"type": "array", "items": {"type": "string"}},
                "total_rows": {"type": "integer", "minimum": 0},
            },
            "additionalProperties": False,
        },
        "query": {"$ref": "#/components/schemas/Query"},
    },
    "required": ["results", "meta", "query"],
    "additionalProperties": False,
}

SCHEMAS: Final[Mapping[str, Schema]] = {
    **query_definitions("#/components/schemas/"),
    "QueryAnswer": _ANSWER,
    "Amount": _AMOUNT,
}

_TOTALS: Final = Example(
    "totals",
    "Several metrics without dimensions: one row",
    {
        "results": [{"dimensions": [], "metrics": [4, 5, 40]}],
        "meta": {},
        "query": {
            "site_id": "shop.example",
            "metrics": ["visitors", "visits", "bounce_rate"],
            "date_range": _DAY_ECHO,
            "filters": [],
            "dimensions": [],
            "order_by": [["visitors", "desc"]],
            "include": {},
            "pagination": _WHOLE_PAGE,
        },
    },
    body={**_DAY, "metrics": ["visitors", "visits", "bounce_rate"]},
)
_SOURCES: Final = Example(
    "sourcesOfAPage",
    "Where visitors of a page came from, and how many rows there are in all",
    {
        "results": [{"dimensions": [DIRECT], "metrics": [1]}, {"dimensions": ["Twitter"], "metrics": [1]}],
        "meta": {"total_rows": 2},
        "query": {
            "site_id": "shop.example",
            "metrics": ["visitors"],
            "date_range": _DAY_ECHO,
            "filters": [["is", "event:page", ["/blog/a"]]],
            "dimensions": ["visit:source"],
            "order_by": [["visitors", "desc"]],
            "include": {"total_rows": True},
            "pagination": {"offset": 0, "limit": 10},
        },
    },
    body={
        **_DAY,
        "metrics": ["visitors"],
        "dimensions": ["visit:source"],
        "filters": [["is", "event:page", ["/blog/a"]]],
        "include": {"total_rows": True},
        "pagination": {"limit": 10},
    },
)
_REVENUE: Final = Example(
    "revenueWithoutAGoal",
    "A metric that is null, and why",
    {
        "results": [{"dimensions": [], "metrics": [9, None]}],
        "meta": {
            "metric_warnings": {
                "total_revenue": {
                    "code": "no_revenue_goals_matching",
                    "warning": "No goal of this query counts revenue.",
                }
            }
        },
        "query": {
            "site_id": "shop.example",
            "metrics": ["events", "total_revenue"],
            "date_range": _DAY_ECHO,
            "filters": [],
            "dimensions": [],
            "order_by": [["events", "desc"]],
            "include": {},
            "pagination": _WHOLE_PAGE,
        },
    },
    body={**_DAY, "metrics": ["events", "total_revenue"]},
)
_UNKNOWN_METRIC: Final = Example(
    "unknownMetric",
    "A metric that does not exist",
    {"error": f"metrics[0]: 'clicks' is not a metric; use {', '.join(METRICS)}"},
    400,
    body={**_DAY, "metrics": ["clicks"]},
)
_MISSPELT_FILTER: Final = Example(
    "filterOfNoList",
    "A filter whose values are no list",
    {"error": "filters[0][2]: must be a list of values"},
    400,
    body={**_DAY, "metrics": ["visitors"], "filters": [["is", "event:page", "/pricing"]]},
)
_ANSWERS: Final = {
    200: Answer(
        "The rows, and the query that was executed; posted back it gives the same answer.",
        {JSON: {"$ref": "#/components/schemas/QueryAnswer"}},
    ),
    400: error("The body is not JSON, or the query has a fault; the sentence begins with the member's path."),
}
_BODY: Final = {JSON: {"$ref": "#/components/schemas/Query"}}

QUERY: Final = operation(
    operation_id="query",
    tag=TAG,
    summary="Ask for any metrics by any dimensions",
    description=(
        "One query language for all reports. `/api/docs/query/schema.json` is the body's schema. Only POST is taken: "
        "a GET is answered 405, as its body would not pass every proxy. Rows that tie are in the order of their "
        "dimensions, so pages never repeat one. The id of a team with two sites or more, as its `site_id`, asks of all "
        "of them together, in the time zone of most of them; goals, segments and imported totals belong to single "
        "sites and are not known there. Custom properties and revenue that the plan of the site's team does not "
        "include are refused with 400."
    ),
    body=_BODY,
    answers=_ANSWERS,
    refusals=REFUSALS,
    examples=(_TOTALS, _SOURCES, _REVENUE, _UNKNOWN_METRIC, _MISSPELT_FILTER),
)
SESSION_QUERY: Final = operation(
    operation_id="queryAsPerson",
    tag=TAG,
    summary="The same query under the session of a logged-in person",
    description=(
        "For pages of this server: no key, but the session of an owner, admin or editor of the site and the CSRF token "
        "in `X-CSRFToken`. It reads; nothing else can be done with it."
    ),
    security=SESSION,
    body=_BODY,
    answers={
        **_ANSWERS,
        401: error("Nobody is logged in."),
        403: error("The CSRF token is missing or wrong."),
        404: error("There is no such site, or the person may not edit it."),
    },
    refusals=(PAYMENT_REQUIRED, METHOD_NOT_ALLOWED, UNSUPPORTED_TYPE, STORE_UNAVAILABLE),
    examples=(
        _TOTALS,
        _UNKNOWN_METRIC,
        Example("nobody", "Without a session", {"error": "Log in first; with an API key ask POST /api/v2/query"}, 401),
        Example("tokenMissing", "Without the CSRF token", {"error": "CSRF Failed: CSRF token missing."}, 403),
        Example(
            "siteOfOthers",
            "A site that the person has no role on",
            {"error": "Site not found, or your role on it does not suffice"},
            404,
            body={**_DAY, "site_id": "others.example", "metrics": ["visitors"]},
        ),
    ),
)
QUERY_SCHEMA: Final = operation(
    operation_id="querySchema",
    tag=TAG,
    summary="The JSON Schema of a query",
    description=(
        "Draft 2020-12, made from the metrics and dimensions of this server. A query that does not fit it is refused "
        "with 400. One that fits may still be refused for what the schema cannot know: the site's goals and plan, and "
        "metrics that do not go with the query's dimensions and filters."
    ),
    security=PUBLIC,
    answers={200: Answer("The schema.", {JSON: {"type": "object"}})},
    refusals=(METHOD_NOT_ALLOWED,),
)

"""Stats API v1 and realtime, as clients are told of them (stats contract, parts 3 and 4)."""

from collections.abc import Mapping
from typing import Final

from analytics_project.documentation import (
    JSON,
    WITHOUT_JSON,
    Answer,
    Example,
    Parameter,
    Schema,
    error,
    operation,
)
from stats.query.dimensions import HOSTNAME, PROPERTY_PREFIX
from stats.query.parse_v1 import DEFAULT_LIMIT, INTERVALS, MAX_LIMIT, PERIODS, V1_METRICS, V1_PROPERTIES

TAG: Final = "Statistics, version 1"
BAD_QUERY: Final = error("A parameter is missing, unknown in its value, or does not go with the others.")

_DATE: Final = "[0-9]{4}-[0-9]{2}-[0-9]{2}"
_NUMBER: Final[Schema] = {"type": ["number", "null"]}
_DAY: Final[Mapping[str, object]] = {"site_id": "shop.example", "period": "day", "date": "2025-03-10"}

SITE_ID: Final = Parameter(
    "site_id",
    "query",
    {"type": "string", "minLength": 1},
    "The site's domain, one that it gave up less than 72 hours ago, or its public id `ds_…`.",
    required=True,
)
_COMMON: Final = (
    SITE_ID,
    Parameter(
        "period",
        "query",
        {"type": "string", "enum": [*PERIODS, "custom"], "default": "30d"},
        "`7d` and `30d` are the days before `date`, `6mo` and `12mo` the months before its month; `custom` takes two "
        "dates from `date`. Days are those of the site's time zone.",
    ),
    Parameter(
        "date",
        "query",
        {"type": "string", "pattern": f"^{_DATE}(,{_DATE})?$"},
        "The day that `period` is relative to, by default today; with `period=custom` the first and the last day.",
    ),
    Parameter(
        "metrics",
        "query",
        {
            "type": "array",
            "items": {"type": "string", "enum": list(V1_METRICS)},
            "minItems": 1,
            "uniqueItems": True,
            "default": ["visitors"],
        },
        "What to count. Metrics of whole visits do not go with filters of goals, event names and properties; "
        "`conversion_rate` needs a goal, `time_on_page` a page.",
    ),
    Parameter(
        "filters",
        "query",
        {"type": "string"},
        "`property==value` and `property!=value`, joined by `;`. `a|b` is either value, `*` any text. The properties "
        f"are those of a breakdown and `{HOSTNAME}`. A JSON list of version 2's `[operator, property, values]` is "
        "taken too.",
    ),
    Parameter(
        "with_imported",
        "query",
        {"type": "string"},
        "`true` merges imported daily totals where they can tell of the query; `warning` says that they cannot. "
        "Imported events always count.",
    ),
)
_COMPARE: Final = Parameter(
    "compare",
    "query",
    {"type": "string", "enum": ["previous_period"]},
    "Adds the values of as many days before. Any other text is ignored.",
)


def _results(schema: Schema) -> Mapping[str, Schema]:
    return {
        JSON: {
            "type": "object",
            "properties": {
                "results": schema,
                "warning": {"type": "string", "description": "Why imported totals are not part of the numbers."},
            },
            "required": ["results"],
            "additionalProperties": False,
        }
    }


_CELL: Final[Schema] = {
    "type": "object",
    "properties": {"value": _NUMBER, "comparison_value": _NUMBER, "change": _NUMBER},
    "required": ["value"],
    "additionalProperties": False,
}
_METRIC_CELLS: Final[Mapping[str, Schema]] = dict.fromkeys(V1_METRICS, _NUMBER)

AGGREGATE: Final = operation(
    operation_id="statsAggregate",
    tag=TAG,
    summary="One value for each metric",
    description="`bounce_rate` changes by points, everything else by whole percent of the old value.",
    parameters=(*_COMMON, _COMPARE),
    answers={
        200: Answer(
            "The values by metric.",
            _results({"type": "object", "properties": dict.fromkeys(V1_METRICS, _CELL), "additionalProperties": False}),
        ),
        400: BAD_QUERY,
    },
    refusals=WITHOUT_JSON,
    examples=(
        Example(
            "dayBesideTheDayBefore",
            "Four metrics of one day, beside those of the day before",
            {
                "results": {
                    "visitors": {"value": 4, "comparison_value": 0, "change": 100},
                    "pageviews": {"value": 6, "comparison_value": 0, "change": 100},
                    "bounce_rate": {"value": 40, "comparison_value": 0, "change": None},
                    "visit_duration": {"value": 156, "comparison_value": 0, "change": 100},
                }
            },
            parameters={
                **_DAY,
                "metrics": ["visitors", "pageviews", "bounce_rate", "visit_duration"],
                "compare": "previous_period",
            },
        ),
        Example(
            "pagesByPattern",
            "Visitors of pages that a pattern names",
            {"results": {"visitors": {"value": 4}}},
            parameters={**_DAY, "filters": "event:page==/blog/*|/pricing"},
        ),
        Example(
            "unknownMetric",
            "A metric that does not exist",
            {
                "error": "metrics: 'clicks' is not a metric; use visitors, visits, pageviews, events, bounce_rate, "
                "visit_duration, views_per_visit, conversion_rate, time_on_page"
            },
            400,
            parameters={**_DAY, "metrics": ["clicks"]},
        ),
    ),
)
TIMESERIES: Final = operation(
    operation_id="statsTimeseries",
    tag=TAG,
    summary="Metrics over time",
    description="One object for each hour, day or month of the period, in order of time; empty ones are filled.",
    parameters=(
        *_COMMON,
        Parameter(
            "interval",
            "query",
            {"type": "string", "enum": list(INTERVALS)},
            "`date` is an old name of `day`. By default hours for `day`, months for `6mo` and `12mo`, else days.",
        ),
    ),
    answers={
        200: Answer(
            "The buckets; `date` is a day, the first day of a month, or an hour such as `2025-03-10 09:00:00`.",
            _results(
                {
                    "type": "array",
                    "items": {
                        "type": "object",
                        "properties": {"date": {"type": "string"}, **_METRIC_CELLS},
                        "required": ["date"],
                        "additionalProperties": False,
                    },
                }
            ),
        ),
        400: BAD_QUERY,
    },
    refusals=WITHOUT_JSON,
    examples=(
        Example(
            "twoDays",
            "Two days, one of them without visits",
            {
                "results": [
                    {"date": "2025-03-09", "visitors": 0, "pageviews": 0, "visit_duration": None},
                    {"date": "2025-03-10", "visitors": 4, "pageviews": 6, "visit_duration": 156},
                ]
            },
            parameters={
                "site_id": "shop.example",
                "period": "custom",
                "date": "2025-03-09,2025-03-10",
                "metrics": ["visitors", "pageviews", "visit_duration"],
            },
        ),
        Example(
            "unknownInterval",
            "Weeks are no interval of version 1",
            {"error": "interval: 'week' is not an interval; use day or month"},
            400,
            parameters={**_DAY, "interval": "week"},
        ),
    ),
)
BREAKDOWN: Final = operation(
    operation_id="statsBreakdown",
    tag=TAG,
    summary="Metrics by the values of one property",
    description=(
        "Ordered by the first metric, highest first, then by the property. Unknown places and empty campaign tags have "
        "no row. Custom properties that the plan of the site's team does not include are refused with 402."
    ),
    parameters=(
        *_COMMON,
        Parameter(
            "property",
            "query",
            {
                "anyOf": [
                    {"type": "string", "enum": sorted(V1_PROPERTIES)},
                    {"type": "string", "pattern": f"^{PROPERTY_PREFIX}[\\s\\S]+"},
                ]
            },
            "What to group by. Versions bring the name of their browser or operating system along.",
            required=True,
        ),
        Parameter(
            "limit",
            "query",
            {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "default": DEFAULT_LIMIT},
            "Rows on a page.",
        ),
        Parameter("page", "query", {"type": "integer", "minimum": 1, "default": 1}, "Which page, from 1."),
        _COMPARE,
    ),
    answers={
        200: Answer(
            "The rows. The key of the property is its name without prefix.",
            _results(
                {
                    "type": "array",
                    "items": {
                        "type": "object",
                        "properties": {
                            **_METRIC_CELLS,
                            "comparison": {
                                "type": "object",
                                "properties": {
                                    **_METRIC_CELLS,
                                    "change": {
                                        "type": "object",
                                        "properties": _METRIC_CELLS,
                                        "additionalProperties": False,
                                    },
                                },
                                "additionalProperties": False,
                            },
                        },
                        "additionalProperties": {"type": ["string", "integer"]},
                    },
                }
            ),
        ),
        400: BAD_QUERY,
    },
    refusals=WITHOUT_JSON,
    examples=(
        Example(
            "sources",
            "Where visits came from",
            {
                "results": [
                    {"source": "Direct / None", "visitors": 2, "pageviews": 2},
                    {"source": "Google", "visitors": 2, "pageviews": 2},
                    {"source": "Twitter", "visitors": 1, "pageviews": 2},
                ]
            },
            parameters={**_DAY, "property": "visit:source", "metrics": ["visitors", "pageviews"]},
        ),
        Example(
            "goals",
            "Conversions",
            {"results": [{"goal": "Signup", "visitors": 2, "conversion_rate": 50.0}]},
            parameters={**_DAY, "property": "event:goal", "metrics": ["visitors", "conversion_rate"]},
        ),
        Example(
            "propertyMissing",
            "Nothing to group by",
            {"error": "property: is required"},
            400,
            parameters=_DAY,
        ),
    ),
)
CURRENT_VISITORS: Final = operation(
    operation_id="statsCurrentVisitors",
    tag=TAG,
    summary="Visitors of the last five minutes",
    description="A bare number. Who only read on, without a pageview or another event, does not count.",
    parameters=(SITE_ID,),
    answers={
        200: Answer("How many visitors.", {JSON: {"type": "integer", "minimum": 0}}),
        400: error("`site_id` is missing."),
    },
    refusals=WITHOUT_JSON,
    examples=(
        Example("now", "One visitor at the moment", 1, parameters={"site_id": "shop.example"}),
        Example(
            "siteMissing",
            "No site is named",
            {"error": "site_id is missing: name a site by its domain or its public id"},
            400,
            parameters={"site_id": ""},
        ),
    ),
)

"""Retention, as clients are told of it."""

from collections.abc import Mapping
from typing import Final

from analytics_project.documentation import JSON, REFUSALS, Answer, Example, Schema, error, operation
from stats.api.documentation.analyses import (
    COUNT,
    DAY,
    DAY_ECHO,
    PERCENT,
    TAG,
    WARNINGS,
    answer,
    closed,
    members,
)
from stats.api.present_analyses import IDS_LAST_A_DAY
from stats.query.parse_analyses import TRIMMABLE
from stats.query.retention import MAX_PERIODS, Interval

_STEP: Final[Schema] = {"$ref": "#/components/schemas/Step"}
_REQUEST: Final[Schema] = closed(
    {
        **members(*TRIMMABLE),
        "interval": {
            "type": "string",
            "enum": list(Interval),
            "default": Interval.WEEK.value,
            "description": "How long a period is, in the site's time zone; weeks begin on Monday.",
        },
        "first": {**_STEP, "description": "The event that puts a visitor into a cohort; any, unless given."},
        "returning": {**_STEP, "description": "The event that is a return; any, unless given."},
    },
    ("site_id", "date_range"),
)
_COHORT: Final[Schema] = closed(
    {
        "cohort": {"type": "string", "description": "The period's first date inside of the range."},
        "visitors": {**COUNT, "description": "How many were first seen in this period."},
        "returned": {
            "type": "array",
            "description": "The cohort's own period, number 0, and each later one that has begun.",
            "items": closed(
                {
                    "period": COUNT,
                    "label": {"type": "string"},
                    "visitors": COUNT,
                    "percentage": {**PERCENT, "description": "Of the cohort."},
                },
                ("period", "label", "visitors", "percentage"),
            ),
        },
    },
    ("cohort", "visitors", "returned"),
)
SCHEMAS: Final[Mapping[str, Schema]] = {
    "RetentionRequest": _REQUEST,
    "RetentionAnswer": answer(_COHORT, "RetentionRequest", {"warnings": WARNINGS}),
}
_ECHO: Final[Mapping[str, object]] = {
    **DAY_ECHO,
    "date_range": ["2025-03-09T00:00:00Z", "2025-03-10T23:59:59Z"],
    "interval": "day",
    "returning": "Signup",
}
RETENTION: Final = operation(
    operation_id="retention",
    tag=TAG,
    summary="Count who comes back",
    description=(
        "Cohorts of visitors by the period of their first event inside of the range, and for each later period how "
        "many of them came back. With `first` the first event that fulfils it decides, with `returning` only events "
        "that fulfil it are returns; one in the cohort's own period counts unless it came before the first event. At "
        f"most {MAX_PERIODS} periods. **A visitor is known for as long as their id lasts.** Without persistent ids "
        "that is one day of the site's time zone: nobody is then seen to come back on another day, and the answer "
        "says so in `meta.warnings`. Ids that a backend sends or an import brings last as long as they are sent."
    ),
    body={JSON: {"$ref": "#/components/schemas/RetentionRequest"}},
    answers={
        200: Answer(
            "A row for each cohort, in the order of time.", {JSON: {"$ref": "#/components/schemas/RetentionAnswer"}}
        ),
        400: error("The body is not JSON, or has a fault; the sentence begins with the member's path."),
    },
    refusals=REFUSALS,
    examples=(
        Example(
            "byDay",
            "Cohorts by day, returns with a goal",
            {
                "results": [
                    {
                        "cohort": "2025-03-09",
                        "visitors": 0,
                        "returned": [
                            {"period": 0, "label": "2025-03-09", "visitors": 0, "percentage": 0.0},
                            {"period": 1, "label": "2025-03-10", "visitors": 0, "percentage": 0.0},
                        ],
                    },
                    {
                        "cohort": "2025-03-10",
                        "visitors": 4,
                        "returned": [{"period": 0, "label": "2025-03-10", "visitors": 2, "percentage": 50.0}],
                    },
                ],
                "meta": {"warnings": [dict(IDS_LAST_A_DAY)]},
                "query": _ECHO,
            },
            body={**DAY, "date_range": ["2025-03-09", "2025-03-10"], "interval": "day", "returning": "Signup"},
        ),
        Example(
            "unknownInterval",
            "A period that does not exist",
            {"error": "interval: must be one of day, week, month"},
            400,
            body={**DAY, "interval": "year"},
        ),
    ),
)

"""Goals over the Goals & Revenue API, as clients are told of them."""

from collections.abc import Mapping
from typing import Final

from analytics_project.documentation import Example, Parameter, Schema, error
from goals.api.documentation.operations import answered, read_operation, write_operation
from goals.api.documentation.shared import (
    COUNT,
    DAY,
    DAY_META,
    DEVICE_OR_NULL,
    EDITORS,
    EXTRA_META,
    INCLUDE,
    INSTANT,
    PAGE,
    PAGE_META,
    RATE,
    SITE_ID,
    TEXT,
    TEXT_OR_NULL,
    VISITOR_ID,
    WINDOW,
    WINDOW_META,
    answer_of,
    field_error,
    list_of,
    object_of,
    wrong_fields,
)
from goals.api.goal_filters import DIMENSIONS, OPERATORS, SPLIT_BY

_COUNTS: Final[dict[str, Schema]] = {"unique_visitors": COUNT, "completion_count": COUNT, "conversion_rate": RATE}
_GOAL_ROW: Final = object_of({"goal_name": TEXT, **_COUNTS})
_COMPLETION_ROW: Final = object_of(
    {
        "visitor_id": TEXT,
        "completed_at": INSTANT,
        "source": TEXT_OR_NULL,
        "country": TEXT_OR_NULL,
        "city": TEXT_OR_NULL,
        "browser": TEXT_OR_NULL,
        "os": TEXT_OR_NULL,
        "device_type": DEVICE_OR_NULL,
    }
)
_RECORDED: Final[Schema] = {"$ref": "#/components/schemas/RecordedCompletion"}
_NAME: Final = Parameter(
    "name",
    "path",
    {"type": "string", "minLength": 1},
    "The goal's display name, percent-encoded: a slash is `%2F`.",
)
_FILTERS: Final = (
    f"Filters are parameters `dimension[operator]=value`, joined by AND: dimensions are {', '.join(DIMENSIONS)}, "
    f"operators {', '.join(OPERATORS)}."
)
_SIGNUPS: Final[Mapping[str, object]] = {
    "goal_name": "Signup",
    "unique_visitors": 2,
    "completion_count": 3,
    "conversion_rate": 0.5,
}
_NO_GOAL: Final = error("There is no such site or goal, or the key does not open the site.")

GOALS: Final = read_operation(
    operation_id="listConversions",
    summary="Goals and what they came to",
    description=(
        "Every goal of the site, those that nobody completed in the window too, with most visitors first. A rate is "
        f"the share of the window's unique visitors. {_FILTERS}"
    ),
    parameters=(*WINDOW, *PAGE, INCLUDE),
    answer=answered(
        "The goals.",
        list_of(_GOAL_ROW),
        WINDOW_META,
        optional_meta=EXTRA_META,
        beside={"previous": list_of(_GOAL_ROW)},
    ),
    examples=(
        Example(
            "day",
            "The goals of a day",
            answer_of([_SIGNUPS], DAY_META),
            parameters=DAY,
        ),
        Example(
            "dayBefore",
            "With totals, and the day before",
            {
                **answer_of(
                    [_SIGNUPS], {**DAY_META, "timezone": "UTC", "currency": "EUR", "unique_visitors": 4, "total": 1}
                ),
                "previous": [{**_SIGNUPS, "unique_visitors": 0, "completion_count": 0, "conversion_rate": 0.0}],
            },
            parameters={**DAY, "include": ["meta", "previous"]},
        ),
        Example(
            "limitTooLarge",
            "A limit out of bounds",
            {"error": "limit must be an integer from 1 to 1000"},
            400,
            parameters={**SITE_ID, "limit": 1001},
        ),
        Example(
            "siteOfOthers",
            "A site of somebody else, or none",
            {"error": "Site not found"},
            404,
            parameters={"site_id": "others.example"},
        ),
    ),
)
NEW_COMPLETION: Final = write_operation(
    operation_id="recordCompletion",
    summary="Report a goal from your server",
    description=(
        "One completion, which every number sees from the answer on. A name that is new to the site becomes a goal. "
        "`visitor_id` is the id that the tracker shows, or your own, which need not be known; for attribution the "
        "visitor's latest session at that time is looked up when numbers are read. Equal requests are two completions, "
        f"unless they bear the same `Idempotency-Key`. {EDITORS}"
    ),
    parameters=(
        Parameter(
            "Idempotency-Key",
            "header",
            {"type": "string", "minLength": 1, "maxLength": 255},
            "Names this request for 24 hours: the same again is answered 200 and counts once.",
        ),
    ),
    body={
        "type": "object",
        "properties": {
            "name": {"type": "string", "minLength": 1, "maxLength": 120},
            "visitor_id": VISITOR_ID,
            "url": {"type": ["string", "null"], "maxLength": 2000, "description": "Absolute, http or https."},
            "metadata": {
                "type": ["object", "null"],
                "maxProperties": 30,
                "description": "Custom properties of the event, at most 8 KiB; other values than strings are kept "
                "as their JSON, null is dropped.",
            },
            "timestamp": {
                "type": ["string", "null"],
                "description": "When it happened, as `start`; UTC without a zone. At most 24 hours ahead.",
            },
        },
        "required": ["name", "visitor_id"],
    },
    answers={
        200: answered("It was taken before, under the same Idempotency-Key.", _RECORDED),
        201: answered("It is kept.", _RECORDED),
        400: wrong_fields("A parameter or a field is missing or wrong."),
        409: error("The Idempotency-Key came with another body before."),
        503: error("It cannot be kept now; nothing was changed."),
    },
    examples=(
        Example(
            "signup",
            "A signup, with what is known of it",
            answer_of({"created": True, "goal_name": "Signup"}),
            201,
            parameters=SITE_ID,
            body={
                "name": " Signup ",
                "visitor_id": "v_8f3a2b1c",
                "url": "https://shop.example/welcome",
                "metadata": {"plan": "pro", "seats": 3},
            },
        ),
        Example(
            "visitorMissing",
            "Without a visitor",
            field_error("visitor_id", "is required"),
            400,
            parameters=SITE_ID,
            body={"name": "Signup"},
        ),
    ),
)
COMPLETIONS: Final = read_operation(
    operation_id="listCompletions",
    summary="Completions of a goal, one by one",
    description=(
        "Newest first, each with the session it happened in; for one that a server reported, the visitor's latest "
        "session that began at or before it. `city` is null where its name is not known. " + _FILTERS
    ),
    parameters=(_NAME, *WINDOW, *PAGE, INCLUDE),
    answer=answered(
        "The completions; none where nobody completed the goal in the window.",
        list_of(_COMPLETION_ROW),
        {"goal_name": TEXT, **WINDOW_META, "limit": COUNT},
        optional_meta={"offset": COUNT, **EXTRA_META},
        beside={"previous": list_of(_COMPLETION_ROW)},
    ),
    not_found=_NO_GOAL,
    examples=(
        Example(
            "newest",
            "The newest two of a day",
            answer_of(
                [
                    {
                        "visitor_id": visitor,
                        "completed_at": at,
                        "source": "Google",
                        "country": "Germany",
                        "city": None,
                        "browser": "Chrome",
                        "os": None,
                        "device_type": None,
                    }
                    for visitor, at in (
                        ("v_0000000000000000", "2025-03-10T15:31:00Z"),
                        ("v_0000000000000000", "2025-03-10T15:30:00Z"),
                    )
                ],
                {**DAY_META, "goal_name": "Signup", "limit": 2},
            ),
            parameters={**DAY, "name": "Signup", "limit": 2},
        ),
        Example(
            "unknownGoal",
            "A goal that the site never had",
            {"error": "Goal not found"},
            404,
            parameters={**SITE_ID, "name": "no-such-goal"},
        ),
    ),
)
BREAKDOWN: Final = read_operation(
    operation_id="breakDownGoal",
    summary="What a goal came to by source, country or page",
    description=(
        "One row for each value that has completions. A rate is the share of the value's own visitors. Completions "
        "that a server reported outside of a visit count where nothing is known. " + _FILTERS
    ),
    parameters=(
        _NAME,
        Parameter("dimension", "query", {"enum": list(SPLIT_BY), "default": "source"}, "What to split by."),
        *WINDOW,
        *PAGE,
    ),
    answer=answered(
        "The rows, most visitors first.",
        list_of({**object_of(_COUNTS), "additionalProperties": TEXT}),
        {"goal_name": TEXT, **WINDOW_META, "timezone": TEXT, "dimension": TEXT, **PAGE_META},
    ),
    not_found=_NO_GOAL,
    examples=(
        Example(
            "byCountry",
            "Signups of a day by country",
            answer_of(
                [
                    {"country": "Germany", "unique_visitors": 1, "completion_count": 2, "conversion_rate": 1.0},
                    {"country": "Estonia", "unique_visitors": 1, "completion_count": 1, "conversion_rate": 0.5},
                ],
                {
                    **DAY_META,
                    "goal_name": "Signup",
                    "timezone": "UTC",
                    "dimension": "country",
                    "total": 2,
                    "limit": 100,
                    "offset": 0,
                },
            ),
            parameters={**DAY, "name": "Signup", "dimension": "country"},
        ),
    ),
)
SCHEMAS: Final = {"RecordedCompletion": object_of({"created": {"type": "boolean"}, "goal_name": TEXT})}

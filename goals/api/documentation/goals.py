"""Goals over the Goals & Revenue API, as clients are told of them."""

from collections.abc import Mapping
from typing import Final

from analytics_project.documentation import JSON, Answer, Example, Parameter, Schema, error, operation
from goals.api.documentation.shared import (
    COUNT,
    FIELD_ERRORS,
    INCLUDE,
    INSTANT,
    NO_SITE,
    ONLY_READS,
    PAGE,
    RATE,
    READ,
    SITE,
    TAG,
    TEXT,
    TEXT_OR_NULL,
    WINDOW,
    WRITE,
    WRONG,
    envelope,
    list_of,
    object_of,
)
from goals.api.goal_filters import DIMENSIONS, OPERATORS, SPLIT_BY

_COUNTS: Final[dict[str, Schema]] = {"unique_visitors": COUNT, "completion_count": COUNT, "conversion_rate": RATE}
_META: Final[dict[str, Schema]] = {"site_id": TEXT, "start": INSTANT, "end": INSTANT}
_EXTRA_META: Final[dict[str, Schema]] = {
    "timezone": TEXT,
    "currency": TEXT,
    "unique_visitors": COUNT,
    "total": COUNT,
}
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
        "device_type": {"enum": ["desktop", "mobile", "tablet", "other", None]},
    }
)
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
_SITE_ID: Final[Mapping[str, object]] = {"site_id": "shop.example"}
_DAY: Final[Mapping[str, object]] = {**_SITE_ID, "start": "2025-03-10", "end": "2025-03-10"}
_DAY_META: Final[Mapping[str, object]] = {"start": "2025-03-10T00:00:00Z", "end": "2025-03-10T23:59:59Z"}
_SIGNUPS: Final[Mapping[str, object]] = {
    "goal_name": "Signup",
    "unique_visitors": 2,
    "completion_count": 3,
    "conversion_rate": 0.5,
}


def _meta(**more: object) -> dict[str, object]:
    """Return the `meta` of the documented day."""
    return {**_SITE_ID, **_DAY_META, **more}


_NO_GOAL: Final = error("There is no such site or goal, or the key does not open the site.")

GOALS: Final = operation(
    operation_id="listConversions",
    tag=TAG,
    summary="Goals and what they came to",
    description=(
        "Every goal of the site, those that nobody completed in the window too, with most visitors first. A rate is "
        f"the share of the window's unique visitors. {_FILTERS}"
    ),
    parameters=(SITE, *WINDOW, *PAGE, INCLUDE),
    answers={
        200: Answer(
            "The goals.",
            {JSON: envelope(list_of(_GOAL_ROW), object_of(_META, _EXTRA_META), {"previous": list_of(_GOAL_ROW)})},
        ),
        400: WRONG,
        404: NO_SITE,
    },
    refusals=READ,
    examples=(
        Example(
            "day",
            "The goals of a day",
            {"results": [_SIGNUPS], "meta": _meta()},
            parameters=_DAY,
        ),
        Example(
            "dayBefore",
            "With totals, and the day before",
            {
                "results": [_SIGNUPS],
                "meta": _meta(timezone="UTC", currency="EUR", unique_visitors=4, total=1),
                "previous": [{**_SIGNUPS, "unique_visitors": 0, "completion_count": 0, "conversion_rate": 0.0}],
            },
            parameters={**_DAY, "include": ["meta", "previous"]},
        ),
        Example(
            "limitTooLarge",
            "A limit out of bounds",
            {"error": "limit must be an integer from 1 to 1000"},
            400,
            parameters={**_SITE_ID, "limit": 1001},
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
NEW_COMPLETION: Final = operation(
    operation_id="recordCompletion",
    tag=TAG,
    summary="Report a goal from your server",
    description=(
        "One completion, which every number sees from the answer on. A name that is new to the site becomes a goal. "
        "`visitor_id` is the id that the tracker shows, or your own, which need not be known; for attribution the "
        "visitor's latest session at that time is looked up when numbers are read. Equal requests are two completions, "
        "unless they bear the same `Idempotency-Key`. The key needs the role owner, admin or editor."
    ),
    parameters=(
        SITE,
        Parameter(
            "Idempotency-Key",
            "header",
            {"type": "string", "minLength": 1, "maxLength": 255},
            "Names this request for 24 hours: the same again is answered 200 and counts once.",
        ),
    ),
    body={
        JSON: {
            "type": "object",
            "properties": {
                "name": {"type": "string", "minLength": 1, "maxLength": 120},
                "visitor_id": {"type": "string", "minLength": 1, "maxLength": 128},
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
        }
    },
    answers={
        200: Answer(
            "It was taken before, under the same Idempotency-Key.",
            {JSON: envelope({"$ref": "#/components/schemas/RecordedCompletion"}, object_of({"site_id": TEXT}))},
        ),
        201: Answer(
            "It is kept.",
            {JSON: envelope({"$ref": "#/components/schemas/RecordedCompletion"}, object_of({"site_id": TEXT}))},
        ),
        400: Answer("A parameter or a field is missing or wrong.", {JSON: FIELD_ERRORS}),
        403: ONLY_READS,
        404: NO_SITE,
        409: error("The Idempotency-Key came with another body before."),
        503: error("It cannot be kept now; nothing was changed."),
    },
    refusals=WRITE,
    examples=(
        Example(
            "signup",
            "A signup, with what is known of it",
            {"results": {"created": True, "goal_name": "Signup"}, "meta": _SITE_ID},
            201,
            parameters=_SITE_ID,
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
            {"error": "visitor_id is required", "errors": {"visitor_id": ["is required"]}},
            400,
            parameters=_SITE_ID,
            body={"name": "Signup"},
        ),
    ),
)
COMPLETIONS: Final = operation(
    operation_id="listCompletions",
    tag=TAG,
    summary="Completions of a goal, one by one",
    description=(
        "Newest first, each with the session it happened in; for one that a server reported, the visitor's latest "
        "session that began at or before it. `city` is null where its name is not known. " + _FILTERS
    ),
    parameters=(_NAME, SITE, *WINDOW, *PAGE, INCLUDE),
    answers={
        200: Answer(
            "The completions; none where nobody completed the goal in the window.",
            {
                JSON: envelope(
                    list_of(_COMPLETION_ROW),
                    object_of(
                        {"site_id": TEXT, "goal_name": TEXT, "start": INSTANT, "end": INSTANT, "limit": COUNT},
                        {"offset": COUNT, **_EXTRA_META},
                    ),
                    {"previous": list_of(_COMPLETION_ROW)},
                )
            },
        ),
        400: WRONG,
        404: _NO_GOAL,
    },
    refusals=READ,
    examples=(
        Example(
            "newest",
            "The newest two of a day",
            {
                "results": [
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
                "meta": _meta(goal_name="Signup", limit=2),
            },
            parameters={**_DAY, "name": "Signup", "limit": 2},
        ),
        Example(
            "unknownGoal",
            "A goal that the site never had",
            {"error": "Goal not found"},
            404,
            parameters={**_SITE_ID, "name": "no-such-goal"},
        ),
    ),
)
BREAKDOWN: Final = operation(
    operation_id="breakDownGoal",
    tag=TAG,
    summary="What a goal came to by source, country or page",
    description=(
        "One row for each value that has completions. A rate is the share of the value's own visitors. Completions "
        "that a server reported outside of a visit count where nothing is known. " + _FILTERS
    ),
    parameters=(
        _NAME,
        SITE,
        Parameter("dimension", "query", {"enum": list(SPLIT_BY), "default": "source"}, "What to split by."),
        *WINDOW,
        *PAGE,
    ),
    answers={
        200: Answer(
            "The rows, most visitors first.",
            {
                JSON: envelope(
                    list_of({**object_of(_COUNTS), "additionalProperties": {"type": "string"}}),
                    object_of(
                        {
                            "site_id": TEXT,
                            "goal_name": TEXT,
                            "start": INSTANT,
                            "end": INSTANT,
                            "timezone": TEXT,
                            "dimension": TEXT,
                            "total": COUNT,
                            "limit": COUNT,
                            "offset": COUNT,
                        }
                    ),
                )
            },
        ),
        400: WRONG,
        404: _NO_GOAL,
    },
    refusals=READ,
    examples=(
        Example(
            "byCountry",
            "Signups of a day by country",
            {
                "results": [
                    {"country": "Germany", "unique_visitors": 1, "completion_count": 2, "conversion_rate": 1.0},
                    {"country": "Estonia", "unique_visitors": 1, "completion_count": 1, "conversion_rate": 0.5},
                ],
                "meta": _meta(goal_name="Signup", timezone="UTC", dimension="country", total=2, limit=100, offset=0),
            },
            parameters={**_DAY, "name": "Signup", "dimension": "country"},
        ),
    ),
)
SCHEMAS: Final = {"RecordedCompletion": object_of({"created": {"type": "boolean"}, "goal_name": TEXT})}

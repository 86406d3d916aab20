"""Funnels, as clients are told of them."""

from collections.abc import Mapping
from typing import Final

from analytics_project.documentation import JSON, REFUSALS, Answer, Example, Parameter, Schema, error, operation
from goals.types import MAX_FUNNEL_STEPS, MIN_FUNNEL_STEPS
from stats.api.documentation.analyses import (
    COUNT,
    DAY,
    DAY_ECHO,
    PERCENT,
    PRICING_STEP,
    TAG,
    WARNINGS,
    answer,
    closed,
    members,
    pagination,
)
from stats.query.funnels import Unit
from stats.query.parse_analyses import COUNTABLE, MAX_WITHIN_S, SECONDS_OF_UNIT
from stats.query.parse_v2 import MAX_DAYS, MAX_LIMIT

_REQUEST: Final[Schema] = {
    **closed(
        {
            **members(*COUNTABLE),
            "funnel": {
                "description": "Id or name of a funnel of the site, instead of steps.",
                "anyOf": [{"type": "integer", "minimum": 1}, {"type": "string", "minLength": 1}],
            },
            "steps": {
                "type": "array",
                "items": {"$ref": "#/components/schemas/Step"},
                "minItems": MIN_FUNNEL_STEPS,
                "maxItems": MAX_FUNNEL_STEPS,
            },
            "unit": {
                "type": "string",
                "enum": list(Unit),
                "default": Unit.VISITORS.value,
                "description": "What goes through the funnel: a visitor over several visits, or each visit by itself.",
            },
            "within": {
                "description": (
                    "The conversion window: the longest time from the first to the last step, in seconds or as a text "
                    f"with a unit ({', '.join(SECONDS_OF_UNIT)}), up to {MAX_DAYS}d. Without it, as long as the range."
                ),
                "anyOf": [
                    {"type": "integer", "minimum": 1, "maximum": MAX_WITHIN_S},
                    {"type": "string", "pattern": "^[1-9][0-9]{0,9}[smhd]$"},
                ],
                "examples": ["30m", "7d", 3600],
            },
            "dimensions": {
                "type": "array",
                "items": {"type": "string", "pattern": "^visit:"},
                "maxItems": 1,
                "default": [],
                "description": "One dimension of visits; each row is the funnel of the events with that value.",
            },
            "pagination": pagination(MAX_LIMIT),
        },
        ("site_id", "date_range"),
    ),
    "oneOf": [{"required": ["steps"]}, {"required": ["funnel"]}],
}
_STEP_RESULT: Final[Schema] = closed(
    {
        "label": {"type": "string"},
        "visitors": {**COUNT, "description": "Who took this step after all before it; with unit `visitors`."},
        "visits": {**COUNT, "description": "The same with unit `visits`."},
        "conversion_rate": {**PERCENT, "description": "Of those who took the first step."},
        "step_conversion_rate": {**PERCENT, "description": "Of those who took the step before."},
        "drop_off": {**COUNT, "description": "Who took the step before and not this one."},
        "drop_off_rate": {**PERCENT, "description": "The same in percent of those who took the step before."},
    },
    ("label", "conversion_rate", "step_conversion_rate", "drop_off", "drop_off_rate"),
)
_ROW: Final[Schema] = closed(
    {
        "dimensions": {"type": "array", "items": {"type": ["string", "integer"]}},
        "entering": {**COUNT, "description": "Who took the first step."},
        "completing": {**COUNT, "description": "Who took the last one."},
        "conversion_rate": PERCENT,
        "steps": {"type": "array", "items": _STEP_RESULT},
    },
    ("dimensions", "entering", "completing", "conversion_rate", "steps"),
)
SCHEMAS: Final[Mapping[str, Schema]] = {
    "FunnelRequest": _REQUEST,
    "FunnelAnswer": answer(_ROW, "FunnelRequest", {"total_rows": COUNT, "warnings": WARNINGS}),
}

_PRICES_ECHO: Final[Mapping[str, object]] = {
    **DAY_ECHO,
    "dimensions": [],
    "steps": [PRICING_STEP, "Signup"],
    "unit": "visitors",
    "within": 1800,
    "pagination": {"offset": 0, "limit": MAX_LIMIT},
}
_PRICES_TO_SIGNUP: Final = Example(
    "pricesToSignup",
    "From a page to a goal",
    {
        "results": [
            {
                "dimensions": [],
                "entering": 2,
                "completing": 1,
                "conversion_rate": 50.0,
                "steps": [
                    {
                        "label": "Prices seen",
                        "visitors": 2,
                        "conversion_rate": 100.0,
                        "step_conversion_rate": 100.0,
                        "drop_off": 0,
                        "drop_off_rate": 0.0,
                    },
                    {
                        "label": "Signup",
                        "visitors": 1,
                        "conversion_rate": 50.0,
                        "step_conversion_rate": 50.0,
                        "drop_off": 1,
                        "drop_off_rate": 50.0,
                    },
                ],
            }
        ],
        "meta": {},
        "query": _PRICES_ECHO,
    },
    body={**DAY, "steps": [PRICING_STEP, "Signup"], "within": "30m"},
)
FUNNEL: Final = operation(
    operation_id="funnel",
    tag=TAG,
    summary="Count how many take a series of steps",
    description=(
        f"{MIN_FUNNEL_STEPS} to {MAX_FUNNEL_STEPS} steps, taken in the order of time; anything may happen between "
        "them, and a step may come more than once. Each step is taken by an event of its own: a view that fits two "
        "steps takes one of them. Of events in one second comes first the one whose first fitting step is earlier, "
        "then the one that lacks the last step that only one of them fits; events of one second that fit the same "
        "steps count as one. Who begins anew counts with the farthest step ever reached. Filters choose the events "
        "that are looked at, so a filter of one page hides all others from the steps; `has_done` chooses visits. "
        "Without persistent ids a visitor is another one every day, and `meta.warnings` says so."
    ),
    body={JSON: {"$ref": "#/components/schemas/FunnelRequest"}},
    answers={
        200: Answer(
            "One row, or with a dimension one for each value, largest first.",
            {JSON: {"$ref": "#/components/schemas/FunnelAnswer"}},
        ),
        400: error("The body is not JSON, or has a fault; the sentence begins with the member's path."),
    },
    refusals=REFUSALS,
    examples=(
        _PRICES_TO_SIGNUP,
        Example(
            "unknownGoal",
            "A step that is no goal of the site",
            {"error": "steps[1]: event:goal 'Purchase' is not a goal of this site"},
            400,
            body={**DAY, "steps": ["Signup", "Purchase"]},
        ),
        Example(
            "oneStep",
            "Too few steps",
            {"error": f"steps: must be a list of {MIN_FUNNEL_STEPS} to {MAX_FUNNEL_STEPS} steps"},
            400,
            body={**DAY, "steps": ["Signup"]},
        ),
    ),
)
FUNNELS: Final = operation(
    operation_id="funnels",
    tag=TAG,
    summary="List the funnels of a site",
    description="Newest first. They are defined over the Plugins API; a step is the display name of its goal.",
    parameters=(
        Parameter("site_id", "query", {"type": "string"}, "The site's domain or public id.", required=True),
        Parameter("limit", "query", {"type": "integer", "default": 100}, "1 to 100; anything else means 100."),
        Parameter("after", "query", {"type": "string"}, "Cursor from `meta`: the page behind it."),
        Parameter("before", "query", {"type": "string"}, "Cursor from `meta`: the page in front of it."),
    ),
    answers={
        200: Answer(
            "A page of funnels.",
            {
                JSON: closed(
                    {
                        "funnels": {
                            "type": "array",
                            "items": closed(
                                {
                                    "id": {"type": "integer"},
                                    "name": {"type": "string"},
                                    "steps": {"type": "array", "items": {"type": "string"}},
                                },
                                ("id", "name", "steps"),
                            ),
                        },
                        "meta": closed(
                            {
                                "after": {"type": ["string", "null"]},
                                "before": {"type": ["string", "null"]},
                                "limit": {"type": "integer"},
                            },
                            ("after", "before", "limit"),
                        ),
                    },
                    ("funnels", "meta"),
                )
            },
        ),
        400: error("`site_id` is missing, or a parameter has a fault."),
    },
    refusals=tuple(one for one in REFUSALS if one.status not in {415, 503}),
    examples=(
        Example(
            "definedFunnels",
            "A site with one funnel",
            {
                "funnels": [{"id": 7, "name": "To the signup", "steps": ["Visit /pricing", "Signup"]}],
                "meta": {"after": None, "before": None, "limit": 100},
            },
            parameters={"site_id": "shop.example"},
        ),
    ),
)

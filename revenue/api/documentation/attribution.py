"""Where money came from, as clients are told of it."""

from typing import Any, Final

from analytics_project.documentation import Example, Parameter
from goals.api.documentation.operations import answered, read_operation
from goals.api.documentation.shared import (
    COUNT,
    DAY,
    DAY_META,
    PAGE,
    PAGE_META,
    TEXT,
    TEXT_OR_NULL,
    WINDOW,
    WINDOW_META,
    answer_of,
    choice,
    list_of,
    object_of,
)
from revenue.api.attribution_filters import DIMENSIONS, MAX_LOOKBACK_DAYS, OF_TOUCHES
from revenue.api.documentation.shared import LEFT_OUT, MONEY, MONEY_OR_NULL, WARNING
from revenue.attribution_services import DEFAULT_LOOKBACK_DAYS
from stats.query.money.attribution import Model, Renewals

PART: Final = {"type": "number", "minimum": 0, "description": "Payments by their shares: half of one is `0.5`."}
LOOKBACK: Final = Parameter(
    "lookback",
    "query",
    {"type": "integer", "minimum": 1, "maximum": MAX_LOOKBACK_DAYS, "default": DEFAULT_LOOKBACK_DAYS},
    "How many days before the payment touches count.",
)
RULES: Final = (
    choice(
        "model",
        Model,
        "`last_non_direct`: the latest touch that is not Direct, else Direct. `last_touch`, `first_touch`. `linear`: "
        "equal shares. `position`: 40 % to the first, 40 % to the last, the rest in between. `time_decay`: half for "
        "every 7 days back.",
        Model.LAST_NON_DIRECT.value,
    ),
    LOOKBACK,
    choice(
        "renewals",
        Renewals,
        "`first`: a renewal is credited as the customer's first payment was. `own`: by its own path. `exclude`: "
        "renewals, and refunds of them, are left out.",
        Renewals.FIRST.value,
    ),
)
FILTERS: Final = (
    "Filters are written `source[is]=google.com`, with `is`, `is_not`, `contains` or `contains_not`, in any case, and "
    "joined by AND; they are compared with the touch that gets the credit, or with the payment."
)
_ROW: Final[Any] = {
    "type": "object",
    "description": "The value of the dimension under its own name, null for what is not attributed; and the numbers.",
    "properties": {
        **dict.fromkeys(DIMENSIONS, TEXT_OR_NULL),
        "revenue": MONEY,
        "refunds": MONEY,
        "payments": PART,
        "customers": COUNT,
        "visitors": {"type": ["integer", "null"], "minimum": 0},
        "revenue_per_visitor": MONEY_OR_NULL,
    },
    "required": ["revenue", "refunds", "payments", "customers", "visitors", "revenue_per_visitor"],
    "additionalProperties": False,
}
_OF_DAY: Final = {
    **DAY_META,
    "timezone": "UTC",
    "currency": "EUR",
    "dimension": "source",
    "model": "last_non_direct",
    "lookback_days": 90,
    "total": 2,
    "limit": 100,
    "offset": 0,
}

BREAKDOWN: Final = read_operation(
    operation_id="revenueBreakdown",
    summary="Revenue by source, page, country or product",
    description=(
        "A touch is the arrival of a visit; one that comes back from a payment page or from the site itself is none. "
        "The payments of the window are put down to the touches that their visitors had before, by `model`; amounts "
        "are cut in minor units, and `revenue` less `refunds` over all rows is `total_revenue` of `/revenue`. A "
        "payment without a touch is in the row of null. A refund takes back where its payment gave, one that names no "
        "payment where the visitor's latest before it did. By `goal` the visitor's completed goals stand in the place "
        "of touches. `visitors` are those of the window, whether they paid or not, null where a value is none of "
        "visitors; `revenue_per_visitor` is revenue less refunds by them. Visitors are not joined across devices. "
        f"{FILTERS} {LEFT_OUT}"
    ),
    parameters=(
        *WINDOW,
        choice("dimension", DIMENSIONS, "What is split by.", "source"),
        *RULES,
        *PAGE,
    ),
    answer=answered(
        "The largest revenue first.",
        list_of(_ROW),
        {
            **WINDOW_META,
            **dict.fromkeys(("timezone", "currency", "dimension", "model"), TEXT),
            "lookback_days": COUNT,
            **PAGE_META,
        },
        beside=WARNING,
    ),
    examples=(
        Example(
            "bySource",
            "A day by source",
            answer_of(
                [
                    {
                        "source": "Google",
                        "revenue": 49.0,
                        "refunds": 0.0,
                        "payments": 1,
                        "customers": 1,
                        "visitors": 2,
                        "revenue_per_visitor": 24.5,
                    },
                    {
                        "source": "Direct",
                        "revenue": 20.0,
                        "refunds": 10.0,
                        "payments": 1,
                        "customers": 1,
                        "visitors": 2,
                        "revenue_per_visitor": 5.0,
                    },
                ],
                _OF_DAY,
            ),
            parameters={**DAY, "dimension": "source"},
        ),
        Example(
            "unknownModel",
            "An unknown model",
            {"error": f"model must be one of {', '.join(Model)}"},
            400,
            parameters={**DAY, "model": "data_driven"},
        ),
    ),
)
_AVERAGE: Final = {"type": ["number", "null"], "minimum": 0}
_PATH: Final = object_of(
    {
        "path": list_of(TEXT),
        "payments": COUNT,
        "customers": COUNT,
        "revenue": MONEY,
        "refunds": MONEY,
        "average_days": _AVERAGE,
        "average_visits": _AVERAGE,
    }
)
_PATH_META: Final = {name: value for name, value in _OF_DAY.items() if name != "model"}

PATHS: Final = read_operation(
    operation_id="revenuePaths",
    summary="The most common paths before paying",
    description=(
        "The touches before payments, earliest first, as values of a dimension; a value that follows itself is shown "
        "once. `average_days` is the time from the first touch to the payment, `average_visits` how many touches there "
        "were. A payment without a touch has an empty path. With filters, a touch of the path must pass them all. "
        f"{FILTERS} {LEFT_OUT}"
    ),
    parameters=(
        *WINDOW,
        choice("dimension", OF_TOUCHES, "What is shown of each touch.", "source"),
        *RULES[1:],
        *PAGE,
    ),
    answer=answered(
        "The most common first.",
        list_of(_PATH),
        {
            **WINDOW_META,
            **dict.fromkeys(("timezone", "currency", "dimension"), TEXT),
            "lookback_days": COUNT,
            **PAGE_META,
        },
        beside=WARNING,
    ),
    examples=(
        Example(
            "pathsOfADay",
            "A day by source",
            answer_of(
                [
                    {
                        "path": ["Google"],
                        "payments": 1,
                        "customers": 1,
                        "revenue": 49.0,
                        "refunds": 0.0,
                        "average_days": 0.0,
                        "average_visits": 1.0,
                    },
                    {
                        "path": ["Direct"],
                        "payments": 1,
                        "customers": 1,
                        "revenue": 20.0,
                        "refunds": 10.0,
                        "average_days": 0.0,
                        "average_visits": 1.0,
                    },
                ],
                _PATH_META,
            ),
            parameters={**DAY, "dimension": "source"},
        ),
    ),
)

"""Cohorts of customers, as clients are told of them."""

from typing import Any, Final

from analytics_project.documentation import Example, Parameter
from goals.api.documentation.operations import answered, read_operation
from goals.api.documentation.shared import (
    COUNT,
    DAY,
    DAY_META,
    INCLUDE,
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
    text_parameter,
)
from revenue.api.attribution_filters import OF_TOUCHES, SINGLE_TOUCH_MODELS
from revenue.api.documentation.attribution import FILTERS, LOOKBACK
from revenue.api.documentation.shared import LEFT_OUT, MONEY, MONEY_OR_NULL, WARNING
from stats.query.money.cohorts import MOST_PERIODS

_COUNT_OR_NULL: Final = {"type": ["integer", "null"], "minimum": 0}
_MONTH: Final = object_of(
    {
        "month": COUNT,
        "period": {"type": ["string", "null"], "description": "Its first day, where a cohort is of one month."},
        "is_complete": {"type": "boolean", "description": "Whether it has ended for all customers of the cohort."},
        "customers": _COUNT_OR_NULL,
        "paying_customers": _COUNT_OR_NULL,
        "retention_rate": {"type": ["number", "null"], "minimum": 0, "maximum": 1},
        "cumulative_revenue": MONEY_OR_NULL,
        "revenue_per_customer": MONEY_OR_NULL,
    }
)
_COHORTS: Final = list_of(
    object_of(
        {
            "cohort": TEXT_OR_NULL,
            "customers": COUNT,
            "total_revenue": MONEY,
            "revenue_per_customer": MONEY_OR_NULL,
            "months": list_of(_MONTH),
        }
    )
)
_NOT_BEGUN: Final[dict[str, Any]] = dict.fromkeys(
    ("customers", "paying_customers", "retention_rate", "cumulative_revenue", "revenue_per_customer")
)
_OF_DAY: Final[dict[str, Any]] = {
    **DAY_META,
    "timezone": "UTC",
    "currency": "EUR",
    "by": "month",
    "model": "last_non_direct",
    "lookback_days": 90,
    "periods": 1,
    "total": 1,
    "limit": 100,
    "offset": 0,
}


def _begun(customers: int, revenue: float, per_customer: float) -> dict[str, Any]:
    return {
        "customers": customers,
        "paying_customers": customers,
        "retention_rate": 1.0,
        "cumulative_revenue": revenue,
        "revenue_per_customer": per_customer,
    }


def _by_source(source: str, revenue: float) -> dict[str, Any]:
    month = {"month": 0, "period": None, "is_complete": False, **_begun(1, revenue, revenue)}
    return {
        "cohort": source,
        "customers": 1,
        "total_revenue": revenue,
        "revenue_per_customer": revenue,
        "months": [month],
    }


COHORTS: Final = read_operation(
    operation_id="revenueCohorts",
    summary="What customers have paid since their first payment",
    description=(
        "The customers whose first payment lies in the window, by the month of it, or by where it came from: `by` "
        "names a dimension of the touch that gets the credit for it, null where there is none. A customer is a "
        "`customer_id`, else a visitor. What they paid later counts up to now, whatever `end` is; a refund is taken "
        "from who made the payment that it takes back, one that names no payment from the customer that it names, else "
        "from that of its visitor's latest payment before.\n\n"
        "Months are those of `timezone`, numbered for each customer from that of the first payment, 0. Month n is "
        "about the customers for whom it has begun: how many these are, who of them paid in it, what they had paid by "
        "its end less refunds, and that by customer. Where it has begun for none the numbers are null; while it is in "
        "course for some `is_complete` is false. `total_revenue` is of all months and customers, so over all rows of "
        "all time it is the revenue of all customers. By month every month of the window has a row, in order; else "
        f"the largest revenue is first. {FILTERS} {LEFT_OUT}"
    ),
    parameters=(
        text_parameter(
            "start",
            "When the first payments begin to count, in the forms of `/revenue`. By default the first day of the month "
            "eleven months before that of `end`.",
        ),
        *WINDOW[1:],
        choice("by", ("month", *OF_TOUCHES), "What makes a cohort.", "month"),
        Parameter(
            "periods",
            "query",
            {"type": "integer", "minimum": 0, "maximum": MOST_PERIODS, "default": 12},
            "How many months after the first one are told.",
        ),
        choice(
            "model",
            SINGLE_TOUCH_MODELS,
            "Which touch gets the credit, as in `/revenue/breakdown`.",
            SINGLE_TOUCH_MODELS[0],
        ),
        LOOKBACK,
        *PAGE,
        INCLUDE,
    ),
    answer=answered(
        "The cohorts.",
        _COHORTS,
        {
            **WINDOW_META,
            **dict.fromkeys(("timezone", "currency", "by", "model"), TEXT),
            **dict.fromkeys(("lookback_days", "periods"), COUNT),
            **PAGE_META,
        },
        optional_meta={"unique_visitors": COUNT},
        beside={**WARNING, "previous": _COHORTS},
    ),
    examples=(
        Example(
            "cohortOfADay",
            "A day by month",
            answer_of(
                [
                    {
                        "cohort": "2025-03-01",
                        "customers": 2,
                        "total_revenue": 59.0,
                        "revenue_per_customer": 29.5,
                        "months": [
                            {"month": 0, "period": "2025-03-01", "is_complete": False, **_begun(2, 59.0, 29.5)},
                            {"month": 1, "period": "2025-04-01", "is_complete": False, **_NOT_BEGUN},
                        ],
                    }
                ],
                _OF_DAY,
            ),
            parameters={**DAY, "periods": 1},
        ),
        Example(
            "cohortsBySource",
            "A day by source",
            answer_of(
                [_by_source("Google", 49.0), _by_source("Direct", 10.0)],
                {**_OF_DAY, "by": "source", "periods": 0, "total": 2},
            ),
            parameters={**DAY, "by": "source", "periods": 0},
        ),
        Example(
            "sharedCredit",
            "A model of several touches",
            {"error": f"model must be one of {', '.join(SINGLE_TOUCH_MODELS)}"},
            400,
            parameters={**DAY, "model": "linear"},
        ),
    ),
)

"""Reports of money, as clients are told of them."""

from typing import Any, Final

from analytics_project.documentation import Answer, Example, Parameter, Schema
from goals.api.documentation.operations import answered, read_operation
from goals.api.documentation.shared import (
    COUNT,
    DAY,
    DAY_META,
    EXTRA_META,
    INCLUDE,
    RATE,
    TEXT,
    WINDOW,
    WINDOW_META,
    answer_of,
    choice,
    list_of,
    object_of,
)
from goals.api.requests import INCLUDES
from revenue.api.documentation.shared import LEFT_OUT, MONEY, MONEY_OR_NULL, WARNING

_SUMMARY: Final = object_of({"total_revenue": MONEY, "mrr": MONEY, "conversion_rate": RATE})
_SLICE: Final = object_of(
    {"period": TEXT, "new_revenue": MONEY, "refund_revenue": MONEY},
    {"first_payments": MONEY, "renewals": MONEY, "one_time_repeat": MONEY},
)
_OVERVIEW: Final = object_of(
    {
        "gross_revenue": MONEY,
        "refund_revenue": MONEY,
        "net_revenue": MONEY,
        "payments": COUNT,
        "refunds": COUNT,
        "customers": COUNT,
        "new_customers": COUNT,
        "average_order": MONEY_OR_NULL,
        "revenue_per_visitor": MONEY_OR_NULL,
        "conversion_rate": RATE,
        "mrr": MONEY,
        "arr": MONEY,
        "subscribers": COUNT,
        "arpa": MONEY_OR_NULL,
        "customer_churn_rate": RATE,
        "revenue_churn_rate": RATE,
    }
)
_MOVEMENTS: Final = ("new", "reactivation", "expansion", "contraction", "churn")
_CUSTOMERS: Final = ("customers", "new_customers", "reactivated_customers", "churned_customers")
_BALANCE: Final = object_of(
    {
        "period": TEXT,
        "mrr": MONEY,
        "arr": MONEY,
        **dict.fromkeys(_MOVEMENTS, MONEY),
        **dict.fromkeys(_CUSTOMERS, COUNT),
    }
)
_UTC: Final[dict[str, Any]] = {"timezone": "UTC"}
_NO_MOVEMENT: Final[dict[str, Any]] = {**dict.fromkeys(_MOVEMENTS, 0.0), **dict.fromkeys(_CUSTOMERS, 0)}
_MOVED: Final[dict[str, Any]] = {**_NO_MOVEMENT, "mrr": 49.0, "arr": 588.0, "new": 49.0}

_SPLIT_DAY: Final[dict[str, Any]] = {
    "period": "2025-03-10",
    "new_revenue": 69.0,
    "refund_revenue": 10.0,
    "first_payments": 69.0,
    "renewals": 0.0,
    "one_time_repeat": 0.0,
}


def _numbers(results: Schema, **meta: Schema) -> Answer:
    """Return the answer with these results, of the window before too where it is asked for."""
    beside = {"previous": results, **WARNING}
    return answered("The numbers.", results, {**WINDOW_META, **meta}, optional_meta=EXTRA_META, beside=beside)


def _granularity(words: tuple[str, ...]) -> Parameter:
    return choice("granularity", words, "The length of a bucket.", "day")


REVENUE: Final = read_operation(
    operation_id="revenue",
    summary="What a site earned",
    description=(
        "`total_revenue` is payments less refunds whose time lies in the window; `mrr` a balance at the window's end, "
        f"which does not depend on `start`; `conversion_rate` the share of visitors who paid. {LEFT_OUT}"
    ),
    parameters=(*WINDOW, INCLUDE),
    answer=_numbers(_SUMMARY, timezone=TEXT),
    examples=(
        Example(
            "day",
            "A day",
            answer_of({"total_revenue": 59.0, "mrr": 49.0, "conversion_rate": 0.5}, {**DAY_META, **_UTC}),
            parameters=DAY,
        ),
        Example(
            "unknownZone",
            "An unknown time zone",
            {"error": "timezone must be an IANA time zone name, for example Europe/Paris"},
            400,
            parameters={**DAY, "timezone": "Mars/Olympus"},
        ),
    ),
)
TIMESERIES: Final = read_operation(
    operation_id="revenueTimeseries",
    summary="Revenue over time",
    description=(
        "Every bucket that overlaps the window, in order, zeros included: `new_revenue` is all that came in, renewals "
        "too, `refund_revenue` what was given back. `period` is the bucket's first day, of weeks the Monday; of hours "
        f"the local time with its offset, by which the two hours of an autumn change differ. {LEFT_OUT}"
    ),
    parameters=(
        *WINDOW,
        _granularity(("hour", "day", "week", "month")),
        Parameter(
            "include",
            "query",
            list_of({"type": "string", "enum": [*INCLUDES, "split"]}),
            "`meta` and `previous` as in `/revenue`; `split` adds what `new_revenue` consists of: first payments of "
            "customers, renewals, and further one-time payments.",
        ),
    ),
    answer=_numbers(list_of(_SLICE), granularity=TEXT),
    examples=(
        Example(
            "day",
            "A day, split",
            answer_of([_SPLIT_DAY], {**DAY_META, "granularity": "day"}),
            parameters={**DAY, "include": ["split"]},
        ),
        Example(
            "quarter",
            "An unknown granularity",
            {"error": "granularity must be one of hour, day, week, month"},
            400,
            parameters={**DAY, "granularity": "quarter"},
        ),
    ),
)
OVERVIEW: Final = read_operation(
    operation_id="revenueOverview",
    summary="The figures of a window",
    description=(
        "`average_order` is what came in by payment, `arr` twelve times `mrr`, `arpa` MRR by subscriber. "
        "`customer_churn_rate` is the share of the customers with MRR just before the window who have none at its end, "
        f"`revenue_churn_rate` churn and contraction by the MRR just before. {LEFT_OUT}"
    ),
    parameters=(*WINDOW, INCLUDE),
    answer=_numbers(_OVERVIEW, timezone=TEXT),
    examples=(
        Example(
            "day",
            "A day",
            answer_of(
                {
                    "gross_revenue": 69.0,
                    "refund_revenue": 10.0,
                    "net_revenue": 59.0,
                    "payments": 2,
                    "refunds": 1,
                    "customers": 2,
                    "new_customers": 2,
                    "average_order": 34.5,
                    "revenue_per_visitor": 14.75,
                    "conversion_rate": 0.5,
                    "mrr": 49.0,
                    "arr": 588.0,
                    "subscribers": 1,
                    "arpa": 49.0,
                    "customer_churn_rate": 0.0,
                    "revenue_churn_rate": 0.0,
                },
                {**DAY_META, **_UTC},
            ),
            parameters=DAY,
        ),
    ),
)
MRR: Final = read_operation(
    operation_id="recurringRevenue",
    summary="Recurring revenue and its movements",
    description=(
        "Monthly recurring revenue at the end of each bucket and, customer by customer, what moved it: "
        "`start_mrr` plus new, reactivation and expansion less contraction and churn is `mrr`, bucket after bucket. A "
        "recurring payment counts from its time for one interval and a grace of up to three days, or until the "
        "renewal, a full refund or the end of its subscription. A plan change that also changes the product's name "
        "counts twice until the old period ends, unless both payments carry the same `subscription_id`."
    ),
    parameters=(*WINDOW, _granularity(("day", "week", "month")), INCLUDE),
    answer=_numbers(list_of(_BALANCE), timezone=TEXT, granularity=TEXT, start_mrr=MONEY),
    examples=(
        Example(
            "twoDays",
            "Two days",
            answer_of(
                [
                    {"period": "2025-03-09", "mrr": 0.0, "arr": 0.0, **_NO_MOVEMENT},
                    {"period": "2025-03-10", **_MOVED, "customers": 1, "new_customers": 1},
                ],
                {**DAY_META, "start": "2025-03-09T00:00:00Z", **_UTC, "granularity": "day", "start_mrr": 0.0},
            ),
            parameters={**DAY, "start": "2025-03-09"},
        ),
    ),
)

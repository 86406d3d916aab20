"""Customers, as clients are told of them."""

from typing import Any, Final

from analytics_project.documentation import Example, Parameter, Schema, error
from goals.api.documentation.operations import answered, read_operation
from goals.api.documentation.shared import (
    COUNT,
    CURSOR_META,
    CURSOR_PAGE,
    DEVICE_OR_NULL,
    INSTANT,
    SITE_ID,
    TEXT,
    TEXT_OR_NULL,
    WINDOW,
    answer_of,
    choice,
    list_of,
    object_of,
    text_parameter,
)
from revenue.api.attribution_filters import TOUCH_FILTERS
from revenue.api.documentation.attribution import LOOKBACK
from revenue.api.documentation.payments import STORED, STORED_SALE
from revenue.api.documentation.shared import ID, INTERVALS, LEFT_OUT, MONEY, PAYMENT_TYPES, WARNING
from revenue.customer_services import MOST_SUBSCRIPTIONS, MOST_VISITORS
from stats.query.money.customers import CustomerOrder, PaidWhen

_PAYMENT: Final = object_of(
    {
        "transaction_id": TEXT,
        "paid_at": INSTANT,
        "amount": {"type": "number"},
        "currency": TEXT,
        "payment_type": {"enum": list(PAYMENT_TYPES)},
        "product_name": TEXT_OR_NULL,
    }
)
_TOUCH: Final[Schema] = {
    **object_of(
        {
            "at": INSTANT,
            "source": TEXT,
            "medium": TEXT_OR_NULL,
            "campaign": TEXT_OR_NULL,
            "channel": TEXT,
            "landing_page": TEXT_OR_NULL,
            "country": TEXT_OR_NULL,
            "device_type": DEVICE_OR_NULL,
        }
    ),
    "type": ["object", "null"],
    "description": "The arrival that `model=first_touch` credits the first payment to; null where none is known.",
}
_MEMBERS: Final = {
    "id": {**TEXT, "description": "The `customer_id`, else the visitor's id as it was sent."},
    "customer_id": TEXT_OR_NULL,
    "visitor_ids": {**list_of(TEXT), "description": f"Who paid, at most {MOST_VISITORS}, who paid last first."},
    "gross_revenue": MONEY,
    "refund_revenue": MONEY,
    "net_revenue": MONEY,
    "payment_count": COUNT,
    "refund_count": COUNT,
    "mrr": {**MONEY, "description": "What the customer adds to MRR now."},
    "first_payment": _PAYMENT,
    "last_payment": _PAYMENT,
    "first_touch": _TOUCH,
    "seconds_to_first_payment": {
        "type": ["integer", "null"],
        "minimum": 0,
        "description": "From the first touch to the first payment.",
    },
}
_SUBSCRIPTION: Final = object_of(
    {
        "subscription_id": TEXT_OR_NULL,
        "product_name": TEXT_OR_NULL,
        "interval": {"enum": list(INTERVALS)},
        "mrr": MONEY,
        "transaction_id": TEXT,
        "paid_at": INSTANT,
        "counts_until": INSTANT,
    }
)
_BY_SOURCE: Final = ", ".join(f"`{name}`" for name in TOUCH_FILTERS)
_WHO: Final = (
    "A customer is who has paid something, known by `customer_id`, else by visitor; payments of 0 and refunds alone "
    "make none. Figures are of all time, whatever is filtered. A refund is its payment's customer's; one that is "
    "linked to none, of the customer that it names, else of its visitor's latest payment before. `first_touch` is the "
    "first arrival within `lookback` days before the first payment, as `/revenue/breakdown?model=first_touch` sees it; "
    "`seconds_to_first_payment` is counted from there."
)
_FIRST: Final = {
    "transaction_id": "txn_1",
    "paid_at": "2025-03-10T09:30:00Z",
    "amount": 49.0,
    "currency": "EUR",
    "payment_type": "recurring",
    "product_name": "Pro",
}
_CUSTOMER: Final[dict[str, Any]] = {
    "id": "v_00000000424f9f77",
    "customer_id": None,
    "visitor_ids": ["v_00000000424f9f77"],
    "gross_revenue": 49.0,
    "refund_revenue": 0.0,
    "net_revenue": 49.0,
    "payment_count": 1,
    "refund_count": 0,
    "mrr": 49.0,
    "first_payment": _FIRST,
    "last_payment": _FIRST,
    "first_touch": {
        "at": "2025-03-10T09:00:00Z",
        "source": "Google",
        "medium": None,
        "campaign": None,
        "channel": "Organic Search",
        "landing_page": "/",
        "country": "Estonia",
        "device_type": None,
    },
    "seconds_to_first_payment": 1800,
}

CUSTOMERS: Final = read_operation(
    operation_id="listCustomers",
    summary="Customers and what they came to",
    description=(
        f"{_WHO} The filters are joined by AND; further ones on the first touch are written `source[is]=google.com`, "
        f"with `is`, `is_not`, `contains` or `contains_not`, in any case, for {_BY_SOURCE}. `meta.total` is how many "
        f"customers pass them, `meta.cursor` leads on. {LEFT_OUT}"
    ),
    parameters=(
        text_parameter("customer_id", "Exactly this id."),
        text_parameter("visitor_id", "Customers who paid as this visitor."),
        text_parameter("product_name", "Customers who paid for exactly this product."),
        Parameter("revenue_min", "query", {"type": "number"}, "At least this net revenue, in the reporting currency."),
        *WINDOW,
        choice(
            "window_by",
            PaidWhen,
            "Which payment of a customer has to lie between `start` and `end`; without either of them all customers "
            "are listed.",
            PaidWhen.ANY.value,
        ),
        choice(
            "sort",
            CustomerOrder,
            "What the order is by, the latest or largest first; `revenue` is net.",
            CustomerOrder.LAST_PAYMENT.value,
        ),
        LOOKBACK,
        *CURSOR_PAGE,
    ),
    answer=answered(
        "A page of customers; the cursor is null at the end.",
        list_of(object_of(_MEMBERS)),
        {"currency": TEXT, "sort": {"enum": list(CustomerOrder)}, "total": COUNT, **CURSOR_META},
        beside=WARNING,
    ),
    examples=(
        Example(
            "ofAProduct",
            "Customers of a product",
            answer_of(
                [_CUSTOMER],
                {**SITE_ID, "currency": "EUR", "sort": "last_payment", "total": 1, "limit": 100, "cursor": None},
            ),
            parameters={**SITE_ID, "product_name": "Pro"},
        ),
        Example(
            "noSuchOrder",
            "An unknown order",
            {"error": f"sort must be one of {', '.join(CustomerOrder)}"},
            400,
            parameters={**SITE_ID, "sort": "name"},
        ),
    ),
)
ONE_CUSTOMER: Final = read_operation(
    operation_id="customer",
    summary="One customer, with its payments",
    description=(
        f"{_WHO} Where a `customer_id` and a visitor have the same text, the customer of the `customer_id` is meant. "
        f"`subscriptions` are the payments that count in MRR now, at most {MOST_SUBSCRIPTIONS}; `payments` are the "
        f"customer's payments and refunds as they are stored, newest first, and `meta.cursor` leads to older ones. "
        f"{LEFT_OUT}"
    ),
    parameters=(
        Parameter("customer_id", "path", ID, "The customer's id, or the id of a visitor who paid without one."),
        LOOKBACK,
        *CURSOR_PAGE,
    ),
    answer=answered(
        "The customer; the cursor is null where there are no older payments.",
        object_of({**_MEMBERS, "subscriptions": list_of(_SUBSCRIPTION), "payments": list_of(STORED)}),
        {"currency": TEXT, **CURSOR_META},
        beside=WARNING,
    ),
    not_found=error("There is no such site or customer, or the key does not open the site."),
    examples=(
        Example(
            "subscriber",
            "A customer with a subscription",
            answer_of(
                {
                    **_CUSTOMER,
                    "subscriptions": [
                        {
                            "subscription_id": None,
                            "product_name": "Pro",
                            "interval": "month",
                            "mrr": 49.0,
                            "transaction_id": "txn_1",
                            "paid_at": "2025-03-10T09:30:00Z",
                            "counts_until": "2025-04-13T09:30:00Z",
                        }
                    ],
                    "payments": [STORED_SALE],
                },
                {**SITE_ID, "currency": "EUR", "limit": 100, "cursor": None},
            ),
            parameters={**SITE_ID, "customer_id": "v_00000000424f9f77"},
        ),
        Example(
            "noCustomer",
            "Who never paid",
            {"error": "Customer not found"},
            404,
            parameters={**SITE_ID, "customer_id": "nobody"},
        ),
    ),
)

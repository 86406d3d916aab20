"""Payments, as clients are told of them."""

from typing import Any, Final

from analytics_project.documentation import Example, Parameter, Schema, error
from goals.api.documentation.operations import answered, read_operation, write_operation
from goals.api.documentation.shared import (
    COUNT,
    CURSOR_META,
    CURSOR_PAGE,
    EDITORS,
    FIELD_ERRORS,
    INSTANT,
    SITE_ID,
    TEXT,
    TEXT_OR_NULL,
    VISITOR_ID,
    WINDOW,
    WITHOUT_EVENTS,
    WRONG,
    answer_of,
    choice,
    field_error,
    list_of,
    object_of,
    text_parameter,
    wrong_fields,
)
from revenue.api.documentation.shared import ID, INTERVALS, MONEY_OR_NULL, PAYMENT_TYPES
from revenue.types import Origin

_BODY: Final = object_of(
    {
        "transaction_id": ID,
        "amount": {
            "type": "number",
            "minimum": 0,
            "exclusiveMaximum": 10**12,
            "description": "In major units, with no more decimals than the currency has; a refund is positive too.",
        },
        "currency": {"type": "string", "description": "ISO 4217, in any case."},
        "visitor_id": {
            **VISITOR_ID,
            "description": "The id that the tracker shows, or your own; it need not be known.",
        },
    },
    {
        "payment_type": {"enum": [*PAYMENT_TYPES, None], "default": "one_time"},
        "product_name": TEXT_OR_NULL,
        "paid_at": {"type": ["string", "null"], "description": "When it was paid, UTC without a zone; default now."},
        "interval": {"enum": [*INTERVALS, None], "description": "For recurring payments."},
        "refund_of": {
            "type": ["string", "null"],
            "description": "For refunds: the payment; without it the one with the refund's own id.",
        },
        "subscription_id": TEXT_OR_NULL,
        "customer_id": TEXT_OR_NULL,
        "metadata": {"type": ["object", "null"]},
    },
)
_RECORDED: Final = object_of({"created": {"type": "boolean"}, "transaction_id": TEXT})
STORED: Final = object_of(
    {
        "transaction_id": TEXT,
        "payment_type": {"enum": list(PAYMENT_TYPES)},
        "amount": {"type": "number"},
        "currency": TEXT,
        "converted_amount": MONEY_OR_NULL,
        "reporting_currency": TEXT,
        "exchange_rate": {"type": ["number", "null"]},
        "exchange_rate_on": {"type": ["string", "null"]},
        "paid_at": INSTANT,
        "recorded_at": INSTANT,
        "visitor_id": TEXT_OR_NULL,
        "customer_id": TEXT_OR_NULL,
        "subscription_id": TEXT_OR_NULL,
        "product_name": TEXT_OR_NULL,
        "interval": {"enum": [*INTERVALS, None]},
        "refund_of": TEXT_OR_NULL,
        "metadata": {"type": "object", "additionalProperties": TEXT},
        "origin": {"enum": list(Origin)},
        "counts_as": {"enum": [*INTERVALS, None], "description": "As what it counts in MRR."},
        "counts_until": {"type": ["string", "null"], "description": "Up to when it counts in MRR."},
        "voided_at": TEXT_OR_NULL,
    }
)
_BATCH_ROW: Final = object_of(
    {"status": {"enum": [200, 201, 400, 409]}, "created": {"type": "boolean"}, "transaction_id": TEXT_OR_NULL},
    {"error": TEXT, "errors": FIELD_ERRORS["properties"]["errors"]},
)
_SALE: Final[dict[str, Any]] = {
    "visitor_id": "v_8f3a2b1c",
    "amount": 99.0,
    "currency": "usd",
    "transaction_id": "txn_abc123",
    "payment_type": "recurring",
    "product_name": "Pro Plan",
}
STORED_SALE: Final[dict[str, Any]] = {
    "transaction_id": "txn_1",
    "payment_type": "recurring",
    "amount": 49.0,
    "currency": "EUR",
    "converted_amount": 49.0,
    "reporting_currency": "EUR",
    "exchange_rate": 1,
    "exchange_rate_on": "2025-03-10",
    "paid_at": "2025-03-10T09:30:00Z",
    "recorded_at": "2025-03-10T15:33:00Z",
    "visitor_id": "v_00000000424f9f77",
    "customer_id": None,
    "subscription_id": None,
    "product_name": "Pro",
    "interval": None,
    "refund_of": None,
    "metadata": {},
    "origin": "api",
    "counts_as": "month",
    "counts_until": "2025-04-13T09:30:00Z",
    "voided_at": None,
}
_NAME: Final = Parameter("transaction_id", "path", ID, "The payment's id, percent-encoded.")
_DIRECTION: Final = Parameter(
    "direction",
    "query",
    {"enum": ["payment", "refund"]},
    "Which is meant where a payment and a refund have the same id; by default the payment.",
)
_NO_PAYMENT: Final = error("There is no such site or payment, or the key does not open the site.")
_WRONG_BODY: Final = wrong_fields("The body is wrong; all faults are told.")
_AMOUNT: Final[Schema] = {"type": "number", "minimum": 0}
_FILTERS: Final = (
    text_parameter("transaction_id", "Exactly this id."),
    text_parameter("visitor_id", "Exactly this id, as it was sent."),
    text_parameter("customer_id", "Exactly this id."),
    text_parameter("subscription_id", "Exactly this id."),
    text_parameter("product_name", "Exactly this name."),
    text_parameter("refund_of", "Refunds that name this payment."),
    text_parameter("currency", "In any case."),
    choice("payment_type", PAYMENT_TYPES, "The type."),
    choice("origin", Origin, "By which way it came in."),
    choice("voided", ("true", "false"), "Whether it was voided."),
    Parameter("amount_min", "query", _AMOUNT, "At least, in the payment's own currency."),
    Parameter("amount_max", "query", _AMOUNT, "At most, in the payment's own currency."),
)

NEW_PAYMENT: Final = write_operation(
    operation_id="recordPayment",
    summary="Record a payment or refund",
    description=(
        "Every number sees it from the answer on. Sent again with the same content it is answered 200 and counts once; "
        "with other content 409, and the stored one stays. Payments and refunds are two number spaces, so a refund may "
        f"carry the id of its payment. Float noise such as 59.97000000000001 is taken as 59.97. {EDITORS}"
    ),
    body=_BODY,
    answers={
        200: answered("It was recorded before.", _RECORDED),
        201: answered("It is recorded.", _RECORDED),
        400: _WRONG_BODY,
        409: error("The id is recorded with other content, or was voided."),
    },
    examples=(
        Example(
            "sale",
            "A payment",
            answer_of({"created": True, "transaction_id": "txn_abc123"}),
            201,
            parameters=SITE_ID,
            body=_SALE,
        ),
        Example(
            "known",
            "A payment that is known already",
            answer_of({"created": False, "transaction_id": "txn_1"}),
            parameters=SITE_ID,
            body={"visitor_id": "v_00000000424f9f77", "amount": 49, "currency": "eur", "transaction_id": "txn_1"},
        ),
        Example(
            "negative",
            "A negative amount",
            field_error("amount", "must not be negative; record a refund with payment_type refund"),
            400,
            parameters=SITE_ID,
            body={**_SALE, "amount": -5},
        ),
        Example(
            "otherAmount",
            "The same id with another amount",
            {"error": "transaction_id 'txn_1' is already recorded with a different amount"},
            409,
            parameters=SITE_ID,
            body={"visitor_id": "v_00000000424f9f77", "amount": 79, "currency": "EUR", "transaction_id": "txn_1"},
        ),
    ),
)
NEW_PAYMENTS: Final = write_operation(
    operation_id="recordPayments",
    summary="Record up to 1,000 payments",
    description=(
        "Each is answered, in order, with the status that it would have had alone; those that are good are recorded "
        f"together. The body may have 4 MiB. {EDITORS}"
    ),
    body=object_of({"payments": {**list_of(_BODY), "minItems": 1, "maxItems": 1000}}),
    answers={
        200: answered(
            "What became of each.",
            list_of(_BATCH_ROW),
            dict.fromkeys(("created", "repeated", "refused"), COUNT),
        ),
        400: _WRONG_BODY,
    },
    examples=(
        Example(
            "two",
            "A good one, and one that is not",
            answer_of(
                [
                    {"status": 201, "created": True, "transaction_id": "txn_abc123"},
                    {
                        "status": 400,
                        "created": False,
                        "transaction_id": "txn_abc124",
                        **field_error("amount", "has more decimals than USD allows (2)"),
                    },
                ],
                {**SITE_ID, "created": 1, "repeated": 0, "refused": 1},
            ),
            parameters=SITE_ID,
            body={"payments": [_SALE, {**_SALE, "transaction_id": "txn_abc124", "amount": 59.975}]},
        ),
    ),
)
LIST_PAYMENTS: Final = read_operation(
    operation_id="listPayments",
    summary="Payments as they are stored",
    description="Newest first, refunds and voided ones too, narrowed by the filters together. `meta.cursor` leads on.",
    parameters=(*WINDOW, *_FILTERS, *CURSOR_PAGE),
    answer=answered("A page of payments; the cursor is null at the end.", list_of(STORED), CURSOR_META),
    refusals=WITHOUT_EVENTS,
    examples=(
        Example(
            "recurring",
            "Recurring payments",
            answer_of([STORED_SALE], {**SITE_ID, "limit": 100, "cursor": None}),
            parameters={**SITE_ID, "payment_type": "recurring"},
        ),
        Example(
            "noCursor",
            "A cursor of another list",
            {"error": "cursor is not a cursor of this list"},
            400,
            parameters={**SITE_ID, "cursor": "eA"},
        ),
    ),
)
ONE_PAYMENT: Final = read_operation(
    operation_id="payment",
    summary="One payment as it is stored",
    description="With its converted amount, the rate and its day, and as what and until when it counts in MRR.",
    parameters=(_NAME, _DIRECTION),
    answer=answered("The payment.", STORED),
    not_found=_NO_PAYMENT,
    refusals=WITHOUT_EVENTS,
    examples=(
        Example(
            "sale",
            "A payment",
            answer_of(STORED_SALE),
            parameters={**SITE_ID, "transaction_id": "txn_1"},
        ),
        Example(
            "unknown",
            "An unknown one",
            {"error": "Payment not found"},
            404,
            parameters={**SITE_ID, "transaction_id": "txn_none"},
        ),
    ),
)
VOID_PAYMENT: Final = write_operation(
    operation_id="voidPayment",
    summary="Void a payment",
    description=(
        "It is kept, marked, and counts nowhere; recording it again is answered 409. Voiding it again changes nothing. "
        f"{EDITORS}"
    ),
    parameters=(_NAME, _DIRECTION),
    answers={
        200: answered("It counts nowhere.", object_of({"voided": {"const": True}, "transaction_id": TEXT})),
        400: WRONG,
        404: _NO_PAYMENT,
    },
    examples=(
        Example(
            "sale",
            "A payment",
            answer_of({"voided": True, "transaction_id": "txn_1"}),
            parameters={**SITE_ID, "transaction_id": "txn_1"},
        ),
    ),
)

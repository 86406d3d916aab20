"""Products, as clients are told of them."""

from typing import Final

from analytics_project.documentation import Example, Schema
from goals.api.documentation.operations import answered, write_operation
from goals.api.documentation.shared import (
    COUNT,
    EDITORS,
    SITE_ID,
    TEXT,
    answer_of,
    field_error,
    object_of,
    wrong_fields,
)
from revenue.api.documentation.shared import ID, INTERVALS

_INTERVAL: Final[Schema] = {"enum": [*INTERVALS, None]}

PRODUCT: Final = write_operation(
    operation_id="declareProduct",
    summary="Declare the interval of a product",
    description=(
        "For how long a recurring payment of that product pays where it does not carry an `interval` itself; null "
        "takes it back. Its payments are counted anew in MRR. Without either, the gap to the customer's payment before "
        f"or after tells the interval, else it is a month. {EDITORS}"
    ),
    body=object_of({"product_name": ID, "interval": _INTERVAL}),
    answers={
        200: answered(
            "What holds now, and how many payments count differently.",
            object_of({"product_name": TEXT, "interval": _INTERVAL, "changed_payments": COUNT}),
        ),
        400: wrong_fields("The body is wrong."),
    },
    examples=(
        Example(
            "yearly",
            "A plan that is paid by the year",
            answer_of({"product_name": "Team", "interval": "year", "changed_payments": 0}),
            parameters=SITE_ID,
            body={"product_name": "Team", "interval": "year"},
        ),
        Example(
            "unknownInterval",
            "An unknown interval",
            field_error("interval", f"must be one of {', '.join(INTERVALS)}"),
            400,
            parameters=SITE_ID,
            body={"product_name": "Team", "interval": "decade"},
        ),
    ),
)

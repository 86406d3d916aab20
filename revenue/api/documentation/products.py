"""Products, as clients are told of them."""

from typing import Final

from analytics_project.documentation import JSON, Answer, Example, Schema, operation
from goals.api.documentation.shared import (
    COUNT,
    FIELD_ERRORS,
    NO_SITE,
    ONLY_READS,
    SITE,
    TAG,
    TEXT,
    WRITE,
    envelope,
    object_of,
)
from revenue.api.documentation.shared import ID, INTERVALS, SITE_ID

_INTERVAL: Final[Schema] = {"enum": [*INTERVALS, None]}

PRODUCT: Final = operation(
    operation_id="declareProduct",
    tag=TAG,
    summary="Declare the interval of a product",
    description=(
        "For how long a recurring payment of that product pays where it does not carry an `interval` itself; null "
        "takes it back. Its payments are counted anew in MRR. Without either, the gap to the customer's payment before "
        "or after tells the interval, else it is a month. The key needs the role owner, admin or editor."
    ),
    parameters=(SITE,),
    body={JSON: object_of({"product_name": ID, "interval": _INTERVAL})},
    answers={
        200: Answer(
            "What holds now, and how many payments count differently.",
            {
                JSON: envelope(
                    object_of({"product_name": TEXT, "interval": _INTERVAL, "changed_payments": COUNT}),
                    object_of({"site_id": TEXT}),
                )
            },
        ),
        400: Answer("The body is wrong.", {JSON: FIELD_ERRORS}),
        403: ONLY_READS,
        404: NO_SITE,
    },
    refusals=WRITE,
    examples=(
        Example(
            "yearly",
            "A plan that is paid by the year",
            {
                "results": {"product_name": "Team", "interval": "year", "changed_payments": 0},
                "meta": {**SITE_ID},
            },
            parameters=SITE_ID,
            body={"product_name": "Team", "interval": "year"},
        ),
        Example(
            "unknownInterval",
            "An unknown interval",
            {
                "error": "interval must be one of day, week, month, quarter, half_year, year",
                "errors": {"interval": ["must be one of day, week, month, quarter, half_year, year"]},
            },
            400,
            parameters=SITE_ID,
            body={"product_name": "Team", "interval": "decade"},
        ),
    ),
)

"""The operation by which payment providers report."""

from typing import Final

from analytics_project.documentation import (
    JSON,
    METHOD_NOT_ALLOWED,
    PUBLIC,
    Answer,
    Example,
    Parameter,
    error,
    operation,
)
from goals.api.documentation.shared import TAG, TEXT, object_of
from revenue.providers.types import Provider

_TOKEN: Final = "8yqLJm3kT0f2Wc5vRz1bNd7hXs9uPa4g"  # noqa: S105 - it names nothing
_RECEIVED: Final = object_of({"received": {"const": True}})

RECEIVE: Final = operation(
    operation_id="receiveWebhook",
    tag=TAG,
    summary="Take an event of a payment provider",
    description=(
        "The address is shown in the admin, at the connection of a site with a provider. No key: the body must be "
        "signed in the provider's own way with the secret entered there. A genuine event is answered once it is kept, "
        "and recorded as a payment, a refund or the end of a subscription right behind the answer. Repeats and events "
        "of no interest are answered alike and change nothing."
    ),
    security=PUBLIC,
    parameters=(
        Parameter("provider", "path", {"type": "string", "enum": list(Provider)}, "Who reports."),
        Parameter("token", "path", TEXT, "Names the connection."),
    ),
    body={JSON: {"type": "object", "description": "An event in the provider's own shape."}},
    answers={
        200: Answer("Genuine: kept, known already, or of no interest.", {JSON: _RECEIVED}),
        400: error("The signature is missing, wrong or too old, or the body is no event. Nothing is kept."),
        404: error("No connection has this address, or it is switched off."),
        413: error("The body is larger than 2,000,000 bytes."),
        503: error("The secrets of this connection cannot be read, since SECRET_KEY was changed. Nothing is kept."),
    },
    refusals=(METHOD_NOT_ALLOWED,),
    examples=(
        Example(
            "unknownWebhook",
            "An address that no connection has",
            {"error": "There is no such webhook"},
            status=404,
            parameters={"provider": "stripe", "token": _TOKEN},
            body={"id": "evt_1", "type": "invoice.paid"},
        ),
    ),
)

"""What several operations about money say in the same words."""

from collections.abc import Mapping
from typing import Any, Final

from analytics_project.documentation import Parameter, Schema
from goals.api.documentation.shared import COUNT, INSTANT, TEXT

MONEY: Final[Schema] = {"type": "number", "description": "Exact, in the site's reporting currency."}
MONEY_OR_NULL: Final[Schema] = {"type": ["number", "null"]}
ID: Final[Schema] = {"type": "string", "minLength": 1, "maxLength": 255}
INTERVALS: Final = ("day", "week", "month", "quarter", "half_year", "year")
PAYMENT_TYPES: Final = ("one_time", "recurring", "refund")
SITE_ID: Final[Mapping[str, Any]] = {"site_id": "shop.example"}
DAY: Final[Mapping[str, Any]] = {**SITE_ID, "start": "2025-03-10", "end": "2025-03-10"}
DAY_META: Final[Mapping[str, Any]] = {**SITE_ID, "start": "2025-03-10T00:00:00Z", "end": "2025-03-10T23:59:59Z"}
META: Final[Mapping[str, Schema]] = {"site_id": TEXT, "start": INSTANT, "end": INSTANT}
EXTRA_META: Final[Mapping[str, Schema]] = {
    "timezone": TEXT,
    "currency": TEXT,
    "unique_visitors": COUNT,
    "total": COUNT,
}
WARNING: Final[Mapping[str, Schema]] = {
    "warning": {"type": "string", "description": "What is left out of the money for want of an exchange rate."}
}
LEFT_OUT: Final = (
    "Every payment is converted at the rate of its UTC day, or of the nearest earlier one up to 7 days back; a payment "
    "without a rate is left out and announced in `warning`."
)


def answer_of(results: object, meta: Mapping[str, Any]) -> dict[str, Any]:
    """Return the body of an example."""
    return {"results": results, "meta": dict(meta)}


def granularity(words: tuple[str, ...]) -> Parameter:
    return Parameter(
        "granularity", "query", {"type": "string", "enum": list(words), "default": "day"}, "The length of a bucket."
    )


def include(words: tuple[str, ...], description: str) -> Parameter:
    schema: Schema = {"type": "array", "items": {"type": "string", "enum": list(words)}}
    return Parameter("include", "query", schema, description)

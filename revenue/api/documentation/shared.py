"""What several operations about money say in the same words."""

from collections.abc import Mapping
from typing import Final

from analytics_project.documentation import Schema

MONEY: Final[Schema] = {"type": "number", "description": "Exact, in the site's reporting currency."}
MONEY_OR_NULL: Final[Schema] = {"type": ["number", "null"]}
ID: Final[Schema] = {"type": "string", "minLength": 1, "maxLength": 255}
INTERVALS: Final = ("day", "week", "month", "quarter", "half_year", "year")
PAYMENT_TYPES: Final = ("one_time", "recurring", "refund")
WARNING: Final[Mapping[str, Schema]] = {
    "warning": {"type": "string", "description": "What is left out of the money for want of an exchange rate."}
}
LEFT_OUT: Final = (
    "Every payment is converted at the rate of its UTC day, or of the nearest earlier one up to 7 days back; a payment "
    "without a rate is left out and announced in `warning`."
)

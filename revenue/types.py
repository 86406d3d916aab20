"""Plain values of money."""

from iso4217 import Currency

_CODES = frozenset(currency.code for currency in Currency)


def is_currency(code: str) -> bool:
    """Tell whether `code` is an ISO 4217 alphabetic code, upper case exactly."""
    return code in _CODES

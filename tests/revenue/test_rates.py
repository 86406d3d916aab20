"""Conversion against rates read off the bank's own table; days are real ones in the packaged file."""

from datetime import date, timedelta
from decimal import Decimal

import pytest

from revenue.rates import convert, last_published_day, rate

FRIDAY = date(2014, 3, 28)  # 1 EUR = 1.3759 USD = 140.9 JPY


def test_convert_from_and_to_the_euro_uses_the_published_rate() -> None:
    assert convert(Decimal("100"), "EUR", "USD", FRIDAY) == Decimal("137.59")
    back = convert(Decimal("137.59"), "USD", "EUR", FRIDAY)
    assert back is not None
    assert abs(back - 100) < Decimal("1E-28")


def test_convert_between_others_goes_through_the_euro_exactly() -> None:
    converted = convert(Decimal("1375.90"), "USD", "JPY", FRIDAY)
    assert isinstance(converted, Decimal)
    assert abs(converted - 140900) < Decimal("1E-26")


def test_convert_on_a_weekend_takes_the_friday_before() -> None:
    for day in (FRIDAY + timedelta(days=1), FRIDAY + timedelta(days=2)):
        assert rate("EUR", "USD", day) == Decimal("1.3759")
    assert rate("EUR", "USD", FRIDAY + timedelta(days=3)) != Decimal("1.3759")


def test_convert_after_the_newest_day_takes_the_newest() -> None:
    newest = last_published_day()
    assert rate("EUR", "USD", newest + timedelta(days=400)) == rate("EUR", "USD", newest) != None  # noqa: E711


def test_convert_takes_no_rate_older_than_seven_days() -> None:
    last_of_kuna = date(2022, 12, 30)
    assert rate("HRK", "EUR", last_of_kuna) is not None
    assert rate("HRK", "EUR", last_of_kuna + timedelta(days=7)) == rate("HRK", "EUR", last_of_kuna)
    assert rate("HRK", "EUR", last_of_kuna + timedelta(days=8)) is None
    assert convert(Decimal(1), "HRK", "EUR", date(2030, 1, 1)) is None


@pytest.mark.parametrize("currency", ["KWD", "XXX", "usd", "", "Date", "EURO", "\0"])
def test_convert_without_a_rate_is_none_both_ways(currency: str) -> None:
    assert convert(Decimal(1), currency, "EUR", FRIDAY) is None
    assert convert(Decimal(1), "EUR", currency, FRIDAY) is None


def test_convert_before_the_first_day_is_none() -> None:
    assert convert(Decimal(1), "USD", "EUR", date(1999, 1, 4)) is not None
    assert convert(Decimal(1), "USD", "EUR", date(1999, 1, 3)) is None
    assert convert(Decimal(1), "EUR", "USD", date.min) is None


@pytest.mark.parametrize("currency", ["EUR", "KWD"])
def test_convert_to_itself_changes_nothing(currency: str) -> None:
    assert convert(Decimal("12.345"), currency, currency, date(1970, 1, 1)) == Decimal("12.345")


@pytest.mark.parametrize("amount", ["0", "-5.10", "0.001"])
def test_convert_keeps_zero_and_sign(amount: str) -> None:
    assert convert(Decimal(amount), "EUR", "USD", FRIDAY) == Decimal(amount) * Decimal("1.3759")


@pytest.mark.parametrize("amount", ["NaN", "Infinity", "-Infinity", "9E+999999"])
def test_convert_of_what_is_no_amount_is_none(amount: str) -> None:
    assert convert(Decimal(amount), "EUR", "JPY", FRIDAY) is None

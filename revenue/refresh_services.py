"""Rates that come in after the package: published ones, and those that an operator enters."""

from collections.abc import Sequence
from typing import Final

from accounts.records import Who, save_record, write_audit
from revenue.conversion_services import convert_waiting
from revenue.models import ExchangeRate, RateSource
from revenue.published_rates import PublishedRate
from revenue.rates import BASE_CURRENCY
from revenue.types import decimals_of

ROWS_AT_ONCE: Final = 1_000


def store_published(rates: Sequence[PublishedRate]) -> int:
    """Store published rates in place of older ones, but never of an operator's; return how many payments they serve.

    Payments keep the rate at which they were converted; those that had none are converted now.
    """
    known = [one for one in rates if one.currency != BASE_CURRENCY and decimals_of(one.currency) is not None]
    for start in range(0, len(known), ROWS_AT_ONCE):
        chunk = known[start : start + ROWS_AT_ONCE]
        entered = set(
            ExchangeRate.objects.filter(
                source_currency=BASE_CURRENCY, on__in={one.on for one in chunk}, origin=RateSource.OPERATOR.value
            ).values_list("target_currency", "on")
        )
        ExchangeRate.objects.bulk_create(
            [
                ExchangeRate(
                    source_currency=BASE_CURRENCY,
                    target_currency=one.currency,
                    on=one.on,
                    rate=one.per_euro,
                    origin=RateSource.PUBLISHED.value,
                )
                for one in {(one.currency, one.on): one for one in chunk}.values()
                if (one.currency, one.on) not in entered
            ],
            update_conflicts=True,
            unique_fields=["source_currency", "target_currency", "on"],
            update_fields=["rate", "origin", "updated_at"],
        )
    return convert_waiting()


def save_rate(record: ExchangeRate, *, who: Who | None) -> int:
    """Store a rate that an operator enters or corrects; return how many payments it serves. Raises: InvalidRequest."""
    verb = "create" if record.pk is None else "update"
    record.origin = RateSource.OPERATOR.value
    save_record(record)
    write_audit(who, f"exchangerate.{verb}", record)
    return convert_waiting()


def delete_rate(record: ExchangeRate, *, who: Who | None) -> None:
    """Forget a rate; payments that used it keep what they came to."""
    write_audit(who, "exchangerate.delete", record)
    record.delete()

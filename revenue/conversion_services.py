"""Payments in the site's reporting currency: at the rate of their day, anew when the currency or the rates change.

A rate that was used stays with its payment. Only a change of the site's reporting currency computes all anew, from the
original amounts; a rate that comes in later serves payments that had none.
"""

from datetime import UTC
from typing import Final

from django.db import transaction
from django.db.models import F

from accounts.models import Site
from accounts.selectors import site_ref
from accounts.types import SiteRef
from revenue.ledger_services import Changes, lock_ledger
from revenue.models import Ledger, Payment
from revenue.rate_services import RateBook
from revenue.types import from_micros

CONVERTED_AT_ONCE: Final = 2_000


def convert_payment(payment: Payment, currency: str, rates: RateBook) -> None:
    """Set what a payment is in a currency at the rate of its day; nothing where there is no rate."""
    found = rates.find(payment.currency, currency, payment.paid_at.astimezone(UTC).date())
    payment.reporting_currency = currency
    payment.converted = None if found is None else rates.convert(from_micros(payment.amount_micros), found.rate)
    if found is None or payment.converted is None:
        payment.rate = payment.rate_on = None
    else:
        payment.rate, payment.rate_on = found.rate, found.on


@transaction.atomic
def convert_some(site: SiteRef) -> int:
    """Convert the next payments to the site's reporting currency, 2,000 at most; return how many, 0 when all are.

    Raises: NotFound for a site deleted just now.
    """
    if not Ledger.objects.filter(site=site.id).exclude(currency=F("site__currency")).exists():
        return 0
    ledger = lock_ledger(site)
    changes, rates, currency = Changes(ledger), RateBook(), ledger.site.currency
    # What was converted has the latest revisions, so what is left comes first.
    left = Payment.objects.filter(site=site.id).exclude(reporting_currency=currency).order_by("revision")
    for payment in left[:CONVERTED_AT_ONCE]:
        convert_payment(payment, currency, rates)
        changes.add_changed(payment)
    rates.keep()
    if converted := changes.write():
        return converted
    ledger.currency = currency
    ledger.save(update_fields=["currency"])
    return 0


def convert_waiting() -> int:
    """Convert payments that had no rate and now have one, on all sites; return how many."""
    sites = Site.objects.filter(pk__in=Payment.objects.filter(rate=None).values("site"))
    return sum(_convert_waiting(site_ref(site)) for site in sites)


def _convert_waiting(site: SiteRef) -> int:
    converted, last = 0, 0
    while True:
        with transaction.atomic():
            ledger = lock_ledger(site)
            changes, rates = Changes(ledger), RateBook()
            waiting = Payment.objects.filter(site=site.id, rate=None, pk__gt=last).order_by("pk")
            found = list(waiting[:CONVERTED_AT_ONCE])
            for payment in found:
                convert_payment(payment, ledger.site.currency, rates)
                if payment.rate is not None:
                    changes.add_changed(payment)
            rates.keep()
            converted += changes.write()
        if not found:
            return converted
        last = found[-1].pk

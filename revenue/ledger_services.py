"""The lock under which a site's payments are written, and the revisions by which the mirror finds what was changed."""

from collections.abc import Sequence
from typing import Final

from accounts.models import Site
from accounts.types import SiteRef
from analytics_project.errors import NotFound
from revenue.models import Ledger, Payment

ROWS_AT_ONCE: Final = 500
_WRITTEN: Final = (
    "visitor_id",
    "payer",
    "customer_id",
    "subscription_id",
    "metadata",
    "voided_at",
    "erased_at",
    "reporting_currency",
    "rate",
    "rate_on",
    "converted",
    "refunded_payment",
    "term_interval",
    "covered_until",
    "revision",
)


def lock_ledger(site: SiteRef) -> Ledger:
    """Return the site's ledger, for one transaction at a time. Raises: NotFound for a site deleted just now.

    The lock is that of the site's row, which lets other records refer to the site meanwhile. Whoever locks the site for
    more, such as an erasure, comes first or waits, and never meets a writer of payments halfway.
    """
    record = Site.objects.select_for_update(no_key=True).filter(pk=site.id).first()
    if record is None:
        raise NotFound("Site not found")
    ledger, _ = Ledger.objects.get_or_create(site=record, defaults={"currency": record.currency})
    ledger.site = record
    return ledger


class Changes:
    """Payments that one transaction changes; `write` gives each the next revision and saves all of them."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._changed: dict[int, Payment] = {}

    def add(self, payment: Payment, **values: object) -> None:
        """Set values of a saved payment; nothing happens where they are what they were."""
        if any(getattr(payment, name) != value for name, value in values.items()):
            for name, value in values.items():
                setattr(payment, name, value)
            self.add_changed(payment)

    def add_changed(self, payment: Payment) -> None:
        """Take a saved payment whose values were changed by the caller."""
        self._changed[payment.pk] = payment

    def create(self, payments: Sequence[Payment]) -> None:
        """Insert new payments."""
        for payment in payments:
            payment.revision = self._next_revision()
        Payment.objects.bulk_create(payments, batch_size=ROWS_AT_ONCE)

    def write(self) -> int:
        """Save what was changed, so that it can be read again, and the ledger; return how many payments that were."""
        changed = list(self._changed.values())
        for payment in changed:
            payment.revision = self._next_revision()
        Payment.objects.bulk_update(changed, _WRITTEN, batch_size=ROWS_AT_ONCE)
        self._ledger.save(update_fields=["revision"])
        self._changed = {}
        return len(changed)

    def _next_revision(self) -> int:
        self._ledger.revision += 1
        return self._ledger.revision

"""The lock under which a site's payments are written, and the revisions by which the mirror finds what was changed."""

from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Any, Final

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import BigIntegerField, Expression
from django.db.models.sql.compiler import SQLCompiler

from accounts.models import Site
from accounts.types import SiteId, SiteRef
from analytics_project.errors import NotFound
from revenue.models import Ledger, Payment
from revenue.precedence_services import RELATION_COLUMNS, Change, Standing, relate, standing_of

ROWS_AT_ONCE: Final = 500
_RELATED_AT_ONCE: Final = 100  # each row goes through the cases of all; and SQLite may take no more than 999 values
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


class _ByNumber(Expression):
    """The number that goes with each row's id: as `bulk_update` has it, whose conditions cost ten times the update."""

    def __init__(self, numbers: Mapping[int, int | None]) -> None:
        super().__init__(output_field=BigIntegerField())
        self._numbers = numbers

    def as_sql(self, compiler: SQLCompiler, connection: BaseDatabaseWrapper) -> tuple[str, tuple[Any, ...]]:
        cases = "WHEN %s THEN %s " * len(self._numbers)
        # The type, because PostgreSQL takes nothing but NULLs for texts.
        return f"CAST(CASE id {cases}END AS bigint)", tuple(chain.from_iterable(self._numbers.items()))


class Changes:
    """Payments that one transaction changes; `write` gives each the next revision and saves all of them.

    It also settles what came before each payment, and gives the next revision to others of which that changes.
    """

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._changed: dict[int, Payment] = {}
        self._before: dict[int, Standing] = {}
        self._new: list[Payment] = []
        self._uncommitted: set[int] = set()

    def add(self, payment: Payment, **values: object) -> None:
        """Set values of a saved payment; nothing happens where they are what they were."""
        if any(getattr(payment, name) != value for name, value in values.items()):
            self.add_changed(payment)
            for name, value in values.items():
                setattr(payment, name, value)

    def add_changed(self, payment: Payment) -> None:
        """Take a saved payment whose values the caller changes; of those of its `Standing` none was changed so far."""
        self._before.setdefault(payment.pk, standing_of(payment))
        self._changed[payment.pk] = payment

    def create(self, payments: Sequence[Payment]) -> None:
        """Insert new payments, which `write` settles."""
        for payment in payments:
            payment.revision = self._next_revision()
        Payment.objects.bulk_create(payments, batch_size=ROWS_AT_ONCE)
        self._new += payments
        self._uncommitted |= {payment.pk for payment in payments}

    def write(self) -> int:
        """Save what was changed, so that it can be read again, and the ledger; return how many payments that were."""
        changed = list(self._changed.values())
        for payment in changed:
            payment.revision = self._next_revision()
        Payment.objects.bulk_update(changed, _WRITTEN, batch_size=ROWS_AT_ONCE)
        self._settle()
        self._ledger.save(update_fields=["revision"])
        self._changed, self._before, self._new = {}, {}, []
        return len(changed)

    def _settle(self) -> None:
        changes = [Change(payment, self._before[number]) for number, payment in self._changed.items()]
        related = relate(SiteId(self._ledger.pk), self._new, changes, uncommitted=self._uncommitted)
        for payment in related:
            if payment.pk not in self._changed and payment.pk not in self._uncommitted:
                payment.revision = self._next_revision()
        for start in range(0, len(related), _RELATED_AT_ONCE):
            some = related[start : start + _RELATED_AT_ONCE]
            values = {
                name: _ByNumber({payment.pk: getattr(payment, name) for payment in some}) for name in RELATION_COLUMNS
            }
            Payment.objects.filter(pk__in=[payment.pk for payment in some]).update(**values)

    def _next_revision(self) -> int:
        self._ledger.revision += 1
        return self._ledger.revision

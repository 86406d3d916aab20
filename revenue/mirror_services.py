"""Keeps the event store's mirror of payments up: what was written before a read is in its answer.

A payment's revision is taken in the transaction that writes it, so nothing is lost by a crash; whoever has the event
store (every read before it asks, the housekeeping of the serving process) fetches what lies beyond the revision up to
which the mirror is known to be complete. Rows that are fetched twice replace each other.
"""

from decimal import ROUND_HALF_UP, Context, Decimal
from typing import Final

from django.db.models import F

from accounts.models import Site
from accounts.selectors import caller_id_secret, site_ref
from accounts.types import SiteId, SiteRef
from analytics_project.errors import StoreBusy
from revenue.conversion_services import CONVERTED_AT_ONCE, convert_some
from revenue.coverage import MONTHLY_SHARE
from revenue.models import Ledger, Payment
from revenue.types import SIX_DECIMALS, Interval, from_micros
from stats.ingest.visitor import caller_visitor_id, parse_visitor_text
from stats.store.client import EventStore
from stats.store.payments import PaymentRow, insert_payments, merge_payments

ROWS_AT_ONCE: Final = 5_000
MOST_BEFORE_A_READ: Final = 20_000  # about two seconds; what is more is left to the housekeeping
_EXACT: Final = Context(prec=80)


def bring_up_to_date(store: EventStore, site: SiteRef) -> None:
    """Let the mirror hold all that was written of a site's payments before this call, in its present currency.

    Raises: StoreBusy while more is waiting than a request should wait for, such as a large import; StoreUnavailable.
    """
    for _ in range(-(-MOST_BEFORE_A_READ // CONVERTED_AT_ONCE)):
        if not convert_some(site):
            break
    else:
        raise _busy()
    for _ in range(MOST_BEFORE_A_READ // ROWS_AT_ONCE):
        if not mirror_some(store, site.id):
            return
    raise _busy()


def _busy() -> StoreBusy:
    return StoreBusy("Payments of this site are being worked in; ask again in a few seconds", retry_after_s=5)


def work_in_payments(store: EventStore) -> int:
    """Convert and mirror what is waiting of all sites; return how many payments went to the mirror.

    After many, such as an import, the mirror is merged, so that reads need not do it.
    Raises: StoreUnavailable.
    """
    written = 0
    for record in Site.objects.filter(ledger__isnull=False).exclude(ledger__currency=F("currency")):
        while convert_some(site_ref(record)):
            pass
    waiting = Ledger.objects.filter(mirrored_revision__lt=F("revision")).order_by("pk")
    for number in waiting.values_list("site", flat=True):
        while found := mirror_some(store, SiteId(number)):
            written += found
    if written >= ROWS_AT_ONCE:
        merge_payments(store)
    return written


def mirror_some(store: EventStore, site_id: SiteId) -> int:
    """Write the next payments beyond the mirrored revision, 5,000 at most; return how many, 0 when there are none."""
    ledger = Ledger.objects.filter(site=site_id).first()
    if ledger is None or ledger.mirrored_revision >= ledger.revision:
        return 0
    waiting = (
        Payment.objects.filter(site=site_id, revision__gt=ledger.mirrored_revision)
        .select_related("taken_back", "first_payment")
        .order_by("revision")
    )
    payments = list(waiting[:ROWS_AT_ONCE])
    if payments:
        secret = caller_id_secret(site_id)
        insert_payments(store, (_row(payment, secret) for payment in payments))
    # All beyond what was read now was committed later: revisions are given out under the ledger's lock.
    mirrored = payments[-1].revision if payments else ledger.revision
    Ledger.objects.filter(site=site_id, mirrored_revision__lt=mirrored).update(mirrored_revision=mirrored)
    return len(payments)


def _row(payment: Payment, secret: bytes) -> PaymentRow:
    paid_at = int(payment.paid_at.timestamp())
    credited = payment.taken_back if payment.is_refund else payment
    is_recurring = credited is not None and credited.covered_until is not None
    first = payment.first_payment
    return PaymentRow(
        site_id=payment.site_id,
        paid_at=paid_at,
        payment_id=payment.pk,
        version=payment.revision,
        is_refund=payment.is_refund,
        is_recurring=payment.covered_until is not None,
        is_voided=payment.voided_at is not None,
        visitor_id=_number(payment.payer),
        customer_id=customer_number(payment, secret),
        amount=from_micros(payment.amount_micros),
        currency=payment.currency,
        converted=payment.converted,
        monthly_term=monthly_term(payment),
        covered_until=int(payment.covered_until.timestamp()) if payment.covered_until is not None else paid_at,
        interval=payment.term_interval,
        product_name=payment.product_name,
        owner_id=_owner_number(payment, secret),
        credited_payment_id=credited.pk if credited else 0,
        credited_visitor_id=_number(credited.payer) if credited else 0,
        credited_at=int(credited.paid_at.timestamp()) if credited else 0,
        credited_is_recurring=is_recurring,
        credited_currency=credited.currency if credited else "",
        credited_product_name=credited.product_name if credited else "",
        is_renewal=is_recurring and first is not None and first != credited,
        first_payment_id=first.pk if first else 0,
        first_visitor_id=_number(first.payer) if first else 0,
        first_paid_at=int(first.paid_at.timestamp()) if first else 0,
    )


def monthly_term(payment: Payment) -> Decimal:
    """Return what a payment adds to MRR while it counts, at six decimals; 0 for one that never does (contract 2.2)."""
    if payment.converted is None or not payment.term_interval:
        return Decimal(0)
    share = MONTHLY_SHARE[Interval(payment.term_interval)]
    exact = _EXACT.divide(_EXACT.multiply(payment.converted, Decimal(share.numerator)), Decimal(share.denominator))
    return exact.quantize(SIX_DECIMALS, ROUND_HALF_UP, _EXACT)


def customer_number(payment: Payment, secret: bytes) -> int:
    """Return the number of a payment's customer: of `customer_id`, else of who paid (contract 2.6)."""
    if payment.customer_id:
        return customer_id_number(secret, payment.customer_id)
    return _number(payment.payer)


def _owner_number(payment: Payment, secret: bytes) -> int:
    """Return the customer whose money it is: of a refund the one whose linked payment it takes back, else the one whom
    it names, else the one whose latest payment before it takes back."""
    back = payment.taken_back
    if back is not None and (back.pk == payment.refunded_payment_id or not payment.customer_id):
        return customer_number(back, secret)
    return customer_number(payment, secret)


def customer_id_number(secret: bytes, customer_id: str) -> int:
    """Return the number of the customer of a client's `customer_id`."""
    return caller_visitor_id(secret, f"customer\n{customer_id}")


def _number(payer: str) -> int:
    number = parse_visitor_text(payer)
    if number is None:
        raise ValueError(f"{payer!r} is no visitor's number")
    return number

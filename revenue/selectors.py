"""Reads of payments as they are stored."""

from collections.abc import Collection
from typing import Any, Final

from django.db.models import QuerySet

from accounts.types import SiteId
from revenue.models import Payment
from revenue.types import PaymentType, StoredPayment

_PAYMENTS_AT_ONCE: Final = 10_000  # an engine takes some 30,000 parameters in a statement


def payments_of(site_id: SiteId) -> "QuerySet[Payment, Any]":
    """Return the payments and refunds of a site, voided ones too."""
    return Payment.objects.filter(site=site_id)


def payment_named(site_id: SiteId, transaction_id: str, *, is_refund: bool | None = None) -> Payment | None:
    """Return a payment of a site by its id; without a direction the payment goes before the refund."""
    found = payments_of(site_id).filter(transaction_id=transaction_id)
    if is_refund is not None:
        found = found.filter(is_refund=is_refund)
    return found.order_by("is_refund").first()


def payments_numbered(site_id: SiteId, numbers: Collection[int]) -> dict[int, StoredPayment]:
    """Return those payments and refunds of a site that have one of some numbers, by number."""
    wanted = sorted(set(numbers))
    return {
        payment.pk: stored_payment(payment)
        for start in range(0, len(wanted), _PAYMENTS_AT_ONCE)
        for payment in payments_of(site_id).filter(pk__in=wanted[start : start + _PAYMENTS_AT_ONCE])
    }


def stored_payment(payment: Payment) -> StoredPayment:
    """Return the plain value of a record."""
    return StoredPayment(
        transaction_id=payment.transaction_id,
        payment_type=PaymentType(payment.payment_type),
        amount=payment.amount,
        currency=payment.currency,
        converted=payment.converted,
        reporting_currency=payment.reporting_currency,
        rate=payment.rate,
        rate_on=payment.rate_on,
        paid_at=payment.paid_at,
        recorded_at=payment.recorded_at,
        visitor_id=payment.visitor_id,
        payer=payment.payer,
        customer_id=payment.customer_id,
        subscription_id=payment.subscription_id,
        product_name=payment.product_name,
        interval=payment.interval,
        refund_of=payment.refund_of,
        metadata=payment.metadata,
        origin=payment.origin,
        term_interval=payment.term_interval,
        covered_until=payment.covered_until,
        voided_at=payment.voided_at,
    )

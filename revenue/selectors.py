"""Reads of payments as they are stored."""

from typing import Any

from django.db.models import QuerySet

from accounts.types import SiteId
from revenue.models import Payment
from revenue.types import PaymentType, StoredPayment


def payments_of(site_id: SiteId) -> "QuerySet[Payment, Any]":
    """Return the payments and refunds of a site, voided ones too."""
    return Payment.objects.filter(site=site_id)


def payment_named(site_id: SiteId, transaction_id: str, *, is_refund: bool | None = None) -> Payment | None:
    """Return a payment of a site by its id; without a direction the payment goes before the refund."""
    found = payments_of(site_id).filter(transaction_id=transaction_id)
    if is_refund is not None:
        found = found.filter(is_refund=is_refund)
    return found.order_by("is_refund").first()


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

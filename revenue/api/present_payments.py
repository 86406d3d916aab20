"""Payments in the shape of the Goals & Revenue API, as they are stored."""

from goals.api.windows import instant_text
from revenue.types import StoredPayment


def payment_shown(payment: StoredPayment) -> dict[str, object]:
    """Return a payment as it is stored, with what was derived from it (3.4)."""
    return {
        "transaction_id": payment.transaction_id,
        "payment_type": payment.payment_type,
        "amount": payment.amount,
        "currency": payment.currency,
        "converted_amount": payment.converted,
        "reporting_currency": payment.reporting_currency,
        "exchange_rate": payment.rate,
        "exchange_rate_on": None if payment.rate_on is None else payment.rate_on.isoformat(),
        "paid_at": instant_text(payment.paid_at),
        "recorded_at": instant_text(payment.recorded_at),
        "visitor_id": payment.visitor_id or None,
        "customer_id": payment.customer_id or None,
        "subscription_id": payment.subscription_id or None,
        "product_name": payment.product_name or None,
        "interval": payment.interval or None,
        "refund_of": payment.refund_of or None,
        "metadata": dict(payment.metadata),
        "origin": payment.origin,
        "counts_as": payment.term_interval or None,
        "counts_until": None if payment.covered_until is None else instant_text(payment.covered_until),
        "voided_at": None if payment.voided_at is None else instant_text(payment.voided_at),
    }

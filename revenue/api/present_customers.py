"""Customers in the shape of the Goals & Revenue API; every amount is rounded here, once."""

from goals.api.present_goals import device_type_of
from goals.api.windows import instant_text
from revenue.api.present_payments import payment_shown
from revenue.customer_services import CustomerRecord, KnownCustomer, Subscription
from revenue.reports import Report
from revenue.types import StoredPayment
from stats.query.money.customers import FirstTouch

Row = dict[str, object]


def customer_row(report: Report, customer: KnownCustomer) -> Row:
    """Return a customer with what it came to; null where nothing is known."""
    figures = customer.figures
    gross, refunds = report.shown(figures.gross), report.shown(figures.refunded)
    return {
        "id": customer.id,
        "customer_id": customer.customer_id or None,
        "visitor_ids": list(customer.visitors),
        "gross_revenue": gross,
        "refund_revenue": refunds,
        "net_revenue": report.shown(figures.net),
        "payment_count": figures.payments,
        "refund_count": figures.refunds,
        "mrr": report.shown(figures.mrr),
        "first_payment": _payment(customer.first_payment),
        "last_payment": _payment(customer.last_payment),
        "first_touch": None if customer.first_touch is None else _touch(customer.first_touch),
        "seconds_to_first_payment": customer.seconds_to_first_payment,
    }


def customer_record(report: Report, found: CustomerRecord) -> Row:
    """Return one customer with what it is subscribed to and its payments."""
    return {
        **customer_row(report, found.customer),
        "subscriptions": [_subscription(report, one) for one in found.subscriptions],
        "payments": [payment_shown(one) for one in found.records],
    }


def _payment(payment: StoredPayment) -> Row:
    return {
        "transaction_id": payment.transaction_id,
        "paid_at": instant_text(payment.paid_at),
        "amount": payment.amount,
        "currency": payment.currency,
        "payment_type": payment.payment_type,
        "product_name": payment.product_name or None,
    }


def _touch(touch: FirstTouch) -> Row:
    return {
        "at": instant_text(touch.at),
        "source": touch.source,
        "medium": touch.medium or None,
        "campaign": touch.campaign or None,
        "channel": touch.channel,
        "landing_page": touch.landing_page or None,
        "country": touch.country or None,
        "device_type": device_type_of(touch.device),
    }


def _subscription(report: Report, one: Subscription) -> Row:
    payment = one.payment
    return {
        "subscription_id": payment.subscription_id or None,
        "product_name": payment.product_name or None,
        "interval": payment.term_interval,
        "mrr": report.shown(one.mrr),
        "transaction_id": payment.transaction_id,
        "paid_at": instant_text(payment.paid_at),
        "counts_until": None if payment.covered_until is None else instant_text(payment.covered_until),
    }

"""What follows from a change of payments: refunds tied to what they refund, and the time for which payments count."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from accounts.types import SiteId
from revenue.coverage import RecurringPayment, Refund, coverages
from revenue.ledger_services import ROWS_AT_ONCE, Changes
from revenue.models import Payment, ProductInterval, SubscriptionEnd
from revenue.types import Interval, PaymentType


def link_refunds(site_id: SiteId, new: Sequence[Payment], changes: Changes) -> list[Payment]:
    """Tie new refunds to their payments, and refunds that came first to new payments; return the others of each pair.

    A refund names its payment in `refund_of`, else by its own id (contract 1.11).
    """
    refunds = [one for one in new if one.is_refund]
    paid = {one.transaction_id: one for one in new if not one.is_refund}
    named = {one.refund_of or one.transaction_id for one in refunds}
    targets = {
        one.transaction_id: one
        for one in Payment.objects.filter(site=site_id, is_refund=False, transaction_id__in=named)
    }
    # One by one, with no more of a condition than an index has: else SQLite goes over all payments of the site.
    others = Payment.objects.filter(site=site_id, is_refund=True)
    namesakes = [one for one in others.filter(transaction_id__in=paid) if not one.refund_of]
    new_ids = {one.pk for one in new}
    earlier = [
        one
        for one in [*others.filter(refund_of__in=paid), *namesakes]
        if one.refunded_payment_id is None and one.pk not in new_ids
    ]
    for refund in refunds:
        if (payment := targets.get(refund.refund_of or refund.transaction_id)) is not None:
            changes.add(refund, refunded_payment_id=payment.pk)
    for refund in earlier:
        changes.add(refund, refunded_payment_id=paid[refund.refund_of or refund.transaction_id].pk)
    return [*targets.values(), *earlier]


# ---- Coverage --------------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class _Context:
    """Recurring payments of some payers and subscriptions; all of each payer's, all of each subscription's."""

    payments: list[Payment]
    refunds: list[Payment]


def cover(site_id: SiteId, touched: Iterable[Payment], changes: Changes) -> None:
    """Compute anew from when to when the recurring payments count that share payer or subscription with these.

    What was changed before must have been written: it is read from the database.
    """
    concerned = [one for one in touched if one.payment_type != PaymentType.ONE_TIME]
    payers = {one.payer for one in concerned}
    cover_payers(site_id, payers, changes, subscriptions={one.subscription_id for one in concerned} - {""})


def cover_payers(
    site_id: SiteId, payers: Collection[str], changes: Changes, *, subscriptions: Collection[str] = ()
) -> None:
    """Compute the coverage of all recurring payments of some payers, and of some subscriptions, anew."""
    if not payers:
        return
    targets = _recurring(site_id, payers, subscriptions)
    context = _context(site_id, targets, payers, subscriptions)
    found = coverages(
        [_recurring_value(one) for one in context.payments],
        [_refund_value(one) for one in context.refunds],
        declared=_declared(site_id, {one.product_name for one in context.payments}),
        ends=_subscription_ends(site_id, {one.subscription_id for one in context.payments}),
    )
    for payment in targets:
        coverage = found[payment.pk]
        changes.add(payment, term_interval=coverage.interval.value, covered_until=coverage.until)


def _recurring(site_id: SiteId, payers: Collection[str], subscriptions: Collection[str]) -> list[Payment]:
    """Return the recurring payments of some payers and of some subscriptions, each kind found by its index."""
    recurring = Payment.objects.filter(
        site=site_id, payment_type=PaymentType.RECURRING.value, voided_at=None, amount_micros__gt=0
    )
    found = [*recurring.filter(payer__in=payers), *recurring.filter(subscription_id__in=subscriptions)]
    return list({one.pk: one for one in found}.values())


def _context(
    site_id: SiteId, targets: Sequence[Payment], payers: Collection[str], subscriptions: Collection[str]
) -> _Context:
    """Return all that decides about the targets: payments of their payers and subscriptions, and what refunds them."""
    all_payers = {*payers, *(one.payer for one in targets)}
    all_subscriptions = {*subscriptions, *(one.subscription_id for one in targets)} - {""}
    payments = _recurring(site_id, all_payers, all_subscriptions)
    return _Context(payments, _refunds_about(site_id, payments, all_payers))


def _refunds_about(site_id: SiteId, payments: Sequence[Payment], payers: Collection[str]) -> list[Payment]:
    """Return the refunds of some payments, and those of their payers that name none.

    One kind at a time, and those of payments without the site that is theirs anyway: else SQLite goes over all payments
    of the site, which took ten seconds of a million.
    """
    refunds = Payment.objects.filter(is_refund=True, voided_at=None)
    numbers = [one.pk for one in payments]
    found: list[Payment] = []
    for start in range(0, len(numbers), ROWS_AT_ONCE):
        found += refunds.filter(refunded_payment__in=numbers[start : start + ROWS_AT_ONCE])
    return [*found, *refunds.filter(site=site_id, payer__in=payers, refunded_payment=None, refund_of="")]


def _recurring_value(payment: Payment) -> RecurringPayment:
    return RecurringPayment(
        id=payment.pk,
        paid_at=payment.paid_at,
        payer=payment.payer,
        product_name=payment.product_name,
        currency=payment.currency,
        amount=payment.amount_micros,
        interval=Interval(payment.interval) if payment.interval else None,
        subscription_id=payment.subscription_id,
    )


def _refund_value(refund: Payment) -> Refund:
    return Refund(
        id=refund.pk,
        paid_at=refund.paid_at,
        payer=refund.payer,
        currency=refund.currency,
        amount=refund.amount_micros,
        refunds=refund.refunded_payment_id,
    )


def _declared(site_id: SiteId, products: Collection[str]) -> dict[str, Interval]:
    rows = ProductInterval.objects.filter(site=site_id, product_name__in=products)
    return {name: Interval(interval) for name, interval in rows.values_list("product_name", "interval")}


def _subscription_ends(site_id: SiteId, subscriptions: Collection[str]) -> Mapping[str, datetime]:
    rows = SubscriptionEnd.objects.filter(site=site_id, subscription_id__in=subscriptions)
    return dict(rows.values_list("subscription_id", "ends_at"))

"""How money is written: payments recorded once, voided, converted, covered; everything under the site's lock.

All that is derived from payments is written in the transaction that changes them, and every changed row takes the next
revision of the site's ledger, by which the mirror in the event store finds it.
"""

from collections.abc import Sequence
from datetime import datetime

from django.db import transaction

from accounts.records import Who, write_audit
from accounts.types import SiteId, SiteRef
from analytics_project import clock
from analytics_project.errors import NotFound
from revenue.conversion_services import convert_payment
from revenue.coverage_services import cover, cover_payers, link_refunds
from revenue.erasure_services import forget_erased
from revenue.ledger_services import ROWS_AT_ONCE, Changes, lock_ledger
from revenue.models import Payment, ProductInterval, SubscriptionEnd
from revenue.rate_services import RateBook
from revenue.selectors import payment_named
from revenue.types import (
    Interval,
    NewPayment,
    Origin,
    PaymentOutcome,
    PaymentType,
    Recorded,
    to_micros,
)
from stats.ingest.visitor import caller_visitor_id, number_of_visitor, visitor_text

Key = tuple[bool, str]


# ---- Recording -------------------------------------------------------------------------------------------------------
def record_payment(site: SiteRef, sent: NewPayment, *, who: Who | None, origin: Origin = Origin.API) -> PaymentOutcome:
    """Record one payment or refund; of equal ones only the first is. Raises: NotFound for a site deleted just now."""
    return record_payments(site, [sent], who=who, origin=origin)[0]


@transaction.atomic
def record_payments(
    site: SiteRef, sent: Sequence[NewPayment], *, who: Who | None, origin: Origin = Origin.API
) -> tuple[PaymentOutcome, ...]:
    """Record payments in one transaction; each has an outcome of its own, in their order.

    A payment is known by its direction (payment or refund) and its id. Known with the same content it is a repeat, with
    other content, or voided, a conflict; either way the stored one stays. Source: contract 1.11.
    Raises: NotFound for a site deleted just now.
    """
    ledger = lock_ledger(site)
    changes, rates = Changes(ledger), RateBook()
    secret, currency = bytes(ledger.site.caller_id_secret), ledger.site.currency
    now = clock.now().replace(microsecond=0)
    known = _known(site.id, sent)
    new: dict[Key, Payment] = {}
    outcomes = []
    for one in sent:
        key = (one.is_refund, one.transaction_id)
        stored = known.get(key) or new.get(key)
        if stored is None:
            payment = _built(site, one, secret, now, origin)
            convert_payment(payment, currency, rates)
            new[key] = payment
            outcomes.append(PaymentOutcome(one.transaction_id, Recorded.CREATED))
        else:
            differs_in = _difference(stored, one)
            recorded = Recorded.CONFLICT if differs_in else Recorded.REPEATED
            outcomes.append(PaymentOutcome(one.transaction_id, recorded, differs_in))
    if new:
        created = list(new.values())
        forget_erased(site.id, created, now)
        changes.create(created)
        rates.keep()
        touched = [*created, *link_refunds(site.id, created, changes)]
        changes.write()
        cover(site.id, touched, changes)
        changes.write()
        target = created[0] if len(created) == 1 else f"{len(created)} payments"
        write_audit(who, "payment.create", f"{site.domain}: {target}")
    return tuple(outcomes)


def _known(site_id: SiteId, sent: Sequence[NewPayment]) -> dict[Key, Payment]:
    ids = {one.transaction_id for one in sent}
    found = Payment.objects.filter(site=site_id, transaction_id__in=ids)
    return {(payment.is_refund, payment.transaction_id): payment for payment in found}


def payer_of(secret: bytes, sent: NewPayment) -> str:
    """Return the text of the number that stands for who paid: that of the visitor, as the visitor's events have it."""
    if sent.visitor_id:
        return visitor_text(number_of_visitor(secret, sent.visitor_id))
    own = f"customer\n{sent.customer_id}" if sent.customer_id else f"transaction\n{sent.transaction_id}"
    return visitor_text(caller_visitor_id(secret, own))


def _built(site: SiteRef, sent: NewPayment, secret: bytes, now: datetime, origin: Origin) -> Payment:
    return Payment(
        site_id=site.id,
        is_refund=sent.is_refund,
        transaction_id=sent.transaction_id,
        payment_type=sent.kind.value,
        amount_micros=to_micros(sent.amount),
        currency=sent.currency,
        paid_at=sent.paid_at or now,
        has_paid_at=sent.paid_at is not None,
        visitor_id=sent.visitor_id,
        payer=payer_of(secret, sent),
        customer_id=sent.customer_id,
        subscription_id=sent.subscription_id,
        product_name=sent.product_name,
        interval=sent.interval or "",
        refund_of=sent.refund_of,
        metadata=dict(sent.metadata),
        origin=origin.value,
        recorded_at=now,
    )


def _difference(stored: Payment, sent: NewPayment) -> str:
    """Return the first field in which a payment differs from the stored one, empty where the content is the same.

    What the repeat does not say is not compared, nor what was forgotten when a person was erased.
    """
    if stored.voided_at is not None:
        return "voided"
    compared: list[tuple[str, object, object]] = [
        ("amount", to_micros(sent.amount), stored.amount_micros),
        ("currency", sent.currency, stored.currency),
        ("payment_type", sent.payment_type, stored.payment_type),
        ("product_name", sent.product_name, stored.product_name),
        ("interval", sent.interval, stored.interval),
        ("refund_of", sent.refund_of, stored.refund_of),
        ("paid_at", sent.paid_at, stored.paid_at if stored.has_paid_at else None),
    ]
    if stored.erased_at is None:
        compared += [
            ("visitor_id", sent.visitor_id, stored.visitor_id),
            ("subscription_id", sent.subscription_id, stored.subscription_id),
            ("customer_id", sent.customer_id, stored.customer_id),
        ]
    for name, new, old in compared:
        is_said = name == "amount" or (bool(new) and old is not None)
        if is_said and new != old:
            return name
    return ""


# ---- Voiding, products, subscriptions --------------------------------------------------------------------------------
@transaction.atomic
def void_payment(site: SiteRef, transaction_id: str, *, is_refund: bool | None = None, who: Who | None) -> Payment:
    """Take a payment out of all numbers and keep it, marked; once voided it stays as it is.

    Without a direction the payment of that id is meant, and where there is none the refund.
    Raises: NotFound for an unknown one.
    """
    changes = Changes(lock_ledger(site))
    payment = payment_named(site.id, transaction_id, is_refund=is_refund)
    if payment is None:
        raise NotFound("Payment not found", code="unknown_payment")
    if payment.voided_at is None:
        changes.add(payment, voided_at=clock.now().replace(microsecond=0))
        changes.write()
        cover(site.id, [payment, *Payment.objects.filter(refunds=payment.pk)], changes)
        changes.write()
        write_audit(who, "payment.void", f"{site.domain}: {payment}")
    return payment


@transaction.atomic
def declare_interval(site: SiteRef, product_name: str, interval: Interval | None, *, who: Who | None) -> int:
    """Say how long payments for a product pay for where they do not say so themselves; None takes it back.

    All payments for the product are computed anew; returns how many changed by that.
    Raises: NotFound for a site deleted just now.
    """
    changes = Changes(lock_ledger(site))
    declared = ProductInterval.objects.filter(site=site.id, product_name=product_name)
    if interval is None:
        declared.delete()
    else:
        ProductInterval.objects.update_or_create(
            site_id=site.id, product_name=product_name, defaults={"interval": interval.value}
        )
    write_audit(who, "product.interval", f"{site.domain}: {product_name}")
    return recover_product(site.id, product_name, changes)


def recover_product(site_id: SiteId, product_name: str, changes: Changes) -> int:
    """Compute the coverage of all payments for a product anew; return how many changed."""
    changed = 0
    paid = Payment.objects.filter(site=site_id, product_name=product_name, payment_type=PaymentType.RECURRING.value)
    payers = list(paid.order_by("payer").values_list("payer", flat=True).distinct())
    for start in range(0, len(payers), ROWS_AT_ONCE):
        cover_payers(site_id, payers[start : start + ROWS_AT_ONCE], changes)
        changed += changes.write()
    return changed


@transaction.atomic
def end_subscription(site: SiteRef, subscription_id: str, ends_at: datetime) -> None:
    """Let a subscription count until an instant, the end of what was paid for; a later payment takes it up again.

    May come before the subscription's payments. Raises: NotFound for a site deleted just now.
    """
    changes = Changes(lock_ledger(site))
    SubscriptionEnd.objects.update_or_create(
        site_id=site.id, subscription_id=subscription_id, defaults={"ends_at": ends_at.replace(microsecond=0)}
    )
    cover(site.id, Payment.objects.filter(site=site.id, subscription_id=subscription_id), changes)
    changes.write()

"""What a provider's outcomes do to a site's books: the same in any order and however often they come.

All of an event is written or nothing. Payments are written by `revenue.services`; here stands what providers need
beside it: who a customer is, which other names a payment has, and refunds that are told as a total.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from hashlib import sha256

from django.db import transaction
from django.db.models import Q, Sum

from accounts.selectors import caller_id_secret
from accounts.types import SiteRef
from analytics_project.errors import Conflict
from revenue.coverage_services import cover, cover_payers
from revenue.erasure_services import erased_among
from revenue.ledger_services import Changes, lock_ledger
from revenue.models import CustomerVisitor, Payment, PaymentReference, SupersededPayment
from revenue.providers.types import (
    CustomerLinked,
    KnownAs,
    Outcome,
    Paid,
    PaymentNamed,
    RefundedSoFar,
    SubscriptionEnded,
    Superseded,
    Undone,
)
from revenue.services import end_subscription, payer_of, record_payment, void_payment
from revenue.types import NewPayment, Origin, PaymentType, Recorded, from_micros
from stats.ingest.identities import user_number
from stats.ingest.visitor import visitor_text

VOIDED = "voided"


@transaction.atomic
def apply_outcomes(site: SiteRef, outcomes: Sequence[Outcome], identified: Collection[str] = ()) -> None:
    """Write what an event comes to; `identified` are those of `possible_users` whom visitors were identified as.

    Raises: Conflict where a payment is known with another content; NotFound for a site deleted just now.
    """
    lock_ledger(site)  # events of a site one after the other: each sees what the former wrote
    for outcome in outcomes:
        if isinstance(outcome, KnownAs):
            _know(site, outcome, identified)
        else:
            _apply(site, outcome)
    for customer_id in sorted({_customer_of(outcome) for outcome in outcomes} - {""}):
        _settle_customer(site, customer_id)


def _apply(site: SiteRef, outcome: Outcome) -> None:
    match outcome:
        case Paid(payment, references):
            _record(site, payment)
            for reference in references:
                _name(site, reference, payment.transaction_id)
            _tie(site, payment)
        case Undone(payment):
            _record(site, payment)
            void_payment(site, payment.transaction_id, is_refund=True, who=None)
        case RefundedSoFar():
            _refund_the_rest(site, outcome)
        case SubscriptionEnded(subscription_id, ends_at):
            end_subscription(site, subscription_id, ends_at)
        case CustomerLinked():
            _link_customer(site, outcome)
        case PaymentNamed(reference, transaction_id):
            _name(site, reference, transaction_id)
            _link_named(site, [reference])
        case Superseded(transaction_id):
            _supersede(site, transaction_id)


def _record(site: SiteRef, payment: NewPayment) -> None:
    if _is_superseded(site, payment.refund_of if payment.is_refund else payment.transaction_id):
        return
    outcome = record_payment(site, payment, who=None, origin=Origin.PROVIDER)
    if outcome.recorded is Recorded.CONFLICT and outcome.differs_in != VOIDED:
        kind = "refund" if payment.is_refund else "payment"
        raise Conflict(
            f"{kind} {payment.transaction_id} is already recorded with a different {outcome.differs_in}",
            code="payment_differs",
        )


def _tie(site: SiteRef, payment: NewPayment) -> None:
    if payment.is_refund:
        _link_named(site, [payment.refund_of])
        return
    names = PaymentReference.objects.filter(site=site.id, transaction_id=payment.transaction_id)
    _link_named(site, list(names.values_list("reference", flat=True)))


# ---- Other names of a payment ----------------------------------------------------------------------------------------
def _name(site: SiteRef, reference: str, transaction_id: str) -> None:
    PaymentReference.objects.get_or_create(site_id=site.id, reference=reference, transaction_id=transaction_id)


def _link_named(site: SiteRef, references: Collection[str]) -> None:
    """Tie refunds that call their payment by another name to it, as far as both are there."""
    if not references:
        return
    waiting = Payment.objects.filter(site=site.id, is_refund=True, refunded_payment=None, refund_of__in=references)
    refunds = list(waiting.exclude(refund_of=""))
    if not refunds:
        return
    names = PaymentReference.objects.filter(site=site.id, reference__in=references).order_by("transaction_id")
    meant = dict(names.values_list("reference", "transaction_id"))
    paid = Payment.objects.filter(site=site.id, is_refund=False, transaction_id__in=meant.values())
    by_id = {payment.transaction_id: payment for payment in paid}
    changes = Changes(lock_ledger(site))
    for refund in refunds:
        if (payment := by_id.get(meant.get(refund.refund_of, ""))) is not None:
            changes.add(refund, refunded_payment_id=payment.pk)
    changes.write()
    cover(site.id, [*refunds, *by_id.values()], changes)
    changes.write()


# ---- Refunds told as a total -----------------------------------------------------------------------------------------
def _refund_the_rest(site: SiteRef, refunded: RefundedSoFar) -> None:
    """Record what of a payment has been refunded beyond the refunds that are known."""
    known = Payment.objects.filter(site=site.id, is_refund=True, voided_at=None).filter(
        Q(refund_of=refunded.transaction_id) | Q(refund_of="", transaction_id=refunded.transaction_id)
    )
    micros = known.filter(currency=refunded.currency).aggregate(sum=Sum("amount_micros"))["sum"] or 0
    rest = refunded.total - from_micros(micros)
    if rest > 0:
        refund = NewPayment(
            transaction_id=f"{refunded.transaction_id}_refunded_{refunded.total}",
            amount=rest.quantize(refunded.total),
            currency=refunded.currency,
            visitor_id="",
            payment_type=PaymentType.REFUND,
            paid_at=refunded.at,
            refund_of=refunded.transaction_id,
        )
        _record(site, refund)


# ---- Payments that count elsewhere -----------------------------------------------------------------------------------
def _is_superseded(site: SiteRef, transaction_id: str) -> bool:
    return SupersededPayment.objects.filter(site=site.id, transaction_id=transaction_id).exists()


def _supersede(site: SiteRef, transaction_id: str) -> None:
    SupersededPayment.objects.get_or_create(site_id=site.id, transaction_id=transaction_id)
    counted = Payment.objects.filter(site=site.id, voided_at=None).filter(
        Q(is_refund=False, transaction_id=transaction_id) | Q(is_refund=True, refund_of=transaction_id)
    )
    for payment in list(counted):
        void_payment(site, payment.transaction_id, is_refund=payment.is_refund, who=None)


# ---- Who a customer is -----------------------------------------------------------------------------------------------
def _customer_of(outcome: Outcome) -> str:
    match outcome:
        case CustomerLinked():
            return outcome.customer_id
        case KnownAs():
            return outcome.customer_id
        case Paid(payment):
            return payment.customer_id
    return ""


def possible_users(site: SiteRef, outcomes: Iterable[Outcome]) -> frozenset[str]:
    """Return the ids (`v_…`) of the users who the customers of an event may be."""
    secret = caller_id_secret(site.id)
    return frozenset(user for one in outcomes if isinstance(one, KnownAs) for user in _users(secret, one))


def _users(secret: bytes, known: KnownAs) -> list[str]:
    """Return under which ids a customer may be a user, the surest first: the site's own, the address, its SHA-256."""
    digest = sha256(known.email.encode()).hexdigest() if known.email else ""
    numbers = (user_number(secret, text) for text in (known.user_id, known.email, digest))
    return [visitor_text(number) for number in numbers if number is not None]


def _know(site: SiteRef, known: KnownAs, identified: Collection[str]) -> None:
    """Take whom the site knows a customer as: the first whom visitors were identified as, else the site's own id.

    Of the address nothing is kept but its user's number, and that only where visitors have it.
    """
    secret = bytes(lock_ledger(site).site.caller_id_secret)
    own = _users(secret, replace(known, email=""))
    user = next((one for one in _users(secret, known) if one in identified), own[0] if own else "")
    if not user or erased_among(site.id, {user}):
        return
    if known.customer_id:
        CustomerVisitor.objects.get_or_create(
            site_id=site.id,
            customer_id=known.customer_id,
            visitor_id=user,
            seen_at=known.at,
            defaults={"payer": user, "is_user": True},
        )
    else:
        _settle_payment(site, known.transaction_id, user)


def _settle_payment(site: SiteRef, transaction_id: str, payer: str) -> None:
    """Let a payment that names neither visitor nor customer be a user's."""
    unnamed = Payment.objects.filter(site=site.id, visitor_id="", customer_id="", is_refund=False, erased_at=None)
    changes, payers = Changes(lock_ledger(site)), {payer}
    for payment in unnamed.filter(transaction_id=transaction_id):
        payers.add(payment.payer)
        changes.add(payment, payer=payer)
    if changes.write():
        cover_payers(site.id, payers, changes)
        changes.write()


def _link_customer(site: SiteRef, linked: CustomerLinked) -> None:
    payer = payer_of(bytes(lock_ledger(site).site.caller_id_secret), _by(linked.visitor_id))
    if erased_among(site.id, {payer}):
        return
    CustomerVisitor.objects.get_or_create(
        site_id=site.id,
        customer_id=linked.customer_id,
        visitor_id=linked.visitor_id,
        seen_at=linked.at,
        defaults={"payer": payer},
    )


def _settle_customer(site: SiteRef, customer_id: str) -> None:
    """Let payments of a customer that name no visitor be the visitor's that the customer was then.

    That is the latest that was known of the customer at the time, else the earliest after it; where no visitor is
    known, the user. `visitor_id` stays empty, as sent; `payer` says whose the payment is. Source: contract 3.6 (the
    customer's earlier payment, a user), 1.6 (a visitor who turns up later).
    """
    payments = list(Payment.objects.filter(site=site.id, customer_id=customer_id, erased_at=None))
    if all(payment.visitor_id for payment in payments):
        return
    links = CustomerVisitor.objects.filter(site=site.id, customer_id=customer_id)
    known = sorted(
        {
            *((one.paid_at, one.visitor_id) for one in payments if one.visitor_id and not one.is_refund),
            *links.filter(is_user=False).values_list("seen_at", "visitor_id"),
        }
    ) or sorted(links.values_list("seen_at", "visitor_id"))
    if not known:
        return
    ledger = lock_ledger(site)
    secret, changes, payers = bytes(ledger.site.caller_id_secret), Changes(ledger), set()
    for payment in payments:
        if not payment.visitor_id:
            payer = payer_of(secret, _by(_visitor_at(known, payment.paid_at)))
            payers |= {payment.payer, payer} if payment.payer != payer else set()
            changes.add(payment, payer=payer)
    changes.write()
    subscriptions = {payment.subscription_id for payment in payments} - {""}
    cover_payers(site.id, payers, changes, subscriptions=subscriptions)
    changes.write()


def _visitor_at(known: Sequence[tuple[datetime, str]], at: datetime) -> str:
    before: Iterable[tuple[datetime, str]] = (one for one in known if one[0] <= at)
    return max(before, default=known[0])[1]


def _by(visitor_id: str) -> NewPayment:
    return NewPayment(transaction_id="", amount=Decimal(0), currency="", visitor_id=visitor_id)

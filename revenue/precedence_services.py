"""What came before a payment: its customer's first payment, and the payment that a refund takes back.

Both stand with each payment, so that no report has to search for them, and are right whenever a transaction commits.
The mirror's row of a payment tells of these two as well, so a change of one payment may change the rows of others.

Only what a change concerns is looked at, each kind by an index: a statement with more of a condition than an index has
lets SQLite go over all payments of the site.
"""

from bisect import bisect
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import datetime
from itertools import chain
from typing import Any, Final, NamedTuple

from django.db.models import F, Q, QuerySet

from accounts.types import SiteId
from revenue.models import Payment

RELATION_COLUMNS: Final = ("taken_back_id", "first_payment_id", "revision")
_VALUES_AT_ONCE: Final = 500
_READ: Final = (
    "taken_back",
    "first_payment",
    "revision",
    "is_refund",
    "amount_micros",
    "paid_at",
    "payer",
    "customer_id",
    "voided_at",
)
_LINK: Final = ("refunded_payment__is_refund", "refunded_payment__voided_at")
_LATER_THAN_ALL: Final = 2**63


class Customer(NamedTuple):
    """Whose first payment counts: by the client's id for a customer, else by who paid; one of both is empty."""

    customer_id: str
    payer: str


class Standing(NamedTuple):
    """What may change of a payment and decides about others' first payments and what refunds take back."""

    customer: Customer
    payer: str
    is_voided: bool
    is_covered: bool
    refunded_payment_id: int | None


class Change(NamedTuple):
    """A saved payment, and what it was before."""

    payment: Payment
    before: Standing


def standing_of(payment: Payment) -> Standing:
    """Return how a payment stands towards others."""
    return Standing(
        customer=_customer_of(payment),
        payer=payment.payer,
        is_voided=payment.voided_at is not None,
        is_covered=payment.covered_until is not None,
        refunded_payment_id=payment.refunded_payment_id,
    )


def _customer_of(payment: Payment) -> Customer:
    return Customer(payment.customer_id, "" if payment.customer_id else payment.payer)


def relate(
    site_id: SiteId, new: Sequence[Payment], changed: Iterable[Change], *, uncommitted: Collection[int]
) -> list[Payment]:
    """Work out what new and changed payments, which are saved, mean for all of the site; nothing is saved here.

    Returns whatever the mirror would have another row of: with both relations set, and the revision it has. Among them
    are not those whose own change is the only one. `uncommitted` are the ids of payments made in this transaction:
    whatever refers to one of them got its revision in it, too.
    """
    changed = [change for change in changed if standing_of(change.payment) != change.before]
    paid = [change for change in changed if not change.payment.is_refund]
    # Who paid, or that it recurs: this is told in the rows of what refers to a payment, too.
    told = {
        payment.pk
        for payment, before in paid
        if (payment.payer, payment.covered_until is not None) != (before.payer, before.is_covered)
    }
    payments = _settle_firsts(site_id, [one for one in new if not one.is_refund], paid)
    told = (told - set(uncommitted)) | (payments.keys() - {one.pk for one in new})
    refunds = {one.pk: one for one in _refunds_concerned(site_id, new, changed)}
    settled = {number: (one.taken_back_id, one.first_payment_id) for number, one in refunds.items()}
    _settle_taken_back(site_id, refunds.values())
    for refund in _some(Payment.objects.filter(is_refund=True).only(*_READ), "taken_back", told):
        settled.setdefault(refund.pk, (refund.taken_back_id, refund.first_payment_id))
        refunds.setdefault(refund.pk, refund)
    _take_over_firsts(refunds.values(), payments)
    differing = (
        refund
        for refund in refunds.values()
        if refund.taken_back_id in told or (refund.taken_back_id, refund.first_payment_id) != settled[refund.pk]
    )
    return [*payments.values(), *differing]


# ---- First payments --------------------------------------------------------------------------------------------------
def _settle_firsts(site_id: SiteId, new: Iterable[Payment], changed: Iterable[Change]) -> dict[int, Payment]:
    """Set the first payment of each customer concerned; return the payments that have another, or one renamed."""
    moved, renamed = set(), set()
    for payment, before in changed:
        now = standing_of(payment)
        if (now.customer, now.payer, now.is_voided) != (before.customer, before.payer, before.is_voided):
            moved |= {before.customer, now.customer}
        if now.payer != before.payer:
            renamed.add(payment.pk)
    arrived = {_customer_of(payment) for payment in new} - moved
    # A new payment is to be compared with the first one alone, which is its own; and all are read where it is earlier.
    # Asked apart, for each has an index: a customer may be a shop's guest, with all of the site's payments.
    firsts = _payments_of(site_id, arrived, Q(first_payment=F("pk")))
    groups = _by_customer(chain(firsts, _payments_of(site_id, arrived, Q(first_payment=None))))
    overtaken = {
        customer
        for customer, group in groups.items()
        if any(one.first_payment_id not in {None, _first_of(group)} for one in group)
    }
    groups |= _by_customer(_payments_of(site_id, moved | overtaken))
    differing = {}
    for group in groups.values():
        first = _first_of(group)
        for payment in group:
            if payment.first_payment_id != first or first in renamed:
                payment.first_payment_id = first
                differing[payment.pk] = payment
    return differing


def _payments_of(site_id: SiteId, customers: Collection[Customer], more: Q | None = None) -> Iterator[Payment]:
    paid = Payment.objects.filter(more or Q(), site=site_id, is_refund=False).only(*_READ)
    yield from _some(paid.exclude(customer_id=""), "customer_id", {one.customer_id for one in customers} - {""})
    yield from _some(paid.filter(customer_id=""), "payer", {one.payer for one in customers} - {""})


def _by_customer(payments: Iterable[Payment]) -> dict[Customer, list[Payment]]:
    groups = defaultdict(list)
    for payment in payments:
        groups[_customer_of(payment)].append(payment)
    return groups


def _first_of(payments: Iterable[Payment]) -> int | None:
    """Return the id of the earliest that counts; of several at an instant the one that was recorded first."""
    counting = ((one.paid_at, one.pk) for one in payments if one.voided_at is None and one.amount_micros > 0)
    return min(counting, default=(None, None))[1]


# ---- What refunds take back ------------------------------------------------------------------------------------------
def _refunds_concerned(site_id: SiteId, new: Iterable[Payment], changed: Iterable[Change]) -> Iterator[Payment]:
    """Yield refunds that may take back another payment than before, some twice."""
    own, freed, payers = set(), set(), set()
    instants = []
    for payment in new:
        if payment.is_refund:
            own.add(payment.pk)
        elif payment.amount_micros > 0:
            payers.add(payment.payer)
            instants.append(payment.paid_at)
    for payment, before in changed:
        now = standing_of(payment)
        is_moved, is_switched = now.payer != before.payer, now.is_voided != before.is_voided
        if payment.is_refund and (is_moved or now.refunded_payment_id != before.refunded_payment_id):
            own.add(payment.pk)
        elif not payment.is_refund and (is_moved or is_switched):
            payers |= {now.payer, before.payer}
            instants.append(payment.paid_at)
            freed |= {payment.pk} if is_switched else set()
    refunds = Payment.objects.filter(is_refund=True).select_related("refunded_payment")
    refunds = refunds.only(*_READ, "refunded_payment", *_LINK)
    yield from _some(refunds, "pk", own)
    yield from _some(refunds, "refunded_payment", freed)
    if instants:
        yield from _some(refunds.filter(site=site_id, paid_at__gte=min(instants)), "payer", payers)


def _settle_taken_back(site_id: SiteId, refunds: Collection[Payment]) -> None:
    """Set what refunds take back: the payment they are linked to if it counts, else the latest of the same payer."""
    unlinked = [refund for refund in refunds if not _is_linked(refund)]
    earlier = _places(site_id, {refund.payer for refund in unlinked})
    for refund in refunds:
        refund.taken_back_id = refund.refunded_payment_id
    for refund in unlinked:
        places = earlier[refund.payer]
        after = bisect(places, (refund.paid_at, _LATER_THAN_ALL))
        refund.taken_back_id = places[after - 1][1] if after else None


def _is_linked(refund: Payment) -> bool:
    payment = refund.refunded_payment
    return payment is not None and payment.voided_at is None and not payment.is_refund


def _places(site_id: SiteId, payers: Collection[str]) -> defaultdict[str, list[tuple[datetime, int]]]:
    """Return time and id of all payments of some payers that count, in order."""
    counting = Payment.objects.filter(site=site_id, is_refund=False, voided_at=None, amount_micros__gt=0)
    places = defaultdict(list)
    for payment in _some(counting.only("payer", "paid_at"), "payer", payers):
        places[payment.payer].append((payment.paid_at, payment.pk))
    for found in places.values():
        found.sort()
    return places


def _take_over_firsts(refunds: Collection[Payment], settled: dict[int, Payment]) -> None:
    """Set refunds' first payments: of what they take back, as settled just now, else as it is stored."""
    numbers = {refund.taken_back_id for refund in refunds if refund.taken_back_id is not None}
    stored = _some(Payment.objects.only("first_payment"), "pk", numbers - settled.keys())
    firsts = {payment.pk: payment.first_payment_id for payment in (*stored, *settled.values())}
    for refund in refunds:
        refund.first_payment_id = None if refund.taken_back_id is None else firsts.get(refund.taken_back_id)


def _some(payments: "QuerySet[Payment, Any]", name: str, values: Collection[Any]) -> Iterator[Payment]:
    """Yield the payments that have one of some values, as many values a statement as any engine takes."""
    wanted = sorted(values)
    for start in range(0, len(wanted), _VALUES_AT_ONCE):
        yield from payments.filter(**{f"{name}__in": wanted[start : start + _VALUES_AT_ONCE]})

"""A visitor who is erased leaves anonymous money: nothing in the payments tells whose they were (contract 3.4)."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from secrets import randbits, token_hex
from typing import Any

from django.db import transaction
from django.db.models import Q

from accounts.models import Site
from accounts.selectors import site_ref
from accounts.types import SiteId
from analytics_project import clock
from revenue.coverage_services import cover
from revenue.ledger_services import Changes, lock_ledger
from revenue.models import CustomerVisitor, Payment, ProviderEvent, SubscriptionEnd
from stats.ingest.visitor import visitor_text
from stats.models import Erasure, ErasureKind


def forget_payments(instance: Erasure, **_signal: Any) -> None:
    """Make the payments of a visitor who is to be erased anonymous, in the transaction that asks for it."""
    site = Site.objects.filter(pk=instance.site_number).first()
    if instance.kind == ErasureKind.VISITOR and instance.finished_at is None and site is not None:
        with transaction.atomic():
            changes = Changes(lock_ledger(site_ref(site)))
            forgotten = list(Payment.objects.filter(site=site, payer=instance.visitor))
            left = list(_sharing_a_subscription(forgotten))
            _forget_customers(site, instance.visitor, {one.customer_id for one in forgotten})
            subscriptions = [payment.subscription_id for payment in forgotten]
            for payment in forgotten:
                changes.add_changed(payment)
            forget(forgotten, clock.now())
            renamed = zip(subscriptions, (payment.subscription_id for payment in forgotten), strict=True)
            _rename_ends(site, dict(renamed), kept={payment.subscription_id for payment in left})
            changes.write()
            cover(SiteId(site.pk), [*forgotten, *left], changes)
            changes.write()


def _forget_customers(site: Site, payer: str, paying: set[str]) -> None:
    """Forget what providers told of customers who are a visitor: whom they were, and the events as they came."""
    links = CustomerVisitor.objects.filter(site=site, payer=payer)
    customers = {*paying, *links.values_list("customer_id", flat=True)} - {""}
    CustomerVisitor.objects.filter(site=site, customer_id__in=customers).delete()
    events = ProviderEvent.objects.filter(connection__site=site)
    events.filter(Q(customer_id__in=customers) | Q(payer=payer)).update(body=b"", customer_id="", payer="")


def _rename_ends(site: Site, names: Mapping[str, str], kept: Collection[str]) -> None:
    """Let the ends of subscriptions go by their new names, and by the old ones where somebody else has these too."""
    for end in SubscriptionEnd.objects.filter(site=site, subscription_id__in=[name for name in names if name]):
        if end.subscription_id in kept:
            end.pk = None
            end._state.adding = True
        end.subscription_id = names[end.subscription_id]
        end.save()


def forget_erased(site_id: SiteId, new: Sequence[Payment], now: datetime) -> None:
    """Make those of new payments anonymous whose visitor was erased lately, as is done with events that slip in."""
    payers = {payment.payer for payment in new}
    erased = erased_among(site_id, payers)
    if erased:
        forget([payment for payment in new if payment.payer in erased], now)


def erased_among(site_id: SiteId, payers: Iterable[str]) -> set[str]:
    """Return which of some visitors were erased lately."""
    erasures = Erasure.objects.filter(site_number=site_id, kind=ErasureKind.VISITOR, visitor__in=payers)
    return set(erasures.values_list("visitor", flat=True))


def forget(payments: Iterable[Payment], now: datetime) -> None:
    """Replace who paid and all that could lead there by random values, the same for the same; the money stays."""
    payers: dict[str, str] = {}
    others: dict[str, str] = {}
    for payment in payments:
        payment.payer = payers.setdefault(payment.payer, visitor_text(randbits(64)))
        payment.visitor_id = ""
        payment.customer_id = payment.customer_id and others.setdefault(payment.customer_id, token_hex(8))
        payment.subscription_id = payment.subscription_id and others.setdefault(payment.subscription_id, token_hex(8))
        payment.metadata = {}
        payment.erased_at = now


def _sharing_a_subscription(payments: Sequence[Payment]) -> Iterable[Payment]:
    """Return the payments of others under the same subscriptions."""
    subscriptions = {payment.subscription_id for payment in payments} - {""}
    if not subscriptions:
        return ()
    known = {payment.pk for payment in payments}
    shared = Payment.objects.filter(site=payments[0].site_id, subscription_id__in=subscriptions)
    return [payment for payment in shared if payment.pk not in known]

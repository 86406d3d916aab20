"""What a provider's event comes to, as plain values, and why one could not be read."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from revenue.types import NewPayment


class Provider(StrEnum):
    """Whose webhooks are understood; the word in the address."""

    STRIPE = "stripe"
    PADDLE = "paddle"
    LEMON_SQUEEZY = "lemonsqueezy"
    POLAR = "polar"
    SHOPIFY = "shopify"


class UnreadableEventError(Exception):
    """A genuine event that does not say what an event of its type should; the message names the member."""


@dataclass(frozen=True, slots=True)
class Paid:
    """A payment or a refund; `references` are other names under which the provider's refunds may know a payment."""

    payment: NewPayment
    references: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Undone:
    """A refund that was made and then was not: it counts for nothing, whether or not it had been reported before."""

    payment: NewPayment


@dataclass(frozen=True, slots=True)
class RefundedSoFar:
    """How much of a payment has been refunded up to an instant, from providers that do not number their refunds."""

    transaction_id: str
    total: Decimal
    currency: str
    at: datetime


@dataclass(frozen=True, slots=True)
class SubscriptionEnded:
    """A subscription counts until an instant, the end of what was paid for."""

    subscription_id: str
    ends_at: datetime


@dataclass(frozen=True, slots=True)
class CustomerLinked:
    """A customer was this visitor at an instant."""

    customer_id: str
    visitor_id: str
    at: datetime


@dataclass(frozen=True, slots=True)
class KnownAs:
    """Under which ids a site may know who a customer is, or who made a payment that names no customer.

    `user_id` is what the site itself gave the provider, `email` the customer's address, trimmed and in lower case;
    either may be empty.
    """

    customer_id: str
    transaction_id: str
    user_id: str
    email: str
    at: datetime


@dataclass(frozen=True, slots=True)
class PaymentNamed:
    """Another name under which the provider's refunds may know a payment."""

    reference: str
    transaction_id: str


@dataclass(frozen=True, slots=True)
class Superseded:
    """A payment that is reported under another id too, and counts there."""

    transaction_id: str


Outcome = Paid | Undone | RefundedSoFar | SubscriptionEnded | CustomerLinked | KnownAs | PaymentNamed | Superseded


@dataclass(frozen=True, slots=True)
class Identity:
    """What an event is known by: its id is remembered, its type tells what it says."""

    event_id: str
    event_type: str


@dataclass(frozen=True, slots=True)
class Adapter:
    """How one provider's events are read.

    `identify(body, headers)` takes header names in lower case; `read(body, event_type)` returns outcomes, none for an
    event that means no money. Both raise UnreadableEventError. `types` are the events of interest.
    """

    types: frozenset[str]
    identify: Callable[[bytes, Mapping[str, str]], Identity]
    read: Callable[[bytes, str], tuple[Outcome, ...]]

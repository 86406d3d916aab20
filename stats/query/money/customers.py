"""Customers: whoever paid something, by `customer_id`, else by visitor (revenue contract, 2.6, 3.4); typed values.

A refund is its payment's customer's, and takes nothing from others. The text of the statements is in
`compile_customers`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from stats.query.money.attribution import Crediting


class CustomerOrder(StrEnum):
    """What a list of customers is ordered by, each falling."""

    LAST_PAYMENT = "last_payment"
    FIRST_PAYMENT = "first_payment"
    REVENUE = "revenue"
    MRR = "mrr"


class PaidWhen(StrEnum):
    """Which payment of a customer has to lie in the window."""

    ANY = "any_payment"
    FIRST = "first_payment"
    LAST = "last_payment"


@dataclass(frozen=True, slots=True)
class Place:
    """A place in a list of customers: what it is ordered by, as a whole number, and the customer's number."""

    rank: int
    customer: int


@dataclass(frozen=True, slots=True)
class CustomersAsked:
    """Which customers are wanted, joined by AND.

    `crediting` says what a first touch is, over which lookback, and has the filters that it must pass. `now`: the unix
    second of which recurring revenue is told. `customers`, where given, are the only ones looked at. `window`: unix
    seconds, both included. `visitor`: who paid as this visitor. `least_revenue` is net, over all time.
    """

    crediting: Crediting
    now: int
    customers: Sequence[int] | None = None
    visitor: int | None = None
    product_name: str | None = None
    window: tuple[int, int] | None = None
    paid_when: PaidWhen = PaidWhen.ANY
    least_revenue: Decimal | None = None
    order: CustomerOrder = CustomerOrder.LAST_PAYMENT
    after: Place | None = None

    @property
    def site_id(self) -> int:
        return self.crediting.span.site_id


@dataclass(frozen=True, slots=True)
class Customer:
    """What a customer came to over all time; amounts exact, in the reporting currency.

    `first_payment` and `last_payment` are numbers of payments, `first_visitor` is who made the first.
    """

    number: int
    payments: int
    refunds: int
    gross: Decimal
    refunded: Decimal
    mrr: Decimal
    first_payment: int
    first_visitor: int
    first_paid_at: datetime
    last_payment: int

    @property
    def net(self) -> Decimal:
        """Return what is left of the revenue."""
        return self.gross - self.refunded


@dataclass(frozen=True, slots=True)
class ChosenCustomers:
    """The places of a page of customers, and how many pass the filters in all."""

    places: tuple[Place, ...]
    total: int


@dataclass(frozen=True, slots=True)
class FirstTouch:
    """The arrival that brought a customer; empty texts where unknown. `country` is a name, `device` as it is stored."""

    at: datetime
    source: str
    medium: str
    campaign: str
    channel: str
    landing_page: str
    country: str
    device: str


@dataclass(frozen=True, slots=True)
class Term:
    """A recurring payment that counts now, and what it adds to recurring revenue."""

    payment: int
    mrr: Decimal

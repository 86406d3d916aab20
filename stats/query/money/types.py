"""What is asked of payments, and what comes back. Amounts are exact, in the site's reporting currency."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum

ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class Span:
    """The payments of a site between two seconds, unix time, both included."""

    site_id: int
    start: int
    end: int


class Bucket(StrEnum):
    """The spans of local time that money is added up by."""

    HOUR = "hour"
    DAY = "day"
    WEEK = "week"
    MONTH = "month"


@dataclass(frozen=True, slots=True)
class Totals:
    """Money of a span. `payments` and `refunds` count those above 0, with or without an exchange rate.

    `payers` are visitors with a payment above 0, `customers` the same by customer; `priced_payments` those payments
    that have an exchange rate.
    """

    gross: Decimal
    refunded: Decimal
    payments: int
    priced_payments: int
    refunds: int
    payers: int
    customers: int

    @property
    def net(self) -> Decimal:
        """Return payments less refunds."""
        return self.gross - self.refunded


@dataclass(frozen=True, slots=True)
class Money:
    """What came in and was given back in one slice of time; the three parts of `paid` sum to it."""

    paid: Decimal = ZERO
    refunded: Decimal = ZERO
    first_payments: Decimal = ZERO
    renewals: Decimal = ZERO
    one_time_repeat: Decimal = ZERO

    def __add__(self, other: "Money") -> "Money":
        return Money(
            self.paid + other.paid,
            self.refunded + other.refunded,
            self.first_payments + other.first_payments,
            self.renewals + other.renewals,
            self.one_time_repeat + other.one_time_repeat,
        )


@dataclass(frozen=True, slots=True)
class Steps:
    """The buckets over which recurring revenue is followed: `first` is the first day of the first of `count`.

    `known_until` is the last second that is known of, now at the latest.
    """

    bucket: Bucket
    timezone: str
    first: date
    count: int
    known_until: int


@dataclass(frozen=True, slots=True)
class Movement:
    """How recurring revenue changed over one bucket, customer by customer; amounts are positive."""

    new: Decimal = ZERO
    reactivation: Decimal = ZERO
    expansion: Decimal = ZERO
    contraction: Decimal = ZERO
    churn: Decimal = ZERO
    new_customers: int = 0
    reactivated_customers: int = 0
    churned_customers: int = 0

    @property
    def change(self) -> Decimal:
        """Return what the balance grew by."""
        return self.new + self.reactivation + self.expansion - self.contraction - self.churn

    @property
    def more_customers(self) -> int:
        """Return by how many the customers with a balance grew."""
        return self.new_customers + self.reactivated_customers - self.churned_customers


@dataclass(frozen=True, slots=True)
class RecurringRevenue:
    """The balance just before the first bucket and who it came from, and what happened in each bucket."""

    start: Decimal
    start_customers: int
    movements: tuple[Movement, ...]

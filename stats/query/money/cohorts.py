"""Cohorts of customers: what those who first paid at one time, or came from one place, have paid since.

A customer is who has a payment above 0; the earliest decides about the cohort. Months are of a zone's calendar and are
numbered for each customer from that of the first payment, 0. Months that have not begun yet tell nothing: number n of a
cohort is about those customers only for whom it has begun. Source: revenue contract, 3.4.
"""

from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from stats.query.money.attribution import Crediting
from stats.query.money.types import Span

MOST_PERIODS: Final = 60


@dataclass(frozen=True, slots=True)
class CohortsAsked:
    """Whose money is followed until `known_until` (unix seconds): of who first paid in the span of `crediting`.

    `periods` are the months after the first one, 60 at most. `dimension` is one of visits, by which first payments are
    put down to touches under `crediting`, whose model is of a single touch; None for the month of the first payment.
    Where `crediting` has filters, only customers count whose touch passes them.
    """

    crediting: Crediting
    timezone: str
    known_until: int
    periods: int
    dimension: str | None = None

    @property
    def span(self) -> Span:
        """Return the time of first payments."""
        return self.crediting.span

    @property
    def is_attributed(self) -> bool:
        """Tell whether it matters where customers came from."""
        return self.dimension is not None or bool(self.crediting.touch_filters)


@dataclass(frozen=True, slots=True)
class CohortMonth:
    """A cohort's month: its customers for whom it has begun, who of them paid in it, what they came to by its end."""

    customers: int
    paying: int
    revenue: Decimal


@dataclass(frozen=True, slots=True)
class Cohort:
    """Customers of one value, or of one month. Months are told as year × 12 + month.

    `revenue` is payments less refunds of all of them, of all months up to now; `earliest_month` and `latest_month`
    are those of first payments among them. `value` is None for what nothing is known about.
    """

    value: str | None
    earliest_month: int
    latest_month: int
    customers: int
    revenue: Decimal
    months: tuple[CohortMonth, ...]


@dataclass(frozen=True, slots=True)
class Cohorts:
    """A page of cohorts, the largest revenue first, and how many there are in all; by month all that have customers."""

    rows: tuple[Cohort, ...]
    total: int

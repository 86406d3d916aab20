"""Attribution: which visit, or goal, a payment is put down to; typed values in and out (revenue contract, 3.2).

A touch is the arrival of a visit; the path of a payment is what touches its visitor had in the time before. The text of
the statements, and how shares are cut, is in `compile_attribution`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Final

from stats.query.dimensions import GOAL
from stats.query.money.types import Span
from stats.query.types import Leaf

DAY_S: Final = 86_400
PAYMENT_PREFIX: Final = "payment:"  # stands before what a payment knows itself, where a visit's dimensions have theirs
PRODUCT: Final = "payment:product"
PAYMENT_TYPE: Final = "payment:type"
CURRENCY: Final = "payment:currency"


class Model(StrEnum):
    """Which touches of a path get how much of the credit."""

    LAST_NON_DIRECT = "last_non_direct"
    LAST_TOUCH = "last_touch"
    FIRST_TOUCH = "first_touch"
    LINEAR = "linear"
    POSITION = "position"
    TIME_DECAY = "time_decay"


SINGLE_TOUCH: Final = frozenset({Model.LAST_NON_DIRECT, Model.LAST_TOUCH, Model.FIRST_TOUCH})


class Renewals(StrEnum):
    """Whose path a renewal has: that of the customer's first payment, its own; or renewals are left out."""

    FIRST = "first"
    EXCLUDE = "exclude"
    OWN = "own"


@dataclass(frozen=True, slots=True)
class Crediting:
    """The payments of a span and by which rules they are put down to touches.

    `hosts` are those from which nobody arrives: payment pages and the site's own. `since`: unix seconds before which no
    visit counts. `filters` are joined by AND and say of which touches, or payments, credit is wanted. `minor_unit` is
    the reporting currency's in millionths: shares are cut in it. `joins_visitors`: visitors who are one user share
    one path; without any known user of the site it changes nothing and takes time.
    """

    span: Span
    model: Model = Model.LAST_NON_DIRECT
    renewals: Renewals = Renewals.FIRST
    lookback_days: int = 90
    minor_unit: int = 10_000
    hosts: Sequence[str] = ()
    since: int = 0
    filters: tuple[Leaf, ...] = ()
    joins_visitors: bool = False

    @property
    def touch_filters(self) -> tuple[Leaf, ...]:
        """Return the filters that touches are compared with."""
        return tuple(leaf for leaf in self.filters if not leaf.dimension.startswith(PAYMENT_PREFIX))

    @property
    def payment_filters(self) -> tuple[Leaf, ...]:
        """Return the filters that payments are compared with."""
        return tuple(leaf for leaf in self.filters if leaf.dimension.startswith(PAYMENT_PREFIX))


@dataclass(frozen=True, slots=True)
class Credit:
    """What one value of a dimension earned; None is the value of what nothing is known about.

    Amounts are exact in whole minor units and over all rows add up to the totals of the span. `payments` counts by
    shares, `customers` each who has a share.
    """

    value: str | None
    revenue: Decimal
    refunds: Decimal
    payments: float
    customers: int

    @property
    def net(self) -> Decimal:
        """Return what is left of the revenue."""
        return self.revenue - self.refunds


@dataclass(frozen=True, slots=True)
class PurchasePath:
    """What came before payments: values of touches, the earliest first; `days` and `visits` are averages of them."""

    values: tuple[str, ...]
    revenue: Decimal
    refunds: Decimal
    payments: int
    customers: int
    days: float | None
    visits: float | None


@dataclass(frozen=True, slots=True)
class PurchasePaths:
    """A page of paths, the most common first, and how many there are in all."""

    rows: tuple[PurchasePath, ...]
    total: int


@dataclass(frozen=True, slots=True)
class Credits:
    """A page of rows, the largest revenue first, and how many there are in all."""

    rows: tuple[Credit, ...]
    total: int


def is_of_visits(dimension: str) -> bool:
    """Tell whether a dimension is one of visits, not of payments or goals."""
    return not dimension.startswith(PAYMENT_PREFIX) and dimension != GOAL

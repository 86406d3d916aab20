"""Attribution by the words of the contract (3.2), one payment at a time, slow and plain, to hold the engine against."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction

from revenue.models import Payment

Place = tuple[datetime, int]


@dataclass(frozen=True)
class Touch:
    """The arrival of a visit of one who is called by text (`v_…`)."""

    payer: str
    at: datetime
    source: str
    landing_page: str
    is_direct: bool


@dataclass
class Row:
    """What a value earned."""

    gross: Fraction = Fraction(0)
    refunded: Fraction = Fraction(0)
    payments: Fraction = Fraction(0)
    customers: set[str] = field(default_factory=set)


@dataclass
class Attribution:
    """Payments as they are stored, touches, users by their visitors; what credit they give under a model."""

    payments: Sequence[Payment]
    touches: Sequence[Touch]
    model: str
    lookback_days: int
    renewals: str
    users: Mapping[str, str] = field(default_factory=dict)

    @property
    def paid(self) -> list[Payment]:
        return sorted(
            (one for one in self.payments if not one.is_refund and one.voided_at is None),
            key=lambda one: (one.paid_at, one.pk),
        )

    def customer(self, payment: Payment) -> str:
        return f"c {payment.customer_id}" if payment.customer_id else payment.payer

    def first_of(self, payment: Payment) -> Payment:
        return next(
            (one for one in self.paid if one.amount_micros and self.customer(one) == self.customer(payment)), payment
        )

    def is_renewal(self, payment: Payment) -> bool:
        return payment.payment_type == "recurring" and self.first_of(payment).pk != payment.pk

    def taken_back_by(self, refund: Payment) -> Payment | None:
        named = [one for one in self.paid if one.transaction_id == (refund.refund_of or refund.transaction_id)]
        before = [
            one
            for one in self.paid
            if one.payer == refund.payer and one.paid_at <= refund.paid_at and one.amount_micros
        ]
        return named[0] if named else before[-1] if before else None

    def path(self, payment: Payment) -> list[Touch]:
        anchor = self.first_of(payment) if self.renewals == "first" and self.is_renewal(payment) else payment
        earliest = anchor.paid_at - timedelta(days=self.lookback_days)
        found = [one for one in self.touches if self.is_one_person(one.payer, anchor.payer)]
        found = [one for one in found if earliest <= one.at <= anchor.paid_at]
        return sorted(found, key=lambda one: one.at)

    def is_one_person(self, one: str, other: str) -> bool:
        return self.users.get(one, one) == self.users.get(other, other)

    def weights(self, path: list[Touch]) -> list[Fraction]:
        last = len(path) - 1
        match self.model:
            case "first_touch":
                return [Fraction(number == 0) for number in range(len(path))]
            case "last_touch":
                return [Fraction(number == last) for number in range(len(path))]
            case "last_non_direct":
                known = [number for number, touch in enumerate(path) if not touch.is_direct]
                chosen = known[-1] if known else last
                return [Fraction(number == chosen) for number in range(len(path))]
            case "position" if len(path) > 2:
                middle = Fraction(20, 100) / (len(path) - 2)
                ends = Fraction(40, 100)
                return [ends if number in {0, last} else middle for number in range(len(path))]
            case "time_decay":
                ages = [(path[-1].at - touch.at).total_seconds() / (7 * 86_400) for touch in path]
                halved = [Fraction(round(2.0 ** (40 - age))) for age in ages]
                return [one / sum(halved) for one in halved]
        return [Fraction(1, len(path))] * len(path)

    def rows(self, start: datetime, end: datetime, dimension: str, unit: Decimal) -> dict[str | None, Row]:
        """Return what the payments of a window gave to each value."""
        rows: dict[str | None, Row] = {}
        for one in self.payments:
            if one.voided_at is not None or not start <= one.paid_at <= end or not one.amount_micros:
                continue
            payment = self.taken_back_by(one) if one.is_refund else one
            if self.renewals == "exclude" and payment is not None and self.is_renewal(payment):
                continue
            path = self.path(payment) if payment is not None else []
            values = [getattr(touch, dimension) for touch in path] or [None]
            weights = self.weights(path) if path else [Fraction(1)]
            shares = cut(Fraction(one.converted or 0), weights, Fraction(unit))
            for value, weight, share in zip(values, weights, shares, strict=True):
                if not weight:
                    continue
                row = rows.setdefault(value, Row())
                if one.is_refund:
                    row.refunded += share
                else:
                    row.gross += share
                    row.payments += weight
                    row.customers.add(self.customer(one))
        return rows


def cut(amount: Fraction, weights: Sequence[Fraction], unit: Fraction) -> list[Fraction]:
    """Return an amount in shares of whole units: the largest remainders get the rest, the earlier of equals first."""
    exact = [amount * weight / sum(weights) for weight in weights]
    shares = [one // unit * unit for one in exact]
    rest = amount - sum(shares)
    for number in sorted(range(len(weights)), key=lambda number: (shares[number] - exact[number], number)):
        given = min(unit, rest)
        shares[number] += given
        rest -= given
    return shares


def shown(rows: dict[str | None, Row], unit: Decimal) -> dict[str | None, tuple[Decimal, Decimal]]:
    """Return gross and refunds of rows in whole units, so that they add up to the rounded total."""
    gross = whole(sum((one.gross for one in rows.values()), Fraction(0)), unit)
    net = whole(sum((one.gross - one.refunded for one in rows.values()), Fraction(0)), unit)
    grosses = _dealt({value: one.gross for value, one in rows.items()}, gross, unit)
    refunds = _dealt({value: one.refunded for value, one in rows.items()}, gross - net, unit)
    return {value: (grosses[value], refunds[value]) for value in rows}


def whole(amount: Fraction, unit: Decimal) -> Decimal:
    exact = Decimal(amount.numerator) / Decimal(amount.denominator)
    return exact.quantize(unit, ROUND_HALF_UP)


def _dealt(amounts: dict[str | None, Fraction], total: Decimal, unit: Decimal) -> dict[str | None, Decimal]:
    step = Fraction(unit)
    found = {value: unit * int(amount // step) for value, amount in amounts.items()}
    left = int((total - sum(found.values(), Decimal(0))) / unit)
    for value in _in_turn(amounts, step)[:left]:
        found[value] += unit
    return found


def _in_turn(amounts: dict[str | None, Fraction], step: Fraction) -> list[str | None]:
    order: Iterable[str | None] = amounts
    return sorted(order, key=lambda value: (-(amounts[value] % step), -amounts[value], value is None, value or ""))

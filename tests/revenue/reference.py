"""MRR by the words of the contract (2.2 to 2.6), one instant at a time, slow and plain, to hold the engine against."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction

from revenue.coverage import after_interval
from revenue.models import Payment
from revenue.types import Interval

SHARES = {"day": (365, 12), "week": (52, 12), "month": (1, 1), "quarter": (1, 3), "half_year": (1, 6), "year": (1, 12)}
GAPS = {"week": (6, 8), "month": (26, 35), "quarter": (83, 98), "half_year": (175, 190), "year": (350, 380)}
GRACE = {"day": 0, "week": 1}
MOVEMENTS = ("new", "reactivation", "expansion", "contraction", "churn")


@dataclass
class Books:
    """The payments of a site as they are stored; what is derived there is not looked at, but for the conversion."""

    payments: Sequence[Payment]

    @property
    def recurring(self) -> list[Payment]:
        return [
            one
            for one in self.payments
            if one.payment_type == "recurring" and one.amount_micros and one.voided_at is None
        ]

    def chain(self, payment: Payment) -> list[Payment]:
        """Return the other payments that may renew this one, or tell its interval."""
        return [
            one
            for one in self.recurring
            if (one.payer, one.product_name, one.currency) == (payment.payer, payment.product_name, payment.currency)
            and (
                not one.subscription_id or not payment.subscription_id or one.subscription_id == payment.subscription_id
            )
        ]

    def interval(self, payment: Payment) -> str:
        if payment.interval:
            return payment.interval
        earlier = [one.paid_at for one in self.chain(payment) if one.paid_at < payment.paid_at]
        later = [one.paid_at for one in self.chain(payment) if one.paid_at > payment.paid_at]
        if not earlier and not later:
            return "month"
        gap = payment.paid_at - max(earlier) if earlier else min(later) - payment.paid_at
        for name, (least, most) in GAPS.items():
            if timedelta(days=least) <= gap <= timedelta(days=most):
                return name
        return "month"

    def refunded_at(self) -> dict[int, datetime]:
        by_id = {one.transaction_id: one for one in self.payments if not one.is_refund}
        refunds = sorted(
            (one for one in self.payments if one.is_refund and one.voided_at is None),
            key=lambda one: (one.paid_at, one.pk),
        )
        linked: dict[int, list[Payment]] = {}
        loose = []
        for refund in refunds:
            named = by_id.get(refund.refund_of or refund.transaction_id)
            if named is not None:
                linked.setdefault(named.pk, []).append(refund)
            elif not refund.refund_of:
                loose.append(refund)
        done: dict[int, datetime] = {}
        for payment in self.recurring:
            total = 0
            for refund in linked.get(payment.pk, []):
                total += refund.amount_micros if refund.currency == payment.currency else 0
                if total >= payment.amount_micros:
                    done[payment.pk] = refund.paid_at
                    break
        for refund in loose:
            fitting = [
                one
                for one in self.recurring
                if (one.payer, one.currency, one.amount_micros) == (refund.payer, refund.currency, refund.amount_micros)
                and one.paid_at <= refund.paid_at
                and one.pk not in done
            ]
            if fitting:
                done[max(fitting, key=lambda one: (one.paid_at, one.pk)).pk] = refund.paid_at
        return done

    def covers(self, payment: Payment, at: datetime, refunded: dict[int, datetime]) -> bool:
        interval = self.interval(payment)
        end = after_interval(payment.paid_at, Interval(interval))
        renewable_from = payment.paid_at + (end - payment.paid_at) * 4 / 5
        ended = [
            at >= end + timedelta(days=GRACE.get(interval, 3)),
            any(renewable_from <= one.paid_at <= at for one in self.chain(payment)),
            any(
                payment.paid_at < one.paid_at <= at and one.subscription_id == payment.subscription_id
                for one in self.recurring
                if payment.subscription_id
            ),
            payment.pk in refunded and refunded[payment.pk] <= at,
        ]
        return payment.paid_at <= at and not any(ended)

    def term(self, payment: Payment) -> Decimal:
        up, down = SHARES[self.interval(payment)]
        exact = Fraction(payment.converted or 0) * up / down
        value = Decimal(exact.numerator) / Decimal(exact.denominator)
        return value.quantize(Decimal("0.000001"), ROUND_HALF_UP)

    def by_customer(self, at: datetime) -> dict[str, Decimal]:
        """Return MRR at an instant by customer."""
        refunded = self.refunded_at()
        found: dict[str, Decimal] = {}
        for payment in self.recurring:
            if self.covers(payment, at, refunded):
                customer = f"c {payment.customer_id}" if payment.customer_id else payment.payer
                found[customer] = found.get(customer, Decimal(0)) + self.term(payment)
        return {customer: mrr for customer, mrr in found.items() if mrr}

    def were_customers(self, before: datetime) -> set[str]:
        """Return the customers who had MRR at any second up to one."""
        refunded = self.refunded_at()
        return {
            f"c {one.customer_id}" if one.customer_id else one.payer
            for one in self.recurring
            if one.paid_at <= before and self.covers(one, one.paid_at, refunded) and self.term(one)
        }

    def movements(self, before: datetime, at: datetime) -> dict[str, Decimal]:
        """Return how MRR moved between two instants (2.6)."""
        old, new, known = self.by_customer(before), self.by_customer(at), self.were_customers(before)
        moved = dict.fromkeys(MOVEMENTS, Decimal(0))
        for customer in {*old, *new}:
            was, now = old.get(customer, Decimal(0)), new.get(customer, Decimal(0))
            if not was:
                moved["reactivation" if customer in known else "new"] += now
            elif not now:
                moved["churn"] += was
            elif now > was:
                moved["expansion"] += now - was
            else:
                moved["contraction"] += was - now
        return moved

"""Cohorts by the words of their documentation, one customer at a time, slow and plain, to hold the engine against."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from revenue.models import Payment
from tests.revenue.attribution_reference import Attribution

Month = tuple[int, int, Decimal, bool]
Shown = tuple[int, Decimal, list[Month | None]]


@dataclass
class CohortReference:
    """The payments of a site as they are stored, and the touches before them, as somebody sees them at an instant."""

    attribution: Attribution
    zone: ZoneInfo
    now: datetime
    periods: int

    def month(self, at: datetime) -> int:
        local = at.astimezone(self.zone)
        return local.year * 12 + local.month

    def counted(self) -> list[Payment]:
        return [one for one in self.attribution.payments if one.voided_at is None and one.amount_micros]

    def customer_of(self, one: Payment) -> str:
        """Return whose money a payment or refund is."""
        if not one.is_refund:
            return self.attribution.customer(one)
        named = one.refund_of or one.transaction_id
        taken_back = [other for other in self.attribution.paid if other.transaction_id == named]
        before = [
            other
            for other in self.attribution.paid
            if other.payer == one.payer and other.paid_at <= one.paid_at and other.amount_micros
        ]
        if not taken_back and not one.customer_id:
            taken_back = before[-1:]
        return self.attribution.customer(taken_back[0] if taken_back else one)

    def first_payments(self) -> dict[str, Payment]:
        found: dict[str, Payment] = {}
        for one in self.attribution.paid:
            if one.amount_micros:
                found.setdefault(self.attribution.customer(one), one)
        return found

    def cohorts(self, start: datetime, end: datetime, *, by_source: bool) -> dict[str | None, Shown]:
        """Return customers, revenue and months of each cohort whose customers first paid in a window."""
        members: dict[str | None, dict[str, int]] = {}
        for customer, payment in self.first_payments().items():
            if start <= payment.paid_at <= end:
                label = self.source(payment) if by_source else str(self.month(payment.paid_at))
                members.setdefault(label, {})[customer] = self.month(payment.paid_at)
        return {label: self.shown(customers) for label, customers in members.items()}

    def source(self, payment: Payment) -> str | None:
        path = self.attribution.path(payment)
        if not path:
            return None
        return next(touch.source for touch, weight in zip(path, self.attribution.weights(path), strict=True) if weight)

    def shown(self, customers: Mapping[str, int]) -> Shown:
        months: list[Month | None] = []
        for number in range(self.periods + 1):
            begun = [one for one, first in customers.items() if first + number <= self.month(self.now)]
            is_complete = all(first + number < self.month(self.now) for first in customers.values())
            paying = {
                self.attribution.customer(one)
                for one in self.counted()
                if not one.is_refund
                and self.attribution.customer(one) in begun
                and self.month(one.paid_at) == customers[self.attribution.customer(one)] + number
            }
            until = {one: customers[one] + number for one in begun}
            months.append((len(begun), len(paying), self.revenue(begun, until), is_complete) if begun else None)
        return len(customers), self.revenue(customers, {}), months

    def revenue(self, customers: Collection[str], until: Mapping[str, int]) -> Decimal:
        """Return what some customers paid less what they got back; for some only until the end of a month."""
        total = Decimal(0)
        for one in self.counted():
            customer = self.customer_of(one)
            if customer in customers and self.month(one.paid_at) <= until.get(customer, 10**6):
                total += -(one.converted or 0) if one.is_refund else one.converted or 0
        return total

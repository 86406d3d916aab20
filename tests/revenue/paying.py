"""Payments for tests in few words: `paid("2026-03-05", 30, "ann", "Basic")`."""

import itertools
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from accounts.models import Site
from accounts.selectors import site_ref
from revenue.services import record_payments
from revenue.types import NewPayment, PaymentType

_numbers = itertools.count(1)


def at(text: str) -> datetime:
    """Return the UTC instant of `2026-03-05` or `2026-03-05 14:00:00`."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def paid(moment: str, amount: object, visitor: str = "ann", product: str = "", **fields: Any) -> NewPayment:
    """Return a recurring payment in USD under a fresh id; keywords set or replace fields."""
    return NewPayment(
        **{
            "transaction_id": f"txn_{next(_numbers)}",
            "amount": Decimal(str(amount)),
            "currency": "USD",
            "visitor_id": visitor,
            "payment_type": PaymentType.RECURRING,
            "product_name": product,
            "paid_at": at(moment),
            **fields,
        }
    )


def once(moment: str, amount: object, visitor: str = "ann", **fields: Any) -> NewPayment:
    """Return a payment that does not recur."""
    return paid(moment, amount, visitor, **{"payment_type": PaymentType.ONE_TIME, **fields})


def refund(moment: str, amount: object, visitor: str = "ann", **fields: Any) -> NewPayment:
    """Return a refund."""
    return paid(moment, amount, visitor, **{"payment_type": PaymentType.REFUND, **fields})


def record(site: Site, *sent: NewPayment) -> None:
    """Record payments of a site, all new."""
    outcomes = record_payments(site_ref(site), sent, who=None)
    assert [one.recorded.value for one in outcomes] == ["created"] * len(sent)

"""A payment as clients send it, made a NewPayment; all faults told together (revenue contract, 1.11)."""

from collections.abc import Callable
from datetime import datetime
from decimal import ROUND_HALF_EVEN, Context, Decimal
from enum import StrEnum
from typing import Final, TypeVar

from goals.api.bodies import Body, Fields
from revenue.types import WHOLE_UNITS_BELOW, Interval, NewPayment, PaymentType, decimals_of

MAX_ID_CHARACTERS: Final = 255
_FLOAT_NOISE_DECIMALS: Final = 4
# Amounts have at most 16 digits; what is compared with them is rounded far behind the noise.
_ARITHMETIC: Final = Context(prec=60, rounding=ROUND_HALF_EVEN)

Word = TypeVar("Word", bound=StrEnum)


def payment_of(body: Body, now: datetime, visitor_id: Callable[[Fields], str] = Fields.visitor_id) -> NewPayment:
    """Return the payment that a body describes. Raises: InvalidFields.

    `visitor_id` reads who paid; an import may leave that out.
    """
    fields = Fields(body)
    payment_type = word_in(fields, "payment_type", PaymentType)
    currency = _currency(fields)
    sent = NewPayment(
        transaction_id=fields.text("transaction_id", MAX_ID_CHARACTERS, required=True),
        amount=_amount(fields, currency, is_refund=payment_type is PaymentType.REFUND),
        currency=currency,
        visitor_id=visitor_id(fields),
        payment_type=payment_type,
        product_name=fields.text("product_name", MAX_ID_CHARACTERS),
        paid_at=fields.moment("paid_at", now),
        interval=word_in(fields, "interval", Interval),
        refund_of=fields.text("refund_of", MAX_ID_CHARACTERS),
        subscription_id=fields.text("subscription_id", MAX_ID_CHARACTERS),
        customer_id=fields.text("customer_id", MAX_ID_CHARACTERS),
        metadata=fields.metadata(),
    )
    if sent.interval is not None and sent.kind is not PaymentType.RECURRING:
        fields.refuse("interval", "is for recurring payments only")
    if sent.refund_of and not sent.is_refund:
        fields.refuse("refund_of", "is for refunds only")
    fields.check()
    return sent


def word_in(fields: Fields, name: str, words: type[Word]) -> Word | None:
    """Return one of some words, None where it is absent, null or refused."""
    value = fields.sent(name)
    if value is None:
        return None
    if not isinstance(value, str) or value not in set(words):
        fields.refuse(name, f"must be one of {', '.join(words)}")
        return None
    return words(value)


def _currency(fields: Fields) -> str:
    """Return the code in upper case, empty where it was refused."""
    value = fields.sent("currency")
    if value is None:
        fields.refuse("currency", "is required")
        return ""
    code = value.strip().upper() if isinstance(value, str) and value.isascii() else ""
    if decimals_of(code) is None:
        fields.refuse("currency", "must be an ISO 4217 code")
        return ""
    return code


def _amount(fields: Fields, currency: str, *, is_refund: bool) -> Decimal:
    """Return the exact amount; 0 where it was refused."""
    value = fields.sent("amount")
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        fields.refuse("amount", "must be a number")
        return Decimal(0)
    if value < 0:
        fields.refuse("amount", "must not be negative; record a refund with payment_type refund")
        return Decimal(0)
    if value >= WHOLE_UNITS_BELOW:
        fields.refuse("amount", "is too large")
        return Decimal(0)
    decimals = decimals_of(currency)
    if decimals is None:
        return Decimal(0)
    amount = _without_noise(Decimal(value), decimals)
    if amount is None:
        fields.refuse("amount", f"has more decimals than {currency} allows ({decimals})")
    elif amount >= WHOLE_UNITS_BELOW:
        fields.refuse("amount", "is too large")
    elif is_refund and not amount:
        fields.refuse("amount", "must be above 0: a refund needs an amount above 0")
    return amount or Decimal(0)


def _without_noise(value: Decimal, decimals: int) -> Decimal | None:
    """Return the allowed amount that a number is, or is next to as floats are; None where there is none."""
    allowed = value.quantize(Decimal(1).scaleb(-decimals), context=_ARITHMETIC)
    noise = Decimal(1).scaleb(-decimals - _FLOAT_NOISE_DECIMALS)
    return allowed if abs(_ARITHMETIC.subtract(value, allowed)) <= noise else None

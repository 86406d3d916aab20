"""Which customers a list holds, and in which order; cursors that lead through it (revenue contract, 3.3, 3.4)."""

import re
from datetime import datetime
from decimal import Decimal
from typing import Final

from accounts.api.pagination import InvalidCursor, decode_cursor, encode_cursor
from analytics_project.errors import InvalidRequest
from goals.api.bodies import MAX_VISITOR_ID_CHARACTERS, is_plain
from goals.api.goal_filters import filters_in
from goals.api.requests import Parameters
from revenue.api.attribution_filters import MAX_LOOKBACK_DAYS, TOUCH_FILTERS
from revenue.api.payment_forms import MAX_ID_CHARACTERS
from revenue.attribution_services import DEFAULT_LOOKBACK_DAYS
from revenue.customer_services import CustomersWanted
from revenue.types import WHOLE_UNITS_BELOW
from stats.query.money.customers import CustomerOrder, PaidWhen, Place

_AMOUNT: Final = re.compile(r"-?[0-9]{1,12}(\.[0-9]{1,6})?")
_HALF: Final = 60
_SHIFT: Final = 1 << 100  # ranks may be below 0, and the numbers of a cursor may not
_RECORDS: Final = "customer payment"


def customers_in(asked: Parameters) -> CustomersWanted:
    """Return which customers a request wants. Raises: InvalidRequest naming the parameter."""
    order = CustomerOrder(asked.one_of("sort", CustomerOrder.LAST_PAYMENT, tuple(CustomerOrder)))
    return CustomersWanted(
        lookback_days=lookback_in(asked),
        touch_filters=filters_in(asked, TOUCH_FILTERS),
        customer_id=_text(asked, "customer_id", MAX_ID_CHARACTERS),
        visitor_id=_text(asked, "visitor_id", MAX_VISITOR_ID_CHARACTERS),
        product_name=_text(asked, "product_name", MAX_ID_CHARACTERS),
        window=_window(asked),
        paid_when=PaidWhen(asked.one_of("window_by", PaidWhen.ANY, tuple(PaidWhen))),
        least_revenue=_amount(asked, "revenue_min"),
        order=order,
        after=_place(asked, order),
    )


def lookback_in(asked: Parameters) -> int:
    """Return over how many days before the first payment touches count. Raises: InvalidRequest."""
    return asked.whole_number("lookback", DEFAULT_LOOKBACK_DAYS, 1, MAX_LOOKBACK_DAYS)


def _window(asked: Parameters) -> tuple[datetime, datetime] | None:
    if asked.text("start") is None and asked.text("end") is None:
        return None
    window = asked.window()
    return window.start, window.end


def _text(asked: Parameters, name: str, most: int) -> str | None:
    text = asked.text(name)
    if text is not None and not (len(text) <= most and is_plain(text)):
        raise InvalidRequest(f"{name} must be a text of 1 to {most} characters without control characters")
    return text


def _amount(asked: Parameters, name: str) -> Decimal | None:
    text = asked.text(name)
    if text is not None and not _AMOUNT.fullmatch(text):
        raise InvalidRequest(f"{name} must be a number below {WHOLE_UNITS_BELOW:,} with at most 6 decimals")
    return None if text is None else Decimal(text)


# ---- Cursors ---------------------------------------------------------------------------------------------------------
def cursor_of(order: CustomerOrder, place: Place | None) -> str | None:
    """Return the cursor that leads on from a place, None at the end."""
    if place is None:
        return None
    rank, half = place.rank + _SHIFT, (1 << _HALF) - 1
    return encode_cursor(
        f"customer {order}", (rank >> _HALF, rank & half, place.customer >> 32, place.customer & 0xFFFFFFFF)
    )


def _place(asked: Parameters, order: CustomerOrder) -> Place | None:
    cursor = asked.text("cursor")
    if cursor is None:
        return None
    high, low, upper, lower = _numbers(cursor, f"customer {order}", 4)
    if low >> _HALF or upper >> 32 or lower >> 32:
        raise _no_cursor()
    return Place((high << _HALF | low) - _SHIFT, upper << 32 | lower)


def cursor_of_records(following: tuple[int, int] | None) -> str | None:
    """Return the cursor that leads on from a customer's payment, None at the end."""
    return None if following is None else encode_cursor(_RECORDS, following)


def record_place(asked: Parameters) -> tuple[int, int] | None:
    """Return second and number of the payment before a cursor. Raises: InvalidRequest."""
    cursor = asked.text("cursor")
    if cursor is None:
        return None
    at, number = _numbers(cursor, _RECORDS, 2)
    if at >> 32:
        raise _no_cursor()
    return at, number


def _numbers(cursor: str, kind: str, length: int) -> tuple[int, ...]:
    try:
        return decode_cursor("cursor", cursor, kind, length)
    except InvalidCursor as problem:
        raise _no_cursor() from problem


def _no_cursor() -> InvalidRequest:
    return InvalidRequest("cursor is not a cursor of this list")

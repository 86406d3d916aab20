"""Which payments a list holds: filters by name, and pages that a cursor leads through, newest first."""

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final

import django_filters
from django.db.models import Q, QuerySet

from accounts.api.pagination import InvalidCursor, decode_cursor, encode_cursor
from accounts.types import SiteRef
from analytics_project.errors import InvalidRequest
from goals.api.requests import Parameters
from revenue.selectors import payments_of, stored_payment
from revenue.types import WHOLE_UNITS_BELOW, Origin, PaymentType, StoredPayment, to_micros

_KIND: Final = "payment"
Payments = QuerySet[Any, Any]
_WORDS: Final = {"true": True, "false": False}


def _choices(words: Any) -> list[tuple[str, str]]:
    return [(str(word), str(word)) for word in words]


class PaymentFilters(django_filters.FilterSet):  # type: ignore[misc]
    """What a list of payments may be narrowed by, joined by AND; texts are compared whole, case matters."""

    transaction_id = django_filters.CharFilter()
    visitor_id = django_filters.CharFilter()
    customer_id = django_filters.CharFilter()
    subscription_id = django_filters.CharFilter()
    product_name = django_filters.CharFilter()
    refund_of = django_filters.CharFilter()
    currency = django_filters.CharFilter(lookup_expr="iexact")
    payment_type = django_filters.ChoiceFilter(choices=_choices(PaymentType))
    origin = django_filters.ChoiceFilter(choices=_choices(Origin))
    voided = django_filters.ChoiceFilter(choices=_choices(_WORDS), method="by_voided")
    amount_min = django_filters.NumberFilter(method="by_amount_min", min_value=0, max_value=WHOLE_UNITS_BELOW)
    amount_max = django_filters.NumberFilter(method="by_amount_max", min_value=0, max_value=WHOLE_UNITS_BELOW)

    def by_voided(self, found: Payments, _name: str, value: str) -> Payments:
        return found.filter(voided_at__isnull=not _WORDS[value])

    def by_amount_min(self, found: Payments, _name: str, value: Decimal) -> Payments:
        return found.filter(amount_micros__gte=-to_micros(-value))

    def by_amount_max(self, found: Payments, _name: str, value: Decimal) -> Payments:
        return found.filter(amount_micros__lte=to_micros(value))


NAMES: Final = tuple(PaymentFilters.base_filters)


def payments_asked_for(site: SiteRef, asked: Parameters) -> tuple[list[StoredPayment], str | None]:
    """Return a page of a site's payments and the cursor of the next one, None at the end.

    `start` and `end` narrow to a window only where one of them was sent. Raises: InvalidRequest naming the parameter.
    """
    limit, cursor = asked.limit, asked.text("cursor")
    found = _filtered(payments_of(site.id), {name: asked.text(name) for name in NAMES})
    if asked.text("start") is not None or asked.text("end") is not None:
        window = asked.window()
        found = found.filter(paid_at__gte=window.start, paid_at__lte=window.end)
    if cursor is not None:
        paid_at, number = _place(cursor)
        found = found.filter(paid_at__lte=paid_at).filter(Q(paid_at__lt=paid_at) | Q(pk__lt=number))
    page = list(found.order_by("-paid_at", "-pk")[: limit + 1])
    last = page[limit - 1] if len(page) > limit else None
    following = None if last is None else encode_cursor(_KIND, (int(last.paid_at.timestamp()), last.pk))
    return [stored_payment(payment) for payment in page[:limit]], following


def _filtered(found: Payments, sent: Mapping[str, str | None]) -> Payments:
    filters = PaymentFilters({name: text for name, text in sent.items() if text is not None}, found)
    if not filters.is_valid():
        name, texts = next(iter(filters.errors.items()))
        raise InvalidRequest(f"{name}: {' '.join(texts)}")
    narrowed: Payments = filters.qs
    return narrowed


def _place(cursor: str) -> tuple[datetime, int]:
    """Return time and number of the last payment before a cursor. Raises: InvalidRequest."""
    try:
        at, number = decode_cursor("cursor", cursor, _KIND, 2)
        return datetime.fromtimestamp(at, UTC), number
    except (InvalidCursor, OverflowError, ValueError, OSError) as problem:
        raise InvalidRequest("cursor is not a cursor of this list") from problem

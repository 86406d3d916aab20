"""Whatever was paid and visited: customers come to what a plain reference says, however they are listed."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
import time_machine
from hypothesis import given, settings
from hypothesis import strategies as st

from accounts.models import Site
from accounts.selectors import site_ref
from analytics_project import clock
from revenue.customer_services import CustomerBook, CustomersWanted, KnownCustomer
from revenue.models import Payment
from stats.query.dimensions import ENTRY_PAGE, ORIGIN
from stats.query.money.customers import CustomerOrder, PaidWhen
from stats.query.types import Leaf, Operator
from stats.store.client import EventStore
from tests.revenue.attribution_reference import Attribution, Touch
from tests.revenue.reference import Books
from tests.revenue.test_attribution import identify, known_users, made, random_users, random_visits, touches_of
from tests.revenue.test_reports import NOW, random_payments, unhurried

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("store")]
LOOKBACK = 20
WINDOW = (datetime(2026, 2, 1, tzinfo=UTC), datetime(2026, 4, 1, tzinfo=UTC))
ALL = CustomersWanted(LOOKBACK)
few = settings(unhurried, max_examples=4)


class Reference:
    """The customers of a site by the words of the contract, one at a time."""

    def __init__(self, site: Site, touches: list[Touch], users: dict[str, str]) -> None:
        self.payments = list(Payment.objects.filter(site=site))
        self.paths = Attribution(self.payments, touches, "first_touch", LOOKBACK, "own", users)
        self.balances = Books(self.payments).by_customer(clock.now())
        self.paid: dict[str, list[Payment]] = {}
        for one in self.paths.paid:
            if one.amount_micros:
                self.paid.setdefault(self.paths.customer(one), []).append(one)

    def owner(self, refund: Payment) -> str:
        named = [one for one in self.paths.paid if one.transaction_id == (refund.refund_of or refund.transaction_id)]
        before = self.paths.taken_back_by(refund)
        if not named and (refund.customer_id or before is None):
            return self.paths.customer(refund)
        return self.paths.customer(before or refund)

    def refunds(self, customer: str) -> list[Payment]:
        return [one for one in self.payments if one.is_refund and one.voided_at is None and self.owner(one) == customer]

    def touch(self, customer: str) -> Touch | None:
        path = self.paths.path(self.paid[customer][0])
        return path[0] if path else None

    def net(self, customer: str) -> Decimal:
        return _sum(self.paid[customer]) - _sum(self.refunds(customer))

    def row(self, customer: str) -> dict[str, object]:
        paid, refunds, touch = self.paid[customer], self.refunds(customer), self.touch(customer)
        return {
            "gross": _sum(paid),
            "refunded": _sum(refunds),
            "payments": len(paid),
            "refunds": len(refunds),
            "mrr": self.balances.get(customer, Decimal(0)),
            "first": paid[0].transaction_id,
            "last": paid[-1].transaction_id,
            "touch": None if touch is None else (touch.at, touch.source, touch.landing_page),
            "seconds": None if touch is None else int((paid[0].paid_at - touch.at).total_seconds()),
            "visitors": sorted({one.payer for one in paid}),
        }


def _sum(payments: list[Payment]) -> Decimal:
    return sum((one.converted for one in payments if one.converted is not None), Decimal(0))


def shown(one: KnownCustomer) -> dict[str, object]:
    touch = one.first_touch
    return {
        "gross": one.figures.gross,
        "refunded": one.figures.refunded,
        "payments": one.figures.payments,
        "refunds": one.figures.refunds,
        "mrr": one.figures.mrr,
        "first": one.first_payment.transaction_id,
        "last": one.last_payment.transaction_id,
        "touch": None if touch is None else (touch.at, touch.source, touch.landing_page),
        "seconds": one.seconds_to_first_payment,
        "visitors": sorted(one.visitors),
    }


def key(one: KnownCustomer) -> str:
    """Return what the reference calls a customer."""
    return f"c {one.customer_id}" if one.customer_id else one.id


@pytest.fixture(autouse=True)
def _now() -> Any:
    with time_machine.travel(NOW, tick=False):
        yield


@few
@given(random_payments, random_visits, random_users)
def test_customers_are_those_of_the_reference(
    store: EventStore, payments: list[dict[str, Any]], visits: list[dict[str, Any]], users: dict[str, str]
) -> None:
    site = made(store, payments, visits, "USD")
    identify(store, site.pk, known_users(users))
    reference, book = Reference(site, touches_of(visits), known_users(users)), CustomerBook(site_ref(site))
    page = book.page(ALL, 100)
    assert {key(one): shown(one) for one in page.rows} == {one: reference.row(one) for one in reference.paid}
    assert (page.total, page.following) == (len(reference.paid), None)
    assert sum((one.figures.mrr for one in page.rows), Decimal(0)) == book.report.mrr
    for one in page.rows:
        record = book.one(one.id, LOOKBACK, None, 100)
        assert record is not None
        assert shown(record.customer) == shown(one)
        theirs = [*reference.paths.paid, *reference.refunds(key(one))]
        expected = [item for item in theirs if item.is_refund or reference.paths.customer(item) == key(one)]
        assert [item.transaction_id for item in record.records] == [
            item.transaction_id for item in sorted(expected, key=lambda item: (item.paid_at, item.pk), reverse=True)
        ]
        assert sum((item.mrr for item in record.subscriptions), Decimal(0)) == one.figures.mrr


@few
@given(random_payments, random_visits, random_users, st.sampled_from(list(CustomerOrder)))
def test_filters_and_orders_are_those_of_the_reference(
    store: EventStore,
    payments: list[dict[str, Any]],
    visits: list[dict[str, Any]],
    users: dict[str, str],
    order: CustomerOrder,
) -> None:
    site = made(store, payments, visits, "USD")
    identify(store, site.pk, known_users(users))
    reference, book = Reference(site, touches_of(visits), known_users(users)), CustomerBook(site_ref(site))

    def source(customer: str) -> str:
        touch = reference.touch(customer)
        return "" if touch is None else touch.source

    def page_of(customer: str) -> str:
        touch = reference.touch(customer)
        return "" if touch is None else touch.landing_page

    def inside(one: Payment) -> bool:
        return WINDOW[0] <= one.paid_at <= WINDOW[1]

    def leaf(operator: Operator, dimension: str, value: str) -> tuple[Leaf]:
        return (Leaf(operator, dimension, (value,), case_sensitive=False),)

    paid = reference.paid
    cases: list[tuple[CustomersWanted, Callable[[str], bool]]] = [
        (replace(ALL, customer_id="k1"), lambda one: one == "c k1"),
        (replace(ALL, product_name="Pro"), lambda one: any(p.product_name == "Pro" for p in paid[one])),
        (replace(ALL, least_revenue=Decimal("20.5")), lambda one: reference.net(one) >= Decimal("20.5")),
        (replace(ALL, window=WINDOW), lambda one: any(map(inside, paid[one]))),
        (replace(ALL, window=WINDOW, paid_when=PaidWhen.FIRST), lambda one: inside(paid[one][0])),
        (replace(ALL, window=WINDOW, paid_when=PaidWhen.LAST), lambda one: inside(paid[one][-1])),
        (
            replace(ALL, touch_filters=leaf(Operator.IS, ORIGIN, "A.example")),
            lambda one: source(one) == "a.example",
        ),
        (
            replace(ALL, touch_filters=leaf(Operator.IS_NOT, ORIGIN, "direct")),
            lambda one: source(one) != "Direct",
        ),
        (replace(ALL, touch_filters=leaf(Operator.CONTAINS, ENTRY_PAGE, "/1")), lambda one: "/1" in page_of(one)),
        *(
            (replace(ALL, visitor_id=payer), lambda one, payer=payer: any(p.payer == payer for p in paid[one]))
            for payer in {one.payer for one in reference.payments}
        ),
    ]
    for wanted, holds in cases:
        assert {key(one) for one in book.page(wanted, 100).rows} == {one for one in paid if holds(one)}, wanted

    ranks: dict[CustomerOrder, Callable[[str], object]] = {
        CustomerOrder.LAST_PAYMENT: lambda one: paid[one][-1].paid_at,
        CustomerOrder.FIRST_PAYMENT: lambda one: paid[one][0].paid_at,
        CustomerOrder.REVENUE: reference.net,
        CustomerOrder.MRR: lambda one: reference.balances.get(one, Decimal(0)),
    }
    found: list[str] = []
    wanted = replace(ALL, order=order)
    while True:
        page = book.page(wanted, 1)
        found += [key(one) for one in page.rows]
        if page.following is None:
            break
        wanted = replace(wanted, after=page.following)
    assert sorted(found) == sorted(paid)
    rank: Any = ranks[order]
    assert [rank(one) for one in found] == sorted(map(rank, found), reverse=True)

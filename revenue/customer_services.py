"""The customers of a site: numbers from the query engine, names and records from the relational store (2.6, 3.4)."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Final

from django.core.exceptions import ObjectDoesNotExist

from accounts.selectors import caller_id_secret
from accounts.types import SiteRef
from analytics_project import clock
from analytics_project.errors import NotFound
from revenue.attribution_services import Rules, crediting
from revenue.mirror_services import customer_id_number
from revenue.reports import Report
from revenue.selectors import payments_numbered
from revenue.types import StoredPayment
from stats.city_services import with_city_names
from stats.ingest.visitor import number_of_visitor, parse_visitor_text
from stats.query.build import Query, build_query
from stats.query.money.attribution import Model
from stats.query.money.customers import (
    Customer,
    CustomerOrder,
    CustomersAsked,
    FirstTouch,
    PaidWhen,
    Place,
)
from stats.query.money.run_customers import (
    choose_customers,
    read_customers,
    read_first_touches,
    read_records,
    read_terms,
    read_visitors,
)
from stats.query.types import InstantPair, Leaf, QueryParams
from stats.selectors import visitor_names

MOST_VISITORS: Final = 10
MOST_SUBSCRIPTIONS: Final = 100
_BEGINNING: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class CustomersWanted:
    """Which customers a client wants, in its own words; what was not sent is None."""

    lookback_days: int
    touch_filters: tuple[Leaf, ...] = ()
    customer_id: str | None = None
    visitor_id: str | None = None
    product_name: str | None = None
    window: tuple[datetime, datetime] | None = None
    paid_when: PaidWhen = PaidWhen.ANY
    least_revenue: Decimal | None = None
    order: CustomerOrder = CustomerOrder.LAST_PAYMENT
    after: Place | None = None


@dataclass(frozen=True, slots=True)
class KnownCustomer:
    """A customer with names: `id` is the client's own, else the visitor's as it was sent."""

    id: str
    customer_id: str
    visitors: tuple[str, ...]
    figures: Customer
    first_touch: FirstTouch | None
    first_payment: StoredPayment
    last_payment: StoredPayment

    @property
    def seconds_to_first_payment(self) -> int | None:
        """Return the time from the first touch to the first payment, None where there was no touch."""
        if self.first_touch is None:
            return None
        return int((self.figures.first_paid_at - self.first_touch.at).total_seconds())


@dataclass(frozen=True, slots=True)
class CustomerPage:
    """A page of customers, what leads on from it, and how many pass the filters in all."""

    rows: tuple[KnownCustomer, ...]
    following: Place | None
    total: int


@dataclass(frozen=True, slots=True)
class Subscription:
    """What a customer pays for at the moment: the payment that counts now, and what it adds to MRR."""

    payment: StoredPayment
    mrr: Decimal


@dataclass(frozen=True, slots=True)
class CustomerRecord:
    """One customer, what it is subscribed to, and a page of its payments and refunds, newest first.

    `following` is second and number of the last record where there are more.
    """

    customer: KnownCustomer
    subscriptions: tuple[Subscription, ...]
    records: tuple[StoredPayment, ...]
    following: tuple[int, int] | None


class CustomerBook:
    """The customers of a site as they are now.

    Raises, everywhere: StoreUnavailable, StoreBusy; NotFound for a site deleted just now.
    """

    def __init__(self, site: SiteRef) -> None:
        self.site, self.now = site, clock.now().replace(microsecond=0)
        self.report = Report(site, _BEGINNING, self.now, "UTC")
        try:
            self._secret = caller_id_secret(site.id)
        except ObjectDoesNotExist as problem:
            raise NotFound("Site not found") from problem

    def page(self, wanted: CustomersWanted, limit: int) -> CustomerPage:
        """Return a page of the customers that are wanted. Raises: InvalidQuery for filters without meaning."""
        asked = self._asked(wanted)
        query = self._query(wanted.touch_filters)
        found = choose_customers(self.report.store, asked, query, limit + 1)
        places = found.places[:limit]
        figures = self._figures(asked, query, [place.customer for place in places])
        rows = [figures[place.customer] for place in places if place.customer in figures]
        following = places[-1] if len(found.places) > limit else None
        return CustomerPage(self._known(asked, query, rows), following, found.total)

    def one(self, text: str, lookback_days: int, after: tuple[int, int] | None, limit: int) -> CustomerRecord | None:
        """Return the customer of an id, and a page of its records; None where nobody of that id has paid.

        The customer of that `customer_id` goes before the visitor of that id.
        """
        named, paid_as = customer_id_number(self._secret, text), number_of_visitor(self._secret, text)
        asked = self._asked(CustomersWanted(lookback_days))
        query = self._query(())
        found = self._figures(asked, query, (named, paid_as))
        figures = found.get(named) or found.get(paid_as)
        if figures is None:
            return None
        asked = replace(asked, customers=(figures.number,))
        known = self._known(asked, query, [figures])
        places = read_records(self.report.store, asked, query, after, limit + 1)
        records = payments_numbered(self.site.id, [number for _, number in places[:limit]])
        return (
            None
            if not known
            else CustomerRecord(
                known[0],
                self._subscriptions(figures.number),
                tuple(records[number] for _, number in places[:limit] if number in records),
                places[limit - 1] if len(places) > limit else None,
            )
        )

    def _subscriptions(self, customer: int) -> tuple[Subscription, ...]:
        now = int(self.now.timestamp())
        terms = read_terms(self.report.store, self.site.id, customer, now, MOST_SUBSCRIPTIONS)
        records = payments_numbered(self.site.id, [term.payment for term in terms])
        return tuple(Subscription(records[term.payment], term.mrr) for term in terms if term.payment in records)

    def _figures(self, asked: CustomersAsked, query: Query, customers: Sequence[int]) -> dict[int, Customer]:
        """Return what some customers came to, by number; those who paid nothing are left out."""
        if not customers:
            return {}
        return read_customers(self.report.store, replace(asked, customers=customers), query)

    def _asked(self, wanted: CustomersWanted) -> CustomersAsked:
        rules = Rules(Model.FIRST_TOUCH, wanted.lookback_days, filters=wanted.touch_filters)
        named = None if wanted.customer_id is None else (customer_id_number(self._secret, wanted.customer_id),)
        return CustomersAsked(
            crediting=crediting(self.report, rules),
            now=int(self.now.timestamp()),
            customers=named,
            visitor=None if wanted.visitor_id is None else number_of_visitor(self._secret, wanted.visitor_id),
            product_name=wanted.product_name,
            window=None if wanted.window is None else _seconds(*wanted.window),
            paid_when=wanted.paid_when,
            least_revenue=wanted.least_revenue,
            order=wanted.order,
            after=wanted.after,
        )

    def _query(self, filters: tuple[Leaf, ...]) -> Query:
        params = QueryParams(("visitors",), InstantPair(_BEGINNING, self.now), filters=filters)
        return with_city_names(build_query(params, self.site, self.now))

    def _known(self, asked: CustomersAsked, query: Query, rows: Sequence[Customer]) -> tuple[KnownCustomer, ...]:
        """Return customers with their names; those of a site that was deleted just now have none, and are left out."""
        touches = read_first_touches(self.report.store, asked.crediting, query, rows)
        visits = read_visitors(self.report.store, self.site.id, [one.number for one in rows], MOST_VISITORS)
        numbers = {number for one in rows for number in (one.first_payment, one.last_payment, *visits[one.number])}
        records = payments_numbered(self.site.id, numbers)
        names = _Names(self.site, records.values())
        return tuple(
            KnownCustomer(
                id=names.of_customer(records[one.last_payment]),
                customer_id=records[one.last_payment].customer_id,
                visitors=names.of_visitors([records[number] for number in visits[one.number] if number in records]),
                figures=one,
                first_touch=touches.get(one.number),
                first_payment=records[one.first_payment],
                last_payment=records[one.last_payment],
            )
            for one in rows
            if one.first_payment in records and one.last_payment in records
        )


class _Names:
    """What clients call visitors: as goals named them, else as their payments do."""

    def __init__(self, site: SiteRef, records: Collection[StoredPayment]) -> None:
        self._named: Mapping[str, str] = visitor_names(site.id, {one.payer for one in records if one.visitor_id})

    def of_customer(self, record: StoredPayment) -> str:
        """Return a customer's id; where a payment tells of nobody, the number that stands for who paid."""
        return record.customer_id or self._of_visitor(record) or record.payer

    def of_visitors(self, records: Sequence[StoredPayment]) -> tuple[str, ...]:
        """Return visitors in their order, none for payments without one."""
        return tuple(self._of_visitor(one) for one in records if one.visitor_id)

    def _of_visitor(self, record: StoredPayment) -> str:
        shown = self._named.get(record.payer)
        return shown if shown is not None and parse_visitor_text(record.visitor_id) is not None else record.visitor_id


def _seconds(start: datetime, end: datetime) -> tuple[int, int]:
    return max(0, int(start.timestamp())), max(0, int(end.timestamp()))

"""Customers over the Goals & Revenue API (revenue contract, 3.4)."""

from typing import Any, Final

from rest_framework.request import Request
from rest_framework.response import Response

from analytics_project.documentation import documented
from analytics_project.errors import InvalidRequest, NotFound
from goals.api.bodies import is_plain
from goals.api.paths import text_in_path
from goals.api.requests import Parameters, meta_of
from revenue.api.customer_filters import cursor_of, cursor_of_records, customers_in, lookback_in, record_place
from revenue.api.documentation.customers import CUSTOMERS, ONE_CUSTOMER
from revenue.api.payments import MoneyView
from revenue.api.present_customers import customer_record, customer_row
from revenue.api.revenue import warned
from revenue.customer_services import CustomerBook

_PREFIX: Final = "/api/v1/customers/"


class CustomersView(MoneyView):
    """`GET /api/v1/customers`."""

    @documented(CUSTOMERS)
    def get(self, request: Request) -> Response:
        """Answer a page of the site's customers, who paid last first."""
        site = self.site(request)
        asked = Parameters(request)
        wanted, limit = customers_in(asked), asked.limit
        book = CustomerBook(site)
        page = book.page(wanted, limit)
        meta: dict[str, Any] = {**meta_of(request), "currency": site.currency, "sort": wanted.order.value}
        meta |= {"total": page.total, "limit": limit, "cursor": cursor_of(wanted.order, page.following)}
        return Response(warned([customer_row(book.report, one) for one in page.rows], meta, book.report))


class CustomerView(MoneyView):
    """`GET /api/v1/customers/{customer_id}`."""

    @documented(ONE_CUSTOMER)
    def get(self, request: Request, customer_id: str) -> Response:
        """Answer one customer with a page of its payments."""
        site = self.site(request)
        asked = Parameters(request)
        name = text_in_path(request, customer_id, _PREFIX, what="Customer")
        lookback, limit, after = lookback_in(asked), asked.limit, record_place(asked)
        if not is_plain(name):
            raise InvalidRequest("the customer in the path must not contain control characters")
        book = CustomerBook(site)
        found = book.one(name, lookback, after, limit)
        if found is None:
            raise NotFound("Customer not found")
        meta = {**meta_of(request), "currency": site.currency, "limit": limit}
        meta["cursor"] = cursor_of_records(found.following)
        return Response(warned(customer_record(book.report, found), meta, book.report))

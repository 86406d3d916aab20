"""Intervals that a site declares for its products (revenue contract, 2.3 and 3.4)."""

from typing import ClassVar

from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.authentication import actor_of
from accounts.types import Feature
from analytics_project.documentation import documented
from goals.api.bodies import Fields, json_object
from goals.api.requests import GoalsRevenueView, enveloped, meta_of
from revenue.api.documentation.products import PRODUCT
from revenue.api.payment_forms import MAX_ID_CHARACTERS, word_in
from revenue.services import declare_interval
from revenue.types import Interval


class ProductsView(GoalsRevenueView):
    """`PUT /api/v1/products`."""

    features: ClassVar = (Feature.REVENUE_GOALS,)

    @documented(PRODUCT)
    def put(self, request: Request) -> Response:
        """Declare how long payments for a product pay for; null takes it back."""
        site = self.site(request)
        body = json_object(request)
        fields = Fields(body)
        name = fields.text("product_name", MAX_ID_CHARACTERS, required=True)
        if "interval" not in body:
            fields.refuse("interval", "is required; null takes it back")
        interval = word_in(fields, "interval", Interval)
        fields.check()
        changed = declare_interval(site, name, interval, who=actor_of(request))
        results = {"product_name": name, "interval": interval, "changed_payments": changed}
        return Response(enveloped(results, meta_of(request)))

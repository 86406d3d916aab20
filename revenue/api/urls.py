"""Routes of revenue and payments, under `/api/v1/`; ids of transactions, customers and visitors may hold slashes."""

from django.urls import re_path

from revenue.api.attribution import BreakdownView, PathsView
from revenue.api.cohorts import CohortsView
from revenue.api.customers import CustomersView, CustomerView
from revenue.api.payments import BatchView, PaymentsView, PaymentView
from revenue.api.products import ProductsView
from revenue.api.revenue import MrrView, OverviewView, RevenueView, TimeseriesView
from revenue.api.visitors import IdentifyView, JourneyView, VisitorView

urlpatterns = [
    re_path(r"^revenue/?$", RevenueView.as_view()),
    re_path(r"^revenue/timeseries/?$", TimeseriesView.as_view()),
    re_path(r"^revenue/overview/?$", OverviewView.as_view()),
    re_path(r"^revenue/mrr/?$", MrrView.as_view()),
    re_path(r"^revenue/breakdown/?$", BreakdownView.as_view()),
    re_path(r"^revenue/paths/?$", PathsView.as_view()),
    re_path(r"^revenue/cohorts/?$", CohortsView.as_view()),
    re_path(r"^payments/?$", PaymentsView.as_view()),
    re_path(r"^payments/batch/?$", BatchView.as_view()),
    re_path(r"^payments/(?P<transaction_id>(?s:.+?))/?$", PaymentView.as_view()),
    re_path(r"^customers/?$", CustomersView.as_view()),
    re_path(r"^customers/(?P<customer_id>(?s:.+?))/?$", CustomerView.as_view()),
    re_path(r"^visitors/(?P<visitor_id>(?s:.+))/journey/?$", JourneyView.as_view()),
    re_path(r"^visitors/(?P<visitor_id>(?s:.+))/identify/?$", IdentifyView.as_view()),
    re_path(r"^visitors/(?P<visitor_id>(?s:.+?))/?$", VisitorView.as_view()),
    re_path(r"^products/?$", ProductsView.as_view()),
]

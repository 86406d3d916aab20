"""Routes of the Stats APIs, under `/api/`; a trailing slash is tolerated, never redirected to or from."""

from django.urls import re_path

from stats.api.analyses import FunnelsView, FunnelView, JourneysView, RetentionView
from stats.api.realtime import CurrentVisitorsView
from stats.api.v1 import AggregateView, BreakdownView, TimeseriesView
from stats.api.v2 import QuerySchemaView, QueryView, SessionQueryView

urlpatterns = [
    re_path(r"^v2/query/?$", QueryView.as_view()),
    re_path(r"^v2/funnel/?$", FunnelView.as_view()),
    re_path(r"^v2/funnels/?$", FunnelsView.as_view()),
    re_path(r"^v2/retention/?$", RetentionView.as_view()),
    re_path(r"^v2/journeys/?$", JourneysView.as_view()),
    re_path(r"^docs/query/?$", SessionQueryView.as_view()),
    re_path(r"^docs/query/schema\.json$", QuerySchemaView.as_view()),
    re_path(r"^v1/stats/realtime/visitors/?$", CurrentVisitorsView.as_view()),
    re_path(r"^v1/stats/aggregate/?$", AggregateView.as_view()),
    re_path(r"^v1/stats/timeseries/?$", TimeseriesView.as_view()),
    re_path(r"^v1/stats/breakdown/?$", BreakdownView.as_view()),
]

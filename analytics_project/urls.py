"""Every route on one screen, grouped by surface. `POST /api/event` is answered before Django: see `asgi`."""

from django.contrib import admin
from django.urls import include, path, re_path
from django.views.generic import RedirectView

from accounts.invitation_view import invitation
from analytics_project.api import no_such_endpoint
from analytics_project.openapi import DocumentView, ReferenceView
from revenue.api.webhooks import WebhookView
from stats.api.aggregates import ImportAggregatesView
from stats.api.annotations import AnnotationsView, OneAnnotationView
from stats.api.health import health
from stats.api.imports import ImportEventsView
from stats.api.segments import OneSegmentView, SegmentsView

urlpatterns = [
    # Operators
    path("", RedirectView.as_view(pattern_name="admin:index")),
    path("admin/", admin.site.urls),
    path("api/health", health),
    # Guests
    path("invitations/<str:token>", invitation),
    # The reference
    re_path("^api/schema/?$", DocumentView.as_view()),
    re_path("^api/docs/?$", ReferenceView.as_view()),
    # Historical events
    re_path(r"^api/v1/sites/(?P<site_id>.+)/events/import/?$", ImportEventsView.as_view()),
    re_path(r"^api/v1/sites/(?P<site_id>.+)/aggregates/import/?$", ImportAggregatesView.as_view()),
    # Sites
    re_path(r"^api/v1/sites/segments/?$", SegmentsView.as_view()),
    re_path(r"^api/v1/sites/segments/(?P<segment_id>.+?)/?$", OneSegmentView.as_view()),
    re_path(r"^api/v1/sites/annotations/?$", AnnotationsView.as_view()),
    re_path(r"^api/v1/sites/annotations/(?P<annotation_id>.+?)/?$", OneAnnotationView.as_view()),
    path("api/v1/", include("accounts.api.urls")),
    # Goals and revenue
    path("api/v1/", include("goals.api.urls")),
    path("api/v1/", include("revenue.api.urls")),
    # Plugins
    path("api/plugins/", include("goals.api.plugins.urls")),
    # Statistics
    path("api/", include("stats.api.urls")),
    re_path("^api/", no_such_endpoint),
    # Payment providers
    re_path(r"^webhooks/(?P<provider>[^/]+)/(?P<token>[^/]+)/?$", WebhookView.as_view()),
    # The tracker script
    path("js/", include("stats.tracker.urls")),
]
handler400 = "analytics_project.api.bad_request"
handler500 = "analytics_project.api.server_error"

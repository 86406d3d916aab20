"""Routes of the Plugins API, under `/api/plugins/`."""

from django.urls import re_path

from goals.api.plugins.capabilities import CapabilitiesView
from goals.api.plugins.custom_props import CustomPropsView
from goals.api.plugins.funnels import FunnelsView, OneFunnelView
from goals.api.plugins.goals import GoalsView, OneGoalView
from goals.api.plugins.shared_links import OneSharedLinkView, SharedLinksView
from goals.api.plugins.specification import DocumentView, ReferenceView
from goals.api.plugins.tracker import TrackerView

urlpatterns = [
    re_path(r"^spec/openapi/?$", DocumentView.as_view()),
    re_path(r"^spec/swagger-ui/?$", ReferenceView.as_view()),
    re_path(r"^v1/capabilities/?$", CapabilitiesView.as_view()),
    re_path(r"^v1/goals/?$", GoalsView.as_view()),
    re_path(r"^v1/goals/(?P<goal_id>[^/]+)/?$", OneGoalView.as_view()),
    re_path(r"^v1/custom_props/?$", CustomPropsView.as_view()),
    re_path(r"^v1/shared_links/?$", SharedLinksView.as_view()),
    re_path(r"^v1/shared_links/(?P<link_id>[^/]+)/?$", OneSharedLinkView.as_view()),
    re_path(r"^v1/funnels/?$", FunnelsView.as_view()),
    re_path(r"^v1/funnels/(?P<funnel_id>[^/]+)/?$", OneFunnelView.as_view()),
    re_path(r"^v1/tracker_script_configuration/?$", TrackerView.as_view()),
]

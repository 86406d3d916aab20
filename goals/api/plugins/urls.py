"""Routes of the Plugins API, under `/api/plugins/`."""

from django.urls import re_path

from goals.api.plugins.capabilities import CapabilitiesView
from goals.api.plugins.custom_props import CustomPropsView
from goals.api.plugins.goals import GoalsView, OneGoalView

urlpatterns = [
    re_path(r"^v1/capabilities/?$", CapabilitiesView.as_view()),
    re_path(r"^v1/goals/?$", GoalsView.as_view()),
    re_path(r"^v1/goals/(?P<goal_id>[^/]+)/?$", OneGoalView.as_view()),
    re_path(r"^v1/custom_props/?$", CustomPropsView.as_view()),
]

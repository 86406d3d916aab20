"""Routes of the Goals API, under `/api/v1/`; names of goals may hold slashes, and a line break."""

from django.urls import re_path

from goals.api.goals import BreakdownView, CompletionsView, GoalsView

urlpatterns = [
    re_path(r"^goals/?$", GoalsView.as_view()),
    re_path(r"^goals/(?P<name>(?s:.+))/completions/?$", CompletionsView.as_view()),
    re_path(r"^goals/(?P<name>(?s:.+))/breakdown/?$", BreakdownView.as_view()),
]

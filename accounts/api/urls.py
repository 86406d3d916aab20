"""Routes of the Sites API, under `/api/v1/`. Fixed words go before a site's domain, which may contain slashes."""

from django.urls import re_path

from accounts.api.guests import GuestsView, OneGuestView
from accounts.api.keys import KeysView, OneKeyView
from accounts.api.members import MembersView, OneMemberView
from accounts.api.site_parts import CustomPropsView, GoalsView, OneCustomPropView, OneGoalView, SharedLinksView
from accounts.api.sites import SitesView, SiteView, TeamsView

urlpatterns = [
    re_path(r"^sites/?$", SitesView.as_view()),
    re_path(r"^sites/teams/?$", TeamsView.as_view()),
    re_path(r"^sites/teams/(?P<team_id>[^/]+)/members/?$", MembersView.as_view()),
    re_path(r"^sites/teams/(?P<team_id>[^/]+)/members/(?P<email>.+?)/?$", OneMemberView.as_view()),
    re_path(r"^sites/keys/?$", KeysView.as_view()),
    re_path(r"^sites/keys/(?P<key_id>.+?)/?$", OneKeyView.as_view()),
    re_path(r"^sites/goals/?$", GoalsView.as_view()),
    re_path(r"^sites/goals/(?P<goal_id>.+?)/?$", OneGoalView.as_view()),
    re_path(r"^sites/custom-props/?$", CustomPropsView.as_view()),
    re_path(r"^sites/custom-props/(?P<property>.+)$", OneCustomPropView.as_view()),
    re_path(r"^sites/shared-links/?$", SharedLinksView.as_view()),
    re_path(r"^sites/guests/?$", GuestsView.as_view()),
    re_path(r"^sites/guests/(?P<email>.+?)/?$", OneGuestView.as_view()),
    re_path(r"^sites/(?P<site_id>.+?)/?$", SiteView.as_view()),
]

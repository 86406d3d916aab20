"""What belongs to a site: goals, custom properties, shared links (Sites API contract, sections 4 to 6)."""

from collections.abc import Mapping
from typing import Any, cast

from django.db.models import QuerySet
from django_filters import CharFilter, ChoiceFilter, FilterSet
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.documentation.site_parts import (
    DELETE_GOAL,
    DISABLE_PROP,
    ENABLE_PROP,
    LIST_GOALS,
    LIST_PROPS,
    PROVIDE_GOAL,
    PROVIDE_LINK,
)
from accounts.api.filters import filtered
from accounts.api.pagination import page_by_id
from accounts.api.parameters import (
    Parameters,
    SentText,
    optional_instant,
    optional_integer,
    optional_text,
    record_number,
    required_text,
)
from accounts.api.permissions import SITE_EDITORS, SITE_READERS
from accounts.api.site_views import SitesApiView
from accounts.link_services import link_url, provide_link
from analytics_project.documentation import documented
from analytics_project.errors import InvalidFields, InvalidRequest, NotFound
from goals.prop_services import disable_props, enable_props
from goals.selectors import allowed_props, goal_fields, goals_listed, is_of_kind
from goals.services import BLANK, NewGoal, delete_goal, provide_goal
from goals.types import NO_SCROLL_THRESHOLD, GoalFields, GoalKind

_EVENT, _PAGE = "event", "page"
_READERS_AND_EDITORS = {"GET": SITE_READERS, "HEAD": SITE_READERS, "PUT": SITE_EDITORS, "DELETE": SITE_EDITORS}


def _shown(goal: GoalFields) -> dict[str, object]:
    return {
        "id": goal.id,
        "display_name": goal.display_name,
        "goal_type": goal.kind.value,
        "event_name": goal.event_name or None,
        "page_path": goal.page_path or None,
        "custom_props": goal.custom_props,
    }


class GoalFilter(FilterSet):  # type: ignore[misc]  # the package has no types
    """Narrows the list of goals: `display_name` by a part of it, in any case; the others as the goal has them."""

    goal_type = ChoiceFilter(method="of_kind", choices=[(kind, kind) for kind in GoalKind])
    event_name = CharFilter()
    page_path = CharFilter()
    display_name = CharFilter(lookup_expr="icontains")

    def of_kind(self, goals: QuerySet[Any, Any], name: str, kind: str) -> QuerySet[Any, Any]:
        """Return the goals of this kind."""
        return goals.filter(is_of_kind(GoalKind(kind)))


class GoalsView(SitesApiView):
    """The goals of a site."""

    requires_site_id = True
    roles = _READERS_AND_EDITORS

    @documented(LIST_GOALS)
    def get(self, request: Request) -> Response:
        """List goals, newest first; parameters `goal_type`, `event_name`, `page_path`, `display_name`."""
        chosen = filtered(GoalFilter, self.parameters, goals_listed(self.site.id))
        page = page_by_id(chosen, self.parameters, "goal")
        return Response({"goals": [_shown(goal_fields(goal)) for goal in page.items], "meta": page.meta})

    @documented(PROVIDE_GOAL)
    def put(self, request: Request) -> Response:
        """Find or create the goal of this configuration."""
        goal_type = required_text(self.parameters, "goal_type")
        site = self.site
        goal = provide_goal(site, _wanted_goal(goal_type, self.parameters), self.features, who=self.actor)
        return Response({**_shown(goal), "domain": site.domain})


def _wanted_goal(goal_type: str, sent: Parameters) -> NewGoal:
    if goal_type not in {_EVENT, _PAGE}:
        raise InvalidFields({"goal_type": [f"must be {_EVENT} or {_PAGE}"]})
    needed = "event_name" if goal_type == _EVENT else "page_path"
    name, path = sent.get("event_name"), sent.get("page_path")
    if not isinstance(sent.get(needed), str):
        raise InvalidFields({needed: [BLANK]})
    if name is not None and path is not None:
        raise InvalidRequest("event_name and page_path cannot be given together")
    threshold = optional_integer(sent, "scroll_threshold", NO_SCROLL_THRESHOLD)
    if goal_type == _EVENT and sent.get("scroll_threshold") is not None:
        raise InvalidFields({"scroll_threshold": ["is for page goals only"]})
    return NewGoal(
        event_name=cast(str, name) if goal_type == _EVENT else "",
        page_path=cast(str, path) if goal_type == _PAGE else "",
        is_page=goal_type == _PAGE,
        display_name=optional_text(sent, "display_name"),
        scroll_threshold=threshold,
        currency=optional_text(sent, "currency") if goal_type == _EVENT else "",
        custom_props=_props(sent),
    )


def _props(sent: Parameters) -> dict[str, str]:
    """Return the properties as sent; the goal's own rules look at what they hold."""
    value = sent.get("custom_props", {})
    if isinstance(value, SentText) and not value:
        return {}
    if not isinstance(value, Mapping):
        raise InvalidFields({"custom_props": ["must be an object of texts"]})
    return {name: str(text) if isinstance(text, SentText) else text for name, text in value.items()}


class OneGoalView(SitesApiView):
    """One goal, named by its number in the path."""

    requires_site_id = True
    roles = _READERS_AND_EDITORS

    @documented(DELETE_GOAL)
    def delete(self, request: Request, goal_id: str) -> Response:
        """Delete a goal of the site."""
        if not delete_goal(self.site, record_number("goal_id", goal_id), who=self.actor):
            raise NotFound("Goal not found")
        return Response({"deleted": True})


class CustomPropsView(SitesApiView):
    """The custom properties that a site's reports show."""

    requires_site_id = True
    roles = _READERS_AND_EDITORS

    @documented(LIST_PROPS)
    def get(self, request: Request) -> Response:
        """List them by name; parameter `property`, a part of it in any case."""
        part = optional_text(self.parameters, "property").casefold()
        names = sorted(name for name in allowed_props(self.site.id) or [] if part in name.casefold())
        return Response({"custom_properties": [{"property": name} for name in names]})

    @documented(ENABLE_PROP)
    def put(self, request: Request) -> Response:
        """Enable a property."""
        name = required_text(self.parameters, "property")
        enable_props(self.site, [name], self.features, who=self.actor)
        return Response({"created": True})


class OneCustomPropView(SitesApiView):
    """One property, named in the path, slashes included."""

    requires_site_id = True
    roles = _READERS_AND_EDITORS

    @documented(DISABLE_PROP)
    def delete(self, request: Request, property: str) -> Response:
        """Take the property off the list."""
        disable_props(self.site, [property], who=self.actor)
        return Response({"deleted": True})


class SharedLinksView(SitesApiView):
    """Links under which everybody may see a site's statistics."""

    requires_site_id = True
    roles = _READERS_AND_EDITORS

    @documented(PROVIDE_LINK)
    def put(self, request: Request) -> Response:
        """Find or create the link of this name; `password` and `expires_at` are those of a new one."""
        name = required_text(self.parameters, "name")
        password = optional_text(self.parameters, "password")
        expires_at = optional_instant(self.parameters, "expires_at")
        site = self.site
        link = provide_link(site, name, self.features, password=password, expires_at=expires_at, who=self.actor)
        return Response({"name": link.name, "url": link_url(site, link, base=request.build_absolute_uri("/"))})
